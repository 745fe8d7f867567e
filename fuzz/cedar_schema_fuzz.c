/* The Cedar syntax of schemas: what parses can be written in both syntaxes and read again, and stays what it was. */
#include "cedar/schema.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(bool x)
{
	if (!x)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct cedar_schema *s = NULL, *again = NULL;
	struct cedar_diag d = { 0 };
	struct buf b;
	status st = cedar_schema_parse(span_make(p, n), &d, &s);
	if (failed(st)) {
		check(st.code != E_BAD_SCHEMA || d.what[0] != '\0');
		return 0;
	}
	size_t types, actions, count;
	cedar_schema_entity_types(s, &types);
	cedar_schema_actions(s, &actions);
	buf_init(&b, (size_t)64 << 20);
	cedar_schema_to_json(s, &b);
	if (b.err == 0 && b.n < CEDAR_SCHEMA_MAX) {
		st = cedar_schema_parse_json(buf_span(&b), &d, &again);
		check(!failed(st) || st.code == E_LIMIT || st.code == E_NO_MEMORY);
		if (!failed(st)) {
			cedar_schema_entity_types(again, &count);
			check(count == types);
			cedar_schema_actions(again, &count);
			check(count == actions);
		}
	}
	again = cedar_schema_unref(again);
	buf_reset(&b);
	if (!failed(cedar_schema_to_cedar(s, &b)) && b.n < CEDAR_SCHEMA_MAX) {
		st = cedar_schema_parse(buf_span(&b), &d, &again);
		check(!failed(st) || st.code == E_LIMIT || st.code == E_NO_MEMORY);
	}
	cedar_schema_unref(again);
	buf_fini(&b);
	cedar_schema_unref(s);
	return 0;
}
