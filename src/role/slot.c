#include "role/slot.h"

#include "base/log.h"
#include "ipc/spawn.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS INT64_C(1000000)

/* A role that lived this long had a good start: its next death is met at once. */
static const int64_t GOOD_LIFE = 10000 * MS;
static const int64_t BACKOFF_FIRST = 100 * MS, BACKOFF_MAX = 3000 * MS, STOP_TIME = 3000 * MS;

static int exe = -1;   /* of the whole process: spawn_open_self() */

static void
on_again(struct loop_timer *t)
{
	slot_start(container_of(t, struct slot, again), exe);
}

static void
wait_and_retry(struct slot *s)
{
	int64_t now = loop_now(s->loop).boot;

	if (now - s->started >= GOOD_LIFE)
		s->backoff = 0;
	s->state = SLOT_WAITING;
	loop_timer_set(s->loop, &s->again, now + s->backoff, on_again);
	s->backoff = s->backoff == 0 ? BACKOFF_FIRST : s->backoff * 2 > BACKOFF_MAX ? BACKOFF_MAX : s->backoff * 2;
}

static void
drop_channel(struct slot *s)
{
	channel_close(s->channel);
	s->channel = NULL;
}

/* Readable pidfd: the process has ended. */
static void
on_exit(struct loop_fd *f, unsigned)
{
	struct slot *s = container_of(f, struct slot, pidfd);
	siginfo_t info = { 0 };

	if (waitid(P_PIDFD, (id_t)f->fd, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0)
		return;
	bool orderly = s->stopping && info.si_code == CLD_EXITED && info.si_status == 0;
	if (orderly)
		log_debug("role stopped", KV("name", role_name(s->id)), KV("index", s->index));
	else
		log_warn("role died", KV("name", role_name(s->id)), KV("index", s->index), KV("pid", (int)s->pid),
		         KV(info.si_code == CLD_EXITED ? "exit" : "signal", info.si_status));
	loop_fd_close(&s->pidfd);
	loop_timer_stop(&s->again);
	drop_channel(s);
	s->pid = 0;
	s->state = SLOT_DOWN;
	if (!s->stopping) {
		s->restarts++;
		wait_and_retry(s);
	}
	s->ops->gone(s);
}

/* Once it is up: what it has forked before (the jailer, and so the tool servers) runs anywhere. */
static void
place(const struct slot *s)
{
	cpu_set_t set;

	if (s->processor < 0 || !s->pid)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)s->processor, &set);
	if (sched_setaffinity(s->pid, sizeof set, &set) != 0)
		log_debug("a role could not be placed", KV("name", role_name(s->id)), KV("processor", s->processor));
}

static void
on_message(void *ctx, struct channel *c, struct msg *m)
{
	struct slot *s = ctx;

	if (m->type == MSG_READY) {
		s->state = SLOT_UP;
		place(s);
		log_debug("role up", KV("name", role_name(s->id)), KV("index", s->index), KV("pid", (int)s->pid));
	}
	s->ops->message(s, m);
}

static void
on_ended(void *ctx, struct channel *c, enum channel_end why, uint16_t type)
{
	struct slot *s = ctx;

	s->channel = NULL;
	if (why != CHANNEL_EOF)
		log_error("role is broken", KV("name", role_name(s->id)), KV("index", s->index), KV("why", channel_end_name(why)),
		          KV("message", msg_name(type)));
	/* Without this channel it can not be led; it may already be dead. */
	slot_kill(s);
}

static status
spawn(struct slot *s, int child_fd)
{
	char index[12], uid[12], servers[12];
	int pidfd;

	snprintf(index, sizeof index, "%u", s->index);
	snprintf(uid, sizeof uid, s->uid == (uid_t)-1 ? "-" : "%u", (unsigned)s->uid);
	snprintf(servers, sizeof servers, s->servers == (uid_t)-1 ? "-" : "%u", (unsigned)s->servers);
	const char *argv[] = { "ambitd", "-x", role_name(s->id), index, uid, uid, s->root[0] ? s->root : "-",
	                       s->key_file ? s->key_file : "-", servers, NULL };
	const struct spawn_options o = { .exe_fd = exe, .channel_fd = child_fd, .argv = argv };
	TRY(spawn_self(&o, &s->pid, &pidfd));
	/* A pidfd does not block: it is only ever polled and waited on. */
	status st = loop_fd_add(s->loop, &s->pidfd, pidfd, LOOP_READ, on_exit);
	if (failed(st)) {
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		waitid(P_PIDFD, (id_t)pidfd, &(siginfo_t){ 0 }, WEXITED);
		close(pidfd);
	}
	return st;
}

static status
try_start(struct slot *s)
{
	static const struct channel_ops ops = { on_message, NULL, on_ended };
	int fds[2];

	TRY(channel_pair(fds));
	status st = spawn(s, fds[1]);
	close(fds[1]);
	if (failed(st)) {
		close(fds[0]);
		return st;
	}
	s->state = SLOT_STARTING;
	s->complaints = 0;
	st = channel_new(s->loop, fds[0], ROLE_SUPERVISOR, s->id, &ops, s, &s->channel);
	if (failed(st))
		slot_kill(s);   /* its end leads to the next try */
	else
		s->ops->started(s);
	return OK;
}

void
slot_start(struct slot *s, int exe_fd)
{
	exe = exe_fd;
	s->started = loop_now(s->loop).boot;
	status st = try_start(s);
	if (failed(st)) {
		log_error("a role can not be started", KV("name", role_name(s->id)), KV("status", st));
		s->pid = 0;
		wait_and_retry(s);
	}
}

void
slot_kill(struct slot *s)
{
	if (loop_fd_active(&s->pidfd))
		syscall(SYS_pidfd_send_signal, s->pidfd.fd, SIGKILL, NULL, 0);
}

static void
on_stop_timeout(struct loop_timer *t)
{
	struct slot *s = container_of(t, struct slot, again);

	log_warn("role does not stop", KV("name", role_name(s->id)), KV("index", s->index));
	slot_kill(s);
}

void
slot_stop(struct slot *s)
{
	struct msg m = msg_make(MSG_STOP);

	if (s->stopping)
		return;
	s->stopping = true;
	loop_timer_stop(&s->again);
	if (!loop_fd_active(&s->pidfd)) {
		s->state = SLOT_DOWN;
		s->ops->gone(s);
		return;
	}
	if (!s->channel || failed(channel_send(s->channel, &m)))
		slot_kill(s);
	else
		loop_timer_after(s->loop, &s->again, STOP_TIME, on_stop_timeout);
}
