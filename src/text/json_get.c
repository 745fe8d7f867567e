/* Typed getters, and the checks for members that laxer readers would confuse. */
#include "text/json_priv.h"

static status
wrong(struct json_error *reterr, size_t at, const char *key, const char *reason)
{
	if (reterr)
		*reterr = (struct json_error){ .at = at, .key = key, .reason = reason };
	return FAIL(E_BAD_REQUEST);
}

/* *ret is NULL only when absent and not needed. */
static status
member(const struct json *obj, const char *key, bool needed, const struct json **ret, struct json_error *reterr)
{
	if (!json_is_obj(obj))
		return wrong(reterr, obj ? obj->at : 0, NULL, "must be an object");
	*ret = json_gets(obj, key);
	return *ret || !needed ? OK : wrong(reterr, obj->at, key, "is missing");
}

static status
str_member(const struct json *obj, const char *key, bool needed, span *ret, struct json_error *reterr)
{
	const struct json *v;
	TRY(member(obj, key, needed, &v, reterr));
	if (v && v->kind != JSON_STR)
		return wrong(reterr, v->at, key, "must be a string");
	if (v)
		*ret = v->str;
	return OK;
}

static status
int_member(const struct json *obj, const char *key, bool needed, int64_t min, int64_t max, int64_t *ret, struct json_error *reterr)
{
	const struct json *v;
	TRY(member(obj, key, needed, &v, reterr));
	if (v && v->kind != JSON_INT)
		return wrong(reterr, v->at, key, "must be an integer");
	if (v && (v->i < min || v->i > max))
		return wrong(reterr, v->at, key, "is out of range");
	if (v)
		*ret = v->i;
	return OK;
}

static status
bool_member(const struct json *obj, const char *key, bool needed, bool *ret, struct json_error *reterr)
{
	const struct json *v;
	TRY(member(obj, key, needed, &v, reterr));
	if (v && v->kind != JSON_BOOL)
		return wrong(reterr, v->at, key, "must be true or false");
	if (v)
		*ret = v->truth;
	return OK;
}

static status
tree_member(const struct json *obj, const char *key, bool needed, uint8_t kind, const struct json **ret, struct json_error *reterr)
{
	const struct json *v;
	TRY(member(obj, key, needed, &v, reterr));
	if (v && v->kind != kind)
		return wrong(reterr, v->at, key, kind == JSON_OBJ ? "must be an object" : "must be an array");
	if (v)
		*ret = v;
	return OK;
}

status
json_get_str(const struct json *obj, const char *key, span *ret, struct json_error *reterr)
{
	return str_member(obj, key, true, ret, reterr);
}

status
json_opt_str(const struct json *obj, const char *key, span *ret, struct json_error *reterr)
{
	return str_member(obj, key, false, ret, reterr);
}

status
json_get_int(const struct json *obj, const char *key, int64_t min, int64_t max, int64_t *ret, struct json_error *reterr)
{
	return int_member(obj, key, true, min, max, ret, reterr);
}

status
json_opt_int(const struct json *obj, const char *key, int64_t min, int64_t max, int64_t *ret, struct json_error *reterr)
{
	return int_member(obj, key, false, min, max, ret, reterr);
}

status
json_get_bool(const struct json *obj, const char *key, bool *ret, struct json_error *reterr)
{
	return bool_member(obj, key, true, ret, reterr);
}

status
json_opt_bool(const struct json *obj, const char *key, bool *ret, struct json_error *reterr)
{
	return bool_member(obj, key, false, ret, reterr);
}

status
json_get_obj(const struct json *obj, const char *key, const struct json **ret, struct json_error *reterr)
{
	return tree_member(obj, key, true, JSON_OBJ, ret, reterr);
}

status
json_opt_obj(const struct json *obj, const char *key, const struct json **ret, struct json_error *reterr)
{
	return tree_member(obj, key, false, JSON_OBJ, ret, reterr);
}

status
json_get_arr(const struct json *obj, const char *key, const struct json **ret, struct json_error *reterr)
{
	return tree_member(obj, key, true, JSON_ARR, ret, reterr);
}

status
json_opt_arr(const struct json *obj, const char *key, const struct json **ret, struct json_error *reterr)
{
	return tree_member(obj, key, false, JSON_ARR, ret, reterr);
}

status
json_only(const struct json *obj, const char *const *names, struct json_error *reterr)
{
	if (!json_is_obj(obj))
		return wrong(reterr, obj ? obj->at : 0, NULL, "must be an object");
	json_for_members(m, obj) {
		size_t i = 0;
		while (names[i] && !span_is(m->key, names[i]))
			i++;
		if (!names[i])
			return wrong(reterr, m->value.at, NULL, "unknown member");
	}
	return OK;
}

void
json_error_print(const struct json_error *e, struct buf *b)
{
	buf_put_str(b, "offset ");
	buf_put_udec(b, e->at);
	buf_put_str(b, ": ");
	if (e->key) {
		buf_put_str(b, e->key);
		buf_put_str(b, ": ");
	}
	buf_put_str(b, e->reason);
}

/* ---- names that differ by case only ---- */

/* Next unit of a key as a careless decoder folds it: ASCII letters, the Kelvin sign (E2 84 AA) and the long s (C5 BF). */
static int
folded(span s, size_t *at)
{
	if (*at >= s.n)
		return -1;
	uint8_t c = s.p[*at];
	if (c == 0xe2 && s.n - *at >= 3 && s.p[*at + 1] == 0x84 && s.p[*at + 2] == 0xaa) {
		*at += 3;
		return 'k';
	}
	if (c == 0xc5 && s.n - *at >= 2 && s.p[*at + 1] == 0xbf) {
		*at += 2;
		return 's';
	}
	++*at;
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static bool
same_folded(span a, span b)
{
	size_t i = 0, j = 0;
	int x, y;
	do {
		x = folded(a, &i);
		y = folded(b, &j);
	} while (x == y && x >= 0);
	return x == y;
}

static span
fold_key(span key, uint8_t *out)
{
	size_t at = 0, n = 0;
	int c;
	while ((c = folded(key, &at)) >= 0)
		out[n++] = (uint8_t)c;
	return span_make(out, n);
}

/* Folded keys as an object of their own: its duplicates are the case duplicates. */
static status
large_case_duplicate(const struct json *obj, struct arena *a, const struct json_member **ret)
{
	struct json_member *m = arena_alloc(a, obj->obj.n * sizeof *m);
	struct json folded_obj;
	size_t dup = 0;
	ENSURE(m, json_arena_error(a, obj->obj.n * sizeof *m));
	for (size_t i = 0; i < obj->obj.n; i++) {
		uint8_t *room = arena_alloc(a, obj->obj.members[i].key.n);
		ENSURE(room, json_arena_error(a, obj->obj.members[i].key.n));
		m[i].key = fold_key(obj->obj.members[i].key, room);
	}
	status s = json_make_obj(a, m, obj->obj.n, &folded_obj, &dup);
	if (s.code != E_BAD_JSON)
		return s;
	*ret = &obj->obj.members[dup];
	return OK;
}

status
json_case_duplicate(const struct json *obj, struct arena *scratch, const struct json_member **ret)
{
	*ret = NULL;
	if (!json_is_obj(obj))
		return OK;
	if (obj->obj.n > JSON_SMALL_OBJ)
		return large_case_duplicate(obj, scratch, ret);
	for (size_t i = 1; i < obj->obj.n && !*ret; i++)
		for (size_t j = 0; j < i; j++)
			if (same_folded(obj->obj.members[i].key, obj->obj.members[j].key))
				*ret = &obj->obj.members[i];
	return OK;
}

const struct json_member *
json_case_variant(const struct json *obj, span key)
{
	json_for_members(m, obj)
		if (same_folded(m->key, key) && !span_eq(m->key, key))
			return m;
	return NULL;
}
