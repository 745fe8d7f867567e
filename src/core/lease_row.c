/* Leases as rows of the projection, and as JSON for people. */
#include "core/codec.h"
#include "core/core_priv.h"

#include <stdlib.h>

enum { FLAG_DELIVERED = 1, FLAG_NATIVE = 2 };

void
lease_encode(const struct core *c, const struct lease *l, struct buf *b)
{
	buf_put_u8(b, 1);
	buf_put_u8(b, l->state);
	buf_put_u8(b, l->cause);
	buf_put_u8(b, (uint8_t)((l->delivered ? FLAG_DELIVERED : 0) | (l->native_end ? FLAG_NATIVE : 0)));
	buf_put_u16(b, l->error);
	buf_put_u32(b, l->attempts);
	buf_put_u64(b, l->task ? l->task->id : 0);
	buf_put_u64(b, l->revocation);
	buf_put_u64(b, (uint64_t)l->term.expires);
	buf_put_u64(b, (uint64_t)l->term.deadline);
	buf_put_u64(b, (uint64_t)l->created);
	buf_put_u64(b, (uint64_t)l->since);
	put_str(b, l->upstream->name);
	put_str(b, l->template);
	buf_put_u32(b, boot_tag(c));
}

static status
decode(struct core *c, struct lease *l, span value, struct str **ret_upstream)
{
	struct reader r = rd_make(value);
	status err = OK;
	uint8_t version = rd_u8(&r);
	l->state = rd_u8(&r);
	l->cause = rd_u8(&r);
	uint8_t flags = rd_u8(&r);
	l->error = rd_u16(&r);
	l->attempts = rd_u32(&r);
	l->req = rd_u64(&r);
	l->revocation = rd_u64(&r);
	l->term.expires = rd_i64(&r);
	l->term.deadline = rd_i64(&r);
	l->created = rd_i64(&r);
	l->since = rd_i64(&r);
	*ret_upstream = rd_str(&r, &c->strs, &err);
	l->template = rd_str(&r, &c->strs, &err);
	uint32_t boot = rd_u32(&r);
	l->old_boot = boot != boot_tag(c);
	l->delivered = flags & FLAG_DELIVERED;
	l->native_end = flags & FLAG_NATIVE;
	TRY(err);
	TRY(rd_end(&r));
	ENSURE(version == 1 && l->state < LEASE_REVOKED && l->cause < LEASE_CAUSE_COUNT && *ret_upstream, E_CHAIN_BROKEN);
	return OK;
}

/* Tasks and upstreams may come later: until leases_link, `req` is the task's id and `upstream` the name. */
status
lease_restore(struct core *c, uint64_t id, span value)
{
	struct lease *l = calloc(1, sizeof *l);
	struct str *upstream = NULL;
	ENSURE(l, E_NO_MEMORY);
	l->id = id;
	l->timer.kind = TIMER_LEASE;
	list_init(&l->all);
	list_init(&l->of_task);
	list_init(&l->queue);
	row_init(&l->row, ROW_LEASE);
	l->row.stored = true;
	status s = id_kind(id) == ID_LEASE && !lease_find(c, id) ? decode(c, l, value, &upstream) : FAIL(E_CHAIN_BROKEN);
	if (!failed(s))
		s = map_add(&c->leases, map_hash_u64(&c->leases, id), &l->node);
	if (failed(s)) {
		str_unref(&c->strs, upstream);
		str_unref(&c->strs, l->template);
		free(l);
		return s;
	}
	l->upstream = (struct upstream *)upstream;
	list_add_tail(&c->leases_restoring, &l->all);
	return OK;
}

void
lease_unlinked_free(struct core *c, struct lease *l)
{
	list_del(&l->all);
	map_del(&c->leases, &l->node);
	str_unref(&c->strs, (struct str *)l->upstream);
	str_unref(&c->strs, l->template);
	free(l);
}

static status
link_one(struct core *c, struct lease *l)
{
	struct str *name = (struct str *)l->upstream;
	struct upstream *u = upstream_find(c, str_span(name));
	struct task *t = l->req ? task_find(c, l->req) : NULL;
	ENSURE(u && (t || l->state == LEASE_REVOKING), E_CHAIN_BROKEN);
	str_unref(&c->strs, name);
	l->upstream = u;
	l->upstream->leases++;
	l->task = t;
	l->req = 0;
	l->sent = true;
	if (l->task) {
		list_add_tail(&l->task->leases, &l->of_task);
		l->task->leases_n++;
	}
	list_del(&l->all);
	list_add_tail(&c->lease_list, &l->all);
	l->term = term_restore(&c->clock, l->term, c->same_boot && !l->old_boot);
	if (l->task)
		l->term = term_min(l->term, l->task->term);
	if (l->state == LEASE_REVOKING) {
		list_add_tail(&l->upstream->waiting, &l->queue);
		return OK;
	}
	/* A creation whose outcome is not known, or whose credential nobody was given. */
	const struct task *by;
	bool alive = l->state == LEASE_ACTIVE && l->delivered && !term_over(&c->clock, l->term);
	if (alive && task_alive(c, l->task, &by) == E_OK)
		return timer_set(&c->timers, &l->timer, l->term.deadline);
	l->cause = !alive ? LEASE_BY_RESTART : LEASE_BY_TASK;
	l->doomed = true;
	list_add_tail(&c->doomed, &l->queue);
	return OK;
}

status
leases_link(struct core *c)
{
	TRY(timers_reserve(&c->timers, (uint32_t)(c->timers.n + c->leases.count + 1024)));
	status s = OK;
	list_for_safe(it, &c->leases_restoring)
		if (!failed(s))
			s = link_one(c, container_of(it, struct lease, all));
	return s;
}

void
leases_begin(struct core *c)
{
	if (!list_empty(&c->doomed) && failed(timer_set(&c->timers, &c->doomed_timer, boot_now(c))))
		core_fail(c, FAIL(E_NO_MEMORY));
}

void
lease_write(const struct core *c, const struct lease *l, struct json_writer *w)
{
	char account[LEASE_ACCOUNT + 1];
	lease_account(l, account);
	json_w_obj(w);
	write_id(w, "lease", l->id);
	json_w_kcstr(w, "state", l->doomed ? "revoking" : lease_state_name((enum lease_state)l->state));
	json_w_kstr(w, "upstream", str_span(l->upstream->name));
	json_w_kstr(w, "engine", str_span(l->upstream->engine));
	if (l->template)
		json_w_kstr(w, "template", str_span(l->template));
	json_w_kcstr(w, "account", account);
	if (l->task) {
		write_id(w, "task", l->task->id);
		json_w_kstr(w, "agent", str_span(l->task->agent->name));
	}
	json_w_key(w, SPAN("created"));
	write_time(w, l->created);
	if (l->term.expires) {
		json_w_key(w, SPAN("expires"));
		write_time(w, l->term.expires);
	}
	json_w_kbool(w, "native_end", l->native_end);
	if (l->state == LEASE_REVOKING) {
		json_w_kcstr(w, "cause", lease_cause_name((enum lease_cause)l->cause));
		json_w_key(w, SPAN("since"));
		write_time(w, l->since);
		json_w_kint(w, "age_seconds", (wall_now(c) - l->since) / NS_PER_S);
		json_w_kint(w, "attempts", l->attempts);
		json_w_kcstr(w, "revocation_state", l->error ? "unconfirmed" : "asked");
		if (l->error)
			json_w_kcstr(w, "error", error_name(l->error));
		if (l->revocation)
			write_id(w, "revocation", l->revocation);
	}
	json_w_obj_end(w);
}
