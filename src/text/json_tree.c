/* Looking at trees, and making objects. */
#include "text/json_priv.h"

#include <stdlib.h>

const char *
json_kind_name(enum json_kind k)
{
	/* ORDER json_kind */
	static const char *const names[] = { "null", "boolean", "integer", "number", "string", "array", "object" };
	return (size_t)k < ARRAY_LEN(names) ? names[k] : "?";
}

/* UTF-8 bytes compare like code points. UTF-16 differs in one place: U+E000..U+FFFF (first byte EE, EF) come after the
 * supplementary planes (F0..F4), whose units are surrogates. */
static inline uint8_t
utf16_rank(uint8_t c)
{
	return c < 0xee ? c : c < 0xf0 ? (uint8_t)(c + 5) : (uint8_t)(c - 2);
}

int
json_key_cmp(span a, span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	for (size_t i = 0; i < n; i++)
		if (a.p[i] != b.p[i])
			return utf16_rank(a.p[i]) < utf16_rank(b.p[i]) ? -1 : 1;
	return (a.n > b.n) - (a.n < b.n);
}

/* ---- sorting members ---- */

/* The first eight bytes decide most comparisons without touching the key. */
struct sort_entry {
	uint64_t prefix;
	uint32_t at;
};

static uint64_t
key_prefix(span key)
{
	uint64_t v = 0;
	for (size_t i = 0; i < 8; i++)
		v = v << 8 | (i < key.n ? utf16_rank(key.p[i]) : 0);
	return v;
}

static bool
sorts_after(const struct sort_entry *a, const struct sort_entry *b, const struct json_member *m)
{
	if (a->prefix != b->prefix)
		return a->prefix > b->prefix;
	return json_key_cmp(m[a->at].key, m[b->at].key) > 0;
}

/* Merge sort, bottom up: no key can make it slow. Sorted entries end in `e` or `spare`, whichever is returned. */
static struct sort_entry *
merge_sort(struct sort_entry *e, struct sort_entry *spare, size_t n, const struct json_member *m)
{
	for (size_t width = 1; width < n; width *= 2) {
		for (size_t lo = 0; lo < n; lo += 2 * width) {
			size_t mid = lo + width < n ? lo + width : n, hi = mid + width < n ? mid + width : n;
			for (size_t i = lo, j = mid, k = lo; k < hi; k++)
				spare[k] = i < mid && (j == hi || !sorts_after(&e[i], &e[j], m)) ? e[i++] : e[j++];
		}
		struct sort_entry *t = e;
		e = spare;
		spare = t;
	}
	return e;
}

/* Fills sorted[n]; E_BAD_JSON with *ret_dup on equal keys. Stable, so the later of two equals is found. */
static status
sort_members(const struct json_member *m, size_t n, uint32_t *sorted, size_t *ret_dup)
{
	struct sort_entry *e = calloc(n, 2 * sizeof *e);
	status s = OK;
	ENSURE(e, E_NO_MEMORY);
	for (size_t i = 0; i < n; i++)
		e[i] = (struct sort_entry){ key_prefix(m[i].key), (uint32_t)i };
	const struct sort_entry *in = merge_sort(e, e + n, n, m);
	for (size_t i = 0; i < n && !failed(s); i++) {
		sorted[i] = in[i].at;
		if (i && span_eq(m[sorted[i - 1]].key, m[sorted[i]].key)) {
			*ret_dup = sorted[i];
			s = FAIL(E_BAD_JSON);
		}
	}
	free(e);
	return s;
}

status
json_make_obj(struct arena *a, const struct json_member *members, size_t n, struct json *ret, size_t *ret_dup)
{
	size_t ignored;
	uint32_t *sorted = NULL;
	if (!ret_dup)
		ret_dup = &ignored;
	ENSURE(n < UINT32_MAX, E_LIMIT);
	if (n <= JSON_SMALL_OBJ) {
		for (size_t i = 1; i < n; i++) {
			for (size_t j = 0; j < i; j++) {
				if (members[i].key.n == members[j].key.n && span_eq(members[i].key, members[j].key)) {
					*ret_dup = i;
					return FAIL(E_BAD_JSON);
				}
			}
		}
	} else {
		sorted = arena_alloc(a, n * sizeof *sorted);
		ENSURE(sorted, json_arena_error(a, n * sizeof *sorted));
		TRY(sort_members(members, n, sorted, ret_dup));
	}
	*ret = (struct json){ .kind = JSON_OBJ, .obj = { members, n, sorted } };
	return OK;
}

/* ---- looking up ---- */

const struct json *
json_get(const struct json *v, span key)
{
	if (!json_is_obj(v))
		return NULL;
	const struct json_member *m = v->obj.members;
	if (!v->obj.sorted) {
		for (size_t i = 0; i < v->obj.n; i++)
			if (span_eq(m[i].key, key))
				return &m[i].value;
		return NULL;
	}
	size_t lo = 0, hi = v->obj.n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct json_member *at = &m[v->obj.sorted[mid]];
		int c = json_key_cmp(at->key, key);
		if (c == 0)
			return &at->value;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const struct json *
json_item(const struct json *v, size_t i)
{
	return json_is_arr(v) && i < v->arr.n ? &v->arr.items[i] : NULL;
}

/* One reference token against an object's keys, "~0" and "~1" undone while comparing. */
static bool
token_is(span token, span key)
{
	size_t j = 0;
	for (size_t i = 0; i < token.n; i++, j++) {
		uint8_t c = token.p[i];
		if (c == '~')
			c = token.p[++i] == '0' ? '~' : '/';
		if (j == key.n || key.p[j] != c)
			return false;
	}
	return j == key.n;
}

static bool
token_valid(span token)
{
	for (size_t i = 0; i < token.n; i++)
		if (token.p[i] == '~' && (i + 1 == token.n || (token.p[i + 1] != '0' && token.p[i + 1] != '1')))
			return false;
	return true;
}

static const struct json *
step(const struct json *v, span token)
{
	uint64_t i;
	if (!token_valid(token))
		return NULL;
	if (v->kind == JSON_ARR)
		return span_to_u64(token, &i) && i < v->arr.n ? &v->arr.items[i] : NULL;
	if (v->kind == JSON_OBJ && span_find(token, '~') == token.n)
		return json_get(v, token);
	json_for_members(m, v)
		if (token_is(token, m->key))
			return &m->value;
	return NULL;
}

const struct json *
json_pointer(const struct json *root, span pointer)
{
	const struct json *v = root;
	while (v && pointer.n) {
		if (pointer.p[0] != '/')
			return NULL;
		pointer = span_sub(pointer, 1, pointer.n);
		size_t n = span_find(pointer, '/');
		v = step(v, span_sub(pointer, 0, n));
		pointer = span_sub(pointer, n, pointer.n);
	}
	return v;
}

/* ---- equality ---- */

static bool
num_equal(const struct json *a, const struct json *b)
{
	if (a->kind == JSON_INT && b->kind == JSON_INT)
		return a->i == b->i;
	if (a->kind == JSON_INT) {
		const struct json *t = a;
		a = b;
		b = t;
	}
	if (b->kind == JSON_NUM)
		return a->num.d == b->num.d;
	/* Double against int64: 2^63 does not fit, and every integral double below it converts exactly. */
	double d = a->num.d;
	return d >= -0x1p63 && d < 0x1p63 && d == (double)(int64_t)d && (int64_t)d == b->i;
}

bool
json_equal(const struct json *a, const struct json *b)
{
	if (json_is_number(a) && json_is_number(b))
		return num_equal(a, b);
	if (a->kind != b->kind)
		return false;
	switch ((enum json_kind)a->kind) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return a->truth == b->truth;
	case JSON_INT:
	case JSON_NUM:
		return false;
	case JSON_STR:
		return span_eq(a->str, b->str);
	case JSON_ARR:
		if (a->arr.n != b->arr.n)
			return false;
		for (size_t i = 0; i < a->arr.n; i++)
			if (!json_equal(&a->arr.items[i], &b->arr.items[i]))
				return false;
		return true;
	case JSON_OBJ:
		if (a->obj.n != b->obj.n)
			return false;
		json_for_members(m, a) {
			const struct json *other = json_get(b, m->key);
			if (!other || !json_equal(&m->value, other))
				return false;
		}
		return true;
	}
	return false;
}
