#include "role/tools_priv.h"

#include "net/sse.h"

#include <stdlib.h>

/* A server behind HTTP (Streamable HTTP, both eras): one exchange a message. */

enum { HEAD_S = 120, END_S = 2, FIELDS_MAX = 8 + TOOLS_SECRETS };

struct post {
	struct list link;              /* session.posts */
	struct session *session;
	struct http_call *call;
	uint64_t id;                   /* our request; 0: nothing is waited for */
	bool events, failed, last;
	unsigned status;
	struct buf body;
	struct sse_parser sse;
};

static void
post_free(struct post *p)
{
	list_del(&p->link);
	buf_fini(&p->body);
	sse_fini(&p->sse);
	free(p);
}

static void
on_head(void *user, struct http_call *, const struct http_call_head *h)
{
	struct post *p = user;
	size_t n = 0;
	span id = http_field(h->fields, "mcp-session-id", &n);
	p->status = h->status;
	p->events = http_type_is(h->content_type, "text/event-stream");
	if (h->status == 200 && n == 1 && id.n < sizeof p->session->session_id && !p->session->session_id[0])
		memcpy(p->session->session_id, id.p, id.n);
}

static bool
on_event(void *ctx, const struct sse_event *e)
{
	struct post *p = ctx;
	struct session *s = p->session;
	if (e->data.n && s->state != SESSION_ENDING)
		mcp_client_feed(s->mcp, e->data);
	return s->state != SESSION_ENDING;
}

static void
on_body(void *user, struct http_call *, span data)
{
	struct post *p = user;
	if (p->status != 200 || p->session->state == SESSION_ENDING)
		return;
	if (!p->events)
		buf_put(&p->body, data);
	else if (failed(sse_feed(&p->sse, data, on_event, p)))
		p->failed = true;
}

static void
on_end(void *user, struct http_call *, status st, bool)
{
	struct post *p = user;
	struct session *s = p->session;
	uint64_t id = p->id;
	bool last = p->last, ok = !failed(st) && p->status == 200 && !p->failed && !failed(buf_finish(&p->body));
	struct buf body = p->events ? (struct buf){ 0 } : p->body;
	if (!p->events)
		p->body = (struct buf){ 0 };
	post_free(p);
	if (last)
		session_gone(s);
	else if (s->state != SESSION_ENDING && id && ok && body.n)
		mcp_client_feed(s->mcp, buf_span(&body));
	/* Whatever did not answer its request by now never will; an answered one is not known any more. */
	if (!last && s->state != SESSION_ENDING && id)
		mcp_client_failed(s->mcp, id, SPAN("The tool server broke the exchange off. Whether it had acted is not known."));
	buf_fini(&body);
}

static const struct http_call_events call_events = { .on_head = on_head, .on_body = on_body, .on_end = on_end };

static status
exchange(struct session *s, const char *method, const struct mcp_outgoing_message *m, bool last)
{
	struct http_field f[FIELDS_MAX];
	struct http_outgoing o = { .method = method, .target = s->server->url_path, .fields = { f, 0 }, .body = m->text,
	                           .head_ns = (last ? END_S : HEAD_S) * INT64_C(1000000000), .max_body = MCP_MESSAGE_MAX };
	span version = mcp_client_version(s->mcp);
	f[o.fields.n++] = (struct http_field){ SPAN("Accept"), SPAN("application/json, text/event-stream") };
	if (m->text.n)
		f[o.fields.n++] = (struct http_field){ SPAN("Content-Type"), SPAN("application/json") };
	if (mcp_client_era(s->mcp) == MCP_MODERN) {
		f[o.fields.n++] = (struct http_field){ SPAN("MCP-Protocol-Version"), SPAN(MCP_MODERN_VERSION) };
		if (m->method)
			f[o.fields.n++] = (struct http_field){ SPAN("Mcp-Method"), span_str(m->method) };
		if (m->name.n)
			f[o.fields.n++] = (struct http_field){ SPAN("Mcp-Name"), m->name };
	} else if (version.n) {
		f[o.fields.n++] = (struct http_field){ SPAN("MCP-Protocol-Version"), version };
	}
	if (s->session_id[0])
		f[o.fields.n++] = (struct http_field){ SPAN("Mcp-Session-Id"), span_str(s->session_id) };
	for (uint32_t i = 0; i < s->server->secret_n; i++)
		if (s->secrets[i])
			f[o.fields.n++] = (struct http_field){ s->server->secrets[i].where, secret_reveal(s->secrets[i]) };
	struct post *p = calloc(1, sizeof *p);
	ENSURE(p, E_NO_MEMORY);
	p->session = s;
	p->id = m->id;
	p->last = last;
	buf_init(&p->body, MCP_MESSAGE_MAX);
	sse_init(&p->sse, MCP_MESSAGE_MAX);
	list_add_tail(&s->posts, &p->link);
	status st = http_call_start(s->server->upstream, &o, &call_events, p, &p->call);
	if (failed(st))
		post_free(p);
	return st;
}

static void
begin(struct loop_hook *h)
{
	mcp_client_start(container_of(h, struct session, hook)->mcp);
}

static status
http_start(struct session *s)
{
	loop_defer(s->tools->w->loop, &s->hook, begin);
	return OK;
}

static status
http_send(struct session *s, const struct mcp_outgoing_message *m)
{
	return exchange(s, "POST", m, false);
}

static void
cancel_posts(struct session *s)
{
	list_for_safe(it, &s->posts) {
		struct post *p = container_of(it, struct post, link);
		http_call_cancel(p->call);
		post_free(p);
	}
}

static void
http_cut(struct session *s, uint64_t id)
{
	list_for_safe(it, &s->posts) {
		struct post *p = container_of(it, struct post, link);
		if (p->id == id) {
			http_call_cancel(p->call);
			post_free(p);
		}
	}
}

/* A legacy session is ended at the server too (DELETE, 2025-11-25); the connections are closed whatever it says. */
static void
http_end(struct session *s)
{
	bool tried = s->unconfirmed;
	cancel_posts(s);
	if (s->session_id[0] && !tried && !failed(exchange(s, "DELETE", &(struct mcp_outgoing_message){ 0 }, true)))
		return;
	session_gone(s);
}

const struct transport http_transport = { http_start, http_send, http_cut, http_end };
