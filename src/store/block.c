#include "store/block.h"

#include <assert.h>

static_assert((BLOCK_SLOTS & (BLOCK_SLOTS - 1)) == 0 && BLOCK_SLOTS >= 2 * BLOCK_KEYS && BLOCK_KEYS < UINT16_MAX);

void
block_init(struct block *b)
{
	*b = (struct block){ 0 };
	buf_init(&b->bytes, BLOCK_BYTES);
}

void block_fini(struct block *b) { buf_fini(&b->bytes); }

static size_t
slot_of(struct block_key k)
{
	return (size_t)((k.id ^ (uint64_t)k.kind << 60) * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (BLOCK_SLOTS - 1);
}

/* Where the key is, or where it would go. */
static uint16_t *
find(struct block *b, struct block_key k)
{
	size_t i = slot_of(k);
	while (b->slots[i] && (b->keys[b->slots[i] - 1].id != k.id || b->keys[b->slots[i] - 1].kind != k.kind))
		i = (i + 1) & (BLOCK_SLOTS - 1);
	return &b->slots[i];
}

void
block_reset(struct block *b)
{
	if (b->key_n)
		memset(b->slots, 0, sizeof b->slots);
	b->n = b->key_n = 0;
	buf_reset(&b->bytes);
}

bool
block_full(const struct block *b, size_t bytes)
{
	return b->n == BLOCK_EVENTS || 4 + bytes > BLOCK_BYTES - b->bytes.n;
}

size_t
block_keys(const struct store_event *e, struct block_key ret[static BLOCK_EVENT_KEYS])
{
	size_t n = 0;
	if (e->task)
		ret[n++] = (struct block_key){ BLOCK_TASK, e->task };
	if (e->agent)
		ret[n++] = (struct block_key){ BLOCK_AGENT, e->agent };
	ret[n++] = (struct block_key){ BLOCK_TYPE, e->type };
	return n;
}

struct block_key
block_key_of(const struct store_filter *f)
{
	if (f->task)
		return (struct block_key){ BLOCK_TASK, f->task };
	if (f->agent)
		return (struct block_key){ BLOCK_AGENT, f->agent };
	return f->type ? (struct block_key){ BLOCK_TYPE, f->type } : (struct block_key){ BLOCK_NONE, 0 };
}

status
block_add(struct block *b, const struct store_event *e)
{
	struct block_key k[BLOCK_EVENT_KEYS];
	size_t n = block_keys(e, k);
	buf_put_vec32(&b->bytes, e->bytes);
	TRY(buf_finish(&b->bytes));
	if (!b->n++)
		b->first = e->seq;
	for (size_t i = 0; i < n; i++) {
		uint16_t *slot = find(b, k[i]);
		if (*slot)
			continue;
		b->keys[b->key_n++] = k[i];
		*slot = (uint16_t)b->key_n;
	}
	return OK;
}

static bool
is_of(const struct store_event *e, struct block_key k)
{
	switch (k.kind) {
	case BLOCK_NONE: return true;
	case BLOCK_TASK: return e->task == k.id;
	case BLOCK_AGENT: return e->agent == k.id;
	case BLOCK_TYPE: return e->type == k.id;
	}
	return false;
}

static bool
give(uint64_t seq, span bytes, struct block_key k, store_scan_fn *fn, void *arg)
{
	struct store_event e;
	if (failed(store_event_of(bytes, &e)))
		e = (struct store_event){ .bytes = bytes };
	e.seq = seq;
	return !is_of(&e, k) || fn(arg, &e);
}

bool
block_scan(uint64_t first, span bytes, uint64_t from, const struct store_filter *f, store_scan_fn *fn, void *arg)
{
	struct reader r = rd_make(bytes);
	span at[BLOCK_EVENTS];
	size_t n = 0;
	while (rd_left(&r) && n < BLOCK_EVENTS) {
		struct reader before = r;
		at[n] = rd_vec32(&r);
		/* A length that lies: what is left is one event, which is none. */
		if (!r.ok)
			at[n] = span_make(before.p, rd_left(&before));
		n++;
	}
	struct block_key k = block_key_of(f);
	if (f->newest_first) {
		for (size_t i = n; i-- > 0;)
			if (first + i <= from && !give(first + i, at[i], k, fn, arg))
				return false;
		return true;
	}
	for (size_t i = 0; i < n; i++)
		if (first + i >= from && !give(first + i, at[i], k, fn, arg))
			return false;
	return true;
}
