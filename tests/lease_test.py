#!/usr/bin/env python3
"""Leases end to end: ambitd, a real PostgreSQL, and a task that borrows an account there. lease_test.py AMBITD [NAME…]"""
import array
import glob
import json
import os
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "engines"))

from postgres_test import Postgres, Refused, Session, psql  # noqa: E402
from server import Server, Skip, alive, descendants, read, tap, wait_for  # noqa: E402

AMBITD = sys.argv[1]
AMBIT = sys.argv.pop(2) if len(sys.argv) > 2 and os.path.sep in sys.argv[2] else None
ROOT = "canary-root-credential-of-pg"
DB = None


def database():
    """One PostgreSQL for all tests; each gets a prefix of its own, so that none takes another's accounts for orphans."""
    global DB
    if not DB:
        DB = Postgres().__enter__()
        DB.sql(f"CREATE ROLE root LOGIN CREATEROLE SUPERUSER PASSWORD '{ROOT}'")
        DB.sql("CREATE TABLE orders (id int, note text); INSERT INTO orders VALUES (1, 'x'); CREATE TABLE salaries (n int)")
    return DB


class World(Server):
    """A server with one agent, one upstream and a policy that permits."""
    count = 0

    def __init__(self, port=None, **kw):
        super().__init__(AMBITD, **kw)
        World.count += 1
        self.prefix = "t%dx_" % World.count
        self.port = port or database().port

    def __enter__(self):
        os.makedirs(self.data + "/credentials", mode=0o700)
        os.chmod(self.data, 0o700)
        with open(self.data + "/credentials/pg", "w") as f:
            f.write(ROOT + "\n")
        os.chmod(self.data + "/credentials/pg", 0o600)
        super().__enter__()
        self.all_up()
        self.ask("apply/run", {"resources": [
            {"kind": "agent", "name": "bot", "owner": "admin@dev", "tier": "t", "identity": [{"uid": os.getuid()}], "launch": ["admin@dev"]},
            {"kind": "tier", "name": "t", "calls_per_minute": 1000000, "max_calls": 1000000},
            {"kind": "policy", "name": "all", "text": "permit(principal, action, resource);"},
            self.upstream()]})
        return self

    def upstream(self):
        return {"kind": "upstream", "name": "pg/staging", "engine": "postgres", "root": {"credential": "pg"},
                "options": {"host": "127.0.0.1", "port": self.port, "user": "root", "database": "postgres", "tls": "off", "prefix": self.prefix},
                "templates": [{"name": "read", "effect": "read", "ttl_seconds": 300, "max_ttl_seconds": 3600,
                               "grant": {"schemas": [{"schema": "public", "tables": ["orders"], "privileges": ["select"]}]}},
                              {"name": "make", "ttl_seconds": 300, "grant": {"schemas": [{"schema": "public", "create": True}]}}]}

    def ask(self, path, params=None, **kw):
        status, answer = wait_for(path, lambda: (r := self.op(path, params, timeout=60, **kw)) and r[0] != 503 and r, 20)
        assert status == 200 and "error" not in answer, (path, status, answer)
        return answer

    def task(self, ttl=600, credentials=("pg/*",)):
        a = self.ask("task/open", {"agent": "bot", "purpose": "test", "ttl_seconds": ttl,
                                   "envelope": {"tools": [], "credentials": list(credentials)}}, kind="agent")
        return a["task"]["id"], a["token"]

    def agent(self, token, path, params, timeout=60, fd=False):
        headers = {"Authorization": "Bearer " + token, **({"Ambit-Credential": "fd"} if fd else {})}
        return self.request("agent", "POST", "/v1/" + path, params, timeout, headers)

    def lease(self, token, template="read", **kw):
        status, a = self.agent(token, "lease/open", {"upstream": "pg/staging", "template": template, **kw})
        assert status == 200 and "credential" in a, (status, a)
        return a["lease"]["lease"], a["credential"]

    def accounts(self):
        names = database().sql(f"SELECT coalesce(string_agg(rolname, ','), '') FROM pg_roles WHERE starts_with(rolname, '{self.prefix}')")
        return set(filter(None, names.split(",")))

    def gone(self, what="the account is gone", seconds=1.0):
        wait_for(what, lambda: not self.accounts(), seconds)

    def kill_task(self, task):
        return self.ask("kill/run", {"kind": "task", "name": task})


def refused(credential):
    try:
        psql(credential, "SELECT 1")
    except Refused:
        return True
    return False


def cut(session):
    """Is the open session gone?"""
    return not session.alive()


def a_credential_works_within_its_scope_and_dies_with_its_task():
    with World() as w:
        task, token = w.task()
        lease, c = w.lease(token)
        assert w.accounts() == {c["username"]} and c["username"].startswith(w.prefix), (w.accounts(), c["username"])
        assert psql(c, "SELECT note FROM orders") == "x"
        for text in ("INSERT INTO orders VALUES (2, 'y')", "SELECT * FROM salaries", "CREATE TABLE mine (n int)", "CREATE ROLE other"):
            try:
                psql(c, text)
                raise AssertionError("allowed: " + text)
            except Refused:
                pass
        end = database().sql(f"SELECT extract(epoch FROM rolvaliduntil)::bigint - extract(epoch FROM now())::bigint FROM pg_roles WHERE rolname = '{c['username']}'")
        assert 200 < int(end) <= 300, end
        listed = w.ask("lease/list")["items"]
        assert [x["lease"] for x in listed] == [lease] and listed[0]["account"] == c["username"], listed
        with_session = Session(c)
        assert with_session.alive()
        began = time.monotonic()
        status, _ = w.agent(token, "task/complete", {})
        assert status == 200
        w.gone()
        assert refused(c) and cut(with_session)
        assert time.monotonic() - began < 2
        receipt = w.ask("task/receipt", {"task": task})
        assert [(x["lease"], x["state"]) for x in receipt["leases"]] == [(lease, "revoked")], receipt["leases"]


def killed_and_expired():
    with World() as w:
        task, token = w.task()
        _, c = w.lease(token)
        s = Session(c)
        answer = w.kill_task(task)
        w.gone()
        assert refused(c) and cut(s)
        state = w.ask("revocation/list", {"revocation": answer["revocation"]})["items"][0]
        assert state["state"] == "confirmed" and state["targets"][0]["target"].startswith("lse_"), state
        _, token = w.task(ttl=3)
        _, c = w.lease(token)
        s = Session(c)
        w.gone("expired", 4.5)
        assert refused(c) and cut(s)
        _, token = w.task()
        _, c = w.lease(token, ttl_seconds=2)
        w.gone("its own end", 3.5)


def what_it_made_goes_with_it():
    with World() as w:
        task, token = w.task()
        _, c = w.lease(token, "make")
        psql(c, "CREATE TABLE made_by_agent (n int); CREATE FUNCTION f_by_agent() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        w.kill_task(task)
        w.gone(seconds=2)
        assert database().sql("SELECT count(*) FROM pg_class WHERE relname = 'made_by_agent'") == "0"


def refused_asks_make_nothing():
    with World() as w:
        _, token = w.task(credentials=["other/*"])
        status, a = w.agent(token, "lease/open", {"upstream": "pg/staging", "template": "read"})
        assert status == 403 and a["error"]["code"] == "outside_envelope", a
        _, token = w.task()
        for params, code in (({"upstream": "pg/none"}, "not_found"), ({"upstream": "pg/staging", "template": "read", "ttl_seconds": 100000}, "bad_request")):
            status, a = w.agent(token, "lease/open", params)
            assert a["error"]["code"] == code, a
        w.ask("apply/run", {"resources": [{"kind": "policy", "name": "no", "text": 'forbid(principal, action == Action::"lease/pg/staging.read", resource);'}]})
        status, a = w.agent(token, "lease/open", {"upstream": "pg/staging", "template": "read"})
        assert status == 403 and a["error"]["code"] == "policy_denied" and "DENIED by Ambit" in a["verdict"]["text"], a
        assert not w.accounts()
        status, a = w.request("agent", "POST", "/v1/lease/open", {"upstream": "pg/staging"})
        assert status in (401, 403), (status, a)


def it_comes_as_a_descriptor():
    with World() as w:
        _, token = w.task()
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(30)
        s.connect(w.socket_path("agent"))
        body = json.dumps({"upstream": "pg/staging", "template": "read"}).encode()
        s.sendall(b"POST /v1/lease/open HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token.encode() +
                  b"\r\nAmbit-Credential: fd\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        data, fds = b"", array.array("i")
        while b"\r\n\r\n" not in data or b'"credential_fd":true' not in data:
            part, control, _, _ = s.recvmsg(65536, socket.CMSG_LEN(16))
            assert part, data
            data += part
            for level, kind, value in control:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds.frombytes(value[:len(value) - len(value) % fds.itemsize])
        assert len(fds) == 1, data
        secret = json.loads(os.pread(fds[0], 65536, 0))
        assert secret["credential"]["password"].encode() not in data
        assert psql(secret["credential"], "SELECT 1") == "1"
        assert secret["env"]["PGUSER"] == secret["credential"]["username"] and secret["secret"] == ["password"], secret["env"]
        os.close(fds[0])
        s.close()


def renewal_moves_the_end_but_not_past_the_task():
    with World() as w:
        _, token = w.task(ttl=100)
        lease, c = w.lease(token, ttl_seconds=20)
        status, a = w.agent(token, "lease/renew", {"lease": lease, "ttl_seconds": 900})
        assert status == 200 and a["lease"] == lease, a
        end = int(database().sql(f"SELECT extract(epoch FROM rolvaliduntil)::bigint - extract(epoch FROM now())::bigint FROM pg_roles WHERE rolname = '{c['username']}'"))
        assert 80 < end <= 100, end
        _, other = w.task()
        status, a = w.agent(other, "lease/revoke", {"lease": lease})
        assert status == 404, a
        status, a = w.agent(token, "lease/revoke", {"lease": lease})
        assert status == 200, a
        w.gone()


def crashes_forget_nothing():
    with World() as w:
        _, token = w.task()
        lease, c = w.lease(token)
        s = Session(c)
        for role in ("core", "engine", "store"):
            os.kill(w.roles()[role], signal.SIGKILL)
            w.all_up()
            wait_for("core answers", lambda: w.op("lease/list")[0] == 200, 10)
            assert [x["state"] for x in w.ask("lease/list")["items"]] == ["active"], role
            assert s.alive(), role
        pids = descendants(w.process.pid)
        w.process.kill()
        w.process.wait()
        wait_for("all dead", lambda: not [p for p in pids if alive(p)], 10)
        w.start()
        w.all_up()
        task = w.ask("lease/list")["items"][0]["task"]
        assert s.alive()
        w.kill_task(task)
        w.gone(seconds=2)
        assert cut(s)


def an_orphan_is_found_and_removed():
    with World() as w:
        name = w.prefix + "0123456789ab"
        database().sql(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
        database().sql("CREATE ROLE bystander LOGIN PASSWORD 'x'")
        w.ask("upstream/reconcile", {"upstream": "pg/staging"})
        w.gone("the orphan", 5)
        assert database().sql("SELECT count(*) FROM pg_roles WHERE rolname = 'bystander'") == "1"
        database().sql("DROP ROLE bystander")
        assert any(e["type"] == "lease.orphan" and e["account"] == name for e in w.ask("audit/list", {"newest_first": True})["items"])


def upstream_down_during_revoke():
    db = database()
    with World() as w:
        task, token = w.task()
        w.lease(token)
        db.stop()
        try:
            answer = w.kill_task(task)
            wait_for("unconfirmed", lambda: w.ask("revocation/list", {"revocation": answer["revocation"]})["items"][0]["state"] == "unconfirmed", 20)
            item = w.ask("lease/list", {"revoking": True})["items"][0]
            assert item["state"] == "revoking" and item["attempts"] >= 1 and item["error"] == "unavailable", item
            status, a = w.agent(w.task()[1], "lease/open", {"upstream": "pg/staging", "template": "read"})
            assert status == 503, (status, a)
        finally:
            db.start()
        w.gone("gone after recovery", 30)
        wait_for("confirmed", lambda: w.ask("revocation/list", {"revocation": answer["revocation"]})["items"][0]["state"] == "confirmed", 5)


def the_secret_is_nowhere_else():
    """R14: neither the lease's password nor the root credential is in a log, an event, an argument, an environment or a foreign process."""
    with World() as w:
        task, token = w.task()
        _, c = w.lease(token)
        password = c["password"].encode()
        w.kill_task(task)
        w.gone()
        pids = [w.process.pid, *descendants(w.process.pid)]
        workers = {p for p in pids if read(f"/proc/{p}/status").split("PPid:\t")[1].split("\n")[0] not in {str(w.process.pid), "1"}}
        for pid in pids:
            for name in ("cmdline", "environ"):
                data = open(f"/proc/{pid}/{name}", "rb").read()
                assert password not in data and ROOT.encode() not in data, (pid, name)
            argv = read(f"/proc/{pid}/cmdline").split("\0")
            for needle in (password, ROOT.encode()):
                held = memory_holds(pid, needle)
                engine_child = argv[2:3] == ["engine"] and pid not in w.roles().values()
                assert not held or engine_child, (pid, argv, needle == password)
        for path in [w.home + "/err", w.home + "/out", *glob.glob(w.data + "/**", recursive=True)]:
            if os.path.isfile(path) and not path.endswith("/credentials/pg"):
                data = open(path, "rb").read()
                assert password not in data and ROOT.encode() not in data, path
        assert password not in open(database().log, "rb").read()
        assert workers


def memory_holds(pid, needle):
    if os.getuid() != 0:
        return False
    try:
        maps = open(f"/proc/{pid}/maps").read().splitlines()
        with open(f"/proc/{pid}/mem", "rb", 0) as mem:
            for line in maps:
                span, perms = line.split()[:2]
                if not perms.startswith("rw"):
                    continue
                a, b = (int(x, 16) for x in span.split("-"))
                try:
                    mem.seek(a)
                    if needle in mem.read(b - a):
                        return True
                except (OSError, ValueError, OverflowError):
                    pass
    except OSError:
        pass
    return False


def tests_and_inventory():
    with World() as w:
        a = w.ask("upstream/test", {"upstream": "pg/staging"})
        assert a["ok"] and a["native_end"], a
        names = {x["account"]: x["concerns"] for x in w.ask("upstream/inventory", {"upstream": "pg/staging"})["accounts"]}
        assert "admin" in names["admin"] and "never_expires" in names["admin"] and "root" in names["root"], names
        listed = w.ask("upstream/list")["items"][0]
        assert listed["name"] == "pg/staging" and listed["templates"] == ["read", "make"] and listed["state"] == "ready", listed
        assert ROOT not in json.dumps(w.ask("resource/show", {"kind": "upstream", "name": "pg/staging"}))
        with open(w.data + "/credentials/pg", "w") as f:
            f.write("wrong")
        w.ask("apply/run", {"resources": [{**w.upstream(), "options": {**w.upstream()["options"], "database": "template1"}}]})
        status, a = w.op("upstream/test", {"upstream": "pg/staging"}, timeout=60)
        assert status == 403 and a["error"]["code"] == "not_permitted", (status, a)


def the_command_line_lends():
    """ambit run … -- ambit lease … -- psql: the credential is in that one program's environment, and dies with the task."""
    if not AMBIT:
        raise Skip("no command line given")
    with World() as w:
        env = {**os.environ, "HOME": w.home, "AMBIT_SOCKET": w.socket_path("agent"), "AMBIT_PEOPLE_SOCKET": w.socket_path("people")}

        def run(*args, **kw):
            return subprocess.run([AMBIT, *args], env=env, capture_output=True, text=True, timeout=90, **kw)

        inside = ["run", "--agent", "bot", "--task", "look", "--credential", "pg/*", "--"]
        done = run(*inside, AMBIT, "lease", "pg/staging.read", "--", "psql", "-XqtA", "-c", "SELECT note, current_user FROM orders")
        assert done.returncode == 0 and done.stdout.startswith("x|" + w.prefix), (done.returncode, done.stdout, done.stderr)
        w.gone(seconds=3)
        done = run(*inside, "sh", "-c", f'eval "$({AMBIT} lease pg/staging --template read --env)" && psql -XqtA -c "SELECT 1" && {AMBIT} lease list -o json')
        assert done.returncode == 0 and done.stdout.startswith("1\n") and '"active"' in done.stdout, (done.stdout, done.stderr)
        done = run(*inside, AMBIT, "lease", "pg/none", "-o", "json")
        assert done.returncode == 7, (done.returncode, done.stderr)
        done = run("run", "--agent", "bot", "--task", "look", "--credential", "other/*", "--", AMBIT, "lease", "pg/staging.read")
        assert done.returncode == 3, (done.returncode, done.stderr)
        done = run("upstream", "list")
        assert "pg/staging" in done.stdout and "ready" in done.stdout, done.stdout
        assert run("upstream", "test", "pg/staging").returncode == 0
        w.gone(seconds=3)


if __name__ == "__main__":
    try:
        code = tap([a_credential_works_within_its_scope_and_dies_with_its_task, killed_and_expired, what_it_made_goes_with_it,
                    refused_asks_make_nothing, it_comes_as_a_descriptor, renewal_moves_the_end_but_not_past_the_task, crashes_forget_nothing,
                    an_orphan_is_found_and_removed, upstream_down_during_revoke, the_secret_is_nowhere_else, tests_and_inventory, the_command_line_lends])
    finally:
        if DB:
            DB.close()
    sys.exit(code)
