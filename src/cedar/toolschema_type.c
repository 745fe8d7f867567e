/* JSON Schema to Cedar types. integer is Long, string String, boolean Bool, array a Set, object a record. Floats, null, unions
 * and schemas that say nothing have no Cedar type. Keywords beside `type` only narrow it, so they may be ignored here. */
#include "cedar/toolschema_priv.h"

#include <stdlib.h>

#define DEPTH_MAX 24
/* Reports kept for a whole catalogue; a person stops reading long before. */
#define GAPS_MAX 10000

static const struct input_type *S_read(struct input_reader *r, const struct json *s, unsigned depth);

/* Not typed: left out (NULL), or opaque when the reviewer agreed. */
static const struct input_type *
S_gap(struct input_reader *r, const char *reason)
{
	static const struct input_type opaque = { .kind = INPUT_OPAQUE };
	struct gap_list *g = r->gaps;
	/* the input as a whole is a record or nothing: there is no attribute that its text could be in */
	bool as_text = r->untyped && r->pointer.n > 0;
	if (g->n >= GAPS_MAX)
		return as_text ? &opaque : NULL;
	if (g->n == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 16;
		struct cedar_tool_gap *bigger = realloc(g->items, cap * sizeof *bigger);
		if (!bigger) {
			r->oom = true;
			return NULL;
		}
		g->items = bigger;
		g->cap = cap;
	}
	g->items[g->n++] = (struct cedar_tool_gap){
		arena_copy(r->arena, r->server), arena_copy(r->arena, r->name),
		arena_copy(r->arena, buf_span(&r->pointer)), reason, as_text,
	};
	return as_text ? &opaque : NULL;
}

static const struct input_type *
S_basic(enum input_kind k)
{
	static const struct input_type basics[] = {
		[INPUT_LONG] = { .kind = INPUT_LONG }, [INPUT_STRING] = { .kind = INPUT_STRING }, [INPUT_BOOL] = { .kind = INPUT_BOOL },
	};
	return &basics[k];
}

/* RFC 6901 step. */
static size_t
S_enter(struct input_reader *r, span name)
{
	size_t before = r->pointer.n;
	buf_put_u8(&r->pointer, '/');
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '~')
			buf_put_str(&r->pointer, "~0");
		else if (name.p[i] == '/')
			buf_put_str(&r->pointer, "~1");
		else
			buf_put_u8(&r->pointer, name.p[i]);
	}
	return before;
}

static void
S_leave(struct input_reader *r, size_t before)
{
	if (r->pointer.n > before)
		buf_truncate(&r->pointer, before);
}

static bool
S_required(const struct json *s, span name)
{
	json_for_items(it, json_gets(s, "required"))
		if (json_is_str(it) && span_eq(it->str, name))
			return true;
	return false;
}

static const struct input_type *
S_object(struct input_reader *r, const struct json *s, unsigned depth)
{
	const struct json *properties = json_gets(s, "properties"), *more = json_gets(s, "additionalProperties");
	size_t n = json_is_obj(properties) ? properties->obj.n : 0;
	bool open = !more || json_is_obj(more) || (json_is_bool(more) && more->truth);
	if (depth > 0 && n == 0 && open)
		return S_gap(r, "an object whose members the schema does not name");
	struct input_attr *attrs = arena_array(r->arena, n + 1, sizeof *attrs);
	struct input_type *t = ARENA_NEW(r->arena, struct input_type);
	if (!attrs || !t) {
		r->oom = true;
		return NULL;
	}
	uint32_t kept = 0;
	json_for_members(m, properties) {
		size_t before = S_enter(r, m->key);
		const struct input_type *type = S_read(r, &m->value, depth + 1);
		S_leave(r, before);
		if (type)
			attrs[kept++] = (struct input_attr){ arena_copy(r->arena, m->key), S_required(s, m->key), type };
	}
	*t = (struct input_type){ .kind = INPUT_RECORD, .n = kept, .attrs = attrs };
	return t;
}

static const struct input_type *
S_array(struct input_reader *r, const struct json *s, unsigned depth)
{
	const struct json *items = json_gets(s, "items");
	if (json_gets(s, "prefixItems") || json_is_arr(items))
		return S_gap(r, "a tuple");
	if (!items)
		return S_gap(r, "an array whose elements the schema does not type");
	/* an element that can not be typed takes the array with it: half an array would mislead */
	bool untyped = r->untyped;
	size_t before = S_enter(r, SPAN("*"));
	r->untyped = false;
	const struct input_type *elem = S_read(r, items, depth + 1);
	r->untyped = untyped;
	S_leave(r, before);
	if (!elem)
		return r->oom ? NULL : S_gap(r, "an array of elements that Cedar can not type");
	struct input_type *t = ARENA_NEW(r->arena, struct input_type);
	if (!t) {
		r->oom = true;
		return NULL;
	}
	*t = (struct input_type){ .kind = INPUT_SET, .elem = elem };
	return t;
}

/* The one kind that all values of an `enum`, or the `const`, have. */
static const struct input_type *
S_enum(struct input_reader *r, const struct json *values, size_t n)
{
	bool same = n > 0;
	for (size_t i = 1; i < n; i++)
		same = same && values[i].kind == values[0].kind;
	if (same && values[0].kind == JSON_STR)
		return S_basic(INPUT_STRING);
	if (same && values[0].kind == JSON_INT)
		return S_basic(INPUT_LONG);
	if (same && values[0].kind == JSON_BOOL)
		return S_basic(INPUT_BOOL);
	return S_gap(r, "an enumeration of mixed or untyped values");
}

static const struct input_type *
S_ref(struct input_reader *r, const struct json *ref, unsigned depth)
{
	if (!json_is_str(ref) || ref->str.n == 0 || ref->str.p[0] != '#')
		return S_gap(r, "a reference to another document");
	const struct json *to = json_pointer(r->root, span_sub(ref->str, 1, ref->str.n));
	if (!to)
		return S_gap(r, "a reference to nothing");
	return S_read(r, to, depth + 1);
}

static const struct input_type *
S_typed(struct input_reader *r, const struct json *s, const struct json *type, unsigned depth)
{
	/* a list of one says what a plain name says */
	const struct json *one = json_is_arr(type) && type->arr.n == 1 ? json_item(type, 0) : type;
	if (json_is_arr(one))
		return S_gap(r, "a union of types");
	if (!json_is_str(one))
		return S_gap(r, "a schema without a type");
	if (span_is(one->str, "string"))
		return S_basic(INPUT_STRING);
	if (span_is(one->str, "integer"))
		return S_basic(INPUT_LONG);
	if (span_is(one->str, "boolean"))
		return S_basic(INPUT_BOOL);
	if (span_is(one->str, "object"))
		return S_object(r, s, depth);
	if (span_is(one->str, "array"))
		return S_array(r, s, depth);
	if (span_is(one->str, "number"))
		return S_gap(r, "a number that may have a fraction");
	return S_gap(r, span_is(one->str, "null") ? "null" : "an unknown type");
}

static const struct input_type *
S_read(struct input_reader *r, const struct json *s, unsigned depth)
{
	const struct json *part;
	/* recursion through $ref ends here too */
	if (depth > DEPTH_MAX || r->left == 0)
		return S_gap(r, "nested too deeply, or in itself");
	r->left--;
	if (!json_is_obj(s))
		return S_gap(r, "a schema without a type");
	if ((part = json_gets(s, "type")))
		return S_typed(r, s, part, depth);
	if ((part = json_gets(s, "$ref")))
		return S_ref(r, part, depth);
	if (json_is_arr(part = json_gets(s, "enum")))
		return S_enum(r, part->arr.items, part->arr.n);
	if ((part = json_gets(s, "const")))
		return S_enum(r, part, 1);
	if (json_gets(s, "properties"))
		return S_object(r, s, depth);
	return S_gap(r, json_gets(s, "anyOf") || json_gets(s, "oneOf") ? "a union of types" : "a schema without a type");
}

const struct input_type *
input_type_read(struct input_reader *r)
{
	static const struct input_type none = { .kind = INPUT_RECORD };
	if (!r->root)
		return &none;
	const struct input_type *t = S_read(r, r->root, 0);
	if (t && t->kind != INPUT_RECORD)
		S_gap(r, "an input that is not an object");
	if (r->oom || !arena_ok(r->arena) || r->pointer.err)
		return NULL;
	return t && t->kind == INPUT_RECORD ? t : &none;
}

static struct raw_type *
S_raw_basic(struct arena *a, enum cedar_type_kind k)
{
	struct raw_type *t = ARENA_NEW(a, struct raw_type);
	if (t)
		*t = (struct raw_type){ .kind = RAW_BASIC, .basic = cedar_type_basic(k) };
	return t;
}

struct raw_type *
input_type_raw(struct arena *a, const struct input_type *t)
{
	switch (t->kind) {
	case INPUT_LONG: return S_raw_basic(a, CEDAR_TYPE_LONG);
	case INPUT_STRING: case INPUT_OPAQUE: return S_raw_basic(a, CEDAR_TYPE_STRING);
	case INPUT_BOOL: return S_raw_basic(a, CEDAR_TYPE_BOOL);
	case INPUT_SET: case INPUT_RECORD: break;
	}
	struct raw_type *raw = ARENA_NEW(a, struct raw_type);
	if (!raw)
		return NULL;
	if (t->kind == INPUT_SET) {
		raw->kind = RAW_SET;
		raw->elem = input_type_raw(a, t->elem);
		return raw->elem ? raw : NULL;
	}
	raw->kind = RAW_RECORD;
	struct raw_attr **end = &raw->attrs;
	for (uint32_t i = 0; i < t->n; i++) {
		struct raw_attr *attr = ARENA_NEW(a, struct raw_attr);
		if (!attr)
			return NULL;
		*attr = (struct raw_attr){ .name = t->attrs[i].name, .required = t->attrs[i].required,
		                           .type = input_type_raw(a, t->attrs[i].type) };
		if (!attr->type)
			return NULL;
		*end = attr;
		end = &attr->next;
	}
	return raw;
}
