#include "cedar/parse_priv.h"
#include "cedar/suggest.h"

#include <stdio.h>

status
cedar_parser_next(struct cedar_parser *p)
{
	p->last_end = p->tok.end;
	return cedar_lex_next(&p->lex, &p->tok, p->d);
}

status
cedar_parser_unexpected(struct cedar_parser *p, const char *expected, const char *hint)
{
	char found[80];
	status s = cedar_diag_set(p->d, E_BAD_POLICY, p->tok.pos, hint, "expected %s, found %s", expected,
	                          cedar_token_text(&p->tok, found, sizeof found));
	if (p->d)
		p->d->end = p->tok.end;
	return s;
}

status
cedar_parser_expect(struct cedar_parser *p, enum cedar_token_kind kind, const char *what)
{
	if (p->tok.kind != kind)
		return cedar_parser_unexpected(p, what, NULL);
	return cedar_parser_next(p);
}

status
cedar_parser_accept(struct cedar_parser *p, enum cedar_token_kind kind, bool *ret)
{
	*ret = p->tok.kind == kind;
	return *ret ? cedar_parser_next(p) : OK;
}

static status
annotation(struct cedar_parser *p, const struct cedar_stack *before, size_t from, struct cedar_annotation **ret)
{
	struct cedar_annotation *an = ARENA_NEW(&p->ast->arena, struct cedar_annotation);
	ENSURE(an, E_NO_MEMORY);
	an->pos = p->tok.pos;
	TRY(cedar_parser_next(p));
	if (!cedar_parser_at(p, CEDAR_T_IDENT))
		return cedar_parser_unexpected(p, "the name of an annotation", "annotations look like @id(\"text\")");
	an->key = p->tok.text;
	for (size_t i = from; i < before->n; i++)
		if (span_eq(((struct cedar_annotation *)before->p[i])->key, an->key))
			return cedar_diag_set(p->d, E_BAD_POLICY, an->pos, "keep one of them", "annotation @%.*s occurs twice", SPAN_ARG(an->key));
	TRY(cedar_parser_next(p));
	TRY(cedar_parser_accept(p, CEDAR_T_LPAREN, &an->has_value));
	if (an->has_value) {
		if (!cedar_parser_at(p, CEDAR_T_STRING))
			return cedar_parser_unexpected(p, "a string", "annotations look like @id(\"text\")");
		TRY(cedar_lex_string(&p->tok, &p->ast->arena, &an->value, p->d));
		TRY(cedar_parser_next(p));
		TRY(cedar_parser_expect(p, CEDAR_T_RPAREN, "`)`"));
	}
	an->end = p->last_end;
	*ret = an;
	return OK;
}

#define MAX_ANNOTATIONS 256     /* duplicates are looked for one by one */

static status
annotations(struct cedar_parser *p, struct cedar_policy *pol)
{
	size_t from = p->stack.n;
	while (cedar_parser_at(p, CEDAR_T_AT)) {
		struct cedar_annotation *an = NULL;
		if (p->stack.n - from >= MAX_ANNOTATIONS)
			return cedar_diag_set(p->d, E_LIMIT, p->tok.pos, NULL, "a policy has more than %d annotations", MAX_ANNOTATIONS);
		TRY(annotation(p, &p->stack, from, &an));
		TRY(cedar_stack_push(&p->stack, an));
	}
	uint32_t n = (uint32_t)(p->stack.n - from);
	/* One, as is usual, is its own list. */
	struct cedar_annotation *list = n == 1 ? p->stack.p[from] : arena_array(&p->ast->arena, n, sizeof *list);
	ENSURE(list, E_NO_MEMORY);
	for (uint32_t i = 0; n > 1 && i < n; i++)
		list[i] = *(struct cedar_annotation *)p->stack.p[from + i];
	p->stack.n = from;
	pol->annotations = list;
	pol->annotation_n = n;
	return OK;
}

static const char *const var_name[] = { "principal", "action", "resource" };

static status
action_uid_ok(struct cedar_parser *p, const struct cedar_uid *uid, struct cedar_pos pos)
{
	span t = uid->type.text;
	if (span_is(t, "Action") || span_ends(t, SPAN("::Action")))
		return OK;
	return cedar_diag_set(p->d, E_BAD_POLICY, pos, "actions are written Action::\"name\" or Namespace::Action::\"name\"",
	                      "%.*s::\"…\" is not an action", SPAN_ARG(t));
}

static status
scope_slot(struct cedar_parser *p, enum cedar_var var, struct cedar_scope *s)
{
	static const char *const slot_name[] = { "?principal", "", "?resource" };
	if (var == CEDAR_ACTION)
		return cedar_diag_set(p->d, E_BAD_POLICY, p->tok.pos, "only the principal and the resource may be slots",
		                      "the action can not be a slot");
	if (!span_is(p->tok.text, slot_name[var]))
		return cedar_diag_set(p->d, E_BAD_POLICY, p->tok.pos, NULL, "the slot here must be %s, not %.*s", slot_name[var],
		                      p->tok.text.n > 60 ? 60 : (int)p->tok.text.n, (const char *)p->tok.text.p);
	s->slot = var == CEDAR_PRINCIPAL ? CEDAR_SLOT_PRINCIPAL : CEDAR_SLOT_RESOURCE;
	return cedar_parser_next(p);
}

/* The reference takes a head's operands for expressions first, so any of them may stand in parentheses. */
static status
open_parens(struct cedar_parser *p, unsigned *ret)
{
	*ret = 0;
	while (cedar_parser_at(p, CEDAR_T_LPAREN)) {
		TRY(cedar_parser_next(p));
		++*ret;
	}
	return OK;
}

static status
close_parens(struct cedar_parser *p, unsigned n)
{
	while (n-- > 0)
		TRY(cedar_parser_expect(p, CEDAR_T_RPAREN, "`)`"));
	return OK;
}

/* One entity (or slot) without parentheses, pushed on the stack. */
static status
scope_entity(struct cedar_parser *p, enum cedar_var var, struct cedar_scope *s, bool slots)
{
	const struct cedar_uid *uid;
	struct cedar_pos pos = p->tok.pos;
	if (cedar_parser_at(p, CEDAR_T_SLOT) && slots)
		return scope_slot(p, var, s);
	if (!cedar_parser_at(p, CEDAR_T_IDENT))
		return cedar_parser_unexpected(p, "an entity such as Type::\"id\"",
		                               cedar_parser_at(p, CEDAR_T_SLOT) ? "slots are not allowed in a list" : NULL);
	TRY(cedar_parser_uid(p, &uid));
	if (var == CEDAR_ACTION)
		TRY(action_uid_ok(p, uid, pos));
	return cedar_stack_push(&p->stack, (void *)uid);
}

static status
scope_list(struct cedar_parser *p, struct cedar_scope *s)
{
	s->list = true;
	TRY(cedar_parser_next(p));
	while (!cedar_parser_at(p, CEDAR_T_RBRACK)) {
		bool comma;
		unsigned parens;
		TRY(open_parens(p, &parens));
		TRY(scope_entity(p, CEDAR_ACTION, s, false));
		TRY(close_parens(p, parens));
		TRY(cedar_parser_accept(p, CEDAR_T_COMMA, &comma));
		if (!comma && !cedar_parser_at(p, CEDAR_T_RBRACK))
			return cedar_parser_unexpected(p, "`,` or `]`", NULL);
	}
	return cedar_parser_next(p);
}

static status
scope_target(struct cedar_parser *p, enum cedar_var var, struct cedar_scope *s)
{
	size_t from = p->stack.n;
	unsigned parens;
	void **uids;
	TRY(open_parens(p, &parens));
	if (cedar_parser_at(p, CEDAR_T_LBRACK)) {
		if (var != CEDAR_ACTION || s->op != CEDAR_SCOPE_IN)
			return cedar_diag_set(p->d, E_BAD_POLICY, p->tok.pos, "write one policy for each, or test it in a `when` clause",
			                      "only `action in` takes a list here");
		TRY(scope_list(p, s));
	} else {
		TRY(scope_entity(p, var, s, true));
	}
	TRY(close_parens(p, parens));
	if (p->stack.n == from + 1) {
		s->one = p->stack.p[from];
		s->uids = &s->one;
		s->n = 1;
		p->stack.n = from;
		return OK;
	}
	TRY(cedar_stack_take(&p->stack, from, &p->ast->arena, &uids, &s->n));
	s->uids = (const struct cedar_uid **)uids;
	return OK;
}

static status
scope_type(struct cedar_parser *p, enum cedar_var var, struct cedar_scope *s)
{
	if (var == CEDAR_ACTION)
		return cedar_diag_set(p->d, E_BAD_POLICY, p->tok.pos, "use `action ==` or `action in`", "`is` does not apply to the action");
	TRY(cedar_parser_next(p));
	struct cedar_name *name = ARENA_NEW(&p->ast->arena, struct cedar_name);
	span path;
	ENSURE(name, E_NO_MEMORY);
	TRY(cedar_parser_path(p, &path));
	*name = cedar_name_make(path);
	s->type = name;
	s->op = CEDAR_SCOPE_IS;
	if (cedar_parser_word(p, "in")) {
		s->op = CEDAR_SCOPE_IS_IN;
		TRY(cedar_parser_next(p));
		TRY(scope_target(p, var, s));
	}
	return OK;
}

static status
scope(struct cedar_parser *p, enum cedar_var var, struct cedar_scope *s)
{
	s->pos = p->tok.pos;
	if (!cedar_parser_word(p, var_name[var])) {
		char expected[40];
		snprintf(expected, sizeof expected, "`%s`", var_name[var]);
		return cedar_parser_unexpected(p, expected, "a policy head is (principal, action, resource), in this order");
	}
	TRY(cedar_parser_next(p));
	if (cedar_parser_at(p, CEDAR_T_EQ)) {
		s->op = CEDAR_SCOPE_EQ;
		TRY(cedar_parser_next(p));
		TRY(scope_target(p, var, s));
	} else if (cedar_parser_word(p, "in")) {
		s->op = CEDAR_SCOPE_IN;
		TRY(cedar_parser_next(p));
		TRY(scope_target(p, var, s));
	} else if (cedar_parser_word(p, "is")) {
		TRY(scope_type(p, var, s));
	} else if (!cedar_parser_at(p, CEDAR_T_COMMA) && !cedar_parser_at(p, CEDAR_T_RPAREN)) {
		return cedar_parser_unexpected(p, "`==`, `in`, `is`, `,` or `)`",
		                               cedar_parser_at(p, CEDAR_T_ASSIGN) ? "equality is written ==" :
		                               "other tests go into a `when { … }` clause");
	}
	s->end = p->last_end;
	return OK;
}

static status
scopes(struct cedar_parser *p, struct cedar_policy *pol)
{
	bool comma;
	TRY(cedar_parser_expect(p, CEDAR_T_LPAREN, "`(`"));
	for (unsigned v = CEDAR_PRINCIPAL; v <= CEDAR_RESOURCE; v++) {
		TRY(scope(p, (enum cedar_var)v, &pol->scope[v]));
		if (pol->scope[v].slot)
			pol->slots |= (uint8_t)(1u << pol->scope[v].slot);
		if (v != CEDAR_RESOURCE)
			TRY(cedar_parser_expect(p, CEDAR_T_COMMA, "`,`"));
	}
	TRY(cedar_parser_accept(p, CEDAR_T_COMMA, &comma));
	return cedar_parser_expect(p, CEDAR_T_RPAREN, "`)`");
}

static status
condition(struct cedar_parser *p, struct cedar_condition **ret)
{
	struct cedar_condition *c = ARENA_NEW(&p->ast->arena, struct cedar_condition);
	ENSURE(c, E_NO_MEMORY);
	c->pos = p->tok.pos;
	c->unless = cedar_parser_word(p, "unless");
	TRY(cedar_parser_next(p));
	TRY(cedar_parser_expect(p, CEDAR_T_LBRACE, "`{`"));
	if (cedar_parser_at(p, CEDAR_T_RBRACE))
		return cedar_parser_unexpected(p, "an expression", "a condition can not be empty; leave the clause out instead");
	TRY(cedar_parser_expr(p, &c->body));
	TRY(cedar_parser_expect(p, CEDAR_T_RBRACE, "an operator or `}`"));
	c->end = p->last_end;
	*ret = c;
	return OK;
}

static status
conditions(struct cedar_parser *p, struct cedar_policy *pol)
{
	size_t from = p->stack.n;
	while (cedar_parser_word(p, "when") || cedar_parser_word(p, "unless")) {
		struct cedar_condition *c = NULL;
		TRY(condition(p, &c));
		TRY(cedar_stack_push(&p->stack, c));
	}
	uint32_t n = (uint32_t)(p->stack.n - from);
	struct cedar_condition *list = n == 1 ? p->stack.p[from] : arena_array(&p->ast->arena, n, sizeof *list);
	ENSURE(list, E_NO_MEMORY);
	for (uint32_t i = 0; n > 1 && i < n; i++)
		list[i] = *(struct cedar_condition *)p->stack.p[from + i];
	p->stack.n = from;
	pol->conditions = list;
	pol->condition_n = n;
	return OK;
}

static status
policy(struct cedar_parser *p, uint64_t number, struct cedar_policy **ret)
{
	struct cedar_policy *pol = ARENA_NEW(&p->ast->arena, struct cedar_policy);
	ENSURE(pol, E_NO_MEMORY);
	pol->ast = p->ast;
	pol->pos = p->tok.pos;
	TRY(annotations(p, pol));
	if (cedar_parser_word(p, "permit")) {
		pol->effect = CEDAR_PERMIT;
	} else if (cedar_parser_word(p, "forbid")) {
		pol->effect = CEDAR_FORBID;
	} else {
		char hint[100];
		struct cedar_suggest near = cedar_suggest_make(p->tok.text);
		cedar_suggest_offer(&near, SPAN("permit"));
		cedar_suggest_offer(&near, SPAN("forbid"));
		cedar_suggest_hint(&near, hint, sizeof hint);
		return cedar_parser_unexpected(p, "`permit` or `forbid`", *hint ? hint : "a policy starts with permit(…) or forbid(…)");
	}
	TRY(cedar_parser_next(p));
	TRY(scopes(p, pol));
	TRY(conditions(p, pol));
	if (!cedar_parser_at(p, CEDAR_T_SEMI))
		return cedar_parser_unexpected(p, "`when`, `unless` or `;`", "a policy ends with a semicolon");
	TRY(cedar_parser_next(p));
	pol->end = p->last_end;
	char id[32];
	pol->id = arena_copy(&p->ast->arena, span_make(id, (size_t)snprintf(id, sizeof id, "policy%llu", (unsigned long long)number)));
	ENSURE(pol->id.p, E_NO_MEMORY);
	*ret = pol;
	return OK;
}

static status
policies(struct cedar_parser *p, uint32_t first_id, uint32_t max)
{
	CLEANUP(cedar_stack_fini) struct cedar_stack list = { 0 };
	while (!cedar_parser_at(p, CEDAR_T_END)) {
		struct cedar_policy *pol = NULL;
		if (max && list.n >= max)
			return cedar_diag_set(p->d, E_LIMIT, p->tok.pos, NULL, "more than %u policies", max);
		TRY(policy(p, (uint64_t)first_id + list.n, &pol));
		TRY(cedar_stack_push(&list, pol));
	}
	return cedar_ast_set_policies(p->ast, &list);
}

static status
parser_init(struct cedar_parser *p, span text, span file, const struct cedar_limits *limits, struct cedar_diag *d)
{
	size_t max = limits && limits->text ? limits->text : CEDAR_MAX_TEXT;
	size_t memory = limits && limits->memory ? limits->memory : text.n * 256 + (1u << 20);
	*p = (struct cedar_parser){ .d = d };
	if (d)
		*d = (struct cedar_diag){ 0 };
	TRY(cedar_lex_init(&p->lex, text, max, d));
	p->ast = cedar_ast_new(file, memory);
	ENSURE(p->ast, E_NO_MEMORY);
	p->ast->text = arena_copy(&p->ast->arena, text);
	ENSURE(arena_ok(&p->ast->arena), E_NO_MEMORY);
	p->lex.text = p->ast->text;
	return OK;
}

static void
parser_fini(struct cedar_parser *p)
{
	cedar_stack_fini(&p->stack);
	cedar_ast_unref(p->ast);
}

status
cedar_parse_policies(span text, span file, uint32_t first_id, const struct cedar_limits *limits, struct cedar_ast **ret,
                     struct cedar_diag *d)
{
	CLEANUP(parser_fini) struct cedar_parser p;
	TRY(parser_init(&p, text, file, limits, d));
	TRY(cedar_lex_next(&p.lex, &p.tok, d));
	TRY(policies(&p, first_id, limits ? limits->policies : 0));
	*ret = TAKE(p.ast);
	return OK;
}

status
cedar_parse_expr(span text, struct cedar_ast **ret_ast, const struct cedar_expr **ret, struct cedar_diag *d)
{
	CLEANUP(parser_fini) struct cedar_parser p;
	struct cedar_expr *x;
	TRY(parser_init(&p, text, (span){ 0 }, NULL, d));
	TRY(cedar_lex_next(&p.lex, &p.tok, d));
	TRY(cedar_parser_expr(&p, &x));
	if (!cedar_parser_at(&p, CEDAR_T_END))
		return cedar_parser_unexpected(&p, "an operator or the end", NULL);
	*ret = x;
	*ret_ast = TAKE(p.ast);
	return OK;
}
