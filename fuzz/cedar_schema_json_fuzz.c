/* The JSON syntax of schemas: what parses is written and read again as the same. */
#include "cedar/schema.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct cedar_schema *s = NULL, *again = NULL;
	struct cedar_diag d = { 0 };
	struct buf b, twice;
	status st = cedar_schema_parse_json(span_make(p, n), &d, &s);
	if (failed(st)) {
		if (st.code == E_BAD_SCHEMA && d.what[0] == '\0')
			abort();
		return 0;
	}
	buf_init(&b, (size_t)64 << 20);
	buf_init(&twice, (size_t)64 << 20);
	cedar_schema_to_json(s, &b);
	if (b.err == 0 && b.n < CEDAR_SCHEMA_MAX) {
		st = cedar_schema_parse_json(buf_span(&b), &d, &again);
		if (failed(st) && st.code != E_LIMIT && st.code != E_NO_MEMORY)
			abort();
		if (!failed(st)) {
			cedar_schema_to_json(again, &twice);
			if (!span_eq(buf_span(&b), buf_span(&twice)))
				abort();
		}
	}
	cedar_schema_unref(again);
	buf_fini(&b);
	buf_fini(&twice);
	cedar_schema_unref(s);
	return 0;
}
