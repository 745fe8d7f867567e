/* A schema, a NUL byte, a value. Verdicts do not depend on whether a reason is asked for, and a bare pattern finds what it finds. */
#include "text/jsonschema.h"
#include "text/regex.h"
#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
hold(const struct json *schema, const struct json *value)
{
	struct jsonschema *s = NULL;
	struct jsonschema_error e = { 0 };
	status st = jsonschema_compile(schema, &s, &e);
	if (failed(st)) {
		must(!s && (st.code == E_BAD_SCHEMA || st.code == E_LIMIT));
		return;
	}
	st = jsonschema_validate(s, value, &e);
	must(st.code == E_OK || st.code == E_BAD_ARGUMENTS || st.code == E_LIMIT);
	must(jsonschema_validate(s, value, NULL).code == st.code);
	must(st.code != E_BAD_ARGUMENTS || e.reason[0]);
	jsonschema_free(s);
}

/* A pattern against a text, and within brackets of its own: the same verdict. */
static void
search(span pattern, span text, struct arena *a)
{
	const struct regex *r, *again;
	uint64_t work = 200000, more = 400000;
	bool x = false, y = false;
	const char *why = NULL;
	if (!utf8_ok(pattern) || !utf8_ok(text))
		return;
	if (failed(regex_compile(pattern, a, &r, &why))) {
		must(why);
		return;
	}
	struct buf b;
	buf_init(&b, 1 << 20);
	buf_put_str(&b, "(?:");
	buf_put(&b, pattern);
	buf_put_str(&b, ")");
	if (!failed(regex_search(r, text, &work, &x)) && !failed(regex_compile(buf_span(&b), a, &again, NULL)))
		must(!failed(regex_search(again, text, &more, &y)) && x == y);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena a;
	const struct json *schema, *value;
	span all = span_make(p, n);
	size_t cut = span_find(all, 0);
	span first = span_sub(all, 0, cut), second = span_sub(all, cut + 1, n);
	arena_init(&a, 32 << 20);
	search(first, second, &a);
	if (!failed(json_parse(first, NULL, &a, &schema, NULL)) && !failed(json_parse(second, NULL, &a, &value, NULL)))
		hold(schema, value);
	arena_fini(&a);
	return 0;
}
