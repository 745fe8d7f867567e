#!/usr/bin/env python3
"""The X.509 engine against a TLS server that checks the revocation list (OpenSSL in Python's ssl) and the openssl program: engines/x509_test.py ENGINE-CONTRACT"""
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import traceback

from contract import Engine, Failed, lease_id, refused
from servers import until


class TlsServer(threading.Thread):
    """Accepts whoever has a certificate that the authority signed and the list does not name; says its alternative names."""

    def __init__(self, home):
        super().__init__(daemon=True)
        self.home = home
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            s, _ = self.listener.accept()
            try:
                c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)     # made anew: the list is read each time
                c.load_cert_chain(self.home + "/server.pem")
                c.verify_mode = ssl.CERT_REQUIRED
                c.load_verify_locations(self.home + "/ca.pem")
                c.load_verify_locations(self.home + "/crl.pem")
                c.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
                with c.wrap_socket(s, server_side=True) as t:
                    t.sendall(repr(t.getpeercert().get("subjectAltName")).encode())
            except (ssl.SSLError, OSError):
                s.close()


def openssl(*args):
    return subprocess.run(["openssl", *args], capture_output=True, text=True, check=True).stdout


class Suite:
    def __init__(self, program, home):
        self.program, self.home = program, home
        for name in ("ca", "server"):
            openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=" + name, "-days", "2",
                    "-keyout", f"{home}/{name}.key", "-out", f"{home}/{name}.pem")
        with open(home + "/server.pem", "a") as f:
            f.write(open(home + "/server.key").read())
        self.root = open(home + "/ca.key").read() + open(home + "/ca.pem").read()
        self.engine = Engine(program, "x509", self.options(), self.root)
        assert "list: 0" in self.engine.ask("test")["notes"]
        self.server = TlsServer(home)
        self.n = 0

    def options(self, **kw):
        return {"crl": self.home + "/crl.pem", **kw}

    def make(self, ttl=60, **grant):
        lease = lease_id()
        return lease, self.engine.create(lease, {"common_name": "reporting", **grant}, ttl=ttl)

    def file(self, f):
        self.n += 1
        path = f"{self.home}/leaf{self.n}"
        open(path, "w").write(f["certificate"] + f["private_key"])
        return path

    def connect(self, f):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
        c.load_cert_chain(self.file(f))
        try:
            with c.wrap_socket(socket.create_connection(("127.0.0.1", self.server.port), timeout=5)) as s:
                return s.recv(1000).decode()
        except (ssl.SSLError, OSError):
            return ""

    # ---- cases ----

    def works_and_says_whose_it_is(self):
        lease, f = self.make(uris=["spiffe://example.org/agent/x"], dns=["agent.example.org"])
        got = self.connect(f)
        for want in ("ambit://lease/" + lease, "spiffe://example.org/agent/x", "agent.example.org"):
            assert want in got, (want, got)
        text = openssl("x509", "-in", self.file(f), "-noout", "-text")
        assert "TLS Web Client Authentication" in text and "TLS Web Server" not in text and "CA:FALSE" in text and "CN = reporting" in text, text
        assert f["authority"].strip() == open(self.home + "/ca.pem").read().strip()

    def revoked_is_refused(self):
        lease, f = self.make()
        other, g = self.make()
        assert self.connect(f) and self.connect(g)
        assert self.engine.revoke(lease)["was_there"]
        assert not self.connect(f) and self.connect(g)
        assert not self.engine.revoke(lease)["was_there"]
        self.engine.revoke(other)
        assert not self.connect(g)
        text = openssl("crl", "-in", self.home + "/crl.pem", "-noout", "-text", "-CAfile", self.home + "/ca.pem")
        assert text.count("Serial Number:") >= 2 and "X509v3 CRL Number" in text and "X509v3 Authority Key Identifier" in text, text
        done = subprocess.run(["openssl", "crl", "-in", self.home + "/crl.pem", "-noout", "-verify", "-CAfile", self.home + "/ca.pem"], capture_output=True, text=True)
        assert "verify OK" in done.stderr, done.stderr

    def revoked_before_it_was_made(self):
        lease = lease_id()
        self.engine.revoke(lease)
        assert not self.connect(self.engine.create(lease, {"common_name": "late"}))

    def ends_by_itself(self):
        _, f = self.make(ttl=2)
        assert self.connect(f)
        until("refused by the server alone", lambda: not self.connect(f), 8)

    def expired_serials_leave_the_list(self):
        path = self.home + "/crl.pem.list"
        lines = open(path).read().split("\n")
        open(path, "w").write("".join(f"{r.split()[0]} {int(r.split()[1]) - 90000}\n" for r in lines if r))
        lease, f = self.make()
        self.engine.revoke(lease)
        assert openssl("crl", "-in", self.home + "/crl.pem", "-noout", "-text").count("Serial Number:") == 1
        assert not self.connect(f)

    def damaged_list_forgets_nothing(self):
        path = self.home + "/crl.pem.list"
        good = open(path).read()
        open(path, "w").write(good + "x\n")
        assert "damaged" in refused("upstream", self.engine.revoke, lease_id()).why
        open(path, "w").write(good)

    def templates_and_ends_are_checked(self):
        for bad in ({"dns": ["a b"]}, {"dns": ["-\n"]}, {"uris": ["no-scheme"]}, {"common_name": "x\x00"}):
            try:
                self.make(**bad)
            except Failed as f:
                assert f.code in ("bad_config", "bad_json"), f
            else:
                raise AssertionError(bad)
        assert "max_ttl" in refused("bad_request", self.engine.create, lease_id(), {}, ttl=200000).why
        e = Engine(self.program, "x509", self.options(max_ttl="30d"), self.root)
        assert "ends after" in refused("bad_config", e.create, lease_id(), {}, ttl=5 * 86400).why
        e.close()

    def wrong_root_is_a_clear_error(self):
        for root in (open(self.home + "/ca.pem").read(), "nothing", open(self.home + "/ca.key").read()):
            try:
                Engine(self.program, "x509", self.options(), root)
            except AssertionError as e:
                assert "root credential" in str(e), e
            else:
                raise AssertionError("opened")

    def out_of_memory(self):
        assert self.engine.ask("oom", lease=lease_id(), grant={})["failures"] > 5

    def no_secret_where_it_does_not_belong(self):
        assert "PRIVATE" not in "\n".join(self.engine.transcript) + open(self.engine.stderr.name).read()

    def page_has_every_option(self):
        page = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/engines/x509.md")).read()
        missing = [r for r in self.engine.ask("doc")["text"].split("\n") if r.strip() and r not in page]
        assert not missing, "\n".join(missing)


def main():
    bad = 0
    with tempfile.TemporaryDirectory(prefix="ambit-engine-") as home:
        suite = Suite(sys.argv[1], home)
        cases = [n for n, v in vars(Suite).items() if callable(v) and v.__code__.co_argcount == 1 and n != "options"]
        print(f"1..{len(cases)}", flush=True)
        for i, name in enumerate(cases, 1):
            try:
                getattr(suite, name)()
                print(f"ok {i} - x509: {name.replace('_', ' ')}", flush=True)
            except Exception:
                bad = 1
                print(f"not ok {i} - x509: {name.replace('_', ' ')}\n# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
        suite.engine.close()
    return bad


if __name__ == "__main__":
    sys.exit(main())
