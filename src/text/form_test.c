#include "text/form.h"

#include "tests/test.h"

static const struct { const char *name, *text; uint16_t code; size_t n; const char *first, *value; } rows[] = {
	{ "empty", "", E_OK, 0, NULL, NULL },
	{ "one", "a=b", E_OK, 1, "a", "b" },
	{ "empty value", "a=", E_OK, 1, "a", "" },
	{ "blank and escape", "a=b+c%2Bd%3d&x=1", E_OK, 2, "a", "b c+d=" },
	{ "escape at the end", "a=%41", E_OK, 1, "a", "A" },
	{ "equals in the value", "a=b=c", E_OK, 1, "a", "b=c" },
	{ "utf-8", "a=%C3%A9", E_OK, 1, "a", "\xc3\xa9" },
	{ "twice", "a=1&a=2", E_OK, 2, "a", "1" },
	{ "no equals sign", "a", E_BAD_REQUEST, 0, NULL, NULL },
	{ "no name", "=a", E_BAD_REQUEST, 0, NULL, NULL },
	{ "empty pair", "a=1&&b=2", E_BAD_REQUEST, 0, NULL, NULL },
	{ "trailing ampersand", "a=1&", E_BAD_REQUEST, 0, NULL, NULL },
	{ "short escape", "a=%4", E_BAD_REQUEST, 0, NULL, NULL },
	{ "escape without digits", "a=%", E_BAD_REQUEST, 0, NULL, NULL },
	{ "escape of no digits", "a=%zz", E_BAD_REQUEST, 0, NULL, NULL },
	{ "NUL", "a=%00", E_BAD_REQUEST, 0, NULL, NULL },
	{ "bare blank", "a=b c", E_BAD_REQUEST, 0, NULL, NULL },
	{ "line end", "a=b\n", E_BAD_REQUEST, 0, NULL, NULL },
	{ "high byte", "a=\xc3\xa9", E_BAD_REQUEST, 0, NULL, NULL },
	{ "not utf-8", "a=%ff", E_BAD_UTF8, 0, NULL, NULL },
};

static void
forms_are_read_strictly(void **)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(arena_fini) struct arena a = { 0 };
		struct form f;
		arena_init(&a, 65536);
		status s = form_parse(span_str(rows[i].text), &a, &f);
		if (s.code != rows[i].code)
			fail_msg("%s: %s", rows[i].name, error_name(s.code));
		if (failed(s))
			continue;
		assert_int_equal(f.n, rows[i].n);
		if (f.n) {
			assert_true(span_is(f.fields[0].name, rows[i].first));
			assert_true(span_is(f.fields[0].value, rows[i].value));
		}
	}
}

static void
too_many_fields_refuse(void **)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	CLEANUP(buf_fini) struct buf b = { 0 };
	struct form f;
	arena_init(&a, 65536);
	buf_init(&b, 4096);
	for (int i = 0; i < FORM_FIELDS_MAX; i++)
		buf_put_str(&b, i ? "&a=1" : "a=1");
	assert_int_equal(form_parse(buf_span(&b), &a, &f).code, E_OK);
	buf_put_str(&b, "&a=1");
	assert_int_equal(form_parse(buf_span(&b), &a, &f).code, E_LIMIT);
}

static void
a_name_given_twice_is_nobodys(void **)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	struct form f;
	size_t n;
	arena_init(&a, 65536);
	assert_int_equal(form_parse(SPAN("a=1&b=2&a=3"), &a, &f).code, E_OK);
	assert_true(span_empty(form_get(&f, "a", &n)));
	assert_int_equal(n, 2);
	assert_true(span_is(form_get(&f, "b", &n), "2"));
}

static void
escaping_reads_back(void **)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	CLEANUP(buf_fini) struct buf b = { 0 };
	struct form f;
	arena_init(&a, 65536);
	buf_init(&b, 4096);
	buf_put_str(&b, "x=");
	form_escape(SPAN("a b&c=d/\xc3\xa9?~"), &b);
	assert_int_equal(form_parse(buf_span(&b), &a, &f).code, E_OK);
	assert_true(span_is(f.fields[0].value, "a b&c=d/\xc3\xa9?~"));
}

TEST_MAIN(T(forms_are_read_strictly), T(too_many_fields_refuse), T(a_name_given_twice_is_nobodys), T(escaping_reads_back))
