/* Approvals as rows of the projection, and as the card that a person reads (PRODUCT C2). */
#include "core/codec.h"
#include "core/core_priv.h"

#include <stdlib.h>

void
approval_encode(const struct approval *a, struct buf *b)
{
	buf_put_u8(b, 1);
	buf_put_u8(b, a->state);
	buf_put_u8(b, a->effect);
	buf_put_u8(b, a->sensitivity);
	buf_put_u8(b, a->first);
	buf_put_u64(b, a->task ? a->task->id : 0);
	buf_put_u64(b, (uint64_t)a->term.expires);
	buf_put_u64(b, (uint64_t)a->term.deadline);
	buf_put_u64(b, (uint64_t)a->created);
	put_digest(b, &a->args_digest);
	put_digest(b, &a->definition);
	put_digest(b, &a->rules);
	put_digest(b, &a->key);
	put_digest(b, &a->binding);
	put_str(b, a->tool);
	put_str(b, a->args);
	put_str(b, a->resource);
	put_str(b, a->claim);
	put_str(b, a->environment);
	put_str(b, a->rule_text);
	put_str(b, a->reason);
	put_str(b, a->decided_by);
	put_str(b, a->tell);
	buf_put_u8(b, a->quorum_n);
	for (uint8_t i = 0; i < a->quorum_n; i++)
		put_str(b, a->quorums[i]);
	buf_put_u8(b, a->grant_n);
	for (uint8_t i = 0; i < a->grant_n; i++) {
		put_str(b, a->grants[i].user);
		put_str(b, a->grants[i].comment);
		buf_put_u64(b, (uint64_t)a->grants[i].at);
	}
}

static status
decode(struct core *c, struct approval *a, span value, uint64_t *ret_task)
{
	struct reader r = rd_make(value);
	status err = OK;
	uint8_t version = rd_u8(&r);
	a->state = rd_u8(&r);
	a->effect = rd_u8(&r);
	a->sensitivity = rd_u8(&r);
	a->first = rd_u8(&r);
	*ret_task = rd_u64(&r);
	a->term.expires = rd_i64(&r);
	a->term.deadline = rd_i64(&r);
	a->created = rd_i64(&r);
	a->args_digest = rd_digest(&r);
	a->definition = rd_digest(&r);
	a->rules = rd_digest(&r);
	a->key = rd_digest(&r);
	a->binding = rd_digest(&r);
	struct str **all[] = { &a->tool, &a->args, &a->resource, &a->claim, &a->environment, &a->rule_text, &a->reason, &a->decided_by, &a->tell };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		*all[i] = rd_str(&r, &c->strs, &err);
	uint8_t n = rd_u8(&r);
	ENSURE(version == 1 && a->state < APPR_STATE_COUNT && a->effect < EFFECT_COUNT && a->sensitivity < SENS_COUNT &&
	       n <= APPROVAL_QUORUMS, E_CHAIN_BROKEN);
	for (uint8_t i = 0; i < n; i++)
		a->quorums[a->quorum_n++] = rd_str(&r, &c->strs, &err);
	n = rd_u8(&r);
	ENSURE(n <= APPROVAL_GRANTS, E_CHAIN_BROKEN);
	for (uint8_t i = 0; i < n; i++) {
		struct grant *g = &a->grants[a->grant_n++];
		g->user = rd_str(&r, &c->strs, &err);
		g->comment = rd_str(&r, &c->strs, &err);
		g->at = rd_i64(&r);
	}
	TRY(err);
	return rd_end(&r);
}

status
approval_restore(struct core *c, uint64_t id, span value)
{
	struct approval *a = calloc(1, sizeof *a);
	ENSURE(a, E_NO_MEMORY);
	a->id = id;
	a->timer.kind = TIMER_APPROVAL;
	list_init(&a->all);
	row_init(&a->row, ROW_APPROVAL);
	status s = id_kind(id) == ID_APPROVAL && !approval_find(c, id) ? decode(c, a, value, &a->task_id) : FAIL(E_CHAIN_BROKEN);
	if (!failed(s))
		s = map_add(&c->approvals, map_hash_u64(&c->approvals, id), &a->node);
	if (failed(s)) {
		approval_free(c, a);
		return s;
	}
	a->row.stored = true;
	list_add_head(&c->approval_list, &a->all);
	return OK;
}

status
approvals_link(struct core *c)
{
	list_for_safe(it, &c->approval_list) {
		struct approval *a = container_of(it, struct approval, all);
		a->task = task_find(c, a->task_id);
		if (!a->task) {
			approval_free(c, a);
			continue;
		}
		a->term = term_restore(&c->clock, a->term, c->same_boot);
		if (a->state != APPR_OPEN && a->state != APPR_GRANTED && a->state != APPR_REJECTED)
			continue;
		TRY(timer_set(&c->timers, &a->timer, a->term.deadline));
		TRY(map_add(&c->approvals_by_key, map_hash_bytes(&c->approvals_by_key, digest_span(&a->key)), &a->by_key));
		a->task->open_approvals++;
		a->task->agent->open_approvals++;
	}
	return OK;
}

static void
write_grants(const struct approval *a, struct json_writer *w)
{
	json_w_karr(w, "granted");
	for (uint8_t i = 0; i < a->grant_n; i++) {
		json_w_obj(w);
		json_w_kstr(w, "user", str_span(a->grants[i].user));
		json_w_key(w, SPAN("at"));
		write_time(w, a->grants[i].at);
		if (a->grants[i].comment)
			json_w_kstr(w, "comment", str_span(a->grants[i].comment));
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
}

static void
write_task(const struct task *t, struct json_writer *w)
{
	json_w_kstr(w, "agent", str_span(t->agent->name));
	if (t->user) {
		json_w_kstr(w, "user", str_span(t->user));
		json_w_kbool(w, "user_proven", t->user_proven);
	}
	write_id(w, "task", t->id);
	json_w_kstr(w, "purpose", str_span(t->purpose));
	json_w_kint(w, "calls", t->calls);
	json_w_kint(w, "denials", t->denied);
}

void
approval_write(const struct core *c, const struct approval *a, const struct object *viewer, struct json_writer *w)
{
	const char *why;
	const struct tool *tool = tool_find(c, str_span(a->tool));
	json_w_obj(w);
	write_id(w, "id", a->id);
	json_w_kcstr(w, "state", approval_state_name((enum approval_state)a->state));
	if (a->task)
		write_task(a->task, w);
	json_w_kstr(w, "tool", str_span(a->tool));
	json_w_kcstr(w, "effect", effect_name((enum effect)a->effect));
	json_w_kcstr(w, "sensitivity", sensitivity_name((enum sensitivity)a->sensitivity));
	if (a->resource)
		json_w_kstr(w, "resource", str_span(a->resource));
	if (a->environment)
		json_w_kstr(w, "environment", str_span(a->environment));
	json_w_key(w, SPAN("arguments"));
	json_w_raw(w, str_span(a->args));
	write_digest(w, "arguments_digest", &a->args_digest);
	if (a->claim)
		json_w_kstr(w, "claim", str_span(a->claim));
	json_w_key(w, SPAN("rules"));
	json_w_raw(w, str_span(a->rule_text));
	json_w_karr(w, "quorums");
	for (uint8_t i = 0; i < a->quorum_n; i++)
		json_w_str(w, str_span(a->quorums[i]));
	json_w_arr_end(w);
	write_grants(a, w);
	json_w_key(w, SPAN("created"));
	write_time(w, a->created);
	json_w_key(w, SPAN("expires"));
	write_time(w, a->term.expires);
	json_w_kbool(w, "first", a->first);
	if (a->decided_by)
		json_w_kstr(w, "decided_by", str_span(a->decided_by));
	if (a->reason)
		json_w_kstr(w, "reason", str_span(a->reason));
	json_w_kobj(w, "you");
	json_w_kbool(w, "may", viewer && a->state == APPR_OPEN && approval_may(c, a, viewer, &why));
	why = "it is not open any more";
	if (viewer && a->state == APPR_OPEN)
		approval_may(c, a, viewer, &why);
	json_w_kcstr(w, "reason", why);
	json_w_obj_end(w);
	write_digest(w, "definition", &a->definition);
	if (tool && tool->title)
		json_w_kstr(w, "title", str_span(tool->title));
	json_w_obj_end(w);
}
