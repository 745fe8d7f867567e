#include "core/pattern.h"

/* Greedy matching with backtracking needs a return point for `**` and one for `*`. A `*` never has to be retried once a
 * later wildcard of at least its power was reached, so two points are enough and the walk is quadratic at worst. */
bool
pattern_match(span pat, span text)
{
	size_t p = 0, t = 0;
	size_t star_p = SIZE_MAX, star_t = 0, deep_p = SIZE_MAX, deep_t = 0;
	for (;;) {
		if (p < pat.n && pat.p[p] == '*') {
			if (p + 1 < pat.n && pat.p[p + 1] == '*') {
				while (p < pat.n && pat.p[p] == '*')
					p++;
				if (p == pat.n)
					return true;   /* it takes whatever is left */
				deep_p = p;
				deep_t = t;
				star_p = SIZE_MAX;
			} else {
				star_p = ++p;
				star_t = t;
				if (p == pat.n && deep_p == SIZE_MAX)
					return span_find(span_sub(text, t, SIZE_MAX), '/') == text.n - t;
			}
			continue;
		}
		if (t == text.n && p == pat.n)
			return true;
		if (t < text.n && p < pat.n && pat.p[p] == text.p[t]) {
			p++;
			t++;
			continue;
		}
		if (star_p != SIZE_MAX && star_t < text.n && text.p[star_t] != '/') {
			p = star_p;
			t = ++star_t;
			continue;
		}
		if (deep_p != SIZE_MAX && deep_t < text.n) {
			p = deep_p;
			t = ++deep_t;
			star_p = SIZE_MAX;
			continue;
		}
		return false;
	}
}

/* `inner` read as a text: its stars stand for themselves. A `*` of outer then also swallows a `*` of inner, which stands for
 * fewer texts; but it must not swallow a `**`, which may hold a '/'. */
bool
pattern_covers(span outer, span inner)
{
	if (span_eq(outer, inner) || span_eq(outer, SPAN("**")))
		return true;
	bool deep = false, star = false;
	for (size_t i = 0; i < inner.n; i++) {
		star |= inner.p[i] == '*';
		deep |= inner.p[i] == '*' && i + 1 < inner.n && inner.p[i + 1] == '*';
	}
	if (!star)
		return pattern_match(outer, inner);
	/* A trailing `**` after a literal head covers everything that starts with the head. */
	size_t head = span_find(outer, '*');
	if (head + 2 == outer.n && outer.p[head] == '*' && outer.p[head + 1] == '*')
		return span_starts(inner, span_sub(outer, 0, head));
	if (head + 1 == outer.n && outer.p[head] == '*')
		return !deep && span_starts(inner, span_sub(outer, 0, head)) &&
		       span_find(span_sub(inner, head, inner.n), '/') == inner.n - head;
	return false;
}

static bool
clean(span text)
{
	size_t seg = 0;
	for (size_t i = 0; i <= text.n; i++) {
		if (i < text.n && text.p[i] == 0)
			return false;
		if (i < text.n && text.p[i] != '/')
			continue;
		span s = span_sub(text, seg, i - seg);
		if (span_is(s, ".."))
			return false;
		/* Only the first (before a leading '/') and the last segment (after a trailing one) may be empty. */
		if (!s.n && seg > 0 && i < text.n)
			return false;
		seg = i + 1;
	}
	return true;
}

bool
pattern_prefix(span prefix, span text)
{
	return span_starts(text, prefix) && clean(text);
}
