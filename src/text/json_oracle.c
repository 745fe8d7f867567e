#include "text/json_oracle.h"

#include <jansson.h>

char *
oracle_read(const void *p, size_t n, const char **ret_why)
{
	static json_error_t e;
	json_t *v = json_loadb(p, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	*ret_why = e.text;
	char *out = v ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17)) : NULL;
	json_decref(v);
	return out;
}
