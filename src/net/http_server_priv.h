/* What the parts of the server share: http_server.c (listeners, caps), http_conn.c (reading, deadlines, closing),
 * http_answer.c (answers and streams). */
#ifndef AMBIT_NET_HTTP_SERVER_PRIV_H
#define AMBIT_NET_HTTP_SERVER_PRIV_H

#include "base/buf.h"
#include "base/map.h"
#include "net/http1.h"
#include "net/http_server.h"

enum {
	BLOCK = 4096,           /* first size of a buffer; kept for reuse */
	MAX_BLOCKS = 256,
	MAX_OUT = 64 << 20,     /* one answer, whole */
};

/* One source address, for quotas. Lives while it has connections and for a while after (its handshake bucket). */
struct http_peer_quota {
	struct map_node node;
	struct list idle;       /* in server->idle_peers while conns == 0 */
	struct list waiting;    /* its connections without an open exchange, longest waiting first */
	unsigned conns;
	int64_t bucket_at;      /* handshakes: tokens as of then */
	double tokens;
	uint8_t key[17];
};

struct http_listener {
	struct loop_fd io;
	struct loop_timer pause;        /* out of descriptors: try again later */
	struct list node;
	struct http_server *s;
	struct http_listener_options o;
	struct list waiting;
	unsigned conns;
};

struct http_server {
	struct loop *loop;
	struct http_server_options o;
	struct http_handler h;
	void *ctx;
	struct loop_grave grave;
	struct list listeners;
	struct list conns;
	struct list waiting;
	struct http_conn **slots;       /* by low bits of a connection's or exchange's number */
	uint32_t n_slots, free_hint;
	uint64_t serial;
	struct map peers;
	struct list idle_peers;
	unsigned n_idle_peers;
	int spare_fd;                   /* given up to accept and refuse when descriptors run out */
	bool draining;
	struct http_server_stats stats;
	uint8_t *blocks[MAX_BLOCKS];
	unsigned n_blocks;
	int64_t date_s;
	char date[40];                  /* "Date: ...\r\n" */
	size_t date_n;
	struct http1_request scratch;   /* the head being looked at; never outlives a call */
};

enum exchange_state { X_NONE, X_OPEN, X_STREAM };

struct http_exchange {
	uint64_t id;
	void *user;
	enum exchange_state state;
	bool keep_alive, http10, head_only, wants_room;
};

/*      accept ─▶ HANDSHAKE ─▶ HEAD ─▶ BODY ─▶ BUSY ─▶ HEAD …
 *                                │       │      │
 *                                └───────┴──────┴──▶ FLUSH ─▶ LINGER ─▶ DEAD
 * INVARIANT: x.state != X_NONE exactly in BUSY. In HANDSHAKE, HEAD and BODY the connection is in the waiting lists. */
enum conn_state { CONN_HANDSHAKE, CONN_HEAD, CONN_BODY, CONN_BUSY, CONN_FLUSH, CONN_LINGER, CONN_DEAD };

struct http_conn {
	struct loop_fd io;
	struct loop_timer timer;
	struct loop_hook flush, resume;
	struct loop_grave grave;
	struct list node, in_server, in_listener, in_peer;   /* the last three: waiting lists */
	struct http_server *s;
	struct http_listener *lis;
	struct http_peer_quota *quota;
	struct tls_conn *tls;
	struct http_peer who;
	uint64_t id;
	void *user;
	enum conn_state state;
	bool rdhup;             /* the peer will send no more; there may be bytes to read yet */
	bool eof;               /* and they are read */
	bool unread_refused;    /* closing with input unread: linger, or a reset may overtake the answer */
	bool processing;        /* inside conn_process: whoever finishes an exchange need not resume */
	bool want_write;        /* output waits for the socket */
	int64_t deadline;       /* boot clock; 0: none */
	struct buf in, out;
	size_t out_sent;
	bool wipe;              /* `out` holds a secret */
	int pass_fd;            /* > 0: goes with the next byte of `out` */
	/* The message at the front of `in`. */
	struct http1_scanner scan;
	size_t head_len, max_body, body_len, msg_len;
	enum http1_body framing;
	size_t content_length;
	struct http1_chunked chunked;
	struct http_exchange x;
};

/* http_server.c */
void server_block_take(struct http_server *s, struct buf *b, size_t max);
void server_block_give(struct http_server *s, struct buf *b);
void server_forget_conn(struct http_conn *c);
span server_date(struct http_server *s);

/* http_conn.c */
void conn_start(struct http_conn *c);
/* Joins the tail of the waiting lists, or leaves them. */
void conn_wait_begin(struct http_conn *c);
void conn_wait_end(struct http_conn *c);
void conn_want_flush(struct http_conn *c);
/* Ends it now: the exchange is gone, memory goes after the turn. */
void conn_kill(struct http_conn *c);
/* The exchange is answered: go on with the connection or let it close after the flush. */
void conn_exchange_done(struct http_conn *c, bool keep);
void conn_on_timer(struct loop_timer *t);

/* http_answer.c */
/* Answers a request that never became an exchange; the connection closes after it. */
void conn_refuse(struct http_conn *c, uint16_t err);
/* Head and body of `a` into c->out. False: the answer could not be written, nothing was added. */
bool answer_put(struct http_conn *c, const struct http_answer *a, bool keep_alive, bool head_only);
/* Output was sent: tell a stream that waits for room. */
void answer_on_progress(struct http_conn *c);

#endif
