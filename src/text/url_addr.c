/* Textual addresses and what they are for. */
#include "text/url.h"

#include <stdio.h>

bool
url_parse_ipv4(span s, uint8_t ret[static 4])
{
	uint8_t a[4];
	for (int i = 0; i < 4; i++) {
		size_t n = i < 3 ? span_find(s, '.') : s.n;
		uint64_t v;
		/* No leading zero (span_to_u64): some readers take it for octal. */
		if (n == 0 || n > 3 || (i < 3 && n == s.n) || !span_to_u64(span_sub(s, 0, n), &v) || v > 255)
			return false;
		a[i] = (uint8_t)v;
		s = span_sub(s, n + (i < 3), s.n);
	}
	memcpy(ret, a, 4);
	return true;
}

static int
hex(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One group of 1..4 hex digits off the front. */
static bool
take_group(span *s, uint16_t *ret)
{
	uint32_t v = 0;
	size_t n = 0;
	for (; n < s->n && n < 5 && hex(s->p[n]) >= 0; n++)
		v = v << 4 | (uint32_t)hex(s->p[n]);
	if (n == 0 || n > 4)
		return false;
	*ret = (uint16_t)v;
	*s = span_sub(*s, n, s->n);
	return true;
}

bool
url_parse_ipv6(span s, uint8_t ret[static 16])
{
	uint16_t g[8] = { 0 };
	int n = 0, gap = -1;
	if (span_starts(s, SPAN("::"))) {
		gap = 0;
		s = span_sub(s, 2, s.n);
	}
	while (s.n && n < 8) {
		uint8_t v4[4];
		if (n <= 6 && url_parse_ipv4(s, v4)) {
			g[n++] = (uint16_t)(v4[0] << 8 | v4[1]);
			g[n++] = (uint16_t)(v4[2] << 8 | v4[3]);
			s = span_sub(s, s.n, 0);
			break;
		}
		if (!take_group(&s, &g[n++]))
			return false;
		if (s.n == 0)
			break;
		if (s.p[0] != ':')
			return false;
		s = span_sub(s, 1, s.n);
		if (s.n && s.p[0] == ':') {
			if (gap >= 0)
				return false;
			gap = n;
			s = span_sub(s, 1, s.n);
		} else if (s.n == 0) {
			return false;
		}
	}
	/* "::" stands for at least one group. */
	if (s.n || (gap < 0 ? n != 8 : n > 7))
		return false;
	memset(ret, 0, 16);
	for (int i = 0; i < n; i++) {
		int at = gap >= 0 && i >= gap ? i + 8 - n : i;
		ret[2 * at] = (uint8_t)(g[i] >> 8);
		ret[2 * at + 1] = (uint8_t)g[i];
	}
	return true;
}

size_t
url_ipv6_text(const uint8_t a[static 16], char out[static 46])
{
	int best = -1, best_n = 1, at = 0;
	/* RFC 5952 §4.2: the longest run of zero groups, the first among equals, two at least. */
	for (int i = 0, n; i < 8; i += n ? n : 1) {
		for (n = 0; i + n < 8 && !a[2 * (i + n)] && !a[2 * (i + n) + 1]; n++)
			;
		if (n > best_n) {
			best = i;
			best_n = n;
		}
	}
	for (int i = 0; i < 8; i++) {
		if (i == best) {
			at += snprintf(out + at, 46 - (size_t)at, "::");
			i += best_n - 1;
			continue;
		}
		bool first = i == 0 || i == best + best_n;
		at += snprintf(out + at, 46 - (size_t)at, "%s%x", first && (i == 0 || best >= 0) ? "" : ":", a[2 * i] << 8 | a[2 * i + 1]);
	}
	return (size_t)at;
}

/* ---- registries ---- */

struct block {
	uint8_t addr[16];
	uint8_t bits;
};

static bool
within(const uint8_t *addr, const struct block *b, size_t count)
{
	for (size_t k = 0; k < count; k++) {
		size_t whole = b[k].bits / 8, rest = b[k].bits % 8;
		if (memcmp(addr, b[k].addr, whole) == 0 && (!rest || (addr[whole] ^ b[k].addr[whole]) >> (8 - rest) == 0))
			return true;
	}
	return false;
}

/* IANA IPv4 special-purpose registry, whatever is not globally reachable, multicast and class E. */
static const struct block special4[] = {
	{ { 0 }, 8 }, { { 10 }, 8 }, { { 100, 64 }, 10 }, { { 127 }, 8 }, { { 169, 254 }, 16 }, { { 172, 16 }, 12 }, { { 192, 0, 0 }, 24 },
	{ { 192, 0, 2 }, 24 }, { { 192, 31, 196 }, 24 }, { { 192, 52, 193 }, 24 }, { { 192, 88, 99 }, 24 }, { { 192, 168 }, 16 },
	{ { 192, 175, 48 }, 24 }, { { 198, 18 }, 15 }, { { 198, 51, 100 }, 24 }, { { 203, 0, 113 }, 24 }, { { 224 }, 4 }, { { 240 }, 4 },
};
/* Global unicast is 2000::/3; these are its exceptions that carry no IPv4 address. */
static const struct block special6[] = {
	{ { 0x20, 0x01, 0x00 }, 23 },           /* IETF protocol assignments, Teredo among them */
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32 },     /* documentation */
	{ { 0x26, 0x20, 0x00, 0x4f, 0x80, 0x00 }, 48 }, /* AS112 */
	{ { 0x3f, 0xff, 0x00 }, 20 },           /* documentation, RFC 9637 */
};
static const struct block global6 = { { 0x20 }, 3 }, mapped = { { [10] = 0xff, [11] = 0xff }, 96 },
	nat64 = { { 0x00, 0x64, 0xff, 0x9b }, 96 }, sixto4 = { { 0x20, 0x02 }, 16 };

/* The IPv4 address that an IPv6 address carries, or NULL. */
static const uint8_t *
carried(const uint8_t *a)
{
	if (within(a, &mapped, 1) || within(a, &nat64, 1))
		return a + 12;
	return within(a, &sixto4, 1) ? a + 2 : NULL;
}

bool
url_addr_is_loopback(const uint8_t *addr, size_t n)
{
	static const uint8_t one[16] = { [15] = 1 };
	if (n == 4)
		return addr[0] == 127;
	const uint8_t *v4 = carried(addr);
	return v4 ? v4[0] == 127 : memcmp(addr, one, 16) == 0;
}

bool
url_addr_is_private(const uint8_t *addr, size_t n)
{
	if (n == 4)
		return within(addr, special4, ARRAY_LEN(special4));
	const uint8_t *v4 = carried(addr);
	if (v4)
		return within(v4, special4, ARRAY_LEN(special4));
	return !within(addr, &global6, 1) || within(addr, special6, ARRAY_LEN(special6));
}

static bool
localhost_name(const struct url *u)
{
	return u->host_kind == URL_NAME && (span_is(u->host, "localhost") || span_ends(u->host, SPAN(".localhost")));
}

bool
url_is_loopback(const struct url *u)
{
	return u->host_kind == URL_NAME ? localhost_name(u)
	                                : url_addr_is_loopback(u->addr, u->host_kind == URL_IPV4 ? 4 : 16);
}

bool
url_is_private(const struct url *u)
{
	return u->host_kind == URL_NAME ? localhost_name(u)
	                                : url_addr_is_private(u->addr, u->host_kind == URL_IPV4 ? 4 : 16);
}
