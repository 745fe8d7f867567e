#!/usr/bin/env python3
"""Starts a PostgreSQL and runs lease_bench on it: lease_bench.py LEASE_BENCH"""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/engines"))
from postgres_test import Postgres, Upstream  # noqa: E402

with Postgres() as server, tempfile.TemporaryDirectory() as folder:
    up = Upstream(server)
    server.sql("ALTER SYSTEM SET log_statement = 'none'")
    server.sql("SELECT pg_reload_conf()")
    open(folder + "/options", "w").write(json.dumps(up.options(server.port)))
    open(folder + "/root", "w").write(up.root)
    sys.exit(subprocess.run([sys.argv[1], folder + "/options", folder + "/root",
                             f"host=127.0.0.1 port={server.port} user=ambit_root password={up.root} dbname=app sslmode=disable"]).returncode)
