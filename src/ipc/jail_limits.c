#include "ipc/jail_priv.h"
#include "ipc/landlock.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { PATHS_MAX = 2 * JAIL_ARGS_MAX + 8 };

/* Calls no tool server needs, each a way out or at the kernel. */
static const int denied[] = {
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(move_mount), SCMP_SYS(open_tree),
	SCMP_SYS(fsopen), SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(mount_setattr), SCMP_SYS(unshare),
	SCMP_SYS(setns), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(process_madvise),
	SCMP_SYS(kcmp), SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(add_key), SCMP_SYS(keyctl), SCMP_SYS(request_key),
	SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load),
	SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(acct), SCMP_SYS(quotactl), SCMP_SYS(open_by_handle_at),
	SCMP_SYS(name_to_handle_at), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(clock_adjtime), SCMP_SYS(adjtimex),
	SCMP_SYS(sethostname), SCMP_SYS(setdomainname), SCMP_SYS(syslog), SCMP_SYS(personality), SCMP_SYS(fanotify_init),
	SCMP_SYS(lookup_dcookie), SCMP_SYS(nfsservctl), SCMP_SYS(uselib), SCMP_SYS(vhangup), SCMP_SYS(iopl), SCMP_SYS(ioperm),
};

/* Address families a server may use. The others reach devices, the host (AF_VSOCK has no namespace) or old kernel code. */
static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };

static status
oops(char *why, uint16_t error, const char *what)
{
	snprintf(why, JAIL_WHY_MAX, "%s: %s", what, strerror(errno));
	return FAIL(error);
}

static bool
limit(int what, rlim_t value)
{
	struct rlimit now, want = { value, value };

	/* Never more than we have ourselves. */
	if (getrlimit((__rlimit_resource_t)what, &now) == 0 && now.rlim_max != RLIM_INFINITY && now.rlim_max < value)
		want.rlim_cur = want.rlim_max = now.rlim_max;
	return setrlimit((__rlimit_resource_t)what, &want) == 0;
}

/* RLIMIT_DATA and not RLIMIT_AS: runtimes reserve address space by the terabyte that they never touch. */
static bool
limits(const struct jail_plan *p)
{
	return limit(RLIMIT_CORE, 0) && limit(RLIMIT_DATA, (rlim_t)p->memory_mb << 20) && limit(RLIMIT_NPROC, p->processes) &&
	       limit(RLIMIT_NOFILE, p->files) && limit(RLIMIT_MEMLOCK, 65536) && limit(RLIMIT_MSGQUEUE, 0) &&
	       (p->cpu_seconds == 0 || limit(RLIMIT_CPU, p->cpu_seconds));
}

static bool
no_capabilities(void)
{
	/* Not even user 0 of the jail gets any back by exec. */
	if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
	                                 SECBIT_KEEP_CAPS_LOCKED) != 0)
		return false;
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap) != 0)
			return false;
	capng_clear(CAPNG_SELECT_CAPS);
	return capng_apply(CAPNG_SELECT_CAPS) == 0;
}

static status
paths(const struct jail_plan *p)
{
	struct landlock_path list[PATHS_MAX];
	size_t n = 0;
	const unsigned read = LANDLOCK_READ | LANDLOCK_EXEC, all = read | LANDLOCK_WRITE;

	/* The root has been built from what is granted; this says the same once more, in another part of the kernel. */
	list[n++] = (struct landlock_path){ "/usr", read };
	list[n++] = (struct landlock_path){ "/etc", LANDLOCK_READ };
	list[n++] = (struct landlock_path){ "/lib", read };
	list[n++] = (struct landlock_path){ "/lib64", read };
	list[n++] = (struct landlock_path){ "/proc", LANDLOCK_READ | LANDLOCK_WRITE };
	list[n++] = (struct landlock_path){ "/dev", LANDLOCK_READ | LANDLOCK_WRITE };
	list[n++] = (struct landlock_path){ "/tmp", all };
	for (size_t i = 0; i < p->reads; i++)
		list[n++] = (struct landlock_path){ p->read[i], read };
	for (size_t i = 0; i < p->writes; i++)
		list[n++] = (struct landlock_path){ p->write[i], all };
	const struct landlock_rules rules = { .paths = list, .n = n, .tcp = true };
	return landlock_enter(&rules);
}

static bool
deny_rules(scmp_filter_ctx f)
{
	const uint32_t no = SCMP_ACT_ERRNO(EPERM);
	const unsigned long spaces = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
	                             CLONE_NEWCGROUP;

	for (size_t i = 0; i < ARRAY_LEN(denied); i++)
		if (seccomp_rule_add(f, no, denied[i], 0) != 0 && denied[i] >= 0)
			return false;
	/* clone3 hides its flags in memory; without it everybody falls back to clone. */
	if (seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) != 0)
		return false;
	for (unsigned long bit = 1; bit <= spaces; bit <<= 1)
		if ((spaces & bit) && seccomp_rule_add(f, no, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit)) != 0)
			return false;
	/* Below, between and above the families that are allowed. */
	for (unsigned i = 0; i < AF_MAX; i++) {
		bool fine = false;
		for (size_t k = 0; k < ARRAY_LEN(families); k++)
			fine |= families[k] == (int)i;
		if (!fine && seccomp_rule_add(f, no, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, i)) != 0)
			return false;
	}
	return seccomp_rule_add(f, no, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GE, AF_MAX)) == 0 &&
	       /* TIOCSTI, TIOCLINUX: typing into somebody's terminal. */
	       seccomp_rule_add(f, no, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, 0x5412)) == 0 &&
	       seccomp_rule_add(f, no, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, 0x541c)) == 0;
}

static bool
filter(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	bool ok = f && seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0 && deny_rules(f) && seccomp_load(f) == 0;

	if (f)
		seccomp_release(f);
	return ok;
}

status
jail_confine(const struct jail_plan *p, char why[static JAIL_WHY_MAX])
{
	if (!no_capabilities())
		return oops(why, E_SANDBOX, "its capabilities could not be taken away");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return oops(why, E_SANDBOX, "no_new_privs could not be set");
	/* A kernel without Landlock leaves the namespace's own root, which already holds nothing else. */
	if (landlock_abi() > 0 && failed(paths(p)))
		return oops(why, E_SANDBOX, "Landlock refused");
	if (!filter())
		return oops(why, E_SANDBOX, "seccomp refused");
	/* Last: what the kernel counts for the server, this program may already exceed. */
	if (!limits(p))
		return oops(why, E_SANDBOX, "its limits could not be set");
	return OK;
}
