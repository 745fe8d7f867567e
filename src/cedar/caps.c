#include "cedar/caps.h"

#include <stdlib.h>

void
caps_init(struct caps *c, struct arena *a)
{
	*c = (struct caps){ .arena = a };
}

static uint64_t S_hash(struct caps *c, const struct cedar_expr *x);

struct hash_walk {
	struct caps *caps;
	uint64_t h;
};

static bool
S_hash_child(const struct cedar_expr *x, void *arg)
{
	struct hash_walk *w = arg;
	w->h = w->h * 0x9e3779b97f4a7c15 + S_hash(w->caps, x);
	return true;
}

/* Equal expressions have equal hashes; the rest need only differ mostly, since equality is checked. Numbers are not
 * attacker-proof: the checker's step limit is. */
static uint64_t
S_hash(struct caps *c, const struct cedar_expr *x)
{
	struct hash_walk w = { c, ((uint64_t)x->kind << 40) ^ ((uint64_t)x->sub << 32) ^ x->n };
	c->work++;
	if (x->kind == CEDAR_X_STRING)
		w.h ^= cedar_key_hash(x->s);
	else if (x->kind == CEDAR_X_GET)
		w.h ^= cedar_key_hash(x->get.attr);
	else if (x->kind == CEDAR_X_ENTITY)
		w.h ^= x->uid->hash;
	else if (x->kind == CEDAR_X_LONG)
		w.h ^= (uint64_t)x->i;
	cedar_expr_children(x, S_hash_child, &w);
	w.h ^= w.h >> 29;
	return w.h * 0xbf58476d1ce4e5b9;
}

static bool
S_same(const struct cap *a, const struct cap *b)
{
	if (a->hash != b->hash || !a->tag != !b->tag)
		return false;
	if (a->tag ? !cedar_expr_eq(a->tag, b->tag) : !span_eq(a->attr, b->attr))
		return false;
	return cedar_expr_eq(a->target, b->target);
}

uint32_t
caps_number(struct caps *c, const struct cedar_expr *target, span attr, const struct cedar_expr *tag)
{
	struct cap one = { .target = target, .tag = tag, .attr = attr };
	one.hash = S_hash(c, target) ^ (tag ? S_hash(c, tag) * 3 : cedar_key_hash(attr));
	uint32_t *bucket = &c->buckets[(one.hash ^ one.hash >> 32) & 255];
	for (uint32_t i = *bucket; i; i = c->all[i - 1].next) {
		c->work++;
		if (S_same(&c->all[i - 1], &one))
			return i - 1;
	}
	if (c->n == c->cap) {
		uint32_t cap = c->cap ? c->cap * 2 : 32;
		struct cap *bigger = arena_array(c->arena, cap, sizeof *bigger);
		if (!bigger)
			return UINT32_MAX;
		if (c->n)
			memcpy(bigger, c->all, c->n * sizeof *bigger);
		c->all = bigger;
		c->cap = cap;
	}
	one.next = *bucket;
	c->all[c->n] = one;
	*bucket = ++c->n;
	return c->n - 1;
}

void
caps_enter(struct caps *c, struct capset s)
{
	c->work += s.n;
	for (uint32_t i = 0; i < s.n; i++)
		c->all[s.ids[i]].known++;
}

void
caps_leave(struct caps *c, struct capset s)
{
	for (uint32_t i = 0; i < s.n; i++)
		c->all[s.ids[i]].known--;
}

struct capset
capset_one(struct caps *c, uint32_t id)
{
	uint32_t *ids = arena_array(c->arena, 1, sizeof *ids);
	if (!ids)
		return (struct capset){ 0 };
	ids[0] = id;
	return (struct capset){ 1, ids };
}

struct capset
capset_union(struct caps *c, struct capset a, struct capset b)
{
	if (a.n == 0)
		return b;
	if (b.n == 0)
		return a;
	uint32_t *ids = arena_array(c->arena, (size_t)a.n + b.n, sizeof *ids);
	if (!ids)
		return (struct capset){ 0 };
	uint32_t i = 0, j = 0, n = 0;
	c->work += (uint64_t)a.n + b.n;
	while (i < a.n || j < b.n) {
		uint32_t x = i < a.n ? a.ids[i] : UINT32_MAX, y = j < b.n ? b.ids[j] : UINT32_MAX;
		ids[n++] = x < y ? x : y;
		i += x <= y;
		j += y <= x;
	}
	return (struct capset){ n, ids };
}

static int
S_cmp_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

struct capset
capset_all(struct caps *c, const struct capset *sets, uint32_t n)
{
	size_t total = 0;
	uint32_t used = 0, last = 0;
	for (uint32_t i = 0; i < n; i++) {
		total += sets[i].n;
		if (sets[i].n) {
			used++;
			last = i;
		}
	}
	if (used <= 1)
		return used ? sets[last] : (struct capset){ 0 };
	uint32_t *ids = arena_array(c->arena, total, sizeof *ids);
	if (!ids)
		return (struct capset){ 0 };
	size_t at = 0;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < sets[i].n; j++)
			ids[at++] = sets[i].ids[j];
	c->work += total;
	qsort(ids, total, sizeof *ids, S_cmp_ids);
	for (size_t i = 0; i < total; i++)
		if (kept == 0 || ids[kept - 1] != ids[i])
			ids[kept++] = ids[i];
	return (struct capset){ kept, ids };
}

struct capset
capset_both(struct caps *c, struct capset a, struct capset b)
{
	uint32_t small = a.n < b.n ? a.n : b.n;
	uint32_t *ids = small ? arena_array(c->arena, small, sizeof *ids) : NULL;
	if (!ids)
		return (struct capset){ 0 };
	uint32_t i = 0, j = 0, n = 0;
	c->work += (uint64_t)a.n + b.n;
	while (i < a.n && j < b.n) {
		if (a.ids[i] == b.ids[j])
			ids[n++] = a.ids[i];
		uint32_t x = a.ids[i], y = b.ids[j];
		i += x <= y;
		j += y <= x;
	}
	return (struct capset){ n, ids };
}
