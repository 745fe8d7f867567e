#include "identity/definition.h"

static const char *const members[] = {
	"name", "title", "description", "inputSchema", "outputSchema", "annotations", "icons", "execution", "_meta",
};

status
definition_digest(const struct json *tool, digest *ret)
{
	span name;
	TRY(json_get_str(tool, "name", &name, NULL));
	ENSURE(name.n > 0 && name.n <= 128, E_BAD_REQUEST);
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, DEFINITION_MAX);
	for (size_t k = 0; k < ARRAY_LEN(members); k++) {
		const struct json *v = json_gets(tool, members[k]);
		size_t at = b.n;
		buf_put_u32(&b, UINT32_MAX);
		if (!v)
			continue;
		TRY(json_canonical(v, &b));
		TRY(buf_finish(&b));
		size_t n = b.n - at - 4;
		for (size_t i = 0; i < 4; i++)
			b.p[at + i] = (uint8_t)(n >> (24 - 8 * i));
	}
	TRY(buf_finish(&b));
	*ret = sha256(buf_span(&b));
	return OK;
}

status
definition_put(const struct json *tool, struct buf *b)
{
	struct json_member kept[ARRAY_LEN(members)];
	size_t n = 0;
	digest d;
	TRY(definition_digest(tool, &d));
	for (size_t k = 0; k < ARRAY_LEN(members); k++) {
		const struct json *v = json_gets(tool, members[k]);
		if (v)
			kept[n++] = (struct json_member){ span_str(members[k]), *v };
	}
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a, 4096);
	struct json whole;
	TRY(json_make_obj(&a, kept, n, &whole, NULL));
	return json_canonical(&whole, b);
}
