/* The jail's three sides: jail.c asks, jailer.c forks, jail_inside.c is what runs within. */
#ifndef AMBIT_IPC_JAIL_PRIV_H
#define AMBIT_IPC_JAIL_PRIV_H

#include "base/buf.h"
#include "ipc/jail.h"

enum {
	JAIL_REQUEST_MAX = JAIL_SPEC_MAX + 4096,
	JAIL_REPLY_MAX = 1024,
	JAIL_FDS = 4,              /* of a reply: in, out, err, pidfd */
	JAIL_WHY_MAX = 400,
};

/* u64 id, then the spec. */
void jail_encode(uint64_t id, const struct jail_spec *s, struct buf *out);
/* A decoded spec; `strings` holds NUL-terminated copies. */
struct jail_plan {
	uint64_t id;
	char *argv[JAIL_ARGS_MAX + 1], *env[JAIL_ARGS_MAX + 1];
	char *read[JAIL_ARGS_MAX], *write[JAIL_ARGS_MAX];
	size_t argc, envc, reads, writes;
	const char *cwd;
	bool network;
	uint32_t memory_mb, processes, files, cpu_seconds;
	char *strings;
	size_t strings_n;
};
/* E_BAD_MESSAGE, E_NO_MEMORY. */
status jail_decode(span request, struct jail_plan *ret);
void jail_plan_fini(struct jail_plan *p);

/* What went wrong inside, written to the jailer before the server runs. */
struct jail_report {
	uint16_t error;
	char why[JAIL_WHY_MAX];
};

/* The first process of the jail: waits on `go` until its identity is set up, prepares everything, forks the server and reaps. Failures
 * go to `report`, which closes by itself when the server runs. */
_Noreturn void jail_inside(const struct jail_plan *p, uid_t uid, gid_t gid, const int std[static 3], int go, int report);

/* jail_root.c: the file system the server sees. On failure `why` says where. */
status jail_build_root(const struct jail_plan *p, char why[static JAIL_WHY_MAX]);
/* jail_limits.c: capabilities, Landlock, seccomp, rlimits, in this order, for the calling process. */
status jail_confine(const struct jail_plan *p, char why[static JAIL_WHY_MAX]);

#endif
