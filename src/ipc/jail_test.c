#include "ipc/jail.h"

#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Seconds no other run of this test sleeps: processes are looked for by them. */
static char nap[40];

static bool
somebody_naps(void)
{
	char command[128];
	snprintf(command, sizeof command, "pgrep -x -f 'sleep %s' >/dev/null", nap);
	return system(command) == 0;
}

struct run {
	struct loop *loop;
	struct jailer *jailer;
	bool answered, gone;
	status s;
	struct jail_child child;
	char why[512], out[65536];
	size_t out_n;
};

static void
on_started(void *ctx, status s, const struct jail_child *child, span why)
{
	struct run *r = ctx;

	assert_false(r->answered);
	r->answered = true;
	r->s = s;
	if (child)
		r->child = *child;
	snprintf(r->why, sizeof r->why, "%.*s", SPAN_ARG(why));
}

static void
on_gone(void *ctx)
{
	((struct run *)ctx)->gone = true;
}

/* As the supervisor does where it is root: the jailer under one user, the servers under another. */
static void
run_open_as(struct run *r, uid_t host, uid_t uid)
{
	int fd;

	memset(r, 0, sizeof *r);
	assert_ok(jailer_fork(host, host, uid, uid, &fd));
	assert_ok(loop_new(env_posix(), &r->loop));
	assert_ok(jailer_new(r->loop, fd, on_gone, r, &r->jailer));
}

static void
run_open(struct run *r)
{
	run_open_as(r, (uid_t)-1, (uid_t)-1);
}

static void
turns_until(struct run *r, const bool *flag)
{
	for (int i = 0; i < 200 && !*flag; i++)
		assert_ok(loop_step(r->loop, 100));
	assert_true(*flag);
}

static void
start(struct run *r, const struct jail_spec *spec)
{
	r->answered = false;
	r->out_n = 0;
	assert_ok(jail_start(r->jailer, spec, on_started, r));
	turns_until(r, &r->answered);
}

/* Reads the output to its end and waits for the jail's. */
static void
collect(struct run *r)
{
	struct pollfd p = { .fd = r->child.out, .events = POLLIN };
	ssize_t n;

	for (;;) {
		assert_true(poll(&p, 1, 20000) == 1);
		n = read(r->child.out, r->out + r->out_n, sizeof r->out - 1 - r->out_n);
		if (n <= 0)
			break;
		r->out_n += (size_t)n;
	}
	r->out[r->out_n] = 0;
	struct pollfd q = { .fd = r->child.pidfd, .events = POLLIN };
	assert_int_equal(poll(&q, 1, 20000), 1);
}

static void
child_close(struct run *r)
{
	close(r->child.in);
	close(r->child.out);
	close(r->child.err);
	close(r->child.pidfd);
}

static void
run_close(struct run *r)
{
	jailer_close(r->jailer);
	loop_free(r->loop);
}

/* sh -c script; the output is in r->out afterwards. */
static void
shell(struct run *r, const char *script, struct jail_spec spec)
{
	const span argv[] = { SPAN("/bin/sh"), SPAN("-c"), span_str(script) };
	const span env[] = { SPAN("PATH=/usr/bin:/bin"), SPAN("ONLY=this") };

	spec.argv = argv;
	spec.argc = 3;
	spec.env = env;
	spec.envc = 2;
	start(r, &spec);
	if (failed(r->s))
		fail_msg("not started: %s: %s", error_name(r->s.code), r->why);
	close(r->child.in);
	r->child.in = -1;
	collect(r);
	child_close(r);
}

static void
assert_out(const struct run *r, const char *want)
{
	if (strcmp(r->out, want) != 0)
		fail_msg("got \"%s\", want \"%s\"", r->out, want);
}

static char dir[] = "/tmp/ambit-jail-XXXXXX";

static void
write_text(const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
runs_with_its_own_world(void **)
{
	struct run r;

	run_open(&r);
	shell(&r, "echo $$; id -u; hostname; env | grep -v -e ^PWD= -e ^SHLVL -e ^_= -e ^OLDPWD | sort; pwd; ls /; ls /proc | grep -c '^[0-9]'",
	      (struct jail_spec){ 0 });
	char want[256];
	snprintf(want, sizeof want, "2\n%u\nambit\nONLY=this\nPATH=/usr/bin:/bin\n/tmp\n", (unsigned)getuid());
	if (strncmp(r.out, want, strlen(want)) != 0)
		fail_msg("got \"%s\"", r.out);
	assert_null(strstr(r.out, "home"));
	assert_null(strstr(r.out, "root"));
	assert_null(strstr(r.out, "run\n"));
	run_close(&r);
}

static void
sees_only_what_is_granted(void **)
{
	struct run r;
	char allowed[256], written[256], script[2048];

	snprintf(allowed, sizeof allowed, "%s/in", dir);
	snprintf(written, sizeof written, "%s/out", dir);
	assert_int_equal(mkdir(allowed, 0755), 0);
	assert_int_equal(mkdir(written, 0755), 0);
	write_text("secret", "secret");
	write_text("in/a", "granted");
	const span read[] = { span_str(allowed) }, write[] = { span_str(written) };
	snprintf(script, sizeof script,
	         "cat %s/in/a; echo; cat %s/secret 2>/dev/null || echo no secret; echo x 2>/dev/null >%s/in/b || echo no write;"
	         "echo y >%s/out/c && cat %s/out/c; cat /etc/shadow 2>/dev/null || echo no shadow; ls /root /home /run /var 2>/dev/null;"
	         "echo z 2>/dev/null >/usr/z || echo no usr; echo t >/tmp/t && cat /tmp/t",
	         dir, dir, dir, dir, dir);
	run_open(&r);
	shell(&r, script, (struct jail_spec){ .read = read, .reads = 1, .write = write, .writes = 1 });
	assert_out(&r, "granted\nno secret\nno write\ny\nno shadow\nno usr\nt\n");
	run_close(&r);
}

static void
has_no_network(void **)
{
	struct run r;

	run_open(&r);
	shell(&r, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '", (struct jail_spec){ 0 });
	assert_out(&r, "lo\n");
	run_close(&r);
}

static void
shares_the_network_when_granted(void **)
{
	struct run r;
	char here[64] = { 0 };

	run_open(&r);
	assert_true(readlink("/proc/self/ns/net", here, sizeof here - 2) > 0);
	strcat(here, "\n");
	shell(&r, "readlink /proc/self/ns/net", (struct jail_spec){ .network = true });
	assert_out(&r, here);
	shell(&r, "readlink /proc/self/ns/net", (struct jail_spec){ 0 });
	assert_string_not_equal(r.out, here);
	run_close(&r);
}

static void
may_not_do_what_servers_never_do(void **)
{
	struct run r;

	run_open(&r);
	shell(&r,
	      "unshare -U true 2>/dev/null || echo no unshare; mount -t tmpfs x /tmp 2>/dev/null || echo no mount;"
	      "grep -c '^Cap[A-Z][a-z]*:.*[1-9a-f]' /proc/self/status; grep NoNewPrivs /proc/self/status | cut -f2;"
	      "grep ^Seccomp: /proc/self/status | cut -f2; ulimit -c; chroot / true 2>/dev/null || echo no chroot",
	      (struct jail_spec){ 0 });
	assert_out(&r, "no unshare\nno mount\n0\n1\n2\n0\nno chroot\n");
	run_close(&r);
}

/* A server that forks away, in sessions of their own, ignoring signals: nothing is left of it. */
static void
is_killed_whole(void **)
{
	struct run r;
	char script[256];
	snprintf(script, sizeof script, "trap '' TERM HUP INT; (setsid sh -c 'setsid sleep %s & sleep %s' &); sleep %s & sleep 0.2; echo up; wait",
	         nap, nap, nap);
	const span argv[] = { SPAN("/bin/sh"), SPAN("-c"), span_str(script) };
	const struct jail_spec spec = { .argv = argv, .argc = 3 };
	char b[8];

	run_open(&r);
	start(&r, &spec);
	assert_ok(r.s);
	struct pollfd p = { .fd = r.child.out, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_int_equal(read(r.child.out, b, sizeof b), 3);
	assert_true(somebody_naps());
	assert_true(jail_kill(r.child.pidfd));
	struct pollfd q = { .fd = r.child.pidfd, .events = POLLIN };
	assert_int_equal(poll(&q, 1, 20000), 1);
	assert_false(somebody_naps());
	child_close(&r);
	run_close(&r);
}

/* The role's death takes everything along. */
static void
dies_with_the_role(void **)
{
	struct run r;
	const span argv[] = { SPAN("sleep"), span_str(nap) };
	const struct jail_spec spec = { .argv = argv, .argc = 2 };

	run_open(&r);
	start(&r, &spec);
	assert_ok(r.s);
	run_close(&r);
	struct pollfd q = { .fd = r.child.pidfd, .events = POLLIN };
	assert_int_equal(poll(&q, 1, 20000), 1);
	child_close(&r);
	assert_false(somebody_naps());
}

static void
the_end_of_the_server_is_the_end_of_the_jail(void **)
{
	struct run r;

	char script[128];

	snprintf(script, sizeof script, "setsid sleep %s & echo bye", nap);
	run_open(&r);
	shell(&r, script, (struct jail_spec){ 0 });
	assert_false(somebody_naps());
	run_close(&r);
}

static void
memory_and_processes_are_bounded(void **)
{
	struct run r;

	run_open(&r);
	shell(&r, "python3 -c 'x=bytearray(200*1024*1024)' 2>/dev/null && echo big || echo bounded", (struct jail_spec){ .memory_mb = 64 });
	assert_out(&r, "bounded\n");
	run_close(&r);
	/* The kernel counts no processes of user 0. */
	if (getuid() == 0)
		run_open_as(&r, 61402, 61403);
	else
		run_open(&r);
	shell(&r, "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1 & done 2>/dev/null; echo $(ls /proc | grep -c '^[0-9]')",
	      (struct jail_spec){ .processes = 6 });
	assert_true(atoi(r.out) <= 8);
	run_close(&r);
}

static void
runs_as_another_user(void **)
{
	struct run r;

	if (getuid() != 0)
		skip();
	run_open_as(&r, 61402, 61403);
	shell(&r, "id -u; id -g; grep Groups /proc/self/status | tr -d '\\t '; cat /proc/self/uid_map | tr -s ' '", (struct jail_spec){ 0 });
	assert_out(&r, "61403\n61403\nGroups:\n 61403 61403 1\n");
	run_close(&r);
	run_open_as(&r, 61402, 0);
	shell(&r, "id -u; cat /proc/self/uid_map | tr -s ' '; grep -c '^Cap[A-Z][a-z]*:.*[1-9a-f]' /proc/self/status", (struct jail_spec){ 0 });
	assert_out(&r, "0\n 0 0 1\n0\n");
	run_close(&r);
}

static void
refusals_say_why(void **)
{
	static const struct {
		const char *argv0, *read, *cwd;
		uint16_t error;
		const char *why;
	} rows[] = {
		{ "/no/such/program", NULL, NULL, E_NOT_FOUND, "/no/such/program" },
		{ "no-such-program-anywhere", NULL, NULL, E_NOT_FOUND, "no-such-program-anywhere" },
		{ "/bin/true", "/no/such/path", NULL, E_NOT_FOUND, "/no/such/path" },
		{ "/bin/true", NULL, "/no/such/cwd", E_NOT_FOUND, "/no/such/cwd" },
	};
	struct run r;

	run_open(&r);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const span argv[] = { span_str(rows[i].argv0) }, read[] = { span_str(rows[i].read) };
		const struct jail_spec spec = { .argv = argv, .argc = 1, .read = read, .reads = rows[i].read ? 1 : 0,
		                                .cwd = span_str(rows[i].cwd) };
		start(&r, &spec);
		if (r.s.code != rows[i].error || !strstr(r.why, rows[i].why))
			fail_msg("row %zu: %s \"%s\"", i, error_name(r.s.code), r.why);
	}
	const span relative[] = { SPAN("in") }, argv[] = { SPAN("/bin/true") };
	struct jail_spec bad = { .argv = argv, .argc = 1, .read = relative, .reads = 1 };
	assert_fails(jail_start(r.jailer, &bad, on_started, &r), E_BAD_REQUEST);
	bad = (struct jail_spec){ 0 };
	assert_fails(jail_start(r.jailer, &bad, on_started, &r), E_BAD_REQUEST);
	run_close(&r);
}

/* Where namespaces are forbidden, nothing is started. The prohibition is made with seccomp, in a process of its own. */
static void
without_namespaces_it_is_refused(void **)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct run r;
		scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
		seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone3), 0);
		seccomp_load(f);
		run_open(&r);
		const span argv[] = { SPAN("/bin/true") };
		const struct jail_spec spec = { .argv = argv, .argc = 1 };
		start(&r, &spec);
		_exit(r.s.code == E_SANDBOX && strstr(r.why, "namespaces") ? 0 : 1);
	}
	int st;
	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_int_equal(st, 0);
}

static void
leaks_no_descriptor(void **)
{
	struct run r;

	run_open(&r);
	int fd = open("/dev/null", O_RDONLY);   /* without close-on-exec */
	shell(&r, "ls /proc/self/fd | tr '\\n' ' '", (struct jail_spec){ 0 });
	close(fd);
	assert_out(&r, "0 1 2 3 ");   /* 3 is the folder being listed */
	run_close(&r);
}

static int
setup(void **)
{
	/* Process numbers come again, and what another run has left over must not be taken for ours. */
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(nap, sizeof nap, "9%d.%ld%09ld", (int)getpid(), (long)now.tv_sec, now.tv_nsec);
	return mkdtemp(dir) ? 0 : -1;
}

static int
teardown(void **)
{
	char command[300];
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests_[] = {
		T(runs_with_its_own_world), T(sees_only_what_is_granted), T(has_no_network), T(shares_the_network_when_granted),
		T(may_not_do_what_servers_never_do), T(is_killed_whole), T(dies_with_the_role),
		T(the_end_of_the_server_is_the_end_of_the_jail), T(memory_and_processes_are_bounded), T(runs_as_another_user), T(refusals_say_why),
		T(without_namespaces_it_is_refused), T(leaks_no_descriptor),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests_, setup, teardown);
}
