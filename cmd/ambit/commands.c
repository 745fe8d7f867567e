/* The command table: the parser, help, man pages, completion and docs/reference/cli.md all come from it. To add a command, add a
 * row; where one operation and its columns are not enough, name a function and list it in runners.def. */
#include "cli.h"

#define AGENT(opt)    { "AGENT", "agent", "agent: name or id", COMP_AGENT, NULL, opt }
#define TASK(opt)     { "TASK", "task", "task id", COMP_TASK, NULL, opt }
#define TOOL          { "TOOL", "tool", "tool: server/name", COMP_TOOL }
#define SERVER        { "SERVER", "server", "tool server", COMP_SERVER }
#define APPROVAL      { "APPROVAL", "approval", "the whole approval id", COMP_APPROVAL }
#define LIMIT         { "limit", 0, FLAG_INT, "limit", "N", "at most so many; default 100" }, \
                      { "cursor", 0, FLAG_STR, "cursor", "CURSOR", "go on where the last answer's `next` says" }
#define PATHS         { "PATH", NULL, "files or folders; - or none for standard input", COMP_FILE, NULL, true, true }
#define FORM(more)    { "output", 'o', FLAG_STR, NULL, "FORM", "table, wide, json, jsonl, name or " more, COMP_WORDS, "table wide json jsonl name " more }
#define REASON        { "reason", 'r', FLAG_STR, "reason", "TEXT", "why; recorded" }
#define ENVELOPE      { "allow", 'a', FLAG_LIST, NULL, "PATTERN[:EFFECT]", "tools the task may call: files/*, files/*:read; repeatable", COMP_TOOL }, \
                      { "resource", 0, FLAG_LIST, NULL, "PATTERN", "resources it may touch: 'Path::/srv/**'; repeatable" }, \
                      { "credential", 0, FLAG_LIST, NULL, "PATTERN", "credentials it may borrow: pg/staging.read, 'pg/*'; repeatable" }, \
                      { "arg", 0, FLAG_LIST, NULL, "TOOL:/POINTER:OP[:VALUE]", "bound an argument: 'files/*:/path:prefix:/srv/'; repeatable" }, \
                      { "limit", 0, FLAG_LIST, NULL, "NAME=N", "calls=N, calls_per_minute=N or depth=N; repeatable" }, \
                      { "ttl", 0, FLAG_SECONDS, NULL, "TIME", "how long the task may live; 1h" }, \
                      { "env", 'e', FLAG_STR, NULL, "NAME", "environment: dev, staging, prod …" }

static const struct command table[] = {
	/* ---- work ---- */
	{ "run", NULL, NULL, "Work", "run a program as an agent with a task of its own",
	  "Opens a task, starts the program inside it and ends the task with it: credentials, sessions, delegated tasks and left-over processes included. Whatever the "
	  "program starts belongs to the task; `ambit mcp` inside needs no token.\n\nThe exit code is the program's.",
	  .flags = { { "agent", 0, FLAG_STR, NULL, "AGENT", "agent to run as; default: the one you may launch", COMP_AGENT },
	             { "task", 't', FLAG_STR, NULL, "PURPOSE", "what it is for, in your words" },
	             ENVELOPE,
	             { "workflow", 'w', FLAG_STR, NULL, "NAME", "take the envelope from this workflow" } },
	  .id = "id", .exits = "0 1 2 3 4 7 9", .run = run_run, .rest = "COMMAND [ARGUMENT…]",
	  .examples = { "ambit run --task 'fix the invoice bug' --allow 'files/*' --ttl 2h -- claude",
	                "ambit run --agent dev/bot --allow 'files/*:read' --arg 'files/*:/path:prefix:/srv/app/' -- ./agent.py",
	                "ambit run --workflow nightly-report -- ./report.sh" } },
	{ "mcp", NULL, NULL, "Work", "speak MCP on standard input and output for a client",
	  "The bridge that MCP clients start. Under `ambit run` it belongs to that task; elsewhere it opens a task with the session envelope of the agent that the server "
	  "recognises, and the task ends with the bridge.",
	  .flags = { { "agent", 0, FLAG_STR, NULL, "AGENT", "agent to open the session as", COMP_AGENT },
	             { "task", 't', FLAG_STR, NULL, "PURPOSE", "purpose of the session's task" } },
	  .exits = "0 1 2 9", .run = mcp_run,
	  .examples = { "ambit mcp", "claude mcp add ambit -- ambit mcp" } },
	{ "task", "list", NULL, "Work", "list tasks", NULL,
	  .flags = { { "agent", 0, FLAG_STR, "agent", "AGENT", "of this agent only", COMP_AGENT },
	             { "state", 0, FLAG_STR, "state", "STATE", "in this state only", COMP_WORDS, "requested pending active ending completed expired revoked rejected" },
	             { "all", 0, FLAG_BOOL, "all", NULL, "ended ones too" }, LIMIT },
	  .op = "task/list", .exits = "0 2 3 4 9",
	  .cols = { { "TASK", "id" }, { "AGENT", "agent" }, { "STATE", "state" }, { "CALLS", "calls" }, { "DENIED", "denied" }, { "PENDING", "pending" },
	            { "EXPIRES", "expires", COL_UNTIL }, { "PURPOSE", "purpose" }, { "USER", "user", COL_TEXT, true }, { "ENV", "environment", COL_TEXT, true },
	            { "TOUCHED", "sensitivity", COL_TEXT, true }, { "PARENT", "parent", COL_TEXT, true } },
	  .examples = { "ambit task list", "ambit task --all -o wide", "ambit task list --agent dev/bot -q" } },
	{ "task", "show", NULL, "Work", "show one task", NULL, .pos = { TASK(false) }, .op = "task/show", .exits = "0 2 3 4 7 9",
	  .examples = { "ambit task show tsk_7QF2MX8AZ0KD", "ambit task show tsk_7QF2MX8AZ0KD --field envelope" } },
	{ "task", "create", NULL, "Work", "open a task for an agent that runs elsewhere", NULL,
	  .pos = { AGENT(false) },
	  .flags = { { "task", 't', FLAG_STR, NULL, "PURPOSE", "what it is for" }, ENVELOPE, { "workflow", 'w', FLAG_STR, NULL, "NAME", "take the envelope from this workflow" } },
	  .op = "task/create", .id = "task.id", .exits = "0 2 3 4 7 9", .run = task_create_run,
	  .examples = { "ambit task create dev/bot --task 'nightly report' --allow 'files/*:read' --ttl 30m" } },
	{ "task", "complete", NULL, "Work", "end a task: no new calls, those in flight get 5 s", NULL, .pos = { TASK(false) }, .flags = { REASON }, .op = "task/complete",
	  .id = "task.id", .exits = "0 2 3 4 7 9", .examples = { "ambit task complete tsk_7QF2MX8AZ0KD" } },
	{ "task", "receipt", NULL, "Work", "what a task did and what became of all it held", NULL, .pos = { TASK(false) }, .op = "task/receipt", .id = "task.id",
	  .exits = "0 2 3 4 7 9", .run = receipt_run, .examples = { "ambit task receipt tsk_7QF2MX8AZ0KD", "ambit task receipt tsk_7QF2MX8AZ0KD -o json" } },
	{ "task", "tree", NULL, "Work", "tasks with those delegated from them", NULL, .pos = { TASK(true) }, .flags = { { "all", 0, FLAG_BOOL, "all", NULL, "ended ones too" } },
	  .op = "task/list", .exits = "0 2 3 4 7 9", .run = task_tree_run, .examples = { "ambit task tree", "ambit task tree tsk_7QF2MX8AZ0KD" } },
	{ "task", "delegate", NULL, "Work", "open a narrower task under this one", "For programs inside a task. Prints the child task and its token.",
	  .flags = { { "task", 't', FLAG_STR, NULL, "PURPOSE", "what it is for" }, ENVELOPE, { "agent", 0, FLAG_STR, NULL, "AGENT", "for this agent", COMP_AGENT } },
	  .op = "task/delegate", .id = "task.id", .exits = "0 2 3 4 9", .run = delegate_run,
	  .examples = { "ambit task delegate --task 'read the logs' --allow 'files/read_file' --ttl 5m" } },
	{ "token", "inspect", NULL, "Look", "what a token stands for and whether it still counts", NULL,
	  .pos = { { "TOKEN", "token", "its id (tok_…, as in events) or its whole text" } }, .op = "token/show", .exits = "0 2 3 4 7 9",
	  .examples = { "ambit token inspect tok_7QF2MX8AZ0KD" } },
	{ "token", "revoke", NULL, "Decide", "end one token; its task goes on", "To end everything the task holds: ambit kill task.",
	  .pos = { { "TOKEN", "token", "its id (tok_…, as in events) or its whole text" } }, .op = "token/revoke", .exits = "0 2 3 4 7 9",
	  .examples = { "ambit token revoke tok_7QF2MX8AZ0KD" } },
	{ "token", NULL, NULL, "Work", "print a fresh token of the task this runs in", "Bound to this very process's channel and good for at most 5 minutes.",
	  .op = "token/issue", .id = "token", .exits = "0 2 3 4 9", .run = token_run, .examples = { "ambit token", "ambit token --field expires" } },
	{ "check", NULL, NULL, "Work", "would this call be allowed, and why", "Asks the function that decides real calls; nothing is consumed or changed.",
	  .flags = { { "agent", 0, FLAG_STR, "agent", "AGENT", "agent that would call", COMP_AGENT },
	             { "task", 't', FLAG_STR, "task", "TASK", "in this task; without it only policy is asked", COMP_TASK },
	             { "tool", 0, FLAG_STR, "tool", "SERVER/NAME", "tool that would be called", COMP_TOOL },
	             { "arg", 0, FLAG_LIST, NULL, "NAME=TEXT", "an argument; NAME:=JSON for other than text; repeatable" },
	             { "args", 0, FLAG_STR, NULL, "JSON", "all arguments as one JSON object" },
	             { "env", 'e', FLAG_STR, "environment", "NAME", "environment" } },
	  .op = "check/run", .id = "decision", .exits = "0 2 3 4 5 7 9", .run = check_run,
	  .examples = { "ambit check --agent dev/bot --tool files/write_file --arg path=/srv/x", "ambit check --task tsk_7QF2MX8AZ0KD --tool pay/send --arg amount:=250 -o json" } },

	{ "lease", "list", "leases", "Work", "credentials that are lent, and those being taken back", "Inside a task its own, elsewhere all.",
	  .flags = { { "task", 't', FLAG_STR, "task", "TASK", "of this task", COMP_TASK }, { "upstream", 0, FLAG_STR, "upstream", "NAME", "at this upstream" },
	             { "revoking", 0, FLAG_BOOL, "revoking", NULL, "only what is not shown to be gone yet" }, LIMIT },
	  .op = "lease/list", .id = "lease", .exits = "0 2 3 4 7 9", .run = lease_list_run,
	  .cols = { { "LEASE", "lease" }, { "STATE", "state" }, { "UPSTREAM", "upstream" }, { "TEMPLATE", "template" }, { "ACCOUNT", "account" }, { "TASK", "task" },
	            { "EXPIRES", "expires", COL_UNTIL }, { "SINCE", "since", COL_AGE }, { "TRIES", "attempts" }, { "ERROR", "error" }, { "AGENT", "agent", COL_TEXT, true } },
	  .examples = { "ambit leases", "ambit lease list --revoking" } },
	{ "lease", "show", NULL, "Work", "show one credential", NULL, .pos = { { "LEASE", "lease", "lease id", COMP_NONE } }, .op = "lease/show", .id = "lease", .exits = "0 2 3 4 7 9",
	  .examples = { "ambit lease show lse_7QF2MX8AZ0KD" } },
	{ "lease", "renew", NULL, "Work", "move the end of a credential of this task", "Never past the task's own end, nor past what the template allows from the beginning.",
	  .pos = { { "LEASE", NULL, "lease id", COMP_NONE } }, .flags = { { "ttl", 0, FLAG_SECONDS, NULL, "TIME", "from now" } }, .op = "lease/renew", .id = "lease",
	  .exits = "0 2 3 4 7 8 9", .run = lease_renew_run, .examples = { "ambit lease renew lse_7QF2MX8AZ0KD --ttl 10m" } },
	{ "lease", "revoke", NULL, "Work", "give a credential back before its task ends", NULL, .pos = { { "LEASE", NULL, "lease id", COMP_NONE } }, .op = "lease/revoke", .id = "lease",
	  .exits = "0 2 3 4 7 9", .run = lease_revoke_run, .examples = { "ambit lease revoke lse_7QF2MX8AZ0KD" } },
	/* Behind its verbs: the word alone is the alias, and everything after it a name. */
	{ "lease", "open", "lease", "Work", "borrow a credential for the task this runs in",
	  "The server makes an account at the upstream for this task alone, and takes it back with the task, sessions included. With a program after -- the credential goes into "
	  "its environment (PGHOST, PGUSER …) and nowhere else; with --env it is printed as shell exports; otherwise as JSON, without the secret on a terminal.",
	  .pos = { { "UPSTREAM[.TEMPLATE]", NULL, "upstream, and the template if it has several", COMP_NONE } },
	  .flags = { { "template", 0, FLAG_STR, NULL, "NAME", "the template, if it is not named with the upstream" },
	             { "ttl", 0, FLAG_SECONDS, NULL, "TIME", "how long; at most what the template allows and the task lives" }, REASON,
	             { "wait", 0, FLAG_SECONDS, NULL, "TIME", "how long to wait for a human's yes" },
	             { "env", 'e', FLAG_BOOL, NULL, NULL, "print shell exports" }, { "exec", 0, FLAG_BOOL, NULL, NULL, "run the program after -- with it (the default when there is one)" } },
	  .op = "lease/open", .id = "lease.lease", .exits = "0 1 2 3 4 5 6 7 9", .run = lease_open_run, .rest = "COMMAND [ARGUMENT…]",
	  .examples = { "ambit lease pg/staging.read -- psql", "ambit lease pg/staging.read --env", "ambit lease pg/staging.admin --wait 10m --reason 'migration 42' -- psql -f m42.sql" } },

	/* ---- people ---- */
	{ "approval", "list", "approvals", "Decide", "calls that wait for a human", NULL,
	  .flags = { { "state", 0, FLAG_STR, "state", "STATE", "open unless said otherwise", COMP_WORDS, "open granted used rejected expired withdrawn all" }, LIMIT },
	  .op = "approval/list", .exits = "0 2 3 4 9", .run = approval_list_run,
	  .cols = { { "APPROVAL", "id" }, { "WAITING", "created", COL_AGE }, { "AGENT", "agent" }, { "WANTS", "tool" }, { "ON", "resource" }, { "EFFECT", "effect" },
	            { "NEEDS", "quorums", COL_LIST }, { "EXPIRES", "expires", COL_UNTIL }, { "STATE", "state", COL_TEXT, true }, { "TASK", "task", COL_TEXT, true } },
	  .examples = { "ambit approvals", "ambit approval list --state all -o json" } },
	{ "approval", "show", NULL, "Decide", "everything a human must see before a yes", NULL, .pos = { APPROVAL }, .op = "approval/show", .exits = "0 2 3 4 7 9",
	  .run = approval_show_run, .examples = { "ambit approval show apr_5TZK81QN0RWC" } },
	{ "approval", "approve", "approve", "Decide", "say yes to one call, once", "Shows the card first and asks, unless --yes. Needs the whole id.", .pos = { APPROVAL },
	  .flags = { { "comment", 'c', FLAG_STR, "comment", "TEXT", "recorded with the yes" } }, .op = "approval/approve", .exits = "0 2 3 4 7 8 9 130", .run = approve_run,
	  .examples = { "ambit approve apr_5TZK81QN0RWC --comment 'backup 0412 exists'" } },
	{ "approval", "deny", "deny", "Decide", "say no to one call", NULL, .pos = { APPROVAL },
	  .flags = { REASON, { "tell-agent", 0, FLAG_STR, "tell_agent", "TEXT", "what the agent is told to do instead" } }, .op = "approval/deny",
	  .exits = "0 2 3 4 7 8 9", .run = deny_run, .examples = { "ambit deny apr_5TZK81QN0RWC --reason 'use soft delete' --tell-agent 'rename instead of drop'" } },
	{ "kill", NULL, NULL, "Decide", "end a task, an agent, an owner, a tool, a server, a tier or everything, now",
	  "Cuts calls in flight, ends sessions and delegated tasks, and says target by target what is confirmed. Leaves with 12 while a target is unconfirmed.",
	  .pos = { { "KIND", NULL, "what", COMP_WORDS, "task agent owner tool server tier world" }, { "NAME", NULL, "which; none for the world", COMP_TASK, NULL, true } },
	  .flags = { REASON, { "dry-run", 'n', FLAG_BOOL, NULL, NULL, "show the blast radius only" }, { "wait", 0, FLAG_SECONDS, NULL, "TIME", "wait for confirmations; 10s" },
	             { "confirm", 0, FLAG_STR, NULL, "NAME", "the name again, instead of typing it" } },
	  .op = "kill/run", .id = "revocation", .exits = "0 2 3 4 7 9 11 12 130", .run = cmd_kill_run,
	  .examples = { "ambit kill task tsk_7QF2MX8AZ0KD --reason 'prompt injection'", "ambit kill agent dev/bot", "ambit kill world --confirm world --reason 'incident 812'" } },
	{ "resume", NULL, NULL, "Decide", "let an owner, a tool, a server, a tier or the world go on after a kill", NULL,
	  .pos = { { "KIND", "kind", "what", COMP_WORDS, "owner tool server tier world" }, { "NAME", "name", "which; none for the world", COMP_NONE, NULL, true } },
	  .flags = { REASON }, .op = "resume/run", .id = "target", .exits = "0 2 3 4 7 9", .examples = { "ambit resume server files --reason 'patched'", "ambit resume world" } },
	{ "revocation", "list", "revocations", "Decide", "what is being taken back, target by target", NULL,
	  .flags = { { "open", 0, FLAG_BOOL, "open", NULL, "unconfirmed ones only" }, { "revocation", 0, FLAG_STR, "revocation", "REVOCATION", "this one" }, LIMIT },
	  .op = "revocation/list", .id = "revocation", .exits = "0 2 3 4 9",
	  .cols = { { "REVOCATION", "revocation" }, { "TARGET", "target" }, { "STATE", "state" }, { "CAUSE", "cause" }, { "TASKS", "tasks" }, { "CUT", "calls_cut" },
	            { "AGE", "created", COL_AGE }, { "BY", "actor", COL_TEXT, true }, { "REASON", "reason", COL_TEXT, true } },
	  .examples = { "ambit revocations --open" } },

	{ "upstream", "list", "upstreams", "Look", "databases and other systems that credentials are made at", NULL, .flags = { LIMIT }, .op = "upstream/list", .id = "name",
	  .exits = "0 2 3 4 9",
	  .cols = { { "UPSTREAM", "name" }, { "ENGINE", "engine" }, { "STATE", "state" }, { "LEASES", "leases" }, { "REVOKING", "revoking" }, { "UNCONFIRMED", "unconfirmed" },
	            { "OLDEST", "oldest_seconds" }, { "ORPHANS", "orphans_removed" }, { "WHY", "why" } },
	  .examples = { "ambit upstreams" } },
	{ "upstream", "test", NULL, "Look", "can it be reached, and may the root account do what is needed", NULL,
	  .pos = { { "UPSTREAM", "upstream", "its name", COMP_NONE } }, .op = "upstream/test", .exits = "0 2 3 4 7 9", .examples = { "ambit upstream test pg/staging" } },
	{ "upstream", "inventory", NULL, "Look", "accounts there that go round Ambit: standing, shared, never expiring", NULL,
	  .pos = { { "UPSTREAM", "upstream", "its name", COMP_NONE } }, .op = "upstream/inventory", .exits = "0 2 3 4 7 9", .examples = { "ambit upstream inventory pg/staging" } },
	{ "upstream", "reconcile", NULL, "Look", "look now for accounts of ours that nobody knows, and remove them", NULL,
	  .pos = { { "UPSTREAM", "upstream", "its name", COMP_NONE } }, .op = "upstream/reconcile", .exits = "0 2 3 4 7 9", .examples = { "ambit upstream reconcile pg/staging" } },

	/* ---- look ---- */
	{ "status", NULL, NULL, "Look", "how the server is, and where the command line found it", NULL, .op = "status/show", .id = "node", .exits = "0 2 4 9 10", .run = status_run,
	  .examples = { "ambit status", "ambit status -o json" } },
	{ "whoami", NULL, NULL, "Look", "who the server says this is", NULL, .flags = { { "agent-socket", 0, FLAG_BOOL, NULL, NULL, "ask as an agent, on the agent socket" } },
	  .op = "whoami/show", .id = "user", .exits = "0 2 4 9", .run = whoami_run, .examples = { "ambit whoami", "ambit whoami --agent-socket" } },
	{ "why", NULL, NULL, "Look", "the reason of a decision, with its rules", NULL, .pos = { { "EVENT", "event", "event id; none with --last", COMP_NONE, NULL, true } },
	  .flags = { { "last", 'l', FLAG_BOOL, "last", NULL, "the last decision that was not an allow" }, { "task", 't', FLAG_STR, "task", "TASK", "of this task", COMP_TASK } },
	  .op = "why/show", .id = "event.event", .exits = "0 2 3 4 7 9", .run = why_run, .examples = { "ambit why evt_000000000K3V", "ambit why --last" } },
	{ "audit", "list", NULL, "Look", "events", NULL,
	  .flags = { { "since", 0, FLAG_TIME, "since", "MOMENT", "from then on: 2h, 2026-11-20, 2026-11-20T10:00:00Z" }, { "until", 0, FLAG_TIME, "until", "MOMENT", "until then" },
	             { "task", 't', FLAG_STR, "task", "TASK", "of this task", COMP_TASK }, { "agent", 0, FLAG_STR, "agent", "AGENT", "of this agent", COMP_AGENT },
	             { "type", 0, FLAG_STR, "type", "TYPE", "of this type: decision.denied" }, { "from", 0, FLAG_INT, "from", "SEQ", "from this sequence number on" },
	             { "newest", 0, FLAG_BOOL, "newest_first", NULL, "newest first" }, LIMIT },
	  .op = "audit/list", .id = "event", .exits = "0 2 3 4 9",
	  .cols = { { "EVENT", "event" }, { "TIME", "time" }, { "TYPE", "type" }, { "TASK", "task" }, { "TOOL", "tool" }, { "CODE", "code" }, { "RULES", "rules", COL_LIST },
	            { "ACTOR", "actor", COL_TEXT, true }, { "REASON", "reason", COL_TEXT, true } },
	  .examples = { "ambit audit list --since 2h", "ambit audit list --task tsk_7QF2MX8AZ0KD -o jsonl" } },
	{ "audit", "verify", NULL, "Look", "check the event chain", "On the server, or with --offline an exported file, which needs no server.",
	  .flags = { { "offline", 0, FLAG_STR, NULL, "FILE", "check this export", COMP_FILE }, { "key", 0, FLAG_STR, NULL, "KEYLINE", "trust only this verifier key" } },
	  .op = "audit/verify", .id = "head", .exits = "0 2 3 4 9 10", .run = audit_verify_run, .examples = { "ambit audit verify", "ambit audit verify --offline inc-812.jsonl" } },
	{ "audit", "head", NULL, "Look", "the newest event, the chain head and its signed checkpoint", NULL, .op = "audit/head", .id = "head", .exits = "0 2 3 4 9",
	  .examples = { "ambit audit head", "ambit audit head --field checkpoint" } },
	{ "audit", "export", NULL, "Look", "write events in their canonical form, with chain head and checkpoint", NULL,
	  .flags = { { "file", 'f', FLAG_STR, NULL, "FILE", "write here; standard output without it", COMP_FILE }, { "from", 0, FLAG_INT, NULL, "SEQ", "from this sequence number on" } },
	  .op = "audit/list", .id = "seq", .exits = "0 1 2 3 4 9", .run = audit_export_run, .examples = { "ambit audit export -f inc-812.jsonl" } },
	{ "login", NULL, NULL, "Look", "get a code and a link with which you sign in at a browser",
	  "For programs that log in through the browser (authorization code, device code). The code works once, for five minutes, and signs in whoever enters it as you: "
	  "give it to nobody.", .op = "login/link", .id = "code", .exits = "0 2 3 4 9",
	  .examples = { "ambit login", "ambit login --field url" } },
	{ "key", "list", NULL, "Look", "public keys of the server", NULL, .op = "key/list", .exits = "0 2 3 4 9",
	  .cols = { { "KEY", "id" }, { "USE", "use" }, { "ALG", "alg" }, { "CREATED", "created", COL_AGE } }, .examples = { "ambit key list -o json" } },

	/* ---- set up ---- */
	{ "apply", NULL, NULL, "Set up", "make the server's resources those of files", "YAML or JSON: agents, tiers, servers, labels, policies, workflows, users. All of it takes effect at once, or none. "
	  "A .cedar file is a policy of that name. Policy tests (*_test.yaml) in the folders must pass first.",
	  .flags = { { "file", 'f', FLAG_LIST, NULL, "PATH", "file, folder, or - for standard input; repeatable", COMP_FILE }, { "dry-run", 'n', FLAG_BOOL, NULL, NULL, "show what would change; exit 11 if anything" },
	             { "prune", 0, FLAG_BOOL, NULL, NULL, "remove what the files do not name" }, { "skip-tests", 0, FLAG_BOOL, NULL, NULL, "apply even if policy tests in the folders fail" } },
	  .op = "apply/run", .id = "policy_version", .exits = "0 2 3 4 8 9 10 11", .run = cmd_apply_run, .examples = { "ambit apply -f policies/ --dry-run", "ambit apply -f policies/ -f servers.yaml" } },
	{ "resource", "list", NULL, "Set up", "resources of one kind, as applied", NULL,
	  .pos = { { "KIND", "kind", "kind", COMP_WORDS, "user tier agent server label policy workflow" } }, .op = "resource/list", .id = "name", .exits = "0 2 3 4 9",
	  .cols = { { "NAME", "name" }, { "KIND", "kind" }, { "VERSION", "version" }, { "CHANGED", "changed", COL_AGE }, { "BY", "by" } }, .examples = { "ambit resource list tier", "ambit resource list label -o json" } },
	{ "resource", "show", NULL, "Set up", "one resource, as applied", NULL,
	  .pos = { { "KIND", "kind", "kind", COMP_WORDS, "user tier agent server label policy workflow" }, { "NAME", "name", "name" } }, .op = "resource/show", .id = "name",
	  .exits = "0 2 3 4 7 9", .examples = { "ambit resource show tier dev" } },
	{ "agent", "list", NULL, "Set up", "registered agents", NULL, .flags = { LIMIT }, .op = "agent/list", .id = "name", .exits = "0 2 3 4 9",
	  .cols = { { "AGENT", "name" }, { "OWNER", "owner" }, { "TIER", "tier" }, { "STATE", "state" }, { "TASKS", "tasks" }, { "SEEN", "last_seen", COL_AGE }, { "REVIEW BY", "review_by" },
	            { "TEAM", "team", COL_TEXT, true }, { "ID", "id", COL_TEXT, true }, { "PURPOSE", "purpose", COL_TEXT, true } }, .examples = { "ambit agent list" } },
	{ "agent", "show", NULL, "Set up", "one agent", NULL, .pos = { AGENT(false) }, .op = "agent/show", .id = "name", .exits = "0 2 3 4 7 9", .examples = { "ambit agent show dev/bot" } },
	{ "agent", "enrol", NULL, "Set up", "make a one-use enrolment token for an agent", NULL, .pos = { AGENT(false) },
	  .flags = { { "ttl", 0, FLAG_SECONDS, "ttl_seconds", "TIME", "how long it may be used; 10m" } }, .op = "agent/enrol", .id = "enrolment", .exits = "0 2 3 4 7 9", .run = agent_enrol_run,
	  .examples = { "ambit agent enrol dev/bot", "ambit agent enrol dev/bot --field token > enrol.token" } },
	{ "agent", "suspend", NULL, "Set up", "stop an agent; its tasks end", NULL, .pos = { AGENT(false) }, .flags = { REASON }, .op = "agent/suspend", .id = "name", .exits = "0 2 3 4 7 9",
	  .examples = { "ambit agent suspend dev/bot --reason 'owner on leave'" } },
	{ "agent", "resume", NULL, "Set up", "let a suspended agent work again", NULL, .pos = { AGENT(false) }, .flags = { REASON }, .op = "agent/resume", .id = "name", .exits = "0 2 3 4 7 9",
	  .examples = { "ambit agent resume dev/bot" } },
	{ "agent", "retire", NULL, "Set up", "end an agent for good; its tasks end", NULL, .pos = { AGENT(false) }, .flags = { REASON }, .op = "agent/retire", .id = "name", .exits = "0 2 3 4 7 9",
	  .examples = { "ambit agent retire dev/bot --reason 'replaced'" } },
	{ "tool", "list", NULL, "Set up", "tools, their effect and whether they were reviewed", NULL,
	  .flags = { { "server", 0, FLAG_STR, NULL, "SERVER", "of this server", COMP_SERVER }, { "state", 0, FLAG_STR, NULL, "STATE", "in this state", COMP_WORDS, "active quarantined gone" },
	             { "all", 0, FLAG_BOOL, "all", NULL, "those that are gone too" }, LIMIT },
	  .op = "tool/list", .id = "name", .exits = "0 2 3 4 9", .run = tool_list_run,
	  .cols = { { "TOOL", "name" }, { "EFFECT", "effect" }, { "SENSITIVITY", "sensitivity" }, { "STATE", "state" }, { "REVIEWED BY", "reviewed_by" }, { "REASON", "reason" },
	            { "DEFINITION", "definition", COL_TEXT, true }, { "TITLE", "title", COL_TEXT, true } },
	  .examples = { "ambit tool list", "ambit tool list --state quarantined -q" } },
	{ "tool", "show", NULL, "Set up", "one tool with its definition", NULL, .pos = { TOOL }, .op = "tool/show", .id = "name", .exits = "0 2 3 4 7 9", .run = tool_show_run,
	  .examples = { "ambit tool show files/write_file" } },
	{ "tool", "catalogue", NULL, "Set up", "write the tools with their definitions, for policy tools that need no server", "Kept beside the policies as NAME_tools.json, it lets `ambit policy validate` and "
	  "`ambit policy test` work offline.", .id = "tools", .exits = "0 2 3 4 9", .run = tool_catalogue_run, .examples = { "ambit tool catalogue > policies/all_tools.json" } },
	{ "tool", "review", NULL, "Set up", "accept a tool's definition after looking at what changed", "Shows the difference between the reviewed and the present definition, and asks. With --yes the digest you looked at must be given.",
	  .pos = { TOOL },
	  .flags = { { "definition", 0, FLAG_STR, NULL, "DIGEST", "the digest that was looked at: sha256:…" }, { "effect", 0, FLAG_STR, "effect", "EFFECT", "what calling it does", COMP_WORDS, "read write destructive egress" },
	             { "sensitivity", 0, FLAG_STR, "sensitivity", "LABEL", "how sensitive its data is", COMP_WORDS, "public internal confidential restricted" },
	             { "untyped", 0, FLAG_BOOL, "untyped", NULL, "accept inputs that policy cannot type" }, REASON },
	  .op = "tool/review", .id = "name", .exits = "0 2 3 4 7 8 9 130", .run = tool_review_run, .examples = { "ambit tool review files/write_file", "ambit tool review web/post --effect egress --yes --definition sha256:9f2c…" } },
	{ "server", "list", NULL, "Set up", "tool servers", NULL, .op = "server/list", .id = "name", .exits = "0 2 3 4 9",
	  .cols = { { "SERVER", "name" }, { "TRANSPORT", "transport" }, { "STATE", "state" }, { "TOOLS", "tools" }, { "QUARANTINED", "quarantined" }, { "SESSIONS", "sessions" },
	            { "NETWORK", "network", COL_TEXT, true }, { "LAST ERROR", "last_error" } }, .examples = { "ambit server list" } },
	{ "server", "discover", NULL, "Set up", "ask a tool server for its tools again", NULL, .pos = { SERVER }, .op = "server/discover", .id = "server", .exits = "0 1 2 3 4 7 9",
	  .examples = { "ambit server discover files" } },
	{ "secret", "set", NULL, "Set up", "entrust a secret to Ambit, or a new version of it", "The value is read from standard input (or asked for, unseen), never from the command line. It leaves this process encrypted to the signer; nothing gives it back.",
	  .pos = { { "NAME", "name", "name of the secret" } }, .flags = { { "file", 0, FLAG_STR, NULL, "FILE", "read the value from here; - is standard input", COMP_FILE } },
	  .op = "secret/set", .id = "name", .exits = "0 1 2 3 4 7 8 9", .run = secret_set_run,
	  .examples = { "ambit secret set github < token", "pass show db | ambit secret set db/root" } },
	{ "secret", "list", NULL, "Set up", "names and versions of the secrets", NULL, .flags = { LIMIT }, .op = "secret/list", .id = "name", .exits = "0 2 3 4 9",
	  .cols = { { "SECRET", "name" }, { "VERSION", "version", COL_COUNT }, { "CHANGED", "changed", COL_AGE }, { "BY", "by" }, { "RELEASED", "released", COL_COUNT }, { "LAST", "last_released", COL_AGE } },
	  .examples = { "ambit secret list" } },
	{ "secret", "show", NULL, "Set up", "one secret, without its value", NULL, .pos = { { "NAME", "secret", "name of the secret" } }, .op = "secret/show", .id = "name", .exits = "0 2 3 4 7 9",
	  .examples = { "ambit secret show github" } },
	{ "secret", "remove", NULL, "Set up", "remove a secret; the tool sessions that hold it end", NULL, .pos = { { "NAME", "secret", "name of the secret" } }, .op = "secret/remove", .id = "name", .exits = "0 2 3 4 7 9",
	  .examples = { "ambit secret remove github" } },
	{ "policy", "list", NULL, "Set up", "active policies", NULL, .flags = { LIMIT }, .op = "policy/list", .id = "name", .exits = "0 2 3 4 9",
	  .cols = { { "POLICY", "name" }, { "RULES", "rules" }, { "MODE", "mode" }, { "STATE", "state" }, { "CHANGED", "changed", COL_AGE }, { "BY", "by" }, { "DIGEST", "digest", COL_TEXT, true }, { "FINDINGS", "findings", COL_TEXT, true } }, .examples = { "ambit policy list" } },
	{ "policy", "show", NULL, "Set up", "the text of one policy", NULL, .pos = { { "POLICY", "policy", "policy name", COMP_POLICY } }, .op = "policy/show", .id = "name", .exits = "0 2 3 4 7 9",
	  .examples = { "ambit policy show starter", "ambit policy show starter --field text" } },
	{ "policy", "init", NULL, "Set up", "write the starter policies, with their tests, into a folder", "Three tiers and ten rules that a team can keep and change. Writes nothing when one of the files is there.",
	  .pos = { { "FOLDER", NULL, "where to", COMP_FILE } }, .id = "text", .exits = "0 2 8 9", .run = policy_init_run, .examples = { "ambit policy init policies/" } },
	{ "policy", "fmt", NULL, "Set up", "write policies in the one layout, comments kept", "Changes files in place, each at once or not at all, and names those it changed; standard input goes to standard output. "
	  "A text that does not parse changes nothing. Needs no server.",
	  .pos = { PATHS }, .flags = { { "check", 0, FLAG_BOOL, NULL, NULL, "change nothing; exit 10 if a file is laid out otherwise" }, { "diff", 0, FLAG_BOOL, NULL, NULL, "change nothing; show what would, exit 11 if anything" }, FORM("sarif") },
	  .id = "place", .exits = "0 2 7 9 10 11", .run = policy_fmt_run, .examples = { "ambit policy fmt policies/", "ambit policy fmt --check policies/", "ambit policy fmt --diff prod.cedar", "ambit policy fmt < prod.cedar" } },
	{ "policy", "lint", NULL, "Set up", "look for policies that do nothing, too much or not what they say", "By the texts alone; needs no server and no schema. `ambit help RULE` explains a rule: ambit help overbroad-permit.",
	  .pos = { PATHS }, .flags = { FORM("sarif") }, .id = "place", .exits = "0 2 7 9 10", .run = policy_lint_run,
	  .examples = { "ambit policy lint policies/", "ambit policy lint policies/ -o sarif > lint.sarif" } },
	{ "policy", "validate", NULL, "Set up", "hold policies against the tools there are, strictly", "Every name, type and attribute must be one that some tool of the catalogue has. The schema follows from the tools: of the folder's *_tools.json and "
	  "server resources, of --tools, or with --server of the server; --schema takes a Cedar schema instead.",
	  .pos = { PATHS },
	  .flags = { { "schema", 0, FLAG_STR, NULL, "FILE", "a Cedar schema, in either syntax", COMP_FILE }, { "tools", 0, FLAG_LIST, NULL, "FILE", "tools, as `ambit tool catalogue` writes them; repeatable", COMP_FILE },
	             { "server", 0, FLAG_BOOL, NULL, NULL, "the tools that the server knows" }, FORM("sarif") },
	  .id = "place", .exits = "0 2 3 4 7 9 10", .run = policy_validate_run,
	  .examples = { "ambit policy validate policies/", "ambit policy validate --server prod.cedar", "ambit policy validate --tools all_tools.json prod.cedar -o json" } },
	{ "policy", "test", NULL, "Set up", "run the tests that lie beside policies", "Asks the function that decides real calls, with the policies, resources and tools of the paths, what each case of a *_test.yaml expects: allow, deny or approval required, "
	  "and which rules decide. `coverage` is the share of rules that some case makes apply; docs/reference/policy-tests.md has the form of a test. Needs no server.",
	  .pos = { PATHS },
	  .flags = { { "tools", 0, FLAG_LIST, NULL, "FILE", "tools, as `ambit tool catalogue` writes them; repeatable", COMP_FILE }, { "run", 0, FLAG_STR, NULL, "TEXT", "only cases with this in their name" },
	             { "coverage", 0, FLAG_BOOL, NULL, NULL, "list every rule, and the conditions that were seen one way only" }, { "min-coverage", 0, FLAG_INT, NULL, "N", "exit 10 below so many percent of the rules" }, FORM("tap junit") },
	  .id = "name", .exits = "0 2 7 9 10", .run = policy_test_run,
	  .examples = { "ambit policy test policies/", "ambit policy test policies/ --coverage", "ambit policy test policies/ -o junit > policy-tests.xml", "ambit policy test policies/ --min-coverage 90 -o tap" } },
	{ "policy", "diff", NULL, "Set up", "what is different between two sets of policies, and what they would decide otherwise",
	  "Policies are compared by what they say; layout and comments do not count. The test cases beside the new set are decided by both, in the new set's world, and those decided otherwise are listed. "
	  "Leaves with 11 when anything differs.",
	  .pos = { { "OLD", NULL, "file or folder; none with --server", COMP_FILE }, { "NEW", NULL, "file or folder", COMP_FILE, NULL, true } },
	  .flags = { { "server", 0, FLAG_BOOL, NULL, NULL, "the old set is what the server has in force" }, { "tools", 0, FLAG_LIST, NULL, "FILE", "tools, as `ambit tool catalogue` writes them; repeatable", COMP_FILE } },
	  .id = "id", .exits = "0 2 3 4 7 9 10 11", .run = policy_diff_run, .examples = { "ambit policy diff policies/ policies.new/", "ambit policy diff --server policies/", "ambit policy diff old.cedar new.cedar -o json" } },
	{ "policy", "why", NULL, "Set up", "what policies in files would decide about one call, rule by rule", "The function that decides real calls answers, with the policies, resources and tools of the paths; then every rule, "
	  "and of its conditions each part, says what it came to. `ambit check` asks the server instead, `ambit why` explains a decision that was made.",
	  .pos = { PATHS },
	  .flags = { { "case", 0, FLAG_STR, NULL, "NAME", "the call of this test case" }, { "agent", 0, FLAG_STR, NULL, "AGENT", "agent that would call" }, { "tool", 0, FLAG_STR, NULL, "SERVER/NAME", "tool that would be called" },
	             { "arg", 0, FLAG_LIST, NULL, "NAME=TEXT", "an argument; NAME:=JSON for other than text; repeatable" }, { "args", 0, FLAG_STR, NULL, "JSON", "all arguments as one JSON object" },
	             { "env", 'e', FLAG_STR, NULL, "NAME", "environment" }, { "sensitivity", 0, FLAG_STR, NULL, "LABEL", "highest that the task has touched", COMP_WORDS, "public internal confidential restricted" },
	             { "depth", 0, FLAG_INT, NULL, "N", "depth of the task" }, { "approved", 0, FLAG_BOOL, NULL, NULL, "whoever is asked says yes" },
	             { "tools", 0, FLAG_LIST, NULL, "FILE", "tools, as `ambit tool catalogue` writes them; repeatable", COMP_FILE } },
	  .id = "decision", .exits = "0 2 3 5 7 9 10", .run = policy_why_run,
	  .examples = { "ambit policy why policies/ --agent dev/bot --tool files/write_file --arg path=/srv/x", "ambit policy why policies/ --case 'deleting asks'" } },
	{ "policy", "replay", NULL, "Set up", "recorded decisions under a candidate set of policies",
	  "Takes the server's decisions since then and decides them again under the policies of the paths, with today's agents, tools and labels, in this process; the server only answers reads. Of arguments "
	  "the log has a digest only: where that matters a call is counted as one that cannot be told. docs/howto/try-policies.md says what is exact. Leaves with 11 when a decision changes.",
	  .pos = { PATHS }, .flags = { { "since", 0, FLAG_TIME, NULL, "MOMENT", "from then on: 2h, 7d, 2026-11-20; default 7d" } },
	  .id = "event", .exits = "0 2 3 4 7 9 10 11", .run = policy_replay_run, .examples = { "ambit policy replay --since 7d policies/", "ambit policy replay --since 24h new.cedar -o json" } },
	{ "connect", NULL, NULL, "Set up", "wire an MCP client to Ambit", "Shows the difference, asks, keeps a backup, and checks with a real MCP initialize. Everything else in the file stays as it is.",
	  .pos = { { "CLIENT", NULL, "which client", COMP_WORDS, "claude-code claude-desktop cursor vscode gemini codex opencode zed" } },
	  .flags = { { "undo", 0, FLAG_BOOL, NULL, NULL, "take it out again" }, { "print", 0, FLAG_BOOL, NULL, NULL, "print what to write, change nothing" },
	             { "user", 0, FLAG_BOOL, NULL, NULL, "for this user everywhere, not this folder" }, { "no-hook", 0, FLAG_BOOL, NULL, NULL, "claude-code: without the PreToolUse hook" },
	             { "agent", 0, FLAG_STR, NULL, "AGENT", "agent the client's sessions run as", COMP_AGENT }, { "no-verify", 0, FLAG_BOOL, NULL, NULL, "do not try it out afterwards" } },
	  .id = "client", .exits = "0 1 2 10 130", .run = connect_run, .examples = { "ambit connect claude-code", "ambit connect claude-code --undo", "ambit connect codex --print" } },
	{ "hook", NULL, NULL, "Set up", "answer a client's hook before it calls a tool", "For clients, not for people. Reads the hook's JSON from standard input; leaves with 2 to block. Any fault of its own blocks too. "
	  "The hook is a courtesy: clients let tools run when it is missing; the gateway is the control.",
	  .pos = { { "CLIENT", NULL, "which client", COMP_WORDS, "claude-code" } }, .exits = "0 2", .run = hook_run, .examples = { "ambit hook claude-code < event.json" } },
	{ "doctor", NULL, NULL, "Set up", "look for what is wrong or bypasses Ambit", NULL, .id = "code", .exits = "0 2 10", .run = doctor_run,
	  .cols = { { "", "state" }, { "CHECK", "check" }, { "FOUND", "text" }, { "FIX", "next" } }, .examples = { "ambit doctor", "ambit doctor -o json" } },
	{ "demo", NULL, NULL, "Set up", "the two-minute tour on real parts", "Needs the server of `ambitd dev` and node. Each step says what is tried, what happened and which rule decided; a step that ends otherwise fails the tour.",
	  .flags = { { "dir", 0, FLAG_STR, NULL, "FOLDER", "where the tour's files are", COMP_FILE } }, .exits = "0 1 2 9 10", .run = demo_run, .examples = { "ambit demo" } },
	{ "context", "list", NULL, "Set up", "servers this command line knows", NULL, .id = "name", .exits = "0 2", .run = context_list_run,
	  .cols = { { "CONTEXT", "name" }, { "CURRENT", "current", COL_YES }, { "USER", "user" }, { "PEOPLE SOCKET", "people_socket" } }, .examples = { "ambit context list" } },
	{ "context", "use", NULL, "Set up", "choose the server for later commands", NULL, .pos = { { "NAME", NULL, "context", COMP_NONE } }, .id = "name", .exits = "0 2 7", .run = context_use_run,
	  .examples = { "ambit context use dev" } },
	{ "context", "show", NULL, "Set up", "the settings in force and where each comes from", NULL, .id = "name", .exits = "0 2", .run = context_show_run, .examples = { "ambit context show" } },
	{ "completion", NULL, NULL, "Set up", "print a completion script for a shell", NULL, .pos = { { "SHELL", NULL, "which shell", COMP_WORDS, "bash zsh fish" } }, .exits = "0 2", .run = completion_run,
	  .examples = { "ambit completion bash > /etc/bash_completion.d/ambit", "ambit completion zsh > ~/.zfunc/_ambit" } },
	{ "help", NULL, NULL, "Set up", "help for a command, an error code or an exit code", NULL, .pos = { { "TOPIC", NULL, "command, error code or exit-codes", COMP_COMMAND, NULL, true, true } }, .exits = "0 2 7", .run = help_run,
	  .examples = { "ambit help run", "ambit help policy_denied", "ambit help exit-codes" } },
	{ "version", NULL, NULL, "Set up", "the version of the command line", NULL, .id = "version", .exits = "0 2", .run = version_run, .examples = { "ambit version" } },
	{ "__complete", NULL, NULL, NULL, "candidates for a shell's completion", NULL, .exits = "0", .run = complete_run, .rest = "WORDS", .hidden = true, .examples = { "ambit __complete -- ta" } },
	{ "__man", NULL, NULL, NULL, "write the man pages into a folder", NULL, .pos = { { "FOLDER", NULL, "where to", COMP_FILE } }, .exits = "0 1 2", .run = man_run, .hidden = true, .examples = { "ambit __man man/" } },
	{ "__rules", NULL, NULL, NULL, "print docs/reference/policy-rules.md", NULL, .exits = "0 2", .run = policy_rules_run, .hidden = true, .examples = { "ambit __rules > docs/reference/policy-rules.md" } },
	{ "__reference", NULL, NULL, NULL, "print docs/reference/cli.md", NULL, .exits = "0 2", .run = reference_run, .hidden = true, .examples = { "ambit __reference > docs/reference/cli.md" } },
};

const struct command *
commands(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(table);
	return table;
}

const struct command *
command_find(int argc, char **argv, int *at)
{
	if (*at >= argc)
		return NULL;
	const char *first = argv[*at], *second = *at + 1 < argc ? argv[*at + 1] : "";
	const struct command *list = NULL;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const struct command *c = &table[i];
		if (c->alias && strcmp(c->alias, first) == 0) {
			*at += 1;
			return c;
		}
		if (strcmp(c->noun, first) != 0)
			continue;
		if (!c->verb || strcmp(c->verb, second) == 0) {
			*at += c->verb ? 2 : 1;
			return c;
		}
		if (strcmp(c->verb, "list") == 0)
			list = c;
	}
	/* `ambit task` and `ambit task --all` mean the list; `ambit task frobnicate` means nothing. */
	if (list && (second[0] == 0 || second[0] == '-')) {
		*at += 1;
		return list;
	}
	return NULL;
}

void
command_name(const struct command *c, struct buf *b)
{
	buf_put_str(b, c->noun);
	if (c->verb)
		buf_printf(b, " %s", c->verb);
}
