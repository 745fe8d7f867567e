#include "identity/dpop.h"

#include "crypto/sign.h"
#include "tests/test.h"
#include "text/base64url.h"

#define NOW INT64_C(1800000000)
#define CLAIMS(jti, htm, htu, iat) "{\"jti\":" jti ",\"htm\":" htm ",\"htu\":" htu ",\"iat\":" iat "}"
#define GOOD CLAIMS("\"a\"", "\"POST\"", "\"https://a.example:8470/mcp\"", "1800000000")

struct world {
	struct sign_key *key, *other;
	struct buf jwk, other_jwk;
};

static void
public_jwk(const struct sign_key *k, struct buf *b)
{
	CLEANUP(verify_key_freep) struct verify_key *v = NULL;
	buf_init(b, 1024);
	assert_ok(sign_key_public(k, &v));
	assert_ok(verify_key_to_jwk(v, b));
}

static void
world_init(struct world *w)
{
	assert_ok(sign_key_generate(ALG_ES256, &w->key));
	assert_ok(sign_key_generate(ALG_ES256, &w->other));
	public_jwk(w->key, &w->jwk);
	public_jwk(w->other, &w->other_jwk);
}

static void
world_fini(struct world *w)
{
	sign_key_free(w->key);
	sign_key_free(w->other);
	buf_fini(&w->jwk);
	buf_fini(&w->other_jwk);
}

/* %J in the header: the key's own JWK; %O: another's. */
static void
make(const struct world *w, const char *header, const char *claims, struct buf *out)
{
	CLEANUP(buf_fini) struct buf h = { 0 };
	uint8_t sig[64];
	buf_init(&h, 4096);
	for (; *header; header++) {
		if (*header == '%')
			buf_put(&h, *++header == 'J' ? buf_span(&w->jwk) : buf_span(&w->other_jwk));
		else
			buf_put_u8(&h, (uint8_t)*header);
	}
	buf_reset(out);
	base64url_encode(buf_span(&h), out);
	buf_put_u8(out, '.');
	base64url_encode(span_str(claims), out);
	assert_ok(sign_make(w->key, buf_span(out), sig));
	buf_put_u8(out, '.');
	base64url_encode(SPAN_OF(sig), out);
	assert_ok(buf_finish(out));
}

static status
open_proof(const struct world *w, const char *header, const char *claims, const digest *token, struct dpop_proof *ret)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	CLEANUP(arena_fini) struct arena a = { 0 };
	const struct dpop_expect want = { .method = SPAN("POST"), .origin = SPAN("https://a.example:8470"), .path = SPAN("/mcp"), .token = token, .now = NOW };
	buf_init(&b, 16384);
	arena_init(&a, 1 << 20);
	make(w, header, claims, &b);
	/* The same with the keys kept, twice: what is kept must not make a bad proof good, nor a good one bad. */
	static struct dpop_keys kept;
	status fresh = dpop_open(buf_span(&b), &want, NULL, &a, ret);
	for (int i = 0; i < 2; i++)
		assert_int_equal(dpop_open(buf_span(&b), &want, &kept, &a, ret).code, fresh.code);
	dpop_keys_fini(&kept);
	return fresh;
}

#define HEADER "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":%J}"

static void
only_a_fresh_proof_for_this_request_counts(void **)
{
	static const struct { const char *name, *header, *claims; bool good; } rows[] = {
		{ "good", HEADER, GOOD, true },
		{ "host in capitals", HEADER, CLAIMS("\"a\"", "\"POST\"", "\"https://A.example:8470/mcp\"", "1800000000"), true },
		{ "with a query", HEADER, CLAIMS("\"a\"", "\"POST\"", "\"https://a.example:8470/mcp?x=1\"", "1800000000"), true },
		{ "an old one within the window", HEADER, CLAIMS("\"a\"", "\"POST\"", "\"https://a.example:8470/mcp\"", "1799999940"), true },
		{ "too old", HEADER, CLAIMS("\"a\"", "\"POST\"", "\"https://a.example:8470/mcp\"", "1799999939"), false },
		{ "too new", HEADER, CLAIMS("\"a\"", "\"POST\"", "\"https://a.example:8470/mcp\"", "1800000006"), false },
		{ "iat text", HEADER, CLAIMS("\"a\"", "\"POST\"", "\"https://a.example:8470/mcp\"", "\"1800000000\""), false },
		{ "another method", HEADER, CLAIMS("\"a\"", "\"GET\"", "\"https://a.example:8470/mcp\"", "1800000000"), false },
		{ "method in another case", HEADER, CLAIMS("\"a\"", "\"post\"", "\"https://a.example:8470/mcp\"", "1800000000"), false },
		{ "another path", HEADER, CLAIMS("\"a\"", "\"POST\"", "\"https://a.example:8470/mcp/\"", "1800000000"), false },
		{ "another port", HEADER, CLAIMS("\"a\"", "\"POST\"", "\"https://a.example/mcp\"", "1800000000"), false },
		{ "another scheme", HEADER, CLAIMS("\"a\"", "\"POST\"", "\"http://a.example:8470/mcp\"", "1800000000"), false },
		{ "user information", HEADER, CLAIMS("\"a\"", "\"POST\"", "\"https://x@a.example:8470/mcp\"", "1800000000"), false },
		{ "empty jti", HEADER, CLAIMS("\"\"", "\"POST\"", "\"https://a.example:8470/mcp\"", "1800000000"), false },
		{ "jti a number", HEADER, CLAIMS("1", "\"POST\"", "\"https://a.example:8470/mcp\"", "1800000000"), false },
		{ "ath where no token is", HEADER, "{\"jti\":\"a\",\"htm\":\"POST\",\"htu\":\"https://a.example:8470/mcp\",\"iat\":1800000000,\"ath\":\"x\"}", false },
		{ "an access token's typ", "{\"typ\":\"at+jwt\",\"alg\":\"ES256\",\"jwk\":%J}", GOOD, false },
		{ "no typ", "{\"alg\":\"ES256\",\"jwk\":%J}", GOOD, false },
		{ "no key", "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\"}", GOOD, false },
		{ "another's key", "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":%O}", GOOD, false },
		{ "a private key", "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\",\"d\":\"AA\"}}", GOOD, false },
		{ "a shared secret", "{\"typ\":\"dpop+jwt\",\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}", GOOD, false },
		{ "none", "{\"typ\":\"dpop+jwt\",\"alg\":\"none\",\"jwk\":%J}", GOOD, false },
		{ "another alg", "{\"typ\":\"dpop+jwt\",\"alg\":\"ES384\",\"jwk\":%J}", GOOD, false },
		{ "crit", "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":%J,\"crit\":[]}", GOOD, false },
		{ "jku too", "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":%J,\"jku\":\"https://a\"}", GOOD, false },
	};
	struct world w;
	struct dpop_proof p;
	world_init(&w);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		status s = open_proof(&w, rows[i].header, rows[i].claims, NULL, &p);
		if (s.code != (rows[i].good ? E_OK : E_DPOP))
			fail_msg("%s: %s", rows[i].name, error_name(s.code));
	}
	world_fini(&w);
}

static void
a_proof_is_for_one_token(void **)
{
	CLEANUP(buf_fini) struct buf claims = { 0 };
	digest token = sha256(SPAN("token")), other = sha256(SPAN("other"));
	struct world w;
	struct dpop_proof p;
	const char *text;
	world_init(&w);
	buf_init(&claims, 1024);
	buf_put_str(&claims, "{\"jti\":\"a\",\"htm\":\"POST\",\"htu\":\"https://a.example:8470/mcp\",\"iat\":1800000000,\"ath\":\"");
	base64url_encode(digest_span(&token), &claims);
	buf_put_str(&claims, "\"}");
	assert_ok(buf_finish_str(&claims, &text));
	assert_ok(open_proof(&w, HEADER, text, &token, &p));
	assert_fails(open_proof(&w, HEADER, text, &other, &p), E_DPOP);
	assert_fails(open_proof(&w, HEADER, text, NULL, &p), E_DPOP);
	assert_fails(open_proof(&w, HEADER, GOOD, &token, &p), E_DPOP);
	world_fini(&w);
}

static void
proofs_are_told_apart_by_key_and_jti(void **)
{
	struct world w, v;
	struct dpop_proof a, b, c, d;
	world_init(&w);
	world_init(&v);
	assert_ok(open_proof(&w, HEADER, GOOD, NULL, &a));
	assert_ok(open_proof(&w, HEADER, CLAIMS("\"a\"", "\"POST\"", "\"https://a.example:8470/mcp\"", "1800000001"), NULL, &b));
	assert_ok(open_proof(&w, HEADER, CLAIMS("\"b\"", "\"POST\"", "\"https://a.example:8470/mcp\"", "1800000000"), NULL, &c));
	assert_ok(open_proof(&v, HEADER, GOOD, NULL, &d));
	assert_true(digest_eq(&a.id, &b.id) && digest_eq(&a.key, &c.key));
	assert_false(digest_eq(&a.id, &c.id) || digest_eq(&a.id, &d.id) || digest_eq(&a.key, &d.key));
	world_fini(&w);
	world_fini(&v);
}

TEST_MAIN(T(only_a_fresh_proof_for_this_request_counts), T(a_proof_is_for_one_token), T(proofs_are_told_apart_by_key_and_jti))
