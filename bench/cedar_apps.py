#!/usr/bin/env python3
"""The application shapes that published measurements of Cedar use (gdrive, github, tinytodo; 5 to 50 entities of a kind) and example_use_cases of the
conformance data: the median of a full decision with reasons, and of the decision alone, with @cedar-policy/cedar-wasm on the same files in the same
run where Node has it. Our own policies in the shape of those applications. cedar_apps.py CEDAR_ANSWER NODE_DIR [SECONDS]; exit 1 on a miss."""
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ANSWER, NODE_DIR = sys.argv[1], Path(sys.argv[2])
SECONDS = sys.argv[3] if len(sys.argv) > 3 else "0.2"
TARGET = 1000.0          # ns
SHARED = Path(os.environ.get("AMBIT_SHARED", Path(__file__).resolve().parents[2] / "shared"))

WASM = r"""
const { readFileSync } = require('node:fs');
const cedar = require(process.argv[2] + '/node_modules/@cedar-policy/cedar-wasm/nodejs');
const [policies, entities, request] = process.argv.slice(3, 6).map(f => readFileSync(f, 'utf8'));
if (cedar.preparsePolicySet('p', { staticPolicies: policies }).type !== 'success') process.exit(1);
const q = { ...JSON.parse(request), preparsedPolicySetId: 'p', entities: JSON.parse(entities), validateRequest: false };
const times = [];
let r;
for (const end = performance.now() + 1000 * Number(process.argv[6]); times.length < 20 || performance.now() < end;) {
  const t = performance.now();
  r = cedar.statefulIsAuthorized(q);
  times.push(1e6 * (performance.now() - t));
}
if (r.type !== 'success') process.exit(1);
times.sort((a, b) => a - b);
console.log(times[times.length >> 1], r.response.decision, r.response.diagnostics.reason.sort().join(','));
"""


def uid(kind, name):
    return {"type": kind, "id": name}


def ref(kind, name):
    return {"__entity": uid(kind, name)}


def ent(u, attrs=None, parents=()):
    return {"uid": u, "attrs": attrs or {}, "parents": list(parents)}


def gdrive(n):
    policies = """
permit(principal, action in [Action::"read", Action::"comment"], resource) when { resource.public };
permit(principal, action in Action::"reader", resource) when { principal in resource.viewers || resource in principal.seen };
permit(principal, action in Action::"writer", resource) when { principal in resource.editors };
permit(principal, action, resource) when { resource has owner && resource.owner == principal };
forbid(principal, action, resource) when { resource.trashed && action != Action::"restore" };
"""
    entities = [ent(uid("Action", a), {}, [uid("Action", g)]) for a, g in (("read", "reader"), ("comment", "reader"), ("edit", "writer"), ("share", "writer"))]
    for i in range(n):
        entities.append(ent(uid("Group", f"g{i}"), {}, [uid("Group", f"g{i // 2}")] if i else []))
        entities.append(ent(uid("User", f"u{i}"), {"seen": [ref("Folder", f"f{(i + k) % n}") for k in range(3)]}, [uid("Group", f"g{i}")]))
        entities.append(ent(uid("Folder", f"f{i}"), {}, [uid("Folder", f"f{i // 3}")] if i else []))
        entities.append(ent(uid("Document", f"d{i}"), {"public": i % 7 == 3, "trashed": False, "owner": ref("User", f"u{(i + 1) % n}"), "viewers": ref("Group", f"g{i % 3}"),
                                                       "editors": ref("Group", f"g{i // 2}")}, [uid("Folder", f"f{i}")]))
    return policies, entities, [(uid("User", f"u{i % n}"), uid("Action", a), uid("Document", f"d{(i * 3) % n}"), {}) for i, a in enumerate(("read", "edit", "share", "comment"))]


def github(n):
    roles = (("reader", ("pull", "fork")), ("triager", ("assign", "label")), ("writer", ("push", "merge")), ("maintainer", ("settings",)), ("admin", ("add_admin", "delete")))
    policies = "".join(f'permit(principal, action in [{", ".join(chr(34).join(("Action::", a, "")) for a in acts)}], resource) when {{ principal in resource.{r}s }};\n' for r, acts in roles)
    policies += 'permit(principal, action == Action::"edit_issue", resource is Issue) when { principal == resource.reporter || principal in resource.repo.writers };\n'
    policies += 'permit(principal, action == Action::"delete_issue", resource is Issue) when { principal in resource.repo.maintainers };\n'
    policies += 'forbid(principal, action in [Action::"push", Action::"merge"], resource is Repo) when { resource.archived };\n'
    entities = []
    for i in range(n):
        entities.append(ent(uid("Team", f"t{i}"), {}, [uid("Team", f"t{i // 2}")] if i else []))
        entities.append(ent(uid("User", f"u{i}"), {}, [uid("Team", f"t{i}"), uid("Team", f"t{i * 7 % n}")]))
        entities.append(ent(uid("Repo", f"r{i}"), {f"{r}s": ref("Team", f"t{(i // (k + 1)) % n}") for k, (r, _) in enumerate(roles)} | {"archived": False}))
        entities.append(ent(uid("Issue", f"i{i}"), {"repo": ref("Repo", f"r{i}"), "reporter": ref("User", f"u{(i * 3) % n}")}))
    return policies, entities, [(uid("User", "u2"), uid("Action", a), uid(t, f"{t[0].lower()}{i % n}"), {})
                                for i, (a, t) in enumerate((("pull", "Repo"), ("push", "Repo"), ("delete", "Repo"), ("edit_issue", "Issue")))]


def tinytodo(n):
    policies = """
permit(principal, action in [Action::"CreateList", Action::"GetLists"], resource == Application::"TinyTodo");
permit(principal, action, resource) when { resource has owner && resource.owner == principal };
permit(principal, action == Action::"GetList", resource) when { principal in resource.readers || principal in resource.editors };
permit(principal, action in [Action::"UpdateList", Action::"CreateTask", Action::"UpdateTask", Action::"DeleteTask"], resource) when { principal in resource.editors };
forbid(principal in Team::"interns", action == Action::"CreateList", resource == Application::"TinyTodo");
"""
    entities = [ent(uid("Application", "TinyTodo")), ent(uid("Team", "interns"))]
    for i in range(n):
        entities.append(ent(uid("Team", f"t{i}"), {}, [uid("Team", f"t{i // 2}")] if i else []))
        entities.append(ent(uid("User", f"u{i}"), {"level": i}, [uid("Team", f"t{i}"), uid("Application", "TinyTodo")]))
        entities.append(ent(uid("List", f"l{i}"), {"owner": ref("User", f"u{(i + 1) % n}"), "name": f"list {i}", "readers": ref("Team", f"t{i // 2}"), "editors": ref("Team", f"t{i // 4}"),
                                                   "tasks": [{"id": k, "name": "task", "state": "open"} for k in range(3)]}, [uid("Application", "TinyTodo")]))
    return policies, entities, [(uid("User", f"u{i % n}"), uid("Action", a), uid(*r), {}) for i, (a, r) in enumerate(
        (("CreateList", ("Application", "TinyTodo")), ("GetList", ("List", "l1")), ("UpdateTask", ("List", "l3")), ("DeleteList", ("List", "l2"))))]


def use_cases(where):
    """example_use_cases of the conformance data, where that lies."""
    pack = SHARED / "cedar/corpus.tar.gz"
    if not pack.exists():
        return
    with tarfile.open(pack) as tar:
        files = {m.name.split("/", 1)[1]: m for m in tar.getmembers() if m.isfile() and "/tests/" in m.name or "/sample-data/" in m.name}
        load = lambda name: tar.extractfile(files[name]).read().decode()
        for name in sorted(n for n in files if n.startswith("tests/") and "example_use_cases" in n and n.endswith(".json")):
            test = json.loads(load(name))
            if test["policies"] not in files:
                continue
            yield Path(name).stem, load(test["policies"]), json.loads(load(test["entities"])), [
                (r["principal"], r["action"], r["resource"], r["context"]) for r in test["requests"][:4]]


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    return done.stdout.split() if done.returncode == 0 else None


def main():
    node = shutil.which("node") if (NODE_DIR / "node_modules/@cedar-policy/cedar-wasm").is_dir() else None
    if not node:
        print(f"(no peer: no Node, or no packages in {NODE_DIR})")
    missed = 0
    with tempfile.TemporaryDirectory(prefix="cedar-apps-") as name:
        where = Path(name)
        (where / "wasm.cjs").write_text(WASM)
        cases = [(f"{f.__name__}, {n} of each", *f(n)) for f in (gdrive, github, tinytodo) for n in (5, 10, 25, 50)] + list(use_cases(where))
        for what, policies, entities, requests in cases:
            (where / "p.cedar").write_text(policies)
            (where / "e.json").write_text(json.dumps(entities))
            worst = [0.0, 0.0]
            peer = []
            same = True
            for p, a, r, c in requests:
                (where / "r.json").write_text(json.dumps({"principal": p, "action": a, "resource": r, "context": c}))
                ours = run(ANSWER, where / "p.cedar", where / "e.json", where / "r.json", SECONDS)
                worst = [max(worst[0], float(ours[0])), max(worst[1], float(ours[1]))]
                theirs = run(node, where / "wasm.cjs", NODE_DIR.resolve(), where / "p.cedar", where / "e.json", where / "r.json", SECONDS) if node else None
                if theirs:
                    peer.append(float(theirs[0]))
                    same &= theirs[1] == ours[2] and sorted(theirs[2:]) == sorted(",".join(sorted(x.split(","))) for x in ours[3:])
            ok = worst[0] <= TARGET and same
            missed += not ok
            print(f"{what:34} {worst[0]:7.0f} ns, decision only {worst[1]:6.0f} ns (slowest of {len(requests)} requests' medians)  target {TARGET:.0f}  {'pass' if ok else 'MISS'}"
                  + (f"   cedar-wasm {min(peer) / 1000:.0f}-{max(peer) / 1000:.0f} us, {'same answers' if same else 'OTHER ANSWERS'}" if peer else ""), flush=True)
    print(f"{missed} missed")
    return 1 if missed else 0


sys.exit(main())
