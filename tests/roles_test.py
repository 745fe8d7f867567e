"""The processes of a server: their birth, death and return, and what they hold. Usage: roles_test.py AMBITD [TEST...]"""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from server import ROLES, Server, alive, children, descendants, read, tap, wait_for

AMBITD = sys.argv[1]


def returns(s, role, old, seconds=5.0):
    """The role runs again under another number, sandboxed, within the time."""
    def check():
        new = s.roles().get(role)
        return new if new and new != old and "Seccomp:\t2" in read(f"/proc/{new}/status") else None

    return wait_for(f"{role} back", check, seconds)


def killed_roles_come_back():
    with Server(AMBITD) as s:
        for role in ROLES:
            before = s.all_up()
            os.kill(before[role], signal.SIGKILL)
            returns(s, role, before[role])
            # The store takes core with it, and nobody else takes anybody.
            gone = {role, "core"} if role == "store" else {role}
            after = s.all_up(5)
            assert {r for r in ROLES if after[r] != before[r]} == gone, (role, before, after)


def roles_that_die_often_still_come_back():
    with Server(AMBITD) as s:
        for _ in range(6):
            pid = s.all_up()["local"]
            os.kill(pid, signal.SIGKILL)
            returns(s, "local", pid, 5)


def all_killed_at_once():
    with Server(AMBITD) as s:
        before = s.all_up()
        for pid in before.values():
            with contextlib.suppress(ProcessLookupError):   # core goes with the store
                os.kill(pid, signal.SIGKILL)
        wait_for("all new", lambda: not set(s.roles().values()) & set(before.values()) and set(s.roles()) == set(ROLES), 5)
        s.all_up(5)


def roles_hold_nothing():
    with Server(AMBITD) as s:
        time.sleep(0.2)
        for role, pid in s.all_up().items():
            assert read(f"/proc/{pid}/environ") == "", f"{role} has an environment"
            limits = read(f"/proc/{pid}/limits")
            assert re.search(r"Max core file size\s+0\s+0", limits), f"{role} may dump core"
            status = read(f"/proc/{pid}/status")
            assert "NoNewPrivs:\t1" in status, role
            keep = 1 << 19 if role == "attest" and os.getuid() == 0 else 0   # CAP_SYS_PTRACE
            assert re.search(r"CapEff:\t0*%x\n" % keep if keep else r"CapEff:\t0+\n", status), (role, status)
            assert os.getsid(pid) == pid, role
            for fd in os.listdir(f"/proc/{pid}/fd"):
                target = os.readlink(f"/proc/{pid}/fd/{fd}")
                own = fd in "012" or re.match(r"socket:|anon_inode:\[?(eventpoll|signalfd|timerfd|eventfd|pidfd)", target)
                database = role == "store" and "/ambit.db" in target
                assert own or database, f"{role} holds {fd} -> {target}"


def roles_are_other_users():
    if os.getuid() != 0:
        from server import Skip
        raise Skip("not root")
    with Server(AMBITD) as s:
        uids = {}
        for role, pid in s.all_up().items():
            four = re.search(r"Uid:\t(\d+)\t(\d+)\t(\d+)\t(\d+)", read(f"/proc/{pid}/status")).groups()
            assert len(set(four)) == 1 and four[0] != "0", (role, four)
            uids[role] = four[0]
        assert len(set(uids.values())) == len(ROLES), uids
        for role in ("agents", "local", "people", "core"):
            root = os.readlink(f"/proc/{s.roles()[role]}/root")
            assert root.endswith("/empty") and not os.listdir(root), (role, root)


def the_supervisors_death_is_everybodys():
    s = Server(AMBITD)
    with s:
        s.all_up()
        pids = descendants(s.process.pid)
        assert len(pids) >= len(ROLES) + 1, pids   # the jailer too
        s.process.kill()
        s.process.wait()
        wait_for("all gone", lambda: not [p for p in pids if alive(p)], 5)


def stops_in_order_and_keeps_its_keys():
    s = Server(AMBITD)
    with s:
        s.all_up()
        ca = read(s.data + "/ca.pem")
        pids = descendants(s.process.pid)
        begun = time.monotonic()
        code = s.stop()
        assert code == 0, (code, s.log()[-1500:])
        assert time.monotonic() - begun < 5
        assert not [p for p in pids if alive(p)]
        assert '"role died"' not in s.log(), s.log()[-1500:]
        s.start()
        s.all_up()
        assert read(s.data + "/ca.pem") == ca
        wait_for("all gone", lambda: not [p for p in pids if alive(p)], 1)


def a_signer_without_its_keys_does_not_make_others():
    s = Server(AMBITD)
    with s:
        s.all_up()
        assert s.stop() == 0
        with open(s.data + "/signer/keys", "r+b") as f:
            f.seek(100)
            b = f.read(1)
            f.seek(100)
            f.write(bytes([b[0] ^ 1]))
        s.start(wait=False)
        wait_for("signer refuses", lambda: s.log().count('"role":"signer","msg":"the role could not start"') >= 2, 10)
        assert "ready in" not in s.banner()
        # Nor when the file is there and can not even be read.
        s.stop()
        with open(s.data + "/signer/keys", "wb") as f:
            f.write(b"x" * 100000)
        before = s.log().count('"the role could not start"')
        s.start(wait=False)
        wait_for("signer refuses", lambda: s.log().count('"the role could not start"') >= before + 2, 10)
        assert os.path.getsize(s.data + "/signer/keys") == 100000


def two_servers_do_not_share_a_directory():
    with Server(AMBITD) as s:
        second = subprocess.run(s.argv(), capture_output=True, text=True, env=s.env, timeout=20)
        assert second.returncode != 0
        assert "another ambitd" in second.stderr, second.stderr
        s.all_up()


def open_directories_are_refused():
    home = tempfile.mkdtemp(prefix="ambit-test-", dir="/tmp")
    try:
        os.mkdir(home + "/open")
        os.chmod(home + "/open", 0o777)
        r = subprocess.run([AMBITD, "dev", "--data", home + "/open/data", "--port", "0"], capture_output=True, text=True,
                           env={"HOME": home}, timeout=20)
        assert r.returncode == 2 and "may be changed by other users" in r.stderr, (r.returncode, r.stderr)
    finally:
        shutil.rmtree(home)


def wrong_use_is_told():
    def run(*args):
        return subprocess.run([AMBITD, *args], capture_output=True, text=True, env={"HOME": "/nonexistent"}, timeout=20)

    assert run("dev", "--set", "api.address=0.0.0.0").returncode == 2
    assert "loopback" in run("dev", "--set", "api.address=0.0.0.0").stderr
    assert "did you mean" not in run("dev", "--set", "x=1").stderr
    assert run("frobnicate").returncode == 2
    assert run("dev", "extra").returncode == 2
    assert run("-x", "core").returncode == 2
    assert run("--version").stdout.startswith("ambitd ")
    assert "check-config" in run("--help").stdout
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", dir="/tmp") as f:
        f.write("api:\n  prot: 1\n")
        f.flush()
        r = run("check-config", "--config", f.name)
        assert r.returncode == 2 and f"{f.name}:2:3: unknown key `api.prot`; did you mean `api.port`?" in r.stderr, r.stderr


def the_context_is_saved_beside_others():
    s = Server(AMBITD)
    os.makedirs(s.home + "/.config/ambit")
    path = s.home + "/.config/ambit/config"
    with open(path, "w") as f:
        json.dump({"current": "prod", "contexts": {"prod": {"api": "https://a"}, "dev": {"api": "old"}}, "other": [1, {"x": None}]}, f)
    with s:
        s.all_up()
        c = json.loads(read(path))
        assert c["current"] == "dev" and c["contexts"]["prod"] == {"api": "https://a"} and c["other"] == [1, {"x": None}], c
        dev = c["contexts"]["dev"]
        assert dev["people_socket"] == s.socket_path("people") and dev["data"] == s.data and dev["user"] == "admin@dev", dev
        assert os.stat(path).st_mode & 0o777 == 0o600
        assert "BEGIN CERTIFICATE" in read(dev["ca_file"])


def reset_removes_only_what_is_ours():
    s = Server(AMBITD)
    with s:
        s.all_up()
        ca = read(s.data + "/ca.pem")
        s.stop()
        s.args = ["--reset"]
        s.start()
        s.all_up()
        assert read(s.data + "/ca.pem") != ca
    home = tempfile.mkdtemp(prefix="ambit-test-", dir="/tmp")
    try:
        open(home + "/precious", "w").close()
        r = subprocess.run([AMBITD, "dev", "--reset", "--data", home], capture_output=True, text=True, env={"HOME": home}, timeout=20)
        assert r.returncode == 2 and "not removed" in r.stderr, r.stderr
        assert os.path.exists(home + "/precious")
    finally:
        shutil.rmtree(home)


def a_bad_reload_keeps_the_old():
    home = tempfile.mkdtemp(prefix="ambit-test-", dir="/tmp")
    path = home + "/c.yaml"
    try:
        with open(path, "w") as f:
            f.write("log:\n  level: info\n")
        with Server(AMBITD, "--config", path) as s:
            before = s.all_up()
            with open(path, "w") as f:
                f.write("log:\n  level: loud\n")
            s.process.send_signal(signal.SIGHUP)
            wait_for("told", lambda: "the old configuration stays" in s.log() and "log.level must be one of" in s.log(), 5)
            assert s.roles() == before
            with open(path, "w") as f:
                f.write("log:\n  level: debug\n")
            s.process.send_signal(signal.SIGHUP)
            wait_for("reloaded", lambda: '"level":"debug"' in s.log(), 5)
            wait_for("restarted", lambda: not set(s.roles().values()) & set(before.values()), 5)
            s.all_up(5)
    finally:
        shutil.rmtree(home)


def serves_as_a_service():
    """`ambitd serve` with its own file, key and sockets, telling a service manager that it is ready."""
    import socket
    s = Server(AMBITD, command="serve")
    key, conf, notify = s.home + "/key", s.home + "/ambitd.yaml", s.home + "/notify"
    with open(key, "wb") as f:
        f.write(os.urandom(32))
    os.chmod(key, 0o600)
    with open(conf, "w") as f:
        f.write(f"data: {s.data}\nrun: {s.data}/run\napi:\n  port: 0\nusers:\n  uid_base: 62000\n"
                f"keys:\n  encryption_key_file: {key}\npeople:\n  admin_uids: [{os.getuid()}]\n")
    s.args = ["--config", conf]
    box = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    box.bind(notify)
    box.settimeout(20)
    s.env["NOTIFY_SOCKET"] = notify
    s.start(wait=False)
    try:
        assert box.recv(100) == b"READY=1"
        s.all_up()
        assert not os.path.exists(s.data + "/signer/kek")
        assert s.stop() == 0
        assert box.recv(100) == b"STOPPING=1"
        # Another key opens nothing.
        with open(key, "wb") as f:
            f.write(os.urandom(32))
        s.start(wait=False)
        wait_for("refused", lambda: '"role":"signer","msg":"the role could not start"' in s.log(), 10)
    finally:
        box.close()
        s.__exit__()


sys.exit(tap([killed_roles_come_back, roles_that_die_often_still_come_back, all_killed_at_once, roles_hold_nothing,
              roles_are_other_users, the_supervisors_death_is_everybodys, stops_in_order_and_keeps_its_keys,
              a_signer_without_its_keys_does_not_make_others, two_servers_do_not_share_a_directory, open_directories_are_refused,
              wrong_use_is_told, the_context_is_saved_beside_others, reset_removes_only_what_is_ours, a_bad_reload_keeps_the_old,
              serves_as_a_service]))
