/* Questions of the public library. */
#include "libcedar/api.h"

#include "cedar/conform.h"
#include "cedar/lex.h"
#include "cedar/value_json.h"
#include "text/utf8.h"

#include <stdlib.h>

#define MAX_QUERY ((size_t)64 << 20)

void
cedar_query_free(struct cedar_query *q)
{
	if (q)
		arena_fini(&q->arena);
	free(q);
}

static void query_free_p(struct cedar_query **q) { cedar_query_free(*q); }

static struct cedar_query *
query_alloc(void)
{
	struct cedar_query *q = calloc(1, sizeof *q);
	if (q)
		arena_init(&q->arena, MAX_QUERY);
	return q;
}

status
api_uid(struct arena *a, struct cedar_name_of name, const char *what, const struct cedar_uid **ret, struct cedar_diag *d)
{
	if (!cedar_name_ok(text_span(name.type)) || !utf8_ok(text_span(name.id)))
		return cedar_diag_set(d, E_BAD_ENTITY, (struct cedar_pos){ 0 }, NULL, "the %s is not the name of an entity", what);
	*ret = cedar_uid_new(a, text_span(name.type), text_span(name.id));
	return *ret ? OK : FAIL(E_NO_MEMORY);
}

status
api_context(struct arena *a, struct cedar_text json, const struct cedar_schema *schema, const struct cedar_uid *action,
            const struct cedar_record **ret, struct cedar_diag *d)
{
	const struct cedar_action *declared = schema ? cedar_schema_action(schema, action->type.text, action->id) : NULL;
	const struct json *v;
	if (json.size == 0)
		return OK;
	/* What is read may borrow from the text, which is the caller's. */
	span own = arena_copy(a, text_span(json));
	ENSURE(arena_ok(a), E_NO_MEMORY);
	status s = cedar_json_parse(own, 0, a, &v, d);
	if (!failed(s))
		s = cedar_record_from_json(v, declared ? declared->context : NULL, a, ret, d);
	if (failed(s))
		cedar_json_locate(d, own);
	return s;
}

enum cedar_code
cedar_query_new(struct cedar_name_of principal, struct cedar_name_of action, struct cedar_name_of resource, struct cedar_text context_json,
                const struct cedar_schema *schema, struct cedar_query **ret, struct cedar_error *e)
{
	CLEANUP(query_free_p) struct cedar_query *q = query_alloc();
	struct cedar_diag d = { 0 };
	if (!q)
		return api_result(FAIL(E_NO_MEMORY), NULL, e);
	status s = api_uid(&q->arena, principal, "principal", &q->request.principal, &d);
	if (!failed(s))
		s = api_uid(&q->arena, action, "action", &q->request.action, &d);
	if (!failed(s))
		s = api_uid(&q->arena, resource, "resource", &q->request.resource, &d);
	if (!failed(s))
		s = api_context(&q->arena, context_json, schema, q->request.action, &q->request.context, &d);
	if (!failed(s) && schema)
		s = cedar_request_conforms(schema, &q->request, &d);
	if (!failed(s))
		*ret = TAKE(q);
	return api_result(s, &d, e);
}

enum cedar_code
cedar_query_from_json(struct cedar_text json, const struct cedar_schema *schema, struct cedar_query **ret, struct cedar_error *e)
{
	CLEANUP(query_free_p) struct cedar_query *q = query_alloc();
	struct cedar_diag d = { 0 };
	const struct json *v;
	if (!q)
		return api_result(FAIL(E_NO_MEMORY), NULL, e);
	span own = arena_copy(&q->arena, text_span(json));
	status s = arena_ok(&q->arena) ? cedar_json_parse(own, 0, &q->arena, &v, &d) : FAIL(E_NO_MEMORY);
	if (!failed(s))
		s = cedar_request_from_json(v, schema, &q->arena, &q->request, &d);
	if (!failed(s) && schema)
		s = cedar_request_conforms(schema, &q->request, &d);
	if (failed(s))
		cedar_json_locate(&d, own);
	else
		*ret = TAKE(q);
	return api_result(s, &d, e);
}
