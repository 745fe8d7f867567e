#include "role/edge_priv.h"

#include "text/base64url.h"

/* The TLS key is made here and never leaves; the signer certifies it for an hour (ARCHITECTURE: "its TLS key is a short-lived leaf
 * from the signer"). A fresh key is taken for every leaf. */
enum { LEAF_RETRY_S = 2, LEAF_RENEW_S = 30 * 60 };

status
edge_tls_configure(struct edge *e)
{
	/* A client certificate is not checked against any authority: its thumbprint binds enrolment and tokens (RFC 8705 §2.2). */
	struct tls_server_options o = { .client_cert = e->class == OP_CLASS_A ? TLS_CLIENT_CERT_BOUND : TLS_CLIENT_CERT_NONE };
	return tls_server_new(&o, &e->tls);
}

static void
ask_again(struct loop_timer *t)
{
	edge_tls_ask_leaf(container_of(t, struct edge, leaf_timer));
}

static status
request_leaf(struct edge *e)
{
	CLEANUP(verify_key_freep) struct verify_key *public = NULL;
	CLEANUP(buf_fini) struct buf spki;
	buf_init(&spki, 1024);
	e->tls_key = sign_key_free(e->tls_key);
	TRY(sign_key_generate(ALG_ES256, &e->tls_key));
	TRY(sign_key_public(e->tls_key, &public));
	TRY(verify_key_to_spki(public, &spki));
	struct msg m = msg_make(MSG_LEAF_REQUEST);
	m.leaf_request.req = ++e->leaf_req;
	m.leaf_request.spki = buf_span(&spki);
	return role_send(e->w, ROLE_CORE, 0, &m);
}

void
edge_tls_ask_leaf(struct edge *e)
{
	/* Whatever fails, an answer or the timer comes: until then the old leaf serves, or nobody is let in. */
	IGNORE(request_leaf(e));
	loop_timer_after(e->w->loop, &e->leaf_timer, LEAF_RETRY_S * INT64_C(1000000000), ask_again);
}

static void
put_pem(struct buf *b, const char *label, span der)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 32768);
	base64_encode(der, &text);
	if (text.err && !b->err)
		b->err = text.err;
	buf_printf(b, "-----BEGIN %s-----\n", label);
	for (size_t i = 0; i < text.n; i += 64) {
		buf_put(b, span_sub(buf_span(&text), i, 64));
		buf_put_u8(b, '\n');
	}
	buf_printf(b, "-----END %s-----\n", label);
	secret_wipe(text.p, text.n);
}

static status
install_leaf(struct edge *e, span chain)
{
	struct buf certs, key;
	CLEANUP(secret_freep) struct secret *der = NULL;
	buf_init(&certs, 65536);
	buf_init(&key, 8192);
	struct reader r = rd_make(chain);
	while (rd_left(&r) && r.ok)
		put_pem(&certs, "CERTIFICATE", rd_vec32(&r));
	status s = rd_end(&r);
	if (!failed(s))
		s = sign_key_save(e->tls_key, &der);
	if (!failed(s)) {
		put_pem(&key, "PRIVATE KEY", secret_reveal(der));
		s = failed(buf_finish(&certs)) ? buf_finish(&certs) : buf_finish(&key);
	}
	if (!failed(s))
		s = tls_server_set_cert(e->tls, buf_span(&certs), buf_span(&key));
	secret_wipe(key.p, key.n);
	buf_fini(&key);
	buf_fini(&certs);
	return s;
}

void
edge_tls_leaf(struct edge *e, const struct msg_leaf *m)
{
	if (m->req != e->leaf_req || m->error != E_OK || failed(install_leaf(e, m->chain)))
		return; /* the retry timer is armed */
	loop_timer_after(e->w->loop, &e->leaf_timer, LEAF_RENEW_S * INT64_C(1000000000), ask_again);
}
