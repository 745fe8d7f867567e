"""The examples of pages about policies, run as they stand. Usage: docs_policy_test.py AMBIT PAGE…

A fenced block whose first line names a file (```cedar team.cedar) is written to a folder of its own; a ```console block is run line by line there and what it
prints is compared. `…` stands for the rest of a line, or alone on a line for any lines."""
import os
import re
import subprocess
import sys
import tempfile

from server import read, tap

AMBIT = os.path.abspath(sys.argv[1])
PAGES = sys.argv[2:]
del sys.argv[2:]


def matches(want, got):
    pattern = ""
    for line in want:
        pattern += "(?:.*\n)*?" if line.strip() == "…" else ".*".join(re.escape(p) for p in line.split("…")) + "\n"
    return re.fullmatch(pattern, got) is not None


def console(block, folder, where):
    steps = []
    for line in block.splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        else:
            steps[-1][1].append(line)
    for command, want in steps:
        p = subprocess.run(["sh", "-c", command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, stdin=subprocess.DEVNULL,
                           env={"HOME": folder, "PATH": f"{os.path.dirname(AMBIT)}:{os.environ['PATH']}", "AMBIT_PEOPLE_SOCKET": "/nonexistent"})
        assert matches(want, p.stdout), f"{where}: $ {command}\nwanted:\n" + "\n".join(want) + f"\ngot:\n{p.stdout}"


def run(page):
    ran = 0
    with tempfile.TemporaryDirectory(prefix="ambit-page-") as folder:
        for m in re.finditer(r"^```(\w+)([^\n]*)\n(.*?)^```$", read(page), re.M | re.S):
            language, name, body = m.group(1), m.group(2).strip(), m.group(3)
            if language == "console":
                console(body, folder, os.path.basename(page))
                ran += 1
            elif name:
                path = os.path.join(folder, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as f:
                    f.write(body)
    assert ran, f"{page} runs nothing"


def page_test(page):
    def test():
        run(page)
    test.__name__ = os.path.basename(page)
    return test


sys.exit(tap([page_test(p) for p in PAGES]))
