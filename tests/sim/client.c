#include "tests/sim/client.h"

#include "msg/enums.h"

#include <stdio.h>
#include <stdlib.h>

static void
on_message(struct node *n, enum role to, unsigned index, const struct msg *m)
{
	struct client *c = container_of(n, struct client, node);
	if (m->type == MSG_PERMIT) {
		c->permits++;
		c->permit.call = m->permit.call;
		c->permit.task = m->permit.task;
		snprintf(c->permit.args, sizeof c->permit.args, "%.*s", SPAN_ARG(m->permit.args));
		snprintf(c->permit.tool, sizeof c->permit.tool, "%.*s", SPAN_ARG(m->permit.tool));
		return;
	}
	if (m->type == MSG_CUT_CALL) {
		c->cuts++;
		c->cut_call = m->cut_call.call;
		return;
	}
	struct reply r = { .type = (uint16_t)m->type };
	span body = { 0 };
	if (m->type == MSG_ANSWER) {
		r.req = m->answer.req;
		r.error = m->answer.error;
		body = m->answer.body;
	} else if (m->type == MSG_VERDICT) {
		r.req = m->verdict.req;
		r.error = m->verdict.error;
		r.verdict = m->verdict.verdict;
		r.call = m->verdict.call;
		r.approval = m->verdict.approval;
		body = m->verdict.detail;
	} else if (m->type == MSG_CUT) {
		r.req = m->cut.req;
		r.error = m->cut.error;
		r.call = m->cut.call;
		body = m->cut.detail;
	} else if (m->type == MSG_PEER_KNOWN) {
		c->last_error = m->peer_known.error;
		return;
	} else {
		return;
	}
	r.body = span_dup(body);
	if (c->reply_n == c->reply_cap) {
		c->reply_cap = c->reply_cap ? 2 * c->reply_cap : 64;
		c->replies = realloc(c->replies, c->reply_cap * sizeof *c->replies);
		must(c->replies);
	}
	c->replies[c->reply_n++] = r;
}

const char *const client_files =
	"[{\"name\":\"read_file\",\"description\":\"reads\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"}},\"required\":[\"path\"]}},"
	"{\"name\":\"write_file\",\"description\":\"writes\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"},\"content\":{\"type\":\"string\"}},\"required\":[\"path\"]}},"
	"{\"name\":\"delete_file\",\"description\":\"deletes\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"}},\"required\":[\"path\"]}}]";

static const char *
definitions(span server)
{
	if (span_is(server, "files"))
		return client_files;
	if (span_is(server, "net"))
		return "[{\"name\":\"fetch\",\"description\":\"fetches\",\"inputSchema\":{\"type\":\"object\"}},"
		       "{\"name\":\"pay\",\"description\":\"pays\",\"inputSchema\":{\"type\":\"object\"}}]";
	return NULL;
}

static void
review_all(struct client *c)
{
	client_peer(c, ROLE_PEOPLE, 9000, 0, 50, "/usr/bin/ambit", 0);
	const struct json *list = client_op(c, ROLE_PEOPLE, 9000, OP_TOOL_LIST, "{}");
	must(list);
	json_for_items(it, json_gets(list, "items")) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 4096);
		/* What stands for a credential was reviewed with its upstream. */
		if (span_is(json_gets(it, "server")->str, "lease"))
			continue;
		buf_printf(&b, "{\"tool\":\"%.*s\",\"definition\":\"%.*s\"}", SPAN_ARG(json_gets(it, "name")->str), SPAN_ARG(json_gets(it, "definition")->str));
		const char *params;
		must(!failed(buf_finish_str(&b, &params)));
		client_op(c, ROLE_PEOPLE, 9000, OP_TOOL_REVIEW, params);
		must(c->last_error == E_OK);
	}
}

void
client_init(struct client *c, uint64_t seed, const char *bootstrap)
{
	*c = (struct client){ 0 };
	arena_init(&c->arena, 256 << 20);
	if (!node_definitions)
		node_definitions = definitions;
	node_init(&c->node, seed);
	c->node.hook = on_message;
	c->node.bootstrap = span_str(bootstrap);
	node_start(&c->node);
	node_settle(&c->node);
	review_all(c);
}

void
client_fini(struct client *c)
{
	node_fini(&c->node);
	for (size_t i = 0; i < c->reply_n; i++)
		free(c->replies[i].body);
	free(c->replies);
	arena_fini(&c->arena);
}

void
client_peer(struct client *c, enum role edge, uint32_t conn, uint32_t uid, uint32_t pid, const char *exe, uint64_t root_task)
{
	struct msg m = msg_make(MSG_PEER);
	m.peer.edge = (uint8_t)edge;
	m.peer.conn = conn;
	m.peer.uid = m.peer.gid = uid;
	m.peer.pid = pid;
	m.peer.start = 7000 + pid;
	m.peer.exe = span_str(exe);
	m.peer.root_task = root_task;
	node_send(&c->node, ROLE_ATTEST, 0, &m);
	node_settle(&c->node);
}

void
client_tls(struct client *c, uint32_t conn, const char *cert)
{
	struct msg m = msg_make(MSG_PEER_TLS);
	m.peer_tls.conn = conn;
	m.peer_tls.has_cert = cert != NULL;
	if (cert) {
		digest d = sha256(span_str(cert));
		memcpy(m.peer_tls.x5t, d.b, sizeof d.b);
	}
	node_send(&c->node, ROLE_AGENTS, 0, &m);
	node_settle(&c->node);
}

static void
token_hash(const char *token, uint8_t out[static 32])
{
	memset(out, 0, 32);
	if (token) {
		digest d = sha256(span_str(token));
		memcpy(out, d.b, 32);
	}
}

uint64_t
client_op_send(struct client *c, enum role edge, uint32_t conn, enum op op, const char *params, const char *token)
{
	struct msg m = msg_make(MSG_OP);
	m.op.req = ++c->next_req;
	m.op.conn = conn;
	m.op.op = (uint16_t)op;
	m.op.params = span_str(params);
	token_hash(token, m.op.token);
	node_send(&c->node, edge, 0, &m);
	return c->next_req;
}

const struct reply *
client_reply(const struct client *c, uint64_t req)
{
	for (size_t i = c->reply_n; i-- > 0;)
		if (c->replies[i].req == req)
			return &c->replies[i];
	return NULL;
}

const struct json *
client_op(struct client *c, enum role edge, uint32_t conn, enum op op, const char *params)
{
	uint64_t req = client_op_send(c, edge, conn, op, params, NULL);
	node_settle(&c->node);
	const struct reply *r = client_reply(c, req);
	c->last_error = r ? r->error : E_TIMEOUT;
	const struct json_opts opts = { .max_bytes = 16 << 20 };
	const struct json *v = NULL;
	if (!r || failed(json_parse(span_str(r->body), &opts, &c->arena, &v, NULL)))
		return NULL;
	return v;
}

uint64_t
client_call(struct client *c, enum role edge, uint32_t conn, const char *token, const char *tool, const char *args, uint32_t hold_ms)
{
	struct msg m = msg_make(MSG_CALL);
	m.call.req = ++c->next_req;
	m.call.conn = conn;
	m.call.tool = span_str(tool);
	m.call.args = span_str(args);
	m.call.hold_ms = hold_ms;
	token_hash(token, m.call.token);
	node_send(&c->node, edge, 0, &m);
	return c->next_req;
}

const struct reply *
client_call_now(struct client *c, uint32_t conn, const char *tool, const char *args)
{
	uint64_t req = client_call(c, ROLE_LOCAL, conn, NULL, tool, args, 0);
	node_settle(&c->node);
	const struct reply *r = client_reply(c, req);
	must(r);
	return r;
}

void
client_state(struct client *c, uint64_t call, uint8_t state, uint16_t error)
{
	struct msg m = msg_make(MSG_CALL_STATE);
	m.call_state.call = call;
	m.call_state.state = state;
	m.call_state.error = error;
	node_send(&c->node, ROLE_TOOLS, 0, &m);
	node_settle(&c->node);
}

const char *
client_str(struct client *c, const struct json *v, const char *pointer)
{
	const struct json *x = json_pointer(v, span_str(pointer));
	return json_is_str(x) ? arena_cstr(&c->arena, x->str) : "";
}

int64_t
client_int(const struct json *v, const char *pointer)
{
	const struct json *x = json_pointer(v, span_str(pointer));
	return json_is_int(x) ? x->i : -1;
}
