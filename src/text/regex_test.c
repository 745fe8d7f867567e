#include "tests/test.h"

#include "text/regex.h"

static struct arena arena;

static int
setup(void **)
{
	arena_init(&arena, 16 << 20);
	return 0;
}

static int
teardown(void **)
{
	arena_fini(&arena);
	return 0;
}

static void
matches(void **)
{
	static const struct { const char *re, *text; bool want; } t[] = {
		{ "", "", true }, { "", "x", true }, { "abc", "xabcx", true }, { "abc", "abx", false }, { "^abc$", "abc", true }, { "^abc$", "abcd", false },
		{ "^abc$", "xabc", false }, { "^abc$", "abc\n", false }, { "a|b", "xb", true }, { "^(a|b)$", "c", false }, { "^(?:ab)+$", "ababab", true }, { "^(?:ab)+$", "ababa", false },
		{ "^a*$", "", true }, { "^a*$", "aaab", false }, { "^a?b$", "b", true }, { "^a?b$", "aab", false }, { "^a{2,3}$", "a", false }, { "^a{2,3}$", "aa", true }, { "^a{2,3}$", "aaa", true },
		{ "^a{2,3}$", "aaaa", false }, { "^a{2}$", "aa", true }, { "^a{2,}$", "aaaaa", true }, { "^a{2,}$", "a", false }, { "^a{0}$", "", true }, { "^a{0}$", "a", false },
		{ "^[a-c]+$", "abcab", true }, { "^[a-c]+$", "abd", false }, { "^[^a-c]+$", "xyz", true }, { "^[^a-c]+$", "xaz", false }, { "^[-a]+$", "a-a", true }, { "^[a-]+$", "a-a", true },
		{ "^[\\]\\\\]+$", "]\\", true }, { "^[]$", "", false }, { "[^]", "\n", true }, { "^\\d{3}-\\d{4}$", "555-1234", true }, { "^\\d+$", "\xd9\xa3", false }, { "^\\w+$", "aZ_9", true }, { "^\\w+$", "a-b", false },
		{ "^\\W$", "-", true }, { "^\\D\\S\\s$", "ab ", true }, { "^\\s+$", " \t\n\xc2\xa0\xe3\x80\x80", true }, { "^[\\w.-]+@[\\w-]+\\.[a-z]{2,}$", "a.b-c@example.org", true }, { "^[\\s\\S]*$", "a\nb", true },
		{ "^.$", "\xf0\x9f\x98\x80", true }, { "^..$", "\xc3\xa9\xe2\x82\xac", true }, { "^.$", "\n", false }, { "^.$", "\xe2\x80\xa8", false }, { "^[\xc3\xa0-\xc3\xbc]$", "\xc3\xa9", true }, { "\\u00e9", "\xc3\xa9", true },
		{ "\\u{1F600}", "\xf0\x9f\x98\x80", true }, { "\\ud83d\\ude00", "\xf0\x9f\x98\x80", true }, { "^\\x41\\t\\n\\r\\f\\v\\cA$", "A\t\n\r\f\v\x01", true }, { "^\\^\\$\\.\\*\\+\\?\\(\\)\\[\\]\\{\\}\\|\\/\\-$", "^$.*+?()[]{}|/-", true },
		{ "\\bfoo\\b", "a foo b", true }, { "\\bfoo\\b", "afoo", false }, { "\\Boo\\B", "fooo", true }, { "\\Boo\\B", "oo", false }, { "^[\\b]$", "\b", true },
		{ "^(a*)*$", "aaaa", true }, { "^(a*)*$", "aab", false }, { "^(a|a)*b$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false }, { "(?:)*x", "x", true }, { "^(?:a?){20}a{20}$", "aaaaaaaaaaaaaaaaaaaa", true },
		{ "^a+?b*?c??$", "aab", true }, { "^(?<year>\\d{4})$", "2026", true }, { "^{a}$", "{a}", true }, { "^a{,3}$", "a{,3}", true }, { "a{2", "a{2", true }, { "^]}$", "]}", true },
		{ "^(|a)b$", "b", true }, { "^(a||b)c$", "c", true }, { "x*$", "", true }, { "^$", "x", false }, { "^((((a))))$", "a", true }, { "(^a|b$)", "cb", true }, { "(^a|b$)", "ba", false },
		{ "^[+--]$", ",", true }, { "(((((){1000}){1000}){1000}){1000}){1000}x", "x", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const struct regex *r;
		const char *why = "";
		uint64_t work = 1000000;
		bool found;
		if (failed(regex_compile(span_str(t[i].re), &arena, &r, &why)))
			fail_msg("%s: %s", t[i].re, why);
		assert_ok(regex_search(r, span_str(t[i].text), &work, &found));
		if (found != t[i].want)
			fail_msg("%s on %s: %d", t[i].re, t[i].text, found);
	}
}

static void
refuses(void **)
{
	static const struct { const char *re; uint16_t code; const char *why; } t[] = {
		{ "(", E_BAD_SCHEMA, "')' is missing" }, { ")", E_BAD_SCHEMA, "')' without" }, { "[a", E_BAD_SCHEMA, "']' is missing" }, { "[a-", E_BAD_SCHEMA, "']' is missing" }, { "*", E_BAD_SCHEMA, "nothing to repeat" },
		{ "a**", E_BAD_SCHEMA, "nothing to repeat" }, { "^*", E_BAD_SCHEMA, "nothing to repeat" }, { "\\b+", E_BAD_SCHEMA, "nothing to repeat" }, { "(?=a)", E_BAD_SCHEMA, "look-ahead" }, { "(?!a)", E_BAD_SCHEMA, "look-ahead" },
		{ "(?<=a)", E_BAD_SCHEMA, "look-behind" }, { "(?<!a)", E_BAD_SCHEMA, "look-behind" }, { "(a)\\1", E_BAD_SCHEMA, "back references" }, { "\\k<a>", E_BAD_SCHEMA, "back references" }, { "\\p{L}", E_BAD_SCHEMA, "\\p" },
		{ "(?i)a", E_BAD_SCHEMA, "flags" }, { "(?<a", E_BAD_SCHEMA, "bad group" }, { "\\", E_BAD_SCHEMA, "backslash" }, { "\\A", E_BAD_SCHEMA, "unknown escape" }, { "\\Z", E_BAD_SCHEMA, "unknown escape" }, { "\\x4", E_BAD_SCHEMA, "bad escape" },
		{ "\\u12", E_BAD_SCHEMA, "bad escape" }, { "\\u{110000}", E_BAD_SCHEMA, "bad escape" }, { "\\u{}", E_BAD_SCHEMA, "bad escape" }, { "\\ud800", E_BAD_SCHEMA, "surrogate" }, { "\\01", E_BAD_SCHEMA, "octal" },
		{ "[b-a]", E_BAD_SCHEMA, "bad range" }, { "[\\d-z]", E_BAD_SCHEMA, "bad range" }, { "[a-\\d]", E_BAD_SCHEMA, "bad range" }, { "a{3,2}", E_BAD_SCHEMA, "bad repetition" }, { "a{1001}", E_LIMIT, "too often" },
		{ "(a{100}){100}", E_LIMIT, "too large" }, { "(((((a{900}){900}){900}){900}){900}){900}", E_LIMIT, "too large" }, { "a{99999999999999999999}", E_LIMIT, "too often" }, { "\xff", E_BAD_SCHEMA, "UTF-8" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const struct regex *r;
		const char *why = "";
		status s = regex_compile(span_str(t[i].re), &arena, &r, &why);
		if (s.code != t[i].code || !strstr(why, t[i].why))
			fail_msg("%s: %s, %s", t[i].re, error_name(s.code), why);
	}
	char deep[300];
	const struct regex *r;
	memset(deep, '(', 101);
	memset(deep + 101, ')', 101);
	assert_fails(regex_compile(span_make(deep, 202), &arena, &r, NULL), E_LIMIT);
	assert_ok(regex_compile(span_make(deep + 1, 200), &arena, &r, NULL));
}

/* The patterns that make backtrackers hang cost one step per instruction and character. */
static void
is_linear(void **)
{
	static const char *const evil[] = { "^(a+)+$", "^(a|aa)+$", "^(a|a?)+$", "(a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*a){12}b" };
	static char text[20001];
	memset(text, 'a', 20000);
	text[20000] = '!';
	for (size_t i = 0; i < ARRAY_LEN(evil); i++) {
		const struct regex *r;
		bool found;
		uint64_t work = 20001 * 200;
		assert_ok(regex_compile(span_str(evil[i]), &arena, &r, NULL));
		assert_ok(regex_search(r, SPAN_OF(text), &work, &found));
		assert_false(found);
		work = 1000;
		assert_fails(regex_search(r, SPAN_OF(text), &work, &found), E_LIMIT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { T(matches), T(refuses), T(is_linear) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
