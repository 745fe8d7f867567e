#include "cedar/parse_priv.h"
#include "cedar/suggest.h"

#include <stdio.h>

status
cedar_parser_ident(struct cedar_parser *p, const char *what, span *ret)
{
	if (!cedar_parser_at(p, CEDAR_T_IDENT))
		return cedar_parser_unexpected(p, what, NULL);
	if (cedar_word_reserved(p->tok.text))
		return cedar_diag_set(p->d, E_BAD_POLICY, p->tok.pos, "put it in quotes: [\"…\"], has \"…\" or {\"…\": …}",
		                      "`%.*s` is a reserved word and can not be %s", SPAN_ARG(span_sub(p->tok.text, 0, 60)), what);
	*ret = p->tok.text;
	return cedar_parser_next(p);
}

/* Appends "::word". Text without blanks between the tokens needs no copy. */
static status
path_append(struct cedar_parser *p, span *path, span word)
{
	if (path->p + path->n + 2 == word.p) {
		path->n += 2 + word.n;
		return OK;
	}
	uint8_t *out = arena_alloc(&p->ast->arena, path->n + 2 + word.n);
	ENSURE(out, E_NO_MEMORY);
	memcpy(out, path->p, path->n);
	memcpy(out + path->n, "::", 2);
	memcpy(out + path->n + 2, word.p, word.n);
	*path = span_make(out, path->n + 2 + word.n);
	return OK;
}

/* Reads on after a path's first word. With `uid`, a string after "::" ends it and gives *ret_id (p NULL when there is none). */
static status
path_rest(struct cedar_parser *p, span *path, bool uid, bool *ret_uid, span *ret_id)
{
	*ret_uid = false;
	while (cedar_parser_at(p, CEDAR_T_COLONS)) {
		span word;
		TRY(cedar_parser_next(p));
		if (uid && cedar_parser_at(p, CEDAR_T_STRING)) {
			*ret_uid = true;
			TRY(cedar_lex_string(&p->tok, &p->ast->arena, ret_id, p->d));
			return cedar_parser_next(p);
		}
		TRY(cedar_parser_ident(p, uid ? "a type name or an id in quotes" : "a type name", &word));
		TRY(path_append(p, path, word));
	}
	return OK;
}

status
cedar_parser_path(struct cedar_parser *p, span *ret)
{
	bool is_uid;
	span id;
	TRY(cedar_parser_ident(p, "a type name", ret));
	return path_rest(p, ret, false, &is_uid, &id);
}

static status
uid_make(struct cedar_parser *p, span type, span id, const struct cedar_uid **ret)
{
	struct cedar_uid made;
	cedar_uid_init(&made, type, id);
	const struct cedar_uid **seen = &p->uids[made.hash % CEDAR_PARSER_UIDS];
	if (!*seen || !cedar_uid_eq(*seen, &made)) {
		struct cedar_uid *u = ARENA_NEW(&p->ast->arena, struct cedar_uid);
		ENSURE(u, E_NO_MEMORY);
		*u = made;
		*seen = u;
	}
	*ret = *seen;
	return OK;
}

status
cedar_parser_uid(struct cedar_parser *p, const struct cedar_uid **ret)
{
	span type, id;
	bool is_uid;
	TRY(cedar_parser_ident(p, "an entity type", &type));
	TRY(path_rest(p, &type, true, &is_uid, &id));
	if (!is_uid)
		return cedar_parser_unexpected(p, "`::` and an id in quotes", "entities are written Type::\"id\"");
	return uid_make(p, type, id, ret);
}

/* Items up to `close`, separated by commas, one more allowed at the end; `close` is consumed. */
static status
item_list(struct cedar_parser *p, enum cedar_token_kind close, const char *what, size_t from, struct cedar_expr *x)
{
	while (!cedar_parser_at(p, close)) {
		struct cedar_expr *item;
		bool comma;
		TRY(cedar_parser_expr(p, &item));
		TRY(cedar_stack_push(&p->stack, item));
		TRY(cedar_parser_accept(p, CEDAR_T_COMMA, &comma));
		if (!comma && !cedar_parser_at(p, close))
			return cedar_parser_unexpected(p, what, NULL);
	}
	TRY(cedar_parser_next(p));
	void **items;
	TRY(cedar_stack_take(&p->stack, from, &p->ast->arena, &items, &x->n));
	x->list.items = (struct cedar_expr **)items;
	return OK;
}

static status
set_literal(struct cedar_parser *p, struct cedar_expr **ret)
{
	struct cedar_expr *x;
	TRY(cedar_parser_node(p, CEDAR_X_SET, p->tok.pos, &x));
	TRY(cedar_parser_next(p));
	TRY(item_list(p, CEDAR_T_RBRACK, "`,` or `]`", p->stack.n, x));
	*ret = x;
	return cedar_parser_seal(p, x);
}

static status
record_key(struct cedar_parser *p, span *ret)
{
	if (cedar_parser_at(p, CEDAR_T_STRING)) {
		TRY(cedar_lex_string(&p->tok, &p->ast->arena, ret, p->d));
		return cedar_parser_next(p);
	}
	return cedar_parser_ident(p, "an attribute name", ret);
}

/* Duplicates are looked for one by one: without a bound a hostile text could make that quadratic over a megabyte. */
#define MAX_RECORD_KEYS 1024

static status
record_literal(struct cedar_parser *p, struct cedar_expr **ret)
{
	struct cedar_expr *x;
	size_t from = p->stack.n;
	TRY(cedar_parser_node(p, CEDAR_X_RECORD, p->tok.pos, &x));
	TRY(cedar_parser_next(p));
	while (!cedar_parser_at(p, CEDAR_T_RBRACE)) {
		struct cedar_expr *item;
		bool comma;
		span *key = ARENA_NEW(&p->ast->arena, span);
		ENSURE(key, E_NO_MEMORY);
		struct cedar_pos pos = p->tok.pos;
		TRY(record_key(p, key));
		if (p->stack.n - from >= 2 * MAX_RECORD_KEYS)
			return cedar_diag_set(p->d, E_LIMIT, pos, NULL, "a record has more than %d attributes", MAX_RECORD_KEYS);
		for (size_t i = from; i < p->stack.n; i += 2)
			if (span_eq(*(span *)p->stack.p[i], *key))
				return cedar_diag_set(p->d, E_BAD_POLICY, pos, "keep one of them", "attribute \"%.*s\" occurs twice in this record",
				                      SPAN_ARG(span_sub(*key, 0, 60)));
		TRY(cedar_parser_expect(p, CEDAR_T_COLON, "`:`"));
		TRY(cedar_parser_expr(p, &item));
		TRY(cedar_stack_push(&p->stack, key));
		TRY(cedar_stack_push(&p->stack, item));
		TRY(cedar_parser_accept(p, CEDAR_T_COMMA, &comma));
		if (!comma && !cedar_parser_at(p, CEDAR_T_RBRACE))
			return cedar_parser_unexpected(p, "`,` or `}`", NULL);
	}
	TRY(cedar_parser_next(p));
	x->n = (uint32_t)((p->stack.n - from) / 2);
	span *keys = arena_array(&p->ast->arena, x->n, sizeof *keys);
	struct cedar_expr **items = arena_array(&p->ast->arena, x->n, sizeof *items);
	ENSURE(keys && items, E_NO_MEMORY);
	for (uint32_t i = 0; i < x->n; i++) {
		keys[i] = *(span *)p->stack.p[from + 2 * i];
		items[i] = p->stack.p[from + 2 * i + 1];
	}
	p->stack.n = from;
	x->list.keys = keys;
	x->list.items = items;
	*ret = x;
	return cedar_parser_seal(p, x);
}

static status
unknown_name(struct cedar_parser *p, span name, bool method, struct cedar_pos pos)
{
	static const char *const plain[] = { "contains", "containsAll", "containsAny", "isEmpty", "getTag", "hasTag" };
	struct cedar_suggest near = cedar_suggest_make(name);
	char hint[100];
	enum cedar_fn fn;
	if (cedar_fn_find(name, &fn)) {
		snprintf(hint, sizeof hint, method ? "write %s(…)" : "write value.%s(…)", cedar_fn_info(fn)->name);
		return cedar_diag_set(p->d, E_BAD_POLICY, pos, hint, "`%s` is a %s, not a %s", cedar_fn_info(fn)->name,
		                      method ? "function" : "method", method ? "method" : "function");
	}
	for (unsigned i = 0; i < CEDAR_FN_COUNT; i++)
		if (cedar_fn_info((enum cedar_fn)i)->method == method)
			cedar_suggest_offer(&near, span_str(cedar_fn_info((enum cedar_fn)i)->name));
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		if (!method && span_is(name, plain[i]))
			return cedar_diag_set(p->d, E_BAD_POLICY, pos, NULL, "`%s` is a method: write value.%s(…)", plain[i], plain[i]);
		if (method)
			cedar_suggest_offer(&near, span_str(plain[i]));
	}
	cedar_suggest_hint(&near, hint, sizeof hint);
	return cedar_diag_set(p->d, E_BAD_POLICY, pos, hint, "there is no %s `%.*s`", method ? "method" : "function",
	                      SPAN_ARG(span_sub(name, 0, 60)));
}

static status
function_call(struct cedar_parser *p, span name, struct cedar_pos pos, struct cedar_expr **ret)
{
	enum cedar_fn fn;
	struct cedar_expr *x;
	if (!cedar_fn_find(name, &fn) || cedar_fn_info(fn)->method)
		return unknown_name(p, name, false, pos);
	TRY(cedar_parser_node(p, CEDAR_X_CALL, pos, &x));
	x->sub = (uint8_t)fn;
	TRY(cedar_parser_next(p));
	TRY(item_list(p, CEDAR_T_RPAREN, "`,` or `)`", p->stack.n, x));
	*ret = x;
	return cedar_parser_seal(p, x);
}

static status
method_call(struct cedar_parser *p, struct cedar_expr *target, span name, struct cedar_pos name_pos, struct cedar_expr **ret)
{
	enum cedar_expr_kind kind;
	enum cedar_fn fn;
	unsigned want;
	size_t from = p->stack.n;
	struct cedar_expr *x;
	bool builtin = cedar_method_find(name, &kind, &want);
	if (!builtin && (!cedar_fn_find(name, &fn) || !cedar_fn_info(fn)->method))
		return unknown_name(p, name, true, name_pos);
	TRY(cedar_parser_node(p, CEDAR_X_CALL, target->pos, &x));
	TRY(cedar_stack_push(&p->stack, target));
	TRY(cedar_parser_next(p));
	TRY(item_list(p, CEDAR_T_RPAREN, "`,` or `)`", from, x));
	if (builtin) {
		struct cedar_expr **args = x->list.items;
		if (x->n != want + 1)
			return cedar_diag_set(p->d, E_BAD_POLICY, name_pos, NULL, "`%.*s` takes %u argument%s, not %u", SPAN_ARG(name), want,
			                      want == 1 ? "" : "s", x->n - 1);
		x->kind = (uint8_t)kind;
		x->n = 0;
		x->x.a = args[0];
		x->x.b = want ? args[1] : NULL;
		x->x.c = NULL;
	} else {
		x->sub = (uint8_t)fn;
	}
	*ret = x;
	return cedar_parser_seal(p, x);
}

static status
identifier(struct cedar_parser *p, struct cedar_expr **ret)
{
	static const char *const vars[] = { "principal", "action", "resource", "context" };
	struct cedar_pos pos = p->tok.pos;
	span path, id;
	bool is_uid;
	struct cedar_expr *x;
	if (cedar_parser_word(p, "true") || cedar_parser_word(p, "false")) {
		TRY(cedar_parser_node(p, CEDAR_X_BOOL, pos, &x));
		x->b = cedar_parser_word(p, "true");
		TRY(cedar_parser_next(p));
		*ret = x;
		return cedar_parser_seal(p, x);
	}
	if (cedar_parser_word(p, "if"))
		return cedar_diag_set(p->d, E_BAD_POLICY, pos, "put parentheses around it: (if … then … else …)",
		                      "`if` can not be an operand");
	TRY(cedar_parser_ident(p, "an expression", &path));
	span first = path;
	TRY(path_rest(p, &path, true, &is_uid, &id));
	if (is_uid) {
		TRY(cedar_parser_node(p, CEDAR_X_ENTITY, pos, &x));
		TRY(uid_make(p, path, id, &x->uid));
		*ret = x;
		return cedar_parser_seal(p, x);
	}
	if (cedar_parser_at(p, CEDAR_T_LPAREN))
		return function_call(p, path, pos, ret);
	if (path.n == first.n)
		for (unsigned v = 0; v < ARRAY_LEN(vars); v++)
			if (span_is(path, vars[v])) {
				TRY(cedar_parser_node(p, CEDAR_X_VAR, pos, &x));
				x->sub = (uint8_t)v;
				*ret = x;
				return cedar_parser_seal(p, x);
			}
	struct cedar_suggest near = cedar_suggest_make(path);
	char hint[100];
	for (unsigned v = 0; v < ARRAY_LEN(vars); v++)
		cedar_suggest_offer(&near, span_str(vars[v]));
	cedar_suggest_hint(&near, hint, sizeof hint);
	return cedar_diag_set(p->d, E_BAD_POLICY, pos,
	                      *hint ? hint : "entities are Type::\"id\", text is in double quotes, attributes follow principal, resource or context",
	                      "there is no variable `%.*s`", SPAN_ARG(span_sub(path, 0, 60)));
}

static status
number(struct cedar_parser *p, struct cedar_expr **ret)
{
	struct cedar_expr *x;
	if (p->tok.number > INT64_MAX)
		return cedar_diag_set(p->d, E_BAD_POLICY, p->tok.pos, "a Long is at most 9223372036854775807",
		                      "the number %llu is too large", (unsigned long long)p->tok.number);
	TRY(cedar_parser_node(p, CEDAR_X_LONG, p->tok.pos, &x));
	x->i = (int64_t)p->tok.number;
	TRY(cedar_parser_next(p));
	*ret = x;
	return cedar_parser_seal(p, x);
}

static status
string(struct cedar_parser *p, struct cedar_expr **ret)
{
	struct cedar_expr *x;
	TRY(cedar_parser_node(p, CEDAR_X_STRING, p->tok.pos, &x));
	TRY(cedar_lex_string(&p->tok, &p->ast->arena, &x->s, p->d));
	TRY(cedar_parser_next(p));
	*ret = x;
	return cedar_parser_seal(p, x);
}

static status
primary(struct cedar_parser *p, struct cedar_expr **ret)
{
	switch ((enum cedar_token_kind)p->tok.kind) {
	case CEDAR_T_IDENT:
		return identifier(p, ret);
	case CEDAR_T_NUMBER:
		return number(p, ret);
	case CEDAR_T_STRING:
		return string(p, ret);
	case CEDAR_T_LBRACK:
		return set_literal(p, ret);
	case CEDAR_T_LBRACE:
		return record_literal(p, ret);
	case CEDAR_T_LPAREN:
		TRY(cedar_parser_next(p));
		TRY(cedar_parser_expr(p, ret));
		return cedar_parser_expect(p, CEDAR_T_RPAREN, "an operator or `)`");
	case CEDAR_T_SLOT:
		return cedar_diag_set(p->d, E_BAD_POLICY, p->tok.pos, "compare principal or resource instead",
		                      "slots may only stand in the head of a template");
	default:
		return cedar_parser_unexpected(p, "an expression", NULL);
	}
}

static status
index_access(struct cedar_parser *p, struct cedar_expr *target, struct cedar_expr **ret)
{
	struct cedar_expr *x;
	TRY(cedar_parser_next(p));
	if (!cedar_parser_at(p, CEDAR_T_STRING))
		return cedar_parser_unexpected(p, "an attribute name in quotes", "attributes can not be computed; sets have no index");
	TRY(cedar_parser_node(p, CEDAR_X_GET, target->pos, &x));
	x->get.target = target;
	TRY(cedar_lex_string(&p->tok, &p->ast->arena, &x->get.attr, p->d));
	TRY(cedar_parser_next(p));
	TRY(cedar_parser_expect(p, CEDAR_T_RBRACK, "`]`"));
	*ret = x;
	return cedar_parser_seal(p, x);
}

static status
dot_access(struct cedar_parser *p, struct cedar_expr *target, struct cedar_expr **ret)
{
	struct cedar_expr *x;
	span name;
	TRY(cedar_parser_next(p));
	struct cedar_pos pos = p->tok.pos;
	TRY(cedar_parser_ident(p, "an attribute or method name", &name));
	if (cedar_parser_at(p, CEDAR_T_LPAREN))
		return method_call(p, target, name, pos, ret);
	TRY(cedar_parser_node(p, CEDAR_X_GET, target->pos, &x));
	x->get.target = target;
	x->get.attr = name;
	*ret = x;
	return cedar_parser_seal(p, x);
}

status
cedar_parser_member(struct cedar_parser *p, struct cedar_expr **ret)
{
	struct cedar_expr *x;
	TRY(primary(p, &x));
	for (;;) {
		if (cedar_parser_at(p, CEDAR_T_DOT))
			TRY(dot_access(p, x, &x));
		else if (cedar_parser_at(p, CEDAR_T_LBRACK))
			TRY(index_access(p, x, &x));
		else
			break;
	}
	*ret = x;
	return OK;
}
