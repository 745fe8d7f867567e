#include "ipc/jail_priv.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A start that was asked for. */
struct start {
	struct list node;
	uint64_t id;
	jail_started_fn *fn;
	void *ctx;
	struct buf request;      /* until it is sent */
	bool sent;
};

struct jailer {
	struct loop *loop;
	struct loop_fd io;
	struct loop_hook flush, finish;
	struct loop_grave grave;
	struct list starts;      /* oldest first; those sent stand before those not */
	uint64_t next_id;
	void (*gone)(void *ctx);
	void *ctx;
	bool dead;
};

static void flush(struct loop_hook *h);
static void finish(struct loop_hook *h);

static void
free_start(struct start *s)
{
	list_del(&s->node);
	/* The environment may hold secrets. */
	if (s->request.p)
		secret_wipe(s->request.p, s->request.cap);
	buf_fini(&s->request);
	free(s);
}

static void
release(struct loop_grave *g)
{
	struct jailer *j = container_of(g, struct jailer, grave);

	list_for_safe(n, &j->starts)
		free_start(container_of(n, struct start, node));
	free(j);
}

void
jailer_close(struct jailer *j)
{
	if (!j)
		return;
	loop_fd_close(&j->io);
	loop_hook_stop(&j->flush);
	loop_hook_stop(&j->finish);
	loop_reap(j->loop, &j->grave, release);
}

/* The jailer is gone: every open start fails, then the owner hears of it. From a hook, so that nobody is surprised. */
static void
die(struct jailer *j)
{
	if (j->dead)
		return;
	j->dead = true;
	loop_fd_want(&j->io, 0);
	loop_defer(j->loop, &j->finish, finish);
}

static void
finish(struct loop_hook *h)
{
	struct jailer *j = container_of(h, struct jailer, finish);

	loop_fd_close(&j->io);
	while (!list_empty(&j->starts)) {
		struct start *s = container_of(j->starts.next, struct start, node);
		jail_started_fn *fn = s->fn;
		void *ctx = s->ctx;
		free_start(s);
		fn(ctx, FAIL(E_UNAVAILABLE), NULL, SPAN("the process that starts tool servers is gone"));
	}
	if (j->gone)
		j->gone(j->ctx);
}

/* ---- replies: u64 id, u16 error, u32 pid, why; four descriptors with E_OK ------------------------------------------- */

static struct start *
find(struct jailer *j, uint64_t id)
{
	list_for(n, &j->starts) {
		struct start *s = container_of(n, struct start, node);
		if (s->sent && s->id == id)
			return s;
	}
	return NULL;
}

static void
close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

static void
on_reply(struct jailer *j, span reply, const int *fds, size_t n_fds)
{
	struct reader r = rd_make(reply);
	uint64_t id = rd_u64(&r);
	uint16_t error = rd_u16(&r);
	uint32_t pid = rd_u32(&r);
	span why = rd_vec16(&r);
	struct start *s = failed(rd_end(&r)) ? NULL : find(j, id);

	if (!s || error >= E_COUNT || n_fds != (error == E_OK ? JAIL_FDS : 0)) {
		close_all(fds, n_fds);
		die(j);
		return;
	}
	jail_started_fn *fn = s->fn;
	void *ctx = s->ctx;
	free_start(s);
	struct jail_child child = { .pid = (pid_t)pid };
	if (error == E_OK) {
		child.in = fds[0];
		child.out = fds[1];
		child.err = fds[2];
		child.pidfd = fds[3];
	}
	fn(ctx, error == E_OK ? OK : FAIL(error), error == E_OK ? &child : NULL, why);
}

static size_t
take_fds(struct msghdr *h, int fds[static JAIL_FDS])
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) && n < JAIL_FDS; i++)
			memcpy(&fds[n++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	return n;
}

static void
ready(struct loop_fd *f, unsigned events)
{
	struct jailer *j = container_of(f, struct jailer, io);
	uint8_t bytes[JAIL_REPLY_MAX];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(JAIL_FDS * sizeof(int))];
	} control;
	struct iovec v = { bytes, sizeof bytes };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
	int fds[JAIL_FDS];

	if (j->dead)
		return;
	if (events & LOOP_WRITE)
		loop_defer(j->loop, &j->flush, flush);
	if (!(events & (LOOP_READ | LOOP_HUP | LOOP_RDHUP)))
		return;
	ssize_t n = recvmsg(f->fd, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	size_t n_fds = n > 0 ? take_fds(&h, fds) : 0;
	if (n <= 0 || (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		close_all(fds, n_fds);
		die(j);
		return;
	}
	on_reply(j, span_make(bytes, (size_t)n), fds, n_fds);
}

/* ---- requests ------------------------------------------------------------------------------------------------------- */

static void
flush(struct loop_hook *h)
{
	struct jailer *j = container_of(h, struct jailer, flush);
	bool full = false;

	list_for(n, &j->starts) {
		struct start *s = container_of(n, struct start, node);
		if (s->sent)
			continue;
		struct iovec v = { s->request.p, s->request.n };
		struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
		if (sendmsg(j->io.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			full = errno == EAGAIN || errno == EINTR;
			if (!full)
				die(j);
			break;
		}
		s->sent = true;
		buf_fini(&s->request);
	}
	if (!j->dead)
		loop_fd_want(&j->io, LOOP_READ | (full ? LOOP_WRITE : 0u));
}

static bool
good_strings(const span *list, size_t n, bool paths)
{
	for (size_t i = 0; i < n; i++)
		if (span_find(list[i], 0) < list[i].n || (paths && !span_starts(list[i], SPAN("/"))))
			return false;
	return n <= JAIL_ARGS_MAX;
}

static bool
good(const struct jail_spec *s)
{
	return s->argc > 0 && s->argv[0].n > 0 && good_strings(s->argv, s->argc, false) && good_strings(s->env, s->envc, false) &&
	       good_strings(s->read, s->reads, true) && good_strings(s->write, s->writes, true) &&
	       (s->cwd.n == 0 || good_strings(&s->cwd, 1, true));
}

status
jail_start(struct jailer *j, const struct jail_spec *spec, jail_started_fn *fn, void *ctx)
{
	ENSURE(good(spec), E_BAD_REQUEST);
	ENSURE(!j->dead, E_UNAVAILABLE);
	struct start *s = calloc(1, sizeof *s);
	ENSURE(s, E_NO_MEMORY);
	list_init(&s->node);
	s->id = ++j->next_id;
	s->fn = fn;
	s->ctx = ctx;
	buf_init(&s->request, JAIL_REQUEST_MAX);
	jail_encode(s->id, spec, &s->request);
	status st = buf_finish(&s->request);
	if (failed(st)) {
		free_start(s);
		return st;
	}
	list_add_tail(&j->starts, &s->node);
	loop_defer(j->loop, &j->flush, flush);
	return OK;
}

status
jailer_new(struct loop *l, int own_fd, void (*gone)(void *ctx), void *ctx, struct jailer **ret)
{
	struct jailer *j = calloc(1, sizeof *j);
	status s = j ? OK : FAIL(E_NO_MEMORY);

	if (j) {
		j->loop = l;
		j->gone = gone;
		j->ctx = ctx;
		list_init(&j->starts);
		s = fcntl(own_fd, F_SETFL, O_NONBLOCK) == 0 ? loop_fd_add(l, &j->io, own_fd, LOOP_READ, ready) : FAIL(E_IO);
	}
	if (failed(s)) {
		close(own_fd);
		free(j);
		return s;
	}
	*ret = j;
	return OK;
}

bool
jail_kill(int pidfd)
{
	return syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0 || errno == ESRCH;
}
