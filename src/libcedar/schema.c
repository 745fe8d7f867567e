/* Schemas of the public library. */
#include "libcedar/api.h"

#include "cedar/schema.h"

#define MAX_OUTPUT ((size_t)64 << 20)

enum cedar_code
cedar_schema_from_text(struct cedar_text text, struct cedar_schema **ret, struct cedar_error *e)
{
	struct cedar_diag d = { 0 };
	return api_result(cedar_schema_parse(text_span(text), &d, ret), &d, e);
}

enum cedar_code
cedar_schema_from_json(struct cedar_text json, struct cedar_schema **ret, struct cedar_error *e)
{
	struct cedar_diag d = { 0 };
	return api_result(cedar_schema_parse_json(text_span(json), &d, ret), &d, e);
}

struct cedar_schema *
cedar_schema_retain(struct cedar_schema *s)
{
	return cedar_schema_ref(s);
}

void
cedar_schema_release(struct cedar_schema *s)
{
	cedar_schema_unref(s);
}

enum cedar_code
cedar_schema_write_json(const struct cedar_schema *s, char **ret, struct cedar_error *e)
{
	struct buf b;
	buf_init(&b, MAX_OUTPUT);
	cedar_schema_to_json(s, &b);
	return api_text(OK, NULL, &b, ret, e);
}

enum cedar_code
cedar_schema_write_text(const struct cedar_schema *s, char **ret, struct cedar_error *e)
{
	struct buf b;
	buf_init(&b, MAX_OUTPUT);
	return api_text(cedar_schema_to_cedar(s, &b), NULL, &b, ret, e);
}
