/* check and why: a verdict, laid out for people. The words come from the evaluation that decided. */
#include "cli.h"
#include "escape.h"
#include "verdict.h"

static void
put_rules(struct cli *c, const struct json *rules, const char *label, struct buf *b)
{
	json_for_items(r, rules) {
		buf_printf(b, "  %-9s %s rule %s", label, json_gets(r, "effect") ? text_at(c, r, "effect") : "a", text_at(c, r, "policy"));
		if (json_gets(r, "line"))
			buf_printf(b, ":%s", text_at(c, r, "line"));
		if (json_gets(r, "id"))
			buf_printf(b, " @id(\"%s\")", text_at(c, r, "id"));
		buf_put_u8(b, '\n');
		const struct json *text = json_gets(r, "text");
		if (!json_is_str(text))
			continue;
		for (span s = text->str; s.n;) {
			size_t n = span_find(s, '\n');
			buf_printf(b, "%*s", 12, "");
			escape_text(span_sub(s, 0, n), false, b);
			buf_put_u8(b, '\n');
			s = span_sub(s, n + (n < s.n), s.n);
		}
	}
}

void
verdict_put(struct cli *c, const struct json *v, const struct json *rules, struct buf *b)
{
	if (json_gets(v, "task"))
		buf_printf(b, "  task      %s \"%s\"\n", text_at(c, v, "task"), text_at(c, v, "purpose"));
	put_rules(c, json_is_arr(rules) ? rules : json_gets(v, "determining"), "because", b);
	/* What is not a rule's doing has its reason in a sentence. */
	span code = { 0 };
	IGNORE(json_opt_str(v, "code", &code, NULL));
	if (json_gets(v, "detail"))
		buf_printf(b, "  because   %s\n", text_at(c, v, "detail"));
	else if (code.n && !json_path(v, "determining.0") && !json_gets(v, "constraint"))
		buf_printf(b, "  because   %s\n", error_text(error_from_name((const char *)code.p, code.n)));
	const struct json *k = json_gets(v, "constraint");
	if (json_is_obj(k))
		buf_printf(b, "  bound     %s %s %s %s   (set by %s)\n", text_at(c, k, "tool"), text_at(c, k, "path"), text_at(c, k, "op"), text_at(c, k, "value"), text_at(c, k, "by"));
	const struct json *n = json_gets(v, "nearest");
	if (json_is_obj(n))
		buf_printf(b, "  nearest   permit %s:%s @id(\"%s\") %s\n", text_at(c, n, "policy"), text_at(c, n, "line"), text_at(c, n, "id"), text_at(c, n, "lacked"));
	json_for_items(e, json_gets(v, "evaluation_errors")) {
		buf_put_str(b, "  error     ");
		out_scalar(e, b);
		buf_put_u8(b, '\n');
	}
	put_rules(c, json_gets(v, "observed"), "observed", b);
	if (json_gets(v, "approval"))
		buf_printf(b, "  approval  %s needs %s\n", text_at(c, v, "approval"), text_at(c, v, "quorums"));
	else if (json_path(v, "quorums.0"))
		buf_printf(b, "  needs     a yes of %s\n", text_at(c, v, "quorums"));
	if (json_path(v, "next.0"))
		buf_printf(b, "  next      %s\n", text_at(c, v, "next.0"));
	if (json_gets(v, "event"))
		buf_printf(b, "  event     %s\n", text_at(c, v, "event"));
}

int
verdict_exit(const struct json *v)
{
	span d = { 0 };
	IGNORE(json_opt_str(v, "decision", &d, NULL));
	return span_is(d, "allow") ? 0 : span_is(d, "pending") ? 5 : 3;
}

status
verdict_argument(struct cli *c, const char *s, struct json_writer *w)
{
	const char *eq = strchr(s, '=');
	ENSURE(eq && eq != s, E_BAD_REQUEST);
	bool raw = eq > s + 1 && eq[-1] == ':';
	json_w_key(w, span_make(s, (size_t)(eq - s) - raw));
	if (!raw) {
		json_w_str(w, span_str(eq + 1));
		return OK;
	}
	const struct json *v;
	TRY(json_parse(span_str(eq + 1), NULL, &c->arena, &v, NULL));
	json_w_value(w, v);
	return OK;
}

static status
check_params(struct cli *c, struct json_writer *w)
{
	json_w_obj(w);
	op_params(c, w);
	json_w_kobj(w, "arguments");
	const char *all = args_str(&c->args, "args"), *one;
	if (all) {
		const struct json *v;
		TRY(json_parse(span_str(all), NULL, &c->arena, &v, NULL));
		ENSURE(v->kind == JSON_OBJ, E_BAD_JSON);
		json_for_members(m, v) {
			json_w_key(w, m->key);
			json_w_value(w, &m->value);
		}
	}
	for (size_t i = 0; (one = args_next(&c->args, "arg", &i));)
		TRY(verdict_argument(c, one, w));
	json_w_obj_end(w);
	json_w_obj_end(w);
	return buf_finish(w->b);
}

int
check_run(struct cli *c)
{
	if (!args_has(&c->args, "tool") || (!args_has(&c->args, "agent") && !args_has(&c->args, "task")))
		return cli_fail(c, E_BAD_REQUEST, "it needs --tool, and --agent or --task", "ambit check --agent NAME --tool SERVER/NAME", "what should be checked?");
	struct buf b;
	buf_init(&b, 1 << 20);
	struct json_writer w = json_w(&b);
	int code;
	struct answer a;
	status s = check_params(c, &w);
	if (failed(s)) {
		code = cli_fail(c, E_BAD_REQUEST, error_text(s.code), "--arg name=text, --arg name:=5, --args '{\"name\":\"text\"}'", "the arguments to check cannot be read");
	} else if (cli_get(c, PEER_PEOPLE, "check/run", buf_span(&b), &a, &code)) {
		code = verdict_exit(a.json);
		int printed;
		if (out_machine(c, a.json, &printed)) {
			buf_fini(&b);
			return printed ? printed : code;
		}
		buf_reset(&b);
		buf_printf(&b, "%s  %s\n", word(c, text_at(c, a.json, "decision")), text_at(c, a.json, code == 0 ? "action" : "message"));
		verdict_put(c, a.json, NULL, &b);
		if (out_write(buf_span(&b)))
			code = 1;
	}
	buf_fini(&b);
	return code;
}

/* An event as the log has it. A decision's begins with the decision and its rules. */
static void
put_event(struct cli *c, const struct json *e, const struct json *rules, struct buf *b)
{
	const char *type = text_at(c, e, "type");
	const char *decision = strcmp(type, "decision.allowed") == 0 ? "allow" : strcmp(type, "decision.denied") == 0 ? "deny" :
	                       strcmp(type, "decision.pending") == 0 ? "pending" : NULL;
	if (decision) {
		const char *code = text_at(c, e, "code");
		buf_printf(b, "%s  %s by %s%s%s\n", word(c, decision), text_at(c, e, "tool"), text_at(c, e, "agent_name"), *code ? ": " : "", code);
		put_rules(c, rules, "because", b);
	}
	out_members(e, decision ? 2 : 0, b);
}

int
why_run(struct cli *c)
{
	if (c->args.n_pos == 0 && !args_has(&c->args, "last"))
		return cli_fail(c, E_BAD_REQUEST, NULL, "ambit why EVENT, or ambit why --last", "which decision?");
	struct buf b;
	buf_init(&b, 1 << 20);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	op_params(c, &w);
	json_w_obj_end(&w);
	int code;
	struct answer a;
	if (cli_get(c, PEER_PEOPLE, "why/show", buf_span(&b), &a, &code) && !out_machine(c, a.json, &code)) {
		const struct json *v = json_gets(a.json, "verdict");
		buf_reset(&b);
		if (json_is_obj(v)) {
			buf_printf(&b, "%s  %s\n", word(c, text_at(c, v, "decision")), text_at(c, v, "message"));
			verdict_put(c, v, json_gets(a.json, "rules"), &b);
		} else {
			put_event(c, json_gets(a.json, "event"), json_gets(a.json, "rules"), &b);
		}
		code = out_write(buf_span(&b));
	}
	buf_fini(&b);
	return code;
}
