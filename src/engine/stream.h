/* stream: a blocking connection with a deadline, over TCP, a unix socket, or TLS 1.3. */
#ifndef AMBIT_ENGINE_STREAM_H
#define AMBIT_ENGINE_STREAM_H

#include "base/buf.h"
#include "net/tls.h"

struct stream_target {
	span host;              /* name or address; a unix socket when it begins with '/' */
	uint16_t port;
	bool tls;
	span ca;                /* file of certificates to trust; empty: the system's */
};

struct stream {
	int fd;                 /* -1: not open */
	struct tls_client *client;
	struct tls_conn *tls;
	struct buf in;          /* what came and is not consumed yet */
};

/* Nothing is open; at most `max` bytes wait unread. */
void stream_init(struct stream *s, size_t max);
/* Closes; usable again. */
void stream_close(struct stream *s);
void stream_fini(struct stream *s);
static inline bool stream_is_open(const struct stream *s) { return s->fd >= 0; }

/* Deadlines are of engine_now(). E_UNAVAILABLE, E_TIMEOUT, E_BAD_CONFIG (the file of certificates), E_NO_MEMORY. *reterr says what failed; static text. */
status stream_open(struct stream *s, const struct stream_target *t, int64_t deadline, const char **reterr);
/* All of it. E_UNAVAILABLE when the peer is gone. */
status stream_send(struct stream *s, span data, int64_t deadline);
/* At least one more byte in s->in. E_UNAVAILABLE at the end; E_LIMIT when too much waits. */
status stream_more(struct stream *s, int64_t deadline);
/* Has something to say unasked: it was closed, or is out of step. */
bool stream_is_stale(const struct stream *s);

#endif
