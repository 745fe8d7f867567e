/* Asking: the working memory of one thread. */
#include "libcedar/api.h"

#include "cedar/nearest.h"

#include <stdlib.h>

struct cedar_session *
cedar_session_new(size_t max_memory)
{
	struct cedar_session *w = calloc(1, sizeof *w);
	if (w)
		arena_init(&w->arena, max_memory ? max_memory : (size_t)64 << 20);
	return w;
}

void
cedar_session_free(struct cedar_session *w)
{
	if (w)
		arena_fini(&w->arena);
	free(w);
}

static status
put_failure(struct arena *a, struct buf *scratch, const struct cedar_failure *f, struct cedar_policy_failure *ret)
{
	buf_reset(scratch);
	cedar_failure_print(f, scratch);
	TRY(buf_finish(scratch));
	ret->policy = span_text(f->policy->id);
	ret->message = span_text(arena_copy(a, buf_span(scratch)));
	return arena_ok(a) ? OK : FAIL(E_NO_MEMORY);
}

static status
put_failures(struct arena *a, const struct cedar_answer *ans, struct cedar_policy_failure **ret)
{
	CLEANUP(buf_fini) struct buf scratch;
	buf_init(&scratch, (size_t)1 << 24);
	*ret = NULL;
	if (ans->failure_n == 0)
		return OK;
	ENSURE(*ret = arena_array(a, ans->failure_n, sizeof **ret), E_NO_MEMORY);
	for (uint32_t i = 0; i < ans->failure_n; i++)
		TRY(put_failure(a, &scratch, &ans->failures[i], &(*ret)[i]));
	return OK;
}

static status
put_answer(struct arena *a, const struct cedar_answer *ans, struct cedar_authorization *ret)
{
	uint32_t n = ans->allow ? ans->permit_n : ans->forbid_n;
	const struct cedar_policy *const *list = ans->allow ? ans->permits : ans->forbids;
	struct cedar_policy_failure *failures;
	struct cedar_text *ids = NULL;
	if (n)
		ENSURE(ids = arena_alloc(a, n * sizeof *ids), E_NO_MEMORY);
	for (uint32_t i = 0; i < n; i++)
		ids[i] = span_text(list[i]->id);
	TRY(put_failures(a, ans, &failures));
	*ret = (struct cedar_authorization){ .allow = ans->allow, .reason_n = n, .reasons = ids, .failure_n = ans->failure_n, .failures = failures };
	return OK;
}

enum cedar_code
cedar_session_authorize(struct cedar_session *w, const struct cedar_policyset *set, const struct cedar_store *store, const struct cedar_query *q,
                        struct cedar_authorization *ret, struct cedar_error *e)
{
	struct cedar_answer ans;
	struct cedar_authorization out = { 0 };
	arena_reset(&w->arena);
	status s = cedar_evaluate(set->policies, store->entities, &q->request, &w->arena, &ans);
	if (!failed(s))
		s = put_answer(&w->arena, &ans, &out);
	*ret = failed(s) ? (struct cedar_authorization){ 0 } : out;
	return api_result(s, NULL, e);
}

enum cedar_code
cedar_session_decide(struct cedar_session *w, const struct cedar_policyset *set, const struct cedar_store *store, const struct cedar_query *q,
                     bool *ret, struct cedar_error *e)
{
	arena_reset(&w->arena);
	return api_result(cedar_decide(set->policies, store->entities, &q->request, &w->arena, ret), NULL, e);
}

/* Questions of one kind may have been read separately: equal names become the very same, which is what is shared by. */
static void
unify(const struct cedar_request *before, struct cedar_request *r)
{
	if (cedar_uid_eq(before->principal, r->principal))
		r->principal = before->principal;
	if (cedar_uid_eq(before->action, r->action))
		r->action = before->action;
	if (cedar_uid_eq(before->resource, r->resource))
		r->resource = before->resource;
	if (before->context && r->context && cedar_value_eq(cedar_record_value(before->context), cedar_record_value(r->context)))
		r->context = before->context;
}

static status
authorize_many(struct cedar_session *w, const struct cedar_policyset *set, const struct cedar_store *store, const struct cedar_query *const *q,
               size_t n, struct cedar_authorization *ret)
{
	struct cedar_request *r = arena_array(&w->arena, n + 1, sizeof *r);
	struct cedar_answer *ans = arena_array(&w->arena, n + 1, sizeof *ans);
	ENSURE(r && ans, E_NO_MEMORY);
	for (size_t i = 0; i < n; i++) {
		r[i] = q[i]->request;
		if (i > 0)
			unify(&r[i - 1], &r[i]);
	}
	TRY(cedar_evaluate_many(set->policies, store->entities, r, n, &w->arena, ans));
	for (size_t i = 0; i < n; i++)
		TRY(put_answer(&w->arena, &ans[i], &ret[i]));
	return OK;
}

enum cedar_code
cedar_session_authorize_many(struct cedar_session *w, const struct cedar_policyset *set, const struct cedar_store *store,
                             const struct cedar_query *const *q, size_t n, struct cedar_authorization *ret, struct cedar_error *e)
{
	arena_reset(&w->arena);
	status s = authorize_many(w, set, store, q, n, ret);
	if (failed(s) && n)
		memset(ret, 0, n * sizeof *ret);
	return api_result(s, NULL, e);
}

static status
filter(struct cedar_session *w, const struct cedar_policyset *set, const struct cedar_store *store, const struct cedar_query *q,
       const struct cedar_name_of *resources, size_t n, bool *ret, struct cedar_diag *d)
{
	const struct cedar_uid **uids = arena_array(&w->arena, n + 1, sizeof *uids);
	ENSURE(uids, E_NO_MEMORY);
	for (size_t i = 0; i < n; i++)
		TRY(api_uid(&w->arena, resources[i], "resource", &uids[i], d));
	return cedar_decide_each(set->policies, store->entities, &q->request, uids, n, &w->arena, ret);
}

enum cedar_code
cedar_session_filter(struct cedar_session *w, const struct cedar_policyset *set, const struct cedar_store *store, const struct cedar_query *q,
                     const struct cedar_name_of *resources, size_t n, bool *ret, struct cedar_error *e)
{
	struct cedar_diag d = { 0 };
	arena_reset(&w->arena);
	if (n)
		memset(ret, 0, n * sizeof *ret);
	return api_result(filter(w, set, store, q, resources, n, ret, &d), &d, e);
}

static status
explain(struct cedar_session *w, const struct cedar_policyset *set, const struct cedar_store *store, const struct cedar_query *q, uint32_t n,
        struct cedar_text *ret)
{
	CLEANUP(buf_fini) struct buf b;
	uint32_t got;
	buf_init(&b, (size_t)1 << 24);
	struct cedar_near *near = arena_array(&w->arena, (size_t)n + 1, sizeof *near);
	ENSURE(near, E_NO_MEMORY);
	TRY(cedar_nearest_permits(set->policies, store->entities, &q->request, NULL, NULL, &w->arena, near, n, &got));
	for (uint32_t i = 0; i < got; i++) {
		if (i)
			buf_put_u8(&b, '\n');
		cedar_near_print(&near[i], &b);
	}
	TRY(buf_finish(&b));
	*ret = span_text(arena_copy(&w->arena, buf_span(&b)));
	return arena_ok(&w->arena) ? OK : FAIL(E_NO_MEMORY);
}

enum cedar_code
cedar_session_explain(struct cedar_session *w, const struct cedar_policyset *set, const struct cedar_store *store, const struct cedar_query *q,
                      unsigned n, struct cedar_text *ret, struct cedar_error *e)
{
	arena_reset(&w->arena);
	return api_result(explain(w, set, store, q, n, ret), NULL, e);
}
