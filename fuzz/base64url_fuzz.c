/* What decodes is encoded to the same text: one text per value. */
#include "text/base64url.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf b, back;
	buf_init(&b, 1 << 20);
	buf_init(&back, 1 << 20);
	if (!failed(base64url_decode(span_make(p, n), &b))) {
		base64url_encode(buf_span(&b), &back);
		must(span_eq(buf_span(&back), span_make(p, n)));
	} else {
		must(b.n == 0);
	}
	buf_reset(&b);
	buf_reset(&back);
	if (!failed(base64_decode(span_make(p, n), &b))) {
		base64_encode(buf_span(&b), &back);
		must(span_eq(buf_span(&back), span_make(p, n)));
	}
	buf_fini(&b);
	buf_fini(&back);
	return 0;
}
