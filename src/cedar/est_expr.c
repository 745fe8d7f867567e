#include "cedar/est_priv.h"

#include "text/utf8.h"

static status
bad(struct cedar_est *r, const struct json *v, const char *what)
{
	return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(v), NULL, "%s, found %s", what, json_kind_name(v->kind));
}

static status
node(struct cedar_est *r, enum cedar_expr_kind kind, const struct json *v, struct cedar_expr **ret)
{
	*ret = cedar_expr_new(r->ast, kind, cedar_est_at(v));
	ENSURE(*ret, E_NO_MEMORY);
	return OK;
}

static status
copy(struct cedar_est *r, const struct json *v, span *ret)
{
	if (!json_is_str(v))
		return bad(r, v, "expected a string");
	*ret = arena_copy(&r->ast->arena, v->str);
	ENSURE(arena_ok(&r->ast->arena), E_NO_MEMORY);
	return OK;
}

/* ---- literals ---- */

static status value(struct cedar_est *r, const struct json *v, struct cedar_expr **ret);

typedef status reader(struct cedar_est *r, const struct json *v, struct cedar_expr **ret);

static status
items(struct cedar_est *r, const struct json *v, reader *read, struct cedar_expr *x)
{
	size_t n = json_is_arr(v) ? v->arr.n : v->obj.n;
	x->list.items = arena_array(&r->ast->arena, n + 1, sizeof *x->list.items);
	ENSURE(x->list.items, E_NO_MEMORY);
	x->n = (uint32_t)n;
	if (json_is_obj(v)) {
		span *keys = arena_array(&r->ast->arena, n + 1, sizeof *keys);
		ENSURE(keys, E_NO_MEMORY);
		for (size_t i = 0; i < n; i++)
			keys[i] = arena_copy(&r->ast->arena, v->obj.members[i].key);
		x->list.keys = keys;
	}
	for (size_t i = 0; i < n; i++)
		TRY(read(r, json_is_arr(v) ? &v->arr.items[i] : &v->obj.members[i].value, &x->list.items[i]));
	return OK;
}

static status
call(struct cedar_est *r, const struct json *v, enum cedar_fn fn, const struct json *args, reader *read, struct cedar_expr **ret)
{
	struct cedar_expr *x;
	TRY(node(r, CEDAR_X_CALL, v, &x));
	x->sub = (uint8_t)fn;
	/* a wrong number of arguments, even none for a method, is an error of evaluation */
	*ret = x;
	return items(r, args, read, x);
}

/* {"__entity": …} and {"__extn": …} count when they are alone and well formed; else they are records. */
static status
escape(struct cedar_est *r, const struct json *v, struct cedar_expr **ret, bool *ret_done)
{
	const struct json *inner = v->obj.n == 1 ? &v->obj.members[0].value : NULL;
	span key = inner ? v->obj.members[0].key : (span){ 0 };
	const struct json *fn = json_gets(inner, "fn"), *arg = json_gets(inner, "arg"), *args = json_gets(inner, "args");
	*ret_done = true;
	if (inner && json_is_obj(inner) && cedar_json_has_fraction(inner))
		return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(v), NULL, "there is a number here that is not a 64-bit integer");
	if (span_is(key, "__entity") && json_is_str(json_gets(inner, "type")) && json_is_str(json_gets(inner, "id"))) {
		TRY(node(r, CEDAR_X_ENTITY, v, ret));
		return cedar_est_uid(r, inner, &(*ret)->uid);
	}
	if (span_is(key, "__expr") && json_is_str(inner))
		return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(v), NULL, "\"__expr\" is not supported");
	if (span_is(key, "__extn") && json_is_str(fn) && (arg || json_is_arr(args))) {
		enum cedar_fn f;
		if (!cedar_fn_find(fn->str, &f))
			return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(v), NULL, "there is no extension function \"%.*s\"",
			                      SPAN_ARG(span_sub(fn->str, 0, 60)));
		struct json one = json_make_arr(arg, 1);
		return call(r, v, f, arg ? &one : args, value, ret);
	}
	*ret_done = false;
	return OK;
}

static status
value_body(struct cedar_est *r, const struct json *v, struct cedar_expr **ret)
{
	bool done;
	switch ((enum json_kind)v->kind) {
	case JSON_BOOL:
		TRY(node(r, CEDAR_X_BOOL, v, ret));
		(*ret)->b = v->truth;
		return OK;
	case JSON_INT:
		TRY(node(r, CEDAR_X_LONG, v, ret));
		(*ret)->i = v->i;
		return OK;
	case JSON_STR:
		TRY(node(r, CEDAR_X_STRING, v, ret));
		return copy(r, v, &(*ret)->s);
	case JSON_ARR:
		TRY(node(r, CEDAR_X_SET, v, ret));
		return items(r, v, value, *ret);
	case JSON_OBJ:
		TRY(escape(r, v, ret, &done));
		if (done)
			return OK;
		TRY(node(r, CEDAR_X_RECORD, v, ret));
		return items(r, v, value, *ret);
	case JSON_NUM:
		return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(v), NULL, "this number is not a 64-bit integer");
	case JSON_NULL:
		break;
	}
	return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(v), NULL, "Cedar has no null");
}

static status
value(struct cedar_est *r, const struct json *v, struct cedar_expr **ret)
{
	TRY(value_body(r, v, ret));
	return cedar_expr_seal(*ret, r->d);
}

/* ---- operators ---- */

static status
operand(struct cedar_est *r, const struct json *args, const char *name, struct cedar_expr **ret)
{
	const struct json *v;
	TRY(cedar_est_member(r, args, name, &v));
	return cedar_est_expr(r, v, ret);
}

static status
unary(struct cedar_est *r, const struct json *args, struct cedar_expr *x)
{
	static const char *const names[] = { "arg", NULL };
	TRY(cedar_est_members(r, args, names));
	return operand(r, args, "arg", &x->x.a);
}

static const char *const left_right[] = { "left", "right", NULL };

static status
binary(struct cedar_est *r, const struct json *args, struct cedar_expr *x)
{
	TRY(cedar_est_members(r, args, left_right));
	TRY(operand(r, args, "left", &x->x.a));
	return operand(r, args, "right", &x->x.b);
}

/* Left-nested && (||) becomes one chain, as the parser makes it. The innermost comes first, so the stack is filled from behind. */
static status
chain(struct cedar_est *r, const struct json *args, const char *op, struct cedar_expr *x)
{
	size_t from = r->stack.n;
	const struct json *left, *right;
	for (;;) {
		TRY(cedar_est_members(r, args, left_right));
		TRY(cedar_est_member(r, args, "left", &left));
		TRY(cedar_est_member(r, args, "right", &right));
		TRY(cedar_stack_push(&r->stack, (void *)right));
		if (!json_is_obj(left) || left->obj.n != 1 || !span_is(left->obj.members[0].key, op))
			break;
		args = &left->obj.members[0].value;
	}
	size_t n = r->stack.n - from + 1;
	x->list.items = arena_array(&r->ast->arena, n, sizeof *x->list.items);
	ENSURE(x->list.items, E_NO_MEMORY);
	x->n = (uint32_t)n;
	TRY(cedar_est_expr(r, left, &x->list.items[0]));
	for (size_t i = 1; i < n; i++)
		TRY(cedar_est_expr(r, r->stack.p[from + n - 1 - i], &x->list.items[i]));
	r->stack.n = from;
	return OK;
}

static status
get(struct cedar_est *r, const struct json *args, struct cedar_expr *x)
{
	static const char *const names[] = { "left", "attr", NULL };
	const struct json *attr;
	TRY(cedar_est_members(r, args, names));
	TRY(operand(r, args, "left", &x->get.target));
	TRY(cedar_est_member(r, args, "attr", &attr));
	return copy(r, attr, &x->get.attr);
}

/* Unlike its kin this one ignores further members, as the reference does. */
static status
has(struct cedar_est *r, const struct json *args, struct cedar_expr *x)
{
	const struct json *attr;
	if (!json_is_obj(args))
		return bad(r, args, "expected an object");
	/* Here, and here alone, the reference lets other members pass. */
	TRY(operand(r, args, "left", &x->has.target));
	TRY(cedar_est_member(r, args, "attr", &attr));
	size_t n = json_is_arr(attr) ? attr->arr.n : 1;
	span *path = arena_array(&r->ast->arena, n + 1, sizeof *path);
	ENSURE(path, E_NO_MEMORY);
	if (n == 0 || n > CEDAR_MAX_DEPTH)
		return cedar_diag_set(r->d, n ? E_LIMIT : E_BAD_POLICY, cedar_est_at(attr), NULL, n ? "this path is too long" : "this path is empty");
	for (size_t i = 0; i < n; i++)
		TRY(copy(r, json_is_arr(attr) ? &attr->arr.items[i] : attr, &path[i]));
	x->has.path = path;
	x->n = (uint32_t)n;
	return OK;
}

static status
is(struct cedar_est *r, const struct json *args, struct cedar_expr *x)
{
	static const char *const names[] = { "left", "entity_type", "in", NULL };
	const struct json *in;
	TRY(cedar_est_members(r, args, names));
	TRY(operand(r, args, "left", &x->is.target));
	TRY(cedar_est_type(r, args, "entity_type", &x->is.type));
	in = json_gets(args, "in");
	return in && !json_is_null(in) ? cedar_est_expr(r, in, &x->is.container) : OK;
}

static status
like(struct cedar_est *r, const struct json *args, struct cedar_expr *x)
{
	static const char *const names[] = { "left", "pattern", NULL }, *const literal[] = { "Literal", NULL };
	const struct json *pattern;
	size_t room = 0, n = 0;
	TRY(cedar_est_members(r, args, names));
	TRY(operand(r, args, "left", &x->like.target));
	TRY(cedar_est_member(r, args, "pattern", &pattern));
	if (!json_is_arr(pattern))
		return bad(r, pattern, "a pattern must be an array");
	json_for_items(v, pattern)
		room += json_is_obj(v) && json_is_str(json_gets(v, "Literal")) ? json_gets(v, "Literal")->str.n : 1;
	uint32_t *el = arena_array(&r->ast->arena, room + 1, sizeof *el);
	ENSURE(el, E_NO_MEMORY);
	json_for_items(v, pattern) {
		if ((json_is_str(v) && span_is(v->str, "Wildcard")) || (json_is_obj(v) && v->obj.n == 1 && json_is_null(json_gets(v, "Wildcard")))) {
			el[n++] = CEDAR_WILDCARD;
			continue;
		}
		TRY(cedar_est_members(r, v, literal));
		const struct json *text;
		TRY(cedar_est_member(r, v, "Literal", &text));
		if (!json_is_str(text))
			return bad(r, text, "expected a string");
		for (size_t at = 0; at < text->str.n; n++)
			if (!utf8_next(text->str, &at, &el[n]))
				return FAIL(E_BAD_UTF8);
	}
	x->like.pattern = el;
	x->n = (uint32_t)n;
	return OK;
}

static status
if_then_else(struct cedar_est *r, const struct json *args, struct cedar_expr *x)
{
	static const char *const names[] = { "if", "then", "else", NULL };
	TRY(cedar_est_members(r, args, names));
	TRY(operand(r, args, "if", &x->x.a));
	TRY(operand(r, args, "then", &x->x.b));
	return operand(r, args, "else", &x->x.c);
}

static status
variable(struct cedar_est *r, const struct json *args, struct cedar_expr *x)
{
	static const char *const vars[] = { "principal", "action", "resource", "context" };
	for (unsigned i = 0; i < ARRAY_LEN(vars); i++)
		if (json_is_str(args) && span_is(args->str, vars[i])) {
			x->sub = (uint8_t)i;
			return OK;
		}
	return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(args), NULL, "a variable is principal, action, resource or context");
}

static const struct op { const char *name; uint8_t kind; } ops[] = {
	{ "!", CEDAR_X_NOT }, { "neg", CEDAR_X_NEG }, { "isEmpty", CEDAR_X_IS_EMPTY }, { "==", CEDAR_X_EQ }, { "!=", CEDAR_X_NE },
	{ "in", CEDAR_X_IN }, { "<", CEDAR_X_LT }, { "<=", CEDAR_X_LE }, { ">", CEDAR_X_GT }, { ">=", CEDAR_X_GE }, { "+", CEDAR_X_ADD },
	{ "-", CEDAR_X_SUB }, { "*", CEDAR_X_MUL }, { "contains", CEDAR_X_CONTAINS }, { "containsAll", CEDAR_X_CONTAINS_ALL },
	{ "containsAny", CEDAR_X_CONTAINS_ANY }, { "getTag", CEDAR_X_GET_TAG }, { "hasTag", CEDAR_X_HAS_TAG }, { "&&", CEDAR_X_AND },
	{ "||", CEDAR_X_OR }, { ".", CEDAR_X_GET }, { "has", CEDAR_X_HAS }, { "is", CEDAR_X_IS }, { "like", CEDAR_X_LIKE },
	{ "if-then-else", CEDAR_X_IF }, { "Set", CEDAR_X_SET }, { "Record", CEDAR_X_RECORD }, { "Var", CEDAR_X_VAR },
};

static status
operator(struct cedar_est *r, const struct op *op, const struct json *args, struct cedar_expr *x)
{
	switch ((enum cedar_expr_kind)op->kind) {
	case CEDAR_X_NOT: case CEDAR_X_NEG: case CEDAR_X_IS_EMPTY:
		return unary(r, args, x);
	case CEDAR_X_AND: case CEDAR_X_OR:
		return chain(r, args, op->name, x);
	case CEDAR_X_GET:
		return get(r, args, x);
	case CEDAR_X_HAS:
		return has(r, args, x);
	case CEDAR_X_IS:
		return is(r, args, x);
	case CEDAR_X_LIKE:
		return like(r, args, x);
	case CEDAR_X_IF:
		return if_then_else(r, args, x);
	case CEDAR_X_VAR:
		return variable(r, args, x);
	case CEDAR_X_SET:
		return json_is_arr(args) ? items(r, args, cedar_est_expr, x) : bad(r, args, "expected an array");
	case CEDAR_X_RECORD:
		return json_is_obj(args) ? items(r, args, cedar_est_expr, x) : bad(r, args, "expected an object");
	default:
		return binary(r, args, x);
	}
}

static status
expr_body(struct cedar_est *r, const struct json *v, struct cedar_expr **ret)
{
	if (!json_is_obj(v) || v->obj.n != 1)
		return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(v), NULL, "an expression is an object with one member");
	span name = v->obj.members[0].key;
	const struct json *args = &v->obj.members[0].value;
	enum cedar_fn fn;
	if (span_is(name, "Value"))
		return value(r, args, ret);
	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (span_is(name, ops[i].name)) {
			TRY(node(r, (enum cedar_expr_kind)ops[i].kind, v, ret));
			return operator(r, &ops[i], args, *ret);
		}
	if (cedar_fn_find(name, &fn)) {
		if (!json_is_arr(args))
			return bad(r, args, "expected an array of arguments");
		return call(r, v, fn, args, cedar_est_expr, ret);
	}
	if (span_is(name, "Slot"))
		return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(v), NULL, "slots may only stand in the head of a template");
	return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(v), NULL, "there is no operator \"%.*s\"", SPAN_ARG(span_sub(name, 0, 60)));
}

/* The recursion is bounded by the depth of the JSON text, which its parser limits. */
status
cedar_est_expr(struct cedar_est *r, const struct json *v, struct cedar_expr **ret)
{
	TRY(expr_body(r, v, ret));
	ENSURE(arena_ok(&r->ast->arena), E_NO_MEMORY);
	return cedar_expr_seal(*ret, r->d);
}
