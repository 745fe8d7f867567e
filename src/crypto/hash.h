/* hash: SHA-256, HMAC and HKDF over it. Nothing here allocates or fails. */
#ifndef AMBIT_CRYPTO_HASH_H
#define AMBIT_CRYPTO_HASH_H

#include "base/span.h"

enum { DIGEST_SIZE = 32 };

typedef struct digest {
	uint8_t b[DIGEST_SIZE];
} digest;

static inline bool digest_eq(const digest *a, const digest *b) { return memcmp(a, b, sizeof *a) == 0; }
static inline span digest_span(const digest *d) { return span_make(d->b, sizeof d->b); }
/* For MACs and anything secret. */
bool digest_eq_consttime(const digest *a, const digest *b);
/* Exactly 32 bytes; false leaves *ret alone. */
bool digest_from(span s, digest *ret);

/* Streaming. The state is plain memory: copy it to hash a common prefix once. */
struct sha256 {
	_Alignas(8) uint8_t state[112];
};
void sha256_init(struct sha256 *h);
void sha256_add(struct sha256 *h, span s);
/* u64 length, then the bytes: what makes a hash over several fields unambiguous. */
void sha256_add_sized(struct sha256 *h, span s);
/* Ends h; init again before reuse. */
digest sha256_end(struct sha256 *h);

digest sha256(span s);
/* SHA-256 of a domain byte and then s: 0x00 for leaves, 0x01 for nodes and chain links. */
digest sha256_tagged(uint8_t tag, span s);

/* SHA-1, for the protocols that fix it (MariaDB's stored passwords); nothing of ours rests on it. */
void sha1(span s, uint8_t out[static 20]);

struct hmac_sha256 {
	struct sha256 inner, outer;
};
/* The keyed state may be copied to save re-keying. */
void hmac_sha256_init(struct hmac_sha256 *m, span key);
void hmac_sha256_add(struct hmac_sha256 *m, span s);
digest hmac_sha256_end(struct hmac_sha256 *m);
digest hmac_sha256(span key, span s);

/* RFC 5869 extract and expand; n <= 255 * 32, else it is an error of the program (must). */
void hkdf_sha256(span ikm, span salt, span info, uint8_t *out, size_t n);

#endif
