#include "core/timer.h"

#include <stdlib.h>

void
timers_fini(struct timers *ts)
{
	free(ts->heap);
	*ts = (struct timers){ 0 };
}

status
timers_reserve(struct timers *ts, uint32_t n)
{
	if (n <= ts->cap)
		return OK;
	uint32_t cap = ts->cap ? ts->cap : 64;
	while (cap < n) {
		ENSURE(cap <= UINT32_MAX / 2, E_LIMIT);
		cap *= 2;
	}
	struct timer **heap = realloc(ts->heap, (size_t)cap * sizeof *heap);
	ENSURE(heap, E_NO_MEMORY);
	ts->heap = heap;
	ts->cap = cap;
	return OK;
}

static void
place(struct timers *ts, uint32_t i, struct timer *t)
{
	ts->heap[i] = t;
	t->pos = i + 1;
}

static void
sift(struct timers *ts, uint32_t i, struct timer *t)
{
	while (i > 0 && ts->heap[(i - 1) / 2]->at > t->at) {
		place(ts, i, ts->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		uint32_t k = 2 * i + 1;
		if (k >= ts->n)
			break;
		if (k + 1 < ts->n && ts->heap[k + 1]->at < ts->heap[k]->at)
			k++;
		if (ts->heap[k]->at >= t->at)
			break;
		place(ts, i, ts->heap[k]);
		i = k;
	}
	place(ts, i, t);
}

status
timer_set(struct timers *ts, struct timer *t, int64_t at)
{
	if (!t->pos) {
		TRY(timers_reserve(ts, ts->n + 1));
		ts->n++;
		t->at = at;
		sift(ts, ts->n - 1, t);
		return OK;
	}
	if (t->at == at)
		return OK;
	t->at = at;
	sift(ts, t->pos - 1, t);
	return OK;
}

void
timer_del(struct timers *ts, struct timer *t)
{
	if (!t->pos)
		return;
	uint32_t i = t->pos - 1;
	t->pos = 0;
	ts->n--;
	if (i < ts->n)
		sift(ts, i, ts->heap[ts->n]);
}

struct timer *
timers_due(struct timers *ts, int64_t now)
{
	if (!ts->n || ts->heap[0]->at > now)
		return NULL;
	struct timer *t = ts->heap[0];
	timer_del(ts, t);
	return t;
}
