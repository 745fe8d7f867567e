/* Signed tokens of any shape, for tests. */
#ifndef AMBIT_TESTS_TOKEN_MAKE_H
#define AMBIT_TESTS_TOKEN_MAKE_H

#include "crypto/sign.h"
#include "tests/test.h"
#include "text/base64url.h"

static inline void
token_make(const struct sign_key *k, const char *header, const char *claims, struct buf *out)
{
	uint8_t sig[64];
	buf_reset(out);
	base64url_encode(span_str(header), out);
	buf_put_u8(out, '.');
	base64url_encode(span_str(claims), out);
	assert_ok(sign_make(k, buf_span(out), sig));
	buf_put_u8(out, '.');
	base64url_encode(SPAN_OF(sig), out);
	assert_ok(buf_finish(out));
}

/* Appends {"keys":[…]} with one ES256 key of this kid and use ("" leaves use out). */
static inline void
token_make_jwks(const struct sign_key *k, const char *kid, const char *use, struct buf *out)
{
	CLEANUP(verify_key_freep) struct verify_key *public = NULL;
	CLEANUP(buf_fini) struct buf spki = { 0 }, x = { 0 }, y = { 0 };
	buf_init(&spki, 256);
	buf_init(&x, 64);
	buf_init(&y, 64);
	assert_ok(sign_key_public(k, &public));
	assert_ok(verify_key_to_spki(public, &spki));
	base64url_encode(span_make(spki.p + spki.n - 64, 32), &x);
	base64url_encode(span_make(spki.p + spki.n - 32, 32), &y);
	buf_printf(out, "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"%s\",", kid);
	if (*use)
		buf_printf(out, "\"use\":\"%s\",", use);
	buf_printf(out, "\"x\":\"%.*s\",\"y\":\"%.*s\"}]}", SPAN_ARG(buf_span(&x)), SPAN_ARG(buf_span(&y)));
	assert_ok(buf_finish(out));
}

#endif
