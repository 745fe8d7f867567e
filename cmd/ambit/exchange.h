/* exchange: one HTTP/1.1 request at a time over a unix socket, without blocking: the caller polls.
 *
 *   exchange_open -> (exchange_send -> exchange_step … until x->done)* -> exchange_close
 *
 * The connection stays open between requests; that is what holds a task. */
#ifndef AMBIT_CMD_EXCHANGE_H
#define AMBIT_CMD_EXCHANGE_H

#include "base/buf.h"
#include "net/http1.h"

struct exchange;
/* The final head. x->head is filled. */
typedef void exchange_head_fn(void *user, struct exchange *x);
/* The next bytes of the body. */
typedef void exchange_body_fn(void *user, struct exchange *x, span data);

struct exchange {
	int fd;                         /* -1: closed */
	int got_fd;                     /* a descriptor that came along with an answer, or -1; closed with the exchange unless taken */
	bool busy, done, have_head, keep;
	struct buf out, in, head_bytes;
	size_t sent;
	struct http1_scanner scan;
	struct http1_response head;     /* spans point into head_bytes */
	struct http1_chunked chunked;
	uint64_t left, max_body;
};

/* Connects. E_UNAVAILABLE: nobody there; E_NOT_PERMITTED: not for this user; E_BAD_CONFIG: the path is too long. */
status exchange_open(struct exchange *x, const char *socket_path);
void exchange_close(struct exchange *x);
/* Queues a POST. `fields`: complete header lines, each with CRLF, or empty. E_INTERNAL while another is under way. */
status exchange_send(struct exchange *x, const char *target, span fields, span body);
/* POLLIN, POLLOUT: what to poll x->fd for. */
short exchange_wants(const struct exchange *x);
/* Goes on after poll. x->done: the answer is complete. E_UPSTREAM: the peer closed or is not speaking HTTP; E_LIMIT. */
status exchange_step(struct exchange *x, exchange_head_fn *on_head, exchange_body_fn *on_body, void *user);
/* Runs to the end, at most `seconds`; the body is appended to `body`. E_TIMEOUT. */
status exchange_run(struct exchange *x, int64_t seconds, struct buf *body);

#endif
