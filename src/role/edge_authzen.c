/* The AuthZEN doors. A batch keeps a window of questions open at core, each with a number of its own: in `execute_all` many, so that
 * they share a write of the log; where an answer may be the last, one after the other. */
#include "role/edge_priv.h"

#include <assert.h>

enum { WINDOW = 32 };
#define OF_BATCH (UINT64_C(1) << 63)

struct batch {
	struct authzen_batch q;
	span *results;          /* rendered; empty: not yet */
	uint32_t next, open;    /* the first not asked; how many are at core */
};

uint64_t edge_authzen_ask_of(uint64_t req) { return req & OF_BATCH ? (req & ~OF_BATCH) >> 8 : req; }

static uint64_t item_req(const struct ask *a, uint32_t i) { return OF_BATCH | a->req << 8 | i; }
static_assert(AUTHZEN_ITEMS <= 256);

static status
read_body(struct ask *a, span body, struct json_error *je)
{
	if (a->door == DOOR_SEARCH)
		return authzen_read_search(&a->arena, a->search, body, &a->params, je);
	if (a->door == DOOR_EVALUATIONS) {
		struct authzen_batch q;
		TRY(authzen_read_batch(&a->arena, body, &q, je));
		if (q.n) {
			a->batch = arena_alloc(&a->arena, sizeof *a->batch);
			span *results = arena_array(&a->arena, q.n, sizeof *results);
			ENSURE(a->batch && results, E_LIMIT);
			memset(results, 0, q.n * sizeof *results);
			*a->batch = (struct batch){ .q = q, .results = results };
			return OK;
		}
	}
	return authzen_read(&a->arena, body, &a->params, je);
}

bool
edge_authzen_read(struct ask *a, const struct http_request *r)
{
	struct json_error je = { 0 };
	status s = read_body(a, r->body, &je);
	if (!failed(s))
		return true;
	CLEANUP(buf_fini) struct buf why = { 0 };
	buf_init(&why, 1024);
	if (je.reason)
		json_error_print(&je, &why);
	edge_reply_error(a, s.code == E_LIMIT ? E_LIMIT : E_BAD_REQUEST, buf_span(&why));
	return false;
}

static bool
send_question(struct ask *a, uint64_t req, span question)
{
	struct msg m = msg_make(MSG_EVALUATE);
	m.evaluate.req = req;
	m.evaluate.conn = a->conn->number;
	memcpy(m.evaluate.token, a->token, 32);
	m.evaluate.app = a->app;
	m.evaluate.question = question;
	return !failed(role_send(a->edge->w, ROLE_CORE, 0, &m));
}

static bool
send_search(struct ask *a)
{
	struct msg m = msg_make(MSG_SEARCH);
	m.search.req = a->req;
	m.search.conn = a->conn->number;
	memcpy(m.search.token, a->token, 32);
	m.search.kind = a->search;
	m.search.app = a->app;
	m.search.question = a->params;
	return !failed(role_send(a->edge->w, ROLE_CORE, 0, &m));
}

/* ---- a batch ---- */

static void
reply_batch(struct ask *a)
{
	const struct batch *t = a->batch;
	CLEANUP(buf_fini) struct buf b = { 0 };
	buf_init(&b, EDGE_BACKLOG);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_karr(&w, "evaluations");
	for (uint32_t i = 0; i < t->next; i++)
		json_w_raw(&w, t->results[i]);
	json_w_arr_end(&w);
	json_w_obj_end(&w);
	edge_reply_json(a, 200, &b);
}

/* Keeps the rendered answer of item i. False: there is no room, and the whole was refused. */
static bool
keep(struct ask *a, uint32_t i, const struct buf *b, status rendered)
{
	struct batch *t = a->batch;
	bool ok = !failed(rendered);
	if (ok) {
		t->results[i] = arena_copy(&a->arena, buf_span(b));
		ok = arena_ok(&a->arena);
	}
	if (!ok)
		edge_reply_error(a, E_LIMIT, SPAN("the answers are too large together: ask for fewer"));
	return ok;
}

static void
advance(struct ask *a)
{
	struct batch *t = a->batch;
	uint32_t window = t->q.semantic == AUTHZEN_EXECUTE_ALL ? WINDOW : 1;
	while (t->next < t->q.n && t->open < window) {
		uint32_t i = t->next++;
		const struct authzen_item *item = &t->q.items[i];
		if (item->question.n) {
			if (!send_question(a, item_req(a, i), item->question)) {
				edge_ask_unavailable(a);
				return;
			}
			t->open++;
			continue;
		}
		CLEANUP(buf_fini) struct buf b = { 0 };
		buf_init(&b, 4096);
		if (!keep(a, i, &b, authzen_render_fault(&b, E_BAD_REQUEST, item->fault)))
			return;
		if (authzen_is_last(t->q.semantic, false))
			t->q.n = t->next;
	}
	if (!t->open && t->next == t->q.n)
		reply_batch(a);
}

void
edge_authzen_send(struct ask *a)
{
	if (a->batch)
		advance(a);
	else if (!(a->door == DOOR_SEARCH ? send_search(a) : send_question(a, a->req, a->params)))
		edge_ask_unavailable(a);
}

/* ---- answers ---- */

/* Whatever core decided is an answer; who may not ask, or asks while core can not say, gets none. */
static bool
is_no_answer(uint16_t error)
{
	return error != E_OK && (error_http(error) == 401 || error == E_UNAVAILABLE || error == E_BAD_REQUEST);
}

static void
item_verdict(struct ask *a, uint32_t i, const struct msg_verdict *m)
{
	struct batch *t = a->batch;
	bool allow = m->verdict == VERDICT_ALLOW;
	if (i >= t->next || t->results[i].n)
		return;
	if (is_no_answer(m->error) && m->error != E_BAD_REQUEST) {
		edge_reply_error(a, m->error, (span){ 0 });
		return;
	}
	CLEANUP(buf_fini) struct buf b = { 0 };
	buf_init(&b, EDGE_BACKLOG);
	status s = m->error == E_BAD_REQUEST ? authzen_render_fault(&b, m->error, (span){ 0 }) : authzen_render(&b, allow, m->detail);
	if (!keep(a, i, &b, s))
		return;
	t->open--;
	if (authzen_is_last(t->q.semantic, allow))
		t->q.n = t->next;
	advance(a);
}

void
edge_authzen_verdict(struct ask *a, const struct msg_verdict *m)
{
	if (m->req & OF_BATCH) {
		if (a->batch)
			item_verdict(a, (uint32_t)(m->req & 0xff), m);
		return;
	}
	CLEANUP(buf_fini) struct buf b = { 0 };
	buf_init(&b, EDGE_BACKLOG);
	if (is_no_answer(m->error))
		edge_reply_error(a, m->error, (span){ 0 });
	else if (failed(authzen_render(&b, m->verdict == VERDICT_ALLOW, m->detail)))
		edge_reply_error(a, E_INTERNAL, (span){ 0 });
	else
		edge_reply_json(a, 200, &b);
}
