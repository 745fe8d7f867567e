#include "ipc/jail_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void
give_up(int report, uint16_t error, const char *why)
{
	struct jail_report r = { .error = error };

	snprintf(r.why, sizeof r.why, "%s", why);
	(void)!write(report, &r, sizeof r);
	_exit(1);
}

/* Waits until the jailer has mapped our user; without it (end of file) we are nobody's and go. */
static void
wait_go(int go)
{
	char c;
	ssize_t n;

	do
		n = read(go, &c, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(1);
	close(go);
}

/* The network namespace has one device, and it is down. */
static bool
loopback_up(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &r) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* A bare name is looked for where programs are; the environment has no say in it. */
static void
run(const struct jail_plan *p)
{
	static const char *const folders[] = { "/usr/local/bin", "/usr/bin", "/bin" };
	char path[4096];

	if (strchr(p->argv[0], '/')) {
		execve(p->argv[0], p->argv, p->env);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		snprintf(path, sizeof path, "%s/%s", folders[i], p->argv[0]);
		execve(path, p->argv, p->env);
		if (errno != ENOENT)
			return;
	}
}

static _Noreturn void
server(const struct jail_plan *p, const int std[static 3], int report)
{
	char why[JAIL_WHY_MAX] = "";

	setsid();
	umask(077);
	for (int i = 0; i < 3; i++)
		if (dup2(std[i], i) < 0)
			give_up(report, E_IO, "its standard descriptors could not be set");
	/* `report` too closes at exec: that is how the jailer knows. */
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
		give_up(report, E_IO, "descriptors could not be closed");
	if (chdir(p->cwd[0] ? p->cwd : "/tmp") != 0) {
		snprintf(why, sizeof why, "cwd %s: %s", p->cwd, strerror(errno));
		give_up(report, E_NOT_FOUND, why);
	}
	status s = jail_confine(p, why);
	if (failed(s))
		give_up(report, s.code, why);
	run(p);
	snprintf(why, sizeof why, "%s: %s", p->argv[0], strerror(errno));
	give_up(report, errno == ENOENT || errno == EACCES || errno == ENOTDIR ? E_NOT_FOUND : E_IO, why);
}

/* Process 1: its death is everybody's here. Orphans come to it; when the server is gone, so is the jail. */
static _Noreturn void
reap(pid_t pid)
{
	for (;;) {
		pid_t dead = wait(NULL);
		if (dead == pid || (dead < 0 && errno == ECHILD))
			_exit(0);
	}
}

_Noreturn void
jail_inside(const struct jail_plan *p, uid_t uid, gid_t gid, const int std[static 3], int go, int report)
{
	char why[JAIL_WHY_MAX] = "";
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	wait_go(go);
	if (setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
		give_up(report, E_SANDBOX, "the server's user could not be taken");
	/* After the change of user, which clears it. The jailer cannot have died before: its pipe would have ended. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		give_up(report, E_SANDBOX, "its end could not be tied to ours");
	if (sethostname("ambit", 5) != 0 || (!p->network && !loopback_up()))
		give_up(report, E_SANDBOX, "the namespaces could not be set up");
	status s = jail_build_root(p, why);
	if (failed(s))
		give_up(report, s.code, why);
	pid_t pid = fork();
	if (pid < 0)
		give_up(report, E_NO_MEMORY, "no process");
	if (pid == 0)
		server(p, std, report);
	close_range(0, ~0U, 0);
	reap(pid);
}
