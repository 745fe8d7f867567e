/* A tool's input schema, a line feed, arguments: what the schema of the catalogue types, arguments that fit become. */
#include "cedar/conform.h"
#include "cedar/toolschema.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
call(const struct cedar_toolschema *ts, const struct json *args, struct arena *a)
{
	const struct cedar_record *r;
	struct cedar_diag d = { 0 };
	const struct cedar_action *act = cedar_schema_action(cedar_toolschema_schema(ts), SPAN("Action"), SPAN("s/t"));
	if (failed(cedar_toolschema_input(ts, SPAN("s"), SPAN("t"), args, a, &r, &d)))
		return;
	/* INVARIANT: the record is of the type that policies were validated against */
	const struct cedar_attr *input = cedar_attr_find(act->context->attrs, act->context->n, SPAN("input"));
	if (failed(cedar_value_conforms(cedar_toolschema_schema(ts), input->type, cedar_record_value(r), SPAN("input"), &d)))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	span all = span_make(p, n);
	size_t cut = span_find(all, '\n');
	struct arena a;
	const struct json *input, *args;
	arena_init(&a, (size_t)64 << 20);
	if (!failed(json_parse(span_sub(all, 0, cut), NULL, &a, &input, NULL))) {
		struct cedar_toolschema *ts = NULL;
		struct cedar_tool tool = { SPAN("s"), SPAN("t"), SPAN("read"), input, n % 2, NULL, 0 };
		status st = cedar_toolschema_new(&tool, 1, NULL, 0, NULL, 0, NULL, &ts);
		/* whatever the schema says, it has an outcome: deep or large ones are typed in part */
		if (failed(st) && st.code != E_LIMIT && st.code != E_NO_MEMORY)
			abort();
		if (!failed(st) && cut < n && !failed(json_parse(span_sub(all, cut + 1, n), NULL, &a, &args, NULL)))
			call(ts, args, &a);
		cedar_toolschema_unref(ts);
	}
	arena_fini(&a);
	return 0;
}
