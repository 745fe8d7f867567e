/* revoked: the revocation lists of certificate engines, as files.
 *
 * PATH.list holds one "serial time" a line, in decimal, and is what counts; the list that others read, PATH, is made from it anew each time. A line
 * older than the longest life of a certificate is of one that has expired, and is left out. Both are replaced whole. */
#ifndef AMBIT_ENGINE_REVOKED_H
#define AMBIT_ENGINE_REVOKED_H

#include "engine/engine_priv.h"

struct revoked {
	uint64_t *serials;
	int64_t *times;
	size_t n, room;
	bool had;               /* the serial asked for was on it */
};

/* Reads the list (none is empty) and adds `serial` unless it is 0 or there. *v must be zeroed; revoked_fini also after a failure.
 * E_UPSTREAM: a line is not one, so nothing may be forgotten; E_UNAVAILABLE, E_NO_MEMORY. */
status revoked_read(struct engine *e, span path, int64_t max_age, uint64_t serial, struct revoked *v);
/* Writes PATH.list and then `text` as PATH, and reads that back. */
status revoked_write(struct engine *e, span path, const struct revoked *v, span text);
void revoked_fini(struct revoked *v);

#endif
