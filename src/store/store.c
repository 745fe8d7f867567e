#include "store/store_priv.h"

#include "log/event.h"

#include <stdio.h>
#include <stdlib.h>

static const struct store_ops *const backends[] = {
#define X(name) &store_ops_##name,
#include "store/backends.def"
#undef X
};

status
store_open(const struct store_config *c, struct store **ret)
{
	for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
		if (strcmp(backends[i]->name, c->backend) != 0)
			continue;
		struct store_config with_env = *c;
		if (!with_env.env)
			with_env.env = env_posix();
		struct store *s;
		TRY(backends[i]->open(&with_env, &s));
		s->ops = backends[i];
		s->read_only = c->read_only;
		*ret = s;
		return OK;
	}
	return FAIL(E_BAD_CONFIG);
}

struct store *
store_close(struct store *s)
{
	if (s) {
		reserve_close(&s->reserve);
		s->ops->close(s);
	}
	return NULL;
}

void
store_closep(struct store **s)
{
	*s = store_close(*s);
}

status
store_state(struct store *s, struct store_state *ret)
{
	ENSURE(!s->poisoned, E_AUDIT_UNAVAILABLE);
	return s->ops->state(s, ret);
}

status
store_event_of(span bytes, struct store_event *ret)
{
	struct event e;
	struct event_value v;
	TRY(event_decode(bytes, &e));
	*ret = (struct store_event){ .bytes = bytes, .seq = e.head.seq, .time = e.head.time, .type = e.head.type };
	/* TASK, AGENT and TOOL are the lowest tags. */
	for (size_t pos = 0; event_next(&e, &pos, &v) && v.tag <= F_TOOL;) {
		if (v.tag == F_TASK && v.kind == EVENT_ID)
			ret->task = v.u;
		else if (v.tag == F_AGENT && v.kind == EVENT_ID)
			ret->agent = v.u;
		else if (v.tag == F_TOOL && v.kind == EVENT_TEXT)
			ret->tool = v.s;
	}
	return OK;
}

/* ---- append ---- */

static enum store_outcome
poison(struct store *s)
{
	s->poisoned = true;
	return STORE_FAILED;
}

/* Ends a transaction that is not to be kept. */
static enum store_outcome
abandon(struct store *s, enum store_outcome because)
{
	if (s->ops->rollback(s) != STORE_DONE || because == STORE_FAILED)
		return poison(s);
	return because;
}

static status
put_events(struct store *s, const struct store_batch *b, struct store_state *st, enum store_outcome *ret)
{
	struct reader r = rd_make(b->events);
	while (rd_left(&r)) {
		span bytes = rd_vec32(&r);
		struct store_event e;
		ENSURE(r.ok, E_BAD_MESSAGE);
		TRY(store_event_of(bytes, &e));
		ENSURE(e.seq == st->chain.seq + 1, E_CHAIN_BROKEN);
		ENSURE(e.time >= st->time, E_CHAIN_BROKEN);
		chain_push(&st->chain, bytes);
		st->time = e.time;
		if ((*ret = s->ops->put_event(s, &e)) != STORE_DONE)
			return OK;
	}
	ENSURE(digest_eq(&st->chain.head, &b->head), E_CHAIN_BROKEN);
	return OK;
}

static status
put_rows(struct store *s, const struct store_batch *b, enum store_outcome *ret)
{
	struct reader r = rd_make(b->rows);
	while (rd_left(&r)) {
		span key = rd_vec16(&r);
		uint8_t put = rd_u8(&r);
		span value = rd_vec32(&r);
		ENSURE(r.ok && key.n > 0 && put <= 1 && (put || value.n == 0), E_BAD_MESSAGE);
		ENSURE(key.n <= STORE_KEY_MAX && value.n <= STORE_VALUE_MAX, E_LIMIT);
		*ret = put ? s->ops->put_row(s, key, value) : s->ops->delete_row(s, key);
		if (*ret != STORE_DONE)
			return OK;
	}
	return OK;
}

static status
put_batches(struct store *s, const struct store_batch *batches, size_t n, struct store_state *st, enum store_outcome *ret)
{
	*ret = STORE_DONE;
	for (size_t i = 0; i < n && *ret == STORE_DONE; i++) {
		const struct store_batch *b = &batches[i];
		if (b->epoch != st->epoch || b->expected_seq != st->chain.seq) {
			*ret = STORE_CONFLICT;
			return OK;
		}
		TRY(put_events(s, b, st, ret));
		if (*ret == STORE_DONE)
			TRY(put_rows(s, b, ret));
	}
	return OK;
}

/* One transaction. STORE_FAILED has poisoned the handle. */
static status
try_append(struct store *s, const struct store_batch *batches, size_t n, enum store_outcome *ret)
{
	struct store_state st;
	*ret = s->ops->begin(s);
	if (*ret != STORE_DONE) {
		if (*ret == STORE_FAILED)
			poison(s);
		return OK;
	}
	status bad = s->ops->state(s, &st);
	if (failed(bad)) {
		*ret = abandon(s, STORE_FAILED);
		return OK;
	}
	bad = put_batches(s, batches, n, &st, ret);
	if (failed(bad)) {
		*ret = abandon(s, STORE_CONFLICT);
		return s->poisoned ? OK : bad;
	}
	if (*ret == STORE_DONE) {
		*ret = s->ops->commit(s, &st);
		if (*ret == STORE_DONE)
			return OK;
	}
	*ret = abandon(s, *ret);
	return OK;
}

static status
writable(const struct store *s)
{
	ENSURE(!s->poisoned, E_AUDIT_UNAVAILABLE);
	ENSURE(!s->read_only, E_NOT_PERMITTED);
	return OK;
}

status
store_append(struct store *s, const struct store_batch *batches, size_t n, enum store_outcome *ret)
{
	*ret = STORE_FAILED;
	TRY(writable(s));
	bool priority = false;
	for (size_t i = 0; i < n; i++)
		priority |= batches[i].priority;
	/* Whatever space there is while the reserve is out belongs to revocations. */
	if (!reserve_take(&s->reserve) && !priority) {
		*ret = STORE_FULL;
		return OK;
	}
	TRY(try_append(s, batches, n, ret));
	if (*ret == STORE_FULL && priority && s->reserve.size && s->reserve.held) {
		reserve_release(&s->reserve);
		TRY(try_append(s, batches, n, ret));
	}
	ENSURE(*ret != STORE_FAILED, E_AUDIT_UNAVAILABLE);
	return OK;
}

/* As try_append: one transaction that only counts the epoch up. */
static enum store_outcome
try_fence(struct store *s, uint64_t *ret_epoch)
{
	struct store_state st;
	enum store_outcome o = s->ops->begin(s);
	if (o != STORE_DONE)
		return o == STORE_FAILED ? poison(s) : o;
	if (failed(s->ops->state(s, &st)))
		return abandon(s, STORE_FAILED);
	*ret_epoch = ++st.epoch;
	o = s->ops->commit(s, &st);
	return o == STORE_DONE ? o : abandon(s, o);
}

status
store_fence(struct store *s, uint64_t *ret_epoch)
{
	uint64_t epoch = 0;
	TRY(writable(s));
	enum store_outcome o = try_fence(s, &epoch);
	/* A restart on a full disk must still come up to deny and revoke. */
	if (o == STORE_FULL && s->reserve.size && s->reserve.held) {
		reserve_release(&s->reserve);
		o = try_fence(s, &epoch);
	}
	ENSURE(o != STORE_CONFLICT, E_CONFLICT);
	ENSURE(o != STORE_FULL, E_UNAVAILABLE);
	ENSURE(o == STORE_DONE, E_AUDIT_UNAVAILABLE);
	*ret_epoch = epoch;
	return OK;
}

status
store_load(struct store *s, store_row_fn *fn, void *arg)
{
	ENSURE(!s->poisoned, E_AUDIT_UNAVAILABLE);
	return s->ops->load(s, fn, arg);
}

bool store_has_reserve(const struct store *s) { return s->reserve.held; }
bool store_is_poisoned(const struct store *s) { return s->poisoned; }
