#include "cedar/level.h"

struct level {
	struct checker *ck;
	uint32_t max;
};

static void S_check(struct level *l, const struct cedar_expr *x);

static void
S_too_deep(struct level *l, const struct cedar_expr *x)
{
	check_find(l->ck, CEDAR_FIND_LEVEL, x, "pass the data in the context, or allow a higher level",
	           "this dereferences entities more than %u deep", l->max);
}

static bool
S_on_entity(const struct level *l, const struct cedar_expr *target)
{
	const struct cedar_type *t = typemap_get(l->ck->seen, target);
	return t && t->kind == CEDAR_TYPE_ENTITY;
}

/* The attributes still to be taken of a record on the way down to the entity. */
struct path {
	const struct path *rest;
	span attr;
};

/* x gives an entity (through `path`) that is dereferenced with n levels left: what x itself dereferences must fit. */
static void
S_access(struct level *l, const struct cedar_expr *x, uint32_t n, const struct path *path)
{
	if (!typemap_get(l->ck->seen, x) || l->ck->steps == 0)
		return;         /* never looked at: a dead branch */
	l->ck->steps--;
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_VAR:
		return;
	case CEDAR_X_ENTITY:
		if (!cedar_uid_eq(x->uid, &l->ck->action_uid))
			check_find(l->ck, CEDAR_FIND_LEVEL, x, "compare with it instead", "an entity literal is dereferenced");
		return;
	case CEDAR_X_IF:
		S_check(l, x->x.a);
		S_access(l, x->x.b, n, path);
		S_access(l, x->x.c, n, path);
		return;
	case CEDAR_X_GET_TAG:
		S_check(l, x->x.b);
		if (n == 0)
			S_too_deep(l, x);
		else
			S_access(l, x->x.a, n - 1, NULL);
		return;
	case CEDAR_X_GET:
		if (S_on_entity(l, x->get.target)) {
			if (n == 0)
				S_too_deep(l, x);
			else
				S_access(l, x->get.target, n - 1, NULL);
		} else {
			S_access(l, x->get.target, n, &(struct path){ path, x->get.attr });
		}
		return;
	case CEDAR_X_RECORD:
		for (uint32_t i = 0; i < x->n; i++) {
			if (path && span_eq(x->list.keys[i], path->attr))
				S_access(l, x->list.items[i], n, path->rest);
			else
				S_check(l, x->list.items[i]);
		}
		return;
	default:
		/* nothing else gives an entity */
		S_check(l, x);
		return;
	}
}

static void
S_dereference(struct level *l, const struct cedar_expr *x, const struct cedar_expr *target)
{
	if (!S_on_entity(l, target))
		S_check(l, target);
	else if (l->max == 0)
		S_too_deep(l, x);
	else
		S_access(l, target, l->max - 1, NULL);
}

static bool
S_check_child(const struct cedar_expr *x, void *arg)
{
	S_check(arg, x);
	return true;
}

/* target has a.b.c: each step but the last is an access of the one before. */
static void
S_has(struct level *l, const struct cedar_expr *x)
{
	const struct cedar_expr *target = x->has.target;
	struct cedar_expr *steps = arena_array(l->ck->arena, x->n, sizeof *steps);
	if (!steps)
		return;
	for (uint32_t i = 0; i < x->n; i++) {
		S_dereference(l, x, target);
		const struct cedar_type *t = typemap_get(l->ck->seen, target);
		const struct cedar_attr *a = NULL;
		if (t && t->kind == CEDAR_TYPE_RECORD)
			a = cedar_attr_find(t->attrs, t->n, x->has.path[i]);
		else if (t && t->n == 1)
			a = cedar_attr_find(t->ents[0]->attrs, t->ents[0]->n_attrs, x->has.path[i]);
		if (!a)
			return;
		steps[i] = (struct cedar_expr){ .kind = CEDAR_X_GET, .pos = x->pos, .end = x->end };
		steps[i].get.target = (struct cedar_expr *)target;
		steps[i].get.attr = x->has.path[i];
		typemap_put(l->ck->seen, &steps[i], a->type);
		target = &steps[i];
	}
}

static void
S_check(struct level *l, const struct cedar_expr *x)
{
	if (!typemap_get(l->ck->seen, x) || l->ck->steps == 0)
		return;
	l->ck->steps--;
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_GET:
		S_dereference(l, x, x->get.target);
		return;
	case CEDAR_X_HAS:
		S_has(l, x);
		return;
	case CEDAR_X_IN: case CEDAR_X_HAS_TAG: case CEDAR_X_GET_TAG:
		S_dereference(l, x, x->x.a);
		S_check(l, x->x.b);
		return;
	case CEDAR_X_IS:
		if (x->is.container) {
			S_dereference(l, x, x->is.target);
			S_check(l, x->is.container);
		} else {
			S_check(l, x->is.target);
		}
		return;
	default:
		cedar_expr_children(x, S_check_child, l);
		return;
	}
}

void
level_check(struct checker *ck, uint32_t level)
{
	struct level l = { ck, level };
	for (uint32_t i = 0; i < ck->policy->condition_n; i++)
		S_check(&l, ck->policy->conditions[i].body);
}
