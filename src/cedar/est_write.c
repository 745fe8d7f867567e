#include "cedar/est.h"

#include "text/utf8.h"

static const char *const op_name[CEDAR_X_COUNT] = {
	[CEDAR_X_NOT] = "!", [CEDAR_X_NEG] = "neg", [CEDAR_X_AND] = "&&", [CEDAR_X_OR] = "||", [CEDAR_X_EQ] = "==", [CEDAR_X_NE] = "!=",
	[CEDAR_X_LT] = "<", [CEDAR_X_LE] = "<=", [CEDAR_X_GT] = ">", [CEDAR_X_GE] = ">=", [CEDAR_X_IN] = "in", [CEDAR_X_ADD] = "+",
	[CEDAR_X_SUB] = "-", [CEDAR_X_MUL] = "*", [CEDAR_X_CONTAINS] = "contains", [CEDAR_X_CONTAINS_ALL] = "containsAll",
	[CEDAR_X_CONTAINS_ANY] = "containsAny", [CEDAR_X_HAS_TAG] = "hasTag", [CEDAR_X_GET_TAG] = "getTag", [CEDAR_X_IS_EMPTY] = "isEmpty",
};

static void
operand(struct json_writer *w, const char *name, const struct cedar_expr *x)
{
	json_w_key(w, span_str(name));
	cedar_expr_to_json(x, w);
}

/* Chains are written as the left-nested pairs that they stand for, outside in, without recursion. */
static void
chain(struct json_writer *w, const struct cedar_expr *x)
{
	for (uint32_t i = x->n - 1; i > 0; i--) {
		json_w_obj(w);
		json_w_kobj(w, op_name[x->kind]);
		json_w_key(w, SPAN("left"));
	}
	cedar_expr_to_json(x->list.items[0], w);
	for (uint32_t i = 1; i < x->n; i++) {
		operand(w, "right", x->list.items[i]);
		json_w_obj_end(w);
		json_w_obj_end(w);
	}
}

static void
pattern(struct json_writer *w, const struct cedar_expr *x)
{
	json_w_karr(w, "pattern");
	for (uint32_t i = 0; i < x->n; i++) {
		uint8_t p[4];
		if (x->like.pattern[i] == CEDAR_WILDCARD) {
			json_w_str(w, SPAN("Wildcard"));
			continue;
		}
		json_w_obj(w);
		json_w_kstr(w, "Literal", span_make(p, utf8_put(x->like.pattern[i], p)));
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
}

static void
has(struct json_writer *w, const struct cedar_expr *x)
{
	operand(w, "left", x->has.target);
	if (x->n == 1) {
		json_w_kstr(w, "attr", x->has.path[0]);
		return;
	}
	json_w_karr(w, "attr");
	for (uint32_t i = 0; i < x->n; i++)
		json_w_str(w, x->has.path[i]);
	json_w_arr_end(w);
}

static void
literal(struct json_writer *w, const struct cedar_expr *x)
{
	struct cedar_value v = x->kind == CEDAR_X_BOOL ? cedar_bool(x->b) : x->kind == CEDAR_X_LONG ? cedar_long(x->i) :
	                       x->kind == CEDAR_X_STRING ? cedar_string(x->s) : cedar_entity(x->uid);
	json_w_key(w, SPAN("Value"));
	cedar_value_to_json(w, v);
}

static void
list(struct json_writer *w, const struct cedar_expr *x)
{
	if (x->kind == CEDAR_X_RECORD) {
		json_w_kobj(w, "Record");
		for (uint32_t i = 0; i < x->n; i++) {
			json_w_key(w, x->list.keys[i]);
			cedar_expr_to_json(x->list.items[i], w);
		}
		json_w_obj_end(w);
		return;
	}
	json_w_karr(w, x->kind == CEDAR_X_SET ? "Set" : cedar_fn_info(x->sub)->name);
	for (uint32_t i = 0; i < x->n; i++)
		cedar_expr_to_json(x->list.items[i], w);
	json_w_arr_end(w);
}

static void
operator(struct json_writer *w, const struct cedar_expr *x)
{
	static const char *const name[CEDAR_X_COUNT] = { [CEDAR_X_IF] = "if-then-else", [CEDAR_X_GET] = ".", [CEDAR_X_HAS] = "has",
	                                                 [CEDAR_X_IS] = "is", [CEDAR_X_LIKE] = "like" };
	json_w_kobj(w, name[x->kind] ? name[x->kind] : op_name[x->kind]);
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_NOT: case CEDAR_X_NEG: case CEDAR_X_IS_EMPTY:
		operand(w, "arg", x->x.a);
		break;
	case CEDAR_X_IF:
		operand(w, "if", x->x.a);
		operand(w, "then", x->x.b);
		operand(w, "else", x->x.c);
		break;
	case CEDAR_X_GET:
		operand(w, "left", x->get.target);
		json_w_kstr(w, "attr", x->get.attr);
		break;
	case CEDAR_X_HAS:
		has(w, x);
		break;
	case CEDAR_X_IS:
		operand(w, "left", x->is.target);
		json_w_kstr(w, "entity_type", x->is.type->text);
		if (x->is.container)
			operand(w, "in", x->is.container);
		break;
	case CEDAR_X_LIKE:
		operand(w, "left", x->like.target);
		pattern(w, x);
		break;
	default:
		operand(w, "left", x->x.a);
		operand(w, "right", x->x.b);
		break;
	}
	json_w_obj_end(w);
}

void
cedar_expr_to_json(const struct cedar_expr *x, struct json_writer *w)
{
	static const char *const vars[] = { "principal", "action", "resource", "context" };
	if (x->kind == CEDAR_X_AND || x->kind == CEDAR_X_OR) {
		chain(w, x);
		return;
	}
	json_w_obj(w);
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_BOOL: case CEDAR_X_LONG: case CEDAR_X_STRING: case CEDAR_X_ENTITY:
		literal(w, x);
		break;
	case CEDAR_X_VAR:
		json_w_kcstr(w, "Var", vars[x->sub]);
		break;
	case CEDAR_X_SET: case CEDAR_X_RECORD: case CEDAR_X_CALL:
		list(w, x);
		break;
	default:
		operator(w, x);
		break;
	}
	json_w_obj_end(w);
}

/* ---- policies ---- */

static void
target(struct json_writer *w, const struct cedar_scope *s)
{
	if (s->slot) {
		json_w_kcstr(w, "slot", s->slot == CEDAR_SLOT_PRINCIPAL ? "?principal" : "?resource");
	} else if (s->list && s->n != 1) {       /* the reference writes a list of one as the one */
		json_w_karr(w, "entities");
		for (uint32_t i = 0; i < s->n; i++)
			cedar_uid_to_json(w, s->uids[i]);
		json_w_arr_end(w);
	} else {
		json_w_key(w, SPAN("entity"));
		cedar_uid_to_json(w, s->uids[0]);
	}
}

static void
scope(struct json_writer *w, const char *name, const struct cedar_scope *s)
{
	static const char *const op[] = { [CEDAR_SCOPE_ANY] = "All", [CEDAR_SCOPE_EQ] = "==", [CEDAR_SCOPE_IN] = "in", [CEDAR_SCOPE_IS] = "is",
	                                  [CEDAR_SCOPE_IS_IN] = "is" };
	json_w_kobj(w, name);
	json_w_kcstr(w, "op", op[s->op]);
	if (s->op == CEDAR_SCOPE_EQ || s->op == CEDAR_SCOPE_IN)
		target(w, s);
	if (s->op == CEDAR_SCOPE_IS || s->op == CEDAR_SCOPE_IS_IN)
		json_w_kstr(w, "entity_type", s->type->text);
	if (s->op == CEDAR_SCOPE_IS_IN) {
		json_w_kobj(w, "in");
		target(w, s);
		json_w_obj_end(w);
	}
	json_w_obj_end(w);
}

void
cedar_policy_to_json(const struct cedar_policy *p, struct json_writer *w)
{
	json_w_obj(w);
	json_w_kcstr(w, "effect", p->effect == CEDAR_PERMIT ? "permit" : "forbid");
	scope(w, "principal", &p->scope[CEDAR_PRINCIPAL]);
	scope(w, "action", &p->scope[CEDAR_ACTION]);
	scope(w, "resource", &p->scope[CEDAR_RESOURCE]);
	json_w_karr(w, "conditions");
	for (uint32_t i = 0; i < p->condition_n; i++) {
		json_w_obj(w);
		json_w_kcstr(w, "kind", p->conditions[i].unless ? "unless" : "when");
		json_w_key(w, SPAN("body"));
		cedar_expr_to_json(p->conditions[i].body, w);
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
	if (p->annotation_n) {
		json_w_kobj(w, "annotations");
		for (uint32_t i = 0; i < p->annotation_n; i++) {
			json_w_key(w, p->annotations[i].key);
			if (p->annotations[i].has_value)
				json_w_str(w, p->annotations[i].value);
			else
				json_w_null(w);
		}
		json_w_obj_end(w);
	}
	json_w_obj_end(w);
}

static void
link_to_json(const struct cedar_policy *p, struct json_writer *w)
{
	json_w_obj(w);
	json_w_kstr(w, "templateId", p->link->template->id);
	json_w_kstr(w, "newId", p->id);
	json_w_kobj(w, "values");
	if (p->link->principal) {
		json_w_key(w, SPAN("?principal"));
		cedar_uid_to_json(w, p->link->principal);
	}
	if (p->link->resource) {
		json_w_key(w, SPAN("?resource"));
		cedar_uid_to_json(w, p->link->resource);
	}
	json_w_obj_end(w);
	json_w_obj_end(w);
}

void
cedar_policies_to_json(const struct cedar_ast *ast, struct json_writer *w)
{
	static const char *const group[] = { "staticPolicies", "templates" };
	json_w_obj(w);
	for (unsigned templates = 0; templates < 2; templates++) {
		json_w_kobj(w, group[templates]);
		for (uint32_t i = 0; i < ast->policy_n; i++) {
			const struct cedar_policy *p = ast->policies[i];
			if (p->link || cedar_policy_is_template(p) != (bool)templates)
				continue;
			json_w_key(w, p->id);
			cedar_policy_to_json(p, w);
		}
		json_w_obj_end(w);
	}
	json_w_karr(w, "templateLinks");
	for (uint32_t i = 0; i < ast->policy_n; i++)
		if (ast->policies[i]->link)
			link_to_json(ast->policies[i], w);
	json_w_arr_end(w);
	json_w_obj_end(w);
}
