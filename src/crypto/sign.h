/* sign: keys that sign, ES256 (P-256) and Ed25519, and public keys that verify, these and RSA.
 *
 * The algorithm belongs to the key, never to the message: verify takes no algorithm from outside. ECDSA signatures are r || s of
 * fixed width, as in JOSE. A key's id is its RFC 7638 thumbprint, base64url. */
#ifndef AMBIT_CRYPTO_SIGN_H
#define AMBIT_CRYPTO_SIGN_H

#include "base/buf.h"
#include "base/secret.h"
#include "crypto/hash.h"

/* ORDER alg_name. Those after ALG_EDDSA only verify. */
enum sign_alg {
	ALG_NONE = 0, ALG_ES256, ALG_EDDSA,
	ALG_ES384, ALG_ES512, ALG_RS256, ALG_RS384, ALG_RS512, ALG_PS256, ALG_PS384, ALG_PS512,
	ALG_COUNT
};

enum { SIGNATURE_MAX = 512, SIGN_KEY_ID = 43 };

/* "ES256"; "none" for ALG_NONE and anything outside. */
const char *sign_alg_name(enum sign_alg a);
/* Exact, case-sensitive; ALG_NONE when unknown ("none" is unknown). */
enum sign_alg sign_alg_from_name(span name);

/* ---- private ---- */

struct sign_key;
struct verify_key;

/* Only ALG_ES256 and ALG_EDDSA: anything else is E_BAD_REQUEST. E_CRYPTO, E_NO_MEMORY. */
status sign_key_generate(enum sign_alg alg, struct sign_key **ret);
/* PKCS#8 DER. E_CRYPTO when it is not a whole valid key of one of the two kinds. `der` stays the caller's. */
status sign_key_load(const struct secret *der, struct sign_key **ret);
status sign_key_save(const struct sign_key *k, struct secret **ret_der);
struct sign_key *sign_key_free(struct sign_key *k);
void sign_key_freep(struct sign_key **k);   /* for CLEANUP */
enum sign_alg sign_key_alg(const struct sign_key *k);

/* verify_key_id() of the public half, borrowed from the key. */
span sign_key_id(const struct sign_key *k);

/* Both kinds give 64 bytes. */
status sign_make(const struct sign_key *k, span message, uint8_t sig[static 64]);
/* New reference to the public half. */
status sign_key_public(const struct sign_key *k, struct verify_key **ret);

/* ---- public ---- */

struct verify_key *verify_key_free(struct verify_key *k);
void verify_key_freep(struct verify_key **k);
enum sign_alg verify_key_alg(const struct verify_key *k);
/* RFC 7638, borrowed from the key. */
span verify_key_id(const struct verify_key *k);
/* True only for a valid signature by this key in its algorithm. Signatures of the wrong length, r or s outside [1, n-1], are
 * false. Allocates inside OpenSSL; no memory is false. */
bool verify_ok(const struct verify_key *k, span message, span sig);

/* From parts, as a JWK holds them, big-endian. `x`, `y`: exactly the curve's width, the point on the curve; EdDSA: x only, 32
 * bytes. E_CRYPTO otherwise. */
status verify_key_ec(enum sign_alg alg, span x, span y, struct verify_key **ret);
/* RSA of 2048 to 8192 bits, odd e of 3 to 2^32. */
status verify_key_rsa(enum sign_alg alg, span n, span e, struct verify_key **ret);
/* SubjectPublicKeyInfo DER of a P-256 or Ed25519 key; all of `der`. */
status verify_key_spki(span der, struct verify_key **ret);
/* Appends the SPKI DER. */
status verify_key_to_spki(const struct verify_key *k, struct buf *out);
/* Appends the public JWK: {"kty","crv","x","y","alg","use":"sig","kid"} for ES256, without y for EdDSA. */
status verify_key_to_jwk(const struct verify_key *k, struct buf *out);
/* The 32 bytes of an Ed25519 key; E_BAD_REQUEST for others. */
status verify_key_raw(const struct verify_key *k, uint8_t out[static 32]);

#endif
