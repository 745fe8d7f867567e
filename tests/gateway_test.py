"""The MCP gateway and the AuthZEN endpoint from outside, as well-behaved and as hostile clients see them. Usage: gateway_test.py AMBITD [TEST...]"""
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time

from server import Server, Skip, UnixConnection, children, descendants, read, tap, wait_for
from world import HERE, World

AMBITD = sys.argv[1]
MODERN, LEGACY = "2026-07-28", "2025-11-25"
BOTH = "application/json, text/event-stream"
POLICY = """permit(principal, action, resource);
@id("no-unattended-writes") @advice("read instead, or ask a human.") forbid(principal, action == Action::"t/hidden", resource);
@id("ask-first") @approval("approvers:1") forbid(principal, action == Action::"t/write", resource) unless { context.approval.granted };
"""


def meta(**more):
    return {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}, **more}


class Gate(World):
    """A server whose one stdio tool server does all that mcp_server.py can, and one behind HTTP."""
    def prepare(self):
        self.folder = self.home + "/tool"
        os.mkdir(self.folder)
        os.chmod(self.home, 0o755)
        os.chmod(self.folder, 0o777)
        shutil.copy(HERE + "/mcp_server.py", self.folder)
        self.web_folder = self.home + "/web"
        os.mkdir(self.web_folder)
        self.web = subprocess.Popen([sys.executable, self.folder + "/mcp_server.py", self.web_folder, self.home + "/port"])
        port = wait_for("the HTTP tool server", lambda: os.path.exists(self.home + "/port") and read(self.home + "/port"))
        self.all_up()
        tools = [{"name": n, "effect": "read"} for n in ("echo", "write", "steps", "never", "garbage", "huge", "crash", "wrongid", "hidden")]
        self.ask("apply/run", {"resources": [
            {"kind": "user", "name": "boss@dev", "uids": [os.getuid()], "groups": ["approvers"], "roles": ["approver"]},
            {"kind": "tier", "name": "test", "calls_per_minute": 1000000, "max_calls": 1000000},
            {"kind": "agent", "name": "bot", "owner": "admin@dev", "tier": "test", "identity": [{"uid": os.getuid()}], "launch": ["admin@dev"]},
            {"kind": "agent", "name": "far", "owner": "admin@dev", "tier": "test", "session": {"tools": ["t/*"]}},
            {"kind": "agent", "name": "pep", "owner": "admin@dev", "tier": "test", "enforcement_point": True, "servers": ["t"]},
            {"kind": "server", "name": "t", "transport": "stdio", "command": ["/usr/bin/python3", self.folder + "/mcp_server.py", self.folder],
             "read": [self.folder], "write": [self.folder], "tools": tools},
            {"kind": "server", "name": "web", "transport": "http", "url": f"http://127.0.0.1:{port}/mcp", "tools": tools}]})
        found = wait_for("tools found", lambda: (lambda i: i if len(i) == 18 else None)(self.ask("tool/list", {"all": True})["items"]), 30)
        for t in found:
            self.ask("tool/review", {"tool": t["name"], "definition": t["definition"], "reason": "test"})
        self.ask("apply/run", {"resources": [{"kind": "policy", "name": "all", "text": POLICY}]})

    def __exit__(self, *a):
        if hasattr(self, "web"):
            self.web.kill()
            self.web.wait()
        super().__exit__(*a)

    def task(self, tools=("t/*", "web/*"), **kw):
        a = self.ask("task/open", {"agent": "bot", "purpose": "test", "envelope": {"tools": list(tools)}, "ttl_seconds": 3600}, kind="agent", **kw)
        return a["task"]["id"], a["token"]

    def connection(self, timeout=20.0):
        return UnixConnection(self.socket_path("agent"), timeout)

    def post(self, token, body, headers=None, connection=None, path="/mcp"):
        """(status, last JSON message, all messages, response headers)"""
        c = connection or self.connection()
        text = body if isinstance(body, (str, bytes)) else json.dumps(body)
        all_headers = {"Content-Type": "application/json", "Accept": BOTH, **({"Authorization": "Bearer " + token} if token else {}), **(headers or {})}
        try:
            c.request("POST", path, text, {k: v for k, v in all_headers.items() if v is not None})
            r = c.getresponse()
            data = r.read().decode()
        finally:
            if not connection:
                c.close()
        if r.headers.get_content_type() == "text/event-stream":
            messages = [json.loads(line[5:]) for line in data.splitlines() if line.startswith("data:")]
        else:
            messages = [json.loads(data)] if data else [None]
        return r.status, messages[-1] if messages else None, messages, r.headers

    def legacy(self, token, method, params=None, ident=1, **kw):
        return self.post(token, {"jsonrpc": "2.0", "id": ident, "method": method, "params": params or {}}, {"MCP-Protocol-Version": LEGACY}, **kw)

    def modern(self, token, method, params=None, ident=1, headers=None, more_meta=None, **kw):
        p = {**(params or {}), "_meta": meta(**(more_meta or {}))}
        h = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method, **({"Mcp-Name": p["name"]} if "name" in p else {}), **(headers or {})}
        return self.post(token, {"jsonrpc": "2.0", "id": ident, "method": method, "params": p}, h, **kw)

    def tool(self, token, name, args=None, ident=1, **kw):
        """The result of one call, in the older era."""
        status, m, _, _ = self.legacy(token, "tools/call", {"name": name, "arguments": args or {}}, ident, **kw)
        assert status == 200 and m["id"] == ident and "result" in m, (status, m)
        return m["result"]

    def reached(self, folder=None):
        """What the tool servers were called with."""
        path = (folder or self.folder) + "/log"
        return [json.loads(line) for line in read(path).splitlines()] if os.path.exists(path) else []

    def calls(self, name):
        return [c for f in (self.folder, self.web_folder) for c in self.reached(f) if c.get("name") == name]


def text_of(result):
    return result["content"][0]["text"]


def code_of(result):
    assert result.get("isError") is True, result
    return result["_meta"]["dev.ambit/verdict"]["code"]


world = None


def gate():
    """One server for the tests that leave it as it was."""
    global world
    if not world:
        world = Gate(AMBITD)
        world.__enter__()
    return world


def both_eras_on_one_url():
    w = gate()
    _, token = w.task()
    status, m, _, _ = w.legacy(token, "initialize", {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}})
    assert status == 200 and m["result"]["protocolVersion"] == LEGACY and "resultType" not in m["result"], m
    status, m, _, h = w.legacy(token, "tools/call", {"name": "t__echo", "arguments": {"text": "old"}}, 'a"b')
    assert status == 200 and m["id"] == 'a"b' and text_of(m["result"]) == "old" and not h.get("Mcp-Session-Id"), m
    assert w.legacy(token, "ping")[1]["result"] == {}
    status, m, _, _ = w.modern(token, "server/discover")
    assert status == 200 and m["result"]["supportedVersions"] == [MODERN] and m["result"]["resultType"] == "complete", m
    status, m, _, _ = w.modern(token, "tools/call", {"name": "t__echo", "arguments": {"text": "new"}}, 7)
    assert status == 200 and m["id"] == 7 and m["result"]["resultType"] == "complete" and text_of(m["result"]) == "new", m
    status, m, _, _ = w.modern(token, "tools/list")
    assert m["result"]["cacheScope"] == "private" and m["result"]["ttlMs"] == 0, m
    # What ended with 2026-07-28 is not there for its clients, and a notification has no answer.
    for method in ("initialize", "ping", "resources/list"):
        status, m, _, _ = w.modern(token, method)
        assert status == 404 and m["error"]["code"] == -32601, (method, status, m)
    status, m, _, _ = w.legacy(token, "resources/list")
    assert status == 200 and m["error"]["code"] == -32601, (status, m)
    status, m, _, _ = w.post(token, {"jsonrpc": "2.0", "method": "notifications/initialized"}, {"MCP-Protocol-Version": LEGACY})
    assert status == 202 and m is None


def mirrored_headers_must_match():
    w = gate()
    _, token = w.task()
    before = len(w.calls("echo"))
    call = {"name": "t__echo", "arguments": {}}
    for headers in ({"Mcp-Method": "tools/list"}, {"Mcp-Method": None}, {"Mcp-Method": "Tools/Call"}, {"Mcp-Name": "t__write"}, {"Mcp-Name": None},
                    {"MCP-Protocol-Version": LEGACY}, {"MCP-Protocol-Version": None}, {"Mcp-Name": "=?base64?dF9fZWNo?="}):
        status, m, _, _ = w.modern(token, "tools/call", call, headers=headers)
        assert status == 400 and m["error"]["code"] == -32020 and m["id"] == 1, (headers, status, m)
    assert len(w.calls("echo")) == before
    assert w.modern(token, "tools/call", call, headers={"Mcp-Name": "=?base64?dF9fZWNobw==?="})[0] == 200
    # Twice is a lie to one of two readers.
    c = w.connection()
    c.connect()
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {**call, "_meta": meta()}})
    c.sock.sendall((f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: {BOTH}\r\nAuthorization: Bearer {token}\r\n"
                    f"MCP-Protocol-Version: {MODERN}\r\nMcp-Method: tools/call\r\nMcp-Name: t__echo\r\nMcp-Name: t__echo\r\n"
                    f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}").encode())
    c.sock.shutdown(socket.SHUT_WR)
    got = b""
    while part := c.sock.recv(4096):
        got += part
    c.close()
    assert got.startswith(b"HTTP/1.1 400 ") and b"-32020" in got and b"twice" in got, got


def versions_and_meta():
    w = gate()
    _, token = w.task()
    status, m, _, _ = w.post(token, {"jsonrpc": "2.0", "id": 5, "method": "tools/list"}, {"MCP-Protocol-Version": "2031-01-01"})
    assert status == 400 and m["id"] == 5 and m["error"]["code"] == -32022 and MODERN in m["error"]["data"]["supported"], (status, m)
    bad = {"jsonrpc": "2.0", "id": 5, "method": "tools/list", "params": {"_meta": {**meta(), "io.modelcontextprotocol/protocolVersion": "2031-01-01"}}}
    status, m, _, _ = w.post(token, bad, {"MCP-Protocol-Version": "2031-01-01", "Mcp-Method": "tools/list"})
    assert status == 400 and m["error"]["code"] == -32022 and m["error"]["data"]["requested"] == "2031-01-01", (status, m)
    for lacks in ("io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientCapabilities"):
        bad = {"jsonrpc": "2.0", "id": 5, "method": "tools/list", "params": {"_meta": {k: v for k, v in meta().items() if k != lacks}}}
        status, m, _, _ = w.post(token, bad, {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/list"})
        assert status == 400 and m["error"]["code"] == -32602 and m["id"] == 5, (lacks, status, m)
    # The older era without a header is 2025-03-26, and an unknown version of initialize is answered with our newest.
    assert w.post(token, {"jsonrpc": "2.0", "id": 5, "method": "ping"})[1]["result"] == {}
    m = w.post(token, {"jsonrpc": "2.0", "id": 5, "method": "initialize", "params": {"protocolVersion": "1999", "capabilities": {}}})[1]
    assert m["result"]["protocolVersion"] == LEGACY, m


def broken_messages_reach_nobody():
    w = gate()
    _, token = w.task()
    before = len(w.reached())
    call = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":%s}'
    for body, code in [("{", -32700), ("", -32700), ("[]", -32600), ('[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600), ("3", -32600),
                       ('{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600), ('{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600),
                       ('{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600), ('{"jsonrpc":"2.0","id":1,"result":{}}', -32600),
                       ('{"jsonrpc":"2.0","id":1,"Method":"ping","method":"ping"}', -32600),
                       (call % '{"name":"t__echo","name":"t__write","arguments":{}}', -32700),
                       (call % '{"name":"t__echo","Name":"t__write","arguments":{}}', -32600),
                       (call % '{"name":"t__echo","arguments":{},"arguments":{"n":1}}', -32700),
                       (call % '{"name":"t__echo","arguments":{"text":"a","Text":"b"}}', -32600),
                       (call % '{"name":"t__echo","arguments":[1]}', -32602), (call % '{"name":1}', -32602), (call % "[]", -32602),
                       (call % '{"name":"t__echo","arguments":{"text":"\\ud800"}}', -32700),
                       (b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', -32700), ("[" * 1000 + "]" * 1000, -32700)]:
        status, m, _, _ = w.post(token, body, {"MCP-Protocol-Version": LEGACY})
        assert status in (200, 400, 413) and m["error"]["code"] == code, (body, status, m)
    assert w.post(token, " " * (2 << 20), {"MCP-Protocol-Version": LEGACY})[0] == 413
    # Arguments the schema refuses, and tools there are not, are the model's to read.
    assert code_of(w.tool(token, "t__echo", {"text": 5})) == "bad_arguments"
    assert code_of(w.tool(token, "nobody__knows")) == "tool_unknown"
    assert len(w.reached()) == before


def doors():
    w = gate()
    _, token = w.task()
    c = w.connection()
    for method in ("GET", "DELETE", "PUT"):
        c.request(method, "/mcp", headers={"Accept": "text/event-stream", "Authorization": "Bearer " + token})
        r = c.getresponse()
        r.read()
        assert r.status == 405 and r.headers["Allow"] == "POST", (method, r.status)
    c.close()
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert w.post(token, ping, {"Content-Type": "text/plain"})[0] == 415
    for origin in ("https://evil.example", "null", "http://localhost"):
        assert w.post(token, ping, {"Origin": origin})[0] == 403, origin
    for authorization in ("Basic eDp5", "Bearer", "Bearer a b", "Bearer a,b"):
        assert w.post(None, ping, {"Authorization": authorization})[0] == 401, authorization
    status, m, _, h = w.post(token[:-4] + "AAAA", ping)
    assert status == 401 and m["error"]["code"] == "token_invalid", (status, m)


def lists_hold_what_the_task_may_call():
    w = gate()
    _, token = w.task(["t/echo", "t/st*"])
    names = [t["name"] for t in w.legacy(token, "tools/list")[1]["result"]["tools"]]
    assert names == ["t__echo", "t__steps", "ambit__await", "ambit__request", "ambit__explain"], names
    assert names == [t["name"] for t in w.modern(token, "tools/list")[1]["result"]["tools"]]
    before = len(w.calls("never"))
    r = w.tool(token, "t__never")
    assert code_of(r) == "outside_envelope" and text_of(r).startswith("DENIED by Ambit ("), r
    assert len(w.calls("never")) == before


def denials_read_as_promised():
    w = gate()
    _, token = w.task()
    r = w.tool(token, "t__hidden")
    assert text_of(r) == ("DENIED by Ambit (no-unattended-writes). Nothing was executed.\n"
                          "You may: read instead, or ask a human. Do not retry unchanged."), r
    verdict = r["_meta"]["dev.ambit/verdict"]
    assert verdict["decision"] == "deny" and verdict["code"] == "policy_denied" and verdict["event"].startswith("evt_"), verdict
    assert verdict["determining"][0]["id"] == "no-unattended-writes", verdict
    assert not w.calls("hidden")


def waiting_parks_and_resumes_once():
    w = gate()
    _, token = w.task()
    args = {"text": "x", "n": 1}
    r = w.tool(token, "t__write", args)
    verdict = r["_meta"]["dev.ambit/verdict"]
    apr = verdict["approval"]
    first, second = text_of(r).split("\n")
    assert first.startswith(f"WAITING for human approval {apr} (approvers:1, expires ") and first.endswith("Z). Nothing was executed yet."), first
    assert second == f'Call this tool again with identical arguments to continue, or call ambit__await {{"approval":"{apr}"}}.', second
    assert verdict["decision"] == "pending" and not w.calls("write")
    w.ask("approval/approve", {"approval": apr, "as": "boss@dev"})
    # Other arguments are another call; the same ones in another order are the same.
    assert w.tool(token, "t__write", {"text": "y", "n": 1})["_meta"]["dev.ambit/verdict"]["approval"] != apr
    assert text_of(w.tool(token, "t__write", {"n": 1, "text": "x"})) == "x"
    again = w.tool(token, "t__write", args)["_meta"]["dev.ambit/verdict"]
    assert again["decision"] == "pending" and again["approval"] != apr, again
    assert len(w.calls("write")) == 1, w.calls("write")


def own_tools():
    w = gate()
    _, token = w.task()
    _, other = w.task()
    # await: runs the stored call when the answer comes, for the task that asked only.
    apr = w.tool(token, "t__write", {"text": "later"})["_meta"]["dev.ambit/verdict"]["approval"]
    assert code_of(w.tool(other, "ambit__await", {"approval": apr})) == "approval_unknown"
    assert code_of(w.tool(token, "ambit__await", {"approval": "apr_000000000000"})) == "approval_unknown"
    assert code_of(w.tool(token, "ambit__await", {"approval": 5})) == "approval_unknown"
    answers = []
    t = threading.Thread(target=lambda: answers.append(w.tool(token, "ambit__await", {"approval": apr})))
    t.start()
    time.sleep(0.5)
    assert not answers
    w.ask("approval/approve", {"approval": apr, "as": "boss@dev"})
    t.join(10)
    assert answers and text_of(answers[0]) == "later", answers
    assert w.tool(token, "ambit__await", {"approval": apr})["isError"]
    # request: asks for what was refused, and says why; explain: what is hidden.
    r = w.tool(token, "ambit__request", {"tool": "t__write", "arguments": {"text": "please"}, "reason": "it is needed"})
    assert not r.get("isError") and "apr_" in text_of(r), r
    _, narrow = w.task(["t/echo"])
    r = w.tool(narrow, "ambit__explain")
    assert not r.get("isError") and "t__never" in text_of(r) and "outside_envelope" in text_of(r), r


def progress_comes_while_it_runs():
    w = gate()
    _, token = w.task()
    for where in ("t", "web"):
        params = {"name": where + "__steps", "arguments": {"n": 3}, "_meta": {"progressToken": "p\"1"}}
        status, last, messages, h = w.legacy(token, "tools/call", params)
        assert h.get_content_type() == "text/event-stream" and h["X-Accel-Buffering"] == "no", h
        assert [m["params"]["progress"] for m in messages[:-1]] == [1, 2, 3] and all(m["params"]["progressToken"] == "p\"1" for m in messages[:-1]), messages
        assert text_of(last["result"]) == "steps"
        # Who did not ask for it gets one JSON object.
        assert w.legacy(token, "tools/call", {"name": where + "__steps", "arguments": {"n": 3}})[3].get_content_type() == "application/json"


def running(w, token, name="t__never", ident=1):
    """A call in flight on a connection of its own; its thread, connection and the list its answer goes to."""
    before, answers, c = len(w.calls(name.split("__")[1])), [], w.connection(30)

    def call():
        try:
            answers.append((w.legacy(token, "tools/call", {"name": name, "arguments": {}}, ident, connection=c), time.monotonic()))
        except (OSError, http.client.HTTPException, ValueError) as e:
            answers.append((e, time.monotonic()))

    t = threading.Thread(target=call)
    t.start()
    wait_for("the call reached the tool", lambda: len(w.calls(name.split("__")[1])) > before)
    return t, c, answers


def calls_are_cancelled():
    w = gate()
    task, token = w.task()
    states = lambda: [c["state"] for c in w.ask("task/receipt", {"task": task})["calls"]]
    _, stranger = w.task()
    for name in ("t__never", "web__never"):
        n = len(states())
        t, c, answers = running(w, token, name, "i-1")
        # Somebody else's notification with the same id cuts nothing.
        note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "i-1"}}
        assert w.post(stranger, note, {"MCP-Protocol-Version": LEGACY})[0] == 202
        time.sleep(0.3)
        assert not answers
        assert w.post(token, note, {"MCP-Protocol-Version": LEGACY})[0] == 202
        t.join(5)
        assert answers and code_of(answers[0][0][1]["result"]) == "call_cut", answers
        wait_for("cut", lambda: states()[n:] == ["cut"], 5)
        t, c, answers = running(w, token, name)
        c.sock.shutdown(socket.SHUT_RDWR)
        t.join(5)
        c.close()
        wait_for("cut by its caller's end", lambda: states()[n:] == ["cut", "cut"], 5)
    wait_for("the tool heard it", lambda: sum("cancelled" in x for x in w.reached()) >= 2, 5)


def upstreams_that_misbehave():
    w = gate()
    for where in ("t", "web"):
        for name in ("garbage", "huge", "crash"):
            if (where, name) == ("web", "crash"):
                continue
            _, token = w.task()
            begun = time.monotonic()
            code = code_of(w.tool(token, f"{where}__{name}"))
            assert code in ("upstream_error", "upstream", "call_unknown"), (where, name, code)
            assert time.monotonic() - begun < 15, (where, name)
            # The next call finds a server.
            assert text_of(w.tool(token, where + "__echo", {"text": "on"})) == "on", (where, name)
    _, token = w.task()
    for where in ("t", "web"):
        assert text_of(w.tool(token, where + "__wrongid", {"text": "mine"})) == "mine"


def http_upstreams_get_nothing_of_ours():
    w = gate()
    _, token = w.task()
    assert text_of(w.tool(token, "web__echo", {"n": 1, "text": "\u00e9"})) == "\u00e9"
    seen = w.reached(w.web_folder)
    assert not [s for s in seen if token in json.dumps(s) or "authorization" in s.get("headers", {})]
    bodies = [s["body"] for s in seen if '"tools/call"' in s.get("body", "")]
    assert '"arguments":{"n":1,"text":"\u00e9"}' in bodies[-1], bodies[-1]


def same_ids_do_not_cross():
    w = gate()
    tokens = [w.task()[1] for _ in range(2)]
    wrong = []

    def client(k):
        c = w.connection()
        for i in range(60):
            _, m, _, _ = w.legacy(tokens[k % 2], "tools/call", {"name": ("t", "web")[i % 2] + "__echo", "arguments": {"text": f"{k}-{i}"}}, i, connection=c)
            if m["id"] != i or text_of(m["result"]) != f"{k}-{i}":
                wrong.append((k, i, m))
        c.close()

    threads = [threading.Thread(target=client, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert not wrong, wrong[:3]


def tokens_end_with_their_task():
    w = gate()
    task, token = w.task()
    assert text_of(w.tool(token, "t__echo", {"text": "x"})) == "x"
    before = len(w.calls("echo"))
    w.ask("kill/run", {"kind": "task", "name": task})
    status, m, _, _ = w.legacy(token, "tools/call", {"name": "t__echo", "arguments": {}})
    assert status == 401 or code_of(m["result"]) in ("revoked", "task_ended"), (status, m)
    status, m, _, _ = w.legacy(token, "tools/list")
    assert status == 401 or "error" in m, (status, m)
    status, m = w.request("agent", "POST", "/v1/token/issue", {}, headers={"Authorization": "Bearer " + token})
    assert status != 200, m
    assert len(w.calls("echo")) == before


def a_kill_cuts_within_a_second():
    with Gate(AMBITD) as w:
        for name in ("t__never", "web__never"):
            task, token = w.task()
            t, c, answers = running(w, token, name)
            begun = time.monotonic()
            w.ask("kill/run", {"kind": "task", "name": task})
            t.join(5)
            assert answers and answers[0][1] - begun < 1, answers
            r = answers[0][0][1]["result"]
            assert code_of(r) == "revoked", r
        wait_for("no tool process is left", lambda: not w.jailed(), 5)


def changed_tools_are_quarantined():
    with Gate(AMBITD) as w:
        task, token = w.task()
        assert text_of(w.tool(token, "t__echo", {"text": "x"})) == "x"
        open(w.folder + "/changed", "w").close()
        # A new task has a new session, which finds another definition than the one reviewed.
        _, token = w.task()
        before = len(w.calls("echo"))
        r = w.tool(token, "t__echo", {"text": "x"})
        assert code_of(r) == "tool_quarantined" and text_of(r).startswith("DENIED by Ambit") and "Nothing was executed." in text_of(r), r
        assert len(w.calls("echo")) == before
        wait_for("quarantined", lambda: w.ask("tool/show", {"tool": "t/echo"})["state"] == "quarantined", 5)
        assert "t__echo" not in [t["name"] for t in w.legacy(token, "tools/list")[1]["result"]["tools"]]
        assert "t__steps" in [t["name"] for t in w.legacy(token, "tools/list")[1]["result"]["tools"]]
        now = w.ask("tool/show", {"tool": "t/echo"})
        w.ask("tool/review", {"tool": "t/echo", "definition": now["definition"], "reason": "seen"})
        wait_for("callable again", lambda: not w.tool(token, "t__echo", {"text": "x"}).get("isError"), 5)


class Listener(threading.Thread):
    """subscriptions/listen, for as long as the connection lives; the methods of what came."""
    def __init__(self, w, token):
        super().__init__(daemon=True)
        self.methods, self.c = [], w.connection(60)
        p = {"notifications": {"toolsListChanged": True}, "_meta": meta()}
        self.c.request("POST", "/mcp", json.dumps({"jsonrpc": "2.0", "id": 77, "method": "subscriptions/listen", "params": p}),
                       {"Content-Type": "application/json", "Accept": BOTH, "Authorization": "Bearer " + token, "MCP-Protocol-Version": MODERN, "Mcp-Method": "subscriptions/listen"})
        self.start()

    def run(self):
        try:
            for line in self.c.getresponse():
                if line.startswith(b"data:"):
                    self.methods.append(json.loads(line[5:]).get("method"))
        except (OSError, http.client.HTTPException, AttributeError):
            pass


def a_list_that_changes_in_a_session_is_known_at_once():
    with Gate(AMBITD) as w:
        _, token = w.task()
        listener = Listener(w, token)
        wait_for("listening", lambda: "notifications/subscriptions/acknowledged" in listener.methods)
        assert text_of(w.tool(token, "t__echo", {"text": "x"})) == "x"
        assert {s["name"]: s["sessions"] for s in w.ask("server/list")["items"]} == {"t": 1, "web": 0}
        w.tool(token, "t__echo", {"text": "!announce"})
        # Nobody calls it again: the server's word is enough.
        wait_for("quarantined", lambda: w.ask("tool/show", {"tool": "t/echo"})["state"] == "quarantined", 5)
        wait_for("told", lambda: "notifications/tools/list_changed" in listener.methods, 5)
        assert "t__echo" not in [t["name"] for t in w.legacy(token, "tools/list")[1]["result"]["tools"]]
        assert code_of(w.tool(token, "t__echo", {"text": "x"})) == "tool_quarantined"
        told = len(listener.methods)
        w.ask("tool/review", {"tool": "t/echo", "definition": w.ask("tool/show", {"tool": "t/echo"})["definition"], "reason": "seen"})
        wait_for("told of the review", lambda: len(listener.methods) > told, 5)


def mirrored_arguments_must_match():
    """A47: a header that says something else than the body. `wrongid` mirrors its text."""
    w = gate()
    _, token = w.task()

    def ask(headers, text="x"):
        return w.modern(token, "tools/call", {"name": "t__wrongid", "arguments": {"text": text}}, headers=headers)

    before = len(w.calls("wrongid"))
    for headers in ({"Mcp-Param-Text": "y"}, {"mcp-param-text": ""}, {"Mcp-Param-Text": "=?base64?eQ==?="}, {"Mcp-Param-Text": "=?base64?!?="}):
        status, m, _, _ = ask(headers)
        assert status == 400 and m["error"]["code"] == -32020 and m["id"] == 1, (headers, status, m)
    assert len(w.calls("wrongid")) == before
    for headers, text in (({"Mcp-Param-Text": "x"}, "x"), ({"Mcp-Param-Text": "=?base64?eA==?="}, "x"), ({"Mcp-Param-Other": "z"}, "x"),
                          ({"Mcp-Param-Text": "=?base64?w7w=?="}, "ü")):
        status, m, _, _ = ask(headers, text)
        assert status == 200 and text_of(m["result"]) == text, (headers, status, m)


def prompts_and_resources_are_not_offered():
    w = gate()
    _, token = w.task()
    hello = w.modern(token, "server/discover")[1]["result"]["capabilities"]
    old = w.legacy(token, "initialize", {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}})[1]["result"]["capabilities"]
    assert set(hello) == set(old) == {"tools"} and hello["tools"]["listChanged"] and old["tools"].get("listChanged", False) is False, (hello, old)
    for method in ("prompts/list", "prompts/get", "resources/list", "resources/read", "resources/templates/list", "completion/complete"):
        status, m, _, _ = w.modern(token, method)
        assert status == 404 and m["error"]["code"] == -32601, (method, status, m)
        status, m, _, _ = w.legacy(token, method)
        assert status == 200 and m["error"]["code"] == -32601, (method, status, m)


class Far:
    """An agent on another machine: a key, a self-signed certificate, TLS 1.3."""
    def __init__(self, w, name):
        self.w, self.file = w, f"{w.home}/{name}.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=" + name,
                        "-keyout", self.file, "-out", self.file + ".crt"], check=True, capture_output=True)
        self.context = ssl.create_default_context(cafile=w.data + "/ca.pem")
        self.context.load_cert_chain(self.file + ".crt", self.file)
        self.port = int(json.loads(read(w.home + "/.config/ambit/config"))["contexts"]["dev"]["api"].rsplit(":", 1)[1])

    def connection(self):
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=15)

    def op(self, path, params=None, token=None, headers=None):
        c = self.connection()
        try:
            c.request("POST", path, json.dumps(params or {}),
                      {"Content-Type": "application/json", **({"Authorization": "Bearer " + token} if token else {}), **(headers or {})})
            r = c.getresponse()
            data = r.read()
            return r.status, json.loads(data) if data else None, r.headers
        finally:
            c.close()

    def call(self, token, name="t__echo", args=None):
        return self.w.legacy(token, "tools/call", {"name": name, "arguments": args or {"text": "far"}}, connection=self.connection())

    def enrol(self, agent):
        token = self.w.ask("agent/enrol", {"agent": agent, "ttl_seconds": 60})["token"]
        return token, self.op("/v1/enrol/use", {"token": token})

    def task(self, **more):
        status, a, _ = self.op("/v1/task/open", {"purpose": "far", "envelope": {"tools": ["t/*"]}, "ttl_seconds": 600, **more})
        assert status == 200, (status, a)
        return a["task"]["id"], a["token"]


def far_agents_are_bound_to_their_certificate():
    w = gate()
    one, two = Far(w, "one"), Far(w, "two")
    assert one.op("/v1/task/open", {"purpose": "x", "envelope": {"tools": ["t/*"]}, "ttl_seconds": 60})[0] in (401, 403)
    enrolment, (status, a, _) = one.enrol("far")
    assert status == 200, a
    assert two.op("/v1/enrol/use", {"token": enrolment})[0] >= 400, "an enrolment token worked twice"
    task, token = one.task()
    status, m, _, _ = one.call(token)
    assert status == 200 and text_of(m["result"]) == "far", (status, m)
    status, a, _ = one.op("/v1/token/issue", {}, token)
    assert status == 200, a
    assert text_of(one.call(a["token"])[1]["result"]) == "far"
    # Two is enrolled too, but not what the token is bound to (A24); nor is the socket, nor a caller without a certificate.
    assert two.enrol("far")[1][0] == 200
    before = len(w.calls("echo"))
    for status, m, h in [(lambda r: (r[0], r[1], r[3]))(two.call(token)), two.op("/v1/token/issue", {}, token), two.op("/v1/task/complete", {}, token)]:
        assert status == 401 and "Bearer" in h["WWW-Authenticate"], (status, m)
    bare = Far(w, "bare")
    bare.context = ssl.create_default_context(cafile=w.data + "/ca.pem")
    assert bare.call(token)[0] == 401
    assert code_of(w.tool(token, "t__echo")) == "token_unbound"
    assert len(w.calls("echo")) == before
    # DNS rebinding, and a browser.
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert w.post(token, ping, {"Host": "evil.example"}, connection=one.connection())[0] == 403
    assert w.post(token, ping, {"Origin": "https://evil.example"}, connection=one.connection())[0] == 403
    status, a, _ = one.op("/v1/task/complete", {}, token)
    assert status == 200, a
    status, m, _, _ = one.call(token)
    assert status == 401 or m["result"]["isError"], (status, m)


def authzen():
    w = gate()
    _, token = w.task(["t/*"])
    path = "/access/v1/evaluation"
    question = lambda tool, **more: {"subject": {"type": "agent", "id": "bot"}, "action": {"name": tool}, "resource": {"type": "tool", "id": tool}, **more}
    status, a, _, h = w.post(token, question("t/echo"), {"X-Request-ID": "r-1"}, path=path)
    assert status == 200 and a["decision"] is True and h["X-Request-ID"] == "r-1", (status, a)
    status, a, _, _ = w.post(token, question("t/hidden"), path=path)
    assert status == 200 and a["decision"] is False and a["context"]["code"] == "policy_denied", a
    status, a, _, _ = w.post(token, question("web/echo"), path=path)
    assert a["decision"] is False and a["context"]["code"] == "outside_envelope", a
    status, a, _, _ = w.post(token, question("t/echo", context={"arguments": {"text": 5}}), path=path)
    assert a["decision"] is False and a["context"]["code"] == "bad_arguments", a
    good = question("t/echo")
    for lacks in ("subject", "action", "resource"):
        assert w.post(token, {k: v for k, v in good.items() if k != lacks}, path=path)[0] == 400, lacks
    for bad in ("{", "[]", "3", json.dumps({**good, "subject": {"type": "x"}}), json.dumps({**good, "subject": []}), json.dumps({**good, "action": {"name": 1}}),
                json.dumps({**good, "context": 1}), '{"subject":1,' + json.dumps(good)[1:]):
        status, a, _, h = w.post(token, bad, {"X-Request-ID": "r-2"}, path=path)
        assert status == 400 and h["X-Request-ID"] == "r-2", (bad, status, a)
    assert w.post(token, good, {"Content-Type": "text/plain"}, path=path)[0] == 400
    assert w.request("agent", "GET", path)[0] == 405
    assert w.request("agent", "GET", "/.well-known/authzen-configuration")[1]["access_evaluation_endpoint"].endswith(path)


def only_enforcement_points_ask_for_others():
    w = gate()
    task, token = w.task(["t/*", "web/*"])
    path = "/access/v1/evaluation"
    pep, far = Far(w, "pep"), Far(w, "stranger")
    assert pep.enrol("pep")[1][0] == 200 and far.enrol("far")[1][0] == 200
    question = lambda tool: {"subject": {"type": "task", "id": task}, "action": {"name": tool}, "resource": {"type": "tool", "id": tool}}
    status, a, _ = pep.op(path, question("t/echo"))
    assert status == 200 and a["decision"] is True, (status, a)
    status, a, _ = pep.op(path, question("web/echo"))
    assert status != 200 or a["decision"] is False, "a point answered for a server that is not its own"
    status, a, _ = far.op(path, question("t/echo"))
    assert status != 200 or a["decision"] is False, "an agent that is no enforcement point was told about another's task"


def the_people_socket_is_not_for_tasks():
    w = gate()
    people = w.socket_path("people")
    task, _ = w.task()
    script = ("import http.client,socket,sys,json,time\nclass C(http.client.HTTPConnection):\n def connect(s):\n  s.sock=socket.socket(socket.AF_UNIX);"
              "s.sock.connect(sys.argv[1])\nsys.stdin.readline()\ntry:\n c=C('localhost');c.request('POST','/v1/whoami/show','{}',{'Content-Type':'application/json'});"
              "print(c.getresponse().status)\nexcept OSError:\n print(403)\n")
    p = subprocess.Popen([sys.executable, "-c", script, people], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert w.request("people", "POST", "/v1/whoami/show", {})[0] == 200
    a = w.ask("task/open", {"agent": "bot", "purpose": "inside", "envelope": {"tools": ["t/*"]}, "ttl_seconds": 60, "root_pid": p.pid}, kind="agent")
    out, _ = p.communicate("go\n", timeout=15)
    assert out.strip() in ("401", "403"), (out, a["task"]["id"])
    # A task's token opens nothing there either.
    status, a = w.request("people", "POST", "/v1/whoami/show", {}, headers={"Authorization": "Bearer " + w.task()[1]})
    assert status == 401, (status, a)


def main():
    try:
        return tap([both_eras_on_one_url, mirrored_headers_must_match, versions_and_meta, broken_messages_reach_nobody, doors,
                    lists_hold_what_the_task_may_call, denials_read_as_promised, waiting_parks_and_resumes_once, own_tools,
                    progress_comes_while_it_runs, calls_are_cancelled, upstreams_that_misbehave, http_upstreams_get_nothing_of_ours,
                    same_ids_do_not_cross, tokens_end_with_their_task, a_kill_cuts_within_a_second, changed_tools_are_quarantined,
                    a_list_that_changes_in_a_session_is_known_at_once, prompts_and_resources_are_not_offered, mirrored_arguments_must_match,
                    far_agents_are_bound_to_their_certificate, authzen, only_enforcement_points_ask_for_others, the_people_socket_is_not_for_tasks])
    finally:
        if world:
            if os.environ.get("AMBIT_LOG"):
                sys.stderr.write(world.log()[-6000:])
            world.__exit__(None, None, None)


sys.exit(main())
