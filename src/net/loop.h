/* loop: one thread, one epoll set, one timer heap.
 *
 * A turn is: wait, take the time once, dispatch what is ready, run due timers, run the hooks that were deferred, reap
 * what was marked. No callback may free its own object or another's: it closes descriptors (loop_fd_close), stops
 * timers, and hands the memory to loop_reap(), which frees after the turn; events of this turn for a closed object are
 * dropped. Everything that is written to a socket is written from a deferred hook, so each peer gets one write a turn.
 *
 * Fairness: epoll is level-triggered and the kernel rotates its ready list. A turn dispatches at most LOOP_EVENTS
 * descriptors and LOOP_TIMERS timers, a callback consumes at most LOOP_BYTES and returns; what is left comes next turn.
 *
 * All structs are embedded in their users' objects, must be zeroed (or never used) before the first call, and must not
 * move while added. Nothing here allocates except loop_new, loop_fd_add (kernel memory) and loop_signals. */
#ifndef AMBIT_NET_LOOP_H
#define AMBIT_NET_LOOP_H

#include "base/env.h"
#include "base/list.h"
#include "base/span.h"

enum {
	LOOP_EVENTS = 128,
	LOOP_TIMERS = 128,
	LOOP_BYTES = 65536,
};

/* Bits of `events`. LOOP_RDHUP: the peer sent its end (it may still read). LOOP_HUP: both directions are gone, or the
 * socket failed; always reported, wanted or not. */
enum {
	LOOP_READ = 0x001,
	LOOP_WRITE = 0x004,
	LOOP_HUP = 0x010,
	LOOP_RDHUP = 0x2000,
};

struct loop;
struct loop_fd;
struct loop_timer;
struct loop_hook;
struct loop_grave;

typedef void loop_fd_fn(struct loop_fd *f, unsigned events);
typedef void loop_timer_fn(struct loop_timer *t);
typedef void loop_hook_fn(struct loop_hook *h);
typedef void loop_reap_fn(struct loop_grave *g);

struct loop_fd {
	struct loop *loop;
	loop_fd_fn *fn;
	int fd;             /* INVARIANT: loop != NULL exactly while registered; then fd >= 0 */
	unsigned want;
};

struct loop_timer {
	struct loop_timer *child, *next, *prev;   /* pairing heap; prev: older sibling, or parent of the first child */
	struct loop *loop;
	loop_timer_fn *fn;
	int64_t at;         /* when to fire */
	int64_t key;        /* place in the heap. INVARIANT: key <= at; a timer moved later keeps its old place */
};

struct loop_hook {
	struct list node;   /* prev == NULL: never queued */
	loop_hook_fn *fn;
};

struct loop_grave {
	struct loop_grave *next;
	loop_reap_fn *fn;
};

/* E_IO when the kernel refuses, E_NO_MEMORY. `env` is borrowed. */
status loop_new(struct env *env, struct loop **ret);
/* Runs what loop_reap() still holds. Registered descriptors are not closed. Takes NULL, returns NULL. */
struct loop *loop_free(struct loop *l);
void loop_freep(struct loop **l);

struct env *loop_env(const struct loop *l);
/* The time taken at the start of this turn. */
instant loop_now(const struct loop *l);
/* Takes the time again: for a callback that worked long. */
instant loop_refresh(struct loop *l);

/* One turn; waits at most timeout_ms (-1: until something happens; 0: not at all), less if a timer is due earlier.
 * E_IO only if epoll itself fails. */
status loop_step(struct loop *l, int timeout_ms);
/* Turns until loop_stop(). */
status loop_run(struct loop *l);
void loop_stop(struct loop *l);

/* Registers fd, which must be non-blocking. E_IO (EPERM: a regular file), E_NO_MEMORY. On failure the descriptor stays
 * the caller's and f is untouched. */
status loop_fd_add(struct loop *l, struct loop_fd *f, int fd, unsigned want, loop_fd_fn *fn);
/* Changes what is waited for; no system call when nothing changes. */
void loop_fd_want(struct loop_fd *f, unsigned want);
/* Unregisters and closes. No-op when not registered. No callback follows. */
void loop_fd_close(struct loop_fd *f);
/* Unregisters and gives the descriptor back (-1 when not registered). No callback follows. */
int loop_fd_take(struct loop_fd *f);
static inline bool loop_fd_active(const struct loop_fd *f) { return f->loop != NULL; }

/* Arms (or moves) the timer to `at` nanoseconds of the boot clock. It fires once. Moving it later is O(1). */
void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t at, loop_timer_fn *fn);
/* The same, `ns` after loop_now(). */
void loop_timer_after(struct loop *l, struct loop_timer *t, int64_t ns, loop_timer_fn *fn);
void loop_timer_stop(struct loop_timer *t);
static inline bool loop_timer_active(const struct loop_timer *t) { return t->loop != NULL; }

/* Runs h->fn at the end of this turn, once however often it is queued. Hooks run in the order they were queued; a hook
 * queued by a hook still runs in this turn, unless hooks keep queueing each other (then next turn, without waiting). */
void loop_defer(struct loop *l, struct loop_hook *h, loop_hook_fn *fn);
/* Runs h->fn at the start of the next turn, which will not wait: for work cut off by a budget. */
void loop_soon(struct loop *l, struct loop_hook *h, loop_hook_fn *fn);
/* Takes it off whichever queue. */
void loop_hook_stop(struct loop_hook *h);

/* g->fn frees g's object after this turn, when no event or hook can mention it any more. The object must already have
 * no registered descriptor, armed timer or queued hook. */
void loop_reap(struct loop *l, struct loop_grave *g, loop_reap_fn *fn);

/* Blocks these signals and delivers them as fn(ctx, signo, pid of the sender or child). At most once per loop. */
typedef void loop_signal_fn(void *ctx, int signo, int pid);
status loop_signals(struct loop *l, const int *signos, size_t n, loop_signal_fn *fn, void *ctx);

#endif
