/* policy why: one call, and what every rule in the files has to say about it. */
#include "escape.h"
#include "fixture.h"
#include "testfile.h"
#include "verdict.h"
#include "cedar/coverage.h"

#include <stdio.h>

struct asking {
	struct cli *c;
	struct policyset set;
	struct trial *trial;
	struct trial_question q;
	struct trial_task task;
	struct fixture_extra extra;
	struct cedar_coverage *seen;     /* of the last evaluation alone */
	bool oom;
	struct buf err;
	const char *why;
};

static void
saw(void *ctx, const struct policy_set *p, const struct cedar_entities *entities, const struct cedar_request *q, const struct cedar_answer *, struct arena *a)
{
	struct asking *k = ctx;
	cedar_coverage_free(TAKE(k->seen));
	k->oom |= failed(cedar_coverage_new(p->compiled, &k->seen)) || failed(cedar_coverage_add(k->seen, entities, q, a));
}

/* ---- the question ---- */

static status
from_case(struct asking *k, const char *name, bool *ret_found)
{
	struct arena *a = &k->c->arena;
	*ret_found = false;
	for (size_t i = 0; i < k->set.other_n && !*ret_found; i++) {
		span text;
		struct testfile t;
		if (k->set.others[i].kind != FILE_TEST)
			continue;
		TRY(walk_read(a, k->set.others[i].path, 1 << 20, &text));
		TRY(testfile_read(text, k->set.others[i].path, a, &t, &k->err));
		for (size_t n = 0; n < t.n && !*ret_found; n++) {
			if (!span_is(t.cases[n].name, name))
				continue;
			k->q = t.cases[n].q;
			k->task = t.cases[n].task;
			k->extra = (struct fixture_extra){ .where = t.file, .resources = t.resources, .tools = t.tools };
			*ret_found = true;
		}
	}
	return OK;
}

static status
arguments(struct asking *k)
{
	struct cli *c = k->c;
	const char *all = args_str(&c->args, "args"), *one;
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1 << 20);
	struct json_writer w = json_w(&b);
	bool any = all != NULL;
	json_w_obj(&w);
	if (all) {
		const struct json *v;
		TRY(json_parse(span_str(all), NULL, &c->arena, &v, NULL));
		ENSURE(v->kind == JSON_OBJ, E_BAD_JSON);
		json_for_members(m, v) {
			json_w_key(&w, m->key);
			json_w_value(&w, &m->value);
		}
	}
	for (size_t i = 0; (one = args_next(&c->args, "arg", &i)); any = true)
		TRY(verdict_argument(c, one, &w));
	json_w_obj_end(&w);
	TRY(buf_finish(&b));
	return any ? json_parse(buf_span(&b), &(struct json_opts){ .copy = true }, &c->arena, &k->q.args, NULL) : OK;
}

static status
from_flags(struct asking *k)
{
	const struct args *a = &k->c->args;
	const char *agent = args_str(a, "agent"), *tool = args_str(a, "tool"), *env = args_str(a, "env"), *label = args_str(a, "sensitivity");
	enum sensitivity s;
	if (agent)
		k->q.agent = span_str(agent);
	if (tool)
		k->q.tool = span_str(tool);
	if (env)
		k->q.environment = span_str(env);
	if (label && sensitivity_from(span_str(label), &s))
		k->task.sensitivity = (uint8_t)s;
	if (args_has(a, "depth"))
		k->task.depth = args_int(a, "depth", 0);
	ENSURE(k->task.depth >= 0 && k->task.depth <= TRIAL_DEPTH_MAX, E_BAD_REQUEST);
	k->q.approved |= args_has(a, "approved");
	k->q.task = &k->task;
	return arguments(k);
}

/* ---- telling ---- */

static void
put_text(const struct cedar_policy *p, uint32_t from, uint32_t end, struct buf *b)
{
	span s = span_sub(p->ast->text, from, end - from);
	bool blank = false;
	struct buf one;
	buf_init(&one, 1 << 20);
	for (size_t i = 0; i < s.n; i++) {
		bool space = s.p[i] == ' ' || s.p[i] == '\n' || s.p[i] == '\t' || s.p[i] == '\r';
		if (!space || !blank)
			buf_put_u8(&one, space ? ' ' : s.p[i]);
		blank = space;
	}
	escape_text(buf_span(&one), false, b);
	buf_fini(&one);
}

static const char *
outcome(const struct cedar_covered *v)
{
	static const char *const scope[] = { "another principal", "another action", "another resource" };
	for (int i = 0; i < 3; i++)
		if (v->outside[i])
			return scope[i];
	if (v->applied)
		return "applies";
	for (uint32_t p = 0; p < v->part_n; p++)
		if (v->parts[p].failed)
			return "cannot be evaluated";
	return "does not apply";
}

/* The condition as it is written was true, false or failed. */
static const char *
part_word(const struct cedar_covered_part *p)
{
	return p->failed ? "fails" : !p->held && !p->missed ? "not looked at" : (p->held > 0) == p->want ? "true" : "false";
}

static void
put_rules(struct asking *k, struct buf *b)
{
	size_t n = 0;
	const struct cedar_covered *l = k->seen ? cedar_coverage_list(k->seen, &n) : NULL;
	if (!n) {
		buf_put_str(b, "\npolicy was not asked: the call was refused before\n");
		return;
	}
	buf_put_str(b, "\nrules\n");
	for (size_t i = 0; i < n; i++) {
		const struct cedar_policy *p = l[i].policy;
		const struct rule *r = &trial_policies(k->trial)->rules[i];
		buf_printf(b, "  %s  ", r->forbid ? "forbid" : "permit");
		escape_text(r->id, false, b);
		buf_put_str(b, "  ");
		escape_text(r->file, false, b);
		buf_printf(b, ":%u  %s%s\n", r->line, outcome(&l[i]), r->observe ? " (observed only)" : r->quorum_n ? " (a human may lift it)" : "");
		for (uint32_t x = 0; x < l[i].part_n && l[i].considered; x++) {
			buf_printf(b, "      %-6s %s", part_word(&l[i].parts[x]), l[i].parts[x].want ? "" : "unless ");
			put_text(p, l[i].parts[x].at->pos.offset, l[i].parts[x].at->end, b);
			buf_put_u8(b, '\n');
		}
	}
}

static void
json_rules(struct asking *k, struct json_writer *w)
{
	size_t n = 0;
	const struct cedar_covered *l = k->seen ? cedar_coverage_list(k->seen, &n) : NULL;
	json_w_karr(w, "rules");
	for (size_t i = 0; i < n; i++) {
		const struct rule *r = &trial_policies(k->trial)->rules[i];
		json_w_obj(w);
		json_w_kstr(w, "policy", r->file);
		json_w_kint(w, "line", r->line);
		json_w_kstr(w, "id", r->id);
		json_w_kcstr(w, "effect", r->forbid ? "forbid" : "permit");
		json_w_kcstr(w, "outcome", outcome(&l[i]));
		json_w_kbool(w, "observe", r->observe);
		json_w_karr(w, "conditions");
		for (uint32_t x = 0; x < l[i].part_n && l[i].considered; x++) {
			json_w_obj(w);
			json_w_kint(w, "line", l[i].parts[x].at->pos.line);
			json_w_kint(w, "column", l[i].parts[x].at->pos.col);
			struct buf t;
			buf_init(&t, 1 << 20);
			put_text(l[i].policy, l[i].parts[x].at->pos.offset, l[i].parts[x].at->end, &t);
			json_w_kstr(w, "text", buf_span(&t));
			buf_fini(&t);
			json_w_kcstr(w, "outcome", part_word(&l[i].parts[x]));
			json_w_obj_end(w);
		}
		json_w_arr_end(w);
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
}

static int
tell(struct asking *k)
{
	struct cli *c = k->c;
	struct buf b;
	const struct json *v, *verdict;
	buf_init(&b, 64 << 20);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_key(&w, SPAN("verdict"));
	trial_verdict(k->trial, &w);
	json_rules(k, &w);
	json_w_obj_end(&w);
	status s = buf_finish(&b);
	if (!failed(s))
		s = json_parse(buf_span(&b), &(struct json_opts){ .max_bytes = 64 << 20, .max_nodes = 4 << 20, .copy = true }, &c->arena, &v, NULL);
	int code = failed(s) ? cli_fail(c, s.code, error_text(s.code), NULL, "the answer cannot be told") : 0;
	verdict = failed(s) ? NULL : json_gets(v, "verdict");
	if (verdict && !out_machine(c, v, &code)) {
		buf_reset(&b);
		buf_printf(&b, "%s  %s\n", word(c, text_at(c, verdict, "decision")), text_at(c, verdict, "message"));
		verdict_put(c, verdict, NULL, &b);
		put_rules(k, &b);
		code = out_write(buf_span(&b));
	}
	buf_fini(&b);
	return code ? code : verdict ? verdict_exit(verdict) : 1;
}

static int
run(struct asking *k)
{
	struct cli *c = k->c;
	const char *name = args_str(&c->args, "case");
	bool found = true;
	struct trial_answer a;
	struct trial_fault f = { .what = "" };
	const char *text = "";
	status s = name ? from_case(k, name, &found) : OK;
	if (!failed(s) && !found)
		return cli_fail(c, E_NOT_FOUND, NULL, "ambit policy test PATH -q lists them", "no test case is called \"%s\"", name);
	if (!failed(s) && failed(s = from_flags(k)))
		return cli_fail(c, s.code, error_text(s.code), "--arg name=text, --arg name:=5, --args '{\"name\":\"text\"}'", "the arguments cannot be read");
	if (!failed(s) && (!k->q.agent.n || !k->q.tool.n))
		return cli_fail(c, E_BAD_REQUEST, "it needs --agent and --tool, or --case", "ambit policy why policies/ --agent NAME --tool SERVER/NAME", "which call?");
	k->extra.agents = &k->q.agent;
	k->extra.agent_n = 1;
	if (!failed(s))
		s = fixture_new(c, &k->set, &k->extra, &k->trial, &k->why);
	if (!failed(s)) {
		trial_watch(k->trial, saw, k);
		s = trial_ask(k->trial, &k->q, &a, &f);
	}
	if (!failed(s) && k->oom)
		s = FAIL(E_NO_MEMORY);
	if (!failed(s))
		return tell(k);
	IGNORE(buf_finish_str(&k->err, &text));
	const char *why = text[0] ? text : f.what[0] ? f.what : k->why ? k->why : error_text(s.code);
	return cli_fail(c, s.code, NULL, NULL, "%.*s", (int)strcspn(why, "\n"), why);
}

int
policy_why_run(struct cli *c)
{
	struct asking k = { .c = c };
	struct findings f = { 0 };
	int code;
	buf_init(&k.err, 65536);
	if (policyset_read(c, c->args.pos, c->args.n_pos, &k.set, &f, &code)) {
		code = f.n ? findings_tell(c, &f) : run(&k);
		policyset_fini(&k.set);
	}
	cedar_coverage_free(k.seen);
	trial_free(k.trial);
	buf_fini(&k.err);
	findings_fini(&f);
	return code;
}
