#!/usr/bin/env python3
"""The MariaDB engine against a real server: engines/mariadb_test.py ENGINE-CONTRACT"""
import os
import subprocess
import sys
import time

import contract
from contract import Engine, lease_id, refused
from servers import Server, free_port, until

SERVER = "/usr/sbin/mariadbd"
ENV = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}


class Maria(Server):
    user = "mysql"
    gentle = True

    def prepare(self):
        assert os.path.exists(SERVER), "MariaDB is not installed: run tools/setup"
        self.port, self.data, self.socket = free_port(), self.home + "/data", self.home + "/s"
        self.run("/usr/bin/mariadb-install-db", "--no-defaults", "--datadir=" + self.data, "--auth-root-authentication-method=normal", "--skip-test-db",
                 "--innodb-log-file-size=4M", "--skip-log-bin")

    def start(self):
        self.spawn(SERVER, "--no-defaults", "--datadir=" + self.data, "--socket=" + self.socket, f"--port={self.port}", "--bind-address=127.0.0.1",
                   "--skip-name-resolve", "--event-scheduler=ON", "--innodb-log-file-size=4M", "--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0",
                   "--general-log", "--general-log-file=" + self.home + "/queries", "--pid-file=" + self.home + "/pid", "--innodb-fast-shutdown=2")
        until("MariaDB answers", lambda: self.sql("SELECT 1") == "1", 40)

    def sql(self, text, db=""):
        done = subprocess.run(["mariadb", "--no-defaults", "-u", "root", "-S", self.socket, "-N", "-B", "-e", text, *([db] if db else [])], env=ENV,
                              capture_output=True, text=True, timeout=30)
        if done.returncode:
            raise Refused(done.stderr)
        return done.stdout.strip()


class Refused(Exception):
    pass


def command(f):
    return ["mariadb", "--no-defaults", "-u", f["username"], "-h", f["host"], "-P", f["port"], "--protocol=tcp", "-N", "-B", "--unbuffered"]


def env_of(f):
    return {**ENV, "MYSQL_PWD": f["password"]}


def query(f, text):
    done = subprocess.run([*command(f), "-e", text, *([f["database"]] if f["database"] else [])], env=env_of(f), capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout.strip()


class Session:
    def __init__(self, f):
        self.p = subprocess.Popen([*command(f), "--skip-reconnect"], env=env_of(f), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self.run("SELECT 'here'") == "here"

    def run(self, text):
        try:
            self.p.stdin.write(text + ";\n")
            self.p.stdin.flush()
            return self.p.stdout.readline().strip()
        except OSError:
            return ""

    def alive(self):
        return self.run("SELECT 1") == "1"

    def close(self):
        self.p.kill()
        self.p.wait()
        try:
            self.p.stdin.close()
        except OSError:
            pass
        self.p.stdout.close()


class Upstream:
    name = "mariadb"
    rotates = True
    cuts = 25 if not os.environ.get("EVERY_BYTE") else 100000
    make_server = Maria
    grant = {"connections": 4, "grants": [{"database": "app", "tables": ["orders"], "privileges": ["select", "insert"]}]}

    def __init__(self, server):
        self.server, self.port, self.root = server, server.port, "canary-root"
        server.sql("CREATE USER ambit_root@'127.0.0.1' IDENTIFIED BY 'canary-root'; GRANT ALL ON *.* TO ambit_root@'127.0.0.1' WITH GRANT OPTION;"
                   "CREATE USER nobody_at_all@localhost; CREATE DATABASE app; CREATE DATABASE appx; CREATE DATABASE app_y; CREATE DATABASE appzy; CREATE DATABASE ambit;"
                   "CREATE TABLE app.orders(id int auto_increment primary key, v text); CREATE TABLE app.secret(v text); CREATE TABLE appzy.t(v text); CREATE TABLE app_y.t(v text)")
        self.hard = [("a database's name is no pattern", no_pattern), ("what runs in its name is dropped", made_things),
                     ("changed password does not help", clings_on), ("administrator's rights by a template are refused", no_admin),
                     ("with an event it ends by itself, sessions too", native_end), ("renewal moves the event", renewal),
                     ("without an event it has no end and says so", no_end), ("half an account can not log in", half_made),
                     ("a long statement is cut", long_statement), ("an ordinary root account suffices", ordinary_root)]

    def options(self, port):
        return {"host": "127.0.0.1", "port": port, "user": "ambit_root", "tls": "off", "timeout": "5s"}

    def works(self, f):
        return query(f, "INSERT INTO orders(v) VALUES ('x'); SELECT count(*) > 0 FROM orders") == "1"

    def out_of_scope(self, f):
        for text in ("SELECT * FROM secret", "DELETE FROM orders", "CREATE TABLE mine(v int)", "CREATE USER more", "SELECT * FROM mysql.user",
                     "CREATE VIEW v AS SELECT 1", "ALTER USER CURRENT_USER() ACCOUNT UNLOCK"):
            try:
                query(f, text)
                return text
            except Refused:
                pass
        return None

    def can_log_in(self, f):
        try:
            query({**f, "database": ""}, "SELECT 1")
            return True
        except Refused as e:
            assert "Access denied" in str(e) or "locked" in str(e), e
            return False

    def session(self, f):
        return Session(f)

    def accounts(self):
        return [a for a in self.server.sql("SELECT User FROM mysql.user WHERE User LIKE 'ambit\\_%' AND User <> 'ambit_root' ORDER BY 1").split("\n") if a]

    def drop_account(self, f):
        self.server.sql(f"DROP USER {f['username']}@'%'")

    def intact(self):
        return self.server.sql("SELECT count(*) FROM app.orders") != ""

    def evil_grants(self):
        one = {"database": "app", "tables": ["orders"], "privileges": ["select"]}
        return [{"grants": [{**one, **bad}]} for bad in (
            {"database": "app`.* TO x; DROP TABLE app.orders; --"}, {"tables": ["orders` TO x; DROP TABLE app.orders; -- "]}, {"tables": ["o" * 65]},
            {"privileges": ["select ON *.* TO x; --"]}, {"privileges": ["grant option"]}, {"privileges": ["super"]}, {"database": "mysql", "tables": []},
            {"database": "MySQL", "tables": ["user"]}, {"database": "%", "tables": []}, {"database": "x" * 65})] + [{"sql": ["GRANT ALL ON *.* TO root"]}]

    def server_log(self):
        return open(self.server.log).read() + open(self.server.home + "/queries").read()


def no_pattern(c):
    lease, f = c.make(grant={"grants": [{"database": "app_y", "privileges": ["select"]}]})
    assert query(f, "SELECT count(*) FROM app_y.t") == "0"
    try:
        query(f, "SELECT count(*) FROM appzy.t")
        raise AssertionError("appzy is not app_y")
    except Refused:
        pass
    c.engine.revoke(lease)


def made_things(c):
    lease, f = c.make(grant={"grants": [{"database": "app", "privileges": ["select", "create"]}],
                             "sql": ["GRANT CREATE VIEW, TRIGGER, CREATE ROUTINE, EVENT ON app.* TO {role}"]})
    query(f, "CREATE VIEW app.v AS SELECT 1; CREATE TRIGGER app.trg BEFORE INSERT ON app.orders FOR EACH ROW SET NEW.v = 'spied';"
             "CREATE PROCEDURE app.p() SELECT 1; CREATE EVENT app.e ON SCHEDULE EVERY 1 HOUR DO SELECT 1; CREATE TABLE app.left_behind(v int)")
    found = c.engine.revoke(lease)
    assert found["objects"] == 4, found
    s = c.up.server
    assert s.sql("INSERT INTO app.orders(v) VALUES ('after'); SELECT count(*) FROM app.orders WHERE v = 'after'") == "1"
    assert s.sql("SELECT count(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = 'app'") == "0"
    assert s.sql("SELECT count(*) FROM information_schema.TABLES WHERE TABLE_NAME = 'left_behind'") == "1", "tables belong to nobody there"
    s.sql("DROP TABLE app.left_behind")


def clings_on(c):
    lease, f = c.make()
    query(f, "SET PASSWORD = PASSWORD('mine-now')")
    f = {**f, "password": "mine-now"}
    session = Session(f)
    assert c.engine.revoke(lease)["sessions"] == 1
    until("cut", lambda: not session.alive(), 1)
    session.close()
    assert not c.up.can_log_in(f)


def no_admin(c):
    c.up.server.sql("CREATE ROLE r WITH ADMIN ambit_root@'127.0.0.1'")
    for sql in ("GRANT SUPER ON *.* TO {role}", "GRANT CREATE USER ON *.* TO {role}", "GRANT SELECT ON app.* TO {role} WITH GRANT OPTION", "GRANT SELECT ON mysql.* TO {role}",
                "GRANT UPDATE ON mysql.global_priv TO {role}", "GRANT r TO {role}"):
        lease = lease_id()
        f = refused("bad_config", c.engine.create, lease, {"sql": [sql]})
        assert "administrator" in f.why, (sql, f.why)
        c.engine.revoke(lease)
    c.no_account()


def with_events(c):
    return Engine(c.program, "mariadb", {**c.up.options(c.up.port), "event_schema": "ambit"}, c.up.root)


def native_end(c):
    e = with_events(c)
    lease = lease_id()
    f = e.create(lease, c.grant(), ttl=3)
    session = Session(f)
    e.close(kill=True)       # Ambit is off
    until("refused by the server alone", lambda: not c.up.can_log_in(f), 8)
    until("cut by the server alone", lambda: not session.alive(), 2)
    session.close()
    e = with_events(c)
    assert e.revoke(lease)["was_there"]
    e.close()
    assert c.up.server.sql("SELECT count(*) FROM information_schema.EVENTS") == "0"
    c.no_account()


def renewal(c):
    e = with_events(c)
    lease = lease_id()
    f = e.create(lease, c.grant(), ttl=5)
    e.ask("renew", lease=lease, ttl=600)
    assert e.names()[f["username"]]["end"] > time.time() + 500
    e.revoke(lease)
    refused("not_found", e.ask, "renew", lease=lease, ttl=60)
    e.close()
    assert c.up.server.sql("SELECT count(*) FROM information_schema.EVENTS") == "0"


def no_end(c):
    assert "no event_schema" in c.engine.ask("test")["notes"]
    lease, f = c.make()
    refused("not_implemented", c.engine.ask, "renew", lease=lease, ttl=60)
    c.engine.revoke(lease)


def half_made(c):
    lease = lease_id()
    refused("bad_config", c.engine.create, lease, {"grants": [{"database": "app", "tables": ["orders", "no_such"], "privileges": ["select"]}]})
    got = c.up.server.sql("SELECT JSON_VALUE(Priv, '$.account_locked') FROM mysql.global_priv WHERE User LIKE 'ambit\\_%' AND User <> 'ambit_root'")
    assert got == "1", got
    assert c.engine.revoke(lease)["was_there"]
    c.no_account()


def long_statement(c):
    lease, f = c.make()
    session = Session(f)
    session.p.stdin.write("SELECT SLEEP(60);\n")
    session.p.stdin.flush()
    until("it sleeps", lambda: c.up.server.sql("SELECT count(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%SLEEP(60)%' AND USER LIKE 'ambit\\_%'") == "1")
    began = time.monotonic()
    assert c.engine.revoke(lease)["sessions"] == 1
    assert time.monotonic() - began < 2
    session.close()


def ordinary_root(c):
    s = c.up.server
    s.sql("CREATE USER plain@'127.0.0.1' IDENTIFIED BY 'plain'; GRANT CREATE USER, PROCESS, CONNECTION ADMIN ON *.* TO plain@'127.0.0.1';"
          "GRANT SELECT ON mysql.* TO plain@'127.0.0.1'; GRANT SELECT, INSERT ON app.* TO plain@'127.0.0.1' WITH GRANT OPTION")
    e = Engine(c.program, "mariadb", {**c.up.options(c.up.port), "user": "plain", "prefix": "ambit_p_"}, "plain")
    assert "plain@" in e.ask("test")["notes"]
    lease = lease_id()
    f = e.create(lease, c.grant())
    assert c.up.works(f)
    session = Session(f)
    assert e.revoke(lease)["sessions"] == 1
    session.close()
    e.close()
    s.sql("REVOKE PROCESS ON *.* FROM plain@'127.0.0.1'")
    e = Engine(c.program, "mariadb", {**c.up.options(c.up.port), "user": "plain", "prefix": "ambit_p_"}, "plain")
    assert "PROCESS" in refused("not_permitted", e.ask, "test").why
    e.close()
    c.no_account()


if __name__ == "__main__":
    sys.exit(contract.main(Upstream))
