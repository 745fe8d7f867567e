/* Pattern to tree to program. */
#include "text/regex_priv.h"
#include "text/json_priv.h"
#include "text/utf8.h"

#include <stdlib.h>

enum { MAX_NEST = 100, MAX_PROGRAM = 4000, MAX_REPEAT = 1000 };

enum kind { EMPTY, SET, BOL, EOL, WORD_EDGE, NO_WORD_EDGE, CAT, ALT, REPEAT };

struct tree {
	enum kind kind;
	struct set *set;
	struct tree *a, *b;
	uint32_t min, max;      /* REPEAT; UINT32_MAX: no end */
};

struct parser {
	span s;
	size_t at;
	struct arena *a;
	const char *why;
	uint16_t code;
	unsigned nest;
};

/* ---- parsing; NULL or false after refuse() ---- */

static void *
refuse(struct parser *p, uint16_t code, const char *why)
{
	if (!p->code) {
		p->code = code;
		p->why = why;
	}
	return NULL;
}

static void *
take(struct parser *p, size_t n)
{
	void *v = arena_zalloc(p->a, n);
	return v ? v : refuse(p, json_arena_error(p->a, n), "needs too much memory");
}

static bool
peek(const struct parser *p, const char *lit)
{
	return span_starts(span_sub(p->s, p->at, p->s.n), span_str(lit));
}

static bool
eat(struct parser *p, const char *lit)
{
	if (!peek(p, lit))
		return false;
	p->at += strlen(lit);
	return true;
}

static bool
end(const struct parser *p)
{
	return p->at == p->s.n;
}

static struct tree *
tree(struct parser *p, enum kind kind, struct tree *a, struct tree *b)
{
	struct tree *t = take(p, sizeof *t);
	if (t)
		*t = (struct tree){ .kind = kind, .a = a, .b = b };
	return t;
}

static bool
add_range(struct parser *p, struct set *s, uint32_t lo, uint32_t hi)
{
	struct range *r = take(p, sizeof *r);
	if (!r)
		return false;
	*r = (struct range){ lo, hi, s->ranges };
	s->ranges = r;
	s->count++;
	return true;
}

static const struct { uint32_t lo, hi; } digits[] = { { '0', '9' } }, words[] = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } },
	spaces[] = { { 9, 13 }, { ' ', ' ' }, { 0xa0, 0xa0 }, { 0x1680, 0x1680 }, { 0x2000, 0x200a }, { 0x2028, 0x2029 },
	             { 0x202f, 0x202f }, { 0x205f, 0x205f }, { 0x3000, 0x3000 }, { 0xfeff, 0xfeff } };

/* \d \w \s and their complements, by the letter. The tables are sorted, so a complement is what lies between. */
static bool
add_class(struct parser *p, struct set *s, uint8_t letter)
{
	uint8_t low = letter | 32;
	const void *table = low == 'd' ? (const void *)digits : low == 'w' ? (const void *)words : (const void *)spaces;
	size_t n = low == 'd' ? ARRAY_LEN(digits) : low == 'w' ? ARRAY_LEN(words) : ARRAY_LEN(spaces);
	const typeof(digits[0]) *t = table;
	uint32_t from = 0;
	for (size_t i = 0; i < n; i++) {
		if (letter != low && t[i].lo > from && !add_range(p, s, from, t[i].lo - 1))
			return false;
		if (letter == low && !add_range(p, s, t[i].lo, t[i].hi))
			return false;
		from = t[i].hi + 1;
	}
	return letter == low || add_range(p, s, from, 0x10ffff);
}

static bool
hex_digits(struct parser *p, size_t n, uint32_t *ret)
{
	uint32_t v = 0;
	for (size_t i = 0; i < n; i++, p->at++) {
		uint8_t c = end(p) ? 0 : p->s.p[p->at];
		int d = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
		if (d < 0)
			return refuse(p, E_BAD_SCHEMA, "bad escape") != NULL;
		v = v << 4 | (uint32_t)d;
	}
	*ret = v;
	return true;
}

/* After "\u". */
static bool
unicode_escape(struct parser *p, uint32_t *ret)
{
	uint32_t lo;
	if (eat(p, "{")) {
		size_t n = 0;
		while (p->at + n < p->s.n && p->s.p[p->at + n] != '}')
			n++;
		if (n == 0 || n > 6 || !hex_digits(p, n, ret) || !eat(p, "}") || *ret > 0x10ffff)
			return refuse(p, E_BAD_SCHEMA, "bad escape") != NULL;
		return true;
	}
	if (!hex_digits(p, 4, ret))
		return false;
	if (*ret >= 0xd800 && *ret <= 0xdbff && eat(p, "\\u")) {
		if (!hex_digits(p, 4, &lo))
			return false;
		if (lo >= 0xdc00 && lo <= 0xdfff) {
			*ret = 0x10000 + ((*ret - 0xd800) << 10 | (lo - 0xdc00));
			return true;
		}
	}
	return *ret < 0xd800 || *ret > 0xdfff || refuse(p, E_BAD_SCHEMA, "lone surrogate in an escape") != NULL;
}

/* After the backslash, a single character; classes and edges are seen to by the callers. */
static bool
char_escape(struct parser *p, uint32_t *ret)
{
	static const char letters[] = "tnrfv0", values[] = "\t\n\r\f\v";
	if (end(p))
		return refuse(p, E_BAD_SCHEMA, "ends in a backslash") != NULL;
	uint8_t c = p->s.p[p->at++];
	const char *at = c ? strchr(letters, c) : NULL;
	if (c >= '1' && c <= '9')
		return refuse(p, E_BAD_SCHEMA, "back references are not supported") != NULL;
	if (c == '0' && !end(p) && p->s.p[p->at] >= '0' && p->s.p[p->at] <= '9')
		return refuse(p, E_BAD_SCHEMA, "octal escapes are not supported") != NULL;
	if (at)
		return *ret = (uint8_t)values[at - letters], true;
	if (c == 'x')
		return hex_digits(p, 2, ret);
	if (c == 'u')
		return unicode_escape(p, ret);
	if (c == 'c' && !end(p) && (p->s.p[p->at] | 32) >= 'a' && (p->s.p[p->at] | 32) <= 'z')
		return *ret = p->s.p[p->at++] & 31, true;
	if (c == 'p' || c == 'P')
		return refuse(p, E_BAD_SCHEMA, "\\p is not supported") != NULL;
	if (c == 'k')
		return refuse(p, E_BAD_SCHEMA, "back references are not supported") != NULL;
	if (c >= 0x80 || c <= ' ' || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_')
		return refuse(p, E_BAD_SCHEMA, "unknown escape") != NULL;
	*ret = c;
	return true;
}

static bool
is_class_letter(const struct parser *p)
{
	return p->at + 1 < p->s.n && p->s.p[p->at] == '\\' && memchr("dDwWsS", p->s.p[p->at + 1], 6);
}

/* One end of a range in brackets, or a class (*ret_class). */
static bool
set_atom(struct parser *p, struct set *s, uint32_t *ret, bool *ret_class)
{
	*ret_class = is_class_letter(p);
	if (*ret_class) {
		p->at += 2;
		return add_class(p, s, p->s.p[p->at - 1]);
	}
	if (eat(p, "\\b"))
		return *ret = '\b', true;
	if (eat(p, "\\"))
		return char_escape(p, ret);
	return utf8_next(p->s, &p->at, ret) || refuse(p, E_BAD_SCHEMA, "bad UTF-8") != NULL;
}

/* After "[". */
static struct tree *
brackets(struct parser *p)
{
	struct tree *t = tree(p, SET, NULL, NULL);
	if (!t || !(t->set = take(p, sizeof *t->set)))
		return NULL;
	t->set->negated = eat(p, "^");
	while (!eat(p, "]")) {
		uint32_t lo, hi;
		bool is_class, is_class2;
		if (end(p))
			return refuse(p, E_BAD_SCHEMA, "']' is missing");
		if (!set_atom(p, t->set, &lo, &is_class))
			return NULL;
		hi = lo;
		if (peek(p, "-") && !peek(p, "-]")) {
			p->at++;
			if (end(p))
				return refuse(p, E_BAD_SCHEMA, "']' is missing");
			if (!set_atom(p, t->set, &hi, &is_class2))
				return NULL;
			if (is_class || is_class2 || hi < lo)
				return refuse(p, E_BAD_SCHEMA, "bad range in brackets");
		}
		if (!is_class && !add_range(p, t->set, lo, hi))
			return NULL;
	}
	return t;
}

static struct tree *
one_char(struct parser *p, uint32_t c)
{
	struct tree *t = tree(p, SET, NULL, NULL);
	if (!t || !(t->set = take(p, sizeof *t->set)) || !add_range(p, t->set, c, c))
		return NULL;
	return t;
}

/* '.': all but line ends. */
static struct tree *
any_char(struct parser *p)
{
	struct tree *t = one_char(p, '\n');
	if (!t || !add_range(p, t->set, '\r', '\r') || !add_range(p, t->set, 0x2028, 0x2029))
		return NULL;
	t->set->negated = true;
	return t;
}

static struct tree *alternatives(struct parser *p);

/* After "(". */
static struct tree *
group(struct parser *p)
{
	if (peek(p, "?=") || peek(p, "?!") || peek(p, "?<=") || peek(p, "?<!"))
		return refuse(p, E_BAD_SCHEMA, "look-ahead and look-behind are not supported");
	if (eat(p, "?<")) {
		while (!end(p) && p->s.p[p->at] != '>')
			p->at++;
		if (!eat(p, ">"))
			return refuse(p, E_BAD_SCHEMA, "bad group");
	} else if (peek(p, "?") && !eat(p, "?:")) {
		return refuse(p, E_BAD_SCHEMA, "flags and other special groups are not supported");
	}
	if (p->nest++ == MAX_NEST)
		return refuse(p, E_LIMIT, "nested too deeply");
	struct tree *t = alternatives(p);
	p->nest--;
	if (t && !eat(p, ")"))
		return refuse(p, E_BAD_SCHEMA, "')' is missing");
	return t;
}

static struct tree *
atom(struct parser *p)
{
	uint32_t c;
	if (eat(p, "("))
		return group(p);
	if (eat(p, "["))
		return brackets(p);
	if (eat(p, "."))
		return any_char(p);
	if (eat(p, "^"))
		return tree(p, BOL, NULL, NULL);
	if (eat(p, "$"))
		return tree(p, EOL, NULL, NULL);
	if (eat(p, "\\b"))
		return tree(p, WORD_EDGE, NULL, NULL);
	if (eat(p, "\\B"))
		return tree(p, NO_WORD_EDGE, NULL, NULL);
	if (is_class_letter(p)) {
		struct tree *t = tree(p, SET, NULL, NULL);
		p->at += 2;
		return t && (t->set = take(p, sizeof *t->set)) && add_class(p, t->set, p->s.p[p->at - 1]) ? t : NULL;
	}
	if (eat(p, "\\"))
		return char_escape(p, &c) ? one_char(p, c) : NULL;
	if (peek(p, "*") || peek(p, "+") || peek(p, "?"))
		return refuse(p, E_BAD_SCHEMA, "nothing to repeat");
	if (!utf8_next(p->s, &p->at, &c))
		return refuse(p, E_BAD_SCHEMA, "bad UTF-8");
	return one_char(p, c);
}

static bool
number(struct parser *p, uint32_t *ret)
{
	size_t from = p->at;
	uint64_t v = 0;
	for (; !end(p) && p->s.p[p->at] >= '0' && p->s.p[p->at] <= '9'; p->at++)
		v = v > MAX_REPEAT ? v : v * 10 + (uint64_t)(p->s.p[p->at] - '0');
	*ret = (uint32_t)v;
	return p->at > from;
}

/* "{n}", "{n,}", "{n,m}"; anything else in braces is text, as browsers read it. */
static bool
counted(struct parser *p, uint32_t *min, uint32_t *max)
{
	size_t from = p->at;
	if (!eat(p, "{") || !number(p, min))
		return p->at = from, false;
	*max = *min;
	if (eat(p, ",") && !number(p, max))
		*max = UINT32_MAX;
	return eat(p, "}") || (p->at = from, false);
}

static struct tree *
repeated(struct parser *p)
{
	struct tree *t = atom(p);
	uint32_t min = 0, max = UINT32_MAX;
	if (!t)
		return NULL;
	bool found = true;
	if (eat(p, "+"))
		min = 1;
	else if (eat(p, "?"))
		max = 1;
	else
		found = eat(p, "*") || counted(p, &min, &max);
	if (!found)
		return t;
	eat(p, "?");    /* lazy: the same texts match */
	if (t->kind == BOL || t->kind == EOL || t->kind == WORD_EDGE || t->kind == NO_WORD_EDGE)
		return refuse(p, E_BAD_SCHEMA, "nothing to repeat");
	if (min > max)
		return refuse(p, E_BAD_SCHEMA, "bad repetition");
	if (min > MAX_REPEAT || (max > MAX_REPEAT && max != UINT32_MAX))
		return refuse(p, E_LIMIT, "repeated too often");
	t = tree(p, REPEAT, t, NULL);
	if (t) {
		t->min = min;
		t->max = max;
	}
	return t;
}

/* Chains grow to the right, so that neither emitting a long text nor many alternatives recurses deeply. */
static struct tree *
sequence(struct parser *p)
{
	struct tree *first = NULL, **at = &first;
	while (!end(p) && !peek(p, "|") && !peek(p, ")")) {
		struct tree *t = repeated(p);
		if (!t || !(*at = tree(p, CAT, t, NULL)))
			return NULL;
		at = &(*at)->b;
	}
	return first ? first : tree(p, EMPTY, NULL, NULL);
}

static struct tree *
alternatives(struct parser *p)
{
	struct tree *first = NULL, **at = &first;
	do {
		struct tree *t = sequence(p);
		if (!t || !(*at = tree(p, ALT, t, NULL)))
			return NULL;
		at = &(*at)->b;
	} while (eat(p, "|"));
	return first;
}

/* ---- program ---- */

struct emitter {
	struct inst *code;
	uint32_t n;
	bool full;
};

static uint32_t
put(struct emitter *e, struct inst i)
{
	if (e->n == MAX_PROGRAM) {
		e->full = true;
		return 0;
	}
	e->code[e->n] = i;
	return e->n++;
}

static void emit(struct emitter *e, const struct tree *t);

static void
emit_repeat(struct emitter *e, const struct tree *t)
{
	for (uint32_t i = 0; i < t->min && !e->full; i++) {
		uint32_t before = e->n;
		emit(e, t->a);
		/* A body without instructions stays so, however often a pattern nests it. */
		if (e->n == before)
			break;
	}
	if (t->max == UINT32_MAX) {
		uint32_t fork = put(e, (struct inst){ .op = OP_FORK });
		emit(e, t->a);
		put(e, (struct inst){ .op = OP_JUMP, .x = fork });
		e->code[fork].x = fork + 1;
		e->code[fork].y = e->n;
		return;
	}
	uint32_t first = e->n;
	for (uint32_t i = t->min; i < t->max && !e->full; i++) {
		/* Marked by x == UINT32_MAX until the end is known. */
		put(e, (struct inst){ .op = OP_FORK, .x = UINT32_MAX, .y = e->n + 1 });
		emit(e, t->a);
	}
	for (uint32_t i = first; i < e->n; i++)
		if (e->code[i].op == OP_FORK && e->code[i].x == UINT32_MAX)
			e->code[i].x = e->n;
}

static void
emit_alternatives(struct emitter *e, const struct tree *t)
{
	uint32_t first = e->n;
	for (; t && !e->full; t = t->b) {
		uint32_t fork = t->b ? put(e, (struct inst){ .op = OP_FORK }) : 0;
		emit(e, t->a);
		if (t->b) {
			put(e, (struct inst){ .op = OP_JUMP, .x = UINT32_MAX });
			e->code[fork].x = fork + 1;
			e->code[fork].y = e->n;
		}
	}
	for (uint32_t i = first; i < e->n; i++)
		if (e->code[i].op == OP_JUMP && e->code[i].x == UINT32_MAX)
			e->code[i].x = e->n;
}

static void
emit(struct emitter *e, const struct tree *t)
{
	switch (t->kind) {
	case EMPTY: break;
	case SET: put(e, (struct inst){ .op = OP_SET, .set = t->set }); break;
	case BOL: put(e, (struct inst){ .op = OP_BOL }); break;
	case EOL: put(e, (struct inst){ .op = OP_EOL }); break;
	case WORD_EDGE: put(e, (struct inst){ .op = OP_WORD_EDGE }); break;
	case NO_WORD_EDGE: put(e, (struct inst){ .op = OP_NO_WORD_EDGE }); break;
	case CAT:
		for (; t && !e->full; t = t->b)
			emit(e, t->a);
		break;
	case ALT: emit_alternatives(e, t); break;
	case REPEAT: emit_repeat(e, t); break;
	}
}

status
regex_compile(span pattern, struct arena *a, const struct regex **ret, const char **reterr)
{
	struct parser p = { .s = pattern, .a = a };
	struct tree *t = alternatives(&p);
	struct regex *r = NULL;
	if (t && !end(&p))
		refuse(&p, E_BAD_SCHEMA, "')' without '('");
	if (!p.code)
		r = take(&p, sizeof *r);
	if (!p.code) {
		struct emitter e = { .code = malloc(MAX_PROGRAM * sizeof *e.code) };
		ENSURE(e.code, E_NO_MEMORY);
		emit(&e, t);
		put(&e, (struct inst){ .op = OP_MATCH });
		if (e.full)
			refuse(&p, E_LIMIT, "the pattern is too large");
		else if ((r->code = take(&p, e.n * sizeof *r->code)))
			memcpy(r->code, e.code, e.n * sizeof *r->code);
		r->n = e.n;
		free(e.code);
	}
	if (p.code) {
		if (reterr)
			*reterr = p.why;
		return FAIL(p.code);
	}
	*ret = r;
	return OK;
}
