#include "role/edge_priv.h"

#include <stdlib.h>

/* ---- the HTTP side ---- */

/* Browsers come to the people's edge by TLS, where nobody is known by a socket. */
static bool is_web(const struct edge *e, const struct http_conn *h) { return e->class == OP_CLASS_P && http_conn_peer(h)->tls; }

static uint16_t
on_head(void *ctx, struct http_conn *h, const struct http_request *r, size_t *max_body)
{
	struct edge *e = ctx;
	if (is_web(e, h)) {
		*max_body = OAUTH_FORM_MAX;
		return edge_web_check(e, r);
	}
	*max_body = e->class == OP_CLASS_P ? EDGE_APPLY_MAX : EDGE_BODY_MAX;
	return e->class == OP_CLASS_P ? check_origin(r, NULL, 0) : check_origin(r, e->hosts, e->n_hosts);
}

static void
reply_plain(struct http_exchange *x, unsigned code, span body)
{
	struct http_answer a = { .status = code, .content_type = SPAN("application/json"), .body = body };
	http_reply(x, &a);
}

static void
reply_refused_door(struct http_exchange *x, const struct door_match *m)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4096);
	render_error(&b, m->error, (span){ 0 });
	struct http_field allow = { SPAN("Allow"), span_str(m->allow ? m->allow : "") };
	struct http_answer a = { .status = (unsigned)error_http(m->error), .content_type = SPAN("application/json"), .body = buf_span(&b),
	                         .fields = { &allow, m->allow ? 1 : 0 } };
	http_reply(x, &a);
}

/* Doors that need no identity. */
static bool
public_door(struct edge *e, struct http_exchange *x, const struct http_request *r, const struct door_match *d)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4096);
	switch (d->door) {
	case DOOR_HEALTH:
		reply_plain(x, 200, SPAN("{\"status\":\"ok\"}"));
		return true;
	case DOOR_READY:
		reply_plain(x, edge_core_up(e) ? 200 : 503,
		            edge_core_up(e) ? SPAN("{\"status\":\"ready\"}") : SPAN("{\"status\":\"waiting for core\"}"));
		return true;
	case DOOR_VERSION:
		reply_plain(x, 200, SPAN("{\"version\":\"" AMBIT_VERSION "\"}"));
		return true;
	case DOOR_AUTHZEN_METADATA:
		authzen_metadata(&b, e->base.n ? e->base : SPAN("https://localhost"), d->app);
		reply_plain(x, 200, buf_span(&b));
		return true;
	case DOOR_OAUTH_METADATA: case DOOR_RESOURCE_METADATA: case DOOR_JWKS:
		return edge_oauth_document(e, x, r, d->door);
	case DOOR_NONE: case DOOR_MCP: case DOOR_OP: case DOOR_EVALUATION: case DOOR_EVALUATIONS: case DOOR_SEARCH: case DOOR_OAUTH: case DOOR_WEB:
		return false;
	}
	return false;
}

/* False: already answered. */
static bool
read_token(struct ask *a, const struct http_request *r)
{
	struct token_use use;
	bool dpop;
	span token;
	if (!access_token(r, &token, &dpop)) {
		edge_reply_error(a, E_TOKEN_INVALID, SPAN("Authorization must be `Bearer <token>` or `DPoP <token>`"));
		return false;
	}
	/* Over TLS nobody but a token's holder has business at the gateway, and a client learns here where to get one. */
	if (token.n == 0 && a->edge->class == OP_CLASS_A && a->door == DOOR_MCP) {
		edge_reply_error(a, E_UNAUTHENTICATED, SPAN("an access token is needed; the WWW-Authenticate field says where to get one"));
		return false;
	}
	if (token.n == 0)
		return true;
	if (a->edge->class == OP_CLASS_P) {
		edge_reply_error(a, E_TOKEN_INVALID, SPAN("task tokens are not for this socket"));
		return false;
	}
	uint16_t err = token_cache_check(&a->edge->tokens, token, loop_now(a->edge->w->loop).wall, &use);
	if (err == E_OK && use.gateway_only && a->door != DOOR_MCP)
		err = E_TOKEN_INVALID;
	if (err != E_OK) {
		edge_reply_error(a, err, (span){ 0 });
		return false;
	}
	memcpy(a->token, use.hash, sizeof a->token);
	return edge_oauth_prove(a, r, &use, dpop);
}

static bool
read_op(struct ask *a, const struct http_request *r)
{
	struct json_error je = { 0 };
	size_t max = a->edge->class == OP_CLASS_P ? EDGE_APPLY_MAX : 65536;
	status s = canonical_object(&a->arena, r->body, max, &a->params, &je);
	if (!failed(s))
		return true;
	CLEANUP(buf_fini) struct buf why;
	buf_init(&why, 1024);
	json_error_print(&je, &why);
	edge_reply_error(a, s.code == E_LIMIT ? E_LIMIT : E_BAD_REQUEST, buf_span(&why));
	return false;
}

static void
on_request(void *ctx, struct http_exchange *x, const struct http_request *r)
{
	struct edge *e = ctx;
	if (is_web(e, http_exchange_conn(x))) {
		edge_web_request(e, x, r);
		return;
	}
	struct door_match d = door_of(r, e->class);
	if (d.door == DOOR_NONE) {
		http_reply_error(x, E_NOT_FOUND, (span){ 0 });
		return;
	}
	if (d.error != E_OK) {
		reply_refused_door(x, &d);
		return;
	}
	if (public_door(e, x, r, &d))
		return;
	struct edge_conn *c = edge_conn_of(e, x);
	struct ask *a = c ? edge_ask_new(e, x, c) : NULL;
	if (!a) {
		http_reply_error(x, E_NO_MEMORY, (span){ 0 });
		return;
	}
	a->door = d.door;
	a->op = d.op;
	a->app = d.app;
	a->search = d.search;
	size_t ids = 0;
	span id = http_field(r->fields, "x-request-id", &ids);
	if (ids == 1 && id.n <= 200)
		a->request_id = id;
	size_t kinds = 0;
	a->takes_fd = e->class == OP_CLASS_L && span_is(http_field(r->fields, "ambit-credential", &kinds), "fd");
	if (a->door == DOOR_OAUTH) {
		if (edge_oauth_read(a, r))
			edge_ask_send(a);
		return;
	}
	if (!read_token(a, r))
		return;
	bool sound = a->door == DOOR_MCP ? edge_mcp_read(a, r) : a->door == DOOR_OP ? read_op(a, r) : edge_authzen_read(a, r);
	if (sound)
		edge_ask_send(a);
}

static void
on_gone(void *, struct http_exchange *x)
{
	struct ask *a = http_exchange_user(x);
	if (a)
		edge_ask_gone(a);
}

static void
on_room(void *, struct http_exchange *x)
{
	struct ask *a = http_exchange_user(x);
	if (a)
		edge_mcp_room(a);
}

static void
on_conn_end(void *ctx, struct http_conn *h)
{
	struct edge_conn *c = http_conn_user(h);
	if (c)
		edge_conn_end(ctx, c);
}

static const struct http_handler handler = {
	.on_head = on_head, .on_request = on_request, .on_gone = on_gone, .on_room = on_room, .on_conn_end = on_conn_end,
};

/* ---- core's side ---- */

static void
on_answer(struct ask *a, const struct msg_answer *m)
{
	if (a->door == DOOR_MCP) {
		edge_mcp_answer(a, m);
		return;
	}
	if (a->door == DOOR_OAUTH) {
		edge_oauth_answer(a, m);
		return;
	}
	if (a->door == DOOR_WEB) {
		edge_web_answer(a, m);
		return;
	}
	if (m->error != E_OK && m->body.n == 0) {
		edge_reply_error(a, m->error, (span){ 0 });
		return;
	}
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, EDGE_BACKLOG);
	buf_put(&b, m->body);
	edge_reply_json(a, (unsigned)error_http(m->error), &b);
}

static void
drop_conn(struct edge *e, uint32_t number)
{
	struct edge_conn *c = edge_conn_find(e, number);
	if (c)
		http_conn_cut(c->http);
}

static status
edge_message(struct worker *w, enum role, unsigned, struct msg *m)
{
	struct edge *e = w->state;
	struct ask *a;
	switch (m->type) {
	case MSG_PEER_KNOWN:
		edge_conn_known(e, &m->peer_known);
		return OK;
	case MSG_DROP_CONN:
		drop_conn(e, m->drop_conn.conn);
		return OK;
	case MSG_VERDICT:
		a = edge_ask_find(e, edge_authzen_ask_of(m->verdict.req));
		if (a && a->door == DOOR_MCP)
			edge_mcp_verdict(a, &m->verdict);
		else if (a && (a->door == DOOR_EVALUATION || a->door == DOOR_EVALUATIONS))
			edge_authzen_verdict(a, &m->verdict);
		return OK;
	case MSG_ANSWER:
		if ((a = edge_ask_find(e, m->answer.req)))
			on_answer(a, &m->answer);
		return OK;
	case MSG_RESULT:
		if ((a = edge_ask_find(e, m->result.req)) && a->door == DOOR_MCP)
			edge_mcp_result(a, &m->result);
		return OK;
	case MSG_CUT:
		if ((a = edge_ask_find(e, m->cut.req)) && a->door == DOOR_MCP)
			edge_mcp_cut(a, &m->cut);
		return OK;
	case MSG_CREDENTIAL:
		edge_credential(e, m);
		return OK;
	case MSG_VERIFY_KEYS:
		buf_reset(&e->jwks);
		buf_put(&e->jwks, m->verify_keys.jwks);
		return token_cache_keys(&e->tokens, m->verify_keys.jwks);
	case MSG_TOOLS_CHANGED:
		edge_mcp_tools_changed(e, m->tools_changed.task);
		return OK;
	case MSG_LEAF:
		edge_tls_leaf(e, &m->leaf);
		return OK;
	default:
		return FAIL(E_BAD_MESSAGE); /* the permit table lets nothing else through */
	}
}

static void
edge_link_up(struct worker *w, enum role peer, unsigned)
{
	struct edge *e = w->state;
	e->core_seen |= peer == ROLE_CORE;
	if (peer == ROLE_CORE && e->tls)
		edge_tls_ask_leaf(e);
	if (peer == ROLE_CORE || peer == ROLE_ATTEST)
		edge_conns_introduce(e);
}

static void
edge_link_down(struct worker *w, enum role peer, unsigned)
{
	struct edge *e = w->state;
	if (peer == ROLE_CORE) {
		edge_conns_forget(e);
		map_for(it, &e->asks) {
			struct ask *a = container_of(it, struct ask, node);
			if (!(a->door == DOOR_MCP && a->mcp.method == MCP_LISTEN))
				edge_ask_unavailable(a);
		}
	} else if (peer == ROLE_TOOLS) {
		/* Core learns it too, and writes the call down as unknown; the caller should not wait for that. */
		map_for(it, &e->asks) {
			struct ask *a = container_of(it, struct ask, node);
			if (a->call)
				edge_mcp_unavailable(a);
		}
	}
}

static status
edge_listen(struct worker *w, enum listen_kind kind, int own_fd)
{
	struct edge *e = w->state;
	struct http_listener_options o = { .tls = kind == LISTEN_TLS || kind == LISTEN_PEOPLE_TLS ? e->tls : NULL };
	return http_server_listen(e->http, own_fd, &o);
}

static void
edge_stop(struct worker *w)
{
	struct edge *e = w->state;
	http_server_drain(e->http);
}

/* {"hosts":["127.0.0.1:8470",…],"base":"https://…","hold_ms":4000,"max_conns":4096} */
static status
read_config(struct edge *e, span text)
{
	const struct json *v, *hosts = NULL;
	int64_t hold = EDGE_HOLD_MS;
	const struct json_opts opts = { .copy = true };
	TRY(json_parse(text, &opts, &e->config, &v, NULL));
	TRY(json_opt_arr(v, "hosts", &hosts, NULL));
	TRY(json_opt_str(v, "base", &e->base, NULL));
	TRY(json_opt_str(v, "people", &e->people, NULL));
	TRY(json_opt_int(v, "hold_ms", 0, 600000, &hold, NULL));
	e->hold_ms = (uint32_t)hold;
	json_for_items(h, hosts) {
		ENSURE(json_is_str(h) && e->n_hosts < EDGE_HOSTS, E_BAD_CONFIG);
		e->hosts[e->n_hosts++] = h->str;
	}
	return OK;
}

static status
gateway_audience(struct edge *e)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 8192);
	buf_put(&b, e->base);
	buf_put_str(&b, "/mcp");
	TRY(buf_finish(&b));
	e->tokens.gateway = arena_copy(&e->config, buf_span(&b));
	ENSURE(arena_ok(&e->config), E_NO_MEMORY);
	return OK;
}

static status
edge_configure(struct worker *w, span text, enum op_class class)
{
	struct edge *e = calloc(1, sizeof *e);
	uint64_t k[4];
	ENSURE(e, E_NO_MEMORY);
	w->state = e;
	e->w = w;
	e->class = class;
	list_init(&e->free_asks);
	arena_init(&e->config, 1 << 20);
	TRY(env_random(w->env, k, sizeof k));
	map_init(&e->conns, k[0], k[1]);
	map_init(&e->asks, k[2], k[3]);
	TRY(token_cache_init(&e->tokens, w->env));
	TRY(read_config(e, text));
	e->tokens.issuer = e->base;
	buf_init(&e->jwks, 65536);
	TRY(gateway_audience(e));
	struct http_server_options o = { .max_body = EDGE_BODY_MAX, .fin_is_gone = false };
	TRY(http_server_new(w->loop, &o, &handler, e, &e->http));
	return class == OP_CLASS_A || (class == OP_CLASS_P && e->people.n) ? edge_tls_configure(e) : OK;
}

static status configure_agents(struct worker *w, span json) { return edge_configure(w, json, OP_CLASS_A); }
static status configure_local(struct worker *w, span json) { return edge_configure(w, json, OP_CLASS_L); }
static status configure_people(struct worker *w, span json) { return edge_configure(w, json, OP_CLASS_P); }

#define EDGE_OPS(role, conf)                                                                                        \
	{ .id = role, .configure = conf, .listen = edge_listen, .link_up = edge_link_up, .link_down = edge_link_down, \
	  .message = edge_message, .stop = edge_stop }

const struct role_ops *
agents_role(void)
{
	static const struct role_ops ops = EDGE_OPS(ROLE_AGENTS, configure_agents);
	return &ops;
}

const struct role_ops *
local_role(void)
{
	static const struct role_ops ops = EDGE_OPS(ROLE_LOCAL, configure_local);
	return &ops;
}

const struct role_ops *
people_role(void)
{
	static const struct role_ops ops = EDGE_OPS(ROLE_PEOPLE, configure_people);
	return &ops;
}
