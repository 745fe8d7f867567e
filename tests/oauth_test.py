"""OAuth with real clients. Usage: oauth_test.py AMBITD NODE_DIR SCRIPT [TEST...]

Needs Node and, in NODE_DIR, `npm ci`; skipped without."""
import json
import os
import re
import shutil
import subprocess
import sys

AMBITD, NODE_DIR = map(os.path.abspath, sys.argv[1:3])
SCRIPT, TESTS = sys.argv[3], sys.argv[4:]
from server import read  # noqa: E402
from world import World  # noqa: E402

NODE = shutil.which("node")


def places(w):
    config = json.loads(read(w.home + "/.config/ambit/config"))["contexts"]["dev"]
    return {"base": config["api"], "ca": config["ca_file"], "people": config["people_socket"], "agent": config["agent_socket"],
            "web": config.get("people_url"), "home": w.home}


def main():
    if not NODE or not os.path.isdir(NODE_DIR + "/node_modules"):
        print("1..0 # SKIP node or its modules are not there: npm ci in", NODE_DIR)
        return 0
    with World(AMBITD) as w:
        env = {"HOME": w.home, "PATH": os.environ["PATH"], "AMBIT_TEST": json.dumps(places(w))}
        p = subprocess.run([NODE, f"{NODE_DIR}/{SCRIPT}", *TESTS], cwd=NODE_DIR, env=env, timeout=150)
        crashes = re.findall(r".*role died.*", w.log())
        if crashes:
            print("# " + "\n# ".join(w.log().splitlines()[-20:]))
        return p.returncode or bool(crashes)


sys.exit(main())
