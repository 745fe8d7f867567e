"""A server with one agent, one tool server and a policy that permits; and what an agent does with it."""
import json
import os
import shutil
import http.client

from server import Server, UnixConnection, children, descendants, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))


class World(Server):
    def __enter__(self):
        super().__enter__()
        self.prepare()
        return self

    def ask(self, path, params=None, seconds=15, **kw):
        """An operation that must succeed, asked again while Ambit says that it is not available."""
        def once():
            try:
                status, answer = self.op(path, params, timeout=10, **kw)
            except (OSError, http.client.HTTPException):
                return None
            if status == 503:
                return None
            assert status == 200, (path, status, answer)
            return [answer]

        return wait_for(path, once, seconds)[0]

    def prepare(self):
        folder = self.home + "/tool"
        os.mkdir(folder)
        os.chmod(self.home, 0o755)
        shutil.copy(HERE + "/tool_server.py", folder)
        self.all_up()
        self.ask("apply/run", {"resources": [
            {"kind": "tier", "name": "test", "calls_per_minute": 1000000, "max_calls": 1000000},
            {"kind": "agent", "name": "bot", "owner": "admin@dev", "tier": "test", "identity": [{"uid": os.getuid()}],
             "launch": ["admin@dev"]},
            {"kind": "server", "name": "t", "transport": "stdio", "command": ["/usr/bin/python3", folder + "/tool_server.py"],
             "read": [folder], "tools": [{"name": "echo", "effect": "read"}, {"name": "sleep", "effect": "read"}]},
            {"kind": "policy", "name": "all", "text": "permit(principal, action, resource);"}]})
        tools = wait_for("tools found", lambda: self.ask("tool/list", {"all": True})["items"], 20)
        for t in tools:
            self.ask("tool/review", {"tool": t["name"], "definition": t["definition"], "reason": "test"})

    def open_task(self, ttl=3600):
        a = self.ask("task/open", {"agent": "bot", "purpose": "test", "envelope": {"tools": ["t/*"]}, "ttl_seconds": ttl}, kind="agent")
        return a["task"]["id"], a["token"]

    def call(self, token, tool, args, timeout=10.0, ref=None):
        """("ok", text) | ("denied", code) | ("http", status) | ("error", what)"""
        c = UnixConnection(self.socket_path("agent"), timeout)
        params = {"name": "t__" + tool, "arguments": args, **({"_meta": {"claudecode/toolUseId": ref}} if ref else {})}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        try:
            c.request("POST", "/mcp", body, {"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
                                             "MCP-Protocol-Version": "2025-11-25", "Authorization": "Bearer " + token})
            r = c.getresponse()
            text = r.read().decode()
        except (OSError, http.client.HTTPException) as e:
            return "error", repr(e)
        finally:
            c.close()
        if r.status != 200:
            return "http", r.status
        if text.startswith("event:") or text.startswith("data:") or text.startswith("id:"):
            text = [line[5:] for line in text.splitlines() if line.startswith("data:")][-1]
        result = json.loads(text).get("result")
        if result is None:
            return "error", text
        if result.get("isError"):
            return "denied", result.get("_meta", {}).get("dev.ambit/verdict", {}).get("code", text)
        return "ok", result["content"][0]["text"]

    def jailed(self):
        """Tool processes that run now, the jails' own first processes included."""
        return [p for child in descendants(self.process.pid) for p in children(child)
                if child != self.process.pid and child not in self.roles().values()]

    def events(self, **params):
        """All events, oldest first."""
        found, at = [], 1
        while at:
            a = self.ask("audit/list", {"from": at, "limit": 1000, "newest_first": False, **params})
            found += a["items"]
            nxt = a.get("next")
            at = int(nxt) if nxt else (found[-1]["seq"] + 1 if len(a["items"]) == 1000 else 0)
        return found
