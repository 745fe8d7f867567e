#include "api/http_api.h"
#include "api/oauth.h"
#include "tests/test.h"

static const struct { const char *form; uint16_t code; const char *want; } forms[] = {
	{ "", E_OK, "{}" },
	{ "grant_type=client_credentials", E_OK, "{\"grant_type\":\"client_credentials\"}" },
	{ "grant_type=a&scope=", E_OK, "{\"grant_type\":\"a\"}" },
	{ "resource=a&x=1&resource=b", E_OK, "{\"resource\":[\"a\",\"b\"],\"x\":\"1\"}" },
	{ "audience=a&audience=", E_OK, "{\"audience\":[\"a\"]}" },
	{ "a=%22%5C", E_OK, "{\"a\":\"\\\"\\\\\"}" },
	{ "grant_type=a&grant_type=b", E_BAD_REQUEST, NULL },
	{ "grant_type=a&grant_type=a", E_BAD_REQUEST, NULL },
	{ "grant_type=a&grant_type=", E_BAD_REQUEST, NULL },
	{ "a", E_BAD_REQUEST, NULL },
	{ "a=%ff", E_BAD_UTF8, NULL },
};

static void
forms_become_parameters(void **)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		CLEANUP(arena_fini) struct arena a = { 0 };
		span params;
		arena_init(&a, 1 << 20);
		status s = oauth_read_form(&a, span_str(forms[i].form), &params);
		if (s.code != forms[i].code)
			fail_msg("%s: %s", forms[i].form, error_name(s.code));
		if (!failed(s))
			assert_span(params, forms[i].want);
	}
}

static void
errors_are_those_of_the_rfc(void **)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	buf_init(&b, 4096);
	oauth_render_error(&b, E_GRANT_INVALID, SPAN("{\"error\":{\"detail\":\"a \\\"b\\\" \\u00e9\"}}"));
	assert_span(buf_span(&b), "{\"error\":\"invalid_grant\",\"error_description\":\"the grant is not valid, expired, already used, or another "
	                          "client's: a ?b? ??\"}");
	assert_int_equal(oauth_status(E_GRANT_INVALID), 400);
	assert_int_equal(oauth_status(E_CLIENT_INVALID), 401);
	assert_int_equal(oauth_status(E_NOT_NARROWER), 400);
	assert_int_equal(oauth_status(E_UNAVAILABLE), 503);
	assert_int_equal(oauth_status(E_DPOP), 400);
}

static void
challenges_point_to_the_metadata(void **)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	buf_init(&b, 4096);
	oauth_challenge(&b, SPAN("https://a:1"), SPAN("/mcp"), E_UNAUTHENTICATED, false);
	assert_span(buf_span(&b), "Bearer resource_metadata=\"https://a:1/.well-known/oauth-protected-resource/mcp\"");
	buf_reset(&b);
	oauth_challenge(&b, SPAN("https://a:1"), SPAN(""), E_TOKEN_EXPIRED, false);
	assert_span(buf_span(&b), "Bearer error=\"invalid_token\", resource_metadata=\"https://a:1/.well-known/oauth-protected-resource\"");
}

static void
doors(void **)
{
	static const struct { enum http_method method; const char *path, *type; enum op_class class; enum door door; uint16_t error; } rows[] = {
		{ HTTP_POST, "/oauth/token", "application/x-www-form-urlencoded", OP_CLASS_A, DOOR_OAUTH, E_OK },
		{ HTTP_POST, "/oauth/token", "application/x-www-form-urlencoded;charset=UTF-8", OP_CLASS_L, DOOR_OAUTH, E_OK },
		{ HTTP_POST, "/oauth/token", "application/json", OP_CLASS_A, DOOR_OAUTH, E_UNSUPPORTED_MEDIA },
		{ HTTP_GET, "/oauth/token", "", OP_CLASS_A, DOOR_OAUTH, E_METHOD_NOT_ALLOWED },
		{ HTTP_POST, "/oauth/token", "application/x-www-form-urlencoded", OP_CLASS_P, DOOR_NONE, E_OK },
		{ HTTP_POST, "/v1/oauth/token", "application/json", OP_CLASS_A, DOOR_NONE, E_OK },
		{ HTTP_GET, "/.well-known/oauth-authorization-server", "", OP_CLASS_A, DOOR_OAUTH_METADATA, E_OK },
		{ HTTP_GET, "/.well-known/oauth-protected-resource/mcp", "", OP_CLASS_A, DOOR_RESOURCE_METADATA, E_OK },
		{ HTTP_GET, "/.well-known/jwks.json", "", OP_CLASS_A, DOOR_JWKS, E_OK },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_request r = { .method = rows[i].method, .path = span_str(rows[i].path), .content_type = span_str(rows[i].type) };
		struct door_match m = door_of(&r, rows[i].class);
		if (m.door != rows[i].door || m.error != rows[i].error)
			fail_msg("%s: door %d, %s", rows[i].path, m.door, error_name(m.error));
	}
}

static void
access_tokens_name_their_scheme(void **)
{
	static const struct { const char *field; bool ok, dpop; const char *token; } rows[] = {
		{ "", true, false, "" }, { "Bearer abc", true, false, "abc" }, { "bearer abc", true, false, "abc" }, { "DPoP abc", true, true, "abc" },
		{ "dpop abc==", true, true, "abc==" }, { "Basic abc", false, false, "" }, { "DPoP", false, true, "" }, { "Bearer a b", false, false, "" },
		{ "Bearer  abc", false, false, "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_request r = { .authorization = span_str(rows[i].field) };
		bool dpop;
		span t;
		assert_int_equal(access_token(&r, &t, &dpop), rows[i].ok);
		if (!rows[i].ok)
			continue;
		assert_int_equal(dpop, rows[i].dpop);
		assert_span(t, rows[i].token);
		assert_int_equal(bearer_token(&r, &t), !rows[i].dpop);
	}
}

TEST_MAIN(T(forms_become_parameters), T(errors_are_those_of_the_rfc), T(challenges_point_to_the_metadata), T(doors), T(access_tokens_name_their_scheme))
