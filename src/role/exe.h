/* exe: which program a process runs: its path and the SHA-256 of the file itself, cached while the file stays the same. */
#ifndef AMBIT_ROLE_EXE_H
#define AMBIT_ROLE_EXE_H

#include "base/env.h"
#include "crypto/hash.h"

#include <sys/types.h>

enum { EXE_PATH_MAX = 4096, EXE_CACHE = 256 };

struct exe_cache;

status exe_cache_new(struct env *env, struct exe_cache **ret);

struct exe {
	char path[EXE_PATH_MAX];  /* "" where the name can not be trusted: another mount namespace, and not the file of that name here */
	digest sha256;            /* zero where the file can not be read */
};

/* E_NOT_FOUND: no such process (or a kernel thread). E_IO. The file is read through the process, never by its name, so that a
 * file put in its place later is not what is hashed. */
status exe_of(struct exe_cache *c, uint32_t pid, struct exe *ret);

#endif
