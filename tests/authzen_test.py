"""The AuthZEN endpoint of a whole server. Usage: authzen_test.py AMBITD [TEST...]"""
import sys

from server import tap
from world import World

AMBITD = sys.argv[1]


def evaluate(s, token, tool, task, **context):
    q = {"subject": {"type": "task", "id": task}, "action": {"name": tool}, "resource": {"type": "tool", "id": tool},
         "context": {"arguments": {"text": "a"}, **context}}
    return s.request("agent", "POST", "/access/v1/evaluation", q, headers={"Authorization": "Bearer " + token} if token else {})


def decisions_are_answers_and_refusals_errors():
    with World(AMBITD) as s:
        task, token = s.open_task()
        status, a = evaluate(s, token, "t/echo", task)
        assert status == 200 and a["decision"] is True and a["context"]["event"].startswith("evt_"), (status, a)
        status, a = evaluate(s, token, "t/none", task)
        assert status == 200 and a["decision"] is False and a["context"]["code"], (status, a)
        s.ask("apply/run", {"resources": [{"kind": "policy", "name": "no", "text": "forbid(principal, action, resource);"}]})
        status, a = evaluate(s, token, "t/echo", task)
        assert status == 200 and a["decision"] is False and a["context"]["code"] == "policy_denied", (status, a)
        status, a = evaluate(s, None, "t/echo", task)
        assert status == 401 and "decision" not in a, (status, a)
        status, a = evaluate(s, token, "t/echo", task, dry_run="no")
        assert status == 400 and "decision" not in a, (status, a)


def what_waits_for_people_is_not_allowed():
    with World(AMBITD) as s:
        s.ask("apply/run", {"resources": [{"kind": "policy", "name": "ask", "text":
                                           '@approval("admin@dev:1") forbid(principal, action, resource) unless { context.approval.granted };'}]})
        task, token = s.open_task()
        status, a = evaluate(s, token, "t/echo", task)
        assert status == 200 and a["decision"] is False and a["context"]["decision"] == "pending", (status, a)


sys.exit(tap([decisions_are_answers_and_refusals_errors, what_waits_for_people_is_not_allowed]))
