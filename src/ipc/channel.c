#include "ipc/channel.h"

#include "ipc/memfd.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	TX_KEEP = 1024 * 1024,                                /* a larger buffer is given back once it is empty */
	RX_SIZE = MSG_HEADER + MSG_INLINE_MAX + LOOP_BYTES,   /* a partial frame and one read always fit */
	TX_FDS_MAX = 1024,
	SEND_FDS = 1,
	RECEIVE_MAX = 64,                                     /* reads of one channel_receive() */
};

/* A descriptor that leaves with the first byte of the frame at stream offset `at`. */
struct tx_fd {
	uint64_t at;
	size_t weight;   /* bytes it stands for in the queue: the size of a memfd */
	int fd;
};

struct channel {
	struct loop *loop;
	const struct channel_ops *ops;
	void *ctx;
	enum role self, peer;
	struct loop_fd io;
	struct loop_hook flush, finish;
	struct loop_grave grave;
	uint64_t tag;

	struct buf tx;
	uint64_t tx_base;              /* stream offset of tx.p[0] */
	struct tx_fd *tx_fds;
	size_t tx_fd_first, tx_fd_count, tx_fd_cap;
	size_t tx_weight;              /* sum of weights still queued */
	bool above_low;

	uint8_t *rx;
	size_t rx_n;
	int rx_fds[CHANNEL_FDS_MAX];   /* in order of arrival */
	size_t rx_fd_count;

	bool seen[MSG_COUNT];          /* for once bits */
	bool ending, closed;
	enum channel_end why;
	uint16_t type;
};

static void flush(struct loop_hook *h);
static void finish(struct loop_hook *h);

status
channel_pair(int ret_fds[static 2])
{
	ENSURE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_fds) == 0, E_IO);
	return OK;
}

static void
release(struct loop_grave *g)
{
	struct channel *c = container_of(g, struct channel, grave);

	for (size_t i = 0; i < c->tx_fd_count; i++)
		close(c->tx_fds[c->tx_fd_first + i].fd);
	for (size_t i = 0; i < c->rx_fd_count; i++)
		close(c->rx_fds[i]);
	buf_fini(&c->tx);
	free(c->tx_fds);
	free(c->rx);
	free(c);
}

/* No event follows; the memory goes after the turn. */
static void
bury(struct channel *c)
{
	c->closed = true;
	loop_fd_close(&c->io);
	loop_hook_stop(&c->flush);
	loop_hook_stop(&c->finish);
	loop_reap(c->loop, &c->grave, release);
}

/* Ends the channel; the callback comes from a hook, so that no caller of channel_send() sees its world change. */
static void
end(struct channel *c, enum channel_end why, uint16_t type)
{
	if (c->ending || c->closed)
		return;
	c->ending = true;
	c->why = why;
	c->type = type;
	loop_fd_want(&c->io, 0);
	loop_hook_stop(&c->flush);
	loop_defer(c->loop, &c->finish, finish);
}

static void
finish(struct loop_hook *h)
{
	struct channel *c = container_of(h, struct channel, finish);

	bury(c);
	c->ops->ended(c->ctx, c, c->why, c->type);
}

/* ---- receiving ------------------------------------------------------------------------------------------------------ */

static int
take_fd(struct channel *c)
{
	if (c->rx_fd_count == 0)
		return -1;
	int fd = c->rx_fds[0];
	c->rx_fd_count--;
	memmove(c->rx_fds, c->rx_fds + 1, c->rx_fd_count * sizeof c->rx_fds[0]);
	return fd;
}

static void
deliver(struct channel *c, uint16_t type, span body, int fd)
{
	struct msg m;
	bool again = type < MSG_COUNT && msg_once(type) && c->seen[type];

	if (!msg_permitted(c->peer, c->self, type) || again || failed(msg_decode(type, body, &m))) {
		if (fd >= 0)
			close(fd);
		end(c, CHANNEL_VIOLATED, type);
		return;
	}
	c->seen[type] = true;
	m.fd = fd;
	c->ops->message(c->ctx, c, &m);
	if (m.fd >= 0)
		close(m.fd);
}

static void
deliver_memfd(struct channel *c, uint16_t type, size_t size)
{
	int fd = take_fd(c);
	span body;
	status s = fd < 0 ? FAIL(E_BAD_MESSAGE) : memfd_map_sealed(fd, size, &body);

	if (fd >= 0)
		close(fd);
	if (failed(s)) {
		end(c, s.code == E_BAD_MESSAGE ? CHANNEL_VIOLATED : CHANNEL_BROKEN, type);
		return;
	}
	deliver(c, type, body, -1);
	memfd_unmap(body);
}

/* One frame at p. Returns its length on the stream, or 0 when it is not complete (or the channel has ended). */
static size_t
frame(struct channel *c, const uint8_t *p, size_t n)
{
	if (n < MSG_HEADER)
		return 0;
	struct reader r = rd_make(span_make(p, n));
	uint32_t size = rd_u32(&r);
	uint16_t type = rd_u16(&r);
	uint16_t flags = rd_u16(&r);

	if (flags & ~MSG_FLAG_MEMFD || size > MSG_BODY_MAX || (flags ? size <= MSG_INLINE_MAX : size > MSG_INLINE_MAX)) {
		end(c, CHANNEL_VIOLATED, type);
		return 0;
	}
	if (flags) {
		/* A type that carries a descriptor of its own never needs a memfd: none has a large field. */
		if (msg_has_fd(type))
			end(c, CHANNEL_VIOLATED, type);
		else
			deliver_memfd(c, type, size);
		return MSG_HEADER;
	}
	if (n - MSG_HEADER < size)
		return 0;
	int fd = -1;
	if (msg_has_fd(type) && (fd = take_fd(c)) < 0) {
		end(c, CHANNEL_VIOLATED, type);
		return 0;
	}
	deliver(c, type, span_make(p + MSG_HEADER, size), fd);
	return MSG_HEADER + size;
}

static void
frames(struct channel *c)
{
	size_t at = 0, used;

	while (!c->ending && !c->closed && (used = frame(c, c->rx + at, c->rx_n - at)) > 0)
		at += used;
	if (c->ending || c->closed)
		return;
	c->rx_n -= at;
	memmove(c->rx, c->rx + at, c->rx_n);
	/* A descriptor comes with the first byte of its frame; without a frame under way it belongs to none. */
	if (c->rx_fd_count > (c->rx_n > 0 ? 1 : 0))
		end(c, CHANNEL_VIOLATED, 0);
}

/* Keeps the descriptors of one read; false when there are more than any honest peer sends. */
static bool
collect(struct channel *c, struct msghdr *h)
{
	bool fits = !(h->msg_flags & MSG_CTRUNC);

	for (struct cmsghdr *m = CMSG_FIRSTHDR(h); m; m = CMSG_NXTHDR(h, m)) {
		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (m->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(m) + i * sizeof fd, sizeof fd);
			if (c->rx_fd_count < CHANNEL_FDS_MAX) {
				c->rx_fds[c->rx_fd_count++] = fd;
			} else {
				close(fd);
				fits = false;
			}
		}
	}
	return fits;
}

/* False: there is nothing more for now. */
static bool
receive(struct channel *c)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(CHANNEL_FDS_MAX * sizeof(int))];
	} control;
	struct iovec v = { c->rx + c->rx_n, LOOP_BYTES };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
	ssize_t n = recvmsg(c->io.fd, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			end(c, errno == ECONNRESET ? CHANNEL_EOF : CHANNEL_BROKEN, 0);
		return false;
	}
	if (!collect(c, &h)) {
		end(c, CHANNEL_VIOLATED, 0);
		return false;
	}
	if (n == 0) {
		end(c, CHANNEL_EOF, 0);
		return false;
	}
	c->rx_n += (size_t)n;
	frames(c);
	return !c->ending && !c->closed;
}

static void
ready(struct loop_fd *f, unsigned events)
{
	struct channel *c = container_of(f, struct channel, io);

	/* Reads before it believes a hang-up: what the peer wrote before it died still counts. */
	if (events & (LOOP_READ | LOOP_HUP | LOOP_RDHUP))
		receive(c);
	if ((events & LOOP_WRITE) && !c->ending && !c->closed)
		loop_defer(c->loop, &c->flush, flush);
}

/* ---- sending -------------------------------------------------------------------------------------------------------- */

/* Writes queued bytes [0, n) of tx, with `fd` (or -1) on the first. */
static ssize_t
write_some(struct channel *c, size_t n, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(SEND_FDS * sizeof(int))];
	} control = { 0 };
	struct iovec v = { c->tx.p, n };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1 };

	if (fd >= 0) {
		h.msg_control = control.bytes;
		h.msg_controllen = sizeof control.bytes;
		struct cmsghdr *m = CMSG_FIRSTHDR(&h);
		m->cmsg_level = SOL_SOCKET;
		m->cmsg_type = SCM_RIGHTS;
		m->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(m), &fd, sizeof fd);
	}
	return sendmsg(c->io.fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
pop_tx_fd(struct channel *c)
{
	struct tx_fd *f = &c->tx_fds[c->tx_fd_first++];

	close(f->fd);
	c->tx_weight -= f->weight;
	if (--c->tx_fd_count == 0)
		c->tx_fd_first = 0;
}

/* Writes what the socket takes. False: the peer is gone. */
static bool
write_queue(struct channel *c)
{
	while (c->tx.n > 0) {
		const struct tx_fd *f = c->tx_fd_count ? &c->tx_fds[c->tx_fd_first] : NULL;
		bool with_fd = f && f->at == c->tx_base;
		const struct tx_fd *next = with_fd ? (c->tx_fd_count > 1 ? f + 1 : NULL) : f;
		size_t n = next ? (size_t)(next->at - c->tx_base) : c->tx.n;
		ssize_t done = write_some(c, n, with_fd ? f->fd : -1);

		if (done < 0) {
			if (errno == EINTR)
				continue;
			/* ETOOMANYREFS: too many descriptors under way to a peer that is slow to take them. */
			return errno == EAGAIN || errno == ETOOMANYREFS;
		}
		if (with_fd)
			pop_tx_fd(c);
		buf_consume(&c->tx, (size_t)done);
		c->tx_base += (uint64_t)done;
		if ((size_t)done < n)
			return true;
	}
	return true;
}

static void
flush(struct loop_hook *h)
{
	struct channel *c = container_of(h, struct channel, flush);

	if (!write_queue(c)) {
		/* What the peer sent before it went is still in the socket; reading finds the end of it. */
		if (errno == EPIPE || errno == ECONNRESET) {
			buf_reset(&c->tx);
			while (c->tx_fd_count)
				pop_tx_fd(c);
			loop_fd_want(&c->io, LOOP_READ | LOOP_RDHUP);
		} else {
			end(c, CHANNEL_BROKEN, 0);
		}
		return;
	}
	loop_fd_want(&c->io, LOOP_READ | (c->tx.n ? LOOP_WRITE : 0u));
	if (c->tx.n == 0 && c->tx.cap > TX_KEEP)
		buf_fini(&c->tx);
	if (c->above_low && channel_queued(c) < CHANNEL_QUEUE_LOW) {
		c->above_low = false;
		if (c->ops->drained)
			c->ops->drained(c->ctx, c);
	}
}

/* Notes that `own_fd` leaves with the frame that starts at tx.p[at]. */
static bool
push_tx_fd(struct channel *c, size_t at, int own_fd, size_t weight)
{
	if (c->tx_fd_first + c->tx_fd_count == c->tx_fd_cap) {
		if (c->tx_fd_first > 0) {
			memmove(c->tx_fds, c->tx_fds + c->tx_fd_first, c->tx_fd_count * sizeof *c->tx_fds);
			c->tx_fd_first = 0;
		} else {
			size_t cap = c->tx_fd_cap ? c->tx_fd_cap * 2 : 8;
			struct tx_fd *p = cap <= TX_FDS_MAX ? realloc(c->tx_fds, cap * sizeof *p) : NULL;
			if (!p)
				return false;
			c->tx_fds = p;
			c->tx_fd_cap = cap;
		}
	}
	c->tx_fds[c->tx_fd_first + c->tx_fd_count++] = (struct tx_fd){ c->tx_base + at, weight, own_fd };
	c->tx_weight += weight;
	return true;
}

/* Moves the body of the frame at tx.p[at] into a sealed memfd. */
static status
outline(struct channel *c, size_t at)
{
	size_t body = c->tx.n - at - MSG_HEADER;
	int fd;

	TRY(memfd_sealed(span_make(c->tx.p + at + MSG_HEADER, body), &fd));
	if (!push_tx_fd(c, at, fd, body)) {
		close(fd);
		return FAIL(E_NO_MEMORY);
	}
	c->tx.p[at + MSG_HEADER - 1] |= MSG_FLAG_MEMFD;
	buf_truncate(&c->tx, at + MSG_HEADER);
	return OK;
}

/* Queues the frame. E_LIMIT for a field over its maximum, after which the queue is as before. */
static status
enqueue(struct channel *c, const struct msg *m, int own_fd)
{
	size_t at = c->tx.n;

	msg_encode(m, &c->tx);
	status s = buf_finish(&c->tx);
	if (!failed(s) && own_fd >= 0 && !push_tx_fd(c, at, own_fd, 0))
		s = FAIL(E_NO_MEMORY);
	else if (!failed(s))
		own_fd = -1;
	if (!failed(s) && c->tx.n - at - MSG_HEADER > MSG_INLINE_MAX)
		s = outline(c, at);
	if (failed(s)) {
		c->tx.err = 0;
		buf_truncate(&c->tx, at);
		if (own_fd >= 0)
			close(own_fd);
	}
	return s;
}

status
channel_send(struct channel *c, const struct msg *m)
{
	int fd = msg_has_fd((uint16_t)m->type) ? m->fd : -1;

	if (c->ending || c->closed || !msg_permitted(c->self, c->peer, (uint16_t)m->type) ||
	    (msg_has_fd((uint16_t)m->type) && fd < 0)) {
		if (fd >= 0)
			close(fd);
		return c->ending || c->closed ? FAIL(E_UNAVAILABLE) : FAIL(E_NOT_PERMITTED);
	}
	status s = enqueue(c, m, fd);
	bool full = channel_queued(c) > CHANNEL_QUEUE_MAX;
	if (full || (failed(s) && s.code != E_LIMIT)) {
		end(c, full ? CHANNEL_OVERFLOW : CHANNEL_BROKEN, 0);
		return FAIL(E_UNAVAILABLE);
	}
	TRY(s);
	if (channel_queued(c) >= CHANNEL_QUEUE_LOW)
		c->above_low = true;
	if (!(c->io.want & LOOP_WRITE))   /* else the socket is full, and says when it is not */
		loop_defer(c->loop, &c->flush, flush);
	return OK;
}

void
channel_receive(struct channel *c)
{
	/* Bounded, so that a peer that never stops writing can not hold us here. */
	for (int i = 0; i < RECEIVE_MAX && !c->ending && !c->closed && receive(c); i++)
		continue;
}

bool
channel_pump(struct channel *c, int timeout_ms)
{
	while (!c->ending && !c->closed) {
		struct pollfd p = { .fd = c->io.fd, .events = POLLOUT };
		if (!write_queue(c)) {
			end(c, errno == EPIPE || errno == ECONNRESET ? CHANNEL_EOF : CHANNEL_BROKEN, 0);
			return false;
		}
		if (channel_queued(c) < CHANNEL_QUEUE_LOW)
			return true;
		int n = poll(&p, 1, timeout_ms);
		if (n == 0 || (n < 0 && errno != EINTR))
			return false;
	}
	return false;
}

/* ---- life ----------------------------------------------------------------------------------------------------------- */

status
channel_new(struct loop *l, int own_fd, enum role self, enum role peer, const struct channel_ops *ops, void *ctx,
            struct channel **ret)
{
	struct channel *c = calloc(1, sizeof *c);
	uint8_t *rx = malloc(RX_SIZE);

	if (!c || !rx) {
		free(c);
		free(rx);
		close(own_fd);
		return FAIL(E_NO_MEMORY);
	}
	c->loop = l;
	c->ops = ops;
	c->ctx = ctx;
	c->self = self;
	c->peer = peer;
	c->rx = rx;
	/* Room beyond the limit, so that the limit is judged by channel_queued() and one large message still encodes. */
	buf_init(&c->tx, CHANNEL_QUEUE_MAX + (size_t)2 * MSG_BODY_MAX);
	status s = loop_fd_add(l, &c->io, own_fd, LOOP_READ, ready);
	if (failed(s)) {
		close(own_fd);
		free(rx);
		free(c);
		return s;
	}
	*ret = c;
	return OK;
}

void
channel_close(struct channel *c)
{
	if (!c || c->closed)
		return;
	if (!c->ending)
		(void)write_queue(c);   /* best effort by contract */
	bury(c);
}

size_t channel_queued(const struct channel *c) { return c->tx.n + c->tx_weight; }
enum role channel_peer(const struct channel *c) { return c->peer; }
void channel_set_tag(struct channel *c, uint64_t tag) { c->tag = tag; }
uint64_t channel_tag(const struct channel *c) { return c->tag; }

const char *
channel_end_name(enum channel_end why)
{
	static const char *const names[] = {
		[CHANNEL_EOF] = "eof", [CHANNEL_BROKEN] = "broken", [CHANNEL_OVERFLOW] = "overflow", [CHANNEL_VIOLATED] = "violated",
	};
	return names[why];
}
