#include "tests/test.h"

#include "text/time.h"

#include <time.h>

static void
points(void **)
{
	static const struct { const char *s; int64_t t; } t[] = {
		{ "1970-01-01T00:00:00Z", 0 }, { "1969-12-31T23:59:59Z", -TIME_SECOND }, { "1969-12-31T23:59:59.999999999Z", -1 },
		{ "2026-11-24T01:02:03Z", 1795482123 * TIME_SECOND }, { "2000-02-29T12:00:00.250Z", INT64_C(951825600) * TIME_SECOND + 250000000 },
		{ "2024-02-29T00:00:00.000001Z", 1709164800 * TIME_SECOND + 1000 }, { "2262-04-11T23:47:16.854775807Z", INT64_MAX },
		{ "1677-09-21T00:12:43.145224192Z", INT64_MIN },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		int64_t v = 42;
		char s[TIME_TEXT + 1];
		/* The very first nanosecond is read as whole seconds plus a fraction, and those seconds do not fit. */
		if (t[i].t != INT64_MIN && (!time_parse(span_str(t[i].s), &v) || v != t[i].t))
			fail_msg("%s: %lld", t[i].s, (long long)v);
		assert_int_equal(time_text(t[i].t, s), strlen(t[i].s));
		assert_string_equal(s, t[i].s);
	}
	int64_t v;
	assert_true(time_parse(SPAN("2026-11-24T01:02:03.5Z"), &v) && v == 1795482123 * TIME_SECOND + 500000000);
}

static void
refuses(void **)
{
	static const char *const t[] = {
		"", "2026-11-24", "2026-11-24T01:02:03", "2026-11-24T01:02:03+00:00", "2026-11-24T01:02:03z", "2026-11-24t01:02:03Z", "2026-11-24 01:02:03Z",
		"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
		"2026-11-24T24:00:00Z", "2026-11-24T01:60:00Z", "2026-11-24T01:02:60Z", "2026-11-24T01:02:03.Z", "2026-11-24T01:02:03.1234567890Z",
		"2026-11-24T01:02:03Zx", " 2026-11-24T01:02:03Z", "+026-11-24T01:02:03Z", "2026-1-24T01:02:03Z", "9999-12-31T00:00:00Z", "0001-01-01T00:00:00Z",
		"2262-04-11T23:47:16.854775808Z", "2026-11-24T01:02:0\xd9\xa3Z",
	};
	int64_t v = 42;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (time_parse(span_str(t[i]), &v) || v != 42)
			fail_msg("%s accepted", t[i]);
}

/* Against the C library, over days from 1678 to 2261. */
static void
agrees_with_libc(void **)
{
	for (int64_t day = -106000; day < 106000; day += 1) {
		time_t sec = day * 86400 + (day * 7919 % 86400 + 86400) % 86400;
		struct tm tm;
		char want[64], got[TIME_TEXT + 1];
		int64_t back;
		gmtime_r(&sec, &tm);
		strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%SZ", &tm);
		time_text(sec * TIME_SECOND, got);
		if (strcmp(want, got) != 0 || !time_parse(span_str(got), &back) || back != sec * TIME_SECOND)
			fail_msg("%s, not %s", got, want);
	}
}

static void
dates(void **)
{
	CLEANUP(buf_fini) struct buf b;
	int64_t v;
	buf_init(&b, 100);
	assert_true(time_parse_date(SPAN("2026-11-24"), &v) && v == 1795478400 * TIME_SECOND);
	assert_false(time_parse_date(SPAN("2026-11-24T"), &v));
	assert_false(time_parse_date(SPAN("2026-11-31"), &v));
	assert_false(time_parse_date(SPAN("9999-01-01"), &v));
	time_put_date(-1, &b);
	assert_span(buf_span(&b), "1969-12-31");
}

static void
durations(void **)
{
	static const struct { const char *in; int64_t d; const char *out; } t[] = {
		{ "90s", 90 * TIME_SECOND, "90s" }, { "15m", 900 * TIME_SECOND, "15m" }, { "60m", 3600 * TIME_SECOND, "1h" }, { "2h", 7200 * TIME_SECOND, "2h" },
		{ "7d", 604800 * TIME_SECOND, "7d" }, { "250ms", 250000000, "250ms" }, { "0s", 0, "0s" }, { "36525d", INT64_C(36525) * 86400 * TIME_SECOND, "36525d" },
	};
	static const char *const bad[] = { "", "s", "5", "-5s", "+5s", "5 s", " 5s", "05s", "5S", "5min", "1h30m", "1.5h", "36526d", "99999999999999999999s", "9223372036854775807d" };
	CLEANUP(buf_fini) struct buf b;
	int64_t d = 42;
	buf_init(&b, 100);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_true(duration_parse(span_str(t[i].in), &d));
		assert_int_equal(d, t[i].d);
		buf_reset(&b);
		duration_put(d, &b);
		assert_span(buf_span(&b), t[i].out);
	}
	d = 42;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (duration_parse(span_str(bad[i]), &d) || d != 42)
			fail_msg("%s accepted", bad[i]);
	buf_reset(&b);
	duration_put(1, &b);
	assert_span(buf_span(&b), "1ms");
}

TEST_MAIN(T(points), T(refuses), T(agrees_with_libc), T(dates), T(durations))
