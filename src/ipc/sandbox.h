/* sandbox: what a role may still do once it has its configuration.
 *
 * no_new_privs, not dumpable (no core, no ptrace by its own uid, /proc/PID closed), no capability but those kept, no new
 * descriptors beyond its limit, Landlock, and at last a seccomp list: whatever is not on it kills the process. */
#ifndef AMBIT_IPC_SANDBOX_H
#define AMBIT_IPC_SANDBOX_H

#include "ipc/landlock.h"

/* Groups of ipc/syscalls.def, composed per role. */
enum sandbox_calls {
	CALLS_BASE = 1 << 0,
	CALLS_LOOP = 1 << 1,
	CALLS_CHANNEL = 1 << 2,
	CALLS_SERVE = 1 << 3,      /* accepts on listeners it was handed */
	CALLS_CONNECT = 1 << 4,    /* opens TCP and local stream sockets */
	CALLS_FILES = 1 << 5,      /* opens files (where: Landlock) */
	CALLS_PROC = 1 << 6,       /* reads /proc; opens files for reading only */
	CALLS_RESOLVE = 1 << 7,    /* resolves names, reads the system's trust store */
	CALLS_SPAWN = 1 << 9,      /* makes socket pairs for the workers of its keeper */
	CALLS_WORKER = 1 << 10,    /* blocks, with an alarm */
	CALLS_SANITIZER = 1 << 8,  /* added by the build itself */
};

struct sandbox_profile {
	unsigned calls;            /* bits of enum sandbox_calls */
	uint64_t keep;             /* capabilities that stay, bit per CAP_*; only what the process still has */
	struct landlock_rules files;
	bool no_landlock;          /* a Landlock domain may not look at processes outside itself, not even in /proc */
};

struct sandbox_report {
	int landlock_abi;          /* 0: the kernel has none, or the profile wants none: paths are not restricted */
	bool sanitizer;            /* a sanitizer build: CALLS_SANITIZER was added */
	size_t calls;              /* on the list */
};

/* Enters for good. E_SANDBOX when seccomp is not there; E_IO, E_NO_MEMORY. The process must end on failure. */
status sandbox_enter(const struct sandbox_profile *p, struct sandbox_report *ret);

#endif
