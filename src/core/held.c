/* Effects: those that leave now, and those that wait for the store. */
#include "core/core_priv.h"

#include <stdlib.h>

struct held {
	struct list list;
	uint64_t seq, call;
	int64_t since;           /* boot */
	uint8_t role, index;
	uint16_t type;
	uint32_t n;
	uint8_t body[];
};

void
send_now(struct core *c, enum role to, unsigned index, const struct msg *m)
{
	if (to < ROLE_COUNT && index < EDGES_MAX && c->up[to][index])
		c->send(c->send_ctx, to, index, m);
}

status
send_held(struct core *c, enum role to, unsigned index, const struct msg *m, uint64_t call)
{
	struct journal *j = &c->journal;
	if (j->durable >= j->chain.seq) {
		send_now(c, to, index, m);
		return OK;
	}
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, MSG_BODY_MAX + MSG_HEADER);
	msg_encode(m, &b);
	TRY(buf_finish(&b));
	size_t n = b.n - MSG_HEADER;
	struct held *h = malloc(sizeof *h + n);
	ENSURE(h, E_NO_MEMORY);
	*h = (struct held){ .seq = j->chain.seq, .call = call, .since = boot_now(c), .role = (uint8_t)to, .index = (uint8_t)index, .type = (uint16_t)m->type,
	                    .n = (uint32_t)n };
	memcpy(h->body, b.p + MSG_HEADER, n);
	list_add_tail(&j->held, &h->list);
	j->held_bytes += n;
	return OK;
}

static void
held_free(struct core *c, struct held *h)
{
	c->journal.held_bytes -= h->n;
	list_del(&h->list);
	free(h);
}

void
held_release(struct core *c)
{
	struct journal *j = &c->journal;
	while (!list_empty(&j->held)) {
		struct held *h = container_of(j->held.next, struct held, list);
		if (h->seq > j->durable)
			break;
		struct msg m;
		status s = msg_decode(h->type, span_make(h->body, h->n), &m);
		must(!failed(s));
		send_now(c, (enum role)h->role, h->index, &m);
		held_free(c, h);
	}
}

bool
held_void(struct core *c, uint64_t call)
{
	bool permit = false;
	list_for_safe(it, &c->journal.held) {
		struct held *h = container_of(it, struct held, list);
		if (h->call != call)
			continue;
		permit |= h->type == MSG_PERMIT || h->type == MSG_LEASE_CREATE;
		held_free(c, h);
	}
	return permit;
}

void
held_void_edge(struct core *c, enum role to, unsigned index)
{
	list_for_safe(it, &c->journal.held) {
		struct held *h = container_of(it, struct held, list);
		if (h->role == to && h->index == index && !h->call)
			held_free(c, h);
	}
}

void
held_drop_all(struct core *c)
{
	list_for_safe(it, &c->journal.held)
		held_free(c, container_of(it, struct held, list));
}

void
held_refuse(struct core *c, int64_t older_than)
{
	/* Cutting a call voids its own effects, so the walk starts anew after each. */
	for (bool again = true; again;) {
		again = false;
		list_for_safe(it, &c->journal.held) {
			struct held *h = container_of(it, struct held, list);
			if (boot_now(c) - h->since < older_than)
				continue;
			if (id_kind(h->call) == ID_LEASE) {
				struct lease *l = lease_find(c, h->call);
				must(l);
				/* Its order to create or to deliver goes with it. */
				lease_end(c, l, LEASE_BY_FAILURE, E_AUDIT_UNAVAILABLE, NULL);
				again = true;
				break;
			}
			if (h->call) {
				struct call *call = call_find(c, h->call);
				must(call);
				call_cut(c, call, E_AUDIT_UNAVAILABLE, "audit");
				again = true;
				break;
			}
			if (h->type != MSG_ANSWER && h->type != MSG_VERDICT)
				continue;
			/* Merely late: it may well come yet, and the operation has been done. */
			if (h->type == MSG_ANSWER && older_than && boot_now(c) - h->since < OP_LATE)
				continue;
			struct msg m;
			status s = msg_decode(h->type, span_make(h->body, h->n), &m);
			must(!failed(s));
			if (h->type == MSG_ANSWER)
				answer_error(c, (enum role)h->role, h->index, m.answer.req, E_AUDIT_UNAVAILABLE, (span){ 0 });
			else
				verdict_refuse(c, (enum role)h->role, h->index, m.verdict.req, E_AUDIT_UNAVAILABLE);
			held_free(c, h);
		}
	}
}

size_t
held_count(const struct core *c)
{
	size_t n = 0;
	list_for(it, &c->journal.held)
		n++;
	return n;
}
