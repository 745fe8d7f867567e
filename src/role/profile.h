/* profile: what each role may do once it is configured. One row each. */
#ifndef AMBIT_ROLE_PROFILE_H
#define AMBIT_ROLE_PROFILE_H

#include "ipc/sandbox.h"
#include "msg/msg.h"

enum { PROFILE_PATHS = 16 };

struct profile {
	struct landlock_path paths[PROFILE_PATHS];
	struct sandbox_profile sandbox;   /* points into paths: do not copy */
};

/* The role's sandbox; `dir`: the directory it may write, or NULL. */
void profile_make(enum role id, const char *dir, struct profile *ret);
/* That of a worker of the engine role, which speaks to one upstream. `reads`: a file, `writes`: a folder; may be NULL. */
void profile_worker(const char *reads, const char *writes, struct profile *ret);
/* Capabilities it keeps where it is started as root, bit per CAP_*. */
uint64_t profile_capabilities(enum role id);

#endif
