/* jwt: task tokens, ES256 JWTs in compact form (RFC 7519, 7515; access tokens as RFC 9068 has them), strict both ways.
 *
 * One header is accepted: {"alg":"ES256","kid":…,"typ":"at+jwt"} in any order and nothing else: no crit, b64, jku, x5u, x5c, jwk,
 * zip, cty. The algorithm is the key's. One shape of claims is accepted: those of struct jwt_claims and no other. */
#ifndef AMBIT_IDENTITY_JWT_H
#define AMBIT_IDENTITY_JWT_H

#include "base/arena.h"
#include "base/buf.h"
#include "crypto/sign.h"

enum {
	JWT_MAX = 8192,              /* bytes of a token */
	JWT_LIFE_MAX = 300,          /* seconds from nbf to exp */
	JWT_SKEW = 30,               /* seconds a clock may be off */
	JWT_ACT_MAX = 16,            /* actors in a chain */
};

/* JWT_CONFIRM_NONE: a bearer token, for clients that can prove no key; it has no `cnf`. */
enum jwt_confirm { JWT_CONFIRM_CERT = 1, JWT_CONFIRM_PEER = 2, JWT_CONFIRM_KEY = 3, JWT_CONFIRM_NONE = 4 };

struct jwt_claims {
	span iss, sub, aud, client_id;  /* not empty */
	span jti;                       /* 1..64 characters */
	int64_t iat, nbf, exp;          /* seconds since 1970; nbf 0: not written */
	uint64_t task;                  /* id of kind ID_TASK */
	const span *act;                /* actors, outermost first; may be none */
	size_t n_act;
	uint8_t confirm;                /* enum jwt_confirm */
	digest confirm_digest;          /* cnf: "x5t#S256", "dev.ambit/peer" or "jkt" (RFC 9449 §6) */
	span scope;                     /* may be empty */
};

/* Appends the signed token. E_BAD_REQUEST: a claim is missing or too long, or exp is not within JWT_LIFE_MAX of iat;
 * E_LIMIT over JWT_MAX; E_CRYPTO. `k` must be ES256. */
status jwt_make(const struct jwt_claims *c, const struct sign_key *k, struct buf *out);

struct jwt_expect {
	const struct verify_key *const *keys;  /* the one with the token's kid verifies */
	size_t n_keys;
	span iss, aud;               /* exact; an empty one matches nothing */
	span or_aud;                 /* another audience that is as good; may be empty */
	int64_t now;                 /* seconds since 1970 */
};

/* Verifies and reads. The claims live in the arena (and outlive the token text). Cheap checks come before the signature;
 * nothing of an unverified token is given out. E_TOKEN_INVALID for anything but a token of ours; E_TOKEN_EXPIRED when only
 * its time is over; E_NO_MEMORY. */
status jwt_open(span token, const struct jwt_expect *want, struct arena *a, struct jwt_claims *ret);

#endif
