#include "cedar/extension_priv.h"

#include <stdio.h>

#define MAX_TEXT 43     /* "ffff:…:ffff/128" */

static bool
number(span s, unsigned max_digits, unsigned max, unsigned *ret)
{
	unsigned v = 0;
	if (s.n == 0 || s.n > max_digits || (s.n > 1 && s.p[0] == '0'))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (unsigned)(s.p[i] - '0');
	}
	*ret = v;
	return v <= max;
}

static bool
parse_v4(span s, uint8_t addr[16])
{
	for (unsigned i = 0; i < 4; i++) {
		size_t n = span_find(s, '.');
		unsigned v;
		if ((i < 3) != (n < s.n) || !number(span_sub(s, 0, n), 3, 255, &v))
			return false;
		addr[i] = (uint8_t)v;
		s = span_sub(s, n + 1, SIZE_MAX);
	}
	return true;
}

static int
hex(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Groups up to the end or a "::"; gives how many, or -1. */
static int
groups(span *s, uint16_t out[8])
{
	int n = 0;
	if (s->n >= 2 && s->p[0] == ':' && s->p[1] == ':')
		return 0;
	while (s->n) {
		unsigned v = 0, digits = 0;
		for (; digits < s->n && hex(s->p[digits]) >= 0; digits++)
			if (digits < 4)
				v = v << 4 | (unsigned)hex(s->p[digits]);
		if (digits == 0 || digits > 4 || n == 8)
			return -1;
		out[n++] = (uint16_t)v;
		*s = span_sub(*s, digits, SIZE_MAX);
		if (s->n == 0 || (s->n >= 2 && s->p[0] == ':' && s->p[1] == ':'))
			return n;
		if (s->p[0] != ':' || s->n < 2)
			return -1;
		*s = span_sub(*s, 1, SIZE_MAX);
	}
	return n;
}

static bool
parse_v6(span s, uint8_t addr[16])
{
	uint16_t head[8], tail[8];
	int h = groups(&s, head), t = 0;
	if (h < 0)
		return false;
	if (s.n == 0) {
		if (h != 8)
			return false;
	} else {
		s = span_sub(s, 2, SIZE_MAX);
		if (s.n && s.p[0] == ':')
			return false;
		t = groups(&s, tail);
		if (t < 0 || s.n || h + t > 7)    /* "::" stands for at least one group */
			return false;
	}
	memset(addr, 0, 16);
	for (int i = 0; i < h; i++) {
		addr[2 * i] = (uint8_t)(head[i] >> 8);
		addr[2 * i + 1] = (uint8_t)head[i];
	}
	for (int i = 0; i < t; i++) {
		addr[16 - 2 * (t - i)] = (uint8_t)(tail[i] >> 8);
		addr[16 - 2 * (t - i) + 1] = (uint8_t)tail[i];
	}
	return true;
}

bool
cedar_ip_parse(span text, struct cedar_ip *ret)
{
	struct cedar_ip ip = { 0 };
	if (text.n > MAX_TEXT)
		return false;
	size_t slash = span_find(text, '/');
	span addr = span_sub(text, 0, slash);
	ip.v6 = span_find(addr, ':') < addr.n;
	unsigned prefix = ip.v6 ? 128 : 32;
	if (slash < text.n && !number(span_sub(text, slash + 1, SIZE_MAX), ip.v6 ? 3 : 2, prefix, &prefix))
		return false;
	if (!(ip.v6 ? parse_v6(addr, ip.addr) : parse_v4(addr, ip.addr)))
		return false;
	ip.prefix = (uint8_t)prefix;
	*ret = ip;
	return true;
}

bool
cedar_ip_within(const struct cedar_ip *a, const struct cedar_ip *range)
{
	if (a->v6 != range->v6 || a->prefix < range->prefix)
		return false;
	unsigned whole = range->prefix / 8, bits = range->prefix % 8;
	if (memcmp(a->addr, range->addr, whole) != 0)
		return false;
	return bits == 0 || ((a->addr[whole] ^ range->addr[whole]) >> (8 - bits)) == 0;
}

void
cedar_ip_print(const struct cedar_ip *ip, char out[64])
{
	char *o = out, *end = out + 64;
	if (!ip->v6) {
		o += snprintf(o, 64, "%u.%u.%u.%u", ip->addr[0], ip->addr[1], ip->addr[2], ip->addr[3]);
	} else {
		for (unsigned i = 0; i < 16; i += 2)
			o += snprintf(o, (size_t)(end - o), "%s%x", i ? ":" : "", (unsigned)(ip->addr[i] << 8 | ip->addr[i + 1]));
	}
	if (ip->prefix != (ip->v6 ? 128 : 32) && (size_t)(o - out) + 4 <= MAX_TEXT)
		snprintf(o, (size_t)(end - o), "/%u", ip->prefix);
}
