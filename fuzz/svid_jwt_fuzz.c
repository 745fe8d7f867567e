/* Tokens that others made, as JWT-SVID and as OIDC token: the bytes as a token, and as claims under a good header and signature. First byte: which. */
#include "identity/oidc.h"
#include "identity/svid_jwt.h"
#include "text/base64url.h"

enum { NOW = 1800000000 };

static struct sign_key *key;
static struct verify_key *public;

static void
open_token(span token)
{
	static const span audiences[] = { { (const uint8_t *)"a", 1 } };
	struct arena a;
	struct svid_jwt v;
	struct oidc_token t;
	const char *why;
	span s;
	struct bundle b = { .jwt = { .n = 1, .keys = { { .key = public, .kid = SPAN("k") } } } };
	struct oidc_issuer i = { .issuer = SPAN("https://i"), .audiences = audiences, .n_audiences = 1, .keys = b.jwt };

	arena_init(&a, 1 << 20);
	IGNORE(svid_jwt_domain(token, &a, &s));
	IGNORE(oidc_token_issuer(token, &a, &s));
	if (!failed(svid_jwt_verify(token, SPAN("d"), &b, SPAN("a"), NOW, &a, &v, &why)))
		must(span_is(v.id.domain, "d") && v.id.path.n && v.expires > NOW && v.expires <= NOW + FOREIGN_TOKEN_LIFE);
	if (!failed(oidc_verify(token, &i, NOW, &a, &t, &why))) {
		must(t.sub.n && t.expires > NOW);
	}
	arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!key)
		must(!failed(sign_key_generate(ALG_ES256, &key)) && !failed(sign_key_public(key, &public)));
	if (size == 0)
		return 0;
	span in = span_make(data + 1, size - 1);
	if (data[0] % 2 == 0) {
		open_token(in);
		return 0;
	}
	CLEANUP(buf_fini) struct buf token = { 0 };
	uint8_t sig[64];
	buf_init(&token, 1 << 20);
	base64url_encode(SPAN("{\"alg\":\"ES256\",\"kid\":\"k\"}"), &token);
	buf_put_u8(&token, '.');
	base64url_encode(in, &token);
	if (failed(buf_finish(&token)) || failed(sign_make(key, buf_span(&token), sig)))
		return 0;
	buf_put_u8(&token, '.');
	base64url_encode(SPAN_OF(sig), &token);
	open_token(buf_span(&token));
	return 0;
}
