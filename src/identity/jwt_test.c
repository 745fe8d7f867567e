#include "identity/jwt.h"

#include "base/id.h"
#include "base/secret.h"
#include "identity/jws.h"
#include "tests/test.h"
#include "text/base64url.h"

enum { NOW = 1800000000 };

struct world {
	struct arena a;
	struct sign_key *key, *other;
	struct verify_key *public, *foreign;
};

static void
world_init(struct world *w)
{
	arena_init(&w->a, 1 << 20);
	assert_ok(sign_key_generate(ALG_ES256, &w->key));
	assert_ok(sign_key_generate(ALG_ES256, &w->other));
	assert_ok(sign_key_public(w->key, &w->public));
	assert_ok(sign_key_public(w->other, &w->foreign));
}

static void
world_fini(struct world *w)
{
	arena_fini(&w->a);
	sign_key_free(w->key);
	sign_key_free(w->other);
	verify_key_free(w->public);
	verify_key_free(w->foreign);
}

static struct jwt_claims
good(void)
{
	static const span act[] = { { (const uint8_t *)"bot", 3 }, { (const uint8_t *)"boss", 4 } };
	struct jwt_claims c = {
		.iss = SPAN("https://127.0.0.1:8470"), .sub = SPAN("user:a"), .aud = SPAN("https://127.0.0.1:8470"), .client_id = SPAN("bot"),
		.jti = SPAN("00ff"), .iat = NOW, .exp = NOW + 300, .task = id_make(ID_TASK, 77), .act = act, .n_act = 2,
		.confirm = JWT_CONFIRM_PEER, .scope = SPAN("files/*"),
	};
	memset(c.confirm_digest.b, 7, sizeof c.confirm_digest.b);
	return c;
}

static status
open_with(struct world *w, span token, const struct verify_key *k, int64_t now, struct jwt_claims *ret)
{
	const struct verify_key *const keys[] = { k };
	const struct jwt_expect want = { .keys = keys, .n_keys = 1, .iss = SPAN("https://127.0.0.1:8470"),
	                                 .aud = SPAN("https://127.0.0.1:8470"), .now = now };
	arena_reset(&w->a);
	return jwt_open(token, &want, &w->a, ret);
}

static void
what_is_made_opens(void **)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	struct world w;
	struct jwt_claims c = good(), r;

	world_init(&w);
	buf_init(&b, JWT_MAX);
	assert_ok(jwt_make(&c, w.key, &b));
	assert_ok(open_with(&w, buf_span(&b), w.public, NOW + 10, &r));
	assert_true(span_eq(r.sub, c.sub) && span_eq(r.jti, c.jti) && span_eq(r.scope, c.scope) && r.task == c.task);
	assert_true(r.iat == c.iat && r.exp == c.exp && r.nbf == 0 && r.n_act == 2);
	assert_span(r.act[0], "bot");
	assert_span(r.act[1], "boss");
	assert_int_equal(r.confirm, JWT_CONFIRM_PEER);
	assert_true(digest_eq(&r.confirm_digest, &c.confirm_digest));
	world_fini(&w);
}

static void
time_rules(void **)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	struct world w;
	struct jwt_claims c = good(), r;

	world_init(&w);
	buf_init(&b, JWT_MAX);
	assert_ok(jwt_make(&c, w.key, &b));
	assert_ok(open_with(&w, buf_span(&b), w.public, NOW + 299, &r));
	assert_fails(open_with(&w, buf_span(&b), w.public, NOW + 300, &r), E_TOKEN_EXPIRED);
	assert_ok(open_with(&w, buf_span(&b), w.public, NOW - JWT_SKEW, &r));
	assert_fails(open_with(&w, buf_span(&b), w.public, NOW - JWT_SKEW - 1, &r), E_TOKEN_INVALID);
	world_fini(&w);
}

static void
bad_claims_are_not_made(void **)
{
	struct world w;
	CLEANUP(buf_fini) struct buf b = { 0 };

	world_init(&w);
	buf_init(&b, JWT_MAX);
	for (int i = 0; i < 10; i++) {
		struct jwt_claims c = good();
		switch (i) {
		case 0: c.iss = (span){ 0 }; break;
		case 1: c.sub = (span){ 0 }; break;
		case 2: c.aud = (span){ 0 }; break;
		case 3: c.client_id = (span){ 0 }; break;
		case 4: c.jti = (span){ 0 }; break;
		case 5: c.exp = c.iat + JWT_LIFE_MAX + 1; break;
		case 6: c.exp = c.iat; break;
		case 7: c.confirm = 0; break;
		case 8: c.task = id_make(ID_AGENT, 1); break;
		case 9: c.n_act = JWT_ACT_MAX + 1; break;
		}
		assert_fails(jwt_make(&c, w.key, &b), E_BAD_REQUEST);
		assert_int_equal(b.n, 0);
	}
	world_fini(&w);
}

/* A token of our key with any header and claims. */
static void
forge(struct world *w, const char *header, const char *claims, struct buf *out)
{
	uint8_t sig[64];

	buf_reset(out);
	base64url_encode(span_str(header), out);
	buf_put_u8(out, '.');
	base64url_encode(span_str(claims), out);
	assert_ok(sign_make(w->key, buf_span(out), sig));
	buf_put_u8(out, '.');
	base64url_encode(SPAN_OF(sig), out);
	assert_ok(buf_finish(out));
}

#define HEADER "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"at+jwt\"}"
#define ISS "\"iss\":\"https://127.0.0.1:8470\","
#define AUD "\"aud\":\"https://127.0.0.1:8470\","
#define REST "\"sub\":\"s\",\"client_id\":\"c\",\"jti\":\"j\","
#define TIME "\"iat\":1800000000,\"exp\":1800000300,"
#define TASK "\"dev.ambit/task\":\"tsk_00000000000D\","
#define CNF "\"cnf\":{\"dev.ambit/peer\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"

static void
only_our_shape_opens(void **)
{
	static const struct { const char *name, *header, *claims; bool ok; } rows[] = {
		{ "the plain one", HEADER, "{" ISS AUD REST TIME TASK CNF "}", true },
		{ "another alg", "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"at+jwt\"}", "{" ISS AUD REST TIME TASK CNF "}", false },
		{ "alg none", "{\"alg\":\"none\",\"kid\":\"%s\",\"typ\":\"at+jwt\"}", "{" ISS AUD REST TIME TASK CNF "}", false },
		{ "alg in another case", "{\"alg\":\"es256\",\"kid\":\"%s\",\"typ\":\"at+jwt\"}", "{" ISS AUD REST TIME TASK CNF "}", false },
		{ "no typ", "{\"alg\":\"ES256\",\"kid\":\"%s\"}", "{" ISS AUD REST TIME TASK CNF "}", false },
		{ "typ of another kind", "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", "{" ISS AUD REST TIME TASK CNF "}", false },
		{ "no kid", "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"%.0s}", "{" ISS AUD REST TIME TASK CNF "}", false },
		{ "crit", "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"at+jwt\",\"crit\":[]}", "{" ISS AUD REST TIME TASK CNF "}", false },
		{ "jku", "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"at+jwt\",\"jku\":\"https://x\"}", "{" ISS AUD REST TIME TASK CNF "}", false },
		{ "jwk", "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"at+jwt\",\"jwk\":{}}", "{" ISS AUD REST TIME TASK CNF "}", false },
		{ "unknown header member", "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"at+jwt\",\"x\":1}", "{" ISS AUD REST TIME TASK CNF "}", false },
		{ "header member twice", "{\"alg\":\"ES256\",\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"at+jwt\"}", "{" ISS AUD REST TIME TASK CNF "}", false },
		{ "header no object", "[\"ES256\",\"%s\"]", "{" ISS AUD REST TIME TASK CNF "}", false },
		{ "claims no object", HEADER, "[]", false },
		{ "no issuer", HEADER, "{" AUD REST TIME TASK CNF "}", false },
		{ "another issuer", HEADER, "{\"iss\":\"https://evil\"," AUD REST TIME TASK CNF "}", false },
		{ "no audience", HEADER, "{" ISS REST TIME TASK CNF "}", false },
		{ "audience a list", HEADER, "{" ISS "\"aud\":[\"https://127.0.0.1:8470\"]," REST TIME TASK CNF "}", false },
		{ "audience a prefix", HEADER, "{" ISS "\"aud\":\"https://127.0.0.1:847\"," REST TIME TASK CNF "}", false },
		{ "no end", HEADER, "{" ISS AUD REST "\"iat\":1800000000," TASK CNF "}", false },
		{ "end a string", HEADER, "{" ISS AUD REST "\"iat\":1800000000,\"exp\":\"1800000300\"," TASK CNF "}", false },
		{ "end a float", HEADER, "{" ISS AUD REST "\"iat\":1800000000,\"exp\":18e8," TASK CNF "}", false },
		{ "end far away", HEADER, "{" ISS AUD REST "\"iat\":1800000000,\"exp\":1800000301," TASK CNF "}", false },
		{ "not yet", HEADER, "{" ISS AUD REST TIME "\"nbf\":1800000100," TASK CNF "}", false },
		{ "a claim twice", HEADER, "{" ISS AUD REST TIME TASK "\"sub\":\"t\"," CNF "}", false },
		{ "a claim in another case", HEADER, "{" ISS AUD REST TIME TASK "\"Exp\":1900000000," CNF "}", false },
		{ "an unknown claim", HEADER, "{" ISS AUD REST TIME TASK "\"admin\":true," CNF "}", false },
		{ "no task", HEADER, "{" ISS AUD REST TIME CNF "}", false },
		{ "task of another kind", HEADER, "{" ISS AUD REST TIME "\"dev.ambit/task\":\"agt_00000000000D\"," CNF "}", false },
		{ "bound to nothing", HEADER, "{" ISS AUD REST TIME TASK "\"scope\":\"x\"}", true },
		{ "bound to a key", HEADER, "{" ISS AUD REST TIME TASK "\"cnf\":{\"jkt\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}", true },
		{ "bound to something else", HEADER, "{" ISS AUD REST TIME TASK "\"cnf\":{\"kid\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}", false },
		{ "bound to an empty thing", HEADER, "{" ISS AUD REST TIME TASK "\"cnf\":{}}", false },
		{ "bound twice", HEADER, "{" ISS AUD REST TIME TASK "\"cnf\":{\"dev.ambit/peer\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"x5t#S256\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}", false },
		{ "bound to something short", HEADER, "{" ISS AUD REST TIME TASK "\"cnf\":{\"dev.ambit/peer\":\"AAAA\"}}", false },
	};
	CLEANUP(buf_fini) struct buf b = { 0 };
	struct world w;
	char kid[64], header[512];

	world_init(&w);
	buf_init(&b, 65536);
	snprintf(kid, sizeof kid, "%.*s", SPAN_ARG(verify_key_id(w.public)));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct jwt_claims r;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(header, sizeof header, rows[i].header, kid);
#pragma GCC diagnostic pop
		forge(&w, header, rows[i].claims, &b);
		status s = open_with(&w, buf_span(&b), w.public, NOW + 10, &r);
		if (rows[i].ok != !failed(s) || (failed(s) && s.code != E_TOKEN_INVALID))
			fail_msg("%s: %s", rows[i].name, error_name(s.code));
	}
	world_fini(&w);
}

static void
no_damaged_token_opens(void **)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	struct world w;
	struct jwt_claims c = good(), r;

	world_init(&w);
	buf_init(&b, 2 * JWT_MAX);
	assert_ok(jwt_make(&c, w.key, &b));
	assert_fails(open_with(&w, buf_span(&b), w.foreign, NOW + 10, &r), E_TOKEN_INVALID);
	for (size_t i = 0; i < b.n; i++) {
		uint8_t was = b.p[i];
		b.p[i] = was == 'A' ? 'B' : 'A';
		if (b.p[i] != was && !failed(open_with(&w, buf_span(&b), w.public, NOW + 10, &r)))
			fail_msg("byte %zu", i);
		b.p[i] = was;
	}
	for (size_t n = 0; n < b.n; n++)
		assert_fails(open_with(&w, span_sub(buf_span(&b), 0, n), w.public, NOW + 10, &r), E_TOKEN_INVALID);
	buf_put_u8(&b, '.');
	assert_fails(open_with(&w, buf_span(&b), w.public, NOW + 10, &r), E_TOKEN_INVALID);
	buf_truncate(&b, b.n - 1);
	buf_put_u8(&b, '=');
	assert_fails(open_with(&w, buf_span(&b), w.public, NOW + 10, &r), E_TOKEN_INVALID);
	buf_reset(&b);
	for (int i = 0; i < JWT_MAX; i++)
		buf_put_u8(&b, '.');
	assert_fails(open_with(&w, buf_span(&b), w.public, NOW + 10, &r), E_TOKEN_INVALID);
	world_fini(&w);
}

TEST_MAIN(T(what_is_made_opens), T(time_rules), T(bad_claims_are_not_made), T(only_our_shape_opens), T(no_damaged_token_opens))
