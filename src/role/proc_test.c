#include "role/exe.h"
#include "role/proc.h"

#include "tests/test.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void
stat_lines(void **)
{
	static const struct { const char *text; bool ok; uint32_t pid, parent; uint64_t start; } rows[] = {
		{ "7 (sh) S 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 4242 1\n", true, 7, 3, 4242 },
		/* A process may call itself anything. */
		{ "7 (x) S 1 0) S 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 4242 1\n", true, 7, 3, 4242 },
		{ "7 () R 1 (a) S 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 4242 1\n", true, 7, 3, 4242 },
		{ "7 (sh", false, 0, 0, 0 },
		{ "", false, 0, 0, 0 },
		{ "x (sh) S 3", false, 0, 0, 0 },
		{ "7 (sh) S 3 4 5", false, 0, 0, 0 },
		{ "4294967296 (sh) S 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 4242 1\n", false, 0, 0, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct proc_stat s = { 0 };
		if (proc_parse_stat(span_str(rows[i].text), &s) != rows[i].ok || s.pid != rows[i].pid || s.parent != rows[i].parent ||
		    s.start != rows[i].start)
			fail_msg("row %zu", i);
	}
}

static int
pidfd_of(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static void
knows_a_child(void **)
{
	struct env *env = env_posix();
	struct proc_stat s;
	uint32_t named, uid, gid;
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	int fd = pidfd_of(pid);
	assert_ok(proc_of_pidfd(env, fd, &named));
	assert_int_equal(named, pid);
	assert_true(proc_alive(fd));
	assert_ok(proc_stat(env, (uint32_t)pid, &s));
	assert_int_equal(s.parent, getpid());
	assert_ok(proc_ids(env, (uint32_t)pid, &uid, &gid));
	assert_int_equal(uid, geteuid());
	assert_int_equal(gid, getegid());
	kill(pid, SIGKILL);
	/* Dead though nobody has waited: its number is not free yet, but it says nothing any more. */
	while (proc_alive(fd))
		usleep(1000);
	waitpid(pid, NULL, 0);
	assert_fails(proc_of_pidfd(env, fd, &named), E_NOT_FOUND);
	assert_fails(proc_stat(env, (uint32_t)pid, &s), E_NOT_FOUND);
	close(fd);
	assert_fails(proc_of_pidfd(env, 0, &named), E_BAD_MESSAGE);
}

static void
names_and_hashes_the_program(void **)
{
	struct exe_cache *c;
	struct exe e;
	char self[EXE_PATH_MAX] = { 0 };
	CLEANUP(buf_fini) struct buf file = { 0 };

	assert_ok(exe_cache_new(env_posix(), &c));
	assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
	buf_init(&file, 64 << 20);
	assert_ok(env_read_file(env_posix(), self, &file));
	digest want = sha256(buf_span(&file));
	for (int i = 0; i < 2; i++) {
		assert_ok(exe_of(c, (uint32_t)getpid(), &e));
		assert_string_equal(e.path, self);
		assert_true(digest_eq(&e.sha256, &want));
	}
	free(c);
}

/* In a mount namespace of its own a process can be anything by name. */
static void
a_name_from_another_mount_namespace_is_not_believed(void **)
{
	struct exe_cache *c;
	struct exe e;
	int ready[2];
	char b;

	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
			_exit(77);
		/* Our own program, shown as /bin/true. */
		char self[4096] = { 0 };
		if (readlink("/proc/self/exe", self, sizeof self - 1) < 0 || mount(self, "/bin/true", NULL, MS_BIND, NULL) != 0)
			_exit(78);
		char *const argv[] = { (char[]){ "true" }, (char[]){ "--wait" }, NULL };
		dup2(ready[1], 1);
		execv("/bin/true", argv);
		_exit(79);
	}
	close(ready[1]);
	if (read(ready[0], &b, 1) != 1) {
		int st;
		waitpid(pid, &st, 0);
		close(ready[0]);
		if (WIFEXITED(st) && WEXITSTATUS(st) == 77)
			skip();
		fail_msg("child: %#x", (unsigned)st);
	}
	assert_ok(exe_cache_new(env_posix(), &c));
	assert_ok(exe_of(c, (uint32_t)pid, &e));
	assert_string_equal(e.path, "");
	assert_ok(exe_of(c, (uint32_t)getpid(), &e));
	assert_string_not_equal(e.path, "");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ready[0]);
	free(c);
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--wait") == 0) {
		if (write(1, "x", 1) == 1)
			pause();
		return 0;
	}
	const struct CMUnitTest tests_[] = {
		T(stat_lines), T(knows_a_child), T(names_and_hashes_the_program), T(a_name_from_another_mount_namespace_is_not_believed),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests_, NULL, NULL);
}
