/* Proofs and client assertions: whatever the bytes, nothing is accepted without a signature, and what was read has its claims. */
#include "identity/assertion.h"
#include "identity/dpop.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	const struct dpop_expect want = { .method = SPAN("POST"), .origin = SPAN("https://a"), .path = SPAN("/oauth/token"), .now = 1800000000 };
	static const struct jwk_set none;
	struct dpop_keys keys = { 0 };
	struct dpop_proof proof;
	struct assertion as;
	arena_init(&a, 1 << 20);
	if (!failed(dpop_open(span_make(p, n), &want, &keys, &a, &proof)))
		must(proof.iat <= want.now + DPOP_AHEAD && proof.iat >= want.now - DPOP_LIFE);
	if (!failed(assertion_parse(span_make(p, n), &a, &as))) {
		must(as.client.n && as.exp > 0);
		must(failed(assertion_verify(&as, &none, SPAN("https://a"), 1800000000)));
	}
	dpop_keys_fini(&keys);
	return 0;
}
