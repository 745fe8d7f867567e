#include "role/tools_priv.h"

#include <stdlib.h>

/* The end of a task's sessions, with a receipt: TASK_CLEAN is sent when nothing is left, and before that once, with what
 * is unconfirmed, if something resists. */

static void
count(struct tools *t, uint64_t task, uint32_t *ret_left, uint32_t *ret_unconfirmed)
{
	*ret_left = *ret_unconfirmed = 0;
	list_for(it, &t->sessions) {
		struct session *s = container_of(it, struct session, link);
		if (s->task == task) {
			++*ret_left;
			*ret_unconfirmed += s->unconfirmed;
		}
	}
}

static void
tell(struct tools *t, const struct leaving *l, uint32_t unconfirmed)
{
	struct msg m = msg_make(MSG_TASK_CLEAN);
	m.task_clean.task = l->task;
	m.task_clean.stopped = l->stopped;
	m.task_clean.unconfirmed = unconfirmed;
	IGNORE(role_send(t->w, ROLE_CORE, 0, &m)); /* a new core asks again for every task that ended unconfirmed */
}

void
tools_leave_check(struct tools *t)
{
	list_for_safe(it, &t->leaving) {
		struct leaving *l = container_of(it, struct leaving, link);
		uint32_t left, unconfirmed;
		count(t, l->task, &left, &unconfirmed);
		if (left == 0) {
			tell(t, l, 0);
			list_del(&l->link);
			free(l);
		} else if (unconfirmed && !l->told) {
			l->told = true;
			tell(t, l, unconfirmed);
		}
	}
}

void
tools_task_gone(struct tools *t, uint64_t task)
{
	uint32_t left, unconfirmed;
	count(t, task, &left, &unconfirmed);
	list_for(it, &t->sessions) {
		struct session *s = container_of(it, struct session, link);
		if (s->task == task)
			session_end(s, E_TASK_ENDED);
	}
	list_for(it, &t->leaving)
		if (container_of(it, struct leaving, link)->task == task)
			return; /* asked again: the answer is on its way */
	struct leaving *l = calloc(1, sizeof *l);
	if (!l) {
		struct leaving now = { .task = task };
		tell(t, &now, left ? left : 0);
		return;
	}
	l->task = task;
	l->stopped = left;
	list_add_tail(&t->leaving, &l->link);
	tools_leave_check(t);
}
