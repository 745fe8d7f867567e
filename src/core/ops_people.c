/* Operations around people: who am I, approvals, kills, explanations. */
#include "core/core_priv.h"
#include "core/decision.h"
#include "core/ops.h"

/* ---- who and how ---- */

static void
list_spans(struct json_writer *w, const char *key, const span *s, uint32_t n)
{
	json_w_karr(w, key);
	for (uint32_t i = 0; i < n; i++)
		json_w_str(w, s[i]);
	json_w_arr_end(w);
}

static void
write_roles(struct json_writer *w, uint8_t roles)
{
	json_w_karr(w, "roles");
	if (roles & ROLE_BIT_ADMIN)
		json_w_str(w, SPAN("admin"));
	if (roles & ROLE_BIT_APPROVER)
		json_w_str(w, SPAN("approver"));
	if (roles & ROLE_BIT_AUDITOR)
		json_w_str(w, SPAN("auditor"));
	json_w_arr_end(w);
}

status
op_WHOAMI(struct core *c, struct op_call *o, struct json_writer *w)
{
	const struct peer *p = o->peer;
	const struct agent *a = peer_agent(c, p);
	const struct user *u = object_user(o->user);
	json_w_obj(w);
	json_w_kcstr(w, "kind", a ? "agent" : u ? "user" : "process");
	if (a)
		json_w_kstr(w, "agent", str_span(a->name));
	if (u) {
		json_w_kstr(w, "user", o->user->name);
		list_spans(w, "groups", u->groups, u->group_n);
		write_roles(w, u->roles);
	}
	if (p->task)
		write_id(w, "task", p->task);
	if (!p->tls) {
		json_w_kint(w, "uid", p->uid);
		json_w_kint(w, "pid", p->pid);
		if (p->exe)
			json_w_kstr(w, "exe", str_span(p->exe));
	}
	json_w_kcstr(w, "channel", p->tls ? p->has_cert ? "mtls" : "tls" : "local");
	json_w_kbool(w, "proven", !p->tls || p->has_cert);
	json_w_obj_end(w);
	return OK;
}

static uint64_t
count_open(const struct core *c)
{
	uint64_t n = 0;
	list_for(it, &c->approval_list)
		n += container_of(it, struct approval, all)->state == APPR_OPEN;
	return n;
}

static uint64_t
count_unconfirmed(const struct core *c)
{
	uint64_t n = 0;
	list_for(it, &c->revocation_list) {
		const struct revocation *r = container_of(it, struct revocation, all);
		for (uint32_t i = 0; i < r->target_n; i++)
			n += r->targets[i].state == TARGET_UNCONFIRMED && id_kind(r->targets[i].task) == ID_TASK;
	}
	list_for(it, &c->lease_list) {
		const struct lease *l = container_of(it, struct lease, all);
		n += l->state == LEASE_REVOKING && l->error;
	}
	return n;
}

static uint64_t
count_quarantined(const struct core *c)
{
	uint64_t n = 0;
	list_for(it, &c->tools_list)
		n += container_of(it, struct tool, all)->state == TOOL_QUARANTINED;
	return n;
}

static void
finding(struct json_writer *w, const char *code, const char *text, const char *next)
{
	json_w_obj(w);
	json_w_kcstr(w, "code", code);
	json_w_kcstr(w, "text", text);
	json_w_kcstr(w, "next", next);
	json_w_obj_end(w);
}

static void
write_findings(const struct core *c, struct json_writer *w)
{
	json_w_karr(w, "findings");
	if (c->journal.down)
		finding(w, "audit_unavailable", "the event log has no room; nothing is allowed until it has", "free disk space");
	if (c->clock.behind)
		finding(w, "clock_behind", "the clock is before the last event; nothing is issued", "set the clock");
	if (c->world->on)
		finding(w, "world_stopped", "everything is stopped by an operator", "ambit resume world");
	if (!core_up(c, ROLE_SIGNER))
		finding(w, "signer_down", "no tokens can be issued", "look at the log of ambitd");
	if (!core_up(c, ROLE_TOOLS))
		finding(w, "tools_down", "no tool can be called", "look at the log of ambitd");
	if (!core_up(c, ROLE_ENGINE) && !list_empty(&c->upstreams))
		finding(w, "engine_down", "no credential can be issued or taken back", "look at the log of ambitd");
	if (count_quarantined(c))
		finding(w, "tools_quarantined", "tools wait for a review", "ambit tool list");
	if (count_unconfirmed(c))
		finding(w, "revocation_incomplete", "a revocation is not confirmed everywhere", "ambit revocations");
	for (uint32_t i = 0, told = 0; i < c->notes.n && told < 8; i++) {
		const struct policy_note *x = &c->notes.items[i];
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 4096);
		buf_printf(&b, "policy %.*s does not fit the tools there are: %.*s", SPAN_ARG(x->policy), SPAN_ARG(x->text));
		buf_put_u8(&b, 0);
		if (x->invalid && !b.err && ++told)
			finding(w, "policy_invalid", (const char *)b.p, "correct it, then ambit apply -f FILE");
	}
	if (!c->policy->rule_n)
		finding(w, "no_policy", "there is no policy, so nothing is allowed", "ambit apply -f FILE");
	json_w_arr_end(w);
}

static void
write_store(const struct core *c, struct json_writer *w)
{
	const struct journal *j = &c->journal;
	json_w_kobj(w, "store");
	json_w_kstr(w, "kind", c->config.store_kind);
	json_w_kbool(w, "ok", journal_ok(c));
	json_w_kint(w, "seq", (int64_t)j->durable);
	json_w_kint(w, "lag_ms", j->flights ? (boot_now(c) - j->flight[0].sent_at) / NS_PER_MS : 0);
	json_w_obj_end(w);
	json_w_kobj(w, "chain");
	json_w_kbool(w, "ok", !c->failed);
	json_w_kint(w, "seq", (int64_t)j->chain.seq);
	json_w_key(w, SPAN("head"));
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 128);
	buf_put_hex(&b, digest_span(&j->chain.head));
	json_w_str(w, buf_span(&b));
	json_w_kint(w, "checkpoint_seq", (int64_t)c->checkpoint_seq);
	json_w_obj_end(w);
}

status
op_STATUS(struct core *c, struct op_call *, struct json_writer *w)
{
	uint64_t agents = 0;
	policy_recheck(c);
	list_for(it, &c->agents)
		agents += container_of(it, struct agent, all)->state == AGENT_ACTIVE;
	json_w_obj(w);
	json_w_kcstr(w, "version", AMBIT_VERSION);
	json_w_kcstr(w, "mode", c->config.dev ? "dev" : "server");
	json_w_kstr(w, "node", c->config.node);
	json_w_kbool(w, "healthy", journal_ok(c) && core_up(c, ROLE_SIGNER) && core_up(c, ROLE_TOOLS));
	json_w_key(w, SPAN("started"));
	write_time(w, c->started);
	json_w_kint(w, "epoch", (int64_t)c->journal.epoch);
	write_store(c, w);
	json_w_karr(w, "roles");
	for (unsigned r = ROLE_AGENTS; r < ROLE_COUNT; r++) {
		if (r == ROLE_CORE)
			continue;
		json_w_obj(w);
		json_w_kcstr(w, "name", role_name((enum role)r));
		json_w_kbool(w, "up", c->up[r][0]);
		json_w_kint(w, "restarts", c->restarts[r]);
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
	json_w_kobj(w, "counts");
	json_w_kint(w, "agents", (int64_t)agents);
	json_w_kint(w, "tasks", (int64_t)c->active_tasks);
	json_w_kint(w, "calls", (int64_t)c->calls.count);
	json_w_kint(w, "leases", (int64_t)c->leases.count);
	json_w_kint(w, "pending", (int64_t)count_open(c));
	json_w_kint(w, "quarantined", (int64_t)count_quarantined(c));
	json_w_kint(w, "unconfirmed", (int64_t)count_unconfirmed(c));
	json_w_obj_end(w);
	json_w_kint(w, "policy_version", (int64_t)c->policy->version);
	json_w_kcstr(w, "world", c->world->on ? "stopped" : "running");
	write_findings(c, w);
	json_w_obj_end(w);
	return OK;
}

/* ---- approvals ---- */

static status
named_approval(struct core *c, struct op_call *o, struct approval **ret)
{
	span s;
	uint64_t id;
	TRY(op_str(o, "approval", &s));
	ENSURE(id_parse_kind(s, ID_APPROVAL, &id) && (*ret = approval_find(c, id)), E_APPROVAL_UNKNOWN);
	return OK;
}

status
op_APPROVAL_LIST(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "state", "limit", "cursor", NULL };
	span state = SPAN("open");
	struct op_page p;
	char id[ID_TEXT + 1], last[ID_TEXT + 1] = "";
	TRY(op_only(o, names));
	TRY(op_opt_str(o, "state", &state));
	TRY(op_page_begin(o, &p, w));
	list_for(it, &c->approval_list) {
		const struct approval *a = container_of(it, struct approval, all);
		if (!span_is(state, "all") && !span_is(state, approval_state_name((enum approval_state)a->state)))
			continue;
		id_text(a->id, id);
		if (!op_page_item(&p, span_str(id)))
			continue;
		memcpy(last, id, sizeof last);
		approval_write(c, a, o->user, w);
	}
	op_page_end(&p, span_str(last));
	return OK;
}

status
op_APPROVAL_SHOW(struct core *c, struct op_call *o, struct json_writer *w)
{
	struct approval *a;
	TRY(named_approval(c, o, &a));
	approval_write(c, a, o->user, w);
	return OK;
}

status
op_APPROVAL_APPROVE(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "approval", "comment", NULL };
	struct approval *a;
	span comment = { 0 };
	const char *why;
	TRY(op_only(o, names));
	TRY(named_approval(c, o, &a));
	TRY(op_opt_str(o, "comment", &comment));
	if (!approval_may(c, a, o->user, &why))
		return op_fail(o, E_APPROVAL_NOT_YOURS, "%s", why);
	TRY(approval_grant(c, a, o->user, comment));
	approval_write(c, a, o->user, w);
	return OK;
}

status
op_APPROVAL_DENY(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "approval", "reason", "tell_agent", NULL };
	struct approval *a;
	span reason = { 0 }, tell = { 0 };
	const char *why;
	TRY(op_only(o, names));
	TRY(named_approval(c, o, &a));
	TRY(op_opt_str(o, "reason", &reason));
	TRY(op_opt_str(o, "tell_agent", &tell));
	if (!approval_may(c, a, o->user, &why))
		return op_fail(o, E_APPROVAL_NOT_YOURS, "%s", why);
	TRY(approval_reject(c, a, o->user, reason, tell));
	approval_write(c, a, o->user, w);
	return OK;
}

/* ---- decisions without a call ---- */

/* Fills d from tool and arguments in the parameters. */
static status
read_call(struct core *c, struct op_call *o, struct decision *d)
{
	static const struct json none = { .kind = JSON_OBJ };
	const struct json *args = json_gets(o->params, "arguments");
	TRY(op_str(o, "tool", &d->tool_name));
	if (args && !json_is_obj(args))
		return op_fail(o, E_BAD_REQUEST, "arguments: must be an object");
	d->tool = tool_named(c, d->tool_name);
	d->input = args ? args : &none;
	buf_reset(&c->scratch);
	TRY(json_canonical(d->input, &c->scratch));
	TRY(buf_finish(&c->scratch));
	d->args = buf_span(&c->scratch);
	return OK;
}

status
op_CHECK(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "agent", "task", "tool", "arguments", "environment", NULL };
	struct decision d = { .dry = true, .channel = "local", .attested = true, .surface = SPAN("check") };
	span agent = { 0 };
	TRY(op_only(o, names));
	TRY(op_opt_str(o, "agent", &agent));
	TRY(op_opt_str(o, "environment", &d.environment));
	if (json_gets(o->params, "task")) {
		TRY(op_task(c, o, "task", &d.task));
		d.agent = d.task->agent;
	} else {
		d.agent = agent_named(c, agent);
		ENSURE(d.agent, E_AGENT_UNKNOWN);
	}
	arena_reset(&c->eval);
	TRY(read_call(c, o, &d));
	decide(c, &d);
	verdict_write(c, &d, w);
	return OK;
}

/* An agent asks a person to allow one call, with its reason; only what a person may allow at all is put before one. */
status
op_ACCESS_REQUEST(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "tool", "arguments", "reason", NULL };
	struct decision d = { .task = o->task, .agent = o->task->agent, .channel = o->peer->tls ? "tls" : "local",
	                      .attested = !o->peer->tls || o->peer->has_cert, .surface = SPAN("request") };
	span reason = { 0 };
	TRY(op_only(o, names));
	TRY(op_opt_str(o, "reason", &reason));
	arena_reset(&c->eval);
	TRY(read_call(c, o, &d));
	decide(c, &d);
	if (d.verdict == VERDICT_PENDING && !d.approval) {
		if (d.stale)
			approval_end(c, d.stale, APPR_WITHDRAWN, "changed");
		TRY(approval_new(c, &d, reason, &d.approval));
		TRY(decision_record(c, &d, 0, false));
	}
	verdict_write(c, &d, w);
	return OK;
}

status
op_TOOL_EXPLAIN(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "tool", NULL };
	span only = { 0 };
	TRY(op_only(o, names));
	TRY(op_opt_str(o, "tool", &only));
	json_w_obj(w);
	json_w_karr(w, "hidden");
	list_for(it, &c->tools_list) {
		const struct tool *t = container_of(it, struct tool, all);
		uint16_t code;
		if (only.n && !span_eq(only, str_span(t->name)) && !span_is(only, t->wire))
			continue;
		if (t->state == TOOL_GONE || t->server->upstream || tool_visible(c, o->task, t, &code))
			continue;
		json_w_obj(w);
		json_w_kcstr(w, "tool", t->wire);
		json_w_kcstr(w, "code", error_name(code));
		json_w_kcstr(w, "reason", error_text(code));
		json_w_kcstr(w, "effect", effect_name((enum effect)t->effect));
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
	json_w_key(w, SPAN("task"));
	task_write(c, o->task, w);
	json_w_obj_end(w);
	return OK;
}

/* ---- taking back ---- */

bool
op_may_end(const struct op_call *o, const struct task *t)
{
	const struct user *u = object_user(o->user);
	return u->roles & ROLE_BIT_ADMIN || span_eq(str_span(t->user), o->user->name) || user_answers_to(o->user->name, u, t->agent->owner);
}

/* Everybody who is known may stop what is theirs; administrators anything. */
static bool
may_kill(const struct core *c, const struct op_call *o, span kind, span name)
{
	const struct user *u = object_user(o->user);
	uint64_t id;
	if (u->roles & ROLE_BIT_ADMIN)
		return true;
	if (span_is(kind, "task")) {
		const struct task *t = id_parse_kind(name, ID_TASK, &id) ? task_find(c, id) : NULL;
		return t && op_may_end(o, t);
	}
	if (span_is(kind, "agent")) {
		const struct agent *a = agent_named(c, name);
		return a && user_answers_to(o->user->name, u, a->owner);
	}
	return span_is(kind, "owner") && user_answers_to(o->user->name, u, name);
}

status
op_KILL(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "kind", "name", "reason", "dry_run", NULL };
	struct kill k = { .actor = o->actor };
	struct revocation *r;
	struct blast b;
	TRY(op_only(o, names));
	TRY(op_str(o, "kind", &k.kind));
	TRY(op_opt_str(o, "name", &k.name));
	TRY(op_opt_str(o, "reason", &k.reason));
	TRY(op_opt_bool(o, "dry_run", &k.dry_run));
	if (!may_kill(c, o, k.kind, k.name))
		return op_fail(o, E_NOT_PERMITTED, "only an administrator or its owner may stop that");
	TRY(kill_run(c, &k, &r, &b));
	if (r) {
		revocation_write(c, r, w);
		return OK;
	}
	o->now = true;
	json_w_obj(w);
	json_w_kint(w, "agents", b.agents);
	json_w_kint(w, "tasks", b.tasks);
	json_w_kint(w, "children", b.children);
	json_w_kint(w, "calls", b.calls);
	json_w_kint(w, "approvals", b.approvals);
	json_w_kint(w, "sessions", b.sessions);
	json_w_obj_end(w);
	return OK;
}

status
op_RESUME(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "kind", "name", "reason", NULL };
	span kind, name = { 0 }, reason = { 0 };
	TRY(op_only(o, names));
	TRY(op_str(o, "kind", &kind));
	TRY(op_opt_str(o, "name", &name));
	TRY(op_opt_str(o, "reason", &reason));
	TRY(resume_run(c, kind, name, reason, o->actor));
	json_w_obj(w);
	json_w_kstr(w, "target", name.n ? name : kind);
	json_w_kcstr(w, "state", "running");
	json_w_obj_end(w);
	return OK;
}

status
op_REVOCATIONS(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "revocation", "open", "limit", "cursor", NULL };
	struct op_page p;
	span one = { 0 };
	bool open = false;
	char id[ID_TEXT + 1], last[ID_TEXT + 1] = "";
	TRY(op_only(o, names));
	TRY(op_opt_str(o, "revocation", &one));
	TRY(op_opt_bool(o, "open", &open));
	TRY(op_page_begin(o, &p, w));
	list_for(it, &c->revocation_list) {
		const struct revocation *r = container_of(it, struct revocation, all);
		id_text(r->id, id);
		if ((one.n && !span_is(one, id)) || (open && span_is(span_str(revocation_state(r)), "confirmed")))
			continue;
		if (!op_page_item(&p, span_str(id)))
			continue;
		memcpy(last, id, sizeof last);
		revocation_write(c, r, w);
	}
	op_page_end(&p, span_str(last));
	return OK;
}
