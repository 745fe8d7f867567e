#include "cedar/pattern.h"

#include "cedar/ast.h"
#include "text/utf8.h"

const struct cedar_pattern *
cedar_pattern_new(struct arena *a, const uint32_t *el, uint32_t n)
{
	uint32_t segments = 0;
	for (uint32_t i = 0; i < n; i++)
		segments += el[i] != CEDAR_WILDCARD && (i == 0 || el[i - 1] == CEDAR_WILDCARD);
	struct cedar_pattern *p = arena_zalloc(a, sizeof *p + segments * sizeof p->segments[0]);
	uint8_t *o = arena_alloc(a, (size_t)n * 4 + 1);
	if (!p || !o)
		return NULL;
	p->open_start = n && el[0] == CEDAR_WILDCARD;
	p->open_end = n && el[n - 1] == CEDAR_WILDCARD;
	for (uint32_t i = 0; i < n;) {
		if (el[i] == CEDAR_WILDCARD) {
			i++;
			continue;
		}
		uint8_t *start = o;
		for (; i < n && el[i] != CEDAR_WILDCARD; i++)
			o += utf8_put(el[i], o);
		p->segments[p->n++] = span_make(start, (size_t)(o - start));
	}
	return p;
}

/* Where a segment first stands. Most are a few bytes in a short text, for which memmem() spends longer on getting ready. */
static const uint8_t *
search(span s, span seg)
{
	if (s.n < seg.n)
		return NULL;
	if (seg.n > 16)
		return memmem(s.p, s.n, seg.p, seg.n);
	for (const uint8_t *at = s.p, *last = s.p + (s.n - seg.n); at <= last; at++) {
		at = memchr(at, seg.p[0], (size_t)(last - at) + 1);
		if (!at)
			return NULL;
		if (at[seg.n - 1] == seg.p[seg.n - 1] && memcmp(at, seg.p, seg.n) == 0)
			return at;
	}
	return NULL;
}

bool
cedar_pattern_match(const struct cedar_pattern *p, span s)
{
	uint32_t first = 0, last = p->n;
	if (p->n == 0)
		return p->open_start || s.n == 0;
	if (!p->open_start && !p->open_end && p->n == 1)
		return span_eq(s, p->segments[0]);
	if (!p->open_start) {
		if (!span_starts(s, p->segments[0]))
			return false;
		s = span_sub(s, p->segments[0].n, SIZE_MAX);
		first++;
	}
	if (!p->open_end) {
		/* May not share bytes with the first segment: it was cut off above. */
		if (!span_ends(s, p->segments[last - 1]))
			return false;
		s.n -= p->segments[--last].n;
	}
	/* The leftmost place for each segment leaves the most room for the rest. */
	for (uint32_t i = first; i < last; i++) {
		span seg = p->segments[i];
		const uint8_t *at = search(s, seg);
		if (!at)
			return false;
		s = span_sub(s, (size_t)(at - s.p) + seg.n, SIZE_MAX);
	}
	return true;
}
