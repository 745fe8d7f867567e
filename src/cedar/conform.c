#include "cedar/conform.h"

#include <stdarg.h>
#include <stdio.h>

static status __attribute__((format(printf, 2, 3)))
S_bad(struct cedar_diag *d, const char *fmt, ...)
{
	char text[240];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return cedar_diag_set(d, E_BAD_ENTITY, (struct cedar_pos){ 0 }, NULL, "%s", text);
}

/* Names of a person's making may be long; a message shows the start. */
static span
S_cut(span s)
{
	return span_sub(s, 0, 64);
}

/* ---- values ---- */

struct conform {
	const struct cedar_schema *schema;
	struct cedar_diag *diag;
	span name;
};

static const char *
S_kind_of_type(const struct cedar_type *t)
{
	return t->kind == CEDAR_TYPE_ENTITY ? "an entity" : cedar_type_name(t->kind);
}

static status
S_mismatch(const struct conform *c, const struct cedar_type *t, struct cedar_value v)
{
	return S_bad(c->diag, "`%.*s` must be of type %s, and is %s", SPAN_ARG(S_cut(c->name)), S_kind_of_type(t),
	             cedar_kind_name(v.kind));
}

/* A name that is used must be possible: of an enumerated type one of its ids, of an action a declared one. */
static status
S_uid(const struct conform *c, const struct cedar_entity_type *t, const struct cedar_uid *u)
{
	if (!cedar_entity_type_has_id(t, u->id))
		return S_bad(c->diag, "`%.*s`: enumerated type `%.*s` has no \"%.*s\"", SPAN_ARG(S_cut(c->name)),
		             SPAN_ARG(S_cut(t->name)), SPAN_ARG(S_cut(u->id)));
	if (t->is_action && !cedar_schema_action(c->schema, t->name, u->id))
		return S_bad(c->diag, "`%.*s`: action \"%.*s\" is not declared", SPAN_ARG(S_cut(c->name)), SPAN_ARG(S_cut(u->id)));
	return OK;
}

static status
S_entity(const struct conform *c, const struct cedar_type *t, struct cedar_value v)
{
	if (v.kind != CEDAR_ENTITY)
		return S_mismatch(c, t, v);
	for (uint32_t i = 0; i < t->n; i++)
		if (span_eq(t->ents[i]->name, v.uid->type.text))
			return S_uid(c, t->ents[i], v.uid);
	return S_bad(c->diag, "`%.*s` must be an entity of type `%.*s`, and is of type `%.*s`", SPAN_ARG(S_cut(c->name)),
	             SPAN_ARG(S_cut(t->n ? t->ents[0]->name : SPAN("?"))), SPAN_ARG(S_cut(v.uid->type.text)));
}

static status S_value(const struct conform *c, const struct cedar_type *t, struct cedar_value v);

static status
S_attrs(const struct conform *c, const struct cedar_attr *attrs, uint32_t n, const struct cedar_record *r)
{
	for (uint32_t i = 0; i < n; i++)
		if (attrs[i].required && !cedar_record_get(r, attrs[i].name))
			return S_bad(c->diag, "`%.*s` lacks attribute `%.*s`", SPAN_ARG(S_cut(c->name)), SPAN_ARG(S_cut(attrs[i].name)));
	for (uint32_t i = 0; i < r->n; i++) {
		span key = span_make(r->members[i].key, r->members[i].key_n);
		const struct cedar_attr *a = cedar_attr_find(attrs, n, key);
		if (!a)
			return S_bad(c->diag, "`%.*s` has attribute `%.*s`, which is not declared", SPAN_ARG(S_cut(c->name)), SPAN_ARG(S_cut(key)));
		struct conform inner = { c->schema, c->diag, key };
		TRY(S_value(&inner, a->type, r->members[i].value));
	}
	return OK;
}

/* Bounded by the depth of the type. */
static status
S_value(const struct conform *c, const struct cedar_type *t, struct cedar_value v)
{
	static const uint8_t kinds[] = {
		[CEDAR_TYPE_TRUE] = CEDAR_BOOL, [CEDAR_TYPE_FALSE] = CEDAR_BOOL, [CEDAR_TYPE_BOOL] = CEDAR_BOOL,
		[CEDAR_TYPE_LONG] = CEDAR_LONG, [CEDAR_TYPE_STRING] = CEDAR_STRING, [CEDAR_TYPE_SET] = CEDAR_SET,
		[CEDAR_TYPE_RECORD] = CEDAR_RECORD, [CEDAR_TYPE_DECIMAL] = CEDAR_DECIMAL, [CEDAR_TYPE_IPADDR] = CEDAR_IP,
		[CEDAR_TYPE_DATETIME] = CEDAR_DATETIME, [CEDAR_TYPE_DURATION] = CEDAR_DURATION, [CEDAR_TYPE_NEVER] = CEDAR_NONE,
	};
	if (t->kind == CEDAR_TYPE_ENTITY)
		return S_entity(c, t, v);
	if (v.kind != kinds[t->kind] || v.kind == CEDAR_NONE)
		return S_mismatch(c, t, v);
	if (t->kind == CEDAR_TYPE_RECORD)
		return S_attrs(c, t->attrs, t->n, v.record);
	for (uint32_t i = 0; t->kind == CEDAR_TYPE_SET && i < v.set->n; i++)
		TRY(S_value(c, t->elem, v.set->items[i]));
	return OK;
}

status
cedar_value_conforms(const struct cedar_schema *s, const struct cedar_type *t, struct cedar_value v, span name,
                     struct cedar_diag *d)
{
	struct conform c = { s, d, name };
	return S_value(&c, t, v);
}

/* ---- entities ---- */

/* As declared: the same actions above it, however many of them are named directly; no data. */
static status
S_action(const struct cedar_schema *s, const struct cedar_entity *e, struct cedar_diag *d)
{
	const struct cedar_action *a = cedar_schema_action(s, e->uid->type.text, e->uid->id);
	if (!a)
		return S_bad(d, "action `%.*s::\"%.*s\"` is not declared", SPAN_ARG(S_cut(e->uid->type.text)), SPAN_ARG(S_cut(e->uid->id)));
	bool same = e->attrs->n == 0 && e->tags->n == 0 && e->ancestor_n == a->n_ancestors;
	for (uint32_t i = 0; same && i < e->ancestor_n; i++) {
		const struct cedar_uid *u = e->ancestors[i].uid;
		const struct cedar_action *up = cedar_schema_action(s, u->type.text, u->id);
		same = up && up != a && cedar_action_in(a, up);
	}
	if (!same)
		return S_bad(d, "action `%.*s::\"%.*s\"` is not as declared", SPAN_ARG(S_cut(a->type->name)), SPAN_ARG(S_cut(a->id)));
	return OK;
}

/* One of the declared types above t; t itself only where the declaration says so. */
static bool
S_may_have_parent(const struct cedar_entity_type *t, span parent)
{
	for (uint32_t i = 0; i < t->n_ancestors; i++)
		if (span_eq(t->ancestors[i]->name, parent))
			return true;
	return false;
}

static status
S_parents(const struct conform *c, const struct cedar_entity_type *t, const struct cedar_entity *e)
{
	for (uint32_t i = 0; i < e->parent_n; i++) {
		const struct cedar_uid *p = e->parents[i];
		if (!S_may_have_parent(t, p->type.text))
			return S_bad(c->diag, "an entity of type `%.*s` may not be in one of type `%.*s`", SPAN_ARG(S_cut(t->name)),
			             SPAN_ARG(S_cut(p->type.text)));
		TRY(S_uid(c, cedar_schema_entity_type(c->schema, p->type.text), p));
	}
	return OK;
}

status
cedar_entity_conforms(const struct cedar_schema *s, const struct cedar_entity *e, struct cedar_diag *d)
{
	const struct cedar_entity_type *t = cedar_schema_entity_type(s, e->uid->type.text);
	struct conform c = { s, d, e->uid->id };
	if (span_is(e->uid->type.text, "Action") || span_ends(e->uid->type.text, SPAN("::Action")))
		return S_action(s, e, d);
	if (!t)
		return S_bad(d, "entity type `%.*s` is not declared", SPAN_ARG(S_cut(e->uid->type.text)));
	TRY(S_uid(&c, t, e->uid));
	TRY(S_attrs(&c, t->attrs, t->n_attrs, e->attrs));
	if (e->tags->n && !t->tags)
		return S_bad(d, "entities of type `%.*s` have no tags", SPAN_ARG(S_cut(t->name)));
	for (uint32_t i = 0; i < e->tags->n; i++) {
		struct conform tag = { s, d, span_make(e->tags->members[i].key, e->tags->members[i].key_n) };
		TRY(S_value(&tag, t->tags, e->tags->members[i].value));
	}
	return S_parents(&c, t, e);
}

status
cedar_entities_conform(const struct cedar_schema *s, const struct cedar_entities *all, struct cedar_diag *d)
{
	size_t pos = 0;
	for (const struct cedar_entity *e; (e = cedar_entities_next(all, &pos));)
		TRY(cedar_entity_conforms(s, e, d));
	return OK;
}

/* ---- requests ---- */

static status
S_applies(const struct cedar_schema *s, const char *what, const struct cedar_uid *u, const struct cedar_action *a,
          const struct cedar_entity_type *const *types, uint32_t n, struct cedar_diag *d)
{
	struct conform c = { s, d, span_str(what) };
	for (uint32_t i = 0; i < n; i++)
		if (span_eq(types[i]->name, u->type.text))
			return S_uid(&c, types[i], u);
	if (!cedar_schema_entity_type(s, u->type.text))
		return S_bad(d, "entity type `%.*s` of the %s is not declared", SPAN_ARG(S_cut(u->type.text)), what);
	return S_bad(d, "action \"%.*s\" does not apply to a %s of type `%.*s`", SPAN_ARG(S_cut(a->id)), what,
	             SPAN_ARG(S_cut(u->type.text)));
}

status
cedar_request_conforms(const struct cedar_schema *s, const struct cedar_request *r, struct cedar_diag *d)
{
	const struct cedar_action *a = cedar_schema_action(s, r->action->type.text, r->action->id);
	if (!a)
		return S_bad(d, "action `%.*s::\"%.*s\"` is not declared", SPAN_ARG(S_cut(r->action->type.text)),
		             SPAN_ARG(S_cut(r->action->id)));
	TRY(S_applies(s, "principal", r->principal, a, a->principals, a->n_principals, d));
	TRY(S_applies(s, "resource", r->resource, a, a->resources, a->n_resources, d));
	struct conform c = { s, d, SPAN("context") };
	return S_attrs(&c, a->context->attrs, a->context->n, r->context ? r->context : &cedar_record_empty);
}
