/* The JSON forms: what is read, what is refused and where. */
#include "tests/test.h"

#include "cedar/entities_json.h"
#include "cedar/est.h"
#include "cedar/schema.h"

static void
values(void **)
{
	/* JSON, and how it is written again (NULL: refused). */
	static const struct { const char *in, *out; } cases[] = {
		{ "true", "true" }, { "9223372036854775807", "9223372036854775807" }, { "-9223372036854775808", "-9223372036854775808" },
		{ "9223372036854775808", NULL }, { "1.0", NULL }, { "1e3", NULL }, { "null", NULL }, { "[null]", NULL }, { "\"\\u0000\"", "\"\\u0000\"" },
		{ "[2,1,2]", NULL /* order is free; below */ }, { "{\"a\":{}}", "{\"a\":{}}" }, { "{\"a\":1,\"a\":1}", NULL },
		{ "{\"__entity\":{\"type\":\"A\",\"id\":\"x\",\"more\":1}}", "{\"__entity\":{\"type\":\"A\",\"id\":\"x\"}}" },
		{ "{\"__entity\":{\"type\":\"A\"}}", "{\"__entity\":{\"type\":\"A\"}}" }, { "{\"__entity\":1}", "{\"__entity\":1}" },
		{ "{\"__entity\":{\"type\":\"A \",\"id\":\"x\"}}", NULL }, { "{\"__entity\":{\"type\":\"if\",\"id\":\"x\"}}", NULL },
		{ "{\"__extn\":{\"fn\":\"ip\",\"arg\":\"1.2.3.4\"}}", "{\"__extn\":{\"fn\":\"ip\",\"arg\":\"1.2.3.4\"}}" },
		{ "{\"__extn\":{\"fn\":\"decimal\",\"args\":[\"1.50\"]}}", "{\"__extn\":{\"fn\":\"decimal\",\"arg\":\"1.5\"}}" },
		{ "{\"__extn\":{\"fn\":\"ip\",\"arg\":\"1.2.3\"}}", NULL }, { "{\"__extn\":{\"fn\":\"nope\",\"arg\":\"1\"}}", NULL },
		{ "{\"__extn\":{\"fn\":\"ip\",\"args\":[]}}", NULL }, { "{\"__extn\":{\"fn\":1,\"arg\":\"1\"}}", "{\"__extn\":{\"arg\":\"1\",\"fn\":1}}" },
		{ "{\"__extn\":{\"fn\":\"offset\",\"args\":[{\"__extn\":{\"fn\":\"datetime\",\"arg\":\"1970-01-01\"}},{\"__extn\":{\"fn\":\"duration\",\"arg\":\"1s\"}}]}}",
		  "{\"__extn\":{\"fn\":\"datetime\",\"arg\":\"1970-01-01T00:00:01.000Z\"}}" },
		{ "{\"__extn\":{\"fn\":\"offset\",\"args\":[{\"__extn\":{\"fn\":\"datetime\",\"arg\":\"1970-01-01\"}},{\"__extn\":{\"fn\":\"duration\",\"arg\":\"9223372036854775807ms\"}}]}}",
		  "{\"__extn\":{\"fn\":\"offset\",\"args\":[{\"__extn\":{\"fn\":\"datetime\",\"arg\":\"1970-01-01\"}},{\"__extn\":{\"fn\":\"duration\",\"arg\":\"9223372036854775807ms\"}}]}}" },
		{ "{\"__extn\":{\"fn\":\"ip\",\"arg\":\"1.2.3.4\",\"x\":1.5}}", NULL }, { "{\"__expr\":\"1\"}", NULL }, { "{\"__expr\":1}", "{\"__expr\":1}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena a;
		struct buf b;
		const struct json *v;
		struct cedar_value value;
		struct cedar_diag d;
		arena_init(&a, 1u << 20);
		buf_init(&b, 10000);
		status s = cedar_json_parse(span_str(cases[i].in), 0, &a, &v, &d);
		if (!failed(s))
			s = cedar_value_from_json(v, NULL, &a, &value, &d);
		if (strcmp(cases[i].in, "[2,1,2]") == 0) {
			assert_ok(s);
			assert_int_equal(value.set->n, 2);
		} else if (failed(s) != !cases[i].out) {
			fail_msg("%s: %s", cases[i].in, failed(s) ? d.what : "accepted");
		} else if (!failed(s)) {
			struct json_writer w = json_w(&b);
			cedar_value_to_json(&w, value);
			assert_span(buf_span(&b), cases[i].out);
		}
		buf_fini(&b);
		arena_fini(&a);
	}
}

static const char schema_text[] =
	"entity G; entity E enum [\"x\", \"y\"];"
	"entity U in [G] { n: Long, o?: String, ip?: ipaddr, u?: U, s?: Set<U>, r?: { d: datetime, b?: Bool }, e?: E } tags decimal;"
	"action v in [grp] appliesTo { principal: U, resource: U, context: { ip?: ipaddr, u?: U } }; action grp;";

static void
typed_entities(void **)
{
	static const struct { const char *rest, *why; } cases[] = {
		{ "\"attrs\":{\"n\":1},\"parents\":[]", NULL },
		{ "\"attrs\":{\"n\":1,\"u\":{\"type\":\"U\",\"id\":\"z\"},\"s\":[{\"type\":\"U\",\"id\":\"z\"},{\"__entity\":{\"type\":\"U\",\"id\":\"z\"}}]},\"parents\":[]", NULL },
		{ "\"attrs\":{\"n\":1,\"ip\":\"1.2.3.4\",\"r\":{\"d\":{\"fn\":\"datetime\",\"arg\":\"2024-01-01\"},\"b\":true}},\"parents\":[]", NULL },
		{ "\"attrs\":{\"n\":1,\"ip\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\"}}},\"parents\":[{\"type\":\"G\",\"id\":\"g\"}],\"tags\":{\"a\":\"1.0\"},\"extra\":1", NULL },
		{ "\"attrs\":{\"n\":1,\"ip\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\"},\"more\":1}},\"parents\":[]", NULL },
		{ "\"attrs\":{\"n\":1,\"e\":{\"type\":\"E\",\"id\":\"x\"}},\"parents\":[]", NULL },
		{ "\"attrs\":{},\"parents\":[]", "\"n\" is missing" },
		{ "\"attrs\":{\"n\":\"1\"},\"parents\":[]", "expected long" },
		{ "\"attrs\":{\"n\":1,\"zz\":1},\"parents\":[]", "not in the schema" },
		{ "\"attrs\":{\"n\":1,\"ip\":\"1.2.3\"},\"parents\":[]", "not an IP" },
		{ "\"attrs\":{\"n\":1,\"ip\":{\"__extn\":{\"fn\":\"decimal\",\"arg\":\"1.0\"}}},\"parents\":[]", "expected ipaddr" },
		{ "\"attrs\":{\"n\":1,\"ip\":1},\"parents\":[]", "expected ipaddr" },
		{ "\"attrs\":{\"n\":1,\"u\":{\"type\":\"G\",\"id\":\"z\"}},\"parents\":[]", "entity of type U" },
		{ "\"attrs\":{\"n\":1,\"u\":\"z\"},\"parents\":[]", "the name of an entity" },
		{ "\"attrs\":{\"n\":1,\"s\":{}},\"parents\":[]", "a set" },
		{ "\"attrs\":{\"n\":1,\"r\":{\"b\":true}},\"parents\":[]", "\"d\" is missing" },
		{ "\"attrs\":{\"n\":1,\"r\":[]},\"parents\":[]", "a record" },
		{ "\"attrs\":{\"n\":1,\"e\":{\"type\":\"E\",\"id\":\"z\"}},\"parents\":[]", "" },
		{ "\"attrs\":{\"n\":1},\"parents\":[],\"tags\":{\"a\":1}", "expected decimal" },
		{ "\"attrs\":{\"n\":1},\"parents\":[{\"type\":\"U\",\"id\":\"g\"}]", "" },
		{ "\"attrs\":{\"n\":1},\"parents\":{}", "must be an array" },
		{ "\"attrs\":[],\"parents\":[]", "must be an object" },
		{ "\"attrs\":{\"n\":1}", "\"parents\" is missing" },
		{ "\"parents\":[]", "\"attrs\" is missing" },
	};
	struct cedar_schema *schema;
	struct cedar_diag d;
	assert_ok(cedar_schema_parse(span_str(schema_text), &d, &schema));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[600];
		struct cedar_entities *s = cedar_entities_new(1);
		snprintf(text, sizeof text, "[\n{\"uid\":{\"type\":\"U\",\"id\":\"a\"},%s}]", cases[i].rest);
		status st = cedar_entities_parse(s, span_str(text), schema, &d);
		if (failed(st) != (cases[i].why != NULL) || (failed(st) && !strstr(d.what, cases[i].why)))
			fail_msg("%s: %s", cases[i].rest, failed(st) ? d.what : "accepted");
		cedar_entities_free(s);
	}
	cedar_schema_unref(schema);
}

static void
whole_entity_files(void **)
{
#define U(id, rest) "{\"uid\":{\"type\":\"U\",\"id\":\"" id "\"},\"attrs\":{" rest "}"
	static const struct { const char *text; bool schema; const char *why; uint32_t line; } cases[] = {
		{ "[]", false, NULL },
		{ "[" U("a", "") ",\"parents\":[]}]", false, NULL },
		{ "[" U("a", "\"x\":1") ",\"parents\":[]}," U("a", "\"x\":1") ",\"parents\":[]}]", false, NULL },
		{ "[" U("a", "") ",\"parents\":[]},\n" U("a", "\"x\":1") ",\"parents\":[]}]", false, "differs", 2 },
		{ "[" U("a", "") ",\"parents\":[]}," U("a", "") ",\"parents\":[{\"type\":\"U\",\"id\":\"b\"}]}]", false, "differs", 1 },
		{ "[" U("a", "") ",\"parents\":[{\"type\":\"U\",\"id\":\"a\"}]}]", false, "lead back", 0 },
		{ "[" U("a", "") ",\"parents\":[{\"type\":\"U\",\"id\":\"b\"}]}," U("b", "") ",\"parents\":[{\"type\":\"U\",\"id\":\"a\"}]}]", false, "lead back", 0 },
		{ "{}", false, "must be an array", 1 },
		{ "[1]", false, "must be an object", 1 },
		{ "[{\"uid\":\"U::a\",\"attrs\":{},\"parents\":[]}]", false, "name of an entity", 1 },
		{ "[{\"uid\":{\"type\":\"Action\",\"id\":\"a\"},\"attrs\":{},\"parents\":[{\"type\":\"U\",\"id\":\"x\"}]}]", false, "only actions", 1 },
		{ "[{\"uid\":{\"type\":\"Action\",\"id\":\"v\"},\"attrs\":{},\"parents\":[{\"type\":\"Action\",\"id\":\"grp\"}]}]", true, NULL },
		{ "[{\"uid\":{\"type\":\"Action\",\"id\":\"v\"},\"attrs\":{},\"parents\":[]}]", true, "", 0 },
		{ "[{\"uid\":{\"type\":\"Action\",\"id\":\"w\"},\"attrs\":{},\"parents\":[]}]", true, "", 0 },
		{ "[{\"uid\":{\"type\":\"Nope\",\"id\":\"w\"},\"attrs\":{},\"parents\":[]}]", true, "not in the schema", 1 },
		{ "[{\"uid\":{\"type\":\"E\",\"id\":\"x\"},\"attrs\":{},\"parents\":[]}]", true, NULL },
		{ "[{\"uid\":{\"type\":\"E\",\"id\":\"z\"},\"attrs\":{},\"parents\":[]}]", true, "", 0 },
		{ "[{\"uid\":{\"type\":\"E\",\"id\":\"x\"},\"attrs\":{},\"parents\":[{\"type\":\"G\",\"id\":\"z\"}]}]", true, "", 0 },
		{ "[{\"uid\":{\"type\":\"G\",\"id\":\"x\"},\"attrs\":{},\"parents\":[],\"tags\":{\"a\":1}}]", true, "tags", 1 },
		{ "[\n  {]", false, "", 2 },
	};
	struct cedar_schema *schema;
	struct cedar_diag d;
	assert_ok(cedar_schema_parse(span_str(schema_text), &d, &schema));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cedar_entities *s = cedar_entities_new(1);
		status st = cedar_entities_parse(s, span_str(cases[i].text), cases[i].schema ? schema : NULL, &d);
		if (failed(st) != (cases[i].why != NULL) || (failed(st) && !strstr(d.what, cases[i].why)))
			fail_msg("%s: %s", cases[i].text, failed(st) ? d.what : "accepted");
		if (failed(st) && cases[i].line && d.line != cases[i].line)
			fail_msg("%s: line %u", cases[i].text, d.line);
		cedar_entities_free(s);
	}
	/* The schema's actions are there without being given. */
	struct cedar_entities *s = cedar_entities_new(1);
	struct cedar_uid v, grp;
	cedar_uid_init(&v, SPAN("Action"), SPAN("v"));
	cedar_uid_init(&grp, SPAN("Action"), SPAN("grp"));
	assert_ok(cedar_entities_parse(s, SPAN("[]"), schema, &d));
	assert_true(cedar_entity_has_ancestor(cedar_entities_find(s, &v), &grp));
	cedar_entities_free(s);
	cedar_schema_unref(schema);
}

static void
requests(void **)
{
#define REST ",\"action\":{\"type\":\"Action\",\"id\":\"v\"},\"resource\":{\"type\":\"U\",\"id\":\"r\"}"
	static const struct { const char *text; bool schema; const char *why; } cases[] = {
		{ "{\"principal\":{\"type\":\"U\",\"id\":\"p\"}" REST "}", true, NULL },
		{ "{\"principal\":{\"__entity\":{\"type\":\"U\",\"id\":\"p\"}}" REST ",\"context\":{}}", false, NULL },
		{ "{\"principal\":\"U::\\\"p\\\"\"" REST ",\"context\":{\"ip\":\"1.2.3.4\"}}", true, NULL },
		{ "{\"principal\":\"U\"" REST "}", false, "not the name of an entity" },
		{ "{\"principal\":\"1\"" REST "}", false, "not the name of an entity" },
		{ "{\"x\":1" REST "}", false, "no \"principal\"" },
		{ "{\"principal\":{\"type\":\"U\",\"id\":\"p\"}" REST ",\"context\":{\"ip\":\"x\"}}", true, "not an IP" },
		{ "{\"principal\":{\"type\":\"U\",\"id\":\"p\"}" REST ",\"context\":{\"zz\":1}}", true, "not in the schema" },
		{ "{\"principal\":{\"type\":\"U\",\"id\":\"p\"}" REST ",\"context\":[]}", false, "a record" },
		{ "{\"principal\":{\"type\":\"U\",\"id\":\"p\"}" REST ",\"context\":[]}", true, "a record" },
		{ "[]", false, "a request" },
		{ "{\"principal\":{\"type\":\"U\",\"id\":\"p\"},\"action\":{\"type\":\"Action\",\"id\":\"zz\"},\"resource\":{\"type\":\"U\",\"id\":\"r\"}}", true, "" },
	};
	struct cedar_schema *schema;
	struct cedar_diag d;
	assert_ok(cedar_schema_parse(span_str(schema_text), &d, &schema));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena a;
		const struct json *v;
		struct cedar_request r;
		arena_init(&a, 1u << 20);
		assert_ok(cedar_json_parse(span_str(cases[i].text), 0, &a, &v, &d));
		status st = cedar_request_from_json(v, cases[i].schema ? schema : NULL, &a, &r, &d);
		if (failed(st) != (cases[i].why != NULL) || (failed(st) && !strstr(d.what, cases[i].why)))
			fail_msg("%s: %s", cases[i].text, failed(st) ? d.what : "accepted");
		if (!failed(st))
			assert_span(r.principal->id, "p");
		arena_fini(&a);
	}
	cedar_schema_unref(schema);
}

#define HEAD(p, a, r) "{\"effect\":\"permit\",\"principal\":" p ",\"action\":" a ",\"resource\":" r ",\"conditions\":["
#define ALL "{\"op\":\"All\"}"
#define BODY(x) HEAD(ALL, ALL, ALL) "{\"kind\":\"when\",\"body\":" x "}]}"
#define ENT "\"entity\":{\"type\":\"A\",\"id\":\"x\"}"

static void
policies(void **)
{
	static const struct { const char *text, *why; } cases[] = {
		{ BODY("{\"Value\":true}"), NULL },
		{ BODY("{\"Value\":[1,{\"a\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"zzz\"}}},{\"__entity\":{\"type\":\"A\",\"id\":\"x\"}}]}"), NULL },
		{ BODY("{\"Value\":{\"__entity\":{\"type\":\"A B\",\"id\":\"x\"}}}"), "not a type name" },
		{ BODY("{\"Value\":{\"__extn\":{\"fn\":\"zz\",\"arg\":1}}}"), "no extension function" },
		{ BODY("{\"is\":{\"left\":{\"Var\":\"principal\"},\"entity_type\":\"A\",\"in\":null}}"), NULL },
		{ BODY("{\"like\":{\"left\":{\"Value\":\"a\"},\"pattern\":[{\"Wildcard\":null}]}}"), NULL },
		{ BODY("{\"Value\":{\"__entity\":{\"type\":\"A\",\"id\":\"x\",\"z\":1.5}}}"), "64-bit" },
		{ HEAD("{\"op\":\"in\",\"entity\":[]}", ALL, ALL) "]}", "name of an entity" },
		{ HEAD(ALL, "{\"op\":\"in\",\"entity\":[{\"type\":\"Action\",\"id\":\"x\"}]}", ALL) "]}", "name of an entity" },
		{ HEAD("{\"op\":\"is\",\"entity_type\":\"A\",\"in\":null}", ALL, ALL) "]}", NULL },
		{ HEAD("{\"op\":\"is\",\"entity_type\":\"A\",\"x\":1}", ALL, ALL) "]}", "unknown member \"x\"" },
		{ HEAD("{\"op\":\"==\",\"entity\":{\"__entity\":1,\"type\":\"A\",\"id\":\"x\"},\"y\":1}", ALL, ALL) "]}", NULL },
		{ BODY("{\"Value\":{\"__expr\":\"x\"}}"), "__expr" }, { BODY("{\"Value\":null}"), "null" }, { BODY("{\"Value\":1.5}"), "64-bit" },
		{ BODY("{\"Var\":\"context\"}"), NULL }, { BODY("{\"Var\":\"foo\"}"), "a variable is" }, { BODY("{\"Slot\":\"?principal\"}"), "slots" },
		{ BODY("{\"Unknown\":1}"), "no operator" }, { BODY("{}"), "one member" }, { BODY("1"), "one member" }, { BODY("{\"a\":1,\"b\":1}"), "one member" },
		{ BODY("{\"!\":{\"arg\":{\"Value\":true}}}"), NULL }, { BODY("{\"!\":{\"arg\":{\"Value\":true},\"x\":1}}"), "unknown member" },
		{ BODY("{\"!\":{}}"), "missing" }, { BODY("{\"!\":1}"), "expected an object" },
		{ BODY("{\"==\":{\"left\":{\"Value\":1},\"right\":{\"Value\":1}}}"), NULL }, { BODY("{\"==\":{\"left\":{\"Value\":1}}}"), "\"right\" is missing" },
		{ BODY("{\"&&\":{\"left\":{\"&&\":{\"left\":{\"Value\":1},\"right\":{\"Value\":2}}},\"right\":{\"Value\":3}}}"), NULL },
		{ BODY("{\"&&\":{\"left\":{\"&&\":{\"right\":{\"Value\":2}}},\"right\":{\"Value\":3}}}"), "\"left\" is missing" },
		{ BODY("{\".\":{\"left\":{\"Var\":\"context\"},\"attr\":\"if\"}}"), NULL }, { BODY("{\".\":{\"left\":{\"Var\":\"context\"},\"attr\":1}}"), "a string" },
		{ BODY("{\"has\":{\"left\":{\"Var\":\"context\"},\"attr\":[\"a\",\"b c\"]}}"), NULL }, { BODY("{\"has\":{\"left\":{\"Var\":\"context\"},\"attr\":[]}}"), "empty" },
		{ BODY("{\"is\":{\"left\":{\"Var\":\"principal\"},\"entity_type\":\"A::B\",\"in\":{\"Value\":1}}}"), NULL },
		{ BODY("{\"is\":{\"left\":{\"Var\":\"principal\"},\"entity_type\":\"A:B\"}}"), "not a type name" },
		{ BODY("{\"like\":{\"left\":{\"Value\":\"a\"},\"pattern\":[\"Wildcard\",{\"Literal\":\"aé\"}]}}"), NULL },
		{ BODY("{\"like\":{\"left\":{\"Value\":\"a\"},\"pattern\":[\"x\"]}}"), "expected an object" },
		{ BODY("{\"like\":{\"left\":{\"Value\":\"a\"},\"pattern\":[{\"Literal\":1}]}}"), "a string" },
		{ BODY("{\"like\":{\"left\":{\"Value\":\"a\"},\"pattern\":\"a*\"}}"), "must be an array" },
		{ BODY("{\"if-then-else\":{\"if\":{\"Value\":1},\"then\":{\"Value\":1},\"else\":{\"Value\":1}}}"), NULL },
		{ BODY("{\"Set\":[{\"Value\":1}]}"), NULL }, { BODY("{\"Set\":1}"), "an array" }, { BODY("{\"Record\":{\"a\":{\"Value\":1}}}"), NULL },
		{ BODY("{\"Record\":[]}"), "an object" }, { BODY("{\"ip\":[{\"Value\":\"x\"}]}"), NULL }, { BODY("{\"ip\":[]}"), NULL },
		{ BODY("{\"lessThan\":[{\"Value\":\"x\"}]}"), NULL }, { BODY("{\"lessThan\":[]}"), NULL }, { BODY("{\"has\":{\"left\":{\"Var\":\"context\"},\"attr\":\"a\",\"x\":1}}"), NULL }, { BODY("{\"ip\":1}"), "an array" },
		{ HEAD("{\"op\":\"==\"," ENT "}", ALL, ALL) "]}", NULL }, { HEAD("{\"op\":\"in\"," ENT ",\"slot\":\"?principal\"}", ALL, ALL) "]}", NULL },
		{ HEAD("{\"op\":\"==\",\"slot\":\"?resource\"}", ALL, ALL) "]}", "slot" }, { HEAD("{\"op\":\"==\"}", ALL, ALL) "]}", "missing" },
		{ HEAD("{\"op\":\"is\",\"entity_type\":\"A\",\"in\":{" ENT "}}", ALL, ALL) "]}", NULL }, 
		{ HEAD("{\"op\":\"in\",\"entities\":[{\"type\":\"A\",\"id\":\"x\"}]}", ALL, ALL) "]}", "missing" }, { HEAD("{}", ALL, ALL) "]}", "missing" },
		{ HEAD("{\"op\":1}", ALL, ALL) "]}", "operator" }, { HEAD("{\"op\":\"<\"}", ALL, ALL) "]}", "no operator" },
		{ HEAD(ALL, "{\"op\":\"in\",\"entities\":[]}", ALL) "]}", NULL }, { HEAD(ALL, "{\"op\":\"in\",\"entities\":1}", ALL) "]}", "an array" },
		{ HEAD(ALL, "{\"op\":\"==\"," ENT "}", ALL) "]}", "type of actions" }, { HEAD(ALL, "{\"op\":\"==\",\"slot\":\"?principal\"}", ALL) "]}", "slot" },
		{ HEAD(ALL, "{\"op\":\"is\",\"entity_type\":\"Action\"}", ALL) "]}", "no operator" },
		{ HEAD(ALL, ALL, ALL) "1]}", "an object" }, { HEAD(ALL, ALL, ALL) "{\"kind\":\"if\",\"body\":{\"Value\":true}}]}", "kind" },
		{ HEAD(ALL, ALL, ALL) "{\"kind\":\"when\"}]}", "missing" }, { HEAD(ALL, ALL, ALL) "],\"foo\":1}", "unknown member" },
		{ HEAD(ALL, ALL, ALL) "],\"annotations\":{\"a\":null,\"if\":\"x\"}}", NULL }, { HEAD(ALL, ALL, ALL) "],\"annotations\":{\"a b\":\"x\"}}", "can not name" },
		{ HEAD(ALL, ALL, ALL) "],\"annotations\":{\"a\":1}}", "string or null" }, { HEAD(ALL, ALL, ALL) "],\"annotations\":1}", "must be an object" },
		{ "{\"effect\":\"allow\",\"principal\":1,\"action\":1,\"resource\":1,\"conditions\":[]}", "effect" },
		{ "{\"staticPolicies\":{},\"templates\":{},\"templateLinks\":[]}", NULL }, { "{}", NULL }, { "{\"policies\":[]}", "unknown member" },
		{ "{\"staticPolicies\":{\"a\":" HEAD("{\"op\":\"==\",\"slot\":\"?principal\"}", ALL, ALL) "]}}}", "may not have slots" },
		{ "{\"templates\":{\"a\":" HEAD(ALL, ALL, ALL) "]}}}", "must have a slot" },
		{ "{\"templates\":{\"t\":" HEAD("{\"op\":\"==\",\"slot\":\"?principal\"}", ALL, ALL) "]}},\"templateLinks\":[{\"templateId\":\"t\",\"newId\":\"l\",\"values\":{\"?principal\":{\"type\":\"A\",\"id\":\"x\"}}}]}", NULL },
		{ "{\"templates\":{\"t\":" HEAD("{\"op\":\"==\",\"slot\":\"?principal\"}", ALL, ALL) "]}},\"templateLinks\":[{\"templateId\":\"t\",\"newId\":\"l\",\"values\":{}}]}", "no value" },
		{ "{\"templates\":{\"t\":" HEAD("{\"op\":\"==\",\"slot\":\"?principal\"}", ALL, ALL) "]}},\"templateLinks\":[{\"templateId\":\"t\",\"newId\":\"l\",\"values\":{\"?x\":{\"type\":\"A\",\"id\":\"x\"}}}]}", "no slot" },
		{ "{\"templates\":{\"t\":" HEAD("{\"op\":\"==\",\"slot\":\"?principal\"}", ALL, ALL) "]}},\"templateLinks\":[{\"templateId\":\"t\",\"newId\":\"t\",\"values\":{\"?principal\":{\"type\":\"A\",\"id\":\"x\"}}}]}", "already" },
		{ "{\"templateLinks\":[{\"templateId\":\"t\",\"newId\":\"l\",\"values\":{}}]}", "no template" }, { "{\"templateLinks\":{}}", "must be an array" },
		{ "{\"staticPolicies\":{\"a\":" HEAD(ALL, ALL, ALL) "]}},\"templates\":{\"a\":" HEAD("{\"op\":\"==\",\"slot\":\"?principal\"}", ALL, ALL) "]}}}", "twice" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cedar_ast *ast = NULL;
		struct cedar_diag d = { 0 };
		status s = cedar_parse_policies_json(span_str(cases[i].text), SPAN("p.json"), NULL, &ast, &d);
		if (failed(s) != (cases[i].why != NULL) || (failed(s) && !strstr(d.what, cases[i].why)))
			fail_msg("%s: %s", cases[i].text, failed(s) ? d.what : "accepted");
		if (failed(s))
			assert_int_not_equal(d.line, 0);
		cedar_ast_unref(ast);
	}
}

static void
deep_json_is_refused(void **)
{
	char text[8000], *o = text;
	struct cedar_ast *ast = NULL;
	struct cedar_diag d = { 0 };
	o = stpcpy(o, HEAD(ALL, ALL, ALL) "{\"kind\":\"when\",\"body\":");
	for (unsigned i = 0; i < 700; i++)
		o = stpcpy(o, "{\"!\":");
	assert_fails(cedar_parse_policies_json(span_str(text), (span){ 0 }, NULL, &ast, &d), E_BAD_JSON);
	for (unsigned i = 0; i < 400; i++)
		o = stpcpy(o, "{\"!\":");
	assert_fails(cedar_parse_policies_json(span_str(text), (span){ 0 }, NULL, &ast, &d), E_LIMIT);
}

TEST_MAIN(T(values), T(typed_entities), T(whole_entity_files), T(requests), T(policies), T(deep_json_is_refused))
