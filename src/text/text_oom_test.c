/* Every reader of text/ with the n-th allocation failing: a clear error or the full result, and nothing leaked (ASan). */
#include "text/jsonschema.h"
#include "text/regex.h"
#include "text/schema_table.h"
#include "text/url.h"
#define OOM_ARENA
#include "tests/oom.h"

static struct buf big_json, big_yaml;

/* More values than the scratch stack on the C stack holds, a sorted object, escapes, a number longer than any buffer. */
static void
make_inputs(void)
{
	buf_init(&big_json, 1 << 16);
	buf_init(&big_yaml, 1 << 16);
	buf_put_str(&big_json, "{\"esc\\n\\u00e9\":\"a\\tb\",\"num\":1.");
	for (int i = 0; i < 200; i++)
		buf_put_str(&big_json, "3");
	buf_put_str(&big_json, ",\"items\":[");
	for (int i = 0; i < 150; i++)
		buf_printf(&big_json, "%s%d", i ? "," : "", i);
	buf_put_str(&big_json, "]");
	for (int i = 0; i < 30; i++) {
		buf_printf(&big_json, ",\"k%d\":{\"x\":[]}", i);
		buf_printf(&big_yaml, "key%d: [1, two, {three: 3}]\n", i);
	}
	buf_put_str(&big_json, "}");
	buf_put_str(&big_yaml, "text: |\n  lines\n  of text\n---\n- second\n");
}

static status
X_json(void *copy)
{
	struct arena a;
	struct buf b;
	const struct json *v = NULL;
	const struct json_member *m;
	struct json_opts o = { .copy = copy != NULL };
	arena_init(&a, 1 << 20);
	buf_init(&b, 1 << 16);
	status st = json_parse(buf_span(&big_json), &o, &a, &v, NULL);
	assert_true(failed(st) == !v);
	if (!failed(st))
		st = json_case_duplicate(v, &a, &m);
	if (!failed(st))
		st = json_canonical(v, &b);
	if (!failed(st)) {
		assert_int_equal(v->obj.n, 33);
		assert_int_equal(json_gets(v, "items")->arr.n, 150);
		assert_true(json_is_obj(json_gets(v, "k29")));
	}
	buf_fini(&b);
	arena_fini(&a);
	return st;
}

static const char X_schema_text[] =
	"{\"type\":\"object\",\"properties\":{\"items\":{\"uniqueItems\":true,\"items\":{\"type\":\"integer\"}},\"num\":{\"multipleOf\":0.5}},"
	"\"patternProperties\":{\"^k[0-9]{1,40}$|^[a-z]{2,60}$\":{\"$ref\":\"#/$defs/x\"}},\"$defs\":{\"x\":{\"anyOf\":[{\"type\":[\"array\",\"object\"]},true]}},\"required\":[\"items\"]}";

static status
X_schema(void *schema)
{
	struct jsonschema *s = NULL;
	status st = jsonschema_compile(schema, &s, NULL);
	assert_true(failed(st) == !s);
	jsonschema_free(s);
	return st;
}

struct pair {
	const struct jsonschema *s;
	const struct json *v;
};

/* Out of memory must never read as a verdict. */
static status
X_validate(void *arg)
{
	const struct pair *p = arg;
	status st = jsonschema_validate(p->s, p->v, NULL);
	assert_true(st.code == E_OK || st.code == E_NO_MEMORY);
	return st;
}

static status
X_regex(void *)
{
	struct arena a;
	const struct regex *r;
	uint64_t work = 100000;
	bool hit = false;
	arena_init(&a, 1 << 20);
	status st = regex_compile(SPAN("^(a[b-d\\w]|\\d{3,90})+$"), &a, &r, NULL);
	if (!failed(st))
		st = regex_search(r, SPAN("abac123"), &work, &hit);
	assert_true(failed(st) || hit);
	arena_fini(&a);
	return st;
}

struct thing {
	struct schema_list names;
	const struct json *rest;
};

static status
X_yaml(void *)
{
	static const struct schema_field fields[] = { { "key0", SCHEMA_TREE, SCHEMA_AT(struct thing, rest) }, { "names", SCHEMA_STRS, SCHEMA_AT(struct thing, names) } };
	static const struct schema schema = SCHEMA(struct thing, fields, "thing");
	struct arena a;
	struct yaml y = { 0 }, z = { 0 };
	struct thing t = { 0 };
	arena_init(&a, 1 << 20);
	status st = yaml_parse(buf_span(&big_yaml), "f", &a, &y, NULL);
	assert_true(failed(st) == !y.docs);
	if (!failed(st))
		st = yaml_parse(SPAN("key0: x\nnames: [a, b]\n"), "g", &a, &z, NULL);
	if (!failed(st))
		st = schema_read(&schema, &z.docs[0], &z, &a, &t, NULL);
	if (!failed(st)) {
		assert_int_equal(y.n, 2);
		assert_int_equal(y.docs[0].obj.n, 31);
		assert_int_equal(t.names.n, 2);
	}
	arena_fini(&a);
	return st;
}

static status
X_url(void *)
{
	struct arena a;
	struct url u;
	arena_init(&a, 1 << 16);
	status st = url_parse(SPAN("https://Example.org:8443/path?query"), &a, &u, NULL);
	if (!failed(st))
		st = url_parse(SPAN("https://[2001:db8::1]/"), &a, &u, NULL);
	arena_fini(&a);
	return st;
}

static void
json_without_memory(void **)
{
	oom_sweep("json", X_json, NULL);
	oom_sweep("json, copied", X_json, &big_json);
	oom_arena_sweep("json", X_json, NULL);
	oom_arena_sweep("json, copied", X_json, &big_json);
}

static void
schemas_without_memory(void **)
{
	struct arena a;
	struct jsonschema *s = NULL;
	const struct json *schema, *value;
	arena_init(&a, 1 << 20);
	assert_ok(json_parse(span_str(X_schema_text), NULL, &a, &schema, NULL));
	assert_ok(json_parse(SPAN("{\"items\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18],\"k1\":[],\"num\":1.5}"), NULL, &a, &value, NULL));
	oom_sweep("compile", X_schema, (void *)(uintptr_t)schema);
	oom_arena_sweep("compile", X_schema, (void *)(uintptr_t)schema);
	assert_ok(jsonschema_compile(schema, &s, NULL));
	oom_sweep("validate", X_validate, &(struct pair){ s, value });
	oom_sweep("regex", X_regex, NULL);
	oom_arena_sweep("regex", X_regex, NULL);
	jsonschema_free(s);
	arena_fini(&a);
}

static void
the_rest_without_memory(void **)
{
	oom_sweep("yaml", X_yaml, NULL);
	oom_arena_sweep("yaml", X_yaml, NULL);
	oom_sweep("url", X_url, NULL);
	oom_arena_sweep("url", X_url, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { T(json_without_memory), T(schemas_without_memory), T(the_rest_without_memory) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	make_inputs();
	int bad = cmocka_run_group_tests(tests, NULL, NULL);
	buf_fini(&big_json);
	buf_fini(&big_yaml);
	return bad;
}
