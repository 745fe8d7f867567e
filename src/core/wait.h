/* wait: a task's holder is told of its end (task/wait), at the moment of the end and with its reason. */
#ifndef AMBIT_CORE_WAIT_H
#define AMBIT_CORE_WAIT_H

#include "core/ask.h"

struct task;

/* The one question of a held task's holder that waits for the task's end. */
struct wait {
	struct list all;                 /* core.wait_list */
	struct task *task;
	uint64_t req;
	uint8_t edge, index;
};

/* Remembers the question; the answer follows when the task is over. E_CONFLICT: one waits already. E_NO_MEMORY. */
status wait_new(struct core *c, const struct asker *who, struct task *t);
/* The task is over, or dead because of what is above it: answers who waits for it, if anybody. The end's own event may follow;
 * a revocation waits for nobody. `actor` and `reason` may be empty. */
void wait_over(struct core *c, struct task *t, span actor, span reason);
/* Answers everybody whose task is dead. Takes time in proportion to those who wait. */
void waits_sweep(struct core *c, span actor, span reason);
bool wait_cancel(struct core *c, enum role edge, unsigned index, uint64_t req);
void waits_edge_gone(struct core *c, enum role edge, unsigned index);
/* Without an answer. Does nothing with NULL. */
void wait_free(struct wait *w);

#endif
