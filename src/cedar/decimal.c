#include "cedar/extension_priv.h"

#include <stdio.h>

bool
cedar_decimal_parse(span text, int64_t *ret)
{
	/* The sign is taken from the text: "-0.5" has an integer part without a sign. */
	bool neg = text.n && text.p[0] == '-';
	uint64_t v = 0;
	unsigned whole = 0, fraction = 0;
	bool point = false;
	for (size_t i = neg; i < text.n; i++) {
		uint8_t c = text.p[i];
		if (c == '.' && !point && whole) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9')
			return false;
		if (point && ++fraction > 4)
			return false;
		whole |= !point;
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) || __builtin_add_overflow(v, (uint64_t)(c - '0'), &v))
			return false;
	}
	if (fraction == 0)
		return false;
	for (; fraction < 4; fraction++)
		if (__builtin_mul_overflow(v, (uint64_t)10, &v))
			return false;
	if (v > (uint64_t)INT64_MAX + neg)
		return false;
	*ret = (int64_t)(neg ? 0 - v : v);
	return true;
}

void
cedar_decimal_print(int64_t v, char out[64])
{
	uint64_t m = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	int n = snprintf(out, 64, "%s%llu.%04u", v < 0 ? "-" : "", (unsigned long long)(m / 10000), (unsigned)(m % 10000));
	for (int i = n - 1; out[i] == '0' && out[i - 1] != '.'; i--)
		out[i] = '\0';
}
