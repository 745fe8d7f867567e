/* A whole server connection: bytes in pieces over a unix socket, handlers that answer at once, later, by stream or not at
 * all. The first byte picks pieces and ending. Afterwards nothing is open. */
#include "net/http_server.h"
#include "net/socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct loop *l;
static struct http_server *s;
static struct http_exchange *waiting;
static struct sockaddr_storage addr;
static socklen_t addr_n;

static void
on_request(void *, struct http_exchange *x, const struct http_request *r)
{
	must(http_exchange_find(s, http_exchange_id(x)) == x);
	if (span_starts(r->path, SPAN("/l"))) {
		waiting = x;
	} else if (span_starts(r->path, SPAN("/s"))) {
		http_stream_begin(x, &(struct http_answer){ .status = 200 });
		http_stream_write(x, r->body);
		waiting = x;
	} else if (span_starts(r->path, SPAN("/a"))) {
		http_stream_abort(x);
	} else {
		http_reply(x, &(struct http_answer){ .status = 200, .content_type = r->content_type, .body = r->body });
	}
}

static void
on_gone(void *, struct http_exchange *x)
{
	must(waiting == x);
	waiting = NULL;
}

static char dir[] = "/tmp/ambit-fuzz-XXXXXX", path[64];

static void
clean_up(void)
{
	unlink(path);
	rmdir(dir);
}

static void
start(void)
{
	int fd;
	must(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/s", dir);
	must(!failed(loop_new(env_posix(), &l)));
	must(!failed(http_server_new(l, &(struct http_server_options){ .max_body = 4096 },
	    &(struct http_handler){ .on_request = on_request, .on_gone = on_gone }, NULL, &s)));
	must(!failed(net_listen_unix(path, 0600, &fd)));
	must(!failed(http_server_listen(s, fd, NULL)));
	must(!failed(net_unix_addr(path, &addr, &addr_n)));
	atexit(clean_up);
}

static void
finish_waiting(bool properly)
{
	struct http_exchange *x = waiting;
	waiting = NULL;
	if (!x)
		return;
	if (http_stream_room(x)) {
		if (properly)
			http_stream_end(x);
		else
			http_stream_abort(x);
	} else {
		http_reply_error(x, E_NOT_FOUND, (span){ 0 });
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n < 1)
		return 0;
	if (!l)
		start();

	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(fd >= 0 && connect(fd, (struct sockaddr *)&addr, addr_n) == 0);
	size_t step = p[0] % 4 == 0 ? n : 1 + p[0] % 64u;
	uint8_t waste[65536];
	for (size_t at = 1; at < n; at += step) {
		span part = span_sub(span_make(p, n), at, step);
		if (send(fd, part.p, part.n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
		must(!failed(loop_step(l, 0)));
		if (p[0] & 0x40)
			finish_waiting(p[0] & 0x20);
	}
	if (p[0] & 0x80)
		shutdown(fd, SHUT_WR);
	for (int i = 0; i < 3; i++) {
		must(!failed(loop_step(l, 0)));
		finish_waiting(p[0] & 0x20);
		while (recv(fd, waste, sizeof waste, MSG_DONTWAIT) > 0)
			;
	}
	close(fd);
	for (int i = 0; i < 64 && http_server_stats(s).conns; i++)
		must(!failed(loop_step(l, 0)));
	must(http_server_stats(s).conns == 0 && !waiting);
	return 0;
}
