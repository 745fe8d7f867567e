#include "tests/test.h"

#include "text/suggest.h"
#include "text/yaml.h"

static struct arena arena;
static struct buf err;

static int
setup(void **)
{
	arena_init(&arena, 64 << 20);
	buf_init(&err, 1 << 16);
	return 0;
}

static int
teardown(void **)
{
	arena_fini(&arena);
	buf_fini(&err);
	return 0;
}

static void
reads(void **)
{
	static const struct { const char *yaml, *json; } t[] = {
		{ "", "[]" }, { "# only a comment\n", "[]" }, { "---\n---\n", "[null,null]" },
		{ "a: 1\nb: -5\nc: true\nd: false\ne: null\nf:\n", "[{\"a\":1,\"b\":-5,\"c\":true,\"d\":false,\"e\":null,\"f\":null}]" },
		{ "a: yes\nb: 1.5\nc: 0x10\nd: 010\ne: 1_000\nf: ~\ng: 12:30:45\nh: 9223372036854775808\ni: Null\nj: 2026-11-24\nk: +1\n",
		  "[{\"a\":\"yes\",\"b\":\"1.5\",\"c\":\"0x10\",\"d\":\"010\",\"e\":\"1_000\",\"f\":\"~\",\"g\":\"12:30:45\",\"h\":\"9223372036854775808\",\"i\":\"Null\",\"j\":\"2026-11-24\",\"k\":\"+1\"}]" },
		{ "a: \"1\"\nb: 'true'\nc: ''\n", "[{\"a\":\"1\",\"b\":\"true\",\"c\":\"\"}]" },
		{ "list:\n  - x\n  - [1, {y: z}]\n  - k: v\n    m: n\n", "[{\"list\":[\"x\",[1,{\"y\":\"z\"}],{\"k\":\"v\",\"m\":\"n\"}]}]" },
		{ "text: |\n  permit (\n    principal\n  );\n", "[{\"text\":\"permit (\\n  principal\\n);\\n\"}]" },
		{ "a: 1\n---\nb: 2\n...\n---\n- c\n", "[{\"a\":1},{\"b\":2},[\"c\"]]" },
		{ "{\"a\": [1, true, \"x\\u00e9\"], \"b\": {}}", "[{\"a\":[1,true,\"x\xc3\xa9\"],\"b\":{}}]" },
		{ "true: 1\n5: x\n", "[{\"true\":1,\"5\":\"x\"}]" }, { "just text", "[\"just text\"]" }, { "'<<': 1\n", "[{\"<<\":1}]" },
	};
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 10000);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct yaml y = { 0 };
		buf_reset(&err);
		if (failed(yaml_parse(span_str(t[i].yaml), "f", &arena, &y, &err)))
			fail_msg("row %zu: %.*s", i, SPAN_ARG(buf_span(&err)));
		struct json all = json_make_arr(y.docs, y.n);
		struct json_writer w = json_w(&b);
		buf_reset(&b);
		json_w_value(&w, &all);
		assert_span(buf_span(&b), t[i].json);
	}
}

static void
refuses(void **)
{
	static const struct { span yaml; uint16_t code; const char *err; } t[] = {
		{ SPAN("a: 1\nb: 2\na: 3\n"), E_BAD_CONFIG, "f:3:1: duplicate key \"a\"\n" },
		{ SPAN("x:\n  a: 1\n  \"a\": 2\n"), E_BAD_CONFIG, "f:3:3: duplicate key \"a\"\n" },
		{ SPAN("a: &x 1\n"), E_BAD_CONFIG, "f:1:4: anchors are not supported\n" }, { SPAN("a: &x [1]\n"), E_BAD_CONFIG, "f:1:4: anchors are not supported\n" },
		{ SPAN("a: &x {b: 1}\n"), E_BAD_CONFIG, "f:1:4: anchors are not supported\n" }, { SPAN("&x a: 1\n"), E_BAD_CONFIG, "f:1:1: anchors are not supported\n" },
		{ SPAN("a: *x\n"), E_BAD_CONFIG, "f:1:4: aliases are not supported\n" }, { SPAN("a: !!str 1\n"), E_BAD_CONFIG, "f:1:4: tags are not supported\n" },
		{ SPAN("a: !x [1]\n"), E_BAD_CONFIG, "f:1:4: tags are not supported\n" }, { SPAN("a: ! {}\n"), E_BAD_CONFIG, "f:1:4: tags are not supported\n" },
		{ SPAN("<<: {a: 1}\n"), E_BAD_CONFIG, "f:1:1: merge keys are not supported\n" }, { SPAN("? [a]\n: 1\n"), E_BAD_CONFIG, "f:1:3: a key must be plain text\n" },
		{ SPAN("a: \"\\0\"\n"), E_BAD_CONFIG, "f:1:4: NUL or bad UTF-8 in text\n" }, { SPAN("a: 1\nb: \xff\n"), E_BAD_CONFIG, "f:2:1: is not UTF-8\n" },
		{ SPAN("\xef\xbb\xbf" "a: 1\n"), E_BAD_CONFIG, "f:1:1: begins with a byte order mark\n" },
		{ SPAN("a: [1\n"), E_BAD_CONFIG, NULL }, { SPAN("a: 1\n b: 2\n"), E_BAD_CONFIG, NULL }, { SPAN("\ta: 1\n"), E_BAD_CONFIG, NULL }, { SPAN("a: \"x\n"), E_BAD_CONFIG, NULL },
		{ SPAN("\xfe\xff\0a"), E_BAD_CONFIG, NULL }, { SPAN("a\0b"), E_BAD_CONFIG, NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct yaml y = { 0 };
		buf_reset(&err);
		status s = yaml_parse(t[i].yaml, "f", &arena, &y, &err);
		if (s.code != t[i].code || (t[i].err && !span_is(buf_span(&err), t[i].err)) || !span_starts(buf_span(&err), SPAN("f:")))
			fail_msg("row %zu: %s %.*s", i, error_name(s.code), SPAN_ARG(buf_span(&err)));
	}
}

static void
limits_hold(void **)
{
	struct yaml y;
	char deep[200];
	for (int depth = 64; depth <= 65; depth++) {
		memset(deep, '[', (size_t)depth);
		memset(deep + depth, ']', (size_t)depth);
		assert_fails(yaml_parse(span_make(deep, 2 * (size_t)depth), "f", &arena, &y, NULL), depth == 64 ? E_OK : E_LIMIT);
	}
	char *big = malloc((1 << 20) + 1);
	memset(big, 'a', (1 << 20) + 1);
	assert_fails(yaml_parse(span_make(big, (1 << 20) + 1), "f", &arena, &y, NULL), E_LIMIT);
	assert_ok(yaml_parse(span_make(big, 1 << 20), "f", &arena, &y, NULL));
	for (int i = 0; i < 1 << 20; i++)
		big[i] = i == 0 ? '[' : i % 2 ? '1' : ',';
	assert_fails(yaml_parse(span_make(big, 1 << 20), "f", &arena, &y, NULL), E_LIMIT);
	/* Brackets without end: the scanner must not go quadratic before the limit is met. */
	memset(big, '[', 1 << 20);
	assert_fails(yaml_parse(span_make(big, 1 << 20), "f", &arena, &y, &err), E_LIMIT);
	free(big);
	struct arena tiny;
	arena_init(&tiny, 200);
	assert_fails(yaml_parse(SPAN("a: 1\nb: 2\nc: 3\nd: 4\n"), "f", &tiny, &y, NULL), E_LIMIT);
	arena_fini(&tiny);
}

static void
knows_places(void **)
{
	struct yaml y;
	assert_ok(yaml_parse(SPAN("a: 1\nlist:\n  - b:   x\n    c: [1, 2]\n---\nd: 4\n"), "f", &arena, &y, NULL));
	const struct json *item = json_pointer(&y.docs[0], SPAN("/list/0"));
	assert_int_equal(yaml_line(item->at), 3);
	assert_int_equal(yaml_column(item->at), 5);
	assert_int_equal(yaml_line(json_gets(item, "b")->at), 3);
	assert_int_equal(yaml_column(json_gets(item, "b")->at), 10);
	assert_int_equal(yaml_line(yaml_key_at(&y, item, 1)), 4);
	assert_int_equal(yaml_column(yaml_key_at(&y, item, 1)), 5);
	assert_int_equal(yaml_column(json_pointer(item, SPAN("/c/1"))->at), 12);
	assert_int_equal(yaml_line(yaml_key_at(&y, &y.docs[1], 0)), 6);
	assert_int_equal(yaml_key_at(&y, item, 2), 0);
	assert_int_equal(yaml_key_at(&y, json_gets(item, "b"), 0), 0);
}

static void
suggestions(void **)
{
	static const struct { const char *a, *b; size_t d; } t[] = {
		{ "", "", 0 }, { "tier", "tirr", 1 }, { "tier", "teir", 1 }, { "tier", "TIER", 0 }, { "kitten", "sitting", 3 }, { "abc", "", 3 }, { "ca", "abc", 3 },
		{ "max_ttl", "maxttl", 1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_int_equal(suggest_distance(span_str(t[i].a), span_str(t[i].b)), t[i].d);
		assert_int_equal(suggest_distance(span_str(t[i].b), span_str(t[i].a)), t[i].d);
	}
	char big[65];
	memset(big, 'a', 65);
	assert_int_equal(suggest_distance(span_make(big, 65), SPAN("a")), SIZE_MAX);
	assert_int_equal(suggest_distance(span_make(big, 64), SPAN("a")), 63);
	struct suggest s = { .given = SPAN("ownr") };
	suggest_offer(&s, SPAN("team"));
	assert_null(s.best.p);
	suggest_offer(&s, SPAN("owned"));
	suggest_offer(&s, SPAN("owner"));
	assert_span(s.best, "owner");
}

int
main(void)
{
	const struct CMUnitTest tests[] = { T(reads), T(refuses), T(limits_hold), T(knows_places), T(suggestions) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
