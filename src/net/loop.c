#include "net/loop.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

_Static_assert(LOOP_READ == (int)EPOLLIN && LOOP_WRITE == (int)EPOLLOUT && LOOP_HUP == (int)EPOLLHUP &&
    LOOP_RDHUP == (int)EPOLLRDHUP, "our event bits are epoll's");

enum { HOOK_ROUNDS = 16 };

struct loop {
	struct env *env;
	int epfd;
	bool stop;
	instant now;
	struct loop_timer *timers;      /* root of the pairing heap: earliest key */
	struct list deferred, soon;
	struct loop_grave *graves;
	struct epoll_event events[LOOP_EVENTS];
	int next_event, n_events;       /* the part of `events` not yet dispatched */
	struct loop_fd signals;
	loop_signal_fn *signal_fn;
	void *signal_ctx;
	sigset_t old_mask;
};

status
loop_new(struct env *env, struct loop **ret)
{
	struct loop *l = calloc(1, sizeof *l);
	ENSURE(l, E_NO_MEMORY);
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0) {
		free(l);
		return FAIL(E_IO);
	}
	l->env = env;
	l->now = env_now(env);
	list_init(&l->deferred);
	list_init(&l->soon);
	*ret = l;
	return OK;
}

static void
reap(struct loop *l)
{
	while (l->graves) {
		struct loop_grave *g = l->graves;
		l->graves = g->next;
		g->fn(g);
	}
}

struct loop *
loop_free(struct loop *l)
{
	if (!l)
		return NULL;
	reap(l);
	if (loop_fd_active(&l->signals)) {
		loop_fd_close(&l->signals);
		sigprocmask(SIG_SETMASK, &l->old_mask, NULL);
	}
	close(l->epfd);
	free(l);
	return NULL;
}

void
loop_freep(struct loop **l)
{
	*l = loop_free(*l);
}

struct env *loop_env(const struct loop *l) { return l->env; }
instant loop_now(const struct loop *l) { return l->now; }
void loop_stop(struct loop *l) { l->stop = true; }

instant
loop_refresh(struct loop *l)
{
	l->now = env_now(l->env);
	return l->now;
}

/* Descriptors */

status
loop_fd_add(struct loop *l, struct loop_fd *f, int fd, unsigned want, loop_fd_fn *fn)
{
	must(!f->loop);
	struct epoll_event ev = { .events = want, .data.ptr = f };
	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return FAIL(errno == ENOMEM || errno == ENOSPC ? E_NO_MEMORY : E_IO);
	*f = (struct loop_fd){ .loop = l, .fn = fn, .fd = fd, .want = want };
	return OK;
}

void
loop_fd_want(struct loop_fd *f, unsigned want)
{
	if (!f->loop || f->want == want)
		return;
	struct epoll_event ev = { .events = want, .data.ptr = f };
	must(epoll_ctl(f->loop->epfd, EPOLL_CTL_MOD, f->fd, &ev) == 0);   /* it is registered, so nothing can be missing */
	f->want = want;
}

int
loop_fd_take(struct loop_fd *f)
{
	struct loop *l = f->loop;
	if (!l)
		return -1;
	/* Explicit, since a duplicate of the descriptor (in a child, in a message under way) would keep it in the set. */
	epoll_ctl(l->epfd, EPOLL_CTL_DEL, f->fd, NULL);
	for (int i = l->next_event; i < l->n_events; i++)
		if (l->events[i].data.ptr == f)
			l->events[i].data.ptr = NULL;
	f->loop = NULL;
	return f->fd;
}

void
loop_fd_close(struct loop_fd *f)
{
	int fd = loop_fd_take(f);
	if (fd >= 0)
		close(fd);
	f->fd = -1;
}

/* Timers: a pairing heap by `key`. Chosen over an array because arming can then never fail. */

static struct loop_timer *
meld(struct loop_timer *a, struct loop_timer *b)
{
	if (!a || !b)
		return a ? a : b;
	if (b->key < a->key) {
		struct loop_timer *t = a;
		a = b;
		b = t;
	}
	b->prev = a;
	b->next = a->child;
	if (a->child)
		a->child->prev = b;
	a->child = b;
	return a;
}

/* Two passes, iterative: meld neighbours left to right, then the results right to left. */
static struct loop_timer *
meld_siblings(struct loop_timer *first)
{
	struct loop_timer *pairs = NULL, *root = NULL;
	while (first) {
		struct loop_timer *a = first, *b = a->next;
		first = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct loop_timer *a = pairs;
		pairs = a->next;
		a->next = NULL;
		root = meld(root, a);
	}
	return root;
}

static void
heap_add(struct loop *l, struct loop_timer *t)
{
	t->child = t->next = t->prev = NULL;
	l->timers = meld(l->timers, t);
}

static void
heap_del(struct loop *l, struct loop_timer *t)
{
	struct loop_timer *rest = meld_siblings(t->child);
	if (t == l->timers) {
		l->timers = rest;
	} else {
		if (t->prev->child == t)
			t->prev->child = t->next;
		else
			t->prev->next = t->next;
		if (t->next)
			t->next->prev = t->prev;
		l->timers = meld(l->timers, rest);
	}
	t->child = t->next = t->prev = NULL;
}

void
loop_timer_set(struct loop *l, struct loop_timer *t, int64_t at, loop_timer_fn *fn)
{
	t->fn = fn;
	t->at = at;
	if (t->loop && at >= t->key)
		return;   /* found out when its old place comes up */
	loop_timer_stop(t);
	t->loop = l;
	t->key = at;
	heap_add(l, t);
}

void
loop_timer_after(struct loop *l, struct loop_timer *t, int64_t ns, loop_timer_fn *fn)
{
	int64_t at;
	if (__builtin_add_overflow(l->now.boot, ns, &at))
		at = INT64_MAX;
	loop_timer_set(l, t, at, fn);
}

void
loop_timer_stop(struct loop_timer *t)
{
	if (!t->loop)
		return;
	heap_del(t->loop, t);
	t->loop = NULL;
}

static void
run_timers(struct loop *l)
{
	for (int n = 0; n < LOOP_TIMERS && l->timers && l->timers->key <= l->now.boot; ) {
		struct loop_timer *t = l->timers;
		heap_del(l, t);
		if (t->at > l->now.boot) {
			t->key = t->at;
			heap_add(l, t);
			continue;
		}
		t->loop = NULL;
		t->fn(t);
		n++;
	}
}

/* Hooks and graves */

static void
hook_queue(struct list *queue, struct loop_hook *h, loop_hook_fn *fn)
{
	h->fn = fn;
	if (h->node.next && !list_empty(&h->node))
		return;
	list_add_tail(queue, &h->node);
}

void
loop_defer(struct loop *l, struct loop_hook *h, loop_hook_fn *fn)
{
	hook_queue(&l->deferred, h, fn);
}

void
loop_soon(struct loop *l, struct loop_hook *h, loop_hook_fn *fn)
{
	hook_queue(&l->soon, h, fn);
}

void
loop_hook_stop(struct loop_hook *h)
{
	if (h->node.next)
		list_del(&h->node);
}

static void
list_move_all(struct list *from, struct list *to)
{
	while (!list_empty(from)) {
		struct list *n = from->next;
		list_del(n);
		list_add_tail(to, n);
	}
}

static void
run_hooks(struct list *queue)
{
	struct list now;
	list_init(&now);
	list_move_all(queue, &now);
	while (!list_empty(&now)) {
		struct loop_hook *h = container_of(now.next, struct loop_hook, node);
		list_del(&h->node);
		h->fn(h);
	}
}

void
loop_reap(struct loop *l, struct loop_grave *g, loop_reap_fn *fn)
{
	g->fn = fn;
	g->next = l->graves;
	l->graves = g;
}

/* Turns */

static int
wait_ms(const struct loop *l, int limit)
{
	if (!list_empty(&l->soon))
		return 0;
	if (!l->timers)
		return limit;
	int64_t ns = l->timers->key - l->now.boot;
	if (ns <= 0)
		return 0;
	int64_t ms = ns / 1000000 + (ns % 1000000 != 0);
	if (ms > INT_MAX)
		ms = INT_MAX;
	return limit >= 0 && limit < ms ? limit : (int)ms;
}

status
loop_step(struct loop *l, int timeout_ms)
{
	int n = epoll_wait(l->epfd, l->events, LOOP_EVENTS, wait_ms(l, timeout_ms));
	if (n < 0) {
		ENSURE(errno == EINTR, E_IO);
		n = 0;
	}
	l->now = env_now(l->env);
	l->n_events = n;
	l->next_event = 0;
	run_hooks(&l->soon);
	while (l->next_event < l->n_events) {
		const struct epoll_event *ev = &l->events[l->next_event++];
		struct loop_fd *f = ev->data.ptr;
		if (!f)
			continue;
		unsigned got = ev->events;
		if (got & EPOLLERR)
			got |= LOOP_HUP;
		f->fn(f, got);
	}
	run_timers(l);
	for (int round = 0; !list_empty(&l->deferred); round++) {
		if (round == HOOK_ROUNDS) {
			list_move_all(&l->deferred, &l->soon);
			break;
		}
		run_hooks(&l->deferred);
	}
	reap(l);
	return OK;
}

status
loop_run(struct loop *l)
{
	while (!l->stop)
		TRY(loop_step(l, -1));
	l->stop = false;
	return OK;
}

/* Signals */

static void
on_signals(struct loop_fd *f, unsigned)
{
	struct loop *l = container_of(f, struct loop, signals);
	struct signalfd_siginfo si[8];
	ssize_t n = read(f->fd, si, sizeof si);
	for (ssize_t i = 0; i < n / (ssize_t)sizeof si[0]; i++)
		l->signal_fn(l->signal_ctx, (int)si[i].ssi_signo, (int)si[i].ssi_pid);
}

status
loop_signals(struct loop *l, const int *signos, size_t n, loop_signal_fn *fn, void *ctx)
{
	must(!loop_fd_active(&l->signals));
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < n; i++)
		sigaddset(&set, signos[i]);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	ENSURE(fd >= 0, E_IO);
	l->signal_fn = fn;
	l->signal_ctx = ctx;
	status s = loop_fd_add(l, &l->signals, fd, LOOP_READ, on_signals);
	if (failed(s)) {
		close(fd);
		return s;
	}
	sigprocmask(SIG_BLOCK, &set, &l->old_mask);
	return OK;
}
