/* Kills and stops: one mark, and everything below it is refused. */
#include "core/codec.h"
#include "core/core_priv.h"

#include <assert.h>
#include <stdlib.h>

static const char *const stop_names[] = { "agent", "owner", "tool", "server", "tier", "world" };
static_assert(ARRAY_LEN(stop_names) == STOP_KIND_COUNT);

const char *stop_kind_name(enum stop_kind k) { return k < STOP_KIND_COUNT ? stop_names[k] : "?"; }

struct stop_key { enum stop_kind kind; span name; };

static bool
stop_is(const struct map_node *n, const void *key)
{
	const struct stop *s = container_of(n, struct stop, node);
	const struct stop_key *k = key;
	return s->kind == k->kind && span_eq(str_span(s->name), k->name);
}

static uint64_t
stop_hash(const struct core *c, enum stop_kind k, span name)
{
	return map_hash_bytes(&c->stops, name) ^ (uint64_t)(k + 1) * 0x9e3779b97f4a7c15;
}

struct stop *
stop_find(const struct core *c, enum stop_kind k, span name)
{
	struct stop_key key = { k, name };
	struct map_node *n = map_find(&c->stops, stop_hash(c, k, name), stop_is, &key);
	return n ? container_of(n, struct stop, node) : NULL;
}

status
stop_get(struct core *c, enum stop_kind k, span name, struct stop **ret)
{
	struct stop *s = stop_find(c, k, name);
	if (!s) {
		s = calloc(1, sizeof *s);
		ENSURE(s, E_NO_MEMORY);
		s->kind = (uint8_t)k;
		row_init(&s->row, ROW_STOP);
		status st = str_get(&c->strs, name, &s->name);
		if (!failed(st))
			st = map_add(&c->stops, stop_hash(c, k, name), &s->node);
		if (failed(st)) {
			str_unref(&c->strs, s->name);
			free(s);
			return st;
		}
	}
	*ret = s;
	return OK;
}

void
stop_encode(const struct stop *s, struct buf *b)
{
	buf_put_u8(b, 1);
	buf_put_u8(b, s->on);
	buf_put_u64(b, s->seq);
}

status
stop_restore(struct core *c, span key, span value)
{
	struct reader r = rd_make(value);
	uint8_t version = rd_u8(&r), on = rd_u8(&r);
	uint64_t seq = rd_u64(&r);
	TRY(rd_end(&r));
	ENSURE(key.n && key.p[0] >= '0' && key.p[0] < '0' + STOP_KIND_COUNT && version == 1 && on <= 1, E_CHAIN_BROKEN);
	struct stop *s;
	TRY(stop_get(c, (enum stop_kind)(key.p[0] - '0'), span_sub(key, 1, key.n), &s));
	s->on = on;
	s->seq = seq;
	s->row.stored = true;
	return OK;
}

/* ---- what it would hit ---- */

static bool
hits_agent(enum stop_kind k, span name, const struct agent *a)
{
	switch (k) {
	case STOP_AGENT: return span_eq(name, str_span(a->name));
	case STOP_OWNER: return span_eq(name, a->owner);
	case STOP_TIER: return span_eq(name, a->tier_name);
	case STOP_WORLD: return true;
	case STOP_TOOL: case STOP_SERVER: case STOP_KIND_COUNT: break;
	}
	return false;
}

static bool
hits_call(const struct core *c, enum stop_kind k, span name, const struct call *call)
{
	const struct tool *t = tool_find(c, str_span(call->tool));
	if (k == STOP_TOOL)
		return span_eq(name, str_span(call->tool));
	if (k == STOP_SERVER)
		return t && span_eq(name, str_span(t->server->name));
	for (const struct task *p = call->task; p; p = p->parent)
		if (hits_agent(k, name, p->agent))
			return true;
	return false;
}

static void
blast_of_stop(const struct core *c, enum stop_kind k, span name, struct blast *b)
{
	list_for(it, &c->agents) {
		const struct agent *a = container_of(it, struct agent, all);
		if (a->state == AGENT_RETIRED || !hits_agent(k, name, a))
			continue;
		b->agents++;
		b->tasks += a->tasks;
	}
	list_for(it, &c->call_list)
		b->calls += hits_call(c, k, name, container_of(it, struct call, all));
	list_for(it, &c->session_tasks) {
		const struct task *t = container_of(it, struct task, sessions);
		b->sessions += hits_agent(k, name, t->agent);
	}
	list_for(it, &c->approval_list) {
		const struct approval *a = container_of(it, struct approval, all);
		b->approvals += (a->state == APPR_OPEN || a->state == APPR_GRANTED) && a->task && hits_agent(k, name, a->task->agent);
	}
}

static void
blast_of_task(const struct core *c, const struct task *t, struct blast *b)
{
	b->tasks = 1;
	b->children = t->descendants;
	list_for(it, &c->call_list)
		b->calls += task_is_below(container_of(it, struct call, all)->task, t);
	list_for(it, &c->session_tasks)
		b->sessions += task_is_below(container_of(it, struct task, sessions), t);
	list_for(it, &c->approval_list) {
		const struct approval *a = container_of(it, struct approval, all);
		b->approvals += (a->state == APPR_OPEN || a->state == APPR_GRANTED) && a->task && task_is_below(a->task, t);
	}
}

/* ---- doing it ---- */

static status
asked_event(struct core *c, const struct revocation *r, const struct kill *k, uint64_t task, uint32_t tasks)
{
	bool world = span_is(k->kind, "world");
	struct event_writer *w = event_open(c, world ? EV_WORLD_STOPPED : EV_REVOCATION_ASKED);
	if (!world) {
		event_id(w, F_TASK, task);
		const struct agent *a = span_is(k->kind, "agent") ? agent_named(c, k->name) : NULL;
		event_id(w, F_AGENT, a ? a->id : 0);
		if (span_is(k->kind, "tool"))
			event_text(w, F_TOOL, k->name);
		if (span_is(k->kind, "server"))
			event_text(w, F_SERVER, k->name);
	}
	event_id(w, F_REVOCATION, r->id);
	event_text(w, F_ACTOR, k->actor);
	if (!world) {
		if (span_is(k->kind, "tier"))
			event_text(w, F_TIER, k->name);
		event_text(w, F_TARGET, k->name);
	}
	event_text_opt(w, F_REASON, str_span(r->reason));
	if (!world)
		event_text(w, F_CAUSE, k->kind);
	event_uint(w, F_COUNT, tasks);
	return event_close(c, false);
}

static status
kill_task(struct core *c, const struct kill *k, struct revocation **ret, struct blast *b)
{
	uint64_t id;
	struct task *t = id_parse_kind(k->name, ID_TASK, &id) ? task_find(c, id) : NULL;
	ENSURE(t, E_TASK_UNKNOWN);
	blast_of_task(c, t, b);
	if (k->dry_run)
		return OK;
	struct revocation *r;
	TRY(revocation_new(c, k, "killed", &r));
	status s = asked_event(c, r, k, t->id, t->descendants + 1);
	if (failed(s)) {
		revocation_free(c, r);
		return s;
	}
	c->journal.priority = true;
	r->tasks = task_state_over((enum task_state)t->state) ? 0 : t->descendants + 1;
	t->revocation = r;
	task_end(c, t, TASK_REVOKED, CAUSE_KILLED, k->actor, k->reason);
	t->revocation = NULL;
	*ret = r;
	return OK;
}

static bool
exists(const struct core *c, enum stop_kind k, span name)
{
	switch (k) {
	case STOP_AGENT: return agent_find(c, name);
	case STOP_OWNER:
		list_for(it, &c->agents)
			if (hits_agent(k, name, container_of(it, struct agent, all)))
				return true;
		return object_find(c, OBJ_USER, name);
	case STOP_TOOL: return tool_find(c, name);
	case STOP_SERVER: return server_find(c, name) || span_is(name, "lease");
	case STOP_TIER: return object_find(c, OBJ_TIER, name);
	case STOP_WORLD: return true;
	case STOP_KIND_COUNT: break;
	}
	return false;
}

static bool
stop_kind_from(span s, enum stop_kind *ret)
{
	for (unsigned i = 0; i < STOP_KIND_COUNT; i++)
		if (span_is(s, stop_names[i])) {
			*ret = (enum stop_kind)i;
			return true;
		}
	return false;
}

/* Names as people give them: an id of an agent, the wire name of a tool. */
static span
plain_name(const struct core *c, enum stop_kind k, span name)
{
	const struct agent *a = k == STOP_AGENT ? agent_named(c, name) : NULL;
	const struct tool *t = k == STOP_TOOL ? tool_named(c, name) : NULL;
	return k == STOP_WORLD ? (span){ 0 } : a ? str_span(a->name) : t ? str_span(t->name) : name;
}

status
kill_run(struct core *c, const struct kill *asked, struct revocation **ret, struct blast *b)
{
	enum stop_kind kind;
	struct kill k = *asked;
	*b = (struct blast){ 0 };
	*ret = NULL;
	if (span_is(k.kind, "task"))
		return kill_task(c, &k, ret, b);
	ENSURE(stop_kind_from(k.kind, &kind), E_BAD_REQUEST);
	k.name = plain_name(c, kind, k.name);
	ENSURE(exists(c, kind, k.name), E_NOT_FOUND);
	blast_of_stop(c, kind, k.name, b);
	if (k.dry_run)
		return OK;
	struct stop *s;
	struct revocation *r;
	TRY(stop_get(c, kind, k.name, &s));
	TRY(revocation_new(c, &k, stop_names[kind], &r));
	status st = asked_event(c, r, &k, 0, b->tasks);
	if (failed(st)) {
		revocation_free(c, r);
		return st;
	}
	c->journal.priority = true;
	r->tasks = b->tasks;
	s->on = true;
	s->seq = c->journal.chain.seq;
	row_mark(c, &s->row);
	list_for(it, &c->agents) {
		struct agent *a = container_of(it, struct agent, all);
		if (!hits_agent(kind, k.name, a))
			continue;
		c->active_tasks -= a->tasks < c->active_tasks ? a->tasks : c->active_tasks;
		a->tasks = 0;
	}
	revoke_dead(c, r, kind == STOP_WORLD ? E_WORLD_STOPPED : E_REVOKED, stop_names[kind]);
	leases_sweep(c, r);
	*ret = r;
	return OK;
}

status
resume_run(struct core *c, span kind_name, span name, span reason, span actor)
{
	enum stop_kind kind;
	ENSURE(stop_kind_from(kind_name, &kind), E_BAD_REQUEST);
	name = plain_name(c, kind, name);
	struct stop *s = stop_find(c, kind, name);
	ENSURE(s, E_NOT_FOUND);
	ENSURE(s->on, E_CONFLICT);
	const struct agent *a = kind == STOP_AGENT ? agent_find(c, name) : NULL;
	struct event_writer *w;
	if (kind == STOP_WORLD) {
		w = event_open(c, EV_WORLD_RESUMED);
		event_text(w, F_ACTOR, actor);
		event_text_opt(w, F_REASON, span_sub(reason, 0, 1000));
	} else if (a) {
		w = event_open(c, EV_AGENT_RESUMED);
		event_id(w, F_AGENT, a->id);
		event_text(w, F_ACTOR, actor);
		event_text(w, F_AGENT_NAME, name);
		event_text_opt(w, F_REASON, span_sub(reason, 0, 1000));
	} else {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 1024);
		struct json_writer jw = json_w(&b);
		json_w_obj(&jw);
		json_w_kbool(&jw, "stopped", false);
		json_w_obj_end(&jw);
		CLEANUP(buf_fini) struct buf full;
		buf_init(&full, 512);
		buf_printf(&full, "stop/%s/%.*s", stop_names[kind], SPAN_ARG(name));
		TRY(buf_finish(&b));
		TRY(buf_finish(&full));
		w = event_open(c, EV_OBJECT_SET);
		event_text(w, F_ACTOR, actor);
		event_text(w, F_NAME, buf_span(&full));
		event_json(w, F_OBJECT, buf_span(&b));
	}
	TRY(event_close(c, false));
	s->on = false;
	row_mark(c, &s->row);
	return OK;
}
