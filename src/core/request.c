/* What agents ask about calls: CALL, AWAIT, EVALUATE, LIST. */
#include "core/application.h"
#include "core/core_priv.h"
#include "core/decision.h"
#include "core/mirror.h"
#include "core/request.h"

#include <stdio.h>
#include <stdlib.h>

static void
send_verdict(struct core *c, const struct asker *who, const struct decision *d, uint64_t call, bool held)
{
	struct buf *b = &c->out;
	buf_reset(b);
	struct json_writer w = json_w(b);
	if (d->verdict == VERDICT_ALLOW && !d->dry)
		verdict_brief(d, b);
	else
		verdict_write(c, d, &w);
	struct msg m = msg_make(MSG_VERDICT);
	m.verdict.req = who->req;
	m.verdict.verdict = d->verdict;
	m.verdict.call = call;
	m.verdict.error = d->code;
	m.verdict.approval = d->verdict != VERDICT_ALLOW && d->approval ? d->approval->id : 0;
	m.verdict.detail = b->err ? SPAN("{}") : buf_span(b);
	if (!held) {
		send_now(c, who->edge, who->index, &m);
		return;
	}
	status s = send_held(c, who->edge, who->index, &m, call);
	if (failed(s))
		core_fail(c, s);
}

static void
denied(struct core *c, const struct asker *who, struct decision *d)
{
	if (d->task) {
		d->task->denied++;
		row_mark(c, &d->task->row);
	}
	/* A deny does not wait for its event, and stands if there is no memory for one. */
	if (!d->dry && c->loaded)
		IGNORE(decision_record(c, d, 0, true));
	send_verdict(c, who, d, 0, false);
}

static void
permit(struct core *c, const struct asker *who, const struct decision *d, struct call *k, bool held)
{
	struct msg m = msg_make(MSG_PERMIT);
	m.permit.call = k->id;
	m.permit.task = d->task->id;
	m.permit.server = d->tool->server->id;
	m.permit.edge = (uint8_t)who->edge;
	m.permit.index = (uint8_t)who->index;
	m.permit.req = who->req;
	memcpy(m.permit.definition, d->tool->current.b, sizeof m.permit.definition);
	m.permit.tool = d->tool->own_name;
	m.permit.args = d->args;
	m.permit.client_ref = who->client_ref;
	m.permit.progress = who->progress;
	m.permit.deadline = wall_now(c) + CALL_TIMEOUT;
	k->permitted = true;
	if (!held) {
		send_now(c, ROLE_TOOLS, 0, &m);
		return;
	}
	status s = send_held(c, ROLE_TOOLS, 0, &m, k->id);
	if (failed(s))
		core_fail(c, s);
}

/* Everything that an allowed call changes, in one go; a failure leaves a denial and no trace. */
static status
commit(struct core *c, const struct asker *who, struct decision *d, struct call **ret, bool *ret_held)
{
	struct call *k = NULL;
	uint64_t id = 0;
	*ret_held = !(d->agent->tier->buffered && d->tool->effect == EFFECT_READ && !d->lifted);
	if (who->dispatch) {
		TRY(call_new(c, d->task, d->tool, who->edge, who->index, who->req, &k));
		id = k->id;
		if (d->amount_n) {
			k->amounts = malloc(d->amount_n * sizeof *k->amounts);
			if (!k->amounts) {
				call_free(c, k);
				return FAIL(E_NO_MEMORY);
			}
			memcpy(k->amounts, d->amounts, d->amount_n * sizeof *k->amounts);
			k->amount_n = d->amount_n;
		}
	}
	uint64_t before = c->journal.chain.seq;
	status s = OK;
	if (d->lifted)
		s = approval_use(c, d->approval, id);
	if (!failed(s))
		s = decision_record(c, d, id, !*ret_held);
	if (!failed(s))
		s = task_raise(c, d->task, d->sensitivity, d->label, id);
	if (failed(s)) {
		/* Half written: the log would say more than happened. */
		if (c->journal.chain.seq != before)
			core_fail(c, s);
		if (k)
			call_free(c, k);
		return s;
	}
	budget_reserve(c, d);
	d->tool->calls++;
	if (!d->tool->server->upstream)
		row_mark(c, &d->tool->row);
	agent_use(c, d->agent, d->tool->name);
	if (k) {
		k->approval = d->lifted ? d->approval->id : 0;
		row_mark(c, &k->row);
		if (list_empty(&d->task->sessions))
			list_add_tail(&c->session_tasks, &d->task->sessions);
	}
	*ret = k;
	return OK;
}

static void
allowed(struct core *c, const struct asker *who, struct decision *d)
{
	struct call *k = NULL;
	bool held = true;
	if (d->dry) {
		send_verdict(c, who, d, 0, false);
		return;
	}
	if (!journal_ok(c)) {
		d->verdict = VERDICT_DENY;
		d->code = E_AUDIT_UNAVAILABLE;
		denied(c, who, d);
		return;
	}
	if (who->dispatch && !core_up(c, ROLE_TOOLS)) {
		d->verdict = VERDICT_DENY;
		d->code = E_UNAVAILABLE;
		denied(c, who, d);
		return;
	}
	status s = commit(c, who, d, &k, &held);
	if (failed(s)) {
		d->verdict = VERDICT_DENY;
		d->code = s.code;
		denied(c, who, d);
		return;
	}
	send_verdict(c, who, d, k ? k->id : 0, held);
	if (k)
		permit(c, who, d, k, held);
}

/* Asks people, or joins those who wait already. */
static void
pending(struct core *c, const struct asker *who, struct decision *d, span claim)
{
	status s = OK;
	bool fresh = !d->approval;
	if (d->dry) {
		send_verdict(c, who, d, 0, false);
		return;
	}
	if (fresh && !journal_ok(c))
		s = FAIL(E_AUDIT_UNAVAILABLE);
	if (!failed(s) && d->stale)
		approval_end(c, d->stale, APPR_WITHDRAWN, "changed");
	if (!failed(s) && fresh)
		s = approval_new(c, d, claim, &d->approval);
	if (!failed(s) && fresh)
		s = decision_record(c, d, 0, false);
	if (failed(s)) {
		d->verdict = VERDICT_DENY;
		d->code = s.code;
		denied(c, who, d);
		return;
	}
	if (who->hold_ms && !failed(park(c, who, d->approval->id)))
		return;
	send_verdict(c, who, d, 0, fresh);
}

static void
settle(struct core *c, const struct asker *who, struct decision *d, span claim)
{
	if (d->stale && d->verdict != VERDICT_PENDING && !d->dry && d->stale->state != APPR_REJECTED)
		approval_end(c, d->stale, APPR_WITHDRAWN, "changed");
	switch ((enum verdict)d->verdict) {
	case VERDICT_ALLOW: allowed(c, who, d); return;
	case VERDICT_PENDING: pending(c, who, d, claim); return;
	case VERDICT_DENY: denied(c, who, d); return;
	}
}

/* Reads the arguments. Canonical JSON object, as the edge made it; anything else is the edge's fault and refused. */
static uint16_t
read_args(struct core *c, struct decision *d, span args)
{
	const struct json_opts opts = { .max_bytes = 262144 };
	d->args = args.n ? args : SPAN("{}");
	status s = json_parse(d->args, &opts, &c->eval, &d->input, NULL);
	if (failed(s))
		return s.code;
	return json_is_obj(d->input) ? E_OK : E_BAD_ARGUMENTS;
}

static void
fill_peer(struct decision *d, const struct peer *p)
{
	d->channel = p->tls ? "tls" : "local";
	d->attested = !p->tls || p->has_cert;
	d->agent = d->task->agent;
}

void
request_call(struct core *c, const struct asker *who, const struct peer *p, struct task *t, uint64_t token, struct tool *tool, span wire,
             span args, span claim)
{
	arena_reset(&c->eval);
	struct decision d = { .task = t, .tool = tool, .tool_name = wire, .token = token, .client_ref = who->client_ref,
	                      .surface = who->surface };
	fill_peer(&d, p);
	uint16_t code = read_args(c, &d, args);
	if (code == E_OK) {
		decide(c, &d);
	} else {
		d.code = code;
		d.args_digest = sha256(args);
	}
	settle(c, who, &d, claim);
}

/* Who asks, about which task? Answers itself and gives false when there is none. */
static bool
identify(struct core *c, const struct asker *who, const uint8_t token[32], struct peer **ret_peer, struct task **ret_task, uint64_t *ret_token)
{
	digest hash;
	memcpy(hash.b, token, sizeof hash.b);
	struct peer *p = peer_find(c, who->edge, who->index, who->conn);
	uint16_t code = !c->loaded ? E_UNAVAILABLE : !p ? E_UNAUTHENTICATED : p->error;
	if (code == E_OK)
		code = peer_task(c, p, &hash, ret_task, ret_token);
	if (code != E_OK) {
		verdict_refuse(c, who->edge, who->index, who->req, code);
		return false;
	}
	*ret_peer = p;
	return true;
}

/* What stands for a credential is asked for by lease/open, never called. */
static struct tool *callable(struct tool *t) { return t && !t->server->upstream ? t : NULL; }

/* A47: what stands between may have believed the headers. What cannot be read cannot match; of a tool that asks for none nothing is looked at. */
static bool
mirrors_match(struct core *c, enum role from, const struct tool *t, const struct msg_call *m)
{
	const struct json_opts opts = { .max_bytes = TOOL_DEFINITION_MAX };
	const struct json *def, *args, *headers;
	if (!t || !t->mirrors || !m->mirrored.n)
		return true;
	arena_reset(&c->eval);
	return !failed(json_parse(str_span(t->definition), &opts, &c->eval, &def, NULL)) && !failed(json_parse(m->args, &opts, &c->eval, &args, NULL)) &&
	       !failed(json_parse(m->mirrored, &opts, &c->eval, &headers, NULL)) &&
	       /* On the socket the bridge stands in for clients that have no headers. */
	       mirror_holds(json_gets(def, "inputSchema"), args, headers, from == ROLE_AGENTS);
}

void
on_call(struct core *c, enum role from, unsigned index, const struct msg_call *m)
{
	struct asker who = { .edge = from, .index = index, .req = m->req, .conn = m->conn, .hold_ms = m->hold_ms, .progress = m->progress,
	                     .client_ref = m->client_ref, .surface = SPAN("mcp"), .dispatch = true };
	memcpy(who.token.b, m->token, sizeof who.token.b);
	struct peer *p;
	struct task *t;
	uint64_t token;
	if (call_of_req(c, from, index, m->req)) {
		verdict_refuse(c, from, index, m->req, E_CONFLICT);
		return;
	}
	if (!identify(c, &who, m->token, &p, &t, &token))
		return;
	struct tool *tool = callable(tool_by_wire(c, m->tool));
	if (mirrors_match(c, from, tool, m))
		request_call(c, &who, p, t, token, tool, m->tool, m->args, (span){ 0 });
	else
		verdict_refuse(c, from, index, m->req, E_HEADER_MISMATCH);
}

void
on_await(struct core *c, enum role from, unsigned index, const struct msg_await *m)
{
	struct asker who = { .edge = from, .index = index, .req = m->req, .conn = m->conn, .hold_ms = m->hold_ms, .surface = SPAN("await"),
	                     .dispatch = true };
	memcpy(who.token.b, m->token, sizeof who.token.b);
	struct peer *p;
	struct task *t;
	uint64_t token;
	if (!identify(c, &who, m->token, &p, &t, &token))
		return;
	struct approval *a = approval_find(c, m->approval);
	if (!a || a->task != t) {
		verdict_refuse(c, from, index, m->req, E_APPROVAL_UNKNOWN);
		return;
	}
	if (a->state == APPR_USED || a->state == APPR_EXPIRED || a->state == APPR_WITHDRAWN) {
		verdict_refuse(c, from, index, m->req, a->state == APPR_USED ? E_CONFLICT : E_APPROVAL_EXPIRED);
		return;
	}
	struct str *args = str_ref(a->args);
	request_call(c, &who, p, t, token, callable(tool_find(c, str_span(a->tool))), str_span(a->tool), str_span(args), (span){ 0 });
	str_unref(&c->strs, args);
}

/* ---- AuthZEN ---- */

bool
request_may_evaluate(const struct agent *a, const struct tool *tool)
{
	for (uint32_t i = 0; a && a->enforcement_point && tool && i < a->server_n; i++)
		if (span_eq(a->servers[i], str_span(tool->server->name)))
			return true;
	return false;
}

static status
read_question(struct core *c, const struct msg_evaluate *m, struct decision *d, span *ret_tool, span *ret_task)
{
	const struct json_opts opts = { .max_bytes = 65536 };
	const struct json *q, *subject, *action, *resource = NULL, *context = NULL, *args = NULL;
	span type = { 0 };
	TRY(json_parse(m->question, &opts, &c->eval, &q, NULL));
	TRY(json_get_obj(q, "subject", &subject, NULL));
	TRY(json_get_obj(q, "action", &action, NULL));
	TRY(json_opt_obj(q, "resource", &resource, NULL));
	TRY(json_opt_obj(q, "context", &context, NULL));
	TRY(json_get_str(action, "name", ret_tool, NULL));
	TRY(json_get_str(subject, "type", &type, NULL));
	TRY(json_get_str(subject, "id", ret_task, NULL));
	if (!span_is(type, "task"))
		*ret_task = (span){ 0 };
	if (context) {
		TRY(json_opt_obj(context, "arguments", &args, NULL));
		TRY(json_opt_bool(context, "dry_run", &d->dry, NULL));
	}
	static const struct json none = { .kind = JSON_OBJ };
	d->input = args ? args : &none;
	if (resource) {
		TRY(json_opt_str(resource, "type", &d->resource_given_type, NULL));
		TRY(json_opt_str(resource, "id", &d->resource_given, NULL));
		/* The tool itself, or its server, is what a call without a mapped resource touches anyway. */
		if (span_is(d->resource_given_type, "Tool") || span_is(d->resource_given_type, "tool"))
			d->resource_given_type = (span){ 0 };
	}
	return OK;
}

static status
canonical_args(struct core *c, struct decision *d)
{
	struct buf *b = &c->scratch;
	buf_reset(b);
	TRY(json_canonical(d->input, b));
	TRY(buf_finish(b));
	d->args = buf_span(b);
	return OK;
}

void
on_evaluate(struct core *c, enum role from, unsigned index, const struct msg_evaluate *m)
{
	struct asker who = { .edge = from, .index = index, .req = m->req, .conn = m->conn };
	struct decision d = { .surface = SPAN("authzen") };
	span tool_name = { 0 }, task = { 0 };
	struct task *t = NULL;
	uint64_t id;
	memcpy(who.token.b, m->token, sizeof who.token.b);
	arena_reset(&c->eval);
	struct peer *p = peer_find(c, from, index, m->conn);
	uint16_t code = !c->loaded ? E_UNAVAILABLE : !p ? E_UNAUTHENTICATED : p->error;
	if (code == E_OK && m->app.n) {
		application_evaluate(c, &who, p, m->app, m->question);
		return;
	}
	if (code == E_OK) {
		status s = read_question(c, m, &d, &tool_name, &task);
		if (!failed(s))
			s = canonical_args(c, &d);
		code = s.code;
	}
	d.tool_name = tool_name;
	d.tool = code == E_OK ? tool_named(c, tool_name) : NULL;
	/* A caller speaks for its own task; a registered enforcement point for the tasks that call its servers. */
	if (code == E_OK && task.n && id_parse_kind(task, ID_TASK, &id)) {
		struct agent *a = peer_agent(c, p);
		t = task_find(c, id);
		if (!t)
			code = E_TASK_UNKNOWN;
		else if (!a || a->state != AGENT_ACTIVE || a->stop->on || !request_may_evaluate(a, d.tool)) {
			struct task *own = NULL;
			code = peer_task(c, p, &who.token, &own, &d.token);
			if (code == E_OK && own != t)
				code = E_NOT_PERMITTED;
		}
	} else if (code == E_OK) {
		code = peer_task(c, p, &who.token, &t, &d.token);
	}
	if (code != E_OK) {
		verdict_refuse(c, from, index, m->req, code);
		return;
	}
	d.task = t;
	fill_peer(&d, p);
	decide(c, &d);
	settle(c, &who, &d, (span){ 0 });
}

/* ---- the list of tools ---- */

bool
tool_visible(struct core *c, const struct task *t, const struct tool *tool, uint16_t *ret_code)
{
	*ret_code = tool->server->upstream ? E_TOOL_UNKNOWN : tool_callable(tool, t->agent->tier);
	if (*ret_code != E_OK)
		return false;
	if (tool->stop->on || tool->server->stop->on) {
		*ret_code = E_REVOKED;
		return false;
	}
	for (const struct task *p = t; p; p = p->parent)
		if (!envelope_has_tool(p->envelope, str_span(tool->name), (enum effect)tool->effect) ||
		    (p->cap && !envelope_has_tool(p->cap, str_span(tool->name), (enum effect)tool->effect))) {
			*ret_code = E_OUTSIDE_ENVELOPE;
			return false;
		}
	if (!view_may_allow(c, t->agent, tool)) {
		*ret_code = E_NO_PERMIT;
		return false;
	}
	return true;
}

/* The definition under its wire name. */
static void
write_listed(struct core *c, const struct tool *t, struct json_writer *w)
{
	struct arena_mark mark = arena_mark(&c->eval);
	const struct json_opts opts = { .max_bytes = TOOL_DEFINITION_MAX };
	const struct json *def;
	if (!failed(json_parse(str_span(t->definition), &opts, &c->eval, &def, NULL))) {
		json_w_obj(w);
		json_w_kcstr(w, "name", t->wire);
		json_for_members(it, def)
			if (!span_is(it->key, "name")) {
				json_w_key(w, it->key);
				json_w_value(w, &it->value);
			}
		json_w_obj_end(w);
	}
	arena_back(&c->eval, mark);
}

void
on_list(struct core *c, enum role from, unsigned index, const struct msg_list *m)
{
	digest hash;
	struct task *t = NULL;
	uint64_t token;
	const struct task *by;
	memcpy(hash.b, m->token, sizeof hash.b);
	arena_reset(&c->eval);
	struct peer *p = peer_find(c, from, index, m->conn);
	uint16_t code = !c->loaded ? E_UNAVAILABLE : !p ? E_UNAUTHENTICATED : p->error;
	if (code == E_OK)
		code = peer_task(c, p, &hash, &t, &token);
	if (code == E_OK)
		code = task_alive(c, t, &by);
	if (code != E_OK) {
		answer_error(c, from, index, m->req, code, (span){ 0 });
		return;
	}
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 16 << 20);
	struct json_writer w = json_w(&b);
	json_w_arr(&w);
	list_for(it, &c->tools_list) {
		const struct tool *tool = container_of(it, struct tool, all);
		if (tool_visible(c, t, tool, &code))
			write_listed(c, tool, &w);
	}
	json_w_arr_end(&w);
	answer(c, from, index, m->req, E_OK, &b);
}
