/* The inside of a trial. */
#ifndef AMBIT_CORE_TRIAL_PRIV_H
#define AMBIT_CORE_TRIAL_PRIV_H

#include "core/decision.h"
#include "core/trial.h"

struct agent;

struct trial {
	struct core *core;
	instant now;
	uint64_t batch;                  /* an APPEND that waits for its answer, and the last seq of it */
	uint64_t appended;
	bool pending;
	/* The last question. */
	struct decision d;
	struct task *task;
	struct buf args;
	bool approvers;                  /* the people who say yes to anything are there */
	struct cedar_partial_set *all;   /* for replays: every rule in force, of `all_of` */
	const struct policy_set *all_of;
};

/* What the last question has left. */
void trial_forget(struct trial *t);
/* t->task as the question has it. E_BAD_REQUEST with *f, E_LIMIT, E_NO_MEMORY. */
status trial_make_task(struct trial *t, const struct trial_question *q, struct agent *agent, struct trial_fault *f);

#endif
