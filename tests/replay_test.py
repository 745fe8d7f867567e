"""Candidate policies against what a real server has recorded, and offline answers against the server's. Usage: replay_test.py AMBITD AMBIT [TEST…]"""
import json
import os
import subprocess
import sys

from server import tap
from world import World

AMBITD, AMBIT = sys.argv[1], os.path.abspath(sys.argv[2])
del sys.argv[2]

POLICY = """@id("tools-of-the-task")
permit(principal, action, resource);
@id("ask-before-sleep") @approval("approvers:1")
forbid(principal, action == Action::"t/sleep", resource);
@id("no-secret") @reason("secrets are not echoed")
forbid(principal, action == Action::"t/echo", resource) when { context.input.text like "*secret*" };
"""


class Recorded(World):
    def __init__(self):
        super().__init__(AMBITD)
        self.env["XDG_CONFIG_HOME"] = self.home + "/.config"

    def run(self, *words, want=0, stdin=""):
        p = subprocess.run([AMBIT, *words], input=stdin, capture_output=True, text=True, timeout=60, cwd=self.home, env=self.env)
        assert p.returncode == want, (words, p.returncode, p.stdout[-1500:], p.stderr[-1500:])
        return p.stdout

    def prepare(self):
        super().prepare()
        self.ask("apply/run", {"resources": [{"kind": "policy", "name": "all", "text": POLICY},
                                             {"kind": "user", "name": "approver@dev", "uids": [os.getuid()], "roles": ["approver"], "groups": ["approvers"]}]})
        token = self.open_task()[1]
        for _ in range(3):
            assert self.call(token, "echo", {"text": "hello"})[0] == "ok"
        assert self.call(token, "echo", {"text": "a secret"}) == ("denied", "policy_denied")
        assert self.call(token, "sleep", {"seconds": 0}) == ("denied", "approval_pending")
        assert self.call(token, "nothing", {})[0] != "ok"

    def replay(self, policy, want):
        with open(self.home + "/new.cedar", "w") as f:
            f.write(policy)
        return json.loads(self.run("policy", "replay", "--since", "1h", "new.cedar", "-o", "json", want=want))


def changes_are_counted_and_listed():
    with Recorded() as s:
        # What is in force, over what it decided: a rule looks at arguments, so echo cannot be told; the rest is the same.
        v = s.replay(POLICY, 0)
        assert v["calls"] >= 5 and v["changes"] == 0 and v["table"]["allow"]["open"] == 3 and v["table"]["deny"]["open"] == 1 and v["table"]["approval required"]["approval required"] == 1, v
        assert v["open"] == [{"reason": "no-secret (new:5)", "calls": 4}], v
        # Another rule may decide it all the same.
        v = s.replay(POLICY + '@id("no-echo") forbid(principal, action == Action::"t/echo", resource);\n', 11)
        assert v["changes"] == 3 and v["table"]["allow"]["deny"] == 3 and v["table"]["deny"]["deny"] == 1 and not v["open"], v
        assert all(x["was"] == "allow" and x["now"] == "deny" and x["tool"] == "t/echo" and x["rules"] == "no-echo (new:7)" and x["event"].startswith("evt_") for x in v["items"]), v
        out = s.run("policy", "replay", "--since", "1h", "new.cedar", want=11)
        assert out.startswith("3 allow -> deny\n  evt_") and ": 3 change; 3 allow -> deny, 0 deny -> allow\n" in out, out
        # Without the rule that looks at arguments everything can be told.
        v = s.replay("permit(principal, action, resource);\n", 11)
        assert v["table"]["deny"]["allow"] == 1 and v["table"]["allow"]["allow"] == 3 and v["table"]["approval required"]["allow"] == 1 and v["changes"] == 2, v
        v = s.replay('@id("r") permit(principal, action, resource);\n@id("ask") @approval("approvers:1") forbid(principal, action == Action::"t/echo", resource);\n', 11)
        assert v["table"]["allow"]["approval required"] == 3, v
        v = s.replay('@id("r") permit(principal == Agent::"other", action, resource);\n', 11)
        assert v["table"]["allow"]["deny"] == 3 and v["table"]["approval required"]["deny"] == 1, v


def what_the_task_was_is_known():
    with Recorded() as s:
        base = "permit(principal, action, resource);\n@id(\"x\") forbid(principal, action == Action::\"t/echo\", resource) when { %s };\n"
        for condition, denied in (("context.task.calls >= 2", 1), ("context.task.calls >= 4", 0), ('context.task.purpose == "test"', 3), ('context.task.purpose == "other"', 0),
                                  ("context.task.depth == 0", 3), ("context.task.age_seconds > 3000", 0), ("context.task.user_proven", 3), ('context.channel.kind == "local"', 3),
                                  ('context.environment == "prod"', 0), ("context.now < datetime(\"2020-01-01\")", 0), ("context.approval.granted", 0)):
            v = s.replay(base % condition, 11)
            assert v["table"]["allow"]["deny"] == denied and not v["open"], (condition, v)
        # An error in a forbid denies.
        v = s.replay(base % "context.task.calls + 9223372036854775807 == 0", 11)
        assert v["table"]["allow"]["deny"] == 2, v


def what_is_gone_is_not_guessed():
    with Recorded() as s:
        s.run("policy", "replay", "--since", "1h", "new.cedar", want=7)
        with open(s.home + "/new.cedar", "w") as f:
            f.write("permit(")
        s.run("policy", "replay", "new.cedar", want=10)
        with open(s.home + "/new.cedar", "w") as f:
            f.write('forbid(principal, action == Action::"t/echo", resource) when { context.input.text == 5 };\n')
        s.run("policy", "replay", "new.cedar", want=2)
        keep = [r for k in ("user", "tier", "label") for r in s.ask("resource/list", {"kind": k})["items"]]
        keep = [{k: v for k, v in r.items() if k not in ("version", "changed", "by")} for r in keep]
        s.ask("apply/run", {"resources": keep + [{"kind": "policy", "name": "all", "text": POLICY}], "prune": True})
        v = s.replay("permit(principal, action, resource);\n", 0)
        assert v["changes"] == 0 and sum(x["calls"] for x in v["skipped"]) == 5 and "gone" in v["skipped"][0]["reason"], v


def offline_answers_are_the_servers():
    with Recorded() as s:
        os.mkdir(s.home + "/set")
        with open(s.home + "/set/all.cedar", "w") as f:
            f.write(POLICY + '@id("shy") permit(principal in Tier::"none", action, resource);\n@id("deep") forbid(principal, action, resource) when { context.environment == "prod" && context.task.depth == 0 };\n')
        with open(s.home + "/set/people.yaml", "w") as f:
            f.write("kind: tier\nname: test\n---\nkind: agent\nname: bot\nowner: admin@dev\ntier: test\n")
        with open(s.home + "/set/t_tools.json", "w") as f:
            f.write(s.run("tool", "catalogue"))
        s.run("apply", "-f", "set/all.cedar")
        for words, want in ((["--tool", "t/echo", "--arg", "text=hello"], 0), (["--tool", "t/echo", "--arg", "text=a secret"], 3), (["--tool", "t/echo", "--arg", "text:=5"], 3), (["--tool", "t/echo"], 3),
                            (["--tool", "t/sleep", "--arg", "seconds:=1"], 5), (["--tool", "t/nothing"], 3), (["--tool", "t/echo", "--arg", "text=x", "-e", "prod"], 3)):
            words = ["--agent", "bot", *words]
            there = json.loads(s.run("check", *words, "-o", "json", want=want))
            here = json.loads(s.run("policy", "why", "set", *words, "-o", "json", want=want))["verdict"]
            for key in ("decision", "code", "action", "resource", "determining"):
                assert here.get(key) == there.get(key), (words, key, here, there)


sys.exit(tap([changes_are_counted_and_listed, what_the_task_was_is_known, what_is_gone_is_not_guessed, offline_answers_are_the_servers]))
