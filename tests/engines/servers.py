"""Real upstream servers for the contract suite, each in a folder of its own, on a free loopback port or a unix socket, as an unprivileged
user where it refuses root; ended by the process that was started."""
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, fn, seconds=20):
    end, last = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            if got := fn():
                return got
        except Exception as e:  # the condition may look at something that is not there yet
            last = e
        time.sleep(0.02)
    raise AssertionError(f"never: {what} ({last})")


class Server:
    """start() and stop() may be called again; the data stays until close()."""
    user = None     # whom the server runs as when the suite is run by root

    def __init__(self):
        self.home = tempfile.mkdtemp(prefix="ambit-engine-")
        self.process = None
        self.log = self.home + "/log"
        if os.getuid() == 0 and self.user:
            who = pwd.getpwnam(self.user)
            os.chown(self.home, who.pw_uid, who.pw_gid)
            self.as_user = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
        else:
            self.as_user = {}
        self.env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": self.home, "LC_ALL": "C.UTF-8"}

    def run(self, *args, **kw):
        done = subprocess.run(args, env=self.env, cwd=self.home, capture_output=True, text=True, **self.as_user, **kw)
        assert done.returncode == 0, (args, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout

    def spawn(self, *args):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(args, env=self.env, cwd=self.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, **self.as_user)

    def stop(self, how=signal.SIGTERM):
        if self.process:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def close(self):
        try:
            self.stop(signal.SIGKILL if not getattr(self, "gentle", False) else signal.SIGTERM)
        finally:
            shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        try:
            self.prepare()
            self.start()
        except BaseException:
            if os.path.exists(self.log):
                print("#", open(self.log).read()[-3000:].replace("\n", "\n# "))
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()


class Proxy(threading.Thread):
    """Between an engine and a TCP upstream. cut_after(k): the next connections are cut after k bytes of the upstream's answers in all (or,
    with `up`, after k bytes of the requests); None lets everything pass. Counts what passes."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.left = {"up": None, "down": None}
        self.passed = {"up": 0, "down": 0}
        self.pairs = []
        self.hold_at, self.held = None, []
        self.start()

    def run(self):
        while True:
            try:
                a, _ = self.listener.accept()
            except OSError:
                return
            try:
                b = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                a.close()
                continue
            for s in (a, b):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.pairs.append((a, b))
            threading.Thread(target=self.pump, args=(a, b, "up"), daemon=True).start()
            threading.Thread(target=self.pump, args=(b, a, "down"), daemon=True).start()

    def pump(self, a, b, way):
        try:
            while data := a.recv(65536):
                with self.lock:
                    left = self.left[way]
                    if left is not None:
                        data = data[:left]
                        self.left[way] = left - len(data)
                    if way == "up" and self.hold_at is not None and self.passed[way] + len(data) > self.hold_at:
                        keep = max(0, self.hold_at - self.passed[way])
                        self.held.append((b, data[keep:]))
                        data = data[:keep]
                    self.passed[way] += len(data)
                b.sendall(data)
                if self.left[way] == 0:
                    break
        except OSError:
            pass
        if self.held and way == "up":
            return      # the upstream has not heard yet that the other end is gone
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def hold_after(self, k):
        """Keeps what is sent to the upstream after k more bytes, until release()."""
        with self.lock:
            self.passed = {"up": 0, "down": 0}
            self.hold_at = k

    def release(self):
        with self.lock:
            held, self.held, self.hold_at = self.held, [], None
        for b, data in held:
            try:
                b.sendall(data)
            except OSError:
                pass
        return sum(len(d) for _, d in held)

    def cut_after(self, k, way="down"):
        with self.lock:
            self.left = {"up": None, "down": None, way: k}
            self.passed = {"up": 0, "down": 0}

    def hang_up(self):
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for s in pair:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                s.close()

    def close(self):
        self.listener.close()
        self.hang_up()
