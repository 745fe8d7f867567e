/* ambit run: one program, one task.
 *
 *   ambit run ── holds the task ──▶ ambitd
 *      └─ guard ── waits for the task's id, then starts the program; adopts and ends what the program leaves behind
 *            └─ the program, under Landlock, and whatever it starts
 *
 * The task's process tree is the guard's: what is orphaned below becomes the guard's child and stays inside. The guard ends everything when
 * the program ends, when `ambit run` says so by closing the line, and when `ambit run` is killed, which closes the line too. If somebody kills
 * the guard, the orphans become children of `ambit run`, which ends them itself; the server counts it as inside its task as well. */
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
	pid_t child;            /* in `ambit run` the guard, in the guard the program */
	int line;               /* `ambit run`: write end, the task's id; the guard: read end. Closed: it is over */
	int signals;
	int child_status;
	bool child_ended, over;
	struct hold hold;
};

static const char *
parent_of(struct cli *c, const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash && slash != path ? arena_cstr(&c->arena, span_make(path, (size_t)(slash - path))) : NULL;
}

static _Noreturn void
program_main(struct cli *c, const char *task, pid_t parent, const sigset_t *mask)
{
	/* SIGTERM first would let a program clean up, but one that does not die would outlive its task. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
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

static int
code_of(int st)
{
	return WIFEXITED(st) ? WEXITSTATUS(st) : WIFSIGNALED(st) ? 128 + WTERMSIG(st) : 1;
}

/* ---- the guard ---- */

/* The task's id, up to the newline. False: the line closed first; no task, no program. */
static bool
read_task(int line, char *task, size_t size)
{
	size_t n = 0;
	ssize_t got;
	while (n < size - 1 && ((got = read(line, task + n, 1)) > 0 || (got < 0 && errno == EINTR)))
		if (got > 0 && task[n++] == '\n') {
			task[n - 1] = 0;
			return true;
		}
	return false;
}

/* A program that is told before it is killed may write down what it has. */
enum { LAST_WORDS_MS = 2000 };

static void
end_child(struct run *r, int milliseconds)
{
	kill(r->child, SIGTERM);
	for (int i = 0; i < milliseconds / 10 && !r->child_ended; i++) {
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
		reap(r);
	}
}

static _Noreturn void
guard_main(struct run *r, const sigset_t *before)
{
	char task[64];
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (!read_task(r->line, task, sizeof task))
		_exit(1);
	pid_t self = getpid();
	r->child = fork();
	if (r->child == 0)
		program_main(r->c, task, self, before);
	while (r->child > 0 && !r->child_ended) {
		struct pollfd p[2] = { { r->signals, POLLIN, 0 }, { r->line, POLLIN, 0 } };
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		take_signals(r);
		if (p[1].revents) {
			/* One more byte: there is time for last words. None: there is not. */
			if (read(r->line, task, 1) == 1)
				end_child(r, LAST_WORDS_MS);
			break;
		}
	}
	kill_descendants();
	_exit(r->child_ended ? code_of(r->child_status) : 128 + SIGKILL);
}

/* ---- ambit run ---- */

static bool
start_guard(struct run *r)
{
	int p[2];
	sigset_t set, before;
	sigfillset(&set);
	for (int s = 0; s < 5; s++)
		sigdelset(&set, (int[]){ SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT }[s]);
	if (pipe2(p, O_CLOEXEC) != 0)
		return false;
	sigprocmask(SIG_BLOCK, &set, &before);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	r->child = fork();
	r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	r->line = p[r->child != 0];
	close(p[r->child == 0]);
	if (r->child == 0)
		guard_main(r, &before);
	return r->child > 0 && r->signals >= 0;
}

/* The guard's closed line is its order to end everything. What outlives even the guard is ours by then. */
static void
end_guard(struct run *r, bool last_words)
{
	if (last_words && !r->child_ended)
		(void)!write(r->line, "\n", 1);
	close(r->line);
	r->line = -1;
	for (int i = 0; i < LAST_WORDS_MS / 10 + 100 && !r->child_ended; i++) {
		struct pollfd p = { r->signals, POLLIN, 0 };
		poll(&p, 1, 10);
		take_signals(r);
	}
	kill_descendants();
}

static void
wait_guard(struct run *r)
{
	while (!r->child_ended && !r->over) {
		struct pollfd p[2] = { { r->signals, POLLIN, 0 }, { r->hold.x.fd, exchange_wants(&r->hold.x), 0 } };
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		take_signals(r);
		r->over = !r->child_ended && p[1].revents && !hold_step(&r->hold);
	}
	/* Revoked is at once; what merely ran out of time may close its files. */
	end_guard(r, r->over && r->hold.why != E_REVOKED && r->hold.why != E_WORLD_STOPPED);
}

/* Why the program was ended: the three parts, and the code to leave with. */
static int
tell_end(struct run *r)
{
	const struct hold *h = &r->hold;
	char why[1400], next[64];
	snprintf(next, sizeof next, "ambit task receipt %s", h->task);
	if (h->why == E_UNAVAILABLE)
		return cli_fail(r->c, h->why, "the server did not come back within 10 s, and a task ends without its holder", next, "%s was lost; the program was ended", h->task);
	snprintf(why, sizeof why, "%s%s%s%s%s", h->end_reason[0] ? h->end_reason : error_text(h->why), h->actor ? " by " : "", h->actor ? h->actor : "",
	    h->reason ? ": " : "", h->reason ? h->reason : "");
	return cli_fail(r->c, h->why, why, next, "%s %s; the program was ended", h->task,
	    h->why == E_TASK_EXPIRED ? "expired" : h->why == E_TASK_ENDED ? "was completed" : "was revoked");
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
	json_for_items(it, r->hold.warnings) {
		buf_put_str(&b, "  note  ");
		out_scalar(it, &b);
		buf_put_u8(&b, '\n');
	}
	(void)!write(STDERR_FILENO, b.p, b.n);
	buf_fini(&b);
}

static int
open_and_run(struct run *r, span params)
{
	int code;
	if (!start_guard(r))
		return cli_fail(r->c, E_IO, strerror(errno), NULL, "cannot start a process");
	if (!hold_open(r->c, params, r->child, &r->hold, &code)) {
		end_guard(r, false);
		return code;
	}
	announce(r);
	dprintf(r->line, "%s\n", r->hold.task);
	wait_guard(r);
	if (!r->over)
		hold_complete(&r->hold);
	code = r->over ? tell_end(r) : code_of(r->child_status);
	hold_close(&r->hold);
	if (!r->c->quiet)
		print_receipt(r);
	return code;
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
