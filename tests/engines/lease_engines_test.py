#!/usr/bin/env python3
"""Each engine behind the whole server, in its worker's sandbox: a lease works, and is gone with its task. lease_engines_test.py AMBITD [NAME…]"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, HERE + "/.."]

import lease_test  # noqa: E402
import mariadb_test  # noqa: E402
import redis_test  # noqa: E402
import ssh_test  # noqa: E402
from server import read, tap, wait_for  # noqa: E402


class World(lease_test.World):
    def __init__(self, engine, options, grant, root):
        self.described = {"kind": "upstream", "name": "up/one", "engine": engine, "root": {"credential": "pg"}, "options": options,
                          "templates": [{"name": "t", "ttl_seconds": 300, "grant": grant}]}
        self.root_text = root
        super().__init__(port=1)

    def upstream(self):
        with open(self.data + "/credentials/pg", "w") as f:
            f.write(self.root_text)
        return self.described

    def borrow(self):
        task, token = self.task(credentials=("up/*",))
        status, a = self.agent(token, "lease/open", {"upstream": "up/one", "template": "t"})
        assert status == 200 and "credential" in a, (status, a, read(self.home + "/out")[-2000:])
        return task, a["credential"]


def redis():
    with redis_test.Redis() as server:
        up = redis_test.Upstream(server)
        with World("redis", up.options(server.port), up.grant, up.root) as w:
            task, c = w.borrow()
            assert up.works(c)
            session = up.session(c)
            w.kill_task(task)
            wait_for("the session is cut", lambda: not session.alive(), 3)
            wait_for("the account is gone", lambda: not up.accounts(), 3)


def mariadb():
    with mariadb_test.Maria() as server:
        up = mariadb_test.Upstream(server)
        with World("mariadb", {**up.options(server.port), "event_schema": "ambit"}, up.grant, up.root) as w:
            task, c = w.borrow()
            assert up.works(c)
            session = up.session(c)
            w.kill_task(task)
            wait_for("the session is cut", lambda: not session.alive(), 3)
            wait_for("the account is gone", lambda: not up.accounts(), 3)


def ssh():
    with ssh_test.Sshd() as server:
        folder = server.home + "/lists"
        os.mkdir(folder)
        os.chmod(folder, 0o777)
        os.chmod(server.home, 0o755)
        with open(server.home + "/config") as f:
            text = f.read().replace(server.krl, folder + "/krl")
        with open(server.home + "/config", "w") as f:
            f.write(text)
        server.krl = folder + "/krl"
        with open(server.home + "/trusted", "w") as f:
            f.write(open(server.home + "/ca.pub").read())
        subprocess.run(["ssh-keygen", "-k", "-q", "-f", server.krl, "/dev/null"], check=True)
        os.chmod(server.krl, 0o666)
        server.stop()
        server.start()
        with World("ssh", {"host": "127.0.0.1", "port": server.port, "krl": server.krl}, {"principals": [server.login]}, open(server.home + "/ca").read()) as w:
            suite = ssh_test.Suite.__new__(ssh_test.Suite)
            suite.s, suite.n = server, 0
            suite.engine = type("E", (), {"folder": type("F", (), {"name": w.home})})
            task, c = w.borrow()
            assert suite.ssh(c, "echo", "hello") == "hello"
            w.kill_task(task)
            wait_for("refused", lambda: suite.ssh(c, "true") is None, 5)


if __name__ == "__main__":
    tap([f for f in (redis, mariadb, ssh) if len(sys.argv) < 3 or f.__name__ in sys.argv[2:]])
