/* Names to things: finds what every name in the declarations means, checks the rules that no single declaration shows
 * (shadowing, cycles, undeclared names), and builds the immutable tables. */
#include "cedar/schema_priv.h"
#include "cedar/suggest.h"
#include "base/map.h"

#include <stdio.h>
#include <stdlib.h>

/* Steps all closures together may take: ancestors of types and actions. Far above any honest schema. */
#define CLOSURE_STEPS ((size_t)8 << 20)

struct def_type {
	span full;
	const struct raw_namespace *ns;
	const struct raw_entity *raw;      /* NULL: made by declaring actions */
	struct cedar_entity_type *type;
};

struct def_common {
	span full;
	const struct raw_namespace *ns;
	const struct raw_common *raw;
	const struct cedar_type *type;     /* once resolved */
	bool busy;                         /* being resolved: meeting it again is a cycle */
};

struct def_action {
	span type, id;
	const struct raw_namespace *ns;
	const struct raw_action *raw;
	struct cedar_action *action;
};

struct interned {
	struct map_node node;
	const struct cedar_type *type;
};

struct resolver {
	struct cedar_schema *s;
	struct raw_schema *raw;
	struct arena *arena;
	struct def_type *types;
	struct def_common *commons;
	struct def_action *actions;
	size_t n_types, n_commons, n_actions;
	struct map interned;
	struct buf name;                   /* scratch for qualified names */
	size_t steps;
};

static span
S_qualify(struct resolver *r, span ns, const char *base, span base_span)
{
	span b = base ? span_str(base) : base_span;
	if (span_empty(ns))
		return b;
	uint8_t *p = arena_alloc(r->arena, ns.n + 2 + b.n);
	if (!p)
		return (span){ 0 };
	memcpy(p, ns.p, ns.n);
	memcpy(p + ns.n, "::", 2);
	memcpy(p + ns.n + 2, b.p, b.n);
	return span_make(p, ns.n + 2 + b.n);
}

static bool
S_qualified(span name)
{
	for (size_t i = 0; i + 1 < name.n; i++)
		if (name.p[i] == ':')
			return true;
	return false;
}

/* ---- collecting ---- */

static int
S_cmp_types(const void *a, const void *b)
{
	return span_cmp(((const struct def_type *)a)->full, ((const struct def_type *)b)->full);
}

static int
S_cmp_commons(const void *a, const void *b)
{
	return span_cmp(((const struct def_common *)a)->full, ((const struct def_common *)b)->full);
}

static int
S_cmp_actions(const void *a, const void *b)
{
	const struct def_action *x = a, *y = b;
	int c = span_cmp(x->type, y->type);
	return c ? c : span_cmp(x->id, y->id);
}

static status
S_collect(struct resolver *r)
{
	size_t types = 0, commons = 0, actions = 0;
	for (struct raw_namespace *n = r->raw->namespaces; n; n = n->next) {
		types += n->actions != NULL;
		for (struct raw_entity *e = n->entities; e; e = e->next)
			types++;
		for (struct raw_common *c = n->commons; c; c = c->next)
			commons++;
		for (struct raw_action *a = n->actions; a; a = a->next)
			actions++;
	}
	r->types = arena_array(r->arena, types + 1, sizeof *r->types);
	r->commons = arena_array(r->arena, commons + 1, sizeof *r->commons);
	r->actions = arena_array(r->arena, actions + 1, sizeof *r->actions);
	if (!r->types || !r->commons || !r->actions)
		return raw_oom(r->raw);
	for (struct raw_namespace *n = r->raw->namespaces; n; n = n->next) {
		for (struct raw_entity *e = n->entities; e; e = e->next)
			r->types[r->n_types++] = (struct def_type){ .full = S_qualify(r, n->name, NULL, e->name), .ns = n, .raw = e };
		for (struct raw_common *c = n->commons; c; c = c->next)
			r->commons[r->n_commons++] = (struct def_common){ .full = S_qualify(r, n->name, NULL, c->name), .ns = n, .raw = c };
		if (!n->actions)
			continue;
		span type = S_qualify(r, n->name, "Action", (span){ 0 });
		r->types[r->n_types++] = (struct def_type){ .full = type, .ns = n };
		for (struct raw_action *a = n->actions; a; a = a->next)
			r->actions[r->n_actions++] = (struct def_action){ .type = type, .id = a->id, .ns = n, .raw = a };
	}
	if (!arena_ok(r->arena))
		return raw_oom(r->raw);
	qsort(r->types, r->n_types, sizeof *r->types, S_cmp_types);
	qsort(r->commons, r->n_commons, sizeof *r->commons, S_cmp_commons);
	qsort(r->actions, r->n_actions, sizeof *r->actions, S_cmp_actions);
	return OK;
}

static status
S_no_duplicates(struct resolver *r)
{
	for (size_t i = 0; i < r->n_types; i++) {
		const struct def_type *t = &r->types[i];
		if (t->raw && span_is(t->raw->name, "Action"))
			return raw_fail(r->raw, t->raw->at, "actions are declared with `action`",
			                "an entity type may not be named `Action`");
		if (i > 0 && span_eq(t[-1].full, t->full))
			return raw_fail(r->raw, t->raw ? t->raw->at : t[-1].raw->at, NULL,
			                "entity type `%.*s` is declared twice", SPAN_ARG(t->full));
	}
	for (size_t i = 1; i < r->n_commons; i++)
		if (span_eq(r->commons[i - 1].full, r->commons[i].full))
			return raw_fail(r->raw, r->commons[i].raw->at, NULL, "type `%.*s` is declared twice",
			                SPAN_ARG(r->commons[i].full));
	for (size_t i = 1; i < r->n_actions; i++)
		if (S_cmp_actions(&r->actions[i - 1], &r->actions[i]) == 0)
			return raw_fail(r->raw, r->actions[i].raw->at, NULL, "action `%.*s` is declared twice",
			                SPAN_ARG(r->actions[i].id));
	return OK;
}

static struct def_type *
S_type_exact(const struct resolver *r, span full)
{
	struct def_type key = { .full = full };
	return r->n_types ? bsearch(&key, r->types, r->n_types, sizeof key, S_cmp_types) : NULL;
}

static struct def_common *
S_common_exact(const struct resolver *r, span full)
{
	struct def_common key = { .full = full };
	return r->n_commons ? bsearch(&key, r->commons, r->n_commons, sizeof key, S_cmp_commons) : NULL;
}

static struct def_action *
S_action_exact(const struct resolver *r, span type, span id)
{
	struct def_action key = { .type = type, .id = id };
	return r->n_actions ? bsearch(&key, r->actions, r->n_actions, sizeof key, S_cmp_actions) : NULL;
}

static status
S_shadow(struct resolver *r, span base, span full, uint32_t at)
{
	const struct def_type *t = S_type_exact(r, base);
	if ((t && t->raw) || S_common_exact(r, base))
		return raw_fail(r->raw, at, "rename one of them, or move the outer one into a namespace",
		                "`%.*s` would shadow `%.*s` of the empty namespace", SPAN_ARG(full), SPAN_ARG(base));
	return OK;
}

/* RFC 70: what the empty namespace declares means the same everywhere. */
static status
S_no_shadowing(struct resolver *r)
{
	for (size_t i = 0; i < r->n_types; i++)
		if (r->types[i].raw && !span_empty(r->types[i].ns->name))
			TRY(S_shadow(r, r->types[i].raw->name, r->types[i].full, r->types[i].raw->at));
	for (size_t i = 0; i < r->n_commons; i++)
		if (!span_empty(r->commons[i].ns->name))
			TRY(S_shadow(r, r->commons[i].raw->name, r->commons[i].full, r->commons[i].raw->at));
	for (size_t i = 0; i < r->n_actions; i++)
		if (!span_empty(r->actions[i].ns->name) && S_action_exact(r, SPAN("Action"), r->actions[i].id))
			return raw_fail(r->raw, r->actions[i].raw->at, "rename one of them, or move the outer one into a namespace",
			                "action `%.*s` would shadow the one of the empty namespace", SPAN_ARG(r->actions[i].id));
	return OK;
}

/* ---- types ---- */

static uint64_t
S_type_hash(const struct resolver *r, const struct cedar_type *t)
{
	uint64_t h = map_hash_u64(&r->interned, (uint64_t)t->kind << 32 | t->n);
	if (t->kind == CEDAR_TYPE_SET)
		return h ^ map_hash_u64(&r->interned, (uint64_t)(uintptr_t)t->elem);
	if (t->kind == CEDAR_TYPE_RECORD)
		for (uint32_t i = 0; i < t->n; i++)
			h = map_hash_u64(&r->interned, h ^ map_hash_bytes(&r->interned, t->attrs[i].name) ^
			                 (uint64_t)(uintptr_t)t->attrs[i].type ^ t->attrs[i].required);
	return h;
}

static bool
S_type_same(const struct map_node *n, const void *key)
{
	const struct cedar_type *a = container_of(n, struct interned, node)->type, *b = key;
	if (a->kind != b->kind || a->n != b->n)
		return false;
	if (a->kind == CEDAR_TYPE_SET)
		return a->elem == b->elem;
	for (uint32_t i = 0; i < a->n; i++)
		if (!span_eq(a->attrs[i].name, b->attrs[i].name) || a->attrs[i].type != b->attrs[i].type ||
		    a->attrs[i].required != b->attrs[i].required)
			return false;
	return true;
}

/* The one type equal to *t, whose parts are interned already. */
static status
S_intern(struct resolver *r, struct cedar_type *t, const struct cedar_type **ret)
{
	uint64_t h = S_type_hash(r, t);
	struct map_node *found = map_find(&r->interned, h, S_type_same, t);
	if (found) {
		*ret = container_of(found, struct interned, node)->type;
		return OK;
	}
	struct interned *in = ARENA_NEW(r->arena, struct interned);
	struct cedar_type *copy = ARENA_NEW(r->arena, struct cedar_type);
	if (!in || !copy)
		return raw_oom(r->raw);
	*copy = *t;
	copy->shared = true;
	in->type = copy;
	TRY(map_add(&r->interned, h, &in->node));
	*ret = copy;
	return OK;
}

static bool
S_builtin(span name, const struct cedar_type **ret)
{
	if (span_starts(name, SPAN("__cedar::")))
		name = span_sub(name, 9, name.n);
	enum cedar_type_kind k;
	if (span_is(name, "Long"))
		k = CEDAR_TYPE_LONG;
	else if (span_is(name, "String"))
		k = CEDAR_TYPE_STRING;
	else if (span_is(name, "Bool"))
		k = CEDAR_TYPE_BOOL;
	else if (!cedar_type_ext_from_name(name, &k))
		return false;
	*ret = cedar_type_basic(k);
	return true;
}

static status S_resolve_type(struct resolver *, const struct raw_namespace *, const struct raw_type *, unsigned depth,
                             const struct cedar_type **);

static status
S_resolve_common(struct resolver *r, struct def_common *c, uint32_t at, unsigned depth, const struct cedar_type **ret)
{
	if (c->busy)
		return raw_fail(r->raw, at, NULL, "type `%.*s` is defined by itself", SPAN_ARG(c->full));
	if (!c->type) {
		c->busy = true;
		status st = S_resolve_type(r, c->ns, c->raw->type, depth + 1, &c->type);
		c->busy = false;
		TRY(st);
	}
	*ret = c->type;
	return OK;
}

static status
S_unresolved(struct resolver *r, span name, uint32_t at)
{
	struct cedar_suggest best = cedar_suggest_make(name);
	static const char *const builtins[] = { "Long", "String", "Bool", "ipaddr", "decimal", "datetime", "duration", "Set" };
	if (span_is(name, "Boolean"))
		best.best = SPAN("Bool");
	for (size_t i = 0; i < ARRAY_LEN(builtins); i++)
		cedar_suggest_offer(&best, span_str(builtins[i]));
	for (size_t i = 0; i < r->n_types; i++)
		cedar_suggest_offer(&best, r->types[i].full);
	for (size_t i = 0; i < r->n_commons; i++)
		cedar_suggest_offer(&best, r->commons[i].full);
	char hint[160];
	cedar_suggest_hint(&best, hint, sizeof hint);
	if (S_type_exact(r, name))
		snprintf(hint, sizeof hint, "`%.*s` is an entity type; here a common type is wanted", SPAN_ARG(name));
	return raw_fail(r->raw, at, hint, "undeclared type `%.*s`", SPAN_ARG(name));
}

/* Looks one full name up as the kind of reference allows. *ret stays NULL when nothing has that name. */
static status
S_lookup(struct resolver *r, enum raw_type_kind kind, span full, uint32_t at, unsigned depth, const struct cedar_type **ret)
{
	struct def_common *c = kind == RAW_ENTITY ? NULL : S_common_exact(r, full);
	if (c)
		return S_resolve_common(r, c, at, depth, ret);
	const struct def_type *t = kind == RAW_COMMON ? NULL : S_type_exact(r, full);
	if (t)
		*ret = t->type->type;
	return OK;
}

static span
S_in_namespace(struct resolver *r, const struct raw_namespace *ns, span name)
{
	buf_reset(&r->name);
	buf_put(&r->name, ns->name);
	buf_put_str(&r->name, "::");
	buf_put(&r->name, name);
	return buf_span(&r->name);
}

static status
S_resolve_name(struct resolver *r, const struct raw_namespace *ns, const struct raw_type *t, unsigned depth,
               const struct cedar_type **ret)
{
	const struct cedar_type *found = NULL;
	if (!S_qualified(t->name) && !span_empty(ns->name)) {
		span full = S_in_namespace(r, ns, t->name);
		TRY(buf_finish(&r->name));
		TRY(S_lookup(r, t->kind, full, t->at, depth, &found));
	}
	if (!found)
		TRY(S_lookup(r, t->kind, t->name, t->at, depth, &found));
	if (!found && t->kind != RAW_ENTITY)
		S_builtin(t->name, &found);
	if (!found)
		return S_unresolved(r, t->name, t->at);
	*ret = found;
	return OK;
}

static int
S_cmp_attrs(const void *a, const void *b)
{
	return span_cmp(((const struct cedar_attr *)a)->name, ((const struct cedar_attr *)b)->name);
}

static status
S_resolve_record(struct resolver *r, const struct raw_namespace *ns, const struct raw_type *raw, unsigned depth,
                 const struct cedar_type **ret)
{
	uint32_t n = 0;
	for (struct raw_attr *a = raw->attrs; a; a = a->next)
		n++;
	struct cedar_attr *attrs = arena_array(r->arena, n + 1, sizeof *attrs);
	if (!attrs)
		return raw_oom(r->raw);
	n = 0;
	unsigned deepest = 0;
	for (struct raw_attr *a = raw->attrs; a; a = a->next) {
		const struct cedar_type *t;
		TRY(S_resolve_type(r, ns, a->type, depth + 1, &t));
		deepest = t->depth > deepest ? t->depth : deepest;
		attrs[n++] = (struct cedar_attr){ a->name, t, a->required };
	}
	qsort(attrs, n, sizeof *attrs, S_cmp_attrs);
	struct cedar_type t = { .kind = CEDAR_TYPE_RECORD, .n = n, .attrs = attrs, .depth = (uint16_t)(deepest + 1) };
	return S_intern(r, &t, ret);
}

static status
S_resolve_type(struct resolver *r, const struct raw_namespace *ns, const struct raw_type *raw, unsigned depth,
               const struct cedar_type **ret)
{
	/* bounds the stack here; the depth of what results bounds every later walk */
	if (depth > 4 * CEDAR_SCHEMA_DEPTH)
		return raw_fail(r->raw, raw->at, NULL, "types refer to one another more than %d deep", 4 * CEDAR_SCHEMA_DEPTH);
	const struct cedar_type *t = NULL;
	switch (raw->kind) {
	case RAW_BASIC:
		t = raw->basic;
		break;
	case RAW_SET: {
		const struct cedar_type *elem;
		TRY(S_resolve_type(r, ns, raw->elem, depth + 1, &elem));
		struct cedar_type set = { .kind = CEDAR_TYPE_SET, .elem = elem, .depth = (uint16_t)(elem->depth + 1) };
		TRY(S_intern(r, &set, &t));
		break;
	}
	case RAW_RECORD:
		TRY(S_resolve_record(r, ns, raw, depth, &t));
		break;
	case RAW_NAME: case RAW_COMMON: case RAW_ENTITY:
		TRY(S_resolve_name(r, ns, raw, depth, &t));
		break;
	}
	if (t->depth > CEDAR_SCHEMA_DEPTH)
		return raw_fail(r->raw, raw->at, NULL, "a type is more than %d deep", CEDAR_SCHEMA_DEPTH);
	*ret = t;
	return OK;
}

/* A reference to a declared entity type, not to `Action`. */
static status
S_resolve_entity_ref(struct resolver *r, const struct raw_namespace *ns, const struct raw_ref *ref,
                     const struct cedar_entity_type **ret)
{
	struct raw_type t = { .kind = RAW_ENTITY, .at = ref->at, .name = ref->type };
	const struct cedar_type *found;
	TRY(S_resolve_name(r, ns, &t, 0, &found));
	if (found->ents[0]->is_action)
		return raw_fail(r->raw, ref->at, NULL, "undeclared entity type `%.*s`", SPAN_ARG(ref->type));
	*ret = found->ents[0];
	return OK;
}

/* ---- entity types ---- */

static int
S_cmp_spans(const void *a, const void *b)
{
	return span_cmp(*(const span *)a, *(const span *)b);
}

static int
S_cmp_index(const void *a, const void *b)
{
	uint32_t x = (*(const struct cedar_entity_type *const *)a)->index;
	uint32_t y = (*(const struct cedar_entity_type *const *)b)->index;
	return (x > y) - (x < y);
}

/* Sorts by index and drops duplicates; gives what is left. */
static uint32_t
S_unique_types(const struct cedar_entity_type **list, uint32_t n)
{
	qsort(list, n, sizeof *list, S_cmp_index);
	uint32_t kept = 0;
	for (uint32_t i = 0; i < n; i++)
		if (kept == 0 || list[kept - 1] != list[i])
			list[kept++] = list[i];
	return kept;
}

static status
S_resolve_type_list(struct resolver *r, const struct raw_namespace *ns, const struct raw_ref *refs,
                    const struct cedar_entity_type *const **ret, uint32_t *ret_n)
{
	uint32_t n = 0;
	for (const struct raw_ref *f = refs; f; f = f->next)
		n++;
	const struct cedar_entity_type **list = arena_array(r->arena, n + 1, sizeof *list);
	if (!list)
		return raw_oom(r->raw);
	n = 0;
	for (const struct raw_ref *f = refs; f; f = f->next)
		TRY(S_resolve_entity_ref(r, ns, f, &list[n++]));
	*ret_n = S_unique_types(list, n);
	*ret = list;
	return OK;
}

/* Makes the objects first, so that types may refer to them in any order. */
static status
S_make_types(struct resolver *r)
{
	struct cedar_schema *s = r->s;
	s->n_types = r->n_types;
	s->types = arena_array(r->arena, r->n_types + 1, sizeof *s->types);
	if (!s->types)
		return raw_oom(r->raw);
	for (size_t i = 0; i < r->n_types; i++) {
		struct cedar_entity_type *e = ARENA_NEW(r->arena, struct cedar_entity_type);
		struct cedar_type *t = ARENA_NEW(r->arena, struct cedar_type);
		const struct cedar_entity_type **one = arena_array(r->arena, 1, sizeof *one);
		if (!e || !t || !one)
			return raw_oom(r->raw);
		*one = e;
		*t = (struct cedar_type){ .kind = CEDAR_TYPE_ENTITY, .shared = true, .n = 1, .ents = one, .depth = 1 };
		*e = (struct cedar_entity_type){ .name = r->types[i].full, .index = (uint32_t)i, .type = t,
		                                 .is_action = !r->types[i].raw, .is_enum = r->types[i].raw && r->types[i].raw->is_enum };
		r->types[i].type = e;
		s->types[i] = e;
	}
	return OK;
}

static status
S_fill_type(struct resolver *r, struct def_type *d, const struct cedar_entity_type *const **parents, uint32_t *n_parents)
{
	struct cedar_entity_type *e = d->type;
	if (!d->raw)
		return OK;
	uint32_t n = 0;
	for (struct raw_ref *f = d->raw->ids; f; f = f->next)
		n++;
	span *ids = arena_array(r->arena, n + 1, sizeof *ids);
	if (!ids)
		return raw_oom(r->raw);
	for (struct raw_ref *f = d->raw->ids; f; f = f->next)
		ids[e->n_ids++] = f->id;
	qsort(ids, n, sizeof *ids, S_cmp_spans);
	e->ids = ids;
	TRY(S_resolve_type_list(r, d->ns, d->raw->parents, parents, n_parents));
	if (d->raw->shape) {
		const struct cedar_type *shape;
		TRY(S_resolve_type(r, d->ns, d->raw->shape, 0, &shape));
		if (shape->kind != CEDAR_TYPE_RECORD)
			return raw_fail(r->raw, d->raw->shape->at, NULL, "the shape of entity type `%.*s` is not a record",
			                SPAN_ARG(e->name));
		e->attrs = shape->attrs;
		e->n_attrs = shape->n;
	}
	if (d->raw->tags)
		TRY(S_resolve_type(r, d->ns, d->raw->tags, 0, &e->tags));
	return OK;
}

/* Everything above t, through `parents` (by index). `seen` holds the index of the last start plus one. */
static status
S_close_type(struct resolver *r, struct cedar_entity_type *t, const struct cedar_entity_type *const **parents,
             const uint32_t *n_parents, uint32_t *seen, const struct cedar_entity_type **stack)
{
	uint32_t n = 0;
	for (uint32_t done = 0, at = t->index;; done++) {
		for (uint32_t i = 0; i < n_parents[at]; i++) {
			const struct cedar_entity_type *p = parents[at][i];
			ENSURE(r->steps++ < CLOSURE_STEPS, E_LIMIT);
			if (seen[p->index] == t->index + 1)
				continue;
			seen[p->index] = t->index + 1;
			stack[n++] = p;
		}
		if (done == n)
			break;
		at = stack[done]->index;
	}
	const struct cedar_entity_type **list = arena_array(r->arena, n ? n : 1, sizeof *list);
	if (!list)
		return raw_oom(r->raw);
	if (n)
		memcpy(list, stack, n * sizeof *list);
	qsort(list, n, sizeof *list, S_cmp_index);
	t->ancestors = list;
	t->n_ancestors = n;
	return OK;
}

static status
S_fill_types(struct resolver *r)
{
	const struct cedar_entity_type *const **parents = arena_array(r->arena, r->n_types + 1, sizeof *parents);
	uint32_t *n_parents = arena_array(r->arena, r->n_types + 1, sizeof *n_parents);
	uint32_t *seen = arena_array(r->arena, r->n_types + 1, sizeof *seen);
	const struct cedar_entity_type **stack = arena_array(r->arena, r->n_types + 1, sizeof *stack);
	if (!parents || !n_parents || !seen || !stack)
		return raw_oom(r->raw);
	for (size_t i = 0; i < r->n_types; i++)
		TRY(S_fill_type(r, &r->types[i], &parents[i], &n_parents[i]));
	for (size_t i = 0; i < r->n_types; i++)
		TRY(S_close_type(r, r->types[i].type, parents, n_parents, seen, stack));
	return OK;
}

/* ---- actions ---- */

static status
S_resolve_action_ref(struct resolver *r, const struct raw_namespace *ns, const struct raw_ref *f,
                     const struct cedar_action **ret)
{
	span type = span_empty(f->type) ? SPAN("Action") : f->type;
	const struct def_action *d = NULL;
	if (!S_qualified(type) && !span_empty(ns->name)) {
		span full = S_in_namespace(r, ns, type);
		TRY(buf_finish(&r->name));
		d = S_action_exact(r, full, f->id);
	}
	if (!d)
		d = S_action_exact(r, type, f->id);
	if (!d) {
		struct cedar_suggest best = cedar_suggest_make(f->id);
		for (size_t i = 0; i < r->n_actions; i++)
			cedar_suggest_offer(&best, r->actions[i].id);
		char hint[160];
		return raw_fail(r->raw, f->at, cedar_suggest_hint(&best, hint, sizeof hint),
		                "undeclared action `%.*s::\"%.*s\"`", SPAN_ARG(type), SPAN_ARG(f->id));
	}
	*ret = d->action;
	return OK;
}

static status
S_make_actions(struct resolver *r)
{
	struct cedar_schema *s = r->s;
	s->n_actions = r->n_actions;
	s->actions = arena_array(r->arena, r->n_actions + 1, sizeof *s->actions);
	if (!s->actions)
		return raw_oom(r->raw);
	for (size_t i = 0; i < r->n_actions; i++) {
		struct cedar_action *a = ARENA_NEW(r->arena, struct cedar_action);
		if (!a)
			return raw_oom(r->raw);
		a->type = S_type_exact(r, r->actions[i].type)->type;
		a->id = r->actions[i].id;
		a->index = (uint32_t)i;
		r->actions[i].action = a;
		s->actions[i] = a;
	}
	return OK;
}

static status
S_fill_action(struct resolver *r, struct def_action *d)
{
	struct cedar_action *a = d->action;
	a->applies = d->raw->applies;
	TRY(S_resolve_type_list(r, d->ns, d->raw->principals, &a->principals, &a->n_principals));
	TRY(S_resolve_type_list(r, d->ns, d->raw->resources, &a->resources, &a->n_resources));
	if (d->raw->context) {
		TRY(S_resolve_type(r, d->ns, d->raw->context, 0, &a->context));
		if (a->context->kind != CEDAR_TYPE_RECORD)
			return raw_fail(r->raw, d->raw->context->at, NULL, "the context of action `%.*s` is not a record",
			                SPAN_ARG(a->id));
	} else {
		struct cedar_type empty = { .kind = CEDAR_TYPE_RECORD, .depth = 1 };
		TRY(S_intern(r, &empty, &a->context));
	}
	uint32_t n = 0;
	for (struct raw_ref *f = d->raw->parents; f; f = f->next)
		n++;
	const struct cedar_action **parents = arena_array(r->arena, n ? n : 1, sizeof *parents);
	if (!parents)
		return raw_oom(r->raw);
	n = 0;
	for (struct raw_ref *f = d->raw->parents; f; f = f->next)
		TRY(S_resolve_action_ref(r, d->ns, f, &parents[n++]));
	a->parents = parents;
	a->n_parents = n;
	return OK;
}

static int
S_cmp_action_index(const void *a, const void *b)
{
	uint32_t x = (*(const struct cedar_action *const *)a)->index;
	uint32_t y = (*(const struct cedar_action *const *)b)->index;
	return (x > y) - (x < y);
}

static status
S_close_action(struct resolver *r, struct def_action *d, uint32_t *seen, const struct cedar_action **stack)
{
	struct cedar_action *a = d->action;
	uint32_t n = 0;
	const struct cedar_action *at = a;
	for (uint32_t done = 0;; done++) {
		for (uint32_t i = 0; i < at->n_parents; i++) {
			const struct cedar_action *p = at->parents[i];
			ENSURE(r->steps++ < CLOSURE_STEPS, E_LIMIT);
			if (p == a)
				return raw_fail(r->raw, d->raw->at, NULL, "action `%.*s` is in itself", SPAN_ARG(a->id));
			if (seen[p->index] == a->index + 1)
				continue;
			seen[p->index] = a->index + 1;
			stack[n++] = p;
		}
		if (done == n)
			break;
		at = stack[done];
	}
	const struct cedar_action **list = arena_array(r->arena, n ? n : 1, sizeof *list);
	if (!list)
		return raw_oom(r->raw);
	if (n)
		memcpy(list, stack, n * sizeof *list);
	qsort(list, n, sizeof *list, S_cmp_action_index);
	a->ancestors = list;
	a->n_ancestors = n;
	return OK;
}

static status
S_fill_actions(struct resolver *r)
{
	uint32_t *seen = arena_array(r->arena, r->n_actions + 1, sizeof *seen);
	const struct cedar_action **stack = arena_array(r->arena, r->n_actions + 1, sizeof *stack);
	if (!seen || !stack)
		return raw_oom(r->raw);
	for (size_t i = 0; i < r->n_actions; i++)
		TRY(S_fill_action(r, &r->actions[i]));
	for (size_t i = 0; i < r->n_actions; i++)
		TRY(S_close_action(r, &r->actions[i], seen, stack));
	return OK;
}

static status
S_resolve(struct resolver *r)
{
	TRY(S_collect(r));
	TRY(S_no_duplicates(r));
	TRY(S_no_shadowing(r));
	TRY(S_make_types(r));
	TRY(S_make_actions(r));
	for (size_t i = 0; i < r->n_commons; i++) {
		const struct cedar_type *t;
		TRY(S_resolve_common(r, &r->commons[i], r->commons[i].raw->at, 0, &t));
	}
	span *commons = arena_array(r->arena, r->n_commons + 1, sizeof *commons);
	if (!commons)
		return raw_oom(r->raw);
	for (size_t i = 0; i < r->n_commons; i++)
		commons[i] = r->commons[i].full;
	r->s->commons = commons;
	r->s->n_commons = r->n_commons;
	TRY(S_fill_types(r));
	return S_fill_actions(r);
}

status
cedar_schema_resolve(struct cedar_schema *s)
{
	struct resolver r = { .s = s, .raw = &s->raw, .arena = &s->arena };
	map_init(&r.interned, (uintptr_t)s, 0x63656461725f7479);
	buf_init(&r.name, CEDAR_SCHEMA_MAX * 2 + 2);
	status st = S_resolve(&r);
	map_fini(&r.interned);
	buf_fini(&r.name);
	return st;
}
