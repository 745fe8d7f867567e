#include "engine/stream.h"
#include "engine/engine_priv.h"
#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { PART = 16384, CA_MAX = 1 << 20 };

void
stream_init(struct stream *s, size_t max)
{
	*s = (struct stream){ .fd = -1 };
	buf_init(&s->in, max);
}

void
stream_close(struct stream *s)
{
	s->tls = tls_conn_free(s->tls);
	s->client = tls_client_free(s->client);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	buf_reset(&s->in);
}

void
stream_fini(struct stream *s)
{
	stream_close(s);
	buf_fini(&s->in);
}

static status
address(const struct stream_target *t, struct sockaddr_storage *ret, socklen_t *ret_len, char host[static 254])
{
	ENSURE(t->host.n > 0 && t->host.n < 254 && !memchr(t->host.p, 0, t->host.n), E_BAD_CONFIG);
	memcpy(host, t->host.p, t->host.n);
	host[t->host.n] = '\0';
	return host[0] == '/' ? net_unix_addr(host, ret, ret_len) : net_resolve(host, t->port, ret, ret_len);
}

static status
dial(struct stream *s, const struct sockaddr_storage *to, socklen_t n, int64_t deadline)
{
	int err = 0, one = 1;
	socklen_t len = sizeof err;
	s->fd = socket(to->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ENSURE(s->fd >= 0, E_UNAVAILABLE);
	if (connect(s->fd, (const struct sockaddr *)to, n) != 0) {
		ENSURE(errno == EINPROGRESS || errno == EAGAIN, E_UNAVAILABLE);
		TRY(engine_wait(s->fd, POLLOUT, deadline));
		ENSURE(getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 && err == 0, E_UNAVAILABLE);
	}
	if (to->ss_family != AF_UNIX)
		(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return OK;
}

static status
read_file(span path, struct buf *out)
{
	char name[4096];
	uint8_t part[4096];
	ENSURE(path.n < sizeof name, E_BAD_CONFIG);
	memcpy(name, path.p, path.n);
	name[path.n] = '\0';
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ENSURE(fd >= 0, E_BAD_CONFIG);
	ssize_t n;
	while ((n = read(fd, part, sizeof part)) > 0)
		buf_put(out, span_make(part, (size_t)n));
	close(fd);
	ENSURE(n == 0, E_BAD_CONFIG);
	return buf_finish(out);
}

static status
wait_for(struct stream *s, enum tls_io io, int64_t deadline)
{
	switch (io) {
	case TLS_WANT_READ:
		return engine_wait(s->fd, POLLIN, deadline);
	case TLS_WANT_WRITE:
		return engine_wait(s->fd, POLLOUT, deadline);
	case TLS_DONE:
		return OK;
	case TLS_CLOSED:
	case TLS_FAILED:
		break;
	}
	return FAIL(E_UNAVAILABLE);
}

static status
shake_hands(struct stream *s, const struct stream_target *t, const char *host, int64_t deadline)
{
	CLEANUP(buf_fini) struct buf ca;
	buf_init(&ca, CA_MAX);
	if (t->ca.n)
		TRY(read_file(t->ca, &ca));
	TRY(tls_client_new(&(struct tls_client_options){ .ca_pem = buf_span(&ca) }, &s->client));
	TRY(tls_connect(s->client, s->fd, host, &s->tls));
	for (;;) {
		enum tls_io io = tls_handshake(s->tls);
		if (io == TLS_DONE)
			return OK;
		TRY(wait_for(s, io, deadline));
	}
}

status
stream_open(struct stream *s, const struct stream_target *t, int64_t deadline, const char **reterr)
{
	struct sockaddr_storage to;
	socklen_t n;
	char host[254];
	stream_close(s);
	status r = address(t, &to, &n, host);
	*reterr = "the name is not known";
	if (r.code == E_NOT_FOUND)
		r = FAIL(E_UNAVAILABLE);
	if (!failed(r)) {
		*reterr = "no connection";
		r = dial(s, &to, n, deadline);
	}
	if (!failed(r) && t->tls) {
		*reterr = "no TLS, or not with that certificate";
		r = shake_hands(s, t, host, deadline);
	}
	if (failed(r))
		stream_close(s);
	return r;
}

status
stream_send(struct stream *s, span data, int64_t deadline)
{
	while (data.n) {
		size_t n = 0;
		if (s->tls) {
			enum tls_io io = tls_write(s->tls, data.p, data.n, &n);
			TRY(wait_for(s, io, deadline));
			n = io == TLS_DONE ? n : 0;
		} else {
			ssize_t w = send(s->fd, data.p, data.n, MSG_NOSIGNAL);
			if (w < 0 && errno != EINTR) {
				ENSURE(errno == EAGAIN, E_UNAVAILABLE);
				TRY(engine_wait(s->fd, POLLOUT, deadline));
			}
			n = w > 0 ? (size_t)w : 0;
		}
		data = span_sub(data, n, data.n);
	}
	return OK;
}

status
stream_more(struct stream *s, int64_t deadline)
{
	uint8_t part[PART];
	for (;;) {
		size_t n = 0;
		if (s->tls) {
			enum tls_io io = tls_read(s->tls, part, sizeof part, &n);
			TRY(wait_for(s, io, deadline));
			n = io == TLS_DONE ? n : 0;
		} else {
			ssize_t r = recv(s->fd, part, sizeof part, 0);
			ENSURE(r != 0, E_UNAVAILABLE);
			if (r < 0 && errno != EINTR) {
				ENSURE(errno == EAGAIN, E_UNAVAILABLE);
				TRY(engine_wait(s->fd, POLLIN, deadline));
			}
			n = r > 0 ? (size_t)r : 0;
		}
		if (!n)
			continue;
		buf_put(&s->in, span_make(part, n));
		secret_wipe(part, n);
		return buf_finish(&s->in);
	}
}

bool
stream_is_stale(const struct stream *s)
{
	return s->in.n > 0 || !failed(engine_wait(s->fd, POLLIN, 0));
}
