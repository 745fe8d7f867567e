#include "cedar/build.h"

#include <stdlib.h>

status
cedar_stack_push(struct cedar_stack *s, void *item)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 32;
		void **p = reallocarray(s->p, cap, sizeof *p);
		ENSURE(p, E_NO_MEMORY);
		s->p = p;
		s->cap = cap;
	}
	s->p[s->n++] = item;
	return OK;
}

void
cedar_stack_fini(struct cedar_stack *s)
{
	free(s->p);
	*s = (struct cedar_stack){ 0 };
}

status
cedar_stack_take(struct cedar_stack *s, size_t from, struct arena *a, void ***ret, uint32_t *ret_n)
{
	size_t n = s->n - from;
	void **p = arena_alloc(a, (n ? n : 1) * sizeof *p);
	ENSURE(p, E_NO_MEMORY);
	if (n)
		memcpy(p, s->p + from, n * sizeof *p);
	s->n = from;
	*ret = p;
	*ret_n = (uint32_t)n;
	return OK;
}

struct cedar_expr *
cedar_expr_new(struct cedar_ast *ast, enum cedar_expr_kind kind, struct cedar_pos pos)
{
	struct cedar_expr *x = ARENA_NEW(&ast->arena, struct cedar_expr);
	if (x) {
		x->kind = (uint8_t)kind;
		x->pos = pos;
		x->end = pos.offset;
	}
	return x;
}

static bool
deeper(const struct cedar_expr *child, void *arg)
{
	uint16_t *depth = arg;
	if (child->depth > *depth)
		*depth = child->depth;
	return true;
}

status
cedar_expr_seal(struct cedar_expr *x, struct cedar_diag *d)
{
	uint16_t depth = 0;
	cedar_expr_children(x, deeper, &depth);
	if (depth >= CEDAR_MAX_DEPTH)
		return cedar_diag_set(d, E_LIMIT, x->pos, "split the condition into several policies or `when` clauses",
		                      "expressions nest deeper than %d levels", CEDAR_MAX_DEPTH);
	x->depth = (uint16_t)(depth + 1);
	return OK;
}

static const struct { const char *name; uint8_t kind, args; } methods[] = {
	{ "contains", CEDAR_X_CONTAINS, 1 },
	{ "containsAll", CEDAR_X_CONTAINS_ALL, 1 },
	{ "containsAny", CEDAR_X_CONTAINS_ANY, 1 },
	{ "isEmpty", CEDAR_X_IS_EMPTY, 0 },
	{ "getTag", CEDAR_X_GET_TAG, 1 },
	{ "hasTag", CEDAR_X_HAS_TAG, 1 },
};

bool
cedar_method_find(span name, enum cedar_expr_kind *ret, unsigned *ret_args)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (span_is(name, methods[i].name)) {
			*ret = methods[i].kind;
			*ret_args = methods[i].args;
			return true;
		}
	return false;
}

const char *
cedar_method_name(enum cedar_expr_kind k)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (methods[i].kind == k)
			return methods[i].name;
	return NULL;
}

status
cedar_ast_set_policies(struct cedar_ast *ast, struct cedar_stack *policies)
{
	void **list;
	TRY(cedar_stack_take(policies, 0, &ast->arena, &list, &ast->policy_n));
	ast->policies = (struct cedar_policy **)list;
	ast->policy_cap = ast->policy_n;
	return OK;
}
