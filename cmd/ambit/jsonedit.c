#include "jsonedit.h"

/* A cursor over foreign text. Depth is bounded by the caller's recursion limit. */
struct scan {
	span t;
	size_t at;
	unsigned depth;
};

static bool
skip_space(struct scan *s)
{
	while (s->at < s->t.n) {
		uint8_t c = s->t.p[s->at];
		if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			s->at++;
		} else if (c == '/' && s->at + 1 < s->t.n && s->t.p[s->at + 1] == '/') {
			while (s->at < s->t.n && s->t.p[s->at] != '\n')
				s->at++;
		} else if (c == '/' && s->at + 1 < s->t.n && s->t.p[s->at + 1] == '*') {
			for (s->at += 2; s->at + 1 < s->t.n && !(s->t.p[s->at] == '*' && s->t.p[s->at + 1] == '/');)
				s->at++;
			if (s->at + 1 >= s->t.n)
				return false;
			s->at += 2;
		} else {
			return true;
		}
	}
	return true;
}

static int
peek(const struct scan *s)
{
	return s->at < s->t.n ? s->t.p[s->at] : -1;
}

static bool
skip_string(struct scan *s)
{
	if (peek(s) != '"')
		return false;
	for (s->at++; s->at < s->t.n; s->at++) {
		if (s->t.p[s->at] == '\\')
			s->at++;
		else if (s->t.p[s->at] == '"') {
			s->at++;
			return true;
		}
	}
	return false;
}

static bool
skip_value(struct scan *s)
{
	int c = peek(s);
	if (c == '"')
		return skip_string(s);
	if (c == '{' || c == '[') {
		if (++s->depth > 128)
			return false;
		s->at++;
		for (;;) {
			if (!skip_space(s))
				return false;
			int d = peek(s);
			if (d == (c == '{' ? '}' : ']')) {
				s->at++;
				s->depth--;
				return true;
			}
			if (d == ',') {
				s->at++;
				continue;
			}
			if (c == '{' && (!skip_string(s) || !skip_space(s) || peek(s) != ':' || (s->at++, !skip_space(s))))
				return false;
			if (!skip_value(s))
				return false;
		}
	}
	size_t from = s->at;
	while (s->at < s->t.n && ((s->t.p[s->at] >= '0' && s->t.p[s->at] <= '9') || (s->t.p[s->at] >= 'a' && s->t.p[s->at] <= 'z') || s->t.p[s->at] == '-' ||
	                          s->t.p[s->at] == '+' || s->t.p[s->at] == '.' || s->t.p[s->at] == 'E'))
		s->at++;
	return s->at > from;
}

struct place {
	bool found;
	size_t key, value, end;         /* of the member */
	size_t open, last_end, close;   /* of the object: after '{'; end of its last member or open; at '}' */
	bool comma;                     /* a trailing comma follows the last member */
	size_t comma_at;                /* the newest comma seen */
};

/* The member `name` of the object at s->at. */
static bool
find_member(struct scan *s, const char *name, struct place *p)
{
	*p = (struct place){ 0 };
	if (peek(s) != '{')
		return false;
	p->open = p->last_end = ++s->at;
	for (;;) {
		if (!skip_space(s))
			return false;
		if (peek(s) == '}') {
			p->close = s->at;
			return true;
		}
		if (peek(s) == ',') {
			p->comma = true;
			p->comma_at = s->at++;
			continue;
		}
		size_t key = s->at;
		if (!skip_string(s))
			return false;
		span k = span_sub(s->t, key + 1, s->at - key - 2);
		if (!skip_space(s) || peek(s) != ':' || (s->at++, !skip_space(s)))
			return false;
		size_t value = s->at;
		if (!skip_value(s))
			return false;
		if (!p->found && span_is(k, name)) {
			p->found = true;
			p->key = key;
			p->value = value;
			p->end = s->at;
		}
		p->last_end = s->at;
		p->comma = false;
	}
}

/* Indentation of the line that `at` is on. */
static size_t
indent_at(span t, size_t at)
{
	while (at > 0 && t.p[at - 1] != '\n')
		at--;
	size_t n = 0;
	while (at + n < t.n && (t.p[at + n] == ' ' || t.p[at + n] == '\t'))
		n++;
	return n;
}

static void
put_indent(struct buf *b, size_t n, uint8_t with)
{
	buf_put_u8(b, '\n');
	while (n--)
		buf_put_u8(b, with);
}

/* `value` on several lines, its own indentation (two blanks a level) moved right by n. */
static void
put_value(struct buf *b, span value, size_t n)
{
	for (;;) {
		size_t k = span_find(value, '\n');
		buf_put(b, span_sub(value, 0, k));
		if (k == value.n)
			return;
		put_indent(b, n, ' ');
		value = span_sub(value, k + 1, value.n);
	}
}

/* `value` wrapped in the objects that are missing on the way. */
static void
put_nested(struct buf *b, const char *const *path, span value, size_t indent)
{
	if (!path[0]) {
		put_value(b, value, indent);
		return;
	}
	buf_put_u8(b, '{');
	put_indent(b, indent + 2, ' ');
	buf_printf(b, "\"%s\": ", path[0]);
	put_nested(b, path + 1, value, indent + 2);
	put_indent(b, indent, ' ');
	buf_put_u8(b, '}');
}

static bool
whole(span text)
{
	struct scan s = { text, 0, 0 };
	return skip_space(&s) && skip_value(&s) && skip_space(&s) && s.at == text.n;
}

/* Walks as far as the path exists. *ret_depth: members found; *p: the last object looked into. */
static status
walk(span text, const char *const *path, struct place *p, size_t *ret_depth)
{
	struct scan s = { text, 0, 0 };
	ENSURE(whole(text) && skip_space(&s), E_BAD_JSON);
	for (*ret_depth = 0; path[*ret_depth]; ++*ret_depth) {
		ENSURE(peek(&s) == '{' && find_member(&s, path[*ret_depth], p), E_BAD_JSON);
		if (!p->found)
			return OK;
		s.at = p->value;
		s.depth = 0;
	}
	return OK;
}

static bool
blank(span text)
{
	struct scan s = { text, 0, 0 };
	return skip_space(&s) && s.at == text.n;
}

status
jsonedit_set(span text, const char *const *path, span value, struct buf *out)
{
	struct place p = { 0 };
	size_t depth;
	if (blank(text)) {
		buf_put(out, text);
		put_nested(out, path, value, 0);
		buf_put_u8(out, '\n');
		return buf_finish(out);
	}
	TRY(walk(text, path, &p, &depth));
	if (!path[depth]) {
		buf_put(out, span_sub(text, 0, p.value));
		put_value(out, value, indent_at(text, p.key));
		buf_put(out, span_sub(text, p.end, text.n));
		return buf_finish(out);
	}
	bool empty = p.last_end == p.open, flat = !empty && memchr(text.p + p.open, '\n', p.last_end - p.open) == NULL;
	size_t indent = flat || empty ? indent_at(text, p.open) + 2 : indent_at(text, p.last_end);
	if (!empty && !flat) {
		/* The last member may itself span lines: its key's line says how deep members are. */
		struct scan s = { text, p.open, 0 };
		if (skip_space(&s))
			indent = indent_at(text, s.at);
	}
	uint8_t with = !empty && indent && text.p[p.close] == '}' && memchr(text.p + p.open, '\t', p.last_end - p.open) ? '\t' : ' ';
	buf_put(out, span_sub(text, 0, p.last_end));
	if (!empty)
		buf_put_u8(out, ',');
	put_indent(out, indent, with);
	buf_printf(out, "\"%s\": ", path[depth]);
	put_nested(out, path + depth + 1, value, indent);
	span rest = span_sub(text, p.last_end, text.n);
	if (p.comma) {
		/* The trailing comma was the file's own; ours took its place. */
		size_t k = p.comma_at - p.last_end;
		buf_put(out, span_sub(rest, 0, k));
		rest = span_sub(rest, k + 1, rest.n);
	} else if (empty || flat) {
		put_indent(out, indent - 2, with);
		struct scan s = { text, p.last_end, 0 };
		if (skip_space(&s) && s.at == p.close)
			rest = span_sub(text, p.close, text.n);
	}
	buf_put(out, rest);
	return buf_finish(out);
}

/* Whether the byte at `at`, which is outside strings, lies in a comment. */
static bool
in_comment(span text, size_t at)
{
	struct scan s = { text, 0, 0 };
	while (s.at <= at) {
		bool line = peek(&s) == '/' && s.at + 1 < text.n && text.p[s.at + 1] == '/';
		bool block = peek(&s) == '/' && s.at + 1 < text.n && text.p[s.at + 1] == '*';
		if (line || block) {
			span rest = span_sub(text, s.at + 2, text.n);
			const uint8_t *end = memmem(rest.p, rest.n, line ? "\n" : "*/", line ? 1 : 2);
			s.at = end ? (size_t)(end - text.p) + (line ? 1 : 2) : text.n;
			if (at < s.at)
				return true;
		} else if (peek(&s) != '"') {
			s.at++;
		} else if (!skip_string(&s)) {
			return false;
		}
	}
	return false;
}

/* [from, to) of a member or item with the comma that belongs to it: the one behind it, else the one before. */
static void
with_comma(span text, size_t *from, size_t *to)
{
	struct scan s = { text, *to, 0 };
	if (skip_space(&s) && peek(&s) == ',') {
		*to = s.at + 1;
		while (*from > 0 && (text.p[*from - 1] == ' ' || text.p[*from - 1] == '\t'))
			--*from;
		if (*from > 0 && text.p[*from - 1] == '\n')
			--*from;
		return;
	}
	size_t k = *from;
	while (k > 0 && (text.p[k - 1] == ' ' || text.p[k - 1] == '\t' || text.p[k - 1] == '\n' || text.p[k - 1] == '\r'))
		k--;
	/* After a comment it stays: what stands there may only look like a comma, and a line comment needs its line. */
	if (k > 0 && text.p[k - 1] == ',' && !in_comment(text, k - 1))
		*from = k - 1;
	else if (k > 0 && (text.p[k - 1] == '{' || text.p[k - 1] == '[') && !in_comment(text, k - 1))
		*from = k;
}

status
jsonedit_remove(span text, const char *const *path, struct buf *out, bool *ret_found)
{
	struct place p = { 0 };
	size_t depth;
	*ret_found = false;
	if (!blank(text)) {
		TRY(walk(text, path, &p, &depth));
		*ret_found = !path[depth];
	}
	if (!*ret_found) {
		buf_put(out, text);
		return buf_finish(out);
	}
	size_t from = p.key, to = p.end;
	with_comma(text, &from, &to);
	buf_put(out, span_sub(text, 0, from));
	buf_put(out, span_sub(text, to, text.n));
	return buf_finish(out);
}

static bool
contains(span hay, span needle)
{
	return needle.n && hay.n >= needle.n && memmem(hay.p, hay.n, needle.p, needle.n) != NULL;
}

status
jsonedit_item(span text, const char *const *path, span item, span needle, bool remove, struct buf *out, size_t *ret_count)
{
	struct place p = { 0 };
	size_t depth = 0;
	*ret_count = 0;
	if (!blank(text))
		TRY(walk(text, path, &p, &depth));
	if (blank(text) || path[depth]) {
		struct buf array;
		if (remove) {
			buf_put(out, text);
			return buf_finish(out);
		}
		buf_init(&array, item.n * 2 + 4096);
		buf_put_str(&array, "[\n  ");
		put_value(&array, item, 2);
		buf_put_str(&array, "\n]");
		status s = jsonedit_set(text, path, buf_span(&array), out);
		buf_fini(&array);
		return s;
	}
	struct scan s = { text, p.value, 0 };
	ENSURE(peek(&s) == '[', E_BAD_JSON);
	size_t last = ++s.at, done = 0, first = 0;
	bool comma = false;
	for (;;) {
		ENSURE(skip_space(&s), E_BAD_JSON);
		if (peek(&s) == ']')
			break;
		if (peek(&s) == ',') {
			comma = true;
			s.at++;
			continue;
		}
		size_t from = s.at;
		first = first ? first : from;
		ENSURE(skip_value(&s), E_BAD_JSON);
		last = s.at;
		comma = false;
		if (contains(span_sub(text, from, s.at - from), needle)) {
			++*ret_count;
			if (remove) {
				size_t to = s.at;
				with_comma(text, &from, &to);
				if (from < done)
					from = done;
				buf_put(out, span_sub(text, done, from - done));
				done = to;
			}
		}
	}
	if (remove || *ret_count) {
		buf_put(out, span_sub(text, done, text.n - done));
		return buf_finish(out);
	}
	size_t indent = first ? indent_at(text, first) : indent_at(text, p.key) + 2;
	buf_put(out, span_sub(text, 0, last));
	if (first && !comma)
		buf_put_u8(out, ',');
	put_indent(out, indent, ' ');
	put_value(out, item, indent);
	if (!first)
		put_indent(out, indent_at(text, p.key), ' ');
	buf_put(out, span_sub(text, first ? last : s.at, text.n));
	return buf_finish(out);
}
