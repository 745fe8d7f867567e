#include "net/http_server_priv.h"

#include "text/json.h"

#include <sys/socket.h>
#include <unistd.h>

enum framing { BY_LENGTH, BY_CHUNKS, BY_CLOSE };

static struct http_conn *
conn_of(struct http_exchange *x)
{
	return container_of(x, struct http_conn, x);
}

static void
put_status_line(struct buf *b, unsigned code)
{
	const char *reason = http_reason(code);
	buf_put(b, SPAN("HTTP/1.1 "));
	buf_put_udec(b, code);
	buf_put(b, SPAN(" "));
	buf_put_str(b, *reason ? reason : "-");
	buf_put(b, SPAN("\r\n"));
}

/* Status line, fields, empty line. False leaves rubbish behind for the caller to cut off. */
static bool
put_head(struct http_conn *c, const struct http_answer *a, bool keep_alive, enum framing framing)
{
	struct buf *b = &c->out;
	if (a->status < 200 || a->status > 599 || !http_value_ok(a->content_type))
		return false;
	bool bodiless = a->status == 204 || a->status == 304;
	if (bodiless && a->body.n)
		return false;
	if (!b->p)
		server_block_take(c->s, b, MAX_OUT);
	if (a->status == 200)
		buf_put(b, SPAN("HTTP/1.1 200 OK\r\n"));
	else
		put_status_line(b, a->status);
	buf_put(b, server_date(c->s));
	if (a->content_type.n) {
		buf_put(b, SPAN("Content-Type: "));
		buf_put(b, a->content_type);
		buf_put(b, SPAN("\r\n"));
	}
	if (framing == BY_CHUNKS)
		buf_put(b, SPAN("Transfer-Encoding: chunked\r\n"));
	if (framing == BY_LENGTH && !bodiless) {
		buf_put(b, SPAN("Content-Length: "));
		buf_put_udec(b, a->body.n);
		buf_put(b, SPAN("\r\n"));
	}
	if (!keep_alive)
		buf_put(b, SPAN("Connection: close\r\n"));
	if (failed(http1_put_fields(b, a->fields)))
		return false;
	buf_put(b, SPAN("\r\n"));
	return b->err == 0;
}

bool
answer_put(struct http_conn *c, const struct http_answer *a, bool keep_alive, bool head_only)
{
	size_t before = c->out.n;
	if (put_head(c, a, keep_alive, BY_LENGTH)) {
		if (!head_only)
			buf_put(&c->out, a->body);
		if (c->out.err == 0)
			return true;
	}
	buf_truncate(&c->out, before);
	c->out.err = 0;
	return false;
}

/* {"error":{"code":…,"message":…}} */
static void
put_error(struct buf *b, uint16_t err, span detail)
{
	struct json_writer w = json_w(b);
	json_w_obj(&w);
	json_w_key(&w, SPAN("error"));
	json_w_obj(&w);
	json_w_key(&w, SPAN("code"));
	json_w_str(&w, span_str(error_name(err)));
	json_w_key(&w, SPAN("message"));
	json_w_str(&w, detail.n ? detail : span_str(error_text(err)));
	json_w_obj_end(&w);
	json_w_obj_end(&w);
}

static bool
error_put(struct http_conn *c, uint16_t err, span detail, struct http_fields fields, bool keep_alive, bool head_only)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 65536);
	put_error(&b, err, detail);
	if (b.err)
		return false;
	struct http_answer a = { .status = (unsigned)error_http(err), .content_type = SPAN("application/json"), .fields = fields,
		.body = buf_span(&b) };
	return answer_put(c, &a, keep_alive, head_only);
}

void
conn_refuse(struct http_conn *c, uint16_t err)
{
	c->s->stats.bad_requests++;
	conn_wait_end(c);
	if (!error_put(c, err, (span){ 0 }, (struct http_fields){ 0 }, false, false)) {
		conn_kill(c);
		return;
	}
	c->unread_refused = true;
	c->msg_len = c->in.n;
	conn_exchange_done(c, false);
}

static bool
may_keep(struct http_exchange *x)
{
	return x->keep_alive && !conn_of(x)->s->draining;
}

void
http_reply(struct http_exchange *x, const struct http_answer *a)
{
	struct http_conn *c = conn_of(x);
	if (a->own_pass_fd > 0 && (x->state == X_NONE || c->who.kind != HTTP_PEER_UNIX || c->pass_fd > 0))
		close(a->own_pass_fd);
	else if (a->own_pass_fd > 0)
		c->pass_fd = a->own_pass_fd;
	if (x->state == X_NONE)
		return;
	must(x->state == X_OPEN);
	c->wipe |= a->secret;
	bool keep = may_keep(x);
	if (!answer_put(c, a, keep, x->head_only) &&
	    !error_put(c, E_INTERNAL, (span){ 0 }, (struct http_fields){ 0 }, keep, x->head_only)) {
		conn_kill(c);
		return;
	}
	conn_exchange_done(c, keep);
}

void
http_reply_error(struct http_exchange *x, uint16_t err, span detail)
{
	http_reply_error_with(x, err, detail, (struct http_fields){ 0 });
}

void
http_reply_error_with(struct http_exchange *x, uint16_t err, span detail, struct http_fields fields)
{
	struct http_conn *c = conn_of(x);
	if (x->state == X_NONE)
		return;
	must(x->state == X_OPEN);
	bool keep = may_keep(x);
	if (!error_put(c, err, detail, fields, keep, x->head_only) &&
	    !error_put(c, E_INTERNAL, (span){ 0 }, (struct http_fields){ 0 }, keep, x->head_only)) {
		conn_kill(c);
		return;
	}
	conn_exchange_done(c, keep);
}

/* Streams */

void
http_stream_begin(struct http_exchange *x, const struct http_answer *head)
{
	struct http_conn *c = conn_of(x);
	if (x->state == X_NONE)
		return;
	must(x->state == X_OPEN);
	struct http_answer a = *head;
	a.body = (span){ 0 };
	if (x->http10)
		x->keep_alive = false;
	size_t before = c->out.n;
	if (!put_head(c, &a, may_keep(x), x->http10 ? BY_CLOSE : BY_CHUNKS)) {
		buf_truncate(&c->out, before);
		c->out.err = 0;
		conn_kill(c);
		return;
	}
	x->state = X_STREAM;
	conn_want_flush(c);
}

size_t
http_stream_room(const struct http_exchange *x)
{
	const struct http_conn *c = container_of((struct http_exchange *)(uintptr_t)x, struct http_conn, x);
	size_t unsent = c->out.n - c->out_sent;
	return x->state == X_STREAM && unsent < HTTP_STREAM_WINDOW ? HTTP_STREAM_WINDOW - unsent : 0;
}

size_t
http_stream_write(struct http_exchange *x, span data)
{
	struct http_conn *c = conn_of(x);
	if (x->state != X_STREAM)
		return 0;
	if (x->head_only)
		return data.n;
	size_t room = http_stream_room(x);
	span part = span_sub(data, 0, room);
	if (part.n < data.n)
		x->wants_room = true;
	if (part.n == 0)
		return 0;
	size_t before = c->out.n;
	if (!c->out.p)
		server_block_take(c->s, &c->out, MAX_OUT);
	if (x->http10)
		buf_put(&c->out, part);
	else
		http1_put_chunk(&c->out, part);
	if (c->out.err) {   /* no memory: nothing was taken; the caller is called again when output moves */
		buf_truncate(&c->out, before);
		c->out.err = 0;
		x->wants_room = true;
		return 0;
	}
	conn_want_flush(c);
	return part.n;
}

void
http_stream_end(struct http_exchange *x)
{
	struct http_conn *c = conn_of(x);
	if (x->state == X_NONE)
		return;
	must(x->state == X_STREAM);
	bool keep = may_keep(x);
	if (!x->http10 && !x->head_only) {
		if (!c->out.p)
			server_block_take(c->s, &c->out, MAX_OUT);
		http1_put_last_chunk(&c->out);
	}
	if (c->out.err) {
		conn_kill(c);
		return;
	}
	conn_exchange_done(c, keep);
}

void
http_stream_abort(struct http_exchange *x)
{
	struct http_conn *c = conn_of(x);
	if (x->state == X_NONE)
		return;
	x->state = X_NONE;
	/* A reset: a body that ends with the connection would otherwise look complete. */
	struct linger hard = { .l_onoff = 1 };
	setsockopt(c->io.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	conn_kill(c);
}

void
answer_on_progress(struct http_conn *c)
{
	struct http_exchange *x = &c->x;
	if (x->state != X_STREAM || !x->wants_room || http_stream_room(x) < HTTP_STREAM_WINDOW / 2)
		return;
	x->wants_room = false;
	if (c->s->h.on_room)
		c->s->h.on_room(c->s->ctx, x);
}

uint64_t http_exchange_id(const struct http_exchange *x) { return x->id; }
struct http_conn *http_exchange_conn(struct http_exchange *x) { return conn_of(x); }
void http_exchange_set_user(struct http_exchange *x, void *user) { x->user = user; }
void *http_exchange_user(const struct http_exchange *x) { return x->user; }
