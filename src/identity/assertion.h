/* assertion: a client that proves itself with a JWT signed by its own registered key (RFC 7523 §3, private_key_jwt).
 *
 * Strict: iss = sub = the client, aud the issuer alone as a string (draft-ietf-oauth-rfc7523bis), exp there and near, jti there. That the
 * assertion is used once is the caller's business: `id` and `exp` say what to remember and how long. */
#ifndef AMBIT_IDENTITY_ASSERTION_H
#define AMBIT_IDENTITY_ASSERTION_H

#include "base/arena.h"
#include "crypto/hash.h"
#include "identity/jwk.h"

enum { ASSERTION_MAX = 8192, ASSERTION_LIFE = 600, ASSERTION_SKEW = 30, ASSERTION_JTI_MAX = 512 };

struct assertion {
	span client;                 /* sub, in the arena */
	digest id;                   /* over client and jti */
	int64_t exp;
	struct jws jws;              /* unverified until assertion_verify */
	const struct json *claims;
};

/* Reads; the signature is not looked at, so only `client` may be used, to find the keys. E_CLIENT_INVALID, E_NO_MEMORY. */
status assertion_parse(span text, struct arena *a, struct assertion *ret);
/* Signature by one of the keys, then every claim. E_CLIENT_INVALID. */
status assertion_verify(const struct assertion *as, const struct jwk_set *keys, span issuer, int64_t now);

#endif
