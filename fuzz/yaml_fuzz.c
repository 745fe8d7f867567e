/* First byte: whether a table reads the first document. Trees that come out are sound and have places. */
#include "text/schema_table.h"
#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct thing {
	span name;
	int64_t count, wait;
	int word;
	bool flag;
	struct schema_list names, things;
};

static const struct schema thing_schema;
static const struct schema_field thing_fields[] = {
	{ "name", SCHEMA_STR, SCHEMA_AT(struct thing, name), .required = true, .min = 1, .max = 9 },
	{ "count", SCHEMA_INT, SCHEMA_AT(struct thing, count), .min = -2, .max = 9 },
	{ "wait", SCHEMA_DURATION, SCHEMA_AT(struct thing, wait) },
	{ "word", SCHEMA_WORD, SCHEMA_AT(struct thing, word), .words = (const char *const[]){ "red", "green", NULL } },
	{ "flag", SCHEMA_BOOL, SCHEMA_AT(struct thing, flag) },
	{ "names", SCHEMA_STRS, SCHEMA_AT(struct thing, names), .max = 5 },
	{ "things", SCHEMA_OBJS, SCHEMA_AT(struct thing, things), .sub = &thing_schema },
};
static const struct schema thing_schema = SCHEMA(struct thing, thing_fields, "thing");

static void
walk(const struct yaml *y, const struct json *v)
{
	must(v->kind != JSON_NUM && yaml_line(v->at) && yaml_column(v->at));
	if (v->kind == JSON_STR)
		must(utf8_ok(v->str) && span_find(v->str, 0) == v->str.n);
	json_for_items(it, v)
		walk(y, it);
	json_for_members(m, v) {
		must(json_get(v, m->key) == &m->value);
		if (v->obj.n < 50)
			must(yaml_key_at(y, v, (size_t)(m - v->obj.members)));
		walk(y, &m->value);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena a;
	struct buf err;
	struct yaml y = { 0 };
	if (n < 1)
		return 0;
	arena_init(&a, 64 << 20);
	buf_init(&err, 1 << 16);
	status s = yaml_parse(span_make(p + 1, n - 1), "f", &a, &y, &err);
	must(failed(s) == (err.n != 0));
	for (size_t i = 0; i < y.n; i++)
		walk(&y, &y.docs[i]);
	if ((p[0] & 1) && y.n) {
		struct thing t = { 0 };
		s = schema_read(&thing_schema, &y.docs[0], p[0] & 2 ? &y : NULL, &a, &t, &err);
		must(failed(s) == (err.n != 0));
	}
	buf_fini(&err);
	arena_fini(&a);
	return 0;
}
