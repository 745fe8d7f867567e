#include "cedar/memo.h"

#include <stdlib.h>

struct cedar_memo_entry {
	uint64_t hash;
	const struct cedar_expr *x;              /* NULL: free */
	struct cedar_op *op;                     /* the first that it was compiled to */
};

void
cedar_memo_fini(struct cedar_memo *m)
{
	free(m->entries);
	*m = (struct cedar_memo){ 0 };
}

static uint64_t
mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 32;
}

static bool hash_child(const struct cedar_expr *x, void *arg);

static uint64_t
hash_expr(const struct cedar_expr *x)
{
	uint64_t h = mix(x->kind, (uint64_t)x->sub << 32 | x->n);
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_BOOL:
		h = mix(h, x->b);
		break;
	case CEDAR_X_LONG:
		h = mix(h, (uint64_t)x->i);
		break;
	case CEDAR_X_STRING:
		h = mix(h, cedar_key_hash(x->s));
		break;
	case CEDAR_X_ENTITY:
		h = mix(h, x->uid->hash);
		break;
	case CEDAR_X_GET:
		h = mix(h, cedar_key_hash(x->get.attr));
		break;
	case CEDAR_X_HAS:
		h = mix(h, cedar_key_hash(x->has.path[0]));
		break;
	case CEDAR_X_LIKE:
		h = mix(h, x->n ? x->like.pattern[x->n / 2] : 0);
		break;
	default:
		break;
	}
	cedar_expr_children(x, hash_child, &h);
	return h;
}

static bool
hash_child(const struct cedar_expr *x, void *arg)
{
	uint64_t *h = arg;
	*h = mix(*h, hash_expr(x));
	return true;
}

static bool
grow(struct cedar_memo *m)
{
	uint32_t size = m->entries ? (m->mask + 1) * 2 : 64;
	struct cedar_memo_entry *wide = calloc(size, sizeof *wide);
	if (!wide)
		return false;
	for (uint32_t i = 0; m->entries && i <= m->mask; i++) {
		if (!m->entries[i].x)
			continue;
		uint32_t k = (uint32_t)m->entries[i].hash & (size - 1);
		while (wide[k].x)
			k = (k + 1) & (size - 1);
		wide[k] = m->entries[i];
	}
	free(m->entries);
	m->entries = wide;
	m->mask = size - 1;
	return true;
}

static bool
collect_vars(const struct cedar_expr *x, void *arg)
{
	if (x->kind == CEDAR_X_VAR)
		*(uint8_t *)arg |= (uint8_t)(1u << x->sub);
	return cedar_expr_children(x, collect_vars, arg);
}

/* Deep trees are not worth the walk; the bound keeps nested tests from being hashed again and again at each level. */
#define MAX_DEPTH 8

void
cedar_memo_note(struct cedar_memo *m, const struct cedar_expr *x, struct cedar_op *op)
{
	if (x->depth > MAX_DEPTH || ((m->n + 1) * 2 > m->mask && !grow(m)))
		return;
	uint64_t h = hash_expr(x);
	uint32_t i = (uint32_t)h & m->mask;
	for (; m->entries[i].x; i = (i + 1) & m->mask) {
		struct cedar_memo_entry *e = &m->entries[i];
		if (e->hash != h || !cedar_expr_eq(e->x, x))
			continue;
		bool value = op->op == CEDAR_OP_GET_VAR;
		if (value && !e->op->kept && m->values + 1 < CEDAR_KEPT) {
			e->op->kept = (uint8_t)++m->values;
			collect_vars(x, &m->value_vars[m->values]);
		}
		if (!value && !e->op->memo && m->tests + 1 < CEDAR_MEMOS) {
			e->op->memo = (uint8_t)++m->tests;
			collect_vars(x, &m->test_vars[m->tests]);
		}
		if (value)
			op->keys = e->op->keys;          /* the same names: the caller may give its own back */
		op->memo = e->op->memo;
		op->kept = e->op->kept;
		return;
	}
	m->entries[i] = (struct cedar_memo_entry){ h, x, op };
	m->n++;
}
