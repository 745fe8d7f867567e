#include "identity/svid_jwt.h"

#include "tests/token_make.h"

enum { NOW = 1800000000 };

#define HEADER "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"JWT\"}"
#define SUB "\"sub\":\"spiffe://example.org/agent/a\","
#define AUD "\"aud\":[\"https://ambit\"],"
#define EXP "\"exp\":1800000300"
#define GOOD "{" SUB AUD EXP "}"

static const struct row { const char *name, *header, *claims; int64_t now; uint16_t error; } rows[] = {
	{ "good", HEADER, GOOD, NOW, E_OK },
	{ "no typ", "{\"alg\":\"ES256\",\"kid\":\"k1\"}", GOOD, NOW, E_OK },
	{ "typ JOSE", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"JOSE\"}", GOOD, NOW, E_OK },
	{ "aud a text", HEADER, "{" SUB "\"aud\":\"https://ambit\"," EXP "}", NOW, E_OK },
	{ "aud one of several", HEADER, "{" SUB "\"aud\":[\"x\",\"https://ambit\"]," EXP "}", NOW, E_OK },
	{ "more claims", HEADER, "{" SUB AUD "\"team\":\"x\",\"iat\":1800000000," EXP "}", NOW, E_OK },
	{ "last second", HEADER, GOOD, NOW + 299, E_OK },
	{ "A11 expired", HEADER, GOOD, NOW + 300, E_TOKEN_EXPIRED },
	{ "A1 HS256 with the public key", "{\"alg\":\"HS256\",\"kid\":\"k1\"}", GOOD, NOW, E_TOKEN_INVALID },
	{ "A1 another alg", "{\"alg\":\"RS256\",\"kid\":\"k1\"}", GOOD, NOW, E_TOKEN_INVALID },
	{ "A2 none", "{\"alg\":\"none\",\"kid\":\"k1\"}", GOOD, NOW, E_TOKEN_INVALID },
	{ "A2 NoNe", "{\"alg\":\"NoNe\",\"kid\":\"k1\"}", GOOD, NOW, E_TOKEN_INVALID },
	{ "A2 empty alg", "{\"alg\":\"\",\"kid\":\"k1\"}", GOOD, NOW, E_TOKEN_INVALID },
	{ "A2 no alg", "{\"kid\":\"k1\"}", GOOD, NOW, E_TOKEN_INVALID },
	{ "A3 kid of nobody", "{\"alg\":\"ES256\",\"kid\":\"../k1\"}", GOOD, NOW, E_TOKEN_INVALID },
	{ "A3 no kid", "{\"alg\":\"ES256\"}", GOOD, NOW, E_TOKEN_INVALID },
	{ "A3 SQL", "{\"alg\":\"ES256\",\"kid\":\"k1' OR '1'='1\"}", GOOD, NOW, E_TOKEN_INVALID },
	{ "A4 jku", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"jku\":\"https://evil/\"}", GOOD, NOW, E_TOKEN_INVALID },
	{ "A4 jwk", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"jwk\":{}}", GOOD, NOW, E_TOKEN_INVALID },
	{ "A4 x5u", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"x5u\":\"https://evil/\"}", GOOD, NOW, E_TOKEN_INVALID },
	{ "A4 x5c", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"x5c\":[]}", GOOD, NOW, E_TOKEN_INVALID },
	{ "A5 crit", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"crit\":[\"exp\"]}", GOOD, NOW, E_TOKEN_INVALID },
	{ "A5 empty crit", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"crit\":[]}", GOOD, NOW, E_TOKEN_INVALID },
	{ "A5 b64", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"b64\":false}", GOOD, NOW, E_TOKEN_INVALID },
	{ "a header of another", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"x\":1}", GOOD, NOW, E_TOKEN_INVALID },
	{ "A6 a member twice", HEADER, "{" SUB "\"sub\":\"spiffe://example.org/agent/b\"," AUD EXP "}", NOW, E_TOKEN_INVALID },
	{ "A6 Exp", HEADER, "{" SUB AUD "\"Exp\":1900000000," EXP "}", NOW, E_TOKEN_INVALID },
	{ "A6 NUL in sub", HEADER, "{\"sub\":\"spiffe://example.org/a\\u0000b\"," AUD EXP "}", NOW, E_TOKEN_INVALID },
	{ "A10 no aud", HEADER, "{" SUB EXP "}", NOW, E_TOKEN_INVALID },
	{ "A10 empty aud", HEADER, "{" SUB "\"aud\":[]," EXP "}", NOW, E_TOKEN_INVALID },
	{ "A10 aud is a prefix", HEADER, "{" SUB "\"aud\":\"https://ambi\"," EXP "}", NOW, E_TOKEN_INVALID },
	{ "A10 ours is a prefix", HEADER, "{" SUB "\"aud\":\"https://ambit.evil\"," EXP "}", NOW, E_TOKEN_INVALID },
	{ "A10 aud is an object", HEADER, "{" SUB "\"aud\":{\"https://ambit\":1}," EXP "}", NOW, E_TOKEN_INVALID },
	{ "A10 a number among them", HEADER, "{" SUB "\"aud\":[1,\"https://ambit\"]," EXP "}", NOW, E_TOKEN_INVALID },
	{ "A11 no exp", HEADER, "{" SUB "\"aud\":\"https://ambit\"}", NOW, E_TOKEN_INVALID },
	{ "A11 exp a text", HEADER, "{" SUB AUD "\"exp\":\"1800000300\"}", NOW, E_TOKEN_INVALID },
	{ "A11 exp too large", HEADER, "{" SUB AUD "\"exp\":1e400}", NOW, E_TOKEN_INVALID },
	{ "A11 exp far away", HEADER, "{" SUB AUD "\"exp\":9e18}", NOW, E_TOKEN_INVALID },
	{ "A11 exp negative", HEADER, "{" SUB AUD "\"exp\":-1}", NOW, E_TOKEN_INVALID },
	{ "A11 lives for years", HEADER, "{" SUB AUD "\"exp\":1900000000}", NOW, E_TOKEN_INVALID },
	{ "A11 nbf in the future", HEADER, "{" SUB AUD "\"nbf\":1800000031," EXP "}", NOW, E_TOKEN_INVALID },
	{ "A11 iat in the future", HEADER, "{" SUB AUD "\"iat\":1800000031," EXP "}", NOW, E_TOKEN_INVALID },
	{ "skew is allowed there", HEADER, "{" SUB AUD "\"nbf\":1800000030,\"iat\":1800000030," EXP "}", NOW, E_OK },
	{ "A12 an access token", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"at+jwt\"}", GOOD, NOW, E_TOKEN_INVALID },
	{ "A12 a DPoP proof", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"dpop+jwt\"}", GOOD, NOW, E_TOKEN_INVALID },
	{ "no sub", HEADER, "{" AUD EXP "}", NOW, E_TOKEN_INVALID },
	{ "sub is no SPIFFE ID", HEADER, "{\"sub\":\"agent\"," AUD EXP "}", NOW, E_TOKEN_INVALID },
	{ "sub is a trust domain", HEADER, "{\"sub\":\"spiffe://example.org\"," AUD EXP "}", NOW, E_TOKEN_INVALID },
	{ "another trust domain", HEADER, "{\"sub\":\"spiffe://example.com/agent/a\"," AUD EXP "}", NOW, E_TOKEN_INVALID },
};

struct world {
	struct arena a;
	struct sign_key *key, *other;
	struct bundle bundle;
	struct buf token;
};

static void
world_init(struct world *w)
{
	CLEANUP(buf_fini) struct buf doc = { 0 };
	const char *why = "";

	memset(w, 0, sizeof *w);
	buf_init(&doc, 4096);
	arena_init(&w->a, 1 << 20);
	buf_init(&w->token, 1 << 16);
	assert_ok(sign_key_generate(ALG_ES256, &w->key));
	assert_ok(sign_key_generate(ALG_ES256, &w->other));
	token_make_jwks(w->key, "k1", "jwt-svid", &doc);
	assert_ok(bundle_parse(buf_span(&doc), &w->a, &w->bundle, &why));
	assert_int_equal(w->bundle.jwt.n, 1);
}

static void
world_fini(struct world *w)
{
	bundle_fini(&w->bundle);
	sign_key_free(w->key);
	sign_key_free(w->other);
	buf_fini(&w->token);
	arena_fini(&w->a);
}

static uint16_t
open_token(struct world *w, int64_t now)
{
	struct svid_jwt v;
	const char *why;
	uint16_t code = svid_jwt_verify(buf_span(&w->token), SPAN("example.org"), &w->bundle, SPAN("https://ambit"), now, &w->a, &v, &why).code;

	if (code == E_OK)
		assert_span(v.id.text, "spiffe://example.org/agent/a");
	return code;
}

static void
rules_of_the_standard(void **)
{
	struct world w;

	world_init(&w);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		token_make(w.key, rows[i].header, rows[i].claims, &w.token);
		uint16_t got = open_token(&w, rows[i].now);
		if (got != rows[i].error)
			fail_msg("%s: %s", rows[i].name, error_name(got));
	}
	world_fini(&w);
}

static void
a7_a9_only_canonical_text(void **)
{
	struct world w;

	world_init(&w);
	token_make(w.key, HEADER, GOOD, &w.token);
	assert_int_equal(open_token(&w, NOW), E_OK);
	size_t n = w.token.n;
	/* A7: the last character carries bits that must be zero. */
	uint8_t last = w.token.p[n - 1];
	w.token.p[n - 1] = (uint8_t)(last + 1);
	assert_int_equal(open_token(&w, NOW), E_TOKEN_INVALID);
	w.token.p[n - 1] = last;
	static const char *const tails[] = { "=", " ", "\n", ".", ".x", "==" };
	for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
		buf_put_str(&w.token, tails[i]);
		assert_int_equal(open_token(&w, NOW), E_TOKEN_INVALID);
		buf_truncate(&w.token, n);
	}
	/* A9: signatures that are too long, zero, or missing. */
	size_t dot = n - 86;
	buf_truncate(&w.token, dot);
	assert_int_equal(open_token(&w, NOW), E_TOKEN_INVALID);
	for (int i = 0; i < 86; i++)
		buf_put_u8(&w.token, 'A');
	assert_int_equal(open_token(&w, NOW), E_TOKEN_INVALID);
	for (int i = 0; i < 14000; i++)
		buf_put_u8(&w.token, 'A');
	assert_int_equal(open_token(&w, NOW), E_TOKEN_INVALID);
	/* A8: a million dots, or as many as fit. */
	buf_reset(&w.token);
	for (int i = 0; i < 60000; i++)
		buf_put_u8(&w.token, '.');
	assert_int_equal(open_token(&w, NOW), E_TOKEN_INVALID);
	world_fini(&w);
}

static void
keys_come_from_the_bundle_only(void **)
{
	struct world w;

	world_init(&w);
	token_make(w.other, HEADER, GOOD, &w.token);
	assert_int_equal(open_token(&w, NOW), E_TOKEN_INVALID);
	token_make(w.key, HEADER, GOOD, &w.token);
	assert_int_equal(open_token(&w, NOW), E_OK);
	/* An empty bundle ends everything of the domain. */
	bundle_fini(&w.bundle);
	assert_int_equal(open_token(&w, NOW), E_TOKEN_INVALID);
	world_fini(&w);
}

TEST_MAIN(T(rules_of_the_standard), T(a7_a9_only_canonical_text), T(keys_come_from_the_bundle_only))
