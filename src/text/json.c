/* The reader: one pass, no recursion.
 *
 * Values are collected on a scratch stack of members. An open container is an entry on it, its children follow; at the
 * closing bracket the children move into the arena in one piece and the entry is completed. While it is open,
 * arr.n/obj.n holds the stack position of the enclosing container. */
#include "text/json_priv.h"
#include "text/utf8.h"

#include <stdlib.h>

#define NONE UINT32_MAX
#define STACK_ENTRIES 96

struct parser {
	const uint8_t *start, *p, *end;
	struct arena *arena;
	struct json_member *st;
	uint32_t n, cap;                /* of st */
	uint32_t open;                  /* innermost open container in st, or NONE */
	uint32_t depth, max_depth, nodes;
	bool allow_nul, on_heap;
	uint16_t code;
	const uint8_t *bad;
	const char *reason;
};

static bool
refuse(struct parser *ps, uint16_t code, const uint8_t *at, const char *reason)
{
	ps->code = code;
	ps->bad = at;
	ps->reason = reason;
	return false;
}

uint16_t
json_arena_error(const struct arena *a, size_t n)
{
	return n > a->max || a->max - a->used < n + 64 ? E_LIMIT : E_NO_MEMORY;
}

static void *
take(struct parser *ps, size_t n)
{
	void *p = arena_alloc(ps->arena, n);
	if (!p)
		refuse(ps, json_arena_error(ps->arena, n), ps->p, "needs too much memory");
	return p;
}

static inline void
skip_space(struct parser *ps)
{
	if (ps->p < ps->end && *ps->p > ' ')
		return;
	while (ps->p < ps->end && (*ps->p == ' ' || *ps->p == '\n' || *ps->p == '\t' || *ps->p == '\r'))
		ps->p++;
}

/* ---- strings ---- */

/* Four hex digits at p, or -1. */
static int32_t
hex4(const uint8_t *p, const uint8_t *end)
{
	int32_t v = 0;
	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		uint8_t c = p[i];
		int32_t d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
		            c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

/* ps->p stands after "\u". Appends the code point, which may take a second escape, to *out. */
static bool
unicode_escape(struct parser *ps, uint8_t **out)
{
	const uint8_t *at = ps->p - 2;
	int32_t hi = hex4(ps->p, ps->end);
	if (hi < 0)
		return refuse(ps, E_BAD_JSON, at, "bad escape");
	ps->p += 4;
	uint32_t cp = (uint32_t)hi;
	if (cp >= 0xdc00 && cp <= 0xdfff)
		return refuse(ps, E_BAD_JSON, at, "lone surrogate");
	if (cp >= 0xd800 && cp <= 0xdbff) {
		int32_t lo = ps->end - ps->p >= 6 && ps->p[0] == '\\' && ps->p[1] == 'u' ? hex4(ps->p + 2, ps->end) : -1;
		if (lo < 0xdc00 || lo > 0xdfff)
			return refuse(ps, E_BAD_JSON, at, "lone surrogate");
		ps->p += 6;
		cp = 0x10000 + ((cp - 0xd800) << 10 | ((uint32_t)lo - 0xdc00));
	}
	if (cp == 0 && !ps->allow_nul)
		return refuse(ps, E_BAD_JSON, at, "NUL in a string");
	*out += utf8_put(cp, *out);
	return true;
}

/* ps->p stands on a backslash. */
static bool
escape(struct parser *ps, uint8_t **out)
{
	if (ps->end - ps->p < 2)
		return refuse(ps, E_BAD_JSON, ps->p, "unterminated string");
	uint8_t c = ps->p[1];
	ps->p += 2;
	switch (c) {
	case '"': case '\\': case '/': break;
	case 'b': c = '\b'; break;
	case 'f': c = '\f'; break;
	case 'n': c = '\n'; break;
	case 'r': c = '\r'; break;
	case 't': c = '\t'; break;
	case 'u': return unicode_escape(ps, out);
	default: return refuse(ps, E_BAD_JSON, ps->p - 2, "bad escape");
	}
	*(*out)++ = c;
	return true;
}

/* Stops at the closing quote or a backslash; anything else that is not text is refused. */
static bool
text_run(struct parser *ps)
{
	for (;;) {
		ps->p = json_plain_end(ps->p, ps->end);
		if (ps->p == ps->end)
			return refuse(ps, E_BAD_JSON, ps->p, "unterminated string");
		if (*ps->p == '"' || *ps->p == '\\')
			return true;
		if (*ps->p < 0x20)
			return refuse(ps, E_BAD_JSON, ps->p, "control character in a string");
		size_t at = 0;
		uint32_t cp;
		do
			if (!utf8_next(span_make(ps->p, (size_t)(ps->end - ps->p)), &at, &cp))
				return refuse(ps, E_BAD_UTF8, ps->p + at, "bad UTF-8");
		while (ps->p + at < ps->end && ps->p[at] >= 0x80);
		ps->p += at;
	}
}

/* The string has escapes; ps->p stands on the first backslash, `from` after the opening quote. */
static bool
escaped_string(struct parser *ps, const uint8_t *from, span *ret)
{
	/* Decoding never makes text longer, so the distance to the closing quote is room enough. */
	const uint8_t *q = ps->p;
	while (q < ps->end && *q != '"')
		q += *q == '\\' && ps->end - q > 1 ? 2 : 1;
	uint8_t *text = take(ps, (size_t)(q - from) + 4), *out = text;
	if (!text)
		return false;
	for (;;) {
		memcpy(out, from, (size_t)(ps->p - from));
		out += ps->p - from;
		if (*ps->p == '"')
			break;
		if (!escape(ps, &out))
			return false;
		from = ps->p;
		if (!text_run(ps))
			return false;
	}
	ps->p++;
	*ret = span_make(text, (size_t)(out - text));
	return true;
}

/* ps->p stands on the opening quote. */
static inline bool
read_string(struct parser *ps, span *ret)
{
	const uint8_t *from = ++ps->p;
	ps->p = json_plain_end(from, ps->end);
	if ((ps->p == ps->end || *ps->p != '"') && !text_run(ps))
		return false;
	if (*ps->p == '\\')
		return escaped_string(ps, from, ret);
	*ret = span_make(from, (size_t)(ps->p - from));
	ps->p++;
	return true;
}

/* ---- numbers ---- */

static const uint8_t *
digits_end(const uint8_t *p, const uint8_t *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* Completes a number that is no int64: fraction, exponent, or too many digits. ps->p stands after the integer part. */
static bool
other_number(struct parser *ps, const uint8_t *from, struct json *v)
{
	const uint8_t *p = ps->p, *q;
	bool oom = false;
	if (p < ps->end && *p == '.') {
		q = digits_end(p + 1, ps->end);
		if (q == p + 1)
			return refuse(ps, E_BAD_JSON, q, "digit expected after the point");
		p = q;
	}
	if (p < ps->end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < ps->end && (*p == '+' || *p == '-'))
			p++;
		q = digits_end(p, ps->end);
		if (q == p)
			return refuse(ps, E_BAD_JSON, q, "digit expected in the exponent");
		p = q;
	}
	v->kind = JSON_NUM;
	v->num.text = from;
	v->num.len = (uint32_t)(p - from);
	ps->p = p;
	if (json_read_double(span_make(from, (size_t)(p - from)), &v->num.d, &oom))
		return true;
	return oom ? refuse(ps, E_NO_MEMORY, from, "out of memory")
	           : refuse(ps, E_BAD_JSON, from, "number out of range");
}

static inline bool
read_number(struct parser *ps, struct json *v)
{
	const uint8_t *from = ps->p, *p = from;
	bool neg = *p == '-';
	p += neg;
	const uint8_t *digits = p;
	uint64_t u = 0;
	while (p < ps->end && *p >= '0' && *p <= '9')
		u = u * 10 + (uint64_t)(*p++ - '0');
	if (p == digits)
		return refuse(ps, E_BAD_JSON, p, "digit expected");
	if (*digits == '0' && p - digits > 1)
		return refuse(ps, E_BAD_JSON, digits, "leading zero");
	ps->p = p;
	if ((p < ps->end && (*p == '.' || *p == 'e' || *p == 'E')) || p - digits > 19)
		return other_number(ps, from, v);
	/* Nineteen digits fit uint64_t, so u is exact. */
	if (u > (uint64_t)INT64_MAX + neg)
		return other_number(ps, from, v);
	v->kind = JSON_INT;
	v->i = neg ? (int64_t)(0 - u) : (int64_t)u;
	return true;
}

/* ---- structure ---- */

static bool
grow(struct parser *ps)
{
	uint32_t cap = ps->cap * 2;
	struct json_member *st = realloc(ps->on_heap ? ps->st : NULL, cap * sizeof *st);
	if (!st)
		return refuse(ps, E_NO_MEMORY, ps->p, "out of memory");
	if (!ps->on_heap)
		memcpy(st, ps->st, ps->n * sizeof *st);
	ps->on_heap = true;
	ps->st = st;
	ps->cap = cap;
	return true;
}

static bool
word(struct parser *ps, const char *w, size_t n)
{
	if ((size_t)(ps->end - ps->p) < n || memcmp(ps->p, w, n) != 0)
		return refuse(ps, E_BAD_JSON, ps->p, "value expected");
	ps->p += n;
	return true;
}

static bool
open_container(struct parser *ps, struct json *v, uint8_t kind)
{
	if (ps->depth == ps->max_depth)
		return refuse(ps, E_LIMIT, ps->p, "nested too deeply");
	ps->depth++;
	ps->p++;
	v->kind = kind;
	v->arr.n = ps->open;
	ps->open = ps->n - 1;
	return true;
}

/* All children are above ps->open on the stack. */
static bool
close_container(struct parser *ps)
{
	struct json *v = &ps->st[ps->open].value;
	const struct json_member *kids = ps->st + ps->open + 1;
	size_t n = ps->n - ps->open - 1, dup;
	uint32_t outer = (uint32_t)v->arr.n;

	if (n == 0) {
		v->obj.members = NULL;
		v->obj.n = 0;
		v->obj.sorted = NULL;
	} else if (v->kind == JSON_ARR) {
		struct json *items = take(ps, n * sizeof *items);
		if (!items)
			return false;
		for (size_t i = 0; i < n; i++)
			items[i] = kids[i].value;
		v->arr.items = items;
		v->arr.n = n;
	} else {
		struct json_member *members = take(ps, n * sizeof *members);
		if (!members)
			return false;
		memcpy(members, kids, n * sizeof *members);
		uint32_t at = v->at;
		status s = json_make_obj(ps->arena, members, n, v, &dup);
		v->at = at;
		if (failed(s))
			return s.code == E_BAD_JSON
				? refuse(ps, E_BAD_JSON, ps->start + members[dup].value.at, "duplicate member")
				: refuse(ps, s.code, ps->p, "needs too much memory");
	}
	ps->n = ps->open + 1;
	ps->open = outer;
	ps->depth--;
	ps->p++;
	return true;
}

/* Name and colon, into the stack's next entry. */
static bool
read_key(struct parser *ps)
{
	skip_space(ps);
	if (ps->p == ps->end || *ps->p != '"')
		return refuse(ps, E_BAD_JSON, ps->p, "member name expected");
	if (ps->n == ps->cap && !grow(ps))
		return false;
	if (!read_string(ps, &ps->st[ps->n].key))
		return false;
	skip_space(ps);
	if (ps->p == ps->end || *ps->p != ':')
		return refuse(ps, E_BAD_JSON, ps->p, "':' expected");
	ps->p++;
	return true;
}

/* Reads a scalar or opens a container; *ret_open says which. */
static inline bool
read_value(struct parser *ps, bool *ret_open)
{
	skip_space(ps);
	if (ps->p == ps->end)
		return refuse(ps, E_BAD_JSON, ps->p, "unexpected end");
	if (ps->nodes-- == 0) {
		ps->nodes = 0;
		return refuse(ps, E_LIMIT, ps->p, "too many values");
	}
	if (ps->n == ps->cap && !grow(ps))
		return false;
	struct json *v = &ps->st[ps->n++].value;
	v->at = (uint32_t)(ps->p - ps->start);
	*ret_open = false;
	switch (*ps->p) {
	case '{':
		*ret_open = true;
		return open_container(ps, v, JSON_OBJ);
	case '[':
		*ret_open = true;
		return open_container(ps, v, JSON_ARR);
	case '"':
		v->kind = JSON_STR;
		return read_string(ps, &v->str);
	case 't':
		v->kind = JSON_BOOL;
		v->truth = true;
		return word(ps, "true", 4);
	case 'f':
		v->kind = JSON_BOOL;
		v->truth = false;
		return word(ps, "false", 5);
	case 'n':
		v->kind = JSON_NULL;
		return word(ps, "null", 4);
	case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
		return read_number(ps, v);
	default:
		return refuse(ps, E_BAD_JSON, ps->p, "value expected");
	}
}

/* After a value: closes containers until one goes on; *ret_done when the outermost value is complete. */
static inline bool
after_value(struct parser *ps, bool *ret_done)
{
	*ret_done = false;
	while (ps->open != NONE) {
		bool obj = ps->st[ps->open].value.kind == JSON_OBJ;
		skip_space(ps);
		if (ps->p == ps->end)
			return refuse(ps, E_BAD_JSON, ps->p, "unexpected end");
		if (*ps->p == ',') {
			ps->p++;
			return !obj || read_key(ps);
		}
		if (*ps->p != (obj ? '}' : ']'))
			return refuse(ps, E_BAD_JSON, ps->p, obj ? "',' or '}' expected" : "',' or ']' expected");
		if (!close_container(ps))
			return false;
	}
	*ret_done = true;
	return true;
}

static bool
read_document(struct parser *ps)
{
	bool opened, done = false;
	if (ps->end - ps->p >= 3 && memcmp(ps->p, "\xef\xbb\xbf", 3) == 0)
		return refuse(ps, E_BAD_JSON, ps->p, "byte order mark");
	while (!done) {
		if (!read_value(ps, &opened))
			return false;
		if (opened) {
			bool obj = ps->st[ps->open].value.kind == JSON_OBJ;
			skip_space(ps);
			if (ps->p == ps->end)
				return refuse(ps, E_BAD_JSON, ps->p, "unexpected end");
			if (*ps->p != (obj ? '}' : ']')) {
				if (obj && !read_key(ps))
					return false;
				continue;
			}
		}
		if (!after_value(ps, &done))
			return false;
	}
	skip_space(ps);
	if (ps->p != ps->end)
		return refuse(ps, E_BAD_JSON, ps->p, "something follows the value");
	return true;
}

static status
parse_failed(struct json_error *reterr, uint16_t code, size_t at, const char *reason)
{
	if (reterr)
		*reterr = (struct json_error){ .at = at, .reason = reason };
	return FAIL(code);
}

status
json_parse(span text, const struct json_opts *opts, struct arena *a, const struct json **ret, struct json_error *reterr)
{
	static const struct json_opts plain;
	/* Not worth zeroing: every entry is written before it is read. */
	__attribute__((uninitialized)) struct json_member room[STACK_ENTRIES];
	struct json *root = NULL;
	if (!opts)
		opts = &plain;
	size_t max = opts->max_bytes ? opts->max_bytes : (size_t)1 << 20;
	if (max > UINT32_MAX)
		max = UINT32_MAX;
	if (text.n > max)
		return parse_failed(reterr, E_LIMIT, max, "too large");
	if (opts->copy && text.n) {
		span own = arena_copy(a, text);
		if (!own.p)
			return parse_failed(reterr, json_arena_error(a, text.n), 0, "needs too much memory");
		text = own;
	}
	if (!text.p)
		text = SPAN("");
	struct parser ps = {
		.start = text.p, .p = text.p, .end = text.p + text.n, .arena = a,
		.st = room, .cap = STACK_ENTRIES, .open = NONE,
		.max_depth = opts->max_depth ? opts->max_depth : 64,
		.nodes = opts->max_nodes ? opts->max_nodes : 131072,
		.allow_nul = opts->allow_nul,
	};
	if (ps.max_depth > JSON_MAX_DEPTH)
		ps.max_depth = JSON_MAX_DEPTH;
	if (read_document(&ps)) {
		root = take(&ps, sizeof *root);
		if (root)
			*root = ps.st[0].value;
	}
	if (ps.on_heap)
		free(ps.st);
	if (!root)
		return parse_failed(reterr, ps.code, (size_t)(ps.bad - ps.start), ps.reason);
	*ret = root;
	return OK;
}
