/* What sign.c and x509.c share: the keys with their OpenSSL insides. */
#ifndef AMBIT_CRYPTO_SIGN_PRIV_H
#define AMBIT_CRYPTO_SIGN_PRIV_H

#include "crypto/sign.h"

#include <openssl/evp.h>

struct sign_key {
	EVP_PKEY *pkey;
	enum sign_alg alg;
	char id[SIGN_KEY_ID];    /* of the public half */
};

struct verify_key {
	EVP_PKEY *pkey;
	enum sign_alg alg;
	char id[SIGN_KEY_ID];
};

/* CLEANUP(openssl_freep_TYPE) for OpenSSL's types. */
#define CLEANER(type, fn)                           \
	static inline void                          \
	openssl_freep_##type(type **p)                  \
	{                                           \
		fn(*p);                             \
	}

#endif
