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
