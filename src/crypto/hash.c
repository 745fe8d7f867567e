/* The one-shot EVP interface costs 75 ns more a call than the block functions and may allocate, which a chain over every
 * decision pays twice; the block functions stay in libcrypto 3 although marked old. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/hash.h"
#include "base/secret.h"

#include <assert.h>
#include <openssl/sha.h>

static_assert(sizeof(struct sha256) >= sizeof(SHA256_CTX), "state holds the block function's context");

static SHA256_CTX *
ctx_of(struct sha256 *h)
{
	return (SHA256_CTX *)(void *)h->state;
}

bool
digest_eq_consttime(const digest *a, const digest *b)
{
	return span_eq_consttime(digest_span(a), digest_span(b));
}

bool
digest_from(span s, digest *ret)
{
	if (s.n != sizeof ret->b)
		return false;
	memcpy(ret->b, s.p, sizeof ret->b);
	return true;
}

void
sha256_init(struct sha256 *h)
{
	SHA256_Init(ctx_of(h));
}

void
sha256_add(struct sha256 *h, span s)
{
	if (s.n)
		SHA256_Update(ctx_of(h), s.p, s.n);
}

void
sha256_add_sized(struct sha256 *h, span s)
{
	uint64_t n = __builtin_bswap64(s.n);
	sha256_add(h, span_make(&n, sizeof n));
	sha256_add(h, s);
}

digest
sha256_end(struct sha256 *h)
{
	digest d;
	SHA256_Final(d.b, ctx_of(h));
	return d;
}

digest
sha256(span s)
{
	struct sha256 h;
	sha256_init(&h);
	sha256_add(&h, s);
	return sha256_end(&h);
}

void
sha1(span s, uint8_t out[static 20])
{
	SHA1(s.p ? s.p : (const uint8_t *)"", s.n, out);
}

digest
sha256_tagged(uint8_t tag, span s)
{
	struct sha256 h;
	sha256_init(&h);
	sha256_add(&h, span_make(&tag, 1));
	sha256_add(&h, s);
	return sha256_end(&h);
}

void
hmac_sha256_init(struct hmac_sha256 *m, span key)
{
	uint8_t pad[64] = { 0 };
	if (key.n > sizeof pad) {
		digest d = sha256(key);
		memcpy(pad, d.b, sizeof d.b);
		secret_wipe(&d, sizeof d);
	} else if (key.n) {
		memcpy(pad, key.p, key.n);
	}
	for (size_t i = 0; i < sizeof pad; i++)
		pad[i] ^= 0x36;
	sha256_init(&m->inner);
	sha256_add(&m->inner, SPAN_OF(pad));
	for (size_t i = 0; i < sizeof pad; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	sha256_init(&m->outer);
	sha256_add(&m->outer, SPAN_OF(pad));
	secret_wipe(pad, sizeof pad);
}

void
hmac_sha256_add(struct hmac_sha256 *m, span s)
{
	sha256_add(&m->inner, s);
}

digest
hmac_sha256_end(struct hmac_sha256 *m)
{
	digest d = sha256_end(&m->inner);
	sha256_add(&m->outer, digest_span(&d));
	return sha256_end(&m->outer);
}

digest
hmac_sha256(span key, span s)
{
	struct hmac_sha256 m;
	hmac_sha256_init(&m, key);
	hmac_sha256_add(&m, s);
	digest d = hmac_sha256_end(&m);
	secret_wipe(&m, sizeof m);
	return d;
}

void
hkdf_sha256(span ikm, span salt, span info, uint8_t *out, size_t n)
{
	must(n <= 255 * DIGEST_SIZE);
	digest prk = hmac_sha256(salt, ikm);
	struct hmac_sha256 keyed;
	hmac_sha256_init(&keyed, digest_span(&prk));
	digest t = { 0 };
	for (uint8_t i = 1; n; i++) {
		struct hmac_sha256 m = keyed;
		if (i > 1)
			hmac_sha256_add(&m, digest_span(&t));
		hmac_sha256_add(&m, info);
		hmac_sha256_add(&m, span_make(&i, 1));
		t = hmac_sha256_end(&m);
		size_t k = n < sizeof t.b ? n : sizeof t.b;
		memcpy(out, t.b, k);
		out += k;
		n -= k;
	}
	secret_wipe(&prk, sizeof prk);
	secret_wipe(&keyed, sizeof keyed);
	secret_wipe(&t, sizeof t);
}
