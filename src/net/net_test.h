/* A loop with a clock the test moves, and raw client sockets driven in the same thread. */
#ifndef AMBIT_NET_NET_TEST_H
#define AMBIT_NET_NET_TEST_H

#include "tests/test.h"

#include "base/buf.h"
#include "net/loop.h"
#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MS = 1000000 };

struct net_world {
	struct env env;
	struct env_ops ops;
	int64_t skew;           /* added to both clocks */
	struct loop *l;
};

static inline instant
net_world_now(struct env *e)
{
	struct net_world *w = container_of(e, struct net_world, env);
	instant t = env_now(env_posix());
	return (instant){ t.wall + w->skew, t.boot + w->skew };
}

static inline void
net_world_init(struct net_world *w)
{
	w->ops = *env_posix()->ops;
	w->ops.now = net_world_now;
	w->env.ops = &w->ops;
	w->skew = 0;
	assert_ok(loop_new(&w->env, &w->l));
}

/* Turns without waiting long, so that everything that can happen has happened. */
static inline void
pump(struct net_world *w)
{
	for (int i = 0; i < 4; i++)
		assert_ok(loop_step(w->l, 1));
}

static inline void
advance(struct net_world *w, int64_t ns)
{
	w->skew += ns;
	pump(w);
}

static inline int
dial(const struct sockaddr_storage *sa, socklen_t n)
{
	int fd = socket(sa->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)sa, n), 0);
	int one = 1;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);   /* no effect on a unix socket */
	return fd;
}

static inline int
dial_tcp(uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t n;
	assert_ok(net_ip_addr("127.0.0.1", port, &sa, &n));
	return dial(&sa, n);
}

static inline int
dial_unix(const char *path)
{
	struct sockaddr_storage sa;
	socklen_t n;
	assert_ok(net_unix_addr(path, &sa, &n));
	return dial(&sa, n);
}

static inline void
say(int fd, span s)
{
	assert_int_equal(send(fd, s.p, s.n, MSG_NOSIGNAL), (ssize_t)s.n);
}

/* Everything that arrives until the line is quiet; NUL-terminated. *ret_end: 0 open, 1 closed, -1 reset. */
struct heard {
	struct buf b;
	int end;
};

static inline void heard_fini(struct heard *h) { buf_fini(&h->b); }

static inline const char *
hear(struct net_world *w, int fd, struct heard *h)
{
	buf_fini(&h->b);
	buf_init(&h->b, 32 << 20);
	h->end = 0;
	for (int quiet = 0; quiet < 5 && h->end == 0; ) {
		assert_ok(loop_step(w->l, 1));
		uint8_t part[65536];
		ssize_t n = recv(fd, part, sizeof part, MSG_DONTWAIT);
		if (n > 0) {
			buf_put(&h->b, span_make(part, (size_t)n));
			quiet = 0;
		} else if (n == 0) {
			h->end = 1;
		} else if (errno == EAGAIN) {
			quiet++;
		} else {
			h->end = -1;
		}
	}
	const char *s;
	assert_ok(buf_finish_str(&h->b, &s));
	return s;
}

static inline bool
has(const char *s, const char *part)
{
	return strstr(s, part) != NULL;
}

static inline size_t
count_of(const char *s, const char *part)
{
	size_t n = 0;
	for (; (s = strstr(s, part)); s += strlen(part))
		n++;
	return n;
}

#endif
