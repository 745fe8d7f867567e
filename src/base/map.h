/* map: hash table with embedded nodes and keyed SipHash-1-3, for keys an attacker may choose.
 *
 * Open chaining; the table doubles as it fills and never shrinks. The map owns its bucket array, not the nodes: a user
 * embeds `struct map_node` in its object and removes it before freeing the object.
 *
 * Byte-string keys (map_find_bytes) and integer keys (map_find_u64) live in separate maps by convention. */
#ifndef AMBIT_BASE_MAP_H
#define AMBIT_BASE_MAP_H

#include "base/span.h"

struct map_node {
	struct map_node *next;
	uint64_t hash;
};

/* True when the object holding `n` has key `key`. */
typedef bool map_eq_fn(const struct map_node *n, const void *key);

struct map {
	struct map_node **slots;
	size_t count, mask;     /* mask + 1 slots, or slots == NULL */
	uint64_t k0, k1;
};

/* k0, k1: the hash key. Use fresh random values wherever keys come from outside. */
void map_init(struct map *m, uint64_t k0, uint64_t k1);
/* Frees the bucket array only. */
void map_fini(struct map *m);
uint64_t map_hash_bytes(const struct map *m, span key);
uint64_t map_hash_u64(const struct map *m, uint64_t key);
struct map_node *map_find(const struct map *m, uint64_t hash, map_eq_fn *eq, const void *key);
/* `n` must not be in the map and its key must be absent. E_NO_MEMORY leaves the map unchanged. */
status map_add(struct map *m, uint64_t hash, struct map_node *n);
/* Room for `count` nodes in all, so that later adds up to there can not fail. */
status map_reserve(struct map *m, size_t count);
/* No-op when absent. */
void map_del(struct map *m, struct map_node *n);
/* Iteration in no useful order; the node just returned may be deleted. Start with *pos = 0; NULL ends. */
struct map_node *map_next(const struct map *m, size_t *slot, struct map_node *after);
#define map_for(it, m)                                                                        \
	for (size_t it##_slot_ = 0, it##_once_ = 1; it##_once_; it##_once_ = 0)               \
		for (struct map_node *it = map_next((m), &it##_slot_, NULL),                  \
		                     *it##_nx_ = it ? map_next((m), &it##_slot_, it) : NULL; it; \
		     it = it##_nx_, it##_nx_ = it ? map_next((m), &it##_slot_, it) : NULL)

/* SipHash-1-3 of s under (k0, k1). */
uint64_t siphash13(uint64_t k0, uint64_t k1, span s);

#endif
