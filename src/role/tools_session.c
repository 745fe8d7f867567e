#include "role/tools_priv.h"

#include "base/id.h"
#include "base/log.h"

#include <stdlib.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

static void end_now(struct loop_hook *h);
static void start_expired(struct loop_timer *t);

static status
on_send(void *ctx, const struct mcp_outgoing_message *m)
{
	struct session *s = ctx;
	ENSURE(s->state != SESSION_ENDING, E_UNAVAILABLE);
	return s->transport->send(s, m);
}

static void
report_found(struct session *s, uint64_t req, uint16_t error)
{
	struct msg m = msg_make(MSG_FOUND);
	m.found.req = req;
	m.found.server = s->server->id;
	m.found.task = s->task;
	m.found.error = error;
	m.found.definitions = error == E_OK ? mcp_client_definitions(s->mcp) : SPAN("[]");
	IGNORE(role_send(s->tools->w, ROLE_CORE, 0, &m)); /* a new core discovers anew */
}

/* For `ambit server list`: how many tasks talk to each server now. What does not fit is not told. */
static void
report_sessions(struct tools *t)
{
	CLEANUP(buf_fini) struct buf b;
	struct msg m = msg_make(MSG_STATS);
	buf_init(&b, 16384);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_karr(&w, "sessions");
	map_for(it, &t->servers) {
		const struct tool_server *server = container_of(it, struct tool_server, node);
		char id[ID_TEXT + 1];
		int64_t n = 0;
		list_for(k, &t->sessions) {
			const struct session *s = container_of(k, struct session, link);
			n += s->server == server && s->task;
		}
		id_text(server->id, id);
		json_w_obj(&w);
		json_w_kcstr(&w, "server", id);
		json_w_kint(&w, "open", n);
		json_w_obj_end(&w);
	}
	json_w_arr_end(&w);
	json_w_obj_end(&w);
	if (failed(buf_finish(&b)))
		return;
	m.stats.json = buf_span(&b);
	IGNORE(role_send(t->w, ROLE_CORE, 0, &m)); /* told again at the next change */
}

/* A51: the tool that runs is the tool that was reviewed, or nothing runs. */
static void
dispatch(struct session *s, struct call *c)
{
	digest now;
	if (!mcp_client_digest(s->mcp, span_str(c->tool), &now) || !digest_eq(&now, &c->definition)) {
		if (!s->reported)
			report_found(s, 0, E_OK);
		s->reported = true;
		call_failed(c, CALL_REFUSED, E_TOOL_QUARANTINED,
		            SPAN("DENIED by Ambit: the tool is not the one that was reviewed any more, so it is quarantined. Nothing was executed."));
		return;
	}
	status st = mcp_client_call(s->mcp, c->id, span_str(c->tool), buf_span(&c->args), c->progress, &c->wire_id);
	if (failed(st))
		call_failed(c, CALL_REFUSED, E_UPSTREAM, SPAN("The tool server can not be written to. Nothing was executed."));
	else
		call_dispatched(c);
}

static void
idle_passed(struct loop_timer *t)
{
	session_end(container_of(t, struct session, timer), E_OK);
}

static void
rest(struct session *s)
{
	if (s->state == SESSION_OPEN && list_empty(&s->calls))
		loop_timer_after(s->tools->w->loop, &s->timer, s->server->idle_ns, idle_passed);
}

static void
on_listed(void *ctx)
{
	struct session *s = ctx;
	bool again = s->state == SESSION_OPEN;
	if (s->state == SESSION_ENDING)
		return;
	s->state = SESSION_OPEN;
	loop_timer_stop(&s->timer);
	if (s->task == 0) {
		report_found(s, s->discover_req, E_OK);
		session_end(s, E_OK);
		return;
	}
	/* A list that changed while the session runs is news for core whatever is called next. */
	if (s->reported || again)
		report_found(s, 0, E_OK);
	s->reported = false;
	list_for_safe(it, &s->calls) {
		struct call *c = container_of(it, struct call, link);
		if (c->state == CALL_DECIDED)
			dispatch(s, c);
	}
	rest(s);
}

static void
on_result(void *ctx, uint64_t id, span result, bool is_error, span why)
{
	struct session *s = ctx;
	struct call *c = tools_call_find(s->tools, id);
	if (!c)
		return;
	if (result.n)
		call_done(c, result, is_error);
	else
		call_failed(c, CALL_DONE, E_UPSTREAM, why);
	rest(s);
}

static void
on_progress(void *ctx, uint64_t id, span params)
{
	struct session *s = ctx;
	struct call *c = tools_call_find(s->tools, id);
	if (c)
		call_progress(c, params);
}

static void
on_broken(void *ctx, span why)
{
	session_lost(ctx, why);
}

static const struct mcp_client_events events = {
	.send = on_send, .listed = on_listed, .result = on_result, .progress = on_progress, .broken = on_broken,
};

status
session_open(struct tools *t, struct tool_server *server, uint64_t task, struct session **ret)
{
	struct session *s = calloc(1, sizeof *s);
	ENSURE(s, E_NO_MEMORY);
	s->tools = t;
	s->server = server;
	s->task = task;
	s->transport = server->http ? &http_transport : &stdio_transport;
	s->pid_fd = -1;
	list_init(&s->calls);
	list_init(&s->posts);
	buf_init(&s->outgoing, MCP_MESSAGE_MAX);
	buf_init(&s->incoming, MCP_MESSAGE_MAX);
	status st = mcp_client_new(&events, s, &s->mcp);
	s->ref = ++t->next_ref;
	if (!failed(st))
		st = session_secrets_ask(s);
	if (!failed(st) && !s->secrets_due)
		st = s->transport->start(s);
	if (failed(st)) {
		s->mcp = mcp_client_free(s->mcp);
		free(s);
		return st;
	}
	server->refs++;
	list_add_tail(&t->sessions, &s->link);
	report_sessions(t);
	loop_timer_after(t->w->loop, &s->timer, TOOLS_START_S * SECOND, start_expired);
	*ret = s;
	return OK;
}

static void
start_expired(struct loop_timer *t)
{
	session_lost(container_of(t, struct session, timer), SPAN("it did not give its tools in time"));
}

void
session_call(struct session *s, struct call *c)
{
	c->session = s;
	c->state = CALL_DECIDED;
	list_add_tail(&s->calls, &c->link);
	if (s->state == SESSION_OPEN && mcp_client_state(s->mcp) == MCP_READY) {
		loop_timer_stop(&s->timer);
		dispatch(s, c);
		rest(s);
	}
}

void
session_lost(struct session *s, span why)
{
	if (s->state == SESSION_ENDING)
		return;
	log_warn("tool server session ended", KV("server", s->server->name), KV("why", why));
	session_end(s, E_UPSTREAM);
}

void
session_end(struct session *s, uint16_t error)
{
	if (s->state == SESSION_ENDING)
		return;
	s->state = SESSION_ENDING;
	s->end_error = error;
	loop_timer_stop(&s->timer);
	loop_defer(s->tools->w->loop, &s->hook, end_now);
}

static void
end_unconfirmed(struct loop_timer *t)
{
	struct session *s = container_of(t, struct session, timer);
	if (!s->unconfirmed)
		log_error("a tool server session does not end", KV("server", s->server->name));
	s->unconfirmed = true;
	tools_leave_check(s->tools);
	s->transport->end(s);
	loop_timer_after(s->tools->w->loop, t, TOOLS_END_S * SECOND, end_unconfirmed);
}

static void
end_now(struct loop_hook *h)
{
	struct session *s = container_of(h, struct session, hook);
	uint16_t error = s->end_error ? s->end_error : E_UPSTREAM;
	list_for_safe(it, &s->calls) {
		struct call *c = container_of(it, struct call, link);
		bool out = c->state == CALL_DISPATCHED;
		if (error == E_UPSTREAM)
			call_failed(c, out ? CALL_UNKNOWN : CALL_REFUSED, out ? E_CALL_UNKNOWN : E_UPSTREAM,
			            out ? SPAN("The tool server went away while the call ran. Whether it had acted is not known.")
			                : SPAN("The tool server could not be used. Nothing was executed."));
		else
			call_failed(c, out ? CALL_CUT : CALL_REFUSED, error, span_str(error_text(error)));
	}
	if (s->discover_req && s->end_error != E_OK)
		report_found(s, s->discover_req, s->end_error);
	s->discover_req = 0;
	loop_timer_after(s->tools->w->loop, &s->timer, TOOLS_END_S * SECOND, end_unconfirmed);
	s->transport->end(s);
}

static void
session_free(struct loop_grave *g)
{
	struct session *s = container_of(g, struct session, grave);
	s->mcp = mcp_client_free(s->mcp);
	buf_fini(&s->outgoing);
	buf_fini(&s->incoming);
	session_secrets_free(s);
	tools_server_unref(s->tools, s->server);
	free(s);
}

void
session_gone(struct session *s)
{
	struct tools *t = s->tools;
	must(s->state == SESSION_ENDING);
	loop_timer_stop(&s->timer);
	loop_hook_stop(&s->hook);
	list_del(&s->link);
	report_sessions(t);
	loop_reap(t->w->loop, &s->grave, session_free);
	tools_leave_check(t);
}
