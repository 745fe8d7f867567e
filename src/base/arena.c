#include "base/arena.h"

#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#define RED_ZONE 16
#else
#define POISON(p, n) ((void)0)
#define UNPOISON(p, n) ((void)0)
#define RED_ZONE 0
#endif

#define ALIGN 16
#define BLOCK 8192

struct arena_block {
	struct arena_block *older;
	size_t cap;
	_Alignas(ALIGN) uint8_t data[];
};

void
arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){ .max = max };
}

static void
block_free(struct arena_block *b)
{
	if (!b)
		return;
	UNPOISON(b->data, b->cap);
	free(b);
}

/* Retires one block: the ordinary-sized one is kept as the spare. */
static void
block_retire(struct arena *a, struct arena_block *b)
{
	if (!a->spare && b->cap == BLOCK) {
		POISON(b->data, b->cap);
		a->spare = b;
	} else {
		block_free(b);
	}
}

void
arena_fini(struct arena *a)
{
	arena_reset(a);
	block_free(a->spare);
	a->spare = NULL;
}

void
arena_reset(struct arena *a)
{
	arena_back(a, (struct arena_mark){ 0 });
	a->overflow = false;
}

static bool
add_block(struct arena *a, size_t need)
{
	size_t cap = need > BLOCK ? need : BLOCK;
	struct arena_block *b = NULL;
	if (cap == BLOCK && a->spare) {
		b = a->spare;
		a->spare = NULL;
	} else {
		b = malloc(sizeof *b + cap);
	}
	if (!b)
		return false;
	b->older = a->head;
	b->cap = cap;
	a->head = b;
	a->p = b->data;
	a->end = b->data + cap;
	POISON(b->data, cap);
	return true;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	size_t need;
	if (a->overflow)
		return NULL;
	if (__builtin_add_overflow(n, ALIGN - 1 + RED_ZONE, &need) || need > a->max ||
	    (need &= ~(size_t)(ALIGN - 1)) > a->max - a->used ||
	    ((size_t)(a->end - a->p) < need && !add_block(a, need))) {
		a->overflow = true;
		return NULL;
	}
	void *p = a->p;
	a->p += need;
	a->used += need;
	UNPOISON(p, n);
	return p;
}

void *
arena_zalloc(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);
	if (p)
		memset(p, 0, n);
	return p;
}

void *
arena_array(struct arena *a, size_t count, size_t size)
{
	size_t n;
	if (__builtin_mul_overflow(count, size, &n)) {
		a->overflow = true;
		return NULL;
	}
	return arena_zalloc(a, n);
}

span
arena_copy(struct arena *a, span s)
{
	if (s.n == 0)
		return (span){ 0 };
	void *p = arena_alloc(a, s.n);
	if (!p)
		return (span){ 0 };
	memcpy(p, s.p, s.n);
	return span_make(p, s.n);
}

char *
arena_cstr(struct arena *a, span s)
{
	char *p = arena_alloc(a, s.n + 1);
	if (!p)
		return NULL;
	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

struct arena_mark
arena_mark(const struct arena *a)
{
	return (struct arena_mark){ a->head, a->p, a->used };
}

void
arena_back(struct arena *a, struct arena_mark m)
{
	while (a->head != m.head) {
		struct arena_block *b = a->head;
		a->head = b->older;
		block_retire(a, b);
	}
	a->p = m.p;
	a->end = a->head ? a->head->data + a->head->cap : NULL;
	a->used = m.used;
	if (a->p)
		POISON(a->p, (size_t)(a->end - a->p));
}
