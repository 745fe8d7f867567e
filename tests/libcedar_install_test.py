#!/usr/bin/env python3
"""libcedar as a stranger meets it: installed, found by pkg-config, linked by a program that knows nothing of this tree.

  libcedar_install_test.py BUILD_DIR SOURCE_DIR"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BUILD, SOURCE = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
EXAMPLE = SOURCE / "examples/cedar/authorize.c"
WANT = """libcedar 1.0.0, Cedar 4.5
4 policies, 0 errors
bob edit plan: allow owners
bob edit plan: deny edits-need-mfa
alice read plan: allow ops-read-plan
alice edit plan: deny
  permit "owners" (example.cedar:1) lacks: resource.owner == principal
bob read news: allow public
bob read news: deny
  permit "owners" (example.cedar:1) lacks: resource.owner == principal
"""
count = 0


def point(ok, what, detail=""):
    global count
    count += 1
    print(f"{'ok' if ok else 'not ok'} {count} - {what}")
    if not ok:
        print("\n".join("# " + line for line in str(detail).splitlines()))
    return ok


def run(*command, **more):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)


def compiled(where, flags, source, output, compiler="cc"):
    done = run(*compiler.split(), "-Wall", "-Wextra", "-Wpedantic", "-Werror", source, *flags, "-o", output, cwd=where)
    return done.returncode == 0, done.stderr


def main():
    if not shutil.which("pkg-config"):
        print("1..0 # skip: no pkg-config")
        return 0
    with tempfile.TemporaryDirectory(prefix="libcedar-") as name:
        where = Path(name)
        done = run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", where / "root", "--tags", "devel,runtime")
        if not point(done.returncode == 0, "installs", done.stdout + done.stderr):
            return 1
        config = next((where / "root").rglob("libcedar.pc")).parent
        os.environ["PKG_CONFIG_PATH"] = str(config)
        os.environ["PKG_CONFIG_SYSROOT_DIR"] = str(where / "root")
        flags = run("pkg-config", "--cflags", "--libs", "libcedar")
        point(flags.returncode == 0, "pkg-config finds it", flags.stderr)
        flags = flags.stdout.split()
        libs = next(f[2:] for f in flags if f.startswith("-L"))

        ok, text = compiled(where, flags, EXAMPLE, "shared")
        if not point(ok, "the example compiles against the installed header", text):
            return 1
        done = run(where / "shared", env={**os.environ, "LD_LIBRARY_PATH": libs})
        point(done.stdout == WANT and done.returncode == 0, "the example, linked with the shared library, answers", done.stdout + done.stderr)
        needed = run("readelf", "-d", where / "shared").stdout
        point("libcedar.so.1]" in needed, "it needs libcedar.so.1", needed)
        done = run("ldd", Path(libs) / "libcedar.so.1")
        point(not re.search(r"lib(?!c\.so)[a-z0-9]+\.so", done.stdout.replace("linux-vdso.so", "")), "the library needs nothing but libc", done.stdout)

        ok, text = compiled(where, [f for f in flags if f.startswith("-I")] + [str(Path(libs) / "libcedar.a")], EXAMPLE, "static")
        if not point(ok, "the example links with the static library", text):
            return 1
        done = run(where / "static")
        point(done.stdout == WANT and done.returncode == 0, "and answers the same", done.stdout + done.stderr)

        (where / "use.cc").write_text('#include <cedar/libcedar.h>\nint main() { return cedar_library_version()[0] == \'1\' ? 0 : 1; }\n')
        if shutil.which("g++"):
            ok, text = compiled(where, flags, "use.cc", "cxx", "g++")
            point(ok, "the header is C++ too", text)
        (where / "old.c").write_text('#include <cedar/libcedar.h>\nint main(void) { return cedar_library_version()[0] == \'1\' ? 0 : 1; }\n')
        ok, text = compiled(where, flags, "old.c", "old", "cc -std=c99")
        point(ok, "the header is C99", text)
    print(f"1..{count}")
    return 0


sys.exit(main())
