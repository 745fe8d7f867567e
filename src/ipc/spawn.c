#include "ipc/spawn.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sched.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EXIT_NO_EXEC = 127 };

status
spawn_open_self(int *ret_fd)
{
	int low = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	/* Out of the way of the descriptors a role starts with. */
	int fd = low >= 0 ? fcntl(low, F_DUPFD_CLOEXEC, SPAWN_CHANNEL_FD + 1) : -1;

	if (low >= 0)
		close(low);
	ENSURE(fd >= 0, E_IO);
	*ret_fd = fd;
	return OK;
}

static bool
default_signals(void)
{
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);   /* fails for KILL, STOP and the two of libc: as it should */
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

static bool
descriptors(int channel_fd)
{
	int null = open("/dev/null", O_RDWR);

	/* dup2 onto itself would keep close-on-exec. */
	if (channel_fd == SPAWN_CHANNEL_FD && (channel_fd = fcntl(channel_fd, F_DUPFD_CLOEXEC, SPAWN_CHANNEL_FD + 1)) < 0)
		return false;
	return null >= 0 && dup2(null, 0) >= 0 && dup2(null, 1) >= 0 && dup2(channel_fd, SPAWN_CHANNEL_FD) >= 0 &&
	       close_range(SPAWN_CHANNEL_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

static bool
limits(unsigned nofile)
{
	const struct rlimit none = { 0, 0 }, files = { nofile, nofile };

	return setrlimit(RLIMIT_CORE, &none) == 0 && (nofile == 0 || setrlimit(RLIMIT_NOFILE, &files) == 0);
}

/* After the fork: only async-signal-safe calls, no allocation. */
static _Noreturn void
child(const struct spawn_options *o, pid_t parent)
{
	static char *const no_env[] = { NULL };
	bool ok = default_signals() && descriptors(o->channel_fd) && limits(o->nofile);

	setsid();   /* fails only for a group leader, which a new process is not */
	ok = ok && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent;
	if (ok)
		syscall(SYS_execveat, o->exe_fd, "", (char *const *)(uintptr_t)o->argv, no_env, AT_EMPTY_PATH);
	_exit(EXIT_NO_EXEC);
}

status
spawn_self(const struct spawn_options *o, pid_t *ret_pid, int *ret_pidfd)
{
	pid_t parent = getpid();
	int pidfd = -1;
	struct clone_args args = { .flags = CLONE_PIDFD, .pidfd = (uintptr_t)&pidfd, .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof args);

	ENSURE(pid >= 0, errno == ENOMEM ? E_NO_MEMORY : E_IO);
	if (pid == 0)
		child(o, parent);
	*ret_pid = (pid_t)pid;
	*ret_pidfd = pidfd;
	return OK;
}

/* Only the bits of `keep`. */
static bool
reduce_capabilities(uint64_t keep)
{
	capng_clear(CAPNG_SELECT_CAPS);
	for (unsigned cap = 0; cap < 64; cap++)
		if (keep >> cap & 1 && capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, cap) != 0)
			return false;
	return capng_apply(CAPNG_SELECT_CAPS) == 0;
}

status
spawn_become(uid_t uid, gid_t gid, const char *root, uint64_t keep)
{
	if (uid == (uid_t)-1)
		return OK;
	ENSURE(!root || (chroot(root) == 0 && chdir("/") == 0), E_IO);
	/* The bounding set can only be emptied while CAP_SETPCAP is there: before the identity changes. */
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		ENSURE(prctl(PR_CAPBSET_DROP, cap) == 0, E_IO);
	ENSURE(prctl(PR_SET_KEEPCAPS, 1) == 0, E_IO);
	ENSURE(setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 && setresuid(uid, uid, uid) == 0, E_IO);
	ENSURE(prctl(PR_SET_KEEPCAPS, 0) == 0, E_IO);
	ENSURE(reduce_capabilities(keep), E_IO);
	ENSURE(keep >> CAP_SETUID & 1 || setresuid(0, 0, 0) != 0, E_IO);   /* and there is no way back */
	return OK;
}
