#include "tests/test.h"
#include "tests/shared.h"

#include "base/env.h"
#include "text/jsonschema.h"

static struct arena arena;

static int
setup(void **)
{
	arena_init(&arena, 256 << 20);
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
	struct json_opts o = { .max_bytes = 16 << 20, .max_depth = 500, .max_nodes = 1000000 };
	struct json_error e = { 0 };
	if (failed(json_parse(span_str(text), &o, &arena, &v, &e)))
		fail_msg("%s at %zu in %.100s", e.reason, e.at, text);
	return v;
}

/* err NULL: valid. */
static const struct { const char *schema, *value, *err; } rows[] = {
	{ "true", "1", NULL }, { "{}", "[1,{}]", NULL }, { "false", "1", ": is not allowed" },
	{ "{\"type\":\"string\"}", "\"x\"", NULL }, { "{\"type\":\"string\"}", "1", ": is of the wrong type (integer)" },
	{ "{\"type\":\"integer\"}", "1.0", NULL }, { "{\"type\":\"integer\"}", "1e300", NULL }, { "{\"type\":\"integer\"}", "1.5", ": is of the wrong type (number)" }, { "{\"type\":\"integer\"}", "true", ": is of the wrong type (boolean)" },
	{ "{\"type\":\"number\"}", "1", NULL }, { "{\"type\":\"number\"}", "1.5", NULL }, { "{\"type\":\"number\"}", "\"1\"", ": is of the wrong type (string)" },
	{ "{\"type\":[\"string\",\"null\"]}", "null", NULL }, { "{\"type\":[\"string\",\"null\"]}", "[]", ": is of the wrong type (array)" },
	{ "{\"type\":\"boolean\"}", "false", NULL }, { "{\"type\":\"array\"}", "{}", ": is of the wrong type (object)" }, { "{\"type\":\"object\"}", "[]", ": is of the wrong type (array)" },
	{ "{\"enum\":[1,\"a\",{\"x\":[1]}]}", "{\"x\":[1.0]}", NULL }, { "{\"enum\":[1,\"a\"]}", "\"b\"", ": is not one of the values allowed" }, { "{\"enum\":[]}", "1", ": is not one of the values allowed" },
	{ "{\"const\":null}", "null", NULL }, { "{\"const\":1}", "2", ": is not the one value allowed" }, { "{\"const\":1}", "true", ": is not the one value allowed" },
	{ "{\"minimum\":1}", "1", NULL }, { "{\"minimum\":1}", "0", ": is less than 1" }, { "{\"minimum\":1}", "\"0\"", NULL }, { "{\"maximum\":1.5}", "1.5", NULL }, { "{\"maximum\":1.5}", "2", ": is greater than 1.5" },
	{ "{\"exclusiveMinimum\":1}", "1", ": is not greater than 1" }, { "{\"exclusiveMinimum\":1}", "1.1", NULL }, { "{\"exclusiveMaximum\":1}", "1", ": is not less than 1" }, { "{\"exclusiveMaximum\":1}", "0.9", NULL },
	{ "{\"maximum\":9007199254740992.0}", "9007199254740993", ": is greater than 9.0072e+15" }, { "{\"minimum\":9223372036854775807}", "9223372036854775806", ": is less than 9223372036854775807" }, { "{\"minimum\":-1e300}", "-9223372036854775808", NULL },
	{ "{\"maximum\":-0.5}", "0", ": is greater than -0.5" }, { "{\"maximum\":-0.5}", "-1", NULL }, { "{\"minimum\":-0.5}", "-1", ": is less than -0.5" },
	{ "{\"multipleOf\":3}", "9", NULL }, { "{\"multipleOf\":3}", "10", ": is not a multiple of 3" }, { "{\"multipleOf\":0.01}", "0.07", NULL }, { "{\"multipleOf\":0.01}", "0.075", ": is not a multiple of 0.01" }, { "{\"multipleOf\":3}", "-9223372036854775808", ": is not a multiple of 3" },
	{ "{\"minLength\":2}", "\"\xc3\xa9\"", ": has fewer than 2 characters" }, { "{\"maxLength\":2}", "\"\xf0\x9f\x98\x80\xc3\xa9\"", NULL }, { "{\"maxLength\":2}", "\"abc\"", ": has more than 2 characters" }, { "{\"maxLength\":0}", "\"a\"", ": has more than 0 characters" },
	{ "{\"pattern\":\"^[a-z]+$\"}", "\"abc\"", NULL }, { "{\"pattern\":\"^[a-z]+$\"}", "\"ABC\"", ": does not match the pattern" }, { "{\"pattern\":\"b\"}", "\"abc\"", NULL }, { "{\"pattern\":\"b\"}", "5", NULL }, { "{\"format\":\"email\"}", "\"x\"", NULL },
	{ "{\"minItems\":1}", "[]", ": has fewer than 1 items" }, { "{\"maxItems\":1}", "[1,2]", ": has more than 1 items" }, { "{\"uniqueItems\":true}", "[1,\"1\",[1],{\"a\":1}]", NULL },
	{ "{\"uniqueItems\":true}", "[{\"a\":1,\"b\":2},{\"b\":2.0,\"a\":1}]", ": has equal items" }, { "{\"uniqueItems\":true}", "[0,-0.0]", ": has equal items" }, { "{\"uniqueItems\":true}", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,1]", ": has equal items" }, { "{\"uniqueItems\":false}", "[1,1]", NULL },
	{ "{\"items\":{\"type\":\"integer\"}}", "[1,2]", NULL }, { "{\"items\":{\"type\":\"integer\"}}", "[1,\"x\"]", "/1: is of the wrong type (string)" }, { "{\"items\":false}", "[]", NULL }, { "{\"items\":false}", "[1]", "/0: is not allowed" },
	{ "{\"prefixItems\":[{\"type\":\"string\"}],\"items\":{\"type\":\"integer\"}}", "[\"a\",1]", NULL }, { "{\"prefixItems\":[{\"type\":\"string\"}],\"items\":{\"type\":\"integer\"}}", "[\"a\",\"b\"]", "/1: is of the wrong type (string)" }, { "{\"prefixItems\":[{\"type\":\"string\"}]}", "[1]", "/0: is of the wrong type (integer)" },
	{ "{\"items\":[{\"type\":\"string\"}],\"additionalItems\":false}", "[\"a\",1]", "/1: is not allowed" },
	{ "{\"properties\":{\"a\":{\"properties\":{\"b/c\":{\"type\":\"null\"}}}}}", "{\"a\":{\"b/c\":1}}", "/a/b~1c: is of the wrong type (integer)" }, { "{\"properties\":{\"a\":{}}}", "{\"b\":1}", NULL }, { "{\"properties\":{\"a\":false}}", "{\"a\":1}", "/a: is not allowed" },
	{ "{\"required\":[\"a\",\"b\"]}", "{\"a\":1}", ": lacks the member \"b\"" }, { "{\"required\":[\"a\"]}", "{\"a\":null}", NULL }, { "{\"required\":[\"a\"]}", "[]", NULL },
	{ "{\"properties\":{\"a\":{}},\"additionalProperties\":false}", "{\"a\":1,\"b\":2}", "/b: is not a known member" }, { "{\"properties\":{\"a\":{}},\"additionalProperties\":{\"type\":\"string\"}}", "{\"b\":2}", "/b: is of the wrong type (integer)" },
	{ "{\"patternProperties\":{\"^x\":{\"type\":\"integer\"}},\"additionalProperties\":false}", "{\"xy\":2}", NULL }, { "{\"patternProperties\":{\"^x\":{\"type\":\"integer\"}},\"additionalProperties\":false}", "{\"y\":2}", "/y: is not a known member" },
	{ "{\"patternProperties\":{\"^x\":{\"type\":\"integer\"}}}", "{\"xy\":\"a\"}", "/xy: is of the wrong type (string)" },
	{ "{\"propertyNames\":{\"pattern\":\"^[a-z]+$\"}}", "{\"ab\":1}", NULL }, { "{\"propertyNames\":{\"pattern\":\"^[a-z]+$\"}}", "{\"A\":1}", "/A: has a name that is not allowed" }, { "{\"minProperties\":1}", "{}", ": has fewer than 1 members" }, { "{\"maxProperties\":1}", "{\"a\":1,\"b\":1}", ": has more than 1 members" },
	{ "{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"a\":1}", ": lacks the member \"b\"" }, { "{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"b\":1}", NULL },
	{ "{\"allOf\":[{\"minimum\":1},{\"maximum\":3}]}", "2", NULL }, { "{\"allOf\":[{\"minimum\":1},{\"maximum\":3}]}", "4", ": is greater than 3" },
	{ "{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":5}]}", "7", NULL }, { "{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":5}]}", "4", ": fits none of the alternatives" },
	{ "{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":5}]}", "4", NULL }, { "{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":5}]}", "6", ": fits more than one of the alternatives" }, { "{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":5}]}", "1.5", ": fits none of the alternatives" },
	{ "{\"not\":{\"type\":\"string\"}}", "1", NULL }, { "{\"not\":{\"type\":\"string\"}}", "\"x\"", ": is of a form that is not allowed" }, { "{\"not\":{\"not\":{\"type\":\"string\"}}}", "1", ": is of a form that is not allowed" },
	{ "{\"if\":{\"minimum\":5},\"then\":{\"multipleOf\":5},\"else\":{\"multipleOf\":2}}", "10", NULL }, { "{\"if\":{\"minimum\":5},\"then\":{\"multipleOf\":5},\"else\":{\"multipleOf\":2}}", "6", ": is not a multiple of 5" }, { "{\"if\":{\"minimum\":5},\"then\":{\"multipleOf\":5},\"else\":{\"multipleOf\":2}}", "3", ": is not a multiple of 2" }, { "{\"then\":false}", "1", NULL },
	{ "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"type\":\"string\"}}}", "1", ": is of the wrong type (integer)" }, { "{\"$ref\":\"#/$defs/a%20b~1c\",\"$defs\":{\"a b/c\":{\"type\":\"string\"}}}", "\"x\"", NULL },
	{ "{\"properties\":{\"next\":{\"$ref\":\"#\"},\"v\":{\"type\":\"integer\"}},\"required\":[\"v\"]}", "{\"v\":1,\"next\":{\"v\":2,\"next\":{\"v\":\"x\"}}}", "/next/next/v: is of the wrong type (string)" }, { "{\"$ref\":\"#/definitions/a\",\"minimum\":3,\"definitions\":{\"a\":{\"maximum\":5}}}", "2", ": is less than 3" },
	{ "{\"properties\":{\"a\":{\"$ref\":\"#/properties/b\"},\"b\":{\"type\":\"null\"}}}", "{\"a\":1}", "/a: is of the wrong type (integer)" },
	{ "{\"unknownKeyword\":{\"type\":5},\"x-anything\":false}", "1", NULL },
};

static void
validates(void **)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(jsonschema_freep) struct jsonschema *s = NULL;
		struct jsonschema_error e = { 0 };
		char text[500];
		if (failed(jsonschema_compile(parse(rows[i].schema), &s, &e)))
			fail_msg("%s: %s: %s", rows[i].schema, e.pointer, e.reason);
		status st = jsonschema_validate(s, parse(rows[i].value), &e);
		snprintf(text, sizeof text, "%s: %s", e.pointer, e.reason);
		if (st.code != (rows[i].err ? E_BAD_ARGUMENTS : E_OK) || (rows[i].err && strcmp(text, rows[i].err) != 0))
			fail_msg("%s on %s: %s, %s", rows[i].schema, rows[i].value, error_name(st.code), text);
		/* The same verdict without asking why. */
		assert_fails(jsonschema_validate(s, parse(rows[i].value), NULL), st.code);
	}
}

static void
refuses_schemas(void **)
{
	static const struct { const char *schema, *err; } t[] = {
		{ "1", ": a schema must be an object, true or false" }, { "{\"properties\":{\"a\":5}}", "/properties/a: a schema must be an object, true or false" }, { "{\"type\":\"float\"}", ": type: unknown type" }, { "{\"type\":[]}", ": type: unknown type" },
		{ "{\"type\":[\"string\",5]}", ": type: unknown type" }, { "{\"enum\":1}", ": enum: must be an array" }, { "{\"minimum\":\"1\"}", ": minimum: must be a number" }, { "{\"multipleOf\":0}", ": multipleOf: must be greater than zero" }, { "{\"multipleOf\":-0.5}", ": multipleOf: must be greater than zero" },
		{ "{\"minLength\":-1}", ": minLength: must be a non-negative integer" }, { "{\"maxItems\":1.5}", ": maxItems: must be a non-negative integer" }, { "{\"uniqueItems\":1}", ": uniqueItems: must be true or false" },
		{ "{\"pattern\":1}", ": pattern: must be a string" }, { "{\"items\":{\"pattern\":\"(?=a)\"}}", "/items: pattern: look-ahead and look-behind are not supported" }, { "{\"pattern\":\"(a)\\\\1\"}", ": pattern: back references are not supported" }, { "{\"patternProperties\":{\"(\":{}}}", "/patternProperties: pattern: ')' is missing" },
		{ "{\"properties\":[]}", ": properties: must be an object" }, { "{\"patternProperties\":1}", ": patternProperties: must be an object" }, { "{\"required\":\"a\"}", ": required: must be an array of strings" }, { "{\"required\":[1]}", ": required: must be an array of strings" },
		{ "{\"dependentRequired\":[]}", ": dependentRequired: must be an object" }, { "{\"dependentRequired\":{\"a\":1}}", ": dependentRequired: must hold arrays of strings" }, { "{\"allOf\":{}}", ": allOf: must be an array" }, { "{\"anyOf\":[]}", ": anyOf: must not be empty" }, { "{\"oneOf\":[1]}", "/oneOf/0: a schema must be an object, true or false" },
		{ "{\"not\":1}", "/not: a schema must be an object, true or false" }, { "{\"prefixItems\":[{}],\"items\":[{}]}", ": items: must not be an array beside prefixItems" }, { "{\"$ref\":1}", ": $ref: must be a string" },
		{ "{\"$ref\":\"https://example.com/x\"}", ": $ref: only references within the schema (\"#\", \"#/...\") are supported" }, { "{\"$ref\":\"other.json#/a\"}", ": $ref: only references within the schema (\"#\", \"#/...\") are supported" }, { "{\"$ref\":\"#anchor\"}", ": $ref: only references within the schema (\"#\", \"#/...\") are supported" },
		{ "{\"$ref\":\"\"}", ": $ref: only references within the schema (\"#\", \"#/...\") are supported" }, { "{\"items\":{\"$ref\":\"#/nowhere\"}}", "/items: $ref: points to nothing" }, { "{\"$ref\":\"#/%zz\"}", ": $ref: malformed" }, { "{\"$ref\":\"#/%4\"}", ": $ref: malformed" }, { "{\"$ref\":\"#/a\",\"a\":5}", "/a: a schema must be an object, true or false" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct jsonschema *s = NULL;
		struct jsonschema_error e = { 0 };
		char text[500];
		status st = jsonschema_compile(parse(t[i].schema), &s, &e);
		snprintf(text, sizeof text, "%s: %s", e.pointer, e.reason);
		if (st.code != E_BAD_SCHEMA || s || strcmp(text, t[i].err) != 0)
			fail_msg("%s: %s, %s", t[i].schema, error_name(st.code), text);
	}
}

static void
is_independent_of_its_source(void **)
{
	CLEANUP(jsonschema_freep) struct jsonschema *s = NULL;
	struct arena own;
	const struct json *v;
	char text[] = "{\"const\":\"value\",\"properties\":{\"key\":{}}}";
	arena_init(&own, 1 << 20);
	assert_ok(json_parse(span_str(text), NULL, &own, &v, NULL));
	assert_ok(jsonschema_compile(v, &s, NULL));
	memset(text, 'x', sizeof text);
	arena_fini(&own);
	assert_ok(jsonschema_validate(s, parse("\"value\""), NULL));
}

static char *
repeat(const char *begin, const char *unit, const char *sep, size_t n, const char *end)
{
	struct buf b;
	const char *s;
	buf_init(&b, 64 << 20);
	buf_put_str(&b, begin);
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_put_str(&b, sep);
		buf_printf(&b, unit, i, i + 1);
	}
	buf_put_str(&b, end);
	assert_ok(buf_finish_str(&b, &s));
	return (char *)s;
}

static status
hold(const char *schema, const char *value, struct jsonschema_error *e)
{
	CLEANUP(jsonschema_freep) struct jsonschema *s = NULL;
	status st = jsonschema_compile(parse(schema), &s, e);
	return failed(st) ? st : jsonschema_validate(s, parse(value), e);
}

static void
work_is_bounded(void **)
{
	struct jsonschema_error e;
	char *t, *u;
	/* Cycles that consume nothing. */
	assert_fails(hold("{\"$ref\":\"#\"}", "1", &e), E_LIMIT);
	assert_string_equal(e.reason, "takes too much work to check");
	assert_fails(hold("{\"allOf\":[{\"$ref\":\"#\"}]}", "1", &e), E_LIMIT);
	assert_fails(hold("{\"not\":{\"$ref\":\"#\"}}", "1", &e), E_LIMIT);
	assert_fails(hold("{\"if\":{\"$ref\":\"#\"},\"else\":true}", "1", &e), E_LIMIT);
	assert_fails(hold("{\"anyOf\":[{\"$ref\":\"#\"},true]}", "1", &e), E_LIMIT);
	assert_fails(hold("{\"oneOf\":[{\"$ref\":\"#\"},true]}", "1", &e), E_LIMIT);
	/* Whatever the number of negations between here and where it stopped. */
	assert_fails(hold("{\"not\":{\"not\":{\"$ref\":\"#\"}}}", "1", &e), E_LIMIT);
	assert_fails(hold("{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"not\":{\"$ref\":\"#/$defs/a\"}}}}", "1", &e), E_LIMIT);
	assert_fails(hold("{\"allOf\":[{\"$ref\":\"#/$defs/a\"}],\"$defs\":{\"a\":{\"not\":{\"$ref\":\"#/$defs/a\"}}}}", "1", &e), E_LIMIT);
	/* Two to the power of the depth. */
	t = repeat("{\"$ref\":\"#/$defs/a0\",\"$defs\":{", "\"a%1$zu\":{\"anyOf\":[{\"$ref\":\"#/$defs/a%2$zu\"},{\"$ref\":\"#/$defs/a%2$zu\"}]}", ",", 60, ",\"a60\":false}}");
	assert_fails(hold(t, "1", &e), E_LIMIT);
	free(t);
	/* A long chain of references takes no stack to compile, and is refused when run. */
	t = repeat("{\"$ref\":\"#/$defs/a0\",\"$defs\":{", "\"a%zu\":{\"$ref\":\"#/$defs/a%zu\"}", ",", 4000, ",\"a4000\":true}}");
	assert_fails(hold(t, "1", &e), E_LIMIT);
	free(t);
	t = repeat("{\"anyOf\":[", "{\"minimum\":%zu}", ",", 10000, "]}");
	assert_fails(hold(t, "1", &e), E_BAD_SCHEMA);
	assert_string_equal(e.reason, "more than 10,000 subschemas");
	free(t);
	/* Large values against slow keywords: refused, or done at once. */
	t = repeat("[", "%zu", ",", 50000, "]");
	assert_ok(hold("{\"uniqueItems\":true}", t, &e));
	free(t);
	t = repeat("[", "999", ",", 50000, "]");
	u = repeat("{\"items\":{\"enum\":[", "%zu", ",", 1000, "]}}");
	assert_fails(hold(u, t, &e), E_LIMIT);
	free(u);
	free(t);
	t = repeat("\"", "aaaaaaaaaa", "", 100000, "\"");
	assert_fails(hold("{\"pattern\":\"^(a|aa)+$\"}", t, &e), E_LIMIT);
	assert_fails(hold("{\"maxLength\":5}", t, &e), E_BAD_ARGUMENTS);
	free(t);
	/* Deep values. */
	t = repeat("", "[", "", 300, "");
	u = repeat(t, "]", "", 300, "");
	assert_fails(hold("{\"items\":{\"$ref\":\"#\"}}", u, &e), E_LIMIT);
	free(u);
	free(t);
}

static void
reads_real_schemas(void **)
{
	static const char *const files[] = { "testdata/mcp/schema-2025-11-25.json", "testdata/mcp/schema-2026-07-28.json" };
	struct buf b;
	bool any = false;
	buf_init(&b, 8 << 20);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		CLEANUP(jsonschema_freep) struct jsonschema *s = NULL;
		struct jsonschema_error e = { 0 };
		const char *text;
		buf_reset(&b);
		if (failed(env_read_file(env_posix(), shared_path(files[i]), &b)))
			continue;
		any = true;
		assert_ok(buf_finish_str(&b, &text));
		if (failed(jsonschema_compile(parse(text), &s, &e)))
			fail_msg("%s: %s %s", files[i], e.pointer, e.reason);
	}
	buf_fini(&b);
	if (!any) {
		print_message("# real schemas skipped: no %s\n", shared_path("testdata/mcp"));
		skip();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { T(validates), T(refuses_schemas), T(is_independent_of_its_source), T(work_is_bounded), T(reads_real_schemas) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
