/* Discovery documents, key sets, and rules over claims. First byte: which. */
#include "identity/oidc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	const char *why;
	struct jwk_set s;
	span uri;

	if (size == 0)
		return 0;
	arena_init(&a, 4 << 20);
	span in = span_make(data + 1, size - 1);
	if (data[0] % 3 == 0) {
		if (!failed(oidc_discovery_parse(in, SPAN("https://i"), false, &a, &uri, &why)))
			must(span_starts(uri, SPAN("https://")) && span_find(uri, '@') == uri.n);
	} else if (data[0] % 3 == 1) {
		if (!failed(oidc_jwks_parse(in, &a, &s, &why))) {
			must(s.n && s.keys[0].kid.n);
			jwk_set_fini(&s);
		}
	} else {
		const struct json *v;
		if (!failed(json_parse(in, NULL, &a, &v, NULL)) && !oidc_rule_refused(v, SPAN("https://i"), true))
			oidc_rule_matches(v, v);
	}
	return 0;
}
