/* The process beside the tools role that makes jails. It reads specs from the role and does nothing else; when the role goes, so
 * does it, and with it (PR_SET_PDEATHSIG of each jail's init) every jail. */
#include "ipc/jail_priv.h"
#include "ipc/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SETUP_MS = 10000, NAMESPACES = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS };

struct host {
	int sock;
	uid_t uid;
	gid_t gid;
};

/* A jail being made. */
struct making {
	int in[2], out[2], err[2];   /* pipes of the server */
	int go[2], report[2];
	int pidfd;
	pid_t pid;
};

static void
reply(const struct host *h, uint64_t id, uint16_t error, const char *why, const struct making *m)
{
	struct buf b;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(JAIL_FDS * sizeof(int))];
	} control = { 0 };

	buf_init(&b, JAIL_REPLY_MAX);
	buf_put_u64(&b, id);
	buf_put_u16(&b, error);
	buf_put_u32(&b, m ? (uint32_t)m->pid : 0);
	buf_put_vec16(&b, span_str(why));
	struct iovec v = { b.p, b.n };
	struct msghdr g = { .msg_iov = &v, .msg_iovlen = 1 };
	if (m) {
		const int fds[JAIL_FDS] = { m->in[1], m->out[0], m->err[0], m->pidfd };
		g.msg_control = control.bytes;
		g.msg_controllen = sizeof control.bytes;
		struct cmsghdr *c = CMSG_FIRSTHDR(&g);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fds);
		memcpy(CMSG_DATA(c), fds, sizeof fds);
	}
	ssize_t n;
	do
		n = sendmsg(h->sock, &g, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	buf_fini(&b);
	if (n < 0)
		_exit(0);   /* nobody is there any more */
}

static void
close_pair(int p[static 2])
{
	for (int i = 0; i < 2; i++) {
		if (p[i] >= 0)
			close(p[i]);
		p[i] = -1;
	}
}

static void
making_fini(struct making *m)
{
	close_pair(m->in);
	close_pair(m->out);
	close_pair(m->err);
	close_pair(m->go);
	close_pair(m->report);
	if (m->pidfd >= 0)
		close(m->pidfd);
	m->pidfd = -1;
}

/* Ends towards the role do not block; the server's own are as servers expect them. */
static bool
making_init(struct making *m)
{
	*m = (struct making){ { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 }, -1, 0 };
	return pipe2(m->in, O_CLOEXEC) == 0 && pipe2(m->out, O_CLOEXEC) == 0 && pipe2(m->err, O_CLOEXEC) == 0 &&
	       pipe2(m->go, O_CLOEXEC) == 0 && pipe2(m->report, O_CLOEXEC) == 0 && fcntl(m->in[1], F_SETFL, O_NONBLOCK) == 0 &&
	       fcntl(m->out[0], F_SETFL, O_NONBLOCK) == 0 && fcntl(m->err[0], F_SETFL, O_NONBLOCK) == 0;
}

static bool
write_file(pid_t pid, const char *name, const char *text)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Inside, the server has the same numbers as outside, and no other exist. */
static bool
write_maps(const struct host *h, pid_t pid)
{
	char uid[64], gid[64];

	snprintf(uid, sizeof uid, "%u %u 1\n", (unsigned)h->uid, (unsigned)h->uid);
	snprintf(gid, sizeof gid, "%u %u 1\n", (unsigned)h->gid, (unsigned)h->gid);
	return write_file(pid, "setgroups", "deny") && write_file(pid, "uid_map", uid) && write_file(pid, "gid_map", gid);
}

/* What the inside says until the server runs: nothing (the pipe closes) or why not. */
static bool
wait_report(struct making *m, struct jail_report *r)
{
	struct pollfd p = { .fd = m->report[0], .events = POLLIN };
	int n;

	do
		n = poll(&p, 1, SETUP_MS);
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		*r = (struct jail_report){ .error = E_TIMEOUT, .why = "the sandbox could not be prepared in time" };
		return false;
	}
	ssize_t got = read(m->report[0], r, sizeof *r);
	if (got == 0)
		return true;
	if (got != (ssize_t)sizeof *r)
		*r = (struct jail_report){ .error = E_INTERNAL, .why = "the sandbox broke while it was prepared" };
	r->why[sizeof r->why - 1] = 0;
	return false;
}

/* With vfork semantics avoided: the child runs its own code in its own copy of this small process. */
static status
clone_inside(const struct host *h, const struct jail_plan *p, struct making *m, struct jail_report *r)
{
	struct clone_args args = {
		.flags = CLONE_PIDFD | NAMESPACES | (p->network ? 0 : CLONE_NEWNET),
		.pidfd = (uintptr_t)&m->pidfd, .exit_signal = SIGCHLD,
	};
	long pid = syscall(SYS_clone3, &args, sizeof args);

	if (pid < 0) {
		r->error = errno == ENOMEM || errno == EAGAIN ? E_NO_MEMORY : E_SANDBOX;
		snprintf(r->why, sizeof r->why, "this system does not allow the namespaces a tool server's sandbox needs (%s)",
		         strerror(errno));
		return FAIL(r->error);
	}
	if (pid == 0) {
		const int std[3] = { m->in[0], m->out[1], m->err[1] };
		close(h->sock);
		close(m->go[1]);
		jail_inside(p, h->uid, h->gid, std, m->go[0], m->report[1]);
	}
	m->pid = (pid_t)pid;
	return OK;
}

static status
make(const struct host *h, const struct jail_plan *p, struct making *m, struct jail_report *r)
{
	if (!making_init(m)) {
		*r = (struct jail_report){ .error = E_IO, .why = "no pipes" };
		return FAIL(E_IO);
	}
	TRY(clone_inside(h, p, m, r));
	close(m->report[1]);
	m->report[1] = -1;
	if (!write_maps(h, m->pid) || write(m->go[1], "g", 1) != 1) {
		*r = (struct jail_report){ .error = E_SANDBOX, .why = "this system does not let a sandbox have its user mapped" };
		return FAIL(E_SANDBOX);
	}
	return wait_report(m, r) ? OK : FAIL(r->error);
}

static void
serve(const struct host *h, span request)
{
	struct jail_plan p;
	struct jail_report r = { 0 };
	struct making m;

	/* Only the role writes here; bytes that are not a request mean that it is owned. */
	if (failed(jail_decode(request, &p)))
		_exit(1);
	status s = make(h, &p, &m, &r);
	if (failed(s) && m.pid > 0)
		kill(m.pid, SIGKILL);
	reply(h, p.id, failed(s) ? r.error : E_OK, r.why, failed(s) ? NULL : &m);
	making_fini(&m);
	jail_plan_fini(&p);
}

static _Noreturn void
host_main(const struct host *h)
{
	static uint8_t request[JAIL_REQUEST_MAX];

	for (;;) {
		ssize_t n = recv(h->sock, request, sizeof request, MSG_TRUNC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || (size_t)n > sizeof request)
			_exit(0);
		serve(h, span_make(request, (size_t)n));
	}
}

/* Starting processes for another user needs these; without root there is one user only. */
static status
become_host(uid_t host_uid, gid_t host_gid)
{
	const uint64_t keep = UINT64_C(1) << CAP_SETUID | UINT64_C(1) << CAP_SETGID | UINT64_C(1) << CAP_SETFCAP;
	const struct rlimit none = { 0, 0 };

	TRY(spawn_become(host_uid, host_gid, NULL, keep));
	ENSURE(setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, E_IO);
	/* Its children's /proc entries must be its own, or it could not map their users. There is nothing to read in it. */
	ENSURE(prctl(PR_SET_DUMPABLE, 1) == 0, E_IO);
	signal(SIGCHLD, SIG_IGN);   /* the kernel reaps; pidfds tell whoever wants to know */
	signal(SIGPIPE, SIG_IGN);
	return OK;
}

static _Noreturn void
child(int sock, uid_t host_uid, gid_t host_gid, uid_t uid, gid_t gid, pid_t parent)
{
	struct host h = { sock, uid == (uid_t)-1 ? getuid() : uid, gid == (gid_t)-1 ? getgid() : gid };

	if (failed(become_host(host_uid, host_gid)) || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(1);
	/* Standard error stays for the last words of a broken libc; descriptor 3 is the role's, not ours. */
	int low = fcntl(sock, F_DUPFD_CLOEXEC, 64);
	if (low < 0 || close_range(3, (unsigned)low - 1, 0) != 0 || close_range((unsigned)low + 1, ~0U, 0) != 0)
		_exit(1);
	h.sock = low;
	host_main(&h);
}

status
jailer_fork(uid_t host_uid, gid_t host_gid, uid_t uid, gid_t gid, int *ret_fd)
{
	int fds[2];
	pid_t parent = getpid();

	ENSURE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0, E_IO);
	pid_t pid = fork();
	if (pid < 0) {
		close(fds[0]);
		close(fds[1]);
		return FAIL(E_NO_MEMORY);
	}
	if (pid == 0)
		child(fds[1], host_uid, host_gid, uid, gid, parent);
	close(fds[1]);
	*ret_fd = fds[0];
	return OK;
}
