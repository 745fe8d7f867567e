/* Questions with unknowns. */
#include "libcedar/api.h"

#include "cedar/lex.h"

#include <stdlib.h>

struct cedar_outlook {
	struct cedar_partial_set *set;           /* holds the policies and the schema */
	const struct cedar_schema *schema;
};

enum cedar_code
cedar_outlook_new(const struct cedar_policyset *set, struct cedar_schema *schema, struct cedar_outlook **ret, struct cedar_error *e)
{
	struct cedar_outlook *o = calloc(1, sizeof *o);
	status s = o ? cedar_partial_new(set->policies, schema, NULL, NULL, &o->set) : FAIL(E_NO_MEMORY);
	if (failed(s)) {
		free(o);
		return api_result(s, NULL, e);
	}
	o->schema = schema;
	*ret = o;
	return CEDAR_OK;
}

void
cedar_outlook_free(struct cedar_outlook *o)
{
	if (!o)
		return;
	cedar_partial_free(o->set);
	free(o);
}

/* A name, or only its type. */
static status
known(struct arena *a, struct cedar_name_of n, const char *what, const struct cedar_uid **ret, struct cedar_diag *d)
{
	if (n.id.data)
		return api_uid(a, n, what, ret, d);
	if (!cedar_name_ok(text_span(n.type)))
		return cedar_diag_set(d, E_BAD_ENTITY, (struct cedar_pos){ 0 }, NULL, "the %s's type is not the name of a type", what);
	return OK;
}

static status
ask(const struct cedar_outlook *o, struct arena *a, const struct cedar_store *store, const struct cedar_unknowns *u, enum cedar_prospect *ret,
    struct cedar_diag *d)
{
	struct cedar_partial_request r = {
		.principal_type = text_span(u->principal.type), .resource_type = text_span(u->resource.type),
		.context_whole = u->context_whole, .entities_whole = u->entities_whole,
	};
	struct cedar_partial_answer ans;
	TRY(api_uid(a, u->action, "action", &r.action, d));
	TRY(known(a, u->principal, "principal", &r.principal, d));
	TRY(known(a, u->resource, "resource", &r.resource, d));
	/* read by its type, a context must be whole */
	TRY(api_context(a, u->context_json, u->context_whole ? o->schema : NULL, r.action, &r.context, d));
	TRY(cedar_partial_evaluate(o->set, store->entities, &r, a, &ans));
	*ret = (enum cedar_prospect)ans.decision;
	return OK;
}

enum cedar_code
cedar_outlook_ask(const struct cedar_outlook *o, struct cedar_session *w, const struct cedar_store *store, const struct cedar_unknowns *u,
                  enum cedar_prospect *ret, struct cedar_error *e)
{
	_Static_assert((int)CEDAR_DENIED == CEDAR_PARTIAL_DENY && (int)CEDAR_ALLOWED == CEDAR_PARTIAL_ALLOW && (int)CEDAR_DEPENDS == CEDAR_PARTIAL_OPEN,
	               "the same order");
	struct cedar_diag d = { 0 };
	arena_reset(&w->arena);
	return api_result(ask(o, &w->arena, store, u, ret, &d), &d, e);
}

struct found {
	cedar_found_action *fn;
	void *arg;
};

static bool
found_action(const struct cedar_action *action, enum cedar_partial_decision decision, void *arg)
{
	const struct found *f = arg;
	struct cedar_name_of name = { span_text(action->type->name), span_text(action->id) };
	return f->fn(f->arg, name, (enum cedar_prospect)decision);
}

enum cedar_code
cedar_outlook_actions(const struct cedar_outlook *o, struct cedar_session *w, const struct cedar_store *store, struct cedar_name_of principal,
                      cedar_found_action *found, void *arg, struct cedar_error *e)
{
	struct cedar_diag d = { 0 };
	struct found f = { found, arg };
	const struct cedar_uid *uid;
	arena_reset(&w->arena);
	status s = api_uid(&w->arena, principal, "principal", &uid, &d);
	if (!failed(s))
		s = cedar_possible_actions(o->set, store->entities, uid, NULL, &w->arena, found_action, &f);
	return api_result(s, &d, e);
}
