#include "tests/test.h"

#include "base/buf.h"
#include "crypto/hash.h"
#include "crypto/random.h"

static void
hex_is(span got, const char *want)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4096);
	buf_put_hex(&b, got);
	assert_span(buf_span(&b), want);
}

/* FIPS 180-4 examples. */
static void
sha256_known_answers(void **)
{
	digest d = sha256(SPAN(""));
	hex_is(digest_span(&d), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	d = sha256(SPAN("abc"));
	hex_is(digest_span(&d), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	d = sha256(SPAN("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"));
	hex_is(digest_span(&d), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	/* RFC 6962: hash of an empty leaf. */
	/* FIPS 180-1, appendix A */
	uint8_t one[20];
	static const uint8_t want[20] = { 0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e, 0x25, 0x71, 0x78, 0x50, 0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d };
	sha1(SPAN("abc"), one);
	assert_memory_equal(one, want, sizeof want);
	d = sha256_tagged(0, SPAN(""));
	hex_is(digest_span(&d), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
}

static void
sha256_in_pieces_is_the_same(void **)
{
	uint8_t in[300];
	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)(i * 7);
	digest whole = sha256(SPAN_OF(in));
	for (size_t cut = 0; cut <= sizeof in; cut += 13) {
		struct sha256 h, copy;
		sha256_init(&h);
		sha256_add(&h, span_make(in, cut));
		copy = h;
		sha256_add(&h, span_make(in + cut, sizeof in - cut));
		digest d = sha256_end(&h);
		assert_true(digest_eq(&d, &whole));
		sha256_add(&copy, span_make(in + cut, sizeof in - cut));
		d = sha256_end(&copy);
		assert_true(digest_eq_consttime(&d, &whole));
	}
}

static void
sized_fields_do_not_run_together(void **)
{
	struct sha256 a, b;
	sha256_init(&a);
	sha256_add_sized(&a, SPAN("ab"));
	sha256_add_sized(&a, SPAN("c"));
	sha256_init(&b);
	sha256_add_sized(&b, SPAN("a"));
	sha256_add_sized(&b, SPAN("bc"));
	digest x = sha256_end(&a), y = sha256_end(&b);
	assert_false(digest_eq(&x, &y));
}

/* RFC 4231 cases 1, 2 and 6; RFC 5869 A.1 and A.3. */
static void
hmac_and_hkdf_known_answers(void **)
{
	uint8_t key[131];
	memset(key, 0x0b, 20);
	digest d = hmac_sha256(span_make(key, 20), SPAN("Hi There"));
	hex_is(digest_span(&d), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	d = hmac_sha256(SPAN("Jefe"), SPAN("what do ya want for nothing?"));
	hex_is(digest_span(&d), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof key);
	d = hmac_sha256(SPAN_OF(key), SPAN("Test Using Larger Than Block-Size Key - Hash Key First"));
	hex_is(digest_span(&d), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");

	uint8_t out[42];
	memset(key, 0x0b, 22);
	hkdf_sha256(span_make(key, 22), SPAN("\0\1\2\3\4\5\6\7\10\11\12\13\14"),
	            SPAN("\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9"), out, sizeof out);
	hex_is(SPAN_OF(out), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
	hkdf_sha256(span_make(key, 22), SPAN(""), SPAN(""), out, sizeof out);
	hex_is(SPAN_OF(out), "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

/* RFC 8439 §2.3.2. */
static void
chacha20_known_answer(void **)
{
	uint8_t key[32], out[64];
	static const uint8_t nonce[12] = { 0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0 };
	for (size_t i = 0; i < 32; i++)
		key[i] = (uint8_t)i;
	chacha20_block(key, 1, nonce, out);
	hex_is(SPAN_OF(out), "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
	                     "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e");
}

static void
drbg_replays_and_forgets(void **)
{
	struct drbg a, b;
	uint8_t x[3000], y[3000];
	drbg_init_number(&a, 42);
	drbg_init_number(&b, 42);
	drbg_bytes(&a, x, sizeof x);
	for (size_t i = 0; i < sizeof y; i += 30)
		drbg_bytes(&b, y + i, 30);
	assert_memory_equal(x, y, sizeof x);
	/* Every refill is another. */
	assert_null(memmem(x + 480, sizeof x - 480, x, 16));
	/* What was handed out is nowhere in the state. */
	assert_null(memmem(&a, sizeof a, x + sizeof x - 24, 24));
	drbg_init_number(&b, 43);
	drbg_bytes(&b, y, sizeof y);
	assert_memory_not_equal(x, y, 32);
	uint8_t seed[DRBG_SEED] = { 1 };
	drbg_init_number(&b, 42);
	drbg_reseed(&b, seed);
	drbg_bytes(&b, y, sizeof y);
	assert_memory_not_equal(x, y, 32);
	size_t seen[7] = { 0 };
	for (int i = 0; i < 7000; i++)
		seen[drbg_below(&a, 7)]++;
	for (size_t i = 0; i < 7; i++)
		assert_true(seen[i] > 800 && seen[i] < 1200);
	assert_int_equal(id_kind(drbg_id(&a, ID_CALL)), ID_CALL);
}

TEST_MAIN(T(sha256_known_answers), T(sha256_in_pieces_is_the_same), T(sized_fields_do_not_run_together),
          T(hmac_and_hkdf_known_answers), T(chacha20_known_answer), T(drbg_replays_and_forgets))
