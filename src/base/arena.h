/* arena: memory for one request. Allocation is a pointer bump; everything goes at once.
 *
 * Hard cap, sticky overflow: once an allocation is refused every later one is NULL and arena_ok() is false, so a
 * request that wants too much is refused as a whole. Secrets never enter an arena (they have base/secret.h). */
#ifndef AMBIT_BASE_ARENA_H
#define AMBIT_BASE_ARENA_H

#include "base/span.h"

struct arena_block;

struct arena {
	struct arena_block *head;   /* newest block */
	struct arena_block *spare;  /* one kept block, so that reset/alloc cycles do not call malloc */
	uint8_t *p, *end;           /* free room in head */
	size_t used, max;           /* bytes handed out (with padding); hard cap */
	bool overflow;
};

struct arena_mark {
	struct arena_block *head;
	uint8_t *p;
	size_t used;
};

/* No memory is taken until the first allocation. `max` bounds the bytes ever handed out between resets. */
void arena_init(struct arena *a, size_t max);
void arena_fini(struct arena *a);
/* Frees everything but one block and clears the overflow. */
void arena_reset(struct arena *a);

/* Zeroed? No: uninitialised, 16-byte aligned. NULL on overflow or no memory (both sticky). */
[[gnu::malloc]] void *arena_alloc(struct arena *a, size_t n);
[[gnu::malloc]] void *arena_zalloc(struct arena *a, size_t n);
/* count * size with overflow check, zeroed. */
[[gnu::malloc]] void *arena_array(struct arena *a, size_t count, size_t size);
#define ARENA_NEW(a, type) ((type *)arena_zalloc((a), sizeof(type)))
/* Copies; an empty span stays empty. On overflow gives the empty span (check arena_ok). */
span arena_copy(struct arena *a, span s);
/* NUL-terminated copy or NULL. */
char *arena_cstr(struct arena *a, span s);

static inline bool
arena_ok(const struct arena *a)
{
	return !a->overflow;
}

/* Everything allocated after the mark is given back. Marks nest; a reset to an older mark ends the younger ones. */
struct arena_mark arena_mark(const struct arena *a);
void arena_back(struct arena *a, struct arena_mark m);

#endif
