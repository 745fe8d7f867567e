#include "cedar/lex.h"

#include "cedar/ast.h"

#include <stdio.h>

/* One scalar at p (p < end); its length, or 0 when the bytes are not UTF-8. */
static unsigned
scalar_at(const uint8_t *p, const uint8_t *end, uint32_t *ret)
{
	uint8_t c = *p;
	if (c < 0x80) {
		*ret = c;
		return 1;
	}
	unsigned n = c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
	if (n == 0 || (size_t)(end - p) < n)
		return 0;
	uint32_t v = c & (0xffu >> (n + 1));
	for (unsigned i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (p[i] & 0x3fu);
	}
	if ((n == 3 && v < 0x800) || (n == 4 && v < 0x10000) || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return 0;
	*ret = v;
	return n;
}

/* Unicode White_Space outside ASCII. */
static bool
wide_space(uint32_t c)
{
	return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
	       c == 0x202f || c == 0x205f || c == 0x3000;
}

static bool ident_first(uint8_t c) { return c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
static bool digit(uint8_t c) { return c >= '0' && c <= '9'; }
static bool ident_more(uint8_t c) { return ident_first(c) || digit(c); }

static struct cedar_pos
here(const struct cedar_lexer *l)
{
	return (struct cedar_pos){ l->at, l->line, l->col };
}

status
cedar_lex_init(struct cedar_lexer *l, span text, size_t max, struct cedar_diag *d)
{
	if (text.n == 0)
		text = SPAN("");         /* an empty span may be NULL, which takes no arithmetic */
	*l = (struct cedar_lexer){ .text = text, .line = 1, .col = 1 };
	if (text.n > max || text.n >= UINT32_MAX)
		return cedar_diag_set(d, E_LIMIT, here(l), "split it into several files", "the text is longer than %zu bytes", max);
	if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
		return cedar_diag_set(d, E_BAD_POLICY, here(l), "save the file as UTF-8 without a byte order mark",
		                      "the text starts with a byte order mark");
	struct cedar_pos pos = here(l);
	for (const uint8_t *p = text.p, *end = p + text.n; p < end;) {
		uint32_t c;
		unsigned n = scalar_at(p, end, &c);
		if (n == 0) {
			pos.offset = (uint32_t)(p - text.p);
			return cedar_diag_set(d, E_BAD_UTF8, pos, "save the file as UTF-8", "byte 0x%02x is not valid UTF-8 here", *p);
		}
		p += n;
		pos.col++;
		if (c == '\n') {
			pos.line++;
			pos.col = 1;
		}
	}
	return OK;
}

static void
advance(struct cedar_lexer *l, size_t n)
{
	for (const uint8_t *p = l->text.p + l->at, *end = p + n; p < end; p++) {
		if (*p == '\n') {
			l->line++;
			l->col = 1;
		} else if ((*p & 0xc0) != 0x80) {
			l->col++;
		}
	}
	l->at += (uint32_t)n;
}

/* A lone carriage return ends a comment too, as in the reference. */
static size_t
line_length(span s)
{
	return span_find(span_sub(s, 0, span_find(s, '\n')), '\r');
}

/* Skips blanks (and comments, unless the caller wants them); false at a comment that is wanted. */
static bool
skip_blanks(struct cedar_lexer *l)
{
	const uint8_t *t = l->text.p;
	while (l->at < l->text.n) {
		const uint8_t *p = t + l->at;
		uint32_t c;
		if (*p == '\n') {
			l->at++;
			l->line++;
			l->col = 1;
		} else if (*p == ' ' || (*p >= '\t' && *p <= '\r')) {
			l->at++;
			l->col++;
		} else if (*p == '/' && l->at + 1 < l->text.n && p[1] == '/') {
			if (l->comments)
				return false;
			advance(l, line_length(span_sub(l->text, l->at, SIZE_MAX)));
		} else if (*p >= 0x80) {
			unsigned n = scalar_at(p, t + l->text.n, &c);
			if (n == 0 || !wide_space(c))
				return true;
			l->at += n;
			l->col++;
		} else {
			return true;
		}
	}
	return true;
}

static status
lex_string_token(struct cedar_lexer *l, struct cedar_token *t, size_t *ret_n, struct cedar_diag *d)
{
	const uint8_t *start = l->text.p + l->at, *end = l->text.p + l->text.n, *p = start + 1;
	for (; p < end && *p != '"'; p++) {
		if (*p == '\\') {
			if (++p == end)
				break;
			if (*p == '\n')
				goto bad_line;
		}
		if (*p == '\r')
			goto bad_line;
	}
	if (p >= end)
		return cedar_diag_set(d, E_BAD_POLICY, t->pos, "close it with a double quote", "this string never ends");
	*ret_n = (size_t)(p - start) + 1;
	t->kind = CEDAR_T_STRING;
	return OK;
bad_line:
	advance(l, (size_t)(p - start));
	return cedar_diag_set(d, E_BAD_POLICY, here(l), *p == '\r' ? "write \\r" : "write \\n",
	                      *p == '\r' ? "a carriage return may not stand in a string" : "a backslash may not end a line");
}

static status
lex_number(const struct cedar_lexer *l, struct cedar_token *t, size_t *ret_n, struct cedar_diag *d)
{
	span rest = span_sub(l->text, l->at, SIZE_MAX);
	size_t n = 0;
	uint64_t v = 0;
	bool fits = true;
	for (; n < rest.n && digit(rest.p[n]); n++)
		fits = fits && !__builtin_mul_overflow(v, (uint64_t)10, &v) &&
		       !__builtin_add_overflow(v, (uint64_t)(rest.p[n] - '0'), &v);
	if (!fits)
		return cedar_diag_set(d, E_BAD_POLICY, t->pos, "a Long is a 64-bit integer",
		                      "the number %.*s is too large", n > 40 ? 40 : (int)n, (const char *)rest.p);
	t->kind = CEDAR_T_NUMBER;
	t->number = v;
	*ret_n = n;
	return OK;
}

static const struct { char text[3]; uint8_t kind; } punct[] = {
	{ "::", CEDAR_T_COLONS }, { "==", CEDAR_T_EQ }, { "!=", CEDAR_T_NE }, { "<=", CEDAR_T_LE }, { ">=", CEDAR_T_GE },
	{ "||", CEDAR_T_OR }, { "&&", CEDAR_T_AND }, { "@", CEDAR_T_AT }, { ".", CEDAR_T_DOT }, { ",", CEDAR_T_COMMA },
	{ ";", CEDAR_T_SEMI }, { ":", CEDAR_T_COLON }, { "(", CEDAR_T_LPAREN }, { ")", CEDAR_T_RPAREN },
	{ "{", CEDAR_T_LBRACE }, { "}", CEDAR_T_RBRACE }, { "[", CEDAR_T_LBRACK }, { "]", CEDAR_T_RBRACK },
	{ "<", CEDAR_T_LT }, { ">", CEDAR_T_GT }, { "+", CEDAR_T_PLUS }, { "-", CEDAR_T_MINUS }, { "*", CEDAR_T_STAR },
	{ "/", CEDAR_T_SLASH }, { "%", CEDAR_T_PERCENT }, { "!", CEDAR_T_BANG }, { "=", CEDAR_T_ASSIGN },
};

static status
lex_punct(const struct cedar_lexer *l, struct cedar_token *t, size_t *ret_n, struct cedar_diag *d)
{
	span rest = span_sub(l->text, l->at, SIZE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(punct); i++) {
		size_t n = punct[i].text[1] ? 2 : 1;
		if (rest.n >= n && memcmp(rest.p, punct[i].text, n) == 0) {
			t->kind = punct[i].kind;
			*ret_n = n;
			return OK;
		}
	}
	uint32_t c;
	unsigned n = scalar_at(rest.p, rest.p + rest.n, &c);
	const char *hint = *rest.p == '\'' ? "strings are written in double quotes" :
	                   *rest.p == '&' ? "\"and\" is written &&" : *rest.p == '|' ? "\"or\" is written ||" :
	                   *rest.p == '#' ? "comments start with //" : NULL;
	if (*rest.p < 0x20 || *rest.p == 0x7f)
		return cedar_diag_set(d, E_BAD_POLICY, t->pos, NULL, "unexpected control character 0x%02x", *rest.p);
	return cedar_diag_set(d, E_BAD_POLICY, t->pos, hint, "unexpected character `%.*s`", (int)n, (const char *)rest.p);
}

status
cedar_lex_next(struct cedar_lexer *l, struct cedar_token *t, struct cedar_diag *d)
{
	bool comment = !skip_blanks(l);
	*t = (struct cedar_token){ .kind = CEDAR_T_END, .pos = here(l), .end = l->at };
	if (l->at >= l->text.n)
		return OK;
	span rest = span_sub(l->text, l->at, SIZE_MAX);
	size_t n = 0;
	if (comment) {
		t->kind = CEDAR_T_COMMENT;
		n = line_length(rest);
	} else if (ident_first(*rest.p)) {
		t->kind = CEDAR_T_IDENT;
		while (n < rest.n && ident_more(rest.p[n]))
			n++;
	} else if (digit(*rest.p)) {
		TRY(lex_number(l, t, &n, d));
	} else if (*rest.p == '"') {
		TRY(lex_string_token(l, t, &n, d));
	} else if (*rest.p == '?') {
		n = 1;
		if (rest.n > 1 && ident_first(rest.p[1]))
			while (n < rest.n && ident_more(rest.p[n]))
				n++;
		t->kind = n > 1 ? CEDAR_T_SLOT : CEDAR_T_QUESTION;
	} else {
		TRY(lex_punct(l, t, &n, d));
	}
	t->text = span_sub(rest, 0, n);
	if (t->kind == CEDAR_T_STRING) {
		advance(l, n);
	} else {
		l->at += (uint32_t)n;
		l->col += (uint32_t)n;
	}
	t->end = l->at;
	return OK;
}

/* Reads the escape at p (after the backslash); moves *pp behind it. False when malformed. */
static bool
escape(const uint8_t **pp, const uint8_t *end, uint32_t *ret)
{
	const uint8_t *p = *pp;
	uint32_t v = 0;
	unsigned n = 0;
	switch (*p++) {
	case 'n': v = '\n'; break;
	case 'r': v = '\r'; break;
	case 't': v = '\t'; break;
	case '0': v = 0; break;
	case '\\': v = '\\'; break;
	case '\'': v = '\''; break;
	case '"': v = '"'; break;
	case 'x':
		for (; n < 2 && p < end; n++, p++) {
			int h = *p >= '0' && *p <= '9' ? *p - '0' : (*p | 32) >= 'a' && (*p | 32) <= 'f' ? (*p | 32) - 'a' + 10 : -1;
			if (h < 0)
				return false;
			v = v << 4 | (uint32_t)h;
		}
		if (n != 2 || v > 0x7f)
			return false;
		break;
	case 'u':
		if (p >= end || *p++ != '{' || p >= end || *p == '_')
			return false;
		for (; p < end && *p != '}'; p++) {
			if (*p == '_')
				continue;
			int h = *p >= '0' && *p <= '9' ? *p - '0' : (*p | 32) >= 'a' && (*p | 32) <= 'f' ? (*p | 32) - 'a' + 10 : -1;
			if (h < 0 || ++n > 6)
				return false;
			v = v << 4 | (uint32_t)h;
		}
		if (p++ >= end || n == 0 || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
			return false;
		break;
	default:
		return false;
	}
	*pp = p;
	*ret = v;
	return true;
}

static status
bad_escape(const struct cedar_token *t, const uint8_t *at, bool pattern, struct cedar_diag *d)
{
	struct cedar_lexer l = { .text = span_make(t->text.p, t->text.n), .line = t->pos.line, .col = t->pos.col };
	advance(&l, (size_t)(at - t->text.p));
	struct cedar_pos pos = { t->pos.offset + l.at, l.line, l.col };
	return cedar_diag_set(d, E_BAD_POLICY, pos, pattern ? "allowed: \\n \\r \\t \\\\ \\0 \\' \\\" \\* \\x41 \\u{1F600}" :
	                      at[1] == '*' ? "\\* is for patterns, on the right of `like`" :
	                      "allowed: \\n \\r \\t \\\\ \\0 \\' \\\" \\x41 \\u{1F600}", "invalid escape in a string");
}

static size_t
put_scalar(uint8_t *o, uint32_t v)
{
	if (v < 0x80) {
		o[0] = (uint8_t)v;
		return 1;
	}
	if (v < 0x800) {
		o[0] = (uint8_t)(0xc0 | v >> 6);
		o[1] = (uint8_t)(0x80 | (v & 0x3f));
		return 2;
	}
	if (v < 0x10000) {
		o[0] = (uint8_t)(0xe0 | v >> 12);
		o[1] = (uint8_t)(0x80 | (v >> 6 & 0x3f));
		o[2] = (uint8_t)(0x80 | (v & 0x3f));
		return 3;
	}
	o[0] = (uint8_t)(0xf0 | v >> 18);
	o[1] = (uint8_t)(0x80 | (v >> 12 & 0x3f));
	o[2] = (uint8_t)(0x80 | (v >> 6 & 0x3f));
	o[3] = (uint8_t)(0x80 | (v & 0x3f));
	return 4;
}

status
cedar_lex_string(const struct cedar_token *t, struct arena *a, span *ret, struct cedar_diag *d)
{
	span in = span_sub(t->text, 1, t->text.n - 2);
	if (span_find(in, '\\') == in.n) {
		*ret = in;
		return OK;
	}
	uint8_t *out = arena_alloc(a, in.n), *o = out;
	ENSURE(out, E_NO_MEMORY);
	for (const uint8_t *p = in.p, *end = p + in.n; p < end;) {
		if (*p != '\\') {
			*o++ = *p++;
			continue;
		}
		const uint8_t *at = p++;
		uint32_t v;
		if (!escape(&p, end, &v))
			return bad_escape(t, at, false, d);
		o += put_scalar(o, v);      /* never longer than its escape */
	}
	*ret = span_make(out, (size_t)(o - out));
	return OK;
}

status
cedar_lex_pattern(const struct cedar_token *t, struct arena *a, const uint32_t **ret, uint32_t *ret_n, struct cedar_diag *d)
{
	span in = span_sub(t->text, 1, t->text.n - 2);
	uint32_t *out = arena_alloc(a, (in.n + 1) * sizeof *out), n = 0;
	ENSURE(out, E_NO_MEMORY);
	for (const uint8_t *p = in.p, *end = p + in.n; p < end;) {
		uint32_t v;
		if (*p == '\\' && p + 1 < end && p[1] == '*') {
			v = '*';
			p += 2;
		} else if (*p == '\\') {
			const uint8_t *at = p++;
			if (!escape(&p, end, &v))
				return bad_escape(t, at, true, d);
			/* The reference unescapes first and looks for stars then. */
			if (v == '*')
				v = CEDAR_WILDCARD;
		} else {
			p += scalar_at(p, end, &v);
			if (v == '*')
				v = CEDAR_WILDCARD;
		}
		out[n++] = v;
	}
	*ret = out;
	*ret_n = n;
	return OK;
}

bool
cedar_word_reserved(span w)
{
	static const char *const words[] = { "true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar" };
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (span_is(w, words[i]))
			return true;
	return false;
}

bool
cedar_word_ok(span w)
{
	if (w.n == 0 || !ident_first(w.p[0]))
		return false;
	for (size_t i = 1; i < w.n; i++)
		if (!ident_more(w.p[i]))
			return false;
	return true;
}

bool
cedar_name_ok(span name)
{
	for (;;) {
		size_t n = span_find(name, ':');
		span word = span_sub(name, 0, n);
		if (!cedar_word_ok(word) || cedar_word_reserved(word))
			return false;
		if (n == name.n)
			return true;
		if (n + 1 >= name.n || name.p[n + 1] != ':')
			return false;
		name = span_sub(name, n + 2, SIZE_MAX);
	}
}

const char *
cedar_token_text(const struct cedar_token *t, char *out, size_t n)
{
	int len = t->text.n > 40 ? 40 : (int)t->text.n;
	while (len > 0 && len < (int)t->text.n && (t->text.p[len] & 0xc0) == 0x80)
		len--;
	const char *dots = (size_t)len < t->text.n ? "…" : "";
	if (t->kind == CEDAR_T_END)
		snprintf(out, n, "the end of the text");
	else if (t->kind == CEDAR_T_STRING)
		snprintf(out, n, "the string %.*s%s", len, (const char *)t->text.p, dots);
	else
		snprintf(out, n, "`%.*s%s`", len, (const char *)t->text.p, dots);
	return out;
}
