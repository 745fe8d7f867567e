#include "role/tools_priv.h"

#include <stdlib.h>

static bool has_id(const struct map_node *n, const void *k) { return container_of(n, struct call, node)->id == *(const uint64_t *)k; }

struct call *
tools_call_find(struct tools *t, uint64_t id)
{
	struct map_node *n = map_find(&t->calls, map_hash_u64(&t->calls, id), has_id, &id);
	return n ? container_of(n, struct call, node) : NULL;
}

static void
tell_core(struct tools *t, uint64_t call, enum call_state state, uint16_t error, bool is_error, uint64_t size)
{
	struct msg m = msg_make(MSG_CALL_STATE);
	m.call_state.call = call;
	m.call_state.state = (uint8_t)state;
	m.call_state.error = error;
	m.call_state.is_error = is_error;
	m.call_state.size = size;
	IGNORE(role_send(t->w, ROLE_CORE, 0, &m)); /* a new core reads from its rows that the outcome is unknown */
}

static void
tell_edge(struct tools *t, enum role edge, unsigned index, uint64_t req, uint64_t call, enum result_kind kind, uint16_t error, span payload)
{
	struct msg m = msg_make(MSG_RESULT);
	m.result.req = req;
	m.result.call = call;
	m.result.kind = (uint8_t)kind;
	m.result.error = error;
	m.result.payload = payload;
	IGNORE(role_send(t->w, edge, index, &m)); /* the edge died: its caller is gone too */
}

static void
call_free(struct tools *t, struct call *c)
{
	loop_timer_stop(&c->deadline);
	map_del(&t->calls, &c->node);
	list_del(&c->link);
	buf_fini(&c->args);
	free(c->tool);
	free(c);
}

void
call_dispatched(struct call *c)
{
	c->state = CALL_DISPATCHED;
	tell_core(c->session->tools, c->id, CALL_DISPATCHED, E_OK, false, 0);
}

void
call_progress(struct call *c, span params)
{
	/* Progress is news, not data: what a slow reader has no room for is dropped. */
	if (!c->progress || c->unread + params.n > TOOLS_PROGRESS_WINDOW)
		return;
	c->unread += (uint32_t)params.n;
	CLEANUP(buf_fini) struct buf tmp = { 0 };
	tell_edge(c->session->tools, c->edge, c->index, c->req, c->id, RESULT_PROGRESS, E_OK, session_redact(c->session, params, &tmp));
}

void
call_done(struct call *c, span result, bool is_error)
{
	struct tools *t = c->session->tools;
	CLEANUP(buf_fini) struct buf tmp = { 0 };
	result = session_redact(c->session, result, &tmp);
	tell_edge(t, c->edge, c->index, c->req, c->id, RESULT_FINAL, E_OK, result);
	tell_core(t, c->id, CALL_DONE, E_OK, is_error, result.n);
	call_free(t, c);
}

void
call_failed(struct call *c, enum call_state state, uint16_t error, span why)
{
	struct tools *t = c->session->tools;
	CLEANUP(buf_fini) struct buf tmp = { 0 };
	tell_edge(t, c->edge, c->index, c->req, c->id, RESULT_FAILED, error, session_redact(c->session, why, &tmp));
	tell_core(t, c->id, state, error, true, 0);
	call_free(t, c);
}

static void
deadline_passed(struct loop_timer *timer)
{
	struct call *c = container_of(timer, struct call, deadline);
	tools_cut(c->session->tools, c->id, E_TIMEOUT);
}

static void
refuse(struct tools *t, const struct msg_permit *m, uint16_t error, const char *why)
{
	tell_edge(t, (enum role)m->edge, m->index, m->req, m->call, RESULT_FAILED, error, span_str(why));
	tell_core(t, m->call, CALL_REFUSED, error, true, 0);
}

static struct call *
call_new(struct tools *t, const struct msg_permit *m)
{
	struct call *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	buf_init(&c->args, 262144);
	buf_put(&c->args, m->args);
	c->tool = span_dup(m->tool);
	list_init(&c->link);
	c->id = m->call;
	c->req = m->req;
	c->edge = (enum role)m->edge;
	c->index = m->index;
	c->progress = m->progress;
	memcpy(c->definition.b, m->definition, DIGEST_SIZE);
	if (!c->tool || c->args.err || failed(map_add(&t->calls, map_hash_u64(&t->calls, c->id), &c->node))) {
		buf_fini(&c->args);
		free(c->tool);
		free(c);
		return NULL;
	}
	return c;
}

static struct session *
session_for(struct tools *t, struct tool_server *server, uint64_t task)
{
	list_for(it, &t->sessions) {
		struct session *s = container_of(it, struct session, link);
		if (s->server == server && s->task == task && s->state != SESSION_ENDING)
			return s;
	}
	return NULL;
}

status
tools_permit(struct tools *t, const struct msg_permit *m)
{
	struct tool_server *server = tools_server_find(t, m->server);
	ENSURE(m->task != 0 && !tools_call_find(t, m->call) && m->edge < ROLE_COUNT && m->index < ROLE_PEERS_MAX, E_BAD_MESSAGE);
	if (!server) {
		refuse(t, m, E_NOT_FOUND, "The tool server is not configured any more. Nothing was executed.");
		return OK;
	}
	struct session *s = session_for(t, server, m->task);
	if (!s) {
		status st = session_open(t, server, m->task, &s);
		if (failed(st)) {
			refuse(t, m, st.code, "The tool server could not be started. Nothing was executed.");
			return OK;
		}
	}
	struct call *c = call_new(t, m);
	if (!c) {
		refuse(t, m, E_NO_MEMORY, "Out of memory. Nothing was executed.");
		return OK;
	}
	int64_t left = m->deadline - loop_now(t->w->loop).wall;
	loop_timer_after(t->w->loop, &c->deadline, left > 0 ? left : 0, deadline_passed);
	session_call(s, c);
	return OK;
}

void
tools_cut(struct tools *t, uint64_t id, uint16_t error)
{
	struct call *c = tools_call_find(t, id);
	if (!c) {
		/* Finished in the meantime, or never came: core hears that nothing runs under this name. */
		tell_core(t, id, CALL_CUT, error, true, 0);
		return;
	}
	struct session *s = c->session;
	bool dispatched = c->state == CALL_DISPATCHED;
	if (dispatched) {
		mcp_client_cancel(s->mcp, id);
		s->transport->cut(s, c->wire_id);
	}
	call_failed(c, dispatched ? CALL_CUT : CALL_REFUSED, error, span_str(error_text(error)));
}

void
tools_credit(struct tools *t, const struct msg_result_credit *m)
{
	struct call *c = tools_call_find(t, m->call);
	if (c)
		c->unread -= m->bytes < c->unread ? m->bytes : c->unread;
}
