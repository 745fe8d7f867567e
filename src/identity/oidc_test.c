#include "identity/oidc.h"

#include "tests/token_make.h"
#include "tests/test.h"

enum { NOW = 1800000000 };

#define HEADER "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"JWT\",\"x5t\":\"hint\"}"
#define ISS "\"iss\":\"https://issuer.example\","
#define REST "\"sub\":\"repo:acme/app:ref:refs/heads/main\",\"aud\":\"ambit\",\"exp\":1800000300"

static const struct { const char *name, *header, *claims; uint16_t error; } rows[] = {
	{ "good", HEADER, "{" ISS REST "}", E_OK },
	{ "A23 another issuer", HEADER, "{\"iss\":\"https://issuer.example.evil\"," REST "}", E_TOKEN_INVALID },
	{ "A23 a slash more", HEADER, "{\"iss\":\"https://issuer.example/\"," REST "}", E_TOKEN_INVALID },
	{ "no issuer", HEADER, "{" REST "}", E_TOKEN_INVALID },
	{ "A10 another audience", HEADER, "{" ISS "\"sub\":\"s\",\"aud\":\"other\",\"exp\":1800000300}", E_TOKEN_INVALID },
	{ "A10 no audience", HEADER, "{" ISS "\"sub\":\"s\",\"exp\":1800000300}", E_TOKEN_INVALID },
	{ "A11 no exp", HEADER, "{" ISS "\"sub\":\"s\",\"aud\":\"ambit\"}", E_TOKEN_INVALID },
	{ "A11 expired", HEADER, "{" ISS "\"sub\":\"s\",\"aud\":\"ambit\",\"exp\":1799999999}", E_TOKEN_EXPIRED },
	{ "A12 an access token", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"at+jwt\"}", "{" ISS REST "}", E_TOKEN_INVALID },
	{ "A12 a logout token", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"logout+jwt\"}", "{" ISS REST "}", E_TOKEN_INVALID },
	{ "no kid", "{\"alg\":\"ES256\"}", "{" ISS REST "}", E_TOKEN_INVALID },
	{ "A3 another kid", "{\"alg\":\"ES256\",\"kid\":\"k2\"}", "{" ISS REST "}", E_TOKEN_INVALID },
	{ "A4 jku", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"jku\":\"https://evil\"}", "{" ISS REST "}", E_TOKEN_INVALID },
	{ "A13 an encrypted token", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"enc\":\"A256GCM\"}", "{" ISS REST "}", E_TOKEN_INVALID },
	{ "A13 a token within", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"cty\":\"JWT\"}", "{" ISS REST "}", E_TOKEN_INVALID },
};

static void
tokens(void **)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	CLEANUP(buf_fini) struct buf doc = { 0 }, token = { 0 };
	struct sign_key *k;
	const span audiences[] = { SPAN("first"), SPAN("ambit") };
	struct oidc_issuer i = { .issuer = SPAN("https://issuer.example"), .audiences = audiences, .n_audiences = 2 };
	const char *why = "";

	arena_init(&a, 1 << 20);
	buf_init(&doc, 4096);
	buf_init(&token, 65536);
	assert_ok(sign_key_generate(ALG_ES256, &k));
	token_make_jwks(k, "k1", "sig", &doc);
	assert_ok(oidc_jwks_parse(buf_span(&doc), &a, &i.keys, &why));
	for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
		struct oidc_token t;
		token_make(k, rows[n].header, rows[n].claims, &token);
		uint16_t got = oidc_verify(buf_span(&token), &i, NOW, &a, &t, &why).code;
		if (got != rows[n].error)
			fail_msg("%s: %s", rows[n].name, error_name(got));
	}
	span iss;
	token_make(k, rows[0].header, rows[0].claims, &token);
	assert_ok(oidc_token_issuer(buf_span(&token), &a, &iss));
	assert_span(iss, "https://issuer.example");
	jwk_set_fini(&i.keys);
	sign_key_free(k);
}

static void
documents(void **)
{
	static const struct { const char *text; bool http, ok; } docs[] = {
		{ "{\"issuer\":\"https://i.example\",\"jwks_uri\":\"https://i.example/keys\"}", false, true },
		{ "{\"issuer\":\"https://i.example/\",\"jwks_uri\":\"https://i.example/keys\"}", false, false },
		{ "{\"issuer\":\"https://evil\",\"jwks_uri\":\"https://i.example/keys\"}", false, false },
		{ "{\"issuer\":\"https://i.example\",\"jwks_uri\":\"http://i.example/keys\"}", false, false },
		{ "{\"issuer\":\"https://i.example\",\"jwks_uri\":\"http://i.example/keys\"}", true, true },
		{ "{\"issuer\":\"https://i.example\",\"jwks_uri\":\"file:///etc/passwd\"}", true, false },
		{ "{\"issuer\":\"https://i.example\",\"jwks_uri\":\"https://user@i.example/\"}", false, false },
		{ "{\"issuer\":\"https://i.example\"}", false, false }, { "[]", false, false },
		{ "{\"issuer\":\"https://i.example\",\"issuer\":\"https://i.example\",\"jwks_uri\":\"https://i.example/keys\"}", false, false },
	};
	for (size_t i = 0; i < ARRAY_LEN(docs); i++) {
		CLEANUP(arena_fini) struct arena a = { 0 };
		span uri;
		const char *why = "";
		arena_init(&a, 1 << 20);
		if (failed(oidc_discovery_parse(span_str(docs[i].text), SPAN("https://i.example"), docs[i].http, &a, &uri, &why)) == docs[i].ok)
			fail_msg("%s: %s", docs[i].text, why);
	}
	assert_true(oidc_issuer_ok(SPAN("https://kubernetes.default.svc.cluster.local"), false));
	assert_false(oidc_issuer_ok(SPAN("http://127.0.0.1:1"), false));
	assert_false(oidc_issuer_ok(SPAN("https://"), false));
	assert_false(oidc_issuer_ok(SPAN("https://a/?b"), false));
}

static const struct json *
parse(struct arena *a, const char *text)
{
	const struct json *v;
	assert_ok(json_parse(span_str(text), NULL, a, &v, NULL));
	return v;
}

#define CLAIMS "{\"sub\":\"repo:acme/app:ref:refs/heads/main\",\"repository\":\"acme/app\",\"run\":7,\"protected\":true,\"groups\":[\"a\",\"b\"]," \
	"\"kubernetes.io\":{\"namespace\":\"prod\",\"serviceaccount\":{\"name\":\"bot\"}}}"

static void
rules(void **)
{
	static const struct { const char *rule; bool matches; } table[] = {
		{ "{\"repository\":\"acme/app\"}", true }, { "{\"repository\":\"acme/ap\"}", false }, { "{\"repository\":\"acme/*\"}", true },
		{ "{\"repository\":\"acm*\"}", true }, { "{\"repository\":\"acme/other*\"}", false },
		{ "{\"repository\":\"acme/app\",\"run\":7,\"protected\":true}", true }, { "{\"repository\":\"acme/app\",\"run\":8}", false },
		{ "{\"run\":\"7\"}", false }, { "{\"protected\":\"true\"}", false }, { "{\"groups\":\"b\"}", true }, { "{\"groups\":\"c\"}", false },
		{ "{\"/kubernetes.io/namespace\":\"prod\",\"/kubernetes.io/serviceaccount/name\":\"bot\"}", true },
		{ "{\"/kubernetes.io/namespace\":\"test\"}", false }, { "{\"absent\":\"x\"}", false }, { "{}", false },
		{ "{\"kubernetes.io\":\"prod\"}", false },
	};
	CLEANUP(arena_fini) struct arena a = { 0 };
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (oidc_rule_matches(parse(&a, table[i].rule), parse(&a, CLAIMS)) != table[i].matches)
			fail_msg("%s", table[i].rule);
}

static void
sub_alone_is_not_enough_where_many_share(void **)
{
	static const struct { const char *rule, *issuer; bool shared, ok; } table[] = {
		{ "{\"sub\":\"s\"}", "https://own.example", false, true },
		{ "{\"sub\":\"s\"}", "https://own.example", true, false },
		{ "{\"sub\":\"repo:acme/app:ref:refs/heads/main\"}", "https://token.actions.githubusercontent.com", false, false },
		{ "{\"sub\":\"s\"}", "https://token.actions.githubusercontent.com/acme", false, false },
		{ "{\"sub\":\"s\"}", "https://token.actions.githubusercontent.com.own.example", false, true },
		{ "{\"sub\":\"s\"}", "https://login.microsoftonline.com/tenant/v2.0", false, false },
		{ "{\"/sub\":\"s\",\"aud\":\"x\",\"iss\":\"y\"}", "https://gitlab.com", false, false },
		{ "{\"sub\":\"s\",\"repository\":\"acme/app\"}", "https://token.actions.githubusercontent.com", false, true },
		{ "{\"repository_id\":1}", "https://token.actions.githubusercontent.com", false, true },
		{ "{}", "https://own.example", false, false }, { "{\"a\":\"*\"}", "https://own.example", false, false },
		{ "{\"a\":null}", "https://own.example", false, false }, { "{\"a\":\"\"}", "https://own.example", false, false },
		{ "[]", "https://own.example", false, false },
	};
	CLEANUP(arena_fini) struct arena a = { 0 };
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if ((oidc_rule_refused(parse(&a, table[i].rule), span_str(table[i].issuer), table[i].shared) == NULL) != table[i].ok)
			fail_msg("%s %s", table[i].rule, table[i].issuer);
}

TEST_MAIN(T(tokens), T(documents), T(rules), T(sub_alone_is_not_enough_where_many_share))
