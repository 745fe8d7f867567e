/* Asking an envelope: does this call fit, is that envelope narrower. */
#include "core/envelope.h"

#include "core/pattern.h"
#include "text/utf8.h"

static bool
any_match(const span *pats, uint16_t n, span text)
{
	for (uint16_t i = 0; i < n; i++)
		if (pattern_match(pats[i], text))
			return true;
	return false;
}

bool
envelope_has_tool(const struct envelope *e, span tool, enum effect effect)
{
	return any_match(e->tools, e->tool_n, tool) && (e->effects >> effect & 1);
}

/* -1, 0, 1; 2 when they cannot be ordered. Integers exactly, else by double. */
static int
number_cmp(const struct json *a, const struct json *b)
{
	if (!json_is_number(a) || !json_is_number(b))
		return 2;
	if (a->kind == JSON_INT && b->kind == JSON_INT)
		return (a->i > b->i) - (a->i < b->i);
	long double x = a->kind == JSON_INT ? (long double)a->i : (long double)a->num.d;
	long double y = b->kind == JSON_INT ? (long double)b->i : (long double)b->num.d;
	return (x > y) - (x < y);
}

static bool
in_list(const struct json *v, const struct json *list)
{
	json_for_items(it, list)
		if (json_equal(v, it))
			return true;
	return false;
}

static bool
holds_for(const struct constraint *c, const struct json *v)
{
	int cmp = 2;
	switch ((enum constraint_op)c->op) {
	case CON_EQ: return json_equal(v, c->value);
	case CON_NE: return !json_equal(v, c->value);
	case CON_IN: return in_list(v, c->value);
	case CON_NOT_IN: return !in_list(v, c->value);
	case CON_LT: case CON_LE: case CON_GT: case CON_GE:
		cmp = number_cmp(v, c->value);
		return cmp != 2 && (c->op == CON_LT ? cmp < 0 : c->op == CON_LE ? cmp <= 0 : c->op == CON_GT ? cmp > 0 : cmp >= 0);
	case CON_PREFIX: return json_is_str(v) && pattern_prefix(c->value->str, v->str);
	case CON_GLOB:
		/* A pattern over paths must not be escaped by climbing. */
		return json_is_str(v) && pattern_match(c->value->str, v->str) && pattern_prefix((span){ 0 }, v->str);
	case CON_MAX_LENGTH:
		if (json_is_str(v))
			return (int64_t)utf8_count(v->str) <= c->value->i;
		return json_is_arr(v) && (int64_t)v->arr.n <= c->value->i;
	case CON_PRESENT: return true;
	case CON_ABSENT: return false;
	case CON_COUNT: break;
	}
	return false;
}

/* Step `~1` is '/', `~0` is '~'. */
static bool
step_is(span step, span key)
{
	size_t k = 0;
	for (size_t i = 0; i < step.n; i++, k++) {
		uint8_t ch = step.p[i];
		if (ch == '~' && i + 1 < step.n)
			ch = step.p[++i] == '1' ? '/' : '~';
		if (k >= key.n || key.p[k] != ch)
			return false;
	}
	return k == key.n;
}

struct walk {
	const struct constraint *c;
	bool found, ok;
};

/* Visits every value the path names. Depth is bounded by the path's own length and the parser's depth limit. */
static void
visit(struct walk *w, const struct json *v, span path)
{
	if (!path.n) {
		w->found = true;
		w->ok = w->ok && holds_for(w->c, v);
		return;
	}
	span rest = span_sub(path, 1, path.n);
	size_t n = span_find(rest, '/');
	span step = span_sub(rest, 0, n);
	rest = span_sub(rest, n, rest.n);
	if (span_is(step, "*")) {
		json_for_items(it, v)
			visit(w, it, rest);
		json_for_members(it, v)
			visit(w, &it->value, rest);
		return;
	}
	json_for_members(it, v)
		if (step_is(step, it->key)) {
			visit(w, &it->value, rest);
			return;
		}
	uint64_t i;
	if (json_is_arr(v) && span_to_u64(step, &i) && i < v->arr.n)
		visit(w, &v->arr.items[i], rest);
}

bool
constraint_holds(const struct constraint *c, const struct json *args)
{
	struct walk w = { c, false, true };
	visit(&w, args, c->path);
	if (c->op == CON_ABSENT)
		return !w.found;
	return w.found && w.ok;
}

bool
amount_of(const struct amount *a, const struct json *args, int64_t *ret)
{
	const struct json *v = json_pointer(args, a->path);
	*ret = 0;
	if (!v)
		return true;
	if (v->kind != JSON_INT || v->i < 0)
		return false;
	*ret = v->i;
	return true;
}

struct misfit
envelope_check(const struct envelope *e, span tool, enum effect effect, span resource, span environment,
               const struct json *args)
{
	if (!any_match(e->tools, e->tool_n, tool))
		return (struct misfit){ E_OUTSIDE_ENVELOPE, "tools", NULL };
	if (!(e->effects >> effect & 1))
		return (struct misfit){ E_OUTSIDE_ENVELOPE, "effects", NULL };
	if (e->environment.n && !span_eq(e->environment, environment))
		return (struct misfit){ E_OUTSIDE_ENVELOPE, "environment", NULL };
	if (e->has_resources && (!resource.n || !any_match(e->resources, e->resource_n, resource)))
		return (struct misfit){ E_OUTSIDE_ENVELOPE, "resources", NULL };
	for (uint16_t i = 0; i < e->constraint_n; i++)
		if (pattern_match(e->constraints[i].tool, tool) && !constraint_holds(&e->constraints[i], args))
			return (struct misfit){ E_ARGUMENT_REFUSED, "arguments", &e->constraints[i] };
	return (struct misfit){ 0 };
}

struct misfit
envelope_check_credential(const struct envelope *e, span name, span tool, enum effect effect, span environment, const struct json *args)
{
	if (!any_match(e->credentials, e->credential_n, name))
		return (struct misfit){ E_OUTSIDE_ENVELOPE, "credentials", NULL };
	if (!(e->effects >> effect & 1))
		return (struct misfit){ E_OUTSIDE_ENVELOPE, "effects", NULL };
	if (e->environment.n && !span_eq(e->environment, environment))
		return (struct misfit){ E_OUTSIDE_ENVELOPE, "environment", NULL };
	for (uint16_t i = 0; i < e->constraint_n; i++)
		if (pattern_match(e->constraints[i].tool, tool) && !constraint_holds(&e->constraints[i], args))
			return (struct misfit){ E_ARGUMENT_REFUSED, "arguments", &e->constraints[i] };
	return (struct misfit){ 0 };
}

static bool
all_covered(const span *outer, uint16_t outer_n, const span *inner, uint16_t inner_n)
{
	for (uint16_t i = 0; i < inner_n; i++) {
		bool ok = false;
		for (uint16_t k = 0; k < outer_n && !ok; k++)
			ok = pattern_covers(outer[k], inner[i]);
		if (!ok)
			return false;
	}
	return true;
}

bool
envelope_narrower(const struct envelope *child, const struct envelope *parent, const char **ret_what)
{
	if (!all_covered(parent->tools, parent->tool_n, child->tools, child->tool_n))
		*ret_what = "tools";
	else if (!all_covered(parent->credentials, parent->credential_n, child->credentials, child->credential_n))
		*ret_what = "credentials";
	else if (child->effects & ~parent->effects)
		*ret_what = "effects";
	else if (parent->environment.n && child->environment.n && !span_eq(parent->environment, child->environment))
		*ret_what = "environment";
	else if (parent->has_resources && child->has_resources &&
	         !all_covered(parent->resources, parent->resource_n, child->resources, child->resource_n))
		*ret_what = "resources";
	else if (parent->max_calls >= 0 && child->max_calls > parent->max_calls)
		*ret_what = "limits.calls";
	else if (parent->calls_per_minute >= 0 && child->calls_per_minute > parent->calls_per_minute)
		*ret_what = "limits.calls_per_minute";
	else if (parent->depth >= 0 && child->depth >= parent->depth)
		*ret_what = "limits.depth";
	else
		return true;
	return false;
}
