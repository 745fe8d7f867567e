#include "cedar/extension_priv.h"

#include <stdio.h>

#define DAY_MS INT64_C(86400000)

/* Days since 1970-01-01 in the proleptic Gregorian calendar. The year is made to start in March, so that the leap day is
 * its last; then months have a regular pattern and 400-year cycles 146,097 days. */
static int64_t
days(int64_t y, unsigned m, unsigned d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	unsigned in_era = (unsigned)(y - era * 400);
	unsigned in_year = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	unsigned day = in_era * 365 + in_era / 4 - in_era / 100 + in_year;
	return era * 146097 + (int64_t)day - 719468;
}

static unsigned
month_days(unsigned y, unsigned m)
{
	static const uint8_t n[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	return n[m - 1] + (m == 2 && leap);
}

/* Exactly n digits. */
static bool
digits(span *s, unsigned n, unsigned *ret)
{
	unsigned v = 0;
	if (s->n < n)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		v = v * 10 + (unsigned)(s->p[i] - '0');
	}
	*s = span_sub(*s, n, SIZE_MAX);
	*ret = v;
	return true;
}

static bool
literal(span *s, uint8_t c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = span_sub(*s, 1, SIZE_MAX);
	return true;
}

static bool
parse_date(span *s, int64_t *ret)
{
	unsigned y, m, d;
	if (!digits(s, 4, &y) || !literal(s, '-') || !digits(s, 2, &m) || !literal(s, '-') || !digits(s, 2, &d))
		return false;
	if (m < 1 || m > 12 || d < 1 || d > month_days(y, m))
		return false;
	*ret = days(y, m, d) * DAY_MS;
	return true;
}

static bool
parse_time(span *s, int64_t *ret)
{
	unsigned h, m, sec, ms = 0, oh, om;
	if (!digits(s, 2, &h) || !literal(s, ':') || !digits(s, 2, &m) || !literal(s, ':') || !digits(s, 2, &sec))
		return false;
	if (h > 23 || m > 59 || sec > 59 || (literal(s, '.') && !digits(s, 3, &ms)))
		return false;
	*ret = (int64_t)((h * 60 + m) * 60 + sec) * 1000 + ms;
	if (literal(s, 'Z'))
		return true;
	bool west = s->n && s->p[0] == '-';
	if (!west && !(s->n && s->p[0] == '+'))
		return false;
	*s = span_sub(*s, 1, SIZE_MAX);
	if (!digits(s, 2, &oh) || !digits(s, 2, &om) || oh > 23 || om > 59)
		return false;
	int64_t offset = (int64_t)(oh * 60 + om) * 60000;
	*ret -= west ? -offset : offset;
	return true;
}

bool
cedar_datetime_parse(span text, int64_t *ret)
{
	int64_t date, time = 0;
	if (!parse_date(&text, &date))
		return false;
	if (text.n && (!literal(&text, 'T') || !parse_time(&text, &time) || text.n))
		return false;
	*ret = date + time;
	return true;
}

int64_t
cedar_datetime_time(int64_t ms)
{
	int64_t r = ms % DAY_MS;
	return r < 0 ? r + DAY_MS : r;
}

bool
cedar_datetime_date(int64_t ms, int64_t *ret)
{
	return !__builtin_sub_overflow(ms, cedar_datetime_time(ms), ret);
}

bool
cedar_datetime_print(int64_t ms, char out[64])
{
	if (ms < days(0, 1, 1) * DAY_MS || ms >= days(10000, 1, 1) * DAY_MS)
		return false;
	int64_t time = cedar_datetime_time(ms);
	int64_t z = (ms - time) / DAY_MS + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned day = (unsigned)(z - era * 146097);
	unsigned yoe = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	unsigned doy = day - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153, m = mp < 10 ? mp + 3 : mp - 9;
	int64_t y = (int64_t)yoe + era * 400 + (m <= 2);
	unsigned t = (unsigned)time;
	snprintf(out, 64, "%04d-%02u-%02uT%02u:%02u:%02u.%03uZ", (int)y, m, doy - (153 * mp + 2) / 5 + 1, t / 3600000, t / 60000 % 60,
	         t / 1000 % 60, t % 1000);
	return true;
}
