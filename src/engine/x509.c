/* X.509 client certificates. There is no account: revoking is putting the certificate's serial, which follows from the lease's id, on the list that
 * the servers check (CRL). The root credential is the authority's key and certificate. */
#include "crypto/pem.h"
#include "crypto/x509.h"
#include "engine/pem_put.h"
#include "engine/revoked.h"

enum { CRL_MAX = 16 << 20, SKEW = 60, KEY_ROOM = 4096 };

struct x509_options {
	struct engine_options common;
	span crl;
	int64_t max_ttl, crl_ttl;
};

struct x509_engine {
	struct engine e;
	struct sign_key *ca;
	struct buf cert;                /* of the authority, DER */
};

struct x509_grant {
	span common_name;
	struct schema_list dns, uris;
};

static const struct x509_options upstream_init = { .max_ttl = 24 * 3600 * TIME_SECOND, .crl_ttl = 7 * 24 * 3600 * TIME_SECOND };
static const struct schema_field upstream_fields[] = {
	ENGINE_COMMON_FIELDS(struct x509_options),
	{ "crl", SCHEMA_STR, SCHEMA_AT(struct x509_options, crl), .required = true, .min = 2, .max = 4000, .doc = "file of the revocation list that Ambit writes, in PEM; beside it `.list`, which Ambit keeps it from" },
	{ "max_ttl", SCHEMA_DURATION, SCHEMA_AT(struct x509_options, max_ttl), .min = TIME_SECOND, .max = 366 * 24 * 3600 * TIME_SECOND, .doc = "no certificate lives longer; so long a serial stays on the list. Only ever make it longer. Default `24h`" },
	{ "crl_ttl", SCHEMA_DURATION, SCHEMA_AT(struct x509_options, crl_ttl), .min = 60 * TIME_SECOND, .max = 366 * 24 * 3600 * TIME_SECOND, .doc = "how long a list is good; servers refuse everybody after it, until a revocation or `test` has made a new one. Default `7d`" },
};
static const struct schema upstream_schema = { .name = "x509 upstream", .fields = upstream_fields, .n = ARRAY_LEN(upstream_fields),
	.size = sizeof(struct x509_options), .init = &upstream_init };

static const struct schema_field grant_fields[] = {
	{ "common_name", SCHEMA_STR, SCHEMA_AT(struct x509_grant, common_name), .min = 1, .max = 64, .doc = "of the subject; without it the subject is empty" },
	{ "dns", SCHEMA_STRS, SCHEMA_AT(struct x509_grant, dns), .max = 16, .doc = "alternative names" },
	{ "uris", SCHEMA_STRS, SCHEMA_AT(struct x509_grant, uris), .max = 15, .doc = "alternative names: `spiffe://example.org/agent/x`. `ambit://lease/lse_…` is added to each certificate" },
};
static const struct schema grant_schema = SCHEMA(struct x509_grant, grant_fields, "x509 template");

static inline struct x509_engine *
x509_of(struct engine *e)
{
	return (struct x509_engine *)e;
}

static inline const struct x509_options *
x509_options(const struct engine *e)
{
	return (const struct x509_options *)e->options;
}

static status
read_block(span text, const char *label, struct buf *out)
{
	bool found;
	TRY(pem_next(&text, label, out, &found));
	return found ? OK : FAIL(E_BAD_CONFIG);
}

static status
read_root(struct x509_engine *g)
{
	CLEANUP(pem_wipe) struct buf key = { 0 };
	CLEANUP(secret_freep) struct secret *der = NULL;
	span text = secret_reveal(g->e.root);
	buf_init(&key, KEY_ROOM);
	ENSURE(buf_reserve(&key, KEY_ROOM), E_NO_MEMORY);
	TRY(read_block(text, "PRIVATE KEY", &key));
	TRY(read_block(text, "CERTIFICATE", &g->cert));
	TRY(secret_new(key.n, &der));
	if (key.n)
		memcpy(secret_writable(der), key.p, key.n);
	return sign_key_load(der, &g->ca);
}

static status
open_x509(struct engine *e)
{
	struct x509_engine *g = x509_of(e);
	buf_init(&g->cert, 65536);
	if (x509_options(e)->crl.p[0] != '/') {
		engine_because(e, "crl: an absolute path");
		return FAIL(E_BAD_CONFIG);
	}
	if (!e->root)
		return OK;   /* to look only */
	status s = read_root(g);
	if (s.code == E_NO_MEMORY)
		return s;
	if (failed(s) || sign_key_alg(g->ca) != ALG_ES256) {
		engine_because(e, "the root credential is not an unencrypted P-256 key (PKCS #8) and the authority's certificate, both in PEM");
		return FAIL(E_BAD_CONFIG);
	}
	return OK;
}

static void
close_x509(struct engine *e)
{
	sign_key_free(x509_of(e)->ca);
	buf_fini(&x509_of(e)->cert);
}

static status
has_root(struct engine *e)
{
	if (x509_of(e)->ca)
		return OK;
	engine_because(e, "x509: there is no root credential");
	return FAIL(E_NOT_PERMITTED);
}

/* The lease's id in the lower half; the upper half keeps it from being 0 or negative. */
static void
serial_of(uint64_t lease, uint8_t out[static 16])
{
	static const uint8_t head[8] = { 0x41, 'm', 'b', 'i', 't', 0, 0, 1 };
	uint64_t v = id_bits(lease);
	memcpy(out, head, 8);
	for (size_t i = 16; i-- > 8; v >>= 8)
		out[i] = (uint8_t)v;
}

static status
issue(struct x509_engine *g, const struct lease_spec *l, const struct x509_grant *t, span spki, struct buf *der)
{
	char id[ID_TEXT + 1], uri[64] = "ambit://lease/";
	span uris[16];
	struct x509_leaf leaf = { .spki = spki, .common_name = t->common_name, .dns = t->dns.items, .n_dns = t->dns.n, .uri = uris, .n_uri = t->uris.n + 1,
		.usage = X509_CLIENT, .not_before = engine_wall() - SKEW, .not_after = l->end };
	ENSURE(t->uris.n < ARRAY_LEN(uris), E_BAD_REQUEST);
	for (size_t i = 0; i < t->uris.n; i++)
		uris[i] = ((const span *)t->uris.items)[i];
	id_text(l->lease, id);
	strcat(uri, id);
	uris[t->uris.n] = span_str(uri);
	serial_of(l->lease, leaf.serial);
	status s = x509_issue(g->ca, buf_span(&g->cert), &leaf, der);
	if (s.code == E_BAD_REQUEST) {
		engine_because(&g->e, "x509: a name of the template is not one, or the lease ends after the authority");
		return FAIL(E_BAD_CONFIG);
	}
	return s;
}

static status
fill(const struct sign_key *key, span cert, span ca, struct engine_credential *out)
{
	CLEANUP(pem_wipe) struct buf text = { 0 };
	CLEANUP(buf_fini) struct buf chain;
	CLEANUP(secret_freep) struct secret *der = NULL, *own = NULL;
	buf_init(&text, KEY_ROOM);
	buf_init(&chain, 65536);
	ENSURE(buf_reserve(&text, KEY_ROOM), E_NO_MEMORY);
	TRY(sign_key_save(key, &der));
	pem_put(&text, "PRIVATE KEY", secret_reveal(der));
	TRY(buf_finish(&text));
	TRY(secret_new(text.n, &own));
	memcpy(secret_writable(own), text.p, text.n);
	TRY(engine_field_secret(out, "private_key", NULL, TAKE(own)));
	pem_put(&chain, "CERTIFICATE", cert);
	TRY(buf_finish(&chain));
	TRY(engine_field_put(out, "certificate", NULL, buf_span(&chain)));
	buf_reset(&chain);
	pem_put(&chain, "CERTIFICATE", ca);
	TRY(buf_finish(&chain));
	return engine_field_put(out, "authority", NULL, buf_span(&chain));
}

static status
create(struct engine *e, const struct lease_spec *l, const char *, const void *grant, struct engine_credential *out)
{
	struct x509_engine *g = x509_of(e);
	CLEANUP(sign_key_freep) struct sign_key *key = NULL;
	CLEANUP(verify_key_freep) struct verify_key *public = NULL;
	CLEANUP(buf_fini) struct buf spki, der;
	buf_init(&spki, 1024);
	buf_init(&der, 65536);
	TRY(has_root(e));
	if (l->end - engine_wall() > x509_options(e)->max_ttl / TIME_SECOND) {
		engine_because(e, "x509: the lease is longer than max_ttl");
		return FAIL(E_BAD_REQUEST);
	}
	TRY(sign_key_generate(ALG_ES256, &key));
	TRY(sign_key_public(key, &public));
	TRY(verify_key_to_spki(public, &spki));
	TRY(issue(g, l, grant, buf_span(&spki), &der));
	return fill(key, buf_span(&der), buf_span(&g->cert), out);
}

/* Puts the serial (0: none) on the list, and writes the list anew. */
static status
publish(struct engine *e, uint64_t serial, struct revoked *v)
{
	CLEANUP(buf_fini) struct buf der, pem;
	CLEANUP(arena_fini) struct arena a;
	const struct x509_options *o = x509_options(e);
	int64_t now = engine_wall();
	buf_init(&der, CRL_MAX);
	buf_init(&pem, CRL_MAX);
	arena_init(&a, CRL_MAX);
	TRY(has_root(e));
	TRY(revoked_read(e, o->crl, o->max_ttl / TIME_SECOND, serial, v));
	struct x509_revoked *list = arena_array(&a, v->n + 1, sizeof *list);
	ENSURE(list, E_NO_MEMORY);
	for (size_t i = 0; i < v->n; i++) {
		serial_of(id_make(ID_LEASE, v->serials[i]), list[i].serial);
		list[i].when = v->times[i];
	}
	TRY(x509_crl(x509_of(e)->ca, buf_span(&x509_of(e)->cert), list, v->n, (uint64_t)now, now - SKEW, now + o->crl_ttl / TIME_SECOND, &der));
	pem_put(&pem, "X509 CRL", buf_span(&der));
	TRY(buf_finish(&pem));
	return revoked_write(e, o->crl, v, buf_span(&pem));
}

static status
revoke(struct engine *e, const struct lease_spec *l, const char *, struct engine_finding *f)
{
	CLEANUP(revoked_fini) struct revoked v = { 0 };
	TRY(publish(e, id_bits(l->lease), &v));
	f->was_there = !v.had;
	return OK;
}

static status
test(struct engine *e, struct buf *notes)
{
	CLEANUP(revoked_fini) struct revoked v = { 0 };
	TRY(publish(e, 0, &v));
	buf_printf(notes, "on the revocation list: %zu\n", v.n);
	return buf_finish(notes);
}

extern const struct engine_class engine_x509;
const struct engine_class engine_x509 = {
	.name = "x509", .title = "X.509 client certificate", .traits = ENGINE_NATIVE_END,
	.upstream = &upstream_schema, .grant = &grant_schema, .writes = "crl", .size = sizeof(struct x509_engine),
	.open = open_x509, .close = close_x509, .test = test, .create = create, .revoke = revoke,
};
