"""What decisions, tool calls, kills and an idle server cost, all roles together; beside Cerbos and a bare epoll server.

usage: edge_bench.py AMBITD AMBIT HTTP_LOAD EPOLL_BASE MCP_UPSTREAM CORE_BENCH [PART...]
       parts: decisions gateway kills idle restart, and tasks100000, tasks1000000 (any number)

Starts everything itself in a directory of its own, on unix sockets and ports that the kernel chooses, and stops it by number.
Prints figures; fails only where something does not work or verdicts differ, not where something is slow.
"""
import contextlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests"))
from server import Server, UnixConnection, descendants, read, wait_for  # noqa: E402

AMBITD, AMBIT, LOAD, EPOLL, UPSTREAM, CORE = (os.path.realpath(p) for p in sys.argv[1:7])
PARTS = sys.argv[7:] or ["decisions", "gateway", "kills", "idle", "restart", "tasks100000"]
CERBOS = HERE + "/node/node_modules/@cerbos/cerbos-linux-x64/cerbos-linux-x64"
ROUNDS, SECONDS, BODY = 5, 2.0, 482
TASKS = 1000


def say(name, **values):
    print(json.dumps({"bench": name, **values}), flush=True)


def target(what, value, unit, limit, at_least=False):
    """As bench/target.h."""
    met = value >= limit if at_least else value < limit
    print(f"{'PASS' if met else 'MISS'}  {what}: {value:.2f} {unit} (target: {'at least' if at_least else 'under'} {limit:g})", flush=True)


def median(values):
    return round(statistics.median(values), 2)


def at(values, p):
    return round(sorted(values)[min(len(values) - 1, int(len(values) * p))], 2)


@contextlib.contextmanager
def process(argv, **kw):
    p = subprocess.Popen(argv, **kw)
    try:
        yield p
    finally:
        p.terminate()
        try:
            p.wait(5)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()


def policies():
    """100 policies, 10 of which look at files/read_file."""
    text = [f'permit(principal, action == Action::"other/tool{i}", resource) when {{ context.environment == "e{i}" }};' for i in range(90)]
    text += [f'forbid(principal, action == Action::"files/read_file", resource) when {{ context.input.path like "*secret{i}*" || '
             'context.task.sensitivity > 2 };' for i in range(8)]
    text += ['permit(principal in Tier::"dev", action == Action::"files/read_file", resource) when { context.environment != "prod" };',
             'permit(principal == Agent::"bench", action in Action::"effect:read", resource);']
    return "\n".join(text)


def cerbos_policy():
    """The same rules: Cerbos knows roles where Ambit knows tiers, and gets path, environment and sensitivity with the request."""
    rules = [{"actions": [f"other/tool{i}"], "effect": "EFFECT_ALLOW", "roles": ["*"],
              "condition": {"match": {"expr": f'R.attr.environment == "e{i}"'}}} for i in range(90)]
    rules += [{"actions": ["files/read_file"], "effect": "EFFECT_DENY", "roles": ["*"],
               "condition": {"match": {"expr": f'R.attr.path.contains("secret{i}") || R.attr.sensitivity > 2'}}} for i in range(8)]
    rules += [{"actions": ["files/read_file"], "effect": "EFFECT_ALLOW", "roles": ["dev"],
               "condition": {"match": {"expr": 'R.attr.environment != "prod"'}}},
              {"actions": ["files/read_file"], "effect": "EFFECT_ALLOW", "roles": ["*"], "condition": {"match": {"expr": 'P.id.startsWith("tsk_")'}}}]
    return {"apiVersion": "api.cerbos.dev/v1", "resourcePolicy": {"resource": "tool", "version": "default", "rules": rules}}


def question(task, path="/data/reports/1234/summary.txt"):
    q = {"subject": {"type": "task", "id": task, "properties": {"roles": ["dev"]}}, "action": {"name": "files/read_file"},
         "resource": {"type": "tool", "id": "files/read_file", "properties": {"path": path, "environment": "dev", "sensitivity": 0}},
         "context": {"arguments": {"path": path}, "note": ""}}
    size = len(json.dumps(q, separators=(",", ":")))
    assert size <= BODY, size
    q["context"]["note"] = "x" * (BODY - size)
    return json.dumps(q, separators=(",", ":"))


class World(Server):
    """`ambitd dev` with one agent, one enforcement point (http_load itself) and one HTTP tool server."""

    def __init__(self, upstream_port):
        super().__init__(AMBITD)
        self.port = upstream_port

    def __enter__(self):
        super().__enter__()
        self.all_up(30)
        # Named by uid alone: a program that is named as an agent's may not also speak for people.
        me = {"uid": os.getuid()}
        self.ask("apply/run", {"resources": [
            self.tier("durable"),
            {"kind": "agent", "name": "bench", "owner": "admin@dev", "tier": "dev", "identity": [me], "launch": ["admin@dev"]},
            {"kind": "agent", "name": "gate", "owner": "admin@dev", "tier": "dev", "identity": [{"uid": os.getuid(), "exe": LOAD}],
             "enforcement_point": True, "servers": ["files"]},
            self.server("files", "read_file", "hang"), self.server("other", *[f"tool{i}" for i in range(90)])]})
        tools = wait_for("tools", lambda: [t for t in self.ask("tool/list", {"all": True})["items"] if t["server"] == "files"], 20)
        for t in tools:
            self.ask("tool/review", {"tool": t["name"], "definition": t["definition"], "reason": "bench"})
        self.ask("apply/run", {"resources": [{"kind": "policy", "name": "bench", "text": policies()},
                                             {"kind": "policy", "name": "hang", "text": 'permit(principal, action == Action::"files/hang", resource);'}]})
        return self

    @staticmethod
    def tier(audit):
        return {"kind": "tier", "name": "dev", "calls_per_minute": 1000000, "max_calls": 1000000000, "audit": audit}

    def server(self, name, *tools):
        mapped = {"read_file": {"resource": 'Path::"{path:input.path}"'}}
        return {"kind": "server", "name": name, "transport": "http", "url": f"http://127.0.0.1:{self.port}/mcp",
                "tools": [{"name": t, "effect": "read", **mapped.get(t, {})} for t in tools]}

    def ask(self, path, params=None, kind="people"):
        def once():
            status, answer = self.op(path, params, kind=kind, timeout=20)
            assert status in (200, 503), (path, status, answer)
            return [answer] if status == 200 else None
        return wait_for(path, once, 20)[0]

    def audit(self, how):
        self.ask("apply/run", {"resources": [self.tier(how)]})

    def task(self):
        a = self.ask("task/open", {"agent": "bench", "purpose": "bench", "environment": "dev", "ttl_seconds": 3600,
                                   "envelope": {"tools": ["files/*"]}}, kind="agent")
        return a["task"]["id"], a["token"]

    def pids(self):
        return [self.process.pid, *descendants(self.process.pid)]


# ---- decisions --------------------------------------------------------------------------------------------------------


def load(address, pids, connections=64, body=None, seconds=SECONDS):
    flags = [f for p in pids for f in ("-P", str(p))]
    r = subprocess.run([LOAD, "-c", str(connections), "-t", str(seconds), "-b", body, *flags, address, "/access/v1/evaluation"],
                       capture_output=True, text=True, timeout=seconds + 30)
    if r.returncode:
        raise AssertionError(f"{address}: {r.stdout} {r.stderr}")
    return json.loads(r.stdout)


def post(path, body):
    c = UnixConnection(path, 10)
    try:
        c.request("POST", "/access/v1/evaluation", body, {"Content-Type": "application/json"})
        return json.loads(c.getresponse().read())
    finally:
        c.close()


@contextlib.contextmanager
def cerbos(home):
    if not os.path.exists(CERBOS):
        print("# Cerbos is not installed (tools/setup): no comparison", flush=True)
        yield None
        return
    os.mkdir(home + "/policies")
    with open(home + "/policies/tool.json", "w") as f:
        json.dump(cerbos_policy(), f)
    with open(home + "/cerbos.json", "w") as f:
        json.dump({"server": {"httpListenAddr": f"unix:{home}/cerbos.sock", "grpcListenAddr": f"unix:{home}/grpc.sock"},
                   "storage": {"driver": "disk", "disk": {"directory": home + "/policies", "watchForChanges": False}},
                   "audit": {"enabled": False}, "telemetry": {"disabled": True}}, f)
    with open(home + "/cerbos.log", "w") as log, process([CERBOS, "server", "--config", home + "/cerbos.json", "--log-level=error"],
                                                        stdout=log, stderr=log) as p:
        def up():
            assert p.poll() is None, read(home + "/cerbos.log")
            return os.path.exists(home + "/cerbos.sock")
        wait_for("Cerbos", up, 20)
        time.sleep(0.5)
        yield p, home + "/cerbos.sock"


def counts(s, task):
    t = s.ask("task/show", {"task": task})
    return t["calls"], t["denied"]


def decisions(s):
    tasks = [s.task()[0] for _ in range(TASKS)]
    body = s.home + "/question"
    with open(body, "w") as f:
        f.write(question(tasks[0]))
    agent = s.socket_path("agent")
    with cerbos(s.home) as c, process([EPOLL, f"unix:{s.home}/epoll.sock"], stdout=subprocess.DEVNULL) as e:
        # The same question about the same task from its own agent: both allow, and both deny what policy forbids.
        own, token = s.task()
        for path, wanted in (("/data/reports/1234/summary.txt", True), ("/data/secret3/x", False)):
            q = question(own, path)
            status, answer = s.request("agent", "POST", "/access/v1/evaluation", json.loads(q), headers={"Authorization": "Bearer " + token})
            assert status == 200 and answer["decision"] is wanted, (status, answer)
            if c:
                assert post(c[1], q)["decision"] is wanted, path
        wait_for("epoll_base", lambda: os.path.exists(s.home + "/epoll.sock"))
        runs = {"epoll": [], "cerbos": [], "buffered": [], "durable": []}
        for n in range(ROUNDS + 1):
            found = {"epoll": load(f"unix:{s.home}/epoll.sock", [e.pid], body=body)}
            if c:
                found["cerbos"] = load("unix:" + c[1], [c[0].pid], body=body)
            for how in ("buffered", "durable"):
                s.audit(how)
                with open(body, "w") as f:      # another task: none may reach its calls per minute
                    f.write(question(task := tasks.pop()))
                before = s.ask("audit/head")["seq"]
                found[how] = r = load("unix:" + agent, s.pids(), body=body)
                time.sleep(0.1)
                # Every answer was an allowed decision with an event of its own.
                events = s.ask("audit/head")["seq"] - before
                t = counts(s, task)
                assert events >= r["requests"] and t == (r["requests"], 0), (how, events, r["requests"], t)
            for k, v in found.items() if n else ():          # the first round warms up
                runs[k].append(v)
        s.audit("buffered")
        one = load("unix:" + agent, s.pids(), connections=1, body=body)
    table = {}
    for k, v in runs.items():
        if v:
            table[k] = {"rate": median(r["rate"] for r in v), "p50_us": median(r["p50_us"] for r in v), "p99_us": median(r["p99_us"] for r in v),
                        "cpu_us": median(sum(r["cpu_us"]) for r in v), "load_cpu_us": median(r["load_cpu_us"] for r in v)}
            say("decisions", server=k, runs=len(v), **table[k])
    names = {p: r for r, p in s.roles().items()}
    for how in ("buffered", "durable"):
        per = [median(x) for x in zip(*(r["cpu_us"] for r in runs[how]))]
        say("cpu by role", tier=how, **{names.get(p, "other%d" % i): per[i] for i, p in enumerate(s.pids()) if i < len(per) and per[i] > 0.05})
        for other in ("cerbos", "epoll"):
            if other in table:
                say("ratio", tier=how, against=other, rate=round(table[how]["rate"] / table[other]["rate"], 2),
                    cpu=round(table[other]["cpu_us"] / table[how]["cpu_us"], 2))
    for how, rate, cpu in (("buffered", 12, 18), ("durable", 8, 12)):
        if "cerbos" in table:
            target(f"{how} decisions: rate against Cerbos", table[how]["rate"] / table["cerbos"]["rate"], "times", rate, at_least=True)
            target(f"{how} decisions: CPU of Cerbos against ours", table["cerbos"]["cpu_us"] / table[how]["cpu_us"], "times", cpu, at_least=True)
    target("buffered decisions: CPU against raw epoll", table["buffered"]["cpu_us"] / table["epoll"]["cpu_us"], "times", 2.005)
    say("one connection", tier="buffered", p50_us=one["p50_us"], p99_us=one["p99_us"], cpu_us=round(sum(one["cpu_us"]), 2))
    target("one connection, buffered, p50", one["p50_us"], "us", 120)


# ---- the gateway ------------------------------------------------------------------------------------------------------


def call_bytes(target, token, tool, args):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": args}})
    head = (f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
            f"MCP-Protocol-Version: 2025-11-25\r\n" + (f"Authorization: Bearer {token}\r\n" if token else ""))
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def whole(sock):
    """One answer with Content-Length."""
    data = b""
    while True:
        part = sock.recv(65536)
        assert part, "closed: " + data.decode()
        data += part
        head, end, rest = data.partition(b"\r\n\r\n")
        if end and len(rest) >= int(re.search(rb"(?i)content-length: *(\d+)", head)[1]):
            return head, rest


def timed(sock, request, count):
    took = []
    for _ in range(count):
        begun = time.perf_counter_ns()
        sock.sendall(request)
        head, body = whole(sock)
        took.append((time.perf_counter_ns() - begun) / 1000)
        assert b" 200 " in head[:14] and b'"the file"' in body, (head, body)
    return took


def disk_sync(folder):
    """p50 of one small write and its fdatasync, in µs: what a durable answer waits for at the least."""
    took = []
    with open(folder + "/sync", "wb", buffering=0) as f:
        for _ in range(200):
            begun = time.perf_counter_ns()
            f.write(b"x" * 16384)
            os.fdatasync(f.fileno())
            took.append((time.perf_counter_ns() - begun) / 1000)
    return statistics.median(took)


def unix(path):
    c = socket.socket(socket.AF_UNIX)
    c.connect(path)
    c.settimeout(20)
    return c


def gateway(s):
    # This very process opened the task: its token is good on its own connections only.
    _, token = s.task()
    args = {"path": "/data/reports/1234/summary.txt"}
    ways = {"direct": (socket.create_connection(("127.0.0.1", s.port)), call_bytes("/mcp", None, "read_file", args)),
            "buffered": (unix(s.socket_path("agent")), call_bytes("/mcp", token, "files__read_file", args))}
    ways["direct"][0].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    ways["durable"] = ways["buffered"]
    medians, tails, syncs = {k: [] for k in ways}, {k: [] for k in ways}, []
    for n in range(ROUNDS + 1):
        for how, (sock, request) in ways.items():
            if how != "direct":
                s.audit(how)
            took = timed(sock, request, 500)
            if n:
                medians[how].append(statistics.median(took))
                tails[how].append(at(took, .99))
        syncs.append(disk_sync(s.home))
    base = statistics.median(medians["direct"])
    say("gateway", direct_p50_us=round(base, 1), disk_sync_p50_us=median(syncs), **{f"{h}_{k}": v for h in ("buffered", "durable") for k, v in
        (("p50_us", median(medians[h])), ("p99_us", median(tails[h])), ("added_p50_us", round(statistics.median(medians[h]) - base, 1)))})
    for how, limit in (("buffered", 120), ("durable", 260)):
        target(f"added to a tool call at the median, {how}", statistics.median(medians[how]) - base, "us", limit)
    for how in ("direct", "buffered"):
        ways[how][0].close()


# ---- kills ------------------------------------------------------------------------------------------------------------


class Lines:
    """What the upstream prints, as it comes."""

    def __init__(self, stream):
        self.seen, self.changed = {}, threading.Condition()
        threading.Thread(target=self.run, args=(stream,), daemon=True).start()

    def run(self, stream):
        for line in stream:
            words = line.split()
            with self.changed:
                self.seen[tuple(words[:2])] = int(words[2]) if len(words) > 2 else 1
                self.changed.notify_all()

    def get(self, key):
        with self.changed:
            assert self.changed.wait_for(lambda: key in self.seen, 10), key
            return self.seen[key]


def kills(s, lines):
    s.audit("durable")
    callers, closes, answers = [], [], []
    end = time.monotonic() + 25
    while len(callers) < 200 and time.monotonic() < end:
        mark = f"k{len(callers)}"
        task, token = s.task()
        sock = unix(s.socket_path("agent"))
        people = UnixConnection(s.socket_path("people"), 10)
        people.connect()
        sock.sendall(call_bytes("/mcp", token, "files__hang", {"mark": mark}))
        lines.get(("hangs", mark))
        told = []
        caller = threading.Thread(target=lambda: told.append((whole(sock), time.monotonic_ns())))
        caller.start()
        begun = time.monotonic_ns()
        people.request("POST", "/v1/kill/run", json.dumps({"kind": "task", "name": task, "reason": "bench"}), {"Content-Type": "application/json"})
        r = people.getresponse()
        r.read()
        answered = time.monotonic_ns()
        caller.join(10)
        assert r.status == 200 and told, (r.status, told)
        (head, body), heard = told[0]
        assert b"the file" not in body and (b'"isError":true' in body or b'"error"' in body), body
        callers.append((heard - begun) / 1e6)
        closes.append((lines.get(("closed", mark)) - begun) / 1e6)
        answers.append((answered - begun) / 1e6)
        sock.close()
        people.close()
    both = [max(a, b) for a, b in zip(callers, closes)]
    say("kill", kills=len(both), both_p50_ms=median(both), both_p99_ms=at(both, .99), caller_p99_ms=at(callers, .99),
        upstream_closed_p99_ms=at(closes, .99), answered_durably_p99_ms=at(answers, .99))
    target("a kill, to the caller's error and the upstream closed, p99", at(both, .99), "ms", 50)


# ---- at rest ----------------------------------------------------------------------------------------------------------


def idle():
    with Server(AMBITD) as s:
        s.all_up(30)
        time.sleep(1)
        names = {p: r for r, p in s.roles().items()}
        pss = {}
        for p in [s.process.pid, *descendants(s.process.pid)]:
            kib = int(re.search(r"^Pss:\s+(\d+)", read(f"/proc/{p}/smaps_rollup"), re.M)[1])
            name = names.get(p, "supervisor" if p == s.process.pid else "other")
            pss[name] = pss.get(name, 0) + kib
        say("idle", pss_mib=round(sum(pss.values()) / 1024, 1), **{k + "_kib": v for k, v in pss.items()})
        target("idle server, sum of PSS", sum(pss.values()) / 1024, "MiB", 40)
    took = []
    for _ in range(50):
        begun = time.perf_counter_ns()
        subprocess.run([AMBIT, "version"], stdout=subprocess.DEVNULL, check=True)
        took.append((time.perf_counter_ns() - begun) / 1e6)
    say("cold start", command="ambit version", p50_ms=median(took), p99_ms=at(took, .99))
    target("cold start of the command line, median", median(took), "ms", 10)


def core_again(s):
    """Seconds from the death of core until it answers."""
    core = s.roles()["core"]
    begun = time.monotonic()
    os.kill(core, 9)

    def back():
        with contextlib.suppress(OSError):
            status, _ = s.op("status/show", timeout=1)
            return status == 200 and s.roles().get("core") not in (None, core)
        return False
    wait_for("core back", back, 120)
    return time.monotonic() - begun


def restart(s):
    tasks = s.ask("status/show")["counts"]["tasks"]
    say("restart of core", tasks=tasks, ready_ms=round(core_again(s) * 1000, 1))


def rss_mib(pid):
    return int(re.search(r"^VmRSS:\s+(\d+)", read(f"/proc/{pid}/status"), re.M)[1]) / 1024


def many_tasks(count):
    """A server that starts on a database of so many active tasks."""
    home = tempfile.mkdtemp(prefix="ambit-bench-")
    try:
        os.makedirs(home + "/data/store", 0o700)
        made = subprocess.run([CORE, home + "/data/store/ambit.db", str(count)], capture_output=True, text=True, timeout=1200)
        assert made.returncode == 0, made.stdout + made.stderr
        print(made.stdout, end="", flush=True)
        s = Server(AMBITD, data=home + "/data")
        begun = time.monotonic()
        s.start(wait=False)
        try:
            def tasks():
                with contextlib.suppress(OSError, AttributeError):
                    status, answer = s.op("status/show", timeout=1)
                    return status == 200 and answer["counts"]["tasks"]
                return False
            found = wait_for("the first answer", tasks, 120)
            started = time.monotonic() - begun
            assert found == count, found
            again = core_again(s)
            rss = rss_mib(s.roles()["core"])
            say("many tasks", tasks=count, start_s=round(started, 2), core_again_s=round(again, 2), core_rss_mib=round(rss, 1),
                database_mib=round(os.path.getsize(home + "/data/store/ambit.db") / 2**20, 1))
            target(f"{count} tasks: server started and answering", started, "s", 10 if count > 100000 else 5)
            target(f"{count} tasks: core killed and answering again", again, "s", 10 if count > 100000 else 5)
            target(f"{count} tasks: core's resident memory", rss, "MiB", 1536)
        finally:
            s.stop(60)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main():
    if "idle" in PARTS:
        idle()
    for part in PARTS:
        if part.startswith("tasks"):
            many_tasks(int(part.removeprefix("tasks")))
    if not {"gateway", "kills", "decisions", "restart"} & set(PARTS):
        return
    with process([UPSTREAM, "0"], stdout=subprocess.PIPE, text=True) as up:
        port = int(up.stdout.readline())
        lines = Lines(up.stdout)
        with World(port) as s:
            for part, run in (("gateway", lambda: gateway(s)), ("kills", lambda: kills(s, lines)), ("decisions", lambda: decisions(s)),
                              ("restart", lambda: restart(s))):
                if part in PARTS:
                    run()


if __name__ == "__main__":
    main()
