/* Trust bundles: JSON documents, PEM. First byte: which. */
#include "identity/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	CLEANUP(buf_fini) struct buf doc = { 0 };
	struct bundle b;

	if (size == 0)
		return 0;
	arena_init(&a, 4 << 20);
	buf_init(&doc, BUNDLE_MAX);
	span in = span_make(data + 1, size - 1);
	if (data[0] % 2) {
		if (!failed(bundle_from_pem(in, &doc, NULL))) {
			must(!failed(bundle_parse(buf_span(&doc), &a, &b, NULL)) && b.n_certs);
			bundle_fini(&b);
		}
		return 0;
	}
	if (failed(bundle_parse(in, &a, &b, NULL)))
		return 0;
	must(b.refresh_hint >= BUNDLE_HINT_MIN && b.refresh_hint <= BUNDLE_HINT_MAX && b.n_certs <= BUNDLE_CERTS);
	for (size_t i = 0; i < b.n_certs; i++)
		must(b.certs[i].is_ca);
	for (size_t i = 0; i < b.jwt.n; i++)
		must(b.jwt.keys[i].kid.n && b.jwt.keys[i].key);
	bundle_fini(&b);
	return 0;
}
