#include "cedar/types.h"

#include "cedar/schema.h"

static const char *const cedar_type_names[] = { /* ORDER enum cedar_type_kind */
	"Never", "True", "False", "Bool", "Long", "String", "Entity", "Set", "Record",
	"decimal", "ipaddr", "datetime", "duration",
};

static const struct cedar_type cedar_basics[] = {
#define B(k) [CEDAR_TYPE_##k] = { .kind = CEDAR_TYPE_##k, .shared = true }
	B(NEVER), B(TRUE), B(FALSE), B(BOOL), B(LONG), B(STRING), B(DECIMAL), B(IPADDR), B(DATETIME), B(DURATION),
#undef B
};

const struct cedar_type *
cedar_type_basic(enum cedar_type_kind kind)
{
	return &cedar_basics[kind];
}

const char *
cedar_type_name(enum cedar_type_kind kind)
{
	return cedar_type_names[kind];
}

bool
cedar_type_ext_from_name(span name, enum cedar_type_kind *ret)
{
	for (enum cedar_type_kind k = CEDAR_TYPE_DECIMAL; k <= CEDAR_TYPE_DURATION; k++)
		if (span_is(name, cedar_type_names[k])) {
			*ret = k;
			return true;
		}
	return false;
}

const struct cedar_attr *
cedar_attr_find(const struct cedar_attr *attrs, uint32_t n, span name)
{
	uint32_t lo = 0, hi = n;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = span_cmp(attrs[mid].name, name);
		if (c == 0)
			return &attrs[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static bool
S_spend(struct cedar_type_ctx *c)
{
	if (c->fuel == 0)
		return false;
	c->fuel--;
	return true;
}

static bool
S_same_entities(const struct cedar_type *a, const struct cedar_type *b)
{
	return a->n == b->n && (a->n == 0 || memcmp(a->ents, b->ents, a->n * sizeof *a->ents) == 0);
}

static const struct cedar_type *
S_lub_entities(struct cedar_type_ctx *c, const struct cedar_type *a, const struct cedar_type *b)
{
	if (S_same_entities(a, b))
		return a;
	if (c->strict)
		return NULL;
	if (a->n == 0 || b->n == 0) {
		struct cedar_type *any = ARENA_NEW(c->arena, struct cedar_type);
		if (any)
			any->kind = CEDAR_TYPE_ENTITY;
		return any;
	}
	const struct cedar_entity_type **ents = arena_array(c->arena, (size_t)a->n + b->n, sizeof *ents);
	struct cedar_type *t = ARENA_NEW(c->arena, struct cedar_type);
	if (!ents || !t)
		return NULL;
	uint32_t i = 0, j = 0, n = 0;
	bool actions = false;
	while (i < a->n || j < b->n) {
		const struct cedar_entity_type *x = i < a->n ? a->ents[i] : NULL, *y = j < b->n ? b->ents[j] : NULL;
		const struct cedar_entity_type *next = !y || (x && x->index <= y->index) ? x : y;
		i += x == next;
		j += y == next;
		ents[n++] = next;
		actions |= next->is_action;
	}
	*t = (struct cedar_type){ .kind = CEDAR_TYPE_ENTITY, .n = actions ? 0 : n, .ents = actions ? NULL : ents };
	return t;
}

/* Permissive: the attributes both have, required when both require it; whatever else either has stays unknown. */
static const struct cedar_type *
S_lub_records_permissive(struct cedar_type_ctx *c, const struct cedar_type *a, const struct cedar_type *b)
{
	struct cedar_attr *attrs = arena_array(c->arena, a->n ? a->n : 1, sizeof *attrs);
	struct cedar_type *t = ARENA_NEW(c->arena, struct cedar_type);
	if (!attrs || !t)
		return NULL;
	uint32_t n = 0;
	bool open = a->open || b->open || a->n != b->n;
	for (uint32_t i = 0; i < a->n; i++) {
		const struct cedar_attr *x = &a->attrs[i], *y = cedar_attr_find(b->attrs, b->n, x->name);
		const struct cedar_type *both = y ? cedar_type_lub(c, x->type, y->type) : NULL;
		if (!both) {
			open = true;
			continue;
		}
		attrs[n++] = (struct cedar_attr){ x->name, both, x->required && y->required };
	}
	*t = (struct cedar_type){ .kind = CEDAR_TYPE_RECORD, .open = open, .n = n, .attrs = attrs };
	return t;
}

static const struct cedar_type *
S_lub_records(struct cedar_type_ctx *c, const struct cedar_type *a, const struct cedar_type *b)
{
	if (!c->strict)
		return S_lub_records_permissive(c, a, b);
	if (a->n != b->n)
		return NULL;
	struct cedar_attr *attrs = arena_array(c->arena, a->n ? a->n : 1, sizeof *attrs);
	struct cedar_type *t = ARENA_NEW(c->arena, struct cedar_type);
	if (!attrs || !t)
		return NULL;
	for (uint32_t i = 0; i < a->n; i++) {
		const struct cedar_attr *x = &a->attrs[i], *y = &b->attrs[i];
		if (!span_eq(x->name, y->name) || x->required != y->required)
			return NULL;
		const struct cedar_type *both = cedar_type_lub(c, x->type, y->type);
		if (!both)
			return NULL;
		attrs[i] = (struct cedar_attr){ x->name, both, x->required };
	}
	*t = (struct cedar_type){ .kind = CEDAR_TYPE_RECORD, .n = a->n, .attrs = attrs };
	return t;
}

const struct cedar_type *
cedar_type_lub(struct cedar_type_ctx *c, const struct cedar_type *a, const struct cedar_type *b)
{
	if (a == b || b->kind == CEDAR_TYPE_NEVER)
		return a;
	if (a->kind == CEDAR_TYPE_NEVER)
		return b;
	if (!S_spend(c))
		return NULL;
	if (cedar_type_is_bool(a) && cedar_type_is_bool(b))
		return cedar_type_basic(CEDAR_TYPE_BOOL);
	/* schema types hold no True and False, so under strict rules two different ones never meet */
	if (a->kind != b->kind || (c->strict && a->shared && b->shared))
		return NULL;
	switch (a->kind) {
	case CEDAR_TYPE_SET: {
		const struct cedar_type *elem = cedar_type_lub(c, a->elem, b->elem);
		struct cedar_type *t = elem ? ARENA_NEW(c->arena, struct cedar_type) : NULL;
		if (t)
			*t = (struct cedar_type){ .kind = CEDAR_TYPE_SET, .elem = elem };
		return t;
	}
	case CEDAR_TYPE_ENTITY:
		return S_lub_entities(c, a, b);
	case CEDAR_TYPE_RECORD:
		return S_lub_records(c, a, b);
	case CEDAR_TYPE_NEVER: case CEDAR_TYPE_TRUE: case CEDAR_TYPE_FALSE: case CEDAR_TYPE_BOOL: case CEDAR_TYPE_LONG:
	case CEDAR_TYPE_STRING: case CEDAR_TYPE_DECIMAL: case CEDAR_TYPE_IPADDR: case CEDAR_TYPE_DATETIME:
	case CEDAR_TYPE_DURATION:
		return a;
	}
	return NULL;
}

bool
cedar_type_entities_disjoint(const struct cedar_type *a, const struct cedar_type *b)
{
	if (a->kind != CEDAR_TYPE_ENTITY || b->kind != CEDAR_TYPE_ENTITY || a->n == 0 || b->n == 0)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		for (uint32_t j = 0; j < b->n; j++)
			if (a->ents[i] == b->ents[j])
				return false;
	return true;
}

static void
S_print(struct buf *b, size_t from, const struct cedar_type *t)
{
	if (b->n - from > 400)
		return;
	switch (t->kind) {
	case CEDAR_TYPE_SET:
		buf_put_str(b, "Set<");
		S_print(b, from, t->elem);
		buf_put_str(b, ">");
		return;
	case CEDAR_TYPE_ENTITY:
		if (t->n == 0)
			buf_put_str(b, "any entity type");
		for (uint32_t i = 0; i < t->n; i++) {
			buf_put_str(b, i ? " | " : "");
			buf_put(b, t->ents[i]->name);
		}
		return;
	case CEDAR_TYPE_RECORD:
		buf_put_str(b, "{");
		for (uint32_t i = 0; i < t->n && b->n - from <= 400; i++) {
			buf_put_str(b, i ? ", " : "");
			buf_put(b, t->attrs[i].name);
			buf_put_str(b, t->attrs[i].required ? ": " : "?: ");
			S_print(b, from, t->attrs[i].type);
		}
		buf_put_str(b, t->open ? ", ..}" : "}");
		return;
	case CEDAR_TYPE_NEVER: case CEDAR_TYPE_TRUE: case CEDAR_TYPE_FALSE: case CEDAR_TYPE_BOOL: case CEDAR_TYPE_LONG:
	case CEDAR_TYPE_STRING: case CEDAR_TYPE_DECIMAL: case CEDAR_TYPE_IPADDR: case CEDAR_TYPE_DATETIME:
	case CEDAR_TYPE_DURATION:
		buf_put_str(b, cedar_type_names[t->kind]);
		return;
	}
}

void
cedar_type_print(struct buf *b, const struct cedar_type *t)
{
	size_t from = b->n;
	S_print(b, from, t);
	if (b->n - from > 400 && b->err == 0) {
		buf_truncate(b, from + 397);
		buf_put_str(b, "...");
	}
}
