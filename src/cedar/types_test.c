/* What two types have in common, how types are shown; and the small parts beside them: quoting, suggestions, reports. */
#include "cedar/parse.h"
#include "cedar/quote.h"
#include "cedar/report.h"
#include "cedar/suggest.h"
#include "cedar/types.h"
#include "tests/test.h"

/* Attributes of entity type X give the types: a1 … by name. */
static const char S_schema[] =
	"entity A; entity B; entity C; action go; namespace N { action go2; }"
	"entity X { long: Long, str: String, bool: Bool, ip: ipaddr, dec: decimal, dt: datetime, du: duration, a: A, b: B, act: Action,"
	" sl: Set<Long>, sb: Set<Bool>, sa: Set<A>, sbb: Set<B>, r1: { x: Long, y?: A }, r2: { x: Long, y: A }, r3: { x: Long, z: String },"
	" r4: { x: String, y?: A }, r5: { x: Long, y?: B }, ss: Set<Set<A>>, ssb: Set<Set<B>> };";

static const struct { const char *a, *b, *strict, *permissive; } rows[] = {
	{ "long", "long", "Long", "Long" },
	{ "long", "str", NULL, NULL },
	{ "ip", "ip", "ipaddr", "ipaddr" },
	{ "ip", "dec", NULL, NULL },
	{ "dt", "du", NULL, NULL },
	{ "bool", "bool", "Bool", "Bool" },
	{ "sl", "sl", "Set<Long>", "Set<Long>" },
	{ "sl", "sb", NULL, NULL },
	{ "sl", "long", NULL, NULL },
	{ "a", "a", "A", "A" },
	{ "a", "b", NULL, "A | B" },
	{ "b", "a", NULL, "A | B" },
	{ "a", "act", NULL, "any entity type" },
	{ "sa", "sbb", NULL, "Set<A | B>" },
	{ "ss", "ssb", NULL, "Set<Set<A | B>>" },
	{ "r1", "r1", "{x: Long, y?: A}", "{x: Long, y?: A}" },
	{ "r1", "r2", NULL, "{x: Long, y?: A}" },
	{ "r1", "r3", NULL, "{x: Long, ..}" },
	{ "r1", "r4", NULL, "{y?: A, ..}" },
	{ "r1", "r5", NULL, "{x: Long, y?: A | B}" },
};

static const struct cedar_type *
S_type(const struct cedar_schema *s, const char *name)
{
	const struct cedar_entity_type *x = cedar_schema_entity_type(s, SPAN("X"));
	return cedar_attr_find(x->attrs, x->n_attrs, span_str(name))->type;
}

static void
S_check(const struct cedar_type *t, const char *want, const char *what)
{
	struct buf b;
	buf_init(&b, 2000);
	if (t)
		cedar_type_print(&b, t);
	if (!t != !want || (t && !span_is(buf_span(&b), want)))
		fail_msg("%s: %.*s, want %s", what, SPAN_ARG(buf_span(&b)), want ? want : "nothing");
	buf_fini(&b);
}

static void
joins(void **)
{
	CLEANUP(cedar_schema_unrefp) struct cedar_schema *s = NULL;
	assert_ok(cedar_schema_parse(span_str(S_schema), NULL, &s));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct arena a;
		char what[100];
		arena_init(&a, 1 << 16);
		snprintf(what, sizeof what, "%s, %s", rows[i].a, rows[i].b);
		struct cedar_type_ctx c = { .arena = &a, .strict = true, .fuel = 1000 };
		S_check(cedar_type_lub(&c, S_type(s, rows[i].a), S_type(s, rows[i].b)), rows[i].strict, what);
		c.strict = false;
		S_check(cedar_type_lub(&c, S_type(s, rows[i].a), S_type(s, rows[i].b)), rows[i].permissive, what);
		arena_fini(&a);
	}
}

static void
joins_of_joins(void **)
{
	CLEANUP(cedar_schema_unrefp) struct cedar_schema *s = NULL;
	struct arena a;
	assert_ok(cedar_schema_parse(span_str(S_schema), NULL, &s));
	arena_init(&a, 1 << 16);
	struct cedar_type_ctx c = { .arena = &a, .fuel = 1000 };
	const struct cedar_type *ab = cedar_type_lub(&c, S_type(s, "a"), S_type(s, "b"));
	const struct cedar_type *ba = cedar_type_lub(&c, S_type(s, "b"), S_type(s, "a"));
	const struct cedar_type *any = cedar_type_lub(&c, ab, S_type(s, "act"));
	S_check(cedar_type_lub(&c, ab, ba), "A | B", "same joins");
	S_check(cedar_type_lub(&c, ab, S_type(s, "a")), "A | B", "a join and a part");
	S_check(cedar_type_lub(&c, any, ab), "any entity type", "any");
	S_check(cedar_type_lub(&c, cedar_type_basic(CEDAR_TYPE_NEVER), ab), "A | B", "nothing");
	S_check(cedar_type_lub(&c, ab, cedar_type_basic(CEDAR_TYPE_NEVER)), "A | B", "nothing");
	S_check(cedar_type_lub(&c, cedar_type_basic(CEDAR_TYPE_TRUE), cedar_type_basic(CEDAR_TYPE_FALSE)), "Bool", "true and false");
	assert_false(cedar_type_entities_disjoint(ab, S_type(s, "a")));
	assert_true(cedar_type_entities_disjoint(S_type(s, "b"), S_type(s, "a")));
	assert_false(cedar_type_entities_disjoint(any, S_type(s, "a")));
	assert_false(cedar_type_entities_disjoint(S_type(s, "long"), S_type(s, "a")));
	/* no fuel, no answer */
	c.fuel = 0;
	assert_null(cedar_type_lub(&c, S_type(s, "r1"), S_type(s, "r2")));
	arena_fini(&a);
}

static void
cuts_long_types(void **)
{
	CLEANUP(cedar_schema_unrefp) struct cedar_schema *s = NULL;
	struct buf text, b;
	buf_init(&text, 1 << 16);
	buf_init(&b, 1 << 16);
	buf_put_str(&text, "entity X { r: {");
	for (int i = 0; i < 100; i++)
		buf_printf(&text, "attribute%d: Set<Set<Long>>,", i);
	buf_put_str(&text, "} };");
	assert_ok(cedar_schema_parse(buf_span(&text), NULL, &s));
	buf_put_str(&b, "before ");
	cedar_type_print(&b, S_type(s, "r"));
	assert_int_equal(b.n, 7 + 400);
	assert_true(span_ends(buf_span(&b), SPAN("...")));
	buf_fini(&text);
	buf_fini(&b);
}

static void
quotes(void **)
{
	static const struct { const char *raw; size_t n; const char *quoted, *key; } q[] = {
		{ "abc", 3, "\"abc\"", "abc" },
		{ "", 0, "\"\"", "\"\"" },
		{ "if", 2, "\"if\"", "\"if\"" },
		{ "a b", 3, "\"a b\"", "\"a b\"" },
		{ "\"\\\n\r\t\0\x1b", 7, "\"\\\"\\\\\\n\\r\\t\\0\\u{1b}\"", NULL },
		{ "\xc3\xa9\xe2\x80\xae\xef\xbb\xbf", 8, "\"\xc3\xa9\\u{202e}\\u{feff}\"", NULL },
		{ "\xc2\xad\xe2\x80\x8b\xe2\x81\xa0\xf3\xa0\x80\x81\xc2\x80", 14, "\"\\u{ad}\\u{200b}\\u{2060}\\u{e0001}\\u{80}\"", NULL },
		{ "\xff", 1, "\"\xff\"", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(q); i++) {
		struct buf b;
		buf_init(&b, 1000);
		cedar_put_quoted(&b, span_make(q[i].raw, q[i].n));
		assert_span(buf_span(&b), q[i].quoted);
		buf_reset(&b);
		cedar_put_key(&b, span_make(q[i].raw, q[i].n));
		assert_span(buf_span(&b), q[i].key ? q[i].key : q[i].quoted);
		buf_fini(&b);
	}
}

static void
suggests(void **)
{
	static const struct { const char *want, *candidates[4], *best; } g[] = {
		{ "Usr", { "Group", "User", "Users" }, "User" },
		{ "user", { "User" }, "User" },
		{ "x", { "y" }, "" },
		{ "User", { "User" }, "" },
		{ "abcdef", { "zzzzzz", "abcxyz" }, "" },
		{ "github/creat_isue", { "github/create_issue", "github/close_issue" }, "github/create_issue" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", { "aaa" }, "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(g); i++) {
		struct cedar_suggest s = cedar_suggest_make(span_str(g[i].want));
		char hint[100];
		for (size_t c = 0; c < 4 && g[i].candidates[c]; c++)
			cedar_suggest_offer(&s, span_str(g[i].candidates[c]));
		assert_span(s.best, g[i].best);
		assert_int_equal(cedar_suggest_hint(&s, hint, sizeof hint)[0] != '\0', g[i].best[0] != '\0');
	}
}

static void
reports_are_capped(void **)
{
	struct cedar_report r;
	struct cedar_policy p[2] = { 0 };
	cedar_report_init(&r, 3);
	for (int i = 0; i < 10; i++) {
		struct cedar_finding f = { .kind = i % 2 ? CEDAR_FIND_TYPE : CEDAR_FIND_IMPOSSIBLE, .warning = i % 2 == 0, .policy = &p[i % 2] };
		snprintf(f.diag.what, sizeof f.diag.what, "finding %d", i);
		cedar_report_add(&r, &f);
		cedar_report_add(&r, &f);
	}
	assert_int_equal(r.n, 3);
	/* those beyond the cap are counted; whether they were said before is then not known */
	assert_true(r.errors >= 5 && r.warnings >= 5);
	assert_int_equal(cedar_report_errors_of(&r, &p[1]), 1);
	assert_int_equal(cedar_report_errors_of(&r, &p[0]), 0);
	for (unsigned k = 0; k < CEDAR_FIND_COUNT; k++)
		assert_true(cedar_finding_name(k)[0] != '\0');
	assert_string_equal(cedar_finding_name(CEDAR_FIND_LEVEL), "level");
	cedar_report_fini(&r);
}

TEST_MAIN(T(joins), T(joins_of_joins), T(cuts_long_types), T(quotes), T(suggests), T(reports_are_capped))
