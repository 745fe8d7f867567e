#include "identity/assertion.h"

#include "tests/test.h"
#include "text/base64url.h"

#define NOW INT64_C(1800000000)
#define REST "\"aud\":\"https://as\",\"exp\":1800000060,\"jti\":\"a\""

struct world {
	struct sign_key *key, *other;
	struct arena arena;
	struct jwk_set keys;
};

static void
world_init(struct world *w)
{
	CLEANUP(verify_key_freep) struct verify_key *v = NULL;
	CLEANUP(buf_fini) struct buf b = { 0 };
	const struct json_opts copy = { .copy = true };
	const struct json *set;
	arena_init(&w->arena, 1 << 20);
	buf_init(&b, 4096);
	assert_ok(sign_key_generate(ALG_ES256, &w->key));
	assert_ok(sign_key_generate(ALG_ES256, &w->other));
	assert_ok(sign_key_public(w->key, &v));
	buf_put_str(&b, "{\"keys\":[");
	assert_ok(verify_key_to_jwk(v, &b));
	buf_put_str(&b, "]}");
	assert_ok(json_parse(buf_span(&b), &copy, &w->arena, &set, NULL));
	assert_ok(jwk_set_read(set, &w->arena, &w->keys));
}

static void
world_fini(struct world *w)
{
	jwk_set_fini(&w->keys);
	arena_fini(&w->arena);
	sign_key_free(w->key);
	sign_key_free(w->other);
}

static status
check(struct world *w, const struct sign_key *key, const char *header, const char *claims, span issuer)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	uint8_t sig[64];
	struct assertion as;
	buf_init(&b, 16384);
	base64url_encode(span_str(header), &b);
	buf_put_u8(&b, '.');
	base64url_encode(span_str(claims), &b);
	assert_ok(sign_make(key, buf_span(&b), sig));
	buf_put_u8(&b, '.');
	base64url_encode(SPAN_OF(sig), &b);
	TRY(assertion_parse(arena_copy(&w->arena, buf_span(&b)), &w->arena, &as));
	assert_span(as.client, "bot");
	return assertion_verify(&as, &w->keys, issuer, NOW);
}

static void
only_a_clients_own_words_count(void **)
{
	static const struct { const char *name, *header, *claims; bool good; } rows[] = {
		{ "good", "{\"alg\":\"ES256\"}", "{\"iss\":\"bot\",\"sub\":\"bot\"," REST "}", true },
		{ "typ JWT", "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", "{\"iss\":\"bot\",\"sub\":\"bot\"," REST "}", true },
		{ "its own typ", "{\"alg\":\"ES256\",\"typ\":\"client-authentication+jwt\"}", "{\"iss\":\"bot\",\"sub\":\"bot\"," REST "}", true },
		{ "a token's typ", "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", "{\"iss\":\"bot\",\"sub\":\"bot\"," REST "}", false },
		{ "another alg", "{\"alg\":\"ES384\"}", "{\"iss\":\"bot\",\"sub\":\"bot\"," REST "}", false },
		{ "none", "{\"alg\":\"none\"}", "{\"iss\":\"bot\",\"sub\":\"bot\"," REST "}", false },
		{ "a key of its own", "{\"alg\":\"ES256\",\"jwk\":{}}", "{\"iss\":\"bot\",\"sub\":\"bot\"," REST "}", false },
		{ "another issuer", "{\"alg\":\"ES256\"}", "{\"iss\":\"x\",\"sub\":\"bot\"," REST "}", false },
		{ "no issuer", "{\"alg\":\"ES256\"}", "{\"sub\":\"bot\"," REST "}", false },
		{ "audience list", "{\"alg\":\"ES256\"}", "{\"iss\":\"bot\",\"sub\":\"bot\",\"aud\":[\"https://as\"],\"exp\":1800000060,\"jti\":\"a\"}", false },
		{ "longer audience", "{\"alg\":\"ES256\"}", "{\"iss\":\"bot\",\"sub\":\"bot\",\"aud\":\"https://as/\",\"exp\":1800000060,\"jti\":\"a\"}", false },
		{ "expired", "{\"alg\":\"ES256\"}", "{\"iss\":\"bot\",\"sub\":\"bot\",\"aud\":\"https://as\",\"exp\":1800000000,\"jti\":\"a\"}", false },
		{ "lives too long", "{\"alg\":\"ES256\"}", "{\"iss\":\"bot\",\"sub\":\"bot\",\"aud\":\"https://as\",\"exp\":1800000601,\"jti\":\"a\"}", false },
		{ "no exp", "{\"alg\":\"ES256\"}", "{\"iss\":\"bot\",\"sub\":\"bot\",\"aud\":\"https://as\",\"jti\":\"a\"}", false },
		{ "exp 1e400", "{\"alg\":\"ES256\"}", "{\"iss\":\"bot\",\"sub\":\"bot\",\"aud\":\"https://as\",\"exp\":1e400,\"jti\":\"a\"}", false },
		{ "no jti", "{\"alg\":\"ES256\"}", "{\"iss\":\"bot\",\"sub\":\"bot\",\"aud\":\"https://as\",\"exp\":1800000060}", false },
		{ "not yet", "{\"alg\":\"ES256\"}", "{\"iss\":\"bot\",\"sub\":\"bot\",\"nbf\":1800000031," REST "}", false },
		{ "from the future", "{\"alg\":\"ES256\"}", "{\"iss\":\"bot\",\"sub\":\"bot\",\"iat\":1800000031," REST "}", false },
		{ "a member twice", "{\"alg\":\"ES256\"}", "{\"iss\":\"x\",\"iss\":\"bot\",\"sub\":\"bot\"," REST "}", false },
	};
	struct world w;
	world_init(&w);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		status s = check(&w, w.key, rows[i].header, rows[i].claims, SPAN("https://as"));
		if (s.code != (rows[i].good ? E_OK : E_CLIENT_INVALID))
			fail_msg("%s: %s", rows[i].name, error_name(s.code));
	}
	assert_fails(check(&w, w.other, rows[0].header, rows[0].claims, SPAN("https://as")), E_CLIENT_INVALID);
	assert_fails(check(&w, w.key, rows[0].header, "{\"iss\":\"bot\",\"sub\":\"bot\",\"aud\":\"\",\"exp\":1800000060,\"jti\":\"a\"}", SPAN("")), E_CLIENT_INVALID);
	world_fini(&w);
}

TEST_MAIN(T(only_a_clients_own_words_count))
