/* Operators on entities, sets and records: ==, in, has, attributes, tags, contains, literals, extension calls. */
#include "cedar/check.h"
#include "cedar/suggest.h"

#include <stdlib.h>

/* ---- == and in ---- */

/* The entity a literal or the variable `action` stands for in this environment. */
static const struct cedar_uid *
S_uid_of(const struct checker *ck, const struct cedar_expr *x)
{
	if (x->kind == CEDAR_X_ENTITY)
		return x->uid;
	return x->kind == CEDAR_X_VAR && x->sub == CEDAR_ACTION ? &ck->action_uid : NULL;
}

static bool
S_is_literal(const struct checker *ck, const struct cedar_expr *x)
{
	return x->kind == CEDAR_X_BOOL || x->kind == CEDAR_X_LONG || x->kind == CEDAR_X_STRING || S_uid_of(ck, x);
}

static bool
S_literals_equal(const struct checker *ck, const struct cedar_expr *a, const struct cedar_expr *b)
{
	const struct cedar_uid *ua = S_uid_of(ck, a), *ub = S_uid_of(ck, b);
	if (ua || ub)
		return ua && ub && cedar_uid_eq(ua, ub);
	return cedar_expr_eq(a, b);
}

struct checked
check_eq(struct checker *ck, const struct cedar_expr *x)
{
	struct checked l = check_expr(ck, x->x.a), r = check_expr(ck, x->x.b);
	/* two literals are compared by value, of whatever types, declared or not */
	if (S_is_literal(ck, x->x.a) && S_is_literal(ck, x->x.b))
		return check_bool(S_literals_equal(ck, x->x.a, x->x.b) ? CEDAR_TYPE_TRUE : CEDAR_TYPE_FALSE);
	if (!l.type || !r.type)
		return check_failed();
	if (cedar_type_entities_disjoint(l.type, r.type))
		return check_bool(CEDAR_TYPE_FALSE);
	if (!ck->types.strict || cedar_type_lub(&ck->types, l.type, r.type))
		return check_bool(CEDAR_TYPE_BOOL);
	check_find(ck, CEDAR_FIND_INCOMPATIBLE, x, NULL, "the types %s and %s are not compatible",
	           check_type_text(ck, l.type), check_type_text(ck, r.type));
	return check_failed();
}

static bool
S_type_may_be_in(const struct cedar_type *l, const struct cedar_type *r)
{
	if (l->n == 0 || r->n == 0)
		return true;
	for (uint32_t i = 0; i < l->n; i++)
		for (uint32_t j = 0; j < r->n; j++)
			if (cedar_entity_type_in(l->ents[i], r->ents[j]))
				return true;
	return false;
}

/* left is an action known now: decided by the hierarchy of actions when the right side is literal too. */
static bool
S_action_in(const struct checker *ck, const struct cedar_action *a, const struct cedar_expr *right, bool *ret_known)
{
	const struct cedar_uid *one = S_uid_of(ck, right);
	*ret_known = true;
	if (one) {
		const struct cedar_action *b = cedar_schema_action(ck->schema, one->type.text, one->id);
		return b && cedar_action_in(a, b);
	}
	if (right->kind == CEDAR_X_SET) {
		bool in = false;
		for (uint32_t i = 0; i < right->n && *ret_known; i++) {
			const struct cedar_uid *u = S_uid_of(ck, right->list.items[i]);
			const struct cedar_action *b = u ? cedar_schema_action(ck->schema, u->type.text, u->id) : NULL;
			*ret_known = u != NULL;
			in |= b && cedar_action_in(a, b);
		}
		return in;
	}
	*ret_known = false;
	return false;
}

struct checked
check_in(struct checker *ck, const struct cedar_expr *left, struct checked l, const struct cedar_expr *right)
{
	struct checked r = check_expr(ck, right);
	if (!r.type)
		return check_failed();
	const struct cedar_type *rt = r.type->kind == CEDAR_TYPE_SET ? r.type->elem : r.type;
	if (rt->kind != CEDAR_TYPE_ENTITY && !(rt->kind == CEDAR_TYPE_NEVER && r.type->kind == CEDAR_TYPE_SET)) {
		check_find(ck, CEDAR_FIND_TYPE, right, NULL, "expected an entity or a set of entities, found %s",
		           check_type_text(ck, r.type));
		return check_failed();
	}
	if (!l.type)
		return check_failed();
	if (rt->kind == CEDAR_TYPE_NEVER)
		return check_bool(CEDAR_TYPE_FALSE);
	const struct cedar_uid *lu = S_uid_of(ck, left);
	const struct cedar_action *action = lu ? cedar_schema_action(ck->schema, lu->type.text, lu->id) : NULL;
	if (action) {
		bool known, in = S_action_in(ck, action, right, &known);
		if (known)
			return check_bool(in ? CEDAR_TYPE_TRUE : CEDAR_TYPE_FALSE);
		/* the right side may be any action of its type */
		if (rt->n && l.type->n && !cedar_type_entities_disjoint(l.type, rt))
			return check_bool(CEDAR_TYPE_BOOL);
	}
	return check_bool(S_type_may_be_in(l.type, rt) ? CEDAR_TYPE_BOOL : CEDAR_TYPE_FALSE);
}

/* ---- attributes and tags ---- */

struct attr_found {
	const struct cedar_type *type;   /* NULL: no such attribute, or not in all of several types */
	bool required;
	bool maybe;                      /* some value of the target's type may have it */
};

static struct attr_found
S_attr(struct checker *ck, const struct cedar_type *t, span name)
{
	struct attr_found f = { 0 };
	if (t->kind == CEDAR_TYPE_RECORD) {
		const struct cedar_attr *a = cedar_attr_find(t->attrs, t->n, name);
		return (struct attr_found){ a ? a->type : NULL, a && a->required, a || t->open };
	}
	bool all = t->n > 0;
	f.maybe = t->n == 0;
	f.required = true;
	for (uint32_t i = 0; i < t->n; i++) {
		const struct cedar_attr *a = cedar_attr_find(t->ents[i]->attrs, t->ents[i]->n_attrs, name);
		f.maybe |= a != NULL;
		f.required &= a && a->required;
		all = all && a;
		if (all)
			f.type = f.type ? cedar_type_lub(&ck->types, f.type, a->type) : a->type;
		all = all && f.type;
	}
	if (!all)
		f.type = NULL;
	return f;
}

/* "on entity type `User`", "in the record", for messages. */
static const char *
S_where(struct checker *ck, const struct cedar_expr *target, const struct cedar_type *t)
{
	if (target->kind == CEDAR_X_VAR && target->sub == CEDAR_CONTEXT) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 4096);
		buf_put_str(&b, "in the context of ");
		buf_put(&b, ck->env.action->type->name);
		buf_put_str(&b, "::\"");
		buf_put(&b, ck->env.action->id);
		buf_put_str(&b, "\"");
		return check_text(ck, &b);
	}
	if (t->kind == CEDAR_TYPE_RECORD)
		return "in the record";
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4096);
	buf_put_str(&b, "on entity type `");
	cedar_type_print(&b, t);
	buf_put_str(&b, "`");
	return check_text(ck, &b);
}

static const char *
S_attr_hint(const struct cedar_type *t, span name, char *out, size_t n)
{
	struct cedar_suggest best = cedar_suggest_make(name);
	if (t->kind == CEDAR_TYPE_RECORD)
		for (uint32_t i = 0; i < t->n; i++)
			cedar_suggest_offer(&best, t->attrs[i].name);
	else
		for (uint32_t i = 0; i < t->n; i++)
			for (uint32_t j = 0; j < t->ents[i]->n_attrs; j++)
				cedar_suggest_offer(&best, t->ents[i]->attrs[j].name);
	return cedar_suggest_hint(&best, out, n);
}

static bool
S_attr_target(struct checker *ck, const struct cedar_expr *target, struct checked t)
{
	if (!t.type)
		return false;
	if (t.type->kind == CEDAR_TYPE_ENTITY || t.type->kind == CEDAR_TYPE_RECORD)
		return true;
	check_find(ck, CEDAR_FIND_TYPE, target, NULL, "expected an entity or a record, found %s", check_type_text(ck, t.type));
	return false;
}

/* target has name; *ret_next is the type of target.name for the next step of a path. */
static struct checked
S_has_one(struct checker *ck, const struct cedar_expr *target, const struct cedar_type *t, span name)
{
	struct attr_found f = S_attr(ck, t, name);
	if (!f.maybe)
		return check_bool(CEDAR_TYPE_FALSE);
	uint32_t id = caps_number(&ck->caps, target, name, NULL);
	if (id == UINT32_MAX)
		return check_failed();
	/* a required attribute of an entity may be missing with the entity itself */
	bool sure = caps_known(&ck->caps, id) || (f.type && f.required && t->kind == CEDAR_TYPE_RECORD);
	struct checked r = check_bool(sure ? CEDAR_TYPE_TRUE : CEDAR_TYPE_BOOL);
	r.caps = capset_one(&ck->caps, id);
	return r;
}

static struct checked
S_get_one(struct checker *ck, const struct cedar_expr *x, const struct cedar_expr *target, const struct cedar_type *t, span name)
{
	struct attr_found f = S_attr(ck, t, name);
	char hint[160];
	if (!f.type) {
		check_find(ck, CEDAR_FIND_UNKNOWN_ATTR, x, S_attr_hint(t, name, hint, sizeof hint), "attribute `%.*s` not found %s",
		           SPAN_ARG(name), S_where(ck, target, t));
		return check_failed();
	}
	if (!f.required) {
		uint32_t id = caps_number(&ck->caps, target, name, NULL);
		if (id == UINT32_MAX)
			return check_failed();
		if (!caps_known(&ck->caps, id)) {
			check_find(ck, CEDAR_FIND_UNSAFE_ATTR, x, "test for it first: e has a && e.a …",
			           "optional attribute `%.*s` %s may be absent here", SPAN_ARG(name), S_where(ck, target, t));
			return check_failed();
		}
	}
	return check_ok(f.type);
}

/* e has a.b.c = ((e has a) && (e.a has b)) && (e.a.b has c) */
struct checked
check_has(struct checker *ck, const struct cedar_expr *x)
{
	struct checked t = check_expr(ck, x->has.target);
	if (!S_attr_target(ck, x->has.target, t))
		return check_failed();
	const struct cedar_expr *target = x->has.target;
	struct capset *entered = arena_array(ck->arena, x->n, sizeof *entered);
	bool all_true = true;
	struct checked out = check_failed();
	if (!entered)
		return out;
	uint32_t n = 0;
	for (uint32_t i = 0; i < x->n; i++) {
		struct checked r = S_has_one(ck, target, t.type, x->has.path[i]);
		if (!r.type)
			break;
		if (r.type->kind == CEDAR_TYPE_FALSE) {
			out = r;
			break;
		}
		all_true &= r.type->kind == CEDAR_TYPE_TRUE;
		entered[n] = r.caps;
		caps_enter(&ck->caps, entered[n++]);
		if (i + 1 == x->n) {
			out = check_bool(all_true ? CEDAR_TYPE_TRUE : CEDAR_TYPE_BOOL);
			break;
		}
		/* the step that the path stands for, as the same access would be written */
		struct cedar_expr *get = ARENA_NEW(ck->arena, struct cedar_expr);
		if (!get)
			break;
		*get = (struct cedar_expr){ .kind = CEDAR_X_GET, .pos = x->pos, .end = x->end };
		get->get.target = (struct cedar_expr *)target;
		get->get.attr = x->has.path[i];
		t = S_get_one(ck, x, target, t.type, x->has.path[i]);
		if (!S_attr_target(ck, x, t))
			break;
		if (ck->seen)
			typemap_put(ck->seen, get, t.type);
		target = get;
	}
	for (uint32_t i = 0; i < n; i++)
		caps_leave(&ck->caps, entered[i]);
	if (out.type && out.type->kind != CEDAR_TYPE_FALSE)
		out.caps = capset_all(&ck->caps, entered, n);
	return out;
}

struct checked
check_get(struct checker *ck, const struct cedar_expr *x)
{
	struct checked t = check_expr(ck, x->get.target);
	if (!S_attr_target(ck, x->get.target, t))
		return check_failed();
	return S_get_one(ck, x, x->get.target, t.type, x->get.attr);
}

/* The type of tags; NULL when some of the types has none. *ret_any: some has. */
static const struct cedar_type *
S_tags(struct checker *ck, const struct cedar_type *t, bool *ret_any)
{
	const struct cedar_type *tags = NULL;
	bool all = t->n > 0;
	*ret_any = t->n == 0;
	for (uint32_t i = 0; i < t->n; i++) {
		*ret_any |= t->ents[i]->tags != NULL;
		all = all && t->ents[i]->tags;
		if (all)
			tags = tags ? cedar_type_lub(&ck->types, tags, t->ents[i]->tags) : t->ents[i]->tags;
		all = all && tags;
	}
	return all ? tags : NULL;
}

struct checked
check_tag(struct checker *ck, const struct cedar_expr *x)
{
	struct checked l = check_entity(ck, x->x.a), key = check_basic(ck, x->x.b, CEDAR_TYPE_STRING);
	if (!l.type || !key.type)
		return check_failed();
	bool any;
	const struct cedar_type *tags = S_tags(ck, l.type, &any);
	if (x->kind == CEDAR_X_HAS_TAG && !any)
		return check_bool(CEDAR_TYPE_FALSE);
	uint32_t id = caps_number(&ck->caps, x->x.a, (span){ 0 }, x->x.b);
	if (id == UINT32_MAX)
		return check_failed();
	bool known = caps_known(&ck->caps, id);
	if (x->kind == CEDAR_X_HAS_TAG) {
		struct checked r = check_bool(known ? CEDAR_TYPE_TRUE : CEDAR_TYPE_BOOL);
		r.caps = capset_one(&ck->caps, id);
		return r;
	}
	if (!tags) {
		check_find(ck, CEDAR_FIND_UNSAFE_TAG, x, NULL, "there are no tags %s", S_where(ck, x->x.a, l.type));
		return check_failed();
	}
	if (!known) {
		check_find(ck, CEDAR_FIND_UNSAFE_TAG, x, "test for it first: e.hasTag(k) && e.getTag(k) …",
		           "the tag may be absent %s here", S_where(ck, x->x.a, l.type));
		return check_failed();
	}
	return check_ok(tags);
}

/* ---- sets and records ---- */

static struct checked
S_set_arg(struct checker *ck, const struct cedar_expr *x)
{
	struct checked r = check_expr(ck, x);
	if (!r.type || r.type->kind == CEDAR_TYPE_SET)
		return r;
	check_find(ck, CEDAR_FIND_TYPE, x, NULL, "expected a set, found %s", check_type_text(ck, r.type));
	return check_failed();
}

struct checked
check_contains(struct checker *ck, const struct cedar_expr *x)
{
	struct checked l = S_set_arg(ck, x->x.a);
	struct checked r = x->kind == CEDAR_X_CONTAINS ? check_expr(ck, x->x.b) : S_set_arg(ck, x->x.b);
	if (!l.type || !r.type)
		return check_failed();
	const struct cedar_type *other = x->kind == CEDAR_X_CONTAINS ? r.type : r.type->elem;
	if (!ck->types.strict || cedar_type_lub(&ck->types, l.type->elem, other))
		return check_bool(CEDAR_TYPE_BOOL);
	check_find(ck, CEDAR_FIND_INCOMPATIBLE, x, NULL, "the types %s and %s are not compatible",
	           check_type_text(ck, l.type->elem), check_type_text(ck, other));
	return check_failed();
}

struct checked
check_set(struct checker *ck, const struct cedar_expr *x)
{
	const struct cedar_type *elem = cedar_type_basic(CEDAR_TYPE_NEVER);
	bool bad = false, clash = false;
	if (x->n == 0 && ck->types.strict) {
		check_find(ck, CEDAR_FIND_EMPTY_SET, x, "an empty set has no type: compare with isEmpty()",
		           "empty set literals are not allowed");
		return check_failed();
	}
	for (uint32_t i = 0; i < x->n; i++) {
		struct checked r = check_expr(ck, x->list.items[i]);
		bad |= !r.type;
		if (bad || clash)
			continue;
		const struct cedar_type *both = cedar_type_lub(&ck->types, elem, r.type);
		if (!both) {
			check_find(ck, CEDAR_FIND_INCOMPATIBLE, x->list.items[i], "all elements of a set must have one type",
			           "the types %s and %s are not compatible", check_type_text(ck, elem), check_type_text(ck, r.type));
			clash = true;
		} else {
			elem = both;
		}
	}
	struct cedar_type *t = ARENA_NEW(ck->arena, struct cedar_type);
	if (bad || clash || !t)
		return check_failed();
	*t = (struct cedar_type){ .kind = CEDAR_TYPE_SET, .elem = elem };
	return check_ok(t);
}

static int
S_cmp_attrs(const void *a, const void *b)
{
	return span_cmp(((const struct cedar_attr *)a)->name, ((const struct cedar_attr *)b)->name);
}

struct checked
check_record(struct checker *ck, const struct cedar_expr *x)
{
	struct cedar_attr *attrs = arena_array(ck->arena, x->n ? x->n : 1, sizeof *attrs);
	struct cedar_type *t = ARENA_NEW(ck->arena, struct cedar_type);
	bool bad = !attrs || !t;
	for (uint32_t i = 0; i < x->n && attrs; i++) {
		struct checked r = check_expr(ck, x->list.items[i]);
		bad |= !r.type;
		attrs[i] = (struct cedar_attr){ x->list.keys[i], r.type, true };
	}
	if (bad)
		return check_failed();
	qsort(attrs, x->n, sizeof *attrs, S_cmp_attrs);
	*t = (struct cedar_type){ .kind = CEDAR_TYPE_RECORD, .n = x->n, .attrs = attrs };
	return check_ok(t);
}

/* ---- extension functions ---- */

static const struct cedar_type *
S_type_of_kind(enum cedar_kind k)
{
	switch (k) {
	case CEDAR_BOOL: return cedar_type_basic(CEDAR_TYPE_BOOL);
	case CEDAR_LONG: return cedar_type_basic(CEDAR_TYPE_LONG);
	case CEDAR_STRING: return cedar_type_basic(CEDAR_TYPE_STRING);
	case CEDAR_DECIMAL: return cedar_type_basic(CEDAR_TYPE_DECIMAL);
	case CEDAR_IP: return cedar_type_basic(CEDAR_TYPE_IPADDR);
	case CEDAR_DATETIME: return cedar_type_basic(CEDAR_TYPE_DATETIME);
	case CEDAR_DURATION: return cedar_type_basic(CEDAR_TYPE_DURATION);
	case CEDAR_NONE: case CEDAR_ENTITY: case CEDAR_SET: case CEDAR_RECORD: case CEDAR_KIND_COUNT: break;
	}
	return NULL;
}

static bool
S_constructor_accepts(enum cedar_fn fn, span s)
{
	int64_t i;
	struct cedar_ip ip;
	switch (fn) {
	case CEDAR_FN_DECIMAL: return cedar_decimal_parse(s, &i);
	case CEDAR_FN_IP: return cedar_ip_parse(s, &ip);
	case CEDAR_FN_DATETIME: return cedar_datetime_parse(s, &i);
	case CEDAR_FN_DURATION: return cedar_duration_parse(s, &i);
	default: return true;
	}
}

/* A constructor's argument must be a literal, so that a bad text shows here and not at run time. */
static bool
S_constructor_ok(struct checker *ck, const struct cedar_expr *x, const struct cedar_fn_info *fn)
{
	const struct cedar_expr *arg = x->list.items[0];
	if (fn->method || fn->args[0] != CEDAR_STRING)
		return true;
	if (arg->kind != CEDAR_X_STRING) {
		if (!ck->types.strict)
			return true;
		check_find(ck, CEDAR_FIND_CALL, x, NULL, "%s() takes a string literal only", fn->name);
		return false;
	}
	if (S_constructor_accepts(x->sub, arg->s))
		return true;
	check_find(ck, CEDAR_FIND_CALL, arg, NULL, "not a %s: \"%.*s\"",
	           cedar_type_name(S_type_of_kind(fn->ret)->kind), SPAN_ARG(arg->s));
	return false;
}

struct checked
check_call(struct checker *ck, const struct cedar_expr *x)
{
	const struct cedar_fn_info *fn = cedar_fn_info(x->sub);
	bool bad = false;
	for (uint32_t i = 0; i < x->n; i++) {
		const struct cedar_type *want = i < fn->arity ? S_type_of_kind(fn->args[i]) : NULL;
		bad |= !(want ? check_basic(ck, x->list.items[i], want->kind) : check_expr(ck, x->list.items[i])).type;
	}
	if (x->n != fn->arity) {
		unsigned self = fn->method && x->n ? 1 : 0;
		check_find(ck, CEDAR_FIND_CALL, x, NULL, "%s() takes %u argument%s, not %u", fn->name, fn->arity - self,
		           fn->arity - self == 1 ? "" : "s", x->n - self);
		return check_failed();
	}
	if (bad || !S_constructor_ok(ck, x, fn))
		return check_failed();
	return check_ok(S_type_of_kind(fn->ret));
}
