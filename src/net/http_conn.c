#include "net/http_server_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77   /* Linux 6.5; absent from Debian 12's headers */
#endif

enum { REQUESTS_PER_TURN = 16 };

static const int64_t LINGER_NS = 2000000000;

static void conn_ready(struct loop_fd *f, unsigned events);
static void conn_resume(struct loop_hook *h);
static void conn_flush(struct loop_hook *h);

/* Deadlines. The timer is only ever moved earlier; when it fires too early it is set again. */

static void
set_deadline(struct http_conn *c, int64_t after_ns)
{
	c->deadline = loop_now(c->s->loop).boot + after_ns;
	if (!loop_timer_active(&c->timer) || c->timer.at > c->deadline)
		loop_timer_set(c->s->loop, &c->timer, c->deadline, conn_on_timer);
}

static void
shorten_deadline(struct http_conn *c, int64_t after_ns)
{
	if (c->deadline == 0 || c->deadline > loop_now(c->s->loop).boot + after_ns)
		set_deadline(c, after_ns);
}

/* What the state and the buffers allow it to wait for. */
static void
arm(struct http_conn *c)
{
	const struct http_server_options *o = &c->s->o;
	if (c->want_write || c->state == CONN_FLUSH)
		set_deadline(c, o->stall_ns);
	else if (c->state == CONN_HEAD)
		set_deadline(c, c->in.n ? o->head_ns : o->idle_ns);
	else if (c->state == CONN_BODY)
		set_deadline(c, o->body_ns);
	else if (c->state == CONN_BUSY)
		c->deadline = 0;
}

void
conn_on_timer(struct loop_timer *t)
{
	struct http_conn *c = container_of(t, struct http_conn, timer);
	if (c->deadline == 0)
		return;
	if (loop_now(c->s->loop).boot < c->deadline) {
		loop_timer_set(c->s->loop, t, c->deadline, conn_on_timer);
		return;
	}
	bool idle = c->state == CONN_HEAD && c->in.n == 0 && !c->want_write;
	c->s->stats.timeouts += !idle && c->state != CONN_LINGER;
	conn_kill(c);
}

void
conn_wait_begin(struct http_conn *c)
{
	list_add_tail(&c->s->waiting, &c->in_server);
	list_add_tail(&c->lis->waiting, &c->in_listener);
	list_add_tail(&c->quota->waiting, &c->in_peer);
}

void
conn_wait_end(struct http_conn *c)
{
	list_del(&c->in_server);
	list_del(&c->in_listener);
	list_del(&c->in_peer);
}

static void
conn_reap(struct loop_grave *g)
{
	struct http_conn *c = container_of(g, struct http_conn, grave);
	tls_conn_free(c->tls);
	buf_fini(&c->in);
	buf_fini(&c->out);
	free(c);
}

void
conn_kill(struct http_conn *c)
{
	struct http_server *s = c->s;
	if (c->state == CONN_DEAD)
		return;
	c->state = CONN_DEAD;
	bool open = c->x.state != X_NONE;
	c->x.state = X_NONE;
	server_forget_conn(c);
	loop_fd_close(&c->io);
	if (c->wipe && c->out.p)
		explicit_bzero(c->out.p, c->out.cap);
	if (c->pass_fd > 0)
		close(c->pass_fd);
	c->pass_fd = 0;
	loop_timer_stop(&c->timer);
	if (open && s->h.on_gone)
		s->h.on_gone(s->ctx, &c->x);
	if (s->h.on_conn_end)
		s->h.on_conn_end(s->ctx, c);
	loop_hook_stop(&c->flush);
	loop_hook_stop(&c->resume);
	loop_reap(s->loop, &c->grave, conn_reap);
}

static void
update_interest(struct http_conn *c)
{
	unsigned want = c->rdhup ? 0 : LOOP_RDHUP;
	bool may_read = c->state <= CONN_BODY || c->state == CONN_LINGER || (c->state == CONN_BUSY && c->in.n < c->in.cap);
	if (!c->eof && may_read)
		want |= LOOP_READ;
	if (c->want_write)
		want |= LOOP_WRITE;
	loop_fd_want(&c->io, want);
}

void
conn_want_flush(struct http_conn *c)
{
	if (!c->want_write)
		loop_defer(c->s->loop, &c->flush, conn_flush);
}

void
conn_start(struct http_conn *c)
{
	int fd = c->io.fd;
	c->state = c->tls ? CONN_HANDSHAKE : CONN_HEAD;
	conn_wait_begin(c);
	if (failed(loop_fd_add(c->s->loop, &c->io, fd, LOOP_READ | LOOP_RDHUP, conn_ready))) {
		close(fd);
		conn_kill(c);
		return;
	}
	set_deadline(c, c->tls ? c->s->o.handshake_ns : c->s->o.head_ns);
}

/* Input and output */

enum io { IO_OK, IO_AGAIN, IO_END, IO_BROKEN };

static enum io
from_tls(struct http_conn *c, enum tls_io r, bool *ret_want_write)
{
	*ret_want_write = r == TLS_WANT_WRITE;
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
conn_recv(struct http_conn *c, void *p, size_t n, size_t *ret)
{
	if (c->tls) {
		bool want_write;
		enum io r = from_tls(c, tls_read(c->tls, p, n, ret), &want_write);
		c->want_write |= want_write;
		return r;
	}
	ssize_t r = recv(c->io.fd, p, n, 0);
	if (r < 0)
		return errno == EAGAIN || errno == EINTR ? IO_AGAIN : IO_BROKEN;
	*ret = (size_t)r;
	return r == 0 ? IO_END : IO_OK;
}

/* The descriptor leaves with the first byte that does. */
static ssize_t
send_with_fd(struct http_conn *c, span data)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec v = { (void *)(uintptr_t)data.p, data.n };
	struct msghdr g = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
	struct cmsghdr *m = CMSG_FIRSTHDR(&g);
	m->cmsg_level = SOL_SOCKET;
	m->cmsg_type = SCM_RIGHTS;
	m->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(m), &c->pass_fd, sizeof c->pass_fd);
	ssize_t r = sendmsg(c->io.fd, &g, MSG_NOSIGNAL);
	if (r > 0) {
		close(c->pass_fd);
		c->pass_fd = 0;
	}
	return r;
}

static enum io
conn_send(struct http_conn *c, span data, size_t *ret)
{
	if (c->tls) {
		bool want_write;   /* a write that wants to read retries after the next read */
		return from_tls(c, tls_write(c->tls, data.p, data.n, ret), &want_write);
	}
	ssize_t r = c->pass_fd > 0 ? send_with_fd(c, data) : send(c->io.fd, data.p, data.n, MSG_NOSIGNAL);
	if (r < 0)
		return errno == EAGAIN || errno == EINTR ? IO_AGAIN : IO_BROKEN;
	*ret = (size_t)r;
	return IO_OK;
}

static void
wipe_out(struct http_conn *c)
{
	if (c->wipe && c->out.p)
		explicit_bzero(c->out.p, c->out.cap);
	c->wipe = false;
}

/* All output is out of our hands. */
static void
drained(struct http_conn *c)
{
	c->out_sent = 0;
	wipe_out(c);
	buf_reset(&c->out);
	server_block_give(c->s, &c->out);
	if (c->state != CONN_FLUSH)
		return;
	if (c->tls)
		tls_close_notify(c->tls);
	if (!c->unread_refused) {
		conn_kill(c);
		return;
	}
	shutdown(c->io.fd, SHUT_WR);
	c->state = CONN_LINGER;
	set_deadline(c, LINGER_NS);
}

static void
flush_now(struct http_conn *c)
{
	size_t before = c->out_sent;
	enum io r = IO_OK;
	while (r == IO_OK && c->out_sent < c->out.n) {
		size_t n = 0;
		r = conn_send(c, span_sub(buf_span(&c->out), c->out_sent, c->out.n), &n);
		if (r == IO_OK)
			c->out_sent += n;
	}
	if (r == IO_BROKEN || r == IO_END) {
		conn_kill(c);
		return;
	}
	bool was_waiting = c->want_write;
	c->want_write = c->out_sent < c->out.n;
	if (!c->want_write)
		drained(c);
	if (c->state == CONN_DEAD)
		return;
	if (c->want_write && (c->out_sent != before || !was_waiting))
		set_deadline(c, c->s->o.stall_ns);
	else if (was_waiting && !c->want_write && c->state != CONN_LINGER)
		arm(c);
	if (c->out_sent > c->out.n / 2) {
		buf_consume(&c->out, c->out_sent);
		c->out_sent = 0;
	}
	update_interest(c);
	answer_on_progress(c);
}

static void
conn_flush(struct loop_hook *h)
{
	struct http_conn *c = container_of(h, struct http_conn, flush);
	if (c->state != CONN_DEAD)
		flush_now(c);
}

/* Messages */

/* The head at the front of `in` is whole. Fills the server's scratch; refuses what must be refused before the body. */
static bool
judge_head(struct http_conn *c)
{
	struct http_server *s = c->s;
	struct http1_request *q = &s->scratch;
	status st = http1_parse_request(span_make(c->in.p, c->head_len), q);
	uint16_t err = st.code;
	if (!err && !span_is(q->r.target, "*") && !http_path_is_plain(q->r.path))
		err = E_BAD_REQUEST;
	c->max_body = s->o.max_body;
	if (!err && s->h.on_head)
		err = s->h.on_head(s->ctx, c, &q->r, &c->max_body);
	if (c->state == CONN_DEAD)
		return false;
	if (!err && q->body == HTTP1_LENGTH && q->content_length > c->max_body)
		err = E_LIMIT;
	if (err) {
		conn_refuse(c, err);
		return false;
	}
	c->framing = q->body;
	c->content_length = (size_t)q->content_length;
	c->body_len = 0;
	http1_chunked_init(&c->chunked, c->max_body);
	size_t need = c->head_len + c->max_body + BLOCK;
	c->in.max = need > HTTP_MAX_HEAD + BLOCK ? need : HTTP_MAX_HEAD + BLOCK;
	c->state = CONN_BODY;
	return true;
}

static bool
take_head(struct http_conn *c)
{
	uint16_t err;
	bool first_look = c->scan.pos == 0;
	switch (http1_scan(&c->scan, buf_span(&c->in), HTTP_MAX_HEAD, &c->head_len, &err)) {
	case HTTP1_MORE:
		if (first_look)
			shorten_deadline(c, c->s->o.head_ns);
		return false;
	case HTTP1_BAD:
		conn_refuse(c, err);
		return false;
	case HTTP1_HEAD:
		break;
	}
	return judge_head(c);
}

/* Decodes in place: the body grows behind the head, what is not decoded yet follows. */
static bool
take_chunks(struct http_conn *c)
{
	uint8_t *body = c->in.p + c->head_len;
	span rest = span_make(body + c->body_len, c->in.n - c->head_len - c->body_len), data;
	uint16_t err;
	for (;;) {
		switch (http1_chunked_next(&c->chunked, &rest, &data, &err)) {
		case HTTP1_CHUNK_DATA:
			memmove(body + c->body_len, data.p, data.n);
			c->body_len += data.n;
			continue;
		case HTTP1_CHUNK_MORE:
			buf_truncate(&c->in, c->head_len + c->body_len);
			return false;
		case HTTP1_CHUNK_BAD:
			conn_refuse(c, err);
			return false;
		case HTTP1_CHUNK_END:
			c->msg_len = c->in.n - rest.n;
			return true;
		}
	}
}

static bool
take_body(struct http_conn *c)
{
	if (c->framing == HTTP1_CHUNKED)
		return take_chunks(c);
	c->body_len = c->framing == HTTP1_LENGTH ? c->content_length : 0;
	c->msg_len = c->head_len + c->body_len;
	return c->in.n >= c->msg_len;
}

static void
ask_for_body(struct http_conn *c)
{
	arm(c);
	if (!c->s->scratch.expect_continue || c->in.n > c->head_len)
		return;
	server_block_take(c->s, &c->out, MAX_OUT);
	buf_put(&c->out, SPAN("HTTP/1.1 100 Continue\r\n\r\n"));
	conn_want_flush(c);
}

static void
dispatch(struct http_conn *c, bool parsed)
{
	struct http_server *s = c->s;
	struct http1_request *q = &s->scratch;
	if (!parsed && failed(http1_parse_request(span_make(c->in.p, c->head_len), q))) {
		conn_refuse(c, E_INTERNAL);
		return;
	}
	q->r.body = span_make(c->in.p + c->head_len, c->body_len);
	conn_wait_end(c);
	c->state = CONN_BUSY;
	if (!c->want_write)
		c->deadline = 0;
	c->x = (struct http_exchange){
		.id = ++s->serial << 20 | (c->id & 0xfffff), .state = X_OPEN, .keep_alive = q->keep_alive, .http10 = q->minor == 0,
		.head_only = q->r.method == HTTP_HEAD,
	};
	s->stats.requests++;
	s->h.on_request(s->ctx, &c->x, &q->r);
}

/* Whether the peer's half-close ends what is going on. */
static bool
peer_is_gone(const struct http_conn *c)
{
	return c->rdhup && (c->x.state == X_STREAM || (c->x.state == X_OPEN && c->s->o.fin_is_gone));
}

static bool
resume_pending(const struct http_conn *c)
{
	return c->resume.node.next && !list_empty(&c->resume.node);
}

static void
conn_process(struct http_conn *c)
{
	if (c->processing)
		return;
	c->processing = true;
	for (int n = 0; c->state == CONN_HEAD || c->state == CONN_BODY; n++) {
		if (n == REQUESTS_PER_TURN) {
			loop_soon(c->s->loop, &c->resume, conn_resume);
			break;
		}
		bool parsed = c->state == CONN_HEAD;
		if (parsed && (c->in.n == 0 || !take_head(c)))
			break;
		if (!take_body(c)) {
			if (parsed && c->state == CONN_BODY)
				ask_for_body(c);
			break;
		}
		dispatch(c, parsed);
	}
	c->processing = false;
	if (c->state == CONN_DEAD)
		return;
	if (peer_is_gone(c)) {
		conn_kill(c);
		return;
	}
	if (c->eof && !resume_pending(c) && (c->state == CONN_HEAD || c->state == CONN_BODY)) {
		/* Nothing complete is left and nothing will come. */
		conn_wait_end(c);
		c->state = CONN_FLUSH;
		arm(c);
		conn_want_flush(c);
	}
	update_interest(c);
}

void
conn_exchange_done(struct http_conn *c, bool keep)
{
	c->x.state = X_NONE;
	conn_want_flush(c);
	if (!keep || c->s->draining) {
		c->state = CONN_FLUSH;
		c->unread_refused |= c->in.n > c->msg_len;
		arm(c);
		update_interest(c);
		return;
	}
	buf_consume(&c->in, c->msg_len);
	c->in.max = HTTP_MAX_HEAD + BLOCK;
	c->scan = (struct http1_scanner){ 0 };
	c->state = CONN_HEAD;
	conn_wait_begin(c);
	if (!c->want_write)
		set_deadline(c, c->in.n ? c->s->o.head_ns : c->s->o.idle_ns);
	if (c->in.n == 0)
		server_block_give(c->s, &c->in);
	if (c->processing)
		return;
	if (c->in.n || c->eof || (c->tls && tls_pending(c->tls)))
		loop_soon(c->s->loop, &c->resume, conn_resume);
	update_interest(c);
}

/* Reading */

/* Room for the next read, or 0: while an exchange is open its bytes must not move, so the buffer can not grow. */
static size_t
make_read_room(struct http_conn *c)
{
	struct buf *b = &c->in;
	if (c->state == CONN_BUSY)
		return b->cap - b->n;
	if (!b->p)
		server_block_take(c->s, b, b->max);
	if (b->n < b->cap)
		return b->cap - b->n;
	if (b->n >= b->max)
		return 0;
	size_t grow = b->cap ? b->cap : BLOCK;
	if (grow > b->max - b->n)
		grow = b->max - b->n;
	return buf_reserve(b, grow) ? b->cap - b->n : 0;
}

/* One read and what follows from it. False when there is nothing more to do now. */
static bool
read_some(struct http_conn *c, size_t *budget)
{
	size_t room = make_read_room(c), got = 0;
	if (room == 0) {
		if (c->state == CONN_HEAD || c->state == CONN_BODY)
			conn_refuse(c, c->in.err == E_NO_MEMORY ? E_NO_MEMORY : E_LIMIT);
		return false;
	}
	if (room > *budget)
		room = *budget;
	enum io r = conn_recv(c, c->in.p + c->in.n, room, &got);
	if (r == IO_BROKEN) {
		conn_kill(c);
		return false;
	}
	if (r == IO_AGAIN)
		return false;
	if (r == IO_END)
		c->eof = c->rdhup = true;
	c->in.n += got;
	*budget -= got;
	conn_process(c);
	/* Level-triggered readiness brings us back for what the socket holds, not for what TLS holds. */
	return r == IO_OK && c->tls && c->state != CONN_DEAD && tls_pending(c->tls);
}

static void
read_turn(struct http_conn *c)
{
	size_t budget = LOOP_BYTES;
	while (c->state <= CONN_BUSY && !c->eof && !resume_pending(c) && budget > 0 && read_some(c, &budget))
		;
	if (c->state == CONN_DEAD)
		return;
	if (c->tls && budget == 0 && c->state <= CONN_BUSY)
		loop_soon(c->s->loop, &c->resume, conn_resume);
	update_interest(c);
}

static void
conn_resume(struct loop_hook *h)
{
	struct http_conn *c = container_of(h, struct http_conn, resume);
	if (c->state == CONN_DEAD)
		return;
	conn_process(c);
	if (c->tls && c->state <= CONN_BUSY && tls_pending(c->tls))
		read_turn(c);
}

static void
linger(struct http_conn *c)
{
	uint8_t waste[BLOCK];
	for (int i = 0; i < 16; i++) {
		ssize_t r = recv(c->io.fd, waste, sizeof waste, 0);
		if (r > 0)
			continue;
		if (r == 0 || (errno != EAGAIN && errno != EINTR))
			conn_kill(c);
		return;
	}
}

static void
handshake(struct http_conn *c)
{
	enum tls_io r = tls_handshake(c->tls);
	if (r == TLS_FAILED || r == TLS_CLOSED) {
		c->s->stats.handshake_failures++;
		conn_kill(c);
		return;
	}
	c->want_write = r == TLS_WANT_WRITE;
	if (r == TLS_DONE) {
		c->who.thumbprint = tls_peer_thumbprint(c->tls);
		c->state = CONN_HEAD;
		set_deadline(c, c->s->o.head_ns);
	}
	update_interest(c);
}

static void
conn_ready(struct loop_fd *f, unsigned events)
{
	struct http_conn *c = container_of(f, struct http_conn, io);
	if (events & LOOP_HUP) {
		c->s->stats.handshake_failures += c->state == CONN_HANDSHAKE;
		conn_kill(c);
		return;
	}
	if (c->state == CONN_HANDSHAKE)
		handshake(c);
	if (c->state == CONN_HANDSHAKE || c->state == CONN_DEAD)
		return;
	if (c->state == CONN_LINGER) {
		linger(c);
		return;
	}
	if (events & LOOP_RDHUP)
		c->rdhup = true;
	if (peer_is_gone(c)) {
		conn_kill(c);
		return;
	}
	if (events & LOOP_WRITE)
		flush_now(c);
	if (c->state != CONN_DEAD)
		read_turn(c);
}

/* Accessors */

const struct http_peer *http_conn_peer(const struct http_conn *c) { return &c->who; }
uint64_t http_conn_id(const struct http_conn *c) { return c->id; }
void *http_conn_tag(const struct http_conn *c) { return c->lis->o.tag; }
void http_conn_set_user(struct http_conn *c, void *user) { c->user = user; }
void *http_conn_user(const struct http_conn *c) { return c->user; }
void http_conn_cut(struct http_conn *c) { conn_kill(c); }

status
http_conn_pidfd(struct http_conn *c, int *ret_own_fd)
{
	int fd = -1;
	socklen_t n = sizeof fd;
	ENSURE(c->who.kind == HTTP_PEER_UNIX, E_NOT_IMPLEMENTED);
	if (getsockopt(c->io.fd, SOL_SOCKET, SO_PEERPIDFD, &fd, &n) < 0)
		return FAIL(errno == ENOPROTOOPT ? E_NOT_IMPLEMENTED : E_NOT_FOUND);
	*ret_own_fd = fd;
	return OK;
}
