/* The writer and the canonical form. */
#include "text/json_priv.h"
#include "text/utf8.h"

#include <math.h>

static void
newline(struct json_writer *w)
{
	if (!w->pretty)
		return;
	buf_put_u8(w->b, '\n');
	for (uint32_t i = 0; i < w->depth; i++)
		buf_put_str(w->b, "  ");
}

/* What stands between the value before and the one to come. */
static void
lead(struct json_writer *w)
{
	if (w->after_key) {
		w->after_key = false;
		return;
	}
	if (w->comma)
		buf_put_u8(w->b, ',');
	if (w->depth)
		newline(w);
}

static void
put_text(struct buf *b, span s)
{
	static const char hex[] = "0123456789abcdef";
	static const char shorts[32] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r' };
	size_t from = 0, plain = s.n ? (size_t)(json_plain_end(s.p, s.p + s.n) - s.p) : 0;
	if (plain == s.n) {
		uint8_t *p = buf_extend(b, s.n + 2);
		if (p) {
			p[0] = p[s.n + 1] = '"';
			if (s.n)
				memcpy(p + 1, s.p, s.n);
		}
		return;
	}
	if (!utf8_ok(s)) {
		if (!b->err)
			b->err = E_BAD_UTF8;
		return;
	}
	buf_put_u8(b, '"');
	for (size_t i = plain; i < s.n; i++) {
		uint8_t c = s.p[i];
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_put(b, span_sub(s, from, i - from));
		from = i + 1;
		char e = c >= 0x20 ? (char)c : shorts[c];
		if (e)
			buf_put(b, span_make((char[]){ '\\', e }, 2));
		else
			buf_put(b, span_make((char[]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] }, 6));
	}
	buf_put(b, span_sub(s, from, s.n));
	buf_put_u8(b, '"');
}

static void
begin(struct json_writer *w, uint8_t c)
{
	lead(w);
	buf_put_u8(w->b, c);
	w->depth++;
	w->comma = false;
}

static void
end(struct json_writer *w, uint8_t c)
{
	must(w->depth > 0 && !w->after_key);
	w->depth--;
	if (w->comma)
		newline(w);
	buf_put_u8(w->b, c);
	w->comma = true;
}

void json_w_obj(struct json_writer *w) { begin(w, '{'); }
void json_w_obj_end(struct json_writer *w) { end(w, '}'); }
void json_w_arr(struct json_writer *w) { begin(w, '['); }
void json_w_arr_end(struct json_writer *w) { end(w, ']'); }

void
json_w_key(struct json_writer *w, span key)
{
	must(w->depth > 0 && !w->after_key);
	lead(w);
	put_text(w->b, key);
	buf_put_str(w->b, w->pretty ? ": " : ":");
	w->after_key = true;
}

void
json_w_raw(struct json_writer *w, span json)
{
	lead(w);
	buf_put(w->b, json);
	w->comma = true;
}

void
json_w_str(struct json_writer *w, span s)
{
	lead(w);
	put_text(w->b, s);
	w->comma = true;
}

void
json_w_int(struct json_writer *w, int64_t v)
{
	lead(w);
	buf_put_dec(w->b, v);
	w->comma = true;
}

void
json_w_uint(struct json_writer *w, uint64_t v)
{
	lead(w);
	buf_put_udec(w->b, v);
	w->comma = true;
}

void
json_w_num(struct json_writer *w, double v)
{
	char t[32];
	size_t n = json_format_double(v, t);
	json_w_raw(w, span_make(t, n));
}

void json_w_bool(struct json_writer *w, bool v) { json_w_raw(w, v ? SPAN("true") : SPAN("false")); }
void json_w_null(struct json_writer *w) { json_w_raw(w, SPAN("null")); }

void
json_w_value(struct json_writer *w, const struct json *v)
{
	switch ((enum json_kind)v->kind) {
	case JSON_NULL: json_w_null(w); break;
	case JSON_BOOL: json_w_bool(w, v->truth); break;
	case JSON_INT: json_w_int(w, v->i); break;
	case JSON_NUM: json_w_raw(w, span_make(v->num.text, v->num.len)); break;
	case JSON_STR: json_w_str(w, v->str); break;
	case JSON_ARR:
		json_w_arr(w);
		json_for_items(it, v)
			json_w_value(w, it);
		json_w_arr_end(w);
		break;
	case JSON_OBJ:
		json_w_obj(w);
		json_for_members(m, v) {
			json_w_key(w, m->key);
			json_w_value(w, &m->value);
		}
		json_w_obj_end(w);
		break;
	}
}

void json_w_kstr(struct json_writer *w, const char *key, span s) { json_w_key(w, span_str(key)); json_w_str(w, s); }
void json_w_kcstr(struct json_writer *w, const char *key, const char *s) { json_w_kstr(w, key, span_str(s)); }
void json_w_kint(struct json_writer *w, const char *key, int64_t v) { json_w_key(w, span_str(key)); json_w_int(w, v); }
void json_w_kbool(struct json_writer *w, const char *key, bool v) { json_w_key(w, span_str(key)); json_w_bool(w, v); }
void json_w_kobj(struct json_writer *w, const char *key) { json_w_key(w, span_str(key)); json_w_obj(w); }
void json_w_karr(struct json_writer *w, const char *key) { json_w_key(w, span_str(key)); json_w_arr(w); }

/* ---- canonical form ---- */

/* An integer literal too large for int64_t, and a double that prints as an integer that it is not, may not pass: a reader
 * with exact integers would see another number than one with doubles. */
static bool
same_to_all(span text, span form, double d)
{
	bool literal = true;
	int64_t i;
	for (size_t k = 0; k < text.n; k++)
		literal = literal && text.p[k] != '.' && text.p[k] != 'e' && text.p[k] != 'E';
	if (literal)
		return span_eq(text, form);
	/* Below 2^63, else it would not print as an int64_t. */
	return !span_to_i64(form, &i) || (d < 0x1p63 && (int64_t)d == i);
}

static void
canonical_num(const struct json *v, struct buf *b)
{
	char t[32];
	span form = span_make(t, json_format_double(v->num.d, t));
	if (!same_to_all(span_make(v->num.text, v->num.len), form, v->num.d)) {
		if (!b->err)
			b->err = E_LIMIT;
		return;
	}
	buf_put(b, form);
}

static void canonical(const struct json *v, struct buf *b);

static void
canonical_member(const struct json_member *m, bool first, struct buf *b)
{
	if (!first)
		buf_put_u8(b, ',');
	put_text(b, m->key);
	buf_put_u8(b, ':');
	canonical(&m->value, b);
}

static void
canonical_obj(const struct json *v, struct buf *b)
{
	const struct json_member *m = v->obj.members;
	uint8_t order[JSON_SMALL_OBJ];
	size_t n = v->obj.n;

	buf_put_u8(b, '{');
	if (v->obj.sorted) {
		for (size_t i = 0; i < n; i++)
			canonical_member(&m[v->obj.sorted[i]], i == 0, b);
	} else {
		must(n <= ARRAY_LEN(order));
		for (size_t i = 0, j; i < n; i++) {
			for (j = i; j > 0 && json_key_cmp(m[order[j - 1]].key, m[i].key) > 0; j--)
				order[j] = order[j - 1];
			order[j] = (uint8_t)i;
		}
		for (size_t i = 0; i < n; i++)
			canonical_member(&m[order[i]], i == 0, b);
	}
	buf_put_u8(b, '}');
}

static void
canonical(const struct json *v, struct buf *b)
{
	switch ((enum json_kind)v->kind) {
	case JSON_NULL: buf_put_str(b, "null"); break;
	case JSON_BOOL: buf_put_str(b, v->truth ? "true" : "false"); break;
	case JSON_INT: buf_put_dec(b, v->i); break;
	case JSON_NUM: canonical_num(v, b); break;
	case JSON_STR: put_text(b, v->str); break;
	case JSON_ARR:
		buf_put_u8(b, '[');
		for (size_t i = 0; i < v->arr.n; i++) {
			if (i)
				buf_put_u8(b, ',');
			canonical(&v->arr.items[i], b);
		}
		buf_put_u8(b, ']');
		break;
	case JSON_OBJ:
		canonical_obj(v, b);
		break;
	}
}

status
json_canonical(const struct json *v, struct buf *b)
{
	canonical(v, b);
	return buf_finish(b);
}
