#include "cedar/est_priv.h"

static status
bad(struct cedar_est *r, const struct json *v, const char *what)
{
	return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(v), NULL, "%s, found %s", what, json_kind_name(v->kind));
}

status
cedar_est_members(struct cedar_est *r, const struct json *v, const char *const *names)
{
	if (!json_is_obj(v))
		return bad(r, v, "expected an object");
	json_for_members(m, v) {
		bool known = false;
		for (size_t i = 0; names[i]; i++)
			known |= span_is(m->key, names[i]);
		if (!known)
			return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(&m->value), NULL, "unknown member \"%.*s\"",
			                      SPAN_ARG(span_sub(m->key, 0, 60)));
	}
	return OK;
}

status
cedar_est_member(struct cedar_est *r, const struct json *v, const char *name, const struct json **ret)
{
	*ret = json_gets(v, name);
	if (!*ret)
		return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(v), NULL, "\"%s\" is missing", name);
	return OK;
}

static status
text_member(struct cedar_est *r, const struct json *v, const char *name, span *ret)
{
	const struct json *m;
	TRY(cedar_est_member(r, v, name, &m));
	if (!json_is_str(m))
		return bad(r, m, "expected a string");
	*ret = arena_copy(&r->ast->arena, m->str);
	ENSURE(arena_ok(&r->ast->arena), E_NO_MEMORY);
	return OK;
}

status
cedar_est_type(struct cedar_est *r, const struct json *v, const char *name, const struct cedar_name **ret)
{
	span text;
	TRY(text_member(r, v, name, &text));
	if (!cedar_name_ok(text))
		return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(v), NULL, "\"%.*s\" is not a type name", SPAN_ARG(span_sub(text, 0, 60)));
	struct cedar_name *n = ARENA_NEW(&r->ast->arena, struct cedar_name);
	ENSURE(n, E_NO_MEMORY);
	*n = cedar_name_make(text);
	*ret = n;
	return OK;
}

/* ---- the head ---- */

status
cedar_est_uid(struct cedar_est *r, const struct json *v, const struct cedar_uid **ret)
{
	const struct cedar_uid *u;
	status s = cedar_uid_from_json(v, &r->ast->arena, &u, r->d);
	if (s.code == E_BAD_ENTITY)
		return FAIL(E_BAD_POLICY);
	TRY(s);
	/* The texts of that one belong to the JSON. */
	*ret = cedar_uid_new(&r->ast->arena, u->type.text, u->id);
	ENSURE(*ret, E_NO_MEMORY);
	return OK;
}

/* One entity, or with s->list an array of them. */
static status
scope_uids(struct cedar_est *r, const struct json *list, enum cedar_var var, struct cedar_scope *s)
{
	size_t n = s->list ? list->arr.n : 1;
	const struct cedar_uid **uids = arena_array(&r->ast->arena, n + 1, sizeof *uids);
	ENSURE(uids, E_NO_MEMORY);
	for (size_t i = 0; i < n; i++) {
		const struct json *v = s->list ? &list->arr.items[i] : list;
		TRY(cedar_est_uid(r, v, &uids[i]));
		if (var == CEDAR_ACTION && !span_is(uids[i]->type.text, "Action") && !span_ends(uids[i]->type.text, SPAN("::Action")))
			return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(v), NULL, "%.*s is not a type of actions",
			                      SPAN_ARG(span_sub(uids[i]->type.text, 0, 60)));
	}
	s->uids = uids;
	s->n = (uint32_t)n;
	return OK;
}

/* {"entity": …} or {"slot": …} or, for `action in`, {"entities": […]}. Further members are ignored, as the reference does. */
static status
scope_target(struct cedar_est *r, const struct json *v, enum cedar_var var, struct cedar_scope *s)
{
	const struct json *entity = json_gets(v, "entity"), *slot = json_gets(v, "slot"), *list = json_gets(v, "entities");
	if (entity)
		return scope_uids(r, entity, var, s);
	if (list && var == CEDAR_ACTION && s->op == CEDAR_SCOPE_IN) {
		if (!json_is_arr(list))
			return bad(r, list, "expected an array of entities");
		s->list = true;
		return scope_uids(r, list, var, s);
	}
	if (slot && json_is_str(slot) && var != CEDAR_ACTION &&
	    span_is(slot->str, var == CEDAR_PRINCIPAL ? "?principal" : "?resource")) {
		s->slot = var == CEDAR_PRINCIPAL ? CEDAR_SLOT_PRINCIPAL : CEDAR_SLOT_RESOURCE;
		return OK;
	}
	return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(v), NULL, slot ? "this slot may not stand here" : "\"entity\" is missing");
}

static status
scope(struct cedar_est *r, const struct json *policy, const char *name, enum cedar_var var, struct cedar_scope *s)
{
	static const char *const is_names[] = { "op", "entity_type", "in", NULL };     /* the only form that is strict */
	const struct json *v, *op, *in;
	TRY(cedar_est_member(r, policy, name, &v));
	TRY(cedar_est_member(r, v, "op", &op));
	s->pos = cedar_est_at(v);
	if (!json_is_str(op))
		return bad(r, op, "expected an operator");
	if (span_is(op->str, "All") || span_is(op->str, "all"))
		return OK;
	if (span_is(op->str, "==") || span_is(op->str, "in")) {
		s->op = span_is(op->str, "==") ? CEDAR_SCOPE_EQ : CEDAR_SCOPE_IN;
		return scope_target(r, v, var, s);
	}
	if (!span_is(op->str, "is") || var == CEDAR_ACTION)
		return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(op), NULL, "there is no operator \"%.*s\" for %s",
		                      SPAN_ARG(span_sub(op->str, 0, 40)), name);
	s->op = CEDAR_SCOPE_IS;
	TRY(cedar_est_members(r, v, is_names));
	TRY(cedar_est_type(r, v, "entity_type", &s->type));
	if (!(in = json_gets(v, "in")) || json_is_null(in))
		return OK;
	s->op = CEDAR_SCOPE_IS_IN;
	return scope_target(r, in, var, s);
}

/* ---- the rest ---- */

static status
annotations(struct cedar_est *r, const struct json *v, struct cedar_policy *p)
{
	if (!v)
		return OK;
	if (!json_is_obj(v))
		return bad(r, v, "annotations must be an object");
	struct cedar_annotation *list = arena_array(&r->ast->arena, v->obj.n + 1, sizeof *list);
	ENSURE(list, E_NO_MEMORY);
	for (size_t i = 0; i < v->obj.n; i++) {
		const struct json_member *m = &v->obj.members[i];
		if (!cedar_word_ok(m->key))
			return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(&m->value), NULL, "\"%.*s\" can not name an annotation",
			                      SPAN_ARG(span_sub(m->key, 0, 60)));
		if (!json_is_str(&m->value) && !json_is_null(&m->value))
			return bad(r, &m->value, "an annotation must be a string or null");
		list[i].key = arena_copy(&r->ast->arena, m->key);
		list[i].has_value = json_is_str(&m->value);
		if (list[i].has_value)
			list[i].value = arena_copy(&r->ast->arena, m->value.str);
		list[i].pos = cedar_est_at(&m->value);
	}
	ENSURE(arena_ok(&r->ast->arena), E_NO_MEMORY);
	p->annotations = list;
	p->annotation_n = (uint32_t)v->obj.n;
	return OK;
}

static status
conditions(struct cedar_est *r, const struct json *v, struct cedar_policy *p)
{
	static const char *const names[] = { "kind", "body", NULL };
	if (!json_is_arr(v))
		return bad(r, v, "conditions must be an array");
	struct cedar_condition *list = arena_array(&r->ast->arena, v->arr.n + 1, sizeof *list);
	ENSURE(list, E_NO_MEMORY);
	for (size_t i = 0; i < v->arr.n; i++) {
		const struct json *c = &v->arr.items[i], *body;
		span kind;
		TRY(cedar_est_members(r, c, names));
		TRY(text_member(r, c, "kind", &kind));
		if (!span_is(kind, "when") && !span_is(kind, "unless"))
			return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(c), NULL, "a condition is of kind \"when\" or \"unless\"");
		TRY(cedar_est_member(r, c, "body", &body));
		list[i].unless = span_is(kind, "unless");
		list[i].pos = cedar_est_at(c);
		TRY(cedar_est_expr(r, body, &list[i].body));
	}
	p->conditions = list;
	p->condition_n = (uint32_t)v->arr.n;
	return OK;
}

static status
policy(struct cedar_est *r, const struct json *v, span id, struct cedar_policy **ret)
{
	static const char *const names[] = { "effect", "principal", "action", "resource", "conditions", "annotations", NULL };
	struct cedar_policy *p = ARENA_NEW(&r->ast->arena, struct cedar_policy);
	const struct json *list;
	span effect;
	ENSURE(p, E_NO_MEMORY);
	TRY(cedar_est_members(r, v, names));
	TRY(text_member(r, v, "effect", &effect));
	if (!span_is(effect, "permit") && !span_is(effect, "forbid"))
		return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(v), NULL, "the effect is \"permit\" or \"forbid\"");
	p->effect = span_is(effect, "permit") ? CEDAR_PERMIT : CEDAR_FORBID;
	p->ast = r->ast;
	p->pos = cedar_est_at(v);
	p->id = arena_copy(&r->ast->arena, id);
	TRY(scope(r, v, "principal", CEDAR_PRINCIPAL, &p->scope[CEDAR_PRINCIPAL]));
	TRY(scope(r, v, "action", CEDAR_ACTION, &p->scope[CEDAR_ACTION]));
	TRY(scope(r, v, "resource", CEDAR_RESOURCE, &p->scope[CEDAR_RESOURCE]));
	for (unsigned i = 0; i < 3; i++)
		if (p->scope[i].slot)
			p->slots |= (uint8_t)(1u << p->scope[i].slot);
	TRY(cedar_est_member(r, v, "conditions", &list));
	TRY(conditions(r, list, p));
	TRY(annotations(r, json_gets(v, "annotations"), p));
	ENSURE(arena_ok(&r->ast->arena), E_NO_MEMORY);
	*ret = p;
	return OK;
}

status
cedar_policy_from_json(const struct json *v, span id, struct cedar_ast *ast, struct cedar_diag *d)
{
	CLEANUP(cedar_est_fini) struct cedar_est r = { .ast = ast, .d = d };
	struct cedar_policy *p;
	if (cedar_ast_find(ast, id))
		return cedar_diag_set(d, E_EXISTS, cedar_est_at(v), NULL, "there is already a policy \"%.*s\"", SPAN_ARG(span_sub(id, 0, 100)));
	TRY(policy(&r, v, id, &p));
	return cedar_ast_append(ast, p);
}

/* ---- sets ---- */

static status
add_policies(struct cedar_est *r, const struct json *v, bool templates, struct cedar_stack *list)
{
	if (!v)
		return OK;
	if (!json_is_obj(v))
		return bad(r, v, "expected an object of policies by id");
	for (size_t i = 0; i < v->obj.n; i++) {
		struct cedar_policy *p;
		TRY(policy(r, &v->obj.members[i].value, v->obj.members[i].key, &p));
		if (cedar_policy_is_template(p) != templates)
			return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(&v->obj.members[i].value), NULL,
			                      templates ? "a template must have a slot" : "a static policy may not have slots");
		TRY(cedar_stack_push(list, p));
	}
	return OK;
}

static status
add_link(struct cedar_est *r, const struct json *v)
{
	static const char *const names[] = { "templateId", "newId", "values", NULL };
	const struct cedar_uid *value[2] = { NULL, NULL };
	const struct cedar_policy *t, *link;
	const struct json *values;
	span template, id;
	TRY(cedar_est_members(r, v, names));
	TRY(text_member(r, v, "templateId", &template));
	TRY(text_member(r, v, "newId", &id));
	TRY(cedar_est_member(r, v, "values", &values));
	if (!json_is_obj(values))
		return bad(r, values, "expected an object of slot values");
	for (size_t i = 0; i < values->obj.n; i++) {
		span slot = values->obj.members[i].key;
		if (!span_is(slot, "?principal") && !span_is(slot, "?resource"))
			return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(values), NULL, "there is no slot \"%.*s\"", SPAN_ARG(span_sub(slot, 0, 60)));
		TRY(cedar_est_uid(r, &values->obj.members[i].value, &value[span_is(slot, "?resource")]));
	}
	if (!(t = cedar_ast_find(r->ast, template)))
		return cedar_diag_set(r->d, E_BAD_POLICY, cedar_est_at(v), NULL, "there is no template \"%.*s\"", SPAN_ARG(span_sub(template, 0, 60)));
	status s = cedar_ast_link(r->ast, t, id, value[0], value[1], &link, r->d);
	if (failed(s) && r->d)
		r->d->offset = v->at;
	return s;
}

static status
unique_ids(struct cedar_est *r, const struct json *a, const struct json *b)
{
	for (size_t i = 0; a && b && i < a->obj.n; i++)
		if (json_get(b, a->obj.members[i].key))
			return cedar_diag_set(r->d, E_EXISTS, cedar_est_at(&a->obj.members[i].value), NULL, "the id \"%.*s\" occurs twice",
			                      SPAN_ARG(span_sub(a->obj.members[i].key, 0, 60)));
	return OK;
}

static status
policy_set(struct cedar_est *r, const struct json *v)
{
	static const char *const names[] = { "staticPolicies", "templates", "templateLinks", NULL };
	CLEANUP(cedar_stack_fini) struct cedar_stack list = { 0 };
	TRY(cedar_est_members(r, v, names));
	const struct json *statics = json_gets(v, "staticPolicies"), *templates = json_gets(v, "templates"), *links = json_gets(v, "templateLinks");
	TRY(add_policies(r, statics, false, &list));
	TRY(add_policies(r, templates, true, &list));
	TRY(unique_ids(r, statics, templates));
	TRY(cedar_ast_set_policies(r->ast, &list));
	if (links && !json_is_arr(links))
		return bad(r, links, "templateLinks must be an array");
	json_for_items(l, links)
		TRY(add_link(r, l));
	return OK;
}

/* Trees from JSON have no text to be measured by; a generous bound against bombs. */
#define MAX_TREE ((size_t)1 << 30)

static void
unref_ast(struct cedar_ast **p)
{
	cedar_ast_unref(*p);
}

status
cedar_policies_from_json(const struct json *v, span file, struct cedar_ast **ret, struct cedar_diag *d)
{
	CLEANUP(unref_ast) struct cedar_ast *ast = cedar_ast_new(file, MAX_TREE);
	ENSURE(ast && arena_alloc(&ast->arena, 1), E_NO_MEMORY);
	CLEANUP(cedar_est_fini) struct cedar_est r = { .ast = ast, .d = d };
	TRY(policy_set(&r, v));
	*ret = TAKE(ast);
	return OK;
}

static status
parse(span text, span file, const struct cedar_limits *limits, struct arena *a, struct cedar_ast **ret, struct cedar_diag *d)
{
	const struct json *v;
	TRY(cedar_json_parse(text, limits && limits->text ? limits->text : 4 * CEDAR_MAX_TEXT, a, &v, d));
	if (!json_gets(v, "effect"))
		return cedar_policies_from_json(v, file, ret, d);
	CLEANUP(unref_ast) struct cedar_ast *ast = cedar_ast_new(file, MAX_TREE);
	ENSURE(ast && arena_alloc(&ast->arena, 1), E_NO_MEMORY);
	TRY(cedar_policy_from_json(v, SPAN("policy0"), ast, d));
	*ret = TAKE(ast);
	return OK;
}

status
cedar_parse_policies_json(span text, span file, const struct cedar_limits *limits, struct cedar_ast **ret, struct cedar_diag *d)
{
	struct arena a;
	arena_init(&a, MAX_TREE);
	status s = parse(text, file, limits, &a, ret, d);
	if (failed(s))
		cedar_json_locate(d, text);
	arena_fini(&a);
	return s;
}
