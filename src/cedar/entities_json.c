#include "cedar/entities_json.h"

#include "cedar/conform.h"

#include <stdio.h>
#include <stdlib.h>

static struct cedar_pos
at(const struct json *v)
{
	return (struct cedar_pos){ .offset = v->at };
}

static status
member(const struct json *v, const char *name, const struct json **ret, struct cedar_diag *d)
{
	*ret = json_gets(v, name);
	if (!*ret)
		return cedar_diag_set(d, E_BAD_ENTITY, at(v), "an entity has uid, attrs and parents", "\"%s\" is missing", name);
	return OK;
}

static bool
is_action_type(span type)
{
	return span_is(type, "Action") || span_ends(type, SPAN("::Action"));
}

static status
parents_from_json(const struct json *v, struct arena *a, struct cedar_entity *e, struct cedar_diag *d)
{
	if (!json_is_arr(v))
		return cedar_diag_set(d, E_BAD_ENTITY, at(v), NULL, "\"parents\" must be an array");
	const struct cedar_uid **list = arena_array(a, v->arr.n + 1, sizeof *list);
	ENSURE(list, E_NO_MEMORY);
	for (size_t i = 0; i < v->arr.n; i++) {
		TRY(cedar_uid_from_json(&v->arr.items[i], a, &list[i], d));
		if (is_action_type(e->uid->type.text) && !is_action_type(list[i]->type.text))
			return cedar_diag_set(d, E_BAD_ENTITY, at(&v->arr.items[i]), NULL, "only actions may be parents of an action");
	}
	e->parents = list;
	e->parent_n = (uint32_t)v->arr.n;
	return OK;
}

/* Tags are attributes under names that the schema does not fix. */
static status
tags_from_json(const struct json *v, const struct cedar_type *type, struct arena *a, const struct cedar_record **ret, struct cedar_diag *d)
{
	if (!json_is_obj(v))
		return cedar_diag_set(d, E_BAD_ENTITY, at(v), NULL, "\"tags\" must be an object");
	struct cedar_member *list = arena_array(a, v->obj.n + 1, sizeof *list);
	uint32_t dup;
	ENSURE(list, E_NO_MEMORY);
	for (size_t i = 0; i < v->obj.n; i++) {
		list[i].key = v->obj.members[i].key.p;
		list[i].key_n = (uint32_t)v->obj.members[i].key.n;
		TRY(cedar_value_from_json(&v->obj.members[i].value, type, a, &list[i].value, d));
	}
	*ret = cedar_record_new(a, list, (uint32_t)v->obj.n, &dup);
	ENSURE(*ret, E_NO_MEMORY);
	return OK;
}

/* Each attribute on its own; which may and must be there is checked by type when there is one. */
static status
attrs_from_json(const struct json *v, const struct cedar_entity_type *type, struct arena *a, const struct cedar_record **ret,
                struct cedar_diag *d)
{
	if (!json_is_obj(v))
		return cedar_diag_set(d, E_BAD_ENTITY, at(v), NULL, "\"attrs\" must be an object");
	if (!type)
		return tags_from_json(v, NULL, a, ret, d);
	struct cedar_type shape = { .kind = CEDAR_TYPE_RECORD, .n = type->n_attrs, .attrs = type->attrs };
	return cedar_record_from_json(v, &shape, a, ret, d);
}

static status
entity_type(const struct json *v, const struct cedar_schema *schema, const struct cedar_uid *uid,
            const struct cedar_entity_type **ret, struct cedar_diag *d)
{
	*ret = NULL;
	if (!schema || is_action_type(uid->type.text))
		return OK;
	*ret = cedar_schema_entity_type(schema, uid->type.text);
	if (!*ret)
		return cedar_diag_set(d, E_BAD_ENTITY, at(v), NULL, "entity type %.*s is not in the schema",
		                      SPAN_ARG(span_sub(uid->type.text, 0, 100)));
	return OK;
}

status
cedar_entity_from_json(const struct json *v, const struct cedar_schema *schema, struct arena *a, struct cedar_entity *ret,
                       struct cedar_diag *d)
{
	const struct json *uid, *attrs, *parents, *tags;
	const struct cedar_entity_type *type;
	*ret = (struct cedar_entity){ .attrs = &cedar_record_empty, .tags = &cedar_record_empty };
	if (!json_is_obj(v))
		return cedar_diag_set(d, E_BAD_ENTITY, at(v), NULL, "an entity must be an object, not %s", json_kind_name(v->kind));
	TRY(member(v, "uid", &uid, d));
	TRY(member(v, "attrs", &attrs, d));
	TRY(member(v, "parents", &parents, d));
	TRY(cedar_uid_from_json(uid, a, &ret->uid, d));
	TRY(entity_type(uid, schema, ret->uid, &type, d));
	TRY(attrs_from_json(attrs, type, a, &ret->attrs, d));
	TRY(parents_from_json(parents, a, ret, d));
	if ((tags = json_gets(v, "tags"))) {
		if (type && !type->tags && tags->obj.n)
			return cedar_diag_set(d, E_BAD_ENTITY, at(tags), NULL, "entities of type %.*s have no tags",
			                      SPAN_ARG(span_sub(ret->uid->type.text, 0, 100)));
		TRY(tags_from_json(tags, type ? type->tags : NULL, a, &ret->tags, d));
	}
	if (type && type->is_enum && (ret->parent_n || !cedar_entity_type_has_id(type, ret->uid->id)))
		return cedar_diag_set(d, E_BAD_ENTITY, at(uid), "an enumerated type has just its ids", "%.*s::\"%.*s\" is not as the schema says",
		                      SPAN_ARG(span_sub(ret->uid->type.text, 0, 60)), SPAN_ARG(span_sub(ret->uid->id, 0, 60)));
	if (!type)
		return OK;
	status st = cedar_entity_conforms(schema, ret, d);
	if (failed(st) && d)
		d->offset = v->at;
	return st;
}

/* ---- sets of entities ---- */

static bool
uid_among(const struct cedar_uid *u, const struct cedar_uid *const *list, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (cedar_uid_eq(u, list[i]))
			return true;
	return false;
}

static bool
same_entity(const struct cedar_entity *a, const struct cedar_entity *b)
{
	for (uint32_t i = 0; i < a->parent_n; i++)
		if (!uid_among(a->parents[i], b->parents, b->parent_n))
			return false;
	for (uint32_t i = 0; i < b->parent_n; i++)
		if (!uid_among(b->parents[i], a->parents, a->parent_n))
			return false;
	return cedar_value_eq(cedar_record_value(a->attrs), cedar_record_value(b->attrs)) &&
	       cedar_value_eq(cedar_record_value(a->tags), cedar_record_value(b->tags));
}

static status
action_uid(const struct cedar_action *act, struct arena *a, const struct cedar_uid **ret)
{
	struct cedar_uid *u = arena_alloc(a, sizeof *u);
	ENSURE(u, E_NO_MEMORY);
	cedar_uid_init(u, act->type->name, act->id);
	*ret = u;
	return OK;
}

/* The entity that the schema makes of an action. */
static status
action_entity(const struct cedar_action *act, struct arena *a, struct cedar_entity *ret)
{
	const struct cedar_uid **parents = arena_array(a, act->n_parents + 1, sizeof *parents);
	ENSURE(parents, E_NO_MEMORY);
	*ret = (struct cedar_entity){ .attrs = &cedar_record_empty, .tags = &cedar_record_empty, .parents = parents,
	                              .parent_n = act->n_parents };
	TRY(action_uid(act, a, &ret->uid));
	for (uint32_t i = 0; i < act->n_parents; i++)
		TRY(action_uid(act->parents[i], a, &parents[i]));
	return OK;
}

static status
check_actions(const struct cedar_entities *s, const struct json *v, const struct cedar_schema *schema, struct arena *a,
              struct cedar_diag *d)
{
	for (size_t i = 0; i < v->arr.n; i++) {
		const struct cedar_uid *uid;
		TRY(cedar_uid_from_json(json_gets(&v->arr.items[i], "uid"), a, &uid, d));
		if (!is_action_type(uid->type.text))
			continue;
		status st = cedar_entity_conforms(schema, cedar_entities_find(s, uid), d);
		if (failed(st) && d) {
			d->offset = v->arr.items[i].at;
			snprintf(d->hint, sizeof d->hint, "leave action entities out: they come from the schema");
		}
		TRY(st);
	}
	return OK;
}

static status
add_actions(struct cedar_entities *s, const struct cedar_schema *schema, struct arena *a, struct cedar_diag *d)
{
	size_t n;
	const struct cedar_action *const *list = cedar_schema_actions(schema, &n);
	for (size_t i = 0; i < n; i++) {
		struct cedar_entity e;
		TRY(action_entity(list[i], a, &e));
		if (!cedar_entities_find(s, e.uid))
			TRY(cedar_entities_put(s, &e, d));
	}
	return OK;
}

static status
add_all(struct cedar_entities *s, const struct json *v, const struct cedar_schema *schema, struct arena *a, struct cedar_diag *d)
{
	for (size_t i = 0; i < v->arr.n; i++) {
		struct cedar_entity e;
		const struct cedar_entity *old;
		TRY(cedar_entity_from_json(&v->arr.items[i], schema, a, &e, d));
		if (schema && is_action_type(e.uid->type.text) && !cedar_schema_action(schema, e.uid->type.text, e.uid->id))
			return cedar_diag_set(d, E_BAD_ENTITY, at(&v->arr.items[i]), NULL, "action \"%.*s\" is not in the schema",
			                      SPAN_ARG(span_sub(e.uid->id, 0, 60)));
		if ((old = cedar_entities_find(s, e.uid))) {
			if (!same_entity(old, &e))
				return cedar_diag_set(d, E_BAD_ENTITY, at(&v->arr.items[i]), NULL, "entity %.*s::\"%.*s\" occurs twice and differs",
				                      SPAN_ARG(span_sub(e.uid->type.text, 0, 60)), SPAN_ARG(span_sub(e.uid->id, 0, 60)));
			continue;
		}
		status st = cedar_entities_put(s, &e, d);
		if (st.code == E_LIMIT && d)
			d->offset = v->arr.items[i].at;
		TRY(st);
	}
	return OK;
}

status
cedar_entities_from_json(struct cedar_entities *s, const struct json *v, const struct cedar_schema *schema, struct arena *scratch,
                         struct cedar_diag *d)
{
	if (!json_is_arr(v))
		return cedar_diag_set(d, E_BAD_ENTITY, at(v), NULL, "entities must be an array, not %s", json_kind_name(v->kind));
	cedar_entities_begin(s);
	TRY(add_all(s, v, schema, scratch, d));
	TRY(cedar_entities_commit(s, d));
	if (!schema)
		return OK;
	/* actions are judged by the hierarchy as it was supplied, before the schema's own come in */
	TRY(check_actions(s, v, schema, scratch, d));
	cedar_entities_begin(s);
	TRY(add_actions(s, schema, scratch, d));
	return cedar_entities_commit(s, d);
}

status
cedar_entities_parse(struct cedar_entities *s, span text, const struct cedar_schema *schema, struct cedar_diag *d)
{
	struct arena a;
	const struct json *v;
	arena_init(&a, SIZE_MAX / 2);
	status st = cedar_json_parse(text, 256u << 20, &a, &v, d);
	if (!failed(st))
		st = cedar_entities_from_json(s, v, schema, &a, d);
	if (failed(st))
		cedar_json_locate(d, text);
	arena_fini(&a);
	return st;
}

/* ---- writing ---- */

static int
name_cmp(const void *a, const void *b)
{
	const struct cedar_entity *x = *(const struct cedar_entity *const *)a, *y = *(const struct cedar_entity *const *)b;
	int c = span_cmp(x->uid->type.text, y->uid->type.text);
	return c ? c : span_cmp(x->uid->id, y->uid->id);
}

static void
entity_to_json(const struct cedar_entity *e, struct json_writer *w)
{
	json_w_obj(w);
	json_w_key(w, SPAN("uid"));
	cedar_uid_to_json(w, e->uid);
	json_w_key(w, SPAN("attrs"));
	cedar_value_to_json(w, cedar_record_value(e->attrs));
	json_w_karr(w, "parents");
	for (uint32_t i = 0; i < e->parent_n; i++)
		cedar_uid_to_json(w, e->parents[i]);
	json_w_arr_end(w);
	if (e->tags->n) {
		json_w_key(w, SPAN("tags"));
		cedar_value_to_json(w, cedar_record_value(e->tags));
	}
	json_w_obj_end(w);
}

status
cedar_entities_to_json(const struct cedar_entities *s, struct json_writer *w)
{
	size_t n = 0, pos = 0;
	const struct cedar_entity **list = calloc(cedar_entities_count(s) + 1, sizeof *list), *e;
	ENSURE(list, E_NO_MEMORY);
	while ((e = cedar_entities_next(s, &pos)))
		list[n++] = e;
	qsort(list, n, sizeof *list, name_cmp);
	json_w_arr(w);
	for (size_t i = 0; i < n; i++)
		entity_to_json(list[i], w);
	json_w_arr_end(w);
	free(list);
	return OK;
}
