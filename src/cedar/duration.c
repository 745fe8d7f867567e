#include "cedar/extension.h"

bool
cedar_duration_parse(span text, int64_t *ret)
{
	static const struct { char unit[3]; int64_t ms; } units[] = {
		{ "d", 86'400'000 }, { "h", 3'600'000 }, { "m", 60'000 }, { "s", 1000 }, { "ms", 1 },
	};
	bool neg = text.n && text.p[0] == '-';
	span s = span_sub(text, neg, SIZE_MAX);
	int64_t sum = 0;
	size_t next = 0;
	if (s.n == 0)
		return false;
	while (s.n) {
		int64_t v = 0;
		size_t n = 0;
		/* The sign is applied digit by digit, so that the smallest Long can be read. */
		for (; n < s.n && s.p[n] >= '0' && s.p[n] <= '9'; n++)
			if (__builtin_mul_overflow(v, (int64_t)10, &v) ||
			    __builtin_add_overflow(v, (int64_t)(neg ? '0' - s.p[n] : s.p[n] - '0'), &v))
				return false;
		if (n == 0)
			return false;
		s = span_sub(s, n, SIZE_MAX);
		size_t letters = s.n >= 2 && s.p[0] == 'm' && s.p[1] == 's' ? 2 : s.n >= 1;
		while (next < ARRAY_LEN(units) && !span_is(span_sub(s, 0, letters), units[next].unit))
			next++;
		if (next == ARRAY_LEN(units) || __builtin_mul_overflow(v, units[next].ms, &v) || __builtin_add_overflow(sum, v, &sum))
			return false;
		next++;
		s = span_sub(s, letters, SIZE_MAX);
	}
	*ret = sum;
	return true;
}
