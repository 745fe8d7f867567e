#include "cedar/suggest.h"

#include "text/suggest.h"

#include <stdio.h>

void
cedar_suggest_offer(struct cedar_suggest *s, span candidate)
{
	if (candidate.n == 0 || span_eq(s->want, candidate))
		return;
	size_t allowed = candidate.n / 3 ? candidate.n / 3 : 1;
	size_t d = suggest_distance(s->want, candidate);
	if (d <= allowed && d < s->distance && d < candidate.n) {
		s->distance = (unsigned)d;
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
