/* For each role: what it must be able to do works under its profile, and what it must not kills it or fails. */
#include "role/profile.h"

#include "base/env.h"
#include "ipc/spawn.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netdb.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/ambit-profile-XXXXXX";
static pid_t parent;

/* True when it could be done. */
typedef bool deed(void);

static bool
tcp_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool
datagram_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0) >= 0;
}

static bool
packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) >= 0;
}

static bool
resolve(void)
{
	struct addrinfo *found, hints = { .ai_socktype = SOCK_STREAM };
	return getaddrinfo("localhost", "80", &hints, &found) == 0;
}

static bool
run_program(void)
{
	char *const argv[] = { (char[]){ "true" }, NULL }, *const env[] = { NULL };
	execve("/bin/true", argv, env);
	return false;
}

static bool
fork_self(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool
open_passwd(void)
{
	return open("/etc/passwd", O_RDONLY) >= 0;
}

static bool
create_outside(void)
{
	return open("/tmp/ambit-profile-outside", O_WRONLY | O_CREAT, 0600) >= 0;
}

static bool
create_inside(void)
{
	char path[300];
	snprintf(path, sizeof path, "%s/file", dir);
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	return fd >= 0 && write(fd, "x", 1) == 1 && fdatasync(fd) == 0 && unlink(path) == 0;
}

static bool
trace_parent(void)
{
	return ptrace(PTRACE_ATTACH, parent, 0, 0) == 0;
}

static bool
executable_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool
make_memory_executable(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p != MAP_FAILED && mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool
kill_parent(void)
{
	return kill(parent, 0) == 0;
}

static bool
be_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1) == 0;
}

static bool
raise_core_limit(void)
{
	const struct rlimit r = { 4096, 4096 };
	return setrlimit(RLIMIT_CORE, &r) == 0;
}

static bool
read_own_memory_file(void)
{
	return open("/proc/self/mem", O_RDWR) >= 0;
}

static bool
mount_something(void)
{
	return syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL) == 0;
}

static bool
work(void)
{
	instant now = env_now(env_posix());
	uint8_t r[8];
	void *p = malloc(1 << 20);
	bool ok = p && now.wall > 0 && !failed(env_random(env_posix(), r, sizeof r));
	free(p);
	/* A message with a body over 64 KiB, and its receipt. */
	int m = (int)syscall(SYS_memfd_create, "x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ok = ok && m >= 0 && write(m, "x", 1) == 1 && fcntl(m, F_ADD_SEALS, F_SEAL_WRITE) == 0 &&
	     mmap(NULL, 1, PROT_READ, MAP_PRIVATE, m, 0) != MAP_FAILED;
	return ok;
}

static bool
read_proc(void)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	char exe[400], path[64];
	buf_init(&b, 65536);
	snprintf(path, sizeof path, "/proc/%d/exe", (int)parent);
	return !failed(env_read_file(env_posix(), "/proc/1/stat", &b)) && readlink(path, exe, sizeof exe) > 0 && open(path, O_RDONLY) >= 0;
}

static bool
connect_tcp(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return fd >= 0 && (connect(fd, (struct sockaddr *)&a, sizeof a) == 0 || errno == EINPROGRESS || errno == ECONNREFUSED);
}

enum { ALL = 1 << ROLE_AGENTS | 1 << ROLE_LOCAL | 1 << ROLE_PEOPLE | 1 << ROLE_ATTEST | 1 << ROLE_CORE | 1 << ROLE_STORE |
             1 << ROLE_SIGNER | 1 << ROLE_TOOLS | 1 << ROLE_ENGINE };

static const struct {
	const char *name;
	deed *deed;
	unsigned may;   /* roles that may; the others must not */
} deeds[] = {
	{ "work", work, ALL },
	{ "tcp socket", tcp_socket, 1 << ROLE_TOOLS },
	{ "connect", connect_tcp, 1 << ROLE_TOOLS },
	{ "datagram socket", datagram_socket, 1 << ROLE_TOOLS },
	{ "packet socket", packet_socket, 0 },
	{ "resolve a name", resolve, 1 << ROLE_TOOLS },
	{ "exec", run_program, 0 },
	{ "fork", fork_self, 0 },
	{ "open /etc/passwd", open_passwd, 1 << ROLE_ATTEST },
	{ "create outside its directory", create_outside, 0 },
	{ "write its directory", create_inside, 1 << ROLE_STORE },
	{ "read /proc of others", read_proc, 1 << ROLE_ATTEST },
	{ "ptrace", trace_parent, 0 },
	{ "executable memory", executable_memory, 0 },
	{ "make memory executable", make_memory_executable, 0 },
	{ "signal others", kill_parent, 0 },
	{ "become dumpable", be_dumpable, 0 },
	{ "raise the core limit", raise_core_limit, 0 },
	{ "write /proc/self/mem", read_own_memory_file, 0 },
	{ "mount", mount_something, 0 },
};

enum { EXIT_DONE = 10, EXIT_REFUSED = 11, EXIT_NO_SANDBOX = 12 };

static int
in_sandbox(enum role id, deed *d)
{
	pid_t pid = fork();
	int st;

	if (pid == 0) {
		struct profile p;
		struct sandbox_report report;
		/* As the supervisor starts it: another user where that is possible. */
		if (getuid() == 0 && failed(spawn_become(61410 + id, 61410 + id, NULL, profile_capabilities(id))))
			_exit(EXIT_NO_SANDBOX);
		profile_make(id, dir, &p);
		if (failed(sandbox_enter(&p.sandbox, &report)))
			_exit(EXIT_NO_SANDBOX);
		_exit(d() ? EXIT_DONE : EXIT_REFUSED);
	}
	assert_int_equal(waitpid(pid, &st, 0), pid);
	return st;
}

static void
each_role_may_do_its_work_and_nothing_else(void **)
{
	for (enum role id = ROLE_AGENTS; id < ROLE_COUNT; id++) {
		if (getuid() == 0)
			assert_int_equal(chown(dir, 61410 + id, 61410 + id), 0);
		for (size_t i = 0; i < ARRAY_LEN(deeds); i++) {
			bool may = deeds[i].may >> id & 1;
			int st = in_sandbox(id, deeds[i].deed);
			if (may && !(WIFEXITED(st) && WEXITSTATUS(st) == EXIT_DONE))
				fail_msg("%s can not %s (%#x)", role_name(id), deeds[i].name, (unsigned)st);
			if (!may && !(WIFSIGNALED(st) && WTERMSIG(st) == SIGSYS) && !(WIFEXITED(st) && WEXITSTATUS(st) == EXIT_REFUSED))
				fail_msg("%s may %s (%#x)", role_name(id), deeds[i].name, (unsigned)st);
		}
	}
}

/* The way out by which most attacks begin ends the process, it does not merely fail. */
static void
exec_and_sockets_kill(void **)
{
	for (enum role id = ROLE_AGENTS; id < ROLE_COUNT; id++) {
		int st = in_sandbox(id, run_program);
		assert_true(WIFSIGNALED(st) && WTERMSIG(st) == SIGSYS);
		st = in_sandbox(id, packet_socket);
		assert_true(WIFSIGNALED(st) && WTERMSIG(st) == SIGSYS);
	}
}

static bool
no_capability_left(void)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	buf_init(&b, 65536);
	if (failed(env_read_file(env_posix(), "/proc/self/status", &b)))
		return false;
	return memmem(b.p, b.n, "CapEff:\t0000000000000000", 24) && memmem(b.p, b.n, "CapPrm:\t0000000000000000", 24) &&
	       memmem(b.p, b.n, "CapBnd:\t0000000000000000", 24);
}

static void
identity_is_given_up_for_good(void **)
{
	if (getuid() != 0)
		skip();
	pid_t pid = fork();
	if (pid == 0) {
		bool ok = !failed(spawn_become(61410, 61410, NULL, 0)) && getuid() == 61410 && setuid(0) != 0 && no_capability_left() &&
		          open("/etc/shadow", O_RDONLY) < 0;
		_exit(ok ? 0 : 1);
	}
	int st;
	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_int_equal(st, 0);
}

static int
setup(void **)
{
	parent = getpid();
	return mkdtemp(dir) ? 0 : -1;
}

static int
teardown(void **)
{
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests_[] = {
		T(each_role_may_do_its_work_and_nothing_else), T(exec_and_sockets_kill), T(identity_is_given_up_for_good),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests_, setup, teardown);
}
