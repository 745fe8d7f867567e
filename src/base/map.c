#include "base/map.h"

#include <stdlib.h>

static uint64_t rotl(uint64_t x, int b) { return x << b | x >> (64 - b); }

#define ROUND                                                         \
	do {                                                          \
		v0 += v1; v1 = rotl(v1, 13); v1 ^= v0; v0 = rotl(v0, 32); \
		v2 += v3; v3 = rotl(v3, 16); v3 ^= v2;                \
		v0 += v3; v3 = rotl(v3, 21); v3 ^= v0;                \
		v2 += v1; v1 = rotl(v1, 17); v1 ^= v2; v2 = rotl(v2, 32); \
	} while (0)

uint64_t
siphash13(uint64_t k0, uint64_t k1, span s)
{
	uint64_t v0 = k0 ^ 0x736f6d6570736575, v1 = k1 ^ 0x646f72616e646f6d;
	uint64_t v2 = k0 ^ 0x6c7967656e657261, v3 = k1 ^ 0x7465646279746573;
	size_t i = 0;
	for (; i + 8 <= s.n; i += 8) {
		uint64_t m;
		memcpy(&m, s.p + i, 8);
		v3 ^= m;
		ROUND;
		v0 ^= m;
	}
	uint64_t b = (uint64_t)s.n << 56;
	for (size_t j = 0; i + j < s.n; j++)
		b |= (uint64_t)s.p[i + j] << (8 * j);
	v3 ^= b;
	ROUND;
	v0 ^= b;
	v2 ^= 0xff;
	ROUND;
	ROUND;
	ROUND;
	return v0 ^ v1 ^ v2 ^ v3;
}

void
map_init(struct map *m, uint64_t k0, uint64_t k1)
{
	*m = (struct map){ .k0 = k0, .k1 = k1 };
}

void
map_fini(struct map *m)
{
	free(m->slots);
	m->slots = NULL;
	m->count = m->mask = 0;
}

uint64_t
map_hash_bytes(const struct map *m, span key)
{
	return siphash13(m->k0, m->k1, key);
}

uint64_t
map_hash_u64(const struct map *m, uint64_t key)
{
	return siphash13(m->k0, m->k1, span_make(&key, sizeof key));
}

struct map_node *
map_find(const struct map *m, uint64_t hash, map_eq_fn *eq, const void *key)
{
	if (!m->slots)
		return NULL;
	for (struct map_node *n = m->slots[hash & m->mask]; n; n = n->next)
		if (n->hash == hash && eq(n, key))
			return n;
	return NULL;
}

status
map_reserve(struct map *m, size_t count)
{
	size_t want = m->slots ? m->mask + 1 : 16;
	while (want < count) {
		ENSURE(want <= SIZE_MAX / 4, E_NO_MEMORY);
		want *= 2;
	}
	if (m->slots && want == m->mask + 1)
		return OK;
	struct map_node **slots = calloc(want, sizeof *slots);
	ENSURE(slots, E_NO_MEMORY);
	for (size_t i = 0; m->slots && i <= m->mask; i++) {
		for (struct map_node *n = m->slots[i], *next; n; n = next) {
			next = n->next;
			n->next = slots[n->hash & (want - 1)];
			slots[n->hash & (want - 1)] = n;
		}
	}
	free(m->slots);
	m->slots = slots;
	m->mask = want - 1;
	return OK;
}

status
map_add(struct map *m, uint64_t hash, struct map_node *n)
{
	TRY(map_reserve(m, m->count + 1));
	n->hash = hash;
	n->next = m->slots[hash & m->mask];
	m->slots[hash & m->mask] = n;
	m->count++;
	return OK;
}

void
map_del(struct map *m, struct map_node *n)
{
	if (!m->slots)
		return;
	for (struct map_node **at = &m->slots[n->hash & m->mask]; *at; at = &(*at)->next) {
		if (*at == n) {
			*at = n->next;
			n->next = NULL;
			m->count--;
			return;
		}
	}
}

struct map_node *
map_next(const struct map *m, size_t *slot, struct map_node *after)
{
	if (!m->slots)
		return NULL;
	if (after && after->next)
		return after->next;
	if (after)
		++*slot;
	for (; *slot <= m->mask; ++*slot)
		if (m->slots[*slot])
			return m->slots[*slot];
	return NULL;
}
