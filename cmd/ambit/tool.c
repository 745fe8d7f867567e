/* tool show and tool review: a definition, and what changed in it since a person last looked. */
#include "cli.h"
#include "diff.h"
#include "escape.h"

#include <stdio.h>
#include <unistd.h>

static bool
ask_tool(struct cli *c, struct answer *ret, int *ret_code)
{
	struct buf b;
	buf_init(&b, 65536);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_kcstr(&w, "tool", c->args.pos[0]);
	json_w_obj_end(&w);
	bool ok = cli_get(c, PEER_PEOPLE, "tool/show", buf_span(&b), ret, ret_code);
	buf_fini(&b);
	return ok;
}

/* Descriptions are what changes and what deceives: their lines are laid out one by one below the JSON of the rest. */
static void
put_definition(const struct json *d, struct buf *b)
{
	json_for_members(m, d) {
		if (m->value.kind == JSON_STR) {
			buf_put(b, m->key);
			buf_put_str(b, ":\n");
			for (span s = m->value.str; s.n;) {
				size_t n = span_find(s, '\n');
				buf_put_str(b, "  ");
				buf_put(b, span_sub(s, 0, n));
				buf_put_u8(b, '\n');
				s = span_sub(s, n + (n < s.n), s.n);
			}
		} else {
			buf_put(b, m->key);
			buf_put_str(b, ": ");
			struct json_writer w = json_w_pretty(b);
			json_w_value(&w, &m->value);
			buf_put_u8(b, '\n');
		}
	}
}

static void
put_tool(struct cli *c, const struct json *t, struct buf *b)
{
	buf_printf(b, "%s   %s%s%s\n", text_at(c, t, "name"), text_at(c, t, "state"), *text_at(c, t, "reason") ? ": " : "", text_at(c, t, "reason"));
	buf_printf(b, "effect %s · data %s · on the wire %s\n", text_at(c, t, "effect"), text_at(c, t, "sensitivity"), text_at(c, t, "wire"));
	if (*text_at(c, t, "resource"))
		buf_printf(b, "touches %s\n", text_at(c, t, "resource"));
	if (*text_at(c, t, "reviewed_by"))
		buf_printf(b, "reviewed by %s at %s\n", text_at(c, t, "reviewed_by"), text_at(c, t, "reviewed"));
	buf_printf(b, "definition %s\n\n", text_at(c, t, "definition"));
}

/* The difference, or the whole when nothing was ever reviewed. Written by the tool server: escaped and said so. */
static void
put_change(struct cli *c, const struct json *t, bool colour, struct buf *b)
{
	struct buf old, new;
	buf_init(&old, 16 << 20);
	buf_init(&new, 16 << 20);
	put_definition(json_gets(t, "reviewed_definition"), &old);
	put_definition(json_gets(t, "current"), &new);
	size_t hidden = escape_count(buf_span(&new));
	if (!json_is_obj(json_gets(t, "reviewed_definition")))
		buf_put_str(b, "never reviewed; the tool server describes it so:\n");
	else if (span_eq(buf_span(&old), buf_span(&new)))
		buf_put_str(b, "as reviewed:\n");
	else
		buf_put_str(b, "reviewed (-) and now (+), in the tool server's words:\n");
	if (!json_is_obj(json_gets(t, "reviewed_definition")) || !diff_lines(buf_span(&old), buf_span(&new), 2, colour, b)) {
		struct buf shown;
		buf_init(&shown, 64 << 20);
		escape_text(buf_span(&new), true, &shown);
		buf_put(b, buf_span(&shown));
		buf_fini(&shown);
	}
	if (hidden)
		buf_printf(b, "careful: %zu hidden or control characters, shown as \\u{…}\n", hidden);
	buf_fini(&old);
	buf_fini(&new);
}

int
tool_show_run(struct cli *c)
{
	struct answer a;
	int code;
	if (!ask_tool(c, &a, &code) || out_machine(c, a.json, &code))
		return code;
	struct buf b;
	buf_init(&b, 128 << 20);
	put_tool(c, a.json, &b);
	put_change(c, a.json, c->colour, &b);
	code = out_write(buf_span(&b));
	buf_fini(&b);
	return code;
}

static bool
wanted(struct cli *c, const struct json *t)
{
	const char *server = args_str(&c->args, "server"), *state = args_str(&c->args, "state");
	const struct json *s = json_gets(t, "server"), *k = json_gets(t, "state");
	return (!server || (json_is_str(s) && span_is(s->str, server))) && (!state || (json_is_str(k) && span_is(k->str, state)));
}

/* The server lists a page at a time; --server and --state pick from all of them. */
int
tool_list_run(struct cli *c)
{
	if (!args_has(&c->args, "server") && !args_has(&c->args, "state"))
		return op_run(c);
	struct buf picked, params;
	struct answer a;
	int code = 0;
	const struct json *v = NULL, *cursor = NULL;
	buf_init(&picked, 64 << 20);
	buf_init(&params, 65536);
	struct json_writer w = json_w(&picked);
	json_w_obj(&w);
	json_w_karr(&w, "items");
	do {
		buf_reset(&params);
		struct json_writer p = json_w(&params);
		json_w_obj(&p);
		json_w_kbool(&p, "all", true);
		if (json_is_str(cursor))
			json_w_kstr(&p, "cursor", cursor->str);
		json_w_obj_end(&p);
		if (!cli_get(c, PEER_PEOPLE, "tool/list", buf_span(&params), &a, &code))
			break;
		json_for_items(t, json_gets(a.json, "items"))
			if (wanted(c, t))
				json_w_value(&w, t);
		cursor = json_gets(a.json, "next");
	} while (json_is_str(cursor));
	json_w_arr_end(&w);
	json_w_key(&w, SPAN("next"));
	json_w_null(&w);
	json_w_obj_end(&w);
	if (code == 0 && !failed(buf_finish(&picked)) && !failed(json_parse(buf_span(&picked), &(struct json_opts){ .copy = true, .max_bytes = 64 << 20 }, &c->arena, &v, NULL)))
		code = out_value(c, v);
	else if (code == 0)
		code = cli_fail(c, E_LIMIT, NULL, NULL, "too many tools to list");
	buf_fini(&params);
	buf_fini(&picked);
	return code;
}

static bool
look_and_confirm(struct cli *c, const struct json *t, int *ret_code)
{
	struct buf b;
	buf_init(&b, 128 << 20);
	put_tool(c, t, &b);
	put_change(c, t, c->colour && c->tty_err, &b);
	buf_printf(&b, "\nAccept this definition? type yes : ");
	const char *q;
	bool ok = false;
	if (failed(buf_finish_str(&b, &q)))
		*ret_code = cli_fail(c, E_LIMIT, "the definition cannot all be shown", NULL, "not accepted");
	else
		ok = cli_confirm(c, q, "yes", true, ret_code);
	buf_fini(&b);
	return ok;
}

int
tool_review_run(struct cli *c)
{
	struct answer a;
	int code;
	if (!ask_tool(c, &a, &code))
		return code;
	const char *given = args_str(&c->args, "definition"), *now = text_at(c, a.json, "definition");
	if (given && strcmp(given, now) != 0)
		return cli_fail(c, E_CONFLICT, now, "ambit tool show, then review again", "the tool's definition is not the one you looked at");
	if (!given && c->yes)
		return cli_fail(c, E_BAD_REQUEST, "--yes accepts what you looked at, so it needs its digest", "--definition sha256:…, as `ambit tool show` prints it", "which definition?");
	if (!(given && c->yes) && !look_and_confirm(c, a.json, &code))
		return code;
	struct buf b;
	buf_init(&b, 65536);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	op_params(c, &w);
	json_w_kcstr(&w, "definition", now);
	json_w_obj_end(&w);
	if (cli_get(c, PEER_PEOPLE, "tool/review", buf_span(&b), &a, &code) && !out_machine(c, a.json, &code)) {
		buf_reset(&b);
		buf_printf(&b, "%s is %s: effect %s, data %s\n", text_at(c, a.json, "name"), text_at(c, a.json, "state"), text_at(c, a.json, "effect"), text_at(c, a.json, "sensitivity"));
		code = out_write(buf_span(&b));
	}
	buf_fini(&b);
	return code;
}
