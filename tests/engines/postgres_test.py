#!/usr/bin/env python3
"""The PostgreSQL engine against a real server: engines/postgres_test.py ENGINE-CONTRACT"""
import glob
import os
import signal
import subprocess
import sys

import contract
from contract import Engine, lease_id, refused
from servers import Server, free_port, until


class Postgres(Server):
    user = "postgres"
    gentle = True

    def prepare(self):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        assert found, "PostgreSQL is not installed: run tools/setup"
        self.bin, self.port, self.data = found[-1], free_port(), self.home + "/data"
        with open(self.home + "/pw", "w") as f:
            f.write("canary-superuser")
        os.chmod(self.home + "/pw", 0o644)
        self.run(self.bin + "/initdb", "-D", self.data, "-U", "admin", "-A", "scram-sha-256", "--pwfile", self.home + "/pw", "-N", "-E", "UTF8")
        with open(self.data + "/postgresql.conf", "a") as f:
            f.write("listen_addresses = '127.0.0.1'\nport = %d\nunix_socket_directories = '%s'\nfsync = off\nlog_statement = 'all'\n"
                    "max_prepared_transactions = 5\nshared_buffers = '16MB'\nmax_connections = 40\n" % (self.port, self.home))

    def start(self):
        self.spawn(self.bin + "/postgres", "-D", self.data)
        until("PostgreSQL answers", lambda: self.sql("SELECT 1") == "1")

    def stop(self, how=signal.SIGINT):   # SIGINT: fast shutdown
        super().stop(signal.SIGINT)

    def sql(self, text, db="postgres"):
        return psql({"host": "127.0.0.1", "port": str(self.port), "username": "admin", "password": "canary-superuser", "database": db}, text)


def env_of(f):
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "PGHOST": f["host"], "PGPORT": f["port"], "PGUSER": f["username"],
            "PGPASSWORD": f["password"], "PGDATABASE": f["database"], "PGCONNECT_TIMEOUT": "5"}


class Refused(Exception):
    pass


def psql(f, text):
    done = subprocess.run(["psql", "-XqtA", "-v", "ON_ERROR_STOP=1", "-c", text], env=env_of(f), capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout.strip()


class Session:
    """A psql that stays."""

    def __init__(self, f):
        self.p = subprocess.Popen(["psql", "-XqtA"], env=env_of(f), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self.run("SELECT 'here'") == "here"

    def run(self, text):
        try:
            self.p.stdin.write(text + ";\n")
            self.p.stdin.flush()
            return self.p.stdout.readline().strip()
        except (BrokenPipeError, OSError):
            return ""

    def alive(self):
        return self.run("SELECT 1") == "1"

    def close(self):
        self.p.kill()
        self.p.wait()
        self.p.stdin.close()
        self.p.stdout.close()


class Upstream:
    name = "postgres"
    rotates = True
    cuts = 20 if not os.environ.get("EVERY_BYTE") else 100000
    make_server = Postgres
    grant = {"database": "app", "connections": 4,
             "schemas": [{"schema": "sales", "tables": ["orders"], "privileges": ["select", "insert"], "sequences": ["*"]}]}

    def __init__(self, server):
        self.server, self.port, self.root = server, server.port, "canary-root"
        server.sql("CREATE ROLE ambit_root SUPERUSER LOGIN PASSWORD 'canary-root'")
        server.sql("CREATE ROLE shared_team LOGIN PASSWORD 'x'")
        server.sql("CREATE DATABASE app")
        server.sql("CREATE DATABASE other")
        server.sql("CREATE SCHEMA sales; CREATE TABLE sales.orders(id serial, v text); CREATE TABLE sales.secret(v text); CREATE TABLE public.t(v text);"
                   "GRANT INSERT, SELECT ON public.t TO PUBLIC; CREATE SCHEMA work", "app")
        self.hard = [("owned objects are dropped in every database", owned_objects), ("what others built on it is kept", kept_objects),
                     ("changed password, SET ROLE and grants of itself do not outlive it", clings_on),
                     ("a prepared transaction is rolled back", prepared), ("administrator's rights by a template are refused", no_admin),
                     ("an ordinary root account suffices", ordinary_root), ("logins end by themselves", native_end),
                     ("renewal moves the end", renewal), ("an object in use is reported, the access cut all the same", object_in_use),
                     ("a dropped role's reader of PUBLIC tables is cut", dangling)]

    def options(self, port):
        return {"host": "127.0.0.1", "port": port, "user": "ambit_root", "tls": "off"}

    def works(self, f):
        return psql(f, "INSERT INTO sales.orders(v) VALUES ('x'); SELECT count(*) > 0 FROM sales.orders") == "t"

    def out_of_scope(self, f):
        for text in ("SELECT * FROM sales.secret", "DELETE FROM sales.orders", "CREATE TABLE sales.mine()", "CREATE ROLE more",
                     "ALTER ROLE CURRENT_USER VALID UNTIL 'infinity'"):
            try:
                psql(f, text)
                return text
            except Refused:
                pass
        return None

    def can_log_in(self, f):
        try:
            psql(f, "SELECT 1")
            return True
        except Refused as e:
            assert "authentication failed" in str(e) or "not permitted to log in" in str(e) or "does not exist" in str(e), e
            return False

    def session(self, f):
        return Session(f)

    def accounts(self):
        return [a for a in self.server.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'ambit\\_%' AND rolname <> 'ambit_root' ORDER BY 1").split("\n") if a]

    def drop_account(self, f):
        self.server.sql(f"DROP OWNED BY {f['username']}", "app")
        self.server.sql(f"DROP ROLE {f['username']}")

    def intact(self):
        return self.server.sql("SELECT count(*) FROM sales.orders", "app") != ""

    def evil_grants(self):
        evil = "orders\"; DROP TABLE sales.orders; --"
        return [{"database": "app", "schemas": [{"schema": evil}]},
                {"database": "app\"; DROP TABLE x", "schemas": []},
                {"database": "app", "schemas": [{"schema": "sales", "tables": [evil], "privileges": ["select"]}]},
                {"database": "app", "schemas": [{"schema": "sales", "tables": ["orders"], "privileges": ["select, insert on sales.secret to public; --"]}]},
                {"database": "app", "roles": ["a" * 64]}, {"database": "app", "schemas": [{"schema": "s" * 64}]},
                {"database": "app", "sql": ["GRANT SELECT ON sales.orders TO public"]}]

    def server_log(self):
        return open(self.server.log).read()


def owned_objects(c):
    s = c.up.server
    s.sql("GRANT CREATE ON SCHEMA public TO PUBLIC", "other")
    lease, f = c.make(grant={"database": "app", "schemas": [{"schema": "work", "create": True}]})
    psql(f, "CREATE TABLE work.mine(v text); CREATE VIEW work.v AS SELECT 1; ALTER DEFAULT PRIVILEGES IN SCHEMA work GRANT SELECT ON TABLES TO shared_team")
    psql({**f, "database": "other"}, "CREATE TABLE public.mine(v text)")
    found = c.engine.revoke(lease)
    assert found["objects"] >= 3, found
    assert s.sql("SELECT count(*) FROM pg_class WHERE relname = 'mine'", "app") == "0"
    assert s.sql("SELECT count(*) FROM pg_class WHERE relname = 'mine'", "other") == "0"


def kept_objects(c):
    s = c.up.server
    lease, f = c.make(grant={"database": "app", "schemas": [{"schema": "work", "create": True}]})
    psql(f, "CREATE TABLE work.base(v text)")
    s.sql("CREATE VIEW sales.on_it AS SELECT * FROM work.base", "app")
    found = c.engine.revoke(lease)
    assert found["kept"] >= 1, found
    assert s.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'base'", "app") == "ambit_root"
    s.sql("DROP VIEW sales.on_it; DROP TABLE work.base", "app")
    c.no_account()


def clings_on(c):
    s = c.up.server
    s.sql("CREATE ROLE group_role; GRANT SELECT ON sales.secret TO group_role WITH GRANT OPTION", "app")
    lease, f = c.make(grant={"database": "app", "schemas": [{"schema": "sales"}], "roles": ["group_role"]})
    session = Session(f)
    psql(f, "ALTER ROLE CURRENT_USER PASSWORD 'mine-now'")
    f = {**f, "password": "mine-now"}
    try:   # some minor releases let a role give itself away, others do not
        psql(f, f"GRANT {f['username']} TO shared_team")
    except Refused as e:
        assert "admin option" in str(e), e
    session.p.stdin.write("SET ROLE group_role;\n")
    assert session.run("SELECT current_user") == "group_role"
    found = c.engine.revoke(lease)
    assert found["sessions"] == 1, found
    until("cut in spite of SET ROLE", lambda: not session.alive(), 1)
    session.close()
    assert not c.up.can_log_in(f)
    assert s.sql("SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE rolname = 'shared_team'") == "0"
    c.no_account()


def prepared(c):
    s = c.up.server
    lease, f = c.make()
    psql(f, "BEGIN; INSERT INTO sales.orders(v) VALUES ('p'); PREPARE TRANSACTION 'o''clock'")
    assert s.sql("SELECT count(*) FROM pg_prepared_xacts") == "1"
    c.engine.revoke(lease)
    assert s.sql("SELECT count(*) FROM pg_prepared_xacts") == "0"


def no_admin(c):
    s = c.up.server
    s.sql("CREATE ROLE maker CREATEROLE")
    for grant in ({"roles": ["maker"]}, {"sql": ["ALTER ROLE {role} CREATEROLE"]}, {"sql": ["GRANT ambit_root TO {role}"]}):
        f = refused("bad_config", c.engine.create, lease_id(), {"database": "app", **grant})
        assert "administrator" in f.why, f.why
    c.no_account()


def ordinary_root(c):
    s = c.up.server
    s.sql("CREATE ROLE plain_root LOGIN CREATEROLE PASSWORD 'plain'; GRANT pg_signal_backend TO plain_root; ALTER DATABASE other OWNER TO plain_root")
    s.sql("CREATE SCHEMA owned AUTHORIZATION plain_root; SET ROLE plain_root; CREATE TABLE owned.t(v text)", "other")
    e = Engine(c.program, "postgres", {**c.up.options(c.up.port), "user": "plain_root", "database": "other"}, "plain")
    assert "ordinary role" in e.ask("test")["notes"]
    lease = lease_id()
    f = e.create(lease, {"schemas": [{"schema": "owned", "create": True, "tables": ["*"], "privileges": ["select"]}]})
    psql(f, "CREATE TABLE owned.mine(v text); SELECT * FROM owned.t")
    session = Session(f)
    found = e.revoke(lease)
    assert found["was_there"] and found["sessions"] == 1 and found["objects"] >= 1, found
    until("cut", lambda: not session.alive(), 1)
    session.close()
    e.close()
    s.sql("REVOKE pg_signal_backend FROM plain_root")
    e = Engine(c.program, "postgres", {**c.up.options(c.up.port), "user": "plain_root", "database": "other"}, "plain")
    assert "pg_signal_backend" in refused("not_permitted", e.ask, "test").why
    e.close()
    c.no_account()


def native_end(c):
    lease, f = c.make(ttl=2)
    assert c.up.can_log_in(f)
    until("refused by the server alone", lambda: not c.up.can_log_in(f), 5)
    c.engine.revoke(lease)


def renewal(c):
    lease, f = c.make(ttl=2)
    c.engine.ask("renew", lease=lease, ttl=60)
    end = c.engine.names()[f["username"]]["end"]
    import time
    assert end > time.time() + 50
    c.engine.revoke(lease)
    refused("not_found", c.engine.ask, "renew", lease=lease, ttl=60)


def object_in_use(c):
    lease, f = c.make(grant={"database": "app", "schemas": [{"schema": "work", "create": True}]})
    psql(f, "CREATE TABLE work.busy(v text)")
    admin = Session({"host": "127.0.0.1", "port": str(c.up.port), "username": "admin", "password": "canary-superuser", "database": "app"})
    admin.p.stdin.write("BEGIN; LOCK TABLE work.busy;\n")
    assert admin.alive()
    session = Session(f)
    e = Engine(c.program, "postgres", {**c.up.options(c.up.port), "timeout": "1s"}, c.up.root)
    failure = refused("timeout", e.revoke, lease)
    assert failure.answer["finding"]["cut"] and "lock" in failure.why, failure.answer
    assert not c.up.can_log_in(f)
    until("its session is cut", lambda: not session.alive(), 1)
    session.close()
    admin.close()
    until("revoked after it", lambda: e.revoke(lease), 10)
    e.close()
    c.no_account()


def dangling(c):
    lease, f = c.make()
    session = Session(f)
    c.up.drop_account(f)
    assert session.run("INSERT INTO public.t VALUES ('still here') RETURNING v") == "still here"
    assert c.engine.revoke(lease)["sessions"] == 1
    until("cut", lambda: not session.alive(), 1)
    session.close()


if __name__ == "__main__":
    sys.exit(contract.main(Upstream))
