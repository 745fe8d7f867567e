#include "testfile.h"

#include "msg/enums.h"
#include "text/suggest.h"
#include "text/time.h"

#include <stdio.h>

struct reading {
	struct testfile *t;
	struct arena *a;
	struct buf *err;
};

static const char *const top_members[] = { "description", "resources", "tools", "defaults", "cases", NULL };
static const char *const case_members[] = { "name", "agent", "tool", "args", "resource", "environment", "channel", "attested", "at", "task", "approval", "expect", "rules", "code", NULL };
static const char *const default_members[] = { "agent", "tool", "environment", "channel", "attested", "at", "task", NULL };
static const char *const task_members[] = { "id", "purpose", "workflow", "user", "user_proven", "envelope", "depth", "calls", "age_seconds", "sensitivity", "labels", NULL };

const char *
expect_name(uint8_t verdict)
{
	return verdict == VERDICT_ALLOW ? "allow" : verdict == VERDICT_PENDING ? "approval required" : "deny";
}

static status
bad(struct reading *r, const struct json *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static status
bad(struct reading *r, const struct json *at, const char *fmt, ...)
{
	va_list ap;
	buf_printf(r->err, "%s:%u:%u: ", r->t->file, at && at->at ? yaml_line(at->at) : 1, at && at->at ? yaml_column(at->at) : 1);
	va_start(ap, fmt);
	buf_vprintf(r->err, fmt, ap);
	va_end(ap);
	return FAIL(E_BAD_CONFIG);
}

static status
only(struct reading *r, const struct json *v, const char *what, const char *const *names)
{
	if (!json_is_obj(v))
		return bad(r, v, "%s must be a mapping", what);
	for (size_t i = 0; i < v->obj.n; i++) {
		struct suggest s = { .given = v->obj.members[i].key };
		bool known = false;
		for (size_t k = 0; names[k]; k++) {
			known |= span_is(s.given, names[k]);
			suggest_offer(&s, span_str(names[k]));
		}
		if (known)
			continue;
		struct json at = { .at = yaml_key_at(&r->t->yaml, v, i) };
		if (s.best.n)
			return bad(r, &at, "unknown member \"%.*s\"; did you mean \"%.*s\"?", SPAN_ARG(s.given), SPAN_ARG(s.best));
		return bad(r, &at, "unknown member \"%.*s\" of %s", SPAN_ARG(s.given), what);
	}
	return OK;
}

/* A member of the case, else of the defaults. */
static const struct json *
member(const struct json *c, const struct json *defaults, const char *key)
{
	const struct json *v = json_gets(c, key);
	return v ? v : json_gets(defaults, key);
}

static status
text(struct reading *r, const struct json *v, const char *key, span *ret)
{
	if (!v)
		return OK;
	/* 12 and true are what YAML makes of unquoted words; a name is text. */
	if (!json_is_str(v))
		return bad(r, v, "%s must be text; write it in quotes", key);
	*ret = v->str;
	return OK;
}

static status
number(struct reading *r, const struct json *v, const char *key, int64_t max, int64_t *ret)
{
	if (!v)
		return OK;
	if (!json_is_int(v) || v->i < 0 || v->i > max)
		return bad(r, v, "%s must be a whole number from 0 to %lld", key, (long long)max);
	*ret = v->i;
	return OK;
}

static status
flag(struct reading *r, const struct json *v, const char *key, bool *ret)
{
	if (!v)
		return OK;
	if (!json_is_bool(v))
		return bad(r, v, "%s must be true or false", key);
	*ret = v->truth;
	return OK;
}

static status
texts(struct reading *r, const struct json *v, const char *key, size_t max, const span **ret, size_t *ret_n)
{
	if (!v)
		return OK;
	if (!json_is_arr(v) || v->arr.n > max)
		return bad(r, v, "%s must be a list of at most %zu texts", key, max);
	span *list = arena_array(r->a, v->arr.n + 1, sizeof *list);
	ENSURE(list, E_NO_MEMORY);
	*ret_n = 0;
	json_for_items(it, v)
		TRY(text(r, it, key, &list[(*ret_n)++]));
	*ret = list;
	return OK;
}

static status
read_task(struct reading *r, const struct json *v, const struct json *defaults, struct trial_task *t)
{
	span sens = { 0 };
	enum sensitivity s = SENS_PUBLIC;
	if (v)
		TRY(only(r, v, "task", task_members));
	TRY(text(r, member(v, defaults, "id"), "id", &t->id));
	TRY(text(r, member(v, defaults, "purpose"), "purpose", &t->purpose));
	TRY(text(r, member(v, defaults, "workflow"), "workflow", &t->workflow));
	TRY(text(r, member(v, defaults, "user"), "user", &t->user));
	TRY(flag(r, member(v, defaults, "user_proven"), "user_proven", &t->user_proven));
	TRY(number(r, member(v, defaults, "depth"), "depth", TRIAL_DEPTH_MAX, &t->depth));
	TRY(number(r, member(v, defaults, "calls"), "calls", INT32_MAX, &t->calls));
	TRY(number(r, member(v, defaults, "age_seconds"), "age_seconds", INT32_MAX, &t->age_seconds));
	TRY(texts(r, member(v, defaults, "labels"), "labels", TRIAL_LABELS_MAX, &t->labels, &t->label_n));
	TRY(text(r, member(v, defaults, "sensitivity"), "sensitivity", &sens));
	if (sens.n && !sensitivity_from(sens, &s))
		return bad(r, member(v, defaults, "sensitivity"), "sensitivity is public, internal, confidential or restricted");
	t->sensitivity = (uint8_t)s;
	t->envelope = member(v, defaults, "envelope");
	if (t->envelope && !json_is_obj(t->envelope))
		return bad(r, t->envelope, "envelope must be a mapping");
	return OK;
}

/* Type::"id" */
static status
read_resource(struct reading *r, const struct json *v, struct trial_question *q)
{
	span s = { 0 };
	TRY(text(r, v, "resource", &s));
	if (!s.n)
		return OK;
	size_t at = 0;
	while (at + 3 < s.n && memcmp(s.p + at, "::\"", 3) != 0)
		at++;
	if (at == 0 || at + 3 >= s.n || s.p[s.n - 1] != '"')
		return bad(r, v, "resource is written Type::\"id\"");
	q->resource_type = span_sub(s, 0, at);
	q->resource_id = span_sub(s, at + 3, s.n - at - 4);
	return OK;
}

static status
read_approval(struct reading *r, const struct json *v, struct trial_question *q)
{
	if (!v)
		return OK;
	if (json_is_str(v) && span_is(v->str, "granted")) {
		q->approved = true;
		return OK;
	}
	static const char *const members[] = { "by", NULL };
	if (!json_is_obj(v))
		return bad(r, v, "approval is `granted`, or `by:` a list of users");
	TRY(only(r, v, "approval", members));
	return texts(r, json_gets(v, "by"), "by", CASE_LIST_MAX, &q->approvers, &q->approver_n);
}

static status
read_channel(struct reading *r, const struct json *v, struct trial_question *q)
{
	span s = { 0 };
	TRY(text(r, v, "channel", &s));
	if (!s.n)
		return OK;
	if (!span_is(s, "local") && !span_is(s, "tls"))
		return bad(r, v, "channel is local or tls");
	q->channel = span_is(s, "tls") ? "tls" : "local";
	return OK;
}

static status
read_expect(struct reading *r, const struct json *c, struct policy_case *k)
{
	static const struct { const char *word; uint8_t verdict; } words[] = {
		{ "allow", VERDICT_ALLOW }, { "deny", VERDICT_DENY }, { "approval required", VERDICT_PENDING },
	};
	const struct json *v = json_gets(c, "expect");
	span s = { 0 };
	TRY(text(r, v, "expect", &s));
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (span_is(s, words[i].word)) {
			k->expect = words[i].verdict;
			TRY(texts(r, json_gets(c, "rules"), "rules", CASE_RULES_MAX, &k->rules, &k->rule_n));
			TRY(text(r, json_gets(c, "code"), "code", &k->code));
			if (k->code.n && !error_from_name((const char *)k->code.p, k->code.n))
				return bad(r, json_gets(c, "code"), "there is no error code \"%.*s\"", SPAN_ARG(k->code));
			return OK;
		}
	return bad(r, v ? v : c, "expect is allow, deny or approval required");
}

static status
read_case(struct reading *r, const struct json *c, const struct json *defaults, struct policy_case *k)
{
	struct trial_question *q = &k->q;
	const struct json *v;
	bool attested = true;
	span at = { 0 };
	TRY(only(r, c, "a case", case_members));
	k->line = yaml_line(c->at);
	k->column = yaml_column(c->at);
	TRY(text(r, json_gets(c, "name"), "name", &k->name));
	TRY(text(r, member(c, defaults, "agent"), "agent", &q->agent));
	TRY(text(r, member(c, defaults, "tool"), "tool", &q->tool));
	if (!k->name.n || !q->agent.n || !q->tool.n)
		return bad(r, c, "a case needs %s", !k->name.n ? "a name" : !q->agent.n ? "an agent" : "a tool: server/name");
	v = json_gets(c, "args");
	if (v && !json_is_obj(v))
		return bad(r, v, "args must be a mapping");
	q->args = v;
	TRY(read_resource(r, json_gets(c, "resource"), q));
	TRY(text(r, member(c, defaults, "environment"), "environment", &q->environment));
	TRY(read_channel(r, member(c, defaults, "channel"), q));
	TRY(flag(r, member(c, defaults, "attested"), "attested", &attested));
	q->unattested = !attested;
	v = member(c, defaults, "at");
	TRY(text(r, v, "at", &at));
	if (at.n && !time_parse(at, &q->at))
		return bad(r, v, "at is a moment: \"2026-11-20T10:00:00Z\"");
	TRY(read_task(r, json_gets(c, "task"), json_gets(defaults, "task"), &k->task));
	q->task = &k->task;
	TRY(read_approval(r, json_gets(c, "approval"), q));
	return read_expect(r, c, k);
}

static status
read_doc(struct reading *r, const struct json *doc)
{
	struct testfile *t = r->t;
	const struct json *defaults = json_gets(doc, "defaults"), *cases = json_gets(doc, "cases");
	TRY(only(r, doc, "a test file", top_members));
	if (defaults) {
		TRY(only(r, defaults, "defaults", default_members));
		if (json_gets(defaults, "task"))
			TRY(only(r, json_gets(defaults, "task"), "task", task_members));
	}
	t->resources = json_gets(doc, "resources");
	t->tools = json_gets(doc, "tools");
	if (t->resources && !json_is_arr(t->resources))
		return bad(r, t->resources, "resources must be a list");
	if (t->tools && !json_is_arr(t->tools))
		return bad(r, t->tools, "tools must be a list");
	if (!json_is_arr(cases))
		return bad(r, cases ? cases : doc, "cases must be a list");
	if (cases->arr.n > CASES_MAX)
		return bad(r, cases, "more than %d cases", CASES_MAX);
	t->cases = arena_array(r->a, cases->arr.n + 1, sizeof *t->cases);
	ENSURE(t->cases, E_NO_MEMORY);
	json_for_items(it, cases)
		TRY(read_case(r, it, defaults, &t->cases[t->n++]));
	return OK;
}

status
testfile_read(span bytes, const char *file, struct arena *a, struct testfile *ret, struct buf *reterr)
{
	struct reading r = { ret, a, reterr };
	*ret = (struct testfile){ .file = file };
	TRY(yaml_parse(bytes, file, a, &ret->yaml, reterr));
	if (ret->yaml.n != 1)
		return bad(&r, NULL, ret->yaml.n ? "one document a file" : "the file is empty");
	return read_doc(&r, &ret->yaml.docs[0]);
}
