#include "tests/test.h"

#include "net/loop.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

struct fake_env {
	struct env env;
	instant t;
};

static instant
fake_now(struct env *e)
{
	return container_of(e, struct fake_env, env)->t;
}

static const struct env_ops fake_ops = { .now = fake_now };

struct fixture {
	struct fake_env clock;
	struct loop *l;
	char log[256];
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	f->clock.env.ops = &fake_ops;
	f->clock.t.boot = 1000;
	assert_ok(loop_new(&f->clock.env, &f->l));
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	loop_free(f->l);
	free(f);
	return 0;
}

static void
note(struct fixture *f, const char *s)
{
	strncat(f->log, s, sizeof f->log - strlen(f->log) - 1);
}

struct timed {
	struct loop_timer t;
	struct fixture *f;
	const char *name;
	int fired;
	int64_t at;
};

static void
timed_fire(struct loop_timer *t)
{
	struct timed *x = container_of(t, struct timed, t);
	note(x->f, x->name);
	x->fired++;
	x->at = loop_now(x->f->l).boot;
}

static void
timers_fire_in_order_and_once(void **state)
{
	struct fixture *f = *state;
	struct timed a = { .f = f, .name = "a" }, b = { .f = f, .name = "b" }, c = { .f = f, .name = "c" };
	loop_timer_set(f->l, &b.t, 3000, timed_fire);
	loop_timer_set(f->l, &a.t, 2000, timed_fire);
	loop_timer_set(f->l, &c.t, 4000, timed_fire);
	loop_timer_set(f->l, &a.t, 3500, timed_fire);   /* later: lazily */
	loop_timer_set(f->l, &c.t, 2500, timed_fire);   /* earlier */
	f->clock.t.boot = 2100;
	assert_ok(loop_step(f->l, 0));
	assert_string_equal(f->log, "");
	f->clock.t.boot = 2600;
	assert_ok(loop_step(f->l, 0));
	assert_string_equal(f->log, "c");
	f->clock.t.boot = 9000;
	assert_ok(loop_step(f->l, 0));
	assert_string_equal(f->log, "cba");
	assert_ok(loop_step(f->l, 0));
	assert_string_equal(f->log, "cba");
	assert_false(loop_timer_active(&a.t));
}

static void
timers_survive_random_use(void **state)
{
	struct fixture *f = *state;
	enum { N = 300 };
	static struct timed t[N];
	int64_t due[N] = { 0 };
	memset(t, 0, sizeof t);
	unsigned rnd = 12345;
	for (int i = 0; i < N; i++)
		t[i].f = f, t[i].name = "";
	for (int step = 0; step < 20000; step++) {
		rnd = rnd * 1103515245u + 12345u;
		int i = (int)(rnd >> 8) % N;
		unsigned what = rnd >> 28;
		if (what < 9) {
			due[i] = f->clock.t.boot + 1 + (int64_t)(rnd % 1000);
			loop_timer_set(f->l, &t[i].t, due[i], timed_fire);
		} else if (what < 12) {
			loop_timer_stop(&t[i].t);
			due[i] = 0;
		} else {
			f->clock.t.boot += rnd % 50;
			for (int k = 0; k < 4; k++)
				assert_ok(loop_step(f->l, 0));
			for (int k = 0; k < N; k++) {
				bool should = due[k] && due[k] <= f->clock.t.boot;
				assert_int_equal(t[k].fired, should);
				if (should)
					due[k] = t[k].fired = 0;
				assert_int_equal(loop_timer_active(&t[k].t), due[k] != 0);
			}
		}
	}
	for (int i = 0; i < N; i++)
		loop_timer_stop(&t[i].t);
}

static void
timed_rearm(struct loop_timer *t)
{
	struct timed *x = container_of(t, struct timed, t);
	x->fired++;
	loop_timer_set(x->f->l, t, 0, timed_rearm);
}

static void
a_timer_that_rearms_itself_does_not_hang_the_turn(void **state)
{
	struct fixture *f = *state;
	struct timed a = { .f = f };
	loop_timer_set(f->l, &a.t, 0, timed_rearm);
	assert_ok(loop_step(f->l, 0));
	assert_int_equal(a.fired, LOOP_TIMERS);
	loop_timer_stop(&a.t);
}

struct hooked {
	struct loop_hook h;
	struct fixture *f;
	const char *name;
	struct hooked *then;
	int ran;
};

static void
hook_run(struct loop_hook *h)
{
	struct hooked *x = container_of(h, struct hooked, h);
	note(x->f, x->name);
	x->ran++;
	if (x->then)
		loop_defer(x->f->l, &x->then->h, hook_run);
}

static void
hooks_run_once_a_turn_in_order(void **state)
{
	struct fixture *f = *state;
	struct hooked a = { .f = f, .name = "a" }, b = { .f = f, .name = "b", .then = &a }, c = { .f = f, .name = "c" };
	loop_defer(f->l, &a.h, hook_run);
	loop_defer(f->l, &b.h, hook_run);
	loop_defer(f->l, &a.h, hook_run);
	loop_soon(f->l, &c.h, hook_run);
	assert_ok(loop_step(f->l, -1));   /* does not wait: c is due */
	assert_string_equal(f->log, "caba");
	loop_defer(f->l, &c.h, hook_run);
	loop_hook_stop(&c.h);
	assert_ok(loop_step(f->l, 0));
	assert_string_equal(f->log, "caba");
}

static void
hooks_that_queue_each_other_do_not_hang_the_turn(void **state)
{
	struct fixture *f = *state;
	struct hooked a = { .f = f, .name = "" }, b = { .f = f, .name = "", .then = &a };
	a.then = &b;
	loop_defer(f->l, &a.h, hook_run);
	assert_ok(loop_step(f->l, 0));
	assert_in_range(a.ran + b.ran, 2, 100);
	int before = a.ran + b.ran;
	assert_ok(loop_step(f->l, -1));   /* what was left runs without waiting */
	assert_true(a.ran + b.ran > before);
	loop_hook_stop(&a.h);
	loop_hook_stop(&b.h);
}

struct end {
	struct loop_fd f;
	struct loop_grave g;
	struct fixture *fix;
	struct end *other;
	int called, freed;
};

static void
end_reaped(struct loop_grave *g)
{
	container_of(g, struct end, g)->freed++;
}

/* Closes its peer and re-opens it on another descriptor: the peer's event of this turn must be dropped. */
static void
end_ready(struct loop_fd *lf, unsigned)
{
	struct end *e = container_of(lf, struct end, f);
	e->called++;
	char c;
	assert_int_equal(read(lf->fd, &c, 1), 1);
	if (!e->other || !loop_fd_active(&e->other->f))
		return;
	struct end *o = TAKE(e->other);
	o->other = NULL;
	loop_fd_close(&o->f);
	int p[2];
	assert_int_equal(pipe2(p, O_NONBLOCK | O_CLOEXEC), 0);
	assert_ok(loop_fd_add(e->fix->l, &o->f, p[0], LOOP_READ, end_ready));
	close(p[1]);
	loop_reap(e->fix->l, &e->g, end_reaped);
	assert_int_equal(e->freed, 0);
}

static void
events_of_a_closed_descriptor_are_dropped(void **state)
{
	struct fixture *f = *state;
	struct end a = { .fix = f }, b = { .fix = f, .other = &a };
	a.other = &b;
	int pa[2], pb[2];
	assert_int_equal(pipe2(pa, O_NONBLOCK), 0);
	assert_int_equal(pipe2(pb, O_NONBLOCK), 0);
	assert_ok(loop_fd_add(f->l, &a.f, pa[0], LOOP_READ, end_ready));
	assert_ok(loop_fd_add(f->l, &b.f, pb[0], LOOP_READ, end_ready));
	assert_int_equal(write(pa[1], "x", 1), 1);
	assert_int_equal(write(pb[1], "x", 1), 1);
	assert_ok(loop_step(f->l, 0));
	assert_int_equal(a.called + b.called, 1);
	assert_int_equal(a.freed + b.freed, 1);
	loop_fd_close(&a.f);
	loop_fd_close(&b.f);
	close(pa[1]);
	close(pb[1]);
}

static void
add_refuses_what_epoll_can_not_watch(void **state)
{
	struct fixture *f = *state;
	struct loop_fd lf = { 0 };
	assert_fails(loop_fd_add(f->l, &lf, -1, LOOP_READ, end_ready), E_IO);
	assert_false(loop_fd_active(&lf));
	loop_fd_close(&lf);
	assert_int_equal(loop_fd_take(&lf), -1);
}

static void
on_signal(void *ctx, int signo, int pid)
{
	struct fixture *f = ctx;
	assert_int_equal(pid, getpid());
	note(f, signo == SIGUSR1 ? "1" : "2");
	loop_stop(f->l);
}

static void
signals_arrive_as_events(void **state)
{
	struct fixture *f = *state;
	assert_ok(loop_signals(f->l, (int[]){ SIGUSR1, SIGUSR2 }, 2, on_signal, f));
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR2);
	assert_ok(loop_run(f->l));
	assert_string_equal(f->log, "12");
}

#define L(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
TEST_MAIN(L(timers_fire_in_order_and_once), L(timers_survive_random_use), L(a_timer_that_rearms_itself_does_not_hang_the_turn),
    L(hooks_run_once_a_turn_in_order), L(hooks_that_queue_each_other_do_not_hang_the_turn),
    L(events_of_a_closed_descriptor_are_dropped), L(add_refuses_what_epoll_can_not_watch), L(signals_arrive_as_events))
