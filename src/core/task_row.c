/* Tasks as rows of the projection, and as JSON for people. */
#include "core/codec.h"
#include "core/core_priv.h"

#include <stdlib.h>

enum { FLAG_PROVEN = 1, FLAG_HOLD = 2, FLAG_STOPPED = 4 };

void
task_encode(const struct core *c, const struct task *t, struct buf *b)
{
	buf_put_u8(b, 2);
	buf_put_u8(b, t->state);
	buf_put_u8(b, t->cause);
	buf_put_u8(b, (uint8_t)((t->user_proven ? FLAG_PROVEN : 0) | (t->hold ? FLAG_HOLD : 0) | (t->stopped_sessions ? FLAG_STOPPED : 0)));
	buf_put_u8(b, t->sensitivity);
	buf_put_u64(b, t->agent->id);
	buf_put_u64(b, t->parent ? t->parent->id : 0);
	buf_put_u64(b, (uint64_t)t->term.expires);
	buf_put_u64(b, (uint64_t)t->term.deadline);
	buf_put_u64(b, (uint64_t)t->created);
	buf_put_u64(b, (uint64_t)t->ended);
	buf_put_u64(b, (uint64_t)t->ttl);
	buf_put_u64(b, t->born);
	buf_put_u64(b, (uint64_t)t->rate_at);
	buf_put_u64(b, t->root_start);
	buf_put_u64(b, t->opener_start);
	buf_put_u32(b, t->root_pid);
	buf_put_u32(b, t->opener_pid);
	buf_put_u32(b, t->calls);
	buf_put_u32(b, t->denied);
	buf_put_u32(b, t->used);
	buf_put_u32(b, t->sessions_stopped);
	buf_put_u32(b, t->sessions_unconfirmed);
	buf_put_vec32(b, t->envelope->text);
	buf_put_vec32(b, t->cap ? t->cap->text : (span){ 0 });
	put_str(b, t->user);
	put_str(b, t->purpose);
	put_str(b, t->workflow);
	put_str(b, t->environment);
	put_str(b, t->opened_by);
	buf_put_u8(b, t->label_n);
	for (uint8_t i = 0; i < t->label_n; i++)
		put_str(b, t->labels[i]);
	buf_put_u16(b, t->spent ? t->envelope->amount_n : 0);
	for (uint16_t i = 0; t->spent && i < t->envelope->amount_n; i++)
		buf_put_u64(b, t->spent[i]);
	buf_put_u32(b, boot_tag(c));
}

static status
read_lists(struct core *c, struct task *t, struct reader *r, status *err)
{
	uint8_t labels = rd_u8(r);
	ENSURE(labels <= TASK_LABELS_MAX, E_CHAIN_BROKEN);
	if (labels) {
		t->labels = calloc(labels, sizeof *t->labels);
		ENSURE(t->labels, E_NO_MEMORY);
	}
	for (uint8_t i = 0; i < labels; i++)
		t->labels[t->label_n++] = rd_str(r, &c->strs, err);
	uint16_t amounts = rd_u16(r);
	ENSURE(amounts == t->envelope->amount_n, E_CHAIN_BROKEN);
	if (amounts) {
		t->spent = calloc(amounts, sizeof *t->spent);
		ENSURE(t->spent, E_NO_MEMORY);
	}
	for (uint16_t i = 0; i < amounts; i++)
		t->spent[i] = rd_u64(r);
	return OK;
}

static status
decode(struct core *c, struct task *t, span value, uint64_t *ret_agent, uint64_t *ret_parent)
{
	struct reader r = rd_make(value);
	status err = OK;
	uint8_t version = rd_u8(&r);
	t->state = rd_u8(&r);
	t->cause = rd_u8(&r);
	uint8_t flags = rd_u8(&r);
	t->sensitivity = rd_u8(&r);
	*ret_agent = rd_u64(&r);
	*ret_parent = rd_u64(&r);
	t->term.expires = rd_i64(&r);
	t->term.deadline = rd_i64(&r);
	t->created = rd_i64(&r);
	t->ended = rd_i64(&r);
	t->ttl = rd_i64(&r);
	t->born = rd_u64(&r);
	t->rate_at = rd_i64(&r);
	t->root_start = rd_u64(&r);
	t->opener_start = rd_u64(&r);
	t->root_pid = rd_u32(&r);
	t->opener_pid = rd_u32(&r);
	t->calls = rd_u32(&r);
	t->denied = rd_u32(&r);
	t->used = rd_u32(&r);
	t->sessions_stopped = rd_u32(&r);
	t->sessions_unconfirmed = rd_u32(&r);
	t->user_proven = flags & FLAG_PROVEN;
	t->hold = flags & FLAG_HOLD;
	t->stopped_sessions = flags & FLAG_STOPPED;
	ENSURE((version == 1 || version == 2) && t->state < TASK_STATE_COUNT && t->cause < CAUSE_COUNT && t->sensitivity < SENS_COUNT, E_CHAIN_BROKEN);
	TRY(envelope_from_text(&c->envelopes, rd_vec32(&r), &t->envelope));
	span cap = rd_vec32(&r);
	if (cap.n)
		TRY(envelope_from_text(&c->envelopes, cap, &t->cap));
	t->user = rd_str(&r, &c->strs, &err);
	t->purpose = rd_str(&r, &c->strs, &err);
	t->workflow = rd_str(&r, &c->strs, &err);
	t->environment = rd_str(&r, &c->strs, &err);
	t->opened_by = rd_str(&r, &c->strs, &err);
	TRY(err);
	TRY(read_lists(c, t, &r, &err));
	TRY(err);
	t->old_boot = version == 2 && rd_u32(&r) != boot_tag(c);
	return rd_end(&r);
}

/* Agents and parents may come later than their tasks: their ids wait in `born_of` until tasks_link. */
struct orphan { uint64_t agent, parent; };

status
task_restore(struct core *c, uint64_t id, span value)
{
	struct task *t = task_alloc(id);
	ENSURE(t, E_NO_MEMORY);
	uint64_t agent = 0, parent = 0;
	t->row.stored = true;
	status s = id_kind(id) == ID_TASK && !task_find(c, id) ? decode(c, t, value, &agent, &parent) : FAIL(E_CHAIN_BROKEN);
	if (!failed(s))
		s = map_add(&c->tasks, map_hash_u64(&c->tasks, id), &t->node);
	if (failed(s)) {
		task_free(c, t);
		return s.code == E_NO_MEMORY ? s : FAIL(E_CHAIN_BROKEN);
	}
	/* Until linked, the pointers hold what they will be found by. */
	t->agent = (struct agent *)(uintptr_t)agent;
	t->parent = (struct task *)(uintptr_t)parent;
	list_add_tail(&c->task_list, &t->all);
	return OK;
}

static status
link_one(struct core *c, struct task *t)
{
	uint64_t agent = (uint64_t)(uintptr_t)t->agent, parent = (uint64_t)(uintptr_t)t->parent;
	t->agent = agent_by_id(c, agent);
	t->parent = parent ? task_find(c, parent) : NULL;
	ENSURE(t->agent && (!parent || t->parent), E_CHAIN_BROKEN);
	if (t->parent)
		list_add_head(&t->parent->children, &t->siblings);
	bool over = task_state_over((enum task_state)t->state);
	if (!over)
		t->term = term_restore(&c->clock, t->term, c->same_boot && !t->old_boot);
	if (!c->same_boot || t->old_boot)
		t->rate_at = 0;
	t->timer.kind = over ? TIMER_REAP : t->state == TASK_ENDING ? TIMER_TASK_END : TIMER_TASK_EXPIRY;
	int64_t kept = wall_now(c) - t->ended;
	int64_t at = over ? boot_now(c) + TASK_KEEP - (kept > 0 && kept < TASK_KEEP ? kept : 0)
	             : t->state == TASK_ENDING ? boot_now(c) + TASK_DRAIN : t->term.deadline;
	return timer_set(&c->timers, &t->timer, at);
}

static status
count_one(struct core *c, struct task *t)
{
	uint8_t depth = 0;
	for (const struct task *p = t->parent; p; p = p->parent)
		ENSURE(++depth < TASK_DEPTH_MAX, E_CHAIN_BROKEN);
	t->depth = depth;
	if (task_state_over((enum task_state)t->state))
		return OK;
	for (const struct task *p = t->parent; p; p = p->parent)
		if (task_state_over((enum task_state)p->state)) {
			/* Its parent's end was its own; only the parent's row says so. */
			t->state = TASK_REVOKED;
			t->cause = CAUSE_PARENT;
			t->ended = p->ended;
			t->timer.kind = TIMER_REAP;
			return timer_set(&c->timers, &t->timer, boot_now(c) + TASK_KEEP);
		}
	for (struct task *p = t->parent; p; p = p->parent) {
		p->descendants++;
		if (p->term.deadline < t->term.deadline)
			t->term.deadline = p->term.deadline;
	}
	if (t->born > t->agent->stop->seq)
		t->agent->tasks++;
	c->active_tasks++;
	if (t->hold)
		return timer_set(&c->timers, &t->grace, boot_now(c) + TASK_GRACE);
	return OK;
}

status
tasks_link(struct core *c)
{
	TRY(timers_reserve(&c->timers, (uint32_t)c->tasks.count + 1024));
	status s = OK;
	list_for(it, &c->task_list) {
		struct task *t = container_of(it, struct task, all);
		if (!failed(s))
			s = link_one(c, t);
	}
	TRY(s);
	list_for(it, &c->task_list)
		TRY(count_one(c, container_of(it, struct task, all)));
	return OK;
}

void
task_write(const struct core *c, const struct task *t, struct json_writer *w)
{
	enum cause cause;
	enum task_state state = task_state(c, t, &cause);
	json_w_obj(w);
	write_id(w, "id", t->id);
	json_w_kstr(w, "agent", str_span(t->agent->name));
	if (t->user) {
		json_w_kstr(w, "user", str_span(t->user));
		json_w_kbool(w, "user_proven", t->user_proven);
	}
	json_w_kstr(w, "purpose", str_span(t->purpose));
	if (t->workflow)
		json_w_kstr(w, "workflow", str_span(t->workflow));
	if (t->environment)
		json_w_kstr(w, "environment", str_span(t->environment));
	json_w_kcstr(w, "state", task_state_name(state));
	json_w_key(w, SPAN("envelope"));
	json_w_raw(w, t->envelope->text);
	if (t->parent)
		write_id(w, "parent", t->parent->id);
	json_w_kint(w, "depth", t->depth);
	json_w_key(w, SPAN("created"));
	write_time(w, t->created);
	json_w_key(w, SPAN("expires"));
	write_time(w, t->term.expires);
	if (task_state_over(state)) {
		if (t->ended) {
			json_w_key(w, SPAN("ended"));
			write_time(w, t->ended);
		}
		json_w_kcstr(w, "end_reason", cause_name(cause));
	}
	json_w_kint(w, "calls", t->calls);
	json_w_kint(w, "denied", t->denied);
	json_w_kint(w, "pending", t->open_approvals);
	json_w_kcstr(w, "sensitivity", sensitivity_name((enum sensitivity)task_high_water(t)));
	json_w_kint(w, "children", t->descendants);
	json_w_kbool(w, "hold", t->hold);
	json_w_obj_end(w);
}
