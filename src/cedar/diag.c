#include "cedar/diag.h"

#include <stdarg.h>
#include <stdio.h>

/* Makes the text safe to print on a terminal or in a log line: no control characters, whole UTF-8 sequences only. */
static void
clean(char *s)
{
	uint8_t *p = (uint8_t *)s;
	while (*p) {
		unsigned n = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : *p >= 0xe0 && *p < 0xf0 ? 3 :
		             *p >= 0xf0 && *p < 0xf5 ? 4 : 0;
		bool ok = n != 0 && !(n == 1 && (*p < 0x20 || *p == 0x7f)) && !(n == 2 && *p == 0xc2 && p[1] < 0xa0);
		for (unsigned i = 1; ok && i < n; i++)
			ok = (p[i] & 0xc0) == 0x80;
		if (ok) {
			p += n;
		} else {
			*p++ = '?';
		}
	}
}

status
cedar_diag_set(struct cedar_diag *d, uint16_t code, struct cedar_pos at, const char *hint, const char *fmt, ...)
{
	if (d) {
		*d = (struct cedar_diag){ .line = at.line, .col = at.col, .offset = at.offset, .end = at.offset };
		va_list ap;
		va_start(ap, fmt);
		vsnprintf(d->what, sizeof d->what, fmt, ap);
		va_end(ap);
		if (hint)
			snprintf(d->hint, sizeof d->hint, "%s", hint);
		clean(d->what);
		clean(d->hint);
	}
	return FAIL(code);
}

/* Edit distance with swaps, cut off at 4; words over 32 letters are never close. */
static unsigned
distance(span a, span b)
{
	uint8_t row[3][34];
	if (a.n > 32 || b.n > 32)
		return 99;
	for (size_t j = 0; j <= b.n; j++)
		row[0][j] = (uint8_t)j;
	for (size_t i = 1; i <= a.n; i++) {
		uint8_t *cur = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];
		cur[0] = (uint8_t)i;
		for (size_t j = 1; j <= b.n; j++) {
			unsigned best = up[j - 1] + (a.p[i - 1] != b.p[j - 1]);
			if (up[j] + 1u < best)
				best = up[j] + 1u;
			if (cur[j - 1] + 1u < best)
				best = cur[j - 1] + 1u;
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] && up2[j - 2] + 1u < best)
				best = up2[j - 2] + 1u;
			cur[j] = (uint8_t)best;
		}
	}
	return row[a.n % 3][b.n];
}

const char *
cedar_suggest(span word, const char *const *list, size_t n)
{
	const char *best = NULL;
	unsigned limit = word.n >= 8 ? 3 : word.n >= 4 ? 2 : 1, near = limit + 1;
	for (size_t i = 0; i < n; i++) {
		if (span_eq_nocase(word, span_str(list[i])))
			return list[i];
		unsigned dist = distance(word, span_str(list[i]));
		if (dist < near) {
			near = dist;
			best = list[i];
		}
	}
	return best;
}
