"""A tool server for the gateway's tests, over stdio or (with a port file as argument) over HTTP on loopback. What it does is in the tool's name;
every call that reaches it is a line in LOG. Standard library only."""
import http.server
import json
import os
import sys
import threading
import time

LOG = os.environ.get("LOG") or sys.argv[1] + "/log"
FLAG = sys.argv[1] + "/changed"
OPEN = {"type": "object", "properties": {"text": {"type": "string"}, "n": {"type": "integer"}}}
NAMES = ["echo", "write", "steps", "never", "garbage", "huge", "crash", "wrongid", "hidden"]


def tools():
    changed = "changed" if os.path.exists(FLAG) else "as reviewed"
    mirrored = {"type": "object", "properties": {"text": {"type": "string", "x-mcp-header": "Text"}, "n": {"type": "integer"}}}
    return [{"name": n, "description": f"{n}, {changed if n == 'echo' else 'same'}", "inputSchema": mirrored if n == "wrongid" else OPEN} for n in NAMES]


def note(m):
    with open(LOG, "a", encoding="utf-8") as f:
        f.write(json.dumps(m) + "\n")


def answer(m, send):
    """Answers one message through send(object or str)."""
    ident, method, params = m.get("id"), m.get("method"), m.get("params") or {}
    if method == "notifications/cancelled":
        note({"cancelled": True})
    if ident is None:
        return
    result = lambda r: send({"jsonrpc": "2.0", "id": ident, "result": r})
    if method == "initialize":
        result({"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": {"name": "t", "version": "1"}})
    elif method == "tools/list":
        result({"tools": tools()})
    elif method == "tools/call":
        name, args = params["name"], params["arguments"]
        note({"name": name, "arguments": args})
        token = params.get("_meta", {}).get("progressToken")
        text = args.get("text", "")
        if name == "echo" and text == "!announce":
            open(FLAG, "w").close()
            send({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
        elif name == "steps":
            for i in range(args["n"]):
                send({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": i + 1, "total": args["n"]}})
                time.sleep(0.05)
        elif name == "never":
            time.sleep(600)
        elif name == "garbage":
            send("this is { not JSON")
            return
        elif name == "huge":
            text = "x" * (17 << 20)
        elif name == "crash":
            os._exit(3)
        elif name == "wrongid":
            send({"jsonrpc": "2.0", "id": 999999, "result": {"content": [{"type": "text", "text": "another's"}]}})
            time.sleep(0.2)
        result({"content": [{"type": "text", "text": text or name}], "isError": False})
    else:
        send({"jsonrpc": "2.0", "id": ident, "error": {"code": -32601, "message": "no such method"}})


def stdio():
    lock = threading.Lock()

    def send(x):
        with lock:
            sys.stdout.write((x if isinstance(x, str) else json.dumps(x)) + "\n")
            sys.stdout.flush()

    for line in sys.stdin:
        threading.Thread(target=answer, args=(json.loads(line), send), daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        m = json.loads(body)
        note({"headers": {k.lower(): v for k, v in self.headers.items()}, "body": body.decode()})
        if m.get("method") == "server/discover":
            self.reply(400, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"what?"}}')
        elif m.get("id") is None:
            self.reply(202, b"")
        elif m.get("method") == "tools/call":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            try:
                answer(m, lambda x: (self.wfile.write(b"data: " + (x if isinstance(x, str) else json.dumps(x)).encode() + b"\n\n"), self.wfile.flush()))
            except OSError:
                note({"closed": True})
        else:
            out = []
            answer(m, out.append)
            self.reply(200, json.dumps(out[0]).encode())

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if len(sys.argv) > 2:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with open(sys.argv[2] + ".new", "w", encoding="utf-8") as f:
        f.write(str(server.server_address[1]))
    os.rename(sys.argv[2] + ".new", sys.argv[2])
    server.serve_forever()
else:
    stdio()
