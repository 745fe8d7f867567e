#include "identity/jwk.h"

#include "base/secret.h"
#include "identity/jwt.h"
#include "tests/test.h"
#include "text/base64url.h"

/* RFC 7517 A.1, RFC 8037 A.2. */
#define EC_X "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
#define EC_Y "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\","
#define OKP "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define SECRET "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define RSA_N "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"

static const struct json *
parsed(struct arena *a, const char *text)
{
	const struct json *v;
	struct json_opts o = { .copy = true };
	assert_ok(json_parse(span_str(text), &o, a, &v, NULL));
	return v;
}

static void
only_keys_that_verify_are_read(void **)
{
	static const struct { const char *name, *text; enum sign_alg alg; } rows[] = {
		{ "ec", "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X EC_Y "\"use\":\"sig\"}", ALG_ES256 },
		{ "ed", "{" OKP "}", ALG_EDDSA },
		{ "rsa", "{\"kty\":\"RSA\",\"alg\":\"PS256\",\"e\":\"AQAB\",\"n\":\"" RSA_N "\"}", ALG_PS256 },
		{ "rsa without alg", "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"" RSA_N "\"}", ALG_NONE },
		{ "rsa with a mac's alg", "{\"kty\":\"RSA\",\"alg\":\"HS256\",\"e\":\"AQAB\",\"n\":\"" RSA_N "\"}", ALG_NONE },
		{ "alg of another curve", "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X EC_Y "\"alg\":\"ES384\"}", ALG_NONE },
		{ "alg none", "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X EC_Y "\"alg\":\"none\"}", ALG_NONE },
		{ "alg no text", "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X EC_Y "\"alg\":1}", ALG_NONE },
		{ "for encryption", "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X EC_Y "\"use\":\"enc\"}", ALG_NONE },
		{ "for signing only", "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X EC_Y "\"key_ops\":[\"sign\"]}", ALG_NONE },
		{ "for verifying", "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X EC_Y "\"key_ops\":[\"sign\",\"verify\"]}", ALG_ES256 },
		{ "off the curve", "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyQ\"}", ALG_NONE },
		{ "kid no text", "{\"kid\":5," OKP "}", ALG_NONE },
		{ "no kty", "{\"crv\":\"P-256\"," EC_X EC_Y "\"use\":\"sig\"}", ALG_NONE },
		{ "unknown curve", "{\"kty\":\"EC\",\"crv\":\"secp256k1\"," EC_X EC_Y "\"use\":\"sig\"}", ALG_NONE },
		{ "short secret", "{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"AAEC\"}", ALG_NONE },
		{ "secret without alg", "{\"kty\":\"oct\",\"k\":\"" SECRET "\"}", ALG_NONE },
		{ "empty", "{}", ALG_NONE }, { "list", "[]", ALG_NONE },
	};
	CLEANUP(arena_fini) struct arena a = { 0 };
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct jwk k = { 0 };
		status s = jwk_read(parsed(&a, rows[i].text), &a, &k);
		enum sign_alg got = !failed(s) && k.key ? verify_key_alg(k.key) : ALG_NONE;
		if (got != rows[i].alg || (got == ALG_NONE && s.code != E_CRYPTO))
			fail_msg("%s: %s", rows[i].name, error_name(s.code));
		jwk_fini(&k);
	}
}

static bool
opens(struct arena *a, const char *set_text, const char *header)
{
	static struct jwk_set set;
	struct jws j;
	CLEANUP(buf_fini) struct buf token = { 0 }, secret = { 0 };
	buf_init(&token, 4096);
	buf_init(&secret, 64);
	assert_ok(base64url_decode(SPAN(SECRET), &secret));
	base64url_encode(span_str(header), &token);
	buf_put_str(&token, ".Zm9v");
	digest mac = hmac_sha256(buf_span(&secret), buf_span(&token));
	buf_put_u8(&token, '.');
	base64url_encode(digest_span(&mac), &token);
	bool ok = !failed(jws_parse(buf_span(&token), 4096, a, &j)) && !failed(jwk_set_read(parsed(a, set_text), a, &set)) &&
	          jwk_set_verify(&set, &j);
	jwk_set_fini(&set);
	return ok;
}

#define OCT(kid) "{\"kty\":\"oct\",\"alg\":\"HS256\"," kid "\"k\":\"" SECRET "\"}"

static void
the_kid_names_one_key(void **)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	arena_init(&a, 1 << 20);
	assert_true(opens(&a, "{\"keys\":[" OCT("\"kid\":\"a\",") "]}", "{\"alg\":\"HS256\",\"kid\":\"a\"}"));
	assert_true(opens(&a, "{\"keys\":[" OCT("\"kid\":\"a\",") ",{" OKP ",\"kid\":\"b\"}]}", "{\"alg\":\"HS256\",\"kid\":\"a\"}"));
	assert_true(opens(&a, "{\"keys\":[" OCT("") "]}", "{\"alg\":\"HS256\"}"));
	assert_false(opens(&a, "{\"keys\":[" OCT("\"kid\":\"a\",") "]}", "{\"alg\":\"HS256\",\"kid\":\"b\"}"));
	assert_false(opens(&a, "{\"keys\":[" OCT("\"kid\":\"a\",") "]}", "{\"alg\":\"HS256\",\"kid\":[\"a\"]}"));
	assert_false(opens(&a, "{\"keys\":[" OCT("") "]}", "{\"alg\":\"HS256\",\"kid\":\"\"}"));
	assert_false(opens(&a, "{\"keys\":[" OCT("") ",{" OKP "}]}", "{\"alg\":\"HS256\"}"));
	assert_false(opens(&a, "{\"keys\":[" OCT("\"kid\":\"a\",") "," OCT("\"kid\":\"a\",") "]}", "{\"alg\":\"HS256\",\"kid\":\"a\"}"));
	assert_false(opens(&a, "{\"keys\":[" OCT("\"kid\":\"a\",") ",{\"kty\":\"?\",\"kid\":\"a\"}]}", "{\"alg\":\"HS256\",\"kid\":\"a\"}"));
	assert_false(opens(&a, "{\"keys\":[{" OKP ",\"kid\":\"a\"}]}", "{\"alg\":\"HS256\",\"kid\":\"a\"}"));
	assert_false(opens(&a, "{\"keys\":{}}", "{\"alg\":\"HS256\"}"));
	assert_false(opens(&a, "{\"keys\":[" OCT("") "]}", "{\"alg\":\"none\"}"));
	assert_false(opens(&a, "{\"keys\":[" OCT("") "]}", "{\"alg\":\"HS384\"}"));
	assert_false(opens(&a, "{\"keys\":[" OCT("") "]}", "{}"));
	static const char *const refused[] = { "crit\":[", "b64\":[", "jku\":[", "jwk\":[", "x5u\":[", "x5c\":[", "zip\":[", "enc\":[" };
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		char header[100];
		snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"a\",\"%s]}", refused[i]);
		assert_false(opens(&a, "{\"keys\":[" OCT("\"kid\":\"a\",") "]}", header));
	}
}

/* A token signed by our key whose signature bytes are replaced; and texts around a good token. */
static void
odd_signatures_are_refused(void **)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	CLEANUP(sign_key_freep) struct sign_key *key = NULL;
	CLEANUP(verify_key_freep) struct verify_key *pub = NULL;
	CLEANUP(buf_fini) struct buf text = { 0 }, t = { 0 };
	struct jws j;
	uint8_t sig[64], odd[200] = { 0 };
	arena_init(&a, 1 << 20);
	buf_init(&text, 4096);
	buf_init(&t, 1 << 16);
	assert_ok(sign_key_generate(ALG_ES256, &key));
	assert_ok(sign_key_public(key, &pub));
	base64url_encode(SPAN("{\"alg\":\"ES256\"}"), &text);
	buf_put_str(&text, ".Zm9v");
	assert_ok(sign_make(key, buf_span(&text), sig));
	/* The order of P-256. */
	static const uint8_t n[32] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
	                               0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };
	for (int i = 0; i < 9; i++) {
		size_t len = 64;
		memcpy(odd, sig, 64);
		switch (i) {
		case 1: memset(odd, 0, 32); break;
		case 2: memset(odd + 32, 0, 32); break;
		case 3: memset(odd, 0, 64); break;
		case 4: memcpy(odd, n, 32); break;
		case 5: memcpy(odd + 32, n, 32); break;
		case 6: memset(odd, 0xff, 64); break;
		case 7: len = 65; break;
		case 8: len = 128; break;
		}
		buf_reset(&t);
		buf_put(&t, buf_span(&text));
		buf_put_u8(&t, '.');
		base64url_encode(span_make(odd, len), &t);
		assert_int_equal(!failed(jws_parse(buf_span(&t), 4096, &a, &j)) && jws_verify(&j, pub), i == 0);
	}
	/* A9: 21,830 characters of signature. */
	buf_reset(&t);
	buf_put(&t, buf_span(&text));
	buf_put_u8(&t, '.');
	for (int i = 0; i < 21830; i++)
		buf_put_u8(&t, 'A');
	assert_fails(jws_parse(buf_span(&t), 1 << 16, &a, &j), E_TOKEN_INVALID);
	/* A7: the last character of 64 bytes carries 4 bits that must be zero. */
	buf_reset(&t);
	buf_put(&t, buf_span(&text));
	buf_put_u8(&t, '.');
	base64url_encode(SPAN_OF(sig), &t);
	assert_ok(jws_parse(buf_span(&t), 4096, &a, &j));
	assert_true(jwk_verify(&(struct jwk){ .key = pub, .kid = SPAN("k") }, &j));
	t.p[t.n - 1]++;
	assert_fails(jws_parse(buf_span(&t), 4096, &a, &j), E_TOKEN_INVALID);
	t.p[t.n - 1]--;
	static const char *const around[] = { " ", "\n", "=", ".", "\t" };
	for (size_t i = 0; i < ARRAY_LEN(around); i++) {
		CLEANUP(buf_fini) struct buf b = { 0 };
		buf_init(&b, 4096);
		buf_put_str(&b, around[i]);
		buf_put(&b, buf_span(&t));
		assert_fails(jws_parse(buf_span(&b), 4096, &a, &j), E_TOKEN_INVALID);
		buf_reset(&b);
		buf_put(&b, buf_span(&t));
		buf_put_str(&b, around[i]);
		assert_fails(jws_parse(buf_span(&b), 4096, &a, &j), E_TOKEN_INVALID);
	}
	assert_fails(jws_parse(buf_span(&t), t.n - 1, &a, &j), E_TOKEN_INVALID);
}

/* Not only in a set does the header's kid name the key. */
static void
a_single_key_has_its_name(void **)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	CLEANUP(sign_key_freep) struct sign_key *key = NULL;
	CLEANUP(verify_key_freep) struct verify_key *pub = NULL;
	CLEANUP(buf_fini) struct buf t = { 0 };
	struct jws j;
	uint8_t sig[64];
	arena_init(&a, 1 << 16);
	buf_init(&t, 4096);
	assert_ok(sign_key_generate(ALG_EDDSA, &key));
	assert_ok(sign_key_public(key, &pub));
	base64url_encode(SPAN("{\"alg\":\"EdDSA\",\"kid\":\"k\"}"), &t);
	buf_put_str(&t, ".Zm9v");
	assert_ok(sign_make(key, buf_span(&t), sig));
	buf_put_u8(&t, '.');
	base64url_encode(SPAN_OF(sig), &t);
	assert_ok(jws_parse(buf_span(&t), 4096, &a, &j));
	assert_true(jwk_verify(&(struct jwk){ .key = pub, .kid = SPAN("k") }, &j));
	assert_false(jwk_verify(&(struct jwk){ .key = pub, .kid = SPAN("l") }, &j));
	assert_false(jwk_verify(&(struct jwk){ .key = pub }, &j));
	assert_false(jws_verify(&j, pub));
}

TEST_MAIN(T(a_single_key_has_its_name), T(only_keys_that_verify_are_read), T(the_kid_names_one_key), T(odd_signatures_are_refused))
