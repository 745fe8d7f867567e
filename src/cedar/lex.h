/* lex: tokens of Cedar policies and Cedar schemas, one at a time, with places. */
#ifndef AMBIT_CEDAR_LEX_H
#define AMBIT_CEDAR_LEX_H

#include "cedar/diag.h"
#include "base/arena.h"

#define CEDAR_MAX_TEXT (1u << 20)        /* bytes of one policy or schema text, unless the caller says otherwise */

enum cedar_token_kind {
	CEDAR_T_END = 0,
	CEDAR_T_IDENT,           /* [_A-Za-z][_A-Za-z0-9]*, reserved words too: see cedar_word_reserved */
	CEDAR_T_NUMBER,          /* [0-9]+, not longer than u64 holds: see `number` */
	CEDAR_T_STRING,          /* with its quotes and escapes: see cedar_lex_string, cedar_lex_pattern */
	CEDAR_T_SLOT,            /* ?ident, with the '?' */
	CEDAR_T_QUESTION,        /* '?' with no identifier after it */
	CEDAR_T_COMMENT,         /* only when the lexer's `comments` is set; without the line end */
	CEDAR_T_AT, CEDAR_T_DOT, CEDAR_T_COMMA, CEDAR_T_SEMI, CEDAR_T_COLON, CEDAR_T_COLONS,    /* @ . , ; : :: */
	CEDAR_T_LPAREN, CEDAR_T_RPAREN, CEDAR_T_LBRACE, CEDAR_T_RBRACE, CEDAR_T_LBRACK, CEDAR_T_RBRACK,
	CEDAR_T_EQ, CEDAR_T_NE, CEDAR_T_LT, CEDAR_T_LE, CEDAR_T_GT, CEDAR_T_GE,                 /* == != < <= > >= */
	CEDAR_T_OR, CEDAR_T_AND, CEDAR_T_PLUS, CEDAR_T_MINUS, CEDAR_T_STAR, CEDAR_T_SLASH, CEDAR_T_PERCENT,
	CEDAR_T_BANG, CEDAR_T_ASSIGN,                                                           /* ! = */
	CEDAR_T_COUNT
};

struct cedar_token {
	uint8_t kind;            /* enum cedar_token_kind */
	struct cedar_pos pos;
	uint32_t end;            /* offset after the last byte */
	span text;               /* as written, inside the lexer's text */
	uint64_t number;         /* NUMBER */
};

struct cedar_lexer {
	span text;
	uint32_t at, line, col;
	bool comments;
};

/* Refuses a text longer than `max`, not valid UTF-8 or starting with a byte order mark: E_LIMIT, E_BAD_UTF8, E_BAD_POLICY.
 * Borrows the text. */
status cedar_lex_init(struct cedar_lexer *l, span text, size_t max, struct cedar_diag *d);
/* The next token; END again and again at the end. E_BAD_POLICY with a place: stray character, open string, number too large. */
status cedar_lex_next(struct cedar_lexer *l, struct cedar_token *ret, struct cedar_diag *d);

/* The value of a STRING token, escapes undone; a borrowed part of the text when there are none, else in the arena.
 * E_BAD_POLICY: bad escape (with its place). E_NO_MEMORY. */
status cedar_lex_string(const struct cedar_token *t, struct arena *a, span *ret, struct cedar_diag *d);
/* The same for the right side of `like`: scalars and CEDAR_WILDCARD, in the arena. */
status cedar_lex_pattern(const struct cedar_token *t, struct arena *a, const uint32_t **ret, uint32_t *ret_n,
                         struct cedar_diag *d);

/* Words that may not be identifiers: true false if then else in is like has, and "__cedar" itself (not names that contain it). */
bool cedar_word_reserved(span word);
/* The shape of an identifier, reserved or not. */
bool cedar_word_ok(span word);
/* A normalised name: identifiers (none reserved) joined by "::" without blanks. */
bool cedar_name_ok(span name);
/* How a token is called in messages: "`;`", "identifier `foo`", "end of text". `out` is cut to n bytes. */
const char *cedar_token_text(const struct cedar_token *t, char *out, size_t n);

#endif
