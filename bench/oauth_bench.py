"""Token issuance and introspection over HTTP, beside what one processor signs and beside npm oidc-provider; and how fast a revocation is
felt. usage: oauth_bench.py AMBITD HTTP_LOAD OAUTH_BENCH NODE_DIR

Both servers get the same load in turns, in the same run: Ambit on its agent socket (the client is known by its process), oidc-provider on
plain HTTP (client_secret_post, ES256 JWT access tokens), so that neither pays for TLS. Prints figures; fails where something does not work."""
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests"))
from server import UnixConnection  # noqa: E402
from world import World  # noqa: E402

AMBITD, LOAD, MICRO, NODE_DIR = (os.path.realpath(p) for p in sys.argv[1:5])
FORM = "application/x-www-form-urlencoded"
ROUNDS, SECONDS, CONNS, REVOCATIONS = 3, 2.0, 256, 200


def say(name, **values):
    print(json.dumps({"bench": name, **values}), flush=True)


def load(folder, address, path, fields):
    body = f"{folder}/body"
    with open(body, "w", encoding="utf-8") as f:
        f.write(urllib.parse.urlencode(fields))
    p = subprocess.run([LOAD, "-c", str(CONNS), "-t", str(SECONDS), "-b", body, "-H", "Content-Type: " + FORM, address, path],
                       capture_output=True, text=True, timeout=60)
    r = json.loads(p.stdout)
    assert r["not_ok"] == 0 and r["ok"] > 0, (path, r, p.stderr)
    return r


def post(w, path, fields):
    c = UnixConnection(w.socket_path("agent"), 10)
    c.request("POST", path, urllib.parse.urlencode(fields), {"Content-Type": FORM})
    r = c.getresponse()
    body = json.loads(r.read() or b"{}")
    c.close()
    assert r.status == 200, (path, r.status, body)
    return body


@contextlib.contextmanager
def provider():
    p = subprocess.Popen([shutil.which("node"), HERE + "/node/oidc_provider.mjs", NODE_DIR], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield json.loads(next(line for line in p.stdout if line.startswith("{")))
    finally:
        p.terminate()
        p.wait(10)


def revocations(w):
    """Milliseconds from asking for a revocation to the first refusal on another connection; the revocation's own answer waits for the log."""
    took = []
    for _ in range(REVOCATIONS):
        token = post(w, "/oauth/token", {"grant_type": "client_credentials"})["access_token"]
        c = UnixConnection(w.socket_path("agent"), 10)
        t = time.monotonic()
        c.request("POST", "/oauth/revoke", urllib.parse.urlencode({"token": token}), {"Content-Type": FORM})
        while post(w, "/oauth/introspect", {"token": token})["active"]:
            pass
        took.append((time.monotonic() - t) * 1e3)
        assert c.getresponse().status == 200
        c.close()
    return took


def main():
    micro = json.loads(subprocess.run([MICRO], capture_output=True, text=True, check=True).stdout)
    say("dpop", **micro)
    if not os.path.isdir(NODE_DIR + "/node_modules"):
        print("no oidc-provider to compare with: npm ci in", NODE_DIR)
        return 77
    with World(AMBITD) as w, provider() as other:
        w.ask("apply/run", {"resources": [{"kind": "agent", "name": "bot", "owner": "admin@dev", "tier": "test", "identity": [{"uid": os.getuid()}],
                                           "session": {"tools": ["t/*"]}}]})
        socket = "unix:" + w.socket_path("agent")
        rates = {"ambit_token": [], "other_token": [], "ambit_introspect": [], "other_introspect": []}
        token = post(w, "/oauth/token", {"grant_type": "client_credentials"})["access_token"]
        for _ in range(ROUNDS):
            rates["ambit_token"].append(load(w.home, socket, "/oauth/token", {"grant_type": "client_credentials"})["rate"])
            rates["other_token"].append(load(w.home, "tcp:" + other["address"], "/token", other["token"])["rate"])
            rates["ambit_introspect"].append(load(w.home, socket, "/oauth/introspect", {"token": token})["rate"])
            rates["other_introspect"].append(load(w.home, "tcp:" + other["address"], "/token/introspection", other["introspect"])["rate"])
        m = {k: round(statistics.median(v)) for k, v in rates.items()}
        say("issuance", **m, of_signing=round(m["ambit_token"] / micro["signs_per_s"], 3), times_other=round(m["ambit_token"] / m["other_token"], 1))
        say("introspection", times_other=round(m["ambit_introspect"] / m["other_introspect"], 1))
        took = sorted(revocations(w))
        say("revoke_to_refused", p50_ms=round(took[len(took) // 2], 2), p99_ms=round(took[int(len(took) * .99)], 2))
    return 0


sys.exit(main())
