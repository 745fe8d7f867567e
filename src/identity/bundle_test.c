#include "identity/bundle.h"

#include "tests/token_make.h"
#include "tests/cert_make.h"
#include "text/base64url.h"

#define JWT_KEY(kid) "{\"kty\":\"EC\",\"use\":\"jwt-svid\"," kid "\"crv\":\"P-256\",\"x\":\"64Mm92hnvqSdLxl6XQVu32-3rydodal1S8JgGYg5AGk\",\"y\":\"x5hVyA9Z4OgQxpvkhTXwNsZACk1jz1xyuTDr6JdH3R0\"}"

static void
documents(void **)
{
	static const struct { const char *text; bool ok; size_t jwt; int64_t hint; } rows[] = {
		{ "{\"keys\":[]}", true, 0, BUNDLE_HINT },
		{ "{\"keys\":[" JWT_KEY("\"kid\":\"k\",") "]}", true, 1, BUNDLE_HINT },
		{ "{\"spiffe_sequence\":12,\"spiffe_refresh_hint\":60,\"keys\":[" JWT_KEY("\"kid\":\"k\",") "]}", true, 1, 60 },
		{ "{\"spiffe_refresh_hint\":1,\"keys\":[]}", true, 0, BUNDLE_HINT_MIN },
		{ "{\"spiffe_refresh_hint\":99999999,\"keys\":[]}", true, 0, BUNDLE_HINT_MAX },
		{ "{\"keys\":[{\"kty\":\"EC\",\"use\":\"wit-svid\"},{\"kty\":\"XX\"},{}]}", true, 0, BUNDLE_HINT },
		{ "{}", false }, { "[]", false }, { "", false }, { "{\"keys\":{}}", false }, { "{\"keys\":[1]}", false },
		{ "{\"keys\":[" JWT_KEY("") "]}", false },
		{ "{\"keys\":[" JWT_KEY("\"kid\":\"\",") "]}", false },
		{ "{\"keys\":[" JWT_KEY("\"kid\":\"k\",") "," JWT_KEY("\"kid\":\"k\",") "]}", false },   /* A3 */
		{ "{\"keys\":[],\"keys\":[" JWT_KEY("\"kid\":\"k\",") "]}", false },
		{ "{\"keys\":[{\"kty\":\"EC\",\"use\":\"x509-svid\",\"x5c\":[]}]}", false },
		{ "{\"keys\":[{\"kty\":\"EC\",\"use\":\"x509-svid\",\"x5c\":[\"AAAA\"]}]}", false },
		{ "{\"keys\":[{\"kty\":\"EC\",\"use\":\"x509-svid\"}]}", true, 0, BUNDLE_HINT },
		{ "{\"spiffe_sequence\":-1,\"keys\":[]}", false }, { "{\"spiffe_sequence\":\"1\",\"keys\":[]}", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(arena_fini) struct arena a = { 0 };
		struct bundle b;
		const char *why = "";
		arena_init(&a, 1 << 20);
		status s = bundle_parse(span_str(rows[i].text), &a, &b, &why);
		if (failed(s) == rows[i].ok)
			fail_msg("%s: %s", rows[i].text, why);
		if (failed(s))
			continue;
		assert_int_equal(b.jwt.n, rows[i].jwt);
		assert_int_equal(b.refresh_hint, rows[i].hint);
		bundle_fini(&b);
	}
}

static void
certificates_of_cas_only(void **)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	CLEANUP(buf_fini) struct buf der = { 0 }, pem = { 0 }, doc = { 0 };
	struct sign_key *k;
	struct bundle b;
	const char *why = "";

	arena_init(&a, 4 << 20);
	buf_init(&der, 65536);
	buf_init(&pem, 65536);
	buf_init(&doc, 65536);
	assert_ok(sign_key_generate(ALG_ES256, &k));
	struct cert_make ca = { .subject = "r", .issuer = "r", .key = k, .signer = k, .ski = SPAN("k"), .ca = 1, .path_len = -1, .usage = CERT_KU_CERT_SIGN };
	for (int round = 0; round < 2; round++) {
		buf_reset(&der);
		buf_reset(&pem);
		buf_reset(&doc);
		if (round == 1) {
			ca.ca = -1;
			ca.usage = CERT_KU_DIGITAL_SIGNATURE;
		}
		cert_make(&ca, &der);
		buf_put_str(&pem, "-----BEGIN CERTIFICATE-----\n");
		base64_encode(buf_span(&der), &pem);
		buf_put_str(&pem, "\n-----END CERTIFICATE-----\n");
		status s = bundle_from_pem(buf_span(&pem), &doc, &why);
		if (round == 1) {
			assert_fails(s, E_BAD_REQUEST);   /* A25 */
			break;
		}
		assert_ok(s);
		assert_ok(bundle_parse(buf_span(&doc), &a, &b, &why));
		assert_int_equal(b.n_certs, 1);
		assert_true(span_eq(b.certs[0].der, buf_span(&der)));
		bundle_fini(&b);
	}
	assert_fails(bundle_pem(SPAN(""), &a, &b, &why), E_BAD_REQUEST);
	assert_fails(bundle_pem(SPAN("-----BEGIN CERTIFICATE-----\nAAAA\n"), &a, &b, &why), E_BAD_REQUEST);
	sign_key_free(k);
}

TEST_MAIN(T(documents), T(certificates_of_cas_only))
