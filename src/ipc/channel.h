/* channel: typed messages between two roles over a SOCK_STREAM socketpair.
 *
 * What is sent in one turn of the loop leaves in one write (one more for each descriptor). A body over MSG_INLINE_MAX
 * travels in a memfd, sealed against every change and checked for it on receipt. The receiver holds each message against
 * the permit table of msg/messages.def for (peer's role, own role) and against its once bit, and requires it to decode
 * exactly; whatever fails this ends the channel with CHANNEL_VIOLATED, because the peer is broken or owned.
 *
 * The outgoing queue is bounded: a peer that reads nothing while CHANNEL_QUEUE_MAX bytes wait is taken for dead. Whoever
 * sends bulk (rows, events) watches channel_queued() and goes on in `drained`. */
#ifndef AMBIT_IPC_CHANNEL_H
#define AMBIT_IPC_CHANNEL_H

#include "msg/msg.h"
#include "net/loop.h"

enum {
	CHANNEL_QUEUE_MAX = 64 * 1024 * 1024,  /* bytes waiting to be written, memfds included */
	CHANNEL_QUEUE_LOW = 256 * 1024,        /* `drained` comes when the queue falls below this */
	CHANNEL_FDS_MAX = 64,                  /* received descriptors whose frame is not complete yet */
};

enum channel_end {
	CHANNEL_EOF,       /* the peer closed or died */
	CHANNEL_BROKEN,    /* a system call failed, or no memory */
	CHANNEL_OVERFLOW,  /* the peer does not read */
	CHANNEL_VIOLATED,  /* the peer sent what it may not send */
};

struct channel;

struct channel_ops {
	/* One message. Its spans are valid until the callback returns. m->fd belongs to the channel and is closed after the
	 * callback unless it was taken (set m->fd = -1). */
	void (*message)(void *ctx, struct channel *c, struct msg *m);
	/* The queue fell below CHANNEL_QUEUE_LOW after having been above it. May be NULL. */
	void (*drained)(void *ctx, struct channel *c);
	/* The channel has ended by itself. `type` is the offending message type of CHANNEL_VIOLATED (0: framing). The channel is
	 * gone when this returns; it must not be used or closed again. Never called from inside channel_send(). */
	void (*ended)(void *ctx, struct channel *c, enum channel_end why, uint16_t type);
};

/* A connected stream pair, close-on-exec and non-blocking. E_IO. */
status channel_pair(int ret_fds[static 2]);

/* Takes own_fd, also on failure. `self` and `peer` say which rows of the permit table hold. `ops` and `ctx` are borrowed.
 * E_NO_MEMORY, E_IO. */
status channel_new(struct loop *l, int own_fd, enum role self, enum role peer, const struct channel_ops *ops, void *ctx,
                   struct channel **ret);
/* Ends it without a callback; what is queued gets one last try to be written. The memory goes after the turn. NULL is fine. */
void channel_close(struct channel *c);

/* Queues the message; it is written at the end of the turn. m->fd is consumed in every case when the type carries one.
 * E_LIMIT: a field is over its maximum; nothing was queued. E_NOT_PERMITTED: the table does not let `self` send this to `peer`.
 * E_UNAVAILABLE: the channel is already ending (overflow, no memory): `ended` follows. */
status channel_send(struct channel *c, const struct msg *m);

/* Takes what the peer has already written, now: for order between links. `message` is called from within; `ended` is not. */
void channel_receive(struct channel *c);
/* Writes, waiting for the peer, until less than CHANNEL_QUEUE_LOW is queued: for bulk that can not be taken up again later.
 * The loop stands still meanwhile. False: the time ran out, or the peer is gone (`ended` follows). */
bool channel_pump(struct channel *c, int timeout_ms);

/* Bytes queued and not yet taken by the kernel. */
size_t channel_queued(const struct channel *c);
enum role channel_peer(const struct channel *c);
/* For whoever wants to tell channels apart: set to 0 at first, never looked at. */
void channel_set_tag(struct channel *c, uint64_t tag);
uint64_t channel_tag(const struct channel *c);
const char *channel_end_name(enum channel_end why);

#endif
