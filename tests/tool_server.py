"""A small MCP tool server over stdio for tests: echo, and sleep, which answers after `seconds`."""
import json
import sys
import threading
import time

TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
SECONDS = {"type": "object", "properties": {"seconds": {"type": "number"}}, "required": ["seconds"]}
TOOLS = [{"name": "echo", "description": "Says what you said", "inputSchema": TEXT},
         {"name": "sleep", "description": "Answers later", "inputSchema": SECONDS}]
lock = threading.Lock()


def send(message):
    with lock:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def call(ident, name, args):
    if name == "sleep":
        time.sleep(args["seconds"])
    send({"id": ident, "result": {"content": [{"type": "text", "text": args.get("text", "awake")}], "isError": False}})


for line in sys.stdin:
    m = json.loads(line)
    method, ident = m.get("method"), m.get("id")
    if method == "initialize":
        send({"id": ident, "result": {"protocolVersion": m["params"]["protocolVersion"], "capabilities": {"tools": {}},
                                      "serverInfo": {"name": "test", "version": "1"}}})
    elif method == "tools/list":
        send({"id": ident, "result": {"tools": TOOLS}})
    elif method == "tools/call":
        threading.Thread(target=call, args=(ident, m["params"]["name"], m["params"]["arguments"]), daemon=True).start()
    elif ident is not None:
        send({"id": ident, "error": {"code": -32601, "message": "no such method"}})
