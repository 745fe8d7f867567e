#include "cedar/program.h"

static const struct cedar_value failed_value = { 0 };

static struct cedar_value value(struct cedar_eval *e, const struct cedar_op *op);
static inline int test(struct cedar_eval *e, const struct cedar_op *op);
static int test_new(struct cedar_eval *e, const struct cedar_op *op);

/* Keeps what is rare, or needs many registers, out of the functions that everything goes through. */
#define COLD __attribute__((noinline))

static struct cedar_value find_var(struct cedar_eval *e, const struct cedar_op *op);

static inline struct cedar_value
value_get_var(struct cedar_eval *e, const struct cedar_op *op)
{
	return op->kept && e->kept[op->kept] ? *e->kept[op->kept] : find_var(e, op);
}

/* Most operands are literals or attributes of variables. */
static inline struct cedar_value
operand(struct cedar_eval *e, const struct cedar_op *op)
{
	if (op->op == CEDAR_OP_CONST)
		return op->value;
	return op->op == CEDAR_OP_GET_VAR ? value_get_var(e, op) : value(e, op);
}

/* Where an operand's value already lies, or NULL when there is something to do first. */
static inline const struct cedar_value *
at_hand(const struct cedar_eval *e, const struct cedar_op *op)
{
	if (op->op == CEDAR_OP_CONST)
		return &op->value;
	return op->op == CEDAR_OP_GET_VAR ? e->kept[op->kept] : NULL;
}

static COLD int
fail_at(struct cedar_eval *e, const struct cedar_op *op, enum cedar_failure_kind kind, const char *text)
{
	e->failure = (struct cedar_failure){ .kind = (uint8_t)kind, .text = text, .at = op->at };
	return -1;
}

static COLD int
fail_type(struct cedar_eval *e, const struct cedar_op *op, const char *expected, struct cedar_value got)
{
	fail_at(e, op, CEDAR_FAILED_TYPE, expected);
	e->failure.got = got.kind;
	return -1;
}

static COLD int
fail_name(struct cedar_eval *e, const struct cedar_op *op, enum cedar_failure_kind kind, span name, const struct cedar_uid *uid)
{
	fail_at(e, op, kind, "");
	e->failure.name = name;
	e->failure.uid = uid;
	return -1;
}

static const struct cedar_entity *
lookup(const struct cedar_eval *e, const struct cedar_uid *uid)
{
	for (uint32_t i = 0; i < e->req->extra_n; i++)
		if (cedar_uid_eq(e->req->extra[i]->uid, uid))
			return e->req->extra[i];
	return cedar_entities_find(e->entities, uid);
}

void
cedar_eval_init(struct cedar_eval *e, const struct cedar_entities *s, const struct cedar_request *r, struct arena *a)
{
	e->req = r;
	e->entities = s;
	e->arena = a;
	e->var_uid[CEDAR_PRINCIPAL] = r->principal;
	e->var_uid[CEDAR_ACTION] = r->action;
	e->var_uid[CEDAR_RESOURCE] = r->resource;
	for (unsigned i = 0; i < 3; i++) {
		e->var_entity[i] = lookup(e, e->var_uid[i]);
		e->var_record[i] = e->var_entity[i] ? e->var_entity[i]->attrs : NULL;
	}
	e->var_record[CEDAR_CONTEXT] = r->context ? r->context : &cedar_record_empty;
	e->memo_of = NULL;
	e->kept[0] = NULL;
}

/* Forgets what depends on the variables in `vars`. */
static void
forget(struct cedar_eval *e, uint8_t vars)
{
	const struct cedar_program *p = e->memo_of;
	for (uint32_t i = 1; i <= p->memo_n; i++)
		if (p->memo_vars[i] & vars)
			e->memo[i] = 0;
	for (uint32_t i = 1; i <= p->kept_n; i++)
		if (p->kept_vars[i] & vars)
			e->kept[i] = NULL;
}

void
cedar_eval_next(struct cedar_eval *e, const struct cedar_request *r)
{
	const struct cedar_uid *const uids[3] = { r->principal, r->action, r->resource };
	uint8_t changed = 0;
	/* Entities of a request may be anybody's parents or attributes. */
	if (r->extra_n != e->req->extra_n || r->extra != e->req->extra) {
		cedar_eval_init(e, e->entities, r, e->arena);
		return;
	}
	for (unsigned i = 0; i < 3; i++) {
		if (uids[i] == e->var_uid[i])
			continue;
		e->var_uid[i] = uids[i];
		e->var_entity[i] = lookup(e, uids[i]);
		e->var_record[i] = e->var_entity[i] ? e->var_entity[i]->attrs : NULL;
		changed |= (uint8_t)(1u << i);
	}
	if (r->context != e->req->context) {
		e->var_record[CEDAR_CONTEXT] = r->context ? r->context : &cedar_record_empty;
		changed |= 1u << CEDAR_CONTEXT;
	}
	e->req = r;
	if (changed && e->memo_of)
		forget(e, changed);
}

static inline const struct cedar_entity *
entity(const struct cedar_eval *e, const struct cedar_uid *uid)
{
	for (unsigned i = 0; i < 3; i++)
		if (uid == e->var_uid[i])
			return e->var_entity[i];
	return lookup(e, uid);
}

bool
cedar_eval_in(struct cedar_eval *e, const struct cedar_uid *a, const struct cedar_uid *b)
{
	if (cedar_uid_eq(a, b))
		return true;
	const struct cedar_entity *ent = entity(e, a);
	return ent && cedar_entity_has_ancestor(ent, b);
}

static bool
in_set(struct cedar_eval *e, const struct cedar_uid *a, const struct cedar_set *set)
{
	const struct cedar_entity *ent = entity(e, a);
	uint32_t up = ent ? ent->ancestor_n : 0;
	if (set->n > 4 && up < set->n) {
		if (cedar_set_contains(set, cedar_entity(a)))
			return true;
		for (uint32_t i = 0; i < up; i++)
			if (cedar_set_contains(set, cedar_entity(ent->ancestors[i].uid)))
				return true;
		return false;
	}
	for (uint32_t i = 0; i < set->n; i++)
		if (cedar_uid_eq(a, set->items[i].uid) || (ent && cedar_entity_has_ancestor(ent, set->items[i].uid)))
			return true;
	return false;
}

/* `a in b` with both evaluated. */
static COLD int
test_in(struct cedar_eval *e, const struct cedar_op *op, struct cedar_value a, struct cedar_value b)
{
	if (a.kind != CEDAR_ENTITY)
		return fail_type(e, op, "entity on the left of `in`", a);
	if (b.kind == CEDAR_ENTITY)
		return cedar_eval_in(e, a.uid, b.uid);
	if (b.kind != CEDAR_SET)
		return fail_type(e, op, "entity or set of entities on the right of `in`", b);
	/* Every element must be an entity, even after one that matches. */
	if (!b.set->all_entities) {
		for (uint32_t i = 0; i < b.set->n; i++)
			if (b.set->items[i].kind != CEDAR_ENTITY)
				return fail_type(e, op, "set of entities on the right of `in`", b.set->items[i]);
	}
	return in_set(e, a.uid, b.set);
}

static inline int
test_order(struct cedar_eval *e, const struct cedar_op *op, struct cedar_value a, struct cedar_value b)
{
	if (a.kind != CEDAR_LONG && a.kind != CEDAR_DATETIME && a.kind != CEDAR_DURATION)
		return fail_type(e, op, "long, datetime or duration", a);
	if (b.kind != a.kind)
		return fail_type(e, op, a.kind == CEDAR_LONG ? "long" : a.kind == CEDAR_DATETIME ? "datetime" : "duration", b);
	switch (op->op) {
	case CEDAR_X_LT:
		return a.i < b.i;
	case CEDAR_X_LE:
		return a.i <= b.i;
	case CEDAR_X_GT:
		return a.i > b.i;
	default:
		return a.i >= b.i;
	}
}

static COLD int
test_contains(struct cedar_eval *e, const struct cedar_op *op, struct cedar_value a, struct cedar_value b)
{
	if (a.kind != CEDAR_SET)
		return fail_type(e, op, "set", a);
	if (op->op == CEDAR_X_CONTAINS)
		return cedar_set_contains(a.set, b);
	if (b.kind != CEDAR_SET)
		return fail_type(e, op, "set", b);
	bool all = op->op == CEDAR_X_CONTAINS_ALL;
	for (uint32_t i = 0; i < b.set->n; i++)
		if (cedar_set_contains(a.set, b.set->items[i]) != all)
			return !all;
	return all;
}

static COLD int
test_has_tag(struct cedar_eval *e, const struct cedar_op *op, struct cedar_value a, struct cedar_value b)
{
	if (a.kind != CEDAR_ENTITY)
		return fail_type(e, op, "entity", a);
	if (b.kind != CEDAR_STRING)
		return fail_type(e, op, "string", b);
	const struct cedar_entity *ent = entity(e, a.uid);
	return ent && cedar_record_get(ent->tags, cedar_string_span(b));
}

static inline bool
equal(struct cedar_value a, struct cedar_value b)
{
	if (a.kind == CEDAR_STRING && b.kind == CEDAR_STRING)
		return a.n == b.n && cedar_same(a.s, b.s, a.n);
	return cedar_value_eq(a, b);
}

static COLD int
test_equal_slow(struct cedar_eval *e, const struct cedar_op *op)
{
	struct cedar_value a = operand(e, &op->a[0]);
	if (a.kind == CEDAR_NONE)
		return -1;
	struct cedar_value b = operand(e, &op->a[1]);
	if (b.kind == CEDAR_NONE)
		return -1;
	return equal(a, b) == (op->op == CEDAR_X_EQ);
}

static inline int
test_equal(struct cedar_eval *e, const struct cedar_op *op)
{
	const struct cedar_value *a = at_hand(e, &op->a[0]), *b = at_hand(e, &op->a[1]);
	if (!a || !b || a->kind != CEDAR_STRING || b->kind != CEDAR_STRING)
		return test_equal_slow(e, op);
	return (a->n == b->n && cedar_same(a->s, b->s, a->n)) == (op->op == CEDAR_X_EQ);
}

static COLD int
test_compare_slow(struct cedar_eval *e, const struct cedar_op *op)
{
	struct cedar_value a = operand(e, &op->a[0]);
	if (a.kind == CEDAR_NONE)
		return -1;
	struct cedar_value b = operand(e, &op->a[1]);
	if (b.kind == CEDAR_NONE)
		return -1;
	return test_order(e, op, a, b);
}

static inline int
test_compare(struct cedar_eval *e, const struct cedar_op *op)
{
	const struct cedar_value *a = at_hand(e, &op->a[0]), *b = at_hand(e, &op->a[1]);
	if (!a || !b || a->kind != CEDAR_LONG || b->kind != CEDAR_LONG)
		return test_compare_slow(e, op);
	switch (op->op) {
	case CEDAR_X_LT:
		return a->i < b->i;
	case CEDAR_X_LE:
		return a->i <= b->i;
	case CEDAR_X_GT:
		return a->i > b->i;
	default:
		return a->i >= b->i;
	}
}

static COLD int
test_binary_slow(struct cedar_eval *e, const struct cedar_op *op)
{
	struct cedar_value a = operand(e, &op->a[0]);
	if (a.kind == CEDAR_NONE)
		return -1;
	struct cedar_value b = operand(e, &op->a[1]);
	if (b.kind == CEDAR_NONE)
		return -1;
	switch (op->op) {
	case CEDAR_X_IN:
		return test_in(e, op, a, b);
	case CEDAR_X_HAS_TAG:
		return test_has_tag(e, op, a, b);
	default:
		return test_contains(e, op, a, b);
	}
}

/* Is the string one of a few? */
static inline int
among_few(const struct cedar_set *set, const struct cedar_value *v)
{
	for (const struct cedar_value *x = set->items, *end = x + set->n; x < end; x++)
		if (x->n == v->n && x->kind == CEDAR_STRING && cedar_same(x->s, v->s, v->n))
			return true;
	return false;
}

static inline int
test_binary(struct cedar_eval *e, const struct cedar_op *op)
{
	if (op->op == CEDAR_X_CONTAINS) {
		const struct cedar_value *a = at_hand(e, &op->a[0]), *b = at_hand(e, &op->a[1]);
		if (a && b && a->kind == CEDAR_SET && b->kind == CEDAR_STRING && a->set->n <= 8)
			return among_few(a->set, b);
	}
	return test_binary_slow(e, op);
}

/* The attributes that v offers: *ret NULL when it is an entity that does not exist. False: it is neither entity nor record. */
static bool
attributes(struct cedar_eval *e, struct cedar_value v, const struct cedar_record **ret)
{
	if (v.kind == CEDAR_RECORD) {
		*ret = v.record;
		return true;
	}
	if (v.kind != CEDAR_ENTITY)
		return false;
	const struct cedar_entity *ent = entity(e, v.uid);
	*ret = ent ? ent->attrs : NULL;
	return true;
}

static COLD int
test_has(struct cedar_eval *e, const struct cedar_op *op)
{
	struct cedar_value v = operand(e, op->a);
	if (v.kind == CEDAR_NONE)
		return -1;
	for (uint32_t i = 0; i < op->n; i++) {
		const struct cedar_record *r;
		if (!attributes(e, v, &r))
			return fail_type(e, op, "entity or record on the left of `has`", v);
		const struct cedar_value *next = r ? cedar_record_find(r, op->keys[i].text, op->keys[i].hash) : NULL;
		if (!next)
			return false;
		v = *next;
	}
	return true;
}

static COLD int
test_is(struct cedar_eval *e, const struct cedar_op *op)
{
	struct cedar_value v = operand(e, &op->a[0]);
	if (v.kind == CEDAR_NONE)
		return -1;
	if (v.kind != CEDAR_ENTITY)
		return fail_type(e, op, "entity on the left of `is`", v);
	if (!cedar_name_eq(&v.uid->type, op->type))
		return false;
	if (op->op == CEDAR_X_IS)
		return true;
	struct cedar_value b = operand(e, &op->a[1]);
	return b.kind == CEDAR_NONE ? -1 : test_in(e, op, v, b);
}

static COLD int
test_like(struct cedar_eval *e, const struct cedar_op *op)
{
	struct cedar_value v = operand(e, op->a);
	if (v.kind == CEDAR_NONE)
		return -1;
	if (v.kind != CEDAR_STRING)
		return fail_type(e, op, "string on the left of `like`", v);
	return cedar_pattern_match(op->pattern, cedar_string_span(v));
}

/* The commonest tests, here and now; the others by a call. */
static inline int
test_part(struct cedar_eval *e, const struct cedar_op *op)
{
	switch (op->op) {
	case CEDAR_X_LT: case CEDAR_X_LE: case CEDAR_X_GT: case CEDAR_X_GE:
		return test_compare(e, op);
	case CEDAR_X_EQ: case CEDAR_X_NE:
		return test_equal(e, op);
	case CEDAR_X_CONTAINS:
		return test_binary(e, op);
	default:
		return test_new(e, op);
	}
}

static inline int
test_chain(struct cedar_eval *e, const struct cedar_op *op, int stop)
{
	for (const struct cedar_op *x = op->a, *end = x + op->n; x < end; x++) {
		int t = x->memo ? test(e, x) : test_part(e, x);
		if (t != !stop)
			return t;
	}
	return !stop;
}

static int
test_new(struct cedar_eval *e, const struct cedar_op *op)
{
	int t;
	switch (op->op) {
	case CEDAR_X_AND:
		return test_chain(e, op, 0);
	case CEDAR_X_OR:
		return test_chain(e, op, 1);
	case CEDAR_X_NOT:
		t = test(e, op->a);
		return t < 0 ? t : !t;
	case CEDAR_X_IF:
		t = test(e, &op->a[0]);
		return t < 0 ? t : test(e, &op->a[t ? 1 : 2]);
	case CEDAR_X_EQ: case CEDAR_X_NE:
		return test_equal(e, op);
	case CEDAR_X_LT: case CEDAR_X_LE: case CEDAR_X_GT: case CEDAR_X_GE:
		return test_compare(e, op);
	case CEDAR_X_IN: case CEDAR_X_CONTAINS: case CEDAR_X_CONTAINS_ALL: case CEDAR_X_CONTAINS_ANY: case CEDAR_X_HAS_TAG:
		return test_binary(e, op);
	case CEDAR_X_HAS:
		return test_has(e, op);
	case CEDAR_X_IS:
	case CEDAR_OP_IS_IN:
		return test_is(e, op);
	case CEDAR_X_LIKE:
		return test_like(e, op);
	default:
		break;
	}
	struct cedar_value v = value(e, op);
	if (v.kind == CEDAR_BOOL)
		return v.b;
	return v.kind == CEDAR_NONE ? -1 : fail_type(e, op, "bool", v);
}

static inline int
test(struct cedar_eval *e, const struct cedar_op *op)
{
	if (!op->memo)
		return test_new(e, op);
	if (e->memo[op->memo])
		return e->memo[op->memo] - 1;
	int t = test_new(e, op);
	/* A failure is not kept: it has a place, which differs. */
	if (t >= 0)
		e->memo[op->memo] = (uint8_t)(t + 1);
	return t;
}

/* The expression for the i-th name of a chain of accesses. */
static const struct cedar_expr *
chain_at(const struct cedar_op *op, uint32_t i)
{
	const struct cedar_expr *x = op->at;
	for (uint32_t k = op->n - 1; k > i; k--)
		x = x->get.target;
	return x;
}

static COLD struct cedar_value
fail_get(struct cedar_eval *e, const struct cedar_op *op, uint32_t i, struct cedar_value v, bool entity_absent)
{
	struct cedar_op here = { .at = chain_at(op, i) };
	if (entity_absent)
		fail_name(e, &here, CEDAR_FAILED_ENTITY, (span){ 0 }, v.uid);
	else if (v.kind != CEDAR_ENTITY && v.kind != CEDAR_RECORD)
		fail_type(e, &here, "entity or record", v);
	else
		fail_name(e, &here, CEDAR_FAILED_ATTRIBUTE, op->keys[i].text, v.kind == CEDAR_ENTITY ? v.uid : NULL);
	return failed_value;
}

/* The attributes of v for the i-th name, or NULL after a failure. */
static const struct cedar_record *
step(struct cedar_eval *e, const struct cedar_op *op, uint32_t i, struct cedar_value v)
{
	const struct cedar_record *r = NULL;
	if (!attributes(e, v, &r))
		fail_get(e, op, i, v, false);
	else if (!r)
		fail_get(e, op, i, v, true);
	return r;
}

/* Where the attribute is, or NULL after a failure. `v` is what `r` belongs to. */
static inline const struct cedar_value *
walk(struct cedar_eval *e, const struct cedar_op *op, const struct cedar_record *r, struct cedar_value v)
{
	for (uint32_t i = 0;;) {
		const struct cedar_value *found = cedar_record_find(r, op->keys[i].text, op->keys[i].hash);
		if (!found) {
			fail_get(e, op, i, v, false);
			return NULL;
		}
		if (++i == op->n)
			return found;
		v = *found;
		if (v.kind == CEDAR_RECORD)
			r = v.record;
		else if (!(r = step(e, op, i, v)))
			return NULL;
	}
}

static COLD struct cedar_value
value_get(struct cedar_eval *e, const struct cedar_op *op)
{
	struct cedar_value v = operand(e, op->a);
	if (v.kind == CEDAR_NONE)
		return v;
	const struct cedar_record *r = step(e, op, 0, v);
	const struct cedar_value *found = r ? walk(e, op, r, v) : NULL;
	return found ? *found : failed_value;
}

static inline struct cedar_value
variable(const struct cedar_eval *e, unsigned var)
{
	return var == CEDAR_CONTEXT ? cedar_record_value(e->var_record[var]) : cedar_entity(e->var_uid[var]);
}

static COLD struct cedar_value
find_var(struct cedar_eval *e, const struct cedar_op *op)
{
	struct cedar_value v = variable(e, op->sub);
	const struct cedar_record *r = e->var_record[op->sub];
	if (!r)
		return fail_get(e, op, 0, v, true);
	const struct cedar_value *found = walk(e, op, r, v);
	if (!found)
		return failed_value;
	if (op->kept)
		e->kept[op->kept] = found;
	return *found;
}

static COLD struct cedar_value
value_get_tag(struct cedar_eval *e, const struct cedar_op *op)
{
	struct cedar_value a = operand(e, &op->a[0]);
	if (a.kind == CEDAR_NONE)
		return a;
	struct cedar_value b = operand(e, &op->a[1]);
	if (b.kind == CEDAR_NONE)
		return b;
	const struct cedar_entity *ent = NULL;
	const struct cedar_value *found = NULL;
	if (a.kind != CEDAR_ENTITY)
		fail_type(e, op, "entity", a);
	else if (b.kind != CEDAR_STRING)
		fail_type(e, op, "string", b);
	else if (!(ent = entity(e, a.uid)))
		fail_name(e, op, CEDAR_FAILED_ENTITY, (span){ 0 }, a.uid);
	else if (!(found = cedar_record_get(ent->tags, cedar_string_span(b))))
		fail_name(e, op, CEDAR_FAILED_TAG, cedar_string_span(b), a.uid);
	return found ? *found : failed_value;
}

static COLD struct cedar_value
value_arithmetic(struct cedar_eval *e, const struct cedar_op *op)
{
	struct cedar_value a = operand(e, &op->a[0]), b = cedar_long(0);
	int64_t r;
	if (a.kind == CEDAR_NONE)
		return a;
	if (op->op != CEDAR_X_NEG && (b = operand(e, &op->a[1])).kind == CEDAR_NONE)
		return b;
	if (a.kind != CEDAR_LONG || b.kind != CEDAR_LONG) {
		fail_type(e, op, "long", a.kind != CEDAR_LONG ? a : b);
		return failed_value;
	}
	bool over;
	switch (op->op) {
	case CEDAR_X_ADD:
		over = __builtin_add_overflow(a.i, b.i, &r);
		break;
	case CEDAR_X_SUB:
		over = __builtin_sub_overflow(a.i, b.i, &r);
		break;
	case CEDAR_X_MUL:
		over = __builtin_mul_overflow(a.i, b.i, &r);
		break;
	default:
		over = __builtin_sub_overflow((int64_t)0, a.i, &r);
		break;
	}
	if (!over)
		return cedar_long(r);
	fail_at(e, op, CEDAR_FAILED_OVERFLOW, "");
	return failed_value;
}

static COLD struct cedar_value
value_set(struct cedar_eval *e, const struct cedar_op *op)
{
	struct cedar_value *items = arena_array(e->arena, op->n + 1, sizeof *items);
	if (!items)
		return failed_value;
	for (uint32_t i = 0; i < op->n; i++)
		if ((items[i] = operand(e, &op->a[i])).kind == CEDAR_NONE)
			return failed_value;
	const struct cedar_set *set = cedar_set_new(e->arena, items, op->n);
	return set ? cedar_set_value(set) : failed_value;
}

static COLD struct cedar_value
value_record(struct cedar_eval *e, const struct cedar_op *op)
{
	uint32_t dup;
	struct cedar_member *members = arena_array(e->arena, op->n + 1, sizeof *members);
	if (!members)
		return failed_value;
	for (uint32_t i = 0; i < op->n; i++) {
		members[i].key = op->keys[i].text.p;
		members[i].key_n = (uint32_t)op->keys[i].text.n;
		if ((members[i].value = operand(e, &op->a[i])).kind == CEDAR_NONE)
			return failed_value;
	}
	const struct cedar_record *r = cedar_record_new(e->arena, members, op->n, &dup);
	return r ? cedar_record_value(r) : failed_value;
}

static COLD struct cedar_value
value_call(struct cedar_eval *e, const struct cedar_op *op)
{
	struct cedar_value args[2];
	const char *why = "wrong number of arguments";
	_Static_assert(ARRAY_LEN(((struct cedar_fn_info *)0)->args) == ARRAY_LEN(args), "arity");
	/* Whatever the arguments are, a wrong number of them fails. */
	if (op->n != cedar_fn_info(op->sub)->arity) {
		fail_at(e, op, CEDAR_FAILED_EXTENSION, why);
		return failed_value;
	}
	for (uint32_t i = 0; i < op->n; i++)
		if ((args[i] = operand(e, &op->a[i])).kind == CEDAR_NONE)
			return failed_value;
	struct cedar_value v = cedar_fn_call(op->sub, args, op->n, e->arena, &why);
	if (v.kind == CEDAR_NONE)
		fail_at(e, op, CEDAR_FAILED_EXTENSION, why);
	return v;
}

static COLD struct cedar_value
value_is_empty(struct cedar_eval *e, const struct cedar_op *op)
{
	struct cedar_value v = operand(e, op->a);
	if (v.kind == CEDAR_NONE || v.kind == CEDAR_SET)
		return v.kind == CEDAR_SET ? cedar_bool(v.set->n == 0) : v;
	fail_type(e, op, "set", v);
	return failed_value;
}

static struct cedar_value
value(struct cedar_eval *e, const struct cedar_op *op)
{
	int t;
	switch (op->op) {
	case CEDAR_OP_CONST:
		return op->value;
	case CEDAR_X_VAR:
		return variable(e, op->sub);
	case CEDAR_OP_GET_VAR:
		return value_get_var(e, op);
	case CEDAR_X_GET:
		return value_get(e, op);
	case CEDAR_X_GET_TAG:
		return value_get_tag(e, op);
	case CEDAR_X_ADD: case CEDAR_X_SUB: case CEDAR_X_MUL: case CEDAR_X_NEG:
		return value_arithmetic(e, op);
	case CEDAR_X_SET:
		return value_set(e, op);
	case CEDAR_X_RECORD:
		return value_record(e, op);
	case CEDAR_X_CALL:
		return value_call(e, op);
	case CEDAR_X_IS_EMPTY:
		return value_is_empty(e, op);
	case CEDAR_X_IF:
		t = test(e, &op->a[0]);
		return t < 0 ? failed_value : operand(e, &op->a[t ? 1 : 2]);
	default:
		t = test(e, op);
		return t < 0 ? failed_value : cedar_bool(t);
	}
}

int
cedar_eval_test(struct cedar_eval *e, const struct cedar_op *op)
{
	return test(e, op);
}

int
cedar_eval_unit(struct cedar_eval *e, const struct cedar_unit *u)
{
	if (!u->condition)
		return 1;
	if (u->program != e->memo_of) {
		memset(e->memo, 0, u->program->memo_n + 1u);
		memset(e->kept + 1, 0, u->program->kept_n * sizeof e->kept[0]);
		e->memo_of = u->program;
	}
	return u->condition->op == CEDAR_X_AND ? test_chain(e, u->condition, 0) : test(e, u->condition);
}

struct cedar_value
cedar_eval_value(struct cedar_eval *e, const struct cedar_op *op)
{
	return value(e, op);
}

bool
cedar_eval_in_scope(struct cedar_eval *e, enum cedar_var v, const struct cedar_scope *sc)
{
	const struct cedar_uid *u = e->var_uid[v];
	if (sc->op == CEDAR_SCOPE_ANY)
		return true;
	if ((sc->op == CEDAR_SCOPE_IS || sc->op == CEDAR_SCOPE_IS_IN) && !cedar_name_eq(&u->type, sc->type))
		return false;
	if (sc->op == CEDAR_SCOPE_IS)
		return true;
	for (uint32_t i = 0; i < sc->n; i++)
		if (sc->op == CEDAR_SCOPE_EQ ? cedar_uid_eq(u, sc->uids[i]) : cedar_eval_in(e, u, sc->uids[i]))
			return true;
	return false;
}
