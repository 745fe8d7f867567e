/* proc: what the kernel says about a process, by /proc. */
#ifndef AMBIT_ROLE_PROC_H
#define AMBIT_ROLE_PROC_H

#include "base/buf.h"
#include "base/env.h"

struct proc_stat {
	uint32_t pid, parent;
	uint64_t start;      /* clock ticks since boot */
};

/* E_NOT_FOUND: no such process. E_IO. */
status proc_stat(struct env *env, uint32_t pid, struct proc_stat *ret);
/* Effective ids. */
status proc_ids(struct env *env, uint32_t pid, uint32_t *ret_uid, uint32_t *ret_gid);
/* Appends the path of the process's cgroup (v2; nothing where there is none). */
status proc_cgroup(struct env *env, uint32_t pid, struct buf *out);
/* The process that a pidfd names; E_NOT_FOUND when it is gone, E_BAD_MESSAGE when it is no pidfd. */
status proc_of_pidfd(struct env *env, int pidfd, uint32_t *ret_pid);
/* Does the process still live? */
bool proc_alive(int pidfd);
/* Parses the text of /proc/PID/stat. The name may hold anything, ") 1 2" too: what counts follows the last ')'. */
bool proc_parse_stat(span text, struct proc_stat *ret);

#endif
