/* jws: the envelope under every signed token: compact serialisation (RFC 7515 §7.1), one signature, one key.
 *
 * Strict: exactly two dots, canonical unpadded base64url, a header that is a JSON object without duplicate members, `alg` equal to
 * the key's algorithm, no `crit`, and none of the members by which a token names its own key (jku, jwk, x5u, x5c) or changes what
 * is signed (b64). */
#ifndef AMBIT_IDENTITY_JWS_H
#define AMBIT_IDENTITY_JWS_H

#include "base/arena.h"
#include "crypto/sign.h"
#include "text/json.h"

struct jws {
	const struct json *header;   /* an object, in the arena */
	span payload;                /* decoded, in the arena; unverified until jws_verify */
	span signed_text;            /* borrowed from the token: what is signed */
	uint8_t sig[SIGNATURE_MAX + 8];
	size_t sig_len;
};

/* Splits and decodes; looks at no key. `max`: bytes of the whole token. E_TOKEN_INVALID, E_NO_MEMORY. */
status jws_parse(span token, size_t max, struct arena *a, struct jws *ret);
/* The same for a proof of possession (RFC 9449 §4.2), whose header carries the key it is made with: `jwk` must be there. */
status jws_parse_proof(span token, size_t max, struct arena *a, struct jws *ret);
/* True when the header's `alg` is the key's and the signature fits. The header's kid is the caller's business. */
bool jws_verify_signature(const struct jws *j, const struct verify_key *k);
/* True when header and signature fit the key. `kid` in the header, if there, must be the key's thumbprint. */
bool jws_verify(const struct jws *j, const struct verify_key *k);
/* The same for a shared secret, HS256; `alg` in the header must be exactly that. */
bool jws_verify_hs256(const struct jws *j, span key);

#endif
