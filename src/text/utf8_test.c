#include "tests/test.h"

#include "text/utf8.h"

static void
checks(void **)
{
	/* Unicode 15 table 3-7, from both sides of every border. */
	static const struct { span s; size_t at; } t[] = {
		{ SPAN(""), 0 }, { SPAN("abc"), 3 }, { SPAN("a\0b"), 3 }, { SPAN("\x7f"), 1 }, { SPAN("\xc2\x80"), 2 }, { SPAN("\xdf\xbf"), 2 },
		{ SPAN("\xe0\xa0\x80"), 3 }, { SPAN("\xed\x9f\xbf"), 3 }, { SPAN("\xee\x80\x80"), 3 }, { SPAN("\xef\xbf\xbf"), 3 },
		{ SPAN("\xf0\x90\x80\x80"), 4 }, { SPAN("\xf4\x8f\xbf\xbf"), 4 },
		{ SPAN("\x80"), 0 }, { SPAN("\xbf"), 0 }, { SPAN("\xc0\x80"), 0 }, { SPAN("\xc1\xbf"), 0 }, { SPAN("\xe0\x9f\xbf"), 0 },
		{ SPAN("\xed\xa0\x80"), 0 }, { SPAN("\xed\xbf\xbf"), 0 }, { SPAN("\xf0\x8f\xbf\xbf"), 0 }, { SPAN("\xf4\x90\x80\x80"), 0 },
		{ SPAN("\xf5\x80\x80\x80"), 0 }, { SPAN("\xff"), 0 }, { SPAN("\xc2"), 0 }, { SPAN("\xe2\x82"), 0 }, { SPAN("\xf0\x9f\x98"), 0 },
		{ SPAN("\xc2\x41"), 0 }, { SPAN("\xe2\x82\x41"), 0 }, { SPAN("\xf0\x9f\x98\x41"), 0 }, { SPAN("\xf0\x9f\x41\x80"), 0 },
		{ SPAN("abcdefghijk\xff"), 11 }, { SPAN("abcdefgh\xc3\xa9\xc3"), 10 },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (utf8_check(t[i].s) != t[i].at)
			fail_msg("row %zu: %zu", i, utf8_check(t[i].s));
}

static void
round_trips(void **)
{
	for (uint32_t cp = 0; cp < 0x120000; cp++) {
		uint8_t p[4];
		size_t n = utf8_put(cp, p), at = 0;
		uint32_t back;
		bool valid = cp <= 0x10ffff && (cp < 0xd800 || cp > 0xdfff);
		if ((n != 0) != valid)
			fail_msg("U+%04X gives %zu bytes", cp, n);
		if (valid && (!utf8_next(span_make(p, n), &at, &back) || back != cp || at != n))
			fail_msg("U+%04X", cp);
	}
	assert_int_equal(utf8_count(SPAN("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")), 4);
}

TEST_MAIN(T(checks), T(round_trips))
