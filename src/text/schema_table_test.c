#include "tests/test.h"

#include "text/schema_table.h"
#include "text/time.h"

struct rule {
	span path;
	int64_t value;
};

struct tier {
	span name;
	int64_t max_depth, max_ttl;
	int audit;
	bool loud, loud_given;
	struct rule first;
	struct schema_list tools, rules;
	const struct json *extra;
};

static const struct schema_field rule_fields[] = {
	{ "path", SCHEMA_STR, SCHEMA_AT(struct rule, path), .required = true },
	{ "value", SCHEMA_INT, SCHEMA_AT(struct rule, value), .min = -5, .max = 5 },
};
static const struct rule rule_init = { .value = 3 };
static const struct schema rule_schema = { .name = "rule", .fields = rule_fields, .n = 2, .size = sizeof(struct rule), .init = &rule_init };
static const struct schema_field tier_fields[] = {
	{ "name", SCHEMA_STR, SCHEMA_AT(struct tier, name), .required = true, .max = 8, .doc = "what people call it" },
	{ "max_depth", SCHEMA_INT, SCHEMA_AT(struct tier, max_depth), .max = 9 },
	{ "max_ttl", SCHEMA_DURATION, SCHEMA_AT(struct tier, max_ttl), .min = TIME_SECOND, .max = 7200 * TIME_SECOND },
	{ "audit", SCHEMA_WORD, SCHEMA_AT(struct tier, audit), .words = (const char *const[]){ "durable", "buffered", NULL } },
	{ "loud", SCHEMA_BOOL, SCHEMA_AT(struct tier, loud), .has = SCHEMA_HAS(struct tier, loud_given) },
	{ "first", SCHEMA_OBJ, SCHEMA_AT(struct tier, first), .sub = &rule_schema },
	{ "tools", SCHEMA_STRS, SCHEMA_AT(struct tier, tools), .min = 1, .max = 3 },
	{ "rules", SCHEMA_OBJS, SCHEMA_AT(struct tier, rules), .sub = &rule_schema },
	{ "extra", SCHEMA_TREE, SCHEMA_AT(struct tier, extra) },
};
static const struct schema tier_schema = SCHEMA(struct tier, tier_fields, "tier");

static struct arena arena;
static struct buf err;

static int
setup(void **)
{
	arena_init(&arena, 1 << 20);
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

static status
read_tier(const char *text, bool from_yaml, struct tier *t)
{
	struct yaml y;
	buf_reset(&err);
	assert_ok(yaml_parse(span_str(text), "ambit.yaml", &arena, &y, &err));
	return schema_read(&tier_schema, &y.docs[0], from_yaml ? &y : NULL, &arena, t, &err);
}

static void
fills_the_struct(void **)
{
	struct tier t = { .max_depth = 7, .audit = 42 };
	assert_ok(read_tier("name: gold\nmax_ttl: 15m\naudit: buffered\nloud: true\nfirst: {path: /a}\ntools: [x, y]\nrules:\n  - path: /b\n  - {path: /c, value: -5}\nextra: [1]\n", true, &t));
	assert_span(t.name, "gold");
	assert_int_equal(t.max_depth, 7);
	assert_int_equal(t.max_ttl, 900 * TIME_SECOND);
	assert_int_equal(t.audit, 1);
	assert_true(t.loud && t.loud_given);
	assert_span(t.first.path, "/a");
	assert_int_equal(t.tools.n, 2);
	assert_span(((span *)t.tools.items)[1], "y");
	const struct rule *r = t.rules.items;
	assert_int_equal(t.rules.n, 2);
	assert_int_equal(r[0].value, 3);
	assert_int_equal(r[1].value, -5);
	assert_int_equal(t.extra->arr.n, 1);
	t = (struct tier){ .audit = 42 };
	assert_ok(read_tier("name: a\nmax_depth: 0\n", true, &t));
	assert_true(!t.loud_given && t.audit == 42);
}

static void
says_what_is_wrong(void **)
{
	static const struct { const char *text, *err; } t[] = {
		{ "name: a\ntirr: 1\n", "ambit.yaml:2:1: unknown key \"tirr\"\n" },
		{ "name: a\naudti: durable\n", "ambit.yaml:2:1: unknown key \"audti\", did you mean \"audit\"?\n" },
		{ "name: a\nfirst:\n  pth: x\n", "ambit.yaml:3:3: unknown key \"pth\", did you mean \"path\"?\nambit.yaml:3:3: rule: path is missing\n" },
		{ "max_depth: 1\n", "ambit.yaml:1:1: tier: name is missing\n" },
		{ "name: 5\n", "ambit.yaml:1:7: name must be a string, not integer\n" },
		{ "name: ninechars\n", "ambit.yaml:1:7: name must be at most 8 bytes long\n" },
		{ "name: a\nmax_depth: 10\n", "ambit.yaml:2:12: max_depth must be from 0 to 9\n" },
		{ "name: a\nmax_depth: -1\n", "ambit.yaml:2:12: max_depth must be from 0 to 9\n" },
		{ "name: a\nmax_depth: 1.5\n", "ambit.yaml:2:12: max_depth must be an integer, not string\n" },
		{ "name: a\nmax_ttl: 3h\n", "ambit.yaml:2:10: max_ttl must be from 1s to 2h\n" },
		{ "name: a\nmax_ttl: 15\n", "ambit.yaml:2:10: max_ttl must be a duration such as 90s, 15m, 2h or 7d\n" },
		{ "name: a\naudit: bufered\n", "ambit.yaml:2:8: audit must be one of durable, buffered; did you mean \"buffered\"?\n" },
		{ "name: a\naudit: true\n", "ambit.yaml:2:8: audit must be one of durable, buffered\n" },
		{ "name: a\nloud: yes\n", "ambit.yaml:2:7: loud must be true or false, not string\n" },
		{ "name: a\nfirst: []\n", "ambit.yaml:2:8: rule must be a mapping, not array\n" },
		{ "name: a\ntools: []\n", "ambit.yaml:2:8: tools must be from 1 to 3 items\n" },
		{ "name: a\ntools: x\n", "ambit.yaml:2:8: tools must be a list, not string\n" },
		{ "name: a\ntools: [x, 5]\n", "ambit.yaml:2:12: tools must be a list of strings, not integer\n" },
		{ "- a\n", "ambit.yaml:1:1: tier must be a mapping, not array\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct tier x = { 0 };
		assert_fails(read_tier(t[i].text, true, &x), E_BAD_CONFIG);
		assert_span(buf_span(&err), t[i].err);
	}
	struct tier x = { 0 };
	assert_fails(read_tier("name: a\nrules: [{path: x}, {path: y, value: 6}, {}]\n", false, &x), E_BAD_CONFIG);
	assert_span(buf_span(&err), "/rules/1/value: value must be from -5 to 5\n/rules/2: rule: path is missing\n");
}

static void
stops_telling(void **)
{
	struct tier x = { 0 };
	CLEANUP(buf_fini) struct buf b;
	const char *text;
	buf_init(&b, 10000);
	buf_put_str(&b, "name: a\n");
	for (int i = 0; i < 25; i++)
		buf_printf(&b, "zzzzz%d: 1\n", i);
	assert_ok(buf_finish_str(&b, &text));
	assert_fails(read_tier(text, true, &x), E_BAD_CONFIG);
	assert_true(span_ends(buf_span(&err), SPAN("unknown key \"zzzzz19\"\n5 more\n")));
}

static void
documents_itself(void **)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 10000);
	schema_doc(&tier_schema, &b);
	assert_true(span_starts(buf_span(&b), SPAN("| key | kind | meaning |\n|---|---|---|\n| `name` (required) | text, at most 8 | what people call it |\n")));
	assert_non_null(memmem(b.p, b.n, "| `audit` | one of `durable`, `buffered` |", 42));
	assert_non_null(memmem(b.p, b.n, "| `max_ttl` | duration, from 1s to 2h |", 39));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { T(fills_the_struct), T(says_what_is_wrong), T(stops_telling), T(documents_itself) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
