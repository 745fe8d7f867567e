/* First byte: options. What parses is written, read again and compared; its canonical form is a fixed point. */
#include "text/json.h"
#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
walk(const struct json *v, bool nul)
{
	must(v->kind <= JSON_OBJ);
	if (v->kind == JSON_STR)
		must(utf8_ok(v->str) && (nul || span_find(v->str, 0) == v->str.n));
	json_for_items(it, v)
		walk(it, nul);
	json_for_members(m, v) {
		must(utf8_ok(m->key) && json_get(v, m->key) == &m->value);
		walk(&m->value, nul);
	}
}

static void
rewrite(const struct json *v, const struct json_opts *o, struct arena *a, struct buf *out, bool canonical)
{
	const struct json *again;
	struct json_writer w = json_w(out);
	if (canonical && failed(json_canonical(v, out)))
		return;
	if (!canonical)
		json_w_value(&w, v);
	must(!failed(buf_finish(out)));
	must(!failed(json_parse(buf_span(out), o, a, &again, NULL)));
	must(json_equal(v, again));
	if (canonical) {
		struct buf b;
		buf_init(&b, out->max);
		must(!failed(json_canonical(again, &b)) && span_eq(buf_span(out), buf_span(&b)));
		buf_fini(&b);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena a;
	const struct json *v = NULL;
	struct json_error e = { 0 };
	if (n < 1)
		return 0;
	struct json_opts o = { .allow_nul = p[0] & 1, .copy = p[0] & 2, .max_depth = p[0] & 4 ? 3 : 0, .max_nodes = p[0] & 8 ? 10 : 0 };
	arena_init(&a, p[0] & 16 ? 600 : 64 << 20);
	if (!failed(json_parse(span_make(p + 1, n - 1), &o, &a, &v, &e))) {
		struct json_opts wide = { .allow_nul = true, .max_bytes = 64 << 20, .max_nodes = 1 << 20 };
		struct arena b;
		struct buf out;
		const struct json_member *m;
		arena_init(&b, 256 << 20);
		buf_init(&out, 64 << 20);
		walk(v, o.allow_nul);
		rewrite(v, &wide, &b, &out, false);
		buf_reset(&out);
		rewrite(v, &wide, &b, &out, true);
		must(!failed(json_case_duplicate(v, &b, &m)));
		buf_fini(&out);
		arena_fini(&b);
	} else {
		must(!v && e.reason && e.at <= n - 1);
	}
	arena_fini(&a);
	return 0;
}
