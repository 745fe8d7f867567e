"""The cases that every engine passes against its real server. An engine's own file (postgres_test.py, …) gives an Upstream: how to log
in, what is in scope and what is not, how to hold a session open, how to be difficult. Prints TAP."""
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback

from servers import Proxy, until

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def lease_id():
    return "lse_" + "".join(random.choice(DIGITS) for _ in range(12))


class Failed(Exception):
    def __init__(self, answer):
        super().__init__(f"{answer['code']}: {answer['why']} ({answer['at']}:{answer['line']})")
        self.answer, self.code, self.why = answer, answer["code"], answer["why"]


class Engine:
    """One engine-contract process."""

    def __init__(self, program, name, options, root):
        self.folder = tempfile.TemporaryDirectory(prefix="ambit-engine-hand-")
        path = self.folder.name
        open(path + "/options", "w").write(json.dumps(options))
        open(path + "/root", "w").write(root or "")
        self.stderr = open(path + "/stderr", "w+")
        self.transcript = []
        self.process = subprocess.Popen([program, name, path + "/options", path + "/root"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.stderr, text=True, env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **asan_env()})
        line = self.process.stdout.readline()
        assert line, open(path + "/stderr").read()

    def send(self, op, **kw):
        self.process.stdin.write(json.dumps({"op": op, **kw}) + "\n")
        self.process.stdin.flush()

    def receive(self):
        line = self.process.stdout.readline()
        assert line, "the engine died: " + open(self.stderr.name).read()[-3000:]
        answer = json.loads(line)
        self.transcript.append(answer["why"])
        if not answer["ok"]:
            raise Failed(answer)
        return answer

    def ask(self, op, **kw):
        self.send(op, **kw)
        return self.receive()

    def create(self, lease, grant, **kw):
        return self.ask("create", lease=lease, grant=grant, **{"ttl": 60, "agent": "bot", "task": "tsk_0", **kw})["fields"]

    def revoke(self, lease):
        return self.ask("revoke", lease=lease)["finding"]

    def names(self):
        return {a["name"]: a for a in self.ask("list")["accounts"]}

    def close(self, kill=False):
        if kill:
            self.process.kill()
        self.process.stdin.close()
        code = self.process.wait(30)
        self.process.stdout.close()
        text = open(self.stderr.name).read()
        self.stderr.close()
        self.folder.cleanup()
        assert kill or code == 0, text[-3000:]


def asan_env():
    return {k: v for k, v in os.environ.items() if k.startswith(("ASAN_", "UBSAN_", "LSAN_"))}


def refused(code, fn, *args, **kw):
    try:
        got = fn(*args, **kw)
    except Failed as f:
        assert f.code in (code if isinstance(code, tuple) else (code,)), f
        assert f.why or f.code in ("not_found", "not_implemented", "exists"), "an error without a reason"
        return f
    raise AssertionError(f"expected {code}, got {got}")


class Contract:
    """`up`: the Upstream. Its parts:
         server, name, root, grant, options(port), port
         login(fields) -> raises when refused            works(fields), out_of_scope(fields) -> bool
         session(fields) -> object with alive(), close() accounts() -> names with our prefix, asked of the server itself
         and, where they apply, the difficult ones listed in `hard` as (name, function(contract))."""

    def __init__(self, program, up):
        self.program, self.up = program, up
        self.engine = Engine(program, up.name, up.options(up.port), up.root)
        self.secrets = set()

    def grant(self):
        return json.loads(json.dumps(self.up.grant))

    def make(self, lease=None, **kw):
        lease = lease or lease_id()
        fields = self.engine.create(lease, kw.pop("grant", self.grant()), **kw)
        self.secrets.add(fields["password"]) if "password" in fields else None
        return lease, fields

    def no_account(self):
        left = self.up.accounts()
        assert left == [], left

    # ---- cases ----

    def works_only_within_its_scope(self):
        lease, fields = self.make()
        assert self.up.works(fields)
        assert not self.up.out_of_scope(fields)
        assert self.engine.revoke(lease)["was_there"]
        assert not self.up.can_log_in(fields)
        self.no_account()

    def is_tested_and_listed(self):
        assert self.engine.ask("test")["notes"]
        lease, fields = self.make()
        listed = self.engine.names()
        assert list(listed) == self.up.accounts() and listed[fields["username"]]["lease"] == lease, listed
        inventory = {a["name"]: a["concerns"] for a in self.engine.ask("inventory")["accounts"]}
        assert fields["username"] not in inventory and any("root" in c for c in inventory.values()), inventory
        self.engine.revoke(lease)
        assert self.engine.names() == {}

    def double_revoke(self):
        lease, _ = self.make()
        assert self.engine.revoke(lease)["was_there"]
        for _ in range(2):
            assert not self.engine.revoke(lease)["was_there"]

    def revoke_of_what_never_was(self):
        found = self.engine.revoke(lease_id())
        assert not found["was_there"] and found["cut"], found

    def create_twice_is_refused(self):
        lease, fields = self.make()
        refused("exists", self.engine.create, lease, self.grant())
        assert self.up.works(fields), "the first must not be touched"
        self.engine.revoke(lease)

    def past_end_is_refused(self):
        refused("bad_request", self.engine.create, lease_id(), self.grant(), ttl=-5)
        self.no_account()

    def open_session_is_cut(self):
        lease, fields = self.make()
        sessions = [self.up.session(fields) for _ in range(2)]
        assert all(s.alive() for s in sessions)
        began = time.monotonic()
        found = self.engine.revoke(lease)
        assert found["sessions"] >= 1 and found["cut"], found
        until("sessions cut", lambda: not any(s.alive() for s in sessions), 1)
        assert time.monotonic() - began < 3
        for s in sessions:
            s.close()
        assert not self.up.can_log_in(fields)

    def account_already_gone(self):
        lease, fields = self.make()
        session = self.up.session(fields)
        self.up.drop_account(fields)
        self.engine.revoke(lease)
        until("its session is cut as well", lambda: not session.alive(), 1)
        session.close()
        self.no_account()

    def names_with_metacharacters(self):
        evil = "x'; DROP TABLE t; --\n\"\\`$1{role}\r\nFLUSHALL"
        lease, fields = self.make(agent=evil, task=evil * 3)
        assert self.up.works(fields)
        self.engine.revoke(lease)
        for grant in self.up.evil_grants():
            lease = lease_id()
            try:
                self.make(lease, grant=grant)
            except Failed as f:
                assert f.code in ("bad_config", "bad_request", "upstream"), f
            self.engine.revoke(lease)   # also after a failure: the account may exist
            assert self.up.intact(), grant
        self.no_account()

    def unknown_template_keys_are_refused(self):
        refused("bad_config", self.engine.create, lease_id(), {**self.grant(), "sudo": True})

    def upstream_down_is_a_clear_error_and_no_more(self):
        lease, fields = self.make()
        self.up.server.stop()
        for what in (lambda: self.engine.revoke(lease), lambda: self.engine.create(lease_id(), self.grant()), lambda: self.engine.ask("test")):
            f = refused(("unavailable", "timeout"), what)
            assert len(f.why) > 10, f.why
        self.up.server.start()
        found = self.engine.revoke(lease)
        assert not self.up.can_log_in(fields)
        assert found["cut"], found
        self.no_account()

    def lost_reply_at_every_byte(self):
        for way in ("down", "up"):
            self.cut_at_every_byte(way, "create")
            self.cut_at_every_byte(way, "revoke")

    def cut_at_every_byte(self, way, op):
        proxy = Proxy(self.up.port)
        engine = Engine(self.program, self.up.name, {**self.up.options(proxy.port), "timeout": "3s"}, self.up.root)
        try:
            def attempt(k):
                """Whether everything passed."""
                lease = lease_id()
                proxy.cut_after(None)
                if op == "revoke":
                    engine.create(lease, self.grant())
                engine.ask("reopen")   # so that the login is among what is cut
                proxy.hang_up()
                proxy.cut_after(k, way)
                try:
                    if op == "create":
                        engine.create(lease, self.grant())
                    else:
                        engine.revoke(lease)
                    passed = True
                except Failed as f:
                    assert f.code in ("unavailable", "timeout", "upstream", "not_permitted"), (k, f)
                    passed = False
                total = proxy.passed[way]
                proxy.cut_after(None)
                proxy.hang_up()
                assert len(self.up.accounts()) <= 1
                engine.revoke(lease)
                assert self.up.accounts() == [], (way, op, k)
                return passed, total

            passed, total = attempt(None)
            assert passed
            step = max(1, total // self.up.cuts)
            offset = random.randrange(step)
            tried = sorted({k for k in range(offset, total, step)} | {0, 1, total - 1})
            for k in tried:
                attempt(k)
            print(f"# {op}, {way}: {len(tried)} cuts of {total} bytes", flush=True)
        finally:
            engine.close(kill=True)
            proxy.close()

    def worker_killed_while_creating(self):
        """The next worker's revocation is not overtaken by a creation that was already sent."""
        for pause in (0, 0.001, 0.002, 0.004, 0.008, 0.016):
            lease = lease_id()
            self.engine.send("create", lease=lease, grant=self.grant(), agent="a", task="t")
            time.sleep(pause)
            self.engine.close(kill=True)
            self.engine = Engine(self.program, self.up.name, self.up.options(self.up.port), self.up.root)
            self.engine.revoke(lease)
            self.no_account()
            time.sleep(0.05)
            self.no_account()

    def late_creation_comes_to_nothing(self):
        """The bytes of a creation's first or last statement are under way when its worker dies, and arrive after the next worker has revoked."""
        for last in (True, False):
            self.late_creation(last)

    def late_creation(self, last):
        proxy = Proxy(self.up.port)
        engine = Engine(self.program, self.up.name, self.up.options(proxy.port), self.up.root)
        try:
            engine.ask("test")
            for _ in range(2):      # the first one's connections are then there
                lease = lease_id()
                proxy.cut_after(None)
                engine.create(lease, self.grant())
                size = proxy.passed["up"]
                engine.revoke(lease)
            lease = lease_id()
            proxy.hold_after(size - 5 if last else 5)
            engine.send("create", lease=lease, grant=self.grant(), agent="bot", task="tsk_0", ttl=60)
            until("the creation is held back", lambda: proxy.held)
            engine.close(kill=True)
            self.engine.close(kill=True)
            self.engine = Engine(self.program, self.up.name, self.up.options(self.up.port), self.up.root)
            self.engine.revoke(lease)
            assert proxy.release() >= 5
            time.sleep(0.3)     # for what must not happen
            self.no_account()
        finally:
            proxy.close()

    def out_of_memory(self):
        answer = self.engine.ask("oom", lease=lease_id(), grant=self.grant())
        assert answer["failures"] > 5, answer
        self.no_account()

    def root_credential_rotates(self):
        fresh = self.engine.ask("rotate")["root"]
        assert self.engine.ask("test")
        self.engine.close()
        old = Engine(self.program, self.up.name, self.up.options(self.up.port), self.up.root)
        refused("not_permitted", old.ask, "test")
        # as after a crash between the change and its confirmation: the old one in hand, the new one sealed
        old.ask("rotate-to", root=fresh)
        old.ask("test")
        old.close()
        self.up.root = fresh
        self.secrets.add(fresh)
        self.engine = Engine(self.program, self.up.name, self.up.options(self.up.port), fresh)
        self.engine.ask("test")

    def no_secret_where_it_does_not_belong(self):
        said = "\n".join(self.engine.transcript) + open(self.engine.stderr.name).read() + self.up.server_log()
        for secret in self.secrets | {self.up.root}:
            assert not secret or secret not in said, "a password in an error or in the server's log"

    def page_has_every_option(self):
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/engines", self.up.name + ".md")
        page = open(path).read()
        rows = [r for r in self.engine.ask("doc")["text"].split("\n") if r.strip()]
        missing = [r for r in rows if r not in page]
        assert not missing, path + " lacks:\n" + "\n".join(missing)

    def cases(self):
        all = [self.works_only_within_its_scope, self.is_tested_and_listed, self.double_revoke, self.revoke_of_what_never_was, self.create_twice_is_refused,
               self.past_end_is_refused, self.open_session_is_cut, self.account_already_gone, self.names_with_metacharacters,
               self.unknown_template_keys_are_refused, self.worker_killed_while_creating,
               self.late_creation_comes_to_nothing, self.out_of_memory]
        names = [f.__name__.replace("_", " ") for f in all] + [n for n, _ in self.up.hard]
        all += [lambda fn=fn: fn(self) for _, fn in self.up.hard]
        tail = [self.lost_reply_at_every_byte, self.upstream_down_is_a_clear_error_and_no_more]
        tail += [self.root_credential_rotates] if self.up.rotates else []
        tail += [self.no_secret_where_it_does_not_belong, self.page_has_every_option]
        return list(zip(names + [f.__name__.replace("_", " ") for f in tail], all + tail))

    def run(self):
        cases = self.cases()
        only = os.environ.get("CASE")
        cases = [c for c in cases if not only or only in c[0]]
        print(f"1..{len(cases)}", flush=True)
        bad = 0
        for i, (name, fn) in enumerate(cases, 1):
            began = time.monotonic()
            try:
                fn()
                print(f"ok {i} - {self.up.name}: {name} # {time.monotonic() - began:.1f} s", flush=True)
            except Exception:
                bad += 1
                print(f"not ok {i} - {self.up.name}: {name}")
                print("# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
        self.engine.close()
        return 1 if bad else 0


def main(upstream):
    random.seed()
    with upstream.make_server() as server:
        up = upstream(server)
        return Contract(sys.argv[1], up).run()
