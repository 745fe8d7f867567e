/* The process beside the engine role that makes workers. It was forked before the role read a single byte, so what it forks holds
 * nothing of anybody's; it reads a name and a spec from the role and does nothing else. When the role goes, so does it, and with it
 * (PR_SET_PDEATHSIG) every worker. */
#include "role/engine_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WORKERS_MAX = 1024, FRAME_MAX = ENGINE_SPEC_MAX + 256, SOCK_FD = 3 };

struct child {
	char name[64];
	pid_t pid;
};

struct keeper {
	uid_t uid;
	gid_t gid;
	const char *credentials;
	struct child *children;
	size_t n;
};

/* ---- the role's side ---- */

static status
ask(int keeper, span name, span spec, int own_fd)
{
	CLEANUP(buf_fini) struct buf b;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };

	buf_init(&b, FRAME_MAX);
	buf_put_vec16(&b, name);
	buf_put(&b, spec);
	struct iovec v = { b.p, b.n };
	struct msghdr g = { .msg_iov = &v, .msg_iovlen = 1 };
	if (own_fd >= 0) {
		g.msg_control = control.bytes;
		g.msg_controllen = sizeof control.bytes;
		struct cmsghdr *c = CMSG_FIRSTHDR(&g);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &own_fd, sizeof own_fd);
	}
	status s = buf_finish(&b);
	ssize_t n = -1;
	while (!failed(s) && (n = sendmsg(keeper, &g, MSG_NOSIGNAL)) < 0 && errno == EINTR)
		;
	if (own_fd >= 0)
		close(own_fd);
	TRY(s);
	ENSURE(n == (ssize_t)b.n, E_UNAVAILABLE);
	return OK;
}

status
engine_keeper_start(int keeper, span upstream, span spec, int *ret_fd)
{
	int fds[2];

	ENSURE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0, E_IO);
	status s = fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0 ? OK : FAIL(E_IO);
	if (failed(s))
		close(fds[1]);
	else
		s = ask(keeper, upstream, spec, fds[1]);
	if (failed(s)) {
		close(fds[0]);
		return s;
	}
	*ret_fd = fds[0];
	return OK;
}

void engine_keeper_stop(int keeper, span upstream) { IGNORE(ask(keeper, upstream, (span){ 0 }, -1)); /* its workers die with it */ }

/* ---- the keeper ---- */

static struct child *
slot_of(struct keeper *k, span name)
{
	for (size_t i = 0; i < k->n; i++)
		if (span_is(name, k->children[i].name))
			return &k->children[i];
	if (k->n == WORKERS_MAX || name.n >= sizeof k->children->name)
		return NULL;
	struct child *c = &k->children[k->n++];
	memcpy(c->name, name.p, name.n);
	c->name[name.n] = 0;
	c->pid = 0;
	return c;
}

static void
serve(struct keeper *k, span frame, int sock, int fd)
{
	struct reader r = rd_make(frame);
	span name = rd_vec16(&r);
	span spec = rd_take(&r, rd_left(&r));
	struct child *c = r.ok && name.n ? slot_of(k, name) : NULL;

	if (c && c->pid > 0)
		kill(c->pid, SIGKILL);
	if (c)
		c->pid = 0;
	if (!c || fd < 0 || !spec.n)
		return;
	pid_t keeper = getpid(), pid = fork();
	if (pid == 0) {
		close(sock);
		signal(SIGCHLD, SIG_DFL);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != keeper)
			_exit(1);
		setsid();
		engine_worker(fd, name, spec, k->uid, k->gid, k->credentials);
	}
	if (pid > 0)
		c->pid = pid;
}

static _Noreturn void
keep(int sock, struct keeper *k)
{
	static uint8_t frame[FRAME_MAX];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;

	for (;;) {
		struct iovec v = { frame, sizeof frame };
		struct msghdr g = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
		ssize_t n = recvmsg(sock, &g, MSG_CMSG_CLOEXEC);
		int fd = -1;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(0);
		struct cmsghdr *c = CMSG_FIRSTHDR(&g);
		if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(c), sizeof fd);
		serve(k, span_make(frame, (size_t)n), sock, fd);
		if (fd >= 0)
			close(fd);
	}
}

status
engine_keeper_fork(uid_t uid, gid_t gid, const char *credentials, int *ret_fd)
{
	struct keeper k = { uid, gid, credentials, NULL, 0 };
	int fds[2];

	k.children = calloc(WORKERS_MAX, sizeof *k.children);
	ENSURE(k.children, E_NO_MEMORY);
	ENSURE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0, E_IO);
	pid_t role = getpid(), pid = fork();
	ENSURE(pid >= 0, E_IO);
	if (pid == 0) {
		/* Nothing of the role's: its channel would keep it alive for the supervisor. */
		if (dup2(fds[1], SOCK_FD) != SOCK_FD || close_range(SOCK_FD + 1, ~0U, 0) != 0 || fcntl(SOCK_FD, F_SETFD, FD_CLOEXEC) != 0)
			_exit(1);
		signal(SIGCHLD, SIG_IGN);   /* dead workers need no burial */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != role)
			_exit(1);
		keep(SOCK_FD, &k);
	}
	close(fds[1]);
	free(k.children);
	*ret_fd = fds[0];
	return OK;
}
