#include "api/authzen.h"

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
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, QUESTION_MAX);
	TRY(json_canonical(q, &b));
	*ret_question = arena_copy(a, buf_span(&b));
	ENSURE(arena_ok(a), E_LIMIT);
	return OK;
}

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

void
authzen_metadata(struct buf *b, span base)
{
	struct json_writer w = json_w(b);
	json_w_obj(&w);
	json_w_kstr(&w, "policy_decision_point", base);
	json_w_key(&w, SPAN("access_evaluation_endpoint"));
	CLEANUP(buf_fini) struct buf u;
	buf_init(&u, 1024);
	buf_put(&u, base);
	buf_put_str(&u, "/access/v1/evaluation");
	json_w_str(&w, buf_span(&u));
	json_w_obj_end(&w);
}
