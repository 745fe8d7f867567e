#include "cedar/build.h"

#include <stdlib.h>

struct cedar_ast *
cedar_ast_new(span file, size_t max)
{
	struct cedar_ast *ast = calloc(1, sizeof *ast);
	if (!ast)
		return NULL;
	arena_init(&ast->arena, max);
	ast->refs = 1;
	ast->file = arena_copy(&ast->arena, file);
	if (!arena_ok(&ast->arena)) {
		cedar_ast_unref(ast);
		return NULL;
	}
	return ast;
}

struct cedar_ast *
cedar_ast_ref(const struct cedar_ast *ast)
{
	struct cedar_ast *own = (struct cedar_ast *)ast;
	__atomic_add_fetch(&own->refs, 1, __ATOMIC_RELAXED);
	return own;
}

void
cedar_ast_unref(const struct cedar_ast *ast)
{
	struct cedar_ast *own = (struct cedar_ast *)ast;
	if (!own || __atomic_sub_fetch(&own->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	cedar_ast_unref(own->templates);
	arena_fini(&own->arena);
	free(own);
}

bool
cedar_policy_annotation(const struct cedar_policy *p, span key, span *ret)
{
	for (uint32_t i = 0; i < p->annotation_n; i++)
		if (span_eq(p->annotations[i].key, key)) {
			*ret = p->annotations[i].value;
			return true;
		}
	return false;
}

const struct cedar_policy *
cedar_ast_find(const struct cedar_ast *ast, span id)
{
	for (uint32_t i = 0; i < ast->policy_n; i++)
		if (span_eq(ast->policies[i]->id, id))
			return ast->policies[i];
	return NULL;
}

status
cedar_ast_append(struct cedar_ast *ast, struct cedar_policy *p)
{
	ENSURE(arena_ok(&ast->arena), E_NO_MEMORY);
	/* Doubled, so that many links take no more than twice the room. */
	if (ast->policy_n >= ast->policy_cap) {
		uint32_t cap = ast->policy_n ? ast->policy_n * 2 : 1;
		struct cedar_policy **list = arena_array(&ast->arena, cap, sizeof *list);
		ENSURE(list, E_NO_MEMORY);
		if (ast->policy_n)
			memcpy(list, ast->policies, ast->policy_n * sizeof *list);
		ast->policies = list;
		ast->policy_cap = cap;
	}
	ast->policies[ast->policy_n++] = p;
	return OK;
}

static status
link_slots_match(const struct cedar_policy *t, span id, const struct cedar_uid *const given[3], struct cedar_diag *d)
{
	static const char *const name[] = { "", "?principal", "?resource" };
	for (unsigned slot = CEDAR_SLOT_PRINCIPAL; slot <= CEDAR_SLOT_RESOURCE; slot++) {
		bool has = t->slots & (1u << slot);
		if (has && !given[slot])
			return cedar_diag_set(d, E_BAD_POLICY, (struct cedar_pos){ 0 }, NULL, "link \"%.*s\" gives no value for %s of template \"%.*s\"",
			                      SPAN_ARG(id), name[slot], SPAN_ARG(t->id));
		if (!has && given[slot])
			return cedar_diag_set(d, E_BAD_POLICY, (struct cedar_pos){ 0 }, NULL, "link \"%.*s\" gives a value for %s, which template \"%.*s\" does not have",
			                      SPAN_ARG(id), name[slot], SPAN_ARG(t->id));
	}
	if (t->slots == 0)
		return cedar_diag_set(d, E_BAD_POLICY, (struct cedar_pos){ 0 }, NULL, "link \"%.*s\": \"%.*s\" is a static policy, not a template",
		                      SPAN_ARG(id), SPAN_ARG(t->id));
	return OK;
}

status
cedar_ast_link(struct cedar_ast *ast, const struct cedar_policy *t, span id, const struct cedar_uid *principal,
               const struct cedar_uid *resource, const struct cedar_policy **ret, struct cedar_diag *d)
{
	const struct cedar_uid *given[3] = { NULL, principal, resource };
	TRY(link_slots_match(t, id, given, d));
	if (cedar_ast_find(ast, id))
		return cedar_diag_set(d, E_EXISTS, (struct cedar_pos){ 0 }, "give the link an id of its own", "there is already a policy \"%.*s\"", SPAN_ARG(id));
	struct arena *a = &ast->arena;
	struct cedar_policy *p = ARENA_NEW(a, struct cedar_policy);
	struct cedar_link *link = ARENA_NEW(a, struct cedar_link);
	ENSURE(p && link, E_NO_MEMORY);
	must(t->ast == ast || !ast->templates || ast->templates == t->ast);
	*p = *t;
	p->id = arena_copy(a, id);
	p->slots = 0;
	link->template = t;
	p->link = link;
	for (unsigned v = CEDAR_PRINCIPAL; v <= CEDAR_RESOURCE; v++) {
		struct cedar_scope *s = &p->scope[v];
		if (s->slot == CEDAR_SLOT_NONE)
			continue;
		const struct cedar_uid *uid = cedar_uid_new(a, given[s->slot]->type.text, given[s->slot]->id);
		ENSURE(uid, E_NO_MEMORY);
		s->one = uid;
		s->uids = &s->one;
		s->n = 1;
		if (s->slot == CEDAR_SLOT_PRINCIPAL)
			link->principal = uid;
		else
			link->resource = uid;
		s->slot = CEDAR_SLOT_NONE;
	}
	TRY(cedar_ast_append(ast, p));
	if (t->ast != ast && !ast->templates)
		ast->templates = cedar_ast_ref(t->ast);
	*ret = p;
	return OK;
}

static bool
items_eq(const struct cedar_expr *a, const struct cedar_expr *b)
{
	for (uint32_t i = 0; i < a->n; i++) {
		if (a->kind == CEDAR_X_RECORD && !span_eq(a->list.keys[i], b->list.keys[i]))
			return false;
		if (!cedar_expr_eq(a->list.items[i], b->list.items[i]))
			return false;
	}
	return true;
}

static bool
path_eq(const struct cedar_expr *a, const struct cedar_expr *b)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (!span_eq(a->has.path[i], b->has.path[i]))
			return false;
	return true;
}

bool
cedar_expr_eq(const struct cedar_expr *a, const struct cedar_expr *b)
{
	if (a == b)
		return true;
	if (!a || !b || a->kind != b->kind || a->sub != b->sub || a->n != b->n)
		return false;
	switch ((enum cedar_expr_kind)a->kind) {
	case CEDAR_X_BOOL:
		return a->b == b->b;
	case CEDAR_X_LONG:
		return a->i == b->i;
	case CEDAR_X_STRING:
		return span_eq(a->s, b->s);
	case CEDAR_X_ENTITY:
		return cedar_uid_eq(a->uid, b->uid);
	case CEDAR_X_VAR:
		return true;
	case CEDAR_X_AND: case CEDAR_X_OR: case CEDAR_X_SET: case CEDAR_X_RECORD: case CEDAR_X_CALL:
		return items_eq(a, b);
	case CEDAR_X_HAS:
		return path_eq(a, b) && cedar_expr_eq(a->has.target, b->has.target);
	case CEDAR_X_GET:
		return span_eq(a->get.attr, b->get.attr) && cedar_expr_eq(a->get.target, b->get.target);
	case CEDAR_X_IS:
		return cedar_name_eq(a->is.type, b->is.type) && cedar_expr_eq(a->is.target, b->is.target) &&
		       cedar_expr_eq(a->is.container, b->is.container);
	case CEDAR_X_LIKE:
		return (a->n == 0 || memcmp(a->like.pattern, b->like.pattern, a->n * sizeof(uint32_t)) == 0) &&
		       cedar_expr_eq(a->like.target, b->like.target);
	case CEDAR_X_NOT: case CEDAR_X_NEG: case CEDAR_X_IF:
	case CEDAR_X_EQ: case CEDAR_X_NE: case CEDAR_X_LT: case CEDAR_X_LE: case CEDAR_X_GT: case CEDAR_X_GE: case CEDAR_X_IN:
	case CEDAR_X_ADD: case CEDAR_X_SUB: case CEDAR_X_MUL:
	case CEDAR_X_CONTAINS: case CEDAR_X_CONTAINS_ALL: case CEDAR_X_CONTAINS_ANY:
	case CEDAR_X_HAS_TAG: case CEDAR_X_GET_TAG: case CEDAR_X_IS_EMPTY:
		return cedar_expr_eq(a->x.a, b->x.a) && cedar_expr_eq(a->x.b, b->x.b) && cedar_expr_eq(a->x.c, b->x.c);
	case CEDAR_X_COUNT:
		break;
	}
	return false;
}

bool
cedar_expr_children(const struct cedar_expr *x, bool (*fn)(const struct cedar_expr *, void *), void *arg)
{
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_BOOL: case CEDAR_X_LONG: case CEDAR_X_STRING: case CEDAR_X_ENTITY: case CEDAR_X_VAR: case CEDAR_X_COUNT:
		return true;
	case CEDAR_X_AND: case CEDAR_X_OR: case CEDAR_X_SET: case CEDAR_X_RECORD: case CEDAR_X_CALL:
		for (uint32_t i = 0; i < x->n; i++)
			if (!fn(x->list.items[i], arg))
				return false;
		return true;
	case CEDAR_X_HAS:
		return fn(x->has.target, arg);
	case CEDAR_X_GET:
		return fn(x->get.target, arg);
	case CEDAR_X_IS:
		return fn(x->is.target, arg) && (!x->is.container || fn(x->is.container, arg));
	case CEDAR_X_LIKE:
		return fn(x->like.target, arg);
	case CEDAR_X_NOT: case CEDAR_X_NEG: case CEDAR_X_IF:
	case CEDAR_X_EQ: case CEDAR_X_NE: case CEDAR_X_LT: case CEDAR_X_LE: case CEDAR_X_GT: case CEDAR_X_GE: case CEDAR_X_IN:
	case CEDAR_X_ADD: case CEDAR_X_SUB: case CEDAR_X_MUL:
	case CEDAR_X_CONTAINS: case CEDAR_X_CONTAINS_ALL: case CEDAR_X_CONTAINS_ANY:
	case CEDAR_X_HAS_TAG: case CEDAR_X_GET_TAG: case CEDAR_X_IS_EMPTY:
		return fn(x->x.a, arg) && (!x->x.b || fn(x->x.b, arg)) && (!x->x.c || fn(x->x.c, arg));
	}
	return true;
}
