#include "text/utf8.h"

bool
utf8_next(span s, size_t *at, uint32_t *ret)
{
	const uint8_t *p = s.p + *at;
	size_t left = s.n - *at;
	uint8_t c = p[0];
	/* RFC 3629 §4: the second byte's range depends on the first; that excludes overlong forms and surrogates. */
	uint8_t lo = 0x80, hi = 0xbf;
	size_t n;
	uint32_t v;

	if (c < 0x80) {
		*ret = c;
		++*at;
		return true;
	}
	if (c >= 0xc2 && c <= 0xdf) {
		n = 2;
		v = c & 0x1f;
	} else if ((c & 0xf0) == 0xe0) {
		n = 3;
		v = c & 0x0f;
		lo = c == 0xe0 ? 0xa0 : 0x80;
		hi = c == 0xed ? 0x9f : 0xbf;
	} else if (c >= 0xf0 && c <= 0xf4) {
		n = 4;
		v = c & 0x07;
		lo = c == 0xf0 ? 0x90 : 0x80;
		hi = c == 0xf4 ? 0x8f : 0xbf;
	} else {
		return false;
	}
	if (left < n || p[1] < lo || p[1] > hi)
		return false;
	v = v << 6 | (p[1] & 0x3f);
	for (size_t i = 2; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return false;
		v = v << 6 | (p[i] & 0x3f);
	}
	*at += n;
	*ret = v;
	return true;
}

size_t
utf8_check(span s)
{
	size_t at = 0;
	uint32_t cp;
	while (at < s.n) {
		uint64_t w;
		if (s.n - at >= 8) {
			memcpy(&w, s.p + at, 8);
			if (!(w & 0x8080808080808080)) {
				at += 8;
				continue;
			}
		} else if (s.n >= 8) {
			/* The last few, together with some that were looked at. */
			memcpy(&w, s.p + s.n - 8, 8);
			if (!(w & 0x8080808080808080))
				return s.n;
		}
		if (s.p[at] < 0x80)
			at++;
		else if (!utf8_next(s, &at, &cp))
			return at;
	}
	return at;
}

size_t
utf8_count(span s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += (s.p[i] & 0xc0) != 0x80;
	return n;
}

size_t
utf8_put(uint32_t cp, uint8_t p[static 4])
{
	if (cp < 0x80) {
		p[0] = (uint8_t)cp;
		return 1;
	}
	if (cp < 0x800) {
		p[0] = (uint8_t)(0xc0 | cp >> 6);
		p[1] = (uint8_t)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp >= 0xd800 && cp <= 0xdfff)
		return 0;
	if (cp < 0x10000) {
		p[0] = (uint8_t)(0xe0 | cp >> 12);
		p[1] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
		p[2] = (uint8_t)(0x80 | (cp & 0x3f));
		return 3;
	}
	if (cp > 0x10ffff)
		return 0;
	p[0] = (uint8_t)(0xf0 | cp >> 18);
	p[1] = (uint8_t)(0x80 | (cp >> 12 & 0x3f));
	p[2] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
	p[3] = (uint8_t)(0x80 | (cp & 0x3f));
	return 4;
}
