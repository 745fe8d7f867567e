/* http_client: asynchronous HTTP/1.1 calls to one upstream, over TCP, a unix socket or TLS.
 *
 * An upstream keeps idle connections for reuse. A call that was sent is never repeated by itself: `maybe_sent` in its
 * result says whether the upstream may have acted on it. Cancelling closes the connection at once.
 *
 * Redirects are not followed, cookies not kept, content codings not asked for. */
#ifndef AMBIT_NET_HTTP_CLIENT_H
#define AMBIT_NET_HTTP_CLIENT_H

#include "net/http.h"
#include "net/loop.h"
#include "net/tls.h"

#include <sys/socket.h>

struct http_upstream;
struct http_call;

struct http_upstream_options {
	struct sockaddr_storage addr;   /* AF_INET, AF_INET6 or AF_UNIX; see net_resolve, net_unix_addr */
	socklen_t addr_len;
	const char *host;               /* Host field; for TLS also the name in the certificate (without port) */
	struct tls_client *tls;         /* borrowed; NULL: plaintext */
	unsigned max_conns;             /* open at once; default 32; calls beyond wait their turn */
	unsigned max_waiting;           /* default 256; beyond: E_RATE_LIMITED */
	unsigned max_idle;              /* kept for reuse; default 8 */
	int64_t idle_ns;                /* default 30 s */
	int64_t connect_ns;             /* connect and handshake; default 5 s */
};

/* Options are copied. */
status http_upstream_new(struct loop *l, const struct http_upstream_options *o, struct http_upstream **ret);
/* Cancels all calls, without callbacks. Takes NULL, returns NULL. */
struct http_upstream *http_upstream_free(struct http_upstream *u);

struct http_outgoing {
	const char *method;             /* "POST" */
	span target;                    /* origin-form */
	struct http_fields fields;      /* without Host, Content-Length, Transfer-Encoding, Connection */
	span body;                      /* copied */
	int64_t head_ns;                /* until the response's head; default 30 s */
	int64_t silence_ns;             /* between bytes of the body; default 300 s */
	uint64_t max_body;              /* of the response; default 16 MiB; more is E_LIMIT */
	bool idempotent;                /* may be repeated once when a reused connection turns out to be closed */
};

struct http_call_head {
	unsigned status;
	span content_type;
	struct http_fields fields;      /* valid during the callback */
};

struct http_call_events {
	/* The final head (1xx are skipped). */
	void (*on_head)(void *user, struct http_call *c, const struct http_call_head *h);
	/* The next bytes of the body. http_call_pause() inside stops further ones. */
	void (*on_body)(void *user, struct http_call *c, span data);
	/* Last callback. OK: the response was complete. E_UPSTREAM: refused, broken or malformed; E_TIMEOUT; E_LIMIT. */
	void (*on_end)(void *user, struct http_call *c, status s, bool maybe_sent);
};

/* Starts a call; callbacks come from the loop, never from inside this function. `ev` must stay valid (static). Fails with
 * E_BAD_REQUEST (method, target or field not sendable), E_NO_MEMORY, E_RATE_LIMITED. */
status http_call_start(struct http_upstream *u, const struct http_outgoing *o, const struct http_call_events *ev, void *user,
    struct http_call **ret);
/* No callback follows. The connection, if the call was sent, is closed now. The handle is dead. Legal inside callbacks
 * (not in on_end, where the handle is already dying). */
void http_call_cancel(struct http_call *c);
/* Flow control: while paused nothing is read, so at most 64 KiB wait in memory and the upstream is slowed by TCP. */
void http_call_pause(struct http_call *c);
void http_call_resume(struct http_call *c);

#endif
