#include "role/edge_priv.h"

#include <stdlib.h>

static bool
has_req(const struct map_node *n, const void *key)
{
	return container_of(n, struct ask, node)->req == *(const uint64_t *)key;
}

struct ask *
edge_ask_find(struct edge *e, uint64_t req)
{
	struct map_node *n = map_find(&e->asks, map_hash_u64(&e->asks, req), has_req, &req);
	return n ? container_of(n, struct ask, node) : NULL;
}

struct ask *
edge_ask_new(struct edge *e, struct http_exchange *x, struct edge_conn *c)
{
	struct ask *a;
	if (!list_empty(&e->free_asks)) {
		a = container_of(e->free_asks.next, struct ask, link);
		list_del(&a->link);
	} else {
		a = calloc(1, sizeof *a);
		if (!a)
			return NULL;
		arena_init(&a->arena, EDGE_ARENA);
		buf_init(&a->out, EDGE_BACKLOG);
	}
	struct arena arena = a->arena;
	struct buf out = a->out;
	*a = (struct ask){ .edge = e, .x = x, .conn = c, .req = http_exchange_id(x), .arena = arena, .out = out };
	list_init(&a->link);
	if (failed(map_add(&e->asks, map_hash_u64(&e->asks, a->req), &a->node))) {
		list_add_head(&e->free_asks, &a->link);
		return NULL;
	}
	http_exchange_set_user(x, a);
	return a;
}

void
edge_ask_done(struct ask *a)
{
	struct edge *e = a->edge;
	loop_timer_stop(&a->keepalive);
	map_del(&e->asks, &a->node);
	list_del(&a->link);
	arena_reset(&a->arena);
	/* One caller's large result must not stay allocated for the next one's small answer. */
	if (a->out.cap > 64 * 1024)
		buf_fini(&a->out);
	buf_reset(&a->out);
	list_add_head(&e->free_asks, &a->link);
}

void
edge_ask_gone(struct ask *a)
{
	struct msg m = msg_make(MSG_CANCEL);
	m.cancel.req = a->req;
	IGNORE(role_send(a->edge->w, ROLE_CORE, 0, &m)); /* a dead core has cut the call already */
	a->x = NULL;
	edge_ask_done(a);
}

static void
reply_json(struct ask *a, unsigned http, uint16_t error, const struct buf *body)
{
	CLEANUP(buf_fini) struct buf challenge = { 0 };
	struct http_field f[3];
	buf_init(&challenge, 16384);
	struct http_answer r = { .status = http, .content_type = SPAN("application/json"), .fields = { f, 0 }, .body = buf_span(body) };
	if (a->request_id.n)
		f[r.fields.n++] = (struct http_field){ SPAN("X-Request-ID"), a->request_id };
	if (http == 503 || http == 429)
		f[r.fields.n++] = (struct http_field){ SPAN("Retry-After"), SPAN("1") };
	if (http == 401 && a->edge->class == OP_CLASS_A) {
		edge_oauth_challenge(a, error, &challenge);
		f[r.fields.n++] = (struct http_field){ SPAN("WWW-Authenticate"), buf_span(&challenge) };
	}
	if (failed(buf_finish(body)))
		http_reply_error(a->x, body->err, (span){ 0 });
	else
		http_reply(a->x, &r);
	edge_ask_done(a);
}

void edge_reply_json(struct ask *a, unsigned http, const struct buf *body) { reply_json(a, http, E_TOKEN_INVALID, body); }

void
edge_reply_error(struct ask *a, uint16_t error, span detail)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 16384);
	render_error(&b, error, detail);
	/* A bad proof is a bad token's answer at a resource (RFC 9449 §7.1), a bad request's at the token endpoint. */
	reply_json(a, error == E_DPOP ? 401 : (unsigned)error_http(error), error, &b);
}

void
edge_ask_unavailable(struct ask *a)
{
	if (a->door == DOOR_MCP)
		edge_mcp_unavailable(a);
	else if (a->door == DOOR_WEB)
		edge_web_refuse(a, E_UNAVAILABLE, (span){ 0 });
	else if (a->door == DOOR_OAUTH)
		edge_oauth_refuse(a, E_UNAVAILABLE, (span){ 0 });
	else
		edge_reply_error(a, E_UNAVAILABLE, SPAN("the decision core is restarting"));
}

static void
send_op(struct ask *a)
{
	struct msg m = msg_make(MSG_OP);
	m.op.req = a->req;
	m.op.conn = a->conn->number;
	memcpy(m.op.token, a->token, 32);
	m.op.op = (uint16_t)a->op;
	m.op.params = a->params;
	if (failed(role_send(a->edge->w, ROLE_CORE, 0, &m)))
		edge_ask_unavailable(a);
}

void
edge_ask_send(struct ask *a)
{
	struct edge_conn *c = a->conn;
	/* Before the first core is there, everybody waits for it as for the peer; once one has gone, nobody is kept in doubt. */
	if (!edge_core_up(a->edge) && a->edge->core_seen) {
		edge_ask_unavailable(a);
		return;
	}
	switch (c->state) {
	case PEER_NEW:
		edge_conn_introduce(a->edge, c);
		if (c->state == PEER_REFUSED) {
			edge_ask_send(a);
			return;
		}
		[[fallthrough]];
	case PEER_ASKED:
		list_add_tail(&c->waiting, &a->link);
		return;
	case PEER_REFUSED:
		if (a->door == DOOR_MCP)
			edge_mcp_refuse_peer(a, c->error);
		else if (a->door == DOOR_WEB)
			edge_web_refuse(a, c->error, (span){ 0 });
		else if (a->door == DOOR_OAUTH)
			edge_oauth_refuse(a, c->error, (span){ 0 });
		else
			edge_reply_error(a, c->error, (span){ 0 });
		return;
	case PEER_IS_KNOWN:
		break;
	}
	edge_oauth_send_proof(a);
	if (a->door == DOOR_MCP)
		edge_mcp_send(a);
	else if (a->door == DOOR_OP || a->door == DOOR_OAUTH || a->door == DOOR_WEB)
		send_op(a);
	else
		edge_authzen_send(a);
}
