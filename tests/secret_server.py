"""A tool server that holds a secret, over stdio (in its environment) or HTTP (in a header). `digest` proves that it has it, `leak` says it.

Usage: secret_server.py [PORT_FILE]"""
import hashlib
import http.server
import json
import os
import sys

NOTHING = {"type": "object", "properties": {}}
TOOLS = [{"name": "digest", "description": "SHA-256 of the secret", "inputSchema": NOTHING},
         {"name": "leak", "description": "The secret itself", "inputSchema": NOTHING}]


def answer(m, secret):
    method, ident = m.get("method"), m.get("id")
    if ident is None:
        return None
    if method == "initialize":
        result = {"protocolVersion": m["params"]["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}
    elif method == "tools/list":
        result = {"tools": TOOLS}
    elif method == "tools/call":
        text = hashlib.sha256(secret.encode()).hexdigest() if m["params"]["name"] == "digest" else f"it is {secret}, really {secret}."
        result = {"content": [{"type": "text", "text": text}], "isError": False}
    else:
        return {"jsonrpc": "2.0", "id": ident, "error": {"code": -32601, "message": "no such method"}}
    return {"jsonrpc": "2.0", "id": ident, "result": result}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        m = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        secret = self.headers.get("Authorization", "")
        if not secret.startswith("Bearer "):
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        a = answer(m, secret[7:])
        body = json.dumps(a).encode() if a else b""
        self.send_response(200 if a else 202)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except BrokenPipeError:
            pass

    def log_message(self, *_):
        pass


if len(sys.argv) > 1:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with open(sys.argv[1] + ".new", "w") as f:
        f.write(str(server.server_address[1]))
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    server.serve_forever()
else:
    for line in sys.stdin:
        a = answer(json.loads(line), os.environ.get("VAULTED", ""))
        if a:
            sys.stdout.write(json.dumps(a) + "\n")
            sys.stdout.flush()
