/* Failing the n-th allocation. Include in one file of a test that is linked with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray. */
#ifndef AMBIT_TESTS_OOM_H
#define AMBIT_TESTS_OOM_H

#include "tests/test.h"

static unsigned long oom_after, oom_calls;

static bool
oom_now(void)
{
	return oom_after && ++oom_calls >= oom_after;
}

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__real_reallocarray(void *, size_t, size_t);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

void *
__wrap_malloc(size_t n)
{
	return oom_now() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return oom_now() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return oom_now() ? NULL : __real_realloc(p, n);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return oom_now() ? NULL : __real_reallocarray(p, n, size);
}

#ifdef OOM_ARENA
/* With -Wl,--wrap=arena_alloc,--wrap=arena_zalloc,--wrap=arena_array,--wrap=arena_copy,--wrap=arena_cstr each request to an
 * arena can fail too, not only the few that need a new block. */
#include "base/arena.h"

static unsigned long oom_arena_after, oom_arena_calls;

static size_t
oom_size(size_t n)
{
	/* more than any arena may have: refused, and sticky as a real refusal is */
	return oom_arena_after && ++oom_arena_calls >= oom_arena_after ? SIZE_MAX / 2 : n;
}

void *__real_arena_alloc(struct arena *, size_t);
void *__real_arena_zalloc(struct arena *, size_t);
void *__real_arena_array(struct arena *, size_t, size_t);
span __real_arena_copy(struct arena *, span);
char *__real_arena_cstr(struct arena *, span);
void *__wrap_arena_alloc(struct arena *a, size_t n);
void *__wrap_arena_zalloc(struct arena *a, size_t n);
void *__wrap_arena_array(struct arena *a, size_t n, size_t size);
span __wrap_arena_copy(struct arena *a, span s);
char *__wrap_arena_cstr(struct arena *a, span s);

void *
__wrap_arena_alloc(struct arena *a, size_t n)
{
	return __real_arena_alloc(a, oom_size(n));
}

void *
__wrap_arena_zalloc(struct arena *a, size_t n)
{
	return __real_arena_zalloc(a, oom_size(n));
}

void *
__wrap_arena_array(struct arena *a, size_t n, size_t size)
{
	return __real_arena_array(a, oom_size(n), size ? size : 1);
}

span
__wrap_arena_copy(struct arena *a, span s)
{
	if (oom_size(0))
		return __real_arena_alloc(a, SIZE_MAX / 2) ? s : (span){ 0 };
	return __real_arena_copy(a, s);
}

char *
__wrap_arena_cstr(struct arena *a, span s)
{
	return oom_size(0) ? __real_arena_alloc(a, SIZE_MAX / 2) : __real_arena_cstr(a, s);
}

/* As oom_sweep, over the requests to arenas. */
static void
oom_arena_sweep(const char *name, status (*fn)(void *), void *arg)
{
	unsigned long failures = 0;
	for (unsigned long n = 1;; n++) {
		oom_arena_after = n;
		oom_arena_calls = 0;
		status s = fn(arg);
		oom_arena_after = 0;
		if (failed(s) && s.code != E_NO_MEMORY && s.code != E_LIMIT)
			fail_msg("%s, arena request %lu: %s at %s:%d", name, n, error_name(s.code), s.file ? s.file : "", s.line);
		failures += failed(s);
		if (oom_arena_calls < n) {
			assert_ok(s);
			break;
		}
		assert_true(n < 100000);
	}
	assert_true(failures > 0);
}
#endif

/* Runs fn with the first, second, … allocation and all after it failing, until it asks for no more than succeed. Each time it
 * must give E_NO_MEMORY, or succeed in full: what it gives is then for fn to check. */
[[maybe_unused]] static void
oom_sweep(const char *name, status (*fn)(void *), void *arg)
{
	unsigned long failures = 0;
	for (unsigned long n = 1;; n++) {
		oom_after = n;
		oom_calls = 0;
		status s = fn(arg);
		oom_after = 0;
		if (failed(s) && s.code != E_NO_MEMORY)
			fail_msg("%s, allocation %lu: %s at %s:%d", name, n, error_name(s.code), s.file ? s.file : "", s.line);
		failures += failed(s);
		if (oom_calls < n) {
			assert_ok(s);
			break;
		}
		assert_true(n < 100000);
	}
	/* a sweep in which nothing failed tested nothing */
	assert_true(failures > 0);
}

#endif
