/* The partial evaluator: compiled conditions in, values or smaller conditions out. Whatever has all its operands is given to
 * the evaluator proper, so that no operator is defined twice. */
#include "cedar/partial.h"

#include "cedar/partial_priv.h"

static const struct cedar_entity *
S_find(const struct partial *p, const struct cedar_uid *u)
{
	for (uint32_t i = 0; i < p->req->extra_n; i++)
		if (cedar_uid_eq(p->req->extra[i]->uid, u))
			return p->req->extra[i];
	return cedar_entities_find(p->entities, u);
}

/* Is all known about this entity, be it that it does not exist? */
static bool
S_settled(const struct partial *p, const struct cedar_uid *u)
{
	return p->req->entities_whole || S_find(p, u) != NULL;
}

static struct part
S_value(struct cedar_value v)
{
	return (struct part){ .state = PART_VALUE, .value = v };
}

static struct part
S_bool(bool b)
{
	return S_value(cedar_bool(b));
}

static struct part
S_error(const struct cedar_op *op)
{
	return (struct part){ .state = PART_ERROR, .rest = op };
}

static struct part
S_unknown(const struct cedar_op *rest)
{
	return (struct part){ .state = PART_UNKNOWN, .rest = rest };
}

/* The node that gives what `x` stands for. */
static struct cedar_op
S_node(const struct part *x, const struct cedar_op *was)
{
	if (x->state == PART_VALUE)
		return (struct cedar_op){ .op = CEDAR_OP_CONST, .value = x->value, .at = was->at };
	return *x->rest;
}

/* op with its operands replaced. NULL when the arena is full. */
static const struct cedar_op *
S_rebuild(struct partial *p, const struct cedar_op *op, const struct part *parts, uint32_t n)
{
	struct cedar_op *copy = arena_alloc(p->arena, sizeof *copy), *list = arena_array(p->arena, n ? n : 1, sizeof *list);
	if (!copy || !list)
		return NULL;
	for (uint32_t i = 0; i < n; i++)
		list[i] = S_node(&parts[i], &op->a[i]);
	*copy = *op;
	copy->a = list;
	return copy;
}

static struct part
S_run(struct partial *p, const struct cedar_op *op)
{
	struct cedar_value v = cedar_eval_value(&p->eval, op);
	return v.kind == CEDAR_NONE ? S_error(op) : S_value(v);
}

static uint32_t
S_operands(const struct cedar_op *op)
{
	switch (op->op) {
	case CEDAR_OP_CONST: case CEDAR_X_VAR: case CEDAR_OP_GET_VAR: return 0;
	case CEDAR_X_AND: case CEDAR_X_OR: case CEDAR_X_SET: case CEDAR_X_RECORD: case CEDAR_X_CALL: return op->n;
	case CEDAR_X_IF: return 3;
	case CEDAR_X_NOT: case CEDAR_X_NEG: case CEDAR_X_IS_EMPTY: case CEDAR_X_HAS: case CEDAR_X_GET: case CEDAR_X_IS:
	case CEDAR_X_LIKE: return 1;
	default: return 2;
	}
}

/* Can not fail, given that it is well typed. */
static bool
S_safe(const struct cedar_op *op)
{
	switch (op->op) {
	case CEDAR_X_GET: case CEDAR_OP_GET_VAR: case CEDAR_X_GET_TAG: case CEDAR_X_ADD: case CEDAR_X_SUB: case CEDAR_X_MUL: case CEDAR_X_NEG:
	case CEDAR_X_CALL:
		return false;
	default:
		break;
	}
	for (uint32_t i = 0, n = S_operands(op); i < n; i++)
		if (!S_safe(&op->a[i]))
			return false;
	return true;
}

/* ---- control ---- */

/* `stop` is what ends the chain: false for &&, true for ||. */
static struct part
S_chain(struct partial *p, const struct cedar_op *op, bool stop)
{
	struct cedar_op *list = arena_array(p->arena, op->n, sizeof *list);
	uint32_t n = 0;
	bool safe = true, never = false;
	if (!list)
		return S_error(op);
	for (uint32_t i = 0; i < op->n; i++) {
		struct part x = part_eval(p, &op->a[i]);
		if (x.state == PART_VALUE && x.value.kind != CEDAR_BOOL)
			x = S_error(&op->a[i]);
		if (x.state == PART_VALUE && x.value.b == !stop)
			continue;
		if (x.state != PART_UNKNOWN) {
			if (n == 0 || (x.state == PART_VALUE && safe))
				return x;
			/* the operands before may fail first; the chain ends here all the same */
			never |= !stop;
			list[n++] = S_node(&x, &op->a[i]);
			break;
		}
		never |= !stop && x.never;
		safe = safe && S_safe(x.rest);
		list[n++] = *x.rest;
	}
	if (n == 0)
		return S_bool(!stop);
	struct cedar_op *rest = arena_alloc(p->arena, sizeof *rest);
	if (!rest)
		return S_error(op);
	*rest = *op;
	rest->a = list;
	rest->n = n;
	struct part r = S_unknown(n == 1 ? list : rest);
	r.never = never;
	return r;
}

static struct part
S_if(struct partial *p, const struct cedar_op *op)
{
	struct part x[3] = { part_eval(p, &op->a[0]) };
	if (x[0].state == PART_ERROR || (x[0].state == PART_VALUE && x[0].value.kind != CEDAR_BOOL))
		return S_error(op);
	if (x[0].state == PART_VALUE)
		return part_eval(p, &op->a[x[0].value.b ? 1 : 2]);
	x[1] = part_eval(p, &op->a[1]);
	x[2] = part_eval(p, &op->a[2]);
	if (x[1].state == PART_ERROR)
		x[1].rest = &op->a[1];
	if (x[2].state == PART_ERROR)
		x[2].rest = &op->a[2];
	if (x[1].state == PART_VALUE && x[2].state == PART_VALUE && cedar_value_eq(x[1].value, x[2].value) && S_safe(x[0].rest))
		return x[1];
	const struct cedar_op *rest = S_rebuild(p, op, x, 3);
	return rest ? S_unknown(rest) : S_error(op);
}

/* ---- what is unknown, but of known type ---- */

static bool
S_unknown_var(const struct partial *p, const struct part *x, span *ret_type)
{
	if (x->state != PART_UNKNOWN || x->rest->op != CEDAR_X_VAR || x->rest->sub == CEDAR_CONTEXT)
		return false;
	*ret_type = x->rest->sub == CEDAR_PRINCIPAL ? p->req->principal_type : p->req->resource_type;
	return true;
}

/* 1 equal, 0 different, -1 not known. */
static int
S_equal(const struct partial *p, const struct part *a, const struct part *b)
{
	span ta = { 0 }, tb = { 0 };
	bool ua = S_unknown_var(p, a, &ta), ub = S_unknown_var(p, b, &tb);
	if (ua && ub)
		return a->rest->sub == b->rest->sub ? 1 : span_eq(ta, tb) ? -1 : 0;
	if (ua && b->state == PART_VALUE)
		return b->value.kind == CEDAR_ENTITY && span_eq(b->value.uid->type.text, ta) ? -1 : 0;
	if (ub && a->state == PART_VALUE)
		return S_equal(p, b, a);
	return -1;
}

static bool
S_may_be_in(const struct partial *p, span type, const struct cedar_uid *of)
{
	const struct cedar_entity_type *t = p->schema ? cedar_schema_entity_type(p->schema, type) : NULL;
	const struct cedar_entity_type *u = p->schema ? cedar_schema_entity_type(p->schema, of->type.text) : NULL;
	return !t || !u || cedar_entity_type_in(t, u);
}

static const struct cedar_action *
S_action(const struct partial *p, const struct cedar_uid *u)
{
	return p->schema ? cedar_schema_action(p->schema, u->type.text, u->id) : NULL;
}

/* 1 in, 0 not in, -1 not known. right is a value: an entity or a set of entities. The schema knows all of its actions. */
static int
S_in(const struct partial *p, const struct part *left, struct cedar_value right)
{
	uint32_t n = right.kind == CEDAR_SET ? right.set->n : 1;
	bool possible = false;
	span type = { 0 };
	bool var = S_unknown_var(p, left, &type);
	const struct cedar_action *action = left->state == PART_VALUE ? S_action(p, left->value.uid) : NULL;
	for (uint32_t i = 0; i < n; i++) {
		struct cedar_value r = right.kind == CEDAR_SET ? right.set->items[i] : right;
		if (r.kind != CEDAR_ENTITY)
			return -1;
		if (left->state == PART_VALUE && cedar_uid_eq(left->value.uid, r.uid))
			return 1;
		const struct cedar_action *above = action ? S_action(p, r.uid) : NULL;
		if (above && cedar_action_in(action, above))
			return 1;
		possible |= var ? S_may_be_in(p, type, r.uid) : !action;
	}
	return possible ? -1 : 0;
}

static struct part
S_member(struct partial *p, const struct cedar_op *op, struct part x[2])
{
	bool entity = x[0].state == PART_VALUE && x[0].value.kind == CEDAR_ENTITY;
	span type;
	if (x[1].state == PART_VALUE && (entity || S_unknown_var(p, &x[0], &type))) {
		if (entity && S_settled(p, x[0].value.uid)) {
			const struct cedar_op *now = S_rebuild(p, op, x, 2);
			return now ? S_run(p, now) : S_error(op);
		}
		int in = S_in(p, &x[0], x[1].value);
		if (in >= 0)
			return S_bool(in);
	}
	const struct cedar_op *rest = S_rebuild(p, op, x, 2);
	return rest ? S_unknown(rest) : S_error(op);
}

static struct part
S_is(struct partial *p, const struct cedar_op *op)
{
	struct part x[2] = { part_eval(p, &op->a[0]) };
	span type;
	if (x[0].state == PART_ERROR || (x[0].state == PART_VALUE && x[0].value.kind != CEDAR_ENTITY))
		return S_error(op);
	bool known = x[0].state == PART_VALUE || S_unknown_var(p, &x[0], &type);
	if (x[0].state == PART_VALUE)
		type = x[0].value.uid->type.text;
	if (known && !span_eq(type, op->type->text))
		return S_bool(false);
	if (known && op->op == CEDAR_X_IS)
		return S_bool(true);
	if (op->op == CEDAR_OP_IS_IN) {
		x[1] = part_eval(p, &op->a[1]);
		if (x[1].state == PART_ERROR)
			x[1] = S_unknown(&op->a[1]);     /* fails only if the type fits */
		else if (known)
			return S_member(p, op, x);
	}
	const struct cedar_op *rest = S_rebuild(p, op, x, op->op == CEDAR_OP_IS_IN ? 2 : 1);
	return rest ? S_unknown(rest) : S_error(op);
}

/* ---- attributes and tags ---- */

static struct part
S_var(struct partial *p, const struct cedar_op *op)
{
	if (op->sub == CEDAR_CONTEXT)
		return p->req->context_whole ? S_value(cedar_record_value(p->eval.var_record[CEDAR_CONTEXT])) : S_unknown(op);
	return p->eval.var_uid[op->sub] ? S_value(cedar_entity(p->eval.var_uid[op->sub])) : S_unknown(op);
}

/* The attributes of a value. False: nothing can be said yet. *ret NULL: there is no such entity. */
static bool
S_attributes(const struct partial *p, struct cedar_value v, const struct cedar_record **ret)
{
	*ret = NULL;
	if (v.kind == CEDAR_RECORD) {
		*ret = v.record;
		return true;
	}
	const struct cedar_entity *e = S_find(p, v.uid);
	if (e)
		*ret = e->attrs;
	return e || p->req->entities_whole;
}

/* The context as far as it is known, when x is it. */
static bool
S_context(const struct partial *p, const struct part *x)
{
	return x->state == PART_UNKNOWN && x->rest->op == CEDAR_X_VAR && x->rest->sub == CEDAR_CONTEXT && p->req->context;
}

/* x.a.b is one node with two names; GET_VAR has a variable for x and no operand. */
static struct part
S_get(struct partial *p, const struct cedar_op *op)
{
	bool var = op->op == CEDAR_OP_GET_VAR;
	const struct cedar_op from = { .op = CEDAR_X_VAR, .sub = op->sub };
	struct part x = var ? S_var(p, &from) : part_eval(p, op->a);
	struct cedar_value at = x.value;
	const struct cedar_value *v;
	uint32_t i = 0;
	if (x.state == PART_ERROR)
		return S_error(op);
	const struct cedar_op *rest = var ? op : S_rebuild(p, op, &x, 1);
	if (!rest)
		return S_error(op);
	if (S_context(p, &x) && (v = cedar_record_find(p->req->context, op->keys[0].text, op->keys[0].hash))) {
		at = *v;
		i = 1;
	} else if (x.state == PART_UNKNOWN) {
		return S_unknown(rest);
	}
	for (; i < op->n; i++) {
		const struct cedar_record *r;
		if (at.kind != CEDAR_RECORD && at.kind != CEDAR_ENTITY)
			return S_error(op);
		if (!S_attributes(p, at, &r))
			return S_unknown(rest);
		if (!r || !(v = cedar_record_find(r, op->keys[i].text, op->keys[i].hash)))
			return S_error(op);
		at = *v;
	}
	return S_value(at);
}

static struct part
S_has(struct partial *p, const struct cedar_op *op)
{
	struct part x = part_eval(p, op->a);
	const struct cedar_value *v = NULL;
	struct cedar_value at = x.value;
	uint32_t i = 0;
	if (x.state == PART_ERROR)
		return S_error(op);
	const struct cedar_op *now = S_rebuild(p, op, &x, 1);
	if (!now)
		return S_error(op);
	if (S_context(p, &x)) {
		if (!(v = cedar_record_find(p->req->context, op->keys[0].text, op->keys[0].hash)))
			return S_unknown(now);
		at = *v;
		i = 1;
	} else if (x.state == PART_UNKNOWN) {
		return S_unknown(now);
	}
	for (; i < op->n; i++) {
		const struct cedar_record *r;
		if (at.kind != CEDAR_RECORD && at.kind != CEDAR_ENTITY)
			return S_error(now);
		if (!S_attributes(p, at, &r))
			return S_unknown(now);
		if (!r || !(v = cedar_record_find(r, op->keys[i].text, op->keys[i].hash)))
			return S_bool(false);
		at = *v;
	}
	return S_bool(true);
}

/* Everything whose operands are all evaluated first. */
static struct part
S_strict(struct partial *p, const struct cedar_op *op)
{
	uint32_t n = S_operands(op);
	struct part few[3] = { 0 }, *x = n <= 3 ? few : arena_array(p->arena, n, sizeof *x);
	bool all = true;
	if (!x)
		return S_error(op);
	for (uint32_t i = 0; i < n; i++) {
		x[i] = part_eval(p, &op->a[i]);
		if (x[i].state == PART_ERROR)
			return S_error(op);
		all &= x[i].state == PART_VALUE;
	}
	if (op->op == CEDAR_X_IN)
		return S_member(p, op, x);
	if (op->op == CEDAR_X_EQ || op->op == CEDAR_X_NE) {
		int eq = all ? -1 : S_equal(p, &x[0], &x[1]);
		if (eq >= 0)
			return S_bool(op->op == CEDAR_X_EQ ? eq : !eq);
	}
	if (op->op == CEDAR_X_HAS_TAG || op->op == CEDAR_X_GET_TAG)
		all = all && (x[0].value.kind != CEDAR_ENTITY || S_settled(p, x[0].value.uid));
	const struct cedar_op *now = S_rebuild(p, op, x, n);
	if (!now)
		return S_error(op);
	return all ? S_run(p, now) : S_unknown(now);
}

struct part
part_eval(struct partial *p, const struct cedar_op *op)
{
	switch (op->op) {
	case CEDAR_OP_CONST: return S_value(op->value);
	case CEDAR_X_VAR: return S_var(p, op);
	case CEDAR_X_AND: return S_chain(p, op, false);
	case CEDAR_X_OR: return S_chain(p, op, true);
	case CEDAR_X_IF: return S_if(p, op);
	case CEDAR_X_IS: case CEDAR_OP_IS_IN: return S_is(p, op);
	case CEDAR_X_GET: case CEDAR_OP_GET_VAR: return S_get(p, op);
	case CEDAR_X_HAS: return S_has(p, op);
	default: return S_strict(p, op);
	}
}

/* ---- policies as one condition ---- */

static struct cedar_op *
S_scope_op(struct arena *a, enum cedar_var var, const struct cedar_scope *s)
{
	struct cedar_op *op = arena_array(a, 1, sizeof *op), *x = arena_array(a, 2, sizeof *x);
	if (!op || !x)
		return NULL;
	x[0] = (struct cedar_op){ .op = CEDAR_X_VAR, .sub = (uint8_t)var };
	op->a = x;
	op->type = s->type;
	op->op = s->op == CEDAR_SCOPE_EQ ? CEDAR_X_EQ : s->op == CEDAR_SCOPE_IN ? CEDAR_X_IN : s->op == CEDAR_SCOPE_IS ? CEDAR_X_IS
	       : CEDAR_OP_IS_IN;
	if (s->op == CEDAR_SCOPE_IS)
		return op;
	x[1].op = CEDAR_OP_CONST;
	if (!s->list) {
		x[1].value = cedar_entity(s->uids[0]);
		return op;
	}
	struct cedar_value *items = arena_array(a, s->n + 1, sizeof *items);
	if (!items)
		return NULL;
	for (uint32_t i = 0; i < s->n; i++)
		items[i] = cedar_entity(s->uids[i]);
	const struct cedar_set *set = cedar_set_new(a, items, s->n);
	if (!set)
		return NULL;
	x[1].value = cedar_set_value(set);
	return op;
}

const struct cedar_op *
partial_compile(struct arena *a, const struct cedar_policy *p)
{
	struct cedar_op *all = arena_array(a, 1, sizeof *all), *list = arena_array(a, 3 + p->condition_n, sizeof *list);
	uint32_t n = 0;
	if (!all || !list)
		return NULL;
	for (unsigned v = CEDAR_PRINCIPAL; v <= CEDAR_RESOURCE; v++) {
		if (p->scope[v].op == CEDAR_SCOPE_ANY)
			continue;
		const struct cedar_op *op = S_scope_op(a, v, &p->scope[v]);
		if (!op)
			return NULL;
		list[n++] = *op;
	}
	for (uint32_t i = 0; i < p->condition_n; i++) {
		const struct cedar_op *body = cedar_compile_expr(a, p->conditions[i].body);
		if (!body)
			return NULL;
		if (p->conditions[i].unless)
			list[n++] = (struct cedar_op){ .op = CEDAR_X_NOT, .a = body, .at = p->conditions[i].body };
		else
			list[n++] = *body;
	}
	*all = (struct cedar_op){ .op = CEDAR_X_AND, .n = n, .a = list };
	return all;
}

void
partial_begin(struct partial *p, const struct cedar_schema *schema, const struct cedar_entities *entities,
              const struct cedar_partial_request *r, struct arena *a)
{
	*p = (struct partial){ .schema = schema, .entities = entities, .req = r, .arena = a };
	p->full = (struct cedar_request){ .principal = r->principal, .action = r->action, .resource = r->resource,
	                                  .context = r->context, .extra = r->extra, .extra_n = r->extra_n };
	p->eval = (struct cedar_eval){ .req = &p->full, .entities = entities, .arena = a };
	p->eval.var_uid[CEDAR_PRINCIPAL] = r->principal;
	p->eval.var_uid[CEDAR_ACTION] = r->action;
	p->eval.var_uid[CEDAR_RESOURCE] = r->resource;
	for (unsigned i = 0; i < 3; i++) {
		p->eval.var_entity[i] = p->eval.var_uid[i] ? S_find(p, p->eval.var_uid[i]) : NULL;
		p->eval.var_record[i] = p->eval.var_entity[i] ? p->eval.var_entity[i]->attrs : NULL;
	}
	p->eval.var_record[CEDAR_CONTEXT] = r->context ? r->context : &cedar_record_empty;
}
