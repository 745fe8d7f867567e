"""What is made from the command table: the reference is current, the man pages are good mdoc. Usage: cli_docs_test.py AMBIT REFERENCE"""
import os
import shutil
import subprocess
import sys
import tempfile

from server import Skip, read, tap

AMBIT, REFERENCE = sys.argv[1:3]
del sys.argv[1:]


def run(*words):
    return subprocess.run([AMBIT, *words], check=True, capture_output=True, text=True, env={"HOME": "/nonexistent", "PATH": os.environ["PATH"]}).stdout


def the_reference_is_current():
    assert run("__reference") == read(REFERENCE), "docs/reference/cli.md is old: ambit __reference > docs/reference/cli.md"


def the_rules_are_current():
    rules = os.path.join(os.path.dirname(REFERENCE), "policy-rules.md")
    assert run("__rules") == read(rules), "docs/reference/policy-rules.md is old: ambit __rules > docs/reference/policy-rules.md"


def man_pages_are_clean():
    if not shutil.which("mandoc"):
        raise Skip("no mandoc")
    with tempfile.TemporaryDirectory() as folder:
        run("__man", folder)
        pages = sorted(os.listdir(folder))
        assert "ambit.1" in pages and "ambit-task.1" in pages and "ambit-exit-codes.7" in pages, pages
        p = subprocess.run(["mandoc", "-Tlint", "-Wwarning", *[f"{folder}/{page}" for page in pages]], capture_output=True, text=True)
        assert p.returncode == 0, p.stdout + p.stderr


def every_command_has_help():
    for line in run("__reference").splitlines():
        if line.startswith("### `ambit "):
            words = line.split("`")[1].split()[1:]
            text = run(*[w for w in words if w.islower()], "--help")
            assert "Exit codes" in text or "EXIT CODES" in text or "Exit" in text, (words, text)


sys.exit(tap([the_reference_is_current, the_rules_are_current, man_pages_are_clean, every_command_has_help]))
