#include "core/wait.h"

#include "core/core_priv.h"

#include <stdlib.h>

status
wait_new(struct core *c, const struct asker *who, struct task *t)
{
	ENSURE(!t->wait, E_CONFLICT);
	struct wait *w = calloc(1, sizeof *w);
	ENSURE(w, E_NO_MEMORY);
	*w = (struct wait){ .task = t, .req = who->req, .edge = (uint8_t)who->edge, .index = (uint8_t)who->index };
	list_add_tail(&c->wait_list, &w->all);
	t->wait = w;
	return OK;
}

void
wait_free(struct wait *w)
{
	if (!w)
		return;
	w->task->wait = NULL;
	list_del(&w->all);
	free(w);
}

void
wait_over(struct core *c, struct task *t, span actor, span reason)
{
	struct wait *w = t->wait;
	if (!w)
		return;
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 65536);
	struct json_writer j = json_w(&b);
	json_w_obj(&j);
	json_w_key(&j, SPAN("task"));
	task_write(c, t, &j);
	if (actor.n)
		json_w_kstr(&j, "actor", actor);
	if (reason.n)
		json_w_kstr(&j, "reason", span_sub(reason, 0, 1000));
	json_w_obj_end(&j);
	answer(c, (enum role)w->edge, w->index, w->req, E_OK, &b);
	wait_free(w);
}

void
waits_sweep(struct core *c, span actor, span reason)
{
	const struct task *by;
	list_for_safe(it, &c->wait_list) {
		struct task *t = container_of(it, struct wait, all)->task;
		if (task_alive(c, t, &by) != E_OK && by->state != TASK_ENDING)
			wait_over(c, t, actor, reason);
	}
}

bool
wait_cancel(struct core *c, enum role edge, unsigned index, uint64_t req)
{
	list_for_safe(it, &c->wait_list) {
		struct wait *w = container_of(it, struct wait, all);
		if (w->edge == edge && w->index == index && w->req == req) {
			wait_free(w);
			return true;
		}
	}
	return false;
}

void
waits_edge_gone(struct core *c, enum role edge, unsigned index)
{
	list_for_safe(it, &c->wait_list) {
		struct wait *w = container_of(it, struct wait, all);
		if (w->edge == edge && w->index == index)
			wait_free(w);
	}
}
