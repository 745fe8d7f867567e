"""A server with the applications of tests/authzen, and this process as their enforcement point."""
import json
import os

from world import World

HERE = os.path.dirname(os.path.abspath(__file__))


def resource(name):
    def text(suffix):
        with open(f"{HERE}/authzen/{name}.{suffix}", encoding="utf-8") as f:
            return f.read()

    r = {"kind": "application", "name": name, "policies": text("cedar"), "entities": json.loads(text("entities.json"))}
    actions = {"search": ["view", "edit", "delete"], "certification": ["read", "write", "delete"]}
    return {**r, "actions": actions[name]} if name in actions else r


NAMES = ["certification", "gateway", "search", "todo"]


class Applications(World):
    def prepare(self):
        self.all_up()
        self.ask("apply/run", {"resources": [
            {"kind": "tier", "name": "test", "calls_per_minute": 1000000, "max_calls": 1000000},
            {"kind": "agent", "name": "pep", "owner": "admin@dev", "tier": "test", "identity": [{"uid": os.getuid()}],
             "enforcement_point": True, "applications": NAMES}] + [resource(n) for n in NAMES]})

    def authzen(self, app, path, body, headers=None, method="POST"):
        """(status, JSON) of one request; `body` may be bytes."""
        prefix = f"/apps/{app}" if app else ""
        return self.request("agent", method, f"{prefix}/access/v1/{path}", body, headers=headers)
