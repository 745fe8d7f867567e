/* The OAuth endpoints of core, with models of the other roles: what comes once comes once, and nothing is given to the wrong one. */
#include "tests/test.h"

#include "msg/enums.h"
#include "tests/sim/client.h"
#include "tests/sim/world.h"
#include "text/base64url.h"

static struct client C;
static char text[4096], verifier_challenge[64];

enum { ADMIN = 1, DANA = 2, CERT_A = 11, CERT_B = 12, BARE = 13, WEB = 14 };

#define VERIFIER "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define REDIRECT "http://127.0.0.1:4711/cb"
#define TOKEN_TYPE "\"urn:ietf:params:oauth:token-type:access_token\""

static const char *fmt(const char *f, ...) __attribute__((format(printf, 1, 2)));
static const char *
fmt(const char *f, ...)
{
	va_list ap;
	va_start(ap, f);
	vsnprintf(text, sizeof text, f, ap);
	va_end(ap);
	return text;
}

static void
web_peer(uint32_t conn)
{
	struct msg m = msg_make(MSG_PEER_TLS);
	m.peer_tls.conn = conn;
	node_send(&C.node, ROLE_PEOPLE, 0, &m);
	node_settle(&C.node);
}

static void
connect_all(void)
{
	client_peer(&C, ROLE_PEOPLE, ADMIN, 0, 101, "/usr/bin/ambit", 0);
	client_peer(&C, ROLE_PEOPLE, DANA, 1000, 104, "/usr/bin/ambit", 0);
	client_tls(&C, CERT_A, "a");
	client_tls(&C, CERT_B, "b");
	client_tls(&C, BARE, NULL);
	web_peer(WEB);
}

static int
setup(void **)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	digest a = sha256(SPAN("a")), d = sha256(SPAN("b")), challenge = sha256(SPAN(VERIFIER));
	const char *hex_a, *hex_b;
	client_init(&C, 1, WORLD);
	connect_all();
	buf_init(&b, 4096);
	buf_put_hex(&b, digest_span(&a));
	assert_ok(buf_finish_str(&b, &hex_a));
	char first[80];
	snprintf(first, sizeof first, "%s", hex_a);
	buf_reset(&b);
	buf_put_hex(&b, digest_span(&d));
	assert_ok(buf_finish_str(&b, &hex_b));
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, fmt("{\"resources\":["
		"{\"kind\":\"agent\",\"name\":\"a\",\"owner\":\"dana\",\"tier\":\"dev\",\"identity\":[{\"x5t\":\"%s\"}],\"session\":{\"tools\":[\"files/*\"]}},"
		"{\"kind\":\"agent\",\"name\":\"b\",\"owner\":\"dana\",\"tier\":\"dev\",\"identity\":[{\"x5t\":\"%s\"}],\"session\":{\"tools\":[\"files/*\"]}},"
		"{\"kind\":\"agent\",\"name\":\"app\",\"owner\":\"dana\",\"tier\":\"dev\",\"launch\":[\"dana\"],\"bearer\":true,\"redirect_uris\":[\"http://127.0.0.1/cb\"],\"session\":{\"tools\":[\"files/*\"]}},"
		"{\"kind\":\"agent\",\"name\":\"other\",\"owner\":\"dana\",\"tier\":\"dev\",\"launch\":[\"erin\"],\"redirect_uris\":[\"http://127.0.0.1/cb\"],\"session\":{\"tools\":[\"files/*\"]}}]}", first, hex_b));
	assert_int_equal(C.last_error, E_OK);
	/* Who a certificate is, is found when it connects. */
	connect_all();
	buf_reset(&b);
	base64url_encode(digest_span(&challenge), &b);
	snprintf(verifier_challenge, sizeof verifier_challenge, "%.*s", SPAN_ARG(buf_span(&b)));
	return 0;
}

static int
teardown(void **)
{
	status why;
	bool bad = core_failed(C.node.core, &why);
	client_fini(&C);
	return bad ? -1 : 0;
}

static const struct json *
token_of(uint32_t conn, const char *params)
{
	return client_op(&C, ROLE_AGENTS, conn, OP_OAUTH_TOKEN, params);
}

static const char *
copy(const struct json *v, const char *pointer)
{
	return client_str(&C, v, pointer);
}

static uint16_t
call(uint32_t conn, const char *token)
{
	uint64_t req = client_call(&C, ROLE_AGENTS, conn, token, "files__read_file", "{\"path\":\"/data/x\"}", 0);
	node_settle(&C.node);
	const struct reply *r = client_reply(&C, req);
	return r ? r->error : E_TIMEOUT;
}

static void
prove(uint32_t conn, char key, char id, int64_t issued)
{
	struct msg m = msg_make(MSG_PROVEN);
	m.proven.req = C.next_req + 1;
	m.proven.conn = conn;
	memset(m.proven.key, key, sizeof m.proven.key);
	memset(m.proven.proof, id, sizeof m.proven.proof);
	m.proven.issued = issued;
	node_send(&C.node, ROLE_AGENTS, 0, &m);
}

static int64_t now(void) { return C.node.now.wall / INT64_C(1000000000); }

#define CC(more) "{\"grant_type\":\"client_credentials\",\"client_id\":\"a\"" more "}"

static void
a_certificate_names_its_own_agent_alone(void **)
{
	const struct json *v = token_of(CERT_A, CC(""));
	assert_int_equal(C.last_error, E_OK);
	const char *token = copy(v, "/access_token");
	assert_int_equal(call(CERT_A, token), E_OK);
	assert_int_equal(call(CERT_B, token), E_TOKEN_UNBOUND);
	assert_int_equal(call(BARE, token), E_TOKEN_UNBOUND);
	token_of(CERT_B, CC(""));
	assert_int_equal(C.last_error, E_CLIENT_INVALID);
	token_of(BARE, CC(""));
	assert_int_equal(C.last_error, E_CLIENT_INVALID);
	token_of(CERT_A, "{\"grant_type\":\"client_credentials\"}");
	assert_int_equal(C.last_error, E_CLIENT_INVALID);
	token_of(CERT_A, CC(",\"client_secret\":\"x\""));
	assert_int_equal(C.last_error, E_CLIENT_INVALID);
}

static void
a_task_is_joined_by_its_own_agent_alone(void **)
{
	const char *task = copy(token_of(CERT_A, CC("")), "/authorization_details/0/task");
	const char *join = fmt("{\"grant_type\":\"client_credentials\",\"client_id\":\"a\",\"authorization_details\":\"[{\\\"type\\\":\\\"ambit_task\\\",\\\"task\\\":\\\"%s\\\"}]\"}", task);
	assert_string_equal(copy(token_of(CERT_A, join), "/authorization_details/0/task"), task);
	token_of(CERT_B, fmt("{\"grant_type\":\"client_credentials\",\"client_id\":\"b\",\"authorization_details\":\"[{\\\"type\\\":\\\"ambit_task\\\",\\\"task\\\":\\\"%s\\\"}]\"}", task));
	assert_int_equal(C.last_error, E_TASK_UNKNOWN);
	token_of(CERT_A, CC(",\"resource\":[\"https://127.0.0.1:84701\"]"));
	assert_int_equal(C.last_error, E_TARGET_INVALID);
	token_of(CERT_A, CC(",\"resource\":[\"https://127.0.0.1:8470\",\"https://127.0.0.1:8470/mcp\"]"));
	assert_int_equal(C.last_error, E_TARGET_INVALID);
	token_of(CERT_A, CC(",\"scope\":\"x\""));
	assert_int_equal(C.last_error, E_SCOPE_INVALID);
}

static void
a_proof_counts_once_and_while_it_is_fresh(void **)
{
	prove(CERT_A, 'k', '1', now());
	const char *token = copy(token_of(CERT_A, CC("")), "/access_token");
	assert_int_equal(C.last_error, E_OK);
	prove(BARE, 'k', '2', now());
	assert_int_equal(call(BARE, token), E_OK);
	prove(BARE, 'x', '3', now());
	assert_int_equal(call(BARE, token), E_TOKEN_UNBOUND);
	prove(BARE, 'k', '2', now());
	assert_int_equal(call(BARE, token), E_TOKEN_UNBOUND);
	prove(CERT_A, 'k', '1', now());
	token_of(CERT_A, CC(""));
	assert_int_equal(C.last_error, E_DPOP);
	prove(CERT_A, 'k', '4', now() - 200);
	token_of(CERT_A, CC(""));
	assert_int_equal(C.last_error, E_DPOP);
	/* A proof made before a restart may have been used before it. */
	int64_t before = now();
	node_crash(&C.node);
	node_start(&C.node);
	node_settle(&C.node);
	connect_all();
	prove(BARE, 'k', '5', before);
	assert_int_equal(call(BARE, token), E_TOKEN_UNBOUND);
	node_advance(&C.node, 10 * INT64_C(1000000000));
	node_settle(&C.node);
	prove(BARE, 'k', '6', now());
	assert_int_equal(call(BARE, token), E_OK);
}

static const char *
exchange(const char *client, uint32_t conn, const char *subject, const char *more)
{
	return copy(token_of(conn, fmt("{\"grant_type\":\"urn:ietf:params:oauth:grant-type:token-exchange\",\"client_id\":\"%s\",\"subject_token\":\"%s\",\"subject_token_type\":" TOKEN_TYPE "%s}",
	                               client, subject, more)), "/access_token");
}

static void
an_exchange_only_narrows(void **)
{
	const char *token = copy(token_of(CERT_A, CC("")), "/access_token");
	const char *gateway = copy(token_of(CERT_A, CC(",\"resource\":[\"https://127.0.0.1:8470/mcp\"]")), "/access_token");
	const char *child = exchange("a", CERT_A, token, ",\"authorization_details\":\"[{\\\"type\\\":\\\"ambit_task\\\",\\\"envelope\\\":{\\\"tools\\\":[\\\"files/read_file\\\"]}}]\"");
	assert_int_equal(C.last_error, E_OK);
	assert_int_equal(call(CERT_A, child), E_OK);
	exchange("a", CERT_A, child, ",\"authorization_details\":\"[{\\\"type\\\":\\\"ambit_task\\\",\\\"envelope\\\":{\\\"tools\\\":[\\\"files/*\\\"]}}]\"");
	assert_int_equal(C.last_error, E_NOT_NARROWER);
	exchange("b", CERT_B, token, "");
	assert_int_equal(C.last_error, E_NOT_PERMITTED);
	exchange("a", CERT_A, gateway, ",\"resource\":[\"https://127.0.0.1:8470\"]");
	assert_int_equal(C.last_error, E_TARGET_INVALID);
	exchange("a", CERT_A, "rubbish", "");
	assert_int_equal(C.last_error, E_BAD_REQUEST);
	const char *others = copy(token_of(CERT_B, "{\"grant_type\":\"client_credentials\",\"client_id\":\"b\"}"), "/access_token");
	exchange("a", CERT_A, token, arena_cstr(&C.arena, span_str(fmt(",\"actor_token\":\"%s\",\"actor_token_type\":" TOKEN_TYPE, others))));
	assert_int_equal(C.last_error, E_BAD_REQUEST);
}

static bool
active(uint32_t conn, const char *client, const char *token)
{
	const struct json *v = client_op(&C, ROLE_AGENTS, conn, OP_OAUTH_INTROSPECT, fmt("{\"client_id\":\"%s\",\"token\":\"%s\"}", client, token));
	assert_int_equal(C.last_error, E_OK);
	return json_gets(v, "active")->truth;
}

static void
strangers_learn_and_revoke_nothing(void **)
{
	const char *token = copy(token_of(CERT_A, CC("")), "/access_token");
	assert_true(active(CERT_A, "a", token));
	assert_false(active(CERT_B, "b", token));
	client_op(&C, ROLE_AGENTS, BARE, OP_OAUTH_INTROSPECT, fmt("{\"client_id\":\"a\",\"token\":\"%s\"}", token));
	assert_int_equal(C.last_error, E_CLIENT_INVALID);
	client_op(&C, ROLE_AGENTS, CERT_B, OP_OAUTH_REVOKE, fmt("{\"client_id\":\"b\",\"token\":\"%s\"}", token));
	assert_int_equal(call(CERT_A, token), E_OK);
	client_op(&C, ROLE_AGENTS, CERT_A, OP_OAUTH_REVOKE, fmt("{\"client_id\":\"a\",\"token\":\"%s\"}", token));
	assert_int_equal(call(CERT_A, token), E_TOKEN_INVALID);
	assert_false(active(CERT_A, "a", token));
}

/* ---- people ---- */

static const struct json *
web(enum op op, const char *params)
{
	return client_op(&C, ROLE_PEOPLE, WEB, op, params);
}

static const char *
ask(const char *client, const char *redirect, const char *session)
{
	const struct json *v = web(OP_WEB_AUTHORIZE, fmt("{\"client_id\":\"%s\",\"redirect_uri\":\"%s\",\"response_type\":\"code\",\"code_challenge_method\":\"S256\",\"code_challenge\":\"%s\",\"session\":\"%s\"}",
	                                                 client, redirect, verifier_challenge, session));
	return copy(v, "/request");
}

static const char *
sign_in(const char *request, const char **ret_code)
{
	const char *code = copy(client_op(&C, ROLE_PEOPLE, DANA, OP_LOGIN_LINK, "{}"), "/code");
	assert_int_equal(C.last_error, E_OK);
	*ret_code = code;
	return copy(web(OP_WEB_LOGIN, fmt("{\"code\":\"%s\",\"request\":\"%s\"}", code, request)), "/session");
}

static const char *
agreed_code(void)
{
	const char *used, *request = ask("app", REDIRECT, "");
	const char *session = sign_in(request, &used);
	const char *to = copy(web(OP_WEB_CONSENT, fmt("{\"session\":\"%s\",\"request\":\"%s\",\"answer\":\"allow\"}", session, request)), "/redirect");
	const char *at = strstr(to, "code=");
	assert_non_null(at);
	return arena_cstr(&C.arena, span_make(at + 5, 43));
}

static const struct json *
redeem(const char *code, const char *client, const char *redirect, const char *verifier)
{
	return token_of(BARE, fmt("{\"grant_type\":\"authorization_code\",\"client_id\":\"%s\",\"code\":\"%s\",\"redirect_uri\":\"%s\",\"code_verifier\":\"%s\"}", client, code, redirect, verifier));
}

static void
a_code_is_redeemed_once_by_its_own_client(void **)
{
	static const struct { const char *client, *redirect, *verifier; } wrong[] = {
		{ "other", REDIRECT, VERIFIER }, { "app", "http://127.0.0.1:4712/cb", VERIFIER }, { "app", REDIRECT, VERIFIER "b" }, { "app", REDIRECT, "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		const char *code = agreed_code();
		redeem(code, wrong[i].client, wrong[i].redirect, wrong[i].verifier);
		assert_int_not_equal(C.last_error, E_OK);
		if (i == 0)
			continue;   /* that one was refused before its code was looked at */
		redeem(code, "app", REDIRECT, VERIFIER);
		assert_int_equal(C.last_error, E_GRANT_INVALID);
	}
	const char *code = agreed_code();
	const char *token = copy(redeem(code, "app", REDIRECT, VERIFIER), "/access_token");
	assert_int_equal(C.last_error, E_OK);
	assert_int_equal(call(BARE, token), E_OK);
	redeem(code, "app", REDIRECT, VERIFIER);
	assert_int_equal(C.last_error, E_GRANT_INVALID);
	code = agreed_code();
	node_advance(&C.node, 61 * INT64_C(1000000000));
	redeem(code, "app", REDIRECT, VERIFIER);
	assert_int_equal(C.last_error, E_GRANT_INVALID);
}

static void
only_who_was_asked_answers(void **)
{
	const char *used, *other_used, *request = ask("app", REDIRECT, "");
	web(OP_WEB_CONSENT, fmt("{\"request\":\"%s\",\"answer\":\"allow\"}", request));
	assert_int_equal(C.last_error, E_GRANT_INVALID);
	const char *session = sign_in(request, &used), *thief = sign_in("", &other_used);
	web(OP_WEB_LOGIN, fmt("{\"code\":\"%s\"}", used));
	assert_int_equal(C.last_error, E_GRANT_INVALID);
	/* One kind of text is not good for another. */
	web(OP_WEB_LOGIN, fmt("{\"code\":\"%s\"}", session));
	assert_int_equal(C.last_error, E_GRANT_INVALID);
	web(OP_WEB_CONSENT, fmt("{\"session\":\"%s\",\"request\":\"%s\",\"answer\":\"allow\"}", thief, request));
	assert_int_equal(C.last_error, E_GRANT_INVALID);
	web(OP_WEB_CONSENT, fmt("{\"session\":\"%s\",\"request\":\"%s\",\"answer\":\"allow\"}", session, request));
	assert_int_equal(C.last_error, E_OK);
	web(OP_WEB_CONSENT, fmt("{\"session\":\"%s\",\"request\":\"%s\",\"answer\":\"allow\"}", session, request));
	assert_int_equal(C.last_error, E_GRANT_INVALID);
	/* Nor is anybody shown a question about an agent that is not that person's to launch. */
	ask("other", REDIRECT, session);
	assert_int_equal(C.last_error, E_NOT_PERMITTED);
	ask("app", "http://127.0.0.1:4711/cb/", "");
	assert_int_equal(C.last_error, E_CLIENT_INVALID);
	ask("app", "https://127.0.0.1:4711/cb", "");
	assert_int_equal(C.last_error, E_CLIENT_INVALID);
	ask("nobody", REDIRECT, "");
	assert_int_equal(C.last_error, E_CLIENT_INVALID);
	const struct json *v = web(OP_WEB_AUTHORIZE, "{\"client_id\":\"app\",\"redirect_uri\":\"" REDIRECT "\",\"response_type\":\"code\",\"code_challenge_method\":\"plain\",\"code_challenge\":\"" VERIFIER "\"}");
	assert_non_null(strstr(copy(v, "/redirect"), "error=invalid_request"));
}

static const struct json *
refresh(const char *token)
{
	return token_of(BARE, fmt("{\"grant_type\":\"refresh_token\",\"client_id\":\"app\",\"refresh_token\":\"%s\"}", token));
}

static void
a_used_refresh_token_ends_its_task(void **)
{
	const struct json *v = redeem(agreed_code(), "app", REDIRECT, VERIFIER);
	const char *first = copy(v, "/refresh_token");
	v = refresh(first);
	assert_int_equal(C.last_error, E_OK);
	/* Also after a restart. */
	node_crash(&C.node);
	node_start(&C.node);
	node_settle(&C.node);
	connect_all();
	v = refresh(copy(v, "/refresh_token"));
	assert_int_equal(C.last_error, E_OK);
	const char *token = copy(v, "/access_token");
	assert_int_equal(call(BARE, token), E_OK);
	refresh(first);
	assert_int_equal(C.last_error, E_GRANT_INVALID);
	assert_int_not_equal(call(BARE, token), E_OK);
	refresh(copy(v, "/refresh_token"));
	assert_int_equal(C.last_error, E_GRANT_INVALID);
}

static void
a_refresh_token_keeps_its_channel(void **)
{
	const struct json *v = redeem(agreed_code(), "app", REDIRECT, VERIFIER);
	prove(BARE, 'k', '1', now());
	refresh(copy(v, "/refresh_token"));
	assert_int_equal(C.last_error, E_GRANT_INVALID);
}

static void
a_device_code_is_given_once_and_not_too_fast(void **)
{
	const struct json *v = client_op(&C, ROLE_AGENTS, BARE, OP_OAUTH_DEVICE, "{\"client_id\":\"app\"}");
	const char *device = copy(v, "/device_code"), *typed = copy(v, "/user_code"), *used, *session = sign_in("", &used);
	const char *poll = arena_cstr(&C.arena, span_str(fmt("{\"grant_type\":\"urn:ietf:params:oauth:grant-type:device_code\",\"client_id\":\"app\",\"device_code\":\"%s\"}", device)));
	token_of(BARE, poll);
	assert_int_equal(C.last_error, E_DEVICE_PENDING);
	token_of(BARE, poll);
	assert_int_equal(C.last_error, E_DEVICE_SLOW_DOWN);
	const char *request = copy(web(OP_WEB_DEVICE, fmt("{\"session\":\"%s\",\"user_code\":\"%s\"}", session, typed)), "/request");
	web(OP_WEB_CONSENT, fmt("{\"session\":\"%s\",\"request\":\"%s\",\"answer\":\"allow\"}", session, request));
	assert_int_equal(C.last_error, E_OK);
	token_of(BARE, poll);
	assert_int_equal(C.last_error, E_OK);
	token_of(BARE, poll);
	assert_int_equal(C.last_error, E_DEVICE_EXPIRED);
}

#define E2E(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
TEST_MAIN(E2E(a_certificate_names_its_own_agent_alone), E2E(a_task_is_joined_by_its_own_agent_alone), E2E(a_proof_counts_once_and_while_it_is_fresh), E2E(an_exchange_only_narrows),
          E2E(strangers_learn_and_revoke_nothing), E2E(a_code_is_redeemed_once_by_its_own_client), E2E(only_who_was_asked_answers), E2E(a_used_refresh_token_ends_its_task),
          E2E(a_refresh_token_keeps_its_channel), E2E(a_device_code_is_given_once_and_not_too_fast))
