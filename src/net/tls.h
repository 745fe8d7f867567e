/* tls: TLS 1.3 over a connected non-blocking socket; the only place of net/ that sees OpenSSL.
 *
 * No tickets, no session cache, no renegotiation, no compression, no early data. ALPN "http/1.1" only. The calls never
 * block and never raise SIGPIPE. */
#ifndef AMBIT_NET_TLS_H
#define AMBIT_NET_TLS_H

#include "base/span.h"

struct tls_server;
struct tls_client;
struct tls_conn;

enum tls_client_cert {
	TLS_CLIENT_CERT_NONE,   /* not asked for */
	TLS_CLIENT_CERT_BOUND,  /* asked for; if sent, possession of its key is proven, its chain is not looked at */
};

struct tls_server_options {
	enum tls_client_cert client_cert;
	bool allow_tls12;       /* with ECDHE AEAD suites only */
};

/* A server without a certificate: tls_accept fails with E_UNAVAILABLE until one is set. */
status tls_server_new(const struct tls_server_options *o, struct tls_server **ret);
struct tls_server *tls_server_free(struct tls_server *s);
/* Replaces certificate chain (leaf first, PEM) and private key (PEM, unencrypted PKCS#8 or SEC1); open connections keep the old. On any failure
 * (E_CRYPTO: unreadable, or the key does not fit the leaf) the old pair stays in force. Both are copied; wiping `key_pem` is the caller's. */
status tls_server_set_cert(struct tls_server *s, span chain_pem, span key_pem);

struct tls_client_options {
	span ca_pem;            /* empty: the system's trust store */
};
status tls_client_new(const struct tls_client_options *o, struct tls_client **ret);
struct tls_client *tls_client_free(struct tls_client *c);

/* A connection over fd, which stays the caller's and must outlive it. */
status tls_accept(struct tls_server *s, int fd, struct tls_conn **ret);
/* `host`: DNS name or IP address that the certificate must carry; also sent as SNI when a name. */
status tls_connect(struct tls_client *c, int fd, const char *host, struct tls_conn **ret);
/* No I/O. Takes NULL, returns NULL. */
struct tls_conn *tls_conn_free(struct tls_conn *c);

enum tls_io {
	TLS_DONE,        /* the handshake is complete; or *ret > 0 bytes were moved */
	TLS_WANT_READ,   /* call again when the socket is readable */
	TLS_WANT_WRITE,  /* call again, with the same arguments, when it is writable */
	TLS_CLOSED,      /* the peer closed properly (close_notify) */
	TLS_FAILED,      /* broken, refused, or cut without close_notify; the connection is dead */
};

enum tls_io tls_handshake(struct tls_conn *c);
enum tls_io tls_read(struct tls_conn *c, void *p, size_t n, size_t *ret);
enum tls_io tls_write(struct tls_conn *c, const void *p, size_t n, size_t *ret);
/* Decrypted or buffered bytes wait inside: read again without waiting for the socket. */
bool tls_pending(const struct tls_conn *c);
/* Sends close_notify if the socket takes it. */
void tls_close_notify(struct tls_conn *c);

/* SHA-256 of the peer's certificate in DER (RFC 8705 x5t#S256), or empty when it sent none. */
span tls_peer_thumbprint(const struct tls_conn *c);
/* Why the last call failed, for a log line; static text or OpenSSL's reason string. */
const char *tls_error(const struct tls_conn *c);

#endif
