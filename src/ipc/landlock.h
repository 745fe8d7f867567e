/* landlock: which paths, ports and peers this process and its children may still reach. By raw system calls, because the
 * distribution's headers are older than its kernels; what the running kernel knows is asked at run time. */
#ifndef AMBIT_IPC_LANDLOCK_H
#define AMBIT_IPC_LANDLOCK_H

#include "base/span.h"

enum landlock_access {
	LANDLOCK_READ = 1,      /* read files, list folders */
	LANDLOCK_EXEC = 2,
	LANDLOCK_WRITE = 4,     /* write, create and remove files and folders */
};

struct landlock_path {
	const char *path;       /* file or folder (and all below it) */
	unsigned access;        /* bits of enum landlock_access */
};

struct landlock_rules {
	const struct landlock_path *paths;
	size_t n;
	bool tcp;               /* may bind and connect TCP sockets (kernel ABI 4) */
	bool outside;           /* may signal processes and reach abstract sockets outside the domain (ABI 6) */
};

/* The kernel's ABI version; 0: no Landlock. */
int landlock_abi(void);
/* Restricts the calling thread for good; needs no_new_privs. A path that does not exist is skipped: it grants nothing. Without
 * Landlock in the kernel: E_SANDBOX. E_IO when the kernel refuses otherwise. */
status landlock_enter(const struct landlock_rules *r);

#endif
