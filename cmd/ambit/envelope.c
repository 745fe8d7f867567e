#include "envelope.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const effects[] = { "read", "write", "destructive", "egress" };

/* Length of the pattern; *ret_effect is the part behind the last colon when that names an effect. */
static size_t
split_allow(const char *s, const char **ret_effect)
{
	const char *colon = strrchr(s, ':');
	*ret_effect = NULL;
	for (size_t i = 0; colon && i < ARRAY_LEN(effects); i++)
		if (strcmp(colon + 1, effects[i]) == 0) {
			*ret_effect = effects[i];
			return (size_t)(colon - s);
		}
	return strlen(s);
}

static status
complain(struct cli *c, const char **ret, const char *fmt, const char *what)
{
	char *t = arena_alloc(&c->arena, strlen(fmt) + strlen(what) + 1);
	ENSURE(t, E_NO_MEMORY);
	sprintf(t, fmt, what);
	*ret = t;
	return FAIL(E_BAD_REQUEST);
}

/* Effects bound the whole envelope, not one pattern, so patterns must agree on them: anything else would allow more than was
 * written. */
static status
put_tools(struct cli *c, struct json_writer *w, const char **ret_problem)
{
	const char *s, *e, *first = NULL;
	bool any = false, none = false;
	unsigned seen = 0;
	json_w_karr(w, "tools");
	for (size_t i = 0; (s = args_next(&c->args, "allow", &i));) {
		size_t n = split_allow(s, &e);
		if (n == 0 || memchr(s, ':', n))
			return complain(c, ret_problem, "--allow %s: after the colon comes read, write, destructive or egress", s);
		bool dup = false;
		const char *t, *f;
		for (size_t k = 0; (t = args_next(&c->args, "allow", &k)) && t != s;)
			dup |= split_allow(t, &f) == n && memcmp(t, s, n) == 0;
		if (!dup)
			json_w_str(w, span_make(s, n));
		for (size_t k = 0; e && k < ARRAY_LEN(effects); k++)
			if (strcmp(effects[k], e) == 0)
				seen |= 1u << k;
		any |= e != NULL;
		none |= e == NULL;
		first = first ? first : s;
	}
	json_w_arr_end(w);
	if (any && none)
		return complain(c, ret_problem, "--allow %s: either all patterns name their effect or none does", first);
	/* Several effects are fine for one set of patterns, each named with each. */
	for (size_t i = 0; any && (s = args_next(&c->args, "allow", &i));) {
		size_t n = split_allow(s, &e);
		unsigned mine = 0;
		const char *t, *f;
		for (size_t k = 0; (t = args_next(&c->args, "allow", &k));)
			if (split_allow(t, &f) == n && memcmp(t, s, n) == 0)
				for (size_t j = 0; j < ARRAY_LEN(effects); j++)
					mine |= f && strcmp(f, effects[j]) == 0 ? 1u << j : 0;
		if (mine != seen)
			return complain(c, ret_problem, "--allow %s: effects hold for the whole task; name the same ones for every pattern", s);
	}
	if (any) {
		json_w_karr(w, "effects");
		for (size_t k = 0; k < ARRAY_LEN(effects); k++)
			if (seen & 1u << k)
				json_w_str(w, span_str(effects[k]));
		json_w_arr_end(w);
	}
	return OK;
}

/* A bound's value: JSON where it reads as a number, boolean, array or quoted string, else the text itself. */
static void
put_bound(struct cli *c, span op, span text, struct json_writer *w)
{
	const struct json *v = NULL;
	bool list = span_is(op, "in") || span_is(op, "not_in");
	bool textual = span_is(op, "prefix") || span_is(op, "glob");
	if (!textual && !failed(json_parse(text, NULL, &c->arena, &v, NULL)) && v->kind != JSON_OBJ && v->kind != JSON_NULL && (!list || v->kind == JSON_ARR)) {
		json_w_value(w, v);
		return;
	}
	if (!list) {
		json_w_str(w, text);
		return;
	}
	json_w_arr(w);
	while (text.n) {
		size_t n = span_find(text, ',');
		json_w_str(w, span_sub(text, 0, n));
		text = span_sub(text, n + (n < text.n), text.n);
	}
	json_w_arr_end(w);
}

/* TOOL:/pointer:op[:value] */
static status
put_argument(struct cli *c, const char *s, struct json_writer *w, const char **ret_problem)
{
	static const char *const ops[] = { "eq", "ne", "in", "not_in", "lt", "le", "gt", "ge", "prefix", "glob", "max_length", "absent", "present" };
	span all = span_str(s);
	size_t a = span_find(all, ':');
	span rest = span_sub(all, a + 1, all.n);
	size_t b = span_find(rest, ':');
	span pointer = span_sub(rest, 0, b), op = span_sub(rest, b + 1, rest.n);
	size_t d = span_find(op, ':');
	span value = span_sub(op, d + 1, op.n);
	bool has_value = d < op.n, known = false;
	op = span_sub(op, 0, d);
	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		known |= span_is(op, ops[i]);
	if (a == 0 || a >= all.n || pointer.n == 0 || pointer.p[0] != '/')
		return complain(c, ret_problem, "--arg %s: it is TOOL:/POINTER:OP:VALUE", s);
	if (!known)
		return complain(c, ret_problem, "--arg %s: the operator is eq ne in not_in lt le gt ge prefix glob max_length absent or present", s);
	if (has_value == (span_is(op, "absent") || span_is(op, "present")))
		return complain(c, ret_problem, has_value ? "--arg %s: this operator takes no value" : "--arg %s: the value is missing", s);
	json_w_obj(w);
	json_w_kstr(w, "tool", span_sub(all, 0, a));
	json_w_kstr(w, "path", pointer);
	json_w_kstr(w, "op", op);
	if (has_value) {
		json_w_key(w, SPAN("value"));
		put_bound(c, op, value, w);
	}
	json_w_obj_end(w);
	return OK;
}

static status
put_limits(struct cli *c, struct json_writer *w, const char **ret_problem)
{
	static const char *const names[] = { "calls", "calls_per_minute", "depth" };
	const char *s;
	json_w_kobj(w, "limits");
	unsigned seen = 0;
	for (size_t i = 0; (s = args_next(&c->args, "limit", &i));) {
		const char *eq = strchr(s, '=');
		uint64_t n = 0;
		size_t k = 0;
		while (eq && k < ARRAY_LEN(names) && !(strlen(names[k]) == (size_t)(eq - s) && memcmp(names[k], s, (size_t)(eq - s)) == 0))
			k++;
		if (!eq || k == ARRAY_LEN(names) || !span_to_u64(span_str(eq + 1), &n) || n > INT32_MAX)
			return complain(c, ret_problem, "--limit %s: it is calls=N, calls_per_minute=N or depth=N", s);
		if (seen & 1u << k)
			return complain(c, ret_problem, "--limit %s: given twice", s);
		seen |= 1u << k;
		json_w_kint(w, names[k], (int64_t)n);
	}
	json_w_obj_end(w);
	return OK;
}

status
envelope_put(struct cli *c, struct json_writer *w, const char **ret_problem)
{
	const char *s, *workflow = args_str(&c->args, "workflow"), *purpose = args_str(&c->args, "task");
	bool lend = args_has(&c->args, "credential"), allow = args_has(&c->args, "allow") || lend;
	if (workflow && (allow || args_has(&c->args, "arg") || args_has(&c->args, "resource") || args_has(&c->args, "limit")))
		return complain(c, ret_problem, "--workflow %s brings its own envelope; leave out --allow, --credential, --resource, --arg and --limit", workflow);
	if (!allow && (args_has(&c->args, "arg") || args_has(&c->args, "resource") || args_has(&c->args, "limit")))
		return complain(c, ret_problem, "%s only narrow what --allow allows", "--arg, --resource and --limit");
	if (purpose)
		json_w_kcstr(w, "purpose", purpose);
	if (workflow)
		json_w_kcstr(w, "workflow", workflow);
	json_w_kint(w, "ttl_seconds", args_int(&c->args, "ttl", 3600));
	if (args_has(&c->args, "env"))
		json_w_kcstr(w, "environment", args_str(&c->args, "env"));
	if (!allow)
		return OK;
	json_w_kobj(w, "envelope");
	TRY(put_tools(c, w, ret_problem));
	if (lend) {
		json_w_karr(w, "credentials");
		for (size_t i = 0; (s = args_next(&c->args, "credential", &i));)
			json_w_str(w, span_str(s));
		json_w_arr_end(w);
	}
	if (args_has(&c->args, "resource")) {
		json_w_karr(w, "resources");
		for (size_t i = 0; (s = args_next(&c->args, "resource", &i));)
			json_w_str(w, span_str(s));
		json_w_arr_end(w);
	}
	if (args_has(&c->args, "arg")) {
		json_w_karr(w, "arguments");
		for (size_t i = 0; (s = args_next(&c->args, "arg", &i));)
			TRY(put_argument(c, s, w, ret_problem));
		json_w_arr_end(w);
	}
	if (args_has(&c->args, "limit"))
		TRY(put_limits(c, w, ret_problem));
	json_w_obj_end(w);
	return buf_finish(w->b);
}
