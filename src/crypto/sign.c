#include "crypto/sign.h"
#include "crypto/sign_priv.h"
#include "text/base64url.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>

struct alg_row {
	const char *name, *md, *curve, *jwk_curve;
	uint16_t width;          /* bytes of r, s, x, y */
	bool pss;
};

/* ORDER enum sign_alg */
static const struct alg_row algs[ALG_COUNT] = {
	[ALG_NONE] = { "none" },
	[ALG_ES256] = { "ES256", "SHA256", "prime256v1", "P-256", 32 },
	[ALG_EDDSA] = { "EdDSA", NULL, NULL, "Ed25519", 32 },
	[ALG_ES384] = { "ES384", "SHA384", "secp384r1", "P-384", 48 },
	[ALG_ES512] = { "ES512", "SHA512", "secp521r1", "P-521", 66 },
	[ALG_RS256] = { "RS256", "SHA256" },
	[ALG_RS384] = { "RS384", "SHA384" },
	[ALG_RS512] = { "RS512", "SHA512" },
	[ALG_PS256] = { "PS256", "SHA256", .pss = true },
	[ALG_PS384] = { "PS384", "SHA384", .pss = true },
	[ALG_PS512] = { "PS512", "SHA512", .pss = true },
};

CLEANER(EVP_PKEY, EVP_PKEY_free)
CLEANER(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
CLEANER(EVP_MD_CTX, EVP_MD_CTX_free)
CLEANER(ECDSA_SIG, ECDSA_SIG_free)
CLEANER(BIGNUM, BN_free)
CLEANER(PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free)

const char *
sign_alg_name(enum sign_alg a)
{
	return algs[a < ALG_COUNT ? a : ALG_NONE].name;
}

enum sign_alg
sign_alg_from_name(span name)
{
	for (enum sign_alg a = ALG_NONE + 1; a < ALG_COUNT; a++)
		if (span_is(name, algs[a].name))
			return a;
	return ALG_NONE;
}

/* ---- public keys ---- */

struct verify_key *
verify_key_free(struct verify_key *k)
{
	if (k) {
		EVP_PKEY_free(k->pkey);
		free(k);
	}
	return NULL;
}

void verify_key_freep(struct verify_key **k) { *k = verify_key_free(*k); }
enum sign_alg verify_key_alg(const struct verify_key *k) { return k->alg; }
span verify_key_id(const struct verify_key *k) { return span_make(k->id, SIGN_KEY_ID); }

static status
put_bn(const EVP_PKEY *pkey, const char *param, size_t width, struct buf *out)
{
	CLEANUP(openssl_freep_BIGNUM) BIGNUM *bn = NULL;
	uint8_t b[1024];
	ENSURE(EVP_PKEY_get_bn_param(pkey, param, &bn), E_CRYPTO);
	size_t n = width ? width : (size_t)BN_num_bytes(bn);
	ENSURE(n <= sizeof b && BN_bn2binpad(bn, b, (int)n) == (int)n, E_CRYPTO);
	base64url_encode(span_make(b, n), out);
	return OK;
}

/* The members RFC 7638 §3.2 hashes, in its order, as JSON without white space. */
static status
put_members(const struct verify_key *k, struct buf *out)
{
	const struct alg_row *a = &algs[k->alg];
	if (k->alg == ALG_EDDSA) {
		uint8_t raw[32];
		TRY(verify_key_raw(k, raw));
		buf_put_str(out, "\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"");
		base64url_encode(SPAN_OF(raw), out);
	} else if (a->curve) {
		buf_printf(out, "\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"", a->jwk_curve);
		TRY(put_bn(k->pkey, OSSL_PKEY_PARAM_EC_PUB_X, a->width, out));
		buf_put_str(out, "\",\"y\":\"");
		TRY(put_bn(k->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, a->width, out));
	} else {
		buf_put_str(out, "\"e\":\"");
		TRY(put_bn(k->pkey, OSSL_PKEY_PARAM_RSA_E, 0, out));
		buf_put_str(out, "\",\"kty\":\"RSA\",\"n\":\"");
		TRY(put_bn(k->pkey, OSSL_PKEY_PARAM_RSA_N, 0, out));
	}
	buf_put_u8(out, '"');
	return buf_finish(out);
}

static status
name_key(struct verify_key *k)
{
	CLEANUP(buf_fini) struct buf b, id;
	buf_init(&b, 4096);
	buf_init(&id, SIGN_KEY_ID);
	buf_put_u8(&b, '{');
	TRY(put_members(k, &b));
	buf_put_u8(&b, '}');
	TRY(buf_finish(&b));
	digest d = sha256(buf_span(&b));
	base64url_encode(digest_span(&d), &id);
	TRY(buf_finish(&id));
	memcpy(k->id, id.p, SIGN_KEY_ID);
	return OK;
}

/* Takes over pkey, even on failure. */
static status
wrap(EVP_PKEY *own_pkey, enum sign_alg alg, struct verify_key **ret)
{
	CLEANUP(verify_key_freep) struct verify_key *k = calloc(1, sizeof *k);
	if (!k)
		EVP_PKEY_free(own_pkey);
	ENSURE(k, E_NO_MEMORY);
	k->pkey = own_pkey;
	k->alg = alg;
	TRY(name_key(k));
	*ret = TAKE(k);
	return OK;
}

status
verify_key_ec(enum sign_alg alg, span x, span y, struct verify_key **ret)
{
	ENSURE(alg > ALG_NONE && alg < ALG_COUNT && algs[alg].width, E_CRYPTO);
	const struct alg_row *a = &algs[alg];
	CLEANUP(openssl_freep_EVP_PKEY) EVP_PKEY *pkey = NULL;
	ERR_clear_error();
	if (alg == ALG_EDDSA) {
		ENSURE(x.n == 32 && y.n == 0, E_CRYPTO);
		pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.p, 32);
		ENSURE(pkey, E_CRYPTO);
		return wrap(TAKE(pkey), alg, ret);
	}
	ENSURE(x.n == a->width && y.n == a->width, E_CRYPTO);
	uint8_t point[1 + 2 * 66] = { 4 };
	memcpy(point + 1, x.p, x.n);
	memcpy(point + 1 + x.n, y.p, y.n);
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)a->curve, strlen(a->curve)),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + x.n + y.n),
		OSSL_PARAM_END,
	};
	CLEANUP(openssl_freep_EVP_PKEY_CTX) EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	ENSURE(make && EVP_PKEY_fromdata_init(make) > 0 &&
	       EVP_PKEY_fromdata(make, &pkey, EVP_PKEY_PUBLIC_KEY, params) > 0, E_CRYPTO);
	CLEANUP(openssl_freep_EVP_PKEY_CTX) EVP_PKEY_CTX *check = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	/* On a curve of cofactor 1, as all of ours are, a point that is on the curve and not at infinity has the curve's order (SP 800-56A
	 * §5.6.2.3.4): the multiplication that would show it again costs as much as a signature. */
	ENSURE(check && EVP_PKEY_public_check_quick(check) > 0, E_CRYPTO);
	return wrap(TAKE(pkey), alg, ret);
}

status
verify_key_rsa(enum sign_alg alg, span n, span e, struct verify_key **ret)
{
	ENSURE(alg >= ALG_RS256 && alg < ALG_COUNT, E_CRYPTO);
	ENSURE(n.n >= 256 && n.n <= 1024 && n.p[0] >= 0x80, E_CRYPTO);
	ENSURE(e.n >= 1 && e.n <= 4 && e.p[0] != 0 && e.p[e.n - 1] & 1 && !(e.n == 1 && e.p[0] == 1), E_CRYPTO);
	/* Parameters are in native byte order. */
	uint8_t native_n[1024], native_e[4];
	for (size_t i = 0; i < n.n; i++)
		native_n[i] = n.p[n.n - 1 - i];
	for (size_t i = 0; i < e.n; i++)
		native_e[i] = e.p[e.n - 1 - i];
	static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "native order");
	OSSL_PARAM params[] = {
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, native_n, n.n),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, native_e, e.n),
		OSSL_PARAM_END,
	};
	CLEANUP(openssl_freep_EVP_PKEY) EVP_PKEY *pkey = NULL;
	CLEANUP(openssl_freep_EVP_PKEY_CTX) EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	ENSURE(make && EVP_PKEY_fromdata_init(make) > 0 &&
	       EVP_PKEY_fromdata(make, &pkey, EVP_PKEY_PUBLIC_KEY, params) > 0, E_CRYPTO);
	return wrap(TAKE(pkey), alg, ret);
}

/* ES256, EdDSA, or none. */
static enum sign_alg
alg_of(const EVP_PKEY *pkey)
{
	char group[32];
	if (EVP_PKEY_is_a(pkey, "ED25519"))
		return ALG_EDDSA;
	if (EVP_PKEY_is_a(pkey, "EC") && EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) > 0 &&
	    strcmp(group, "prime256v1") == 0)
		return ALG_ES256;
	return ALG_NONE;
}

status
verify_key_spki(span der, struct verify_key **ret)
{
	const uint8_t *p = der.p;
	ENSURE(der.n > 0 && der.n <= 4096, E_CRYPTO);
	ERR_clear_error();
	CLEANUP(openssl_freep_EVP_PKEY) EVP_PKEY *pkey = d2i_PUBKEY(NULL, &p, (long)der.n);
	ENSURE(pkey && p == der.p + der.n, E_CRYPTO);
	enum sign_alg alg = alg_of(pkey);
	ENSURE(alg != ALG_NONE, E_CRYPTO);
	CLEANUP(openssl_freep_EVP_PKEY_CTX) EVP_PKEY_CTX *check = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	ENSURE(alg == ALG_EDDSA || (check && EVP_PKEY_public_check(check) > 0), E_CRYPTO);
	return wrap(TAKE(pkey), alg, ret);
}

status
verify_key_to_spki(const struct verify_key *k, struct buf *out)
{
	int n = i2d_PUBKEY(k->pkey, NULL);
	ENSURE(n > 0, E_CRYPTO);
	uint8_t *p = buf_extend(out, (size_t)n);
	ENSURE(p, out->err);
	ENSURE(i2d_PUBKEY(k->pkey, &p) == n, E_CRYPTO);
	return OK;
}

status
verify_key_to_jwk(const struct verify_key *k, struct buf *out)
{
	buf_put_str(out, "{\"alg\":\"");
	buf_put_str(out, algs[k->alg].name);
	buf_put_str(out, "\",");
	TRY(put_members(k, out));
	buf_put_str(out, ",\"kid\":\"");
	buf_put(out, verify_key_id(k));
	buf_put_str(out, "\",\"use\":\"sig\"}");
	return buf_finish(out);
}

status
verify_key_raw(const struct verify_key *k, uint8_t out[static 32])
{
	size_t n = 32;
	ENSURE(k->alg == ALG_EDDSA, E_BAD_REQUEST);
	ENSURE(EVP_PKEY_get_raw_public_key(k->pkey, out, &n) > 0 && n == 32, E_CRYPTO);
	return OK;
}

/* r || s to the DER form OpenSSL takes; its length, or 0. A zero r or s passes here and is refused by OpenSSL. */
static size_t
ecdsa_to_der(span sig, size_t width, uint8_t der[static 160])
{
	CLEANUP(openssl_freep_ECDSA_SIG) ECDSA_SIG *e = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(sig.p, (int)width, NULL), *s = BN_bin2bn(sig.p + width, (int)width, NULL);
	if (!e || !r || !s || !ECDSA_SIG_set0(e, r, s)) {
		BN_free(r);
		BN_free(s);
		return 0;
	}
	uint8_t *p = der;
	int n = i2d_ECDSA_SIG(e, NULL);
	return n > 0 && n <= 160 && i2d_ECDSA_SIG(e, &p) == n ? (size_t)n : 0;
}

bool
verify_ok(const struct verify_key *k, span message, span sig)
{
	const struct alg_row *a = &algs[k->alg];
	uint8_t der[160];
	if (a->width && sig.n != 2u * a->width)
		return false;
	if (!a->width && sig.n != (size_t)EVP_PKEY_get_size(k->pkey))
		return false;
	if (a->curve) {
		size_t n = ecdsa_to_der(sig, a->width, der);
		if (n == 0)
			return false;
		sig = span_make(der, n);
	}
	CLEANUP(openssl_freep_EVP_MD_CTX) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	bool ok = ctx && EVP_DigestVerifyInit_ex(ctx, &pctx, a->md, NULL, NULL, k->pkey, NULL) > 0 &&
	          (!a->pss || (EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0 &&
	                       EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) > 0)) &&
	          EVP_DigestVerify(ctx, sig.p, sig.n, message.n ? message.p : der, message.n) == 1;
	ERR_clear_error();
	return ok;
}

/* ---- private keys ---- */

struct sign_key *
sign_key_free(struct sign_key *k)
{
	if (k) {
		EVP_PKEY_free(k->pkey);
		free(k);
	}
	return NULL;
}

void sign_key_freep(struct sign_key **k) { *k = sign_key_free(*k); }
enum sign_alg sign_key_alg(const struct sign_key *k) { return k->alg; }
span sign_key_id(const struct sign_key *k) { return span_make(k->id, SIGN_KEY_ID); }

static status
wrap_private(EVP_PKEY *own_pkey, struct sign_key **ret)
{
	CLEANUP(sign_key_freep) struct sign_key *k = calloc(1, sizeof *k);
	if (!k)
		EVP_PKEY_free(own_pkey);
	ENSURE(k, E_NO_MEMORY);
	k->pkey = own_pkey;
	k->alg = alg_of(own_pkey);
	ENSURE(k->alg != ALG_NONE, E_CRYPTO);
	struct verify_key view = { .pkey = k->pkey, .alg = k->alg };
	TRY(name_key(&view));
	memcpy(k->id, view.id, SIGN_KEY_ID);
	*ret = TAKE(k);
	return OK;
}

status
sign_key_generate(enum sign_alg alg, struct sign_key **ret)
{
	ENSURE(alg == ALG_ES256 || alg == ALG_EDDSA, E_BAD_REQUEST);
	EVP_PKEY *pkey = alg == ALG_ES256 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
	                                  : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	ENSURE(pkey, E_CRYPTO);
	return wrap_private(pkey, ret);
}

status
sign_key_load(const struct secret *der, struct sign_key **ret)
{
	span d = secret_reveal(der);
	const uint8_t *p = d.p;
	ERR_clear_error();
	CLEANUP(openssl_freep_PKCS8_PRIV_KEY_INFO) PKCS8_PRIV_KEY_INFO *p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)d.n);
	ENSURE(p8 && p == d.p + d.n, E_CRYPTO);
	CLEANUP(openssl_freep_EVP_PKEY) EVP_PKEY *pkey = EVP_PKCS82PKEY(p8);
	ENSURE(pkey, E_CRYPTO);
	/* A key whose halves do not belong together would sign what nobody can verify. */
	CLEANUP(openssl_freep_EVP_PKEY_CTX) EVP_PKEY_CTX *check = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	ENSURE(check && EVP_PKEY_pairwise_check(check) > 0, E_CRYPTO);
	return wrap_private(TAKE(pkey), ret);
}

status
sign_key_save(const struct sign_key *k, struct secret **ret_der)
{
	CLEANUP(openssl_freep_PKCS8_PRIV_KEY_INFO) PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(k->pkey);
	ENSURE(p8, E_CRYPTO);
	int n = i2d_PKCS8_PRIV_KEY_INFO(p8, NULL);
	ENSURE(n > 0, E_CRYPTO);
	CLEANUP(secret_freep) struct secret *s = NULL;
	TRY(secret_new((size_t)n, &s));
	uint8_t *p = secret_writable(s);
	ENSURE(i2d_PKCS8_PRIV_KEY_INFO(p8, &p) == n, E_CRYPTO);
	*ret_der = TAKE(s);
	return OK;
}

status
sign_make(const struct sign_key *k, span message, uint8_t sig[static 64])
{
	uint8_t der[80];
	size_t n = sizeof der;
	CLEANUP(openssl_freep_EVP_MD_CTX) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ENSURE(ctx, E_NO_MEMORY);
	ENSURE(EVP_DigestSignInit_ex(ctx, NULL, algs[k->alg].md, NULL, NULL, k->pkey, NULL) > 0 &&
	       EVP_DigestSign(ctx, der, &n, message.n ? message.p : der, message.n) > 0, E_CRYPTO);
	if (k->alg == ALG_EDDSA) {
		ENSURE(n == 64, E_CRYPTO);
		memcpy(sig, der, 64);
		return OK;
	}
	const uint8_t *p = der;
	CLEANUP(openssl_freep_ECDSA_SIG) ECDSA_SIG *e = d2i_ECDSA_SIG(NULL, &p, (long)n);
	ENSURE(e && BN_bn2binpad(ECDSA_SIG_get0_r(e), sig, 32) == 32 && BN_bn2binpad(ECDSA_SIG_get0_s(e), sig + 32, 32) == 32,
	       E_CRYPTO);
	return OK;
}

status
sign_key_public(const struct sign_key *k, struct verify_key **ret)
{
	CLEANUP(buf_fini) struct buf spki;
	buf_init(&spki, 512);
	struct verify_key view = { .pkey = k->pkey, .alg = k->alg };
	TRY(verify_key_to_spki(&view, &spki));
	return verify_key_spki(buf_span(&spki), ret);
}
