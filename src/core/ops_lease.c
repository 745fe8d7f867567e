/* Operations on leases and upstreams. */
#include "core/core_priv.h"
#include "core/decision.h"
#include "core/ops.h"

#include <stdio.h>

/* ---- asking for a credential ---- */

struct wanted {
	struct upstream *upstream;
	const struct json *spec;         /* the template */
	struct tool *tool;
	int64_t ttl;
	span reason;
};

static status
choose_template(struct core *c, struct op_call *o, struct wanted *q, span template)
{
	const struct json *all = json_gets(q->upstream->object->spec, "templates");
	if (!template.n && all->arr.n == 1)
		template = json_gets(&all->arr.items[0], "name")->str;
	if (!template.n)
		return op_fail(o, E_BAD_REQUEST, "template: is required, the upstream has several");
	q->spec = template_spec(q->upstream, template);
	q->tool = template_tool(c, q->upstream, template);
	if (!q->spec || !q->tool)
		return op_fail(o, E_NOT_FOUND, "template: there is no %.*s", SPAN_ARG(template));
	return OK;
}

static status
read_wanted(struct core *c, struct op_call *o, struct wanted *q)
{
	static const char *const names[] = { "upstream", "template", "ttl_seconds", "reason", NULL };
	span upstream, template = { 0 };
	int64_t standard, max, ttl = 0;
	TRY(op_only(o, names));
	TRY(op_str(o, "upstream", &upstream));
	TRY(op_opt_str(o, "template", &template));
	TRY(op_opt_str(o, "reason", &q->reason));
	TRY(op_opt_int(o, "ttl_seconds", 1, 30 * 86400, &ttl));
	q->upstream = upstream_find(c, upstream);
	if (!q->upstream)
		return op_fail(o, E_NOT_FOUND, "upstream: there is no %.*s", SPAN_ARG(span_sub(upstream, 0, 64)));
	TRY(choose_template(c, o, q, template));
	template_ttl(q->spec, &standard, &max);
	q->ttl = ttl ? ttl * NS_PER_S : standard;
	if (q->ttl > max)
		return op_fail(o, E_BAD_REQUEST, "ttl_seconds: at most %lld", (long long)(max / NS_PER_S));
	return OK;
}

/* The question as decisions see it: {"ttl_seconds":n} on Upstream::"…". */
static status
ask(struct core *c, struct op_call *o, const struct wanted *q, struct decision *d)
{
	static const struct json_opts opts = { .max_bytes = 4096 };
	char *args = arena_alloc(&c->eval, 64);
	ENSURE(args, E_NO_MEMORY);
	int n = snprintf(args, 64, "{\"ttl_seconds\":%lld}", (long long)(q->ttl / NS_PER_S));
	*d = (struct decision){ .task = o->task, .agent = o->task->agent, .tool = q->tool, .tool_name = str_span(q->tool->name),
	                        .args = span_make(args, (size_t)n), .channel = o->peer->tls ? "tls" : "local",
	                        .attested = !o->peer->tls || o->peer->has_cert, .surface = SPAN("lease") };
	TRY(json_parse(d->args, &opts, &c->eval, &d->input, NULL));
	decide(c, d);
	return OK;
}

/* {"error":{…},"verdict":{…}} */
static status
refusal(struct core *c, struct op_call *o, const struct decision *d)
{
	struct json_writer w = json_w(o->error);
	json_w_obj(&w);
	json_w_kobj(&w, "error");
	json_w_kcstr(&w, "code", error_name(d->code));
	json_w_kint(&w, "exit", error_exit(d->code));
	json_w_kcstr(&w, "message", error_text(d->code));
	if (d->detail[0])
		json_w_kcstr(&w, "detail", d->detail);
	else if (d->misfit.what)
		json_w_kcstr(&w, "detail", d->misfit.what);
	if (d->task)
		write_id(&w, "task", d->task->id);
	if (d->verdict == VERDICT_PENDING && d->approval)
		write_id(&w, "approval", d->approval->id);
	json_w_kbool(&w, "retryable", error_http(d->code) == 503 || d->code == E_APPROVAL_PENDING || d->code == E_RATE_LIMITED);
	json_w_obj_end(&w);
	json_w_key(&w, SPAN("verdict"));
	verdict_write(c, d, &w);
	json_w_obj_end(&w);
	return FAIL(d->code);
}

static status
denied(struct core *c, struct op_call *o, struct decision *d)
{
	d->task->denied++;
	row_mark(c, &d->task->row);
	/* A deny does not wait for its event, and stands if there is no memory for one. */
	IGNORE(decision_record(c, d, 0, true));
	return refusal(c, o, d);
}

static status
pending(struct core *c, struct op_call *o, struct decision *d, span reason)
{
	status s = OK;
	if (!d->approval) {
		if (d->stale)
			approval_end(c, d->stale, APPR_WITHDRAWN, "changed");
		s = approval_new(c, d, reason, &d->approval);
		if (!failed(s))
			s = decision_record(c, d, 0, false);
	}
	TRY(s);
	return refusal(c, o, d);
}

status
op_LEASE_OPEN(struct core *c, struct op_call *o, struct json_writer *)
{
	struct wanted q = { 0 };
	struct decision d;
	struct lease *l;
	ENSURE(!c->clock.behind, E_UNAVAILABLE);
	TRY(read_wanted(c, o, &q));
	arena_reset(&c->eval);
	TRY(ask(c, o, &q, &d));
	if (d.stale && d.verdict != VERDICT_PENDING && d.stale->state != APPR_REJECTED)
		approval_end(c, d.stale, APPR_WITHDRAWN, "changed");
	if (d.verdict == VERDICT_PENDING)
		return pending(c, o, &d, q.reason);
	if (d.verdict != VERDICT_ALLOW)
		return denied(c, o, &d);
	TRY(lease_create(c, &o->who, &d, q.ttl, &l));
	o->later = true;
	return OK;
}

/* ---- what the holder may do with it ---- */

static status
own_lease(struct core *c, struct op_call *o, struct lease **ret)
{
	span s;
	uint64_t id;
	TRY(op_str(o, "lease", &s));
	struct lease *l = id_parse_kind(s, ID_LEASE, &id) ? lease_find(c, id) : NULL;
	/* Another task's lease is as unknown as one that never was. */
	ENSURE(l && (!o->task || l->task == o->task), E_NOT_FOUND);
	*ret = l;
	return OK;
}

status
op_LEASE_RENEW(struct core *c, struct op_call *o, struct json_writer *)
{
	static const char *const names[] = { "lease", "ttl_seconds", NULL };
	struct lease *l;
	struct decision d;
	int64_t ttl = 0, standard, max;
	TRY(op_only(o, names));
	TRY(own_lease(c, o, &l));
	TRY(op_opt_int(o, "ttl_seconds", 1, 30 * 86400, &ttl));
	struct wanted q = { .upstream = l->upstream, .spec = template_spec(l->upstream, str_span(l->template)),
	                    .tool = template_tool(c, l->upstream, str_span(l->template)) };
	ENSURE(q.spec && q.tool, E_NOT_FOUND);
	template_ttl(q.spec, &standard, &max);
	q.ttl = ttl ? ttl * NS_PER_S : standard;
	/* Renewals do not add up to more than one lease may last. */
	if (wall_now(c) + q.ttl > l->created + max)
		return op_fail(o, E_BAD_REQUEST, "ttl_seconds: this lease can last until %lld s from its beginning; ask for a new one",
		               (long long)(max / NS_PER_S));
	/* Would it be given today? Nothing is spent by asking. */
	arena_reset(&c->eval);
	TRY(ask(c, o, &q, &d));
	if (d.verdict == VERDICT_DENY)
		return denied(c, o, &d);
	TRY(lease_renew(c, &o->who, l, q.ttl));
	o->later = true;
	return OK;
}

status
op_LEASE_END(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "lease", "reason", NULL };
	struct lease *l;
	TRY(op_only(o, names));
	TRY(own_lease(c, o, &l));
	/* People: whoever may end the task may end what it was lent; what has no task is an administrator's business. */
	if (!o->task)
		ENSURE(l->task ? op_may_end(o, l->task) : (object_user(o->user)->roles & ROLE_BIT_ADMIN) != 0, E_NOT_PERMITTED);
	uint64_t id = l->id;
	lease_end(c, l, LEASE_BY_HAND, E_REVOKED, NULL);
	l = lease_find(c, id);
	if (l) {
		lease_write(c, l, w);
		return OK;
	}
	json_w_obj(w);
	write_id(w, "lease", id);
	json_w_kcstr(w, "state", "revoked");
	json_w_obj_end(w);
	return OK;
}

static status
list(struct core *c, struct op_call *o, struct json_writer *w, const struct task *of, const struct upstream *u, bool open)
{
	struct op_page p;
	char id[ID_TEXT + 1] = "";
	TRY(op_page_begin(o, &p, w));
	for (struct list *it = c->lease_list.prev; it != &c->lease_list && !p.full; it = it->prev) {
		const struct lease *l = container_of(it, struct lease, all);
		char key[ID_TEXT + 1];
		id_text(l->id, key);
		if ((of && l->task != of) || (u && l->upstream != u) || (open && l->state != LEASE_REVOKING))
			continue;
		if (!op_page_item(&p, span_str(key)))
			continue;
		lease_write(c, l, w);
		memcpy(id, key, sizeof id);
	}
	op_page_end(&p, span_str(id));
	return OK;
}

status
op_LEASE_MINE(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "limit", "cursor", NULL };
	TRY(op_only(o, names));
	return list(c, o, w, o->task, NULL, false);
}

/* ---- for people ---- */

status
op_LEASE_LIST(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "task", "upstream", "revoking", "limit", "cursor", NULL };
	struct task *t = NULL;
	struct upstream *u = NULL;
	span name = { 0 };
	bool revoking = false;
	TRY(op_only(o, names));
	if (json_gets(o->params, "task"))
		TRY(op_task(c, o, "task", &t));
	TRY(op_opt_str(o, "upstream", &name));
	TRY(op_opt_bool(o, "revoking", &revoking));
	if (name.n) {
		u = upstream_find(c, name);
		ENSURE(u, E_NOT_FOUND);
	}
	return list(c, o, w, t, u, revoking);
}

status
op_LEASE_SHOW(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "lease", NULL };
	struct lease *l;
	TRY(op_only(o, names));
	TRY(own_lease(c, o, &l));
	lease_write(c, l, w);
	return OK;
}

status
op_UPSTREAM_LIST(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "limit", "cursor", NULL };
	struct op_page p;
	span last = { 0 };
	TRY(op_only(o, names));
	TRY(op_page_begin(o, &p, w));
	list_for(it, &c->upstreams) {
		const struct upstream *u = container_of(it, struct upstream, all);
		if (!op_page_item(&p, str_span(u->name)))
			continue;
		upstream_write(c, u, w);
		last = str_span(u->name);
	}
	op_page_end(&p, last);
	return OK;
}

static void
on_told(struct core *c, struct ask *a, const struct msg *m, uint16_t error)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 16 << 20);
	if (m)
		error = m->engine_told.error;
	if (error != E_OK) {
		answer_error(c, a->who.edge, a->who.index, a->who.req, error, m ? m->engine_told.why : (span){ 0 });
		return;
	}
	buf_put(&b, m->engine_told.body);
	answer(c, a->who.edge, a->who.index, a->who.req, E_OK, &b);
}

static status
ask_engine(struct core *c, struct op_call *o, enum engine_ask what)
{
	static const char *const names[] = { "upstream", NULL };
	struct ask *a;
	span name;
	TRY(op_only(o, names));
	TRY(op_str(o, "upstream", &name));
	const struct upstream *u = upstream_find(c, name);
	ENSURE(u, E_NOT_FOUND);
	TRY(ask_new(c, ROLE_ENGINE, on_told, &o->who, &a));
	struct msg m = msg_make(MSG_ENGINE_ASK);
	m.engine_ask.req = a->id;
	m.engine_ask.upstream = str_span(u->name);
	m.engine_ask.what = (uint8_t)what;
	m.engine_ask.params = SPAN("{}");
	send_now(c, ROLE_ENGINE, 0, &m);
	o->later = true;
	return OK;
}

status op_UPSTREAM_TEST(struct core *c, struct op_call *o, struct json_writer *) { return ask_engine(c, o, ENGINE_ASK_TEST); }
status op_UPSTREAM_INVENTORY(struct core *c, struct op_call *o, struct json_writer *) { return ask_engine(c, o, ENGINE_ASK_INVENTORY); }

status
op_UPSTREAM_RECONCILE(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "upstream", NULL };
	span name;
	TRY(op_only(o, names));
	TRY(op_str(o, "upstream", &name));
	struct upstream *u = upstream_find(c, name);
	ENSURE(u, E_NOT_FOUND);
	upstream_look(c, u);
	upstream_write(c, u, w);
	return OK;
}
