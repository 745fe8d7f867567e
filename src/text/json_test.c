#include "tests/test.h"
#include "tests/shared.h"

#include "text/json.h"
#include "text/json_oracle.h"

#include <dirent.h>
#include <math.h>

static struct arena arena;

static int
setup(void **)
{
	arena_init(&arena, (size_t)256 << 20);
	return 0;
}

static int
teardown(void **)
{
	arena_fini(&arena);
	return 0;
}

static const struct json *
parse(const char *text)
{
	const struct json *v = NULL;
	assert_ok(json_parse(span_str(text), NULL, &arena, &v, NULL));
	return v;
}

static void
refuses(void **)
{
	static const struct { const char *text; uint16_t code; size_t at; const char *reason; } t[] = {
		{ "", E_BAD_JSON, 0, "unexpected end" },
		{ "  ", E_BAD_JSON, 2, "unexpected end" },
		{ "1 2", E_BAD_JSON, 2, "something follows the value" },
		{ "{}x", E_BAD_JSON, 2, "something follows the value" },
		{ "\xef\xbb\xbf{}", E_BAD_JSON, 0, "byte order mark" },
		{ "{\"a\":1,\"a\":2}", E_BAD_JSON, 11, "duplicate member" },
		{ "{\"a\":1,\"\\u0061\":2}", E_BAD_JSON, 16, "duplicate member" },
		{ "{\"x\":{\"\":1,\"\":2}}", E_BAD_JSON, 14, "duplicate member" },
		{ "{\"a\":1,}", E_BAD_JSON, 7, "member name expected" },
		{ "{a:1}", E_BAD_JSON, 1, "member name expected" },
		{ "{\"a\" 1}", E_BAD_JSON, 5, "':' expected" },
		{ "{\"a\":1 \"b\":2}", E_BAD_JSON, 7, "',' or '}' expected" },
		{ "[1,]", E_BAD_JSON, 3, "value expected" },
		{ "[,1]", E_BAD_JSON, 1, "value expected" },
		{ "[1}", E_BAD_JSON, 2, "',' or ']' expected" },
		{ "{\"a\":1]", E_BAD_JSON, 6, "',' or '}' expected" },
		{ "[1", E_BAD_JSON, 2, "unexpected end" },
		{ "[", E_BAD_JSON, 1, "unexpected end" },
		{ "\"abc", E_BAD_JSON, 4, "unterminated string" },
		{ "\"abc\\", E_BAD_JSON, 4, "unterminated string" },
		{ "\"abc\\\"", E_BAD_JSON, 6, "unterminated string" },
		{ "\"a\nb\"", E_BAD_JSON, 2, "control character in a string" },
		{ "\"a\\x\"", E_BAD_JSON, 2, "bad escape" },
		{ "\"a\\u12g4\"", E_BAD_JSON, 2, "bad escape" },
		{ "\"a\\u12\"", E_BAD_JSON, 2, "bad escape" },
		{ "\"\\ud800\"", E_BAD_JSON, 1, "lone surrogate" },
		{ "\"\\ud800\\n\"", E_BAD_JSON, 1, "lone surrogate" },
		{ "\"\\ud800\\ud800\"", E_BAD_JSON, 1, "lone surrogate" },
		{ "\"\\udc00\"", E_BAD_JSON, 1, "lone surrogate" },
		{ "\"a\\u0000\"", E_BAD_JSON, 2, "NUL in a string" },
		{ "{\"\\u0000\":1}", E_BAD_JSON, 2, "NUL in a string" },
		{ "\"\xc0\xaf\"", E_BAD_UTF8, 1, "bad UTF-8" },
		{ "\"abcdefgh\xed\xa0\x80\"", E_BAD_UTF8, 9, "bad UTF-8" },
		{ "\"\xf4\x90\x80\x80\"", E_BAD_UTF8, 1, "bad UTF-8" },
		{ "\"\\n\xff\"", E_BAD_UTF8, 3, "bad UTF-8" },
		{ "\"\xe2\x82\"", E_BAD_UTF8, 1, "bad UTF-8" },
		{ "01", E_BAD_JSON, 0, "leading zero" },
		{ "-01", E_BAD_JSON, 1, "leading zero" },
		{ "-", E_BAD_JSON, 1, "digit expected" },
		{ "+1", E_BAD_JSON, 0, "value expected" },
		{ ".5", E_BAD_JSON, 0, "value expected" },
		{ "1.", E_BAD_JSON, 2, "digit expected after the point" },
		{ "1.e1", E_BAD_JSON, 2, "digit expected after the point" },
		{ "1e", E_BAD_JSON, 2, "digit expected in the exponent" },
		{ "1e+", E_BAD_JSON, 3, "digit expected in the exponent" },
		{ "1e400", E_BAD_JSON, 0, "number out of range" },
		{ "-1e400", E_BAD_JSON, 0, "number out of range" },
		{ "19e70000000", E_BAD_JSON, 0, "number out of range" },
		{ "1e99999999999999999999", E_BAD_JSON, 0, "number out of range" },
		{ "1e-99999999999999999999", E_BAD_JSON, 0, "number out of range" },
		{ "0x10", E_BAD_JSON, 1, "something follows the value" },
		{ "NaN", E_BAD_JSON, 0, "value expected" },
		{ "nul", E_BAD_JSON, 0, "value expected" },
		{ "True", E_BAD_JSON, 0, "value expected" },
		{ "[1 /* */]", E_BAD_JSON, 3, "',' or ']' expected" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const struct json *v = NULL;
		struct json_error e = { 0 };
		status s = json_parse(span_str(t[i].text), NULL, &arena, &v, &e);
		if (s.code != t[i].code || v || e.at != t[i].at || strcmp(e.reason, t[i].reason) != 0)
			fail_msg("%s: %s at %zu: %s", t[i].text, error_name(s.code), e.at, e.reason);
	}
}

static void
reads_values(void **)
{
	const struct json *v = parse(" { \"s\" : \"h\\u00e9\\ud83d\\ude00\\n\\/\" , \"i\":-9223372036854775808,\"b\":[true,false,null],\"o\":{} } ");
	assert_int_equal(v->obj.n, 4);
	assert_span(v->obj.members[0].key, "s");
	assert_span(json_gets(v, "s")->str, "h\xc3\xa9\xf0\x9f\x98\x80\n/");
	assert_int_equal(json_gets(v, "s")->at, 9);
	assert_true(json_gets(v, "i")->kind == JSON_INT && json_gets(v, "i")->i == INT64_MIN);
	assert_true(json_item(json_gets(v, "b"), 0)->truth);
	assert_false(json_item(json_gets(v, "b"), 1)->truth);
	assert_true(json_is_null(json_item(json_gets(v, "b"), 2)));
	assert_null(json_item(json_gets(v, "b"), 3));
	assert_int_equal(json_gets(v, "o")->obj.n, 0);
	assert_null(json_gets(v, "x"));
	assert_null(json_gets(json_gets(v, "b"), "x"));
	assert_null(json_gets(NULL, "x"));
}

static void
numbers_are_exact(void **)
{
	static const struct { const char *text; uint8_t kind; int64_t i; double d; } t[] = {
		{ "0", JSON_INT, 0, 0 }, { "-0", JSON_INT, 0, 0 },
		{ "9223372036854775807", JSON_INT, INT64_MAX, 0 },
		{ "-9223372036854775808", JSON_INT, INT64_MIN, 0 },
		{ "9007199254740993", JSON_INT, 9007199254740993, 0 },
		{ "9223372036854775808", JSON_NUM, 0, 0x1p63 },
		{ "-9223372036854775809", JSON_NUM, 0, -0x1p63 },
		{ "18446744073709551616", JSON_NUM, 0, 0x1p64 },
		{ "99999999999999999999", JSON_NUM, 0, 1e20 },
		{ "1.0", JSON_NUM, 0, 1 }, { "1e2", JSON_NUM, 0, 100 }, { "1E-2", JSON_NUM, 0, 0.01 },
		{ "0e99999999", JSON_NUM, 0, 0 }, { "0.1", JSON_NUM, 0, 0.1 },
		{ "2.2250738585072011e-308", JSON_NUM, 0, 2.2250738585072011e-308 },
		{ "5e-324", JSON_NUM, 0, 0x1p-1074 },
		{ "1.7976931348623157e308", JSON_NUM, 0, 0x1.fffffffffffffp1023 },
		{ "9007199254740993.0", JSON_NUM, 0, 9007199254740992.0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const struct json *v = parse(t[i].text);
		if (v->kind != t[i].kind || (v->kind == JSON_INT ? v->i != t[i].i : v->num.d != t[i].d))
			fail_msg("%s", t[i].text);
		if (v->kind == JSON_NUM)
			assert_span(span_make(v->num.text, v->num.len), t[i].text);
	}
	/* More digits than any buffer of ours. */
	char *long_text = malloc(5001);
	memset(long_text, '3', 5000);
	long_text[1] = '.';
	long_text[5000] = '\0';
	assert_true(parse(long_text)->num.d == 10.0 / 3);
	free(long_text);
}

static void
limits_hold(void **)
{
	const struct json *v;
	struct json_error e;
	struct { const char *text; struct json_opts o; uint16_t code; } t[] = {
		{ "[[1]]", { .max_depth = 2 }, E_OK }, { "[[[1]]]", { .max_depth = 2 }, E_LIMIT },
		{ "{\"a\":{\"b\":{}}}", { .max_depth = 2 }, E_LIMIT },
		{ "[1,2]", { .max_nodes = 3 }, E_OK }, { "[1,2,3]", { .max_nodes = 3 }, E_LIMIT },
		{ "[1,2]", { .max_bytes = 5 }, E_OK }, { "[1,2] ", { .max_bytes = 5 }, E_LIMIT },
		{ "\"\\u0000\"", { .allow_nul = true }, E_OK },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_fails(json_parse(span_str(t[i].text), &t[i].o, &arena, &v, &e), t[i].code);
	char deep[131];
	memset(deep, '[', 130);
	assert_fails(json_parse(span_make(deep, 65), NULL, &arena, &v, &e), E_LIMIT);
	assert_int_equal(e.at, 64);
	memset(deep + 64, ']', 64);
	assert_ok(json_parse(span_make(deep, 128), NULL, &arena, &v, &e));

	/* A hundred thousand brackets, even when somebody asks for that much depth. */
	char *brackets = malloc(100000);
	memset(brackets, '[', 100000);
	assert_fails(json_parse(span_make(brackets, 100000), &(struct json_opts){ .max_depth = UINT32_MAX }, &arena, &v, &e), E_LIMIT);
	assert_int_equal(e.at, JSON_MAX_DEPTH);
	free(brackets);

	struct arena tiny;
	arena_init(&tiny, 256);
	assert_fails(json_parse(SPAN("[1,2,3,4,5,6,7,8,9,10]"), NULL, &tiny, &v, &e), E_LIMIT);
	arena_fini(&tiny);
}

static void
copy_outlives_input(void **)
{
	char text[] = "{\"key\":\"value\",\"n\":1.5}";
	const struct json *v;
	assert_ok(json_parse(span_str(text), &(struct json_opts){ .copy = true }, &arena, &v, NULL));
	memset(text, 'x', sizeof text);
	assert_span(json_gets(v, "key")->str, "value");
	assert_span(span_make(json_gets(v, "n")->num.text, 3), "1.5");
}

static char *
many_members(size_t n, const char *fmt)
{
	struct buf b;
	const char *s;
	buf_init(&b, SIZE_MAX / 2);
	buf_put_u8(&b, '{');
	for (size_t i = 0; i < n; i++) {
		char t[64];
		snprintf(t, sizeof t, fmt, i * 7919 % n);
		buf_put_str(&b, t);
		buf_put_dec(&b, (int64_t)(i * 7919 % n));
		buf_put_u8(&b, i + 1 < n ? ',' : '}');
	}
	assert_ok(buf_finish_str(&b, &s));
	return (char *)b.p;
}

static void
large_objects(void **)
{
	static const size_t sizes[] = { 16, 17, 100, 1000000 };
	for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
		size_t n = sizes[k];
		char *text = many_members(n, "\"some_long_common_prefix_%zu\":");
		const struct json *v;
		struct json_error e;
		struct json_opts o = { .max_bytes = UINT32_MAX, .max_nodes = 2000000 };
		assert_ok(json_parse(span_str(text), &o, &arena, &v, &e));
		assert_int_equal(v->obj.n, n);
		for (size_t i = 0; i < n; i += 1 + n / 50) {
			char key[64];
			snprintf(key, sizeof key, "some_long_common_prefix_%zu", i);
			assert_int_equal(json_gets(v, key)->i, i);
		}
		assert_null(json_gets(v, "some_long_common_prefix_"));
		assert_null(json_gets(v, "z"));
		assert_int_equal(v->obj.members[1].value.i, 7919 % n);
		/* The same again with the last name taken from the first. */
		size_t len = strlen(text);
		char *twice = malloc(len + 64);
		snprintf(twice, len + 64, "%.*s,\"some_long_common_prefix_0\":1}", (int)len - 1, text);
		assert_fails(json_parse(span_str(twice), &o, &arena, &v, &e), E_BAD_JSON);
		assert_string_equal(e.reason, "duplicate member");
		assert_int_equal(e.at, strlen(twice) - 2);
		free(twice);
		free(text);
		arena_reset(&arena);
	}
}

static void
typed_getters_explain(void **)
{
	const struct json *v = parse("{\"s\":\"x\",\"i\":5,\"b\":true,\"n\":null,\"o\":{},\"a\":[],\"f\":1.5}");
	struct json_error e = { 0 };
	span s = { 0 };
	int64_t i = 0;
	bool b = false;
	const struct json *sub;
	assert_ok(json_get_str(v, "s", &s, &e));
	assert_span(s, "x");
	assert_ok(json_get_int(v, "i", 0, 5, &i, &e));
	assert_int_equal(i, 5);
	assert_ok(json_get_bool(v, "b", &b, &e));
	assert_true(b);
	assert_ok(json_get_obj(v, "o", &sub, &e));
	assert_ok(json_get_arr(v, "a", &sub, &e));
	s = SPAN("kept");
	assert_ok(json_opt_str(v, "absent", &s, &e));
	assert_span(s, "kept");

	struct buf out;
	buf_init(&out, 1000);
#define EXPLAINS(call, want)                                                  \
	do {                                                                  \
		e = (struct json_error){ 0 };                                 \
		buf_reset(&out);                                              \
		assert_fails(call, E_BAD_REQUEST);                            \
		json_error_print(&e, &out);                                   \
		assert_span(buf_span(&out), want);                            \
	} while (0)
	EXPLAINS(json_get_str(v, "absent", &s, &e), "offset 0: absent: is missing");
	EXPLAINS(json_get_str(v, "i", &s, &e), "offset 13: i: must be a string");
	EXPLAINS(json_opt_str(v, "n", &s, &e), "offset 28: n: must be a string");
	EXPLAINS(json_get_int(v, "s", 0, 9, &i, &e), "offset 5: s: must be an integer");
	EXPLAINS(json_get_int(v, "f", 0, 9, &i, &e), "offset 51: f: must be an integer");
	EXPLAINS(json_get_int(v, "i", 0, 4, &i, &e), "offset 13: i: is out of range");
	EXPLAINS(json_get_int(v, "i", 6, 9, &i, &e), "offset 13: i: is out of range");
	EXPLAINS(json_get_bool(v, "i", &b, &e), "offset 13: i: must be true or false");
	EXPLAINS(json_get_obj(v, "a", &sub, &e), "offset 44: a: must be an object");
	EXPLAINS(json_get_arr(v, "o", &sub, &e), "offset 37: o: must be an array");
	EXPLAINS(json_get_arr(json_gets(v, "a"), "o", &sub, &e), "offset 44: must be an object");
	EXPLAINS(json_only(v, (const char *const[]){ "s", "i", "b", "n", "o", "a", NULL }, &e), "offset 51: unknown member");
	assert_ok(json_only(v, (const char *const[]){ "s", "i", "b", "n", "o", "a", "f", NULL }, &e));
	buf_fini(&out);
}

static void
pointers(void **)
{
	/* RFC 6901 §5 and its traps. */
	const struct json *v = parse("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"m~n\":8,\" \":7,\"~1\":9}");
	static const struct { const char *ptr; int64_t want; } t[] = {
		{ "/", 0 }, { "/a~1b", 1 }, { "/c%d", 2 }, { "/m~0n", 8 }, { "/ ", 7 }, { "/~01", 9 },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const struct json *x = json_pointer(v, span_str(t[i].ptr));
		if (!x || x->i != t[i].want)
			fail_msg("%s", t[i].ptr);
	}
	assert_ptr_equal(json_pointer(v, SPAN("")), v);
	assert_span(json_pointer(v, SPAN("/foo/1"))->str, "baz");
	static const char *const none[] = { "foo", "/foo/2", "/foo/-", "/foo/01", "/foo/0/x", "/foo/", "/m~n", "/m~2n", "/m~", "/nope/x" };
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		if (json_pointer(v, span_str(none[i])))
			fail_msg("%s found", none[i]);
}

static void
equality(void **)
{
	static const struct { const char *a, *b; bool want; } t[] = {
		{ "1", "1.0", true }, { "100", "1e2", true }, { "1", "2", false }, { "0", "-0.0", true },
		{ "9007199254740993", "9007199254740992.0", false }, { "9007199254740992", "9007199254740992.0", true },
		{ "9223372036854775807", "9223372036854775808", false }, { "1e300", "1", false }, { "-9223372036854775808", "-9223372036854775808.0", true },
		{ "1", "\"1\"", false }, { "null", "false", false }, { "true", "false", false }, { "null", "null", true },
		{ "{\"a\":1,\"b\":[2]}", "{\"b\":[2],\"a\":1}", true }, { "{\"a\":1}", "{\"b\":1}", false }, { "{\"a\":1}", "{\"a\":1,\"b\":1}", false },
		{ "[1,2]", "[2,1]", false }, { "[]", "{}", false }, { "\"\\u0061\"", "\"a\"", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const struct json *a = parse(t[i].a), *b = parse(t[i].b);
		if (json_equal(a, b) != t[i].want || json_equal(b, a) != t[i].want)
			fail_msg("%s and %s", t[i].a, t[i].b);
	}
}

static void
case_duplicates(void **)
{
	static const struct { const char *text; int want; } t[] = {
		{ "{\"name\":1,\"Name\":2}", 1 }, { "{\"name\":1,\"nam\":2}", -1 }, { "{\"a\":1,\"b\":2,\"B\":3}", 2 },
		{ "{\"task\":1,\"tas\xe2\x84\xaa\":2}", 1 }, { "{\"\xc5\xbfum\":1,\"SUM\":2}", 1 }, { "{}", -1 }, { "[]", -1 },
		{ "{\"\xc3\xa9\":1,\"\xc3\x89\":2}", -1 },
	};
	const struct json_member *m;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const struct json *v = parse(t[i].text);
		assert_ok(json_case_duplicate(v, &arena, &m));
		if ((m ? (int)(m - v->obj.members) : -1) != t[i].want)
			fail_msg("%s", t[i].text);
	}
	char *text = many_members(1000, "\"key_%zu\":");
	const struct json *v = parse(text);
	assert_ok(json_case_duplicate(v, &arena, &m));
	assert_null(m);
	memcpy(strstr(text, "key_17\""), "kEy_16", 6);
	v = parse(text);
	assert_ok(json_case_duplicate(v, &arena, &m));
	assert_non_null(m);
	assert_true(span_is(m->key, "kEy_16") || span_is(m->key, "key_16"));
	assert_non_null(json_case_variant(v, SPAN("KEY_5")));
	assert_null(json_case_variant(v, SPAN("key_5")));
	assert_null(json_case_variant(v, SPAN("KEY_5x")));
	free(text);
}

static void
canonical_form(void **)
{
	static const struct { const char *in, *out; } t[] = {
		/* RFC 8785 §3.2.2, §3.2.3 */
		{ "{\"numbers\":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],\"string\":\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\"literals\":[null,true,false]}",
		  "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}" },
		{ "{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,\"\\u0080\":6,\"\\u00f6\":7}",
		  "{\"\\r\":2,\"1\":4,\"\xc2\x80\":6,\"\xc3\xb6\":7,\"\xe2\x82\xac\":1,\"\xf0\x9f\x98\x80\":5,\"\xef\xac\xb3\":3}" },
		{ "[9007199254740993,-0,-0.0,1.0,100000000000000000000,9007199254740993.0]", "[9007199254740993,0,0,1,100000000000000000000,9007199254740992]" },
		{ " [ ] ", "[]" }, { "{ }", "{}" }, { "\"\\b\\f\\u007f\\u001f\"", "\"\\b\\f\x7f\\u001f\"" },
		{ "{\"b\":1,\"a\":2,\"aa\":3,\"\":4}", "{\"\":4,\"a\":2,\"aa\":3,\"b\":1}" },
		{ "[1e18,-1e18,1e19,9007199254740994.0]", "[1000000000000000000,-1000000000000000000,10000000000000000000,9007199254740994]" },
		{ "1.2345678901234567e18", NULL }, { "-1.2345678901234567e18", NULL }, { "12345678901234567891", NULL }, { "[-9223372036854775809]", NULL },
	};
	struct buf b;
	buf_init(&b, 100000);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		buf_reset(&b);
		status s = json_canonical(parse(t[i].in), &b);
		if (t[i].out ? failed(s) || !span_is(buf_span(&b), t[i].out) : s.code != E_LIMIT)
			fail_msg("%s -> %.*s", t[i].in, SPAN_ARG(buf_span(&b)));
	}
	/* Large objects sort alike. */
	char *text = many_members(40, "\"\\ud83d\\ude%02zx\":");
	buf_reset(&b);
	assert_ok(json_canonical(parse(text), &b));
	assert_true(span_starts(buf_span(&b), SPAN("{\"\xf0\x9f\x98\x80\":0,\"\xf0\x9f\x98\x81\":1,")));
	free(text);
	buf_fini(&b);
}

static void
doubles_print_shortest(void **)
{
	/* RFC 8785 appendix B, and the powers of two where the nearest short text is not the one. */
	static const struct { uint64_t bits; const char *want; } t[] = {
		{ 0x0000000000000000, "0" }, { 0x8000000000000000, "0" }, { 0x0000000000000001, "5e-324" },
		{ 0x8000000000000001, "-5e-324" }, { 0x7fefffffffffffff, "1.7976931348623157e+308" },
		{ 0x4340000000000000, "9007199254740992" }, { 0xc340000000000000, "-9007199254740992" },
		{ 0x4430000000000000, "295147905179352830000" }, { 0x44b52d02c7e14af5, "9.999999999999997e+22" },
		{ 0x44b52d02c7e14af6, "1e+23" }, { 0x44b52d02c7e14af7, "1.0000000000000001e+23" },
		{ 0x444b1ae4d6e2ef4e, "999999999999999700000" }, { 0x444b1ae4d6e2ef4f, "999999999999999900000" },
		{ 0x444b1ae4d6e2ef50, "1e+21" }, { 0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7" },
		{ 0x3eb0c6f7a0b5ed8d, "0.000001" }, { 0x41b3de4355555553, "333333333.3333332" },
		{ 0x41b3de4355555554, "333333333.33333325" }, { 0x41b3de4355555555, "333333333.3333333" },
		{ 0x41b3de4355555556, "333333333.3333334" }, { 0x41b3de4355555557, "333333333.33333343" },
		{ 0xbecbf647612f3696, "-0.0000033333333333333333" }, { 0x43143ff3c1cb0959, "1424953923781206.2" },
		{ 0x3fb999999999999a, "0.1" }, { 0x3ff8000000000000, "1.5" }, { 0x0010000000000000, "2.2250738585072014e-308" },
		{ 0x4415af1d78b58c40, "100000000000000000000" }, { 0x4059000000000000, "100" },
	};
	char s[32];
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		double d;
		memcpy(&d, &t[i].bits, 8);
		size_t n = json_format_double(d, s);
		if (!span_is(span_make(s, n), t[i].want))
			fail_msg("%s: got %.*s", t[i].want, (int)n, s);
	}
	/* Any double reads back as itself. */
	uint64_t x = 88172645463325252;
	for (int i = 0; i < 3000; i++) {
		double d;
		const struct json *v;
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		uint64_t bits = i % 3 ? x : x & 0xfff0000000000000;
		memcpy(&d, &bits, 8);
		if (!isfinite(d))
			continue;
		size_t n = json_format_double(d, s);
		assert_ok(json_parse(span_make(s, n), NULL, &arena, &v, NULL));
		double back = v->kind == JSON_INT ? (double)v->i : v->num.d;
		if (back != d)
			fail_msg("%a -> %.*s", d, (int)n, s);
	}
	arena_reset(&arena);
}

static void
writer(void **)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4096);
	for (int pretty = 0; pretty < 2; pretty++) {
		buf_reset(&b);
		struct json_writer w = pretty ? json_w_pretty(&b) : json_w(&b);
		json_w_obj(&w);
		json_w_kstr(&w, "s", SPAN("a\"\\\x01\n\xc3\xa9"));
		json_w_karr(&w, "a");
		json_w_int(&w, INT64_MIN);
		json_w_uint(&w, UINT64_MAX);
		json_w_num(&w, 0.5);
		json_w_null(&w);
		json_w_arr(&w);
		json_w_arr_end(&w);
		json_w_arr_end(&w);
		json_w_kobj(&w, "o");
		json_w_kbool(&w, "t", true);
		json_w_kint(&w, "i", -1);
		json_w_key(&w, SPAN("r"));
		json_w_raw(&w, SPAN("[1]"));
		json_w_obj_end(&w);
		json_w_obj_end(&w);
		assert_ok(buf_finish(&b));
		assert_span(buf_span(&b), pretty
			? "{\n  \"s\": \"a\\\"\\\\\\u0001\\n\xc3\xa9\",\n  \"a\": [\n    -9223372036854775808,\n    18446744073709551615,\n    0.5,\n    null,\n    []\n  ],\n"
			  "  \"o\": {\n    \"t\": true,\n    \"i\": -1,\n    \"r\": [1]\n  }\n}"
			: "{\"s\":\"a\\\"\\\\\\u0001\\n\xc3\xa9\",\"a\":[-9223372036854775808,18446744073709551615,0.5,null,[]],\"o\":{\"t\":true,\"i\":-1,\"r\":[1]}}");
	}
	buf_reset(&b);
	struct json_writer w = json_w(&b);
	json_w_value(&w, parse("{\"b\":[1,2.50,true,null],\"a\":{\"x\":\"y\"}}"));
	assert_span(buf_span(&b), "{\"b\":[1,2.50,true,null],\"a\":{\"x\":\"y\"}}");
	buf_reset(&b);
	w = json_w(&b);
	json_w_str(&w, SPAN("\xff"));
	assert_fails(buf_finish(&b), E_BAD_UTF8);
}

/* ---- against others ---- */

static char *
slurp(const char *path, size_t *ret_n)
{
	FILE *f = fopen(path, "rb");
	char *p = malloc(1 << 20);
	if (!f || !p)
		fail_msg("%s", path);
	*ret_n = fread(p, 1, 1 << 20, f);
	fclose(f);
	return p;
}

static void
json_test_suite(void **)
{
	char path[8192];
	const char *dir = shared_path("testdata/JSONTestSuite/test_parsing");
	int y = 0, y_ok = 0, n = 0, n_ok = 0;
	struct dirent *e;
	DIR *d = opendir(dir);
	if (!d) {
		print_message("# JSONTestSuite skipped: no %s\n", dir);
		skip();
	}
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		size_t len;
		char *text = slurp(path, &len);
		const struct json *v = NULL;
		struct json_error err;
		bool ok = !failed(json_parse(span_make(text, len), NULL, &arena, &v, &err));
		/* Valid by the RFC, refused by ours. */
		bool policy = strstr(e->d_name, "duplicated_key") || strstr(e->d_name, "escaped_null") || strstr(e->d_name, "null_escape");
		if (e->d_name[0] == 'y' && !ok && !policy)
			fail_msg("%s refused: %s", e->d_name, err.reason);
		if (e->d_name[0] == 'n' && ok)
			fail_msg("%s accepted", e->d_name);
		y += e->d_name[0] == 'y';
		y_ok += e->d_name[0] == 'y' && ok;
		n += e->d_name[0] == 'n';
		n_ok += e->d_name[0] == 'n' && !ok;
		arena_reset(&arena);
		free(text);
	}
	closedir(d);
	print_message("# JSONTestSuite: y_ %d/%d accepted, n_ %d/%d refused\n", y_ok, y, n_ok, n);
	assert_true(y > 0 && n > 0);
}

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint32_t
roll(uint32_t n)
{
	seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
	return (uint32_t)(seed >> 33) % n;
}

static void
random_value(struct buf *b, int depth)
{
	static const char *const scalars[] = {
		"null", "true", "false", "0", "-0", "1", "-17", "9223372036854775807", "-9223372036854775808", "1.5", "1e3", "-2.5E-7",
		"\"\"", "\"a\"", "\"\\u00e9\\ud83d\\ude00\"", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "\"\\n\\t\\\\\\/\\b\\f\\r\"",
		"\"a longer string with more than sixteen bytes\"", "0.1", "123456789.987654321", "1e-300",
	};
	static const char *const spaces[] = { "", " ", "\n", "\t\r " };
	uint32_t kind = depth > 4 ? 0 : roll(4);
	buf_put_str(b, spaces[roll(4)]);
	if (kind < 2) {
		buf_put_str(b, scalars[roll(ARRAY_LEN(scalars))]);
	} else {
		uint32_t n = roll(roll(8) ? 5 : 30);
		buf_put_u8(b, kind == 2 ? '[' : '{');
		for (uint32_t i = 0; i < n; i++) {
			if (i)
				buf_put_u8(b, ',');
			if (kind == 3) {
				buf_put_str(b, "\"k");
				buf_put_udec(b, roll(roll(3) ? 10000 : 30));
				buf_put_str(b, "\":");
			}
			random_value(b, depth + 1);
		}
		buf_put_u8(b, kind == 2 ? ']' : '}');
	}
	buf_put_str(b, spaces[roll(4)]);
}

/* Same verdict and same tree as jansson on valid and damaged documents. Verdicts may differ only where ours keeps an
 * integer beyond int64 that theirs refuses, or refuses an underflow that theirs makes zero; a NUL byte after the value ends theirs. */
static void
agrees_with_jansson(void **)
{
	static const char noise[] = "{}[]\",:\\ \n0123456789eE+-.tfnul\x00\x7f\xc3\xe2\x80\xed\xf0\xff";
	CLEANUP(buf_fini) struct buf b;
	int accepted = 0, refused = 0;
	buf_init(&b, 1 << 20);
	for (int i = 0; i < 20000; i++) {
		buf_reset(&b);
		random_value(&b, 0);
		assert_ok(buf_finish(&b));
		for (uint32_t k = roll(4) ? roll(4) : 0; k > 0 && b.n; k--) {
			uint32_t at = roll((uint32_t)b.n);
			switch (roll(3)) {
			case 0: b.p[at] = (uint8_t)noise[roll(sizeof noise - 1)]; break;
			case 1: memmove(b.p + at, b.p + at + 1, --b.n - at); break;
			case 2: b.p[at] ^= (uint8_t)(1 << roll(8)); break;
			}
		}
		const struct json *v = NULL;
		struct json_error e = { 0 };
		const char *why = "";
		bool mine = !failed(json_parse(buf_span(&b), NULL, &arena, &v, &e));
		char *theirs = oracle_read(b.p, b.n, &why);
		if (mine && theirs) {
			const struct json *w = NULL;
			assert_ok(json_parse(span_str(theirs), NULL, &arena, &w, NULL));
			if (!json_equal(v, w))
				fail_msg("trees differ: %.*s", SPAN_ARG(buf_span(&b)));
			accepted++;
		} else if (!mine && !theirs) {
			refused++;
		} else if (mine ? !strstr(why, "too big") : strcmp(e.reason, "number out of range") != 0 && !memchr(b.p, 0, b.n)) {
			fail_msg("verdicts differ (%s; %s): %.*s", mine ? "ours accepts" : e.reason,
			         theirs ? "theirs accepts" : why, SPAN_ARG(buf_span(&b)));
		}
		free(theirs);
		/* What was read, written and read again, is the same; the canonical form is a fixed point. */
		if (mine) {
			CLEANUP(buf_fini) struct buf c1, c2;
			const struct json *again;
			buf_init(&c1, 1 << 20);
			buf_init(&c2, 1 << 20);
			if (!failed(json_canonical(v, &c1))) {
				assert_ok(json_parse(buf_span(&c1), NULL, &arena, &again, NULL));
				assert_true(json_equal(v, again));
				assert_ok(json_canonical(again, &c2));
				assert_true(span_eq(buf_span(&c1), buf_span(&c2)));
			}
		}
		arena_reset(&arena);
	}
	print_message("# jansson: %d documents accepted alike, %d refused alike\n", accepted, refused);
	assert_true(accepted > 1000 && refused > 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(refuses), T(reads_values), T(numbers_are_exact), T(limits_hold), T(copy_outlives_input), T(large_objects),
		T(typed_getters_explain), T(pointers), T(equality), T(case_duplicates), T(canonical_form),
		T(doubles_print_shortest), T(writer), T(json_test_suite), T(agrees_with_jansson),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
