#!/usr/bin/env python3
"""The SSH engine against a real sshd, ssh and ssh-keygen: engines/ssh_test.py ENGINE-CONTRACT"""
import getpass
import os
import pwd
import subprocess
import sys
import time
import traceback

from contract import Engine, lease_id, refused
from servers import Server, free_port, until

SSHD = "/usr/sbin/sshd"


class Sshd(Server):
    """sshd as an ordinary user, who is then the only one to log in. Run by root: as the database's user, who has a shell."""
    user = "postgres"

    def prepare(self):
        assert os.path.exists(SSHD), "openssh-server is not installed: run tools/setup"
        self.port = free_port()
        self.login = self.user if self.as_user else getpass.getuser()
        self.run("/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.home + "/host")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.home + "/ca"], check=True)
        self.krl = self.home + "/krl"
        with open(self.home + "/config", "w") as f:
            f.write(f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.home}/host\nPidFile none\nUsePAM no\nStrictModes no\n"
                    f"TrustedUserCAKeys {self.home}/trusted\nRevokedKeys {self.krl}\nAuthorizedKeysFile none\nPasswordAuthentication no\n"
                    "KbdInteractiveAuthentication no\nLogLevel VERBOSE\n")

    def start(self):
        self.spawn(SSHD, "-D", "-e", "-f", self.home + "/config")
        until("sshd answers", lambda: "listening" in open(self.log).read())


class Suite:
    def __init__(self, program, server):
        self.program, self.s = program, server
        self.root = open(server.home + "/ca").read()
        self.engine = Engine(program, "ssh", self.options(), self.root)
        self.n = 0
        line = [r for r in self.engine.ask("test")["notes"].split("\n") if "ssh-ed25519" in r][0].split(": ", 1)[1]
        assert line.split()[:2] == open(server.home + "/ca.pub").read().split()[:2], line
        with open(server.home + "/trusted", "w") as f:
            f.write(line + "\n")

    def options(self, **kw):
        return {"host": "127.0.0.1", "port": self.s.port, "krl": self.s.krl, **kw}

    def grant(self, **kw):
        return {"principals": [self.s.login], **kw}

    def make(self, ttl=60, **kw):
        lease = lease_id()
        return lease, self.engine.create(lease, self.grant(**kw), ttl=ttl)

    def files(self, f):
        self.n += 1
        path = f"{self.engine.folder.name}/key{self.n}"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
            out.write(f["private_key"])
        open(path + "-cert.pub", "w").write(f["certificate"])
        return path

    def command(self, f, *args, user=None):
        return ["ssh", "-F", "none", "-i", self.files(f), "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o", "IdentityAgent=none", "-p", str(self.s.port), (user or f["username"]) + "@127.0.0.1", *args]

    def ssh(self, f, *args, user=None):
        done = subprocess.run(self.command(f, *args, user=user), capture_output=True, text=True, timeout=20)
        return done.stdout.strip() if done.returncode == 0 else None

    def in_krl(self, f):
        path = self.files(f)
        return subprocess.run(["ssh-keygen", "-Q", "-f", self.s.krl, path + "-cert.pub"], capture_output=True).returncode != 0

    # ---- cases ----

    def keygen_reads_the_certificate(self):
        lease, f = self.make(force_command="/bin/echo 'a b'", source_address="127.0.0.0/8,::1", pty=True)
        text = subprocess.run(["ssh-keygen", "-L", "-f", self.files(f) + "-cert.pub"], capture_output=True, text=True, check=True).stdout
        for want in ("Type: ssh-ed25519-cert-v01@openssh.com user certificate", f"ambit {lease} tsk_0 bot", self.s.login, "force-command /bin/echo 'a b'",
                     "source-address 127.0.0.0/8,::1", "permit-pty", "Signing CA: ED25519"):
            assert want in text, (want, text)
        assert "permit-port-forwarding" not in text and "(none)" not in text, text
        # the private key is of the certificate's key
        path = self.files(f)
        public = subprocess.run(["ssh-keygen", "-y", "-P", "", "-f", path], capture_output=True, text=True, check=True).stdout.split()[1]
        listed = subprocess.run(["ssh-keygen", "-l", "-f", "-"], input="ssh-ed25519 " + public, capture_output=True, text=True, check=True).stdout.split()[1]
        assert listed in text, (listed, text)

    def logs_in_only_as_its_principal(self):
        _, f = self.make()
        assert self.ssh(f, "echo", "hello") == "hello"
        other = pwd.getpwuid(0).pw_name
        assert self.ssh(f, "true", user=other) is None
        _, g = self.make(principals=["somebody-else"])
        assert self.ssh(g, "true", user=self.s.login) is None

    def forced_command_and_source_hold(self):
        _, f = self.make(force_command="echo forced: $SSH_ORIGINAL_COMMAND")
        assert self.ssh(f, "cat", "/etc/passwd") == "forced: cat /etc/passwd"
        _, f = self.make(source_address="192.0.2.1/32")
        assert self.ssh(f, "true") is None
        _, f = self.make(source_address="127.0.0.1")
        assert self.ssh(f, "echo", "x") == "x"

    def no_forwarding_without_being_told(self):
        _, f = self.make()
        port = free_port()
        done = subprocess.run(self.command(f, "true")[:-2] + ["-o", "ExitOnForwardFailure=yes", "-R", f"{port}:127.0.0.1:1", f["username"] + "@127.0.0.1", "true"],
                              capture_output=True, text=True, timeout=20)
        assert done.returncode != 0, "a port was forwarded"

    def ends_by_itself(self):
        _, f = self.make(ttl=2)
        assert self.ssh(f, "echo", "x") == "x"
        until("refused by sshd alone", lambda: self.ssh(f, "true") is None, 8)

    def revoked_is_refused(self):
        lease, f = self.make()
        other, g = self.make()
        assert self.ssh(f, "echo", "x") == "x" and not self.in_krl(f)
        found = self.engine.revoke(lease)
        assert found["was_there"] and self.in_krl(f) and not self.in_krl(g), found
        assert self.ssh(f, "true") is None and self.ssh(g, "echo", "x") == "x"
        assert not self.engine.revoke(lease)["was_there"]
        self.engine.revoke(other)
        assert self.in_krl(f) and self.in_krl(g)

    def revoked_before_it_was_made(self):
        lease = lease_id()
        self.engine.revoke(lease)
        f = self.engine.create(lease, self.grant())
        assert self.in_krl(f) and self.ssh(f, "true") is None

    def expired_serials_leave_the_list(self):
        lease, f = self.make(ttl=1)
        self.engine.revoke(lease)
        path = self.s.krl + ".list"
        lines = open(path).read().split("\n")
        old = [f"{r.split()[0]} {int(r.split()[1]) - 90000}" if r else "" for r in lines]
        open(path, "w").write("\n".join(old))
        fresh, g = self.make()
        self.engine.revoke(fresh)
        assert self.in_krl(g) and not self.in_krl(f)
        assert len(open(path).read().split()) == 2

    def damaged_list_forgets_nothing(self):
        path = self.s.krl + ".list"
        good, krl = open(path).read(), open(self.s.krl, "rb").read()
        open(path, "w").write(good + "rubbish\n")
        assert "damaged" in refused("upstream", self.engine.revoke, lease_id()).why
        assert open(self.s.krl, "rb").read() == krl
        open(path, "w").write(good)

    def unwritable_list_is_a_clear_error(self):
        e = Engine(self.program, "ssh", self.options(krl="/proc/ambit/krl"), self.root)
        assert "/proc/ambit/krl" in refused("unavailable", e.revoke, lease_id()).why
        e.close()

    def templates_are_checked(self):
        for bad in ({"principals": []}, {"principals": ["a,root"]}, {"principals": ["*"]}, {"principals": ["a b"]}, {"principals": [""]},
                    {"source_address": "10.0.0.0/8\n"}, {"source_address": "anywhere"}):
            self.check_refused(self.grant(**bad))
        e = Engine(self.program, "ssh", self.options(max_ttl="30s"), self.root)
        assert "max_ttl" in refused("bad_request", e.create, lease_id(), self.grant()).why
        e.close()

    def check_refused(self, grant):
        try:
            self.engine.ask("check", grant=grant)
        except Exception as e:
            assert e.code == "bad_config", e
            return
        raise AssertionError(grant)

    def names_with_metacharacters(self):
        lease = lease_id()
        f = self.engine.create(lease, self.grant(), agent="x\n'\"`$(id)", task="\\\x1b[2J" * 20)
        assert self.ssh(f, "echo", "x") == "x"
        self.engine.revoke(lease)

    def out_of_memory(self):
        assert self.engine.ask("oom", lease=lease_id(), grant=self.grant())["failures"] > 5

    def open_session_is_cut(self):
        """With packaging/ambit-ssh-session as the forced command on the host; without, a session outlives its certificate."""
        wrapper = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../packaging/ambit-ssh-session")
        target = self.s.home + "/ambit-ssh-session"
        with open(wrapper) as f, open(target, "w") as out:
            out.write(f.read())
        os.chmod(target, 0o755)
        with open(self.s.home + "/config", "a") as f:
            f.write("ExposeAuthInfo yes\n")
        self.s.stop()
        self.s.start()
        self.engine.close()
        self.engine = Engine(self.program, "ssh", self.options(session=f"{target} {self.s.krl}"), self.root)
        _, f = self.make(force_command="echo 'it''s' forced: $SSH_ORIGINAL_COMMAND")
        assert self.ssh(f, "cat /etc/passwd") == "its forced: cat /etc/passwd", self.ssh(f, "cat /etc/passwd")
        lease, f = self.make(ttl=3600)
        assert self.ssh(f, "echo", "through", "it", "'a  b'") == "through it a  b"
        assert self.ssh(f, "exit 7") is None
        p = subprocess.Popen(self.command(f, "echo ready; trap '' TERM HUP; while :; do sleep 1; done"), stdout=subprocess.PIPE, text=True)
        assert p.stdout.readline() == "ready\n"
        other, g = self.make(ttl=3600)
        q = subprocess.Popen(self.command(g, "echo ready; sleep 60"), stdout=subprocess.PIPE, text=True)
        assert q.stdout.readline() == "ready\n"
        self.engine.revoke(lease)
        began = time.monotonic()
        p.wait(5)
        print(f"# cut after {time.monotonic() - began:.2f} s")
        assert q.poll() is None, "another's session"
        self.engine.revoke(other)
        q.wait(5)
        # the certificate's own end as well
        lease, f = self.make(ttl=3)
        p = subprocess.Popen(self.command(f, "echo ready; sleep 60"), stdout=subprocess.PIPE, text=True)
        assert p.stdout.readline() == "ready\n"
        p.wait(10)
        p.stdout.close()
        q.stdout.close()

    def no_secret_where_it_does_not_belong(self):
        said = "\n".join(self.engine.transcript) + open(self.engine.stderr.name).read() + open(self.s.log).read()
        assert "PRIVATE" not in said

    def page_has_every_option(self):
        page = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/engines/ssh.md")).read()
        missing = [r for r in self.engine.ask("doc")["text"].split("\n") if r.strip() and r not in page]
        assert not missing, "\n".join(missing)


def main():
    bad = 0
    with Sshd() as server:
        open(server.home + "/trusted", "w").close()
        # sshd refuses everybody while the list is not there: the engine's test writes it
        suite = Suite(sys.argv[1], server)
        cases = [n for n, v in vars(Suite).items() if callable(v) and v.__code__.co_argcount == 1 and n not in ("__init__", "options", "grant") and not n.startswith("_")]
        cases = [c for c in cases if not os.environ.get("CASE") or os.environ["CASE"] in c]
        print(f"1..{len(cases)}", flush=True)
        for i, name in enumerate(cases, 1):
            try:
                getattr(suite, name)()
                print(f"ok {i} - ssh: {name.replace('_', ' ')}", flush=True)
            except Exception:
                bad = 1
                print(f"not ok {i} - ssh: {name.replace('_', ' ')}\n# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
        suite.engine.close()
        if bad:
            print("# " + open(server.log).read()[-3000:].replace("\n", "\n# "))
    return bad


if __name__ == "__main__":
    sys.exit(main())
