"""The command line against a real server: what it prints, and with which code it leaves. Usage: cli_test.py AMBITD AMBIT [TEST…]"""
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time

from server import Skip, alive, children, descendants, tap, read, wait_for
from world import World

AMBITD, AMBIT = sys.argv[1], os.path.abspath(sys.argv[2])
SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
del sys.argv[2]         # tap() reads the tests asked for from there

POLICY = """@id("tools-of-the-task")
permit(principal, action, resource);
@id("ask-before-sleep") @approval("approvers:1")
forbid(principal, action == Action::"t/sleep", resource);
@id("no-secret") @reason("secrets are not echoed")
forbid(principal, action == Action::"t/echo", resource) when { context.input.text like "*secret*" };
"""


class Cli(World):
    """A world whose commands run with its own home and context."""

    def __init__(self):
        super().__init__(AMBITD)
        self.started = []                    # processes that a failed test may leave over
        self.env["XDG_CONFIG_HOME"] = self.home + "/.config"

    def stop(self, seconds=15):
        for p in self.started:
            if alive(p):
                os.kill(p, signal.SIGKILL)
        return super().stop(seconds)

    def run(self, *words, want=0, stdin="", env=None, cwd=None):
        p = subprocess.run([AMBIT, *words], input=stdin, capture_output=True, text=True, timeout=60, cwd=cwd or self.home, env={**self.env, **(env or {})})
        assert p.returncode == want, (words, p.returncode, p.stdout[-1500:], p.stderr[-1500:])
        return p

    def say(self, *words, **kw):
        return self.run(*words, **kw).stdout

    def json(self, *words, **kw):
        return json.loads(self.say(*words, "-o", "json", **kw))

    def prepare(self):
        super().prepare()
        with open(self.home + "/people.yaml", "w") as f:
            f.write(f"kind: user\nname: approver@dev\nuids: [{os.getuid()}]\nroles: [approver]\ngroups: [approvers]\n---\n"
                    f"kind: agent\nname: bot\nowner: admin@dev\ntier: test\nidentity:\n  - uid: {os.getuid()}\nlaunch: [admin@dev]\n"
                    "session:\n  tools: ['t/*']\n")
        with open(self.home + "/all.cedar", "w") as f:
            f.write(POLICY)
        dry = self.run("apply", "-f", "people.yaml", "-f", "all.cedar", "--dry-run", want=11)
        assert "Run without --dry-run" in dry.stdout, dry.stdout
        self.run("apply", "-f", "people.yaml", "-f", "all.cedar")
        self.run("apply", "-f", "people.yaml", "-f", "all.cedar", "--dry-run")

    def task(self):
        return self.say("task", "create", "bot", "--task", "a test", "--allow", "t/*", "-q").strip()


def fails(s, words, code, *texts, **kw):
    p = s.run(*words, want=code, **kw)
    for t in texts:
        assert t in p.stderr, (words, t, p.stderr)
    return p


def resources_and_reading():
    with Cli() as s:
        for words in (["resource", "list", "user"], ["agent", "list"], ["server", "list"], ["tool", "list", "--all"], ["policy", "list"],
                      ["task", "list"], ["approvals"], ["revocations"], ["key", "list"], ["audit", "list"]):
            assert isinstance(s.json(*words)["items"], list), words
        for words in (["whoami"], ["agent", "show", "bot"], ["tool", "show", "t/echo"], ["policy", "show", "all"], ["resource", "show", "tier", "test"],
                      ["audit", "head"], ["audit", "verify"], ["context", "show"]):
            assert isinstance(s.json(*words), dict), words
        assert s.say("tool", "list", "-q").split() == ["t/echo", "t/sleep"]
        assert s.say("tool", "list").startswith("TOOL\tEFFECT\t")
        assert "  | permit(principal, action, resource);" in s.say("policy", "show", "all")
        assert s.say("policy", "show", "all", "--field", "text") == POLICY
        fails(s, ["policy", "show", "nothing"], 7)
        fails(s, ["tool", "show", "t/echo", "--field", "no.such"], 7, "no field")
        assert s.say("agent", "enrol", "bot", "--ttl", "1m").strip()
        assert s.json("server", "discover", "t")["found"] == 2
        with open(s.home + "/bad.yaml", "w") as f:
            f.write("kind: tier\nname: x\nmax_ttl: 5\n")
        error = json.loads(fails(s, ["apply", "-f", "bad.yaml", "-o", "json"], 2).stderr)["error"]
        assert error["code"] and "max_ttl" in json.dumps(error), error


def policies_whose_tests_fail_are_not_applied():
    with Cli() as s:
        os.mkdir(s.home + "/set")
        with open(s.home + "/set/all.cedar", "w") as f:
            f.write(POLICY + '@id("new") forbid (principal, action == Action::"t/echo", resource) when { context.input.text == "no" };\n')
        with open(s.home + "/set/t_tools.json", "w") as f:
            f.write(s.say("tool", "catalogue"))
        test = "cases:\n  - {name: %s, agent: bot, tool: t/echo, args: {text: '%s'}, expect: deny, rules: [%s]}\n"
        with open(s.home + "/set/all_test.yaml", "w") as f:
            f.write(test % ("secrets", "a secret", "new"))
        version = s.json("policy", "show", "all")["version"]
        fails(s, ["apply", "-f", "set"], 10, "not applied", "1 of 1 policy tests fail", "ambit policy test")
        assert s.json("policy", "show", "all")["version"] == version
        with open(s.home + "/set/all_test.yaml", "w") as f:
            f.write("cases: [\n")
        fails(s, ["apply", "-f", "set"], 10, "not applied", "all_test.yaml:2:")
        with open(s.home + "/set/all_test.yaml", "w") as f:
            f.write(test % ("secrets", "a secret", "no-secret"))
        assert "1 changed" in s.say("apply", "-f", "set")
        with open(s.home + "/set/all_test.yaml", "w") as f:
            f.write(test % ("secrets", "a secret", "other"))
        s.run("apply", "-f", "set", "--skip-tests")
        # Offline and on the server, the same schema and the same verdict.
        assert "no findings" in s.say("policy", "validate", "--server", "set/all.cedar")
        assert "no findings" in s.say("policy", "validate", "set")
        s.run("check", "--agent", "bot", "--tool", "t/echo", "--arg", "text=no", want=3)


def misuse_is_refused_before_anything_is_asked():
    with Cli() as s:
        fails(s, ["task", "list", "--stat"], 2, "did you mean --state?")
        fails(s, ["tsk"], 2, "did you mean: ambit task")
        fails(s, ["task", "sho", "x"], 2, "there is no command")
        fails(s, ["kill", "galaxy"], 2, "KIND is one of")
        fails(s, ["status"], 2, "AMBIT_OUTPUT", env={"AMBIT_OUTPUT": "xml"})
        fails(s, ["status"], 9, "nobody listens", "AMBIT_PEOPLE_SOCKET", env={"AMBIT_PEOPLE_SOCKET": "/nonexistent"})
        error = json.loads(fails(s, ["status", "--json"], 9, env={"AMBIT_PEOPLE_SOCKET": "/nonexistent"}).stderr)["error"]
        assert error["code"] == "unavailable" and error["exit"] == 9 and error["retryable"], error
        fails(s, ["whoami", "--as", "nobody@dev"], 3)
        fails(s, ["context", "use", "nowhere"], 7)
        assert json.loads(s.say("context", "use", "dev", "--json"))["name"] == "dev"


def tasks_from_birth_to_receipt():
    with Cli() as s:
        task = s.task()
        assert task.startswith("tsk_")
        assert s.json("task", "show", task)["purpose"] == "a test"
        assert task in s.say("task", "tree")
        assert s.say("task", "list", "-q").split() == [task]
        done = s.json("task", "complete", task, "-r", "enough")
        assert done["task"]["state"] in ("ending", "completed"), done
        assert task in s.say("task", "receipt", task)
        assert s.json("task", "receipt", task)["task"]["id"] == task
        assert task in s.say("task", "list", "--all", "-q").split()
        fails(s, ["task", "show", "tsk_000000000000"], 7)
        fails(s, ["task", "create", "nobody", "--task", "x", "--allow", "t/*"], 7)
        # Somebody else's task is not theirs to complete.
        fails(s, ["task", "complete", s.task(), "--as", "approver@dev"], 3)


def check_and_why():
    with Cli() as s:
        assert s.say("check", "--agent", "bot", "--tool", "t/echo", "--arg", "text=hi").startswith("ALLOW")
        p = s.run("check", "--agent", "bot", "--tool", "t/echo", "--arg", "text=a secret", want=3)
        assert p.stdout.startswith("DENY") and '@id("no-secret")' in p.stdout, p.stdout
        v = json.loads(s.say("check", "--agent", "bot", "--tool", "t/sleep", "--arg", "seconds:=9", "-o", "json", want=5))
        assert v["decision"] == "pending", v
        fails(s, ["check", "--agent", "bot", "--tool", "t/echo", "--arg", "text:=[1"], 2)
        task, token = s.open_task()
        assert s.call(token, "echo", {"text": "the secret"}) == ("denied", "policy_denied")
        wait_for("the denial's event", lambda: s.json("audit", "list", "--type", "decision.denied")["items"])
        why = s.say("why", "--last", "--task", task)
        assert why.startswith("DENY  t/echo by bot") and "no-secret" in why and "like" in why, why
        event = s.json("why", "--last")["event"]["event"]
        assert s.json("why", event)["rules"][0]["id"] == "no-secret"
        fails(s, ["why", "evt_000000000000"], 7)
        fails(s, ["why"], 2)


def approvals_by_whole_id_only():
    with Cli() as s:
        _, token = s.open_task()

        def ask(seconds):
            assert s.call(token, "sleep", {"seconds": seconds}, 30) == ("denied", "approval_pending")
            return s.say("approvals", "-q").split()[0]

        one = ask(9)
        card = s.say("approval", "show", one)
        assert "seconds = 9" in card and "ask-before-sleep" in card, card
        fails(s, ["approve", one], 2, "--yes")                                   # nobody to ask
        fails(s, ["approve", one, "--yes"], 3)                                   # an administrator is no approver
        for part in (one[:8], one[:-1], one + "0", one.lower(), "apr_"):
            fails(s, ["approve", part, "--yes", "--as", "approver@dev"], 7)
            fails(s, ["deny", part, "--as", "approver@dev"], 7)
        assert s.json("approval", "show", one)["state"] == "open"
        assert "approved once" in s.say("approve", one, "--yes", "--as", "approver@dev", "-c", "fine")
        fails(s, ["approve", one, "--yes", "--as", "approver@dev"], 8)
        two = ask(10)
        assert "denied" in s.say("deny", two, "--as", "approver@dev", "-r", "no", "--tell-agent", "sleep less")
        assert s.json("approval", "show", two)["state"] == "rejected"
        assert set(s.say("approvals", "--state", "all", "-q").split()) >= {one, two}


def killing_needs_the_whole_name():
    with Cli() as s:
        task = s.task()
        assert "1 task" in s.say("kill", "task", task, "--dry-run", want=11)
        fails(s, ["kill", "task", task], 2, "--confirm " + task)
        fails(s, ["kill", "task", task, "--confirm", task[:-1]], 2, "is not")
        for part in (task[:8], task[:-1], task.lower()):
            fails(s, ["kill", "task", part, "--yes"], 7)
        assert s.json("task", "show", task)["state"] == "active"
        gone = s.json("kill", "task", task, "--confirm", task, "-r", "over")
        assert gone["state"] == "confirmed" and gone["revocation"].startswith("rev_"), gone
        assert s.json("task", "show", task)["state"] == "revoked"
        assert gone["revocation"] in s.say("revocations", "-q").split()
        for kind, name in (("agent", "bot"), ("owner", "admin@dev"), ("tool", "t/echo"), ("server", "t"), ("tier", "test")):
            assert s.say("kill", kind, name, "--dry-run", want=11).startswith("blast radius")
            s.run("kill", kind, name, "--yes")
            if kind == "agent":
                s.run("agent", "resume", name)
            else:
                assert s.json("resume", kind, name)["state"] == "running"
        p = fails(s, ["kill", "world", "--yes"], 2, "--confirm world")
        assert "--yes" not in p.stderr, p.stderr                                 # which would not help
        s.run("kill", "world", "--confirm", "world")
        assert "stopped" in s.say("status", want=10)
        s.run("resume", "world")
        fails(s, ["kill", "agent", "nobody", "--yes"], 7)


def a_kill_that_is_not_confirmed_says_so():
    """The tools role does not answer: the calls are refused all the same, but nobody can say that the session is gone."""
    with Cli() as s:
        task, token = s.open_task()
        assert s.call(token, "echo", {"text": "x"}) == ("ok", "x")
        tools = s.roles()["tools"]
        os.kill(tools, signal.SIGSTOP)
        try:
            p = s.run("kill", "task", task, "--yes", "--wait", "1s", want=12)
            assert "not everything is confirmed" in p.stdout and "ambit revocations" in p.stdout, p.stdout
            assert s.call(token, "echo", {"text": "x"}) == ("denied", "revoked")
        finally:
            os.kill(tools, signal.SIGCONT)
        wait_for("confirmed after all", lambda: s.json("revocations")["items"][0]["state"] == "confirmed", 15)


def at_a_terminal(s, words, answer):
    """Runs at a terminal of its own and types `answer` at the prompt: (exit code, what the terminal showed)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(s.home)
        os.execve(AMBIT, [AMBIT, *words], {**s.env, "TERM": "xterm"})
    shown, asked, end = b"", False, time.monotonic() + 20
    while time.monotonic() < end:
        if not select.select([fd], [], [], 0.2)[0]:
            continue
        try:
            piece = os.read(fd, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
        if not asked and shown.rstrip().endswith(b":"):
            asked = True
            os.write(fd, answer)
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode(errors="replace")


def a_terminal_is_asked_and_heard():
    with Cli() as s:
        task = s.task()
        code, shown = at_a_terminal(s, ["kill", "task", task], b"yes\n")
        assert code != 0 and "Kill all of this?" in shown and s.json("task", "show", task)["state"] == "active", (code, shown)
        code, shown = at_a_terminal(s, ["kill", "task", task], b"\x03")
        assert code != 0 and s.json("task", "show", task)["state"] == "active", (code, shown)
        code, shown = at_a_terminal(s, ["kill", "task", task], b"\x04")
        assert code != 0 and s.json("task", "show", task)["state"] == "active", (code, shown)
        code, shown = at_a_terminal(s, ["kill", "task", task], task.encode() + b"\n")
        assert code == 0 and s.json("task", "show", task)["state"] == "revoked", (code, shown)
        code, shown = at_a_terminal(s, ["kill", "task", s.task(), "--no-input"], b"")
        assert code == 2 and "Kill all of this?" not in shown, (code, shown)


def the_log_is_exported_and_checked_without_a_server():
    with Cli() as s:
        _, token = s.open_task()
        for i in range(20):
            assert s.call(token, "echo", {"text": str(i)})[0] == "ok"
        s.run("audit", "export", "-f", "x.jsonl")
        lines = read(s.home + "/x.jsonl").splitlines()
        head = json.loads(lines[0])
        assert head["ambit_export"] == 1 and len(lines) == head["count"] + 1
        assert s.json("audit", "verify")["ok"]
        nowhere = {"AMBIT_PEOPLE_SOCKET": "/nonexistent"}
        whole = s.run("audit", "verify", "--offline", "x.jsonl", "-o", "json", env=nowhere, want=0 if head.get("checkpoint_seq") else 10)
        assert json.loads(whole.stdout)["count"] == head["count"], whole.stdout

        def spoiled(change):
            copy = list(lines)
            change(copy)
            with open(s.home + "/y.jsonl", "w") as f:
                f.write("\n".join(copy) + "\n")
            return json.loads(s.say("audit", "verify", "--offline", "y.jsonl", "-o", "json", env=nowhere, want=10))

        def alter(copy):
            e = json.loads(copy[9])
            c = e["bytes"][-3]
            e["bytes"] = e["bytes"][:-3] + ("A" if c != "A" else "B") + e["bytes"][-2:]
            copy[9] = json.dumps(e)

        assert spoiled(lambda c: c.pop(6))["bad_seq"] == 6
        assert not spoiled(alter)["ok"]
        assert not spoiled(lambda c: c.pop(0))["ok"]
        fails(s, ["audit", "verify", "--offline", "absent"], 7)


def run_gives_a_task_and_takes_it_back():
    with Cli() as s:
        p = s.run("run", "--agent", "bot", "--task", "t", "--allow", "t/*", "--", "sh", "-c",
                  f"echo in $AMBIT_TASK; {AMBIT} whoami --agent-socket --field task; {AMBIT} approve apr_000000000000 --yes; echo rc $?; exit 7", want=7)
        task = re.search(r"in (tsk_\w+)", p.stdout).group(1)
        assert p.stdout.count(task) == 2, p.stdout
        assert "rc 0" not in p.stdout, "a program inside a task decided an approval"
        assert s.json("task", "show", task)["state"] in ("completed", "revoked")
        fails(s, ["run", "--agent", "nobody", "--task", "t", "--allow", "t/*", "--", "true"], 7)


FORK_TWICE = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    parent = os.getpid()
    if os.fork() == 0:
        while os.getppid() == parent:       # until it is an orphan
            time.sleep(0.01)
        who = os.popen(sys.argv[2] + " whoami --agent-socket --field task").read()
        with open(sys.argv[1] + ".new", "w") as f:
            f.write(f"{os.getpid()} {who}")
        os.rename(sys.argv[1] + ".new", sys.argv[1])
        while not os.path.exists(sys.argv[1] + ".again"):
            time.sleep(0.02)
        who = os.popen(sys.argv[2] + " whoami --agent-socket --field task").read()
        with open(sys.argv[1] + ".new", "w") as f:
            f.write(f"{os.getppid()} {who}")
        os.rename(sys.argv[1] + ".new", sys.argv[1] + ".second")
        time.sleep(600)
    else:
        time.sleep(0.1)
    os._exit(0)
time.sleep(600)
"""


class Running:
    """`ambit run` of a program whose grandchild hides behind a double fork."""

    def __init__(self, s, *flags):
        self.pidfile = s.home + f"/pid{len(os.listdir(s.home))}"
        script = s.home + "/fork_twice.py"
        with open(script, "w") as f:
            f.write(FORK_TWICE)
        self.process = subprocess.Popen([AMBIT, "run", "--agent", "bot", "--task", "t", "--allow", "t/*", *flags, "--", "python3", script, self.pidfile, AMBIT],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=s.home, env=s.env, stdin=subprocess.DEVNULL)
        try:
            text = wait_for("the grandchild's word", lambda: os.path.exists(self.pidfile) and read(self.pidfile), 20)
        except AssertionError:
            self.process.kill()
            raise AssertionError(self.process.communicate())
        pid, self.task = text.split()
        self.pid = int(pid)
        self.pids = [p for p in descendants(self.process.pid)]
        s.started += [self.process.pid, *self.pids]
        assert self.pid in self.pids and len(self.pids) >= 3, self.pids

    def all_gone(self, seconds=5):
        start = time.monotonic()
        wait_for("all gone", lambda: not any(alive(p) for p in self.pids), seconds)
        return time.monotonic() - start

    def end(self):
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, err


def ends_reach_the_program():
    with Cli() as s:
        r = Running(s)
        assert r.task.startswith("tsk_"), "a daemonised grandchild left the task"
        s.run("kill", "task", r.task, "--yes", "-r", "it went astray")
        took = r.all_gone()
        code, err = r.end()
        assert code == 3 and "was revoked" in err and "it went astray" in err and "user:admin@dev" in err, (code, err)
        assert "receipt" in err and took < 0.9, (took, err)                     # told, not polled
        r = Running(s)
        s.run("kill", "agent", "bot", "--yes", "-r", "all of it")
        r.all_gone()
        code, err = r.end()
        assert code == 3 and "all of it" in err, (code, err)
        s.run("agent", "resume", "bot")
        r = Running(s, "--ttl", "2s")
        code, err = r.end()
        assert code == 3 and "expired" in err and not any(alive(p) for p in r.pids), (code, err)
        r = Running(s)
        s.run("task", "complete", r.task)
        code, err = r.end()
        assert code == 3 and "was completed" in err and not any(alive(p) for p in r.pids), (code, err)


def a_killed_run_takes_everything_with_it():
    with Cli() as s:
        r = Running(s)
        os.kill(r.process.pid, signal.SIGKILL)
        r.all_gone()
        r.end()
        wait_for("the task's end", lambda: s.json("task", "show", r.task)["state"] == "revoked", 5)
        # The guard is killed: what it guarded is ended by `ambit run` itself, and is inside the task until then.
        r = Running(s)
        os.kill(r.process.pid, signal.SIGSTOP)
        os.kill(children(r.process.pid)[0], signal.SIGKILL)
        open(r.pidfile + ".again", "w").close()
        parent, task = wait_for("its second word", lambda: os.path.exists(r.pidfile + ".second") and read(r.pidfile + ".second").split(" ", 1), 10)
        assert int(parent) == r.process.pid and task.strip() == r.task, (parent, task, r.process.pid)
        os.kill(r.process.pid, signal.SIGCONT)
        r.all_gone()
        code, _ = r.end()
        assert code == 137, code
        wait_for("the task's end", lambda: s.json("task", "show", r.task)["state"] == "completed", 5)


def a_held_task_survives_the_edge_and_core():
    with Cli() as s:
        for role in ("local", "core"):
            r = Running(s)
            os.kill(s.roles()[role], signal.SIGKILL)
            lost = time.monotonic()
            s.ask("status/show")
            wait_for("more than the grace has passed", lambda: time.monotonic() - lost > 10.5, 12)
            assert s.json("task", "show", r.task)["state"] == "active", role
            s.run("kill", "task", r.task, "--yes")
            r.all_gone()
            assert r.end()[0] == 3


def connect_edits_what_is_ours_and_nothing_else():
    with Cli() as s:
        folder = s.home + "/project"
        os.mkdir(folder)
        before = '{\n  // mine\n  "mcpServers": {\n    "other": {"command": "x"}\n  },\n  "z": [1,2]\n}\n'
        with open(folder + "/.mcp.json", "w") as f:
            f.write(before)
        os.chmod(folder + "/.mcp.json", 0o640)
        fails(s, ["connect", "claude-code"], 2, "--yes", cwd=folder)
        assert read(folder + "/.mcp.json") == before
        p = s.run("connect", "claude-code", "--yes", cwd=folder)
        assert "works: " in p.stdout and "tools" in p.stdout, p.stdout
        after = read(folder + "/.mcp.json")
        assert "// mine" in after and '"other": {"command": "x"}' in after and '"z": [1,2]' in after and '"ambit"' in after, after
        assert read(folder + "/.mcp.json.ambit-bak") == before
        assert os.stat(folder + "/.mcp.json").st_mode & 0o777 == 0o640
        hook = json.loads(read(folder + "/.claude/settings.json"))["hooks"]["PreToolUse"]
        assert len(hook) == 1 and hook[0]["hooks"][0]["command"].endswith("hook claude-code"), hook
        assert "already connected" in s.run("connect", "claude-code", "--yes", cwd=folder).stderr
        assert json.loads(read(folder + "/.claude/settings.json"))["hooks"]["PreToolUse"] == hook
        s.run("connect", "claude-code", "--undo", "--yes", cwd=folder)
        assert read(folder + "/.mcp.json") == before
        assert "[mcp_servers.ambit]" in s.say("connect", "codex", "--print")
        with open(folder + "/.mcp.json", "w") as f:
            f.write("{ not json")
        fails(s, ["connect", "claude-code", "--yes"], 2, "is left as it is", cwd=folder)
        assert read(folder + "/.mcp.json") == "{ not json"


def the_hook_blocks_on_its_own_faults():
    with Cli() as s:
        assert s.say("hook", "claude-code", stdin='{"tool_name":"Bash","tool_input":{}}').strip() == "{}"   # no task: no opinion
        fails(s, ["hook", "claude-code"], 2, "blocks", stdin="garbage")
        fails(s, ["hook", "claude-code"], 2, "blocks", stdin='{"tool_input":{}}')
        fails(s, ["hook", "claude-code"], 2, "not running", stdin='{"tool_name":"Bash","tool_input":{}}', env={"AMBIT_SOCKET": "/nonexistent"})
        event = '{"tool_name":"mcp__ambit__t__echo","tool_input":{"text":"a secret"}}'
        with open(s.home + "/event", "w") as f:
            f.write(event)
        p = s.run("run", "--agent", "bot", "--task", "t", "--allow", "t/*", "--", "sh", "-c", f"{AMBIT} hook claude-code < event")
        assert json.loads(p.stdout)["hookSpecificOutput"]["permissionDecision"] == "deny", p.stdout


def hostile_text_reaches_no_terminal():
    with Cli() as s:
        evil = "x\x1b]0;owned\x07\u202egnp"
        task = s.say("task", "create", "bot", "--task", evil, "--allow", "t/*", "-q").strip()
        for words in (["task", "list"], ["task", "show", task], ["task", "tree"], ["task", "receipt", task], ["audit", "list"]):
            text = s.say(*words)
            assert "\x1b" not in text and "\u202e" not in text, (words, text)
        text = s.say("task", "show", task, "-o", "json")
        assert "\u202e" not in text and json.loads(text)["purpose"] == evil


def shells_accept_the_completion():
    with Cli() as s:
        found = False
        for shell in ("bash", "zsh", "fish"):
            script = s.home + "/c." + shell
            with open(script, "w") as f:
                f.write(s.say("completion", shell))
            if shutil.which(shell):
                found = True
                subprocess.run([shell, "-n", script], check=True)
        assert "task" in s.say("__complete", "--", "ta").split()
        assert s.task() in s.say("__complete", "--", "task", "show", "tsk_").split()
        if not found:
            raise Skip("no shell")


def doctor_and_status():
    with Cli() as s:
        assert s.json("status")["healthy"]
        assert {i["state"] for i in s.json("doctor")["items"]} <= {"ok", "FIX", "note", "look"}
        assert s.say("status", "--field", "store.kind") == "sqlite"
        assert s.say("--version").startswith("ambit ")


sys.exit(tap([resources_and_reading, policies_whose_tests_fail_are_not_applied, misuse_is_refused_before_anything_is_asked, tasks_from_birth_to_receipt, check_and_why,
              approvals_by_whole_id_only, killing_needs_the_whole_name, a_kill_that_is_not_confirmed_says_so, a_terminal_is_asked_and_heard,
              the_log_is_exported_and_checked_without_a_server,
              run_gives_a_task_and_takes_it_back, ends_reach_the_program, a_killed_run_takes_everything_with_it,
              a_held_task_survives_the_edge_and_core, connect_edits_what_is_ours_and_nothing_else, the_hook_blocks_on_its_own_faults,
              hostile_text_reaches_no_terminal, shells_accept_the_completion, doctor_and_status]))
