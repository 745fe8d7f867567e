#include "cedar/value_json.h"

#include "cedar/lex.h"

#include <stdlib.h>

static struct cedar_pos
at(const struct json *v)
{
	return (struct cedar_pos){ .offset = v->at };
}

status
cedar_json_parse(span text, size_t max_bytes, struct arena *a, const struct json **ret, struct cedar_diag *d)
{
	struct json_opts opts = { .max_bytes = max_bytes ? max_bytes : CEDAR_MAX_TEXT, .max_depth = JSON_MAX_DEPTH,
	                          .max_nodes = CEDAR_MAX_JSON_NODES, .allow_nul = true };
	struct json_error err = { .reason = "" };
	if (d)
		*d = (struct cedar_diag){ 0 };
	status s = json_parse(text, &opts, a, ret, &err);
	if (failed(s)) {
		IGNORE(cedar_diag_set(d, s.code, (struct cedar_pos){ .offset = (uint32_t)err.at }, NULL, "%s",
		                      err.reason && *err.reason ? err.reason : error_text(s.code)));
		cedar_json_locate(d, text);
	}
	return s;
}

void
cedar_json_locate(struct cedar_diag *d, span text)
{
	if (!d || d->line || d->offset > text.n)
		return;
	d->line = d->col = 1;
	for (uint32_t i = 0; i < d->offset; i++) {
		if (text.p[i] == '\n') {
			d->line++;
			d->col = 1;
		} else if ((text.p[i] & 0xc0) != 0x80) {
			d->col++;
		}
	}
}

bool
cedar_json_has_fraction(const struct json *v)
{
	if (v->kind == JSON_NUM)
		return true;
	json_for_items(item, v)
		if (cedar_json_has_fraction(item))
			return true;
	json_for_members(m, v)
		if (cedar_json_has_fraction(&m->value))
			return true;
	return false;
}

/* ---- escapes ---- */

/* {"name": x} and nothing else: x, else NULL. */
static const struct json *
sole(const struct json *v, const char *name)
{
	if (!json_is_obj(v) || v->obj.n != 1 || !span_is(v->obj.members[0].key, name))
		return NULL;
	return &v->obj.members[0].value;
}

static bool
looks_like_uid(const struct json *v)
{
	return json_is_obj(v) && json_is_str(json_gets(v, "type")) && json_is_str(json_gets(v, "id"));
}

static bool
looks_like_call(const struct json *v)
{
	return json_is_obj(v) && json_is_str(json_gets(v, "fn")) && (json_gets(v, "arg") || json_is_arr(json_gets(v, "args")));
}

static status
uid_make(const struct json *v, struct arena *a, const struct cedar_uid **ret, struct cedar_diag *d)
{
	span type = json_gets(v, "type")->str;
	if (!cedar_name_ok(type))
		return cedar_diag_set(d, E_BAD_ENTITY, at(v), "type names look like Namespace::Type, without blanks",
		                      "\"%.*s\" is not a type name", SPAN_ARG(span_sub(type, 0, 60)));
	struct cedar_uid *u = arena_alloc(a, sizeof *u);
	ENSURE(u, E_NO_MEMORY);
	cedar_uid_init(u, type, json_gets(v, "id")->str);
	*ret = u;
	return OK;
}

status
cedar_uid_from_json(const struct json *v, struct arena *a, const struct cedar_uid **ret, struct cedar_diag *d)
{
	const struct json *inner = json_gets(v, "__entity");
	if (json_is_str(json_gets(v, "__expr")))
		return cedar_diag_set(d, E_BAD_ENTITY, at(v), "write the value itself", "\"__expr\" is not supported");
	if (inner && looks_like_uid(inner))
		v = inner;
	if (!looks_like_uid(v))
		return cedar_diag_set(d, E_BAD_ENTITY, at(v), "entities are named {\"type\": \"T\", \"id\": \"x\"}", "expected the name of an entity");
	return uid_make(v, a, ret, d);
}

/* The static type that an argument of an extension function has; NULL for none that helps to read it. */
static const struct cedar_type *
argument_type(uint8_t kind)
{
	switch ((enum cedar_kind)kind) {
	case CEDAR_DECIMAL:  return cedar_type_basic(CEDAR_TYPE_DECIMAL);
	case CEDAR_IP:       return cedar_type_basic(CEDAR_TYPE_IPADDR);
	case CEDAR_DATETIME: return cedar_type_basic(CEDAR_TYPE_DATETIME);
	case CEDAR_DURATION: return cedar_type_basic(CEDAR_TYPE_DURATION);
	default:             return NULL;
	}
}

static status
call(const struct json *v, bool typed, struct arena *a, struct cedar_value *ret, struct cedar_diag *d)
{
	span name = json_gets(v, "fn")->str;
	const struct json *arg = json_gets(v, "arg"), *args = json_gets(v, "args");
	enum cedar_fn fn;
	if (!cedar_fn_find(name, &fn))
		return cedar_diag_set(d, E_BAD_ENTITY, at(v), NULL, "there is no extension function \"%.*s\"", SPAN_ARG(span_sub(name, 0, 60)));
	struct cedar_value list[2];
	size_t n = arg ? 1 : args->arr.n;
	if (n != cedar_fn_info(fn)->arity)
		return cedar_diag_set(d, E_BAD_ENTITY, at(v), NULL, "%s takes %u arguments, not %zu", cedar_fn_info(fn)->name,
		                      cedar_fn_info(fn)->arity, n);
	for (size_t i = 0; i < n; i++)
		TRY(cedar_value_from_json(arg ? arg : &args->arr.items[i], typed ? argument_type(cedar_fn_info(fn)->args[i]) : NULL, a,
		                          &list[i], d));
	const char *why = "";
	*ret = cedar_fn_call(fn, list, (uint32_t)n, a, &why);
	ENSURE(arena_ok(a), E_NO_MEMORY);
	if (ret->kind == CEDAR_NONE)
		return cedar_diag_set(d, E_BAD_ENTITY, at(v), NULL, "%s: %s", cedar_fn_info(fn)->name, why);
	return OK;
}

/* ---- values without a type ---- */

static status
set_of(const struct json *v, const struct cedar_type *elem, struct arena *a, struct cedar_value *ret, struct cedar_diag *d)
{
	struct cedar_value *items = arena_array(a, v->arr.n + 1, sizeof *items);
	ENSURE(items, E_NO_MEMORY);
	for (size_t i = 0; i < v->arr.n; i++)
		TRY(cedar_value_from_json(&v->arr.items[i], elem, a, &items[i], d));
	const struct cedar_set *s = cedar_set_new(a, items, (uint32_t)v->arr.n);
	ENSURE(s, E_NO_MEMORY);
	*ret = cedar_set_value(s);
	return OK;
}

static status
record_of(const struct json *v, const struct cedar_type *type, struct arena *a, const struct cedar_record **ret, struct cedar_diag *d)
{
	struct cedar_member *list = arena_array(a, v->obj.n + 1, sizeof *list);
	uint32_t dup;
	ENSURE(list, E_NO_MEMORY);
	for (size_t i = 0; i < v->obj.n; i++) {
		const struct json_member *m = &v->obj.members[i];
		const struct cedar_attr *attr = type ? cedar_attr_find(type->attrs, type->n, m->key) : NULL;
		if (type && !attr && !type->open)
			return cedar_diag_set(d, E_BAD_ENTITY, at(&m->value), NULL, "attribute \"%.*s\" is not in the schema",
			                      SPAN_ARG(span_sub(m->key, 0, 60)));
		list[i].key = m->key.p;
		list[i].key_n = (uint32_t)m->key.n;
		TRY(cedar_value_from_json(&m->value, attr ? attr->type : NULL, a, &list[i].value, d));
	}
	for (uint32_t i = 0; type && i < type->n; i++)
		if (type->attrs[i].required && !json_get(v, type->attrs[i].name))
			return cedar_diag_set(d, E_BAD_ENTITY, at(v), NULL, "attribute \"%.*s\" is missing",
			                      SPAN_ARG(span_sub(type->attrs[i].name, 0, 60)));
	*ret = cedar_record_new(a, list, (uint32_t)v->obj.n, &dup);
	ENSURE(*ret, E_NO_MEMORY);
	return OK;
}

static status
object(const struct json *v, struct arena *a, struct cedar_value *ret, struct cedar_diag *d)
{
	const struct json *inner;
	const struct cedar_record *r;
	if (v->obj.n == 1 && json_is_obj(&v->obj.members[0].value) && cedar_json_has_fraction(&v->obj.members[0].value))
		return cedar_diag_set(d, E_BAD_ENTITY, at(v), "for fractions use the decimal extension",
		                      "there is a number here that is not a 64-bit integer");
	if ((inner = sole(v, "__entity")) && looks_like_uid(inner)) {
		const struct cedar_uid *u;
		TRY(uid_make(inner, a, &u, d));
		*ret = cedar_entity(u);
		return OK;
	}
	if ((inner = sole(v, "__extn")) && looks_like_call(inner))
		return call(inner, false, a, ret, d);
	if (json_is_str(sole(v, "__expr")))
		return cedar_diag_set(d, E_BAD_ENTITY, at(v), "write the value itself", "\"__expr\" is not supported");
	TRY(record_of(v, NULL, a, &r, d));
	*ret = cedar_record_value(r);
	return OK;
}

static status
untyped(const struct json *v, struct arena *a, struct cedar_value *ret, struct cedar_diag *d)
{
	switch ((enum json_kind)v->kind) {
	case JSON_BOOL:
		*ret = cedar_bool(v->truth);
		return OK;
	case JSON_INT:
		*ret = cedar_long(v->i);
		return OK;
	case JSON_STR:
		*ret = cedar_string(v->str);
		return OK;
	case JSON_ARR:
		return set_of(v, NULL, a, ret, d);
	case JSON_OBJ:
		return object(v, a, ret, d);
	case JSON_NUM:
		return cedar_diag_set(d, E_BAD_ENTITY, at(v), "for fractions use the decimal extension", "this number is not a 64-bit integer");
	case JSON_NULL:
		break;
	}
	return cedar_diag_set(d, E_BAD_ENTITY, at(v), "leave the attribute out instead", "Cedar has no null");
}

/* ---- values with a type ---- */

static status
mismatch(const struct json *v, const char *expected, struct cedar_diag *d)
{
	return cedar_diag_set(d, E_BAD_ENTITY, at(v), NULL, "expected %s, found %s", expected, json_kind_name(v->kind));
}

static status
typed_entity(const struct json *v, const struct cedar_type *type, struct arena *a, struct cedar_value *ret, struct cedar_diag *d)
{
	const struct cedar_uid *u;
	TRY(cedar_uid_from_json(v, a, &u, d));
	*ret = cedar_entity(u);
	for (uint32_t i = 0; i < type->n; i++) {
		if (!span_eq(type->ents[i]->name, u->type.text))
			continue;
		if (cedar_entity_type_has_id(type->ents[i], u->id))
			return OK;
		return cedar_diag_set(d, E_BAD_ENTITY, at(v), NULL, "\"%.*s\" is not one of the ids of %.*s",
		                      SPAN_ARG(span_sub(u->id, 0, 60)), SPAN_ARG(span_sub(u->type.text, 0, 60)));
	}
	if (type->n == 0)
		return OK;
	return cedar_diag_set(d, E_BAD_ENTITY, at(v), NULL, "expected an entity of type %.*s, not %.*s",
	                      SPAN_ARG(span_sub(type->ents[0]->name, 0, 60)), SPAN_ARG(span_sub(u->type.text, 0, 60)));
}

static status
typed_extension(const struct json *v, enum cedar_kind kind, struct arena *a, struct cedar_value *ret, struct cedar_diag *d)
{
	static const uint8_t maker[CEDAR_KIND_COUNT] = {
		[CEDAR_DECIMAL] = CEDAR_FN_DECIMAL, [CEDAR_IP] = CEDAR_FN_IP, [CEDAR_DATETIME] = CEDAR_FN_DATETIME,
		[CEDAR_DURATION] = CEDAR_FN_DURATION,
	};
	/* where the type is known, what stands beside the escape is ignored */
	const struct json *inner = json_gets(v, "__extn");
	if (json_is_str(json_gets(v, "__expr")))
		return cedar_diag_set(d, E_BAD_ENTITY, at(v), "write the value itself", "\"__expr\" is not supported");
	if (inner && looks_like_call(inner)) {
		TRY(call(inner, true, a, ret, d));
	} else if (looks_like_call(v)) {
		TRY(call(v, true, a, ret, d));
	} else if (json_is_str(v)) {
		const char *why = "";
		struct cedar_value text = cedar_string(v->str);
		*ret = cedar_fn_call(maker[kind], &text, 1, a, &why);
		ENSURE(arena_ok(a), E_NO_MEMORY);
		if (ret->kind == CEDAR_NONE)
			return cedar_diag_set(d, E_BAD_ENTITY, at(v), NULL, "%s", why);
	}
	return ret->kind == kind ? OK : mismatch(v, cedar_kind_name(kind), d);
}

static status
typed_plain(const struct json *v, enum cedar_kind kind, struct arena *a, struct cedar_value *ret, struct cedar_diag *d)
{
	TRY(untyped(v, a, ret, d));
	if (ret->kind != kind)
		return mismatch(v, cedar_kind_name(kind), d);
	return OK;
}

status
cedar_value_from_json(const struct json *v, const struct cedar_type *type, struct arena *a, struct cedar_value *ret, struct cedar_diag *d)
{
	const struct cedar_record *r;
	*ret = (struct cedar_value){ 0 };
	if (!type)
		return untyped(v, a, ret, d);
	switch (type->kind) {
	case CEDAR_TYPE_TRUE: case CEDAR_TYPE_FALSE: case CEDAR_TYPE_BOOL:
		return typed_plain(v, CEDAR_BOOL, a, ret, d);
	case CEDAR_TYPE_LONG:
		return typed_plain(v, CEDAR_LONG, a, ret, d);
	case CEDAR_TYPE_STRING:
		return typed_plain(v, CEDAR_STRING, a, ret, d);
	case CEDAR_TYPE_ENTITY:
		return typed_entity(v, type, a, ret, d);
	case CEDAR_TYPE_SET:
		return json_is_arr(v) ? set_of(v, type->elem, a, ret, d) : mismatch(v, "a set", d);
	case CEDAR_TYPE_RECORD:
		if (!json_is_obj(v))
			return mismatch(v, "a record", d);
		TRY(record_of(v, type, a, &r, d));
		*ret = cedar_record_value(r);
		return OK;
	case CEDAR_TYPE_DECIMAL:
		return typed_extension(v, CEDAR_DECIMAL, a, ret, d);
	case CEDAR_TYPE_IPADDR:
		return typed_extension(v, CEDAR_IP, a, ret, d);
	case CEDAR_TYPE_DATETIME:
		return typed_extension(v, CEDAR_DATETIME, a, ret, d);
	case CEDAR_TYPE_DURATION:
		return typed_extension(v, CEDAR_DURATION, a, ret, d);
	case CEDAR_TYPE_NEVER:
		break;
	}
	return mismatch(v, "nothing", d);
}

status
cedar_record_from_json(const struct json *v, const struct cedar_type *type, struct arena *a, const struct cedar_record **ret,
                       struct cedar_diag *d)
{
	struct cedar_value value;
	TRY(cedar_value_from_json(v, type, a, &value, d));
	if (value.kind != CEDAR_RECORD)
		return mismatch(v, "a record", d);
	*ret = value.record;
	return OK;
}

/* ---- requests ---- */

static status
request_uid(const struct json *v, const char *name, struct arena *a, const struct cedar_uid **ret, struct cedar_diag *d)
{
	const struct json *m = json_gets(v, name);
	if (!m)
		return cedar_diag_set(d, E_BAD_ENTITY, at(v), NULL, "the request has no \"%s\"", name);
	if (!json_is_str(m))
		return cedar_uid_from_json(m, a, ret, d);
	struct cedar_ast *ast;
	const struct cedar_expr *x;
	status s = cedar_parse_expr(m->str, &ast, &x, d);
	if (failed(s) || x->kind != CEDAR_X_ENTITY) {
		if (!failed(s))
			cedar_ast_unref(ast);
		return cedar_diag_set(d, E_BAD_ENTITY, at(m), "write Type::\"id\"", "\"%s\" is not the name of an entity", name);
	}
	*ret = cedar_uid_new(a, x->uid->type.text, x->uid->id);
	cedar_ast_unref(ast);
	ENSURE(*ret, E_NO_MEMORY);
	return OK;
}

status
cedar_request_from_json(const struct json *v, const struct cedar_schema *schema, struct arena *a, struct cedar_request *ret,
                        struct cedar_diag *d)
{
	const struct json *context = json_gets(v, "context");
	const struct cedar_type *type = NULL;
	*ret = (struct cedar_request){ 0 };
	if (!json_is_obj(v))
		return mismatch(v, "a request", d);
	TRY(request_uid(v, "principal", a, &ret->principal, d));
	TRY(request_uid(v, "action", a, &ret->action, d));
	TRY(request_uid(v, "resource", a, &ret->resource, d));
	if (schema) {
		const struct cedar_action *action = cedar_schema_action(schema, ret->action->type.text, ret->action->id);
		if (!action)
			return cedar_diag_set(d, E_BAD_ENTITY, at(json_gets(v, "action")), NULL, "the action is not in the schema");
		type = action->context;
	}
	return context ? cedar_record_from_json(context, type, a, &ret->context, d) : OK;
}

/* ---- writing ---- */

void
cedar_uid_to_json(struct json_writer *w, const struct cedar_uid *u)
{
	json_w_obj(w);
	json_w_kstr(w, "type", u->type.text);
	json_w_kstr(w, "id", u->id);
	json_w_obj_end(w);
}

static void
call_to_json(struct json_writer *w, const char *fn, const char *arg)
{
	json_w_obj(w);
	json_w_kobj(w, "__extn");
	json_w_kcstr(w, "fn", fn);
	json_w_kcstr(w, "arg", arg);
	json_w_obj_end(w);
	json_w_obj_end(w);
}

static void
extension_to_json(struct json_writer *w, struct cedar_value v)
{
	static const char *const maker[CEDAR_KIND_COUNT] = {
		[CEDAR_DECIMAL] = "decimal", [CEDAR_IP] = "ip", [CEDAR_DATETIME] = "datetime", [CEDAR_DURATION] = "duration",
	};
	char text[64];
	if (cedar_extension_text(v, text)) {
		call_to_json(w, maker[v.kind], text);
		return;
	}
	/* A datetime beyond the years that can be written: the epoch and an offset. */
	json_w_obj(w);
	json_w_kobj(w, "__extn");
	json_w_kcstr(w, "fn", "offset");
	json_w_karr(w, "args");
	call_to_json(w, "datetime", "1970-01-01");
	extension_to_json(w, (struct cedar_value){ .kind = CEDAR_DURATION, .i = v.i });
	json_w_arr_end(w);
	json_w_obj_end(w);
	json_w_obj_end(w);
}

/* In byte order of the keys, for people and for comparison. */
static void
record_to_json(struct json_writer *w, const struct cedar_record *r)
{
	const struct cedar_member *few[16], **order = few;
	if (r->n > ARRAY_LEN(few) && !(order = reallocarray(NULL, r->n, sizeof *order))) {
		w->b->err = E_NO_MEMORY;
		return;
	}
	cedar_record_sorted(r, order);
	json_w_obj(w);
	for (uint32_t i = 0; i < r->n; i++) {
		json_w_key(w, span_make(order[i]->key, order[i]->key_n));
		cedar_value_to_json(w, order[i]->value);
	}
	json_w_obj_end(w);
	if (order != few)
		free(order);
}

void
cedar_value_to_json(struct json_writer *w, struct cedar_value v)
{
	switch ((enum cedar_kind)v.kind) {
	case CEDAR_BOOL:
		json_w_bool(w, v.b);
		return;
	case CEDAR_LONG:
		json_w_int(w, v.i);
		return;
	case CEDAR_STRING:
		json_w_str(w, cedar_string_span(v));
		return;
	case CEDAR_ENTITY:
		json_w_obj(w);
		json_w_key(w, SPAN("__entity"));
		cedar_uid_to_json(w, v.uid);
		json_w_obj_end(w);
		return;
	case CEDAR_SET:
		json_w_arr(w);
		for (uint32_t i = 0; i < v.set->n; i++)
			cedar_value_to_json(w, v.set->items[i]);
		json_w_arr_end(w);
		return;
	case CEDAR_RECORD:
		record_to_json(w, v.record);
		return;
	case CEDAR_DECIMAL: case CEDAR_IP: case CEDAR_DATETIME: case CEDAR_DURATION:
		extension_to_json(w, v);
		return;
	case CEDAR_NONE: case CEDAR_KIND_COUNT:
		break;
	}
	json_w_null(w);
}
