/* timer: what becomes due when, by boot time. A binary heap; a timer is embedded in what it belongs to. */
#ifndef AMBIT_CORE_TIMER_H
#define AMBIT_CORE_TIMER_H

#include "base/status.h"

enum timer_kind {
	TIMER_TASK_EXPIRY, TIMER_TASK_END, TIMER_TASK_GRACE, TIMER_TOKEN, TIMER_APPROVAL, TIMER_CALL, TIMER_PARKED, TIMER_ASK,
	TIMER_ENROLMENT, TIMER_REAP, TIMER_LOG, TIMER_CHECKPOINT, TIMER_ONCE, TIMER_TICKET, TIMER_LATE, TIMER_LEASE, TIMER_DOOMED, TIMER_UPSTREAM,
	TIMER_LOOK,
};

struct timer {
	int64_t at;              /* boot time, ns */
	uint32_t pos;            /* 1 + place in the heap; 0: not armed */
	uint8_t kind;            /* enum timer_kind */
};

struct timers {
	struct timer **heap;
	uint32_t n, cap;
};

void timers_fini(struct timers *ts);
/* Room for n timers in all, so that arming up to there can not fail. */
status timers_reserve(struct timers *ts, uint32_t n);
/* Arms or moves. E_NO_MEMORY leaves the timer as it was. */
status timer_set(struct timers *ts, struct timer *t, int64_t at);
/* No-op when not armed. */
void timer_del(struct timers *ts, struct timer *t);
/* The earliest, if due at `now`, disarmed; else NULL. */
struct timer *timers_due(struct timers *ts, int64_t now);
static inline int64_t timers_next(const struct timers *ts) { return ts->n ? ts->heap[0]->at : INT64_MAX; }

#endif
