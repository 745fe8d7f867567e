/* receipt: what a task did and what became of it, folded from its events. */
#include "core/core_priv.h"
#include "core/ops.h"

#include <stdlib.h>

enum { RECEIPT_LEASES = 256, RECEIPT_ROWS = 512, RECEIPT_PAGE = 500 };

struct receipt_call { uint64_t id; span tool, resource; uint8_t state; bool is_error; };
struct receipt_tally { span tool, code; uint64_t calls, denied; };

struct receipt_lease { uint64_t id; span upstream, template, account; const char *state; };

struct receipt {
	struct arena arena;
	struct msg_read q;
	uint64_t allowed, denied, approved, first_seq, last_seq;
	struct receipt_call calls[RECEIPT_ROWS];
	struct receipt_lease leases[RECEIPT_LEASES];
	struct receipt_tally tools[64], denials[64];
	span resources[128];
	uint32_t call_n, tool_n, denial_n, resource_n, lease_n;
	bool cut;                /* more than fits */
};

static span
keep(struct receipt *r, const struct event *e, enum event_field f)
{
	struct event_value v;
	return event_get(e, f, &v) ? arena_copy(&r->arena, v.s) : (span){ 0 };
}

static uint64_t
id_field(const struct event *e, enum event_field f)
{
	struct event_value v;
	return event_get(e, f, &v) ? v.u : 0;
}

static struct receipt_tally *
tally(struct receipt *r, struct receipt_tally *list, uint32_t *n, size_t max, span tool, span code)
{
	for (uint32_t i = 0; i < *n; i++)
		if (span_eq(list[i].tool, tool) && span_eq(list[i].code, code))
			return &list[i];
	if (*n == max) {
		r->cut = true;
		return NULL;
	}
	list[*n] = (struct receipt_tally){ .tool = tool, .code = code };
	return &list[(*n)++];
}

static void
add_resource(struct receipt *r, span s)
{
	if (!s.n)
		return;
	for (uint32_t i = 0; i < r->resource_n; i++)
		if (span_eq(r->resources[i], s))
			return;
	if (r->resource_n == ARRAY_LEN(r->resources))
		r->cut = true;
	else
		r->resources[r->resource_n++] = s;
}

static void
call_over(struct receipt *r, uint64_t id, enum call_state state, bool is_error)
{
	for (uint32_t i = 0; i < r->call_n; i++)
		if (r->calls[i].id == id) {
			r->calls[i].state = (uint8_t)state;
			r->calls[i].is_error = is_error;
		}
}

static void
fold_lease(struct receipt *r, const struct event *e)
{
	uint64_t id = id_field(e, F_LEASE);
	struct receipt_lease *l = NULL;
	for (uint32_t i = 0; i < r->lease_n && !l; i++)
		if (r->leases[i].id == id)
			l = &r->leases[i];
	if (e->head.type == EV_LEASE_INTENDED && !l && r->lease_n == RECEIPT_LEASES)
		r->cut = true;
	if (e->head.type == EV_LEASE_INTENDED && !l && r->lease_n < RECEIPT_LEASES) {
		l = &r->leases[r->lease_n++];
		*l = (struct receipt_lease){ id, keep(r, e, F_UPSTREAM), keep(r, e, F_TEMPLATE), keep(r, e, F_ACCOUNT), "intended" };
	}
	if (!l)
		return;
	switch (e->head.type) {
	case EV_LEASE_ACTIVE: l->state = "active"; return;
	case EV_LEASE_REVOKING: l->state = "revoking"; return;
	case EV_LEASE_UNCONFIRMED: l->state = "unconfirmed"; return;
	case EV_LEASE_REVOKED: l->state = "revoked"; return;
	default: return;
	}
}

static void
fold(struct receipt *r, const struct event *e)
{
	struct receipt_tally *t;
	struct event_value v;
	span tool;
	if (!r->first_seq)
		r->first_seq = e->head.seq;
	r->last_seq = e->head.seq;
	switch (e->head.type) {
	case EV_DECISION_ALLOWED:
		r->allowed++;
		tool = keep(r, e, F_TOOL);
		add_resource(r, keep(r, e, F_RESOURCE));
		if ((t = tally(r, r->tools, &r->tool_n, ARRAY_LEN(r->tools), tool, (span){ 0 })))
			t->calls++;
		if (!id_field(e, F_CALL))
			return;
		if (r->call_n == RECEIPT_ROWS)
			r->cut = true;
		else
			r->calls[r->call_n++] = (struct receipt_call){ id_field(e, F_CALL), tool, keep(r, e, F_RESOURCE), CALL_DECIDED, false };
		return;
	case EV_CALL_REFUSED:
		call_over(r, id_field(e, F_CALL), CALL_REFUSED, false);
		[[fallthrough]];
	case EV_DECISION_DENIED:
		r->denied++;
		tool = keep(r, e, F_TOOL);
		if ((t = tally(r, r->denials, &r->denial_n, ARRAY_LEN(r->denials), tool, keep(r, e, F_CODE))))
			t->denied++;
		if ((t = tally(r, r->tools, &r->tool_n, ARRAY_LEN(r->tools), tool, (span){ 0 })))
			t->denied++;
		return;
	case EV_APPROVAL_USED: r->approved++; return;
	case EV_CALL_DISPATCHED: call_over(r, id_field(e, F_CALL), CALL_DISPATCHED, false); return;
	case EV_CALL_DONE: call_over(r, id_field(e, F_CALL), CALL_DONE, event_get(e, F_IS_ERROR, &v) && v.b); return;
	case EV_CALL_CUT: call_over(r, id_field(e, F_CALL), CALL_CUT, false); return;
	case EV_CALL_UNKNOWN: call_over(r, id_field(e, F_CALL), CALL_UNKNOWN, false); return;
	case EV_LEASE_INTENDED: case EV_LEASE_ACTIVE: case EV_LEASE_REVOKING: case EV_LEASE_UNCONFIRMED: case EV_LEASE_REVOKED:
		fold_lease(r, e);
		return;
	default: return;
	}
}

/* The account's name stays, so that whoever looks at the upstream's own log knows whose it was. */
static void
write_leases(const struct receipt *r, struct json_writer *w)
{
	json_w_karr(w, "leases");
	for (uint32_t i = 0; i < r->lease_n; i++) {
		const struct receipt_lease *l = &r->leases[i];
		json_w_obj(w);
		write_id(w, "lease", l->id);
		json_w_kstr(w, "upstream", l->upstream);
		json_w_kstr(w, "template", l->template);
		json_w_kstr(w, "account", l->account);
		json_w_kcstr(w, "state", l->state);
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
}

static void
write_calls(const struct receipt *r, struct json_writer *w)
{
	json_w_karr(w, "calls");
	for (uint32_t i = 0; i < r->call_n; i++) {
		json_w_obj(w);
		write_id(w, "call", r->calls[i].id);
		json_w_kstr(w, "tool", r->calls[i].tool);
		json_w_kcstr(w, "state", call_state_name((enum call_state)r->calls[i].state));
		if (r->calls[i].resource.n)
			json_w_kstr(w, "resource", r->calls[i].resource);
		json_w_kbool(w, "is_error", r->calls[i].is_error);
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
	json_w_karr(w, "unknown");
	for (uint32_t i = 0; i < r->call_n; i++) {
		char id[ID_TEXT + 1];
		id_text(r->calls[i].id, id);
		if (r->calls[i].state == CALL_UNKNOWN)
			json_w_str(w, span_str(id));
	}
	json_w_arr_end(w);
}

static void
write_tallies(const struct receipt *r, struct json_writer *w)
{
	json_w_karr(w, "denials");
	for (uint32_t i = 0; i < r->denial_n; i++) {
		json_w_obj(w);
		json_w_kstr(w, "tool", r->denials[i].tool);
		json_w_kstr(w, "code", r->denials[i].code);
		json_w_kint(w, "count", (int64_t)r->denials[i].denied);
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
	json_w_karr(w, "tools");
	for (uint32_t i = 0; i < r->tool_n; i++) {
		json_w_obj(w);
		json_w_kstr(w, "tool", r->tools[i].tool);
		json_w_kint(w, "calls", (int64_t)r->tools[i].calls);
		json_w_kint(w, "denied", (int64_t)r->tools[i].denied);
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
	json_w_karr(w, "resources");
	for (uint32_t i = 0; i < r->resource_n; i++)
		json_w_str(w, r->resources[i]);
	json_w_arr_end(w);
}

static void
write_tree(const struct core *c, const struct task *t, struct json_writer *w)
{
	json_w_karr(w, "children");
	unsigned n = 0;
	list_for(it, &t->children) {
		const struct task *k = container_of(it, struct task, siblings);
		enum cause cause;
		if (n++ == 1000)
			break;
		json_w_obj(w);
		write_id(w, "task", k->id);
		json_w_kstr(w, "agent", str_span(k->agent->name));
		json_w_kcstr(w, "state", task_state_name(task_state(c, k, &cause)));
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
	json_w_kobj(w, "sessions");
	json_w_kint(w, "stopped", t->sessions_stopped);
	json_w_kint(w, "unconfirmed", t->sessions_unconfirmed);
	json_w_kbool(w, "open", !list_empty(&t->sessions));
	json_w_obj_end(w);
}

static void
render(struct core *c, struct ask *a, const struct receipt *r)
{
	const struct task *t = task_find(c, r->q.task);
	CLEANUP(buf_fini) struct buf b;
	CLEANUP(buf_fini) struct buf hex;
	buf_init(&b, 16 << 20);
	buf_init(&hex, 128);
	struct json_writer w = json_w(&b);
	if (!t) {
		answer_error(c, a->who.edge, a->who.index, a->who.req, E_TASK_UNKNOWN, (span){ 0 });
		return;
	}
	json_w_obj(&w);
	json_w_key(&w, SPAN("task"));
	task_write(c, t, &w);
	json_w_kint(&w, "allowed", (int64_t)r->allowed);
	json_w_kint(&w, "denied", (int64_t)r->denied);
	json_w_kint(&w, "approved", (int64_t)r->approved);
	write_calls(r, &w);
	write_leases(r, &w);
	write_tallies(r, &w);
	write_tree(c, t, &w);
	json_w_kobj(&w, "chain");
	json_w_kint(&w, "first_seq", (int64_t)r->first_seq);
	json_w_kint(&w, "last_seq", (int64_t)r->last_seq);
	buf_put_hex(&hex, digest_span(&c->journal.chain.head));
	json_w_kstr(&w, "head", buf_span(&hex));
	json_w_obj_end(&w);
	json_w_kbool(&w, "complete", !r->cut);
	json_w_obj_end(&w);
	answer(c, a->who.edge, a->who.index, a->who.req, E_OK, &b);
}

static void
on_events(struct core *c, struct ask *a, const struct msg *m, uint16_t error)
{
	struct receipt *r = a->state;
	if (m && m->events.error != E_OK)
		error = m->events.error;
	if (error != E_OK) {
		answer_error(c, a->who.edge, a->who.index, a->who.req, error, (span){ 0 });
		return;
	}
	struct reader rd = rd_make(m->events.events);
	struct event e;
	while (rd_left(&rd)) {
		span bytes = rd_vec32(&rd);
		if (!rd.ok)
			break;
		if (!failed(event_decode(bytes, &e)))
			fold(r, &e);
	}
	if (!arena_ok(&r->arena))
		r->cut = true;
	if (m->events.next && !r->cut && core_up(c, ROLE_STORE) && !failed(timer_set(&c->timers, &a->timer, boot_now(c) + ask_timeout(ROLE_STORE)))) {
		r->q.from = m->events.next;
		ask_read(c, a, &r->q);
		return;
	}
	r->cut |= m->events.next != 0;
	render(c, a, r);
}

static void
receipt_fini(struct ask *a)
{
	struct receipt *r = a->state;
	arena_fini(&r->arena);
}

status
op_TASK_RECEIPT(struct core *c, struct op_call *o, struct json_writer *)
{
	static const char *const names[] = { "task", NULL };
	struct task *t;
	struct ask *a;
	TRY(op_only(o, names));
	TRY(op_task(c, o, "task", &t));
	struct receipt *r = calloc(1, sizeof *r);
	ENSURE(r, E_NO_MEMORY);
	arena_init(&r->arena, 8 << 20);
	r->q = (struct msg_read){ .from = t->born, .limit = RECEIPT_PAGE, .task = t->id };
	status s = ask_new(c, ROLE_STORE, on_events, &o->who, &a);
	if (failed(s)) {
		free(r);
		return s;
	}
	a->state = r;
	a->fini = receipt_fini;
	o->later = true;
	ask_read(c, a, &r->q);
	return OK;
}
