"""A whole `ambitd dev` for tests: private directory, home and port; and TAP. Standard library only."""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROLES = ["store", "signer", "attest", "core", "tools", "engine", "local", "people", "agents"]


def wait_for(what, condition, seconds=10.0):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def alive(pid):
    """Zombies do not count."""
    try:
        return read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def children(pid):
    try:
        return [int(p) for p in read(f"/proc/{pid}/task/{pid}/children").split()]
    except OSError:
        return []


def descendants(pid):
    found = []
    for child in children(pid):
        found += [child, *descendants(child)]
    return found


class Server:
    """with Server(ambitd) as s: …"""

    def __init__(self, program, *args, data=None, env=None, command="dev"):
        self.program = program
        self.home = tempfile.mkdtemp(prefix="ambit-test-", dir="/tmp")
        self.data = data or self.home + "/data"
        self.args = list(args)
        self.command = command
        self.env = {"HOME": self.home, "PATH": os.environ["PATH"], "LEAK": "secret", **(env or {})}
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def argv(self):
        own = ["--data", self.data, "--port", "0"] if self.command == "dev" else []
        return [self.program, self.command, *own, *self.args]

    def start(self, wait=True):
        self.out = open(self.home + "/out", "w")
        self.err = open(self.home + "/err", "a")
        self.process = subprocess.Popen(self.argv(), stdout=self.out, stderr=self.err, env=self.env)
        if wait:
            wait_for("ready", lambda: "ready in" in self.banner() or self.process.poll() is not None, 60)
            if self.process.poll() is not None:
                raise AssertionError("ambitd ended: " + self.log()[-2000:])

    def banner(self):
        return read(self.home + "/out")

    def log(self):
        return read(self.home + "/err")

    def stop(self, seconds=15):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for f in (self.out, self.err):
            f.close()
        found = re.search(r".*(AddressSanitizer|LeakSanitizer|runtime error:).*", self.log())
        assert not found, found.group(0)
        return self.process.returncode

    def roles(self):
        """{role: pid}, of those that run now."""
        found = {}
        for pid in children(self.process.pid):
            try:
                argv = read(f"/proc/{pid}/cmdline").split("\0")
            except OSError:
                continue
            if len(argv) > 3 and argv[1] == "-x" and alive(pid):
                found[argv[2]] = pid
        return found

    def all_up(self, seconds=10):
        """Every role runs and has closed its sandbox."""
        def check():
            r = self.roles()
            return r if set(r) == set(ROLES) and all("Seccomp:\t2" in read(f"/proc/{p}/status") for p in r.values()) else None

        return wait_for("all roles up", check, seconds)

    def socket_path(self, kind):
        return f"{self.data}/run/{kind}/{kind}.sock"

    def request(self, kind, method, path, body=None, timeout=10.0, headers=None):
        """(status, parsed JSON or text) over the agent or people socket."""
        c = UnixConnection(self.socket_path(kind), timeout)
        try:
            text = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
            c.request(method, path, text, {"Content-Type": "application/json", **(headers or {})} if text else headers or {})
            r = c.getresponse()
            data = r.read().decode()
            return r.status, json.loads(data) if r.headers.get_content_type() == "application/json" and data else data
        finally:
            c.close()

    def op(self, path, params=None, kind="people", timeout=10.0):
        return self.request(kind, "POST", "/v1/" + path, params or {}, timeout)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Skip(Exception):
    pass


def tap(tests):
    """Runs the functions and prints TAP; the process's exit code."""
    print(f"1..{len(tests)}", flush=True)
    bad = 0
    only = sys.argv[2:]
    for n, test in enumerate(tests, 1):
        name = test.__name__
        if only and name not in only:
            print(f"ok {n} - {name} # SKIP not asked for")
            continue
        try:
            test()
            print(f"ok {n} - {name}", flush=True)
        except Skip as e:
            print(f"ok {n} - {name} # SKIP {e}", flush=True)
        except Exception as e:  # whatever it is, the test failed
            bad += 1
            where = e.__traceback__
            while where.tb_next:
                where = where.tb_next
            print(f"not ok {n} - {name}\n# {type(e).__name__}: {re.sub(chr(10), chr(10) + '# ', str(e))}"
                  f"\n# {where.tb_frame.f_code.co_filename}:{where.tb_lineno}", flush=True)
    return 1 if bad else 0
