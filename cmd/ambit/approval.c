/* The approval card: everything a person needs to answer within ten seconds, nothing shortened without saying so. */
#include "cli.h"
#include "escape.h"

#include <stdio.h>

static bool
ask_one(struct cli *c, const char *op, struct answer *ret, int *ret_code)
{
	struct buf b;
	buf_init(&b, 65536);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_kcstr(&w, "approval", c->args.pos[0]);
	json_w_obj_end(&w);
	bool ok = cli_get(c, PEER_PEOPLE, op, buf_span(&b), ret, ret_code);
	buf_fini(&b);
	return ok;
}

static void
put_argument(struct cli *c, const struct json_member *m, struct buf *b)
{
	buf_put_str(b, "    ");
	escape_text(m->key, false, b);
	if (m->value.kind == JSON_STR) {
		bool lines = span_find(m->value.str, '\n') < m->value.str.n;
		buf_put_str(b, lines ? " =\n" : " = ");
		struct buf text;
		buf_init(&text, 64 << 20);
		escape_text(m->value.str, lines, &text);
		for (span s = buf_span(&text); lines && s.n;) {
			size_t n = span_find(s, '\n');
			buf_put_str(b, "      | ");
			buf_put(b, span_sub(s, 0, n));
			buf_put_u8(b, '\n');
			s = span_sub(s, n + (n < s.n), s.n);
		}
		if (!lines) {
			buf_put(b, buf_span(&text));
			buf_put_u8(b, '\n');
		}
		buf_fini(&text);
	} else {
		struct buf raw;
		buf_init(&raw, 64 << 20);
		struct json_writer w = json_w_pretty(&raw);
		json_w_value(&w, &m->value);
		buf_put_str(b, " = ");
		for (span s = buf_span(&raw); s.n;) {
			size_t n = span_find(s, '\n');
			escape_text(span_sub(s, 0, n), false, b);
			buf_put_str(b, n < s.n ? "\n    " : "\n");
			s = span_sub(s, n + (n < s.n), s.n);
		}
		buf_fini(&raw);
	}
}

static size_t
hidden_in(const struct json *v)
{
	struct buf raw;
	buf_init(&raw, 64 << 20);
	struct json_writer w = json_w(&raw);
	json_w_value(&w, v);
	size_t n = escape_count(buf_span(&raw));
	buf_fini(&raw);
	return n;
}

static void
put_sentence(struct cli *c, const struct json *a, struct buf *b)
{
	buf_put_str(b, text_at(c, a, "agent"));
	if (json_gets(a, "user"))
		buf_printf(b, " (for %s%s)", text_at(c, a, "user"), true_at(a, "user_proven") ? "" : ", claimed");
	buf_printf(b, " wants to call %s", text_at(c, a, "tool"));
	if (json_gets(a, "resource"))
		buf_printf(b, " on %s", text_at(c, a, "resource"));
	if (json_gets(a, "environment"))
		buf_printf(b, " in %s", text_at(c, a, "environment"));
	buf_put_str(b, ":\n");
}

static void
put_facts(struct cli *c, const struct json *a, struct buf *b)
{
	buf_printf(b, "Effect      %s", text_at(c, a, "effect"));
	if (json_gets(a, "sensitivity"))
		buf_printf(b, " · data %s", text_at(c, a, "sensitivity"));
	buf_printf(b, "   (as reviewed)\nTask        %s \"%s\", %s calls, %s denials before this\n", text_at(c, a, "task"), text_at(c, a, "purpose"), text_at(c, a, "calls"),
	    text_at(c, a, "denials"));
	if (json_gets(a, "claim"))
		buf_printf(b, "Agent says  \"%s\"   (claimed by the agent, unverified)\n", text_at(c, a, "claim"));
	if (true_at(a, "first"))
		buf_put_str(b, "New         first call of this tool by this agent\n");
	buf_put_str(b, "If yes      this exact call, once");
	int64_t end;
	span expires = { 0 };
	IGNORE(json_opt_str(a, "expires", &expires, NULL));
	if (parse_time(expires, &end)) {
		buf_put_str(b, ", within ");
		out_cell(json_gets(a, "expires"), COL_UNTIL, true, b);
	}
	buf_put_u8(b, '\n');
	json_for_items(r, json_gets(a, "rules")) {
		buf_printf(b, "Policy      %s", text_at(c, r, "policy"));
		if (json_gets(r, "line"))
			buf_printf(b, ":%s", text_at(c, r, "line"));
		buf_printf(b, " @id(\"%s\")\n", text_at(c, r, "id"));
	}
	buf_printf(b, "Needs       %s", text_at(c, a, "quorums"));
	json_for_items(g, json_gets(a, "granted"))
		buf_printf(b, "   yes from %s", text_at(c, g, "user"));
	const struct json *may = json_path(a, "you.may");
	if (json_is_bool(may))
		buf_printf(b, "\nYou         %s%s%s", may->truth ? "may decide" : "may NOT decide", *text_at(c, a, "you.reason") ? ": " : "", text_at(c, a, "you.reason"));
	buf_printf(b, "\nState       %s   %s\n", text_at(c, a, "state"), text_at(c, a, "id"));
}

static void
approval_card(struct cli *c, const struct json *a, struct buf *b)
{
	put_sentence(c, a, b);
	const struct json *args = json_gets(a, "arguments");
	json_for_members(m, args)
		put_argument(c, m, b);
	if (!json_is_obj(args))
		buf_printf(b, "    %s\n", *text_at(c, a, "arguments_digest") ? "the arguments are not shown to you; do not approve what you cannot see" : "no arguments");
	else if (args->obj.n == 0)
		buf_put_str(b, "    no arguments\n");
	size_t hidden = json_is_obj(args) ? hidden_in(args) : 0;
	if (hidden)
		buf_printf(b, "Careful     %zu hidden or control characters in the arguments, shown as \\u{…}\n", hidden);
	put_facts(c, a, b);
}

/* Through a pager a card would be cut by habit; it is printed whole. */
int
approval_show_run(struct cli *c)
{
	struct answer a;
	int code;
	if (!ask_one(c, "approval/show", &a, &code) || out_machine(c, a.json, &code))
		return code;
	struct buf b;
	buf_init(&b, 128 << 20);
	approval_card(c, a.json, &b);
	code = failed(buf_finish(&b)) ? cli_fail(c, b.err, NULL, "ambit approval show ID -o json", "the card is too large to lay out") : out_write(buf_span(&b));
	buf_fini(&b);
	return code;
}

int
approval_list_run(struct cli *c)
{
	const char *state = args_str(&c->args, "state");
	struct buf b;
	buf_init(&b, 65536);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_kcstr(&w, "state", state ? state : "open");
	if (args_has(&c->args, "limit"))
		json_w_kint(&w, "limit", args_int(&c->args, "limit", 100));
	if (args_has(&c->args, "cursor"))
		json_w_kcstr(&w, "cursor", args_str(&c->args, "cursor"));
	json_w_obj_end(&w);
	int code;
	struct answer a;
	if (cli_get(c, PEER_PEOPLE, "approval/list", buf_span(&b), &a, &code))
		code = out_value(c, a.json);
	buf_fini(&b);
	return code;
}

static int
decide(struct cli *c, const char *op, bool yes)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	op_params(c, &w);
	json_w_obj_end(&w);
	int code;
	struct answer a;
	if (cli_get(c, PEER_PEOPLE, op, buf_span(&b), &a, &code) && !out_machine(c, a.json, &code)) {
		const char *state = text_at(c, a.json, "state");
		buf_reset(&b);
		if (!yes)
			buf_printf(&b, "denied. The agent is told%s.\n", args_has(&c->args, "tell-agent") ? " so, in your words" : "");
		else if (strcmp(state, "granted") == 0)
			buf_printf(&b, "approved once. Runs when the agent asks again: this call, until %s.\n", text_at(c, a.json, "expires"));
		else
			buf_printf(&b, "your yes is recorded; the approval is %s and needs %s.\n", state, text_at(c, a.json, "quorums"));
		code = out_write(buf_span(&b));
	}
	buf_fini(&b);
	return code;
}

int
approve_run(struct cli *c)
{
	int code;
	if (!c->yes) {
		struct answer a;
		struct buf b;
		if (!ask_one(c, "approval/show", &a, &code))
			return code;
		buf_init(&b, 128 << 20);
		approval_card(c, a.json, &b);
		buf_put_str(&b, "Approve this call once? type yes : ");
		const char *card;
		if (failed(buf_finish_str(&b, &card))) {
			buf_fini(&b);
			return cli_fail(c, E_LIMIT, "the arguments cannot all be shown", "ambit approval show ID -o json", "not approved");
		}
		bool ok = cli_confirm(c, card, "yes", false, &code);
		buf_fini(&b);
		if (!ok)
			return code;
	}
	return decide(c, "approval/approve", true);
}

int
deny_run(struct cli *c)
{
	return decide(c, "approval/deny", false);
}
