#include "net/tls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/socket.h>

/* No CBC, no static RSA, no finite-field DH. */
#define TLS12_SUITES "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:" \
                     "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305"

enum { MAX_PEER_CHAIN = 16384, THUMBPRINT = 32 };

struct tls_server {
	struct tls_server_options o;
	SSL_CTX *ctx;           /* NULL until there is a certificate; replaced whole, connections keep theirs by reference */
};

struct tls_client {
	SSL_CTX *ctx;
};

struct tls_conn {
	SSL *ssl;
	const char *error;
	uint8_t thumbprint[THUMBPRINT];
	bool has_cert, ready;
};

/* A BIO over a socket that neither raises SIGPIPE nor owns the descriptor. */

static int
sock_write(BIO *b, const char *p, int n)
{
	ssize_t r = send((int)(intptr_t)BIO_get_data(b), p, (size_t)n, MSG_NOSIGNAL);
	BIO_clear_retry_flags(b);
	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_write(b);
	return (int)r;
}

static int
sock_read(BIO *b, char *p, int n)
{
	ssize_t r = recv((int)(intptr_t)BIO_get_data(b), p, (size_t)n, 0);
	BIO_clear_retry_flags(b);
	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(b);
	return (int)r;
}

static long
sock_ctrl(BIO *, int cmd, long, void *)
{
	return cmd == BIO_CTRL_FLUSH;
}

static BIO_METHOD *
sock_method(void)
{
	static BIO_METHOD *m;
	if (m)
		return m;
	m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ambit socket");
	if (!m || !BIO_meth_set_write(m, sock_write) || !BIO_meth_set_read(m, sock_read) || !BIO_meth_set_ctrl(m, sock_ctrl)) {
		BIO_meth_free(m);
		m = NULL;
	}
	return m;
}

/* Contexts */

static SSL_CTX *
context_new(const SSL_METHOD *method, bool allow_tls12)
{
	SSL_CTX *x = SSL_CTX_new(method);
	if (!x)
		return NULL;
	SSL_CTX_set_options(x, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(x, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(x, MAX_PEER_CHAIN);
	SSL_CTX_set_read_ahead(x, 1);   /* one recv for header and record, often for several records */
	if (SSL_CTX_set_num_tickets(x, 0) && SSL_CTX_set_min_proto_version(x, allow_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION) &&
	    SSL_CTX_set_cipher_list(x, TLS12_SUITES))
		return x;
	SSL_CTX_free(x);
	return NULL;
}

/* The file may be encrypted or asked for interactively; neither is possible here. */
static int
no_password(char *, int, int, void *)
{
	return -1;
}

static int
take_any_chain(X509_STORE_CTX *, void *)
{
	return 1;   /* the token, not the chain, says whose key this is (RFC 8705 §2.2) */
}

static int
select_alpn(SSL *, const unsigned char **out, unsigned char *out_n, const unsigned char *in, unsigned n, void *)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *picked;
	if (SSL_select_next_proto(&picked, out_n, ours, sizeof ours - 1, in, n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = picked;
	return SSL_TLSEXT_ERR_OK;
}

status
tls_server_new(const struct tls_server_options *o, struct tls_server **ret)
{
	struct tls_server *s = calloc(1, sizeof *s);
	ENSURE(s, E_NO_MEMORY);
	s->o = *o;
	*ret = s;
	return OK;
}

struct tls_server *
tls_server_free(struct tls_server *s)
{
	if (s)
		SSL_CTX_free(s->ctx);
	free(s);
	return NULL;
}

static void bio_freep(BIO **b) { BIO_free(*b); }
static void x509_freep(X509 **x) { X509_free(*x); }
static void key_freep(EVP_PKEY **k) { EVP_PKEY_free(*k); }
static void chain_freep(STACK_OF(X509) **c) { sk_X509_pop_free(*c, X509_free); }
static void context_freep(SSL_CTX **x) { SSL_CTX_free(*x); }

/* Certificates until the end of the text; something unreadable among them is an error. */
static status
read_chain(span pem, X509 **ret_leaf, STACK_OF(X509) **ret_rest)
{
	CLEANUP(bio_freep) BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
	CLEANUP(x509_freep) X509 *leaf = NULL;
	CLEANUP(chain_freep) STACK_OF(X509) *rest = sk_X509_new_null();
	ENSURE(b && rest, E_NO_MEMORY);
	ERR_clear_error();
	leaf = PEM_read_bio_X509(b, NULL, no_password, NULL);
	ENSURE(leaf, E_CRYPTO);
	for (X509 *x; (x = PEM_read_bio_X509(b, NULL, no_password, NULL)); )
		if (!sk_X509_push(rest, x)) {
			X509_free(x);
			return FAIL(E_NO_MEMORY);
		}
	bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	ENSURE(at_end, E_CRYPTO);
	*ret_leaf = TAKE(leaf);
	*ret_rest = TAKE(rest);
	return OK;
}

status
tls_server_set_cert(struct tls_server *s, span chain_pem, span key_pem)
{
	ENSURE(chain_pem.n <= 1 << 20 && key_pem.n <= 1 << 16, E_LIMIT);
	CLEANUP(context_freep) SSL_CTX *x = context_new(TLS_server_method(), s->o.allow_tls12);
	CLEANUP(bio_freep) BIO *kb = BIO_new_mem_buf(key_pem.p, (int)key_pem.n);
	CLEANUP(x509_freep) X509 *leaf = NULL;
	CLEANUP(chain_freep) STACK_OF(X509) *rest = NULL;
	CLEANUP(key_freep) EVP_PKEY *key = NULL;
	ENSURE(x && kb, E_NO_MEMORY);
	TRY(read_chain(chain_pem, &leaf, &rest));
	key = PEM_read_bio_PrivateKey(kb, NULL, no_password, NULL);
	if (!key || SSL_CTX_use_cert_and_key(x, leaf, key, rest, 1) != 1 || SSL_CTX_check_private_key(x) != 1) {
		ERR_clear_error();
		return FAIL(E_CRYPTO);
	}
	SSL_CTX_set_alpn_select_cb(x, select_alpn, NULL);
	if (s->o.client_cert == TLS_CLIENT_CERT_BOUND) {
		SSL_CTX_set_verify(x, SSL_VERIFY_PEER, NULL);
		SSL_CTX_set_cert_verify_callback(x, take_any_chain, NULL);
	}
	SSL_CTX_free(s->ctx);
	s->ctx = TAKE(x);
	return OK;
}

static status
trust(SSL_CTX *x, span ca_pem)
{
	if (ca_pem.n == 0) {
		ENSURE(SSL_CTX_set_default_verify_paths(x) == 1, E_CRYPTO);
		return OK;
	}
	ENSURE(ca_pem.n <= 1 << 24, E_LIMIT);
	CLEANUP(x509_freep) X509 *first = NULL;
	CLEANUP(chain_freep) STACK_OF(X509) *rest = NULL;
	TRY(read_chain(ca_pem, &first, &rest));
	X509_STORE *store = SSL_CTX_get_cert_store(x);
	ENSURE(X509_STORE_add_cert(store, first) == 1, E_CRYPTO);
	for (int i = 0; i < sk_X509_num(rest); i++)
		ENSURE(X509_STORE_add_cert(store, sk_X509_value(rest, i)) == 1, E_CRYPTO);
	return OK;
}

status
tls_client_new(const struct tls_client_options *o, struct tls_client **ret)
{
	CLEANUP(context_freep) SSL_CTX *x = context_new(TLS_client_method(), true);
	ENSURE(x, E_NO_MEMORY);
	TRY(trust(x, o->ca_pem));
	SSL_CTX_set_verify(x, SSL_VERIFY_PEER, NULL);   /* chain, and the name set by tls_connect */
	/* This one returns 0 for success. */
	ENSURE(SSL_CTX_set_alpn_protos(x, (const unsigned char *)"\x08http/1.1", 9) == 0, E_NO_MEMORY);
	struct tls_client *c = calloc(1, sizeof *c);
	ENSURE(c, E_NO_MEMORY);
	c->ctx = TAKE(x);
	*ret = c;
	return OK;
}

struct tls_client *
tls_client_free(struct tls_client *c)
{
	if (c)
		SSL_CTX_free(c->ctx);
	free(c);
	return NULL;
}

/* Connections */

static status
conn_new(SSL_CTX *ctx, int fd, struct tls_conn **ret)
{
	struct tls_conn *c = calloc(1, sizeof *c);
	BIO_METHOD *m = sock_method();
	BIO *b = m ? BIO_new(m) : NULL;
	SSL *ssl = c && b ? SSL_new(ctx) : NULL;
	if (!ssl) {
		BIO_free(b);
		free(c);
		return FAIL(E_NO_MEMORY);
	}
	BIO_set_data(b, (void *)(intptr_t)fd);
	BIO_set_init(b, 1);
	SSL_set_bio(ssl, b, b);   /* one reference serves both directions */
	c->ssl = ssl;
	*ret = c;
	return OK;
}

status
tls_accept(struct tls_server *s, int fd, struct tls_conn **ret)
{
	ENSURE(s->ctx, E_UNAVAILABLE);
	TRY(conn_new(s->ctx, fd, ret));
	SSL_set_accept_state((*ret)->ssl);
	return OK;
}

status
tls_connect(struct tls_client *cl, int fd, const char *host, struct tls_conn **ret)
{
	struct tls_conn *c;
	ENSURE(*host, E_BAD_CONFIG);
	TRY(conn_new(cl->ctx, fd, &c));
	SSL_set_connect_state(c->ssl);
	SSL_set_hostflags(c->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	/* A name that reads as an address must match an address in the certificate, not a name. */
	bool is_ip = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c->ssl), host) == 1;
	if (!is_ip && (SSL_set1_host(c->ssl, host) != 1 || SSL_set_tlsext_host_name(c->ssl, host) != 1)) {
		tls_conn_free(c);
		ERR_clear_error();
		return FAIL(E_NO_MEMORY);
	}
	ERR_clear_error();
	*ret = c;
	return OK;
}

struct tls_conn *
tls_conn_free(struct tls_conn *c)
{
	if (c)
		SSL_free(c->ssl);
	free(c);
	return NULL;
}

static enum tls_io
outcome(struct tls_conn *c, int r)
{
	int saved = errno;
	switch (SSL_get_error(c->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_CLOSED;
	}
	unsigned long e = ERR_peek_last_error();
	c->error = e ? ERR_reason_error_string(e) : saved ? strerrordesc_np(saved) : "connection closed";
	if (!c->error)
		c->error = "TLS failure";
	ERR_clear_error();
	c->ready = false;   /* nothing more may be sent, not even close_notify */
	return TLS_FAILED;
}

static void
note_peer(struct tls_conn *c)
{
	const X509 *peer = SSL_get0_peer_certificate(c->ssl);
	unsigned n = 0;
	c->has_cert = peer && X509_digest(peer, EVP_sha256(), c->thumbprint, &n) == 1 && n == THUMBPRINT;
	c->ready = true;
}

enum tls_io
tls_handshake(struct tls_conn *c)
{
	errno = 0;
	ERR_clear_error();
	int r = SSL_do_handshake(c->ssl);
	if (r != 1)
		return outcome(c, r);
	note_peer(c);
	return TLS_DONE;
}

enum tls_io
tls_read(struct tls_conn *c, void *p, size_t n, size_t *ret)
{
	errno = 0;
	ERR_clear_error();
	int r = SSL_read_ex(c->ssl, p, n, ret);
	return r == 1 ? TLS_DONE : outcome(c, r);
}

enum tls_io
tls_write(struct tls_conn *c, const void *p, size_t n, size_t *ret)
{
	errno = 0;
	ERR_clear_error();
	int r = SSL_write_ex(c->ssl, p, n, ret);
	return r == 1 ? TLS_DONE : outcome(c, r);
}

bool
tls_pending(const struct tls_conn *c)
{
	return SSL_has_pending(c->ssl);
}

void
tls_close_notify(struct tls_conn *c)
{
	if (!c->ready)
		return;
	ERR_clear_error();
	SSL_shutdown(c->ssl);
	ERR_clear_error();
}

span
tls_peer_thumbprint(const struct tls_conn *c)
{
	return c->has_cert ? SPAN_OF(c->thumbprint) : (span){ 0 };
}

const char *
tls_error(const struct tls_conn *c)
{
	return c->error ? c->error : "";
}
