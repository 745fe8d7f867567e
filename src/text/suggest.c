#include "text/suggest.h"

enum { LONGEST = 64 };

static uint8_t
low(uint8_t c)
{
	return (uint8_t)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment; three rows of the table are enough. */
size_t
suggest_distance(span a, span b)
{
	size_t rows[3][LONGEST + 1];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];
	if (a.n > LONGEST || b.n > LONGEST)
		return SIZE_MAX;
	for (size_t j = 0; j <= b.n; j++)
		last[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		now[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			bool same = low(a.p[i - 1]) == low(b.p[j - 1]);
			now[j] = least(least(last[j] + 1, now[j - 1] + 1), last[j - 1] + !same);
			if (i > 1 && j > 1 && low(a.p[i - 1]) == low(b.p[j - 2]) && low(a.p[i - 2]) == low(b.p[j - 1]))
				now[j] = least(now[j], before[j - 2] + 1);
		}
		size_t *t = before;
		before = last;
		last = now;
		now = t;
	}
	return last[b.n];
}

void
suggest_offer(struct suggest *s, span name)
{
	size_t d = suggest_distance(s->given, name), allowed = s->given.n / 3 ? s->given.n / 3 : 1;
	if (d > allowed || (s->best.p && d >= s->distance))
		return;
	s->best = name;
	s->distance = d;
}
