#include "crypto/cert_priv.h"
#include "crypto/sign_priv.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

CLEANER(EVP_PKEY, EVP_PKEY_free)
CLEANER(EVP_MD_CTX, EVP_MD_CTX_free)

/* ORDER enum cert_sig_alg */
static const struct { const char *md; enum cert_key_kind first, last; bool pss; } algs[] = {
	[CERT_SIG_ECDSA_SHA256] = { "SHA256", CERT_KEY_P256, CERT_KEY_P521, false },
	[CERT_SIG_ECDSA_SHA384] = { "SHA384", CERT_KEY_P256, CERT_KEY_P521, false },
	[CERT_SIG_ECDSA_SHA512] = { "SHA512", CERT_KEY_P256, CERT_KEY_P521, false },
	[CERT_SIG_RSA_SHA256] = { "SHA256", CERT_KEY_RSA, CERT_KEY_RSA, false },
	[CERT_SIG_RSA_SHA384] = { "SHA384", CERT_KEY_RSA, CERT_KEY_RSA, false },
	[CERT_SIG_RSA_SHA512] = { "SHA512", CERT_KEY_RSA, CERT_KEY_RSA, false },
	[CERT_SIG_PSS_SHA256] = { "SHA256", CERT_KEY_RSA, CERT_KEY_RSA, true },
	[CERT_SIG_PSS_SHA384] = { "SHA384", CERT_KEY_RSA, CERT_KEY_RSA, true },
	[CERT_SIG_PSS_SHA512] = { "SHA512", CERT_KEY_RSA, CERT_KEY_RSA, true },
	[CERT_SIG_ED25519] = { NULL, CERT_KEY_ED25519, CERT_KEY_ED25519, false },
};

bool
cert_verify(span spki, enum cert_key_kind kind, enum cert_sig_alg alg, span tbs, span signature)
{
	const uint8_t *p = spki.p;
	EVP_PKEY_CTX *ctx;

	if (alg == CERT_SIG_NONE || alg >= ARRAY_LEN(algs) || kind < algs[alg].first || kind > algs[alg].last)
		return false;
	CLEANUP(openssl_freep_EVP_PKEY) EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)spki.n);
	CLEANUP(openssl_freep_EVP_MD_CTX) EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = key && md && p == spki.p + spki.n && EVP_DigestVerifyInit_ex(md, &ctx, algs[alg].md, NULL, NULL, key, NULL) == 1;
	if (ok && algs[alg].pss)
		ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
	ok = ok && EVP_DigestVerify(md, signature.p, signature.n, tbs.p, tbs.n) == 1;
	ERR_clear_error();
	return ok;
}
