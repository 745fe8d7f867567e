#include "core/codec.h"
#include "core/core_priv.h"
#include "identity/dpop.h"

#include <stdlib.h>

static bool id_is(const struct map_node *n, const void *key) { return digest_eq(&container_of(n, struct once, node)->id, key); }

static struct once *
find(const struct core *c, const digest *id)
{
	struct map_node *n = map_find(&c->once, map_hash_bytes(&c->once, digest_span(id)), id_is, id);
	return n ? container_of(n, struct once, node) : NULL;
}

static status
insert(struct core *c, struct once *x)
{
	TRY(timer_set(&c->timers, &x->timer, x->term.deadline));
	status s = map_add(&c->once, map_hash_bytes(&c->once, digest_span(&x->id)), &x->node);
	if (failed(s))
		timer_del(&c->timers, &x->timer);
	return s;
}

static struct once *
new(const digest *id)
{
	struct once *x = calloc(1, sizeof *x);
	if (!x)
		return NULL;
	x->id = *id;
	x->timer.kind = TIMER_ONCE;
	row_init(&x->row, ROW_ONCE);
	return x;
}

status
once_use(struct core *c, const digest *id, int64_t ttl, bool durable)
{
	ENSURE(!find(c, id), E_CONFLICT);
	ENSURE(c->once.count < ONCE_MAX, E_LIMIT);
	struct once *x = new(id);
	ENSURE(x, E_NO_MEMORY);
	x->term = term_make(&c->clock, ttl);
	status s = insert(c, x);
	if (failed(s)) {
		free(x);
		return s;
	}
	if (durable)
		row_mark(c, &x->row);
	return OK;
}

bool
once_proof(struct core *c, const digest *id, int64_t issued)
{
	int64_t now = wall_now(c) / NS_PER_S;
	/* The edge has looked at the time; what it must not do is make us remember for ever. */
	if (!c->loaded || issued < c->proofs_from || issued < now - 2 * DPOP_LIFE || issued > now + 2 * DPOP_AHEAD)
		return false;
	return !failed(once_use(c, id, (issued + DPOP_LIFE + 2 * DPOP_AHEAD - now) * NS_PER_S, false));
}

void
once_over(struct core *c, struct once *x)
{
	row_drop(c, &x->row);
	timer_del(&c->timers, &x->timer);
	map_del(&c->once, &x->node);
	free(x);
}

void
once_encode(const struct once *x, struct buf *b)
{
	buf_put_u64(b, (uint64_t)x->term.expires);
	buf_put_u64(b, (uint64_t)x->term.deadline);
}

status
once_restore(struct core *c, span key, span value)
{
	struct reader r = rd_make(value);
	digest id;
	struct term term;
	term.expires = rd_i64(&r);
	term.deadline = rd_i64(&r);
	TRY(rd_end(&r));
	ENSURE(digest_from(key, &id) && !find(c, &id), E_CHAIN_BROKEN);
	struct once *x = new(&id);
	ENSURE(x, E_NO_MEMORY);
	x->term = term;
	x->row.stored = true;
	status s = map_add(&c->once, map_hash_bytes(&c->once, digest_span(&x->id)), &x->node);
	if (failed(s))
		free(x);
	return s;
}

status
once_link(struct core *c, bool fresh)
{
	/* A proof accepted just before the end may have been made by a clock that is ahead of ours. */
	c->proofs_from = fresh ? 0 : wall_now(c) / NS_PER_S + DPOP_AHEAD;
	map_for(it, &c->once) {
		struct once *x = container_of(it, struct once, node);
		x->term = term_restore(&c->clock, x->term, c->same_boot);
		TRY(timer_set(&c->timers, &x->timer, x->term.deadline));
	}
	return OK;
}
