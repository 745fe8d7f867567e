/* The store without a disk: for tests, and the reference the others are held against. Durable means: survives nothing.
 *
 * A transaction is a list of changes on top of the committed state; commit applies it and cannot fail, because everything it
 * needs was allocated while the list was made. */
#include "base/map.h"
#include "store/store_priv.h"

#include <stdlib.h>

struct row {
	struct map_node node;
	struct row *next;        /* while staged */
	bool deleted;
	uint32_t nkey, nvalue;
	uint8_t bytes[];         /* key, value */
};

struct kept_event {
	struct store_event e;    /* spans point into bytes */
	uint8_t bytes[];
};

struct memory {
	struct store s;
	struct store_state state;
	struct kept_event **events;
	size_t n, staged, cap;   /* committed; committed and staged; room */
	struct map rows;
	struct row *first, **last;  /* staged changes, in order */
	size_t n_rows;
};

static struct memory *
memory_of(struct store *s)
{
	return container_of(s, struct memory, s);
}

static span row_key(const struct row *r) { return span_make(r->bytes, r->nkey); }
static span row_value(const struct row *r) { return span_make(r->bytes + r->nkey, r->nvalue); }

static bool
row_eq(const struct map_node *n, const void *key)
{
	return span_eq(row_key(container_of(n, struct row, node)), *(const span *)key);
}

static status
memory_open(const struct store_config *c, struct store **ret)
{
	ENSURE(!c->read_only, E_BAD_CONFIG);
	struct memory *m = calloc(1, sizeof *m);
	ENSURE(m, E_NO_MEMORY);
	map_init(&m->rows, 1, 2);
	m->last = &m->first;
	IGNORE(reserve_open(&m->s.reserve, c->env, "", 0));   /* nothing to open */
	*ret = &m->s;
	return OK;
}

static enum store_outcome
memory_rollback(struct store *s)
{
	struct memory *m = memory_of(s);
	while (m->staged > m->n)
		free(m->events[--m->staged]);
	while (m->first) {
		struct row *r = m->first;
		m->first = r->next;
		free(r);
	}
	m->last = &m->first;
	m->n_rows = 0;
	return STORE_DONE;
}

static void
memory_close(struct store *s)
{
	struct memory *m = memory_of(s);
	memory_rollback(s);
	while (m->n)
		free(m->events[--m->n]);
	free(m->events);
	map_for(it, &m->rows)
		free(container_of(it, struct row, node));
	map_fini(&m->rows);
	free(m);
}

static status
memory_state(struct store *s, struct store_state *ret)
{
	*ret = memory_of(s)->state;
	return OK;
}

static enum store_outcome
memory_begin(struct store *)
{
	return STORE_DONE;
}

static enum store_outcome
memory_put_event(struct store *s, const struct store_event *e)
{
	struct memory *m = memory_of(s);
	if (m->staged == m->cap) {
		size_t cap = m->cap ? 2 * m->cap : 64;
		struct kept_event **p = realloc(m->events, cap * sizeof *p);
		if (!p)
			return STORE_FULL;
		m->events = p;
		m->cap = cap;
	}
	struct kept_event *k = malloc(sizeof *k + e->bytes.n);
	if (!k)
		return STORE_FULL;
	k->e = *e;
	memcpy(k->bytes, e->bytes.p, e->bytes.n);
	k->e.bytes.p = k->bytes;
	if (e->tool.n)
		k->e.tool.p = k->bytes + (e->tool.p - e->bytes.p);
	m->events[m->staged++] = k;
	return STORE_DONE;
}

static enum store_outcome
stage_row(struct memory *m, span key, span value, bool deleted)
{
	/* Room for every staged row now, so that commit only links. */
	if (failed(map_reserve(&m->rows, m->rows.count + m->n_rows + 1)))
		return STORE_FULL;
	struct row *r = malloc(sizeof *r + key.n + value.n);
	if (!r)
		return STORE_FULL;
	*r = (struct row){ .deleted = deleted, .nkey = (uint32_t)key.n, .nvalue = (uint32_t)value.n };
	memcpy(r->bytes, key.p, key.n);
	if (value.n)
		memcpy(r->bytes + key.n, value.p, value.n);
	*m->last = r;
	m->last = &r->next;
	m->n_rows++;
	return STORE_DONE;
}

static enum store_outcome
memory_put_row(struct store *s, span key, span value)
{
	return stage_row(memory_of(s), key, value, false);
}

static enum store_outcome
memory_delete_row(struct store *s, span key)
{
	return stage_row(memory_of(s), key, (span){ 0 }, true);
}

static enum store_outcome
memory_commit(struct store *s, const struct store_state *st)
{
	struct memory *m = memory_of(s);
	while (m->first) {
		struct row *r = m->first;
		m->first = r->next;
		span key = row_key(r);
		uint64_t h = map_hash_bytes(&m->rows, key);
		struct map_node *old = map_find(&m->rows, h, row_eq, &key);
		if (old) {
			map_del(&m->rows, old);
			free(container_of(old, struct row, node));
		}
		if (r->deleted)
			free(r);
		else
			must(!failed(map_add(&m->rows, h, &r->node)));
	}
	m->last = &m->first;
	m->n_rows = 0;
	m->n = m->staged;
	m->state = *st;
	return STORE_DONE;
}

static int
by_key(const void *a, const void *b)
{
	return span_cmp(row_key(*(struct row *const *)a), row_key(*(struct row *const *)b));
}

static status
memory_load(struct store *s, store_row_fn *fn, void *arg)
{
	struct memory *m = memory_of(s);
	size_t n = 0;
	struct row **sorted = calloc(m->rows.count + 1, sizeof *sorted);
	ENSURE(sorted, E_NO_MEMORY);
	map_for(it, &m->rows)
		sorted[n++] = container_of(it, struct row, node);
	qsort(sorted, n, sizeof *sorted, by_key);
	status st = OK;
	for (size_t i = 0; i < n && !failed(st); i++)
		st = fn(arg, row_key(sorted[i]), row_value(sorted[i]));
	free(sorted);
	return st;
}

static status
memory_scan(struct store *s, uint64_t from, const struct store_filter *f, store_scan_fn *fn, void *arg)
{
	struct memory *m = memory_of(s);
	if (from == 0)
		return OK;
	if (f->newest_first) {
		for (uint64_t i = from < m->n ? from : m->n; i > 0; i--)
			if (!fn(arg, &m->events[i - 1]->e))
				break;
	} else {
		for (uint64_t i = from; i <= m->n; i++)
			if (!fn(arg, &m->events[i - 1]->e))
				break;
	}
	return OK;
}

static status
memory_check(struct store *, char note[static 256])
{
	(void)note;
	return OK;
}

const struct store_ops store_ops_memory = {
	.name = "memory", .open = memory_open, .close = memory_close, .state = memory_state, .begin = memory_begin,
	.put_event = memory_put_event, .put_row = memory_put_row, .delete_row = memory_delete_row, .commit = memory_commit,
	.rollback = memory_rollback, .load = memory_load, .scan = memory_scan, .check = memory_check,
};
