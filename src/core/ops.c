#include "core/ops.h"

#include "core/core_priv.h"

#include <stdio.h>

static op_fn *const handlers[OP_COUNT] = {
#define OP(name, path, classes, right, changes) [OP_##name] = op_##name,
#include "msg/ops.def"
#undef OP
};

status
op_fail(struct op_call *o, uint16_t code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(o->detail, sizeof o->detail, fmt, ap);
	va_end(ap);
	return FAIL(code);
}

static status
explain(struct op_call *o, status s, const struct json_error *err)
{
	if (failed(s) && err->reason)
		snprintf(o->detail, sizeof o->detail, "%s%s%s", err->key ? err->key : "", err->key ? ": " : "", err->reason);
	return s;
}

status
op_str(struct op_call *o, const char *key, span *ret)
{
	struct json_error err = { 0 };
	return explain(o, json_get_str(o->params, key, ret, &err), &err);
}

status
op_opt_str(struct op_call *o, const char *key, span *ret)
{
	struct json_error err = { 0 };
	return explain(o, json_opt_str(o->params, key, ret, &err), &err);
}

status
op_opt_int(struct op_call *o, const char *key, int64_t min, int64_t max, int64_t *ret)
{
	struct json_error err = { 0 };
	return explain(o, json_opt_int(o->params, key, min, max, ret, &err), &err);
}

status
op_opt_bool(struct op_call *o, const char *key, bool *ret)
{
	struct json_error err = { 0 };
	return explain(o, json_opt_bool(o->params, key, ret, &err), &err);
}

status
op_only(struct op_call *o, const char *const *names)
{
	json_for_members(it, o->params) {
		bool ok = span_is(it->key, "as");
		for (const char *const *n = names; *n; n++)
			ok |= span_is(it->key, *n);
		if (!ok)
			return op_fail(o, E_BAD_REQUEST, "%.*s: unknown member", SPAN_ARG(span_sub(it->key, 0, 64)));
	}
	return OK;
}

status
op_task(struct core *c, struct op_call *o, const char *key, struct task **ret)
{
	span s;
	uint64_t id;
	TRY(op_str(o, key, &s));
	ENSURE(id_parse_kind(s, ID_TASK, &id), E_TASK_UNKNOWN);
	*ret = task_find(c, id);
	ENSURE(*ret, E_TASK_UNKNOWN);
	return OK;
}

status
op_page_begin(struct op_call *o, struct op_page *p, struct json_writer *w)
{
	*p = (struct op_page){ .w = w, .limit = 100 };
	TRY(op_opt_int(o, "limit", 1, 1000, &p->limit));
	TRY(op_opt_str(o, "cursor", &p->cursor));
	p->started = !p->cursor.n;
	json_w_obj(w);
	json_w_karr(w, "items");
	return OK;
}

bool
op_page_item(struct op_page *p, span key)
{
	if (!p->started) {
		p->started = span_eq(key, p->cursor);
		return false;
	}
	if (p->n == p->limit) {
		p->full = true;
		return false;
	}
	p->n++;
	return true;
}

void
op_page_end(struct op_page *p, span last)
{
	json_w_arr_end(p->w);
	json_w_key(p->w, SPAN("next"));
	if (p->full)
		json_w_str(p->w, last);
	else
		json_w_null(p->w);
	json_w_obj_end(p->w);
}

/* ---- rights ---- */

static span
actor_text(struct core *c, const char *prefix, span name)
{
	size_t n = strlen(prefix);
	uint8_t *p = arena_alloc(&c->arena, n + name.n + 1);
	if (!p)
		return SPAN("unknown");
	memcpy(p, prefix, n);
	if (name.n)
		memcpy(p + n, name.p, name.n);
	return span_make(p, n + name.n);
}

status
op_name_actor(struct core *c, struct op_call *o)
{
	char uid[16];
	const struct agent *a = o->client ? o->client : o->task ? o->task->agent : peer_agent(c, o->peer);
	if (o->who.edge == ROLE_PEOPLE && o->user)
		o->actor = actor_text(c, "user:", o->user->name);
	else if (a)
		o->actor = actor_text(c, "agent:", str_span(a->name));
	else if (o->user)
		o->actor = actor_text(c, "user:", o->user->name);
	else
		o->actor = actor_text(c, "uid:", span_make(uid, (size_t)snprintf(uid, sizeof uid, "%u", o->peer->uid)));
	ENSURE(arena_ok(&c->arena), E_NO_MEMORY);
	return OK;
}

static status
find_user(struct core *c, struct op_call *o)
{
	span as = { 0 };
	TRY(op_opt_str(o, "as", &as));
	o->user = peer_user(c, o->peer, as);
	if (as.n && !o->user)
		return op_fail(o, E_NOT_PERMITTED, "as: that is not a user of yours");
	return OK;
}

static status
authorise(struct core *c, struct op_call *o, const struct op_info *info, const uint8_t token[32])
{
	static const uint8_t need[] = { [RIGHT_APPROVER] = ROLE_BIT_APPROVER, [RIGHT_ADMIN] = ROLE_BIT_ADMIN, [RIGHT_AUDITOR] = ROLE_BIT_AUDITOR };
	uint8_t class = o->who.edge == ROLE_AGENTS ? OP_CLASS_A : o->who.edge == ROLE_LOCAL ? OP_CLASS_L : OP_CLASS_P;
	ENSURE(info->classes & class, E_NOT_PERMITTED);
	uint64_t jti;
	switch (info->right) {
	case RIGHT_NONE: return OK;
	case RIGHT_OWN_TASK: {
		/* On the people socket the op itself asks whose task it is. */
		if (class == OP_CLASS_P) {
			ENSURE(o->user, E_UNAUTHENTICATED);
			return OK;
		}
		memcpy(o->who.token.b, token, sizeof o->who.token.b);
		uint16_t code = peer_task(c, o->peer, &o->who.token, &o->task, &jti);
		ENSURE(code == E_OK, code);
		return OK;
	}
	case RIGHT_USER:
		ENSURE(o->user, E_UNAUTHENTICATED);
		return OK;
	case RIGHT_APPROVER: case RIGHT_ADMIN: case RIGHT_AUDITOR:
		ENSURE(o->user, E_UNAUTHENTICATED);
		/* Administrators may read the log; nobody may approve but approvers. */
		if (object_user(o->user)->roles & need[info->right])
			return OK;
		ENSURE(info->right == RIGHT_AUDITOR && object_user(o->user)->roles & ROLE_BIT_ADMIN, E_NOT_PERMITTED);
		return OK;
	}
	return FAIL(E_NOT_PERMITTED);
}

/* Taking back needs no log that works: it is done at once and written when it can be. */
static bool
takes_back(enum op op)
{
	return op == OP_OAUTH_REVOKE || op == OP_TOKEN_REVOKE || op == OP_KILL || op == OP_AGENT_SUSPEND || op == OP_AGENT_RETIRE || op == OP_APPROVAL_DENY || op == OP_TASK_COMPLETE ||
	       op == OP_LEASE_END;
}

static status
run(struct core *c, struct op_call *o, const struct msg_op *m, struct json_writer *w)
{
	const struct json_opts opts = { .max_bytes = 4 << 20 };
	const struct op_info *info = op_info(m->op);
	struct json_error err = { 0 };
	ENSURE(c->loaded, E_UNAVAILABLE);
	ENSURE(info, E_NOT_IMPLEMENTED);
	o->peer = peer_find(c, o->who.edge, o->who.index, m->conn);
	ENSURE(o->peer, E_UNAUTHENTICATED);
	ENSURE(o->peer->error == E_OK, o->peer->error);
	TRY(explain(o, json_parse(m->params.n ? m->params : SPAN("{}"), &opts, &c->arena, &o->params, &err), &err));
	ENSURE(json_is_obj(o->params), E_BAD_REQUEST);
	TRY(find_user(c, o));
	TRY(authorise(c, o, info, m->token));
	TRY(op_name_actor(c, o));
	if (info->changes && !takes_back(o->op) && !journal_ok(c)) {
		ENSURE(!o->again && late_is(c), E_AUDIT_UNAVAILABLE);
		TRY(late_keep(c, o->who.edge, o->who.index, m));
		o->later = true;
		return OK;
	}
	return handlers[m->op](c, o, w);
}

static void
serve(struct core *c, enum role from, unsigned index, const struct msg_op *m, bool again)
{
	CLEANUP(buf_fini) struct buf body;
	CLEANUP(buf_fini) struct buf error;
	buf_init(&body, 16 << 20);
	buf_init(&error, 65536);
	struct json_writer w = json_w(&body);
	struct op_call o = { .who = { .edge = from, .index = index, .req = m->req, .conn = m->conn }, .op = (enum op)m->op, .again = again, .error = &error };
	status s = run(c, &o, m, &w);
	if (o.later)
		return;
	if (failed(s) && error.n && !error.err) {
		struct msg a = msg_make(MSG_ANSWER);
		a.answer.req = m->req;
		a.answer.error = s.code;
		a.answer.body = buf_span(&error);
		send_now(c, from, index, &a);
	} else if (failed(s)) {
		answer_error(c, from, index, m->req, s.code, span_str(o.detail));
	} else if (op_info(m->op)->changes && !o.now) {
		answer_held(c, from, index, m->req, &body);
	} else {
		answer(c, from, index, m->req, E_OK, &body);
	}
}

void on_op(struct core *c, enum role from, unsigned index, const struct msg_op *m) { serve(c, from, index, m, false); }
void on_op_again(struct core *c, enum role from, unsigned index, const struct msg_op *m) { serve(c, from, index, m, true); }
