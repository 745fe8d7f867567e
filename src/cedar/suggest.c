#include "cedar/suggest.h"

#include <stdio.h>

enum { NAME_MAX_ALIKE = 64 };

/* Edits (insert, delete, replace) from a to b; case counts as half an edit would, so it is folded. */
static unsigned
S_distance(span a, span b)
{
	unsigned row[NAME_MAX_ALIKE + 1];
	for (size_t j = 0; j <= b.n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 0; i < a.n; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i + 1;
		for (size_t j = 0; j < b.n; j++) {
			unsigned up = row[j + 1];
			unsigned best = diagonal + !span_eq_nocase(span_sub(a, i, 1), span_sub(b, j, 1));
			if (up + 1 < best)
				best = up + 1;
			if (row[j] + 1 < best)
				best = row[j] + 1;
			row[j + 1] = best;
			diagonal = up;
		}
	}
	return row[b.n];
}

void
cedar_suggest_offer(struct cedar_suggest *s, span candidate)
{
	if (s->want.n > NAME_MAX_ALIKE || candidate.n > NAME_MAX_ALIKE || candidate.n == 0 ||
	    span_eq(s->want, candidate))
		return;
	size_t allowed = candidate.n / 3 ? candidate.n / 3 : 1;
	unsigned d = S_distance(s->want, candidate);
	if (d <= allowed && d < s->distance && d < candidate.n) {
		s->distance = d;
		s->best = candidate;
	}
}

const char *
cedar_suggest_hint(const struct cedar_suggest *s, char *out, size_t n)
{
	out[0] = '\0';
	if (!span_empty(s->best))
		snprintf(out, n, "did you mean `%.*s`?", SPAN_ARG(s->best));
	return out;
}
