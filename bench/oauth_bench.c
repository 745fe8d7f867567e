/* What one processor signs, and what a DPoP proof costs beside the bare check of its signature. Prints one JSON object. */
#include "crypto/sign.h"
#include "identity/dpop.h"
#include "text/base64url.h"

#include <stdio.h>
#include <time.h>

enum { ROUNDS = 5, BATCH = 400 };

static double
now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
make_proof(const struct sign_key *k, const struct verify_key *v, struct buf *out, size_t *ret_signed)
{
	CLEANUP(buf_fini) struct buf h = { 0 };
	uint8_t sig[64];
	buf_init(&h, 4096);
	buf_put_str(&h, "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":");
	must(!failed(verify_key_to_jwk(v, &h)));
	buf_put_str(&h, "}");
	base64url_encode(buf_span(&h), out);
	buf_put_u8(out, '.');
	base64url_encode(SPAN("{\"jti\":\"0123456789abcdef\",\"htm\":\"POST\",\"htu\":\"https://a.example/mcp\",\"iat\":1800000000}"), out);
	*ret_signed = out->n;
	must(!failed(sign_make(k, buf_span(out), sig)));
	buf_put_u8(out, '.');
	base64url_encode(SPAN_OF(sig), out);
	must(!out->err);
}

static double
best(double (*fn)(void *ctx), void *ctx)
{
	double least = 1e9;
	for (int i = 0; i < ROUNDS; i++) {
		double s = fn(ctx);
		least = s < least ? s : least;
	}
	return least / BATCH * 1e6;
}

struct world {
	struct sign_key *key;
	struct verify_key *public;
	struct buf proof;
	size_t signed_n;
	uint8_t sig[64];
	struct dpop_keys keys;
};

static double
signing(void *ctx)
{
	struct world *w = ctx;
	double t = now_s();
	for (int i = 0; i < BATCH; i++)
		must(!failed(sign_make(w->key, buf_span(&w->proof), w->sig)));
	return now_s() - t;
}

static double
checking(void *ctx)
{
	struct world *w = ctx;
	span text = span_sub(buf_span(&w->proof), 0, w->signed_n);
	must(!failed(sign_make(w->key, text, w->sig)));
	double t = now_s();
	for (int i = 0; i < BATCH; i++)
		must(verify_ok(w->public, text, SPAN_OF(w->sig)));
	return now_s() - t;
}

static double
proving(void *ctx)
{
	struct world *w = ctx;
	struct arena a;
	struct dpop_proof p;
	const struct dpop_expect want = { .method = SPAN("POST"), .origin = SPAN("https://a.example"), .path = SPAN("/mcp"), .now = 1800000000 };
	arena_init(&a, 1 << 20);
	double t = now_s();
	for (int i = 0; i < BATCH; i++) {
		must(!failed(dpop_open(buf_span(&w->proof), &want, &w->keys, &a, &p)));
		arena_reset(&a);
	}
	t = now_s() - t;
	arena_fini(&a);
	return t;
}

int
main(void)
{
	struct world w = { 0 };
	buf_init(&w.proof, 8192);
	must(!failed(sign_key_generate(ALG_ES256, &w.key)));
	must(!failed(sign_key_public(w.key, &w.public)));
	make_proof(w.key, w.public, &w.proof, &w.signed_n);
	double sign = best(signing, &w), check = best(checking, &w), proof = best(proving, &w);
	printf("{\"sign_us\":%.2f,\"signs_per_s\":%.0f,\"verify_us\":%.2f,\"dpop_us\":%.2f,\"dpop_ratio\":%.2f}\n", sign, 1e6 / sign, check, proof, proof / check);
	dpop_keys_fini(&w.keys);
	buf_fini(&w.proof);
	sign_key_free(w.key);
	verify_key_free(w.public);
	return 0;
}
