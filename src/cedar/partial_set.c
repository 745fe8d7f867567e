/* Sets of policies under partial evaluation, and the question which actions are possible at all. */
#include "cedar/partial_priv.h"
#include "cedar/validate.h"

#include <stdlib.h>

struct entry {
	const struct cedar_policy *policy;
	const struct cedar_op *condition;
	const struct cedar_action *only;     /* action == this one; NULL: several, or not known */
};

struct cedar_partial_set {
	struct arena arena;
	const struct cedar_policies *policies;
	struct cedar_schema *schema;
	struct entry *entries;
	uint32_t n;
	/* numbers of entries: first those for any action, then those for one action each, by action */
	uint32_t *order, general;
	uint32_t *first;                     /* of each action of the schema, into `order`; one more at the end */
};

void
cedar_partial_free(struct cedar_partial_set *s)
{
	if (!s)
		return;
	cedar_policies_unref(s->policies);
	cedar_schema_unref(s->schema);
	arena_fini(&s->arena);
	free(s);
}

void
cedar_partial_freep(struct cedar_partial_set **s)
{
	cedar_partial_free(*s);
}

/* Counting sort of the entries by the action they are for. */
static status
S_order(struct cedar_partial_set *s)
{
	size_t actions = 0;
	if (s->schema)
		cedar_schema_actions(s->schema, &actions);
	s->order = arena_array(&s->arena, (size_t)s->n + 1, sizeof *s->order);
	s->first = arena_array(&s->arena, actions + 2, sizeof *s->first);
	ENSURE(s->order && s->first, E_NO_MEMORY);
	for (uint32_t i = 0; i < s->n; i++)
		s->first[s->entries[i].only ? s->entries[i].only->index + 2 : 1]++;
	s->general = s->first[1];
	for (size_t i = 1; i < actions + 2; i++)
		s->first[i] += s->first[i - 1];
	/* now first[k + 1] is where the entries of action k begin, first[0] where the general ones do */
	for (uint32_t i = 0; i < s->n; i++)
		s->order[s->first[s->entries[i].only ? s->entries[i].only->index + 1 : 0]++] = i;
	/* and now first[k + 1] is where they end, which is where those of k + 1 begin */
	return OK;
}

status
cedar_partial_new(const struct cedar_policies *p, struct cedar_schema *schema,
                  bool (*skip)(const struct cedar_policy *, void *), void *arg, struct cedar_partial_set **ret)
{
	CLEANUP(cedar_partial_freep) struct cedar_partial_set *s = calloc(1, sizeof *s);
	ENSURE(s, E_NO_MEMORY);
	arena_init(&s->arena, SIZE_MAX / 2);
	s->policies = cedar_policies_ref(p);
	s->schema = schema ? cedar_schema_ref(schema) : NULL;
	size_t n = cedar_policies_count(p);
	s->entries = arena_array(&s->arena, n + 1, sizeof *s->entries);
	ENSURE(s->entries, E_NO_MEMORY);
	for (size_t i = 0; i < n; i++) {
		struct entry *e = &s->entries[s->n];
		e->policy = cedar_policies_at(p, i);
		if (skip && skip(e->policy, arg))
			continue;
		e->condition = partial_compile(&s->arena, e->policy);
		ENSURE(e->condition, E_NO_MEMORY);
		const struct cedar_scope *action = &e->policy->scope[CEDAR_ACTION];
		e->only = schema && action->op == CEDAR_SCOPE_EQ
		        ? cedar_schema_action(schema, action->uids[0]->type.text, action->uids[0]->id) : NULL;
		s->n++;
	}
	TRY(S_order(s));
	*ret = TAKE(s);
	return OK;
}

/* False: the policy is plainly false. */
static bool
S_one(struct partial *p, const struct entry *e, struct cedar_partial *ret)
{
	struct part x = part_eval(p, e->condition);
	*ret = (struct cedar_partial){ .policy = e->policy };
	if (x.state == PART_VALUE && x.value.kind == CEDAR_BOOL)
		ret->state = x.value.b ? CEDAR_PARTIAL_TRUE : CEDAR_PARTIAL_FALSE;
	else if (x.state == PART_UNKNOWN)
		ret->state = CEDAR_PARTIAL_UNKNOWN;
	else
		ret->state = CEDAR_PARTIAL_ERROR;
	ret->never = x.never;
	ret->residual = ret->state == CEDAR_PARTIAL_UNKNOWN ? x.rest : NULL;
	return ret->state != CEDAR_PARTIAL_FALSE;
}

static enum cedar_partial_decision
S_decide(const struct cedar_partial_answer *a)
{
	bool permitted = false, permit_open = false, forbid_open = false;
	for (uint32_t i = 0; i < a->forbid_n; i++) {
		if (a->forbids[i].state == CEDAR_PARTIAL_TRUE)
			return CEDAR_PARTIAL_DENY;
		forbid_open |= a->forbids[i].state == CEDAR_PARTIAL_UNKNOWN && !a->forbids[i].never;
	}
	for (uint32_t i = 0; i < a->permit_n; i++) {
		permitted |= a->permits[i].state == CEDAR_PARTIAL_TRUE;
		permit_open |= a->permits[i].state == CEDAR_PARTIAL_UNKNOWN && !a->permits[i].never;
	}
	if (!permitted && !permit_open)
		return CEDAR_PARTIAL_DENY;
	return permitted && !forbid_open ? CEDAR_PARTIAL_ALLOW : CEDAR_PARTIAL_OPEN;
}

status
cedar_partial_evaluate(const struct cedar_partial_set *s, const struct cedar_entities *entities,
                       const struct cedar_partial_request *r, struct arena *a, struct cedar_partial_answer *ret)
{
	struct partial p;
	partial_begin(&p, s->schema, entities, r, a);
	struct cedar_partial *permits = arena_array(a, s->n + 1, sizeof *permits);
	struct cedar_partial *forbids = arena_array(a, s->n + 1, sizeof *forbids);
	ENSURE(permits && forbids, E_NO_MEMORY);
	struct cedar_partial_answer out = { .permits = permits, .forbids = forbids };
	for (uint32_t i = 0; i < s->n; i++) {
		struct cedar_partial one;
		if (!S_one(&p, &s->entries[i], &one))
			continue;
		if (s->entries[i].policy->effect == CEDAR_PERMIT)
			permits[out.permit_n++] = one;
		else
			forbids[out.forbid_n++] = one;
	}
	ENSURE(arena_ok(a), E_NO_MEMORY);
	out.decision = S_decide(&out);
	*ret = out;
	return OK;
}

status
cedar_partial_finish(const struct cedar_op *residual, const struct cedar_entities *entities, const struct cedar_request *r,
                     struct arena *a, enum cedar_partial_state *ret)
{
	struct cedar_eval e;
	cedar_eval_init(&e, entities, r, a);
	int t = cedar_eval_test(&e, residual);
	ENSURE(arena_ok(a), E_NO_MEMORY);
	*ret = t < 0 ? CEDAR_PARTIAL_ERROR : t ? CEDAR_PARTIAL_TRUE : CEDAR_PARTIAL_FALSE;
	return OK;
}

/* ---- possible actions ---- */

struct possible {
	const struct cedar_partial_set *s;
	const struct cedar_entities *entities;
	const struct cedar_entity_type *principal;
	struct arena *arena;
};

/* One action on one type of resource. The policies' lists are not needed, so nothing is kept. */
static enum cedar_partial_decision
S_possible_on(struct possible *q, const struct cedar_action *action, const struct cedar_entity_type *resource,
              struct cedar_partial_request *r)
{
	struct partial p;
	struct cedar_uid uid;
	bool permitted = false, permit_open = false, forbid_open = false;
	cedar_uid_init(&uid, action->type->name, action->id);
	r->action = &uid;
	r->resource_type = resource->name;
	partial_begin(&p, q->s->schema, q->entities, r, q->arena);
	/* the general ones, then those for this action */
	uint32_t from = q->s->first[action->index], own = q->s->first[action->index + 1] - from;
	for (uint32_t i = 0; i < q->s->general + own; i++) {
		const struct entry *e = &q->s->entries[q->s->order[i < q->s->general ? i : from + i - q->s->general]];
		struct cedar_partial one;
		if (!cedar_scope_admits(q->s->schema, e->policy, action, q->principal, resource) ||
		    !S_one(&p, e, &one))
			continue;
		bool open = one.state == CEDAR_PARTIAL_UNKNOWN && !one.never, holds = one.state == CEDAR_PARTIAL_TRUE;
		if (e->policy->effect == CEDAR_FORBID && holds)
			return CEDAR_PARTIAL_DENY;
		if (e->policy->effect == CEDAR_FORBID)
			forbid_open |= open;
		permitted |= e->policy->effect == CEDAR_PERMIT && holds;
		permit_open |= e->policy->effect == CEDAR_PERMIT && open;
	}
	if (!permitted && !permit_open)
		return CEDAR_PARTIAL_DENY;
	return permitted && !forbid_open ? CEDAR_PARTIAL_ALLOW : CEDAR_PARTIAL_OPEN;
}

static bool
S_applies_to(const struct cedar_action *a, const struct cedar_entity_type *principal)
{
	for (uint32_t i = 0; i < a->n_principals; i++)
		if (a->principals[i] == principal)
			return true;
	return false;
}

status
cedar_possible_actions(const struct cedar_partial_set *s, const struct cedar_entities *entities,
                       const struct cedar_uid *principal, const struct cedar_record *context, struct arena *a,
                       bool (*found)(const struct cedar_action *, enum cedar_partial_decision, void *), void *arg)
{
	ENSURE(s->schema, E_BAD_SCHEMA);
	struct possible q = { s, entities, cedar_schema_entity_type(s->schema, principal->type.text), a };
	ENSURE(q.principal, E_BAD_ENTITY);
	struct cedar_partial_request r = { .principal = principal, .context = context };
	size_t n;
	const struct cedar_action *const *actions = cedar_schema_actions(s->schema, &n);
	for (size_t i = 0; i < n; i++) {
		enum cedar_partial_decision best = CEDAR_PARTIAL_DENY;
		if (!actions[i]->applies || !S_applies_to(actions[i], q.principal))
			continue;
		for (uint32_t t = 0; t < actions[i]->n_resources && best != CEDAR_PARTIAL_ALLOW; t++) {
			struct arena_mark mark = arena_mark(a);
			enum cedar_partial_decision d = S_possible_on(&q, actions[i], actions[i]->resources[t], &r);
			ENSURE(arena_ok(a), E_NO_MEMORY);
			arena_back(a, mark);
			if (d != CEDAR_PARTIAL_DENY && best != CEDAR_PARTIAL_ALLOW)
				best = d;
		}
		if (best != CEDAR_PARTIAL_DENY && !found(actions[i], best, arg))
			break;
	}
	return OK;
}
