#include "text/time.h"

#define DAY (86400 * TIME_SECOND)

/* Days since 1970-01-01 of a Gregorian date, after Hinnant's civil-from-days: years begin in March, so the leap day is the
 * last. */
static int64_t
days_of(int64_t y, int64_t m, int64_t d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void
date_of(int64_t days, int64_t *y, int64_t *m, int64_t *d)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t doe = days - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	*d = doy - (153 * mp + 2) / 5 + 1;
	*m = mp < 10 ? mp + 3 : mp - 9;
	*y = yoe + era * 400 + (*m <= 2);
}

static bool
calendar_day(int64_t y, int64_t m, int64_t d)
{
	static const uint8_t len[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	return m >= 1 && m <= 12 && d >= 1 && d <= len[m - 1] + (m == 2 && leap);
}

/* n digits at the front of *s, or -1. */
static int64_t
digits(span *s, size_t n)
{
	int64_t v = 0;
	if (s->n < n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return -1;
		v = v * 10 + (s->p[i] - '0');
	}
	*s = span_sub(*s, n, s->n);
	return v;
}

static bool
sign(span *s, char c)
{
	if (s->n == 0 || s->p[0] != (uint8_t)c)
		return false;
	*s = span_sub(*s, 1, s->n);
	return true;
}

static bool
take_date(span *s, int64_t *ret_days)
{
	int64_t y, m, d;
	if ((y = digits(s, 4)) < 0 || !sign(s, '-') || (m = digits(s, 2)) < 0 || !sign(s, '-') || (d = digits(s, 2)) < 0)
		return false;
	if (!calendar_day(y, m, d))
		return false;
	*ret_days = days_of(y, m, d);
	return true;
}

bool
time_parse(span s, int64_t *ret)
{
	int64_t days, hh, mm, ss, ns = 0, t;
	if (!take_date(&s, &days) || !sign(&s, 'T') || (hh = digits(&s, 2)) < 0 || !sign(&s, ':') ||
	    (mm = digits(&s, 2)) < 0 || !sign(&s, ':') || (ss = digits(&s, 2)) < 0)
		return false;
	if (hh > 23 || mm > 59 || ss > 59)
		return false;
	if (sign(&s, '.')) {
		size_t n = 0;
		for (; n < 9 && n < s.n && s.p[n] >= '0' && s.p[n] <= '9'; n++)
			ns = ns * 10 + (s.p[n] - '0');
		if (n == 0)
			return false;
		s = span_sub(s, n, s.n);
		for (; n < 9; n++)
			ns *= 10;
	}
	if (!sign(&s, 'Z') || s.n)
		return false;
	if (__builtin_mul_overflow(days * 86400 + hh * 3600 + mm * 60 + ss, TIME_SECOND, &t) || __builtin_add_overflow(t, ns, &t))
		return false;
	*ret = t;
	return true;
}

bool
time_parse_date(span s, int64_t *ret)
{
	int64_t days, t;
	if (!take_date(&s, &days) || s.n || __builtin_mul_overflow(days, DAY, &t))
		return false;
	*ret = t;
	return true;
}

/* v as n digits with leading zeros. */
static char *
put_digits(char *p, int64_t v, int n)
{
	for (int i = n - 1; i >= 0; i--, v /= 10)
		p[i] = (char)('0' + v % 10);
	return p + n;
}

static char *
put_date(char *p, int64_t days)
{
	int64_t y, m, d;
	date_of(days, &y, &m, &d);
	p = put_digits(p, y, 4);
	*p++ = '-';
	p = put_digits(p, m, 2);
	*p++ = '-';
	return put_digits(p, d, 2);
}

static int64_t
floor_days(int64_t t)
{
	return t / DAY - (t % DAY < 0);
}

size_t
time_text(int64_t t, char out[static TIME_TEXT + 1])
{
	int64_t days = floor_days(t), sec, ns;
	/* Not t - days * DAY: the product overflows on the first day that fits. */
	int64_t rest = t % DAY < 0 ? t % DAY + DAY : t % DAY;
	sec = rest / TIME_SECOND;
	ns = rest % TIME_SECOND;
	char *p = put_date(out, days);
	*p++ = 'T';
	p = put_digits(p, sec / 3600, 2);
	*p++ = ':';
	p = put_digits(p, sec / 60 % 60, 2);
	*p++ = ':';
	p = put_digits(p, sec % 60, 2);
	if (ns) {
		int n = ns % 1000000 == 0 ? 3 : ns % 1000 == 0 ? 6 : 9;
		*p++ = '.';
		p = put_digits(p, n == 3 ? ns / 1000000 : n == 6 ? ns / 1000 : ns, n);
	}
	*p++ = 'Z';
	*p = '\0';
	return (size_t)(p - out);
}

void
time_put(int64_t t, struct buf *out)
{
	char s[TIME_TEXT + 1];
	size_t n = time_text(t, s);
	buf_put(out, span_make(s, n));
}

void
time_put_date(int64_t t, struct buf *out)
{
	char s[10];
	put_date(s, floor_days(t));
	buf_put(out, SPAN_OF(s));
}

static const struct { const char *name; int64_t ns; } units[] = {
	{ "d", DAY }, { "h", 3600 * TIME_SECOND }, { "m", 60 * TIME_SECOND }, { "s", TIME_SECOND }, { "ms", 1000000 },
};

bool
duration_parse(span s, int64_t *ret)
{
	size_t n = 0;
	uint64_t v;
	int64_t d;
	while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	if (!span_to_u64(span_sub(s, 0, n), &v) || v > INT64_MAX)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (!span_is(span_sub(s, n, s.n), units[i].name))
			continue;
		if (__builtin_mul_overflow((int64_t)v, units[i].ns, &d) || d > 36525 * DAY)
			return false;
		*ret = d;
		return true;
	}
	return false;
}

void
duration_put(int64_t d, struct buf *out)
{
	size_t last = ARRAY_LEN(units) - 1;
	if (d == 0) {
		buf_put_str(out, "0s");
		return;
	}
	for (size_t i = 0; i <= last; i++) {
		if (d % units[i].ns == 0 || i == last) {
			buf_put_dec(out, d / units[i].ns + (d % units[i].ns != 0));
			buf_put_str(out, units[i].name);
			return;
		}
	}
}
