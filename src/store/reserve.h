/* reserve: disk space kept so that revocations still commit when the disk is full.
 *
 * A file of allocated blocks beside the database. Releasing it gives the blocks back to the file system; whoever asks next may
 * get them, so it is released only at the moment a priority batch could not be written. */
#ifndef AMBIT_STORE_RESERVE_H
#define AMBIT_STORE_RESERVE_H

#include "base/env.h"

struct reserve {
	int fd;                  /* -1: none configured */
	uint64_t size;
	bool held;               /* INVARIANT: true only while `size` bytes are allocated */
};

/* Opens (creating) the file and tries to allocate. A full disk is no error: held is false then. size 0: no file, held is true.
 * E_IO. */
status reserve_open(struct reserve *r, struct env *env, const char *path, uint64_t size);
void reserve_close(struct reserve *r);
/* True when the space is held afterwards. Cheap when it already is. */
bool reserve_take(struct reserve *r);
void reserve_release(struct reserve *r);

#endif
