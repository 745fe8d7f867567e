#include "identity/definition.h"

static const char *const members[] = {
	"name", "title", "description", "inputSchema", "outputSchema", "annotations", "icons", "_meta", NULL,
};

status
definition_digest(const struct json *tool, digest *ret)
{
	span name;
	TRY(json_get_str(tool, "name", &name, NULL));
	ENSURE(name.n > 0 && name.n <= 128, E_BAD_REQUEST);
	TRY(json_only(tool, members, NULL));
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, DEFINITION_MAX);
	for (const char *const *m = members; *m; m++) {
		const struct json *v = json_gets(tool, *m);
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
