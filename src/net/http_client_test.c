#include "net/net_test.h"

#include "net/http_client.h"
#include <netinet/in.h>
#include <netinet/tcp.h>

/* Our client against a scripted upstream: a raw listening socket that the test accepts and answers by hand. */
struct fixture {
	struct net_world w;
	struct http_upstream *u;
	int lfd;
	uint16_t port;
	struct buf log;
	struct http_call *call;
	bool pause_on_head, pause_on_body, cancel_on_head, cancel_on_body, free_on_body;
	int ended;
	bool maybe_sent;
	uint16_t err;
};

static void
on_head(void *user, struct http_call *c, const struct http_call_head *h)
{
	struct fixture *f = user;
	buf_printf(&f->log, "<%u %.*s>", h->status, SPAN_ARG(h->content_type));
	if (f->pause_on_head)
		http_call_pause(c);
	if (f->cancel_on_head)
		http_call_cancel(c);
}

static void
on_body(void *user, struct http_call *c, span data)
{
	struct fixture *f = user;
	buf_put(&f->log, data);
	if (f->pause_on_body)
		http_call_pause(c);
	if (f->cancel_on_body)
		http_call_cancel(c);
	if (f->free_on_body)
		f->u = http_upstream_free(f->u);
}

static void
on_end(void *user, struct http_call *, status s, bool maybe_sent)
{
	struct fixture *f = user;
	buf_printf(&f->log, "<%s>", error_name(s.code));
	f->ended++;
	f->err = s.code;
	f->maybe_sent = maybe_sent;
}

static const struct http_call_events events = { on_head, on_body, on_end };

static void
restart(struct fixture *f, struct http_upstream_options o)
{
	http_upstream_free(f->u);
	if (!o.host)
		o.host = "tools.example:80";
	if (!o.addr_len)
		assert_ok(net_ip_addr("127.0.0.1", f->port, &o.addr, &o.addr_len));
	assert_ok(http_upstream_new(f->w.l, &o, &f->u));
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	*state = f;
	net_world_init(&f->w);
	buf_init(&f->log, 32 << 20);
	assert_ok(net_listen_tcp("127.0.0.1", 0, false, &f->lfd));
	assert_ok(net_local_port(f->lfd, &f->port));
	restart(f, (struct http_upstream_options){ 0 });
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	http_upstream_free(f->u);
	loop_free(f->w.l);
	buf_fini(&f->log);
	close(f->lfd);
	free(f);
	return 0;
}

static int
upstream_accept(struct fixture *f)
{
	pump(&f->w);
	int fd = accept4(f->lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static const struct http_outgoing post = { .method = "POST", .target = { (const uint8_t *)"/mcp", 4 }, .body = { (const uint8_t *)"{}", 2 } };

static void
start(struct fixture *f, const struct http_outgoing *o)
{
	buf_reset(&f->log);
	f->ended = 0;
	f->err = E_OK;
	assert_ok(http_call_start(f->u, o, &events, f, &f->call));
	assert_int_equal(f->log.n, 0);
}

static const char *
log_of(struct fixture *f)
{
	const char *s;
	pump(&f->w);
	assert_ok(buf_finish_str(&f->log, &s));
	return s;
}

static void
sends_what_was_asked_and_reuses_the_connection(void **state)
{
	struct fixture *f = *state;
	CLEANUP(heard_fini) struct heard h = { 0 };
	struct http_field field = { SPAN("Accept"), SPAN("text/event-stream") };
	struct http_outgoing o = post;
	o.fields = (struct http_fields){ &field, 1 };
	start(f, &o);
	int fd = upstream_accept(f);
	assert_string_equal(hear(&f->w, fd, &h), "POST /mcp HTTP/1.1\r\nHost: tools.example:80\r\nAccept: text/event-stream\r\nContent-Length: 2\r\n\r\n{}");
	say(fd, SPAN("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\nhello"));
	assert_string_equal(log_of(f), "<200 a/b>hello<ok>");
	assert_true(f->maybe_sent);
	start(f, &(struct http_outgoing){ .method = "GET", .target = SPAN("/x?y") });
	assert_string_equal(hear(&f->w, fd, &h), "GET /x?y HTTP/1.1\r\nHost: tools.example:80\r\n\r\n");
	say(fd, SPAN("HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
	assert_string_equal(log_of(f), "<202 >abc<ok>");
	/* the upstream closes while idle: the next call goes to a fresh connection */
	close(fd);
	pump(&f->w);
	start(f, &post);
	fd = upstream_accept(f);
	say(fd, SPAN("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"));
	assert_string_equal(log_of(f), "<204 ><ok>");
	hear(&f->w, fd, &h);
	assert_int_equal(h.end, 1);
	close(fd);
}

static void
responses_in_any_pieces(void **state)
{
	struct fixture *f = *state;
	static const struct { span in; const char *want; bool close; } t[] = {
		{ SPAN("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), "<200 >hello<ok>", false },
		{ SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), "<200 >hello<ok>", false },
		{ SPAN("HTTP/1.1 200 OK\r\n\r\nhello"), "<200 >hello<ok>", true },
		{ SPAN("HTTP/1.0 200 OK\r\n\r\nhello"), "<200 >hello<ok>", true },
	};
	int fd = -1;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		for (size_t cut = 1; cut < t[i].in.n; cut++) {
			start(f, &post);
			pump(&f->w);
			int fresh = accept4(f->lfd, NULL, NULL, SOCK_NONBLOCK);
			if (fresh >= 0) {
				int one = 1;
				setsockopt(fresh, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
				if (fd >= 0)
					close(fd);
				fd = fresh;
			}
			CLEANUP(heard_fini) struct heard h = { 0 };
			if (!has(hear(&f->w, fd, &h), "POST"))
				fail_msg("%zu %zu no request", i, cut);
			say(fd, span_sub(t[i].in, 0, cut));
			pump(&f->w);
			say(fd, span_sub(t[i].in, cut, t[i].in.n));
			if (t[i].close)
				close(fd), fd = -1;
			if (strcmp(log_of(f), t[i].want) != 0)
				fail_msg("%zu cut at %zu: %s", i, cut, log_of(f));
		}
	if (fd >= 0)
		close(fd);
}

static void
bad_responses_fail(void **state)
{
	struct fixture *f = *state;
	static const struct { const char *name; span in; const char *want; } t[] = {
		{ "not HTTP", SPAN("SSH-2.0-x\r\n\r\n"), "<upstream>" },
		{ "bare LF", SPAN("HTTP/1.1 200 OK\n\n"), "<upstream>" },
		{ "CL and TE", SPAN("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "<upstream>" },
		{ "101", SPAN("HTTP/1.1 101 Switching Protocols\r\n\r\n"), "<upstream>" },
		{ "bad chunk", SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\n"), "<200 ><upstream>" },
		{ "too long", SPAN("HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n"), "<limit>" },
		{ "too long in a chunk", SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n"), "<200 ><limit>" },
		{ "too long until close", SPAN("HTTP/1.1 200 OK\r\n\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), "<200 ><limit>" },
		{ "interim without end", SPAN("HTTP/1.1 100 a\r\n\r\nHTTP/1.1 100 a\r\n\r\nHTTP/1.1 100 a\r\n\r\nHTTP/1.1 100 a\r\n\r\nHTTP/1.1 100 a\r\n\r\n"
		                              "HTTP/1.1 100 a\r\n\r\nHTTP/1.1 100 a\r\n\r\nHTTP/1.1 100 a\r\n\r\nHTTP/1.1 100 a\r\n\r\n"), "<upstream>" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct http_outgoing o = post;
		o.max_body = 100;
		start(f, &o);
		int fd = upstream_accept(f);
		say(fd, t[i].in);
		if (strcmp(log_of(f), t[i].want) != 0)
			fail_msg("%s: %s", t[i].name, log_of(f));
		close(fd);
	}
	/* cut at every byte */
	static const span whole = SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n0\r\n\r\n");
	for (size_t cut = 0; cut < whole.n; cut++) {
		start(f, &post);
		int fd = upstream_accept(f);
		CLEANUP(heard_fini) struct heard h = { 0 };
		hear(&f->w, fd, &h);
		say(fd, span_sub(whole, 0, cut));
		close(fd);
		log_of(f);
		assert_int_equal(f->ended, 1);
		assert_int_equal(f->err, E_UPSTREAM);
		assert_true(f->maybe_sent);
	}
}

static void
left_over_bytes_never_answer_the_next_call(void **state)
{
	struct fixture *f = *state;
	start(f, &post);
	int fd = upstream_accept(f);
	say(fd, SPAN("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"));
	assert_string_equal(log_of(f), "<200 >a<ok>");
	CLEANUP(heard_fini) struct heard h = { 0 };
	hear(&f->w, fd, &h);
	assert_int_not_equal(h.end, 0);
	close(fd);
	/* and none said on an idle connection either */
	start(f, &post);
	fd = upstream_accept(f);
	say(fd, SPAN("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"));
	assert_string_equal(log_of(f), "<200 >a<ok>");
	say(fd, SPAN("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"));
	hear(&f->w, fd, &h);
	assert_int_not_equal(h.end, 0);
	start(f, &post);
	int fresh = upstream_accept(f);
	say(fresh, SPAN("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nc"));
	assert_string_equal(log_of(f), "<200 >c<ok>");
	close(fd);
	close(fresh);
}

static void
injection_is_refused(void **state)
{
	struct fixture *f = *state;
	struct http_field crlf = { SPAN("X"), SPAN("a\r\nY: b") }, framing = { SPAN("Content-length"), SPAN("5") }, host = { SPAN("Host"), SPAN("b") };
	struct http_field authorization[2] = { { SPAN("Authorization"), SPAN("a") }, { SPAN("Authorization"), SPAN("b") } };
	const struct http_outgoing t[] = {
		{ .method = "POST", .target = SPAN("/a b") },
		{ .method = "POST", .target = SPAN("/a HTTP/1.1\r\nX: y\r\n\r\n") },
		{ .method = "POST", .target = SPAN("http://b/") },
		{ .method = "POST", .target = SPAN("") },
		{ .method = "GET / HTTP/1.1\r\nX:", .target = SPAN("/") },
		{ .method = "BREW", .target = SPAN("/") },
		{ .method = "POST", .target = SPAN("/"), .fields = { &crlf, 1 } },
		{ .method = "POST", .target = SPAN("/"), .fields = { &framing, 1 } },
		{ .method = "POST", .target = SPAN("/"), .fields = { &host, 1 } },
		{ .method = "POST", .target = SPAN("/"), .fields = { authorization, 2 } },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_fails(http_call_start(f->u, &t[i], &events, f, &f->call), E_BAD_REQUEST);
}

static void
only_safe_calls_are_repeated(void **state)
{
	struct fixture *f = *state;
	for (int idempotent = 0; idempotent < 2; idempotent++) {
		start(f, &post);
		int fd = upstream_accept(f);
		say(fd, SPAN("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
		assert_string_equal(log_of(f), "<200 ><ok>");
		struct http_outgoing o = post;
		o.idempotent = idempotent;
		start(f, &o);
		assert_ok(loop_step(f->w.l, 0));   /* the request is on its way before the close is seen */
		CLEANUP(heard_fini) struct heard h = { 0 };
		hear(&f->w, fd, &h);
		close(fd);
		pump(&f->w);
		if (!idempotent) {
			assert_string_equal(log_of(f), "<upstream>");
			assert_true(f->maybe_sent);
			continue;
		}
		fd = upstream_accept(f);
		close(fd);
		assert_string_equal(log_of(f), "<upstream>");   /* once, not for ever */
	}
}

static void
refused_and_silent_upstreams(void **state)
{
	struct fixture *f = *state;
	struct http_upstream_options o = { 0 };
	assert_ok(net_unix_addr("/nonexistent/socket", &o.addr, &o.addr_len));
	restart(f, o);
	start(f, &post);
	assert_string_equal(log_of(f), "<upstream>");
	assert_false(f->maybe_sent);
	restart(f, (struct http_upstream_options){ 0 });
	start(f, &post);
	int fd = upstream_accept(f);
	advance(&f->w, 29000LL * MS);
	assert_int_equal(f->ended, 0);
	advance(&f->w, 2000LL * MS);
	assert_string_equal(log_of(f), "<timeout>");
	assert_true(f->maybe_sent);
	close(fd);
	struct http_outgoing q = post;
	q.silence_ns = 1000LL * MS;
	start(f, &q);
	fd = upstream_accept(f);
	say(fd, SPAN("HTTP/1.1 200 OK\r\n\r\na"));
	pump(&f->w);
	advance(&f->w, 900LL * MS);
	say(fd, SPAN("b"));
	pump(&f->w);
	advance(&f->w, 900LL * MS);
	assert_int_equal(f->ended, 0);
	advance(&f->w, 200LL * MS);
	assert_string_equal(log_of(f), "<200 >ab<timeout>");
	close(fd);
	start(f, &q);
	fd = upstream_accept(f);
	say(fd, SPAN("HTTP/1.1 200 OK\r\n\r\n"));
	pump(&f->w);
	advance(&f->w, 1100LL * MS);
	assert_string_equal(log_of(f), "<200 ><timeout>");
	close(fd);
}

static void
cancel_closes_at_once(void **state)
{
	struct fixture *f = *state;
	CLEANUP(heard_fini) struct heard h = { 0 };
	start(f, &post);
	http_call_cancel(f->call);   /* before it left */
	pump(&f->w);
	assert_int_equal(accept4(f->lfd, NULL, NULL, SOCK_NONBLOCK), -1);
	for (int where = 0; where < 3; where++) {
		f->cancel_on_head = where == 1;
		f->cancel_on_body = where == 2;
		start(f, &post);
		int fd = upstream_accept(f);
		say(fd, SPAN("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab"));
		pump(&f->w);
		if (where == 0)
			http_call_cancel(f->call);
		hear(&f->w, fd, &h);
		assert_int_not_equal(h.end, 0);
		assert_int_equal(f->ended, 0);
		close(fd);
	}
	f->cancel_on_body = false;
	f->free_on_body = true;
	start(f, &post);
	int fd = upstream_accept(f);
	say(fd, SPAN("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab"));
	pump(&f->w);
	assert_int_equal(f->ended, 0);
	close(fd);
}

static void
pausing_slows_the_upstream(void **state)
{
	struct fixture *f = *state;
	f->pause_on_body = true;
	start(f, &(struct http_outgoing){ .method = "GET", .target = SPAN("/"), .max_body = 1 << 30 });
	int fd = upstream_accept(f);
	CLEANUP(heard_fini) struct heard h = { 0 };
	hear(&f->w, fd, &h);
	say(fd, SPAN("HTTP/1.1 200 OK\r\n\r\n"));
	char part[65536];
	memset(part, 'x', sizeof part);
	size_t sent = 0;
	for (int i = 0; i < 2000; i++) {
		ssize_t n = send(fd, part, sizeof part, MSG_NOSIGNAL | MSG_DONTWAIT);
		sent += n > 0 ? (size_t)n : 0;
		assert_ok(loop_step(f->w.l, 0));
	}
	assert_true(sent < 16 << 20);
	assert_true(f->log.n < 128 << 10);
	close(fd);
	advance(&f->w, 400000LL * MS);   /* no silence deadline while we are the ones who wait */
	assert_int_equal(f->ended, 0);
	f->pause_on_body = false;
	http_call_resume(f->call);
	for (int i = 0; i < 200; i++)
		assert_ok(loop_step(f->w.l, 1));
	assert_int_equal(f->ended, 1);
	assert_int_equal(f->err, E_OK);
	assert_int_equal(f->log.n, sent + strlen("<200 >") + strlen("<ok>"));
}

static void
pause_at_every_point(void **state)
{
	struct fixture *f = *state;
	static const struct { span in; bool close; } t[] = {
		{ SPAN("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"), false },
		{ SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n"), false },
		{ SPAN("HTTP/1.1 200 OK\r\n\r\nab"), true },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		for (int unix_socket = 0; unix_socket < 2; unix_socket++) {
			struct http_upstream_options o = { 0 };
			char dir[] = "/tmp/ambit-up-XXXXXX", path[64];
			int lfd = f->lfd, ufd = -1;
			assert_non_null(mkdtemp(dir));
			snprintf(path, sizeof path, "%s/s", dir);
			assert_ok(net_listen_unix(path, 0600, &ufd));
			if (unix_socket) {
				assert_ok(net_unix_addr(path, &o.addr, &o.addr_len));
				f->lfd = ufd;
			}
			restart(f, o);
			f->pause_on_head = f->pause_on_body = true;
			start(f, &post);
			int fd = upstream_accept(f);
			CLEANUP(heard_fini) struct heard h = { 0 };
			hear(&f->w, fd, &h);
			say(fd, t[i].in);
			if (t[i].close)
				close(fd);
			for (int k = 0; k < 8 && !f->ended; k++) {
				pump(&f->w);
				http_call_resume(f->call);
				pump(&f->w);
			}
			assert_string_equal(log_of(f), "<200 >ab<ok>");
			if (!t[i].close)
				close(fd);
			f->lfd = lfd;
			f->pause_on_head = f->pause_on_body = false;
			close(ufd);
			unlink(path);
			rmdir(dir);
		}
}

static void
calls_wait_their_turn(void **state)
{
	struct fixture *f = *state;
	restart(f, (struct http_upstream_options){ .max_conns = 2, .max_waiting = 3 });
	struct http_call *k;
	for (int i = 0; i < 3; i++)
		assert_ok(http_call_start(f->u, &post, &events, f, &k));
	assert_fails(http_call_start(f->u, &post, &events, f, &k), E_RATE_LIMITED);
	int a = upstream_accept(f), b = upstream_accept(f);
	assert_int_equal(accept4(f->lfd, NULL, NULL, SOCK_NONBLOCK), -1);
	CLEANUP(heard_fini) struct heard h = { 0 };
	hear(&f->w, a, &h);
	say(a, SPAN("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
	assert_true(has(hear(&f->w, a, &h), "POST /mcp"));   /* the third, on the same connection */
	close(b);
	say(a, SPAN("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
	pump(&f->w);
	assert_int_equal(f->ended, 3);
	advance(&f->w, 31000LL * MS);
	hear(&f->w, a, &h);
	assert_int_equal(h.end, 1);   /* idle for 30 s */
	close(a);
}

#define C(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
TEST_MAIN(C(sends_what_was_asked_and_reuses_the_connection), C(responses_in_any_pieces), C(bad_responses_fail),
    C(left_over_bytes_never_answer_the_next_call), C(injection_is_refused), C(only_safe_calls_are_repeated), C(refused_and_silent_upstreams),
    C(cancel_closes_at_once), C(pausing_slows_the_upstream), C(pause_at_every_point), C(calls_wait_their_turn))
