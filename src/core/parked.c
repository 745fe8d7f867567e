/* Calls that wait for a human while their caller holds the line. */
#include "core/core_priv.h"
#include "core/request.h"

#include <stdlib.h>

/* Nobody holds longer: clients give up after a minute. */
#define HOLD_MAX (55 * NS_PER_S)

status
park(struct core *c, const struct asker *who, uint64_t approval)
{
	struct parked *p = calloc(1, sizeof *p);
	ENSURE(p, E_NO_MEMORY);
	*p = (struct parked){ .edge = (uint8_t)who->edge, .index = (uint8_t)who->index, .req = who->req, .conn = who->conn, .approval = approval,
	                      .progress = who->progress, .dispatch = who->dispatch, .token = who->token, .timer.kind = TIMER_PARKED };
	list_init(&p->all);
	int64_t hold = who->hold_ms * NS_PER_MS;
	status s = str_get(&c->strs, who->client_ref, &p->client_ref);
	if (!failed(s))
		s = str_get(&c->strs, who->surface, &p->surface);
	if (!failed(s))
		s = timer_set(&c->timers, &p->timer, boot_now(c) + (hold < HOLD_MAX ? hold : HOLD_MAX));
	if (failed(s)) {
		parked_free(c, p);
		return s;
	}
	list_add_tail(&c->parked_list, &p->all);
	return OK;
}

void
parked_free(struct core *c, struct parked *p)
{
	list_del(&p->all);
	timer_del(&c->timers, &p->timer);
	str_unref(&c->strs, p->client_ref);
	str_unref(&c->strs, p->surface);
	free(p);
}

/* As if the call came now: everything is looked at afresh. */
void
parked_timer(struct core *c, struct parked *p)
{
	struct asker who = { .edge = (enum role)p->edge, .index = p->index, .req = p->req, .conn = p->conn, .progress = p->progress, .dispatch = p->dispatch, .token = p->token, .client_ref = str_span(p->client_ref),
	                     .surface = str_span(p->surface) };
	struct approval *a = approval_find(c, p->approval);
	struct peer *peer = peer_find(c, who.edge, who.index, who.conn);
	struct task *t = NULL;
	uint64_t token = 0;
	uint16_t code = !a || !peer ? E_UNAUTHENTICATED : peer_task(c, peer, &who.token, &t, &token);
	if (code == E_OK && a->task != t)
		code = E_APPROVAL_UNKNOWN;
	if (code == E_OK && a->state == APPR_EXPIRED)
		code = E_APPROVAL_EXPIRED;
	list_del(&p->all);
	if (code != E_OK) {
		verdict_refuse(c, who.edge, who.index, who.req, code);
	} else {
		struct str *args = str_ref(a->args), *tool = str_ref(a->tool);
		request_call(c, &who, peer, t, token, tool_find(c, str_span(tool)), str_span(tool), str_span(args), (span){ 0 });
		str_unref(&c->strs, args);
		str_unref(&c->strs, tool);
	}
	parked_free(c, p);
}

/* By its timer, after this step: whoever changed the approval is not disturbed. */
void
parked_wake(struct core *c, uint64_t approval)
{
	list_for(it, &c->parked_list) {
		struct parked *p = container_of(it, struct parked, all);
		if (p->approval == approval && failed(timer_set(&c->timers, &p->timer, boot_now(c))))
			core_fail(c, FAIL(E_NO_MEMORY));
	}
}

bool
parked_cancel(struct core *c, enum role edge, unsigned index, uint64_t req)
{
	list_for_safe(it, &c->parked_list) {
		struct parked *p = container_of(it, struct parked, all);
		if (p->edge == edge && p->index == index && p->req == req) {
			parked_free(c, p);
			return true;
		}
	}
	return false;
}

void
parked_edge_gone(struct core *c, enum role edge, unsigned index)
{
	list_for_safe(it, &c->parked_list) {
		struct parked *p = container_of(it, struct parked, all);
		if (p->edge == edge && p->index == index)
			parked_free(c, p);
	}
}
