/* utf8: checking and stepping, RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF. */
#ifndef AMBIT_TEXT_UTF8_H
#define AMBIT_TEXT_UTF8_H

#include "base/span.h"

/* Offset of the first byte that does not begin a well-formed sequence, or s.n when all is well. */
size_t utf8_check(span s);

static inline bool
utf8_ok(span s)
{
	return utf8_check(s) == s.n;
}

/* Reads one code point at s.p[*at], *at < s.n, and moves *at past it. False (nothing moved) when malformed. */
bool utf8_next(span s, size_t *at, uint32_t *ret);
/* Code points in well-formed text. */
size_t utf8_count(span s);
/* 1..4 bytes into p; 0 for surrogates and values above U+10FFFF. */
size_t utf8_put(uint32_t cp, uint8_t p[static 4]);

#endif
