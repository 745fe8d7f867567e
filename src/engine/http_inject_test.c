#include "engine/http_inject.h"

#include "tests/test.h"

static struct secret *
secret_of(const char *s)
{
	struct secret *r = NULL;
	assert_ok(secret_new(strlen(s), &r));
	memcpy(secret_writable(r), s, strlen(s));
	return r;
}

static void
fields(void **)
{
	static const struct { struct http_inject h; const char *secret, *name, *value; } rows[] = {
		{ { .kind = HTTP_INJECT_BEARER }, "abcdefgh", "Authorization", "Bearer abcdefgh" },
		{ { .kind = HTTP_INJECT_HEADER, .name = { (const uint8_t *)"X-Api-Key", 9 } }, "abcdefgh", "X-Api-Key", "abcdefgh" },
		{ { .kind = HTTP_INJECT_HEADER, .name = { (const uint8_t *)"X-Auth", 6 }, .prefix = { (const uint8_t *)"Token ", 6 } }, "abcdefgh", "X-Auth", "Token abcdefgh" },
		/* RFC 7617 §2 */
		{ { .kind = HTTP_INJECT_BASIC, .user = { (const uint8_t *)"Aladdin", 7 } }, "open sesame", "Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==" },
		{ { .kind = HTTP_INJECT_BASIC, .user = { (const uint8_t *)"ab", 2 } }, "12345678", "Authorization", "Basic YWI6MTIzNDU2Nzg=" },
		{ { .kind = HTTP_INJECT_BASIC, .user = { (const uint8_t *)"a:b", 3 } }, "12345678", NULL, NULL },
		{ { .kind = HTTP_INJECT_BEARER }, "short", NULL, NULL },
		{ { .kind = HTTP_INJECT_BEARER }, "with\r\nX-Other: 1", NULL, NULL },
		{ { .kind = HTTP_INJECT_BEARER }, "trailing ", NULL, NULL },
		{ { .kind = HTTP_INJECT_HEADER, .name = { (const uint8_t *)"Host", 4 } }, "abcdefgh", NULL, NULL },
		{ { .kind = HTTP_INJECT_HEADER, .name = { (const uint8_t *)"content-LENGTH", 14 } }, "abcdefgh", NULL, NULL },
		{ { .kind = HTTP_INJECT_HEADER, .name = { (const uint8_t *)"X: y", 4 } }, "abcdefgh", NULL, NULL },
		{ { .kind = HTTP_INJECT_HEADER, .name = { (const uint8_t *)"X", 1 }, .prefix = { (const uint8_t *)"a\n", 2 } }, "abcdefgh", NULL, NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(secret_freep) struct secret *s = secret_of(rows[i].secret), *value = NULL;
		span name = { 0 };
		status got = http_inject_field(&rows[i].h, s, &name, &value);
		if (!rows[i].name) {
			assert_fails(got, E_BAD_CONFIG);
			continue;
		}
		assert_ok(got);
		assert_span(name, rows[i].name);
		assert_span(secret_reveal(value), rows[i].value);
	}
}

static const char key[] = "s3cr\"t/k+y~canary";

static void
echoes(void **)
{
	static const struct { const char *in, *want; } rows[] = {
		{ "nothing here", "nothing here" },
		{ "s3cr\"t/k+y~canary", "[redacted]" },
		{ "a s3cr\"t/k+y~canary b s3cr\"t/k+y~canary", "a [redacted] b [redacted]" },
		{ "?k=s3cr%22t%2Fk%2By~canary&x", "?k=[redacted]&x" },
		{ "?k=s3cr%22t%2fk%2by~canary&x", "?k=[redacted]&x" },
		{ "{\"k\":\"s3cr\\\"t/k+y~canary\"}", "{\"k\":\"[redacted]\"}" },
		{ "{\"k\":\"s3cr\\\"t\\/k+y~canary\"}", "{\"k\":\"[redacted]\"}" },
		{ "7333637222742f6b2b797e63616e617279", "[redacted]" },
		{ "7333637222742F6B2B797E63616E617279", "[redacted]" },
		{ "s3cr\"t/k+y~canar", "s3cr\"t/k+y~canar" },
		{ "s3cr\"s3cr\"t/k+y~canary", "s3cr\"[redacted]" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t cut = 0; cut <= strlen(rows[i].in); cut++) {
			CLEANUP(secret_freep) struct secret *s = secret_of(key);
			CLEANUP(redactor_freep) struct redactor *r = NULL;
			CLEANUP(buf_fini) struct buf out;
			span in = span_str(rows[i].in);
			buf_init(&out, 1000);
			assert_ok(redactor_new(s, (span){ 0 }, &r));
			assert_ok(redactor_feed(r, span_sub(in, 0, cut), false, &out));
			assert_ok(redactor_feed(r, span_sub(in, cut, in.n), true, &out));
			assert_span(buf_span(&out), rows[i].want);
		}
}

/* The reference: the whole text in base64, by the RFC's letters. */
static void
encode(const char *s, char *out)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = strlen(s), k = 0;
	for (size_t bit = 0; bit < 8 * n; bit += 6) {
		unsigned v = 0;
		for (size_t b = bit; b < bit + 6; b++)
			v = v << 1 | (b < 8 * n ? (unsigned)(uint8_t)s[b / 8] >> (7 - b % 8) & 1u : 0);
		out[k++] = letters[v];
	}
	out[k] = '\0';
}

static void
base64_at_any_alignment(void **)
{
	static const char *const around[] = { "", "x", "xy", "xyz", "user:" };
	for (size_t i = 0; i < ARRAY_LEN(around); i++) {
		CLEANUP(secret_freep) struct secret *s = secret_of(key);
		CLEANUP(redactor_freep) struct redactor *r = NULL;
		CLEANUP(buf_fini) struct buf out;
		char plain[100], coded[200];
		buf_init(&out, 1000);
		snprintf(plain, sizeof plain, "%s%s and more", around[i], key);
		encode(plain, coded);
		assert_ok(redactor_new(s, SPAN("user"), &r));
		assert_ok(redactor_feed(r, span_str(coded), true, &out));
		assert_int_equal(redactor_found(r), 1);
	}
	CLEANUP(secret_freep) struct secret *s = secret_of("short");
	struct redactor *r = NULL;
	assert_fails(redactor_new(s, (span){ 0 }, &r), E_BAD_CONFIG);
}

static void
oauth_requests(void **)
{
	CLEANUP(secret_freep) struct secret *s = secret_of("p w&=+%x"), *body = NULL, *auth = NULL, *body2 = NULL, *auth2 = NULL;
	struct oauth_client c = { .id = SPAN("cli:ent"), .scope = SPAN("a b"), .audience = SPAN("https://x/y") };
	assert_ok(oauth_client_request(&c, s, &body, &auth));
	assert_span(secret_reveal(body), "grant_type=client_credentials&scope=a+b&resource=https%3A%2F%2Fx%2Fy");
	char want[256], coded[200];
	encode("cli%3Aent:p+w%26%3D%2B%25x", coded);
	snprintf(want, sizeof want, "Basic %s", coded);
	while ((strlen(want) - 6) % 4)
		strcat(want, "=");
	assert_span(secret_reveal(auth), want);
	c.in_body = true;
	assert_ok(oauth_client_request(&c, s, &body2, &auth2));
	assert_null(auth2);
	assert_span(secret_reveal(body2), "grant_type=client_credentials&scope=a+b&resource=https%3A%2F%2Fx%2Fy&client_id=cli%3Aent&client_secret=p+w%26%3D%2B%25x");
}

static void
oauth_answers(void **)
{
	static const struct { const char *in, *token; int64_t seconds; } rows[] = {
		{ "{\"access_token\":\"2YotnFZFEjr1zCsicMWpAA\",\"token_type\":\"bearer\",\"expires_in\":3600,\"x\":1}", "2YotnFZFEjr1zCsicMWpAA", 3600 },
		{ "{\"access_token\":\"abcdefgh\",\"token_type\":\"Bearer\"}", "abcdefgh", 0 },
		{ "{\"access_token\":\"abcdefgh\",\"token_type\":\"mac\"}", NULL, 0 },
		{ "{\"access_token\":\"abc\",\"token_type\":\"Bearer\"}", NULL, 0 },
		{ "{\"access_token\":\"abcdefgh\\r\\nX: y\",\"token_type\":\"Bearer\"}", NULL, 0 },
		{ "{\"access_token\":\"abcdefgh\",\"token_type\":\"Bearer\",\"expires_in\":-1}", NULL, 0 },
		{ "{\"access_token\":\"abcdefgh\",\"access_token\":\"ijklmnop\",\"token_type\":\"Bearer\"}", NULL, 0 },
		{ "{\"error\":\"invalid_client\"}", NULL, 0 },
		{ "<html>", NULL, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(secret_freep) struct secret *token = NULL;
		int64_t seconds = -1;
		status s = oauth_client_answer(span_str(rows[i].in), &token, &seconds);
		if (!rows[i].token) {
			assert_fails(s, E_UPSTREAM);
			continue;
		}
		assert_ok(s);
		assert_span(secret_reveal(token), rows[i].token);
		assert_int_equal(seconds, rows[i].seconds);
	}
}

TEST_MAIN(T(fields), T(echoes), T(base64_at_any_alignment), T(oauth_requests), T(oauth_answers))
