/* One call to an upstream that says the input, in pieces, and closes. The first byte picks pieces, pauses, method and
 * cancelling. Whatever it says, the call ends exactly once, and no connection stays that is out of step. */
#include "net/http_client.h"
#include "net/socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static char dir[] = "/tmp/ambit-fuzz-XXXXXX", path[64];
static struct loop *l;
static int lfd = -1;
static struct http_upstream_options options = { .host = "a" };
static struct http_call *call;
static unsigned mode, heads, ends;
static size_t body;

enum { PAUSE = 0x40, CANCEL = 0x80, HEAD_METHOD = 0x20, MAX_BODY = 4096 };

static void
on_head(void *, struct http_call *c, const struct http_call_head *h)
{
	must(h->status >= 200 && h->status < 600 && ends == 0);
	heads++;
	if (mode & PAUSE)
		http_call_pause(c);
}

static void
on_body(void *, struct http_call *c, span data)
{
	must(heads == 1 && ends == 0 && data.n > 0);
	body += data.n;
	must(body <= MAX_BODY);
	if (mode & PAUSE)
		http_call_pause(c);
	if (mode & CANCEL) {
		http_call_cancel(c);
		call = NULL;
	}
}

static void
on_end(void *, struct http_call *, status s, bool maybe_sent)
{
	must(maybe_sent && (heads == 1 || failed(s)));
	ends++;
	call = NULL;
}

static const struct http_call_events events = { on_head, on_body, on_end };

static void
clean_up(void)
{
	unlink(path);
	rmdir(dir);
}

static void
start(void)
{
	must(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/s", dir);
	atexit(clean_up);
	must(!failed(loop_new(env_posix(), &l)));
	must(!failed(net_listen_unix(path, 0600, &lfd)));
	must(!failed(net_unix_addr(path, &options.addr, &options.addr_len)));
}

static void
turns(int n)
{
	for (int i = 0; i < n && call; i++) {
		must(!failed(loop_step(l, 0)));
		if (call && (mode & PAUSE))
			http_call_resume(call);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct http_upstream *u;
	uint8_t waste[4096];
	if (n < 1)
		return 0;
	if (!l)
		start();
	mode = p[0];
	heads = ends = 0;
	body = 0;
	must(!failed(http_upstream_new(l, &options, &u)));
	must(!failed(http_call_start(u, &(struct http_outgoing){ .method = mode & HEAD_METHOD ? "HEAD" : "POST", .target = SPAN("/"), .max_body = MAX_BODY },
	    &events, NULL, &call)));
	turns(2);
	int fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);
	must(fd >= 0);
	turns(1);
	(void)!recv(fd, waste, sizeof waste, MSG_DONTWAIT);   /* unread, it would turn the close into a reset */
	size_t step = p[0] % 4 == 0 ? n : 1 + p[0] % 32u;
	for (size_t at = 1; at < n && call; at += step) {
		span part = span_sub(span_make(p, n), at, step);
		if (send(fd, part.p, part.n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
		turns(2);
	}
	close(fd);
	turns((int)n * 4 + 64);   /* a pause after every byte */
	must(!call && ends + (mode & CANCEL ? body > 0 : 0) == 1);
	http_upstream_free(u);
	must(!failed(loop_step(l, 0)));
	return 0;
}
