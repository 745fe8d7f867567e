#include "cedar/reference_eval.h"

#include "text/utf8.h"

struct world {
	const struct cedar_entities *entities;
	const struct cedar_request *r;
	struct arena *a;
};

static const struct cedar_value error = { 0 };

static struct cedar_value eval(const struct world *w, const struct cedar_expr *x);

static bool
uid_same(const struct cedar_uid *a, const struct cedar_uid *b)
{
	return span_eq(a->type.text, b->type.text) && span_eq(a->id, b->id);
}

static bool same(struct cedar_value a, struct cedar_value b);

static bool
member_of(struct cedar_value v, const struct cedar_set *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (same(v, s->items[i]))
			return true;
	return false;
}

static bool
subset(const struct cedar_set *a, const struct cedar_set *b)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (!member_of(a->items[i], b))
			return false;
	return true;
}

static const struct cedar_value *
attribute(const struct cedar_record *r, span key)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (span_eq(span_make(r->members[i].key, r->members[i].key_n), key))
			return &r->members[i].value;
	return NULL;
}

static bool
record_same(const struct cedar_record *a, const struct cedar_record *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++) {
		const struct cedar_value *v = attribute(b, span_make(a->members[i].key, a->members[i].key_n));
		if (!v || !same(a->members[i].value, *v))
			return false;
	}
	return true;
}

static bool
same(struct cedar_value a, struct cedar_value b)
{
	if (a.kind != b.kind)
		return false;
	switch ((enum cedar_kind)a.kind) {
	case CEDAR_BOOL:
		return a.b == b.b;
	case CEDAR_LONG: case CEDAR_DECIMAL: case CEDAR_DATETIME: case CEDAR_DURATION:
		return a.i == b.i;
	case CEDAR_STRING:
		return span_eq(cedar_string_span(a), cedar_string_span(b));
	case CEDAR_ENTITY:
		return uid_same(a.uid, b.uid);
	case CEDAR_SET:
		return subset(a.set, b.set) && subset(b.set, a.set);
	case CEDAR_RECORD:
		return record_same(a.record, b.record);
	case CEDAR_IP:
		return a.ip->v6 == b.ip->v6 && a.ip->prefix == b.ip->prefix && memcmp(a.ip->addr, b.ip->addr, 16) == 0;
	case CEDAR_NONE: case CEDAR_KIND_COUNT:
		break;
	}
	return false;
}

static const struct cedar_entity *
find(const struct world *w, const struct cedar_uid *u)
{
	size_t pos = 0;
	const struct cedar_entity *e;
	for (uint32_t i = 0; i < w->r->extra_n; i++)
		if (uid_same(w->r->extra[i]->uid, u))
			return w->r->extra[i];
	while ((e = cedar_entities_next(w->entities, &pos)))
		if (uid_same(e->uid, u))
			return e;
	return NULL;
}

/* Climbs the parents; stores hold no cycles. */
static bool
in(const struct world *w, const struct cedar_uid *a, const struct cedar_uid *b)
{
	if (uid_same(a, b))
		return true;
	const struct cedar_entity *e = find(w, a);
	for (uint32_t i = 0; e && i < e->parent_n; i++)
		if (in(w, e->parents[i], b))
			return true;
	return false;
}

static struct cedar_value
in_values(const struct world *w, struct cedar_value a, struct cedar_value b)
{
	bool found = false;
	if (a.kind != CEDAR_ENTITY)
		return error;
	if (b.kind == CEDAR_ENTITY)
		return cedar_bool(in(w, a.uid, b.uid));
	if (b.kind != CEDAR_SET)
		return error;
	for (uint32_t i = 0; i < b.set->n; i++) {
		if (b.set->items[i].kind != CEDAR_ENTITY)
			return error;
		found |= in(w, a.uid, b.set->items[i].uid);
	}
	return cedar_bool(found);
}

static struct cedar_value
has_one(const struct world *w, struct cedar_value v, span attr)
{
	if (v.kind == CEDAR_RECORD)
		return cedar_bool(attribute(v.record, attr));
	if (v.kind != CEDAR_ENTITY)
		return error;
	const struct cedar_entity *e = find(w, v.uid);
	return cedar_bool(e && attribute(e->attrs, attr));
}

static struct cedar_value
get_one(const struct world *w, struct cedar_value v, span attr)
{
	const struct cedar_value *found = NULL;
	if (v.kind == CEDAR_RECORD) {
		found = attribute(v.record, attr);
	} else if (v.kind == CEDAR_ENTITY) {
		const struct cedar_entity *e = find(w, v.uid);
		found = e ? attribute(e->attrs, attr) : NULL;
	}
	return found ? *found : error;
}

/* e has a.b = (e has a) && (e.a has b) */
static struct cedar_value
has(const struct world *w, const struct cedar_expr *x)
{
	struct cedar_value v = eval(w, x->has.target), t = error;
	for (uint32_t i = 0; i < x->n; i++) {
		if (v.kind == CEDAR_NONE)
			return error;
		t = has_one(w, v, x->has.path[i]);
		if (t.kind == CEDAR_NONE || !t.b)
			return t;
		v = get_one(w, v, x->has.path[i]);
	}
	return t;
}

static struct cedar_value
tag(const struct world *w, struct cedar_value v, struct cedar_value key, bool get)
{
	if (v.kind != CEDAR_ENTITY || key.kind != CEDAR_STRING)
		return error;
	const struct cedar_entity *e = find(w, v.uid);
	const struct cedar_value *found = e ? attribute(e->tags, cedar_string_span(key)) : NULL;
	return get ? found ? *found : error : cedar_bool(found);
}

/* Scalar by scalar, trying every length for a wildcard; memory of failed places keeps it from being exponential. */
static bool
matches(const struct world *w, const struct cedar_expr *x, span s)
{
	size_t n = utf8_count(s);
	uint32_t *text = arena_array(w->a, n + 1, sizeof *text);
	bool *can = arena_array(w->a, n + 2, sizeof *can), *next = arena_array(w->a, n + 2, sizeof *next);
	if (!text || !can || !next)
		return false;
	for (size_t at = 0, i = 0; at < s.n; i++)
		utf8_next(s, &at, &text[i]);
	/* can[i]: the pattern from element k on matches the text from i on */
	can[n] = true;
	for (uint32_t k = x->n; k-- > 0;) {
		for (size_t i = n + 1; i-- > 0;)
			next[i] = x->like.pattern[k] == CEDAR_WILDCARD ? can[i] || (i < n && next[i + 1]) :
			          i < n && text[i] == x->like.pattern[k] && can[i + 1];
		bool *t = can;
		can = next;
		next = t;
	}
	return can[0];
}

static struct cedar_value
compare(enum cedar_expr_kind k, struct cedar_value a, struct cedar_value b)
{
	if (a.kind != b.kind || (a.kind != CEDAR_LONG && a.kind != CEDAR_DATETIME && a.kind != CEDAR_DURATION))
		return error;
	bool less = a.i < b.i, equal = a.i == b.i;
	switch (k) {
	case CEDAR_X_LT: return cedar_bool(less);
	case CEDAR_X_LE: return cedar_bool(less || equal);
	case CEDAR_X_GT: return cedar_bool(!(less || equal));   /* a > b is !(a <= b) */
	default:         return cedar_bool(!less);              /* a >= b is !(a < b) */
	}
}

static struct cedar_value
arithmetic(enum cedar_expr_kind k, struct cedar_value a, struct cedar_value b)
{
	if (a.kind != CEDAR_LONG || b.kind != CEDAR_LONG)
		return error;
	__int128 x = a.i, y = b.i, r = k == CEDAR_X_ADD ? x + y : k == CEDAR_X_SUB ? x - y : x * y;
	return r < INT64_MIN || r > INT64_MAX ? error : cedar_long((int64_t)r);
}

static struct cedar_value
sets(enum cedar_expr_kind k, struct cedar_value a, struct cedar_value b)
{
	if (a.kind != CEDAR_SET)
		return error;
	if (k == CEDAR_X_CONTAINS)
		return cedar_bool(member_of(b, a.set));
	if (b.kind != CEDAR_SET)
		return error;
	if (k == CEDAR_X_CONTAINS_ALL)
		return cedar_bool(subset(b.set, a.set));
	for (uint32_t i = 0; i < b.set->n; i++)
		if (member_of(b.set->items[i], a.set))
			return cedar_bool(true);
	return cedar_bool(false);
}

static struct cedar_value
binary(const struct world *w, const struct cedar_expr *x)
{
	struct cedar_value a = eval(w, x->x.a);
	if (a.kind == CEDAR_NONE)
		return error;
	struct cedar_value b = eval(w, x->x.b);
	if (b.kind == CEDAR_NONE)
		return error;
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_EQ:
		return cedar_bool(same(a, b));
	case CEDAR_X_NE:
		return cedar_bool(!same(a, b));
	case CEDAR_X_LT: case CEDAR_X_LE: case CEDAR_X_GT: case CEDAR_X_GE:
		return compare((enum cedar_expr_kind)x->kind, a, b);
	case CEDAR_X_ADD: case CEDAR_X_SUB: case CEDAR_X_MUL:
		return arithmetic((enum cedar_expr_kind)x->kind, a, b);
	case CEDAR_X_IN:
		return in_values(w, a, b);
	case CEDAR_X_HAS_TAG: case CEDAR_X_GET_TAG:
		return tag(w, a, b, x->kind == CEDAR_X_GET_TAG);
	default:
		return sets((enum cedar_expr_kind)x->kind, a, b);
	}
}

/* Each operand that is looked at must be a boolean; the first that is `stop` ends it. */
static struct cedar_value
chain(const struct world *w, const struct cedar_expr *x, bool stop)
{
	for (uint32_t i = 0; i < x->n; i++) {
		struct cedar_value v = eval(w, x->list.items[i]);
		if (v.kind != CEDAR_BOOL)
			return error;
		if (v.b == stop)
			return v;
	}
	return cedar_bool(!stop);
}

static struct cedar_value
list(const struct world *w, const struct cedar_expr *x)
{
	struct cedar_value *v = arena_array(w->a, x->n + 1, sizeof *v);
	struct cedar_member *m = arena_array(w->a, x->n + 1, sizeof *m);
	const char *why;
	uint32_t dup;
	if (!v || !m)
		return error;
	for (uint32_t i = 0; i < x->n; i++)
		if ((v[i] = eval(w, x->list.items[i])).kind == CEDAR_NONE)
			return error;
	if (x->kind == CEDAR_X_CALL)
		return cedar_fn_call(x->sub, v, x->n, w->a, &why);
	if (x->kind == CEDAR_X_SET)
		return cedar_set_value(cedar_set_new(w->a, v, x->n));
	for (uint32_t i = 0; i < x->n; i++)
		m[i] = (struct cedar_member){ .key = x->list.keys[i].p, .key_n = (uint32_t)x->list.keys[i].n, .value = v[i] };
	return cedar_record_value(cedar_record_new(w->a, m, x->n, &dup));
}

static struct cedar_value
unary(const struct world *w, const struct cedar_expr *x)
{
	struct cedar_value v = eval(w, x->x.a);
	if (x->kind == CEDAR_X_NOT)
		return v.kind == CEDAR_BOOL ? cedar_bool(!v.b) : error;
	if (x->kind == CEDAR_X_NEG)
		return arithmetic(CEDAR_X_SUB, cedar_long(0), v);
	return v.kind == CEDAR_SET ? cedar_bool(v.set->n == 0) : error;
}

static struct cedar_value
is(const struct world *w, const struct cedar_expr *x)
{
	struct cedar_value v = eval(w, x->is.target);
	if (v.kind != CEDAR_ENTITY)
		return error;
	if (!span_eq(v.uid->type.text, x->is.type->text))
		return cedar_bool(false);
	if (!x->is.container)
		return cedar_bool(true);
	struct cedar_value b = eval(w, x->is.container);
	return b.kind == CEDAR_NONE ? error : in_values(w, v, b);
}

static struct cedar_value
variable(const struct world *w, unsigned var)
{
	const struct cedar_uid *const uid[] = { w->r->principal, w->r->action, w->r->resource };
	if (var == CEDAR_CONTEXT)
		return cedar_record_value(w->r->context ? w->r->context : &cedar_record_empty);
	return cedar_entity(uid[var]);
}

static struct cedar_value
eval(const struct world *w, const struct cedar_expr *x)
{
	struct cedar_value v;
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_BOOL:   return cedar_bool(x->b);
	case CEDAR_X_LONG:   return cedar_long(x->i);
	case CEDAR_X_STRING: return cedar_string(x->s);
	case CEDAR_X_ENTITY: return cedar_entity(x->uid);
	case CEDAR_X_VAR:    return variable(w, x->sub);
	case CEDAR_X_AND:    return chain(w, x, false);
	case CEDAR_X_OR:     return chain(w, x, true);
	case CEDAR_X_HAS:    return has(w, x);
	case CEDAR_X_IS:     return is(w, x);
	case CEDAR_X_NOT: case CEDAR_X_NEG: case CEDAR_X_IS_EMPTY:
		return unary(w, x);
	case CEDAR_X_SET: case CEDAR_X_RECORD: case CEDAR_X_CALL:
		return list(w, x);
	case CEDAR_X_IF:
		v = eval(w, x->x.a);
		return v.kind == CEDAR_BOOL ? eval(w, v.b ? x->x.b : x->x.c) : error;
	case CEDAR_X_GET:
		v = eval(w, x->get.target);
		return v.kind == CEDAR_NONE ? error : get_one(w, v, x->get.attr);
	case CEDAR_X_LIKE:
		v = eval(w, x->like.target);
		return v.kind == CEDAR_STRING ? cedar_bool(matches(w, x, cedar_string_span(v))) : error;
	case CEDAR_X_EQ: case CEDAR_X_NE: case CEDAR_X_LT: case CEDAR_X_LE: case CEDAR_X_GT: case CEDAR_X_GE: case CEDAR_X_IN:
	case CEDAR_X_ADD: case CEDAR_X_SUB: case CEDAR_X_MUL: case CEDAR_X_CONTAINS: case CEDAR_X_CONTAINS_ALL:
	case CEDAR_X_CONTAINS_ANY: case CEDAR_X_HAS_TAG: case CEDAR_X_GET_TAG:
		return binary(w, x);
	case CEDAR_X_COUNT:
		break;
	}
	return error;
}

static bool
head(const struct world *w, const struct cedar_scope *s, const struct cedar_uid *u)
{
	bool found = false;
	if ((s->op == CEDAR_SCOPE_IS || s->op == CEDAR_SCOPE_IS_IN) && !span_eq(s->type->text, u->type.text))
		return false;
	if (s->op == CEDAR_SCOPE_ANY || s->op == CEDAR_SCOPE_IS)
		return true;
	for (uint32_t i = 0; i < s->n; i++)
		found |= s->op == CEDAR_SCOPE_EQ ? uid_same(u, s->uids[i]) : in(w, u, s->uids[i]);
	return found;
}

struct cedar_value
cedar_reference_expr(const struct cedar_expr *x, const struct cedar_entities *entities, const struct cedar_request *r, struct arena *a)
{
	return eval(&(struct world){ entities, r, a }, x);
}

enum cedar_verdict
cedar_reference_policy(const struct cedar_policy *p, const struct cedar_entities *entities, const struct cedar_request *r, struct arena *a)
{
	struct world w = { entities, r, a };
	if (!head(&w, &p->scope[0], r->principal) || !head(&w, &p->scope[1], r->action) || !head(&w, &p->scope[2], r->resource))
		return CEDAR_VERDICT_FALSE;
	for (uint32_t i = 0; i < p->condition_n; i++) {
		struct cedar_value v = eval(&w, p->conditions[i].body);
		if (v.kind != CEDAR_BOOL)
			return CEDAR_VERDICT_ERROR;
		if (v.b == p->conditions[i].unless)
			return CEDAR_VERDICT_FALSE;
	}
	return CEDAR_VERDICT_TRUE;
}
