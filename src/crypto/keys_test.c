#include "tests/test.h"

#include "crypto/random.h"
#include "crypto/seal.h"
#include "crypto/sign.h"
#include "crypto/vault.h"
#include "crypto/x509.h"
#include "text/base64url.h"

#include <openssl/x509v3.h>

static void
signs_and_verifies(void **)
{
	static const enum sign_alg kinds[] = { ALG_ES256, ALG_EDDSA };
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		CLEANUP(sign_key_freep) struct sign_key *k = NULL, *again = NULL, *other = NULL;
		CLEANUP(verify_key_freep) struct verify_key *pub = NULL, *pub2 = NULL, *pub3 = NULL;
		CLEANUP(secret_freep) struct secret *der = NULL;
		CLEANUP(buf_fini) struct buf spki;
		buf_init(&spki, 1000);
		uint8_t sig[65], two[64];
		assert_ok(sign_key_generate(kinds[i], &k));
		assert_ok(sign_key_generate(kinds[i], &other));
		assert_ok(sign_key_public(k, &pub));
		assert_ok(sign_key_save(k, &der));
		assert_ok(sign_key_load(der, &again));
		assert_int_equal(sign_key_alg(again), kinds[i]);
		for (int n = 0; n < 20; n++) {
			assert_ok(sign_make(again, SPAN("message"), sig));
			assert_true(verify_ok(pub, SPAN("message"), span_make(sig, 64)));
		}
		assert_false(verify_ok(pub, SPAN("messagf"), span_make(sig, 64)));
		assert_false(verify_ok(pub, SPAN(""), span_make(sig, 64)));
		for (size_t n = 0; n < 66; n++)
			if (n != 64)
				assert_false(verify_ok(pub, SPAN("message"), span_make(sig, n)));
		for (size_t bit = 0; bit < 512; bit += 37) {
			sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(verify_ok(pub, SPAN("message"), span_make(sig, 64)));
			sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		assert_ok(sign_make(k, SPAN(""), two));
		assert_true(verify_ok(pub, SPAN(""), span_make(two, 64)));
		assert_ok(sign_key_public(other, &pub2));
		assert_false(verify_ok(pub2, SPAN("message"), span_make(sig, 64)));
		assert_ok(verify_key_to_spki(pub, &spki));
		assert_ok(verify_key_spki(buf_span(&spki), &pub3));
		assert_true(span_eq(verify_key_id(pub3), verify_key_id(pub)));
		assert_false(span_eq(verify_key_id(pub2), verify_key_id(pub)));
		for (size_t n = 0; n < spki.n; n++)
			assert_fails(verify_key_spki(span_make(spki.p, n), &pub3), E_CRYPTO);
		buf_put_u8(&spki, 0);
		assert_fails(verify_key_spki(buf_span(&spki), &pub3), E_CRYPTO);
	}
	CLEANUP(sign_key_freep) struct sign_key *k = NULL;
	assert_fails(sign_key_generate(ALG_RS256, &k), E_BAD_REQUEST);
}

static void
damaged_private_keys_do_not_load(void **)
{
	CLEANUP(sign_key_freep) struct sign_key *k = NULL, *a = NULL;
	CLEANUP(secret_freep) struct secret *der = NULL;
	assert_ok(sign_key_generate(ALG_ES256, &k));
	assert_ok(sign_key_save(k, &der));
	size_t n = secret_size(der);
	for (size_t cut = 0; cut <= n + 1; cut++) {
		CLEANUP(secret_freep) struct secret *d = NULL;
		if (cut == n)
			continue;
		assert_ok(secret_new(cut, &d));
		memcpy(secret_writable(d), secret_reveal(der).p, cut < n ? cut : n);
		assert_fails(sign_key_load(d, &a), E_CRYPTO);
	}
	/* A public half that is on the curve, but belongs to another key: its 64 bytes end the DER. */
	CLEANUP(sign_key_freep) struct sign_key *other = NULL;
	CLEANUP(secret_freep) struct secret *der2 = NULL;
	assert_ok(sign_key_generate(ALG_ES256, &other));
	assert_ok(sign_key_save(other, &der2));
	assert_int_equal(secret_size(der2), n);
	memcpy(secret_writable(der) + n - 64, secret_reveal(der2).p + n - 64, 64);
	assert_fails(sign_key_load(der, &a), E_CRYPTO);
}

/* RFC 7638 §3.1, RFC 8037 A.3, and the example of RFC 7517 A.1. */
static void
key_ids_are_thumbprints(void **)
{
	CLEANUP(buf_fini) struct buf a, b, jwk;
	buf_init(&a, 1000);
	buf_init(&b, 1000);
	buf_init(&jwk, 1000);
	CLEANUP(verify_key_freep) struct verify_key *rsa = NULL, *ed = NULL, *ec = NULL, *bad = NULL;
	assert_ok(base64url_decode(SPAN("0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKR"
	          "XjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA"
	          "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJz"
	          "KnqDKgw"), &a));
	assert_ok(verify_key_rsa(ALG_RS256, buf_span(&a), SPAN("\1\0\1"), &rsa));
	assert_span(verify_key_id(rsa), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
	assert_fails(verify_key_rsa(ALG_RS256, buf_span(&a), SPAN("\1"), &bad), E_CRYPTO);
	assert_fails(verify_key_rsa(ALG_RS256, buf_span(&a), SPAN("\0\1\0\1"), &bad), E_CRYPTO);
	assert_fails(verify_key_rsa(ALG_RS256, buf_span(&a), SPAN("\1\0\2"), &bad), E_CRYPTO);
	assert_fails(verify_key_rsa(ALG_RS256, span_make(a.p, 128), SPAN("\1\0\1"), &bad), E_CRYPTO);
	assert_fails(verify_key_rsa(ALG_ES256, buf_span(&a), SPAN("\1\0\1"), &bad), E_CRYPTO);
	buf_reset(&a);
	assert_ok(base64url_decode(SPAN("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"), &a));
	assert_ok(verify_key_ec(ALG_EDDSA, buf_span(&a), SPAN(""), &ed));
	assert_span(verify_key_id(ed), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
	buf_reset(&a);
	assert_ok(base64url_decode(SPAN("MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"), &a));
	assert_ok(base64url_decode(SPAN("4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"), &b));
	assert_ok(verify_key_ec(ALG_ES256, buf_span(&a), buf_span(&b), &ec));
	assert_ok(verify_key_to_jwk(ec, &jwk));
	assert_span(buf_span(&jwk), "{\"alg\":\"ES256\",\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
	            "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\",\"kid\":\"cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s\",\"use\":\"sig\"}");
	/* The same 64 bytes, cut elsewhere. */
	uint8_t both[64];
	memcpy(both, a.p, 32);
	memcpy(both + 32, b.p, 32);
	assert_fails(verify_key_ec(ALG_ES256, span_make(both, 33), span_make(both + 33, 31), &bad), E_CRYPTO);
	/* Not on the curve; of another width. */
	b.p[31] ^= 1;
	assert_fails(verify_key_ec(ALG_ES256, buf_span(&a), buf_span(&b), &bad), E_CRYPTO);
	assert_fails(verify_key_ec(ALG_ES256, buf_span(&a), span_make(b.p, 31), &bad), E_CRYPTO);
	assert_fails(verify_key_ec(ALG_ES384, buf_span(&a), buf_span(&b), &bad), E_CRYPTO);
	assert_fails(verify_key_ec(ALG_EDDSA, buf_span(&a), buf_span(&b), &bad), E_CRYPTO);
	assert_fails(verify_key_ec(ALG_RS256, buf_span(&a), buf_span(&b), &bad), E_CRYPTO);
	assert_int_equal(sign_alg_from_name(SPAN("none")), ALG_NONE);
	assert_int_equal(sign_alg_from_name(SPAN("es256")), ALG_NONE);
	assert_int_equal(sign_alg_from_name(SPAN("ES256")), ALG_ES256);
}

static void
sealed_only_opens_whole_in_its_place(void **)
{
	CLEANUP(secret_freep) struct secret *key = NULL, *other = NULL, *plain = NULL, *got = NULL;
	CLEANUP(buf_fini) struct buf a, b;
	buf_init(&a, 1000);
	buf_init(&b, 1000);
	assert_ok(seal_key_generate(&key));
	assert_ok(seal_key_derive(key, SPAN("x"), &other));
	char raw[] = "a secret";
	assert_ok(secret_take(raw, 8, &plain));
	assert_ok(seal_make(key, SPAN("here"), plain, &a));
	assert_ok(seal_make(key, SPAN("here"), plain, &b));
	assert_int_equal(a.n, 8 + SEAL_OVERHEAD);
	assert_false(span_eq(buf_span(&a), buf_span(&b)));
	assert_null(memmem(a.p, a.n, "secret", 6));
	assert_ok(seal_open(key, SPAN("here"), buf_span(&a), &got));
	assert_true(secret_eq(got, plain));
	got = secret_free(got);
	assert_fails(seal_open(key, SPAN("there"), buf_span(&a), &got), E_CRYPTO);
	assert_fails(seal_open(key, SPAN(""), buf_span(&a), &got), E_CRYPTO);
	assert_fails(seal_open(other, SPAN("here"), buf_span(&a), &got), E_CRYPTO);
	for (size_t bit = 0; bit < 8 * a.n; bit++) {
		a.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_fails(seal_open(key, SPAN("here"), buf_span(&a), &got), E_CRYPTO);
		a.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t n = 0; n < a.n; n++)
		assert_fails(seal_open(key, SPAN("here"), span_make(a.p, n), &got), E_CRYPTO);
	CLEANUP(secret_freep) struct secret *empty = NULL, *p1 = NULL, *p2 = NULL;
	assert_ok(secret_new(0, &empty));
	buf_reset(&a);
	assert_ok(seal_make(key, SPAN(""), empty, &a));
	assert_ok(seal_open(key, SPAN(""), buf_span(&a), &got));
	assert_int_equal(secret_size(got), 0);
	assert_ok(seal_key_from_passphrase(plain, SPAN("0123456789abcdef"), &p1));
	assert_ok(seal_key_from_passphrase(plain, SPAN("0123456789abcdeg"), &p2));
	assert_false(secret_eq(p1, p2));
	assert_fails(seal_key_from_passphrase(plain, SPAN("short"), &p2), E_BAD_REQUEST);
}

struct authority { struct sign_key *key; struct buf der; };

static void
authority_make(struct authority *a)
{
	static const uint8_t serial[16] = { 0xff, 2, 3 };
	buf_init(&a->der, 10000);
	assert_ok(sign_key_generate(ALG_ES256, &a->key));
	assert_ok(x509_ca(a->key, SPAN("Ambit dev CA"), 1000000, 4000000000, serial, &a->der));
}

static void
authority_fini(struct authority *a)
{
	sign_key_free(a->key);
	buf_fini(&a->der);
}

static X509 *
decode(span der)
{
	const uint8_t *p = der.p;
	X509 *x = d2i_X509(NULL, &p, (long)der.n);
	assert_non_null(x);
	return x;
}

/* As a strict TLS peer would check it. */
static bool
chain_ok(span der, span ca, int purpose, const char *host)
{
	X509_STORE *trust = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509 *leaf = decode(der), *root = decode(ca);
	X509_STORE_add_cert(trust, root);
	X509_STORE_CTX_init(ctx, trust, leaf, NULL);
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
	X509_VERIFY_PARAM_set_purpose(param, purpose);
	X509_VERIFY_PARAM_set_time(param, 2000500);
	if (host)
		X509_VERIFY_PARAM_set1_host(param, host, 0);
	bool ok = X509_verify_cert(ctx) == 1;
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(trust);
	X509_free(leaf);
	X509_free(root);
	return ok;
}

static void
leaves_are_what_the_template_says(void **)
{
	CLEANUP(authority_fini) struct authority a = { 0 }, b = { 0 };
	CLEANUP(sign_key_freep) struct sign_key *key = NULL;
	CLEANUP(verify_key_freep) struct verify_key *pub = NULL;
	CLEANUP(buf_fini) struct buf spki, der;
	buf_init(&spki, 1000);
	buf_init(&der, 10000);
	authority_make(&a);
	authority_make(&b);
	assert_ok(sign_key_generate(ALG_ES256, &key));
	assert_ok(sign_key_public(key, &pub));
	assert_ok(verify_key_to_spki(pub, &spki));
	span dns[] = { SPAN("localhost"), SPAN("ambit.example") }, ip[] = { SPAN("127.0.0.1"), SPAN("::1") };
	span uri[] = { SPAN("spiffe://example/edge") };
	struct x509_leaf leaf = { .spki = buf_span(&spki), .common_name = SPAN("edge"), .dns = dns, .n_dns = 2, .ip = ip, .n_ip = 2,
	                          .uri = uri, .n_uri = 1, .usage = X509_SERVER, .not_before = 2000000, .not_after = 2003600,
	                          .serial = { 1, 2, 3 } };
	assert_ok(x509_issue(a.key, buf_span(&a.der), &leaf, &der));
	assert_true(chain_ok(buf_span(&der), buf_span(&a.der), X509_PURPOSE_SSL_SERVER, "ambit.example"));
	assert_false(chain_ok(buf_span(&der), buf_span(&a.der), X509_PURPOSE_SSL_SERVER, "evil.example"));
	assert_false(chain_ok(buf_span(&der), buf_span(&a.der), X509_PURPOSE_SSL_CLIENT, NULL));
	assert_false(chain_ok(buf_span(&der), buf_span(&b.der), X509_PURPOSE_SSL_SERVER, NULL));
	assert_true(x509_signed_by(buf_span(&der), buf_span(&a.der)));
	assert_false(x509_signed_by(buf_span(&der), buf_span(&b.der)));

	X509 *x = decode(buf_span(&der));
	assert_true((X509_get_extension_flags(x) & (EXFLAG_BCONS | EXFLAG_CA | EXFLAG_KUSAGE)) == (EXFLAG_BCONS | EXFLAG_KUSAGE));
	assert_int_equal(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE);
	X509_free(x);
	CLEANUP(x509_facts_fini) struct x509_facts f;
	assert_ok(x509_read(buf_span(&der), &f));
	assert_true(f.not_before == 2000000 && f.not_after == 2003600 && !f.is_ca);
	struct reader r = rd_make(buf_span(&f.uris));
	assert_span(rd_vec16(&r), "spiffe://example/edge");
	assert_ok(rd_end(&r));
	r = rd_make(buf_span(&f.dns));
	assert_span(rd_vec16(&r), "localhost");
	struct x509_facts none, ca;
	assert_ok(x509_read(buf_span(&a.der), &ca));
	assert_true(ca.is_ca);
	x509_facts_fini(&ca);
	for (size_t n = 0; n < der.n; n++)
		assert_fails(x509_read(span_make(der.p, n), &none), E_CRYPTO);
	buf_put_u8(&der, 0);
	assert_fails(x509_read(buf_span(&der), &none), E_CRYPTO);
}

static void
leaves_outside_the_template_are_refused(void **)
{
	CLEANUP(authority_fini) struct authority a = { 0 }, b = { 0 };
	authority_make(&a);
	authority_make(&b);
	CLEANUP(verify_key_freep) struct verify_key *pub = NULL;
	CLEANUP(buf_fini) struct buf spki, der;
	buf_init(&spki, 1000);
	buf_init(&der, 10000);
	assert_ok(sign_key_public(b.key, &pub));
	assert_ok(verify_key_to_spki(pub, &spki));
	static const char *const bad_dns[] = { "", "A.example", "a b", "a..b", ".a", "a.", "*.example", "a\nb", "x/y" };
	static const char *const bad_ip[] = { "", "127.1", "0x7f.0.0.1", "300.0.0.1", "::g", "localhost" };
	static const char *const bad_uri[] = { "", "no-scheme", "spiffe://a b", "spiffe://a\n" };
	struct x509_leaf leaf = { .spki = buf_span(&spki), .usage = X509_SERVER, .not_before = 2000000, .not_after = 2003600 };
	span name;
	assert_fails(x509_issue(a.key, buf_span(&a.der), &leaf, &der), E_BAD_REQUEST);
#define REFUSED(list, array, count)                                                              \
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {                                           \
		struct x509_leaf l = leaf;                                                       \
		name = span_str(list[i]);                                                        \
		l.array = &name;                                                                 \
		l.count = 1;                                                                     \
		assert_fails(x509_issue(a.key, buf_span(&a.der), &l, &der), E_BAD_REQUEST);      \
	}
	REFUSED(bad_dns, dns, n_dns)
	REFUSED(bad_ip, ip, n_ip)
	REFUSED(bad_uri, uri, n_uri)
	name = SPAN("localhost");
	leaf.dns = &name;
	leaf.n_dns = 1;
	struct x509_leaf l = leaf;
	l.not_after = 4000000001;
	assert_fails(x509_issue(a.key, buf_span(&a.der), &l, &der), E_BAD_REQUEST);
	l = leaf;
	l.not_after = l.not_before;
	assert_fails(x509_issue(a.key, buf_span(&a.der), &l, &der), E_BAD_REQUEST);
	l = leaf;
	l.usage = 0;
	assert_fails(x509_issue(a.key, buf_span(&a.der), &l, &der), E_BAD_REQUEST);
	l = leaf;
	l.spki = SPAN("junk");
	assert_fails(x509_issue(a.key, buf_span(&a.der), &l, &der), E_BAD_REQUEST);
	/* Not the CA's key; not a CA. */
	assert_fails(x509_issue(b.key, buf_span(&a.der), &leaf, &der), E_CRYPTO);
	assert_ok(x509_issue(a.key, buf_span(&a.der), &leaf, &der));
	CLEANUP(buf_fini) struct buf second;
	buf_init(&second, 10000);
	assert_fails(x509_issue(b.key, buf_span(&der), &leaf, &second), E_CRYPTO);
}

/* The box was made by another implementation (Go's crypto/hpke) for the private key 01 02 … 20. */
static void
boxes_open_for_their_key_only(void **)
{
	static const char box_hex[] =
		"4801f3e44ae6e39ea33c7d9fb030345ec2d7d60e46238a23d4a0ffe8fb3c794098d7d6772dec9f70288b77df19d82f7322ec55d466aef50c37c62b7c7a"
		"a331264c9fcc09f0944dc6b359bb0f";
	static const uint8_t public[HPKE_KEY] = {
		0x07, 0xa3, 0x7c, 0xbc, 0x14, 0x20, 0x93, 0xc8, 0xb7, 0x55, 0xdc, 0x1b, 0x10, 0xe8, 0x6c, 0xb4,
		0x26, 0x37, 0x4a, 0xd1, 0x6a, 0xa8, 0x53, 0xed, 0x0b, 0xdf, 0xc0, 0xb2, 0xb8, 0x6d, 0x1c, 0x7c,
	};
	uint8_t box[(sizeof box_hex - 1) / 2], own[HPKE_KEY];
	CLEANUP(secret_freep) struct secret *key = NULL, *plain = NULL, *other = NULL;
	for (size_t i = 0; i < sizeof box; i++) {
		unsigned v;
		assert_int_equal(sscanf(box_hex + 2 * i, "%2x", &v), 1);
		box[i] = (uint8_t)v;
	}
	assert_ok(secret_new(HPKE_KEY, &key));
	for (int i = 0; i < HPKE_KEY; i++)
		secret_writable(key)[i] = (uint8_t)(i + 1);
	assert_ok(hpke_public(key, own));
	assert_memory_equal(own, public, sizeof own);
	assert_ok(hpke_open(key, SPAN("ambit/secret/1"), SPAN("github"), SPAN_OF(box), &plain));
	assert_span(secret_reveal(plain), "correct horse battery staple");
	assert_fails(hpke_open(key, SPAN("ambit/secret/2"), SPAN("github"), SPAN_OF(box), &other), E_CRYPTO);
	assert_fails(hpke_open(key, SPAN("ambit/secret/1"), SPAN("gitlab"), SPAN_OF(box), &other), E_CRYPTO);
	for (size_t i = 0; i < sizeof box; i++) {
		/* The top bit of an X25519 coordinate is not part of it (RFC 7748 §5), but of what the keys are bound to. */
		box[i] ^= 0x80;
		assert_fails(hpke_open(key, SPAN("ambit/secret/1"), SPAN("github"), SPAN_OF(box), &other), E_CRYPTO);
		box[i] ^= 0x80;
	}
	assert_fails(hpke_open(key, SPAN("ambit/secret/1"), SPAN("github"), span_make(box, 47), &other), E_CRYPTO);
	/* Ours, there and back; each box is another. */
	CLEANUP(buf_fini) struct buf a = { 0 }, b = { 0 };
	buf_init(&a, 1000);
	buf_init(&b, 1000);
	assert_ok(hpke_seal(public, SPAN("i"), SPAN("a"), plain, &a));
	assert_ok(hpke_seal(public, SPAN("i"), SPAN("a"), plain, &b));
	assert_int_equal(a.n, HPKE_OVERHEAD + 28);
	assert_false(span_eq(buf_span(&a), buf_span(&b)));
	assert_ok(hpke_open(key, SPAN("i"), SPAN("a"), buf_span(&a), &other));
	assert_true(secret_eq(plain, other));
	/* A point of low order gives everybody the same secret. */
	static const uint8_t zero[HPKE_KEY] = { 0 };
	assert_fails(hpke_seal(zero, SPAN("i"), SPAN("a"), plain, &a), E_CRYPTO);
}

static void
a_vault_opens_what_it_sealed_where_it_stands(void **)
{
	struct vault v = { 0 }, w = { 0 };
	CLEANUP(secret_freep) struct secret *kek = NULL, *other_kek = NULL, *plain = NULL, *got = NULL;
	CLEANUP(buf_fini) struct buf box = { 0 }, form = { 0 }, big = { 0 };
	buf_init(&box, 100000);
	buf_init(&form, 100000);
	buf_init(&big, 100000);
	assert_ok(seal_key_generate(&kek));
	assert_ok(seal_key_generate(&other_kek));
	assert_ok(vault_open(&v, kek));
	assert_ok(vault_open(&w, other_kek));
	assert_ok(secret_new(5, &plain));
	memcpy(secret_writable(plain), "hello", 5);
	assert_ok(hpke_seal(v.public, VAULT_INFO, SPAN("a"), plain, &box));
	assert_fails(vault_seal(&v, SPAN("b"), 1, buf_span(&box), &form), E_BAD_REQUEST);
	assert_fails(vault_seal(&w, SPAN("a"), 1, buf_span(&box), &form), E_BAD_REQUEST);
	assert_int_equal(form.n, 0);
	assert_ok(vault_seal(&v, SPAN("a"), 1, buf_span(&box), &form));
	assert_ok(vault_unseal(&v, SPAN("a"), 1, buf_span(&form), &got));
	assert_true(secret_eq(plain, got));
	CLEANUP(secret_freep) struct secret *none = NULL;
	assert_fails(vault_unseal(&v, SPAN("b"), 1, buf_span(&form), &none), E_CRYPTO);
	assert_fails(vault_unseal(&v, SPAN("a"), 2, buf_span(&form), &none), E_CRYPTO);
	assert_fails(vault_unseal(&w, SPAN("a"), 1, buf_span(&form), &none), E_CRYPTO);
	for (size_t i = 0; i < form.n; i++) {
		form.p[i] ^= 1;
		assert_fails(vault_unseal(&v, SPAN("a"), 1, buf_span(&form), &none), E_CRYPTO);
		form.p[i] ^= 1;
	}
	/* The key of one and the value of another version do not go together. */
	CLEANUP(buf_fini) struct buf second = { 0 }, mixed = { 0 };
	buf_init(&second, 100000);
	buf_init(&mixed, 100000);
	assert_ok(vault_seal(&v, SPAN("a"), 2, buf_span(&box), &second));
	size_t head = 3 + (size_t)(form.p[1] << 8 | form.p[2]);
	buf_put(&mixed, span_sub(buf_span(&form), 0, head));
	buf_put(&mixed, span_sub(buf_span(&second), head, second.n));
	assert_fails(vault_unseal(&v, SPAN("a"), 1, buf_span(&mixed), &none), E_CRYPTO);
	CLEANUP(secret_freep) struct secret *long_one = NULL;
	assert_ok(secret_new(VAULT_PLAIN_MAX + 1, &long_one));
	assert_ok(hpke_seal(v.public, VAULT_INFO, SPAN("a"), long_one, &big));
	assert_fails(vault_seal(&v, SPAN("a"), 1, buf_span(&big), &form), E_BAD_REQUEST);
	secret_free(v.wrap);
	secret_free(v.private);
	secret_free(w.wrap);
	secret_free(w.private);
}

TEST_MAIN(T(a_vault_opens_what_it_sealed_where_it_stands), T(boxes_open_for_their_key_only), T(signs_and_verifies), T(damaged_private_keys_do_not_load), T(key_ids_are_thumbprints),
          T(sealed_only_opens_whole_in_its_place), T(leaves_are_what_the_template_says),
          T(leaves_outside_the_template_are_refused))
