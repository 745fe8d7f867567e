/* A form that is read becomes canonical JSON of texts and lists, with no name twice; escaped again it reads back the same. */
#include "api/oauth.h"
#include "text/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_params(struct arena *a, span params)
{
	const struct json *v;
	must(!failed(json_parse(params, NULL, a, &v, NULL)) && json_is_obj(v));
	json_for_members(it, v) {
		must(it->key.n);
		must(json_is_arr(&it->value) || (json_is_str(&it->value) && it->value.str.n));
	}
}

static void
check_escape(struct arena *a, const struct form *f)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	struct form again;
	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < f->n; i++) {
		if (i)
			buf_put_u8(&b, '&');
		form_escape(f->fields[i].name, &b);
		buf_put_u8(&b, '=');
		form_escape(f->fields[i].value, &b);
	}
	if (b.err)
		return;
	must(!failed(form_parse(buf_span(&b), a, &again)) && again.n == f->n);
	for (size_t i = 0; i < f->n; i++)
		must(span_eq(again.fields[i].name, f->fields[i].name) && span_eq(again.fields[i].value, f->fields[i].value));
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	struct form f;
	span params;
	arena_init(&a, 4 << 20);
	if (!failed(form_parse(span_make(p, n), &a, &f)))
		check_escape(&a, &f);
	if (!failed(oauth_read_form(&a, span_make(p, n), &params)))
		check_params(&a, params);
	return 0;
}
