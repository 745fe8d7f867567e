/* The parser's state, shared by parse.c (policies), parse_expr.c (operators) and parse_primary.c (what they are applied to). */
#ifndef AMBIT_CEDAR_PARSE_PRIV_H
#define AMBIT_CEDAR_PARSE_PRIV_H

#include "cedar/build.h"
#include "cedar/lex.h"
#include "cedar/parse.h"

#define CEDAR_PARSER_UIDS 512u

struct cedar_parser {
	struct cedar_lexer lex;
	struct cedar_token tok;          /* the next, not yet consumed */
	uint32_t last_end;               /* end of the last consumed token */
	unsigned depth;                  /* nesting of the recursion */
	struct cedar_ast *ast;
	struct cedar_diag *d;
	struct cedar_stack stack;
	/* Names of entities lately seen, by hash: policies name the same few again and again, and share them then. */
	const struct cedar_uid *uids[CEDAR_PARSER_UIDS];
};

/* Drops the current token and reads the next. */
status cedar_parser_next(struct cedar_parser *p);
/* Consumes a token of that kind or fails with "expected WHAT, found …". */
status cedar_parser_expect(struct cedar_parser *p, enum cedar_token_kind kind, const char *what);
/* Consumes a token of that kind if it is there. */
status cedar_parser_accept(struct cedar_parser *p, enum cedar_token_kind kind, bool *ret);
status cedar_parser_unexpected(struct cedar_parser *p, const char *expected, const char *hint);
static inline bool
cedar_parser_at(const struct cedar_parser *p, enum cedar_token_kind kind)
{
	return p->tok.kind == kind;
}
static inline bool
cedar_parser_word(const struct cedar_parser *p, const char *word)
{
	return p->tok.kind == CEDAR_T_IDENT && span_is(p->tok.text, word);
}

status cedar_parser_expr(struct cedar_parser *p, struct cedar_expr **ret);
/* A primary and the accesses and calls after it. */
status cedar_parser_member(struct cedar_parser *p, struct cedar_expr **ret);

static inline status
cedar_parser_node(struct cedar_parser *p, enum cedar_expr_kind kind, struct cedar_pos pos, struct cedar_expr **ret)
{
	*ret = cedar_expr_new(p->ast, kind, pos);
	ENSURE(*ret, E_NO_MEMORY);
	return OK;
}
/* The node ends with the last consumed token, and its children are in place. */
static inline status
cedar_parser_seal(struct cedar_parser *p, struct cedar_expr *x)
{
	x->end = p->last_end;
	return cedar_expr_seal(x, p->d);
}

/* Identifier {:: identifier}; gives the normalised text. */
status cedar_parser_path(struct cedar_parser *p, span *ret);
/* Identifier {:: identifier} :: string. */
status cedar_parser_uid(struct cedar_parser *p, const struct cedar_uid **ret);
/* An identifier that is not reserved; `what` for the message. */
status cedar_parser_ident(struct cedar_parser *p, const char *what, span *ret);

#endif
