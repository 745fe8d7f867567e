/* Formatting in two steps: the tokens of a text known to parse become a list of pieces with optional breaks, grouped by
 * syntax; the groups that do not fit into the line are broken. */
#include "cedar/format.h"

#include "cedar/lex.h"
#include "cedar/parse.h"

#include <stdlib.h>

#define WIDTH 80

/* ---- tokens with their comments ---- */

struct token {
	struct cedar_token t;
	uint32_t comments, comment_n;    /* before it, on lines of their own: first and number */
	uint32_t trailing;               /* comment behind it on its line, plus one */
};

struct comment {
	span text;
	bool blank;                      /* an empty line before it in the source */
};

struct tokens {
	struct token *all;
	struct comment *comments;
	uint32_t n, cap, comment_n, comment_cap;
};

static status
S_grow(void *list, uint32_t n, uint32_t *cap, size_t size)
{
	void **p = list;
	if (n < *cap)
		return OK;
	uint32_t more = *cap ? *cap * 2 : 64;
	void *bigger = realloc(*p, more * size);
	ENSURE(bigger, E_NO_MEMORY);
	*p = bigger;
	*cap = more;
	return OK;
}

static bool
S_blank_between(span text, uint32_t from, uint32_t to)
{
	unsigned lines = 0;
	for (uint32_t i = from; i < to; i++)
		lines += text.p[i] == '\n';
	return lines >= 2;
}

static span
S_trim(span s)
{
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r'))
		s.n--;
	return s;
}

static status
S_tokenize(span text, struct tokens *ts)
{
	struct cedar_lexer l;
	struct cedar_token t;
	uint32_t pending = 0, end = 0, line = 0;
	TRY(cedar_lex_init(&l, text, CEDAR_MAX_TEXT, NULL));
	l.comments = true;
	do {
		TRY(cedar_lex_next(&l, &t, NULL));
		if (t.kind == CEDAR_T_COMMENT) {
			TRY(S_grow(&ts->comments, ts->comment_n, &ts->comment_cap, sizeof *ts->comments));
			ts->comments[ts->comment_n++] = (struct comment){ S_trim(t.text), S_blank_between(text, end, t.pos.offset) };
			/* a carriage return ends a comment, but no line: of two behind one token, the second goes below */
			if (ts->n && pending == 0 && t.pos.line == line && !ts->all[ts->n - 1].trailing)
				ts->all[ts->n - 1].trailing = ts->comment_n;
			else
				pending++;
			end = t.end;
			continue;
		}
		TRY(S_grow(&ts->all, ts->n, &ts->cap, sizeof *ts->all));
		ts->all[ts->n++] = (struct token){ .t = t, .comments = ts->comment_n - pending, .comment_n = pending };
		pending = 0;
		end = t.end;
		/* a string may run over several lines */
		line = t.pos.line;
		for (size_t i = 0; i < t.text.n; i++)
			line += t.text.p[i] == '\n';
	} while (t.kind != CEDAR_T_END);
	return OK;
}

/* ---- pieces ---- */

enum piece_kind { TEXT, LINE, SOFT, HARD, OPEN, CLOSE, INDENT, DEDENT, COMMENT, TRAILING, BLANK };

struct piece {
	enum piece_kind kind;
	uint32_t width;          /* TEXT: of itself; OPEN: of the group on one line */
	span text;
	bool forced;             /* OPEN: holds a comment or a hard break */
};

struct builder {
	const struct tokens *ts;
	uint32_t at;             /* next token */
	struct piece *pieces;
	uint32_t n, cap;
	status st;               /* sticky */
};

static void
S_put(struct builder *b, enum piece_kind k, span text)
{
	if (failed(b->st))
		return;
	b->st = S_grow(&b->pieces, b->n, &b->cap, sizeof *b->pieces);
	if (failed(b->st))
		return;
	uint32_t width = 0;
	for (size_t i = 0; i < text.n; i++)
		width += (text.p[i] & 0xC0) != 0x80;
	b->pieces[b->n++] = (struct piece){ .kind = k, .width = k == LINE ? 1 : width, .text = text };
}

static void
S_mark(struct builder *b, enum piece_kind k)
{
	S_put(b, k, (span){ 0 });
}

static const struct token *
S_peek(const struct builder *b)
{
	return &b->ts->all[b->at];
}

static bool
S_is(const struct builder *b, enum cedar_token_kind k)
{
	return S_peek(b)->t.kind == k;
}

static bool
S_word(const struct builder *b, const char *w)
{
	return S_is(b, CEDAR_T_IDENT) && span_is(S_peek(b)->t.text, w);
}

static void
S_comments_before(struct builder *b, bool top)
{
	const struct token *t = S_peek(b);
	for (uint32_t i = 0; i < t->comment_n; i++) {
		const struct comment *c = &b->ts->comments[t->comments + i];
		if (top && c->blank && i > 0)
			S_mark(b, BLANK);
		S_put(b, COMMENT, c->text);
	}
}

/* The next token with its comments. */
static void
S_take(struct builder *b)
{
	const struct token *t = S_peek(b);
	S_comments_before(b, false);
	if (t->t.kind == CEDAR_T_END)
		return;
	S_put(b, TEXT, t->t.text);
	if (t->trailing)
		S_put(b, TRAILING, b->ts->comments[t->trailing - 1].text);
	b->at++;
}

static void
S_blank(struct builder *b)
{
	S_put(b, TEXT, SPAN(" "));
}

/* ---- syntax, as far as layout needs it ---- */

static void S_expr(struct builder *b);

/* '(' … ')', '[' … ']', '{' … '}' with commas; the opening token is next. */
static void
S_list(struct builder *b, enum cedar_token_kind close, bool spaced)
{
	S_mark(b, OPEN);
	S_take(b);
	if (!S_is(b, close)) {
		S_mark(b, INDENT);
		S_mark(b, spaced ? LINE : SOFT);
		while (!S_is(b, close)) {
			S_expr(b);
			if (S_is(b, CEDAR_T_COLON)) {
				S_take(b);
				S_blank(b);
				S_expr(b);
			}
			if (S_is(b, CEDAR_T_COMMA)) {
				S_take(b);
				if (!S_is(b, close))
					S_mark(b, LINE);
			} else if (!S_is(b, close)) {
				break;           /* not reached: the text parses */
			}
		}
		S_mark(b, DEDENT);
		S_mark(b, spaced ? LINE : SOFT);
	}
	S_take(b);
	S_mark(b, CLOSE);
}

static void
S_primary(struct builder *b)
{
	if (S_is(b, CEDAR_T_LPAREN)) {
		S_list(b, CEDAR_T_RPAREN, false);
	} else if (S_is(b, CEDAR_T_LBRACK)) {
		S_list(b, CEDAR_T_RBRACK, false);
	} else if (S_is(b, CEDAR_T_LBRACE)) {
		S_list(b, CEDAR_T_RBRACE, true);
	} else {
		S_take(b);
		while (S_is(b, CEDAR_T_COLONS)) {
			S_take(b);
			S_take(b);
		}
		if (S_is(b, CEDAR_T_LPAREN))
			S_list(b, CEDAR_T_RPAREN, false);
	}
}

static void
S_member(struct builder *b)
{
	while (S_is(b, CEDAR_T_BANG) || S_is(b, CEDAR_T_MINUS))
		S_take(b);
	S_primary(b);
	for (;;) {
		if (S_is(b, CEDAR_T_DOT)) {
			S_take(b);
			S_take(b);
			if (S_is(b, CEDAR_T_LPAREN))
				S_list(b, CEDAR_T_RPAREN, false);
		} else if (S_is(b, CEDAR_T_LBRACK)) {
			S_list(b, CEDAR_T_RBRACK, false);
		} else {
			return;
		}
	}
}

static bool
S_operator(const struct builder *b, unsigned level)
{
	enum cedar_token_kind k = S_peek(b)->t.kind;
	switch (level) {
	case 0: return k == CEDAR_T_OR;
	case 1: return k == CEDAR_T_AND;
	case 2: return (k >= CEDAR_T_EQ && k <= CEDAR_T_GE) || S_word(b, "in") || S_word(b, "has") || S_word(b, "like") || S_word(b, "is");
	case 3: return k == CEDAR_T_PLUS || k == CEDAR_T_MINUS;
	default: return k == CEDAR_T_STAR;
	}
}

/* One level of binary operators; the operators stay at the ends of lines. */
static void
S_binary(struct builder *b, unsigned level)
{
	if (level > 4) {
		S_member(b);
		return;
	}
	S_mark(b, OPEN);
	S_binary(b, level + 1);
	bool indented = false;
	while (S_operator(b, level)) {
		S_blank(b);
		S_take(b);
		if (!indented && level >= 2)
			S_mark(b, INDENT);
		indented = true;
		S_mark(b, LINE);
		S_binary(b, level + 1);
	}
	if (indented && level >= 2)
		S_mark(b, DEDENT);
	S_mark(b, CLOSE);
}

static void
S_expr(struct builder *b)
{
	if (!S_word(b, "if")) {
		S_binary(b, 0);
		return;
	}
	S_mark(b, OPEN);
	S_take(b);
	S_blank(b);
	S_expr(b);
	S_mark(b, INDENT);
	for (unsigned i = 0; i < 2; i++) {     /* then, else */
		S_mark(b, LINE);
		S_take(b);
		S_blank(b);
		S_expr(b);
	}
	S_mark(b, DEDENT);
	S_mark(b, CLOSE);
}

static void
S_annotation(struct builder *b)
{
	S_take(b);
	S_take(b);
	if (S_is(b, CEDAR_T_LPAREN)) {
		S_take(b);
		S_take(b);
		S_take(b);
	}
	S_mark(b, HARD);
}

static void
S_condition(struct builder *b)
{
	S_mark(b, HARD);
	S_mark(b, OPEN);
	S_take(b);
	S_blank(b);
	S_take(b);
	S_mark(b, INDENT);
	S_mark(b, LINE);
	S_expr(b);
	S_mark(b, DEDENT);
	S_mark(b, LINE);
	S_take(b);
	S_mark(b, CLOSE);
}

static void
S_policy(struct builder *b, bool first)
{
	if (!first)
		S_mark(b, BLANK);
	S_comments_before(b, true);
	/* the comments are out: the token must not bring them again */
	struct token *t = (struct token *)S_peek(b);
	t->comment_n = 0;
	while (S_is(b, CEDAR_T_AT))
		S_annotation(b);
	S_take(b);
	S_blank(b);
	S_list(b, CEDAR_T_RPAREN, false);
	while (S_word(b, "when") || S_word(b, "unless"))
		S_condition(b);
	S_take(b);
	S_mark(b, HARD);
}

/* ---- layout ---- */

/* Fills the widths of groups. */
static status
S_measure(struct builder *b)
{
	uint32_t *open = malloc((b->n + 1) * sizeof *open), *before = malloc((b->n + 1) * sizeof *before), depth = 0, width = 0;
	if (!open || !before) {
		free(open);
		free(before);
		return FAIL(E_NO_MEMORY);
	}
	for (uint32_t i = 0; i < b->n; i++) {
		struct piece *p = &b->pieces[i];
		if (p->kind == OPEN) {
			before[depth] = width;
			open[depth++] = i;
		} else if (p->kind == CLOSE) {
			struct piece *o = &b->pieces[open[--depth]];
			o->width = width - before[depth];
			if (o->forced && depth)
				b->pieces[open[depth - 1]].forced = true;
		} else if (p->kind == COMMENT || p->kind == TRAILING || p->kind == HARD) {
			/* behind the last token of a group it does not break the group */
			uint32_t closing = 0;
			while (p->kind == TRAILING && i + 1 + closing < b->n && b->pieces[i + 1 + closing].kind == CLOSE)
				closing++;
			if (depth > closing)
				b->pieces[open[depth - 1 - closing]].forced = true;
		} else {
			width += p->width;
		}
	}
	free(open);
	free(before);
	return OK;
}

struct printer {
	const struct builder *b;
	struct buf *out;
	uint32_t column, indent;
	bool fresh;              /* at the start of a line */
	bool must_break;         /* a comment ends only with its line */
	bool any;
};

static void
S_newline(struct printer *p)
{
	if (!p->fresh)
		buf_put_u8(p->out, '\n');
	p->fresh = true;
	p->must_break = false;
	p->column = 0;
}

static void
S_print_text(struct printer *p, span text, uint32_t width)
{
	if (p->must_break)
		S_newline(p);
	if (p->fresh && span_is(text, " "))
		return;
	if (p->fresh) {
		for (uint32_t i = 0; i < p->indent; i++)
			buf_put_str(p->out, "  ");
		p->column = p->indent * 2;
	}
	buf_put(p->out, text);
	p->column += width;
	p->fresh = false;
	p->any = true;
}

/* Text that must follow the group on its line. */
static uint32_t
S_tail(const struct builder *b, uint32_t close)
{
	uint32_t width = 0;
	for (uint32_t i = close + 1; i < b->n && i < close + 16; i++) {
		const struct piece *p = &b->pieces[i];
		if (p->kind == LINE || p->kind == SOFT || p->kind == HARD || p->kind == COMMENT || p->kind == TRAILING)
			break;
		if (p->kind == TEXT)
			width += p->width;
	}
	return width;
}

static status
S_print(const struct builder *b, struct buf *out)
{
	struct printer p = { .b = b, .out = out, .fresh = true };
	bool *flat = malloc(b->n + 1);
	uint32_t *close = malloc((b->n + 1) * sizeof *close), depth = 0;
	if (!flat || !close) {
		free(flat);
		free(close);
		return FAIL(E_NO_MEMORY);
	}
	/* close[i]: the CLOSE of the OPEN at i; flat serves as the stack meanwhile */
	uint32_t *stack = malloc((b->n + 1) * sizeof *stack);
	if (!stack) {
		free(flat);
		free(close);
		return FAIL(E_NO_MEMORY);
	}
	for (uint32_t i = 0; i < b->n; i++) {
		if (b->pieces[i].kind == OPEN)
			stack[depth++] = i;
		else if (b->pieces[i].kind == CLOSE)
			close[stack[--depth]] = i;
	}
	free(stack);
	flat[0] = false;
	for (uint32_t i = 0; i < b->n; i++) {
		const struct piece *x = &b->pieces[i];
		switch (x->kind) {
		case TEXT:
			S_print_text(&p, x->text, x->width);
			break;
		case LINE: case SOFT:
			if (!flat[depth] || p.must_break)
				S_newline(&p);
			else if (x->kind == LINE)
				S_print_text(&p, SPAN(" "), 1);
			break;
		case HARD:
			S_newline(&p);
			break;
		case OPEN: {
			uint32_t from = p.fresh || p.must_break ? p.indent * 2 : p.column;
			bool fits = flat[depth] || (!x->forced && from + x->width + S_tail(b, close[i]) <= WIDTH);
			flat[++depth] = fits;
			break;
		}
		case CLOSE:
			depth--;
			break;
		case INDENT:
			p.indent++;
			break;
		case DEDENT:
			p.indent--;
			break;
		case COMMENT:
			S_newline(&p);
			S_print_text(&p, x->text, x->width);
			p.must_break = true;
			break;
		case TRAILING:
			S_print_text(&p, SPAN(" "), 1);
			S_print_text(&p, x->text, x->width);
			p.must_break = true;
			break;
		case BLANK:
			S_newline(&p);
			if (p.any)
				buf_put_u8(out, '\n');
			break;
		}
	}
	S_newline(&p);
	free(flat);
	free(close);
	return OK;
}

/* ---- the check ---- */

static bool
S_same(const struct tokens *a, const struct tokens *b)
{
	if (a->n != b->n || a->comment_n != b->comment_n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (a->all[i].t.kind != b->all[i].t.kind || !span_eq(a->all[i].t.text, b->all[i].t.text))
			return false;
	for (uint32_t i = 0; i < a->comment_n; i++)
		if (!span_eq(a->comments[i].text, b->comments[i].text))
			return false;
	return true;
}

static void
S_tokens_fini(struct tokens *ts)
{
	free(ts->all);
	free(ts->comments);
}

static status
S_verify(const struct tokens *before, span after)
{
	CLEANUP(S_tokens_fini) struct tokens ts = { 0 };
	TRY(S_tokenize(after, &ts));
	ENSURE(S_same(before, &ts), E_INTERNAL);
	return OK;
}

static void
S_builder_fini(struct builder *b)
{
	free(b->pieces);
}

static status
S_format(span text, struct buf *out)
{
	CLEANUP(S_tokens_fini) struct tokens ts = { 0 };
	CLEANUP(S_builder_fini) struct builder b = { .ts = &ts };
	TRY(S_tokenize(text, &ts));
	bool first = true;
	while (!S_is(&b, CEDAR_T_END) && !failed(b.st)) {
		S_policy(&b, first);
		first = false;
	}
	if (!first && S_peek(&b)->comment_n)
		S_mark(&b, BLANK);
	S_comments_before(&b, true);
	TRY(b.st);
	TRY(S_measure(&b));
	TRY(S_print(&b, out));
	TRY(buf_finish(out));
	return S_verify(&ts, buf_span(out));
}

status
cedar_format(span text, struct buf *b, struct cedar_diag *d)
{
	struct cedar_ast *ast;
	TRY(cedar_parse_policies(text, (span){ 0 }, 0, NULL, &ast, d));
	cedar_ast_unref(ast);
	CLEANUP(buf_fini) struct buf out;
	/* deep nesting may indent much; a bound, so that hostile text can not ask for memory without end */
	buf_init(&out, text.n * 64 + 4096);
	TRY(S_format(text, &out));
	buf_put(b, buf_span(&out));
	return buf_finish(b);
}
