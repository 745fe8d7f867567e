/* dirs: the directories of a server: made, owned and closed as they must be, or refused. */
#ifndef AMBIT_ROLE_DIRS_H
#define AMBIT_ROLE_DIRS_H

#include "base/env.h"
#include "role/config.h"

#include <sys/types.h>

/* DATA, DATA/empty, RUN, RUN/agent and RUN/people. E_BAD_CONFIG with the reason when one of them, or a folder above, could be
 * written by others. */
status dirs_make(const struct config *c, struct config_error *reterr);
/* DATA/<name>, 0700, it and the files in it owned by uid (-1: the caller); appends its path. */
status dirs_make_own(const struct config *c, const char *name, uid_t uid, gid_t gid, struct buf *path, struct config_error *reterr);

#endif
