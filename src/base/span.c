#include "base/span.h"

#include <stdlib.h>

static uint8_t
fold(uint8_t c)
{
	return (uint8_t)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

bool
span_eq_nocase(span a, span b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (fold(a.p[i]) != fold(b.p[i]))
			return false;
	return true;
}

bool
span_eq_consttime(span a, span b)
{
	if (a.n != b.n)
		return false;
	volatile uint8_t d = 0;
	for (size_t i = 0; i < a.n; i++)
		d = (uint8_t)(d | (a.p[i] ^ b.p[i]));
	return d == 0;
}

bool
span_to_u64(span a, uint64_t *ret)
{
	uint64_t v = 0;
	if (a.n == 0 || a.n > 20 || (a.p[0] == '0' && a.n > 1))
		return false;
	for (size_t i = 0; i < a.n; i++) {
		if (a.p[i] < '0' || a.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(a.p[i] - '0'), &v))
			return false;
	}
	*ret = v;
	return true;
}

bool
span_to_i64(span a, int64_t *ret)
{
	bool neg = a.n && a.p[0] == '-';
	uint64_t v;
	if (!span_to_u64(neg ? span_sub(a, 1, a.n) : a, &v))
		return false;
	if (neg) {
		if (v == 0 || v > (uint64_t)INT64_MAX + 1)
			return false;
		*ret = (int64_t)(0 - v);
		return true;
	}
	if (v > INT64_MAX)
		return false;
	*ret = (int64_t)v;
	return true;
}

char *
span_dup(span a)
{
	if (a.n && memchr(a.p, 0, a.n))
		return NULL;
	char *s = malloc(a.n + 1);
	if (!s)
		return NULL;
	if (a.n)
		memcpy(s, a.p, a.n);
	s[a.n] = '\0';
	return s;
}

status
rd_end(const struct reader *r)
{
	ENSURE(r->ok && rd_left(r) == 0, E_BAD_MESSAGE);
	return OK;
}
