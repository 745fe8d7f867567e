#include "crypto/seal.h"
#include "crypto/hash.h"
#include "crypto/sign_priv.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

enum { VERSION = 1, NONCE = 12, TAG = 16 };

CLEANER(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)

status
seal_key_generate(struct secret **ret)
{
	CLEANUP(secret_freep) struct secret *s = NULL;
	TRY(secret_new(SEAL_KEY, &s));
	ENSURE(RAND_priv_bytes(secret_writable(s), SEAL_KEY) == 1, E_CRYPTO);
	*ret = TAKE(s);
	return OK;
}

status
seal_key_from_passphrase(const struct secret *phrase, span salt, struct secret **ret)
{
	CLEANUP(secret_freep) struct secret *s = NULL;
	span p = secret_reveal(phrase);
	ENSURE(salt.n >= 16, E_BAD_REQUEST);
	TRY(secret_new(SEAL_KEY, &s));
	ENSURE(EVP_PBE_scrypt((const char *)p.p, p.n, salt.p, salt.n, 1 << 15, 8, 1, UINT64_C(64) << 20, secret_writable(s),
	                      SEAL_KEY) == 1, E_CRYPTO);
	*ret = TAKE(s);
	return OK;
}

status
seal_key_derive(const struct secret *key, span purpose, struct secret **ret)
{
	CLEANUP(secret_freep) struct secret *s = NULL;
	TRY(secret_new(SEAL_KEY, &s));
	hkdf_sha256(secret_reveal(key), SPAN("ambit/seal/v1"), purpose, secret_writable(s), SEAL_KEY);
	*ret = TAKE(s);
	return OK;
}

/* The context, and the version byte with it, go in as additional data. */
static bool
add_context(EVP_CIPHER_CTX *ctx, uint8_t version, span context)
{
	int n;
	return EVP_CipherUpdate(ctx, NULL, &n, &version, 1) > 0 &&
	       (context.n == 0 || EVP_CipherUpdate(ctx, NULL, &n, context.p, (int)context.n) > 0);
}

static status
encrypt(const struct secret *key, span context, span plain, uint8_t *nonce, uint8_t *to, uint8_t *tag)
{
	int n;
	CLEANUP(openssl_freep_EVP_CIPHER_CTX) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	ENSURE(ctx, E_NO_MEMORY);
	ENSURE(RAND_bytes(nonce, NONCE) == 1, E_CRYPTO);
	ENSURE(EVP_EncryptInit_ex2(ctx, EVP_aes_256_gcm(), secret_reveal(key).p, nonce, NULL) > 0 &&
	       add_context(ctx, VERSION, context) &&
	       (plain.n == 0 || EVP_EncryptUpdate(ctx, to, &n, plain.p, (int)plain.n) > 0) &&
	       EVP_EncryptFinal_ex(ctx, to + plain.n, &n) > 0 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, tag) > 0, E_CRYPTO);
	return OK;
}

status
seal_make(const struct secret *key, span context, const struct secret *plain, struct buf *out)
{
	must(secret_size(key) == SEAL_KEY);
	span p = secret_reveal(plain);
	size_t before = out->n;
	uint8_t *to = buf_extend(out, SEAL_OVERHEAD + p.n);
	ENSURE(to, out->err);
	to[0] = VERSION;
	status s = encrypt(key, context, p, to + 1, to + 1 + NONCE, to + 1 + NONCE + p.n);
	if (failed(s))
		buf_truncate(out, before);
	return s;
}

status
seal_open(const struct secret *key, span context, span sealed, struct secret **ret)
{
	must(secret_size(key) == SEAL_KEY);
	ENSURE(sealed.n >= SEAL_OVERHEAD && sealed.n <= SEAL_OVERHEAD + 65536 && sealed.p[0] == VERSION, E_CRYPTO);
	span text = span_sub(sealed, 1 + NONCE, sealed.n - SEAL_OVERHEAD);
	uint8_t tag[TAG];
	memcpy(tag, sealed.p + sealed.n - TAG, TAG);
	CLEANUP(secret_freep) struct secret *s = NULL;
	TRY(secret_new(text.n, &s));
	CLEANUP(openssl_freep_EVP_CIPHER_CTX) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	ENSURE(ctx, E_NO_MEMORY);
	int n;
	bool ok = EVP_DecryptInit_ex2(ctx, EVP_aes_256_gcm(), secret_reveal(key).p, sealed.p + 1, NULL) > 0 &&
	          add_context(ctx, VERSION, context) &&
	          (text.n == 0 || EVP_DecryptUpdate(ctx, secret_writable(s), &n, text.p, (int)text.n) > 0) &&
	          EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag) > 0 &&
	          EVP_DecryptFinal_ex(ctx, secret_writable(s) + text.n, &n) > 0;
	ERR_clear_error();
	ENSURE(ok, E_CRYPTO);
	*ret = TAKE(s);
	return OK;
}
