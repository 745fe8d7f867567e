/* SPIFFE IDs and patterns. What is accepted is put together from its parts, and matches itself only. */
#include "identity/spiffe_id.h"

#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	span in = span_make(data, size), d;
	struct spiffe_id id;

	IGNORE(spiffe_domain_parse(in, &d));
	if (failed(spiffe_id_parse(in, &id, NULL))) {
		spiffe_pattern_ok(in);
		return 0;
	}
	CLEANUP(buf_fini) struct buf b = { 0 };
	buf_init(&b, 4096);
	buf_printf(&b, "spiffe://%.*s%.*s", SPAN_ARG(id.domain), SPAN_ARG(id.path));
	must(span_eq(buf_span(&b), in));
	must(spiffe_pattern_matches(in, &id) == (id.path.n > 0));
	return 0;
}
