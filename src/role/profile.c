#include "role/profile.h"

#include <linux/capability.h>
#include <stddef.h>

/* Everybody loops and talks to other roles. */
enum { COMMON = CALLS_BASE | CALLS_LOOP | CALLS_CHANNEL };

/* For names and for the certificates of tool servers. */
static const char *const resolver_paths[] = {
	"/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services", "/etc/ssl",
	"/usr/lib/ssl", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates", "/run/systemd/resolve", NULL,
};

static const struct row {
	unsigned calls;
	uint64_t keep;
	bool own_dir;        /* may write its directory */
	const char *const *read;
	bool tcp;
	bool no_landlock;
} rows[ROLE_COUNT] = {
	[ROLE_AGENTS] = { .calls = COMMON | CALLS_SERVE },
	[ROLE_LOCAL] = { .calls = COMMON | CALLS_SERVE },
	[ROLE_PEOPLE] = { .calls = COMMON | CALLS_SERVE },
	/* Reading /proc/PID/exe of another user's process is the ptrace permission, which Landlock takes away altogether. */
	[ROLE_ATTEST] = { .calls = COMMON | CALLS_PROC, .keep = UINT64_C(1) << CAP_SYS_PTRACE, .no_landlock = true },
	[ROLE_CORE] = { .calls = COMMON },
	[ROLE_STORE] = { .calls = COMMON | CALLS_FILES, .own_dir = true },
	[ROLE_SIGNER] = { .calls = COMMON },
	/* Its workers are made by its keeper, and have a profile of their own. */
	[ROLE_ENGINE] = { .calls = COMMON | CALLS_SPAWN },
	[ROLE_TOOLS] = { .calls = COMMON | CALLS_CONNECT | CALLS_RESOLVE, .read = resolver_paths, .tcp = true },
};

uint64_t
profile_capabilities(enum role id)
{
	return rows[id].keep;
}

void
profile_worker(const char *reads, const char *writes, struct profile *ret)
{
	size_t n = 0;

	*ret = (struct profile){ .sandbox = { .calls = CALLS_BASE | CALLS_CHANNEL | CALLS_CONNECT | CALLS_RESOLVE | CALLS_WORKER } };
	for (const char *const *p = resolver_paths; *p; p++)
		ret->paths[n++] = (struct landlock_path){ *p, LANDLOCK_READ };
	if (reads)
		ret->paths[n++] = (struct landlock_path){ reads, LANDLOCK_READ };
	if (writes) {
		ret->sandbox.calls |= CALLS_FILES;
		ret->paths[n++] = (struct landlock_path){ writes, LANDLOCK_READ | LANDLOCK_WRITE };
	}
	ret->sandbox.files = (struct landlock_rules){ .paths = ret->paths, .n = n, .tcp = true };
}

void
profile_make(enum role id, const char *dir, struct profile *ret)
{
	const struct row *r = &rows[id];
	size_t n = 0;

	*ret = (struct profile){ .sandbox = { .calls = r->calls, .keep = r->keep, .no_landlock = r->no_landlock } };
	if (r->own_dir && dir)
		ret->paths[n++] = (struct landlock_path){ dir, LANDLOCK_READ | LANDLOCK_WRITE };
	for (const char *const *p = r->read; p && *p; p++)
		ret->paths[n++] = (struct landlock_path){ *p, LANDLOCK_READ };
	ret->sandbox.files = (struct landlock_rules){
		.paths = ret->paths, .n = n, .tcp = r->tcp,
		.outside = id == ROLE_TOOLS,   /* it signals jails */
	};
}
