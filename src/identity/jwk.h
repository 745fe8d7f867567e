/* jwk: keys of others, as JSON (RFC 7517), for verification only.
 *
 * Strict: the algorithm comes from the key (`alg`, or the curve), `use` must be "sig" and `key_ops` hold "verify" where they are there.
 * A key without an algorithm verifies nothing: an RSA key that would take any would take the attacker's choice. */
#ifndef AMBIT_IDENTITY_JWK_H
#define AMBIT_IDENTITY_JWK_H

#include "base/arena.h"
#include "crypto/sign.h"
#include "identity/jws.h"

enum { JWK_SET_MAX = 64, JWK_SECRET_MIN = 32 };

struct jwk {
	struct verify_key *key;      /* NULL: a shared secret */
	span secret;                 /* HS256: at least JWK_SECRET_MIN bytes */
	span kid;                    /* empty: none */
};

struct jwk_set {
	struct jwk keys[JWK_SET_MAX];
	size_t n;
};

/* How keys of one kind of issuer are read. All zero: as jwk_read does. */
struct jwk_rules {
	const char *use;             /* what `use` must say; NULL: "sig", or nothing */
	enum sign_alg rsa_default;   /* of an RSA key without `alg`; ALG_NONE: refused */
};
status jwk_read_as(const struct json *v, const struct jwk_rules *rules, struct arena *a, struct jwk *ret);
status jwk_set_read_as(const struct json *v, const struct jwk_rules *rules, struct arena *a, struct jwk_set *ret);
/* One key object. Spans live in the arena. E_CRYPTO for anything but a key we verify with; E_NO_MEMORY. */
status jwk_read(const struct json *v, struct arena *a, struct jwk *ret);
void jwk_fini(struct jwk *k);
/* {"keys":[…]}: keys that are not for us (other kinds, other uses) are left out, as RFC 7517 §5 asks; two with one kid, or more
 * than JWK_SET_MAX, refuse the set. E_BAD_REQUEST, E_NO_MEMORY. */
status jwk_set_read(const struct json *v, struct arena *a, struct jwk_set *ret);
void jwk_set_fini(struct jwk_set *s);

/* True when header and signature fit the key, and the header's kid, if any, is the key's. */
bool jwk_verify(const struct jwk *k, const struct jws *j);
/* The same with the key that the header's kid names; without a kid, only if the set has a single key. */
bool jwk_set_verify(const struct jwk_set *s, const struct jws *j);

#endif
