#include "core/lease.h"

#include "core/core_priv.h"
#include "core/decision.h"

#include <assert.h>
#include <stdlib.h>

#define TO(s) (1u << LEASE_##s)
/* ORDER lease_state */
static const struct { const char *name; unsigned to; } rules[] = {
	[LEASE_INTENDED] = { "intended", TO(ACTIVE) | TO(REVOKING) | TO(REVOKED) },
	[LEASE_ACTIVE]   = { "active",   TO(REVOKING) },
	[LEASE_REVOKING] = { "revoking", TO(REVOKED) },
	[LEASE_REVOKED]  = { "revoked",  0 },
};
static_assert(ARRAY_LEN(rules) == LEASE_STATE_COUNT);

static const char *const causes[] = { "", "task", "expired", "revoked", "stopped", "failed", "restart", "lost", "orphan" };
static_assert(ARRAY_LEN(causes) == LEASE_CAUSE_COUNT);

const char *lease_state_name(enum lease_state s) { return s < LEASE_STATE_COUNT ? rules[s].name : "?"; }
const char *lease_cause_name(enum lease_cause c) { return c < LEASE_CAUSE_COUNT ? causes[c] : "?"; }

bool
lease_may_become(enum lease_state from, enum lease_state to)
{
	return from < LEASE_STATE_COUNT && to < LEASE_STATE_COUNT && (rules[from].to >> to & 1);
}

static void
become(struct lease *l, enum lease_state to)
{
	must(lease_may_become((enum lease_state)l->state, to));
	l->state = (uint8_t)to;
}

const char *
lease_fault(const struct core *c, const struct lease *l)
{
	bool queued = !list_empty(&l->queue);
	if (id_kind(l->id) != ID_LEASE || !l->upstream || l->state >= LEASE_REVOKED)
		return "a lease without id, upstream or state";
	if (l->state < LEASE_REVOKING && !l->task)
		return "a lease that may be used belongs to no task";
	if (l->task && (l->term.expires > l->task->term.expires || l->term.deadline > l->task->term.deadline))
		return "a lease lives longer than its task";
	if (l->state < LEASE_REVOKING && l->task && task_state_over((enum task_state)l->task->state) && !l->doomed)
		return "a lease outlives its task";
	if (l->state == LEASE_REVOKING ? queued + l->asked + (!queued && l->timer.pos && !l->asked) != 1 : l->asked || queued != l->doomed)
		return "a lease is in no queue or in two";
	if (l->state == LEASE_ACTIVE && !l->doomed && !l->timer.pos)
		return "an active lease has no end";
	if (l->waits && l->state == LEASE_REVOKING)
		return "somebody waits for a lease that is being revoked";
	if (l->state == LEASE_ACTIVE && !l->sent)
		return "a lease is active whose creation was never ordered";
	return NULL;
}

static bool id_is(const struct map_node *n, const void *key) { return container_of(n, struct lease, node)->id == *(const uint64_t *)key; }

struct lease *
lease_find(const struct core *c, uint64_t id)
{
	struct map_node *n = map_find(&c->leases, map_hash_u64(&c->leases, id), id_is, &id);
	return n ? container_of(n, struct lease, node) : NULL;
}

void
lease_account(const struct lease *l, char out[static LEASE_ACCOUNT + 1])
{
	char id[ID_TEXT + 1];
	size_t n = strlen(l->upstream->prefix);
	id_text(l->id, id);
	memcpy(out, l->upstream->prefix, n);
	for (const char *p = id + 4; *p; p++)
		out[n++] = (char)(*p >= 'A' && *p <= 'Z' ? *p + ('a' - 'A') : *p);
	out[n] = 0;
}

/* ---- life ---- */

static struct lease *
alloc(struct upstream *u, uint64_t id)
{
	struct lease *l = calloc(1, sizeof *l);
	if (!l)
		return NULL;
	l->id = id;
	l->upstream = u;
	l->timer.kind = TIMER_LEASE;
	list_init(&l->all);
	list_init(&l->of_task);
	list_init(&l->queue);
	row_init(&l->row, ROW_LEASE);
	return l;
}

void
lease_free(struct core *c, struct lease *l)
{
	list_del(&l->row.mark);
	list_del(&l->queue);
	list_del(&l->all);
	if (!list_empty(&l->of_task))
		l->task->leases_n--;
	list_del(&l->of_task);
	timer_del(&c->timers, &l->timer);
	if (map_find(&c->leases, map_hash_u64(&c->leases, l->id), id_is, &l->id) == &l->node) {
		map_del(&c->leases, &l->node);
		l->upstream->leases--;
	}
	if (l->asked)
		l->upstream->asked--;
	c->leases_waiting -= l->waits;
	str_unref(&c->strs, l->template);
	free(l);
}

/* Into core's lists; room for it in the map was made. */
static void
enter(struct core *c, struct lease *l)
{
	status s = map_add(&c->leases, map_hash_u64(&c->leases, l->id), &l->node);
	must(!failed(s));
	list_add_tail(&c->lease_list, &l->all);
	l->upstream->leases++;
	if (l->task) {
		list_add_tail(&l->task->leases, &l->of_task);
		l->task->leases_n++;
	}
}

/* Whom and what it is about: fields stand in the order of their tags. */
static struct event_writer *
open_event(struct core *c, enum event_type type, const struct lease *l, uint64_t approval)
{
	char account[LEASE_ACCOUNT + 1];
	struct event_writer *w = event_open(c, type);
	lease_account(l, account);
	event_id(w, F_TASK, l->task ? l->task->id : 0);
	event_id(w, F_AGENT, l->task ? l->task->agent->id : 0);
	event_id(w, F_APPROVAL, approval);
	if (type == EV_LEASE_REVOKING)
		event_id(w, F_REVOCATION, l->revocation);
	event_id(w, F_LEASE, l->id);
	if (type == EV_LEASE_INTENDED)
		event_text(w, F_AGENT_NAME, str_span(l->task->agent->name));
	event_text(w, F_UPSTREAM, str_span(l->upstream->name));
	event_text(w, F_ACCOUNT, span_str(account));
	return w;
}

/* Who waited for it hears why there is none. */
static void
refuse_waiting(struct core *c, struct lease *l, uint16_t code, span why)
{
	if (!l->waits)
		return;
	l->waits = false;
	c->leases_waiting--;
	answer_error(c, (enum role)l->edge, l->index, l->req, code, why);
}

static void
refuse_renewal(struct core *c, struct lease *l, uint16_t code, span why)
{
	if (!l->renew_req)
		return;
	answer_error(c, (enum role)l->renew_edge, l->renew_index, l->renew_req, code, why);
	l->renew_req = 0;
}

/* ---- making ---- */

static status
intend(struct core *c, struct lease *l, const struct decision *d)
{
	struct event_writer *w = open_event(c, EV_LEASE_INTENDED, l, d->lifted ? d->approval->id : 0);
	event_text(w, F_TEMPLATE, str_span(l->template));
	event_time(w, F_EXPIRES, l->term.expires);
	return event_close(c, false);
}

static void
order(struct core *c, struct lease *l)
{
	char account[LEASE_ACCOUNT + 1], task[ID_TEXT + 1];
	struct msg m = msg_make(MSG_LEASE_CREATE);
	lease_account(l, account);
	id_text(l->task->id, task);
	m.lease_create.lease = l->id;
	m.lease_create.upstream = str_span(l->upstream->name);
	m.lease_create.account = span_str(account);
	m.lease_create.template = str_span(l->template);
	m.lease_create.agent = str_span(l->task->agent->name);
	m.lease_create.task = span_str(task);
	m.lease_create.expires = l->term.expires;
	l->sent = true;
	status s = send_held(c, ROLE_ENGINE, 0, &m, l->id);
	if (failed(s))
		core_fail(c, s);
}

static status
record(struct core *c, struct lease *l, struct decision *d)
{
	uint64_t before = c->journal.chain.seq;
	status s = OK;
	if (d->lifted)
		s = approval_use(c, d->approval, 0);
	if (!failed(s))
		s = decision_record(c, d, 0, false);
	if (!failed(s))
		s = task_raise(c, d->task, d->sensitivity, d->label, 0);
	if (!failed(s))
		s = intend(c, l, d);
	/* Half written: the log would say more than happened. */
	if (failed(s) && c->journal.chain.seq != before)
		core_fail(c, s);
	return s;
}

status
lease_create(struct core *c, const struct asker *who, struct decision *d, int64_t ttl, struct lease **ret)
{
	struct upstream *u = d->tool->server->upstream;
	ENSURE(journal_ok(c), E_AUDIT_UNAVAILABLE);
	ENSURE(core_up(c, ROLE_ENGINE), E_UNAVAILABLE);
	struct lease *l = alloc(u, core_id(c, ID_LEASE));
	ENSURE(l, E_NO_MEMORY);
	l->task = d->task;
	l->created = wall_now(c);
	l->term = term_min(term_make(&c->clock, ttl), d->task->term);
	l->edge = (uint8_t)who->edge;
	l->index = (uint8_t)who->index;
	l->req = who->req;
	status s = str_get(&c->strs, span_sub(d->tool->own_name, u->name->n + 1, d->tool->own_name.n), &l->template);
	if (!failed(s))
		s = map_reserve(&c->leases, c->leases.count + 1);
	if (!failed(s))
		s = timer_set(&c->timers, &l->timer, boot_now(c) + LEASE_CREATE_TIMEOUT);
	if (!failed(s))
		s = record(c, l, d);
	if (failed(s)) {
		l->task = NULL;
		lease_free(c, l);
		return s;
	}
	budget_reserve(c, d);
	d->tool->calls++;
	enter(c, l);
	l->waits = true;
	c->leases_waiting++;
	row_mark(c, &l->row);
	order(c, l);
	*ret = l;
	return OK;
}

static void
deliver(struct core *c, struct lease *l)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 8192);
	struct json_writer w = json_w(&b);
	lease_write(c, l, &w);
	struct msg m = msg_make(MSG_LEASE_DELIVER);
	m.lease_deliver.lease = l->id;
	m.lease_deliver.edge = l->edge;
	m.lease_deliver.index = l->index;
	m.lease_deliver.req = l->req;
	m.lease_deliver.about = b.err ? SPAN("{}") : buf_span(&b);
	status s = send_held(c, ROLE_ENGINE, 0, &m, l->id);
	if (failed(s))
		core_fail(c, s);
}

static void
created(struct core *c, struct lease *l, const struct msg_lease_state *m)
{
	if (l->state != LEASE_INTENDED || l->doomed)
		return;
	upstream_outcome(c, l->upstream, m->error, m->why);
	if (m->error != E_OK) {
		struct event_writer *w = open_event(c, EV_LEASE_FAILED, l, 0);
		event_text(w, F_CODE, span_str(error_name(m->error)));
		event_text_opt(w, F_REASON, m->why);
		event_close_must(c);
		/* What it did there before it failed is not known. */
		upstream_doubt(c, l->upstream);
		refuse_waiting(c, l, m->error, m->why);
		lease_end(c, l, LEASE_BY_FAILURE, m->error, NULL);
		return;
	}
	struct event_writer *w = open_event(c, EV_LEASE_ACTIVE, l, 0);
	event_text(w, F_TEMPLATE, str_span(l->template));
	event_time(w, F_EXPIRES, l->term.expires);
	event_int(w, F_DURATION, wall_now(c) - l->created);
	event_close_must(c);
	become(l, LEASE_ACTIVE);
	l->native_end = m->native_end;
	row_mark(c, &l->row);
	if (failed(timer_set(&c->timers, &l->timer, l->term.deadline)))
		core_fail(c, FAIL(E_NO_MEMORY));
	deliver(c, l);
}

static void
delivered(struct core *c, struct lease *l, const struct msg_lease_state *m)
{
	if (l->state != LEASE_ACTIVE || l->doomed || l->delivered)
		return;
	if (m->error != E_OK) {
		refuse_waiting(c, l, m->error, m->why);
		lease_end(c, l, LEASE_BY_FAILURE, m->error, NULL);
		return;
	}
	l->delivered = true;
	c->leases_waiting -= l->waits;
	l->waits = false;
	row_mark(c, &l->row);
}

/* ---- renewing ---- */

status
lease_renew(struct core *c, const struct asker *who, struct lease *l, int64_t ttl)
{
	const struct task *by;
	uint16_t code = task_alive(c, l->task, &by);
	ENSURE(code == E_OK, code);
	ENSURE(l->state == LEASE_ACTIVE && !l->doomed && l->delivered, E_CONFLICT);
	ENSURE(!l->renew_req, E_CONFLICT);
	ENSURE(core_up(c, ROLE_ENGINE), E_UNAVAILABLE);
	l->renew_term = term_min(term_make(&c->clock, ttl), l->task->term);
	l->renew_edge = (uint8_t)who->edge;
	l->renew_index = (uint8_t)who->index;
	l->renew_req = who->req;
	struct msg m = msg_make(MSG_LEASE_RENEW);
	m.lease_renew.lease = l->id;
	m.lease_renew.upstream = str_span(l->upstream->name);
	m.lease_renew.expires = l->renew_term.expires;
	send_now(c, ROLE_ENGINE, 0, &m);
	return OK;
}

static void
renewed(struct core *c, struct lease *l, const struct msg_lease_state *m)
{
	if (!l->renew_req || l->state != LEASE_ACTIVE || l->doomed)
		return;
	upstream_outcome(c, l->upstream, m->error, m->why);
	if (m->error != E_OK) {
		refuse_renewal(c, l, m->error, m->why);
		return;
	}
	struct event_writer *w = open_event(c, EV_LEASE_RENEWED, l, 0);
	event_time(w, F_EXPIRES, l->renew_term.expires);
	event_close_must(c);
	l->term = l->renew_term;
	row_mark(c, &l->row);
	if (failed(timer_set(&c->timers, &l->timer, l->term.deadline)))
		core_fail(c, FAIL(E_NO_MEMORY));
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 8192);
	struct json_writer jw = json_w(&b);
	lease_write(c, l, &jw);
	answer_held(c, (enum role)l->renew_edge, l->renew_index, l->renew_req, &b);
	l->renew_req = 0;
}

/* ---- taking back ---- */

static void
gone(struct core *c, struct lease *l, span why)
{
	struct event_writer *w = open_event(c, EV_LEASE_REVOKED, l, 0);
	event_text_opt(w, F_REASON, why);
	event_text(w, F_CAUSE, span_str(lease_cause_name((enum lease_cause)l->cause)));
	event_uint(w, F_COUNT, l->attempts);
	event_int(w, F_DURATION, l->since ? wall_now(c) - l->since : 0);
	event_close_must(c);
	become(l, LEASE_REVOKED);
	revocation_lease(c, l, true);
	row_drop(c, &l->row);
	struct upstream *u = l->upstream;
	lease_free(c, l);
	upstream_pump(c, u);
}

static void
begin(struct core *c, struct lease *l)
{
	struct event_writer *w = open_event(c, EV_LEASE_REVOKING, l, 0);
	if (l->template)
		event_text(w, F_TEMPLATE, str_span(l->template));
	event_text(w, F_CAUSE, span_str(lease_cause_name((enum lease_cause)l->cause)));
	event_close_must(c);
	c->journal.priority = true;
	become(l, LEASE_REVOKING);
	l->doomed = false;
	l->since = wall_now(c);
	row_mark(c, &l->row);
	timer_del(&c->timers, &l->timer);
	list_del(&l->queue);
	list_add_tail(&l->upstream->waiting, &l->queue);
	upstream_pump(c, l->upstream);
}

static bool
room(const struct core *c)
{
	return c->lease_ends < LEASE_ENDS_A_STEP && c->journal.events.n < JOURNAL_FULL / 2 && c->journal.rows.n < JOURNAL_FULL / 2;
}

static void
doom(struct core *c, struct lease *l)
{
	l->doomed = true;
	timer_del(&c->timers, &l->timer);
	list_del(&l->queue);
	list_add_tail(&c->doomed, &l->queue);
	if (!c->doomed_timer.pos && failed(timer_set(&c->timers, &c->doomed_timer, boot_now(c) + NS_PER_MS)))
		core_fail(c, FAIL(E_NO_MEMORY));
}

void
doomed_timer(struct core *c)
{
	while (!list_empty(&c->doomed) && room(c)) {
		c->lease_ends++;
		begin(c, container_of(c->doomed.next, struct lease, queue));
	}
	/* A log that is behind gets time to catch up; nothing is lost meanwhile but time. */
	if (!list_empty(&c->doomed) &&
	    failed(timer_set(&c->timers, &c->doomed_timer, boot_now(c) + (c->journal.flights ? 5 : 1) * NS_PER_MS)))
		core_fail(c, FAIL(E_NO_MEMORY));
}

void
lease_end(struct core *c, struct lease *l, enum lease_cause cause, uint16_t code, struct revocation *r)
{
	if (r && !l->revocation)
		revocation_track(c, r, l);
	if (l->state >= LEASE_REVOKING || l->doomed)
		return;
	l->cause = (uint8_t)cause;
	refuse_waiting(c, l, code, (span){ 0 });
	refuse_renewal(c, l, code, (span){ 0 });
	/* An order to create that has not left: there is nothing to take back. */
	if (held_void(c, l->id) && l->state == LEASE_INTENDED) {
		gone(c, l, SPAN("it was never created"));
		return;
	}
	if (!room(c)) {
		doom(c, l);
		return;
	}
	c->lease_ends++;
	begin(c, l);
}

void
leases_task_ended(struct core *c, struct task *t, struct revocation *r)
{
	list_for_safe(it, &t->leases)
		lease_end(c, container_of(it, struct lease, of_task), LEASE_BY_TASK, E_TASK_ENDED, r);
}

static bool
dead(const struct core *c, const struct lease *l, uint16_t *ret_code)
{
	const struct task *by;
	*ret_code = task_alive(c, l->task, &by);
	if (*ret_code != E_OK)
		return true;
	const struct tool *t = template_tool(c, l->upstream, str_span(l->template));
	*ret_code = E_REVOKED;
	return (t && t->stop->on) || l->upstream->face.stop->on;
}

void
leases_sweep(struct core *c, struct revocation *r)
{
	uint16_t code;
	list_for_safe(it, &c->lease_list) {
		struct lease *l = container_of(it, struct lease, all);
		if (l->state < LEASE_REVOKING && !l->doomed && dead(c, l, &code))
			lease_end(c, l, LEASE_BY_STOP, code, r);
	}
}

void
leases_expire(struct core *c)
{
	list_for_safe(it, &c->lease_list) {
		struct lease *l = container_of(it, struct lease, all);
		if (l->state < LEASE_REVOKING && !l->doomed && term_over(&c->clock, l->term))
			lease_end(c, l, LEASE_BY_END, E_TASK_EXPIRED, NULL);
	}
}

void
upstream_pump(struct core *c, struct upstream *u)
{
	uint32_t window = u->backoff ? 1 : UPSTREAM_WINDOW;
	if (!core_up(c, ROLE_ENGINE) || !c->loaded)
		return;
	while (u->asked < window && !list_empty(&u->waiting) && boot_now(c) >= u->down_until) {
		struct lease *l = container_of(u->waiting.next, struct lease, queue);
		struct msg m = msg_make(MSG_LEASE_REVOKE);
		m.lease_revoke.lease = l->id;
		m.lease_revoke.upstream = str_span(u->name);
		list_del(&l->queue);
		l->asked = true;
		l->attempts++;
		u->asked++;
		if (failed(timer_set(&c->timers, &l->timer, boot_now(c) + LEASE_REVOKE_TIMEOUT)))
			core_fail(c, FAIL(E_NO_MEMORY));
		send_now(c, ROLE_ENGINE, 0, &m);
	}
	if (!list_empty(&u->waiting) && boot_now(c) < u->down_until && !u->timer.pos &&
	    failed(timer_set(&c->timers, &u->timer, u->down_until)))
		core_fail(c, FAIL(E_NO_MEMORY));
}

/* Once, then ever more rarely: the log is to show that it goes on, not each try. */
static void
unconfirmed(struct core *c, struct lease *l, span why)
{
	if (l->attempts & (l->attempts - 1))
		return;
	struct event_writer *w = open_event(c, EV_LEASE_UNCONFIRMED, l, 0);
	event_text(w, F_CODE, span_str(error_name(l->error)));
	event_text_opt(w, F_REASON, why);
	if (l->native_end)
		event_time(w, F_EXPIRES, l->term.expires);
	event_uint(w, F_COUNT, l->attempts);
	event_int(w, F_DURATION, wall_now(c) - l->since);
	event_close_must(c);
	revocation_lease(c, l, false);
}

static int64_t
pause_of(uint32_t attempts)
{
	int64_t t = LEASE_RETRY_FIRST;
	for (uint32_t i = 1; i < attempts && t < LEASE_RETRY_MAX; i++)
		t *= 2;
	return t < LEASE_RETRY_MAX ? t : LEASE_RETRY_MAX;
}

static void
revoke_failed(struct core *c, struct lease *l, uint16_t error, span why)
{
	struct upstream *u = l->upstream;
	l->error = error;
	row_mark(c, &l->row);
	unconfirmed(c, l, why);
	/* A dead upstream is asked about one account at a time; an account of its own kind of trouble waits alone. */
	if (upstream_outcome(c, u, error, why))
		list_add_tail(&u->waiting, &l->queue);
	else if (failed(timer_set(&c->timers, &l->timer, boot_now(c) + pause_of(l->attempts))))
		core_fail(c, FAIL(E_NO_MEMORY));
	upstream_pump(c, u);
}

static void
revoked(struct core *c, struct lease *l, const struct msg_lease_state *m)
{
	struct upstream *u = l->upstream;
	if (l->state != LEASE_REVOKING)
		return;
	bool asked = l->asked;
	if (asked) {
		l->asked = false;
		u->asked--;
		timer_del(&c->timers, &l->timer);
	}
	if (m->error == E_OK) {
		upstream_outcome(c, u, E_OK, (span){ 0 });
		gone(c, l, m->why);
	} else if (asked) {
		revoke_failed(c, l, m->error, m->why);
	}
}

void
lease_state(struct core *c, const struct msg_lease_state *m)
{
	struct lease *l = lease_find(c, m->lease);
	/* Said again, or about one that is gone by now. */
	if (!l)
		return;
	switch ((enum lease_op)m->op) {
	case LEASE_OP_CREATE: created(c, l, m); return;
	case LEASE_OP_DELIVER: delivered(c, l, m); return;
	case LEASE_OP_RENEW: renewed(c, l, m); return;
	case LEASE_OP_REVOKE: revoked(c, l, m); return;
	case LEASE_OP_COUNT: return;
	}
}

void
lease_timer(struct core *c, struct lease *l)
{
	switch ((enum lease_state)l->state) {
	case LEASE_INTENDED:
		upstream_doubt(c, l->upstream);
		lease_end(c, l, LEASE_BY_FAILURE, E_TIMEOUT, NULL);
		return;
	case LEASE_ACTIVE: lease_end(c, l, LEASE_BY_END, E_TASK_EXPIRED, NULL); return;
	case LEASE_REVOKING:
		if (l->asked) {
			l->asked = false;
			l->upstream->asked--;
			revoke_failed(c, l, E_TIMEOUT, SPAN("no answer"));
			return;
		}
		list_add_tail(&l->upstream->waiting, &l->queue);
		upstream_pump(c, l->upstream);
		return;
	case LEASE_REVOKED: case LEASE_STATE_COUNT: return;
	}
}

status
lease_orphan(struct core *c, struct upstream *u, uint64_t id)
{
	struct lease *l = alloc(u, id);
	ENSURE(l, E_NO_MEMORY);
	l->created = wall_now(c);
	l->cause = LEASE_BY_ORPHAN;
	l->since = wall_now(c);
	status s = map_reserve(&c->leases, c->leases.count + 1);
	if (failed(s)) {
		lease_free(c, l);
		return s;
	}
	open_event(c, EV_LEASE_ORPHAN, l, 0);
	s = event_close(c, false);
	if (failed(s)) {
		lease_free(c, l);
		return s;
	}
	enter(c, l);
	l->state = LEASE_REVOKING;
	l->sent = true;
	list_add_tail(&u->waiting, &l->queue);
	row_mark(c, &l->row);
	return OK;
}

/* ---- who is gone ---- */

void
leases_engine_gone(struct core *c)
{
	list_for_safe(it, &c->lease_list) {
		struct lease *l = container_of(it, struct lease, all);
		refuse_renewal(c, l, E_UNAVAILABLE, (span){ 0 });
		if (l->state == LEASE_INTENDED || (l->state == LEASE_ACTIVE && !l->delivered)) {
			lease_end(c, l, LEASE_BY_LOSS, E_UNAVAILABLE, NULL);
		} else if (l->asked) {
			l->asked = false;
			l->upstream->asked--;
			timer_del(&c->timers, &l->timer);
			list_add_tail(&l->upstream->waiting, &l->queue);
		}
	}
}

void
leases_edge_gone(struct core *c, enum role edge, unsigned index)
{
	list_for_safe(it, &c->lease_list) {
		struct lease *l = container_of(it, struct lease, all);
		if (l->renew_req && l->renew_edge == edge && l->renew_index == index)
			l->renew_req = 0;
		if (!l->waits || l->edge != edge || l->index != index)
			continue;
		l->waits = false;
		c->leases_waiting--;
		lease_end(c, l, LEASE_BY_LOSS, E_UNAVAILABLE, NULL);
	}
}

bool
lease_cancel(struct core *c, enum role edge, unsigned index, uint64_t req)
{
	if (!c->leases_waiting)
		return false;
	for (struct list *it = c->lease_list.prev; it != &c->lease_list; it = it->prev) {
		struct lease *l = container_of(it, struct lease, all);
		if (!l->waits || l->edge != edge || l->index != index || l->req != req)
			continue;
		l->waits = false;
		c->leases_waiting--;
		lease_end(c, l, LEASE_BY_LOSS, E_CALL_CUT, NULL);
		return true;
	}
	return false;
}
