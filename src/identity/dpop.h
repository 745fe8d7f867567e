/* dpop: proofs that a caller holds the key its token is bound to (RFC 9449).
 *
 * Strict: typ exactly "dpop+jwt", ES256, ES384 or EdDSA, the key in the header public and complete, every claim there and of its type.
 * That a proof is used once is the caller's business: `id` names it. */
#ifndef AMBIT_IDENTITY_DPOP_H
#define AMBIT_IDENTITY_DPOP_H

#include "base/arena.h"
#include "crypto/hash.h"
#include "crypto/sign.h"

enum {
	DPOP_MAX = 4096,             /* bytes of a proof */
	DPOP_LIFE = 60,              /* seconds a proof may be old */
	DPOP_AHEAD = 5,              /* seconds it may be ahead of us */
	DPOP_JTI_MAX = 256,
};

struct dpop_expect {
	span method;                 /* "POST" */
	span origin, path;           /* "https://host:port" in lower case without the default port, "/mcp" */
	const digest *token;         /* SHA-256 of the access token it must be made for; NULL: none, and `ath` must be absent */
	int64_t now;                 /* seconds since 1970 */
};

struct dpop_proof {
	digest key;                  /* RFC 7638 thumbprint of the key: the token's cnf.jkt */
	digest id;                   /* over key and jti: what must come once */
	int64_t iat;
};

/* Keys of recent proofs, made ready: a client keeps its key, and to build one costs as much as to use it. What is here has passed the same
 * checks; a stranger's key only takes the place of another. Zeroed: empty. */
enum { DPOP_KEYS = 256 };
struct dpop_keys {
	struct {
		digest jwk;              /* over the members that make the key */
		struct verify_key *key;
	} slots[DPOP_KEYS];
};
void dpop_keys_fini(struct dpop_keys *ks);

/* Verifies one DPoP header. `ks` may be NULL. E_DPOP: anything wrong with it; E_NO_MEMORY. */
status dpop_open(span proof, const struct dpop_expect *want, struct dpop_keys *ks, struct arena *a, struct dpop_proof *ret);

#endif
