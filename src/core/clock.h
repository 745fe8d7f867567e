/* clock: how long rights last when clocks step (THREATS R16).
 *
 * A right has two ends: `expires`, wall time, which people and tokens see; and `deadline`, boot time, which no step of the
 * wall clock moves. It is over as soon as either has come. After a restart of the process the boot clock has gone on (same
 * boot id), so the stored deadline still holds; after a restart of the host the rest of the right is counted from the larger
 * of the wall clock and the last durable stamp. */
#ifndef AMBIT_CORE_CLOCK_H
#define AMBIT_CORE_CLOCK_H

#include "base/env.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
/* A wall clock that moved this much against the boot clock has stepped. */
#define CLOCK_STEP (2 * NS_PER_S)
/* The two clocks are read one after the other, and a process that loses the processor in between sees them apart: that much is no rollback. */
#define CLOCK_SLACK (20 * NS_PER_MS)

struct clock {
	instant now;
	int64_t offset;          /* wall - boot when last judged */
	int64_t stamp;           /* the largest wall time ever seen or found durable, or boot progress since; never goes back */
	bool behind;             /* the wall clock is before the last durable stamp by more than the slack: nothing may be issued */
};

/* Takes the next reading; a boot time before the last is taken as the last. *ret_step: by how much the wall stepped. */
void clock_set(struct clock *c, instant now, int64_t *ret_step);
/* At start: the last durable stamp. Sets `behind`. */
void clock_restore(struct clock *c, int64_t durable_stamp);

struct term {
	int64_t expires;         /* wall */
	int64_t deadline;        /* boot */
};

/* A right of ttl ns from now. */
struct term term_make(const struct clock *c, int64_t ttl);
bool term_over(const struct clock *c, struct term t);
/* ns until it is over, at least 0. */
int64_t term_left(const struct clock *c, struct term t);
/* The shorter in both respects. */
struct term term_min(struct term a, struct term b);
/* A stored term read after a restart; `same_boot`: the boot clock went on. */
struct term term_restore(const struct clock *c, struct term stored, bool same_boot);

#endif
