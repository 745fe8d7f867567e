#include "exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

status
exchange_open(struct exchange *x, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	*x = (struct exchange){ .fd = -1, .got_fd = -1, .max_body = 256 << 20 };
	buf_init(&x->out, 64 << 20);
	buf_init(&x->in, 1 << 20);
	buf_init(&x->head_bytes, HTTP_MAX_HEAD + 1024);
	ENSURE(strlen(path) < sizeof a.sun_path, E_BAD_CONFIG);
	strcpy(a.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ENSURE(fd >= 0, E_IO);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
		int e = errno;
		close(fd);
		return FAIL(e == EACCES || e == EPERM ? E_NOT_PERMITTED : E_UNAVAILABLE);
	}
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	x->fd = fd;
	return OK;
}

void
exchange_close(struct exchange *x)
{
	if (x->fd >= 0)
		close(x->fd);
	if (x->got_fd >= 0)
		close(x->got_fd);
	x->got_fd = -1;
	x->fd = -1;
	x->busy = false;
	buf_fini(&x->out);
	buf_fini(&x->in);
	buf_fini(&x->head_bytes);
}

status
exchange_send(struct exchange *x, const char *target, span fields, span body)
{
	ENSURE(!x->busy && x->fd >= 0, E_INTERNAL);
	buf_reset(&x->out);
	x->sent = 0;
	buf_printf(&x->out, "POST %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: ambit/" AMBIT_VERSION "\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n",
	    target, body.n);
	buf_put(&x->out, fields);
	buf_put_str(&x->out, "\r\n");
	buf_put(&x->out, body);
	TRY(buf_finish(&x->out));
	x->busy = true;
	x->done = x->have_head = false;
	x->scan = (struct http1_scanner){ 0 };
	return OK;
}

short
exchange_wants(const struct exchange *x)
{
	return (short)(POLLIN | (x->busy && x->sent < x->out.n ? POLLOUT : 0));
}

static status
push(struct exchange *x)
{
	while (x->busy && x->sent < x->out.n) {
		ssize_t n = send(x->fd, x->out.p + x->sent, x->out.n - x->sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return OK;
		/* The peer may have refused early; its answer decides, so reading goes on. */
		if (n < 0) {
			x->sent = x->out.n;
			return OK;
		}
		x->sent += (size_t)n;
	}
	return OK;
}

/* Bytes of x->in that belong to a head; *ret_again when there may be more to do with what is left. */
static status
take_head(struct exchange *x, exchange_head_fn *on_head, void *user, bool *ret_again)
{
	size_t len;
	uint16_t err;
	enum http1_scan s = http1_scan(&x->scan, buf_span(&x->in), HTTP_MAX_HEAD, &len, &err);
	ENSURE(s != HTTP1_BAD, E_UPSTREAM);
	*ret_again = s == HTTP1_HEAD;
	if (s == HTTP1_MORE)
		return OK;
	buf_reset(&x->head_bytes);
	buf_put(&x->head_bytes, span_sub(buf_span(&x->in), 0, len));
	TRY(buf_finish(&x->head_bytes));
	buf_consume(&x->in, len);
	x->scan = (struct http1_scanner){ 0 };
	ENSURE(!failed(http1_parse_response(buf_span(&x->head_bytes), HTTP_POST, &x->head)), E_UPSTREAM);
	if (x->head.status < 200)
		return OK;
	x->have_head = true;
	x->keep = x->head.keep_alive && x->head.body != HTTP1_UNTIL_CLOSE;
	x->left = x->head.content_length;
	http1_chunked_init(&x->chunked, x->max_body);
	if (x->head.body == HTTP1_LENGTH)
		ENSURE(x->left <= x->max_body, E_LIMIT);
	if (on_head)
		on_head(user, x);
	if (x->head.body == HTTP1_NONE || (x->head.body == HTTP1_LENGTH && x->left == 0)) {
		x->done = true;
		x->busy = false;
	}
	return OK;
}

static status
take_chunks(struct exchange *x, exchange_body_fn *on_body, void *user)
{
	span in = buf_span(&x->in), data;
	uint16_t err = 0;
	for (;;) {
		enum http1_chunk r = http1_chunked_next(&x->chunked, &in, &data, &err);
		if (r == HTTP1_CHUNK_DATA) {
			if (on_body)
				on_body(user, x, data);
			continue;
		}
		buf_consume(&x->in, x->in.n - in.n);
		ENSURE(r != HTTP1_CHUNK_BAD, err == E_LIMIT ? E_LIMIT : E_UPSTREAM);
		if (r == HTTP1_CHUNK_END) {
			x->done = true;
			x->busy = false;
		}
		return OK;
	}
}

static status
take_body(struct exchange *x, exchange_body_fn *on_body, void *user)
{
	if (x->head.body == HTTP1_CHUNKED)
		return take_chunks(x, on_body, user);
	size_t n = x->in.n;
	if (x->head.body == HTTP1_LENGTH && n > x->left)
		n = (size_t)x->left;
	if (on_body && n)
		on_body(user, x, span_sub(buf_span(&x->in), 0, n));
	buf_consume(&x->in, n);
	if (x->head.body == HTTP1_LENGTH && (x->left -= n) == 0) {
		x->done = true;
		x->busy = false;
	}
	return OK;
}

/* As recv; keeps the last descriptor that comes along. */
static ssize_t
receive(struct exchange *x, uint8_t *room, size_t n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec v = { room, n };
	struct msghdr g = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
	ssize_t got = recvmsg(x->fd, &g, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = got > 0 ? CMSG_FIRSTHDR(&g) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		if (x->got_fd >= 0)
			close(x->got_fd);
		memcpy(&x->got_fd, CMSG_DATA(c), sizeof x->got_fd);
	}
	return got;
}

status
exchange_step(struct exchange *x, exchange_head_fn *on_head, exchange_body_fn *on_body, void *user)
{
	TRY(push(x));
	uint8_t room[65536];
	for (;;) {
		ssize_t n = receive(x, room, sizeof room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return OK;
		if (n <= 0) {
			if (x->busy && x->have_head && x->head.body == HTTP1_UNTIL_CLOSE && n == 0) {
				x->done = true;
				x->busy = false;
				return OK;
			}
			return FAIL(E_UPSTREAM);
		}
		ENSURE(x->busy, E_UPSTREAM);            /* bytes nobody asked for */
		buf_put(&x->in, span_make(room, (size_t)n));
		TRY(buf_finish(&x->in));
		bool again = true;
		while (again && !x->have_head && !x->done)
			TRY(take_head(x, on_head, user, &again));
		if (x->have_head && !x->done && x->in.n)
			TRY(take_body(x, on_body, user));
		if (x->done)
			return OK;
	}
}

static void
keep_body(void *user, struct exchange *x, span data)
{
	buf_put(user, data);
}

static int64_t
milliseconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

status
exchange_run(struct exchange *x, int64_t seconds, struct buf *body)
{
	int64_t end = milliseconds() + seconds * 1000;
	while (!x->done) {
		struct pollfd p = { x->fd, exchange_wants(x), 0 };
		int64_t left = end - milliseconds();
		ENSURE(left > 0, E_TIMEOUT);
		int n = poll(&p, 1, left > 60000 ? 60000 : (int)left);
		ENSURE(n >= 0 || errno == EINTR, E_IO);
		if (n > 0)
			TRY(exchange_step(x, NULL, keep_body, body));
	}
	return buf_finish(body);
}
