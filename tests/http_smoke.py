#!/usr/bin/env python3
"""A real server process (bench/http_bench), curl, raw sockets and a crowd of slow ones. TAP.

usage: http_smoke.py HTTP_BENCH
"""
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

SLOW = 3000
RAW = [
    ("plain", b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"HTTP/1.1 200 OK\r\n"),
    ("old", b"GET /a HTTP/1.0\r\n\r\n", b"HTTP/1.1 200 OK\r\n"),
    ("half-closed", b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\n"),
    ("bare LF", b"GET /a HTTP/1.1\nHost: a\n\n", b"HTTP/1.1 400 "),
    ("smuggled", b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"HTTP/1.1 400 "),
    ("two lengths", b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", b"HTTP/1.1 400 "),
    ("fold", b"GET /a HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", b"HTTP/1.1 400 "),
    ("no host", b"GET /a HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 "),
    ("proxy", b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 400 "),
    ("tunnel", b"CONNECT b:1 HTTP/1.1\r\nHost: b\r\n\r\n", b"HTTP/1.1 501 "),
    ("huge", b"GET /a HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20000, b"HTTP/1.1 431 "),
    ("other protocol", b"\x16\x03\x01\x00\x05hello", b"HTTP/1.1 400 "),
]
number = 0
bad = 0


def check(ok, what):
    global number, bad
    number += 1
    bad += not ok
    print(f"{'ok' if ok else 'not ok'} {number} - {what}", flush=True)


def dial(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    s.connect(path)
    return s


def ask(path, data):
    s = dial(path)
    try:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
    except (BrokenPipeError, ConnectionResetError):
        pass
    got = b""
    try:
        while part := s.recv(65536):
            got += part
    except ConnectionResetError:
        pass
    s.close()
    return got


def crowd(path):
    """F14: slow clients hold what they can; a new one is served at once."""
    slow = []
    for _ in range(SLOW):
        s = socket.socket(socket.AF_UNIX)
        s.setblocking(False)
        try:
            s.connect(path)
            s.send(b"GET /a HT")
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            time.sleep(0.001)
        slow.append(s)
    time.sleep(0.2)
    worst = 0
    for _ in range(20):
        began = time.monotonic()
        ok = ask(path, RAW[0][1]).startswith(RAW[0][2])
        worst = max(worst, time.monotonic() - began)
        if not ok:
            worst = 99
    for s in slow:
        s.close()
    check(worst < 0.1, f"a new client beside {SLOW} slow ones is served in {worst * 1000:.1f} ms")


def main():
    server = sys.argv[1]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < SLOW + 100:
        print(f"1..0 # SKIP needs {SLOW} descriptors, the limit is {hard}")
        return 0
    folder = tempfile.mkdtemp(prefix="ambit-smoke-")
    path = f"{folder}/s"
    # The server keeps the usual 1,024 descriptors, so that it meets its limit.
    p = subprocess.Popen([server, f"unix:{path}"], stdout=subprocess.PIPE,
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard)))
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        p.stdout.readline()
        for name, data, want in RAW:
            got = ask(path, data)
            check(got.startswith(want), f"{name}: {got[:30]!r}")
        two = ask(path, b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n" * 50)
        check(two.count(b"HTTP/1.1 200 OK") == 50, "fifty requests at once")
        if shutil.which("curl"):
            big = "x" * 900000
            out = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{num_connects} ", "--unix-socket", path, "-H", "Expect: 100-continue",
                                  "--data-binary", "@-", "http://a/1", "--next", "-s", "-o", "/dev/null", "-w", "%{http_code} %{num_connects}",
                                  "--unix-socket", path, "http://a/2"], input=big.encode(), capture_output=True, timeout=20)
            check(out.stdout == b"200 1 200 0", f"curl, twice over one connection: {out.stdout!r}")
            out = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", path, "-H", "Transfer-Encoding: chunked",
                                  "--data-binary", "@-", "http://a/1"], input=big.encode(), capture_output=True, timeout=20)
            check(out.stdout == b"200", f"curl, chunked: {out.stdout!r}")
        crowd(path)
        check(p.poll() is None, "the server lives")
    finally:
        p.kill()
        p.wait()
        shutil.rmtree(folder)
    print(f"1..{number}")
    return 1 if bad else 0


sys.exit(main())
