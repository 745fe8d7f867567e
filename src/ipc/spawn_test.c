/* What a role finds when it starts. The test program runs itself again, as ambitd does. */
#include "ipc/spawn.h"

#include "tests/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* In the child: one line about its world to descriptor 3. */
static int
report(void)
{
	struct rlimit core;
	sigset_t blocked;
	int signo = 0;
	char fds[128] = "", line[512];
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;

	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(d))
			snprintf(fds + strlen(fds), sizeof fds - strlen(fds), "%d,", atoi(e->d_name));
	closedir(d);
	getrlimit(RLIMIT_CORE, &core);
	prctl(PR_GET_PDEATHSIG, &signo);
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	int n = snprintf(line, sizeof line, "env=%d fds=%s core=%lu death=%d session=%d blocked=%d pipe=%d", environ[0] != NULL, fds,
	                 (unsigned long)core.rlim_max, signo, getsid(0) == getpid(), sigismember(&blocked, SIGUSR1),
	                 signal(SIGPIPE, SIG_DFL) == SIG_DFL);
	return write(SPAWN_CHANNEL_FD, line, (size_t)n) == n ? 0 : 1;
}

static void
a_role_starts_with_nothing_but_its_channel(void **)
{
	int exe, fds[2], pidfd, junk = open("/dev/null", O_RDONLY);   /* not close-on-exec */
	pid_t pid;
	char line[512] = { 0 };
	sigset_t block;
	const char *const argv[] = { "x", "--report", NULL };

	setenv("SECRET", "1", 1);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_BLOCK, &block, NULL);
	signal(SIGPIPE, SIG_IGN);
	assert_ok(spawn_open_self(&exe));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	const struct spawn_options o = { .exe_fd = exe, .channel_fd = fds[1], .argv = argv };
	assert_ok(spawn_self(&o, &pid, &pidfd));
	close(fds[1]);
	assert_true(read(fds[0], line, sizeof line - 1) > 0);
	assert_string_equal(line, "env=0 fds=0,1,2,3, core=0 death=9 session=1 blocked=0 pipe=1");
	siginfo_t info = { 0 };
	assert_int_equal(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED), 0);
	assert_int_equal(info.si_status, 0);
	close(fds[0]);
	close(pidfd);
	close(exe);
	close(junk);
}

/* Also when the kernel gives the very descriptors that the child needs for itself. */
static void
low_descriptors_do_not_collide(void **)
{
	pid_t tester = fork();

	if (tester == 0) {
		int exe, fds[2], pidfd;
		pid_t pid;
		char line[512] = { 0 };
		const char *const argv[] = { "x", "--report", NULL };
		close(3);
		close(4);
		close(5);
		if (failed(spawn_open_self(&exe)) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
			_exit(2);
		/* The channel's child end as 3. */
		int end = fds[0] == SPAWN_CHANNEL_FD ? fds[0] : fds[1], mine = end == fds[0] ? fds[1] : fds[0];
		const struct spawn_options o = { .exe_fd = exe, .channel_fd = end, .argv = argv };
		if (exe == SPAWN_CHANNEL_FD || failed(spawn_self(&o, &pid, &pidfd)))
			_exit(3);
		close(end);
		_exit(read(mine, line, sizeof line - 1) > 0 && strstr(line, "fds=0,1,2,3,") ? 0 : 4);
	}
	int st;
	assert_int_equal(waitpid(tester, &st, 0), tester);
	assert_int_equal(st, 0);
}

static void
a_role_dies_with_its_parent(void **)
{
	int out[2];
	assert_int_equal(pipe(out), 0);
	pid_t middle = fork();

	if (middle == 0) {
		int exe, fds[2], pidfd;
		pid_t pid;
		const char *const argv[] = { "x", "--hang", NULL };
		if (failed(spawn_open_self(&exe)) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
			_exit(2);
		const struct spawn_options o = { .exe_fd = exe, .channel_fd = fds[1], .argv = argv };
		if (failed(spawn_self(&o, &pid, &pidfd)) || read(fds[0], &(char){ 0 }, 1) != 1 || write(out[1], &pid, sizeof pid) != sizeof pid)
			_exit(3);
		pause();
	}
	pid_t role;
	assert_int_equal(read(out[0], &role, sizeof role), sizeof role);
	kill(middle, SIGKILL);
	waitpid(middle, NULL, 0);
	for (int i = 0; i < 500 && kill(role, 0) == 0; i++)
		usleep(10000);
	assert_int_equal(kill(role, 0), -1);
	close(out[0]);
	close(out[1]);
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--report") == 0)
		return report();
	if (argc == 2 && strcmp(argv[1], "--hang") == 0) {
		if (write(SPAWN_CHANNEL_FD, "x", 1) == 1)
			for (;;)
				pause();
		return 1;
	}
	const struct CMUnitTest tests_[] = {
		T(a_role_starts_with_nothing_but_its_channel), T(low_descriptors_do_not_collide), T(a_role_dies_with_its_parent),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests_, NULL, NULL);
}
