#include "crypto/der.h"

bool
der_any(span *in, uint8_t *tag, span *content, span *whole)
{
	size_t head = 2, n;

	/* Tags beyond 30 have no place in what we read. */
	if (in->n < 2 || (in->p[0] & 0x1f) == 0x1f)
		return false;
	n = in->p[1];
	if (n >= 0x80) {
		size_t octets = n & 0x7f;
		if (octets == 0 || octets > 3 || in->n < 2 + octets || in->p[2] == 0)
			return false;
		n = 0;
		for (size_t i = 0; i < octets; i++)
			n = n << 8 | in->p[2 + i];
		if (n < 0x80)
			return false;
		head += octets;
	}
	if (in->n - head < n)
		return false;
	if (tag)
		*tag = in->p[0];
	if (content)
		*content = span_make(in->p + head, n);
	if (whole)
		*whole = span_make(in->p, head + n);
	*in = span_make(in->p + head + n, in->n - head - n);
	return true;
}

bool
der_is(span in, uint8_t tag)
{
	return in.n && in.p[0] == tag;
}

bool
der_get(span *in, uint8_t tag, span *content)
{
	return der_is(*in, tag) && der_any(in, NULL, content, NULL);
}

bool
der_bool(span *in, bool *ret)
{
	span v, at = *in;

	if (!der_get(&at, DER_BOOLEAN, &v) || v.n != 1 || (v.p[0] != 0 && v.p[0] != 0xff))
		return false;
	*ret = v.p[0] != 0;
	*in = at;
	return true;
}

bool
der_integer(span *in, span *content)
{
	span v, at = *in;

	if (!der_get(&at, DER_INTEGER, &v) || v.n == 0 || v.n > 4096)
		return false;
	if (v.n > 1 && ((v.p[0] == 0 && v.p[1] < 0x80) || (v.p[0] == 0xff && v.p[1] >= 0x80)))
		return false;
	*content = v;
	*in = at;
	return true;
}

bool
der_small(span *in, int32_t *ret)
{
	span v, at = *in;
	int32_t n = 0;

	if (!der_integer(&at, &v) || v.n > 4 || v.p[0] >= 0x80)
		return false;
	for (size_t i = 0; i < v.n; i++)
		n = n << 8 | v.p[i];
	*ret = n;
	*in = at;
	return true;
}

bool
der_bits_whole(span *in, span *bytes)
{
	span v, at = *in;

	if (!der_get(&at, DER_BIT_STRING, &v) || v.n == 0 || v.p[0] != 0)
		return false;
	*bytes = span_sub(v, 1, v.n - 1);
	*in = at;
	return true;
}

bool
der_bits_named(span *in, uint16_t *ret)
{
	span v, at = *in;

	if (!der_get(&at, DER_BIT_STRING, &v) || v.n < 1 || v.n > 3 || v.p[0] > 7)
		return false;
	uint16_t bits = (uint16_t)((v.n > 1 ? v.p[1] << 8 : 0) | (v.n > 2 ? v.p[2] : 0));
	/* The last bit that is written must be set, and all behind it clear. */
	if (v.n == 1 ? v.p[0] != 0 : (v.p[v.n - 1] & ((2u << v.p[0]) - 1)) != 1u << v.p[0])
		return false;
	*ret = bits;
	*in = at;
	return true;
}

static bool
digits(const uint8_t *p, size_t n, int *ret)
{
	int v = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		v = v * 10 + (p[i] - '0');
	}
	*ret = v;
	return true;
}

static int
days_in(int year, int month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : days[month - 1];
}

static int64_t
days_from_1970(int year, int month, int day)
{
	/* Years begin in March, so that the leap day is the last one. */
	int64_t y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + day - 1 - 719468;
}

bool
der_time(span *in, int64_t *ret)
{
	span v, at = *in;
	int year, month, day, hour, minute, second;
	uint8_t tag;

	if (!der_any(&at, &tag, &v, NULL))
		return false;
	size_t width = tag == DER_UTC_TIME ? 2 : 4;
	if ((tag != DER_UTC_TIME && tag != DER_GENERALIZED_TIME) || v.n != width + 11 || v.p[v.n - 1] != 'Z')
		return false;
	const uint8_t *p = v.p + width;
	if (!digits(v.p, width, &year) || !digits(p, 2, &month) || !digits(p + 2, 2, &day) || !digits(p + 4, 2, &hour) ||
	    !digits(p + 6, 2, &minute) || !digits(p + 8, 2, &second))
		return false;
	if (tag == DER_UTC_TIME)
		year += year >= 50 ? 1900 : 2000;
	else if (year < 2050)
		return false;
	if (month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour > 23 || minute > 59 || second > 59)
		return false;
	*ret = days_from_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
	*in = at;
	return true;
}
