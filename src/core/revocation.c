#include "core/codec.h"
#include "core/core_priv.h"

#include <stdlib.h>

static const char *const target_names[] = { "asked", "confirmed", "unconfirmed" };

static bool id_is(const struct map_node *n, const void *key) { return container_of(n, struct revocation, node)->id == *(const uint64_t *)key; }

struct revocation *
revocation_find(const struct core *c, uint64_t id)
{
	struct map_node *n = map_find(&c->revocations, map_hash_u64(&c->revocations, id), id_is, &id);
	return n ? container_of(n, struct revocation, node) : NULL;
}

void
revocation_free(struct core *c, struct revocation *r)
{
	row_drop(c, &r->row);
	list_del(&r->all);
	map_del(&c->revocations, &r->node);
	struct str *all[] = { r->kind, r->name, r->cause, r->actor, r->reason };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		str_unref(&c->strs, all[i]);
	free(r->targets);
	free(r);
}

status
revocation_new(struct core *c, const struct kill *k, const char *cause, struct revocation **ret)
{
	struct revocation *r = calloc(1, sizeof *r);
	ENSURE(r, E_NO_MEMORY);
	r->id = core_id(c, ID_REVOCATION);
	r->created = wall_now(c);
	r->created_boot = boot_now(c);
	list_init(&r->all);
	row_init(&r->row, ROW_REVOCATION);
	status s = str_get(&c->strs, k->kind, &r->kind);
	if (!failed(s))
		s = str_get(&c->strs, k->name, &r->name);
	if (!failed(s))
		s = str_get(&c->strs, span_str(cause), &r->cause);
	if (!failed(s))
		s = str_get(&c->strs, k->actor, &r->actor);
	if (!failed(s))
		s = str_get(&c->strs, span_sub(k->reason, 0, 1000), &r->reason);
	if (!failed(s))
		s = map_add(&c->revocations, map_hash_u64(&c->revocations, r->id), &r->node);
	if (failed(s)) {
		revocation_free(c, r);
		return s;
	}
	list_add_head(&c->revocation_list, &r->all);
	row_mark(c, &r->row);
	*ret = r;
	return OK;
}

static void
add_target(struct core *c, struct revocation *r, uint64_t id)
{
	r->open++;
	if (r->target_n == REVOCATION_TARGETS) {
		r->dropped_targets = true;
		return;
	}
	if (r->target_n == r->target_cap) {
		uint32_t cap = r->target_cap ? 2 * r->target_cap : 8;
		struct target *p = realloc(r->targets, cap * sizeof *p);
		if (!p) {
			r->dropped_targets = true;
			return;
		}
		r->targets = p;
		r->target_cap = cap;
	}
	r->targets[r->target_n++] = (struct target){ .task = id, .state = TARGET_ASKED };
}

static void
end_sessions(struct core *c, struct revocation *r, struct task *t)
{
	struct msg m = msg_make(MSG_TASK_GONE);
	m.task_gone.task = t->id;
	t->stopped_sessions = true;
	row_mark(c, &t->row);
	if (r)
		add_target(c, r, t->id);
	send_now(c, ROLE_TOOLS, 0, &m);
}

/* A stop of a tool or server leaves tasks alive and ends its calls. */
static bool
call_dead(const struct core *c, const struct call *k, uint16_t *ret_code)
{
	const struct task *by;
	const struct tool *tool = tool_find(c, str_span(k->tool));
	/* A completed task's calls have their drain. */
	for (const struct task *t = k->task; t; t = t->parent)
		if (t->state == TASK_ENDING)
			return false;
	uint16_t code = task_alive(c, k->task, &by);
	if (code == E_OK && tool && (tool->stop->on || tool->server->stop->on))
		code = E_REVOKED;
	if (code == E_OK)
		return false;
	*ret_code = code;
	return true;
}

void
revoke_dead(struct core *c, struct revocation *r, uint16_t code, const char *cause)
{
	const struct task *by;
	list_for_safe(it, &c->call_list) {
		struct call *k = container_of(it, struct call, all);
		uint16_t why = code;
		if (!call_dead(c, k, &why))
			continue;
		if (r)
			r->calls_cut++;
		call_cut(c, k, why, cause);
	}
	list_for_safe(it, &c->session_tasks) {
		struct task *t = container_of(it, struct task, sessions);
		uint16_t why = task_alive(c, t, &by);
		if (!t->stopped_sessions && why != E_OK && by->state != TASK_ENDING)
			end_sessions(c, r, t);
	}
	waits_sweep(c, r ? str_span(r->actor) : (span){ 0 }, r ? str_span(r->reason) : (span){ 0 });
	list_for(it, &c->parked_list) {
		struct parked *p = container_of(it, struct parked, all);
		const struct approval *a = approval_find(c, p->approval);
		if (a && a->task && task_alive(c, a->task, &by) != E_OK)
			parked_wake(c, p->approval);
	}
	approvals_sweep(c);
}

static void
target_event(struct core *c, const struct revocation *r, const struct target *t)
{
	const struct lease *lease = lease_find(c, t->task);
	const struct task *task = lease ? lease->task : task_find(c, t->task);
	bool ok = t->state == TARGET_CONFIRMED;
	char id[ID_TEXT + 1];
	id_text(t->task, id);
	struct event_writer *w = event_open(c, ok ? EV_REVOCATION_CONFIRMED : EV_REVOCATION_UNCONFIRMED);
	event_id(w, F_TASK, task ? task->id : id_kind(t->task) == ID_TASK ? t->task : 0);
	if (task)
		event_id(w, F_AGENT, task->agent->id);
	event_id(w, F_REVOCATION, r->id);
	event_text(w, F_TARGET, span_str(id));
	if (!ok)
		event_uint(w, F_COUNT, t->unconfirmed);
	else
		event_int(w, F_DURATION, t->took);
	event_close_must(c);
}

void
revocation_clean(struct core *c, const struct msg_task_clean *m)
{
	struct task *t = task_find(c, m->task);
	if (t) {
		t->sessions_stopped += m->stopped;
		t->sessions_unconfirmed = m->unconfirmed;
		if (t->stopped_sessions || !m->unconfirmed)
			list_del(&t->sessions);
		row_mark(c, &t->row);
	}
	list_for(it, &c->revocation_list) {
		struct revocation *r = container_of(it, struct revocation, all);
		for (uint32_t i = 0; r->open && i < r->target_n; i++) {
			struct target *x = &r->targets[i];
			if (x->task != m->task || x->state == TARGET_CONFIRMED)
				continue;
			if (x->state == TARGET_ASKED)
				r->open--;
			x->state = m->unconfirmed ? TARGET_UNCONFIRMED : TARGET_CONFIRMED;
			x->unconfirmed = m->unconfirmed;
			x->took = boot_now(c) - r->created_boot;
			target_event(c, r, x);
			row_mark(c, &r->row);
		}
	}
}

void
revocation_track(struct core *c, struct revocation *r, struct lease *l)
{
	add_target(c, r, l->id);
	l->revocation = r->id;
	row_mark(c, &l->row);
	row_mark(c, &r->row);
}

void
revocation_lease(struct core *c, const struct lease *l, bool confirmed)
{
	struct revocation *r = l->revocation ? revocation_find(c, l->revocation) : NULL;
	if (!r)
		return;
	struct target *x = NULL;
	for (uint32_t i = 0; i < r->target_n && !x; i++)
		if (r->targets[i].task == l->id)
			x = &r->targets[i];
	/* One that is not listed counts as asked until it is confirmed. */
	if (!x) {
		r->open -= confirmed && r->open;
		row_mark(c, &r->row);
		return;
	}
	if (x->state == TARGET_CONFIRMED || (x->state == TARGET_UNCONFIRMED && !confirmed))
		return;
	if (x->state == TARGET_ASKED)
		r->open--;
	x->state = confirmed ? TARGET_CONFIRMED : TARGET_UNCONFIRMED;
	x->unconfirmed = !confirmed;
	x->took = boot_now(c) - r->created_boot;
	target_event(c, r, x);
	row_mark(c, &r->row);
}

void
revocations_tools_back(struct core *c)
{
	/* The tools role ends every session when its link dies, and names what it could not end when it is back. What nobody
	 * vouches for is asked again. */
	list_for(it, &c->revocation_list) {
		struct revocation *r = container_of(it, struct revocation, all);
		for (uint32_t i = 0; i < r->target_n; i++) {
			struct msg m = msg_make(MSG_TASK_GONE);
			m.task_gone.task = r->targets[i].task;
			if (r->targets[i].state != TARGET_CONFIRMED && id_kind(r->targets[i].task) == ID_TASK)
				send_now(c, ROLE_TOOLS, 0, &m);
		}
	}
	list_for(it, &c->session_tasks) {
		struct task *t = container_of(it, struct task, sessions);
		struct msg m = msg_make(MSG_TASK_GONE);
		m.task_gone.task = t->id;
		if (t->stopped_sessions)
			send_now(c, ROLE_TOOLS, 0, &m);
	}
}

/* Revocations are kept as long as something is open, and an hour for the looking. */
void
revocations_trim(struct core *c)
{
	list_for_safe(it, &c->revocation_list) {
		struct revocation *r = container_of(it, struct revocation, all);
		bool unconfirmed = r->open;
		for (uint32_t i = 0; i < r->target_n; i++)
			unconfirmed |= r->targets[i].state != TARGET_CONFIRMED;
		if (!unconfirmed && wall_now(c) - r->created > 24 * TASK_KEEP)
			revocation_free(c, r);
	}
}

const char *
revocation_state(const struct revocation *r)
{
	bool unconfirmed = false;
	for (uint32_t i = 0; i < r->target_n; i++)
		unconfirmed |= r->targets[i].state == TARGET_UNCONFIRMED;
	return unconfirmed ? "unconfirmed" : r->open ? "asked" : "confirmed";
}

static void
write_unconfirmed(const struct core *c, const struct target *t, struct json_writer *w)
{
	const struct lease *l = lease_find(c, t->task);
	if (!l) {
		json_w_kcstr(w, "reason", "a session could not be shown to be gone");
		return;
	}
	json_w_kcstr(w, "reason", error_text(l->error));
	json_w_kstr(w, "upstream", str_span(l->upstream->name));
	json_w_kint(w, "attempts", l->attempts);
	if (l->native_end) {
		json_w_key(w, SPAN("expires"));
		write_time(w, l->term.expires);
	}
}

void
revocation_write(const struct core *c, const struct revocation *r, struct json_writer *w)
{
	json_w_obj(w);
	write_id(w, "revocation", r->id);
	json_w_kstr(w, "kind", str_span(r->kind));
	json_w_kstr(w, "target", str_span(r->name));
	json_w_kint(w, "tasks", r->tasks);
	json_w_kint(w, "calls_cut", r->calls_cut);
	json_w_kcstr(w, "state", revocation_state(r));
	json_w_karr(w, "targets");
	for (uint32_t i = 0; i < r->target_n; i++) {
		const struct target *t = &r->targets[i];
		json_w_obj(w);
		write_id(w, "target", t->task);
		json_w_kcstr(w, "state", target_names[t->state]);
		if (t->state != TARGET_ASKED) {
			json_w_key(w, SPAN("seconds"));
			json_w_num(w, (double)(t->took / NS_PER_MS) / 1000);
		}
		if (t->state == TARGET_UNCONFIRMED)
			write_unconfirmed(c, t, w);
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
	if (r->dropped_targets)
		json_w_kint(w, "more_targets", (int64_t)r->open);
	json_w_kstr(w, "cause", str_span(r->cause));
	json_w_kstr(w, "actor", str_span(r->actor));
	if (r->reason)
		json_w_kstr(w, "reason", str_span(r->reason));
	json_w_key(w, SPAN("created"));
	write_time(w, r->created);
	json_w_obj_end(w);
}

void
revocation_encode(const struct revocation *r, struct buf *b)
{
	buf_put_u8(b, 1);
	put_str(b, r->kind);
	put_str(b, r->name);
	put_str(b, r->cause);
	put_str(b, r->actor);
	put_str(b, r->reason);
	buf_put_u64(b, (uint64_t)r->created);
	buf_put_u32(b, r->tasks);
	buf_put_u32(b, r->calls_cut);
	buf_put_u32(b, r->open);
	buf_put_u8(b, r->dropped_targets);
	buf_put_u32(b, r->target_n);
	for (uint32_t i = 0; i < r->target_n; i++) {
		buf_put_u64(b, r->targets[i].task);
		buf_put_u8(b, r->targets[i].state);
		buf_put_u32(b, r->targets[i].unconfirmed);
		buf_put_u64(b, (uint64_t)r->targets[i].took);
	}
}

static status
decode(struct core *c, struct revocation *r, span value)
{
	struct reader rd = rd_make(value);
	status err = OK;
	uint8_t version = rd_u8(&rd);
	r->kind = rd_str(&rd, &c->strs, &err);
	r->name = rd_str(&rd, &c->strs, &err);
	r->cause = rd_str(&rd, &c->strs, &err);
	r->actor = rd_str(&rd, &c->strs, &err);
	r->reason = rd_str(&rd, &c->strs, &err);
	TRY(err);
	r->created = rd_i64(&rd);
	r->tasks = rd_u32(&rd);
	r->calls_cut = rd_u32(&rd);
	r->open = rd_u32(&rd);
	r->dropped_targets = rd_u8(&rd);
	uint32_t n = rd_u32(&rd);
	ENSURE(rd.ok && version == 1 && n <= REVOCATION_TARGETS, E_CHAIN_BROKEN);
	if (n) {
		r->targets = calloc(n, sizeof *r->targets);
		ENSURE(r->targets, E_NO_MEMORY);
	}
	r->target_cap = n;
	for (uint32_t i = 0; i < n; i++) {
		struct target *t = &r->targets[r->target_n++];
		t->task = rd_u64(&rd);
		t->state = rd_u8(&rd);
		t->unconfirmed = rd_u32(&rd);
		t->took = rd_i64(&rd);
		ENSURE(t->state <= TARGET_UNCONFIRMED, E_CHAIN_BROKEN);
	}
	return rd_end(&rd);
}

status
revocation_restore(struct core *c, uint64_t id, span value)
{
	struct revocation *r = calloc(1, sizeof *r);
	ENSURE(r, E_NO_MEMORY);
	r->id = id;
	r->created_boot = boot_now(c);
	list_init(&r->all);
	row_init(&r->row, ROW_REVOCATION);
	status s = id_kind(id) == ID_REVOCATION && !revocation_find(c, id) ? decode(c, r, value) : FAIL(E_CHAIN_BROKEN);
	if (!failed(s))
		s = map_add(&c->revocations, map_hash_u64(&c->revocations, id), &r->node);
	if (failed(s)) {
		revocation_free(c, r);
		return s;
	}
	r->row.stored = true;
	list_add_head(&c->revocation_list, &r->all);
	return OK;
}
