#include "ipc/sandbox.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZER true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZER true
#endif
#endif
#ifndef SANITIZER
#define SANITIZER false
#endif

static const struct call {
	unsigned group;
	int number;
} calls[] = {
#define CALL(group, name) { CALLS_##group, SCMP_SYS(name) },
#include "ipc/syscalls.def"
#undef CALL
};

/* Memory may never be executable: what is mapped after this is data. */
static bool
add_memory(scmp_filter_ctx f)
{
	const struct scmp_arg_cmp no_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);

	return seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_exec) == 0 &&
	       seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_exec) == 0;
}

static bool
add_socket(scmp_filter_ctx f, int family, int type)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, SCMP_A0(SCMP_CMP_EQ, (unsigned)family),
	                        SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, (unsigned)type)) == 0;
}

static bool
add_sockets(scmp_filter_ctx f, unsigned groups)
{
	if ((groups & CALLS_CONNECT) &&
	    !(add_socket(f, AF_UNIX, SOCK_STREAM) && add_socket(f, AF_INET, SOCK_STREAM) && add_socket(f, AF_INET6, SOCK_STREAM)))
		return false;
	return !(groups & CALLS_RESOLVE) || (add_socket(f, AF_INET, SOCK_DGRAM) && add_socket(f, AF_INET6, SOCK_DGRAM) &&
	                                     add_socket(f, AF_NETLINK, SOCK_RAW));
}

/* Reading anywhere, writing and creating nowhere. */
static bool
add_read_only_open(scmp_filter_ctx f)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
	                        SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY), O_RDONLY)) == 0;
}

static bool
compose(scmp_filter_ctx f, unsigned groups, size_t *ret_count)
{
	size_t n = 2;

	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		if (!(calls[i].group & groups))
			continue;
		if (seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i].number, 0) != 0)
			return false;
		n++;
	}
	*ret_count = n;
	return add_memory(f) && add_sockets(f, groups) &&
	       (!(groups & (CALLS_PROC | CALLS_RESOLVE | CALLS_SANITIZER)) || add_read_only_open(f));
}

static status
enter_seccomp(unsigned groups, size_t *ret_count)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);

	ENSURE(f, E_NO_MEMORY);
	/* A foreign architecture's call numbers would mean other calls; libseccomp kills those by default, but as a thread. */
	bool ok = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0 &&
	          seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0 && compose(f, groups, ret_count);
	status s = !ok ? FAIL(E_NO_MEMORY) : seccomp_load(f) != 0 ? FAIL(E_SANDBOX) : OK;
	seccomp_release(f);
	return s;
}

/* Leaves of what the process has only `keep`. */
static bool
drop_capabilities(uint64_t keep)
{
	if (capng_get_caps_process() != 0)
		return false;
	for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (!(keep >> cap & 1) && capng_update(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE, cap) != 0)
			return false;
	return capng_apply(CAPNG_SELECT_CAPS) == 0;
}

status
sandbox_enter(const struct sandbox_profile *p, struct sandbox_report *ret)
{
	const struct rlimit none = { 0, 0 };

	*ret = (struct sandbox_report){ .landlock_abi = p->no_landlock ? 0 : landlock_abi(), .sanitizer = SANITIZER };
	ENSURE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0, E_IO);
	ENSURE(setrlimit(RLIMIT_CORE, &none) == 0, E_IO);
	ENSURE(drop_capabilities(p->keep), E_IO);
	if (ret->landlock_abi > 0)
		TRY(landlock_enter(&p->files));
	/* Last: after this nothing above could be asked for any more. */
	return enter_seccomp(p->calls | (SANITIZER ? CALLS_SANITIZER : 0), &ret->calls);
}
