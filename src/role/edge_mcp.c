#include "role/edge_priv.h"

#include "net/sse.h"

/* ---- writing to the caller ---- */

static void
pump(struct ask *a)
{
	while (a->out.n) {
		size_t n = http_stream_write(a->x, buf_span(&a->out));
		if (n == 0)
			return;
		buf_consume(&a->out, n);
	}
	if (a->ended) {
		http_stream_end(a->x);
		edge_ask_done(a);
		return;
	}
	if (a->credit && a->call) {
		struct msg m = msg_make(MSG_RESULT_CREDIT);
		m.result_credit.call = a->call;
		m.result_credit.bytes = a->credit;
		a->credit = 0;
		IGNORE(role_send(a->edge->w, ROLE_TOOLS, 0, &m)); /* a dead tools role has no stream to slow down */
	}
}

static void
stream_begin(struct ask *a)
{
	static const struct http_field f[] = { { SPAN("Cache-Control"), SPAN("no-store") }, { SPAN("X-Accel-Buffering"), SPAN("no") } };
	struct http_answer head = { .status = 200, .content_type = SPAN("text/event-stream"), .fields = { f, ARRAY_LEN(f) } };
	http_stream_begin(a->x, &head);
	a->streaming = true;
}

static void
keep_alive(struct loop_timer *t)
{
	struct ask *a = container_of(t, struct ask, keepalive);
	if (!a->streaming)
		stream_begin(a);
	sse_put_ping(&a->out);
	loop_timer_after(a->edge->w->loop, t, EDGE_KEEPALIVE_S * INT64_C(1000000000), keep_alive);
	pump(a);
}

static void
stream_event(struct ask *a, const struct buf *message)
{
	if (!a->streaming)
		stream_begin(a);
	if (failed(buf_finish(message)) || failed(sse_put(&a->out, (span){ 0 }, (span){ 0 }, buf_span(message))) || a->out.err) {
		/* The caller does not read what it asked for, or no memory: cutting shows it that the answer is not whole. */
		http_stream_abort(a->x);
		a->x = NULL;
		edge_ask_gone(a);
		return;
	}
	pump(a);
}

/* The last message of this exchange: as JSON, or as the stream's last event. */
static void
answer(struct ask *a, unsigned http, const struct buf *message)
{
	loop_timer_stop(&a->keepalive);
	if (!a->streaming) {
		edge_reply_json(a, http, message);
		return;
	}
	a->ended = true;
	stream_event(a, message);
}

/* ---- reading ---- */

static void
refuse(struct ask *a, const struct mcp_refusal *r)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 16384);
	mcp_render_refusal(&b, r);
	answer(a, r->http, &b);
}

/* notifications/cancelled names a request of the same caller: same token, or same process behind the socket. */
static void
cancel(struct ask *by)
{
	static const uint8_t zero[32];
	bool token = memcmp(by->token, zero, 32) != 0;
	pid_t pid = http_conn_peer(by->conn->http)->pid;
	map_for(it, &by->edge->asks) {
		struct ask *a = container_of(it, struct ask, node);
		if (a == by || a->door != DOOR_MCP || !span_eq(a->mcp.id, by->mcp.cancel_id))
			continue;
		bool same = token ? memcmp(a->token, by->token, 32) == 0 : pid > 0 && http_conn_peer(a->conn->http)->pid == pid;
		if (!same)
			continue;
		struct msg m = msg_make(MSG_CANCEL);
		m.cancel.req = a->req;
		IGNORE(role_send(a->edge->w, ROLE_CORE, 0, &m));
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 16384);
		mcp_render_failure(&b, &a->mcp, SPAN("The call was cancelled."), E_CALL_CUT);
		answer(a, 200, &b);
		return;
	}
}

static void
accept_notification(struct ask *a)
{
	if (a->mcp.method == MCP_CANCELLED && a->mcp.cancel_id.n)
		cancel(a);
	struct http_answer r = { .status = 202 };
	http_reply(a->x, &r);
	edge_ask_done(a);
}

bool
edge_mcp_read(struct ask *a, const struct http_request *r)
{
	struct mcp_refusal e;
	if (!mcp_read(&a->arena, r->body, &r->fields, &a->mcp, &e)) {
		refuse(a, &e);
		return false;
	}
	a->accepts_sse = http_field_has(r->fields, "accept", "text/event-stream");
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 65536);
	switch (a->mcp.method) {
	case MCP_INITIALIZE: case MCP_DISCOVER: case MCP_PING: case MCP_LISTEN: case MCP_TOOLS_LIST: case MCP_UNKNOWN:
		return true;
	case MCP_TOOLS_CALL:
		a->own = mcp_own_tool(a->mcp.tool);
		if (a->own == MCP_OWN_NONE && a->mcp.tool.n > 64) {
			mcp_render_error(&b, a->mcp.id, MCP_BAD_PARAMS, SPAN("unknown tool"));
			answer(a, 200, &b);
			return false;
		}
		return true;
	case MCP_CANCELLED: case MCP_NOTIFICATION:
		return true;
	}
	return true;
}

/* ---- asking ---- */

static status
send_call(struct ask *a)
{
	struct msg m = msg_make(MSG_CALL);
	m.call.req = a->req;
	m.call.conn = a->conn->number;
	memcpy(m.call.token, a->token, 32);
	m.call.tool = a->mcp.tool;
	m.call.args = a->mcp.args;
	m.call.client_ref = a->mcp.client_ref;
	m.call.hold_ms = a->edge->hold_ms;
	m.call.progress = a->accepts_sse && a->mcp.progress_token.n;
	m.call.mirrored = a->mcp.mirrored;
	return role_send(a->edge->w, ROLE_CORE, 0, &m);
}

static status
send_await(struct ask *a)
{
	const struct json *v, *id;
	struct msg m = msg_make(MSG_AWAIT);
	TRY(json_parse(a->mcp.args, NULL, &a->arena, &v, NULL));
	id = json_gets(v, "approval");
	ENSURE(json_is_str(id) && id_parse_kind(id->str, ID_APPROVAL, &m.await.approval), E_APPROVAL_UNKNOWN);
	m.await.req = a->req;
	m.await.conn = a->conn->number;
	memcpy(m.await.token, a->token, 32);
	/* The caller asked to wait: as long as it stays, up to an hour; the exchange is kept warm meanwhile. */
	m.await.hold_ms = 3600 * 1000;
	return role_send(a->edge->w, ROLE_CORE, 0, &m);
}

static status
send_list(struct ask *a)
{
	struct msg m = msg_make(MSG_LIST);
	m.list.req = a->req;
	m.list.conn = a->conn->number;
	memcpy(m.list.token, a->token, 32);
	return role_send(a->edge->w, ROLE_CORE, 0, &m);
}

static status
send_own(struct ask *a)
{
	if (a->own == MCP_OWN_AWAIT)
		return send_await(a);
	struct msg m = msg_make(MSG_OP);
	m.op.req = a->req;
	m.op.conn = a->conn->number;
	memcpy(m.op.token, a->token, 32);
	m.op.op = a->own == MCP_OWN_REQUEST ? OP_ACCESS_REQUEST : OP_TOOL_EXPLAIN;
	m.op.params = a->mcp.args;
	return role_send(a->edge->w, ROLE_CORE, 0, &m);
}

static void
warm(struct ask *a)
{
	if (a->accepts_sse)
		loop_timer_after(a->edge->w->loop, &a->keepalive, EDGE_KEEPALIVE_S * INT64_C(1000000000), keep_alive);
}

void
edge_mcp_send(struct ask *a)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 65536);
	status s = OK;
	switch (a->mcp.method) {
	case MCP_INITIALIZE: case MCP_DISCOVER:
		mcp_render_hello(&b, &a->mcp);
		answer(a, 200, &b);
		return;
	case MCP_PING:
		mcp_render_result(&b, &a->mcp, SPAN("{}"));
		answer(a, 200, &b);
		return;
	case MCP_LISTEN:
		mcp_render_listening(&b, &a->mcp);
		warm(a);
		a->accepts_sse = true;
		stream_event(a, &b);
		return;
	case MCP_TOOLS_LIST:
		s = send_list(a);
		break;
	case MCP_TOOLS_CALL:
		s = a->own == MCP_OWN_NONE ? send_call(a) : send_own(a);
		warm(a);
		break;
	case MCP_CANCELLED: case MCP_NOTIFICATION: case MCP_UNKNOWN:
		accept_notification(a);
		return;
	}
	if (s.code == E_APPROVAL_UNKNOWN) {
		mcp_render_failure(&b, &a->mcp, SPAN("There is no such approval for this task."), s.code);
		answer(a, 200, &b);
	} else if (failed(s)) {
		edge_mcp_unavailable(a);
	}
}

/* ---- answers ---- */

void
edge_mcp_verdict(struct ask *a, const struct msg_verdict *m)
{
	if (m->verdict == VERDICT_ALLOW) {
		a->call = m->call;
		return;
	}
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 256 * 1024);
	/* Once the stream has begun, no other status can be said: the denial is its last event. */
	if (error_http(m->error) == 401 && a->edge->class == OP_CLASS_A && !a->streaming) {
		loop_timer_stop(&a->keepalive);
		edge_reply_error(a, m->error, (span){ 0 });
		return;
	}
	if (m->error == E_HEADER_MISMATCH && !a->streaming) {
		refuse(a, &(struct mcp_refusal){ .http = 400, .code = MCP_HEADER_MISMATCH, .id = a->mcp.id, .message = span_str(error_text(m->error)) });
		return;
	}
	mcp_render_denial(&b, &a->mcp, m->detail);
	answer(a, 200, &b);
}

static void
put_text_result(struct buf *b, span text)
{
	struct json_writer w = json_w(b);
	json_w_obj(&w);
	json_w_karr(&w, "content");
	json_w_obj(&w);
	json_w_kcstr(&w, "type", "text");
	json_w_kstr(&w, "text", text);
	json_w_obj_end(&w);
	json_w_arr_end(&w);
	json_w_key(&w, SPAN("structuredContent"));
	json_w_raw(&w, text);
	json_w_obj_end(&w);
}

void
edge_mcp_answer(struct ask *a, const struct msg_answer *m)
{
	CLEANUP(buf_fini) struct buf b, result;
	buf_init(&b, EDGE_BACKLOG);
	buf_init(&result, EDGE_BACKLOG);
	if (m->error != E_OK && error_http(m->error) == 401 && a->edge->class == OP_CLASS_A && !a->streaming) {
		loop_timer_stop(&a->keepalive);
		edge_reply_error(a, m->error, (span){ 0 });
		return;
	}
	if (a->mcp.method == MCP_TOOLS_LIST) {
		if (m->error == E_OK)
			mcp_render_tools(&b, &a->mcp, m->body);
		else
			mcp_render_error(&b, a->mcp.id, MCP_INTERNAL, span_str(error_text(m->error)));
	} else if (m->error != E_OK) {
		mcp_render_failure(&b, &a->mcp, span_str(error_text(m->error)), m->error);
	} else {
		put_text_result(&result, m->body);
		mcp_render_result(&b, &a->mcp, buf_span(&result));
	}
	answer(a, 200, &b);
}

void
edge_mcp_result(struct ask *a, const struct msg_result *m)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, EDGE_BACKLOG);
	/* The tools role may be faster than core's verdict, which comes on another socket. */
	if (a->call && m->call != a->call)
		return;
	a->call = m->call;
	switch ((enum result_kind)m->kind) {
	case RESULT_PROGRESS:
		mcp_render_progress(&b, &a->mcp, m->payload);
		a->credit += (uint32_t)m->payload.n;
		if (b.n)
			stream_event(a, &b);
		return;
	case RESULT_FINAL:
		mcp_render_result(&b, &a->mcp, m->payload);
		answer(a, 200, &b);
		return;
	case RESULT_FAILED:
		mcp_render_failure(&b, &a->mcp, m->payload.n ? m->payload : span_str(error_text(m->error)), m->error);
		answer(a, 200, &b);
		return;
	}
}

void
edge_mcp_cut(struct ask *a, const struct msg_cut *m)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 256 * 1024);
	if (m->detail.n)
		mcp_render_denial(&b, &a->mcp, m->detail);
	else
		mcp_render_failure(&b, &a->mcp, span_str(error_text(m->error)), m->error);
	answer(a, 200, &b);
}

void
edge_mcp_unavailable(struct ask *a)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 16384);
	if (a->call)
		mcp_render_failure(&b, &a->mcp, SPAN("Ambit restarted while this call ran. It was cut; whether the tool had acted is not known."),
		                   E_CALL_UNKNOWN);
	else if (a->mcp.method == MCP_TOOLS_CALL)
		mcp_render_failure(&b, &a->mcp, SPAN("Ambit is restarting. Nothing was executed. Try again in a few seconds."), E_UNAVAILABLE);
	else
		mcp_render_error(&b, a->mcp.id, MCP_INTERNAL, SPAN("Ambit is restarting; try again in a few seconds"));
	answer(a, 200, &b);
}

void
edge_mcp_refuse_peer(struct ask *a, uint16_t error)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 16384);
	if (!a->mcp.id.n || error_http(error) == 401) {
		edge_reply_error(a, error, (span){ 0 });
		return;
	}
	mcp_render_error(&b, a->mcp.id, MCP_INTERNAL, span_str(error_text(error)));
	answer(a, 200, &b);
}

void
edge_mcp_room(struct ask *a)
{
	pump(a);
}

void
edge_mcp_tools_changed(struct edge *e, uint64_t task)
{
	map_for(it, &e->asks) {
		struct ask *a = container_of(it, struct ask, node);
		if (a->door != DOOR_MCP || a->mcp.method != MCP_LISTEN || !a->streaming || !a->mcp.listen_tools)
			continue;
		if (task && a->conn->task && a->conn->task != task)
			continue;
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 4096);
		mcp_render_tools_changed(&b, &a->mcp);
		stream_event(a, &b);
	}
}
