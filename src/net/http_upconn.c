#include "net/http_client_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	READ_AT_ONCE = 16384,
	MAX_INTERIM = 8,        /* 1xx heads before the final one */
};

static void upconn_ready(struct loop_fd *f, unsigned events);
static void upconn_go(struct loop_hook *h);

static void
upconn_reap(struct loop_grave *g)
{
	struct upconn *c = container_of(g, struct upconn, grave);
	tls_conn_free(c->tls);
	buf_fini(&c->in);
	free(c);
}

void
upconn_kill(struct upconn *c)
{
	struct http_upstream *u = c->u;
	if (c->state == UP_DEAD)
		return;
	if (c->state == UP_IDLE)
		u->n_idle--;
	c->state = UP_DEAD;
	c->call = NULL;
	list_del(&c->node);
	u->n_conns--;
	loop_fd_close(&c->io);
	if (c->parked_fd >= 0)
		close(c->parked_fd);
	loop_timer_stop(&c->timer);
	loop_hook_stop(&c->go);
	loop_reap(u->loop, &c->grave, upconn_reap);
	upstream_turn(u);
}

void
upconn_update(struct upconn *c)
{
	bool reading = c->state == UP_IDLE || (c->state == UP_BUSY && !c->call->paused);
	unsigned want = reading && !c->eof ? LOOP_READ | LOOP_RDHUP : 0;
	if (c->state == UP_HANDSHAKE)
		want = LOOP_READ;
	if (c->want_write || c->state == UP_CONNECTING)
		want |= LOOP_WRITE;
	loop_fd_want(&c->io, want);
}

static void
idle_expired(struct loop_timer *t)
{
	upconn_kill(container_of(t, struct upconn, timer));
}

/* The response is complete: keep the connection if both sides are in step. */
static void
call_complete(struct upconn *c)
{
	struct http_call *k = c->call;
	struct http_upstream *u = c->u;
	bool keep = k->keep_alive && k->sent == k->out.n && c->in.n == 0 && !c->eof && u->n_idle < u->o.max_idle &&
	            (!c->tls || !tls_pending(c->tls));
	if (keep) {
		c->call = NULL;
		c->state = UP_IDLE;
		c->reused = true;
		c->want_write = false;
		list_del(&c->node);
		list_add_head(&u->idle, &c->node);
		u->n_idle++;
		buf_fini(&c->in);
		loop_hook_stop(&c->go);
		loop_timer_after(u->loop, &c->timer, u->o.idle_ns, idle_expired);
		upconn_update(c);
		upstream_turn(u);
	} else {
		upconn_kill(c);
	}
	call_end(k, OK);
}

/* The connection failed. A call that can not have had an effect, or may be repeated, gets one fresh connection. */
void
upconn_fail(struct upconn *c, status s)
{
	struct http_call *k = c->call;
	bool again = k && s.code == E_UPSTREAM && c->reused && !k->retried && !k->got_bytes && (k->sent == 0 || k->idempotent);
	upconn_kill(c);
	if (!k)
		return;
	if (!again) {
		call_end(k, s);
		return;
	}
	call_again(k);
}

static void
connect_expired(struct loop_timer *t)
{
	upconn_fail(container_of(t, struct upconn, timer), FAIL(E_TIMEOUT));
}

/* Sending */

enum io { IO_OK, IO_AGAIN, IO_END, IO_BROKEN };

static enum io
from_tls(enum tls_io r)
{
	switch (r) {
	case TLS_DONE:
		return IO_OK;
	case TLS_WANT_READ:
	case TLS_WANT_WRITE:
		return IO_AGAIN;
	case TLS_CLOSED:
		return IO_END;
	case TLS_FAILED:
		break;
	}
	return IO_BROKEN;
}

static enum io
upconn_send(struct upconn *c, span data, size_t *ret)
{
	if (c->tls)
		return from_tls(tls_write(c->tls, data.p, data.n, ret));
	ssize_t r = send(c->io.fd, data.p, data.n, MSG_NOSIGNAL);
	if (r < 0)
		return errno == EAGAIN || errno == EINTR ? IO_AGAIN : IO_BROKEN;
	*ret = (size_t)r;
	return IO_OK;
}

static enum io
upconn_recv(struct upconn *c, void *p, size_t n, size_t *ret)
{
	if (c->tls)
		return from_tls(tls_read(c->tls, p, n, ret));
	ssize_t r = recv(c->io.fd, p, n, 0);
	if (r < 0)
		return errno == EAGAIN || errno == EINTR ? IO_AGAIN : IO_BROKEN;
	*ret = (size_t)r;
	return r == 0 ? IO_END : IO_OK;
}

static void
send_request(struct upconn *c)
{
	struct http_call *k = c->call;
	enum io r = IO_OK;
	while (r == IO_OK && k->sent < k->out.n) {
		size_t n = 0;
		r = upconn_send(c, span_sub(buf_span(&k->out), k->sent, k->out.n), &n);
		if (r == IO_OK)
			k->sent += n;
	}
	if (r == IO_BROKEN || r == IO_END) {
		/* An upstream that refuses early may have answered before it closed: read that first, if there is any. */
		if (k->sent == 0) {
			upconn_fail(c, FAIL(E_UPSTREAM));
			return;
		}
		c->want_write = false;
	} else {
		c->want_write = k->sent < k->out.n;
	}
	upconn_update(c);
}

void
upconn_begin(struct upconn *c)
{
	loop_timer_stop(&c->timer);
	c->state = UP_BUSY;
	c->call->state = CALL_HEAD;
	send_request(c);
}

/* Receiving */

static bool
deliver(struct upconn *c, span data)
{
	struct http_call *k = c->call;
	k->total += data.n;
	if (k->total > k->max_body) {
		upconn_fail(c, FAIL(E_LIMIT));
		return false;
	}
	if (k->ev->on_body)
		k->ev->on_body(k->user, k, data);
	return c->state == UP_BUSY;
}

/* A head at the front of `in` is whole. False: the connection ended or changed hands. */
static bool
take_head(struct upconn *c, size_t len)
{
	struct http_call *k = c->call;
	struct http1_response r;
	if (failed(http1_parse_response(span_make(c->in.p, len), k->method, &r))) {
		upconn_fail(c, FAIL(E_UPSTREAM));
		return false;
	}
	k->scan = (struct http1_scanner){ 0 };
	if (r.status < 200) {
		buf_consume(&c->in, len);
		if (++k->interim <= MAX_INTERIM)
			return true;
		upconn_fail(c, FAIL(E_UPSTREAM));
		return false;
	}
	if (r.body == HTTP1_LENGTH && r.content_length > k->max_body) {
		upconn_fail(c, FAIL(E_LIMIT));
		return false;
	}
	k->state = CALL_BODY;
	k->keep_alive = r.keep_alive;
	k->framing = r.body;
	k->left = r.content_length;
	http1_chunked_init(&k->chunked, k->max_body);
	loop_timer_after(k->u->loop, &k->timer, k->silence_ns, call_on_timer);
	if (k->ev->on_head)
		k->ev->on_head(k->user, k, &(struct http_call_head){ .status = r.status, .content_type = r.content_type, .fields = r.f });
	if (c->state != UP_BUSY)
		return false;
	buf_consume(&c->in, len);
	return true;
}

static bool
find_head(struct upconn *c)
{
	size_t len;
	uint16_t err;
	if (c->in.n == 0)
		return false;
	c->call->got_bytes = true;
	switch (http1_scan(&c->call->scan, buf_span(&c->in), HTTP_MAX_HEAD, &len, &err)) {
	case HTTP1_MORE:
		return false;
	case HTTP1_BAD:
		upconn_fail(c, FAIL(E_UPSTREAM));
		return false;
	case HTTP1_HEAD:
		break;
	}
	return take_head(c, len);
}

/* Hands over body bytes until the buffer is empty, the call pauses or the response ends. */
static void
take_body(struct upconn *c)
{
	struct http_call *k = c->call;
	span rest = buf_span(&c->in), data = { 0 };
	bool alive = true, complete = k->framing == HTTP1_NONE, bad = false;
	while (alive && !complete && !bad && !k->paused && rest.n) {
		uint16_t err = E_OK;
		data = (span){ 0 };
		if (k->framing == HTTP1_CHUNKED) {
			enum http1_chunk r = http1_chunked_next(&k->chunked, &rest, &data, &err);
			complete = r == HTTP1_CHUNK_END;
			bad = r == HTTP1_CHUNK_BAD;
			if (bad)
				upconn_fail(c, FAIL(err == E_LIMIT ? E_LIMIT : E_UPSTREAM));
		} else {
			data = k->framing == HTTP1_LENGTH && k->left < rest.n ? span_sub(rest, 0, (size_t)k->left) : rest;
			rest = span_sub(rest, data.n, rest.n);
			k->left -= k->framing == HTTP1_LENGTH ? data.n : 0;
			complete = k->framing == HTTP1_LENGTH && k->left == 0;
		}
		if (data.n)
			alive = deliver(c, data);
	}
	if (!alive || bad)
		return;
	/* The end of a chunked body may have come with the last data while paused: look again without data. */
	buf_consume(&c->in, c->in.n - rest.n);
	if (complete && !k->paused)
		call_complete(c);
	else if (complete)
		k->framing = HTTP1_NONE;   /* told when it resumes */
}

static void
process(struct upconn *c)
{
	struct http_call *k = c->call;
	while (c->state == UP_BUSY && c->call == k && k->state == CALL_HEAD && find_head(c))
		;
	if (c->state == UP_BUSY && c->call == k && k->state == CALL_BODY && !k->paused)
		take_body(c);
}

/* The upstream closed. */
static void
at_end(struct upconn *c)
{
	struct http_call *k = c->call;
	if (k->paused || c->in.n) {
		if (!k->paused)
			upconn_fail(c, FAIL(E_UPSTREAM));
		return;
	}
	if (k->state == CALL_BODY && k->framing == HTTP1_UNTIL_CLOSE)
		call_complete(c);
	else
		upconn_fail(c, FAIL(E_UPSTREAM));
}

static void
read_turn(struct upconn *c)
{
	struct http_call *k = c->call;
	for (size_t budget = LOOP_BYTES; budget > 0 && !c->eof; ) {
		if (c->state != UP_BUSY || c->call != k || k->paused)
			return;
		c->in.max = HTTP_MAX_HEAD + LOOP_BYTES;
		size_t got = 0;
		if (!buf_reserve(&c->in, READ_AT_ONCE)) {
			upconn_fail(c, FAIL(c->in.err));
			return;
		}
		size_t room = c->in.cap - c->in.n < budget ? c->in.cap - c->in.n : budget;
		enum io r = upconn_recv(c, c->in.p + c->in.n, room, &got);
		if (r == IO_AGAIN)
			return;
		if (r == IO_BROKEN) {
			upconn_fail(c, FAIL(E_UPSTREAM));
			return;
		}
		c->eof = r == IO_END;
		c->in.n += got;
		budget -= got;
		if (got && k->state == CALL_BODY)
			loop_timer_after(c->u->loop, &k->timer, k->silence_ns, call_on_timer);
		process(c);
		if (c->state == UP_BUSY && c->call == k && c->eof)
			at_end(c);
		if (!c->tls && got < room)
			break;
	}
	if (c->state == UP_BUSY && c->call == k && c->tls && tls_pending(c->tls))
		loop_soon(c->u->loop, &c->go, upconn_go);
}

static void
upconn_go(struct loop_hook *h)
{
	struct upconn *c = container_of(h, struct upconn, go);
	struct http_call *k = c->call;
	if (c->state != UP_BUSY)
		return;
	process(c);
	if (c->state == UP_BUSY && c->call == k && c->eof)
		at_end(c);
	if (c->state == UP_BUSY && c->call == k)
		read_turn(c);
	if (c->state == UP_BUSY)
		upconn_update(c);
}

/* Connecting */

static void
handshake(struct upconn *c)
{
	enum tls_io r = tls_handshake(c->tls);
	if (r == TLS_FAILED || r == TLS_CLOSED) {
		upconn_fail(c, FAIL(E_UPSTREAM));
		return;
	}
	c->want_write = r == TLS_WANT_WRITE;
	if (r == TLS_DONE)
		upconn_begin(c);
	else
		upconn_update(c);
}

static void
connected(struct upconn *c)
{
	int err = 0;
	socklen_t n = sizeof err;
	if (getsockopt(c->io.fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0 || err) {
		upconn_fail(c, FAIL(E_UPSTREAM));
		return;
	}
	if (!c->u->o.tls) {
		upconn_begin(c);
		return;
	}
	status s = tls_connect(c->u->o.tls, c->io.fd, c->u->host, &c->tls);
	if (failed(s)) {
		upconn_fail(c, s);
		return;
	}
	c->state = UP_HANDSHAKE;
	handshake(c);
}

static void
upconn_ready(struct loop_fd *f, unsigned events)
{
	struct upconn *c = container_of(f, struct upconn, io);
	switch (c->state) {
	case UP_CONNECTING:
		connected(c);
		return;
	case UP_HANDSHAKE:
		handshake(c);
		return;
	case UP_IDLE:   /* whatever an idle upstream says, it is not an answer */
		upconn_kill(c);
		return;
	case UP_DEAD:
		return;
	case UP_BUSY:
		break;
	}
	struct http_call *k = c->call;
	if ((events & LOOP_HUP) && k->paused) {
		c->parked_fd = loop_fd_take(&c->io);
		return;
	}
	if ((events & LOOP_WRITE) && c->want_write)
		send_request(c);
	if (c->state == UP_BUSY && c->call == k && (events & ~(unsigned)LOOP_WRITE))
		read_turn(c);
	if (c->state == UP_BUSY)
		upconn_update(c);
}

status
upconn_open(struct http_upstream *u, struct http_call *k)
{
	struct upconn *c = calloc(1, sizeof *c);
	ENSURE(c, E_NO_MEMORY);
	int fd = socket(u->o.addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
	/* A unix socket answers at once: 0, or EAGAIN when its backlog is full, which is a refusal like any other. */
	if (fd < 0 || (connect(fd, (const struct sockaddr *)&u->o.addr, u->o.addr_len) < 0 && errno != EINPROGRESS))
		goto fail;
	if (u->o.addr.ss_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (failed(loop_fd_add(u->loop, &c->io, fd, LOOP_WRITE, upconn_ready)))
		goto fail;
	c->u = u;
	c->call = k;
	c->parked_fd = -1;
	buf_init(&c->in, HTTP_MAX_HEAD + LOOP_BYTES);
	k->conn = c;
	list_init(&c->node);
	list_add_tail(&u->conns, &c->node);
	u->n_conns++;
	loop_timer_after(u->loop, &c->timer, u->o.connect_ns, connect_expired);
	return OK;
fail:
	if (fd >= 0)
		close(fd);
	free(c);
	return FAIL(E_UPSTREAM);
}

struct upconn *
upconn_idle(struct http_upstream *u)
{
	while (!list_empty(&u->idle)) {
		struct upconn *c = container_of(u->idle.next, struct upconn, node);
		uint8_t b;
		if (recv(c->io.fd, &b, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || (errno != EAGAIN && errno != EINTR)) {
			upconn_kill(c);
			continue;
		}
		list_del(&c->node);
		list_add_tail(&u->conns, &c->node);
		u->n_idle--;
		return c;
	}
	return NULL;
}

void
upconn_resume(struct upconn *c)
{
	if (c->parked_fd >= 0) {
		int fd = c->parked_fd;
		c->parked_fd = -1;
		if (failed(loop_fd_add(c->u->loop, &c->io, fd, LOOP_READ, upconn_ready)))
			c->parked_fd = fd;   /* what is buffered can still be read; the timer ends the rest */
	}
	loop_soon(c->u->loop, &c->go, upconn_go);
}
