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

/* Runs fn with the first, second, … allocation and all after it failing, until it asks for no more than succeed. Each time it
 * must give E_NO_MEMORY, or succeed in full: what it gives is then for fn to check. */
static void
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
