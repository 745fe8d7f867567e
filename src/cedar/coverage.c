#include "cedar/coverage.h"

#include "cedar/program.h"

#include <stdlib.h>

struct part {
	const struct cedar_op *op;
	bool want;
};

struct cedar_coverage {
	const struct cedar_policies *set;
	struct arena arena;
	struct cedar_covered *list;
	struct part **parts;             /* beside list[i].parts */
	size_t n;
};

static uint32_t
S_count(const struct cedar_expr *x, bool want)
{
	if (x->kind == CEDAR_X_NOT)
		return S_count(x->x.a, !want);
	if (x->kind != (want ? CEDAR_X_AND : CEDAR_X_OR))
		return 1;
	uint32_t n = 0;
	for (uint32_t i = 0; i < x->n; i++)
		n += S_count(x->list.items[i], want);
	return n;
}

static status
S_split(struct cedar_coverage *c, struct cedar_covered *it, struct part *parts, const struct cedar_expr *x, bool want)
{
	if (x->kind == CEDAR_X_NOT)
		return S_split(c, it, parts, x->x.a, !want);
	if (x->kind == (want ? CEDAR_X_AND : CEDAR_X_OR)) {
		for (uint32_t i = 0; i < x->n; i++)
			TRY(S_split(c, it, parts, x->list.items[i], want));
		return OK;
	}
	const struct cedar_op *op = cedar_compile_expr(&c->arena, x);
	ENSURE(op, E_NO_MEMORY);
	parts[it->part_n] = (struct part){ op, want };
	it->parts[it->part_n++] = (struct cedar_covered_part){ .at = x, .want = want };
	return OK;
}

static status
S_prepare(struct cedar_coverage *c, size_t i)
{
	const struct cedar_policy *p = cedar_policies_at(c->set, i);
	struct cedar_covered *it = &c->list[i];
	uint32_t n = 0;
	it->policy = p;
	for (uint32_t k = 0; k < p->condition_n; k++)
		n += S_count(p->conditions[k].body, !p->conditions[k].unless);
	it->parts = arena_array(&c->arena, n + 1, sizeof *it->parts);
	c->parts[i] = arena_array(&c->arena, n + 1, sizeof **c->parts);
	ENSURE(it->parts && c->parts[i], E_NO_MEMORY);
	for (uint32_t k = 0; k < p->condition_n; k++)
		TRY(S_split(c, it, c->parts[i], p->conditions[k].body, !p->conditions[k].unless));
	return OK;
}

status
cedar_coverage_new(const struct cedar_policies *p, struct cedar_coverage **ret)
{
	struct cedar_coverage *c = calloc(1, sizeof *c);
	ENSURE(c, E_NO_MEMORY);
	arena_init(&c->arena, 256 << 20);
	c->set = cedar_policies_ref(p);
	c->n = cedar_policies_count(p);
	c->list = arena_array(&c->arena, c->n + 1, sizeof *c->list);
	c->parts = arena_array(&c->arena, c->n + 1, sizeof *c->parts);
	status s = c->list && c->parts ? OK : FAIL(E_NO_MEMORY);
	for (size_t i = 0; i < c->n && !failed(s); i++)
		s = S_prepare(c, i);
	if (failed(s)) {
		cedar_coverage_free(c);
		return s;
	}
	*ret = c;
	return OK;
}

void
cedar_coverage_free(struct cedar_coverage *c)
{
	if (!c)
		return;
	cedar_policies_unref(c->set);
	arena_fini(&c->arena);
	free(c);
}

/* Parts behind one that fails may fail only because of it (`has` before the attribute): they are not looked at. */
static void
S_look(struct cedar_coverage *c, size_t i, struct cedar_eval *e)
{
	struct cedar_covered *it = &c->list[i];
	for (unsigned v = CEDAR_PRINCIPAL; v <= CEDAR_RESOURCE; v++)
		if (!cedar_eval_in_scope(e, (enum cedar_var)v, &it->policy->scope[v])) {
			it->outside[v]++;
			return;
		}
	it->considered++;
	bool all = true, guarded = false;
	for (uint32_t k = 0; k < it->part_n; k++) {
		int got = cedar_eval_test(e, c->parts[i][k].op);
		if (got < 0 && guarded)
			continue;
		if (got < 0)
			it->parts[k].failed++;
		else if (got == c->parts[i][k].want)
			it->parts[k].held++;
		else
			it->parts[k].missed++;
		bool holds = got >= 0 && got == c->parts[i][k].want;
		all &= holds;
		guarded |= !holds;
	}
	it->applied += all;
}

status
cedar_coverage_add(struct cedar_coverage *c, const struct cedar_entities *entities, const struct cedar_request *r, struct arena *a)
{
	struct cedar_eval e;
	struct arena_mark mark = arena_mark(a);
	for (size_t i = 0; i < c->n; i++) {
		cedar_eval_init(&e, entities, r, a);
		S_look(c, i, &e);
		ENSURE(arena_ok(a), E_NO_MEMORY);
		arena_back(a, mark);
	}
	return OK;
}

const struct cedar_covered *
cedar_coverage_list(const struct cedar_coverage *c, size_t *ret_n)
{
	*ret_n = c->n;
	return c->list;
}
