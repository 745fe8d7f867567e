/* Task tokens: the bytes as a token, and the bytes as claims under a good header and signature, so that what lies behind the
 * signature check is reached too. First byte: which. */
#include "base/arena.h"
#include "identity/jws.h"
#include "identity/jwt.h"
#include "text/base64url.h"

enum { NOW = 1800000000 };

static struct sign_key *key;
static struct verify_key *pub;

static void
open_token(span token)
{
	struct arena a;
	struct jws j;
	struct jwt_claims c;
	const struct verify_key *const keys[] = { pub };
	struct jwt_expect want = { .keys = keys, .n_keys = 1, .iss = SPAN("i"), .aud = SPAN("a"), .now = NOW };
	arena_init(&a, 1 << 18);
	IGNORE(jws_parse(token, JWT_MAX, &a, &j));
	if (!failed(jwt_open(token, &want, &a, &c))) {
		must(span_is(c.iss, "i") && span_is(c.aud, "a") && c.exp > NOW && c.exp - c.iat <= JWT_LIFE_MAX && c.jti.n);
		must(c.confirm >= JWT_CONFIRM_CERT && c.confirm <= JWT_CONFIRM_NONE);
		CLEANUP(buf_fini) struct buf again = { 0 };
		buf_init(&again, JWT_MAX);
		must(!failed(jwt_make(&c, key, &again)));
		struct jwt_claims d;
		must(!failed(jwt_open(buf_span(&again), &want, &a, &d)) && span_eq(c.sub, d.sub) && c.task == d.task && c.n_act == d.n_act);
	}
	arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!key)
		must(!failed(sign_key_generate(ALG_ES256, &key)) && !failed(sign_key_public(key, &pub)));
	if (size == 0)
		return 0;
	span in = span_make(data + 1, size - 1);
	if (data[0] % 2 == 0) {
		open_token(in);
		return 0;
	}
	CLEANUP(buf_fini) struct buf header = { 0 }, token = { 0 };
	uint8_t sig[64];
	buf_init(&header, 200);
	buf_init(&token, 2 * JWT_MAX);
	buf_printf(&header, "{\"alg\":\"ES256\",\"kid\":\"%.*s\",\"typ\":\"at+jwt\"}", SPAN_ARG(verify_key_id(pub)));
	base64url_encode(buf_span(&header), &token);
	buf_put_u8(&token, '.');
	base64url_encode(in, &token);
	if (failed(buf_finish(&token)) || failed(sign_make(key, buf_span(&token), sig)))
		return 0;
	buf_put_u8(&token, '.');
	base64url_encode(SPAN_OF(sig), &token);
	open_token(buf_span(&token));
	return 0;
}
