#!/usr/bin/env python3
"""The Redis engine against a real server: engines/redis_test.py ENGINE-CONTRACT"""
import os
import socket
import sys
import time

import contract
from contract import Engine, lease_id, refused
from servers import Server, free_port, until

REDIS = "/usr/bin/redis-server"


class Redis(Server):
    aclfile = True

    def prepare(self):
        assert os.path.exists(REDIS), "Redis is not installed: run tools/setup"
        self.port = free_port()
        with open(self.home + "/users.acl", "w") as f:
            f.write("user default off\nuser admin on >canary-admin ~* &* +@all\nuser ambit on >canary-root ~* &* +@all\nuser team on nopass ~* +get\n")

    def start(self):
        self.spawn(REDIS, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.home, "--save", "", "--loglevel", "verbose",
                   "--busy-reply-threshold", "100", *(["--aclfile", self.home + "/users.acl"] if self.aclfile else []))
        until("Redis answers", lambda: self.ask("PING") == "PONG")

    def stop(self, how=15):
        if self.process and how == 15:
            self.process.kill()     # nothing is kept but the ACL file
        super().stop(how)

    def ask(self, *args):
        c = Client(self.port, "admin", "canary-admin")
        try:
            return c.ask(*args)
        finally:
            c.close()


class Refused(Exception):
    pass


class Client:
    def __init__(self, port, user, password):
        self.s = socket.create_connection(("127.0.0.1", int(port)), timeout=10)
        self.f = self.s.makefile("rb")
        self.ask("AUTH", user, password)

    def read(self):
        line = self.f.readline()
        if not line:
            raise ConnectionError("closed")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"-":
            raise Refused(rest)
        if kind == b"$":
            return None if rest == "-1" else self.f.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest

    def send(self, *args):
        self.s.sendall(b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in (str(x).encode() for x in args)))

    def ask(self, *args):
        self.send(*args)
        return self.read()

    def alive(self):
        try:
            return self.ask("GET", "app:x") is not ...
        except (OSError, ConnectionError):
            return False

    def close(self):
        self.f.close()
        self.s.close()


class Upstream:
    name = "redis"
    rotates = True
    cuts = 100000   # every byte
    make_server = Redis
    grant = {"commands": ["+@read", "+@write", "-@dangerous", "+subscribe", "+eval"], "keys": ["app:*"], "channels": ["news"]}

    def __init__(self, server):
        self.server, self.port, self.root = server, server.port, "canary-root"
        self.hard = [("blocked and subscribed sessions are cut", blocked), ("changed password and accounts of its own are not possible", clings_on),
                     ("a restart does not bring it back", restart), ("a script keeps nobody in", busy), ("rotation needs an ACL file", no_file),
                     ("it has no native end and says so", no_end),
                     ("a rule that is no command is refused", rules)]

    def options(self, port):
        return {"host": "127.0.0.1", "port": port, "user": "ambit"}

    def client(self, f):
        return Client(f["port"], f["username"], f["password"])

    def works(self, f):
        c = self.client(f)
        c.ask("SET", "app:x", "1")
        got = c.ask("GET", "app:x")
        c.close()
        return got == "1"

    def out_of_scope(self, f):
        c = self.client(f)
        try:
            for command in (("GET", "other"), ("SET", "other", "1"), ("FLUSHALL",), ("ACL", "WHOAMI"), ("CONFIG", "GET", "*"), ("SUBSCRIBE", "others"),
                            ("EVAL", "return redis.call('get', 'other')", "0"), ("EVAL", "return redis.call('acl', 'users')", "0")):
                try:
                    c.ask(*command)
                    return command
                except Refused:
                    pass
        finally:
            c.close()

    def can_log_in(self, f):
        try:
            self.client(f).close()
            return True
        except Refused as e:
            assert "WRONGPASS" in str(e), e
            return False

    def session(self, f):
        return self.client(f)

    def accounts(self):
        return sorted(u for u in self.server.ask("ACL", "USERS") if u.startswith("ambit_"))

    def drop_account(self, f):
        self.server.ask("ACL", "DELUSER", f["username"])

    def intact(self):
        assert self.server.ask("ACL", "USERS") and "nopass" not in str(self.server.ask("ACL", "LIST")).replace("user team on nopass", "")
        return self.server.ask("SET", "canary", "1") == "OK"

    def evil_grants(self):
        return [{"commands": [c]} for c in ("+@all\r\nFLUSHALL", ">password", "nopass", "on", "allkeys", "(+@all)", "+get nopass", "reset")] + [
            {"commands": ["+get"], "keys": ["a b"]}, {"commands": ["+get"], "keys": ["x\r\nACL SETUSER y on nopass"]},
            {"commands": ["+nosuchcommand"]}, {"commands": ["+@all"], "keys": ["*"]}]

    def server_log(self):
        return open(self.server.log).read()


def blocked(c):
    lease, f = c.make(grant={"commands": ["+@all"], "keys": ["*"], "channels": ["*"]})
    one, two, three = (c.up.client(f) for _ in range(3))
    one.ask("SUBSCRIBE", "news")
    two.send("BLPOP", "nothing", "0")
    three.ask("MULTI")
    three.ask("SET", "queued", "1")
    found = c.engine.revoke(lease)
    assert found["sessions"] == 3, found
    for s in (one, two, three):
        s.s.settimeout(1)
        try:
            assert s.s.recv(100) == b""
        except ConnectionResetError:
            pass
        s.close()
    assert c.up.server.ask("GET", "queued") is None


def clings_on(c):
    lease, f = c.make(grant={"commands": ["+@all"], "keys": ["*"]})
    s = c.up.client(f)
    for command in (("ACL", "SETUSER", f["username"], ">mine"), ("ACL", "SETUSER", "helper", "on", "nopass", "+@all"), ("CONFIG", "SET", "requirepass", ""),
                    ("CLIENT", "KILL", "USER", "admin"), ("MODULE", "LIST"), ("REPLICAOF", "NO", "ONE"), ("ACL", "SAVE"), ("SHUTDOWN",), ("DEBUG", "SLEEP", "0")):
        try:
            s.ask(*command)
        except Refused:
            continue
        raise AssertionError(command)
    s.close()
    c.engine.revoke(lease)
    c.no_account()


def restart(c):
    lease, f = c.make()
    c.up.server.ask("ACL", "SAVE")
    c.engine.revoke(lease)
    c.up.server.stop()
    c.up.server.start()
    assert not c.up.can_log_in(f)


def busy(c):
    lease, f = c.make()
    s = c.up.client(f)
    s.send("EVAL", "while true do end", "0")
    time.sleep(0.3)
    failure = refused("timeout", c.engine.revoke, lease)
    assert "script" in failure.why, failure.why
    e = Engine(c.program, "redis", {**c.up.options(c.up.port), "kill_scripts": True, "timeout": "3s"}, c.up.root)
    e.revoke(lease)
    e.close()
    s.close()
    c.no_account()


def no_file(c):
    class Plain(Redis):
        aclfile = False

        def start(self):
            with open(self.home + "/redis.conf", "w") as f:
                f.write(f"port {self.port}\nbind 127.0.0.1\ndir {self.home}\nsave \"\"\n" + open(self.home + "/users.acl").read())
            self.spawn(REDIS, self.home + "/redis.conf")
            until("Redis answers", lambda: self.ask("PING") == "PONG")

    with Plain() as server:
        e = Engine(c.program, "redis", {**c.up.options(server.port)}, "canary-root")
        assert "aclfile" in refused("bad_config", e.ask, "rotate").why
        e.ask("test")
        lease = lease_id()
        e.create(lease, c.grant())
        assert e.revoke(lease)["was_there"]
        e.close()


def rules(c):
    for commands, keys in ((["+@all\r\nFLUSHALL"], ["a"]), ([">password"], ["a"]), (["nopass"], ["a"]), (["on"], ["a"]), (["allkeys"], ["a"]), (["(+@all)"], ["a"]),
                           (["+get nopass"], ["a"]), (["reset"], ["a"]), ([], ["a"]), (["+get"], ["a b"]), (["+get"], [""])):
        try:
            c.engine.ask("check", grant={"commands": commands, "keys": keys})
        except contract.Failed as f:
            assert f.code == "bad_config", f
            continue
        raise AssertionError((commands, keys))


def no_end(c):
    lease, f = c.make(ttl=1)
    time.sleep(1.2)
    assert c.up.can_log_in(f), "then the engine could claim a native end"
    refused("not_implemented", c.engine.ask, "renew", lease=lease, ttl=60)
    c.engine.revoke(lease)


if __name__ == "__main__":
    sys.exit(contract.main(Upstream))
