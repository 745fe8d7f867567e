/* store: makes core's events durable in groups, gives them back, verifies them.
 *
 * All APPENDs of a turn are one transaction; while it syncs, the next group gathers in the socket. A full disk refuses the
 * group and everything after it until core sends it again; any other failed write ends this role, and the supervisor ends
 * core with it, so that both refold from what is durable. */
#include "base/log.h"
#include "role/role.h"
#include "store/store.h"
#include "text/json.h"

#include <stdlib.h>

enum {
	GROUP_MAX = 512,                    /* batches in one transaction */
	ROWS_FRAME = 60 * 1024,             /* bytes of rows sent in one message: inline */
	LOAD_TIMEOUT_MS = 10000,            /* core reads nothing for so long: it is dead */
	READ_BYTES = 4 * 1024 * 1024,
};

struct group {
	struct store_batch batch[GROUP_MAX];
	uint64_t number[GROUP_MAX];
	struct buf bytes[GROUP_MAX];        /* events and rows of each: messages do not outlive their callback */
	size_t n;
};

struct verify {
	uint64_t req;
	bool running;
	struct store_fsck_at at;
	struct store_fsck found;
	struct loop_hook hook;
};

struct keeper {
	struct worker *w;
	struct store *store;
	struct group group;
	struct loop_hook commit;
	struct verify verify;
	uint64_t durable;                   /* last durable seq */
	bool stopping;
	bool full;                          /* the last group did not fit; what follows it can not either */
};

/* ---- append --------------------------------------------------------------------------------------------------------- */

static void
answer_append(struct keeper *r, uint64_t batch, uint16_t error)
{
	struct msg m = msg_make(MSG_APPENDED);

	m.appended.batch = batch;
	m.appended.error = error;
	m.appended.seq = r->durable;
	IGNORE(role_send(r->w, ROLE_CORE, 0, &m));   /* a core that is gone asks again when it is back */
}

static void
answer_group(struct keeper *r, uint16_t error)
{
	for (size_t i = 0; i < r->group.n; i++) {
		answer_append(r, r->group.number[i], error);
		buf_reset(&r->group.bytes[i]);
		if (r->group.bytes[i].cap > 2 * ROWS_FRAME)
			buf_fini(&r->group.bytes[i]);
	}
	r->group.n = 0;
}

static status
refresh(struct keeper *r)
{
	struct store_state s;

	TRY(store_state(r->store, &s));
	r->durable = s.chain.seq;
	return OK;
}

static void
commit(struct loop_hook *h)
{
	struct keeper *r = container_of(h, struct keeper, commit);
	enum store_outcome outcome = STORE_FAILED;

	if (r->group.n == 0)
		return;
	status s = store_append(r->store, r->group.batch, r->group.n, &outcome);
	if (!failed(s) && outcome == STORE_DONE)
		s = refresh(r);
	if (failed(s)) {
		answer_group(r, E_IO);
		role_fail(r->w, s, "an append failed: store and core start again");
		return;
	}
	if (outcome == STORE_FULL && !r->full)
		log_error("the disk is full: nothing is allowed until there is room");
	if (outcome == STORE_DONE && r->full)
		log_info("there is room again");
	r->full = outcome == STORE_FULL;
	answer_group(r, outcome == STORE_DONE ? E_OK : outcome == STORE_FULL ? E_AUDIT_UNAVAILABLE : E_CONFLICT);
}

static status
add_to_group(struct keeper *r, const struct msg_append *m)
{
	struct group *g = &r->group;

	if (g->n == GROUP_MAX)
		commit(&r->commit);
	struct buf *b = &g->bytes[g->n];
	buf_init(b, READ_BYTES * 2);
	buf_put(b, m->events);
	buf_put(b, m->rows);
	TRY(buf_finish(b));
	struct store_batch *to = &g->batch[g->n];
	*to = (struct store_batch){
		.epoch = m->epoch, .expected_seq = m->expected_seq, .priority = m->priority,
		.events = span_make(b->p, m->events.n), .rows = span_sub(buf_span(b), m->events.n, m->rows.n),
	};
	memcpy(to->head.b, m->head, sizeof to->head.b);
	g->number[g->n++] = m->batch;
	loop_defer(r->w->loop, &r->commit, commit);
	return OK;
}

static status
on_append(struct keeper *r, const struct msg_append *m)
{
	/* It follows one that found no room and was not written: it can only be told the same. */
	if (r->full && r->group.n == 0 && m->expected_seq > r->durable) {
		answer_append(r, m->batch, E_AUDIT_UNAVAILABLE);
		return OK;
	}
	return add_to_group(r, m);
}

/* ---- load ----------------------------------------------------------------------------------------------------------- */

struct loading {
	struct worker *w;
	struct buf rows;
};

static status
send_rows(struct loading *l)
{
	struct msg m = msg_make(MSG_ROWS);
	struct channel *c = role_link(l->w, ROLE_CORE, 0);

	if (l->rows.n == 0)
		return OK;
	ENSURE(c, E_UNAVAILABLE);
	m.rows.rows = buf_span(&l->rows);
	TRY(channel_send(c, &m));
	buf_reset(&l->rows);
	if (channel_queued(c) >= CHANNEL_QUEUE_LOW)
		ENSURE(channel_pump(c, LOAD_TIMEOUT_MS), E_UNAVAILABLE);
	return OK;
}

static status
on_row(void *arg, span key, span value)
{
	struct loading *l = arg;

	if (l->rows.n + key.n + value.n + 6 > ROWS_FRAME)
		TRY(send_rows(l));
	buf_put_vec16(&l->rows, key);
	buf_put_vec32(&l->rows, value);
	return buf_finish(&l->rows);
}

static status
load(struct keeper *r, struct msg_loaded *ret)
{
	CLEANUP(buf_fini) struct buf rows = { 0 };
	struct loading l = { .w = r->w };
	struct store_state s;

	/* The new core's word is law from here: whatever an older one still sends conflicts. */
	TRY(store_fence(r->store, &ret->epoch));
	buf_init(&l.rows, STORE_VALUE_MAX + STORE_KEY_MAX + ROWS_FRAME);
	status st = store_load(r->store, on_row, &l);
	if (!failed(st))
		st = send_rows(&l);
	rows = l.rows;
	TRY(st);
	TRY(store_state(r->store, &s));
	ret->seq = s.chain.seq;
	ret->time = s.time;
	memcpy(ret->head, s.chain.head.b, sizeof ret->head);
	r->durable = s.chain.seq;
	return OK;
}

static status
on_load(struct keeper *r)
{
	struct msg m = msg_make(MSG_LOADED);
	status s = load(r, &m.loaded);

	if (failed(s) && s.code == E_UNAVAILABLE)
		return OK;   /* core went away meanwhile; its successor asks again */
	m.loaded.error = s.code;
	IGNORE(role_send(r->w, ROLE_CORE, 0, &m));
	return s;
}

/* ---- read, verify --------------------------------------------------------------------------------------------------- */

static status
on_read(struct keeper *r, const struct msg_read *m)
{
	CLEANUP(buf_fini) struct buf out = { 0 };
	struct msg a = msg_make(MSG_EVENTS);
	const struct store_filter f = {
		.from = m->from, .limit = m->limit, .newest_first = m->newest_first, .task = m->task, .agent = m->agent,
		.type = m->type, .since = m->since, .until = m->until,
	};

	buf_init(&out, READ_BYTES);
	status s = store_read(r->store, &f, &out, &a.events.next);
	a.events.req = m->req;
	a.events.error = s.code;
	a.events.events = failed(s) ? (span){ 0 } : buf_span(&out);
	IGNORE(role_send(r->w, ROLE_CORE, 0, &a));
	return OK;
}

static void
answer_verify(struct keeper *r, uint64_t req, status s, const struct store_fsck *f)
{
	struct msg m = msg_make(MSG_VERIFIED);

	m.verified.req = req;
	m.verified.error = failed(s) ? s.code : f->bad_seq || f->note[0] ? E_CHAIN_BROKEN : E_OK;
	m.verified.count = f->count;
	m.verified.bad_seq = f->bad_seq;
	memcpy(m.verified.head, f->head.b, sizeof m.verified.head);
	m.verified.note = span_str(f->note);
	IGNORE(role_send(r->w, ROLE_CORE, 0, &m));
}

/* One step a turn, so that appends go on between them. */
static void
verify_step(struct loop_hook *h)
{
	struct verify *v = container_of(h, struct verify, hook);
	struct keeper *r = container_of(v, struct keeper, verify);
	bool done = false;
	status s = store_fsck_step(r->store, &v->at, &v->found, &done);

	if (!failed(s) && !done) {
		loop_soon(r->w->loop, &v->hook, verify_step);
		return;
	}
	v->running = false;
	answer_verify(r, v->req, s, &v->found);
}

static void
on_verify(struct keeper *r, uint64_t req)
{
	static const struct store_fsck none;

	if (r->verify.running) {
		answer_verify(r, req, FAIL(E_RATE_LIMITED), &none);
		return;
	}
	r->verify = (struct verify){ .req = req, .running = true };
	loop_soon(r->w->loop, &r->verify.hook, verify_step);
}

/* ---- the role ------------------------------------------------------------------------------------------------------- */

static status
message(struct worker *w, enum role, unsigned, struct msg *m)
{
	struct keeper *r = w->state;

	switch (m->type) {
	case MSG_APPEND:
		return on_append(r, &m->append);
	case MSG_LOAD:
		return on_load(r);
	case MSG_READ:
		return on_read(r, &m->read);
	case MSG_VERIFY:
		on_verify(r, m->verify.req);
		return OK;
	default:
		return FAIL(E_BAD_MESSAGE);
	}
}

/* {"backend":"sqlite","dir":"/","reserve":4194304} */
static status
open_store(struct keeper *r, const struct json *v, const char *dir)
{
	CLEANUP(buf_fini) struct buf path = { 0 };
	struct store_config c = { .env = r->w->env };
	span backend;
	int64_t reserve = STORE_RESERVE;

	TRY(json_get_str(v, "backend", &backend, NULL));
	TRY(json_opt_int(v, "reserve", 0, INT64_MAX, &reserve, NULL));
	char *name = span_dup(backend);
	ENSURE(name, E_NO_MEMORY);
	buf_init(&path, 4096);
	buf_printf(&path, "%s%sambit.db", dir, strcmp(dir, "/") == 0 ? "" : "/");
	c.backend = name;
	c.reserve = (uint64_t)reserve;
	status s = buf_finish_str(&path, &c.path);
	if (!failed(s))
		s = store_open(&c, &r->store);
	free(name);
	return s;
}

static status
configure(struct worker *w, span text)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	struct keeper *r = calloc(1, sizeof *r);
	const struct json *v;

	ENSURE(r, E_NO_MEMORY);
	w->state = r;
	r->w = w;
	arena_init(&a, 1 << 20);
	TRY(json_parse(text, NULL, &a, &v, NULL));
	ENSURE(w->dir, E_BAD_CONFIG);
	TRY(open_store(r, v, w->dir));
	return refresh(r);
}

static void
finish(struct keeper *r)
{
	commit(&r->commit);
	loop_hook_stop(&r->commit);
	loop_hook_stop(&r->verify.hook);
	r->store = store_close(r->store);
	role_stopped(r->w);
}

static void
link_down(struct worker *w, enum role, unsigned)
{
	struct keeper *r = w->state;

	/* What core sent before it died is core's word still: it is written, and answered to nobody. */
	commit(&r->commit);
	loop_hook_stop(&r->commit);
	if (r->verify.running)
		loop_hook_stop(&r->verify.hook);
	r->verify.running = false;
	r->full = false;
	if (r->stopping)
		finish(r);
}

/* Core stops before the store does; what it wrote last may still be in the link, and the link's end comes after it. */
static void
stop(struct worker *w)
{
	struct keeper *r = w->state;

	r->stopping = true;
	if (!role_link(w, ROLE_CORE, 0))
		finish(r);
}

const struct role_ops *
store_role(void)
{
	static const struct role_ops ops = {
		.id = ROLE_STORE, .configure = configure, .message = message, .link_down = link_down, .stop = stop,
		.stops_later = true,
	};
	return &ops;
}
