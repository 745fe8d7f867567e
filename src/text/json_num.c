/* Decimal text to double and back. Independent of the process's locale. */
#include "text/json_priv.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double pow10_exact[] = {
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
	1e20, 1e21, 1e22,
};

static locale_t c_locale;

[[gnu::constructor]] static void
init_locale(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* Clinger's fast path: a mantissa below 2^53 and a power of ten up to 22 are both exact, so one operation rounds
 * once. *ret_zero tells a written zero from an underflow. */
static bool
exact_double(span t, double *ret, bool *ret_zero)
{
	const uint8_t *p = t.p, *end = t.p + t.n;
	bool neg = *p == '-', point = false;
	uint64_t m = 0;
	int64_t scale = 0, exp = 0;
	bool simple = true;

	p += neg;
	for (; p < end && *p != 'e' && *p != 'E'; p++) {
		if (*p == '.') {
			point = true;
			continue;
		}
		if (m > (UINT64_MAX - 9) / 10)
			simple = false;
		else
			m = m * 10 + (uint64_t)(*p - '0');
		scale -= point;
	}
	*ret_zero = m == 0;
	if (p < end) {
		bool eneg = *++p == '-';
		p += eneg || *p == '+';
		for (; p < end && exp < 100000; p++)
			exp = exp * 10 + (*p - '0');
		exp = eneg ? -exp : exp;
	}
	exp += scale;
	if (m == 0) {
		*ret = neg ? -0.0 : 0.0;
		return true;
	}
	if (!simple || m > (uint64_t)1 << 53 || exp < -22 || exp > 22)
		return false;
	double d = (double)m;
	d = exp < 0 ? d / pow10_exact[-exp] : d * pow10_exact[exp];
	*ret = neg ? -d : d;
	return true;
}

bool
json_read_double(span text, double *ret, bool *ret_oom)
{
	bool zero;
	char room[128], *t = room;
	*ret_oom = false;
	if (exact_double(text, ret, &zero))
		return true;
	if (text.n >= sizeof room) {
		t = malloc(text.n + 1);
		if (!t) {
			*ret_oom = true;
			return false;
		}
	}
	memcpy(t, text.p, text.n);
	t[text.n] = '\0';
	double d = strtod_l(t, NULL, c_locale);
	if (t != room)
		free(t);
	if (!isfinite(d) || (d == 0 && !zero))
		return false;
	*ret = d;
	return true;
}

/* v > 0 as n digits d and exponent e with v = 0.d × 10^e, correctly rounded. */
static void
digits_of(double v, int n, char d[static 18], int *ret_e)
{
	char t[64];
	snprintf(t, sizeof t, "%.*e", n - 1, v);
	int k = 0;
	const char *p = t;
	for (; *p != 'e'; p++)
		if (*p >= '0' && *p <= '9')
			d[k++] = *p;
	d[k] = '\0';
	*ret_e = atoi(p + 1) + 1;
}

static bool
reads_back(const char *d, int n, int e, double v)
{
	char t[64];
	snprintf(t, sizeof t, "0.%.*se%d", n, d, e);
	return strtod_l(t, NULL, c_locale) == v;
}

/* The n digits one unit away; false when that changes their number. */
static bool
neighbour(char *d, int n, int step)
{
	for (int i = n - 1; i >= 0; i--) {
		d[i] = (char)(d[i] + step);
		if (d[i] >= '0' && d[i] <= '9')
			return d[0] != '0';
		d[i] = step > 0 ? '0' : '9';
	}
	return false;
}

/* Fewest digits that read back as v. At a power of two the interval that rounds to v is lopsided, so a text of n digits
 * can read back though the nearest one does not: then its neighbours are tried before n grows. */
static int
shortest(double v, char d[static 18], int *ret_e)
{
	for (int n = 1; n < 17; n++) {
		digits_of(v, n, d, ret_e);
		if (reads_back(d, n, *ret_e, v))
			return n;
		for (int step = -1; step <= 1; step += 2) {
			char other[18];
			memcpy(other, d, sizeof other);
			if (neighbour(other, n, step) && reads_back(other, n, *ret_e, v)) {
				memcpy(d, other, sizeof other);
				return n;
			}
		}
	}
	digits_of(v, 17, d, ret_e);
	return 17;
}

/* ECMA-262 Number::toString, radix 10. */
size_t
json_format_double(double v, char t[static 32])
{
	char d[18];
	int e, n, at = 0;
	must(isfinite(v));
	if (v == 0) {
		memcpy(t, "0", 2);
		return 1;
	}
	if (v < 0)
		t[at++] = '-';
	n = shortest(fabs(v), d, &e);
	while (n > 1 && d[n - 1] == '0')
		n--;
	if (n <= e && e <= 21)
		at += snprintf(t + at, 32 - (size_t)at, "%.*s%.*s", n, d, e - n, "000000000000000000000");
	else if (0 < e && e <= 21)
		at += snprintf(t + at, 32 - (size_t)at, "%.*s.%.*s", e, d, n - e, d + e);
	else if (-6 < e && e <= 0)
		at += snprintf(t + at, 32 - (size_t)at, "0.%.*s%.*s", -e, "000000", n, d);
	else if (n == 1)
		at += snprintf(t + at, 32 - (size_t)at, "%ce%+d", d[0], e - 1);
	else
		at += snprintf(t + at, 32 - (size_t)at, "%c.%.*se%+d", d[0], n - 1, d + 1, e - 1);
	return (size_t)at;
}
