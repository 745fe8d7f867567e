/* jail: a stdio tool server in its own namespaces, killed whole.
 *
 * The tools role parses hostile replies and may not fork, exec or mount; a small process beside it, the jailer, does that
 * and nothing else. The jailer is forked by the role skeleton before the role is sandboxed; it dies with the role, and all
 * jails die with it.
 *
 *   tools role ── spec ──▶ jailer ── clone(user, pid, mount, ipc, uts[, net]) ──▶ init of the jail ── fork, exec ──▶ server
 *              ◀─ pidfd, pipes ─┘                                                   reaps; its death kills everything inside
 *
 * Inside: a fresh root holding only the system's programs and libraries (read-only), the paths granted, a private /tmp,
 * /proc of the jail and a minimal /dev; no capability outside its own user namespace and none within; no_new_privs; Landlock
 * over the same paths; rlimits; a seccomp deny-list; its own session. No network device but a loopback of its own unless
 * granted. Where the kernel forbids the namespaces, the start is refused with E_SANDBOX, never faked. */
#ifndef AMBIT_IPC_JAIL_H
#define AMBIT_IPC_JAIL_H

#include "net/loop.h"

#include <sys/types.h>

enum {
	JAIL_ARGS_MAX = 256,       /* argv, env, read, write: of each */
	JAIL_SPEC_MAX = 60 * 1024, /* all their bytes together */
};

struct jail_spec {
	const span *argv;          /* argv[0]: absolute, or looked for in /usr/local/bin:/usr/bin:/bin */
	const span *env;           /* "NAME=value"; nothing else is in the environment */
	const span *read;          /* absolute paths, readable (and executable) as they are outside */
	const span *write;         /* absolute paths, also writable; existing files or folders */
	size_t argc, envc, reads, writes;
	span cwd;                  /* empty: /tmp of the jail */
	bool network;              /* share the host's network */
	uint32_t memory_mb;        /* RLIMIT_DATA; 0: 512 */
	uint32_t processes;        /* RLIMIT_NPROC; 0: 64; the kernel counts none of user 0 */
	uint32_t files;            /* RLIMIT_NOFILE; 0: 256 */
	uint32_t cpu_seconds;      /* RLIMIT_CPU; 0: no limit */
};

/* What the jailer started. All descriptors are non-blocking and close-on-exec and belong to the receiver. */
struct jail_child {
	int in;       /* the server's standard input */
	int out;      /* its standard output */
	int err;      /* its standard error */
	int pidfd;    /* of the jail's init: readable once everything inside is gone */
	pid_t pid;    /* the same, for reports */
};

struct jailer;

/* E_OK and the child, or why there is none: E_SANDBOX (namespaces are forbidden here), E_NOT_FOUND (argv[0], cwd or a path
 * does not exist), E_LIMIT, E_IO, E_UNAVAILABLE (the jailer died). `why` is one line for a person. */
typedef void jail_started_fn(void *ctx, status s, const struct jail_child *child, span why);

/* Takes own_fd, the role's end of the jailer (role/role.h: worker.jailer_fd). E_NO_MEMORY, E_IO. `gone` is called once if
 * the jailer dies; open starts have failed before. */
status jailer_new(struct loop *l, int own_fd, void (*gone)(void *ctx), void *ctx, struct jailer **ret);
/* Ends the jailer and with it every jail. Open starts get no callback. */
void jailer_close(struct jailer *j);

/* Asks for a start; `fn` is called exactly once, never from within, unless jailer_close() comes first. E_LIMIT: the spec is
 * larger than JAIL_SPEC_MAX; E_BAD_REQUEST: no argv, a relative path, a NUL inside; then `fn` is not called. */
status jail_start(struct jailer *j, const struct jail_spec *spec, jail_started_fn *fn, void *ctx);

/* SIGKILL to the jail's init and so to everything inside. It is gone when the pidfd is readable; false: the signal could not be
 * sent to a jail that still lives. */
bool jail_kill(int pidfd);

/* The jailer's own side: forks it, to run as host_uid and host_gid. For the role skeleton, before any other descriptor is open. `uid`,
 * `gid`: whom servers run as; (uid_t)-1: as the caller. E_IO, E_NO_MEMORY. */
status jailer_fork(uid_t host_uid, gid_t host_gid, uid_t uid, gid_t gid, int *ret_fd);

#endif
