"""The policy tools without a server: what they print, and with which code they leave. Usage: policy_test.py AMBIT [TEST…]"""
import json
import os
import re
import stat
import subprocess
import sys
import tempfile

from server import Skip, read, tap

AMBIT = os.path.abspath(sys.argv[1])
SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOOLS = {"tools": [
    {"name": "mail/send", "effect": "egress", "inputSchema": {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}},
    {"name": "files/read_file", "effect": "read", "resource": 'Path::"{path:input.path}"',
     "inputSchema": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}}]}


class Folder:
    """A folder of files, and the command line run in it with no server in reach."""

    def __init__(self, **files):
        self.files = files

    def __enter__(self):
        self.temp = tempfile.TemporaryDirectory(prefix="ambit-policy-")
        self.path = self.temp.name
        for name, text in self.files.items():
            self.write(name.replace("__", "."), text)
        return self

    def __exit__(self, *_):
        self.temp.cleanup()

    def write(self, name, text):
        os.makedirs(os.path.dirname(f"{self.path}/{name}"), exist_ok=True)
        with open(f"{self.path}/{name}", "w", encoding="utf-8") as f:
            f.write(text if isinstance(text, str) else json.dumps(text))

    def read(self, name):
        return read(f"{self.path}/{name}")

    def run(self, *words, want=0, stdin=""):
        p = subprocess.run([AMBIT, *words], input=stdin, capture_output=True, text=True, timeout=60, cwd=self.path,
                           env={"HOME": self.path, "PATH": os.environ["PATH"], "AMBIT_PEOPLE_SOCKET": "/nonexistent"})
        assert p.returncode == want, (words, p.returncode, p.stdout[-2000:], p.stderr[-2000:])
        return p

    def say(self, *words, **kw):
        return self.run(*words, **kw).stdout

    def json(self, *words, **kw):
        return json.loads(self.say(*words, "-o", "json", **kw))


UGLY = '// keep me\npermit(principal in Team::"devs",action,resource); // and me\n'
NEAT = '// keep me\npermit (principal in Team::"devs", action, resource); // and me\n'


def fmt_rewrites_in_place_and_says_what():
    with Folder(a__cedar=UGLY, b__cedar=NEAT) as d:
        os.chmod(d.path + "/a.cedar", 0o640)
        os.symlink("a.cedar", d.path + "/link.cedar")
        assert d.say("policy", "fmt", "--check", "a.cedar", "b.cedar", want=10) == "a.cedar\n"
        diff = d.say("policy", "fmt", "--diff", "a.cedar", "b.cedar", want=11)
        assert diff.startswith("--- a.cedar\n+++ a.cedar (formatted)\n") and "- permit(principal in" in diff and "+ permit (principal in" in diff, diff
        assert d.read("a.cedar") == UGLY
        assert d.say("policy", "fmt", "link.cedar", "b.cedar") == "link.cedar\n"
        assert d.read("a.cedar") == NEAT and os.path.islink(d.path + "/link.cedar")
        assert stat.S_IMODE(os.stat(d.path + "/a.cedar").st_mode) == 0o640
        assert d.say("policy", "fmt", ".") == ""
        assert sorted(os.listdir(d.path)) == ["a.cedar", "b.cedar", "link.cedar"]


def fmt_takes_standard_input():
    with Folder() as d:
        assert d.say("policy", "fmt", stdin=UGLY) == NEAT
        assert d.say("policy", "fmt", "-", stdin=UGLY) == NEAT
        assert d.say("policy", "fmt", "--check", stdin=UGLY, want=10) == "standard input\n"
        d.run("policy", "fmt", "--check", stdin=NEAT)


def fmt_leaves_all_alone_when_one_does_not_parse():
    with Folder(a__cedar=UGLY, b__cedar='permit(principal, action resource);\n') as d:
        out = d.say("policy", "fmt", ".", want=10)
        assert "./b.cedar:1:26: error:" in out and "[syntax]" in out and "\n 1 | permit(principal, action resource);\n   |                          ^" in out, out
        assert d.read("a.cedar") == UGLY


def pages():
    """rule -> (level, found, meant), from the reference"""
    text = read(SOURCE + "/docs/reference/policy-rules.md")
    out = {}
    for page in text.split("\n## ")[1:]:
        level = re.search(r"^\*(\w+)\*:", page, re.M).group(1)
        found, meant = re.findall(r"```cedar\n(.*?)\n```", page, re.S)
        out[page.split("\n")[0]] = (level, found, meant)
    assert len(out) > 15, list(out)
    return out


def every_rule_finds_its_example_and_not_the_other():
    with Folder(all_tools__json=TOOLS) as d:
        for rule, (level, found, meant) in pages().items():
            commands = [["policy", "lint"]] if rule not in ("validation", "unknown-name", "impossible") else [["policy", "validate", "--tools", "all_tools.json"]]
            for words in commands:
                v = d.json(*words, stdin=found + "\n", want=0 if level == "note" else 10)
                hit = [x for x in v["items"] if x["rule"] == rule]
                assert hit and hit[0]["level"] == level and hit[0]["line"] >= 1, (rule, v)
                assert v["errors"] == sum(x["level"] == "error" for x in v["items"])
                v = d.json(*words, stdin=meant + "\n")
                assert not v["items"], (rule, v)
            assert d.say("help", rule).startswith(f"{rule} ({level}): "), rule


def lint_shows_line_and_caret():
    text = '@id("a")\npermit (principal, action in Action::"effect:read", resource)\nwhen\n{\n\tcontext.environment like "*"\n};\n'
    with Folder(x__cedar=text) as d:
        out = d.say("policy", "lint", "x.cedar", want=10)
        assert out.startswith('x.cedar:5:2: warning: `like "*"` matches every text [like-anything]\n 5 | \tcontext.environment like "*"\n'
                              "   | \t" + "^" * 28 + "\n   = leave it out"), out
        assert out.endswith("1 file  1 policy  0 errors  1 warning\n"), out
        assert d.say("policy", "lint", "x.cedar", "-q", want=10) == "x.cedar:5:2\n"
        assert d.say("policy", "lint", stdin=NEAT) == "1 file  1 policy  no findings\n"


def lint_sees_what_hides_what():
    def rules(text, want=10):
        with Folder() as d:
            return [(x["rule"], x["line"]) for x in d.json("policy", "lint", stdin=text, want=want)["items"]]
    permit = '@id("p") permit (principal == Agent::"a", action == Action::"files/read_file", resource);\n'
    for wide in ('principal, action in Action::"server:files", resource', 'principal is Agent, action in Action::"all", resource'):
        assert rules(permit + f'@id("f") forbid ({wide});\n') == [("unreachable-permit", 1)], wide
        # What can be lifted, observes, or has a condition of its own, does not.
        for milder in ('@id("f") @approval("g:1") forbid (%s);\n', '@id("f") @mode("observe") forbid (%s);\n', '@id("f") forbid (%s) when { context.risk > 1 };\n'):
            assert rules(permit + milder % wide, want=0) == [], milder
    # Not covered: another server, another name that begins alike.
    assert rules(permit + '@id("f") forbid (principal, action in Action::"server:file", resource);\n', want=0) == []
    # The later of two equals, once.
    assert rules(permit + permit.replace('"p"', '"q"')) == [("shadowed-policy", 2)]
    # A condition that holds more is the narrower one; the order of parts does not matter.
    both = '@id("%s") permit (principal in Team::"t", action, resource) when { %s };\n'
    assert rules(both % ("a", "context.risk > 1 && context.task.depth == 0") + both % ("b", "context.task.depth == 0")) == [("shadowed-policy", 1)]
    assert rules(both % ("a", "context.risk > 1 || context.task.depth == 0") + both % ("b", "context.task.depth == 0")) == [("shadowed-policy", 2)]
    # Opposites and two values at once.
    assert rules(both % ("a", 'context.environment == "dev" && context.environment == "prod"')) == [("never-applies", 1)]
    assert rules('@id("a") permit (principal in Team::"t", action, resource) when { context.risk > 1 } unless { context.risk > 1 };') == [("never-applies", 1)]
    assert rules('@id("a") permit (principal in Team::"t", action in [], resource);') == [("never-applies", 1)]
    # A constant that fails is found too; what depends on entities is no constant.
    assert rules(both % ("a", '9223372036854775807 + 1 > 0')) == [("never-applies", 1)]
    assert rules(both % ("a", 'User::"x" in Group::"y"'), want=0) == []


def sarif_is_what_the_standard_says():
    with Folder() as d:
        d.write("a b/é.cedar", '// é\nforbid (principal, action, resource) when { "é" == "é" };\n')
        v = json.loads(d.say("policy", "lint", ".", "-o", "sarif", want=10))
        assert v["version"] == "2.1.0" and v["$schema"].endswith("sarif-2.1.0.json") and len(v["runs"]) == 1
        run = v["runs"][0]
        rules = run["tool"]["driver"]["rules"]
        assert run["tool"]["driver"]["name"] == "ambit" and run["columnKind"] == "unicodeCodePoints"
        assert len({r["id"] for r in rules}) == len(rules) == len(pages())
        for r in rules:
            assert r["shortDescription"]["text"] and r["help"]["text"] and r["defaultConfiguration"]["level"] in ("note", "warning", "error")
        assert {r["ruleId"] for r in run["results"]} == {"forbid-without-id", "constant-condition"}, run["results"]
        for r in run["results"]:
            assert rules[r["ruleIndex"]]["id"] == r["ruleId"] and r["message"]["text"] and r["level"] == "warning"
            place = r["locations"][0]["physicalLocation"]
            assert place["artifactLocation"]["uri"] == "./a%20b/%C3%A9.cedar", place
            region = place["region"]
            assert region["startLine"] == region["endLine"] == 2 and 1 <= region["startColumn"] < region["endColumn"]
        region = [r for r in run["results"] if r["ruleId"] == "constant-condition"][0]["locations"][0]["physicalLocation"]["region"]
        assert (region["startColumn"], region["endColumn"]) == (45, 55), region     # characters, not bytes
        empty = json.loads(d.say("policy", "lint", "-o", "sarif", stdin=NEAT))
        assert empty["runs"][0]["results"] == []


def validate_needs_a_schema_and_takes_each():
    policy = '@id("m") forbid (principal, action == Action::"mail/send", resource) when { context.input.too == "x" };\n'
    with Folder(p__cedar=policy) as d:
        err = d.run("policy", "validate", ".", want=2).stderr
        assert "against which schema?" in err and "ambit tool catalogue" in err, err
        d.write("all_tools.json", TOOLS)
        out = d.say("policy", "validate", ".", want=10)
        assert out.startswith("./p.cedar:1:") and "[validation]" in out and "did you mean `to`" in out, out
        d.write("all_tools.json", {"tools": []})
        d.write("servers.yaml", "kind: server\nname: mail\ntransport: stdio\ncommand: [mail]\ntools:\n  - name: send\n    effect: egress\n")
        p = d.run("policy", "validate", ".", want=10)
        assert "the arguments of 1 tool are not known" in p.stderr, p.stderr
        d.write("a.cedarschema", 'entity Agent; entity Tool; action "mail/send" appliesTo { principal: Agent, resource: Tool, context: { input: { to: String } } };')
        assert "did you mean `to`" in d.say("policy", "validate", "--schema", "a.cedarschema", "p.cedar", want=10)
        d.write("p.cedar", policy.replace("too", "to"))
        assert d.say("policy", "validate", "--schema", "a.cedarschema", "p.cedar") == "1 file  1 policy  no findings\n"
        d.write("a.json", {"": {"entityTypes": {"Agent": {}, "Tool": {}}, "actions": {"mail/send": {"appliesTo": {
            "principalTypes": ["Agent"], "resourceTypes": ["Tool"],
            "context": {"type": "Record", "attributes": {"input": {"type": "Record", "attributes": {"to": {"type": "Long"}}}}}}}}}})
        assert "not compatible" in d.say("policy", "validate", "--schema", "a.json", "p.cedar", want=10)
        d.write("a.cedarschema", "entity Agent in Nothing;\n")
        assert "a.cedarschema:1:" in d.say("policy", "validate", "--schema", "a.cedarschema", "p.cedar", want=10)
        d.run("policy", "validate", "--server", "p.cedar", want=9)


def bad_tools_files_are_named_with_their_place():
    with Folder(p__cedar=NEAT) as d:
        for text, why in (('tools:\n  - name: x\n', "2:"), ('tools:\n  - name: a/b\n    efect: read\n', "unknown member"), ('tools:\n  - name: a/b\n    effect: reading\n', ":3:"),
                          ("tools: 5\n", "must be a list"), ("tools:\n  - {name: a/b, resource: 'Path'}\n", "resource of tool a/b"), ("tools: [\n", ":2:")):
            d.write("x_tools.yaml", text)
            err = d.run("policy", "validate", "p.cedar", "--tools", "x_tools.yaml", want=2).stderr
            assert why in err, (text, err)
        d.write("x_tools.json", '{"tools":[')
        d.run("policy", "validate", "p.cedar", "--tools", "x_tools.json", want=2)
        d.run("policy", "validate", "p.cedar", "--tools", "nothing.json", want=7)
        d.run("policy", "lint", "nothing.cedar", want=7)


def hostile_text_reaches_no_terminal():
    with Folder() as d:
        out = d.say("policy", "lint", stdin='@id("x\u202ey") @evil("\u001b[31m") forbid (principal, action, resource);\n', want=10)
        assert "\u001b" not in out and "\u202e" not in out, out


POLICIES = """@id("readers")
permit (principal in Team::"devs", action in Action::"effect:read", resource);
@id("mailers")
permit (principal, action == Action::"mail/send", resource)
when { context.environment == "prod" && context.input.to like "*@corp.example" };
@id("no-secrets-out")
forbid (principal, action in Action::"effect:egress", resource) when { context.task.sensitivity >= 2 };
@id("ask-prod") @approval("on-call:2")
forbid (principal, action == Action::"mail/send", resource) when { context.environment == "prod" };
"""
RESOURCES = """- {kind: tier, name: dev}
- {kind: user, name: erin, uids: [1], groups: [on-call], roles: [approver]}
- {kind: user, name: finn, uids: [2], groups: [on-call], roles: [approver]}
- {kind: agent, name: dev/bot, owner: dana, team: devs, tier: dev}
- {kind: label, name: s, resource: 'Path::"/srv/secret/**"', sensitivity: confidential}
"""
CASES = """description: mail and files
defaults: {agent: dev/bot, environment: prod}
cases:
  - {name: reads, tool: files/read_file, args: {path: /srv/a}, expect: allow, rules: [readers]}
  - {name: mail asks, tool: mail/send, args: {to: x@corp.example}, expect: approval required, rules: [ask-prod]}
  - {name: mail approved, tool: mail/send, args: {to: x@corp.example}, approval: granted, expect: allow, rules: [ask-prod]}
  - {name: one yes is not two, tool: mail/send, args: {to: x@corp.example}, approval: {by: [erin]}, expect: approval required}
  - {name: two are, tool: mail/send, args: {to: x@corp.example}, approval: {by: [erin, finn]}, expect: allow}
  - {name: mail after secrets, tool: mail/send, args: {to: x@corp.example}, task: {sensitivity: confidential}, expect: deny, rules: [no-secrets-out], code: policy_denied}
  - {name: mail elsewhere, tool: mail/send, args: {to: x@example.com}, expect: deny, rules: [], code: no_permit}
  - {name: outside the envelope, tool: files/read_file, args: {path: /etc/x}, task: {envelope: {tools: ['files/*'], resources: ['Path::/srv/**']}}, expect: deny, code: outside_envelope}
  - {name: made up, agent: other/bot, tool: files/read_file, args: {path: /srv/a}, expect: deny, code: no_permit}
"""


def good(**more):
    return Folder(**{"base__cedar": POLICIES, "people__yaml": RESOURCES, "base_test__yaml": CASES, "all_tools__json": TOOLS, **more})


def tests_pass_and_are_counted():
    with good() as d:
        assert d.say("policy", "test", ".") == "ok 9  fail 0  coverage 100% rules  75% conditions\n"
        assert d.say("policy", "test", ".", "--run", "mail") == "ok 4  fail 0  coverage 75% rules  75% conditions\n"
        out = d.say("policy", "test", ".", "--coverage")
        assert "ok     ./base.cedar:1 readers  applied 1 of 1\n" in out, out
        assert 'never false: context.environment == "prod"' in out and "like" not in out, out
        d.run("policy", "test", ".", "--run", "mail", "--min-coverage", "80", want=10)
        d.run("policy", "test", ".", "--min-coverage", "100")
        assert d.say("policy", "test", ".", "-q").split("\n")[0] == "reads"
        v = d.json("policy", "test", ".")
        assert v["ok"] == 9 and v["fail"] == 0 and v["coverage"]["rules_percent"] == 100, v
        assert [p["id"] for p in v["coverage"]["policies"]] == ["readers", "mailers", "no-secrets-out", "ask-prod"]
        assert d.say("policy", "test", ".", "-o", "tap").startswith("1..9\nok 1 - reads\n")


def failing_tests_say_what_was_decided():
    # Each change of a policy is noticed by the test that is about it.
    for old, new, case, got in (
            ('in Team::"devs"', 'in Team::"ops"', "reads", "deny: no_permit"),
            ('>= 2', '>= 3', "mail after secrets", "approval required by ask-prod (base:8)"),
            ('@approval("on-call:2")', '@approval("on-call:1")', "one yes is not two", "allow by ask-prod (base:8)"),
            ('@approval("on-call:2")', '', "mail asks", "deny by ask-prod (base:8)"),
            ('@id("readers")', '@id("lesers")', "reads", "allow by lesers (base:1)"),
            ('principal in Team::"devs", ', 'principal, ', "made up", "allow by readers (base:1)"),
            (' && context.input.to like "*@corp.example"', '', "mail elsewhere", "approval required by ask-prod (base:8)")):
        assert old in POLICIES, old
        with good(base__cedar=POLICIES.replace(old, new)) as d:
            failed = [x for x in d.json("policy", "test", ".", want=10)["items"] if not x["ok"]]
            assert case in [x["name"] for x in failed], (old, failed)
            x = [x for x in failed if x["name"] == case][0]
            assert x["got"] == got, (old, x)
            out = d.say("policy", "test", ".", want=10)
            assert f"FAIL ./base_test.yaml:{x['line']}  {case}\n     expected  {x['expected']}\n     got       {got}\n" in out, out
            assert "not ok " in d.say("policy", "test", ".", "-o", "tap", want=10)


def junit_is_xml():
    import xml.etree.ElementTree as tree
    with good(base_test__yaml=CASES.replace("reads", "'<&\"x\"> # é'").replace("made up", "tabs\there").replace("expect: allow, rules: [readers]", "expect: deny")) as d:
        root = tree.fromstring(d.say("policy", "test", ".", "-o", "junit", want=10).encode())
        assert root.tag == "testsuites" and root.get("tests") == "9" and root.get("failures") == "1"
        cases = root.findall("./testsuite/testcase")
        assert len(cases) == 9 and cases[0].get("name") == '<&"x"> # é' and cases[0].find("failure").get("message") == "expected deny, got allow by readers (base:1)"
        assert '- <&"x"> \\# é\n' in d.say("policy", "test", ".", "-o", "tap", want=10)


def test_files_that_are_wrong_name_their_place():
    for text, code, why in (
            ("cases:\n  - {nam: x}\n", 2, './base_test.yaml:2:6: unknown member "nam"; did you mean "name"?'),
            ("cases:\n  - {name: x, tool: a/b, expect: allow}\n", 2, ":2:5: a case needs an agent"),
            ("cases:\n  - {name: x, agent: a, tool: mail/send, expect: maybe}\n", 2, ":2:50: expect is allow, deny or approval required"),
            ("cases:\n  - {name: x, agent: a, tool: mail/send, expect: deny, code: nonsense}\n", 2, 'no error code "nonsense"'),
            ("cases:\n  - {name: 5, agent: a, tool: mail/send, expect: deny}\n", 2, "name must be text"),
            ("cases:\n  - {name: x, agent: a, tool: mail/send, expect: deny, at: yesterday}\n", 2, "at is a moment"),
            ("cases:\n  - {name: x, agent: a, tool: mail/send, expect: deny, approval: maybe}\n", 2, "approval is `granted`"),
            ("cases:\n  - {name: x, agent: a, tool: mail/send, expect: deny, task: {depth: 99}}\n", 2, "depth must be a whole number"),
            ("cases:\n  - {name: x, agent: a, tool: mail/send, expect: deny, resource: Path}\n", 2, 'Type::"id"'),
            ("resources: [{kind: tier, name: x, max_ttl: 5}]\ncases: []\n", 2, "max_ttl_seconds"),
            ("tools: [{name: a/b, effekt: read}]\ncases: []\n", 2, "unknown member"),
            ("a: 1\n---\nb: 2\n", 2, "one document a file"), ("", 2, "the file is empty"), ("cases: [\n", 2, ":2:")):
        with good(base_test__yaml=text) as d:
            err = d.run("policy", "test", ".", want=code).stderr
            assert why in err, (text, err)
    with good(base_test__yaml=CASES.replace("tool: files/read_file", "tool: files/nothing")) as d:
        assert "no such tool" in d.say("policy", "test", ".", want=10)
    with good(base_test__yaml=CASES.replace("envelope: {tools:", "envelope: {tolls:")) as d:
        assert "got       envelope: " in d.say("policy", "test", ".", want=10)
    with good(base__cedar=POLICIES.replace("context.task.sensitivity", "context.task.sensibility")) as d:
        err = d.run("policy", "test", ".", want=10).stderr
        assert "policy/base: text: line 7" in err and "the server would refuse these policies" in err, err
    with good(base__cedar="permit (") as d:
        assert "[syntax]" in d.say("policy", "test", ".", want=10)
    with Folder(base__cedar=POLICIES) as d:
        assert "_test.yaml" in d.run("policy", "test", ".", want=7).stderr


def the_schema_says_the_same():
    try:
        import jsonschema
        import yaml
    except ImportError:
        raise Skip("no jsonschema or yaml module") from None
    with open(SOURCE + "/docs/reference/policy-test.schema.json", encoding="utf-8") as f:
        schema = json.load(f)
    check = jsonschema.Draft202012Validator(schema)
    check.check_schema(schema)
    check.validate(yaml.safe_load(CASES))
    full = {"name": "x", "agent": "a", "tool": "mail/send", "args": {"to": "x"}, "environment": "e", "channel": "tls", "attested": False, "at": "2026-11-20T10:00:00Z",
            "task": {"id": "tsk_7QF2MX8AZ0KD", "purpose": "p", "workflow": "w", "user": "u", "user_proven": True, "envelope": {"tools": ["**"]}, "depth": 1, "calls": 2, "age_seconds": 3,
                     "sensitivity": "internal", "labels": ["l"]}, "approval": {"by": ["erin"]}, "expect": "deny", "rules": [], "code": "no_permit"}
    assert set(full) | {"resource"} == set(schema["$defs"]["case"]["properties"]) and set(full["task"]) == set(schema["$defs"]["task"]["properties"])
    doc = {"description": "d", "resources": [], "tools": [{"name": "x/y", "effect": "read", "sensitivity": "public", "resource": 'Path::"{path:input.p}"', "untyped": True, "inputSchema": {}}],
           "defaults": {k: v for k, v in full.items() if k in schema["properties"]["defaults"]["properties"]}, "cases": [full]}
    assert set(doc) == set(schema["properties"])
    check.validate(doc)
    with good(base_test__yaml=json.dumps(doc)) as d:
        assert d.say("policy", "test", ".").startswith("ok 1  fail 0")


def the_starter_set_is_whole():
    with Folder() as d:
        written = d.say("policy", "init", "policies").split()
        for path in written:
            assert d.read(path) == read(f"{SOURCE}/share/policies/starter/{os.path.basename(path)}"), path
        assert sorted(os.listdir(SOURCE + "/share/policies/starter")) == sorted(os.path.basename(p) for p in written)
        d.run("policy", "fmt", "--check", "policies")
        assert d.say("policy", "lint", "policies").endswith("no findings\n")
        assert d.say("policy", "test", "policies").endswith("coverage 100% rules  100% conditions\n")
        # Each rule matters: without it, or with it the other way round, a case fails.
        text = d.read("policies/starter.cedar")
        rules = re.findall(r'@id\("([^"]+)"\)\n(?:@.*\n)*(?:permit|forbid) \((?:.|\n)*?;\n', text)
        assert len(rules) == 10, rules
        for m in re.finditer(r'@id\("([^"]+)"\)\n(?:@.*\n)*(?:permit|forbid) \((?:.|\n)*?;\n', text):
            if m.group(1) == "try-proven-users-only":
                continue        # it only observes
            d.write("policies/starter.cedar", text.replace(m.group(0), ""))
            assert "FAIL " in d.say("policy", "test", "policies", want=10), m.group(1)
        d.write("policies/starter.cedar", text.replace('@mode("observe")\n', ""))
        assert "a rule in observe mode stops nobody" in d.say("policy", "test", "policies", want=10)
        os.unlink(d.path + "/policies/tiers.yaml")
        assert "nothing was written" in d.run("policy", "init", "policies", want=8).stderr
        assert not os.path.exists(d.path + "/policies/tiers.yaml")


def diff_compares_what_is_said_and_decided():
    with good() as d:
        for name in ("base.cedar", "people.yaml", "base_test.yaml", "all_tools.json"):
            d.write("old/" + name, d.read(name))
            d.write("new/" + name, d.read(name))
        # Layout, comments, order of rules and of annotations say nothing.
        rules = POLICIES.replace(' @approval("on-call:2")', "").replace('@id("ask-prod")', '@approval("on-call:2")\n// now elsewhere\n@id("ask-prod")').split("@id(\"readers\")")
        d.write("new/other.cedar", '@id("readers")' + rules[1])
        os.unlink(d.path + "/new/base.cedar")
        assert d.say("policy", "diff", "old", "new") == "nothing would change\n"
        d.write("new/other.cedar", POLICIES.replace("on-call:2", "on-call:1").replace(">= 2", ">= 3").replace('"readers"', '"lesers"') + '@id("extra") forbid (principal, action == Action::"files/read_file", resource);\n')
        out = d.say("policy", "diff", "old", "new", want=11)
        assert "~ no-secrets-out  new/other.cedar:6  conditions\n" in out and "~ ask-prod  new/other.cedar:8  @approval\n" in out, out
        assert "- readers  old/base.cedar:1\n" in out and "+ lesers  new/other.cedar:1\n" in out and "+ extra  new/other.cedar:" in out, out
        assert "  reads\n    was  allow by readers (base:1)\n    now  deny by extra (other:10)\n" in out, out
        assert out.endswith("2 added, 1 removed, 2 changed; 3 of 9 test cases decided otherwise\n"), out
        v = d.json("policy", "diff", "old", "new", want=11)
        assert sorted(x["op"] for x in v["items"]) == ["add", "add", "change", "change", "remove"] and len(v["outcomes"]) == 3, v
        d.run("policy", "diff", "old", want=2)
        d.run("policy", "diff", "old", "nothing", want=7)


def why_shows_every_rule():
    with good() as d:
        out = d.say("policy", "why", ".", "--case", "mail asks", want=5)
        assert out.startswith("PENDING  agent dev/bot needs a human to call mail/send\n"), out
        assert "  permit  readers  base:1  another action\n" in out and "  forbid  ask-prod  base:8  applies (a human may lift it)\n" in out, out
        assert '  permit  mailers  base:3  applies\n      true   context.environment == "prod"\n      true   context.input.to like "*@corp.example"\n' in out, out
        assert "  forbid  no-secrets-out  base:6  does not apply\n      false  context.task.sensitivity >= 2\n" in out, out
        out = d.say("policy", "why", ".", "--agent", "dev/bot", "--tool", "mail/send", "--arg", "to=x", "-e", "dev", want=3)
        assert 'nearest   permit base:3 @id("mailers") lacks: context.environment == "prod"' in out and 'false  context.input.to like' in out, out
        d.run("policy", "why", ".", "--case", "mail asks", "--approved")
        v = d.json("policy", "why", ".", "--agent", "dev/bot", "--tool", "files/read_file", "--arg", "path=/srv/a")
        assert v["verdict"]["decision"] == "allow" and [r["outcome"] for r in v["rules"]] == ["applies", "another action", "another action", "another action"], v
        assert "policy was not asked" in d.say("policy", "why", ".", "--agent", "dev/bot", "--tool", "files/read_file", want=3)
        d.run("policy", "why", ".", want=2)
        d.run("policy", "why", ".", "--case", "nothing of it", want=7)
        d.run("policy", "why", ".", "--agent", "a", "--tool", "mail/send", "--args", "[1]", want=2)


sys.exit(tap([diff_compares_what_is_said_and_decided, why_shows_every_rule, the_starter_set_is_whole, tests_pass_and_are_counted, failing_tests_say_what_was_decided, junit_is_xml, test_files_that_are_wrong_name_their_place, the_schema_says_the_same,
              fmt_rewrites_in_place_and_says_what, fmt_takes_standard_input, fmt_leaves_all_alone_when_one_does_not_parse,
              every_rule_finds_its_example_and_not_the_other, lint_shows_line_and_caret, lint_sees_what_hides_what, sarif_is_what_the_standard_says,
              validate_needs_a_schema_and_takes_each, bad_tools_files_are_named_with_their_place, hostile_text_reaches_no_terminal]))
