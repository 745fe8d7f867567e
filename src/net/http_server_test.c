#include "net/net_test.h"

#include "net/http_server_priv.h"

#include <sys/resource.h>

struct fixture {
	struct net_world w;
	struct http_server *s;
	uint16_t port;
	char dir[64], path[96];
	struct http_exchange *x;        /* the last one kept open by /later or /stream */
	char last_body[64];
	int requests, gone, rooms, conns_ended;
	size_t written;
};

static uint16_t
on_head(void *, struct http_conn *, const struct http_request *r, size_t *max_body)
{
	if (span_is(r->path, "/post-only") && r->method != HTTP_POST)
		return E_METHOD_NOT_ALLOWED;
	if (span_is(r->path, "/json-only") && !http_type_is(r->content_type, "application/json"))
		return E_UNSUPPORTED_MEDIA;
	if (span_is(r->path, "/tiny"))
		*max_body = 4;
	return E_OK;
}

static void
on_request(void *ctx, struct http_exchange *x, const struct http_request *r)
{
	struct fixture *f = ctx;
	f->requests++;
	if (span_is(r->path, "/later") || span_is(r->path, "/stream")) {
		f->x = x;
		size_t n = r->body.n < sizeof f->last_body - 1 ? r->body.n : sizeof f->last_body - 1;
		memcpy(f->last_body, r->body.p, n);
		f->last_body[n] = 0;
		if (span_is(r->path, "/stream"))
			http_stream_begin(x, &(struct http_answer){ .status = 200, .content_type = SPAN("text/event-stream") });
		return;
	}
	if (span_is(r->path, "/echo"))
		http_reply(x, &(struct http_answer){ .status = 200, .content_type = r->content_type, .body = r->body });
	else if (span_is(r->path, "/inject"))
		http_reply(x, &(struct http_answer){ .status = 200, .content_type = SPAN("a\r\nb: c") });
	else if (span_is(r->path, "/secret"))
		http_reply_error_with(x, E_TOKEN_INVALID, SPAN(""), (struct http_fields){ &(struct http_field){ SPAN("WWW-Authenticate"), SPAN("Bearer") }, 1 });
	else
		http_reply_error(x, E_NOT_FOUND, SPAN("no \"such\" path"));
}

static void
on_gone(void *ctx, struct http_exchange *x)
{
	struct fixture *f = ctx;
	f->gone++;
	assert_null(http_exchange_find(f->s, http_exchange_id(x)));
	if (f->x == x)
		f->x = NULL;
}

static void
on_room(void *ctx, struct http_exchange *)
{
	struct fixture *f = ctx;
	f->rooms++;
}

static void
on_conn_end(void *ctx, struct http_conn *)
{
	struct fixture *f = ctx;
	f->conns_ended++;
}

static const struct http_handler handler = {
	.on_head = on_head, .on_request = on_request, .on_gone = on_gone, .on_room = on_room, .on_conn_end = on_conn_end,
};

static void
start(struct fixture *f, const struct http_server_options *o, const struct http_listener_options *lo)
{
	int fd;
	net_world_init(&f->w);
	assert_ok(http_server_new(f->w.l, o, &handler, f, &f->s));
	assert_ok(net_listen_tcp("127.0.0.1", 0, false, &fd));
	assert_ok(net_local_port(fd, &f->port));
	assert_ok(http_server_listen(f->s, fd, lo));
	strcpy(f->dir, "/tmp/ambit-net-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof f->path, "%s/s", f->dir);
	assert_ok(net_listen_unix(f->path, 0600, &fd));
	assert_ok(http_server_listen(f->s, fd, lo));
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	*state = f;
	start(f, NULL, NULL);
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	http_server_free(f->s);
	loop_free(f->w.l);
	unlink(f->path);
	rmdir(f->dir);
	free(f);
	return 0;
}

#define ECHO(body, n) "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " #n "\r\n\r\n" body

static void
answers_and_keeps_the_connection(void **state)
{
	struct fixture *f = *state;
	for (int u = 0; u < 2; u++) {
		int fd = u ? dial_unix(f->path) : dial_tcp(f->port);
		CLEANUP(heard_fini) struct heard h = { 0 };
		for (int i = 0; i < 3; i++) {
			say(fd, SPAN("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: text/x\r\nContent-Length: 5\r\n\r\nhello"));
			const char *s = hear(&f->w, fd, &h);
			assert_true(has(s, "HTTP/1.1 200 OK\r\nDate: "));
			assert_true(has(s, "\r\nContent-Type: text/x\r\nContent-Length: 5\r\n\r\nhello"));
			assert_false(has(s, "Connection"));
			assert_int_equal(h.end, 0);
		}
		say(fd, SPAN("GET /nope HTTP/1.1\r\nHost: a\r\n\r\n"));
		const char *s = hear(&f->w, fd, &h);
		assert_true(has(s, "HTTP/1.1 404 Not Found\r\n"));
		assert_true(has(s, "{\"error\":{\"code\":\"not_found\",\"message\":\"no \\\"such\\\" path\"}}"));
		say(fd, SPAN("GET /secret HTTP/1.1\r\nHost: a\r\n\r\n"));
		s = hear(&f->w, fd, &h);
		assert_true(has(s, "HTTP/1.1 401 Unauthorized\r\n"));
		assert_true(has(s, "\r\nWWW-Authenticate: Bearer\r\n\r\n{\"error\":{\"code\":\"token_invalid\""));
		say(fd, SPAN("HEAD /nope HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
		s = hear(&f->w, fd, &h);
		assert_true(has(s, "Content-Length: 5"));
		assert_true(has(s, "\r\nConnection: close\r\n\r\n"));
		assert_false(has(s, "{"));
		assert_int_equal(h.end, 1);
		close(fd);
	}
	assert_int_equal(f->requests, 12);
	pump(&f->w);
	assert_int_equal(http_server_stats(f->s).conns, 0);
	assert_int_equal(f->conns_ended, 2);
}

static void
every_split_gives_the_same_answer(void **state)
{
	struct fixture *f = *state;
	static const span in[] = {
		SPAN(ECHO("hello", 5)),
		SPAN("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n03\r\nllo\r\n0\r\n\r\n"),
	};
	for (size_t k = 0; k < ARRAY_LEN(in); k++) {
		int fd = dial_unix(f->path);
		CLEANUP(heard_fini) struct heard h = { 0 };
		for (size_t cut = 0; cut < in[k].n; cut++) {
			say(fd, span_sub(in[k], 0, cut));
			assert_string_equal(hear(&f->w, fd, &h), "");
			say(fd, span_sub(in[k], cut, in[k].n));
			assert_true(has(hear(&f->w, fd, &h), "Content-Length: 5\r\n\r\nhello"));
		}
		close(fd);
	}
}

static void
a_reset_at_every_byte_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	static const span in = SPAN(ECHO("hello", 5));
	for (int hard = 0; hard < 2; hard++)
		for (size_t cut = 0; cut <= in.n; cut++) {
			int fd = dial_tcp(f->port);
			struct linger l = { hard, 0 };
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
			say(fd, span_sub(in, 0, cut));
			if (cut % 2)
				pump(&f->w);
			close(fd);
			pump(&f->w);
			assert_int_equal(http_server_stats(f->s).conns, 0);
		}
}

static void
pipelined_requests_are_answered_in_order(void **state)
{
	struct fixture *f = *state;
	int fd = dial_tcp(f->port);
	CLEANUP(heard_fini) struct heard h = { 0 };
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1 << 20);
	for (int i = 100; i < 300; i++)
		buf_printf(&b, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n#%d", i);
	say(fd, buf_span(&b));
	const char *s = hear(&f->w, fd, &h);
	for (int i = 100; i < 300; i++) {
		char want[8];
		snprintf(want, sizeof want, "#%d", i);
		s = strstr(s, want);
		assert_non_null(s);
	}

	/* The second waits for the first, which is answered later; the third ends the connection. */
	say(fd, SPAN("POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nA" ECHO("B", 1) "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /y"));
	assert_string_equal(hear(&f->w, fd, &h), "");
	assert_string_equal(f->last_body, "A");
	http_reply(f->x, &(struct http_answer){ .status = 202 });
	s = hear(&f->w, fd, &h);
	s = strstr(s, "202 Accepted");
	assert_non_null(s);
	s = strstr(s, "\r\n\r\nB");
	assert_non_null(s);
	assert_true(has(s, "404 Not Found"));
	assert_int_equal(count_of(s, "HTTP/1.1"), 1);
	assert_int_equal(h.end, 1);
	close(fd);
}

static void
a_pipelining_peer_is_bounded(void **state)
{
	struct fixture *f = *state;
	int fd = dial_tcp(f->port);
	say(fd, SPAN("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
	pump(&f->w);
	assert_non_null(f->x);
	char part[65536];
	memset(part, 'x', sizeof part);
	size_t taken = 0;
	for (int i = 0; i < 2000; i++) {
		ssize_t n = send(fd, part, sizeof part, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			taken += (size_t)n;
		assert_ok(loop_step(f->w.l, 0));
	}
	assert_true(taken < 16 << 20);   /* what the kernel buffers; the server stopped reading */
	assert_int_equal(f->requests, 1);
	http_conn_cut(http_exchange_conn(f->x));
	assert_int_equal(f->gone, 1);
	close(fd);
}

static void
refusals(void **state)
{
	struct fixture *f = *state;
	static const struct { const char *name; span in; const char *want; } t[] = {
		{ "smuggling", SPAN("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "HTTP/1.1 400 " },
		{ "bare LF", SPAN("GET / HTTP/1.1\nHost: a\n\n"), "HTTP/1.1 400 " },
		{ "no host", SPAN("GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 400 " },
		{ "dot segment", SPAN("GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 400 " },
		{ "double slash", SPAN("GET //echo HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 400 " },
		{ "encoded dot", SPAN("GET /%2e%2e/echo HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 400 " },
		{ "method", SPAN("GET /post-only HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 405 " },
		{ "media type", SPAN("POST /json-only HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}"), "HTTP/1.1 415 " },
		{ "body length", SPAN("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n"), "HTTP/1.1 413 " },
		{ "body length by route", SPAN("POST /tiny HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"), "HTTP/1.1 413 " },
		{ "chunked body by route", SPAN("POST /tiny HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\n"), "HTTP/1.1 413 " },
		{ "bad chunk", SPAN("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\n"), "HTTP/1.1 400 " },
		{ "method name", SPAN("BREW /echo HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 501 " },
		{ "TLS hello", SPAN("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), "HTTP/1.1 400 " },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		int fd = dial_tcp(f->port), before = f->requests;
		CLEANUP(heard_fini) struct heard h = { 0 };
		say(fd, t[i].in);
		const char *s = hear(&f->w, fd, &h);
		if (!span_starts(span_str(s), span_str(t[i].want)) || !has(s, "Connection: close") || !has(s, "{\"error\":{\"code\":") || h.end != 1)
			fail_msg("%s: end %d, %s", t[i].name, h.end, s);
		assert_int_equal(f->requests, before);
		close(fd);
	}
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1 << 20);
	buf_put_str(&b, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
	for (int i = 0; i < 20000; i++)
		buf_put_u8(&b, 'x');
	int fd = dial_tcp(f->port);
	CLEANUP(heard_fini) struct heard h = { 0 };
	say(fd, buf_span(&b));
	assert_true(has(hear(&f->w, fd, &h), "HTTP/1.1 431 "));
	assert_int_equal(h.end, 1);
	close(fd);
}

static void
a_refused_body_does_not_reset_the_answer(void **state)
{
	struct fixture *f = *state;
	int fd = dial_tcp(f->port);
	CLEANUP(heard_fini) struct heard h = { 0 };
	char part[65536] = { 0 };
	say(fd, SPAN("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n"));
	for (int i = 0; i < 10; i++) {
		(void)!send(fd, part, sizeof part, MSG_NOSIGNAL | MSG_DONTWAIT);
		assert_ok(loop_step(f->w.l, 1));
	}
	assert_true(has(hear(&f->w, fd, &h), "HTTP/1.1 413 "));
	assert_int_equal(h.end, 1);
	assert_int_equal(http_server_stats(f->s).conns, 1);   /* lingers, */
	advance(&f->w, 3000LL * MS);                          /* but not for long */
	assert_int_equal(http_server_stats(f->s).conns, 0);
	close(fd);
}

static void
large_bodies_arrive_whole(void **state)
{
	struct fixture *f = *state;
	enum { N = 1 << 20 };
	char *body = malloc(N);
	for (int i = 0; i < N; i++)
		body[i] = (char)('a' + i % 23);
	for (int chunked = 0; chunked < 2; chunked++) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 4 << 20);
		buf_put_str(&b, "POST /echo HTTP/1.1\r\nHost: a\r\n");
		if (chunked) {
			buf_put_str(&b, "Transfer-Encoding: chunked\r\n\r\n");
			for (size_t at = 0, n = 1; at < N; at += n, n = n * 7 % 9973 + 1) {
				span part = span_sub(span_make(body, N), at, n);
				buf_printf(&b, "%zx\r\n", part.n);
				buf_put(&b, part);
				buf_put_str(&b, "\r\n");
			}
			buf_put_str(&b, "0\r\n\r\n");
		} else {
			buf_printf(&b, "Content-Length: %d\r\n\r\n", N);
			buf_put(&b, span_make(body, N));
		}
		int fd = dial_tcp(f->port);
		for (size_t at = 0; at < b.n; ) {
			ssize_t n = send(fd, b.p + at, b.n - at, MSG_NOSIGNAL | MSG_DONTWAIT);
			at += n > 0 ? (size_t)n : 0;
			assert_ok(loop_step(f->w.l, 0));
		}
		CLEANUP(heard_fini) struct heard h = { 0 };
		for (int i = 0; i < 10; i++)
			pump(&f->w);   /* 64 KiB a turn */
		hear(&f->w, fd, &h);
		if (h.b.n <= N)
			fail_msg("chunked %d: %.300s", chunked, h.b.p);
		assert_memory_equal(h.b.p + h.b.n - N, body, N);
		close(fd);
	}
	free(body);
}

static void
slow_clients_meet_a_deadline(void **state)
{
	struct fixture *f = *state;
	CLEANUP(heard_fini) struct heard h = { 0 };
	int silent = dial_tcp(f->port), drip = dial_tcp(f->port), body = dial_tcp(f->port), idle = dial_tcp(f->port);
	say(body, SPAN("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe"));
	say(idle, SPAN(ECHO("x", 1)));
	pump(&f->w);
	for (int i = 0; i < 9; i++) {
		say(drip, SPAN("G"));
		advance(&f->w, 1000LL * MS);
	}
	assert_int_equal(http_server_stats(f->s).conns, 4);
	advance(&f->w, 1100LL * MS);
	assert_int_equal(http_server_stats(f->s).conns, 2);   /* drip and silent are cut after 10 s */
	hear(&f->w, silent, &h);
	assert_int_equal(h.end, 1);
	hear(&f->w, drip, &h);
	assert_int_not_equal(h.end, 0);
	advance(&f->w, 21000LL * MS);
	hear(&f->w, body, &h);
	assert_int_not_equal(h.end, 0);
	hear(&f->w, idle, &h);
	assert_int_equal(h.end, 0);
	advance(&f->w, 50000LL * MS);
	hear(&f->w, idle, &h);
	assert_int_equal(h.end, 1);
	assert_int_equal(http_server_stats(f->s).conns, 0);
	assert_int_equal(http_server_stats(f->s).timeouts, 2);
	close(silent);
	close(drip);
	close(body);
	close(idle);
}

static void
a_slow_second_request_meets_the_same_deadline(void **state)
{
	struct fixture *f = *state;
	CLEANUP(heard_fini) struct heard h = { 0 };
	int fd = dial_tcp(f->port);
	say(fd, SPAN(ECHO("x", 1)));
	assert_true(has(hear(&f->w, fd, &h), "200 OK"));
	advance(&f->w, 20000LL * MS);
	say(fd, SPAN("POST"));
	pump(&f->w);
	advance(&f->w, 9000LL * MS);
	assert_int_equal(http_server_stats(f->s).conns, 1);
	advance(&f->w, 1100LL * MS);
	assert_int_equal(http_server_stats(f->s).conns, 0);
	close(fd);
}

static void
an_open_exchange_keeps_its_bytes(void **state)
{
	struct fixture *f = *state;
	char part[16384] = { 0 };
	int fd = dial_tcp(f->port);
	say(fd, SPAN("POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"));
	pump(&f->w);
	struct http_conn *c = http_exchange_conn(f->x);
	const uint8_t *at = c->in.p;
	size_t cap = c->in.cap;
	say(fd, SPAN_OF(part));
	pump(&f->w);
	assert_int_equal(c->in.cap, cap);
	assert_ptr_equal(c->in.p, at);
	assert_span(span_make(c->in.p + c->head_len, c->body_len), "hello");
	close(fd);
}

static void
an_open_exchange_has_no_deadline_of_ours(void **state)
{
	struct fixture *f = *state;
	CLEANUP(heard_fini) struct heard h = { 0 };
	int fd = dial_tcp(f->port);
	say(fd, SPAN("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
	pump(&f->w);
	advance(&f->w, 3600000LL * MS);
	assert_non_null(f->x);
	uint64_t id = http_exchange_id(f->x);
	assert_ptr_equal(http_exchange_find(f->s, id), f->x);
	http_reply(f->x, &(struct http_answer){ .status = 200, .body = SPAN("late") });
	assert_null(http_exchange_find(f->s, id));
	assert_true(has(hear(&f->w, fd, &h), "late"));
	close(fd);
}

static void
half_close_is_answered(void **state)
{
	struct fixture *f = *state;
	for (int u = 0; u < 2; u++) {
		CLEANUP(heard_fini) struct heard h = { 0 };
		int fd = u ? dial_unix(f->path) : dial_tcp(f->port);
		say(fd, SPAN("POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" ECHO("B", 1)));
		shutdown(fd, SHUT_WR);
		pump(&f->w);
		assert_int_equal(f->gone, 0);
		http_reply(f->x, &(struct http_answer){ .status = 200, .body = SPAN("A") });
		const char *s = hear(&f->w, fd, &h);
		assert_true(has(s, "\r\n\r\nA"));
		assert_true(has(s, "\r\n\r\nB"));
		assert_int_equal(h.end, 1);
		close(fd);
		pump(&f->w);
		assert_int_equal(http_server_stats(f->s).conns, 0);
	}
}

static void
a_vanished_peer_is_reported_once(void **state)
{
	struct fixture *f = *state;
	/* reset while the handler thinks */
	int fd = dial_tcp(f->port);
	say(fd, SPAN("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
	pump(&f->w);
	struct linger l = { 1, 0 };
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
	close(fd);
	pump(&f->w);
	assert_int_equal(f->gone, 1);
	/* close during a stream, over each kind of socket: no write is needed to notice */
	for (int u = 0; u < 2; u++) {
		fd = u ? dial_unix(f->path) : dial_tcp(f->port);
		say(fd, SPAN("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"));
		pump(&f->w);
		assert_non_null(f->x);
		assert_int_equal(http_stream_write(f->x, SPAN("data: 1\n\n")), 9);
		pump(&f->w);
		close(fd);
		pump(&f->w);
		assert_int_equal(f->gone, 2 + u);
		assert_null(f->x);
	}
	assert_int_equal(http_server_stats(f->s).conns, 0);
}

static void
fin_can_count_as_gone(void **state)
{
	struct fixture *f = *state;
	teardown(state);
	*state = f = calloc(1, sizeof *f);
	start(f, &(struct http_server_options){ .fin_is_gone = true }, NULL);
	int fd = dial_tcp(f->port);
	say(fd, SPAN("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
	pump(&f->w);
	shutdown(fd, SHUT_WR);
	pump(&f->w);
	assert_int_equal(f->gone, 1);
	close(fd);
}

static void
streams_are_chunked_and_end(void **state)
{
	struct fixture *f = *state;
	CLEANUP(heard_fini) struct heard h = { 0 };
	int fd = dial_tcp(f->port);
	say(fd, SPAN("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"));
	const char *s = hear(&f->w, fd, &h);
	assert_true(has(s, "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"));
	assert_int_equal(http_stream_write(f->x, SPAN("data: 1\n\n")), 9);
	assert_string_equal(hear(&f->w, fd, &h), "9\r\ndata: 1\n\n\r\n");
	http_stream_end(f->x);
	assert_string_equal(hear(&f->w, fd, &h), "0\r\n\r\n");
	say(fd, SPAN(ECHO("x", 1)));
	assert_true(has(hear(&f->w, fd, &h), "\r\n\r\nx"));
	/* HTTP/1.0: no chunks, ends with the connection */
	say(fd, SPAN("GET /stream HTTP/1.0\r\n\r\n"));
	hear(&f->w, fd, &h);
	http_stream_write(f->x, SPAN("data: 1\n\n"));
	http_stream_end(f->x);
	assert_string_equal(hear(&f->w, fd, &h), "data: 1\n\n");
	assert_int_equal(h.end, 1);
	close(fd);
}

static void
streams_push_back(void **state)
{
	struct fixture *f = *state;
	int fd = dial_unix(f->path);
	say(fd, SPAN("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"));
	pump(&f->w);
	char part[8192];
	memset(part, 'x', sizeof part);
	size_t total = 0;
	for (;;) {
		size_t n = http_stream_write(f->x, SPAN_OF(part));
		total += n;
		assert_true(http_stream_room(f->x) <= HTTP_STREAM_WINDOW);
		if (n < sizeof part && f->rooms == 0) {
			pump(&f->w);
			if (f->rooms == 0)
				break;
		}
		f->rooms = 0;
	}
	assert_true(total < 4 << 20);
	assert_int_equal(http_stream_write(f->x, SPAN("y")), 0);
	/* the peer reads on: room again */
	CLEANUP(heard_fini) struct heard h = { 0 };
	hear(&f->w, fd, &h);
	assert_int_equal(f->rooms, 1);
	assert_true(http_stream_write(f->x, SPAN("y")) == 1);
	/* a peer that stops reading is cut after the stall deadline */
	while (http_stream_write(f->x, SPAN_OF(part)) == sizeof part || f->rooms)
		f->rooms = 0, pump(&f->w);
	pump(&f->w);
	advance(&f->w, 31000LL * MS);
	assert_int_equal(f->gone, 1);
	close(fd);
}

static void
abort_resets(void **state)
{
	struct fixture *f = *state;
	CLEANUP(heard_fini) struct heard h = { 0 };
	int fd = dial_tcp(f->port);
	say(fd, SPAN("GET /stream HTTP/1.0\r\n\r\n"));
	pump(&f->w);
	http_stream_write(f->x, SPAN("half"));
	http_stream_abort(f->x);
	hear(&f->w, fd, &h);
	assert_int_equal(h.end, -1);
	assert_int_equal(f->gone, 0);
	assert_int_equal(http_server_stats(f->s).conns, 0);
	close(fd);
}

static void
unsendable_answers_become_500(void **state)
{
	struct fixture *f = *state;
	CLEANUP(heard_fini) struct heard h = { 0 };
	int fd = dial_tcp(f->port);
	say(fd, SPAN("GET /inject HTTP/1.1\r\nHost: a\r\n\r\n"));
	const char *s = hear(&f->w, fd, &h);
	assert_true(has(s, "HTTP/1.1 500 "));
	assert_false(has(s, "b: c"));
	close(fd);
}

static void
expect_continue(void **state)
{
	struct fixture *f = *state;
	CLEANUP(heard_fini) struct heard h = { 0 };
	int fd = dial_tcp(f->port);
	say(fd, SPAN("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
	assert_string_equal(hear(&f->w, fd, &h), "HTTP/1.1 100 Continue\r\n\r\n");
	say(fd, SPAN("ab"));
	assert_true(has(hear(&f->w, fd, &h), "200 OK"));
	say(fd, SPAN("POST /post-only HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n"));
	assert_true(has(hear(&f->w, fd, &h), "HTTP/1.1 413"));
	close(fd);
}

static void
caps_let_the_new_one_in(void **state)
{
	struct fixture *f = *state;
	CLEANUP(heard_fini) struct heard h = { 0 };
	teardown(state);
	*state = f = calloc(1, sizeof *f);
	start(f, NULL, &(struct http_listener_options){ .max_conns = 8, .max_per_peer = 4 });
	int slow[40], n = 0;
	for (; n < 40; n++) {
		slow[n] = dial_tcp(f->port);
		say(slow[n], SPAN("GET / HT"));
		pump(&f->w);
	}
	assert_int_equal(http_server_stats(f->s).conns, 4);
	assert_int_equal(http_server_stats(f->s).evicted, 36);
	int fd = dial_tcp(f->port);
	say(fd, SPAN(ECHO("x", 1)));
	assert_true(has(hear(&f->w, fd, &h), "200 OK"));
	/* another peer (a uid) is not touched */
	int ufd = dial_unix(f->path);
	say(ufd, SPAN(ECHO("x", 1)));
	assert_true(has(hear(&f->w, ufd, &h), "200 OK"));
	assert_int_equal(http_server_stats(f->s).conns, 5);
	/* busy connections are not evicted: the new one is told so */
	int busy[4];
	for (int i = 0; i < 4; i++) {
		busy[i] = dial_tcp(f->port);
		say(busy[i], SPAN("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
		pump(&f->w);
	}
	int late = dial_tcp(f->port);
	assert_true(has(hear(&f->w, late, &h), "503 Service Unavailable"));
	assert_int_equal(h.end, 1);
	assert_int_equal(http_server_stats(f->s).refused_cap, 1);
	assert_int_equal(f->gone, 0);
	for (int i = 0; i < 4; i++)
		close(busy[i]);
	for (int i = 0; i < n; i++)
		close(slow[i]);
	close(fd);
	close(ufd);
	close(late);
}

static void
each_cap_holds_by_itself(void **state)
{
	struct fixture *f = *state;
	teardown(state);
	*state = f = calloc(1, sizeof *f);
	start(f, NULL, &(struct http_listener_options){ .max_conns = 2, .max_per_peer = 50 });
	int fd[6];
	for (int i = 0; i < 6; i++)
		fd[i] = dial_tcp(f->port), pump(&f->w);
	assert_int_equal(http_server_stats(f->s).conns, 2);
	for (int i = 0; i < 6; i++)
		close(fd[i]);
	teardown(state);
	*state = f = calloc(1, sizeof *f);
	start(f, &(struct http_server_options){ .max_conns = 3 }, &(struct http_listener_options){ .max_per_peer = 50 });
	for (int i = 0; i < 6; i++)
		fd[i] = i % 2 ? dial_tcp(f->port) : dial_unix(f->path), pump(&f->w);
	assert_int_equal(http_server_stats(f->s).conns, 3);
	assert_int_equal(http_server_stats(f->s).evicted, 3);
	for (int i = 0; i < 6; i++)
		close(fd[i]);
	struct rlimit old, few;
	getrlimit(RLIMIT_NOFILE, &old);
	few = old;
	few.rlim_cur = 100;
	setrlimit(RLIMIT_NOFILE, &few);
	struct http_server *s;
	assert_ok(http_server_new(f->w.l, NULL, &handler, f, &s));
	setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(s->o.max_conns, 68);
	http_server_free(s);
}

static void
running_out_of_descriptors_does_not_stop_service(void **state)
{
	struct fixture *f = *state;
	CLEANUP(heard_fini) struct heard h = { 0 };
	enum { N = 30 };
	int c[N];
	struct rlimit old, few;
	int kept = dial_unix(f->path);
	say(kept, SPAN("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
	pump(&f->w);
	for (int i = 0; i < N; i++)
		c[i] = dial_tcp(f->port);
	getrlimit(RLIMIT_NOFILE, &old);
	few = old;
	few.rlim_cur = (rlim_t)c[N - 1] + 8;
	setrlimit(RLIMIT_NOFILE, &few);
	for (int i = 0; i < 60; i++) {
		advance(&f->w, 50 * MS);
	}
	assert_true(http_server_stats(f->s).out_of_fds > 0);
	assert_int_equal(f->gone, 0);
	http_reply(f->x, &(struct http_answer){ .status = 200, .body = SPAN("still") });
	assert_true(has(hear(&f->w, kept, &h), "still"));
	/* those refused learned it at once, and service goes on under the same limit */
	close(c[0]);
	int late = dial_tcp(f->port);
	say(late, SPAN(ECHO("x", 1)));
	advance(&f->w, 50 * MS);
	advance(&f->w, 50 * MS);
	assert_true(has(hear(&f->w, late, &h), "200 OK"));
	setrlimit(RLIMIT_NOFILE, &old);
	close(late);
	close(kept);
	for (int i = 1; i < N; i++)
		close(c[i]);
}

static void
draining_finishes_what_is_open(void **state)
{
	struct fixture *f = *state;
	CLEANUP(heard_fini) struct heard h = { 0 };
	int idle = dial_tcp(f->port), busy = dial_tcp(f->port);
	say(idle, SPAN(ECHO("x", 1)));
	say(busy, SPAN("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
	pump(&f->w);
	http_server_drain(f->s);
	hear(&f->w, idle, &h);
	assert_int_equal(h.end, 1);
	http_reply(f->x, &(struct http_answer){ .status = 200, .body = SPAN("done") });
	assert_true(has(hear(&f->w, busy, &h), "Connection: close\r\n\r\ndone"));
	assert_int_equal(h.end, 1);
	close(idle);
	close(busy);
}

static void
peers_are_known(void **state)
{
	struct fixture *f = *state;
	int t = dial_tcp(f->port);
	say(t, SPAN("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
	pump(&f->w);
	struct http_conn *c = http_exchange_conn(f->x);
	const struct http_peer *p = http_conn_peer(c);
	assert_int_equal(p->kind, HTTP_PEER_IP);
	assert_memory_equal(p->addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
	assert_ptr_equal(http_conn_find(f->s, http_conn_id(c)), c);
	int u = dial_unix(f->path);
	say(u, SPAN("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
	pump(&f->w);
	p = http_conn_peer(http_exchange_conn(f->x));
	assert_int_equal(p->kind, HTTP_PEER_UNIX);
	assert_int_equal(p->uid, getuid());
	assert_int_equal(p->pid, getpid());
	int pidfd = -1;
	status s = http_conn_pidfd(http_exchange_conn(f->x), &pidfd);
	assert_true(s.code == E_OK || s.code == E_NOT_IMPLEMENTED);
	if (s.code == E_OK)
		close(pidfd);
	http_conn_cut(http_exchange_conn(f->x));
	assert_int_equal(f->gone, 1);
	close(t);
	close(u);
}

#define S(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
TEST_MAIN(S(answers_and_keeps_the_connection), S(every_split_gives_the_same_answer), S(a_reset_at_every_byte_leaves_nothing),
    S(pipelined_requests_are_answered_in_order), S(a_pipelining_peer_is_bounded), S(refusals), S(a_refused_body_does_not_reset_the_answer),
    S(large_bodies_arrive_whole), S(slow_clients_meet_a_deadline), S(an_open_exchange_has_no_deadline_of_ours), S(half_close_is_answered),
    S(a_vanished_peer_is_reported_once), S(fin_can_count_as_gone), S(streams_are_chunked_and_end), S(streams_push_back), S(abort_resets),
    S(unsendable_answers_become_500), S(expect_continue), S(caps_let_the_new_one_in), S(each_cap_holds_by_itself), S(a_slow_second_request_meets_the_same_deadline), S(an_open_exchange_keeps_its_bytes),
    S(running_out_of_descriptors_does_not_stop_service),
    S(draining_finishes_what_is_open), S(peers_are_known))
