/* http_server: HTTP connections on a loop, over TCP, unix sockets and TLS. Handlers see exchanges, not connections, and
 * nothing here names the HTTP version.
 *
 * One exchange at a time is open on an HTTP/1.1 connection; pipelined requests wait in its (bounded) buffer and are
 * answered in order. A request is handed over only when its body is complete.
 *
 *   open ──reply──▶ done          done: the handle is dead
 *   open ──begin──▶ streaming ──end or abort──▶ done
 *   open or streaming ──peer gone──▶ on_gone, then dead
 *
 * A dead handle may be the next request's live one: whoever answers later than on_request keeps the number
 * (http_exchange_id) and asks http_exchange_find, which knows the difference.
 *
 * Limits that hold whatever the peer does: one read buffer of max_body + 16 KiB and one write buffer a connection;
 * deadlines for handshake, head, body and stalled output; connection caps by listener and by peer. At a cap the
 * connection that has waited longest without an open exchange makes room, so slow clients can not lock out a new one;
 * if all are busy the new one is closed. */
#ifndef AMBIT_NET_HTTP_SERVER_H
#define AMBIT_NET_HTTP_SERVER_H

#include "net/http.h"
#include "net/loop.h"
#include "net/tls.h"

#include <sys/types.h>

enum { HTTP_STREAM_WINDOW = 65536 };   /* unsent bytes a stream may hold */

struct http_server;
struct http_listener;
struct http_conn;
struct http_exchange;

/* What we send. content_type empty: no such field. Content-Length, Date, Connection and transfer coding are added. */
struct http_answer {
	unsigned status;
	span content_type;
	struct http_fields fields;
	span body;              /* ignored by http_stream_begin; with status 204 or 304 must be empty */
	bool secret;            /* http_reply: our copy is wiped once it is sent */
	int own_pass_fd;        /* http_reply on a unix socket: > 0: a descriptor that goes along (SCM_RIGHTS); closed in every
	                           case, after the reply when it was sent with it */
};

struct http_handler {
	/* Optional. The head has come; the body has not. Return E_OK, having lowered or raised *max_body, or the error to
	 * refuse with before any body is read. A body that exceeds *max_body gets E_LIMIT (413). */
	uint16_t (*on_head)(void *ctx, struct http_conn *c, const struct http_request *r, size_t *max_body);
	/* A complete request. `r` itself is valid during the call; the bytes its spans point to until the exchange is done.
	 * Answer now or later, with http_reply or a stream; exactly once. */
	void (*on_request)(void *ctx, struct http_exchange *x, const struct http_request *r);
	/* Optional. The peer vanished (or server_free cut it) before the exchange was done: last use of x. */
	void (*on_gone)(void *ctx, struct http_exchange *x);
	/* Optional. A stream that had refused bytes has room again. */
	void (*on_room)(void *ctx, struct http_exchange *x);
	/* Optional. A connection ended; drop what http_conn_set_user gave it. Exchanges on it are already gone. */
	void (*on_conn_end)(void *ctx, struct http_conn *c);
};

struct http_server_options {
	size_t max_body;            /* default 1 MiB */
	unsigned max_conns;         /* over all listeners; default 4096; never the last 32 descriptors of RLIMIT_NOFILE */
	int64_t head_ns;            /* whole head after its first byte, or after accept; default 10 s */
	int64_t body_ns;            /* whole body after the head; default 30 s */
	int64_t idle_ns;            /* between requests; default 75 s */
	int64_t stall_ns;           /* unsent output makes no progress; default 30 s */
	int64_t handshake_ns;       /* default 10 s */
	bool fin_is_gone;           /* a half-closed peer counts as gone while its exchange is open (a stream always does) */
};

/* Zero in any field of `o` means its default. `h` is copied, ctx passed through. */
status http_server_new(struct loop *l, const struct http_server_options *o, const struct http_handler *h, void *ctx,
    struct http_server **ret);
/* Closes listeners and connections at once; open exchanges get on_gone. Takes NULL, returns NULL. */
struct http_server *http_server_free(struct http_server *s);
/* Stops accepting; idle connections close, the others after their exchange. */
void http_server_drain(struct http_server *s);

struct http_listener_options {
	struct tls_server *tls;     /* borrowed; NULL: plaintext */
	unsigned max_conns;         /* default: the server's */
	unsigned max_per_peer;      /* by IPv4 address, IPv6 /64, or uid; default max_conns / 2, at least 1 */
	unsigned handshakes_per_s;  /* TLS, per peer; burst of twice that; default 100 */
	void *tag;                  /* the caller's; http_conn_tag() */
};
/* Takes over a listening socket (see net/socket.h), also when it fails. */
status http_server_listen(struct http_server *s, int own_fd, const struct http_listener_options *o);

struct http_server_stats {
	uint64_t accepted, requests, refused_cap, refused_rate, evicted, bad_requests, timeouts, handshake_failures, out_of_fds;
	unsigned conns;
};
struct http_server_stats http_server_stats(const struct http_server *s);

/* Answers and finishes the exchange. An answer that can not be sent as asked (bad field, no memory) becomes a plain 500. */
void http_reply(struct http_exchange *x, const struct http_answer *a);
/* {"error":{"code":NAME,"message":TEXT}} with the HTTP status of errors.def; `detail` replaces the text when not empty
 * and is escaped. */
void http_reply_error(struct http_exchange *x, uint16_t err, span detail);
/* The same with fields of the caller's: WWW-Authenticate, Allow, Retry-After. */
void http_reply_error_with(struct http_exchange *x, uint16_t err, span detail, struct http_fields fields);

/* Starts a streamed answer. */
void http_stream_begin(struct http_exchange *x, const struct http_answer *head);
/* Takes as many bytes as fit the window and says how many; less than data.n means on_room will be called. */
size_t http_stream_write(struct http_exchange *x, span data);
size_t http_stream_room(const struct http_exchange *x);
/* Finishes properly once everything is sent. */
void http_stream_end(struct http_exchange *x);
/* Cuts the connection now, so that the peer can tell it from a proper end. Finishes the exchange; no on_gone. Also legal before
 * http_stream_begin. */
void http_stream_abort(struct http_exchange *x);

/* A number for this exchange that is never reused by this server: correlation across roles without holding a pointer. */
uint64_t http_exchange_id(const struct http_exchange *x);
/* The open exchange with that number, or NULL when it is done or gone. */
struct http_exchange *http_exchange_find(struct http_server *s, uint64_t id);
struct http_conn *http_exchange_conn(struct http_exchange *x);
void http_exchange_set_user(struct http_exchange *x, void *user);
void *http_exchange_user(const struct http_exchange *x);

enum http_peer_kind { HTTP_PEER_IP, HTTP_PEER_UNIX };
struct http_peer {
	enum http_peer_kind kind;
	uint8_t addr[16];           /* IP: v4 as ::ffff:a.b.c.d */
	uint16_t port;
	bool tls;
	span thumbprint;            /* TLS client certificate, 32 bytes, or empty */
	uid_t uid;                  /* unix: SO_PEERCRED when it connected */
	gid_t gid;
	pid_t pid;
};
const struct http_peer *http_conn_peer(const struct http_conn *c);
/* Unix: a pidfd of the peer by SO_PEERPIDFD, the caller's to close. E_NOT_IMPLEMENTED on kernels without it: then use the pid and
 * recheck. */
status http_conn_pidfd(struct http_conn *c, int *ret_own_fd);
/* Never reused by this server. */
uint64_t http_conn_id(const struct http_conn *c);
/* The open connection with that number, or NULL. */
struct http_conn *http_conn_find(struct http_server *s, uint64_t id);
void *http_conn_tag(const struct http_conn *c);
void http_conn_set_user(struct http_conn *c, void *user);
void *http_conn_user(const struct http_conn *c);
/* Cuts it; an open exchange gets on_gone. */
void http_conn_cut(struct http_conn *c);

#endif
