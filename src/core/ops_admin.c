/* Operations on agents, tools, servers, policies and resources. */
#include "core/core_priv.h"
#include "core/ops.h"
#include "text/time.h"

#include <stdlib.h>

/* ---- resources ---- */

static void
write_object(const struct object *o, struct json_writer *w)
{
	json_w_obj(w);
	json_for_members(it, o->spec) {
		json_w_key(w, it->key);
		json_w_value(w, &it->value);
	}
	json_w_kint(w, "version", (int64_t)o->version);
	json_w_key(w, SPAN("changed"));
	write_time(w, o->changed);
	json_w_kstr(w, "by", o->by);
	json_w_obj_end(w);
}

status
op_RESOURCE_LIST(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "kind", "limit", "cursor", NULL };
	span kind = { 0 }, last = { 0 };
	enum object_kind only = OBJECT_KIND_COUNT;
	struct op_page p;
	TRY(op_only(o, names));
	TRY(op_opt_str(o, "kind", &kind));
	if (kind.n && !object_kind_from(kind, &only))
		return op_fail(o, E_BAD_REQUEST, "kind: unknown kind of resource");
	TRY(op_page_begin(o, &p, w));
	for (unsigned k = 0; k < OBJECT_KIND_COUNT; k++) {
		if (kind.n && k != only)
			continue;
		list_for(it, &c->kinds[k]) {
			const struct object *x = container_of(it, struct object, of_kind);
			if (!op_page_item(&p, x->name))
				continue;
			last = x->name;
			write_object(x, w);
		}
	}
	op_page_end(&p, last);
	return OK;
}

status
op_RESOURCE_SHOW(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "kind", "name", NULL };
	span kind, name;
	enum object_kind k;
	TRY(op_only(o, names));
	TRY(op_str(o, "kind", &kind));
	TRY(op_str(o, "name", &name));
	const struct object *x = object_kind_from(kind, &k) ? object_find(c, k, name) : NULL;
	ENSURE(x, E_NOT_FOUND);
	write_object(x, w);
	return OK;
}

/* ---- agents ---- */

static status
named_agent(struct core *c, struct op_call *o, struct agent **ret)
{
	span name;
	TRY(op_str(o, "agent", &name));
	*ret = agent_named(c, name);
	ENSURE(*ret, E_AGENT_UNKNOWN);
	return OK;
}

status
op_AGENT_LIST(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "limit", "cursor", "state", NULL };
	struct op_page p;
	span last = { 0 };
	TRY(op_only(o, names));
	TRY(op_page_begin(o, &p, w));
	list_for(it, &c->agents) {
		const struct agent *a = container_of(it, struct agent, all);
		if (!op_page_item(&p, str_span(a->name)))
			continue;
		last = str_span(a->name);
		agent_write(c, a, w);
	}
	op_page_end(&p, last);
	return OK;
}

status
op_AGENT_SHOW(struct core *c, struct op_call *o, struct json_writer *w)
{
	struct agent *a;
	TRY(named_agent(c, o, &a));
	agent_write(c, a, w);
	return OK;
}

status
op_AGENT_ENROL(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "agent", "ttl_seconds", NULL };
	struct agent *a;
	struct enrolment *e;
	int64_t ttl = 600;
	char text[64];
	TRY(op_only(o, names));
	TRY(named_agent(c, o, &a));
	TRY(op_opt_int(o, "ttl_seconds", 1, 86400, &ttl));
	ENSURE(a->state == AGENT_ACTIVE, E_AGENT_INACTIVE);
	TRY(enrol_new(c, a, ttl * NS_PER_S, o->actor, text, &e));
	json_w_obj(w);
	json_w_kstr(w, "agent", str_span(a->name));
	write_id(w, "enrolment", e->id);
	json_w_kcstr(w, "token", text);
	json_w_key(w, SPAN("expires"));
	write_time(w, e->term.expires);
	json_w_obj_end(w);
	explicit_bzero(text, sizeof text);
	return OK;
}

status
op_ENROL_USE(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "token", NULL };
	span token;
	struct agent *a;
	TRY(op_only(o, names));
	TRY(op_str(o, "token", &token));
	TRY(enrol_use(c, o->peer, token, &a));
	o->peer->agent = a->id;
	agent_write(c, a, w);
	return OK;
}

static status
agent_state_event(struct core *c, const struct agent *a, enum event_type type, const struct op_call *o, span reason, uint64_t revocation)
{
	struct event_writer *w = event_open(c, type);
	event_id(w, F_AGENT, a->id);
	event_id(w, F_REVOCATION, revocation);
	event_text(w, F_ACTOR, o->actor);
	event_text(w, F_AGENT_NAME, str_span(a->name));
	event_text_opt(w, F_REASON, span_sub(reason, 0, 1000));
	return event_close(c, false);
}

/* Suspending and retiring end every task of the agent, as a kill does; the state makes it last. */
static status
put_down(struct core *c, struct op_call *o, enum agent_state to, struct json_writer *w)
{
	static const char *const names[] = { "agent", "reason", NULL };
	struct agent *a;
	struct revocation *r;
	struct blast b;
	span reason = { 0 };
	TRY(op_only(o, names));
	TRY(named_agent(c, o, &a));
	TRY(op_opt_str(o, "reason", &reason));
	ENSURE(agent_may_become((enum agent_state)a->state, to), E_CONFLICT);
	struct kill k = { .kind = SPAN("agent"), .name = str_span(a->name), .reason = reason, .actor = o->actor };
	TRY(kill_run(c, &k, &r, &b));
	status s = agent_state_event(c, a, to == AGENT_RETIRED ? EV_AGENT_RETIRED : EV_AGENT_SUSPENDED, o, reason, r->id);
	if (failed(s)) {
		core_fail(c, s);
		return s;
	}
	agent_become(c, a, to);
	json_w_obj(w);
	json_w_kstr(w, "name", str_span(a->name));
	json_w_kcstr(w, "state", agent_state_name((enum agent_state)a->state));
	json_w_kint(w, "ended", r->tasks);
	write_id(w, "revocation", r->id);
	json_w_obj_end(w);
	return OK;
}

status op_AGENT_SUSPEND(struct core *c, struct op_call *o, struct json_writer *w) { return put_down(c, o, AGENT_SUSPENDED, w); }
status op_AGENT_RETIRE(struct core *c, struct op_call *o, struct json_writer *w) { return put_down(c, o, AGENT_RETIRED, w); }

status
op_AGENT_RESUME(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "agent", "reason", NULL };
	struct agent *a;
	span reason = { 0 };
	TRY(op_only(o, names));
	TRY(named_agent(c, o, &a));
	TRY(op_opt_str(o, "reason", &reason));
	ENSURE(a->state == AGENT_SUSPENDED || (a->state == AGENT_ACTIVE && a->stop->on), E_CONFLICT);
	if (a->stop->on)
		TRY(resume_run(c, SPAN("agent"), str_span(a->name), reason, o->actor));
	else
		TRY(agent_state_event(c, a, EV_AGENT_RESUMED, o, reason, 0));
	if (a->state == AGENT_SUSPENDED)
		agent_become(c, a, AGENT_ACTIVE);
	agent_write(c, a, w);
	return OK;
}

/* ---- tools and servers ---- */

static status
named_tool(struct core *c, struct op_call *o, struct tool **ret)
{
	span name;
	TRY(op_str(o, "tool", &name));
	*ret = tool_named(c, name);
	ENSURE(*ret, E_TOOL_UNKNOWN);
	return OK;
}

status
op_TOOL_LIST(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "all", "limit", "cursor", NULL };
	struct op_page p;
	span last = { 0 };
	bool all = false;
	TRY(op_only(o, names));
	TRY(op_opt_bool(o, "all", &all));
	TRY(op_page_begin(o, &p, w));
	list_for(it, &c->tools_list) {
		const struct tool *t = container_of(it, struct tool, all);
		if ((!all && t->state == TOOL_GONE) || !op_page_item(&p, str_span(t->name)))
			continue;
		last = str_span(t->name);
		tool_write(c, t, false, w);
	}
	op_page_end(&p, last);
	return OK;
}

status
op_TOOL_SHOW(struct core *c, struct op_call *o, struct json_writer *w)
{
	struct tool *t;
	TRY(named_tool(c, o, &t));
	tool_write(c, t, true, w);
	return OK;
}

status
op_TOOL_REVIEW(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "tool", "definition", "reason", "effect", "sensitivity", "untyped", NULL };
	struct tool *t;
	span seen, reason = { 0 }, effect = { 0 }, sensitivity = { 0 };
	digest d;
	enum effect e;
	enum sensitivity v;
	TRY(op_only(o, names));
	TRY(named_tool(c, o, &t));
	bool untyped = t->untyped_set;
	TRY(op_str(o, "definition", &seen));
	TRY(op_opt_str(o, "reason", &reason));
	TRY(op_opt_str(o, "effect", &effect));
	TRY(op_opt_str(o, "sensitivity", &sensitivity));
	TRY(op_opt_bool(o, "untyped", &untyped));
	if (!digest_parse(seen, &d))
		return op_fail(o, E_BAD_REQUEST, "definition: must be the sha256 that was shown");
	if (effect.n && !effect_from(effect, &e))
		return op_fail(o, E_BAD_REQUEST, "effect: must be read, write, destructive or egress");
	if (sensitivity.n && !sensitivity_from(sensitivity, &v))
		return op_fail(o, E_BAD_REQUEST, "sensitivity: must be public, internal, confidential or restricted");
	if (!digest_eq(&d, &t->current))
		return op_fail(o, E_CONFLICT, "the definition has changed since; look at it again");
	t->untyped_set = untyped;
	if (effect.n)
		t->effect_set = (int8_t)e;
	if (sensitivity.n)
		t->sensitivity_set = (int8_t)v;
	TRY(tool_refresh(c, t));
	TRY(tool_review(c, t, &d, o->actor, reason));
	policy_recheck(c);
	tool_write(c, t, false, w);
	return OK;
}

status
op_SERVER_LIST(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "limit", "cursor", NULL };
	struct op_page p;
	span last = { 0 };
	TRY(op_only(o, names));
	TRY(op_page_begin(o, &p, w));
	list_for(it, &c->servers) {
		const struct server *s = container_of(it, struct server, all);
		if (!op_page_item(&p, str_span(s->name)))
			continue;
		last = str_span(s->name);
		server_write(c, s, w);
	}
	op_page_end(&p, last);
	return OK;
}

static void
note_error(struct core *c, struct server *s, uint16_t error)
{
	str_unref(&c->strs, TAKE(s->last_error));
	if (error != E_OK && failed(str_get(&c->strs, span_str(error_text(error)), &s->last_error)))
		s->last_error = NULL;
}

/* The answer of a discovery: with somebody waiting, or asked by core itself. */
static void
on_found(struct core *c, struct ask *a, const struct msg *m, uint16_t error)
{
	struct server *s = server_by_id(c, a->subject);
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4 << 20);
	struct json_writer w = json_w(&b);
	if (!s)
		error = E_NOT_FOUND;
	else
		s->discovering = false;
	if (m && m->found.error != E_OK)
		error = m->found.error;
	json_w_obj(&w);
	if (s)
		json_w_kstr(&w, "server", str_span(s->name));
	if (error == E_OK)
		error = tools_found(c, s, m->found.definitions, false, &w).code;
	json_w_obj_end(&w);
	if (s)
		note_error(c, s, error);
	if (error != E_OK)
		answer_error(c, a->who.edge, a->who.index, a->who.req, error, (span){ 0 });
	else
		answer_held(c, a->who.edge, a->who.index, a->who.req, &b);
}

status
server_discover(struct core *c, struct server *s, const struct asker *who)
{
	struct ask *a;
	ENSURE(!s->discovering, E_CONFLICT);
	TRY(ask_new(c, ROLE_TOOLS, on_found, who, &a));
	/* A server may have to be fetched and started first. */
	TRY(timer_set(&c->timers, &a->timer, boot_now(c) + 60 * NS_PER_S));
	a->subject = s->id;
	s->discovering = true;
	struct msg m = msg_make(MSG_DISCOVER);
	m.discover.req = a->id;
	m.discover.server = s->id;
	send_now(c, ROLE_TOOLS, 0, &m);
	return OK;
}

status
op_SERVER_DISCOVER(struct core *c, struct op_call *o, struct json_writer *)
{
	static const char *const names[] = { "server", NULL };
	span name;
	TRY(op_only(o, names));
	TRY(op_str(o, "server", &name));
	struct server *s = server_find(c, name);
	ENSURE(s, E_NOT_FOUND);
	TRY(server_discover(c, s, &o->who));
	o->later = true;
	return OK;
}

/* ---- policies ---- */

/* What the tools known now make of it. */
static void
write_notes(const struct core *c, span policy, struct json_writer *w)
{
	bool invalid = false, any = false;
	json_w_karr(w, "findings");
	for (uint32_t i = 0; i < c->notes.n; i++) {
		const struct policy_note *x = &c->notes.items[i];
		if (!span_eq(x->policy, policy))
			continue;
		any = true;
		invalid |= x->invalid;
		json_w_str(w, x->text);
	}
	json_w_arr_end(w);
	json_w_kcstr(w, "state", invalid ? "invalid" : any ? "unmatched" : "ok");
}

static void
write_policy(const struct core *c, const struct object *x, bool text, struct json_writer *w)
{
	size_t rules = 0, observe = 0;
	for (size_t i = 0; i < c->policy->rule_n; i++)
		if (span_eq(c->policy->rules[i].file, x->name)) {
			rules++;
			observe += c->policy->rules[i].observe;
		}
	digest d = sha256(json_gets(x->spec, "text")->str);
	json_w_obj(w);
	json_w_kstr(w, "name", x->name);
	json_w_kint(w, "rules", (int64_t)rules);
	write_digest(w, "digest", &d);
	json_w_kcstr(w, "mode", !observe ? "enforce" : observe == rules ? "observe" : "mixed");
	json_w_key(w, SPAN("changed"));
	write_time(w, x->changed);
	json_w_kstr(w, "by", x->by);
	json_w_kint(w, "version", (int64_t)x->version);
	write_notes(c, x->name, w);
	if (text)
		json_w_kstr(w, "text", json_gets(x->spec, "text")->str);
	json_w_obj_end(w);
}

status
op_POLICY_LIST(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "limit", "cursor", NULL };
	struct op_page p;
	span last = { 0 };
	TRY(op_only(o, names));
	TRY(op_page_begin(o, &p, w));
	policy_recheck(c);
	list_for(it, &c->kinds[OBJ_POLICY]) {
		const struct object *x = container_of(it, struct object, of_kind);
		if (!op_page_item(&p, x->name))
			continue;
		last = x->name;
		write_policy(c, x, false, w);
	}
	op_page_end(&p, last);
	return OK;
}

status
op_POLICY_SHOW(struct core *c, struct op_call *o, struct json_writer *w)
{
	span name;
	TRY(op_str(o, "policy", &name));
	const struct object *x = object_find(c, OBJ_POLICY, name);
	ENSURE(x, E_NOT_FOUND);
	policy_recheck(c);
	write_policy(c, x, true, w);
	return OK;
}
