#include "crypto/random.h"
#include "base/secret.h"
#include "crypto/hash.h"

static uint32_t
le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

#define ROTL(v, n) ((v) << (n) | (v) >> (32 - (n)))
#define QUARTER(a, b, c, d)                              \
	(a += b, d ^= a, d = ROTL(d, 16), c += d, b ^= c, b = ROTL(b, 12), \
	 a += b, d ^= a, d = ROTL(d, 8), c += d, b ^= c, b = ROTL(b, 7))

void
chacha20_block(const uint8_t key[static 32], uint32_t counter, const uint8_t nonce[static 12], uint8_t out[static 64])
{
	uint32_t s[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 }, x[16];
	for (size_t i = 0; i < 8; i++)
		s[4 + i] = le32(key + 4 * i);
	s[12] = counter;
	for (size_t i = 0; i < 3; i++)
		s[13 + i] = le32(nonce + 4 * i);
	memcpy(x, s, sizeof x);
	for (int i = 0; i < 10; i++) {
		QUARTER(x[0], x[4], x[8], x[12]);
		QUARTER(x[1], x[5], x[9], x[13]);
		QUARTER(x[2], x[6], x[10], x[14]);
		QUARTER(x[3], x[7], x[11], x[15]);
		QUARTER(x[0], x[5], x[10], x[15]);
		QUARTER(x[1], x[6], x[11], x[12]);
		QUARTER(x[2], x[7], x[8], x[13]);
		QUARTER(x[3], x[4], x[9], x[14]);
	}
	for (size_t i = 0; i < 16; i++) {
		uint32_t v = x[i] + s[i];
		for (size_t j = 0; j < 4; j++)
			out[4 * i + j] = (uint8_t)(v >> 8 * j);
	}
}

static void
refill(struct drbg *g)
{
	static const uint8_t nonce[12];
	for (uint32_t i = 0; i < DRBG_BLOCK / 64; i++)
		chacha20_block(g->key, i, nonce, g->pool + 64 * i);
	memcpy(g->key, g->pool, sizeof g->key);
	secret_wipe(g->pool, sizeof g->key);
	g->left = DRBG_BLOCK - sizeof g->key;
	g->refills++;
}

void
drbg_init(struct drbg *g, const uint8_t seed[static DRBG_SEED])
{
	*g = (struct drbg){ 0 };
	memcpy(g->key, seed, sizeof g->key);
}

void
drbg_init_number(struct drbg *g, uint64_t seed)
{
	uint8_t s[DRBG_SEED] = { 0 };
	for (size_t i = 0; i < 8; i++)
		s[i] = (uint8_t)(seed >> 8 * i);
	drbg_init(g, s);
}

void
drbg_reseed(struct drbg *g, const uint8_t seed[static DRBG_SEED])
{
	digest d = hmac_sha256(SPAN_OF(g->key), span_make(seed, DRBG_SEED));
	drbg_init(g, d.b);
	secret_wipe(&d, sizeof d);
}

void
drbg_bytes(struct drbg *g, void *p, size_t n)
{
	uint8_t *q = p;
	while (n) {
		if (g->left == 0)
			refill(g);
		size_t k = n < g->left ? n : g->left;
		uint8_t *from = g->pool + DRBG_BLOCK - g->left;
		memcpy(q, from, k);
		memset(from, 0, k);
		g->left -= k;
		q += k;
		n -= k;
	}
}

uint64_t
drbg_u64(struct drbg *g)
{
	uint64_t v;
	drbg_bytes(g, &v, sizeof v);
	return v;
}

uint64_t
drbg_below(struct drbg *g, uint64_t n)
{
	/* Values under 2^64 mod n would make small results likelier. */
	uint64_t skip = (0 - n) % n, v;
	do
		v = drbg_u64(g);
	while (v < skip);
	return v % n;
}

uint64_t
drbg_id(struct drbg *g, enum id_kind kind)
{
	return id_make(kind, drbg_u64(g));
}
