/* The beginning of a run: rows become objects, the past is closed, the first event is written. */
#include "core/apply.h"
#include "core/core_priv.h"

#include <stdlib.h>

struct tool_row {
	struct list list;
	size_t key_n, value_n;
	uint8_t bytes[];
};

status
tool_restore_later(struct core *c, span key, span value)
{
	struct tool_row *r = malloc(sizeof *r + key.n + value.n);
	ENSURE(r, E_NO_MEMORY);
	r->key_n = key.n;
	r->value_n = value.n;
	memcpy(r->bytes, key.p, key.n);
	if (value.n)
		memcpy(r->bytes + key.n, value.p, value.n);
	list_add_tail(&c->tool_rows, &r->list);
	return OK;
}

void
core_load_drop(struct core *c)
{
	list_for_safe(it, &c->tool_rows) {
		list_del(it);
		free(container_of(it, struct tool_row, list));
	}
}

static status
install_objects(struct core *c)
{
	size_t n = 0;
	list_for(it, &c->restoring)
		n++;
	TRY(object_room(c, n));
	for (unsigned k = 0; k < OBJECT_KIND_COUNT; k++)
		list_for_safe(it, &c->restoring) {
			struct object *o = container_of(it, struct object, of_kind);
			if (o->kind != k)
				continue;
			list_del(it);
			/* object_install marks rows: nothing of it is news. */
			object_install(c, o);
			list_del(&o->row.mark);
		}
	list_for(it, &c->agents)
		list_del(&container_of(it, struct agent, all)->row.mark);
	list_for(it, &c->tool_rows) {
		struct tool_row *r = container_of(it, struct tool_row, list);
		TRY(tool_restore(c, span_make(r->bytes, r->key_n), span_make(r->bytes + r->key_n, r->value_n)));
	}
	core_load_drop(c);
	return OK;
}

static status
restore_policy(struct core *c)
{
	size_t n = 0;
	uint64_t version = 0;
	struct cedar_diag d = { 0 };
	span name;
	list_for(it, &c->kinds[OBJ_POLICY])
		n++;
	struct policy_source *src = calloc(n + 1, sizeof *src);
	ENSURE(src, E_NO_MEMORY);
	n = 0;
	list_for(it, &c->kinds[OBJ_POLICY]) {
		const struct object *o = container_of(it, struct object, of_kind);
		src[n++] = (struct policy_source){ o->name, json_gets(o->spec, "text")->str };
		version += o->version;
	}
	struct policy_set *p;
	status s = policy_set_new(src, n, version, &p, &d, &name);
	free(src);
	TRY(s);
	policy_set_unref(c->policy);
	c->notes.stale = true;
	c->policy = p;
	return OK;
}

static status
link_all(struct core *c, bool fresh)
{
	agents_relink(c);
	TRY(install_objects(c));
	agents_relink(c);
	TRY(tasks_link(c));
	TRY(tokens_link(c));
	TRY(enrolments_link(c));
	TRY(once_link(c, fresh));
	TRY(approvals_link(c));
	TRY(leases_link(c));
	return restore_policy(c);
}

static status
first_event(struct core *c, const struct msg_loaded *m)
{
	digest head;
	memcpy(head.b, m->head, sizeof head.b);
	struct event_writer *w = event_open(c, EV_NODE_STARTED);
	event_uint(w, F_LAST_SEQ, m->seq);
	event_uint(w, F_EPOCH, m->epoch);
	if (m->time)
		event_time(w, F_LAST_TIME, m->time);
	event_text(w, F_ORIGIN, c->config.origin);
	event_digest(w, F_HEAD, &head);
	event_text(w, F_SOFTWARE, SPAN("ambit " AMBIT_VERSION));
	TRY(event_close(c, false));
	row_boot(c);
	bool buffered = false;
	list_for(it, &c->kinds[OBJ_TIER])
		buffered |= ((const struct tier *)container_of(it, struct object, of_kind)->parsed)->buffered;
	if (!buffered || !m->seq)
		return OK;
	/* The run before may have ended within a moment of allows that were not written yet. */
	w = event_open(c, EV_AUDIT_BUFFERED_GAP);
	event_text(w, F_REASON, SPAN("a restart; records of reads in the last moment may be missing"));
	event_uint(w, F_LAST_SEQ, m->seq);
	event_time(w, F_LAST_TIME, m->time);
	return event_close(c, false);
}

static status
bootstrap(struct core *c)
{
	const struct json_opts opts = { .max_bytes = 4 << 20 };
	const struct json *list;
	struct object_fault f;
	char where[512];
	TRY(json_parse(c->config.bootstrap, &opts, &c->arena, &list, NULL));
	ENSURE(json_is_arr(list), E_BAD_CONFIG);
	status s = apply_run(c, list, false, false, SPAN("ambit"), NULL, &f, where);
	return failed(s) && s.code != E_NO_MEMORY ? FAIL(E_BAD_CONFIG) : s;
}

static status
begin(struct core *c, const struct msg_loaded *m)
{
	ENSURE(m->error == E_OK, m->error);
	ENSURE(!c->loaded, E_BAD_MESSAGE);
	c->journal.chain.seq = c->journal.sent = c->journal.durable = m->seq;
	memcpy(c->journal.chain.head.b, m->head, sizeof c->journal.chain.head.b);
	c->journal.epoch = m->epoch;
	clock_restore(&c->clock, m->time);
	c->same_boot = c->stored_boot && memcmp(c->stored_boot_id, c->config.boot_id, sizeof c->stored_boot_id) == 0;
	TRY(link_all(c, !m->seq));
	c->loaded = true;
	TRY(first_event(c, m));
	TRY(calls_link(c));
	if (!m->seq && c->config.bootstrap.n)
		TRY(bootstrap(c));
	else
		apply_refresh(c);
	return timer_set(&c->timers, &c->checkpoint_timer, boot_now(c) + 5 * NS_PER_S);
}

void
core_loaded(struct core *c, const struct msg_loaded *m)
{
	status s = begin(c, m);
	if (failed(s)) {
		core_fail(c, s);
		return;
	}
	map_for(it, &c->peers)
		peer_resolve(c, container_of(it, struct peer, node));
	if (core_up(c, ROLE_TOOLS))
		core_announce(c);
	leases_begin(c);
	if (core_up(c, ROLE_ENGINE))
		upstreams_announce(c);
	for (unsigned i = 0; i < EDGES_MAX; i++) {
		send_keys(c, ROLE_AGENTS, i);
		send_keys(c, ROLE_LOCAL, i);
	}
	list_for(it, &c->task_list)
		task_root(c, container_of(it, struct task, all));
	/* Sessions of an earlier run ended with the tools role's link; what was stopped and not confirmed is asked again there. */
	tasks_expire(c);
}
