#include "scope.h"

static bool is_action(const struct cedar_uid *u) { return span_is(u->type.text, "Action"); }
static bool names_all(const struct cedar_scope *s) { return s->op == CEDAR_SCOPE_IN && s->n == 1 && is_action(s->uids[0]) && span_is(s->uids[0]->id, "all"); }
static bool is_open(const struct cedar_scope *s) { return s->op == CEDAR_SCOPE_ANY || names_all(s); }

bool
scope_is_open(const struct cedar_policy *p)
{
	return is_open(&p->scope[CEDAR_PRINCIPAL]) && is_open(&p->scope[CEDAR_ACTION]) && is_open(&p->scope[CEDAR_RESOURCE]);
}

/* u is in the group g by its name alone. */
static bool
in_by_name(const struct cedar_uid *u, const struct cedar_uid *g)
{
	if (cedar_uid_eq(u, g))
		return true;
	if (!is_action(u) || !is_action(g) || !span_starts(g->id, SPAN("server:")))
		return false;
	span server = span_sub(g->id, strlen("server:"), g->id.n);
	return u->id.n > server.n && span_starts(u->id, server) && u->id.p[server.n] == '/';
}

static bool
one_in(const struct cedar_uid *u, const struct cedar_scope *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (in_by_name(u, s->uids[i]))
			return true;
	return false;
}

static bool
scope_covers(const struct cedar_scope *a, const struct cedar_scope *b)
{
	if (a->slot || b->slot)
		return false;
	if (is_open(a))
		return true;
	switch ((enum cedar_scope_op)b->op) {
	case CEDAR_SCOPE_ANY:
		return false;
	case CEDAR_SCOPE_EQ:
		if (a->op == CEDAR_SCOPE_EQ)
			return cedar_uid_eq(a->uids[0], b->uids[0]);
		return (a->op == CEDAR_SCOPE_IN || cedar_name_eq(a->type, &b->uids[0]->type)) && (a->op == CEDAR_SCOPE_IS || one_in(b->uids[0], a));
	case CEDAR_SCOPE_IN:
		for (uint32_t i = 0; i < b->n; i++)
			if (a->op != CEDAR_SCOPE_IN || !one_in(b->uids[i], a))
				return false;
		return b->n > 0;
	case CEDAR_SCOPE_IS:
		return a->op == CEDAR_SCOPE_IS && cedar_name_eq(a->type, b->type);
	case CEDAR_SCOPE_IS_IN:
		if (a->op == CEDAR_SCOPE_IN)
			return one_in(b->uids[0], a);
		return (a->op == CEDAR_SCOPE_IS || (a->op == CEDAR_SCOPE_IS_IN && one_in(b->uids[0], a))) && cedar_name_eq(a->type, b->type);
	}
	return false;
}

/* Does b demand x (or, with `unless`, its opposite) as one of its parts? */
static bool
demands_in(const struct cedar_expr *b, bool b_want, const struct cedar_expr *x, bool want)
{
	if (b->kind == (b_want ? CEDAR_X_AND : CEDAR_X_OR)) {
		for (uint32_t i = 0; i < b->n; i++)
			if (demands_in(b->list.items[i], b_want, x, want))
				return true;
	}
	if (b->kind == CEDAR_X_NOT && demands_in(b->x.a, !b_want, x, want))
		return true;
	return b_want == want && cedar_expr_eq(b, x);
}

static bool
demands(const struct cedar_policy *b, const struct cedar_expr *x, bool want)
{
	if (x->kind == (want ? CEDAR_X_AND : CEDAR_X_OR)) {
		for (uint32_t i = 0; i < x->n; i++)
			if (!demands(b, x->list.items[i], want))
				return false;
		return true;
	}
	if (x->kind == CEDAR_X_NOT)
		return demands(b, x->x.a, !want);
	if (x->kind == (want ? CEDAR_X_OR : CEDAR_X_AND)) {
		for (uint32_t i = 0; i < x->n; i++)
			if (demands(b, x->list.items[i], want))
				return true;
	}
	for (uint32_t i = 0; i < b->condition_n; i++)
		if (demands_in(b->conditions[i].body, !b->conditions[i].unless, x, want))
			return true;
	return false;
}

bool
policy_covers(const struct cedar_policy *a, const struct cedar_policy *b)
{
	for (unsigned v = CEDAR_PRINCIPAL; v <= CEDAR_RESOURCE; v++)
		if (!scope_covers(&a->scope[v], &b->scope[v]))
			return false;
	for (uint32_t i = 0; i < a->condition_n; i++)
		if (!demands(b, a->conditions[i].body, !a->conditions[i].unless))
			return false;
	return true;
}
