/* random: a deterministic random bit generator, for code that has no randomness of its own.
 *
 * ChaCha20 with fast key erasure: each refill makes 512 bytes and replaces the key with the first 32, so what was handed out
 * cannot be computed from the state later. core/ gets one seeded by its role from the kernel; the simulator seeds it with
 * the test's seed and so replays exactly. Not for keys: those come from OpenSSL in the signer. */
#ifndef AMBIT_CRYPTO_RANDOM_H
#define AMBIT_CRYPTO_RANDOM_H

#include "base/id.h"
#include "base/span.h"

enum { DRBG_SEED = 32, DRBG_BLOCK = 512 };

struct drbg {
	uint8_t key[32];
	uint8_t pool[DRBG_BLOCK];
	size_t left;             /* unused bytes at the end of the pool */
	uint64_t refills;
};

void drbg_init(struct drbg *g, const uint8_t seed[static DRBG_SEED]);
/* A seed from a number: simulator and tests only. */
void drbg_init_number(struct drbg *g, uint64_t seed);
/* Mixes fresh randomness in: the state afterwards is unpredictable if either was. */
void drbg_reseed(struct drbg *g, const uint8_t seed[static DRBG_SEED]);
void drbg_bytes(struct drbg *g, void *p, size_t n);
uint64_t drbg_u64(struct drbg *g);
/* Uniform below n; n > 0. */
uint64_t drbg_below(struct drbg *g, uint64_t n);
/* An id of that kind; the caller refuses a collision. */
uint64_t drbg_id(struct drbg *g, enum id_kind kind);

/* One 64-byte block of RFC 8439 §2.3; for the generator and its test. */
void chacha20_block(const uint8_t key[static 32], uint32_t counter, const uint8_t nonce[static 12], uint8_t out[static 64]);

#endif
