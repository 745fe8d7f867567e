/* Fails allocation n = 1, 2, ... until a whole conversation succeeds. Linked with --wrap, so libraries are not touched. */
#include "net/net_test.h"

#include "net/http_client.h"
#include "net/http_server.h"
#include "net/sse.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t m);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t m);
void *__wrap_realloc(void *p, size_t n);

static long countdown;   /* the allocation that fails; 0: none */
static bool failed_once;

static bool
fails_now(void)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	failed_once = true;
	return true;
}

void *__wrap_malloc(size_t n) { return fails_now() ? NULL : __real_malloc(n); }
void *__wrap_calloc(size_t n, size_t m) { return fails_now() ? NULL : __real_calloc(n, m); }
void *__wrap_realloc(void *p, size_t n) { return fails_now() ? NULL : __real_realloc(p, n); }

static struct http_exchange *open_exchange;
static unsigned answered, gone, ended;
static uint16_t end_code;
static size_t body;

static void
on_request(void *, struct http_exchange *x, const struct http_request *r)
{
	if (span_is(r->path, "/stream")) {
		open_exchange = x;
		http_stream_begin(x, &(struct http_answer){ .status = 200 });
		return;
	}
	answered++;
	http_reply(x, &(struct http_answer){ .status = 200, .body = r->body });
}

static void
on_gone(void *, struct http_exchange *x)
{
	gone++;
	if (open_exchange == x)
		open_exchange = NULL;
}

static void on_body(void *, struct http_call *, span data) { body += data.n; }

static void
on_end(void *, struct http_call *, status s, bool)
{
	ended++;
	end_code = s.code;
}

static const struct http_call_events events = { .on_body = on_body, .on_end = on_end };

struct parts {
	struct net_world w;
	struct http_server *s;
	struct http_upstream *u;
};

static status
build(struct parts *p, const char *path)
{
	int fd;
	struct http_upstream_options o = { .host = "a" };
	TRY(http_server_new(p->w.l, NULL, &(struct http_handler){ .on_request = on_request, .on_gone = on_gone }, NULL, &p->s));
	TRY(net_listen_unix(path, 0600, &fd));
	TRY(http_server_listen(p->s, fd, NULL));
	TRY(net_unix_addr(path, &o.addr, &o.addr_len));
	return http_upstream_new(p->w.l, &o, &p->u);
}

/* A call with a body that makes buffers grow, and a stream. True when all of it worked. */
static bool
converse(struct parts *p)
{
	static uint8_t big[40000];
	struct http_call *k;
	bool all = true;
	for (int i = 0; i < 2; i++) {
		struct http_outgoing o = { .method = "POST", .target = i ? SPAN("/stream") : SPAN("/echo"), .body = { big, sizeof big } };
		ended = 0;
		body = 0;
		if (failed(http_call_start(p->u, &o, &events, NULL, &k)))
			return false;
		for (int n = 0; n < 60 && !ended; n++) {
			assert_ok(loop_step(p->w.l, 1));
			if (!open_exchange)
				continue;
			struct http_exchange *x = TAKE(open_exchange);
			all &= http_stream_write(x, SPAN_OF(big)) == sizeof big;
			http_stream_end(x);
		}
		if (!ended)
			http_call_cancel(k);   /* the server could not even take it in */
		all &= ended && end_code == E_OK && body == sizeof big;
	}
	return all;
}

static void
no_memory_is_survived(void **)
{
	char dir[] = "/tmp/ambit-oom-XXXXXX", path[64];
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/s", dir);
	long n = 0;
	for (bool done = false; !done; ) {
		struct parts p = { 0 };
		net_world_init(&p.w);
		failed_once = false;
		open_exchange = NULL;
		countdown = ++n;
		bool built = !failed(build(&p, path)), worked = built && converse(&p);
		countdown = 0;
		done = !failed_once;
		if (done)
			assert_true(worked);
		if (built)
			assert_true(converse(&p));   /* and afterwards all is as before */
		http_upstream_free(p.u);
		http_server_free(p.s);
		loop_free(p.w.l);
		unlink(path);
		assert_true(n < 1000);
	}
	rmdir(dir);
	print_message("# %ld allocations\n", n - 1);
	assert_true(n > 10);
}

static bool on_event(void *, const struct sse_event *) { return true; }

static void
sse_survives(void **)
{
	for (long n = 1;; n++) {
		struct sse_parser p;
		sse_init(&p, 4096);
		failed_once = false;
		countdown = n;
		status s = sse_feed(&p, SPAN("event: a\nid: 1\ndata: 0123456789012345678901234567890123456789012345678901234567890123456789\n\n"), on_event, NULL);
		countdown = 0;
		sse_fini(&p);
		if (!failed_once) {
			assert_ok(s);
			break;
		}
		assert_fails(s, E_NO_MEMORY);
	}
}

TEST_MAIN(T(no_memory_is_survived), T(sse_survives))
