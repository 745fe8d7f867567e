/* What the two halves of the client share: http_client.c (upstreams, calls, whose turn it is) and http_upconn.c (one
 * connection: connect, send, read). */
#ifndef AMBIT_NET_HTTP_CLIENT_PRIV_H
#define AMBIT_NET_HTTP_CLIENT_PRIV_H

#include "base/buf.h"
#include "net/http1.h"
#include "net/http_client.h"

/*   CONNECTING ─▶ HANDSHAKE ─▶ BUSY ◀─▶ IDLE, each ─▶ DEAD
 * INVARIANT: call != NULL exactly in CONNECTING, HANDSHAKE and BUSY. */
enum upconn_state { UP_CONNECTING, UP_HANDSHAKE, UP_BUSY, UP_IDLE, UP_DEAD };

struct upconn {
	struct loop_fd io;
	struct loop_timer timer;        /* connect and handshake; idle */
	struct loop_hook go;            /* read on: after a pause, or TLS holds more than the budget allowed */
	struct loop_grave grave;
	struct list node;               /* u->conns or u->idle */
	struct http_upstream *u;
	struct http_call *call;
	struct tls_conn *tls;
	enum upconn_state state;
	int parked_fd;                  /* hung up while its call is paused: off the loop until it reads again; else -1 */
	bool reused, want_write, eof;
	struct buf in;
};

enum call_state { CALL_WAITING, CALL_HEAD, CALL_BODY, CALL_DONE };

struct http_call {
	struct list node;               /* u->waiting, or alone */
	struct loop_timer timer;
	struct loop_grave grave;
	struct http_upstream *u;
	struct upconn *conn;
	const struct http_call_events *ev;
	void *user;
	enum call_state state;
	enum http_method method;
	bool idempotent, retried, paused, got_bytes, keep_alive;
	unsigned interim;
	struct buf out;                 /* the whole request */
	size_t sent;
	int64_t head_ns, silence_ns;
	uint64_t max_body, left;        /* left: of a Content-Length body */
	uint64_t total;
	enum http1_body framing;
	struct http1_scanner scan;
	struct http1_chunked chunked;
};

struct http_upstream {
	struct loop *loop;
	struct http_upstream_options o;
	char *host;
	struct list conns, idle, waiting;
	unsigned n_conns, n_idle, n_waiting;
	struct loop_hook pump;
	struct loop_grave grave;
	bool freed;
};

/* http_client.c */
/* Off every list and timer; its memory goes after the turn. */
void call_drop(struct http_call *k);
/* The last callback. */
void call_end(struct http_call *k, status s);
void call_on_timer(struct loop_timer *t);
/* Back to the head of the queue, for a fresh connection. */
void call_again(struct http_call *k);
/* A connection became free: see who waits. */
void upstream_turn(struct http_upstream *u);

/* http_upconn.c */
/* Opens a connection for k. */
status upconn_open(struct http_upstream *u, struct http_call *k);
/* An idle connection that the upstream has not closed, or NULL. */
struct upconn *upconn_idle(struct http_upstream *u);
/* Sends its call's request on an open connection. */
void upconn_begin(struct upconn *c);
void upconn_kill(struct upconn *c);
/* Ends the connection and, unless it may be repeated, its call. */
void upconn_fail(struct upconn *c, status s);
void upconn_update(struct upconn *c);
/* After a pause. */
void upconn_resume(struct upconn *c);

#endif
