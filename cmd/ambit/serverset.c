#include "serverset.h"

#include "cedar/parse.h"

bool
serverset_list(struct cli *c, const char *op, const char *params, struct json_writer *out, int *ret_exit)
{
	struct buf b;
	const char *cursor = NULL;
	bool ok;
	buf_init(&b, 65536);
	do {
		struct answer a;
		buf_reset(&b);
		buf_printf(&b, "{%s\"limit\":1000", params);
		if (cursor) {
			buf_put_str(&b, ",\"cursor\":");
			struct json_writer w = json_w(&b);
			json_w_str(&w, span_str(cursor));
		}
		buf_put_u8(&b, '}');
		ok = cli_get(c, PEER_PEOPLE, op, buf_span(&b), &a, ret_exit);
		cursor = NULL;
		if (!ok)
			break;
		json_for_items(it, json_gets(a.json, "items"))
			json_w_value(out, it);
		const struct json *next = json_gets(a.json, "next");
		if (json_is_str(next))
			cursor = arena_cstr(&c->arena, next->str);
	} while (cursor);
	buf_fini(&b);
	return ok;
}

static const struct json *
finish(struct cli *c, struct buf *b, struct json_writer *w)
{
	static const struct json_opts opts = { .max_bytes = 256 << 20, .max_depth = 256, .max_nodes = 16 << 20, .copy = true };
	const struct json *v = NULL;
	json_w_arr_end(w);
	if (failed(buf_finish(b)) || failed(json_parse(buf_span(b), &opts, &c->arena, &v, NULL)))
		return NULL;
	return v;
}

/* The server adds these to what was applied. */
static void
without_additions(const struct json *v, struct json_writer *w)
{
	json_w_obj(w);
	json_for_members(m, v) {
		if (span_is(m->key, "version") || span_is(m->key, "changed") || span_is(m->key, "by"))
			continue;
		json_w_key(w, m->key);
		json_w_value(w, &m->value);
	}
	json_w_obj_end(w);
}

bool
serverset_resources(struct cli *c, const struct json **ret, int *ret_exit)
{
	static const char *const kinds[] = { "\"kind\":\"user\",", "\"kind\":\"tier\",", "\"kind\":\"agent\",", "\"kind\":\"label\",", "\"kind\":\"workflow\"," };
	struct buf b, plain;
	buf_init(&b, 256 << 20);
	buf_init(&plain, 256 << 20);
	struct json_writer w = json_w(&b), p = json_w(&plain);
	bool ok = true;
	json_w_arr(&w);
	for (size_t i = 0; i < ARRAY_LEN(kinds) && ok; i++)
		ok = serverset_list(c, "resource/list", kinds[i], &w, ret_exit);
	const struct json *v = ok ? finish(c, &b, &w) : NULL;
	json_w_arr(&p);
	json_for_items(it, v)
		without_additions(it, &p);
	*ret = v ? finish(c, &plain, &p) : NULL;
	if (ok && !*ret)
		*ret_exit = cli_fail(c, E_UPSTREAM, NULL, NULL, "the server's resources cannot be read");
	buf_fini(&b);
	buf_fini(&plain);
	return *ret != NULL;
}

bool
serverset_policies(struct cli *c, struct policyset *ret, int *ret_exit)
{
	struct buf b;
	buf_init(&b, 256 << 20);
	struct json_writer w = json_w(&b);
	*ret = (struct policyset){ 0 };
	json_w_arr(&w);
	bool ok = serverset_list(c, "resource/list", "\"kind\":\"policy\",", &w, ret_exit);
	const struct json *v = ok ? finish(c, &b, &w) : NULL;
	buf_fini(&b);
	if (!ok)
		return false;
	ret->texts = arena_array(&c->arena, v ? v->arr.n + 1 : 1, sizeof *ret->texts);
	json_for_items(it, v) {
		struct policy_text *t = ARENA_NEW(&c->arena, struct policy_text);
		span name = { 0 }, text = { 0 };
		struct cedar_diag d;
		if (!t || !ret->texts || failed(json_get_str(it, "name", &name, NULL)) || failed(json_get_str(it, "text", &text, NULL)))
			break;
		*t = (struct policy_text){ .source = { arena_cstr(&c->arena, name), text, ret->n }, .name = name };
		if (!t->source.path || failed(cedar_parse_policies(text, name, 0, NULL, &t->ast, &d)))
			break;
		ret->texts[ret->n++] = t;
	}
	if (v && ret->texts && ret->n == v->arr.n)
		return true;
	*ret_exit = cli_fail(c, E_UPSTREAM, NULL, NULL, "the server's policies cannot be read");
	policyset_fini(ret);
	return false;
}
