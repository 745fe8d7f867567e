#include "cedar/parse_priv.h"

/* A minus sign directly before a number token belongs to the number, unless something is accessed on it. */
static status
negative(struct cedar_parser *p, struct cedar_pos minus, struct cedar_expr **ret, bool *ret_folded)
{
	uint64_t v = p->tok.number;
	struct cedar_lexer ahead = p->lex;
	struct cedar_token next;
	*ret_folded = false;
	TRY(cedar_lex_next(&ahead, &next, p->d));
	if (next.kind == CEDAR_T_DOT || next.kind == CEDAR_T_LBRACK)
		return OK;
	if (v > (uint64_t)INT64_MAX + 1)
		return cedar_diag_set(p->d, E_BAD_POLICY, minus, "a Long is at least -9223372036854775808",
		                      "the number -%llu is too small", (unsigned long long)v);
	struct cedar_expr *x;
	TRY(cedar_parser_node(p, CEDAR_X_LONG, minus, &x));
	x->i = (int64_t)(0 - v);
	TRY(cedar_parser_next(p));
	*ret = x;
	*ret_folded = true;
	return cedar_parser_seal(p, x);
}

static status
unary(struct cedar_parser *p, struct cedar_expr **ret)
{
	enum cedar_token_kind op = p->tok.kind;
	struct cedar_pos pos[4];
	unsigned n = 0;
	bool folded = false;
	struct cedar_expr *x;
	if (op != CEDAR_T_BANG && op != CEDAR_T_MINUS)
		return cedar_parser_member(p, ret);
	for (; cedar_parser_at(p, op); n++) {
		if (n == ARRAY_LEN(pos))
			return cedar_diag_set(p->d, E_BAD_POLICY, p->tok.pos, "two of them cancel out", "more than four `%s` in a row",
			                      op == CEDAR_T_BANG ? "!" : "-");
		pos[n] = p->tok.pos;
		TRY(cedar_parser_next(p));
	}
	if (cedar_parser_at(p, CEDAR_T_BANG) || cedar_parser_at(p, CEDAR_T_MINUS))
		return cedar_parser_unexpected(p, "an operand", "`!` and `-` can not be mixed; use parentheses");
	if (op == CEDAR_T_MINUS && cedar_parser_at(p, CEDAR_T_NUMBER))
		TRY(negative(p, pos[n - 1], &x, &folded));
	if (folded)
		n--;
	else
		TRY(cedar_parser_member(p, &x));
	while (n-- > 0) {
		struct cedar_expr *outer;
		TRY(cedar_parser_node(p, op == CEDAR_T_BANG ? CEDAR_X_NOT : CEDAR_X_NEG, pos[n], &outer));
		outer->x.a = x;
		TRY(cedar_parser_seal(p, outer));
		x = outer;
	}
	*ret = x;
	return OK;
}

static status
binary(struct cedar_parser *p, enum cedar_expr_kind kind, struct cedar_expr *a, struct cedar_expr *b, struct cedar_expr **ret)
{
	struct cedar_expr *x;
	TRY(cedar_parser_node(p, kind, a->pos, &x));
	x->x.a = a;
	x->x.b = b;
	*ret = x;
	return cedar_parser_seal(p, x);
}

static status
product(struct cedar_parser *p, struct cedar_expr **ret)
{
	struct cedar_expr *x, *y;
	TRY(unary(p, &x));
	while (cedar_parser_at(p, CEDAR_T_STAR)) {
		TRY(cedar_parser_next(p));
		TRY(unary(p, &y));
		TRY(binary(p, CEDAR_X_MUL, x, y, &x));
	}
	if (cedar_parser_at(p, CEDAR_T_SLASH) || cedar_parser_at(p, CEDAR_T_PERCENT))
		return cedar_parser_unexpected(p, "another operator", "Cedar has no division and no remainder");
	*ret = x;
	return OK;
}

static status
sum(struct cedar_parser *p, struct cedar_expr **ret)
{
	struct cedar_expr *x, *y;
	TRY(product(p, &x));
	while (cedar_parser_at(p, CEDAR_T_PLUS) || cedar_parser_at(p, CEDAR_T_MINUS)) {
		enum cedar_expr_kind kind = cedar_parser_at(p, CEDAR_T_PLUS) ? CEDAR_X_ADD : CEDAR_X_SUB;
		TRY(cedar_parser_next(p));
		TRY(product(p, &y));
		TRY(binary(p, kind, x, y, &x));
	}
	*ret = x;
	return OK;
}

static status
has_test(struct cedar_parser *p, struct cedar_expr *target, struct cedar_expr **ret)
{
	struct cedar_expr *x;
	size_t n = 0, cap = 4;
	span *path = arena_array(&p->ast->arena, cap, sizeof *path);
	ENSURE(path, E_NO_MEMORY);
	TRY(cedar_parser_node(p, CEDAR_X_HAS, target->pos, &x));
	TRY(cedar_parser_next(p));
	if (cedar_parser_at(p, CEDAR_T_STRING)) {
		TRY(cedar_lex_string(&p->tok, &p->ast->arena, &path[n++], p->d));
		TRY(cedar_parser_next(p));
	} else {
		for (bool more = true; more;) {
			if (n >= CEDAR_MAX_DEPTH)
				return cedar_diag_set(p->d, E_LIMIT, p->tok.pos, NULL, "this path is longer than %d", CEDAR_MAX_DEPTH);
			if (n == cap) {
				span *wider = arena_array(&p->ast->arena, cap * 2, sizeof *wider);
				ENSURE(wider, E_NO_MEMORY);
				memcpy(wider, path, n * sizeof *path);
				path = wider;
				cap *= 2;
			}
			TRY(cedar_parser_ident(p, "an attribute name", &path[n++]));
			TRY(cedar_parser_accept(p, CEDAR_T_DOT, &more));
		}
	}
	x->n = (uint32_t)n;
	x->has.target = target;
	x->has.path = path;
	*ret = x;
	return cedar_parser_seal(p, x);
}

static status
like_test(struct cedar_parser *p, struct cedar_expr *target, struct cedar_expr **ret)
{
	struct cedar_expr *x;
	TRY(cedar_parser_node(p, CEDAR_X_LIKE, target->pos, &x));
	TRY(cedar_parser_next(p));
	if (!cedar_parser_at(p, CEDAR_T_STRING))
		return cedar_parser_unexpected(p, "a pattern in quotes", "a pattern can not be computed");
	x->like.target = target;
	TRY(cedar_lex_pattern(&p->tok, &p->ast->arena, &x->like.pattern, &x->n, p->d));
	TRY(cedar_parser_next(p));
	*ret = x;
	return cedar_parser_seal(p, x);
}

static status
is_test(struct cedar_parser *p, struct cedar_expr *target, struct cedar_expr **ret)
{
	struct cedar_expr *x;
	struct cedar_name *type = ARENA_NEW(&p->ast->arena, struct cedar_name);
	span path;
	ENSURE(type, E_NO_MEMORY);
	TRY(cedar_parser_node(p, CEDAR_X_IS, target->pos, &x));
	TRY(cedar_parser_next(p));
	if (cedar_parser_at(p, CEDAR_T_STRING))
		return cedar_parser_unexpected(p, "a type name", "type names have no quotes");
	TRY(cedar_parser_path(p, &path));
	*type = cedar_name_make(path);
	x->is.target = target;
	x->is.type = type;
	if (cedar_parser_word(p, "in")) {
		TRY(cedar_parser_next(p));
		TRY(sum(p, &x->is.container));
	}
	*ret = x;
	return cedar_parser_seal(p, x);
}

static bool
relation_op(const struct cedar_parser *p, enum cedar_expr_kind *ret)
{
	switch ((enum cedar_token_kind)p->tok.kind) {
	case CEDAR_T_EQ: *ret = CEDAR_X_EQ; return true;
	case CEDAR_T_NE: *ret = CEDAR_X_NE; return true;
	case CEDAR_T_LT: *ret = CEDAR_X_LT; return true;
	case CEDAR_T_LE: *ret = CEDAR_X_LE; return true;
	case CEDAR_T_GT: *ret = CEDAR_X_GT; return true;
	case CEDAR_T_GE: *ret = CEDAR_X_GE; return true;
	case CEDAR_T_IDENT: *ret = CEDAR_X_IN; return span_is(p->tok.text, "in");
	default: return false;
	}
}

static status
relation(struct cedar_parser *p, struct cedar_expr **ret)
{
	struct cedar_expr *x, *y;
	enum cedar_expr_kind kind;
	TRY(sum(p, &x));
	if (relation_op(p, &kind)) {
		TRY(cedar_parser_next(p));
		TRY(sum(p, &y));
		TRY(binary(p, kind, x, y, &x));
	} else if (cedar_parser_word(p, "has")) {
		TRY(has_test(p, x, &x));
	} else if (cedar_parser_word(p, "like")) {
		TRY(like_test(p, x, &x));
	} else if (cedar_parser_word(p, "is")) {
		TRY(is_test(p, x, &x));
	} else {
		if (cedar_parser_at(p, CEDAR_T_ASSIGN))
			return cedar_parser_unexpected(p, "an operator", "equality is written ==");
		*ret = x;
		return OK;
	}
	if (relation_op(p, &kind) || cedar_parser_word(p, "has") || cedar_parser_word(p, "like") || cedar_parser_word(p, "is"))
		return cedar_parser_unexpected(p, "`&&`, `||` or the end of the expression",
		                               "comparisons can not be chained; join them with && or use parentheses");
	*ret = x;
	return OK;
}

/* a OP b OP c … as one node, without recursion. */
static status
chain(struct cedar_parser *p, enum cedar_token_kind op, enum cedar_expr_kind kind,
      status (*operand)(struct cedar_parser *, struct cedar_expr **), struct cedar_expr **ret)
{
	size_t from = p->stack.n;
	struct cedar_expr *x, *y;
	TRY(operand(p, &x));
	if (!cedar_parser_at(p, op)) {
		*ret = x;
		return OK;
	}
	struct cedar_pos pos = x->pos;
	/* (a && b) && c is a && b && c: one form for one meaning, as JSON gives it. */
	if (x->kind == kind)
		for (uint32_t i = 0; i < x->n; i++)
			TRY(cedar_stack_push(&p->stack, x->list.items[i]));
	else
		TRY(cedar_stack_push(&p->stack, x));
	while (cedar_parser_at(p, op)) {
		TRY(cedar_parser_next(p));
		TRY(operand(p, &y));
		TRY(cedar_stack_push(&p->stack, y));
	}
	void **items;
	TRY(cedar_parser_node(p, kind, pos, &x));
	TRY(cedar_stack_take(&p->stack, from, &p->ast->arena, &items, &x->n));
	x->list.items = (struct cedar_expr **)items;
	*ret = x;
	return cedar_parser_seal(p, x);
}

static status
conjunction(struct cedar_parser *p, struct cedar_expr **ret)
{
	return chain(p, CEDAR_T_AND, CEDAR_X_AND, relation, ret);
}

static status
if_then_else(struct cedar_parser *p, struct cedar_expr **ret)
{
	struct cedar_expr *x;
	TRY(cedar_parser_node(p, CEDAR_X_IF, p->tok.pos, &x));
	TRY(cedar_parser_next(p));
	TRY(cedar_parser_expr(p, &x->x.a));
	if (!cedar_parser_word(p, "then"))
		return cedar_parser_unexpected(p, "`then`", NULL);
	TRY(cedar_parser_next(p));
	TRY(cedar_parser_expr(p, &x->x.b));
	if (!cedar_parser_word(p, "else"))
		return cedar_parser_unexpected(p, "`else`", "every `if` has an `else` in Cedar");
	TRY(cedar_parser_next(p));
	TRY(cedar_parser_expr(p, &x->x.c));
	*ret = x;
	return cedar_parser_seal(p, x);
}

status
cedar_parser_expr(struct cedar_parser *p, struct cedar_expr **ret)
{
	if (p->depth >= CEDAR_MAX_DEPTH)
		return cedar_diag_set(p->d, E_LIMIT, p->tok.pos, "split the condition into several policies or `when` clauses",
		                      "expressions nest deeper than %d levels", CEDAR_MAX_DEPTH);
	p->depth++;
	TRY(cedar_parser_word(p, "if") ? if_then_else(p, ret) : chain(p, CEDAR_T_OR, CEDAR_X_OR, conjunction, ret));
	p->depth--;
	return OK;
}
