"""Processes die, hang and run out of room while agents work. Usage: faults_test.py AMBITD [TEST...]; AMBIT_KILLS says how many deaths
the long test deals out (100; with AMBIT_SOAK 2000)."""
import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time

from server import ROLES, Skip, alive, descendants, read, tap, wait_for
from world import World

AMBITD = sys.argv[1]
KILLS = int(os.environ.get("AMBIT_KILLS") or ("2000" if os.environ.get("AMBIT_SOAK") else "100"))


def stopped(pid):
    """with stopped(pid): the process is there and does nothing."""
    class Stopped:
        def __enter__(self):
            os.kill(pid, signal.SIGSTOP)

        def __exit__(self, *_):
            if alive(pid):
                os.kill(pid, signal.SIGCONT)

    return Stopped()


def timed(fn, *args, **kw):
    begun = time.monotonic()
    return fn(*args, **kw), time.monotonic() - begun


def a_call_is_allowed_after_any_role_died():
    with World(AMBITD) as w:
        task, token = w.open_task()
        for role in ROLES:
            os.kill(w.all_up()[role], signal.SIGKILL)
            wait_for(f"calls after {role} died", lambda: w.call(token, "echo", {"text": role}) == ("ok", role), 8)
        assert w.ask("task/show", {"task": task})["state"] == "active"


def a_call_in_flight_when_core_dies_is_unknown():
    with World(AMBITD) as w:
        task, token = w.open_task()
        answers = []
        t = threading.Thread(target=lambda: answers.append(timed(w.call, token, "sleep", {"seconds": 20}, 30)))
        t.start()
        wait_for("the tool runs", w.jailed)
        time.sleep(0.3)
        os.kill(w.all_up()["core"], signal.SIGKILL)
        t.join(10)
        assert not t.is_alive(), "the caller was left waiting"
        (kind, what), _ = answers[0]
        assert kind in ("http", "denied", "error"), answers
        states = lambda: [c["state"] for c in w.ask("task/receipt", {"task": task})["calls"]]
        wait_for("written down as unknown", lambda: states() == ["unknown"], 5)
        wait_for("no tool is left", lambda: not w.jailed(), 5)


def a_killed_task_leaves_nothing():
    with World(AMBITD) as w:
        task, token = w.open_task()
        answers = []
        t = threading.Thread(target=lambda: answers.append(timed(w.call, token, "sleep", {"seconds": 20}, 30)))
        t.start()
        wait_for("the tool runs", w.jailed)
        time.sleep(0.3)
        w.ask("kill/run", {"kind": "task", "name": task})
        t.join(5)
        assert not t.is_alive() and answers[0][0][0] in ("denied", "http"), answers
        wait_for("no tool is left", lambda: not w.jailed(), 5)
        assert w.call(token, "echo", {"text": "x"})[0] == "denied"
        # And stays dead when everything starts again.
        for pid in w.roles().values():
            with contextlib.suppress(ProcessLookupError):       # the supervisor ends core with the store
                os.kill(pid, signal.SIGKILL)
        w.all_up()
        assert w.ask("task/show", {"task": task})["state"] == "revoked"
        assert w.call(token, "echo", {"text": "x"})[0] != "ok"


def a_stopped_store_denies():
    with World(AMBITD) as w:
        task, token = w.open_task()
        assert w.call(token, "echo", {"text": "x"}) == ("ok", "x")
        with stopped(w.roles()["store"]):
            (kind, what), seconds = timed(w.call, token, "echo", {"text": "y"})
            assert kind in ("denied", "http") and seconds < 3, (kind, what, seconds)
            assert w.request("agent", "GET", "/healthz")[0] == 200
            assert w.request("people", "GET", "/healthz")[0] == 200
            # Ending a task does not wait for the disk.
            w.op("kill/run", {"kind": "task", "name": task}, timeout=12)       # the answer waits for the log, at most 8 s; the end does not
            assert w.call(token, "echo", {"text": "z"}, 5)[0] != "ok"
        task, token = w.open_task()
        wait_for("allowed again", lambda: w.call(token, "echo", {"text": "x"}) == ("ok", "x"), 5)


def a_stopped_signer_issues_nothing():
    with World(AMBITD) as w:
        task, token = w.open_task()
        with stopped(w.roles()["signer"]):
            assert w.call(token, "echo", {"text": "x"}) == ("ok", "x")
            (status, answer), seconds = timed(w.op, "task/open", {
                "agent": "bot", "purpose": "x", "envelope": {"tools": ["t/*"]}, "ttl_seconds": 60}, kind="agent", timeout=8)
            # The task may be there; what counts is that no token is, and that nobody waits for long (F13).
            assert (status >= 500 or not answer["token"]) and seconds < 3, (status, answer, seconds)
        assert w.open_task()[1]


def stopped_attest_lets_nobody_in():
    with World(AMBITD) as w:
        task, token = w.open_task()
        with stopped(w.roles()["attest"]):
            try:
                kind = w.call(token, "echo", {"text": "x"}, 4)
            except OSError as e:
                kind = ("error", e)
            assert kind[0] != "ok", kind
        wait_for("let in again", lambda: w.call(token, "echo", {"text": "x"}) == ("ok", "x"), 5)


def a_full_disk_denies_and_recovers():
    if os.getuid() != 0:
        raise Skip("not root")
    w = World(AMBITD)
    os.mkdir(w.data)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=0700", "none", w.data], capture_output=True).returncode:
        raise Skip("tmpfs can not be mounted here")
    try:
        with w:
            task, token = w.open_task()
            assert w.call(token, "echo", {"text": "x"}) == ("ok", "x")
            hog = w.data + "/hog"
            with open(hog, "wb", buffering=0) as f:
                try:
                    while True:
                        f.write(b"\0" * 4096)
                except OSError:
                    pass
            def refused():
                kind = w.call(token, "echo", {"text": "y"}, 5)
                return kind[0] in ("denied", "http") and kind

            answer = wait_for("denied", refused, 10)
            assert answer[0] == "http" or answer[1] == "audit_unavailable", answer
            assert w.request("agent", "GET", "/healthz")[0] == 200
            assert w.op("task/show", {"task": task})[0] == 200
            # The reserve lets an end be written down.
            other = w.op("kill/run", {"kind": "task", "name": task}, timeout=10)
            assert other[0] == 200, other
            assert w.call(token, "echo", {"text": "z"}, 5)[0] != "ok"
            os.unlink(hog)

            def works():
                status, a = w.op("task/open", {"agent": "bot", "purpose": "x", "envelope": {"tools": ["t/*"]}, "ttl_seconds": 60}, "agent")
                return status == 200 and w.call(a["token"], "echo", {"text": "x"}, 5) == ("ok", "x")

            wait_for("allowed again", works, 10)
            assert w.ask("task/show", {"task": task})["state"] == "revoked"
            assert w.ask("audit/verify")["ok"]
    finally:
        subprocess.run(["umount", "-l", w.data], capture_output=True)


class Load:
    """Agents at work: what was answered with success, and when which task was ended."""

    def __init__(self, w, n):
        self.w, self.lock, self.stop = w, threading.Lock(), False
        self.successes, self.tasks, self.ended, self.problems = [], [], {}, []
        self.count = 0
        self.threads = [threading.Thread(target=self.agent, args=(i,), daemon=True) for i in range(n)]
        for t in self.threads:
            t.start()

    def try_task(self):
        try:
            status, a = self.w.op("task/open", {"agent": "bot", "purpose": "load", "envelope": {"tools": ["t/*"]}, "ttl_seconds": 3600},
                                  "agent", 5)
            return (a["task"]["id"], a["token"]) if status == 200 and a["token"] else None
        except Exception:
            return None

    def agent(self, i):
        rnd, n = random.Random(i), 0
        while not self.stop:
            opened = self.try_task()
            if not opened:
                time.sleep(0.05)
                continue
            task, token = opened
            with self.lock:
                self.tasks.append(task)
            for _ in range(rnd.randrange(5, 60)):
                if self.stop:
                    break
                n += 1
                ref = f"r{i}-{n}"
                begun = time.monotonic()
                if self.w.call(token, "echo", {"text": ref}, 5, ref=ref) == ("ok", ref):
                    self.successes.append((ref, task, begun))
            self.end(task, token, rnd)

    def end(self, task, token, rnd):
        """Kills the task; what was answered with 200 must hold for ever."""
        try:
            status, _ = self.w.op("kill/run", {"kind": "task", "name": task}, timeout=5)
        except Exception:
            return
        if status == 200:
            self.ended[task] = time.monotonic()
            if self.w.call(token, "echo", {"text": "late"}, 5)[0] == "ok":
                self.problems.append(f"{task} acted after its end")

    def finish(self):
        self.stop = True
        for t in self.threads:
            t.join(30)


def nothing_wrong_through_many_deaths():
    rnd = random.Random(int(os.environ.get("AMBIT_SEED", "1")))
    with World(AMBITD) as w:
        load = Load(w, 3)
        for n in range(KILLS):
            victims = list(w.roles().items())
            if rnd.random() < 0.1:
                chosen = victims
            else:
                chosen = [rnd.choice(victims)] if victims else []
            for _, pid in chosen:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(rnd.random() * 0.3)
            assert w.process.poll() is None, "the supervisor died: " + w.log()[-1000:]
        w.all_up(10)
        time.sleep(1)
        load.finish()
        assert not load.problems, load.problems[:5]
        assert len(load.successes) > KILLS / 4, f"only {len(load.successes)} calls came through"
        assert w.ask("audit/verify", seconds=30)["ok"]
        events = w.events()
        allowed = {e.get("correlation"): e for e in events if e["type"] == "decision.allowed"}
        for ref, task, _ in load.successes:
            assert ref in allowed, f"{ref} was allowed without its event"
            assert allowed[ref]["task"] == task
        # Ended is ended, in the log too: no allow after the end of its task.
        over = {}
        for e in events:
            if e["type"] in ("task.ended", "task.revoked", "task.killed", "task.ending"):
                over.setdefault(e.get("task"), e["seq"])
            elif e["type"] == "decision.allowed":
                assert e["task"] not in over, f"allowed after the end: {e}"
        for task in load.ended:
            state = w.ask("task/show", {"task": task})["state"]
            assert state not in ("active", "pending", "requested"), (task, state)
        for task in load.tasks:
            if w.ask("task/show", {"task": task})["state"] == "active":
                w.ask("kill/run", {"kind": "task", "name": task})
        wait_for("no tool process is left", lambda: not w.jailed(), 15)
        print(f"# {KILLS} deaths, {len(load.successes)} calls, {len(load.tasks)} tasks, {len(events)} events", flush=True)


sys.exit(tap([a_call_is_allowed_after_any_role_died, a_call_in_flight_when_core_dies_is_unknown, a_killed_task_leaves_nothing,
              a_stopped_store_denies, a_stopped_signer_issues_nothing, stopped_attest_lets_nobody_in,
              a_full_disk_denies_and_recovers, nothing_wrong_through_many_deaths]))
