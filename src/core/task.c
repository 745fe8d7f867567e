#include "core/core_priv.h"

#include <assert.h>
#include <stdlib.h>

#define TO(s) (1u << TASK_##s)
/* ORDER task_state */
static const struct { const char *name; unsigned to; } rules[] = {
	[TASK_REQUESTED] = { "requested", TO(PENDING) | TO(ACTIVE) | TO(EXPIRED) | TO(REVOKED) | TO(REJECTED) },
	[TASK_PENDING]   = { "pending",   TO(ACTIVE) | TO(EXPIRED) | TO(REVOKED) | TO(REJECTED) },
	[TASK_ACTIVE]    = { "active",    TO(ENDING) | TO(COMPLETED) | TO(EXPIRED) | TO(REVOKED) },
	[TASK_ENDING]    = { "ending",    TO(COMPLETED) | TO(EXPIRED) | TO(REVOKED) },
	[TASK_COMPLETED] = { "completed", 0 },
	[TASK_EXPIRED]   = { "expired",   0 },
	[TASK_REVOKED]   = { "revoked",   0 },
	[TASK_REJECTED]  = { "rejected",  0 },
};
static_assert(ARRAY_LEN(rules) == TASK_STATE_COUNT);

static const char *const cause_names[] = {
	"", "completed", "cancelled", "expired", "killed", "parent", "agent", "owner", "tier", "world", "holder",
};
static_assert(ARRAY_LEN(cause_names) == CAUSE_COUNT);

const char *task_state_name(enum task_state s) { return s < TASK_STATE_COUNT ? rules[s].name : "?"; }
const char *cause_name(enum cause c) { return c < CAUSE_COUNT ? cause_names[c] : "?"; }

bool
task_may_become(enum task_state from, enum task_state to)
{
	return from < TASK_STATE_COUNT && to < TASK_STATE_COUNT && (rules[from].to >> to & 1);
}

static void
become(struct task *t, enum task_state to)
{
	must(task_may_become((enum task_state)t->state, to));
	t->state = (uint8_t)to;
}

const char *
task_fault(const struct core *c, const struct task *t)
{
	bool over = task_state_over((enum task_state)t->state);
	if (t->state >= TASK_STATE_COUNT || !t->agent || !t->envelope || id_kind(t->id) != ID_TASK)
		return "a task without agent, envelope or state";
	if (t->parent ? t->depth != t->parent->depth + 1 : t->depth != 0)
		return "a task's depth is not one more than its parent's";
	if (!over && t->parent && (t->term.expires > t->parent->term.expires || t->term.deadline > t->parent->term.deadline))
		return "a task lives longer than its parent";
	if (over != (t->cause != CAUSE_NONE || t->state == TASK_REJECTED))
		return "a task ended without cause, or has a cause and goes on";
	if (over && (t->holder || t->grace.pos))
		return "an ended task is held";
	if (t->envelope->max_calls >= 0 && t->used > (uint32_t)t->envelope->max_calls)
		return "a task has used more than its budget";
	if (t->label_n > TASK_LABELS_MAX || !t->born || t->born > c->journal.chain.seq)
		return "a task was born after the log's end";
	return NULL;
}

static bool id_is(const struct map_node *n, const void *key) { return container_of(n, struct task, node)->id == *(const uint64_t *)key; }

struct task *
task_find(const struct core *c, uint64_t id)
{
	struct map_node *n = map_find(&c->tasks, map_hash_u64(&c->tasks, id), id_is, &id);
	return n ? container_of(n, struct task, node) : NULL;
}

/* ---- is it alive ---- */

static uint16_t
own_alive(const struct core *c, const struct task *t)
{
	switch ((enum task_state)t->state) {
	case TASK_ACTIVE: break;
	case TASK_REQUESTED: case TASK_PENDING: return E_TASK_NOT_ACTIVE;
	case TASK_EXPIRED: return E_TASK_EXPIRED;
	case TASK_REVOKED: return t->cause == CAUSE_WORLD ? E_WORLD_STOPPED : E_REVOKED;
	case TASK_ENDING: case TASK_COMPLETED: case TASK_REJECTED: case TASK_STATE_COUNT: return E_TASK_ENDED;
	}
	if (term_over(&c->clock, t->term))
		return E_TASK_EXPIRED;
	if (c->world->on)
		return E_WORLD_STOPPED;
	if (t->born <= c->world->seq)
		return E_REVOKED;
	const struct agent *a = t->agent;
	if (a->stop->on || a->stop_owner->on || a->stop_tier->on)
		return E_REVOKED;
	if (t->born <= a->stop->seq || t->born <= a->stop_owner->seq || t->born <= a->stop_tier->seq)
		return E_REVOKED;
	if (a->state != AGENT_ACTIVE)
		return E_AGENT_INACTIVE;
	return E_OK;
}

uint16_t
task_alive(const struct core *c, const struct task *t, const struct task **ret_by)
{
	for (const struct task *p = t; p; p = p->parent) {
		uint16_t code = own_alive(c, p);
		*ret_by = p;
		if (code != E_OK)
			return code;
	}
	*ret_by = t;
	return E_OK;
}

static enum cause
stop_cause(const struct core *c, const struct task *t)
{
	const struct agent *a = t->agent;
	if (c->world->on || t->born <= c->world->seq)
		return CAUSE_WORLD;
	if (a->stop->on || t->born <= a->stop->seq || a->state != AGENT_ACTIVE)
		return CAUSE_AGENT;
	if (a->stop_owner->on || t->born <= a->stop_owner->seq)
		return CAUSE_OWNER;
	if (a->stop_tier->on || t->born <= a->stop_tier->seq)
		return CAUSE_TIER;
	return CAUSE_NONE;
}

enum task_state
task_state(const struct core *c, const struct task *t, enum cause *ret_cause)
{
	enum task_state own = (enum task_state)t->state;
	*ret_cause = (enum cause)t->cause;
	if (task_state_over(own))
		return own;
	const struct task *by;
	uint16_t code = task_alive(c, t, &by);
	if (code == E_OK || (by == t && (own == TASK_ENDING || own == TASK_REQUESTED || own == TASK_PENDING)))
		return own;
	if (by != t && by->state == TASK_ENDING)
		return TASK_ENDING;
	enum cause stop = stop_cause(c, by);
	if (code == E_TASK_EXPIRED && by == t) {
		*ret_cause = CAUSE_EXPIRED;
		return TASK_EXPIRED;
	}
	*ret_cause = by == t ? stop : stop != CAUSE_NONE && !task_state_over((enum task_state)by->state) ? stop : CAUSE_PARENT;
	return TASK_REVOKED;
}

uint8_t
task_high_water(const struct task *t)
{
	uint8_t s = 0;
	for (; t; t = t->parent)
		if (t->sensitivity > s)
			s = t->sensitivity;
	return s;
}

bool
task_has_label(const struct task *t, const struct str *label)
{
	for (uint8_t i = 0; i < t->label_n; i++)
		if (t->labels[i] == label)
			return true;
	return false;
}

/* ---- making ---- */

void
task_free(struct core *c, struct task *t)
{
	list_del(&t->all);
	list_del(&t->siblings);
	list_del(&t->sessions);
	list_del(&t->row.mark);
	timer_del(&c->timers, &t->timer);
	timer_del(&c->timers, &t->grace);
	map_del(&c->tasks, &t->node);
	wait_free(t->wait);
	envelope_unref(&c->envelopes, t->envelope);
	envelope_unref(&c->envelopes, t->cap);
	str_unref(&c->strs, t->user);
	str_unref(&c->strs, t->purpose);
	str_unref(&c->strs, t->workflow);
	str_unref(&c->strs, t->environment);
	str_unref(&c->strs, t->opened_by);
	for (uint8_t i = 0; i < t->label_n; i++)
		str_unref(&c->strs, t->labels[i]);
	free(t->labels);
	free(t->spent);
	free(t);
}

struct task *
task_alloc(uint64_t id)
{
	struct task *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->id = id;
	list_init(&t->all);
	list_init(&t->siblings);
	list_init(&t->children);
	list_init(&t->sessions);
	list_init(&t->leases);
	row_init(&t->row, ROW_TASK);
	t->timer.kind = TIMER_TASK_EXPIRY;
	t->grace.kind = TIMER_TASK_GRACE;
	return t;
}

static status
fill(struct core *c, struct task *t, const struct task_new *n)
{
	t->agent = n->agent;
	t->parent = n->parent;
	t->depth = n->parent ? (uint8_t)(n->parent->depth + 1) : 0;
	t->envelope = envelope_ref(n->envelope);
	t->cap = envelope_ref(n->cap);
	t->user_proven = n->user_proven;
	t->hold = n->hold;
	t->root_pid = n->root_pid;
	t->root_start = n->root_start;
	t->opener_pid = n->pid;
	t->opener_start = n->start;
	t->created = wall_now(c);
	t->ttl = n->ttl < n->agent->tier->max_ttl ? n->ttl : n->agent->tier->max_ttl;
	t->term = term_make(&c->clock, t->ttl);
	if (n->parent)
		t->term = term_min(t->term, n->parent->term);
	t->sensitivity = 0;
	TRY(str_get(&c->strs, n->user, &t->user));
	TRY(str_get(&c->strs, n->purpose, &t->purpose));
	TRY(str_get(&c->strs, n->workflow, &t->workflow));
	TRY(str_get(&c->strs, n->environment, &t->environment));
	TRY(str_get(&c->strs, n->actor, &t->opened_by));
	if (t->envelope->amount_n) {
		t->spent = calloc(t->envelope->amount_n, sizeof *t->spent);
		ENSURE(t->spent, E_NO_MEMORY);
	}
	return timer_set(&c->timers, &t->timer, t->term.deadline);
}

static status
record(struct core *c, struct task *t, const struct task_new *n)
{
	bool child = n->parent;
	struct event_writer *w = event_open(c, child ? EV_TASK_DELEGATED : EV_TASK_REQUESTED);
	event_id(w, F_TASK, t->id);
	event_id(w, F_AGENT, t->agent->id);
	event_text_opt(w, F_USER, n->user);
	if (child) {
		const struct task *root = t;
		while (root->parent)
			root = root->parent;
		event_id(w, F_PARENT, n->parent->id);
		event_id(w, F_ROOT, root->id);
	}
	event_text_opt(w, F_ACTOR, n->actor);
	event_text_opt(w, F_TIER, t->agent->tier_name);
	event_text(w, F_AGENT_NAME, str_span(t->agent->name));
	event_text_opt(w, F_ENVIRONMENT, n->environment);
	event_text_opt(w, F_PURPOSE, n->purpose);
	event_text_opt(w, F_WORKFLOW, n->workflow);
	event_json(w, F_ENVELOPE, t->envelope->text);
	event_uint(w, F_DEPTH, t->depth);
	event_text_opt(w, F_SURFACE, n->surface);
	event_time(w, F_EXPIRES, t->term.expires);
	if (!child && n->pid) {
		event_uint(w, F_PID, n->pid);
		event_uint(w, F_UID, n->uid);
	}
	event_int(w, F_TTL, t->ttl);
	TRY(event_close(c, false));
	t->born = c->journal.chain.seq;
	w = event_open(c, EV_TASK_ACTIVATED);
	event_id(w, F_TASK, t->id);
	event_id(w, F_AGENT, t->agent->id);
	event_time(w, F_EXPIRES, t->term.expires);
	/* The first event is written already; the second must follow. */
	event_close_must(c);
	return OK;
}

void
task_root(struct core *c, const struct task *t)
{
	struct msg m = msg_make(MSG_ROOT_ADD);
	m.root_add.task = t->id;
	m.root_add.pid = t->root_pid;
	m.root_add.start = t->root_start;
	/* What is orphaned may become the holder's child: it stays inside. */
	if (t->hold && t->opener_pid != t->root_pid) {
		m.root_add.holder = t->opener_pid;
		m.root_add.holder_start = t->opener_start;
	}
	if (t->root_pid && !task_state_over((enum task_state)t->state))
		send_now(c, ROLE_ATTEST, 0, &m);
}

status
task_create(struct core *c, const struct task_new *n, struct task **ret)
{
	struct task *t = task_alloc(core_id(c, ID_TASK));
	ENSURE(t, E_NO_MEMORY);
	status s = fill(c, t, n);
	if (!failed(s))
		s = map_reserve(&c->tasks, c->tasks.count + 1);
	if (!failed(s))
		s = record(c, t, n);
	if (failed(s)) {
		task_free(c, t);
		return s;
	}
	s = map_add(&c->tasks, map_hash_u64(&c->tasks, t->id), &t->node);
	must(!failed(s));
	become(t, TASK_ACTIVE);
	list_add_head(&c->task_list, &t->all);
	if (t->parent)
		list_add_head(&t->parent->children, &t->siblings);
	for (struct task *p = t->parent; p; p = p->parent)
		p->descendants++;
	t->agent->tasks++;
	c->active_tasks++;
	row_mark(c, &t->row);
	if (n->hold && n->holder) {
		t->holder = n->holder;
		n->holder->holds++;
	}
	task_root(c, t);
	must(!task_fault(c, t));
	*ret = t;
	return OK;
}

/* ---- ending ---- */

static void
leave_holder(struct core *c, struct task *t)
{
	if (t->holder) {
		t->holder->holds--;
		t->holder = NULL;
	}
	timer_del(&c->timers, &t->grace);
	if (t->root_pid) {
		struct msg m = msg_make(MSG_ROOT_DEL);
		m.root_del.task = t->id;
		send_now(c, ROLE_ATTEST, 0, &m);
		t->root_pid = 0;
	}
}

/* The bookkeeping of one task that is over; no event. */
static void
close_one(struct core *c, struct task *t, enum task_state to, enum cause cause, struct revocation *r)
{
	become(t, to);
	t->cause = (uint8_t)cause;
	t->ended = wall_now(c);
	leave_holder(c, t);
	if (t->agent->tasks && t->born > t->agent->stop->seq)
		t->agent->tasks--;
	if (c->active_tasks)
		c->active_tasks--;
	t->timer.kind = TIMER_REAP;
	if (failed(timer_set(&c->timers, &t->timer, boot_now(c) + TASK_KEEP)))
		core_fail(c, FAIL(E_NO_MEMORY));
	leases_task_ended(c, t, r);
}

/* The descendants follow in memory; in the log and the projection their parent's end says it. */
static void
close_below(struct core *c, struct task *top, struct revocation *r)
{
	struct task *t = top;
	while (!list_empty(&t->children))
		t = container_of(t->children.next, struct task, siblings);
	while (t != top) {
		if (!task_state_over((enum task_state)t->state)) {
			close_one(c, t, TASK_REVOKED, CAUSE_PARENT, r);
			wait_over(c, t, (span){ 0 }, (span){ 0 });
		}
		t->descendants = 0;
		struct list *next = t->siblings.next;
		if (next == &t->parent->children) {
			t = t->parent;
			continue;
		}
		t = container_of(next, struct task, siblings);
		while (!list_empty(&t->children))
			t = container_of(t->children.next, struct task, siblings);
	}
}

static void
ended_event(struct core *c, const struct task *t, enum task_state to, enum cause cause, span actor, span reason)
{
	struct event_writer *w = event_open(c, EV_TASK_ENDED);
	event_id(w, F_TASK, t->id);
	event_id(w, F_AGENT, t->agent->id);
	if (t->revocation)
		event_id(w, F_REVOCATION, t->revocation->id);
	event_text_opt(w, F_ACTOR, actor);
	event_text_opt(w, F_REASON, span_sub(reason, 0, 1000));
	event_text(w, F_CAUSE, span_str(cause_name(cause)));
	event_text(w, F_STATE, span_str(task_state_name(to)));
	event_uint(w, F_COUNT, (uint64_t)t->descendants + 1);
	event_int(w, F_DURATION, wall_now(c) - t->created);
	event_close_must(c);
}

void
task_end(struct core *c, struct task *t, enum task_state to, enum cause cause, span actor, span reason)
{
	if (task_state_over((enum task_state)t->state))
		return;
	ended_event(c, t, to, cause, actor, reason);
	uint32_t gone = t->descendants + 1;
	for (struct task *p = t->parent; p; p = p->parent)
		p->descendants -= p->descendants < gone ? p->descendants : gone;
	bool alone = list_empty(&t->children);
	close_one(c, t, to, cause, t->revocation);
	wait_over(c, t, actor, reason);
	if (!alone)
		close_below(c, t, t->revocation);
	t->descendants = 0;
	row_mark(c, &t->row);
	c->journal.priority |= to == TASK_REVOKED;
	if (!alone || t->in_flight || t->open_approvals || !list_empty(&t->sessions))
		revoke_dead(c, t->revocation, to == TASK_EXPIRED ? E_TASK_EXPIRED : to == TASK_COMPLETED ? E_TASK_ENDED : E_REVOKED,
		            cause_name(cause));
	t->revocation = NULL;
}

void
task_complete(struct core *c, struct task *t, span actor, span reason)
{
	if (t->state != TASK_ACTIVE)
		return;
	if (!t->in_flight && !t->descendants) {
		task_end(c, t, TASK_COMPLETED, CAUSE_COMPLETED, actor, reason);
		return;
	}
	struct event_writer *w = event_open(c, EV_TASK_ENDING);
	event_id(w, F_TASK, t->id);
	event_id(w, F_AGENT, t->agent->id);
	event_text_opt(w, F_ACTOR, actor);
	event_text_opt(w, F_REASON, span_sub(reason, 0, 1000));
	event_text(w, F_CAUSE, SPAN("completed"));
	event_close_must(c);
	become(t, TASK_ENDING);
	row_mark(c, &t->row);
	/* Calls in flight have their time; what was lent goes back at once. */
	leases_task_ended(c, t, NULL);
	t->timer.kind = TIMER_TASK_END;
	int64_t drain = boot_now(c) + TASK_DRAIN;
	if (failed(timer_set(&c->timers, &t->timer, drain < t->term.deadline ? drain : t->term.deadline)))
		core_fail(c, FAIL(E_NO_MEMORY));
}

/* The end itself comes from the timer, after the step: whoever walks over calls now is not disturbed. */
void
task_drained(struct core *c, struct task *t)
{
	for (; t; t = t->parent)
		if (t->state == TASK_ENDING && !t->in_flight && !subtree_busy(c, t) &&
		    failed(timer_set(&c->timers, &t->timer, boot_now(c))))
			core_fail(c, FAIL(E_NO_MEMORY));
}

/* A few hundred at a time, leaves first. */
static void
reap(struct core *c, struct task *top)
{
	struct task *t = top;
	for (int n = 0; n < 256; n++) {
		while (!list_empty(&t->children))
			t = container_of(t->children.next, struct task, siblings);
		if (t->in_flight || t->open_approvals || t->leases_n || !list_empty(&t->sessions))
			break;
		struct task *up = t->parent;
		bool last = t == top;
		approvals_forget(c, t);
		refreshes_forget(c, t->id);
		row_drop(c, &t->row);
		task_free(c, t);
		if (last)
			return;
		t = up;
	}
	if (failed(timer_set(&c->timers, &top->timer, boot_now(c) + 50 * NS_PER_MS)))
		core_fail(c, FAIL(E_NO_MEMORY));
}

void
task_timer(struct core *c, struct task *t)
{
	if (task_state_over((enum task_state)t->state)) {
		/* A child whose parent is still here goes with it, so that the tree stays whole. */
		if (!t->parent || list_empty(&t->children))
			reap(c, t);
		else if (failed(timer_set(&c->timers, &t->timer, boot_now(c) + TASK_KEEP)))
			core_fail(c, FAIL(E_NO_MEMORY));
		return;
	}
	if (t->state == TASK_ENDING && !term_over(&c->clock, t->term))
		task_end(c, t, TASK_COMPLETED, CAUSE_COMPLETED, (span){ 0 }, (span){ 0 });
	else if (stop_cause(c, t) != CAUSE_NONE && t->state == TASK_ACTIVE)
		task_end(c, t, TASK_REVOKED, stop_cause(c, t), SPAN("ambit"), (span){ 0 });
	else
		task_end(c, t, TASK_EXPIRED, CAUSE_EXPIRED, SPAN("ambit"), (span){ 0 });
}

void
task_grace_over(struct core *c, struct task *t)
{
	task_end(c, t, TASK_REVOKED, CAUSE_HOLDER, SPAN("ambit"), SPAN("its holder did not come back"));
}

void
tasks_expire(struct core *c)
{
	list_for_safe(it, &c->task_list) {
		struct task *t = container_of(it, struct task, all);
		if (!task_state_over((enum task_state)t->state) && term_over(&c->clock, t->term))
			task_end(c, t, TASK_EXPIRED, CAUSE_EXPIRED, SPAN("ambit"), (span){ 0 });
	}
}

/* ---- what it has touched ---- */

static status
add_label(struct core *c, struct task *t, struct str *label)
{
	if (!label || task_has_label(t, label))
		return OK;
	ENSURE(t->label_n < TASK_LABELS_MAX, E_LIMIT);
	struct str **p = realloc(t->labels, (t->label_n + 1u) * sizeof *p);
	ENSURE(p, E_NO_MEMORY);
	t->labels = p;
	t->labels[t->label_n++] = str_ref(label);
	row_mark(c, &t->row);
	return OK;
}

static status
raise_all(struct core *c, struct task *t, uint8_t sensitivity, struct str *label, uint64_t call)
{
	bool news = t->sensitivity < sensitivity || (label && !task_has_label(t, label));
	if (!news)
		return OK;
	for (struct task *p = t; p; p = p->parent)
		TRY(add_label(c, p, label));
	for (struct task *p = t; p; p = p->parent)
		if (p->sensitivity < sensitivity) {
			p->sensitivity = sensitivity;
			row_mark(c, &p->row);
		}
	struct event_writer *w = event_open(c, EV_TASK_RAISED);
	event_id(w, F_TASK, t->id);
	event_id(w, F_AGENT, t->agent->id);
	event_id(w, F_CALL, call);
	event_text(w, F_HIGH_WATER, span_str(sensitivity_name((enum sensitivity)t->sensitivity)));
	if (label) {
		span s = str_span(label);
		event_texts(w, F_LABELS, &s, 1);
	}
	/* A raised mark without its event only refuses more; but the log must not lack it. */
	event_close_must(c);
	return OK;
}

status
task_raise(struct core *c, struct task *t, uint8_t sensitivity, span label, uint64_t call)
{
	struct str *l;
	TRY(str_get(&c->strs, label, &l));
	status s = raise_all(c, t, sensitivity, l, call);
	str_unref(&c->strs, l);
	return s;
}
