#include "core/codec.h"
#include "core/core_priv.h"

#include <assert.h>
#include <stdlib.h>

#define TO(s) (1u << CALL_##s)
/* ORDER call_state (msg/enums.h) */
static const struct { const char *name; unsigned to; } rules[] = {
	[CALL_DECIDED]    = { "decided",    TO(DISPATCHED) | TO(CUT) | TO(UNKNOWN) | TO(REFUSED) | TO(DONE) },
	[CALL_DISPATCHED] = { "dispatched", TO(DONE) | TO(CUT) | TO(UNKNOWN) },
	[CALL_DONE]       = { "done",       0 },
	[CALL_CUT]        = { "cut",        0 },
	[CALL_UNKNOWN]    = { "unknown",    0 },
	[CALL_REFUSED]    = { "refused",    0 },
};
static_assert(ARRAY_LEN(rules) == CALL_STATE_COUNT);

const char *call_state_name(enum call_state s) { return s < CALL_STATE_COUNT ? rules[s].name : "?"; }

bool
call_may_become(enum call_state from, enum call_state to)
{
	return from < CALL_STATE_COUNT && to < CALL_STATE_COUNT && (rules[from].to >> to & 1);
}

struct req_key { unsigned edge, index; uint64_t req; };

static bool id_is(const struct map_node *n, const void *key) { return container_of(n, struct call, node)->id == *(const uint64_t *)key; }

static bool
req_is(const struct map_node *n, const void *key)
{
	const struct call *call = container_of(n, struct call, by_req);
	const struct req_key *k = key;
	return call->req == k->req && call->edge == k->edge && call->index == k->index;
}

static uint64_t
req_hash(const struct core *c, const struct req_key *k)
{
	return map_hash_u64(&c->calls_by_req, k->req ^ (uint64_t)k->edge << 56 ^ (uint64_t)k->index << 48);
}

struct call *
call_find(const struct core *c, uint64_t id)
{
	struct map_node *n = map_find(&c->calls, map_hash_u64(&c->calls, id), id_is, &id);
	return n ? container_of(n, struct call, node) : NULL;
}

struct call *
call_of_req(const struct core *c, unsigned edge, unsigned index, uint64_t req)
{
	struct req_key k = { edge, index, req };
	struct map_node *n = map_find(&c->calls_by_req, req_hash(c, &k), req_is, &k);
	return n ? container_of(n, struct call, by_req) : NULL;
}

status
call_new(struct core *c, struct task *t, struct tool *tool, enum role edge, unsigned index, uint64_t req, struct call **ret)
{
	struct call *k = calloc(1, sizeof *k);
	ENSURE(k, E_NO_MEMORY);
	*k = (struct call){ .id = core_id(c, ID_CALL), .req = req, .task = t, .tool = str_ref(tool->name), .edge = (uint8_t)edge,
	                    .index = (uint8_t)index, .started = boot_now(c), .timer.kind = TIMER_CALL };
	row_init(&k->row, ROW_CALL);
	list_init(&k->all);
	status s = map_reserve(&c->calls, c->calls.count + 1);
	if (!failed(s))
		s = map_reserve(&c->calls_by_req, c->calls_by_req.count + 1);
	if (!failed(s))
		s = timer_set(&c->timers, &k->timer, boot_now(c) + CALL_TIMEOUT);
	if (failed(s)) {
		str_unref(&c->strs, k->tool);
		free(k);
		return s;
	}
	struct req_key key = { edge, index, req };
	s = map_add(&c->calls, map_hash_u64(&c->calls, k->id), &k->node);
	must(!failed(s));
	s = map_add(&c->calls_by_req, req_hash(c, &key), &k->by_req);
	must(!failed(s));
	list_add_tail(&c->call_list, &k->all);
	t->in_flight++;
	*ret = k;
	return OK;
}

void
call_free(struct core *c, struct call *k)
{
	row_drop(c, &k->row);
	timer_del(&c->timers, &k->timer);
	list_del(&k->all);
	map_del(&c->calls, &k->node);
	map_del(&c->calls_by_req, &k->by_req);
	if (k->task)
		k->task->in_flight--;
	str_unref(&c->strs, k->tool);
	free(k->amounts);
	free(k);
}

static struct event_writer *
open_event(struct core *c, enum event_type type, const struct call *k)
{
	struct event_writer *w = event_open(c, type);
	event_id(w, F_TASK, k->task->id);
	event_id(w, F_AGENT, k->task->agent->id);
	event_text(w, F_TOOL, str_span(k->tool));
	event_id(w, F_CALL, k->id);
	return w;
}

/* What the tools role says of a call under way. Nothing waits for it, so it waits for company (docs/adr/0006): lost in a crash, the
 * durable row of the decision makes the call `unknown`, and it is not run again. */
static void
close_later(struct core *c)
{
	status s = event_close(c, true);
	if (failed(s))
		core_fail(c, s);
}

/* The last step of a call's life: its event, and its task may have waited for it. */
static void
over(struct core *c, struct call *k, enum call_state to)
{
	must(call_may_become((enum call_state)k->state, to));
	if (to == CALL_DONE)
		close_later(c);
	else
		event_close_must(c);
	struct task *t = k->task;
	call_free(c, k);
	task_drained(c, t);
}

static void
tell_edge(struct core *c, const struct call *k, uint16_t code, bool was_held)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 65536);
	verdict_plain(c, k->task, str_span(k->tool), code, &b);
	struct msg m;
	if (was_held) {
		m = msg_make(MSG_VERDICT);
		m.verdict.req = k->req;
		m.verdict.verdict = VERDICT_DENY;
		m.verdict.error = code;
		m.verdict.detail = buf_span(&b);
	} else {
		m = msg_make(MSG_CUT);
		m.cut.req = k->req;
		m.cut.call = k->id;
		m.cut.error = code;
		m.cut.detail = buf_span(&b);
	}
	send_now(c, (enum role)k->edge, k->index, &m);
}

static void
tell_tools(struct core *c, const struct call *k, uint16_t code)
{
	struct msg m = msg_make(MSG_CUT_CALL);
	m.cut_call.call = k->id;
	m.cut_call.error = code;
	send_now(c, ROLE_TOOLS, 0, &m);
}

void
call_cut(struct core *c, struct call *k, uint16_t code, const char *cause)
{
	/* A permit that has not left: nothing was done, and what it took of the budgets is given back. */
	bool held = held_void(c, k->id);
	if (held)
		budget_refund(c, k->task, k->amounts, k->amount_n);
	else
		tell_tools(c, k, code);
	tell_edge(c, k, code, held);
	struct event_writer *w = open_event(c, EV_CALL_CUT, k);
	event_text(w, F_CAUSE, span_str(cause));
	event_int(w, F_DURATION, boot_now(c) - k->started);
	/* What a full disk has cut must not eat the reserve that revocations live on. */
	c->journal.priority |= code != E_AUDIT_UNAVAILABLE;
	over(c, k, CALL_CUT);
}

static void
unknown(struct core *c, struct call *k, const char *cause)
{
	struct event_writer *w = open_event(c, EV_CALL_UNKNOWN, k);
	event_text(w, F_CAUSE, span_str(cause));
	event_int(w, F_DURATION, boot_now(c) - k->started);
	over(c, k, CALL_UNKNOWN);
}

void
call_state(struct core *c, const struct msg_call_state *m)
{
	struct call *k = call_find(c, m->call);
	/* A word that crossed our cut on the way. */
	if (!k)
		return;
	struct event_writer *w;
	if (!call_may_become((enum call_state)k->state, (enum call_state)m->state) || !k->permitted)
		return;
	switch ((enum call_state)m->state) {
	case CALL_DISPATCHED:
		w = open_event(c, EV_CALL_DISPATCHED, k);
		if (k->approval)
			event_id(w, F_APPROVAL, k->approval);
		close_later(c);
		k->state = CALL_DISPATCHED;
		row_mark(c, &k->row);
		return;
	case CALL_DONE:
		w = open_event(c, EV_CALL_DONE, k);
		event_int(w, F_DURATION, boot_now(c) - k->started);
		event_uint(w, F_BYTES, m->size);
		event_bool(w, F_IS_ERROR, m->is_error);
		over(c, k, CALL_DONE);
		return;
	case CALL_REFUSED:
		/* The tools role never sent it on. */
		budget_refund(c, k->task, k->amounts, k->amount_n);
		k->task->denied++;
		row_mark(c, &k->task->row);
		w = open_event(c, EV_CALL_REFUSED, k);
		event_text(w, F_CODE, span_str(error_name(m->error)));
		event_int(w, F_DURATION, boot_now(c) - k->started);
		over(c, k, CALL_REFUSED);
		return;
	case CALL_CUT:
		w = open_event(c, EV_CALL_CUT, k);
		event_text(w, F_CAUSE, span_str(error_name(m->error)));
		event_int(w, F_DURATION, boot_now(c) - k->started);
		event_uint(w, F_BYTES, m->size);
		over(c, k, CALL_CUT);
		return;
	case CALL_UNKNOWN:
		unknown(c, k, error_name(m->error));
		return;
	case CALL_DECIDED: case CALL_STATE_COUNT: return;
	}
}

void call_timer(struct core *c, struct call *k) { call_cut(c, k, E_TIMEOUT, "timeout"); }

void
call_cancel(struct core *c, enum role edge, unsigned index, uint64_t req)
{
	struct call *k = call_of_req(c, edge, index, req);
	if (k)
		call_cut(c, k, E_CALL_CUT, "cancelled");
}

void
calls_tools_gone(struct core *c)
{
	list_for_safe(it, &c->call_list) {
		struct call *k = container_of(it, struct call, all);
		if (held_void(c, k->id)) {
			budget_refund(c, k->task, k->amounts, k->amount_n);
			tell_edge(c, k, E_UNAVAILABLE, true);
			struct event_writer *w = open_event(c, EV_CALL_CUT, k);
			event_text(w, F_CAUSE, SPAN("tools"));
			over(c, k, CALL_CUT);
			continue;
		}
		tell_edge(c, k, E_CALL_UNKNOWN, false);
		unknown(c, k, "tools");
	}
}

void
calls_edge_gone(struct core *c, enum role edge, unsigned index)
{
	list_for_safe(it, &c->call_list) {
		struct call *k = container_of(it, struct call, all);
		if (k->edge == edge && k->index == index)
			call_cut(c, k, E_CALL_CUT, "edge");
	}
}

bool
subtree_busy(const struct core *c, const struct task *top)
{
	list_for(it, &c->call_list)
		if (task_is_below(container_of(it, struct call, all)->task, top))
			return true;
	return false;
}

void
call_encode(const struct call *k, struct buf *b)
{
	buf_put_u8(b, 1);
	buf_put_u8(b, k->state);
	buf_put_u64(b, k->task->id);
	buf_put_u64(b, k->approval);
	put_str(b, k->tool);
}

/* Found after a restart: whether it ran is not known, and it is not run again. calls_link says so in the log. */
status
call_restore(struct core *c, uint64_t id, span value)
{
	struct reader r = rd_make(value);
	status err = OK;
	uint8_t version = rd_u8(&r), state = rd_u8(&r);
	uint64_t task = rd_u64(&r), approval = rd_u64(&r);
	struct str *tool = rd_str(&r, &c->strs, &err);
	if (!failed(err))
		err = rd_end(&r);
	if (failed(err) || version != 1 || state > CALL_DISPATCHED || id_kind(id) != ID_CALL) {
		str_unref(&c->strs, tool);
		return failed(err) ? err : FAIL(E_CHAIN_BROKEN);
	}
	struct call *k = calloc(1, sizeof *k);
	if (!k) {
		str_unref(&c->strs, tool);
		return FAIL(E_NO_MEMORY);
	}
	*k = (struct call){ .id = id, .state = state, .tool = tool, .approval = approval, .req = task, .timer.kind = TIMER_CALL };
	row_init(&k->row, ROW_CALL);
	k->row.stored = true;
	list_add_tail(&c->call_list, &k->all);
	return OK;
}

status
calls_link(struct core *c)
{
	list_for_safe(it, &c->call_list) {
		struct call *k = container_of(it, struct call, all);
		struct req_key key = { ROLE_COUNT, 0, k->id };
		k->task = task_find(c, k->req);
		ENSURE(k->task, E_CHAIN_BROKEN);
		k->req = k->id;
		k->edge = ROLE_COUNT;
		k->started = boot_now(c);
		TRY(map_reserve(&c->calls, c->calls.count + 1));
		TRY(map_add(&c->calls_by_req, req_hash(c, &key), &k->by_req));
		TRY(map_add(&c->calls, map_hash_u64(&c->calls, k->id), &k->node));
		k->task->in_flight++;
		unknown(c, k, "restart");
	}
	return OK;
}
