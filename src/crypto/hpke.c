#include "crypto/hpke.h"

#include "crypto/hash.h"
#include "crypto/sign_priv.h"

#include <openssl/err.h>
#include <openssl/evp.h>

enum { NONCE = 12, TAG = 16, AEAD_KEY = 32 };

CLEANER(EVP_PKEY, EVP_PKEY_free)
CLEANER(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
CLEANER(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)

static const uint8_t kem_suite[] = { 'K', 'E', 'M', 0x00, 0x20 };
static const uint8_t hpke_suite[] = { 'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, 0x02 };

/* ---- §4: labelled HKDF ---- */

static digest
labeled_extract(span suite, span salt, const char *label, span ikm)
{
	struct hmac_sha256 m;
	hmac_sha256_init(&m, salt);
	hmac_sha256_add(&m, SPAN("HPKE-v1"));
	hmac_sha256_add(&m, suite);
	hmac_sha256_add(&m, span_str(label));
	hmac_sha256_add(&m, ikm);
	return hmac_sha256_end(&m);
}

/* n <= 32: one block of the expansion. */
static void
labeled_expand(span suite, const digest *prk, const char *label, span info, uint8_t *out, size_t n)
{
	struct hmac_sha256 m;
	const uint8_t length[2] = { 0, (uint8_t)n }, one = 1;
	must(n <= DIGEST_SIZE);
	hmac_sha256_init(&m, digest_span(prk));
	hmac_sha256_add(&m, SPAN_OF(length));
	hmac_sha256_add(&m, SPAN("HPKE-v1"));
	hmac_sha256_add(&m, suite);
	hmac_sha256_add(&m, span_str(label));
	hmac_sha256_add(&m, info);
	hmac_sha256_add(&m, span_make(&one, 1));
	digest d = hmac_sha256_end(&m);
	memcpy(out, d.b, n);
	secret_wipe(&d, sizeof d);
	secret_wipe(&m, sizeof m);
}

/* ---- §4.1: DHKEM(X25519) ---- */

static status
public_of(EVP_PKEY *key, uint8_t ret[static HPKE_KEY])
{
	size_t n = HPKE_KEY;
	ENSURE(EVP_PKEY_get_raw_public_key(key, ret, &n) > 0 && n == HPKE_KEY, E_CRYPTO);
	return OK;
}

/* The shared secret of a private key with a public one, bound to both sides' public keys. */
static status
shared(EVP_PKEY *own, const uint8_t peer[static HPKE_KEY], const uint8_t enc[static HPKE_KEY], const uint8_t to[static HPKE_KEY],
       uint8_t ret[static DIGEST_SIZE])
{
	CLEANUP(openssl_freep_EVP_PKEY) EVP_PKEY *other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, HPKE_KEY);
	CLEANUP(openssl_freep_EVP_PKEY_CTX) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
	uint8_t dh[HPKE_KEY], context[2 * HPKE_KEY];
	size_t n = sizeof dh;
	ENSURE(other && ctx, E_CRYPTO);
	/* OpenSSL refuses the all-zero result of a low-order point (RFC 7748 §6.1). */
	bool ok = EVP_PKEY_derive_init(ctx) > 0 && EVP_PKEY_derive_set_peer(ctx, other) > 0 && EVP_PKEY_derive(ctx, dh, &n) > 0 &&
	          n == sizeof dh;
	ERR_clear_error();
	ENSURE(ok, E_CRYPTO);
	memcpy(context, enc, HPKE_KEY);
	memcpy(context + HPKE_KEY, to, HPKE_KEY);
	digest prk = labeled_extract(SPAN_OF(kem_suite), (span){ 0 }, "eae_prk", SPAN_OF(dh));
	labeled_expand(SPAN_OF(kem_suite), &prk, "shared_secret", SPAN_OF(context), ret, DIGEST_SIZE);
	secret_wipe(dh, sizeof dh);
	secret_wipe(&prk, sizeof prk);
	return OK;
}

/* ---- §5.1: the key schedule of base mode ---- */

struct schedule {
	uint8_t key[AEAD_KEY], nonce[NONCE];
};

static void
schedule(const uint8_t shared_secret[static DIGEST_SIZE], span info, struct schedule *ret)
{
	uint8_t context[1 + 2 * DIGEST_SIZE] = { 0 };
	digest id = labeled_extract(SPAN_OF(hpke_suite), (span){ 0 }, "psk_id_hash", (span){ 0 });
	digest about = labeled_extract(SPAN_OF(hpke_suite), (span){ 0 }, "info_hash", info);
	memcpy(context + 1, id.b, DIGEST_SIZE);
	memcpy(context + 1 + DIGEST_SIZE, about.b, DIGEST_SIZE);
	digest secret = labeled_extract(SPAN_OF(hpke_suite), span_make(shared_secret, DIGEST_SIZE), "secret", (span){ 0 });
	labeled_expand(SPAN_OF(hpke_suite), &secret, "key", SPAN_OF(context), ret->key, sizeof ret->key);
	labeled_expand(SPAN_OF(hpke_suite), &secret, "base_nonce", SPAN_OF(context), ret->nonce, sizeof ret->nonce);
	secret_wipe(&secret, sizeof secret);
}

/* ---- the message ---- */

status
hpke_public(const struct secret *private, uint8_t ret[static HPKE_KEY])
{
	must(secret_size(private) == HPKE_KEY);
	CLEANUP(openssl_freep_EVP_PKEY) EVP_PKEY *key =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret_reveal(private).p, HPKE_KEY);
	ENSURE(key, E_CRYPTO);
	return public_of(key, ret);
}

static status
encrypt(const struct schedule *k, span aad, span plain, uint8_t *to)
{
	int n;
	CLEANUP(openssl_freep_EVP_CIPHER_CTX) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	ENSURE(ctx, E_NO_MEMORY);
	ENSURE(EVP_EncryptInit_ex2(ctx, EVP_aes_256_gcm(), k->key, k->nonce, NULL) > 0 &&
	       (aad.n == 0 || EVP_EncryptUpdate(ctx, NULL, &n, aad.p, (int)aad.n) > 0) &&
	       (plain.n == 0 || EVP_EncryptUpdate(ctx, to, &n, plain.p, (int)plain.n) > 0) &&
	       EVP_EncryptFinal_ex(ctx, to + plain.n, &n) > 0 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, to + plain.n) > 0, E_CRYPTO);
	return OK;
}

status
hpke_seal(const uint8_t to[static HPKE_KEY], span info, span aad, const struct secret *plain, struct buf *out)
{
	uint8_t enc[HPKE_KEY], secret[DIGEST_SIZE];
	struct schedule k;
	EVP_PKEY *made = NULL;
	CLEANUP(openssl_freep_EVP_PKEY_CTX) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_X25519, NULL);
	ENSURE(ctx && EVP_PKEY_keygen_init(ctx) > 0 && EVP_PKEY_keygen(ctx, &made) > 0, E_CRYPTO);
	CLEANUP(openssl_freep_EVP_PKEY) EVP_PKEY *key = made;
	TRY(public_of(key, enc));
	TRY(shared(key, to, enc, to, secret));
	schedule(secret, info, &k);
	span p = secret_reveal(plain);
	size_t before = out->n;
	uint8_t *at = buf_extend(out, HPKE_OVERHEAD + p.n);
	status s = at ? OK : FAIL(out->err);
	if (at) {
		memcpy(at, enc, HPKE_KEY);
		s = encrypt(&k, aad, p, at + HPKE_KEY);
		if (failed(s))
			buf_truncate(out, before);
	}
	secret_wipe(&k, sizeof k);
	secret_wipe(secret, sizeof secret);
	return s;
}

static status
decrypt(const struct schedule *k, span aad, span text, const uint8_t tag[static TAG], struct secret *to)
{
	int n;
	uint8_t t[TAG];
	CLEANUP(openssl_freep_EVP_CIPHER_CTX) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	ENSURE(ctx, E_NO_MEMORY);
	memcpy(t, tag, TAG);
	bool ok = EVP_DecryptInit_ex2(ctx, EVP_aes_256_gcm(), k->key, k->nonce, NULL) > 0 &&
	          (aad.n == 0 || EVP_DecryptUpdate(ctx, NULL, &n, aad.p, (int)aad.n) > 0) &&
	          (text.n == 0 || EVP_DecryptUpdate(ctx, secret_writable(to), &n, text.p, (int)text.n) > 0) &&
	          EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, t) > 0 &&
	          EVP_DecryptFinal_ex(ctx, secret_writable(to) + text.n, &n) > 0;
	ERR_clear_error();
	ENSURE(ok, E_CRYPTO);
	return OK;
}

status
hpke_open(const struct secret *private, span info, span aad, span box, struct secret **ret)
{
	uint8_t own[HPKE_KEY], secret[DIGEST_SIZE];
	struct schedule k;
	must(secret_size(private) == HPKE_KEY);
	ENSURE(box.n >= HPKE_OVERHEAD && box.n <= HPKE_OVERHEAD + 65536, E_CRYPTO);
	CLEANUP(openssl_freep_EVP_PKEY) EVP_PKEY *key =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret_reveal(private).p, HPKE_KEY);
	ENSURE(key, E_CRYPTO);
	TRY(public_of(key, own));
	TRY(shared(key, box.p, box.p, own, secret));
	schedule(secret, info, &k);
	CLEANUP(secret_freep) struct secret *s = NULL;
	size_t n = box.n - HPKE_OVERHEAD;
	status st = secret_new(n, &s);
	if (!failed(st))
		st = decrypt(&k, aad, span_make(box.p + HPKE_KEY, n), box.p + HPKE_KEY + n, s);
	secret_wipe(&k, sizeof k);
	secret_wipe(secret, sizeof secret);
	if (!failed(st))
		*ret = TAKE(s);
	return st;
}
