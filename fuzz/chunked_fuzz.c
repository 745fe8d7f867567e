/* The first byte picks the size of the pieces. */
#include "fuzz/http1_fuzz_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n < 1)
		return 0;
	struct decoded whole, parts;
	span in = span_make(p + 1, n - 1);
	decode(in, in.n + 1, &whole);
	decode(in, 1 + p[0] % 32u, &parts);
	must(whole.err == parts.err && whole.end == parts.end && span_eq(buf_span(&whole.b), buf_span(&parts.b)));
	must(!whole.end || whole.used == parts.used);
	if (whole.end) {   /* written again it reads the same */
		struct buf b;
		struct decoded again;
		buf_init(&b, 1 << 16);
		http1_put_chunk(&b, buf_span(&whole.b));
		http1_put_last_chunk(&b);
		decode(buf_span(&b), b.n, &again);
		must(again.end && span_eq(buf_span(&again.b), buf_span(&whole.b)));
		buf_fini(&again.b);
		buf_fini(&b);
	}
	buf_fini(&whole.b);
	buf_fini(&parts.b);
	return 0;
}
