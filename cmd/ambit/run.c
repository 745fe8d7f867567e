/* ambit run: one program, one task.
 *
 *   fork: the child waits on a pipe ── task/open {hold, root_pid} ── go ── sandbox, exec
 *   the program, its children and what they leave behind end ── task/complete ── receipt
 *
 * The parent is the subreaper: whatever the program starts and abandons becomes its child and is killed at the end. When the parent itself is killed,
 * PDEATHSIG takes the program and the closed connection takes the task. */
#include "cli.h"
#include "envelope.h"
#include "hold.h"
#include "sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct run {
	struct cli *c;
	pid_t child;
	int go;                 /* write end: the task id, then close */
	int signals;
	int child_status;
	bool child_ended, lost;
	struct hold hold;
};

static const char *
parent_of(struct cli *c, const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash && slash != path ? arena_cstr(&c->arena, span_make(path, (size_t)(slash - path))) : NULL;
}

static _Noreturn void
child_main(struct cli *c, int go, pid_t parent, const sigset_t *mask)
{
	char task[64] = { 0 };
	size_t n = 0;
	ssize_t got;
	/* SIGTERM first would let a program clean up, but one that does not die would outlive its task. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	while (n < sizeof task - 1 && ((got = read(go, task + n, sizeof task - 1 - n)) > 0 || (got < 0 && errno == EINTR)))
		n += got > 0 ? (size_t)got : 0;
	if (n == 0)
		_exit(1);               /* no task, no program */
	const char *hide[2] = { c->ctx.data, parent_of(c, c->ctx.people_socket) };
	size_t k = 0;
	for (size_t i = 0; i < 2; i++)
		if (hide[i])
			hide[k++] = hide[i];
	if (sandbox_enter(hide, k, parent_of(c, c->ctx.agent_socket)) < 0)
		_exit(126);
	setenv("AMBIT_TASK", task, 1);
	setenv("AMBIT_SOCKET", c->ctx.agent_socket, 1);
	unsetenv("AMBIT_PEOPLE_SOCKET");
	unsetenv("AMBIT_AS");
	sigprocmask(SIG_SETMASK, mask, NULL);
	signal(SIGPIPE, SIG_DFL);
	execvp(c->args.rest[0], c->args.rest);
	dprintf(STDERR_FILENO, "ambit: cannot run %s: %s\n", c->args.rest[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static bool
start_child(struct run *r)
{
	int p[2];
	sigset_t set, before;
	sigfillset(&set);
	for (int s = 0; s < 5; s++)
		sigdelset(&set, (int[]){ SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT }[s]);
	if (pipe2(p, O_CLOEXEC) != 0)
		return false;
	sigprocmask(SIG_BLOCK, &set, &before);
	r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid_t self = getpid();
	r->child = fork();
	if (r->child == 0) {
		close(p[1]);
		child_main(r->c, p[0], self, &before);
	}
	close(p[0]);
	r->go = p[1];
	return r->child > 0 && r->signals >= 0;
}

/* Everything below this process: /proc is read until nothing is left, for a child may be forking. */
static void
kill_descendants(void)
{
	char path[64], line[256];
	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	for (int round = 0; round < 200; round++) {
		FILE *f = fopen(path, "re");
		int pid, n = 0;
		while (f && fgets(line, sizeof line, f))
			for (char *s = strtok(line, " \n"); s; s = strtok(NULL, " \n"))
				if ((pid = atoi(s)) > 0) {
					kill(pid, SIGKILL);
					n++;
				}
		if (f)
			fclose(f);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (n == 0)
			return;
		nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
	}
}

static void
reap(struct run *r)
{
	int st;
	for (pid_t pid; (pid = waitpid(-1, &st, WNOHANG)) > 0;)
		if (pid == r->child) {
			r->child_ended = true;
			r->child_status = st;
		}
}

static void
take_signals(struct run *r)
{
	struct signalfd_siginfo i;
	while (read(r->signals, &i, sizeof i) == (ssize_t)sizeof i) {
		/* From the terminal the child has it already: it is in the same foreground group. */
		if (i.ssi_signo == SIGCHLD || i.ssi_signo == SIGPIPE || (i.ssi_code == SI_KERNEL && (i.ssi_signo == SIGINT || i.ssi_signo == SIGQUIT || i.ssi_signo == SIGTSTP)))
			continue;
		if (i.ssi_signo == SIGTSTP || i.ssi_signo == SIGTTIN || i.ssi_signo == SIGTTOU || i.ssi_signo == SIGCONT || i.ssi_signo == SIGWINCH)
			continue;
		kill(r->child, (int)i.ssi_signo);
	}
	reap(r);
}

static void
wait_child(struct run *r)
{
	while (!r->child_ended) {
		struct pollfd p[2] = { { r->signals, POLLIN, 0 }, { r->lost ? -1 : r->hold.x.fd, POLLIN, 0 } };
		if (poll(p, 2, 1000) < 0 && errno != EINTR)
			break;
		take_signals(r);
		if (r->child_ended || r->lost)
			continue;
		if (p[1].revents ? !hold_again(&r->hold, 10) : !hold_alive(&r->hold)) {
			/* The task is over: killed, expired, or the server is gone for good. Nothing may go on in its name. */
			r->lost = true;
			dprintf(STDERR_FILENO, "ambit: %s has ended; ending the program\n", r->hold.task);
			kill(r->child, SIGTERM);
			for (int i = 0; i < 200 && !r->child_ended; i++) {
				nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
				reap(r);
			}
			kill(r->child, SIGKILL);
		}
	}
}

static void
print_receipt(struct run *r)
{
	struct buf b;
	struct answer a;
	buf_init(&b, 65536);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_kcstr(&w, "task", r->hold.task);
	json_w_obj_end(&w);
	r->c->timeout = 3;
	bool have = !failed(cli_ask(r->c, PEER_PEOPLE, "task/receipt", buf_span(&b), &a)) && !a.error;
	buf_reset(&b);
	if (have && cli_json(r->c)) {
		w = json_w(&b);
		json_w_value(&w, a.json);
	} else if (have) {
		buf_printf(&b, "receipt  %s %s: %s allowed, %s denied, %s approved; %s sessions ended, %s unconfirmed   (ambit task receipt %s)", r->hold.task,
		    text_at(r->c, a.json, "task.state"), text_at(r->c, a.json, "allowed"), text_at(r->c, a.json, "denied"), text_at(r->c, a.json, "approved"),
		    text_at(r->c, a.json, "sessions.stopped"), text_at(r->c, a.json, "sessions.unconfirmed"), r->hold.task);
	} else {
		buf_printf(&b, "receipt  %s: ambit task receipt %s", r->hold.task, r->hold.task);
	}
	buf_put_u8(&b, '\n');
	(void)!write(STDERR_FILENO, b.p, b.n);
	buf_fini(&b);
}

static void
announce(struct run *r)
{
	if (r->c->quiet || cli_json(r->c))
		return;
	struct buf b;
	buf_init(&b, 65536);
	buf_printf(&b, "task %s  agent %s  expires %s", r->hold.task, r->hold.agent, r->hold.expires);
	int64_t calls = int_at(r->hold.opened, "envelope.limits.calls", -1);
	if (calls >= 0)
		buf_printf(&b, "  budget %lld calls", (long long)calls);
	buf_put_u8(&b, '\n');
	(void)!write(STDERR_FILENO, b.p, b.n);
	buf_fini(&b);
}

static int
open_and_run(struct run *r, span params)
{
	int code;
	if (!start_child(r))
		return cli_fail(r->c, E_IO, strerror(errno), NULL, "cannot start a process");
	if (!hold_open(r->c, params, r->child, &r->hold, &code)) {
		close(r->go);
		kill_descendants();
		return code;
	}
	announce(r);
	(void)!write(r->go, r->hold.task, strlen(r->hold.task));
	close(r->go);
	wait_child(r);
	kill_descendants();
	if (!r->lost)
		hold_complete(&r->hold);
	hold_close(&r->hold);
	if (!r->c->quiet)
		print_receipt(r);
	return WIFEXITED(r->child_status) ? WEXITSTATUS(r->child_status) : WIFSIGNALED(r->child_status) ? 128 + WTERMSIG(r->child_status) : 1;
}

int
run_run(struct cli *c)
{
	struct buf b;
	const char *problem = "arguments cannot be read";
	if (!c->args.rest || !c->args.rest[0])
		return cli_fail(c, E_BAD_REQUEST, "the program stands behind two dashes", "ambit run --task PURPOSE --allow PATTERN -- COMMAND", "run what?");
	buf_init(&b, 1 << 20);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	if (args_has(&c->args, "agent"))
		json_w_kcstr(&w, "agent", args_str(&c->args, "agent"));
	status s = envelope_put(c, &w, &problem);
	int code;
	if (failed(s) || failed(buf_finish(&b))) {
		code = cli_fail(c, E_BAD_REQUEST, NULL, "ambit run --help", "%s", problem);
	} else {
		struct run r = { .c = c };
		code = open_and_run(&r, span_sub(buf_span(&b), 1, b.n));        /* without the opening brace */
	}
	buf_fini(&b);
	return code;
}
