/* One upstream as the engine role sees it: its queue of jobs and the worker that does them one after another. */
#include "role/engine_priv.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MS INT64_C(1000000)
static const int64_t BACKOFF_FIRST = 100 * MS, BACKOFF_MAX = 3000 * MS;

static void start_next(struct upstream_link *u);

static span name_of(const struct upstream_link *u) { return span_str(u->name); }
static struct job *first(struct upstream_link *u) { return container_of(u->jobs.next, struct job, link); }

static void
job_free(struct job *j)
{
	list_del(&j->link);
	j->upstream->jobs_n--;
	free(j);
}

static void
drop_worker(struct upstream_link *u)
{
	loop_timer_stop(&u->deadline);
	loop_fd_close(&u->sock);
	buf_reset(&u->in);
	if (u->in_fd >= 0)
		close(u->in_fd);
	u->in_fd = -1;
	u->stale = false;
	engine_keeper_stop(u->role->w->keeper_fd, name_of(u));
}

static void
finish(struct upstream_link *u, const struct job_result *res, int own_fd)
{
	struct job *j = first(u);

	loop_timer_stop(&u->deadline);
	u->busy = false;
	list_del(&j->link);
	engine_done(u->role, j, res, own_fd);
	job_free(j);
}

static void
on_next(struct loop_hook *h)
{
	start_next(container_of(h, struct upstream_link, next));
}

static void
next_later(struct upstream_link *u)
{
	loop_soon(u->role->w->loop, &u->next, on_next);
}

/* The worker is gone or useless: the job under way failed, and the next gets another worker, not at once if this goes on. */
static void
lost(struct upstream_link *u, uint16_t error, const char *why)
{
	struct job_result res = { .error = error, .why = span_str(why) };
	bool busy = u->busy;

	drop_worker(u);
	u->backoff = u->backoff ? 2 * u->backoff < BACKOFF_MAX ? 2 * u->backoff : BACKOFF_MAX : BACKOFF_FIRST;
	if (busy)
		finish(u, &res, -1);
	next_later(u);
}

static void
on_deadline(struct loop_timer *t)
{
	struct upstream_link *u = container_of(t, struct upstream_link, deadline);

	log_warn("a worker does not answer", KV("upstream", name_of(u)), KV("job", job_name((enum job_kind)first(u)->kind)));
	lost(u, E_TIMEOUT, "the upstream does not answer");
}

/* ---- what the worker says ---- */

/* One read; false: nothing (more) to read now, or the end (the worker is dropped). */
static bool
take(struct upstream_link *u)
{
	uint8_t room[65536];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec v = { room, sizeof room };
	struct msghdr g = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
	ssize_t n = recvmsg(u->sock.fd, &g, MSG_CMSG_CLOEXEC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		/* Its alarm, or a call that it may not make. */
		bool busy = u->busy;
		if (busy)
			log_warn("a worker died", KV("upstream", name_of(u)), KV("job", job_name((enum job_kind)first(u)->kind)));
		lost(u, E_UNAVAILABLE, "the worker of this upstream ended");
		return false;
	}
	struct cmsghdr *c = CMSG_FIRSTHDR(&g);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		if (u->in_fd >= 0)
			close(u->in_fd);
		memcpy(&u->in_fd, CMSG_DATA(c), sizeof u->in_fd);
	}
	buf_put(&u->in, span_make(room, (size_t)n));
	return true;
}

static void
read_result(struct upstream_link *u)
{
	struct reader r = rd_make(buf_span(&u->in));
	struct job_result res;

	if (u->in.n < 4)
		return;
	uint32_t n = rd_u32(&r);
	if (u->in.err || n > ENGINE_BODY_MAX + 4096 || !u->busy) {
		lost(u, E_UPSTREAM, "the worker of this upstream spoke nonsense");
		return;
	}
	if (u->in.n < 4 + (size_t)n)
		return;
	if (u->in.n > 4 + (size_t)n || !job_result_read(span_sub(buf_span(&u->in), 4, n), &res)) {
		lost(u, E_UPSTREAM, "the worker of this upstream spoke nonsense");
		return;
	}
	int fd = u->in_fd;
	u->in_fd = -1;
	u->backoff = 0;
	finish(u, &res, fd);
	buf_reset(&u->in);
	if (u->stale)
		drop_worker(u);
	next_later(u);
}

static void
on_readable(struct loop_fd *f, unsigned)
{
	struct upstream_link *u = container_of(f, struct upstream_link, sock);

	while (loop_fd_active(&u->sock) && take(u))
		read_result(u);
}

/* ---- giving it work ---- */

static void
on_again(struct loop_timer *t)
{
	start_next(container_of(t, struct upstream_link, again));
}

static status
have_worker(struct upstream_link *u)
{
	int fd;

	if (loop_fd_active(&u->sock))
		return OK;
	TRY(engine_keeper_start(u->role->w->keeper_fd, name_of(u), buf_span(&u->spec), &fd));
	status s = loop_fd_add(u->role->w->loop, &u->sock, fd, LOOP_READ, on_readable);
	if (failed(s))
		close(fd);
	return s;
}

static status
give(struct upstream_link *u, const struct job *j)
{
	CLEANUP(buf_fini) struct buf b;
	const struct job_order o = { .kind = j->kind, .lease = j->lease, .end = j->end, .template = span_str(j->template),
	                             .agent = span_str(j->agent), .task = span_str(j->task) };
	struct iovec v;
	struct msghdr g = { .msg_iov = &v, .msg_iovlen = 1 };

	buf_init(&b, 4096);
	job_order_put(&o, &b);
	TRY(buf_finish(&b));
	v = (struct iovec){ b.p, b.n };
	/* A worker without a job has an empty socket: it is taken whole or not at all. */
	ENSURE(sendmsg(u->sock.fd, &g, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)b.n, E_UNAVAILABLE);
	return OK;
}

static void
start_next(struct upstream_link *u)
{
	if (u->busy || list_empty(&u->jobs) || loop_timer_active(&u->again))
		return;
	if (u->backoff && !u->waited && !loop_fd_active(&u->sock)) {
		u->waited = true;
		loop_timer_after(u->role->w->loop, &u->again, u->backoff, on_again);
		return;
	}
	u->waited = false;
	struct job *j = first(u);
	status s = have_worker(u);
	u->busy = true;
	if (!failed(s))
		s = give(u, j);
	if (failed(s)) {
		lost(u, s.code, "no worker can be started for this upstream");
		return;
	}
	loop_timer_after(u->role->w->loop, &u->deadline, (int64_t)(job_seconds((enum job_kind)j->kind) + 3) * 1000 * MS, on_deadline);
}

/* ---- for the role ---- */

struct upstream_link *
upstream_link_find(struct engine_role *r, span name)
{
	list_for(it, &r->upstreams) {
		struct upstream_link *u = container_of(it, struct upstream_link, link);
		if (span_is(name, u->name))
			return u;
	}
	return NULL;
}

status
upstream_link_set(struct engine_role *r, span name, span spec)
{
	struct upstream_link *u = upstream_link_find(r, name);

	ENSURE(name.n && name.n < sizeof u->name && spec.n, E_BAD_MESSAGE);
	if (!u) {
		u = calloc(1, sizeof *u);
		ENSURE(u, E_NO_MEMORY);
		u->role = r;
		u->in_fd = -1;
		memcpy(u->name, name.p, name.n);
		buf_init(&u->spec, ENGINE_SPEC_MAX);
		buf_init(&u->in, ENGINE_BODY_MAX + 8192);
		list_init(&u->jobs);
		list_add_tail(&r->upstreams, &u->link);
	} else if (span_eq(buf_span(&u->spec), spec)) {
		return OK;
	}
	buf_reset(&u->spec);
	buf_put(&u->spec, spec);
	u->backoff = 0;
	if (u->busy)
		u->stale = true;
	else
		drop_worker(u);
	return buf_finish(&u->spec);
}

void
upstream_link_gone(struct engine_role *r, span name)
{
	struct upstream_link *u = upstream_link_find(r, name);
	struct job_result res = { .error = E_NOT_FOUND, .why = SPAN("the upstream was removed") };

	if (!u)
		return;
	drop_worker(u);
	while (!list_empty(&u->jobs)) {
		u->busy = true;
		finish(u, &res, -1);
	}
	loop_timer_stop(&u->again);
	loop_hook_stop(&u->next);
	list_del(&u->link);
	buf_fini(&u->spec);
	buf_fini(&u->in);
	free(u);
}

status
upstream_link_job(struct engine_role *r, span name, const struct job *j)
{
	struct upstream_link *u = upstream_link_find(r, name);

	ENSURE(u, E_NOT_FOUND);
	ENSURE(u->jobs_n < ENGINE_JOBS_MAX, E_LIMIT);
	struct job *own = malloc(sizeof *own);
	ENSURE(own, E_NO_MEMORY);
	*own = *j;
	own->upstream = u;
	list_add_tail(&u->jobs, &own->link);
	u->jobs_n++;
	next_later(u);
	return OK;
}

void
upstream_link_forget(struct engine_role *r, span name, uint64_t lease)
{
	struct upstream_link *u = upstream_link_find(r, name);

	if (!u)
		return;
	list_for_safe(it, &u->jobs) {
		struct job *j = container_of(it, struct job, link);
		if (j->lease == lease && j->kind == JOB_CREATE && !(u->busy && j == first(u)))
			job_free(j);
	}
}

void
upstream_links_forget(struct engine_role *r)
{
	list_for(up, &r->upstreams) {
		struct upstream_link *u = container_of(up, struct upstream_link, link);
		list_for_safe(it, &u->jobs) {
			struct job *j = container_of(it, struct job, link);
			if (!(u->busy && j == first(u)))
				job_free(j);
		}
	}
}
