#include "cedar/parse.h"
#include "cedar/toolschema.h"
#include "cedar/validate.h"
#include "tests/test.h"

static const char S_issue[] =
	"{\"type\":\"object\",\"required\":[\"owner\",\"repo\",\"title\",\"ratio\"],\"properties\":{"
	"\"owner\":{\"type\":\"string\"},\"repo\":{\"type\":\"string\"},\"title\":{\"type\":\"string\",\"maxLength\":200},"
	"\"labels\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"number\":{\"type\":[\"integer\"]},"
	"\"draft\":{\"type\":\"boolean\"},\"state\":{\"enum\":[\"open\",\"closed\"]},\"prio\":{\"const\":3},"
	"\"ratio\":{\"type\":\"number\"},\"maybe\":{\"type\":[\"string\",\"null\"]},\"any\":{},"
	"\"free\":{\"type\":\"object\"},\"points\":{\"type\":\"array\",\"items\":{\"type\":\"number\"}},"
	"\"who\":{\"$ref\":\"#/$defs/person\"},\"a/b\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"integer\"}]},"
	"\"tree\":{\"$ref\":\"#/$defs/tree\"}},"
	"\"$defs\":{\"person\":{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{\"name\":{\"type\":\"string\"},"
	"\"age\":{\"type\":\"integer\"}}},\"tree\":{\"type\":\"object\",\"properties\":{\"v\":{\"type\":\"integer\"},"
	"\"kids\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/tree\"}}}}}}";

struct fixture {
	struct arena arena;
	struct cedar_toolschema *ts;
};

static const struct json *
S_json(struct arena *a, const char *text)
{
	const struct json *v = NULL;
	assert_ok(json_parse(span_str(text), NULL, a, &v, NULL));
	return v;
}

static void
S_setup(struct fixture *f, bool untyped)
{
	static const span repo[] = { { (const uint8_t *)"Repo", 4 } };
	struct cedar_diag d = { 0 };
	arena_init(&f->arena, 1 << 24);
	f->ts = NULL;
	struct cedar_tool tools[] = {
		{ SPAN("github"), SPAN("create_issue"), SPAN("write"), S_json(&f->arena, S_issue), untyped, repo, 1 },
		{ SPAN("files"), SPAN("read_file"), SPAN("read"),
		  S_json(&f->arena, "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"}},\"required\":[\"path\"]}"), false, NULL, 0 },
		{ SPAN("files"), SPAN("list_roots"), SPAN("read"), NULL, false, NULL, 0 },
	};
	const span servers[] = { SPAN("mail"), SPAN("files") }, kinds[] = { SPAN("Path") };
	status st = cedar_toolschema_new(tools, ARRAY_LEN(tools), servers, ARRAY_LEN(servers), kinds, ARRAY_LEN(kinds), &d, &f->ts);
	if (failed(st))
		fail_msg("%s: %s", error_name(st.code), d.what);
}

static void
S_teardown(struct fixture *f)
{
	f->ts = cedar_toolschema_unref(f->ts);
	arena_fini(&f->arena);
}

static bool
S_valid(const struct cedar_schema *s, const char *text, char *what, size_t n)
{
	struct cedar_ast *ast;
	struct cedar_report r;
	assert_ok(cedar_parse_policies(span_str(text), (span){ 0 }, 0, NULL, &ast, NULL));
	cedar_report_init(&r, 0);
	assert_ok(cedar_validate(s, ast, NULL, &r));
	snprintf(what, n, "%s", r.n ? r.items[0].diag.what : "");
	bool ok = r.errors == 0 && r.warnings == 0;
	cedar_report_fini(&r);
	cedar_ast_unref(ast);
	return ok;
}

static void
types_policies(void **)
{
	static const struct { bool ok; const char *text; } rows[] = {
		{ true, "permit(principal, action == Action::\"github/create_issue\", resource) when { context.input.owner == \"acme\" };" },
		{ true, "permit(principal is Agent in Team::\"ops\", action in Action::\"server:github\", resource in Repo::\"acme/web\");" },
		{ true, "forbid(principal, action in Action::\"effect:write\", resource) unless { context.task.environment == \"dev\" };" },
		{ true, "permit(principal, action in Action::\"all\", resource) when { principal.tier == \"gold\" && context.now < datetime(\"2030-01-01\") };" },
		{ true, "permit(principal, action in Action::\"server:files\", resource is Tool in Server::\"files\") when { resource.sensitivity < 2 };" },
		{ true, "permit(principal, action == Action::\"github/create_issue\", resource) when { context.input has labels && context.input.labels.contains(\"bug\") };" },
		{ true, "permit(principal, action == Action::\"github/create_issue\", resource) when { context.input has number && context.input.number > 3 };" },
		{ true, "permit(principal, action == Action::\"github/create_issue\", resource) when { context.input has who.age && context.input.who.age > 3 && context.input.who.name like \"a*\" };" },
		{ true, "permit(principal, action == Action::\"github/create_issue\", resource) when { context.approval.granted && context.approval.by.contains(\"kim\") && context.channel.attested && context.risk < 3 };" },
		{ true, "permit(principal, action == Action::\"github/create_issue\", resource) when { context.input has state && context.input.state == \"open\" && context.input has prio && context.input.prio == 3 };" },
		{ false, "permit(principal, action == Action::\"github/create_isue\", resource);" },
		{ false, "permit(principal, action == Action::\"github/create_issue\", resource) when { context.input.onwer == \"acme\" };" },
		{ false, "permit(principal, action == Action::\"github/create_issue\", resource) when { context.input.labels.contains(\"bug\") };" },
		{ false, "permit(principal, action == Action::\"github/create_issue\", resource) when { context.input.ratio == 1 };" },
		{ false, "permit(principal, action == Action::\"github/create_issue\", resource is Tool);" },
		{ false, "permit(principal, action == Action::\"files/read_file\", resource is Repo);" },
		{ false, "permit(principal, action in Action::\"server:nope\", resource);" },
		{ false, "permit(principal, action in Action::\"server:mail\", resource);" },
		{ false, "permit(principal, action, resource) when { context.input.owner == \"acme\" };" },
	};
	struct fixture f;
	S_setup(&f, false);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char what[240];
		if (S_valid(cedar_toolschema_schema(f.ts), rows[i].text, what, sizeof what) != rows[i].ok)
			fail_msg("%s: %s", rows[i].text, what);
	}
	S_teardown(&f);
}

static void
reports_what_it_can_not_type(void **)
{
	static const char *const want[] = { "/ratio", "/maybe", "/any", "/free", "/points/*", "/points", "/a~1b" };
	for (int untyped = 0; untyped < 2; untyped++) {
		struct fixture f;
		size_t n, found = 0, recursive = 0;
		S_setup(&f, untyped);
		const struct cedar_tool_gap *gaps = cedar_toolschema_gaps(f.ts, &n);
		for (size_t i = 0; i < n; i++) {
			assert_span(gaps[i].server, "github");
			assert_span(gaps[i].name, "create_issue");
			for (size_t j = 0; j < ARRAY_LEN(want); j++)
				found += span_is(gaps[i].pointer, want[j]);
			recursive += span_starts(gaps[i].pointer, SPAN("/tree/kids/"));
		}
		assert_int_equal(found, ARRAY_LEN(want));
		assert_true(recursive >= 1);
		char what[240];
		/* with a reviewer's word it is text; without, it is not there */
		assert_int_equal(S_valid(cedar_toolschema_schema(f.ts),
		                         "permit(principal, action == Action::\"github/create_issue\", resource) when { context.input.ratio == \"1.5\" };",
		                         what, sizeof what), untyped);
		S_teardown(&f);
	}
}

/* An input schema, the type of context.input it gives (and with a reviewer's word), and the reason of the first gap. */
static const struct { const char *input, *type, *untyped, *reason; } inputs[] = {
	{ "{}", "{}", "{}", "a schema without a type" },
	{ "true", "{}", "{}", "a schema without a type" },
	{ "{\"type\":\"string\"}", "{}", "{}", "an input that is not an object" },
	{ "{\"type\":\"object\"}", "{}", "{}", NULL },
	{ "{\"properties\":{\"a\":{\"type\":\"integer\"}}}", "{a?: Long}", "{a?: Long}", NULL },
	{ "{\"type\":[\"object\"],\"properties\":{\"a\":{\"type\":[\"boolean\"]}},\"required\":[\"a\",3,\"b\"]}", "{a: Bool}", "{a: Bool}", NULL },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"}}}", "{}", "{a?: String}", "null" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"uuid\"}}}", "{}", "{a?: String}", "an unknown type" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":3}}}", "{}", "{a?: String}", "a schema without a type" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":false}}", "{}", "{a?: String}", "a schema without a type" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"enum\":[\"x\",\"y\"]},\"b\":{\"enum\":[true,false]},\"c\":{\"enum\":[1,2]}}}", "{a?: String, b?: Bool, c?: Long}", "{a?: String, b?: Bool, c?: Long}", NULL },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"enum\":[\"x\",1]}}}", "{}", "{a?: String}", "an enumeration of mixed or untyped values" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"enum\":[]}}}", "{}", "{a?: String}", "an enumeration of mixed or untyped values" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"enum\":[1.5]},\"b\":{\"const\":null}}}", "{}", "{a?: String, b?: String}", "an enumeration of mixed or untyped values" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"const\":true}}}", "{a?: Bool}", "{a?: Bool}", NULL },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\"}}}", "{}", "{a?: String}", "an array whose elements the schema does not type" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"prefixItems\":[]}}}", "{}", "{a?: String}", "a tuple" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"items\":[{}]}}}", "{}", "{a?: String}", "a tuple" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}}}", "{a?: Set<Set<String>>}", "{a?: Set<Set<String>>}", NULL },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"f\":{\"type\":\"number\"},\"g\":{\"type\":\"string\"}}}}}}", "{a?: Set<{g?: String}>}", "{a?: Set<{g?: String}>}", "a number that may have a fraction" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"object\",\"additionalProperties\":false}}}", "{a?: {}}", "{a?: {}}", NULL },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}}}", "{}", "{a?: String}", "an object whose members the schema does not name" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/x\"},\"b\":{\"$ref\":\"http://x\"},\"c\":{\"$ref\":3}}}", "{}", "{a?: String, b?: String, c?: String}", "a reference to nothing" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/properties/a\"}}}", "{}", "{a?: String}", "nested too deeply, or in itself" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"oneOf\":[{\"type\":\"string\"}]}}}", "{}", "{a?: String}", "a union of types" },
	{ "{\"type\":\"object\",\"properties\":{\"a~/b\":{},\"if\":{\"type\":\"string\"},\"\":{\"type\":\"string\"}}}", "{?: String, if?: String}", "{?: String, a~/b?: String, if?: String}", "a schema without a type" },
};

static void
types_inputs(void **)
{
	for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
		for (int untyped = 0; untyped < 2; untyped++) {
			struct arena a;
			CLEANUP(cedar_toolschema_unrefp) struct cedar_toolschema *ts = NULL;
			struct cedar_diag d = { 0 };
			struct buf b;
			size_t gaps;
			arena_init(&a, 1 << 20);
			buf_init(&b, 2000);
			struct cedar_tool t = { SPAN("s"), SPAN("t"), SPAN("read"), S_json(&a, inputs[i].input), untyped, NULL, 0 };
			status st = cedar_toolschema_new(&t, 1, NULL, 0, NULL, 0, &d, &ts);
			if (failed(st))
				fail_msg("%s: %s", inputs[i].input, d.what);
			const struct cedar_action *act = cedar_schema_action(cedar_toolschema_schema(ts), SPAN("Action"), SPAN("s/t"));
			cedar_type_print(&b, cedar_attr_find(act->context->attrs, act->context->n, SPAN("input"))->type);
			if (!span_is(buf_span(&b), untyped ? inputs[i].untyped : inputs[i].type))
				fail_msg("%s: %.*s", inputs[i].input, SPAN_ARG(buf_span(&b)));
			const struct cedar_tool_gap *g = cedar_toolschema_gaps(ts, &gaps);
			if (!inputs[i].reason != !gaps || (gaps && strcmp(g[0].reason, inputs[i].reason)))
				fail_msg("%s: %s", inputs[i].input, gaps ? g[0].reason : "no gap");
			struct cedar_toolschema *also = cedar_toolschema_ref(ts);
			cedar_toolschema_unref(also);
			buf_fini(&b);
			arena_fini(&a);
		}
	}
}

static void
makes_records(void **)
{
	struct fixture f;
	const struct cedar_record *r = NULL;
	S_setup(&f, true);
	const struct json *args = S_json(&f.arena, "{\"owner\":\"acme\",\"repo\":\"web\",\"title\":\"x\",\"labels\":[\"b\",\"a\",\"b\"],\"number\":7,"
		"\"ratio\":1.50,\"extra\":1,\"who\":{\"name\":\"kim\",\"x\":2},\"draft\":true,\"maybe\":null}");
	assert_ok(cedar_toolschema_input(f.ts, SPAN("github"), SPAN("create_issue"), args, &f.arena, &r, NULL));
	assert_int_equal(r->n, 9);
	assert_null(cedar_record_get(r, SPAN("extra")));
	assert_span(cedar_string_span(*cedar_record_get(r, SPAN("ratio"))), "1.5");
	assert_span(cedar_string_span(*cedar_record_get(r, SPAN("maybe"))), "null");
	assert_int_equal(cedar_record_get(r, SPAN("number"))->i, 7);
	assert_int_equal(cedar_record_get(r, SPAN("labels"))->set->n, 2);
	assert_int_equal(cedar_record_get(r, SPAN("who"))->record->n, 1);
	assert_ok(cedar_toolschema_input(f.ts, SPAN("files"), SPAN("list_roots"), NULL, &f.arena, &r, NULL));
	assert_int_equal(r->n, 0);
	assert_fails(cedar_toolschema_input(f.ts, SPAN("files"), SPAN("rm"), NULL, &f.arena, &r, NULL), E_TOOL_UNKNOWN);

	static const struct { const char *args, *what; } bad[] = {
		{ "{}", "argument `path` is missing" },
		{ "{\"path\":1}", "argument `path` must be a string" },
		{ "[]", "the arguments must be an object" },
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct cedar_diag d = { 0 };
		assert_fails(cedar_toolschema_input(f.ts, SPAN("files"), SPAN("read_file"), S_json(&f.arena, bad[i].args), &f.arena, &r, &d), E_BAD_ARGUMENTS);
		assert_string_equal(d.what, bad[i].what);
	}
	static const char *const wrong[] = {
		"\"labels\":\"x\"", "\"labels\":[1]", "\"draft\":1", "\"who\":[]", "\"who\":{\"name\":1}", "\"who\":{}", "\"state\":null",
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char text[200];
		snprintf(text, sizeof text, "{\"owner\":\"a\",\"repo\":\"b\",\"title\":\"c\",\"ratio\":1,%s}", wrong[i]);
		assert_fails(cedar_toolschema_input(f.ts, SPAN("github"), SPAN("create_issue"), S_json(&f.arena, text), &f.arena, &r, NULL), E_BAD_ARGUMENTS);
	}
	static const char *const numbers[] = { "1.0", "1.5", "9223372036854775808", "\"7\"", "null", "1e3" };
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		char text[200];
		snprintf(text, sizeof text, "{\"owner\":\"a\",\"repo\":\"b\",\"title\":\"c\",\"ratio\":1,\"number\":%s}", numbers[i]);
		assert_fails(cedar_toolschema_input(f.ts, SPAN("github"), SPAN("create_issue"), S_json(&f.arena, text), &f.arena, &r, NULL), E_BAD_ARGUMENTS);
	}
	S_teardown(&f);
}

static void
refuses_bad_catalogues(void **)
{
	const span action[] = { SPAN("Action") }, tool[] = { SPAN("Tool") }, blank[] = { SPAN("a b") };
	struct cedar_toolschema *ts = NULL;
	const struct { struct cedar_tool t; } rows[] = {
		{ { SPAN("s"), SPAN("t"), SPAN("writes"), NULL, false, NULL, 0 } },
		{ { SPAN("s"), SPAN("t"), SPAN("read"), NULL, false, action, 1 } },
		{ { SPAN("s"), SPAN("t"), SPAN("read"), NULL, false, tool, 1 } },
		{ { SPAN("s"), SPAN("t"), SPAN("read"), NULL, false, blank, 1 } },
		{ { SPAN("s/x"), SPAN("t"), SPAN("read"), NULL, false, NULL, 0 } },
		{ { SPAN(""), SPAN("t"), SPAN("read"), NULL, false, NULL, 0 } },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_fails(cedar_toolschema_new(&rows[i].t, 1, NULL, 0, NULL, 0, NULL, &ts), E_BAD_SCHEMA);
	struct cedar_tool twice[] = {
		{ SPAN("s"), SPAN("t"), SPAN("read"), NULL, false, NULL, 0 }, { SPAN("s"), SPAN("t"), SPAN("write"), NULL, false, NULL, 0 },
	};
	assert_fails(cedar_toolschema_new(twice, 2, NULL, 0, NULL, 0, NULL, &ts), E_BAD_SCHEMA);
	assert_ok(cedar_toolschema_new(NULL, 0, NULL, 0, NULL, 0, NULL, &ts));
	cedar_toolschema_unref(ts);
}

static void
can_be_written_and_read(void **)
{
	struct fixture f;
	struct buf b;
	struct cedar_schema *again = NULL;
	S_setup(&f, false);
	buf_init(&b, 1 << 22);
	assert_ok(cedar_schema_to_cedar(cedar_toolschema_schema(f.ts), &b));
	assert_ok(cedar_schema_parse(buf_span(&b), NULL, &again));
	assert_non_null(cedar_schema_action(again, SPAN("Action"), SPAN("github/create_issue")));
	again = cedar_schema_unref(again);
	buf_reset(&b);
	cedar_schema_to_json(cedar_toolschema_schema(f.ts), &b);
	assert_ok(cedar_schema_parse_json(buf_span(&b), NULL, &again));
	cedar_schema_unref(again);
	buf_fini(&b);
	S_teardown(&f);
}

TEST_MAIN(T(types_policies), T(reports_what_it_can_not_type), T(types_inputs), T(makes_records), T(refuses_bad_catalogues), T(can_be_written_and_read))
