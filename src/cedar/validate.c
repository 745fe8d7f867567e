#include "cedar/validate.h"

#include "cedar/check.h"
#include "cedar/level.h"
#include "cedar/suggest.h"

#include <stdio.h>
#include <stdlib.h>

struct validation {
	const struct cedar_schema *schema;
	const struct cedar_policy *policy;
	const struct cedar_validate_opts *opts;
	struct cedar_report *report;
	uint64_t steps;                  /* left for everything */
	struct arena arena;              /* of one environment */
	uint64_t names_left;             /* suggestions are not free: so many are searched for */
};

static void
S_add(struct validation *v, enum cedar_finding_kind kind, bool warning, struct cedar_pos pos, uint32_t end,
      const char *hint, const char *text)
{
	struct cedar_finding f = { .kind = kind, .warning = warning, .policy = v->policy };
	IGNORE(cedar_diag_set(&f.diag, E_BAD_POLICY, pos, hint, "%s", text)); /* it only formats */
	f.diag.end = end;
	cedar_report_add(v->report, &f);
}

/* ---- names ---- */

static bool
S_is_action_name(span type)
{
	return span_is(type, "Action") || span_ends(type, SPAN("::Action"));
}

static void
S_unknown_type(struct validation *v, span name, struct cedar_pos pos, uint32_t end)
{
	char text[240], hint[200] = "";
	snprintf(text, sizeof text, "unknown entity type `%.*s`", SPAN_ARG(name));
	span near = v->names_left ? cedar_schema_nearest_type(v->schema, name) : (span){ 0 };
	v->names_left -= v->names_left > 0;
	if (!span_empty(near))
		snprintf(hint, sizeof hint, "did you mean `%.*s`?", SPAN_ARG(near));
	S_add(v, CEDAR_FIND_UNKNOWN_TYPE, false, pos, end, hint, text);
}

/* `is` takes any type whose last part is Action: none but a declared one has entities, but that is no fault. */
static void
S_type_name(struct validation *v, span name, struct cedar_pos pos, uint32_t end)
{
	if (!S_is_action_name(name) && !cedar_schema_entity_type(v->schema, name))
		S_unknown_type(v, name, pos, end);
}

static void
S_uid(struct validation *v, const struct cedar_uid *uid, struct cedar_pos pos, uint32_t end)
{
	char text[240], hint[200] = "";
	if (S_is_action_name(uid->type.text)) {
		if (cedar_schema_action(v->schema, uid->type.text, uid->id))
			return;
		snprintf(text, sizeof text, "unknown action `%.*s::\"%.*s\"`", SPAN_ARG(uid->type.text), SPAN_ARG(uid->id));
		const struct cedar_action *near = v->names_left ? cedar_schema_nearest_action(v->schema, uid->id) : NULL;
		v->names_left -= v->names_left > 0;
		if (near)
			snprintf(hint, sizeof hint, "did you mean `%.*s::\"%.*s\"`?", SPAN_ARG(near->type->name), SPAN_ARG(near->id));
		S_add(v, CEDAR_FIND_UNKNOWN_ACTION, false, pos, end, hint, text);
		return;
	}
	const struct cedar_entity_type *t = cedar_schema_entity_type(v->schema, uid->type.text);
	if (!t) {
		S_unknown_type(v, uid->type.text, pos, end);
	} else if (!cedar_entity_type_has_id(t, uid->id)) {
		struct cedar_suggest best = cedar_suggest_make(uid->id);
		for (uint32_t i = 0; i < t->n_ids; i++)
			cedar_suggest_offer(&best, t->ids[i]);
		snprintf(text, sizeof text, "`%.*s` is an enumerated type without \"%.*s\"", SPAN_ARG(t->name), SPAN_ARG(uid->id));
		S_add(v, CEDAR_FIND_UNKNOWN_ID, false, pos, end, cedar_suggest_hint(&best, hint, sizeof hint), text);
	}
}

static bool
S_names(const struct cedar_expr *x, void *arg)
{
	struct validation *v = arg;
	if (v->steps == 0)
		return false;
	v->steps--;
	if (x->kind == CEDAR_X_ENTITY)
		S_uid(v, x->uid, x->pos, x->end);
	else if (x->kind == CEDAR_X_IS)
		S_type_name(v, x->is.type->text, x->pos, x->end);
	return cedar_expr_children(x, S_names, v);
}

static void
S_all_names(struct validation *v)
{
	const struct cedar_policy *p = v->policy;
	for (unsigned i = CEDAR_PRINCIPAL; i <= CEDAR_RESOURCE; i++) {
		const struct cedar_scope *s = &p->scope[i];
		if (s->op == CEDAR_SCOPE_IS || s->op == CEDAR_SCOPE_IS_IN)
			S_type_name(v, s->type->text, s->pos, s->end);
		for (uint32_t j = 0; j < s->n && s->slot == CEDAR_SLOT_NONE; j++)
			S_uid(v, s->uids[j], s->pos, s->end);
	}
	for (uint32_t i = 0; i < p->condition_n; i++)
		S_names(p->conditions[i].body, v);
}

/* ---- scope ---- */

enum scope_answer { SCOPE_NO, SCOPE_MAYBE, SCOPE_YES, SCOPE_BAD };

static enum scope_answer
S_scope_in(const struct cedar_schema *s, const struct cedar_scope *sc, const struct cedar_entity_type *t)
{
	if (sc->slot != CEDAR_SLOT_NONE)
		return SCOPE_MAYBE;
	const struct cedar_entity_type *of = cedar_schema_entity_type(s, sc->uids[0]->type.text);
	if (!of)
		return SCOPE_BAD;
	return cedar_entity_type_in(t, of) ? SCOPE_MAYBE : SCOPE_NO;
}

/* The scope of principal or resource when that variable has type t. */
static enum scope_answer
S_scope_entity(const struct cedar_schema *s, const struct cedar_scope *sc, const struct cedar_entity_type *t)
{
	switch ((enum cedar_scope_op)sc->op) {
	case CEDAR_SCOPE_ANY:
		return SCOPE_YES;
	case CEDAR_SCOPE_EQ:
		if (sc->slot != CEDAR_SLOT_NONE)
			return SCOPE_MAYBE;
		if (!cedar_schema_entity_type(s, sc->uids[0]->type.text))
			return SCOPE_BAD;
		return span_eq(t->name, sc->uids[0]->type.text) ? SCOPE_MAYBE : SCOPE_NO;
	case CEDAR_SCOPE_IN:
		return S_scope_in(s, sc, t);
	case CEDAR_SCOPE_IS:
		return span_eq(t->name, sc->type->text) ? SCOPE_YES : SCOPE_NO;
	case CEDAR_SCOPE_IS_IN:
		return span_eq(t->name, sc->type->text) ? S_scope_in(s, sc, t) : SCOPE_NO;
	}
	return SCOPE_BAD;
}

static enum scope_answer
S_scope_action(const struct cedar_schema *s, const struct cedar_scope *sc, const struct cedar_action *a)
{
	enum scope_answer answer = SCOPE_NO;
	if (sc->op == CEDAR_SCOPE_ANY)
		return SCOPE_YES;
	if (sc->op == CEDAR_SCOPE_EQ)
		return span_eq(sc->uids[0]->type.text, a->type->name) && span_eq(sc->uids[0]->id, a->id) ? SCOPE_YES : SCOPE_NO;
	for (uint32_t i = 0; i < sc->n; i++) {
		const struct cedar_action *in = cedar_schema_action(s, sc->uids[i]->type.text, sc->uids[i]->id);
		if (!in)
			return SCOPE_BAD;
		if (cedar_action_in(a, in))
			answer = SCOPE_YES;
	}
	return answer;
}

bool
cedar_scope_admits(const struct cedar_schema *s, const struct cedar_policy *p, const struct cedar_action *action,
                   const struct cedar_entity_type *principal, const struct cedar_entity_type *resource)
{
	enum scope_answer a[3] = {
		S_scope_entity(s, &p->scope[CEDAR_PRINCIPAL], principal), S_scope_action(s, &p->scope[CEDAR_ACTION], action),
		S_scope_entity(s, &p->scope[CEDAR_RESOURCE], resource),
	};
	for (unsigned i = 0; i < 3; i++)
		if (a[i] == SCOPE_NO || a[i] == SCOPE_BAD)
			return false;
	return true;
}

/* A list of actions is a set: not empty, and of one type. */
static bool
S_action_list_ok(struct validation *v)
{
	const struct cedar_scope *sc = &v->policy->scope[CEDAR_ACTION];
	if (sc->op != CEDAR_SCOPE_IN || !sc->list || v->opts->permissive)
		return true;
	if (sc->n == 0) {
		S_add(v, CEDAR_FIND_EMPTY_SET, false, sc->pos, sc->end, NULL, "empty set literals are not allowed");
		return false;
	}
	for (uint32_t i = 1; i < sc->n; i++) {
		if (span_eq(sc->uids[i]->type.text, sc->uids[0]->type.text))
			continue;
		char text[240];
		snprintf(text, sizeof text, "the types %.*s and %.*s are not compatible", SPAN_ARG(sc->uids[0]->type.text),
		         SPAN_ARG(sc->uids[i]->type.text));
		S_add(v, CEDAR_FIND_INCOMPATIBLE, false, sc->pos, sc->end, NULL, text);
		return false;
	}
	return true;
}

/* The actions the scope can mean: for `==` the one, else any may be. */
static const struct cedar_action *const *
S_candidates(const struct validation *v, size_t *ret_n)
{
	const struct cedar_scope *sc = &v->policy->scope[CEDAR_ACTION];
	const struct cedar_action *const *all = cedar_schema_actions(v->schema, ret_n);
	const struct cedar_action *one = sc->op == CEDAR_SCOPE_EQ
	                               ? cedar_schema_action(v->schema, sc->uids[0]->type.text, sc->uids[0]->id) : NULL;
	if (!one)
		return all;
	*ret_n = 1;
	return &all[one->index];
}

/* A type of `list` may meet the scope; for this question an undeclared name is met by nothing, a slot by anything. */
static bool
S_some_meets(const struct validation *v, const struct cedar_scope *sc, const struct cedar_entity_type *const *list, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		enum scope_answer a = S_scope_entity(v->schema, sc, list[i]);
		if (a == SCOPE_YES || a == SCOPE_MAYBE)
			return true;
	}
	return false;
}

static void
S_applicable(struct validation *v)
{
	const struct cedar_scope *scope = v->policy->scope;
	size_t n;
	const struct cedar_action *const *actions = S_candidates(v, &n);
	for (size_t i = 0; i < n; i++) {
		if (!actions[i]->applies)
			continue;
		if (S_scope_action(v->schema, &scope[CEDAR_ACTION], actions[i]) == SCOPE_YES &&
		    S_some_meets(v, &scope[CEDAR_PRINCIPAL], actions[i]->principals, actions[i]->n_principals) &&
		    S_some_meets(v, &scope[CEDAR_RESOURCE], actions[i]->resources, actions[i]->n_resources))
			return;
	}
	S_add(v, CEDAR_FIND_INAPPLICABLE, v->opts->inapplicable_warns, v->policy->pos, v->policy->end,
	      "compare the scope with the `appliesTo` of the actions", "no action can meet this policy's scope");
}

/* ---- environments ---- */

struct env_result {
	bool some_not_false;     /* an environment in which the policy may hold, or in which its check failed */
};

static status
S_check_env(struct validation *v, const struct cedar_env *env, enum scope_answer scope, struct env_result *out)
{
	struct checker ck = { .schema = v->schema, .policy = v->policy, .report = v->report, .steps = v->steps };
	struct typemap seen = { .arena = &v->arena };
	ck.types.strict = !v->opts->permissive;
	ck.seen = v->opts->check_level ? &seen : NULL;
	arena_reset(&v->arena);
	check_begin(&ck, env, &v->arena);
	struct checked r = check_conditions(&ck);
	TRY(check_limits(&ck));
	v->steps = ck.steps;
	if (!(r.type && r.type->kind == CEDAR_TYPE_FALSE) || scope == SCOPE_BAD)
		out->some_not_false = true;
	if (r.type && v->opts->check_level) {
		level_check(&ck, v->opts->level);
		TRY(check_limits(&ck));
	}
	return OK;
}

/* How a policy uses what differs between environments. */
#define CONTEXT_PARTS 8

struct env_use {
	bool action;                     /* the variable occurs */
	bool whole_context;              /* the context as such, or too many parts of it */
	uint32_t n;
	span parts[CONTEXT_PARTS];       /* attributes of the context that occur */
};

static void
S_use_part(struct env_use *u, span name)
{
	for (uint32_t i = 0; i < u->n; i++)
		if (span_eq(u->parts[i], name))
			return;
	if (u->n == CONTEXT_PARTS)
		u->whole_context = true;
	else
		u->parts[u->n++] = name;
}

static bool
S_use(const struct cedar_expr *x, void *arg)
{
	struct env_use *u = arg;
	const struct cedar_expr *target = x->kind == CEDAR_X_GET ? x->get.target : x->kind == CEDAR_X_HAS ? x->has.target : NULL;
	if (target && target->kind == CEDAR_X_VAR && target->sub == CEDAR_CONTEXT) {
		S_use_part(u, x->kind == CEDAR_X_GET ? x->get.attr : x->has.path[0]);
		return true;
	}
	if (x->kind == CEDAR_X_VAR) {
		u->action |= x->sub == CEDAR_ACTION;
		u->whole_context |= x->sub == CEDAR_CONTEXT;
	}
	return cedar_expr_children(x, S_use, arg);
}

/* What the conditions can tell apart: with `action` unused, equal types give equal results. Types of a schema are
 * hash-consed, so pointers compare. */
struct env_key {
	const struct cedar_entity_type *principal, *resource;
	uintptr_t context[CONTEXT_PARTS];    /* the types of the parts used; bit 0: required */
	const struct cedar_action *action;
};

static void
S_context_key(const struct env_use *u, const struct cedar_type *context, uintptr_t ret[CONTEXT_PARTS])
{
	memset(ret, 0, CONTEXT_PARTS * sizeof *ret);
	if (u->whole_context) {
		ret[0] = (uintptr_t)context;
		return;
	}
	for (uint32_t i = 0; i < u->n; i++) {
		const struct cedar_attr *a = cedar_attr_find(context->attrs, context->n, u->parts[i]);
		if (a)
			ret[i] = (uintptr_t)a->type | a->required;
	}
}

struct env_list {
	struct env_key *items;
	size_t n, cap;
};

static int
S_cmp_env(const void *a, const void *b)
{
	const struct env_key *x = a, *y = b;
	if (x->principal != y->principal)
		return x->principal->index < y->principal->index ? -1 : 1;
	if (x->resource != y->resource)
		return x->resource->index < y->resource->index ? -1 : 1;
	for (size_t i = 0; i < CONTEXT_PARTS; i++)
		if (x->context[i] != y->context[i])
			return x->context[i] < y->context[i] ? -1 : 1;
	return x->action->index < y->action->index ? -1 : x->action->index > y->action->index;
}

static status
S_push_env(struct env_list *l, struct env_key k)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct env_key *bigger = realloc(l->items, cap * sizeof *bigger);
		ENSURE(bigger, E_NO_MEMORY);
		l->items = bigger;
		l->cap = cap;
	}
	l->items[l->n++] = k;
	return OK;
}

/* `in` asks the hierarchy even where the answer is no, so under level 0 the scope may not have it where it is looked at;
 * `is T in x` looks only at entities of type T. */
static bool
S_asks_hierarchy(const struct cedar_scope *sc, const struct cedar_entity_type *t)
{
	return sc->op == CEDAR_SCOPE_IN || (sc->op == CEDAR_SCOPE_IS_IN && span_eq(t->name, sc->type->text));
}

static void
S_scope_levels(struct validation *v, const bool asks[3])
{
	for (unsigned i = CEDAR_PRINCIPAL; i <= CEDAR_RESOURCE && v->opts->check_level && v->opts->level == 0; i++)
		if (asks[i])
			S_add(v, CEDAR_FIND_LEVEL, false, v->policy->scope[i].pos, v->policy->scope[i].end, "compare with == or is instead",
			      "this dereferences entities more than 0 deep");
}

/* The environments whose scope is not plainly false; the list of actions is looked at where the principal allows. */
static status
S_collect_envs(struct validation *v, const struct env_use *use, struct env_list *l, bool *ret_list_ok, bool *ret_scope_bad)
{
	const struct cedar_scope *scope = v->policy->scope;
	size_t n;
	const struct cedar_action *const *actions = S_candidates(v, &n);
	bool list_checked = false, asks[3] = { false };
	*ret_list_ok = true;
	*ret_scope_bad = false;
	for (size_t i = 0; i < n; i++) {
		const struct cedar_action *a = actions[i];
		if (!a->applies)
			continue;
		ENSURE(v->steps > a->n_principals, E_LIMIT);
		v->steps -= 1 + a->n_principals;
		enum scope_answer ok_action = S_scope_action(v->schema, &scope[CEDAR_ACTION], a);
		for (uint32_t p = 0; p < a->n_principals && a->n_resources; p++) {
			enum scope_answer ok_principal = S_scope_entity(v->schema, &scope[CEDAR_PRINCIPAL], a->principals[p]);
			*ret_scope_bad |= ok_principal == SCOPE_BAD;
			asks[CEDAR_PRINCIPAL] |= S_asks_hierarchy(&scope[CEDAR_PRINCIPAL], a->principals[p]);
			if (ok_principal == SCOPE_NO)
				continue;
			if (!list_checked)
				*ret_list_ok = S_action_list_ok(v);
			list_checked = true;
			asks[CEDAR_ACTION] |= scope[CEDAR_ACTION].op == CEDAR_SCOPE_IN;
			*ret_scope_bad |= ok_action == SCOPE_BAD;
			if (ok_action == SCOPE_NO)
				continue;
			struct env_key key = { .principal = a->principals[p], .action = a };
			S_context_key(use, a->context, key.context);
			for (uint32_t r = 0; r < a->n_resources; r++) {
				enum scope_answer ok_resource = S_scope_entity(v->schema, &scope[CEDAR_RESOURCE], a->resources[r]);
				*ret_scope_bad |= ok_resource == SCOPE_BAD;
				asks[CEDAR_RESOURCE] |= S_asks_hierarchy(&scope[CEDAR_RESOURCE], a->resources[r]);
				if (ok_resource == SCOPE_NO)
					continue;
				key.resource = a->resources[r];
				TRY(S_push_env(l, key));
			}
		}
	}
	S_scope_levels(v, asks);
	return OK;
}

static status
S_check_envs(struct validation *v, struct env_list *l)
{
	bool list_ok, scope_bad;
	struct env_use use = { 0 };
	for (uint32_t i = 0; i < v->policy->condition_n; i++)
		S_use(v->policy->conditions[i].body, &use);
	TRY(S_collect_envs(v, &use, l, &list_ok, &scope_bad));
	if (l->n)
		qsort(l->items, l->n, sizeof *l->items, S_cmp_env);
	/* a scope that could not be checked is not one that is never met */
	struct env_result out = { .some_not_false = !list_ok || scope_bad };
	for (size_t i = 0; i < l->n; i++) {
		const struct env_key *k = &l->items[i];
		if (i > 0 && !use.action && k[-1].principal == k->principal && k[-1].resource == k->resource &&
		    memcmp(k[-1].context, k->context, sizeof k->context) == 0)
			continue;
		struct cedar_env env = { k->action, k->principal, k->resource };
		TRY(S_check_env(v, &env, SCOPE_YES, &out));
	}
	if (!out.some_not_false)
		S_add(v, CEDAR_FIND_IMPOSSIBLE, true, v->policy->pos, v->policy->end, NULL,
		      "this policy can never apply: its condition is false for every kind of request");
	return OK;
}

static status
S_policy(struct validation *v)
{
	S_all_names(v);
	ENSURE(v->steps > 0, E_LIMIT);
	S_applicable(v);
	struct env_list l = { 0 };
	status st = S_check_envs(v, &l);
	free(l.items);
	TRY(st);
	ENSURE(!v->report->oom, E_NO_MEMORY);
	return OK;
}

static const struct cedar_validate_opts S_defaults;

static void
S_begin(struct validation *v, const struct cedar_schema *s, const struct cedar_validate_opts *opts, struct cedar_report *r)
{
	*v = (struct validation){ .schema = s, .opts = opts ? opts : &S_defaults, .report = r, .names_left = 1000 };
	v->steps = v->opts->max_steps ? v->opts->max_steps : 200u * 1000 * 1000;
	arena_init(&v->arena, v->opts->max_memory ? v->opts->max_memory : (size_t)64 << 20);
}

status
cedar_validate_policy(const struct cedar_schema *s, const struct cedar_policy *p,
                      const struct cedar_validate_opts *opts, struct cedar_report *r)
{
	struct validation v;
	S_begin(&v, s, opts, r);
	v.policy = p;
	status st = S_policy(&v);
	arena_fini(&v.arena);
	return st;
}

status
cedar_validate(const struct cedar_schema *s, const struct cedar_ast *ast, const struct cedar_validate_opts *opts,
               struct cedar_report *r)
{
	struct validation v;
	status st = OK;
	S_begin(&v, s, opts, r);
	for (uint32_t i = 0; i < ast->policy_n && !failed(st); i++) {
		v.policy = ast->policies[i];
		st = S_policy(&v);
	}
	arena_fini(&v.arena);
	return st;
}
