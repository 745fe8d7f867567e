#include "core/late.h"

#include "core/core_priv.h"
#include "core/ops.h"

#include <stdlib.h>

/* How often it looks; the log's own acknowledgements may be many. */
#define LATE_LOOK (20 * NS_PER_MS)

bool
late_is(const struct core *c)
{
	return c->loaded && !c->failed && !c->journal.down && !c->clock.behind && core_up(c, ROLE_STORE);
}

void
late_free(struct core *c, struct late_op *l)
{
	c->late_n--;
	c->late_bytes -= l->n;
	list_del(&l->all);
	timer_del(&c->timers, &l->timer);
	free(l);
}

status
late_keep(struct core *c, enum role edge, unsigned index, const struct msg_op *op)
{
	struct msg m = msg_make(MSG_OP);
	m.op = *op;
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, MSG_BODY_MAX + MSG_HEADER);
	msg_encode(&m, &b);
	TRY(buf_finish(&b));
	size_t n = b.n - MSG_HEADER;
	ENSURE(c->late_n < LATE_OPS && c->late_bytes + n <= LATE_BYTES, E_LIMIT);
	struct late_op *l = malloc(sizeof *l + n);
	ENSURE(l, E_NO_MEMORY);
	*l = (struct late_op){ .timer.kind = TIMER_LATE, .until = boot_now(c) + OP_LATE, .edge = (uint8_t)edge, .index = (uint8_t)index, .n = (uint32_t)n };
	memcpy(l->body, b.p + MSG_HEADER, n);
	status s = timer_set(&c->timers, &l->timer, boot_now(c) + LATE_LOOK);
	if (failed(s)) {
		free(l);
		return s;
	}
	list_add_tail(&c->late_list, &l->all);
	c->late_n++;
	c->late_bytes += n;
	return OK;
}

void
late_timer(struct core *c, struct late_op *l)
{
	if (!journal_ok(c) && late_is(c) && boot_now(c) < l->until) {
		if (failed(timer_set(&c->timers, &l->timer, boot_now(c) + LATE_LOOK)))
			core_fail(c, FAIL(E_NO_MEMORY));
		return;
	}
	struct msg m;
	status s = msg_decode(MSG_OP, span_make(l->body, l->n), &m);
	must(!failed(s));
	list_del(&l->all);
	on_op_again(c, (enum role)l->edge, l->index, &m.op);
	late_free(c, l);
}

bool
late_cancel(struct core *c, enum role edge, unsigned index, uint64_t req)
{
	list_for_safe(it, &c->late_list) {
		struct late_op *l = container_of(it, struct late_op, all);
		struct msg m;
		if (l->edge != edge || l->index != index || failed(msg_decode(MSG_OP, span_make(l->body, l->n), &m)) || m.op.req != req)
			continue;
		late_free(c, l);
		return true;
	}
	return false;
}

void
late_edge_gone(struct core *c, enum role edge, unsigned index)
{
	list_for_safe(it, &c->late_list) {
		struct late_op *l = container_of(it, struct late_op, all);
		if (l->edge == edge && l->index == index)
			late_free(c, l);
	}
}
