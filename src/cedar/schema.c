#include "cedar/schema.h"

#include "cedar/schema_priv.h"
#include "cedar/suggest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct cedar_schema *
cedar_schema_new(size_t arena_max)
{
	struct cedar_schema *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->refs = 1;
	arena_init(&s->arena, arena_max);
	s->raw.arena = &s->arena;
	s->raw.namespaces_end = &s->raw.namespaces;
	return s;
}

struct raw_schema *
cedar_schema_raw(struct cedar_schema *s)
{
	return &s->raw;
}

const struct raw_schema *
cedar_schema_raw_const(const struct cedar_schema *s)
{
	return &s->raw;
}

struct cedar_schema *
cedar_schema_ref(struct cedar_schema *s)
{
	__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

struct cedar_schema *
cedar_schema_unref(struct cedar_schema *s)
{
	if (s && __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		arena_fini(&s->arena);
		free(s);
	}
	return NULL;
}

void
cedar_schema_unrefp(struct cedar_schema **s)
{
	*s = cedar_schema_unref(*s);
}

static status
S_make(span text, struct cedar_diag *diag, status (*read)(struct raw_schema *, span), struct cedar_schema **ret)
{
	ENSURE(text.n <= CEDAR_SCHEMA_MAX, E_LIMIT);
	CLEANUP(cedar_schema_unrefp) struct cedar_schema *s = cedar_schema_new(text.n * 512 + ((size_t)16 << 20));
	ENSURE(s, E_NO_MEMORY);
	s->raw.text = text;
	s->raw.diag = diag;
	TRY(read(&s->raw, text));
	TRY(cedar_schema_resolve(s));
	/* the caller's text and diag are only for messages of this call */
	s->raw.text = (span){ 0 };
	s->raw.diag = NULL;
	*ret = TAKE(s);
	return OK;
}

status
cedar_schema_parse(span text, struct cedar_diag *diag, struct cedar_schema **ret)
{
	return S_make(text, diag, raw_parse_cedar, ret);
}

status
cedar_schema_parse_json(span json, struct cedar_diag *diag, struct cedar_schema **ret)
{
	return S_make(json, diag, raw_parse_json, ret);
}

status
raw_oom(const struct raw_schema *r)
{
	/* a refusal near the cap is the cap's: no single request is larger than this margin but for hostile lists */
	return r->arena->max - r->arena->used < ((size_t)1 << 20) ? FAIL(E_LIMIT) : FAIL(E_NO_MEMORY);
}

status
raw_fail(struct raw_schema *r, uint32_t at, const char *hint, const char *fmt, ...)
{
	char msg[240];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	struct cedar_pos pos = { at, 1, 1 };
	for (size_t i = 0; i < at && i < r->text.n; i++) {
		if (r->text.p[i] == '\n') {
			pos.line++;
			pos.col = 1;
		} else if ((r->text.p[i] & 0xC0) != 0x80) {
			pos.col++;
		}
	}
	if (span_empty(r->text))
		pos = (struct cedar_pos){ 0 };
	return cedar_diag_set(r->diag, E_BAD_SCHEMA, pos, hint, "%s", msg);
}

bool
raw_common_reserved(span name)
{
	static const char *const names[] = { "Bool", "Boolean", "Entity", "Extension", "Long", "Record", "Set", "String" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (span_is(name, names[i]))
			return true;
	return false;
}

struct raw_namespace *
raw_namespace_get(struct raw_schema *r, span name, uint32_t at, bool *ret_new)
{
	if (ret_new)
		*ret_new = false;
	for (struct raw_namespace *n = r->namespaces; n; n = n->next)
		if (span_eq(n->name, name))
			return n;
	struct raw_namespace *n = ARENA_NEW(r->arena, struct raw_namespace);
	if (!n)
		return NULL;
	n->name = name;
	n->at = at;
	n->entities_end = &n->entities;
	n->commons_end = &n->commons;
	n->actions_end = &n->actions;
	*r->namespaces_end = n;
	r->namespaces_end = &n->next;
	if (ret_new)
		*ret_new = true;
	return n;
}

/* ---- looking ---- */

const struct cedar_entity_type *
cedar_schema_entity_type(const struct cedar_schema *s, span name)
{
	size_t lo = 0, hi = s->n_types;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = span_cmp(s->types[mid]->name, name);
		if (c == 0)
			return s->types[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const struct cedar_action *
cedar_schema_action(const struct cedar_schema *s, span type, span id)
{
	size_t lo = 0, hi = s->n_actions;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = span_cmp(s->actions[mid]->type->name, type);
		if (c == 0)
			c = span_cmp(s->actions[mid]->id, id);
		if (c == 0)
			return s->actions[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const struct cedar_entity_type *const *
cedar_schema_entity_types(const struct cedar_schema *s, size_t *ret_n)
{
	*ret_n = s->n_types;
	return s->types;
}

const struct cedar_action *const *
cedar_schema_actions(const struct cedar_schema *s, size_t *ret_n)
{
	*ret_n = s->n_actions;
	return s->actions;
}

bool
cedar_entity_type_in(const struct cedar_entity_type *t, const struct cedar_entity_type *anc)
{
	if (t == anc)
		return true;
	uint32_t lo = 0, hi = t->n_ancestors;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (t->ancestors[mid]->index == anc->index)
			return true;
		if (t->ancestors[mid]->index < anc->index)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

bool
cedar_action_in(const struct cedar_action *a, const struct cedar_action *anc)
{
	if (a == anc)
		return true;
	uint32_t lo = 0, hi = a->n_ancestors;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (a->ancestors[mid]->index == anc->index)
			return true;
		if (a->ancestors[mid]->index < anc->index)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

bool
cedar_entity_type_has_id(const struct cedar_entity_type *t, span id)
{
	if (!t->is_enum)
		return true;
	uint32_t lo = 0, hi = t->n_ids;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = span_cmp(t->ids[mid], id);
		if (c == 0)
			return true;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

span
cedar_schema_nearest_type(const struct cedar_schema *s, span name)
{
	struct cedar_suggest best = cedar_suggest_make(name);
	for (size_t i = 0; i < s->n_types; i++)
		cedar_suggest_offer(&best, s->types[i]->name);
	return best.best;
}

const struct cedar_action *
cedar_schema_nearest_action(const struct cedar_schema *s, span id)
{
	struct cedar_suggest best = cedar_suggest_make(id);
	const struct cedar_action *found = NULL;
	for (size_t i = 0; i < s->n_actions; i++) {
		/* the right id under another type is as near as can be */
		if (span_eq(s->actions[i]->id, id))
			return s->actions[i];
		unsigned before = best.distance;
		cedar_suggest_offer(&best, s->actions[i]->id);
		if (best.distance < before)
			found = s->actions[i];
	}
	return found;
}
