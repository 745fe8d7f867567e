/* The formatter: what parses can be formatted, and a second time changes nothing. */
#include "cedar/format.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf once, twice;
	struct cedar_diag d = { 0 };
	buf_init(&once, (size_t)32 << 20);
	buf_init(&twice, (size_t)32 << 20);
	status st = cedar_format(span_make(p, n), &once, &d);
	if (st.code == E_INTERNAL)
		abort();
	if (!failed(st) && once.n < (1 << 20)) {
		st = cedar_format(buf_span(&once), &twice, &d);
		if (failed(st) ? st.code != E_LIMIT && st.code != E_NO_MEMORY : !span_eq(buf_span(&once), buf_span(&twice)))
			abort();
	}
	buf_fini(&once);
	buf_fini(&twice);
	return 0;
}
