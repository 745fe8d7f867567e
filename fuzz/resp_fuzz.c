#include "engine/resp.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static size_t
touch(const struct resp *r)
{
	size_t sum = r->s.n;
	for (size_t i = 0; i < r->s.n; i++)
		sum += r->s.p[i];
	for (size_t i = 0; i < r->n; i++)
		sum += touch(&r->items[i]);
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	CLEANUP(arena_fini) struct arena a;
	struct resp r = { 0 };
	size_t used = 0, need = 0;
	arena_init(&a, 4 << 20);
	status s = resp_parse(span_make(p, n), &a, &r, &used, &need);
	if (failed(s))
		return 0;
	must(used <= n && (used || need > n));
	volatile size_t sum = used ? touch(&r) : 0;
	(void)sum;
	return 0;
}
