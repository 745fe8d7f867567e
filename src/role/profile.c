#include "role/profile.h"

#include <linux/capability.h>

/* Everybody loops and talks to other roles. */
enum { COMMON = CALLS_BASE | CALLS_LOOP | CALLS_CHANNEL };

static const struct row {
	unsigned calls;
	uint64_t keep;
	bool own_dir;        /* may write its directory */
	const char *read;    /* and read this one */
	bool tcp;
} rows[ROLE_COUNT] = {
	[ROLE_AGENTS] = { .calls = COMMON | CALLS_SERVE },
	[ROLE_LOCAL] = { .calls = COMMON | CALLS_SERVE },
	[ROLE_PEOPLE] = { .calls = COMMON | CALLS_SERVE },
	/* Reading /proc/PID/exe of another user's process is the ptrace permission. */
	[ROLE_ATTEST] = { .calls = COMMON | CALLS_PROC, .keep = UINT64_C(1) << CAP_SYS_PTRACE, .read = "/" },
	[ROLE_CORE] = { .calls = COMMON },
	[ROLE_STORE] = { .calls = COMMON | CALLS_FILES, .own_dir = true },
	[ROLE_SIGNER] = { .calls = COMMON },
	[ROLE_TOOLS] = { .calls = COMMON | CALLS_CONNECT, .tcp = true },
};

uint64_t
profile_capabilities(enum role id)
{
	return rows[id].keep;
}

void
profile_make(enum role id, const char *dir, struct profile *ret)
{
	const struct row *r = &rows[id];
	size_t n = 0;

	*ret = (struct profile){ .sandbox = { .calls = r->calls, .keep = r->keep } };
	if (r->own_dir && dir)
		ret->paths[n++] = (struct landlock_path){ dir, LANDLOCK_READ | LANDLOCK_WRITE };
	/* attest hashes the executables of any process, wherever they lie. */
	if (r->read)
		ret->paths[n++] = (struct landlock_path){ r->read, LANDLOCK_READ };
	ret->sandbox.files = (struct landlock_rules){
		.paths = ret->paths, .n = n, .tcp = r->tcp,
		/* The tools role signals jails, attest asks whether a process lives. */
		.outside = id == ROLE_TOOLS || id == ROLE_ATTEST,
	};
}
