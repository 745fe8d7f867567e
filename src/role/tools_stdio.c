#include "role/tools_priv.h"

#include "base/log.h"

#include <errno.h>
#include <unistd.h>

/* A server of its own for each task, in a jail (ipc/jail.h), speaking one JSON message a line. */

enum { PID_STARTING = -3 };   /* pid_fd while the jailer has not answered */

static void
on_err(struct loop_fd *f, unsigned)
{
	struct session *s = container_of(f, struct session, err);
	char text[2048];
	ssize_t n = read(f->fd, text, sizeof text);
	if (n > 0) {
		CLEANUP(buf_fini) struct buf tmp = { 0 };
		log_debug("tool server says", KV("server", s->server->name), KV("text", session_redact(s, span_make(text, (size_t)n), &tmp)));
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		loop_fd_close(f);
}

static void
on_in(struct loop_fd *f, unsigned events)
{
	struct session *s = container_of(f, struct session, in);
	while (s->outgoing.n) {
		ssize_t n = write(f->fd, s->outgoing.p, s->outgoing.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			loop_fd_want(f, LOOP_WRITE);
			return;
		}
		if (n < 0) {
			session_lost(s, SPAN("it closed its input"));
			return;
		}
		buf_consume(&s->outgoing, (size_t)n);
	}
	loop_fd_want(f, 0);
	if (events & LOOP_HUP)
		session_lost(s, SPAN("it closed its input"));
}

static void
on_out(struct loop_fd *f, unsigned)
{
	struct session *s = container_of(f, struct session, out);
	uint8_t *room = buf_reserve(&s->incoming, LOOP_BYTES) ? s->incoming.p + s->incoming.n : NULL;
	ssize_t n = room ? read(f->fd, room, LOOP_BYTES) : -1;
	if (!room) {
		session_lost(s, SPAN("it sent a message of more than 16 MiB"));
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		session_lost(s, SPAN("it closed its output"));
		return;
	}
	size_t from = s->incoming.n, start = 0;
	s->incoming.n += (size_t)n;
	for (;;) {
		span rest = span_sub(buf_span(&s->incoming), from, s->incoming.n);
		size_t at = span_find(rest, '\n');
		if (at == rest.n)
			break;
		span line = span_sub(buf_span(&s->incoming), start, from + at - start);
		if (span_ends(line, SPAN("\r")))
			line.n--;
		if (line.n && s->state != SESSION_ENDING)
			mcp_client_feed(s->mcp, line);
		start = from = from + at + 1;
	}
	buf_consume(&s->incoming, start);
}

static void
on_pidfd(struct loop_fd *f, unsigned)
{
	struct session *s = container_of(f, struct session, pidfd);
	loop_fd_close(f);
	s->pid_fd = -1;
	if (s->state != SESSION_ENDING) {
		session_lost(s, SPAN("its process ended"));
		return;
	}
	loop_fd_close(&s->in);
	loop_fd_close(&s->out);
	loop_fd_close(&s->err);
	session_gone(s);
}

static void
close_child(const struct jail_child *c)
{
	close(c->in);
	close(c->out);
	close(c->err);
}

static void
on_started(void *ctx, status st, const struct jail_child *child, span why)
{
	struct session *s = ctx;
	if (failed(st)) {
		log_warn("tool server can not be started", KV("server", s->server->name), KV("status", st), KV("why", why));
		s->pid_fd = -1;
		if (s->state == SESSION_ENDING)
			session_gone(s);
		else
			session_end(s, st.code);
		return;
	}
	struct loop *l = s->tools->w->loop;
	s->pid_fd = child->pidfd;
	/* Whatever fails from here, the pidfd is what tells that nothing is left. */
	if (failed(loop_fd_add(l, &s->pidfd, child->pidfd, LOOP_READ, on_pidfd))) {
		jail_kill(child->pidfd);
		close(child->pidfd);
		close_child(child);
		s->pid_fd = -1;
		role_fail(s->tools->w, FAIL(E_NO_MEMORY), "a started jail could not be watched");
		return;
	}
	if (failed(loop_fd_add(l, &s->in, child->in, 0, on_in)) || failed(loop_fd_add(l, &s->out, child->out, LOOP_READ, on_out)) ||
	    failed(loop_fd_add(l, &s->err, child->err, LOOP_READ, on_err))) {
		if (!loop_fd_active(&s->in))
			close(child->in);
		if (!loop_fd_active(&s->out))
			close(child->out);
		close(child->err);
		session_end(s, E_NO_MEMORY);
		jail_kill(child->pidfd);
		return;
	}
	if (s->state == SESSION_ENDING)
		jail_kill(s->pid_fd);
	else
		mcp_client_start(s->mcp);
}

static status
stdio_start(struct session *s)
{
	const struct tool_server *v = s->server;
	ENSURE(s->tools->jailer, E_SANDBOX);
	struct jail_spec spec = {
		.argv = v->argv, .argc = v->argc, .env = v->env, .envc = v->envc, .read = v->read, .reads = v->reads, .write = v->write,
		.writes = v->writes, .cwd = v->cwd, .memory_mb = v->memory_mb,
		/* Discovery looks at a server nobody has reviewed: no network, and nothing of the environment that could hold a secret. */
		.network = v->network && s->task != 0,
	};
	if (s->task == 0)
		spec.envc = 0;
	span env[TOOLS_ARGS + TOOLS_SECRETS];
	memcpy(env, v->env, spec.envc * sizeof *env);
	for (uint32_t i = 0; i < v->secret_n; i++)
		if (s->secrets[i])
			env[spec.envc++] = secret_reveal(s->secrets[i]);
	spec.env = env;
	TRY(jail_start(s->tools->jailer, &spec, on_started, s));
	s->pid_fd = PID_STARTING;
	return OK;
}

static status
stdio_send(struct session *s, const struct mcp_outgoing_message *m)
{
	ENSURE(loop_fd_active(&s->in), E_UNAVAILABLE);
	buf_put(&s->outgoing, m->text);
	buf_put_u8(&s->outgoing, '\n');
	TRY(buf_finish(&s->outgoing));
	on_in(&s->in, 0);
	return OK;
}

/* One pipe carries all calls: the cancellation is told to the server by the client; its answer, if one comes, is dropped. */
static void
stdio_cut(struct session *, uint64_t)
{
}

static void
stdio_end(struct session *s)
{
	if (s->pid_fd == PID_STARTING)
		return; /* on_started ends it */
	if (s->pid_fd < 0) {
		loop_fd_close(&s->in);
		loop_fd_close(&s->out);
		loop_fd_close(&s->err);
		session_gone(s);
		return;
	}
	jail_kill(s->pid_fd); /* a failure shows as unconfirmed, and is tried again */
}

const struct transport stdio_transport = { stdio_start, stdio_send, stdio_cut, stdio_end };
