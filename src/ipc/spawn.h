/* spawn: a role is this same program run again, with three descriptors and nothing else.
 *
 * In the child: /dev/null as 0 and 1, the parent's 2, the channel as 3, everything else closed at exec; an empty environment;
 * its own session; no core files; SIGKILL when the parent dies; all signals at their defaults. */
#ifndef AMBIT_IPC_SPAWN_H
#define AMBIT_IPC_SPAWN_H

#include "base/span.h"

#include <sys/types.h>

enum { SPAWN_ARGS_MAX = 16, SPAWN_CHANNEL_FD = 3 };

/* A descriptor of the running program, for spawn_self: still this program after its file was replaced. E_IO. */
status spawn_open_self(int *ret_fd);

struct spawn_options {
	int exe_fd;                     /* spawn_open_self() */
	int channel_fd;                 /* becomes 3; stays the caller's */
	const char *const *argv;        /* NULL-terminated, at most SPAWN_ARGS_MAX */
	unsigned nofile;                /* RLIMIT_NOFILE; 0: as the parent's */
};

/* E_IO, E_NO_MEMORY: no process. A child that can not exec ends with 127. */
status spawn_self(const struct spawn_options *o, pid_t *ret_pid, int *ret_pidfd);

/* Becomes uid and gid for good, without supplementary groups, with `root` as the root directory if not NULL, keeping of all
 * capabilities only the bits of `keep` (CAP_*), also after exec never more. No-op for ids (uid_t)-1. E_IO when any of it fails:
 * then the process must end. */
status spawn_become(uid_t uid, gid_t gid, const char *root, uint64_t keep);

#endif
