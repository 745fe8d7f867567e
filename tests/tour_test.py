"""The tour of `make run`, twice, on a server of its own; and what a request meets that comes the moment the server does.
Usage: tour_test.py AMBITD AMBIT DEMO [TEST…]"""
import json
import os
import shutil
import subprocess
import sys

from server import Server, tap

AMBITD, AMBIT, DEMO = sys.argv[1], os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])
del sys.argv[2:4]
STEPS = 11


def command(s, *words, **kw):
    return subprocess.run([AMBIT, *words], capture_output=True, text=True, timeout=150, env={**s.env, "XDG_CONFIG_HOME": s.home + "/.config"}, cwd=s.home, **kw)


def the_tour_runs_and_runs_again():
    with Server(AMBITD) as s:
        s.env["XDG_CONFIG_HOME"] = s.home + "/.config"
        for _ in range(2):
            p = command(s, "demo", "--dir", DEMO, "-o", "json")
            steps = json.loads(p.stdout)["steps"] if p.stdout.startswith("{") else []
            assert p.returncode == 0, (p.returncode, [x for x in steps if not x["ok"]], p.stderr[-2000:])
            assert len(steps) == STEPS and all(x["ok"] for x in steps), steps


def the_first_request_is_served():
    """Nobody waits for `healthy`: as soon as the socket is there, what is asked is answered, on a busy machine too."""
    load = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    try:
        for _ in range(4):
            s = Server(AMBITD)
            s.env["AMBIT_PEOPLE_SOCKET"] = s.socket_path("people")      # the context is written only when the server is ready
            s.start(wait=False)
            try:
                with open(s.home + "/x.yaml", "w") as f:
                    f.write("kind: tier\nname: t\n---\nkind: policy\nname: p\ntext: |\n  permit(principal, action, resource);\n")
                while not os.path.exists(s.socket_path("people")):
                    assert s.process.poll() is None, s.log()[-2000:]
                p = command(s, "apply", "-f", "x.yaml")
                assert p.returncode == 0, (p.returncode, p.stderr, s.log()[-1500:])
            finally:
                s.stop()
                shutil.rmtree(s.home, ignore_errors=True)
    finally:
        for p in load:
            p.kill()
            p.wait()


missing = [f for f in (DEMO + "/node_modules",) if not os.path.isdir(f)] + [p for p in ("node",) if not shutil.which(p)]
if missing:
    print(f"1..0 # SKIP missing: {' '.join(missing)} (tools/setup installs it)")
    sys.exit(77)
sys.exit(tap([the_tour_runs_and_runs_again, the_first_request_is_served]))
