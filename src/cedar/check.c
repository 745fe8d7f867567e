/* Control flow: literals, variables, && || ! if, is, and the plain operators. */
#include "cedar/check.h"

#include <stdarg.h>
#include <stdio.h>

void
check_begin(struct checker *ck, const struct cedar_env *env, struct arena *arena)
{
	ck->env = *env;
	ck->arena = arena;
	ck->types.arena = arena;
	ck->types.fuel = 1u << 20;
	ck->errors = 0;
	ck->oom = false;
	caps_init(&ck->caps, arena);
	cedar_uid_init(&ck->action_uid, env->action->type->name, env->action->id);
}

status
check_limits(const struct checker *ck)
{
	ENSURE(!ck->oom, E_NO_MEMORY);
	ENSURE(ck->steps > 0 && ck->types.fuel > 0, E_LIMIT);
	ENSURE(arena_ok(ck->arena), ck->arena->used * 2 > ck->arena->max ? E_LIMIT : E_NO_MEMORY);
	return OK;
}

void
check_find(struct checker *ck, enum cedar_finding_kind kind, const struct cedar_expr *at, const char *hint,
           const char *fmt, ...)
{
	ck->errors++;
	if (!ck->report)
		return;
	char what[240];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	struct cedar_finding f = { .kind = kind, .policy = ck->policy, .action = ck->env.action,
	                           .principal = ck->env.principal, .resource = ck->env.resource };
	IGNORE(cedar_diag_set(&f.diag, E_BAD_POLICY, at->pos, hint, "%s", what)); /* it only formats */
	f.diag.end = at->end;
	cedar_report_add(ck->report, &f);
}

const char *
check_text(struct checker *ck, const struct buf *b)
{
	const char *s = arena_cstr(ck->arena, buf_span(b));
	ck->oom |= b->err == E_NO_MEMORY || !s;
	return s ? s : "";
}

const char *
check_type_text(struct checker *ck, const struct cedar_type *t)
{
	CLEANUP(buf_fini) struct buf b;
	if (!t)
		return "an unknown type";
	buf_init(&b, 2048);
	cedar_type_print(&b, t);
	return check_text(ck, &b);
}

struct checked
check_basic(struct checker *ck, const struct cedar_expr *x, enum cedar_type_kind want)
{
	struct checked r = check_expr(ck, x);
	if (!r.type || r.type->kind == want || (want == CEDAR_TYPE_BOOL && cedar_type_is_bool(r.type)))
		return r;
	check_find(ck, CEDAR_FIND_TYPE, x, NULL, "expected %s, found %s", cedar_type_name(want), check_type_text(ck, r.type));
	return check_failed();
}

struct checked
check_entity(struct checker *ck, const struct cedar_expr *x)
{
	struct checked r = check_expr(ck, x);
	if (!r.type || r.type->kind == CEDAR_TYPE_ENTITY)
		return r;
	check_find(ck, CEDAR_FIND_TYPE, x, NULL, "expected an entity, found %s", check_type_text(ck, r.type));
	return check_failed();
}

/* An undeclared name fails in silence here: validation reports every name of a policy once, looked at or not. */
static struct checked
S_entity(struct checker *ck, const struct cedar_uid *uid)
{
	const struct cedar_entity_type *t = cedar_schema_entity_type(ck->schema, uid->type.text);
	if (!t || (t->is_action && !cedar_schema_action(ck->schema, uid->type.text, uid->id)))
		return check_failed();
	return check_ok(t->type);
}

static struct checked
S_var(struct checker *ck, enum cedar_var v)
{
	switch (v) {
	case CEDAR_PRINCIPAL: return check_ok(ck->env.principal->type);
	case CEDAR_ACTION: return check_ok(ck->env.action->type->type);
	case CEDAR_RESOURCE: return check_ok(ck->env.resource->type);
	case CEDAR_CONTEXT: return check_ok(ck->env.action->context);
	}
	return check_failed();
}

/* ---- && and || ---- */

/* One link of an && chain after another; what holds is known to the links behind it. */
struct chain {
	struct capset *entered;      /* caps of the links so far, in force until the end */
	uint32_t n;
	bool failed, all_true, is_false;
};

static void
S_and_link(struct checker *ck, struct chain *c, struct checked r)
{
	if (!r.type) {
		c->failed = true;
		return;
	}
	if (r.type->kind == CEDAR_TYPE_FALSE) {
		/* the whole chain is false, whatever comes; a failure before it stands */
		c->is_false = !c->failed;
		return;
	}
	c->all_true &= r.type->kind == CEDAR_TYPE_TRUE;
	c->entered[c->n] = r.caps;
	caps_enter(&ck->caps, c->entered[c->n++]);
}

static struct checked
S_and_end(struct checker *ck, struct chain *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		caps_leave(&ck->caps, c->entered[i]);
	if (c->failed)
		return check_failed();
	if (c->is_false)
		return check_bool(CEDAR_TYPE_FALSE);
	struct checked r = check_bool(c->all_true ? CEDAR_TYPE_TRUE : CEDAR_TYPE_BOOL);
	r.caps = capset_all(&ck->caps, c->entered, c->n);
	return r;
}

static struct checked
S_and(struct checker *ck, const struct cedar_expr *x)
{
	struct chain c = { .entered = arena_array(ck->arena, x->n, sizeof *c.entered), .all_true = true };
	if (!c.entered)
		return check_failed();
	for (uint32_t i = 0; i < x->n && !c.is_false; i++)
		S_and_link(ck, &c, check_basic(ck, x->list.items[i], CEDAR_TYPE_BOOL));
	return S_and_end(ck, &c);
}

static struct checked
S_or(struct checker *ck, const struct cedar_expr *x)
{
	struct checked acc = check_basic(ck, x->list.items[0], CEDAR_TYPE_BOOL);
	bool failed_once = !acc.type;
	for (uint32_t i = 1; i < x->n; i++) {
		if (acc.type && acc.type->kind == CEDAR_TYPE_TRUE)
			break;
		struct checked r = check_basic(ck, x->list.items[i], CEDAR_TYPE_BOOL);
		if (!r.type || failed_once) {
			failed_once = true;
			acc = (struct checked){ 0 };
		} else if (acc.type->kind == CEDAR_TYPE_FALSE) {
			acc = r;
		} else if (r.type->kind == CEDAR_TYPE_FALSE) {
			acc.type = cedar_type_basic(CEDAR_TYPE_BOOL);
		} else {
			acc.type = r.type->kind == CEDAR_TYPE_TRUE ? r.type : cedar_type_basic(CEDAR_TYPE_BOOL);
			acc.caps = capset_both(&ck->caps, acc.caps, r.caps);
		}
	}
	return acc;
}

static struct checked
S_if(struct checker *ck, const struct cedar_expr *x)
{
	struct checked test = check_basic(ck, x->x.a, CEDAR_TYPE_BOOL), yes = { 0 }, no = { 0 };
	bool only_yes = test.type && test.type->kind == CEDAR_TYPE_TRUE;
	bool only_no = test.type && test.type->kind == CEDAR_TYPE_FALSE;
	if (!only_no) {
		caps_enter(&ck->caps, test.caps);
		yes = check_expr(ck, x->x.b);
		caps_leave(&ck->caps, test.caps);
		yes.caps = capset_union(&ck->caps, test.caps, yes.caps);
	}
	if (!only_yes)
		no = check_expr(ck, x->x.c);
	if (!test.type)
		return check_failed();
	if (only_yes || only_no)
		return only_yes ? yes : no;
	if (!yes.type || !no.type)
		return check_failed();
	const struct cedar_type *both = cedar_type_lub(&ck->types, yes.type, no.type);
	if (!both) {
		check_find(ck, CEDAR_FIND_INCOMPATIBLE, x, "both branches of an `if` must have one type",
		           "the types %s and %s are not compatible", check_type_text(ck, yes.type), check_type_text(ck, no.type));
		return check_failed();
	}
	return (struct checked){ both, capset_both(&ck->caps, yes.caps, no.caps) };
}

/* ---- the plain operators ---- */

static struct checked
S_flip(struct checked r)
{
	if (!r.type)
		return r;
	if (r.type->kind == CEDAR_TYPE_TRUE)
		return check_bool(CEDAR_TYPE_FALSE);
	return check_bool(r.type->kind == CEDAR_TYPE_FALSE ? CEDAR_TYPE_TRUE : CEDAR_TYPE_BOOL);
}

static bool
S_ordered(const struct cedar_type *t)
{
	return t->kind == CEDAR_TYPE_LONG || t->kind == CEDAR_TYPE_DATETIME || t->kind == CEDAR_TYPE_DURATION;
}

static struct checked
S_compare(struct checker *ck, const struct cedar_expr *x)
{
	struct checked l = check_expr(ck, x->x.a), r = check_expr(ck, x->x.b);
	const struct cedar_expr *bad = l.type && !S_ordered(l.type) ? x->x.a : r.type && !S_ordered(r.type) ? x->x.b : NULL;
	if (bad) {
		check_find(ck, CEDAR_FIND_TYPE, bad, "decimals compare with lessThan and its kin",
		           "expected Long, datetime or duration, found %s", check_type_text(ck, bad == x->x.a ? l.type : r.type));
		return check_failed();
	}
	if (!l.type || !r.type)
		return check_failed();
	if (l.type->kind != r.type->kind) {
		check_find(ck, CEDAR_FIND_TYPE, x->x.b, NULL, "expected %s, found %s", check_type_text(ck, l.type),
		           check_type_text(ck, r.type));
		return check_failed();
	}
	return check_bool(CEDAR_TYPE_BOOL);
}

static struct checked
S_arithmetic(struct checker *ck, const struct cedar_expr *x)
{
	struct checked l = check_basic(ck, x->x.a, CEDAR_TYPE_LONG), r = check_basic(ck, x->x.b, CEDAR_TYPE_LONG);
	return l.type && r.type ? check_bool(CEDAR_TYPE_LONG) : check_failed();
}

static bool
S_has_type(const struct cedar_type *t, span name, bool *ret_only)
{
	bool found = t->n == 0;
	for (uint32_t i = 0; i < t->n; i++)
		found |= span_eq(t->ents[i]->name, name);
	*ret_only = t->n == 1;
	return found;
}

/* e is T [in x] = (e is T) && (e in x) */
static struct checked
S_is(struct checker *ck, const struct cedar_expr *x)
{
	struct checked l = check_entity(ck, x->is.target);
	bool only = true, maybe = l.type && S_has_type(l.type, x->is.type->text, &only);
	if (l.type && !maybe)
		return check_bool(CEDAR_TYPE_FALSE);
	enum cedar_type_kind is = only ? CEDAR_TYPE_TRUE : CEDAR_TYPE_BOOL;
	if (!x->is.container)
		return l.type ? check_bool(is) : check_failed();
	struct checked in = check_in(ck, x->is.target, l, x->is.container);
	if (in.type && in.type->kind == CEDAR_TYPE_TRUE)
		in = check_bool(is);
	return in;
}

static struct checked
S_like(struct checker *ck, const struct cedar_expr *x)
{
	return check_basic(ck, x->like.target, CEDAR_TYPE_STRING).type ? check_bool(CEDAR_TYPE_BOOL) : check_failed();
}

static struct checked
S_is_empty(struct checker *ck, const struct cedar_expr *x)
{
	struct checked l = check_expr(ck, x->x.a);
	if (!l.type)
		return l;
	if (l.type->kind != CEDAR_TYPE_SET) {
		check_find(ck, CEDAR_FIND_TYPE, x->x.a, NULL, "expected a set, found %s", check_type_text(ck, l.type));
		return check_failed();
	}
	return check_bool(CEDAR_TYPE_BOOL);
}

static struct checked
S_dispatch(struct checker *ck, const struct cedar_expr *x)
{
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_BOOL: return check_bool(x->b ? CEDAR_TYPE_TRUE : CEDAR_TYPE_FALSE);
	case CEDAR_X_LONG: return check_bool(CEDAR_TYPE_LONG);
	case CEDAR_X_STRING: return check_bool(CEDAR_TYPE_STRING);
	case CEDAR_X_ENTITY: return S_entity(ck, x->uid);
	case CEDAR_X_VAR: return S_var(ck, x->sub);
	case CEDAR_X_NOT: return S_flip(check_basic(ck, x->x.a, CEDAR_TYPE_BOOL));
	case CEDAR_X_NEG: return check_ok(check_basic(ck, x->x.a, CEDAR_TYPE_LONG).type);
	case CEDAR_X_AND: return S_and(ck, x);
	case CEDAR_X_OR: return S_or(ck, x);
	case CEDAR_X_IF: return S_if(ck, x);
	case CEDAR_X_EQ: return check_eq(ck, x);
	case CEDAR_X_NE: return S_flip(check_eq(ck, x));
	case CEDAR_X_LT: case CEDAR_X_LE: case CEDAR_X_GT: case CEDAR_X_GE: return S_compare(ck, x);
	case CEDAR_X_IN: return check_in(ck, x->x.a, check_entity(ck, x->x.a), x->x.b);
	case CEDAR_X_ADD: case CEDAR_X_SUB: case CEDAR_X_MUL: return S_arithmetic(ck, x);
	case CEDAR_X_CONTAINS: case CEDAR_X_CONTAINS_ALL: case CEDAR_X_CONTAINS_ANY: return check_contains(ck, x);
	case CEDAR_X_HAS_TAG: case CEDAR_X_GET_TAG: return check_tag(ck, x);
	case CEDAR_X_IS_EMPTY: return S_is_empty(ck, x);
	case CEDAR_X_HAS: return check_has(ck, x);
	case CEDAR_X_GET: return check_get(ck, x);
	case CEDAR_X_IS: return S_is(ck, x);
	case CEDAR_X_LIKE: return S_like(ck, x);
	case CEDAR_X_SET: return check_set(ck, x);
	case CEDAR_X_RECORD: return check_record(ck, x);
	case CEDAR_X_CALL: return check_call(ck, x);
	case CEDAR_X_COUNT: break;
	}
	return check_failed();
}

struct checked
check_expr(struct checker *ck, const struct cedar_expr *x)
{
	uint64_t cost = 1 + ck->caps.work;
	ck->caps.work = 0;
	if (ck->steps <= cost || ck->types.fuel == 0 || !arena_ok(ck->arena)) {
		ck->steps = ck->steps <= cost ? 0 : ck->steps;
		return check_failed();
	}
	ck->steps -= cost;
	struct checked r = S_dispatch(ck, x);
	if (ck->seen && r.type)
		typemap_put(ck->seen, x, r.type);
	return r;
}

struct checked
check_conditions(struct checker *ck)
{
	const struct cedar_policy *p = ck->policy;
	struct chain c = { .entered = arena_array(ck->arena, p->condition_n + 1, sizeof *c.entered), .all_true = true };
	if (!c.entered)
		return check_failed();
	for (uint32_t i = 0; i < p->condition_n && !c.is_false; i++) {
		struct checked r = check_basic(ck, p->conditions[i].body, CEDAR_TYPE_BOOL);
		S_and_link(ck, &c, p->conditions[i].unless ? S_flip(r) : r);
	}
	return S_and_end(ck, &c);
}

/* ---- types by expression ---- */

static size_t
S_slot(const struct typemap *m, const struct cedar_expr *x)
{
	uint64_t h = (uint64_t)(uintptr_t)x * 0x9e3779b97f4a7c15;
	size_t i = (size_t)(h >> 20) & m->mask;
	while (m->slots[i].x && m->slots[i].x != x)
		i = (i + 1) & m->mask;
	return i;
}

void
typemap_put(struct typemap *m, const struct cedar_expr *x, const struct cedar_type *t)
{
	if (!m->slots || m->n * 2 > m->mask) {
		struct typemap bigger = { .arena = m->arena, .mask = m->slots ? m->mask * 2 + 1 : 63 };
		bigger.slots = arena_array(m->arena, bigger.mask + 1, sizeof *bigger.slots);
		if (!bigger.slots)
			return;         /* the arena's overflow tells */
		for (size_t i = 0; m->slots && i <= m->mask; i++)
			if (m->slots[i].x)
				typemap_put(&bigger, m->slots[i].x, m->slots[i].t);
		*m = bigger;
	}
	size_t i = S_slot(m, x);
	m->n += !m->slots[i].x;
	m->slots[i] = (struct typemap_slot){ x, t };
}

const struct cedar_type *
typemap_get(const struct typemap *m, const struct cedar_expr *x)
{
	return m->slots ? m->slots[S_slot(m, x)].t : NULL;
}
