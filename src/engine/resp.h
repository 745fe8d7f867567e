/* resp: the reply side of RESP2, the protocol of Redis, read strictly; and commands. Sans-IO. */
#ifndef AMBIT_ENGINE_RESP_H
#define AMBIT_ENGINE_RESP_H

#include "base/arena.h"
#include "base/buf.h"

enum resp_kind { RESP_STATUS, RESP_ERROR, RESP_INT, RESP_BULK, RESP_ARRAY, RESP_NIL };

enum { RESP_DEPTH = 8, RESP_ITEMS = 1 << 16, RESP_BYTES = 16 << 20 };

struct resp {
	uint8_t kind;                   /* enum resp_kind */
	int64_t i;                      /* RESP_INT */
	span s;                         /* RESP_STATUS, RESP_ERROR, RESP_BULK: borrowed from the input */
	const struct resp *items;       /* RESP_ARRAY */
	size_t n;
};

/* One reply at the start of `in`. *ret_used is its length, or 0 when `in` ends before it does (then *ret is untouched, and *ret_need the
 * total that there must be at least). E_BAD_MESSAGE: not RESP2; E_LIMIT: deeper, longer or with more items than the limits above; E_NO_MEMORY. */
status resp_parse(span in, struct arena *a, struct resp *ret, size_t *ret_used, size_t *ret_need);
/* Appends a command of n arguments. */
void resp_command(struct buf *out, size_t n, const span *args);

#endif
