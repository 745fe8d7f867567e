#include "api/authzen.h"

#include "base/status.h"
#include "msg/enums.h"

enum { QUESTION_MAX = 65536 };

static status
need_entity(const struct json *q, const char *member, const char *first, const char *second, struct json_error *reterr)
{
	const struct json *e;
	span s;
	TRY(json_get_obj(q, member, &e, reterr));
	TRY(json_get_str(e, first, &s, reterr));
	if (second)
		TRY(json_get_str(e, second, &s, reterr));
	TRY(json_opt_obj(e, "properties", &e, reterr));
	return OK;
}

status
authzen_read(struct arena *a, span body, span *ret_question, struct json_error *reterr)
{
	const struct json *q, *context = NULL;
	const struct json_opts opts = { .max_bytes = QUESTION_MAX };
	*reterr = (struct json_error){ 0 };
	TRY(json_parse(body, &opts, a, &q, reterr));
	TRY(need_entity(q, "subject", "type", "id", reterr));
	TRY(need_entity(q, "action", "name", NULL, reterr));
	TRY(need_entity(q, "resource", "type", "id", reterr));
	TRY(json_opt_obj(q, "context", &context, reterr));
	*ret_question = arena_copy(a, body);
	ENSURE(arena_ok(a), E_LIMIT);
	return OK;
}

/* ---- evaluations ---- */

static const char *const members[] = { "subject", "action", "resource", "context" };

static status
read_options(const struct json *q, enum authzen_semantic *ret, struct json_error *reterr)
{
	static const char *const semantics[] = { "execute_all", "deny_on_first_deny", "permit_on_first_permit" };
	const struct json *options = NULL;
	span s = { 0 };
	*ret = AUTHZEN_EXECUTE_ALL;
	TRY(json_opt_obj(q, "options", &options, reterr));
	if (options)
		TRY(json_opt_str(options, "evaluations_semantic", &s, reterr));
	if (!s.n)
		return OK;
	for (size_t i = 0; i < ARRAY_LEN(semantics); i++)
		if (span_is(s, semantics[i])) {
			*ret = (enum authzen_semantic)i;
			return OK;
		}
	*reterr = (struct json_error){ .at = options->at, .key = "evaluations_semantic",
	                               .reason = "must be execute_all, deny_on_first_deny or permit_on_first_permit" };
	return FAIL(E_BAD_REQUEST);
}

/* One question: an item's own members, and those of `q` that it has not. Canonical bytes in `b`. */
static status
merge(struct arena *a, const struct json *q, const struct json *item, struct buf *b, struct json_error *why)
{
	struct json_member m[ARRAY_LEN(members)];
	struct json one;
	size_t n = 0;
	if (!json_is_obj(item)) {
		*why = (struct json_error){ .at = item->at, .reason = "an evaluation must be an object" };
		return FAIL(E_BAD_REQUEST);
	}
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const struct json *v = json_gets(item, members[i]);
		if (!v)
			v = json_gets(q, members[i]);
		if (v)
			m[n++] = (struct json_member){ span_str(members[i]), *v };
	}
	TRY(json_make_obj(a, m, n, &one, NULL));
	const struct json *context = NULL;
	TRY(need_entity(&one, "subject", "type", "id", why));
	TRY(need_entity(&one, "action", "name", NULL, why));
	TRY(need_entity(&one, "resource", "type", "id", why));
	TRY(json_opt_obj(&one, "context", &context, why));
	TRY(json_canonical(&one, b));
	return buf_finish(b);
}

status
authzen_read_batch(struct arena *a, span body, struct authzen_batch *ret, struct json_error *reterr)
{
	const struct json *q, *list = NULL;
	const struct json_opts opts = { .max_nodes = 262144 };
	size_t bytes = 0;
	*reterr = (struct json_error){ 0 };
	*ret = (struct authzen_batch){ 0 };
	TRY(json_parse(body, &opts, a, &q, reterr));
	ENSURE(json_is_obj(q), E_BAD_REQUEST);
	TRY(json_opt_arr(q, "evaluations", &list, reterr));
	if (!list || !list->arr.n)
		return OK;
	TRY(read_options(q, &ret->semantic, reterr));
	if (list->arr.n > AUTHZEN_ITEMS) {
		*reterr = (struct json_error){ .at = list->at, .key = "evaluations", .reason = "has more than 256 items" };
		return FAIL(E_LIMIT);
	}
	ret->items = arena_array(a, list->arr.n, sizeof *ret->items);
	ENSURE(ret->items, E_LIMIT);
	json_for_items(it, list) {
		struct authzen_item *x = &ret->items[ret->n++];
		struct json_error why = { 0 };
		CLEANUP(buf_fini) struct buf b = { 0 };
		buf_init(&b, QUESTION_MAX);
		*x = (struct authzen_item){ 0 };
		status s = merge(a, q, it, &b, &why);
		if (failed(s)) {
			ENSURE(s.code != E_NO_MEMORY, E_NO_MEMORY);
			buf_reset(&b);
			if (why.reason)
				json_error_print(&why, &b);
			else
				buf_put_str(&b, error_text(s.code));
			x->fault = arena_copy(a, buf_span(&b));
		} else {
			bytes += b.n;
			ENSURE(bytes <= AUTHZEN_BATCH_BYTES, E_LIMIT);
			x->question = arena_copy(a, buf_span(&b));
		}
		ENSURE(arena_ok(a), E_LIMIT);
	}
	return OK;
}

/* ---- searches ---- */

status
authzen_read_search(struct arena *a, uint8_t kind, span body, span *ret_question, struct json_error *reterr)
{
	const struct json *q, *context = NULL, *page = NULL;
	const struct json_opts opts = { .max_bytes = QUESTION_MAX };
	int64_t limit = 0;
	span token = { 0 };
	*reterr = (struct json_error){ 0 };
	TRY(json_parse(body, &opts, a, &q, reterr));
	TRY(need_entity(q, "subject", "type", kind == SEARCH_SUBJECT ? NULL : "id", reterr));
	if (kind != SEARCH_ACTION)
		TRY(need_entity(q, "action", "name", NULL, reterr));
	TRY(need_entity(q, "resource", "type", kind == SEARCH_RESOURCE ? NULL : "id", reterr));
	TRY(json_opt_obj(q, "context", &context, reterr));
	TRY(json_opt_obj(q, "page", &page, reterr));
	if (page) {
		TRY(json_opt_int(page, "limit", 0, INT32_MAX, &limit, reterr));
		TRY(json_opt_str(page, "token", &token, reterr));
	}
	CLEANUP(buf_fini) struct buf b = { 0 };
	buf_init(&b, QUESTION_MAX);
	TRY(json_canonical(q, &b));
	*ret_question = arena_copy(a, buf_span(&b));
	ENSURE(arena_ok(a), E_LIMIT);
	return OK;
}

/* ---- answers ---- */

status
authzen_render(struct buf *b, bool allow, span detail)
{
	struct json_writer w = json_w(b);
	json_w_obj(&w);
	json_w_kbool(&w, "decision", allow);
	json_w_key(&w, SPAN("context"));
	json_w_raw(&w, detail);
	json_w_obj_end(&w);
	return buf_finish(b);
}

status
authzen_render_fault(struct buf *b, uint16_t error, span message)
{
	struct json_writer w = json_w(b);
	json_w_obj(&w);
	json_w_kbool(&w, "decision", false);
	json_w_kobj(&w, "context");
	json_w_kobj(&w, "error");
	json_w_kint(&w, "status", error_http(error));
	json_w_kstr(&w, "message", message.n ? message : span_str(error_text(error)));
	json_w_obj_end(&w);
	json_w_obj_end(&w);
	json_w_obj_end(&w);
	return buf_finish(b);
}

void
authzen_metadata(struct buf *b, span base, span app)
{
	static const struct { const char *key, *path; } endpoints[] = {
		{ "access_evaluation_endpoint", "/access/v1/evaluation" },
		{ "access_evaluations_endpoint", "/access/v1/evaluations" },
		{ "search_subject_endpoint", "/access/v1/search/subject" },
		{ "search_resource_endpoint", "/access/v1/search/resource" },
		{ "search_action_endpoint", "/access/v1/search/action" },
	};
	struct json_writer w = json_w(b);
	CLEANUP(buf_fini) struct buf u = { 0 };
	buf_init(&u, 1024);
	buf_put(&u, base);
	if (app.n) {
		buf_put_str(&u, "/apps/");
		buf_put(&u, app);
	}
	size_t root = u.n;
	json_w_obj(&w);
	json_w_kstr(&w, "policy_decision_point", buf_span(&u));
	for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
		u.n = root;
		buf_put_str(&u, endpoints[i].path);
		json_w_kstr(&w, endpoints[i].key, buf_span(&u));
	}
	json_w_obj_end(&w);
}
