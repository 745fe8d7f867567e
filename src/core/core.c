#include "core/core.h"

#include "core/apply.h"
#include "core/ask.h"
#include "core/application.h"
#include "core/core_priv.h"
#include "core/ops.h"

#include <stdlib.h>

enum { EVAL_ARENA = 4 << 20, STEP_ARENA = 64 << 20 };

void
core_fail(struct core *c, status why)
{
	if (!c->failed) {
		c->failed = true;
		c->why = why;
	}
}

bool
core_failed(const struct core *c, status *ret_why)
{
	*ret_why = c->why;
	return c->failed;
}

uint64_t
core_id(struct core *c, enum id_kind kind)
{
	for (;;) {
		uint64_t id = drbg_id(&c->rng, kind);
		bool taken = id_bits(id) == 0;
		if (kind == ID_TASK)
			taken |= task_find(c, id) != NULL;
		else if (kind == ID_CALL)
			taken |= call_find(c, id) != NULL;
		else if (kind == ID_APPROVAL)
			taken |= approval_find(c, id) != NULL;
		else if (kind == ID_AGENT)
			taken |= agent_by_id(c, id) != NULL;
		else if (kind == ID_LEASE)
			taken |= lease_find(c, id) != NULL;
		else if (kind == ID_REVOCATION)
			taken |= revocation_find(c, id) != NULL;
		if (!taken)
			return id;
	}
}

/* ---- life ---- */

static status
copy_config(struct core *c, const struct core_config *cfg)
{
	struct arena *a = &c->config_arena;
	c->config = *cfg;
	c->config.node = arena_copy(a, cfg->node.n ? cfg->node : SPAN("node"));
	c->config.audience = arena_copy(a, cfg->audience);
	c->config.origin = arena_copy(a, cfg->origin.n ? cfg->origin : SPAN("ambit"));
	c->config.people_url = arena_copy(a, cfg->people_url);
	c->config.store_kind = arena_copy(a, cfg->store_kind);
	c->config.bootstrap = arena_copy(a, cfg->bootstrap);
	ENSURE(arena_ok(a), E_NO_MEMORY);
	ENSURE(c->config.node.n <= EVENT_NODE_MAX, E_BAD_CONFIG);
	return OK;
}

static void
init_maps(struct core *c)
{
	struct map *maps[] = {
		&c->objects, &c->agents_by_id, &c->agents_by_name, &c->tickets, &c->refreshes, &c->once, &c->certs, &c->secrets, &c->enrolments, &c->enrolment_tokens, &c->servers_by_id, &c->tools,
		&c->tools_by_wire, &c->tasks, &c->tokens, &c->calls, &c->calls_by_req, &c->approvals, &c->approvals_by_key, &c->peers, &c->stops,
		&c->revocations, &c->asks, &c->leases,
	};
	struct list *lists[] = {
		&c->agents, &c->servers, &c->tools_list, &c->task_list, &c->call_list, &c->approval_list, &c->revocation_list, &c->ask_list,
		&c->parked_list, &c->wait_list, &c->late_list, &c->session_tasks, &c->secret_list, &c->restoring, &c->tool_rows, &c->upstreams, &c->lease_list,
		&c->leases_restoring, &c->doomed,
	};
	for (size_t i = 0; i < ARRAY_LEN(maps); i++)
		map_init(maps[i], drbg_u64(&c->rng), drbg_u64(&c->rng));
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		list_init(lists[i]);
	for (size_t i = 0; i < OBJECT_KIND_COUNT; i++)
		list_init(&c->kinds[i]);
	interns_init(&c->strs, drbg_u64(&c->rng), drbg_u64(&c->rng));
	envelopes_init(&c->envelopes, drbg_u64(&c->rng), drbg_u64(&c->rng));
}

static status
init(struct core *c, const struct core_config *cfg)
{
	struct cedar_diag d;
	span name;
	TRY(copy_config(c, cfg));
	TRY(view_init(c));
	c->entities = cedar_entities_new(drbg_u64(&c->rng));
	ENSURE(c->entities, E_NO_MEMORY);
	TRY(stop_get(c, STOP_WORLD, (span){ 0 }, &c->world));
	return policy_set_new(NULL, 0, 0, &c->policy, &d, &name);
}

status
core_new(const struct core_config *config, const uint8_t seed[static 32], core_send_fn *send, void *ctx, instant now,
         struct core **ret)
{
	int64_t step;
	struct core *c = calloc(1, sizeof *c);
	ENSURE(c, E_NO_MEMORY);
	c->send = send;
	c->send_ctx = ctx;
	drbg_init(&c->rng, seed);
	arena_init(&c->config_arena, 4 << 20);
	arena_init(&c->arena, STEP_ARENA);
	arena_init(&c->eval, EVAL_ARENA);
	buf_init(&c->scratch, 4 << 20);
	buf_init(&c->out, 65536);
	buf_init(&c->words, 8192);
	init_maps(c);
	journal_init(&c->journal);
	c->checkpoint_timer.kind = TIMER_CHECKPOINT;
	c->doomed_timer.kind = TIMER_DOOMED;
	clock_set(&c->clock, now, &step);
	c->started = now.wall;
	status s = init(c, config);
	if (failed(s)) {
		core_free(c);
		return s;
	}
	*ret = c;
	return OK;
}

#define FREE_ALL(list, type, member, fn) list_for_safe(it, list) fn(c, container_of(it, type, member))

static void
free_lists(struct core *c)
{
	/* Rows are not written any more: the marks must not be looked at. */
	FREE_ALL(&c->late_list, struct late_op, all, late_free);
	FREE_ALL(&c->parked_list, struct parked, all, parked_free);
	FREE_ALL(&c->ask_list, struct ask, all, ask_free);
	FREE_ALL(&c->call_list, struct call, all, call_free);
	FREE_ALL(&c->approval_list, struct approval, all, approval_free);
	FREE_ALL(&c->revocation_list, struct revocation, all, revocation_free);
	FREE_ALL(&c->leases_restoring, struct lease, all, lease_unlinked_free);
	FREE_ALL(&c->lease_list, struct lease, all, lease_free);
	/* Out of their trees first: a parent may go before its children. */
	list_for(it, &c->task_list)
		list_del(&container_of(it, struct task, all)->siblings);
	FREE_ALL(&c->task_list, struct task, all, task_free);
	FREE_ALL(&c->servers, struct server, all, server_free);
	FREE_ALL(&c->upstreams, struct upstream, all, upstream_free);
	FREE_ALL(&c->agents, struct agent, all, agent_free);
	FREE_ALL(&c->restoring, struct object, of_kind, object_free);
	for (size_t i = 0; i < OBJECT_KIND_COUNT; i++)
		FREE_ALL(&c->kinds[i], struct object, of_kind, object_free);
	map_for(it, &c->tokens)
		token_over(c, container_of(it, struct token, node));
	map_for(it, &c->tickets)
		ticket_over(c, container_of(it, struct ticket, node));
	map_for(it, &c->refreshes)
		refresh_over(c, container_of(it, struct refresh, node));
	map_for(it, &c->once)
		once_over(c, container_of(it, struct once, node));
	map_for(it, &c->peers)
		peer_free(c, container_of(it, struct peer, node));
	map_for(it, &c->enrolments)
		enrol_free(c, container_of(it, struct enrolment, node));
	map_for(it, &c->certs)
		cert_free(c, container_of(it, struct cert, node));
	FREE_ALL(&c->secret_list, struct sealed, all, sealed_free);
	map_for(it, &c->stops) {
		struct stop *s = container_of(it, struct stop, node);
		map_del(&c->stops, it);
		str_unref(&c->strs, s->name);
		free(s);
	}
}

void
core_free(struct core *c)
{
	if (!c)
		return;
	c->failed = true;
	held_drop_all(c);
	free_lists(c);
	core_load_drop(c);
	policy_set_unref(c->policy);
	arena_fini(&c->notes.arena);
	cedar_entities_free(c->entities);
	str_unref(&c->strs, c->checkpoint_note);
	str_unref(&c->strs, c->log_key);
	str_unref(&c->strs, c->jwks);
	struct map *maps[] = {
		&c->objects, &c->agents_by_id, &c->agents_by_name, &c->tickets, &c->refreshes, &c->once, &c->certs, &c->secrets, &c->enrolments, &c->enrolment_tokens, &c->servers_by_id, &c->tools,
		&c->tools_by_wire, &c->tasks, &c->tokens, &c->calls, &c->calls_by_req, &c->approvals, &c->approvals_by_key, &c->peers, &c->stops,
		&c->revocations, &c->asks, &c->leases,
	};
	for (size_t i = 0; i < ARRAY_LEN(maps); i++)
		map_fini(maps[i]);
	interns_fini(&c->strs);
	envelopes_fini(&c->envelopes);
	journal_fini(&c->journal);
	timers_fini(&c->timers);
	buf_fini(&c->scratch);
	buf_fini(&c->out);
	buf_fini(&c->words);
	arena_fini(&c->arena);
	arena_fini(&c->eval);
	arena_fini(&c->config_arena);
	explicit_bzero(&c->rng, sizeof c->rng);
	free(c);
}

/* ---- time ---- */

static void
fire(struct core *c, struct timer *t)
{
	switch ((enum timer_kind)t->kind) {
	case TIMER_TASK_EXPIRY: case TIMER_TASK_END: case TIMER_REAP: task_timer(c, container_of(t, struct task, timer)); return;
	case TIMER_TASK_GRACE: task_grace_over(c, container_of(t, struct task, grace)); return;
	case TIMER_TOKEN: token_over(c, container_of(t, struct token, timer)); return;
	case TIMER_APPROVAL: approval_timer(c, container_of(t, struct approval, timer)); return;
	case TIMER_CALL: call_timer(c, container_of(t, struct call, timer)); return;
	case TIMER_PARKED: parked_timer(c, container_of(t, struct parked, timer)); return;
	case TIMER_ASK: ask_timer(c, container_of(t, struct ask, timer)); return;
	case TIMER_ENROLMENT: enrol_timer(c, container_of(t, struct enrolment, timer)); return;
	case TIMER_TICKET: ticket_over(c, container_of(t, struct ticket, timer)); return;
	case TIMER_ONCE: once_over(c, container_of(t, struct once, timer)); return;
	case TIMER_LOG: return; /* journal_tick follows every step */
	case TIMER_CHECKPOINT: checkpoint_timer(c); return;
	case TIMER_LATE: late_timer(c, container_of(t, struct late_op, timer)); return;
	case TIMER_LEASE: lease_timer(c, container_of(t, struct lease, timer)); return;
	case TIMER_DOOMED: doomed_timer(c); return;
	case TIMER_UPSTREAM: upstream_timer(c, container_of(t, struct upstream, timer)); return;
	case TIMER_LOOK: upstream_look(c, container_of(t, struct upstream, look)); return;
	}
}

/* What is due, at most so much at a time: nothing may hold up the next message. */
static void
run_timers(struct core *c)
{
	if (!c->loaded)
		return;
	for (int n = 0; n < 4096 && !c->failed; n++) {
		struct timer *t = timers_due(&c->timers, boot_now(c));
		if (!t)
			break;
		arena_reset(&c->arena);
		fire(c, t);
	}
}

static void
set_clock(struct core *c, instant now)
{
	int64_t step;
	clock_set(&c->clock, now, &step);
	arena_reset(&c->arena);
	c->lease_ends = 0;
	if (!step || !c->loaded)
		return;
	struct event_writer *w = event_open(c, EV_CLOCK_STEPPED);
	event_int(w, F_DURATION, step);
	event_close_must(c);
	if (step > 0) {
		tasks_expire(c);
		approvals_expire(c);
		leases_expire(c);
	}
}

/* Once for all of a step: whoever listens asks again. */
static void
tell_lists_changed(struct core *c)
{
	struct msg m = msg_make(MSG_TOOLS_CHANGED);
	c->lists_changed = false;
	for (unsigned i = 0; i < EDGES_MAX; i++) {
		send_now(c, ROLE_AGENTS, i, &m);
		send_now(c, ROLE_LOCAL, i, &m);
	}
}

/* How many sessions each server has; anything else is nothing to core. */
static void
on_stats(struct core *c, span text)
{
	const struct json_opts opts = { .max_bytes = 16384 };
	const struct json *v;
	if (failed(json_parse(text, &opts, &c->arena, &v, NULL)))
		return;
	json_for_items(it, json_gets(v, "sessions")) {
		const struct json *id = json_gets(it, "server"), *n = json_gets(it, "open");
		uint64_t server;
		struct server *s = json_is_str(id) && id_parse_kind(id->str, ID_SERVER, &server) ? server_by_id(c, server) : NULL;
		if (s && json_is_int(n) && n->i >= 0 && n->i <= UINT32_MAX)
			s->sessions = (uint32_t)n->i;
	}
}

static void
end_step(struct core *c)
{
	run_timers(c);
	if (c->lists_changed && c->loaded)
		tell_lists_changed(c);
	if (c->journal.events.n > JOURNAL_FULL || c->journal.rows.n > JOURNAL_FULL) {
		c->journal.urgent = true;
		journal_flush(c);
	}
	journal_tick(c);
}

/* ---- messages ---- */

static void
on_found_live(struct core *c, const struct msg_found *m)
{
	struct server *s = server_by_id(c, m->server);
	const struct json_opts opts = { .max_bytes = 4 << 20 };
	const struct json *list;
	if (!s || m->error != E_OK || failed(json_parse(m->definitions, &opts, &c->arena, &list, NULL)))
		return;
	status st = tools_found(c, s, m->definitions, true, NULL);
	if (failed(st) && st.code == E_NO_MEMORY)
		core_fail(c, st);
}

static void
on_keys(struct core *c, const struct msg_keys *m)
{
	struct str *jwks = NULL, *key = NULL;
	if (failed(str_get(&c->strs, m->jwks, &jwks)) || failed(str_get(&c->strs, m->log_key, &key))) {
		core_fail(c, FAIL(E_NO_MEMORY));
		str_unref(&c->strs, jwks);
		return;
	}
	str_unref(&c->strs, c->jwks);
	str_unref(&c->strs, c->log_key);
	c->jwks = jwks;
	c->log_key = key;
	for (unsigned i = 0; i < EDGES_MAX; i++) {
		send_keys(c, ROLE_AGENTS, i);
		send_keys(c, ROLE_LOCAL, i);
	}
}

void
send_keys(struct core *c, enum role edge, unsigned index)
{
	struct msg m = msg_make(MSG_VERIFY_KEYS);
	m.verify_keys.jwks = str_span(c->jwks);
	if (c->jwks)
		send_now(c, edge, index, &m);
}

static void
on_leaf(struct core *c, struct ask *a, const struct msg *m, uint16_t error)
{
	struct msg out = msg_make(MSG_LEAF);
	out.leaf.req = a->who.req;
	out.leaf.error = m ? m->signed_leaf.error : error;
	out.leaf.chain = m ? m->signed_leaf.chain : (span){ 0 };
	send_now(c, a->who.edge, a->who.index, &out);
}

static void
on_leaf_request(struct core *c, enum role from, unsigned index, const struct msg_leaf_request *q)
{
	struct asker who = { .edge = from, .index = index, .req = q->req };
	struct ask *a;
	status s = ask_new(c, ROLE_SIGNER, on_leaf, &who, &a);
	if (failed(s)) {
		struct msg out = msg_make(MSG_LEAF);
		out.leaf.req = q->req;
		out.leaf.error = s.code;
		send_now(c, from, index, &out);
		return;
	}
	struct msg m = msg_make(MSG_SIGN_LEAF);
	m.sign_leaf.req = a->id;
	m.sign_leaf.spki = q->spki;
	send_now(c, ROLE_SIGNER, 0, &m);
}

static void
dispatch(struct core *c, enum role from, unsigned index, const struct msg *m)
{
	/* Before the rows are in, nothing but them and who is there is heard; questions are refused by themselves. */
	if (!c->loaded && (m->type == MSG_CALL_STATE || m->type == MSG_TASK_CLEAN || m->type == MSG_FOUND || m->type == MSG_CANCEL ||
	                   m->type == MSG_LEASE_STATE || m->type == MSG_ENGINE_TOLD))
		return;
	switch (m->type) {
	case MSG_PEER: peer_attested(c, &m->peer); return;
	case MSG_PEER_TLS: peer_tls(c, from, index, &m->peer_tls); return;
	case MSG_PROVEN: peer_proven(c, index, &m->proven); return;
	case MSG_PEER_GONE: peer_gone(c, from, index, m->peer_gone.conn); return;
	case MSG_CALL: on_call(c, from, index, &m->call); return;
	case MSG_AWAIT: on_await(c, from, index, &m->await); return;
	case MSG_LIST: on_list(c, from, index, &m->list); return;
	case MSG_EVALUATE: on_evaluate(c, from, index, &m->evaluate); return;
	case MSG_SEARCH: on_search(c, from, index, &m->search); return;
	case MSG_OP: on_op(c, from, index, &m->op); return;
	case MSG_CANCEL:
		if (!parked_cancel(c, from, index, m->cancel.req) && !wait_cancel(c, from, index, m->cancel.req) &&
		    !late_cancel(c, from, index, m->cancel.req) && !lease_cancel(c, from, index, m->cancel.req))
			call_cancel(c, from, index, m->cancel.req);
		return;
	case MSG_CALL_STATE: call_state(c, &m->call_state); return;
	case MSG_TASK_CLEAN: revocation_clean(c, &m->task_clean); return;
	case MSG_FOUND:
		if (m->found.req)
			ask_answered(c, m->found.req, from, m);
		else
			on_found_live(c, &m->found);
		return;
	case MSG_ROWS: {
		status s = c->loaded ? FAIL(E_BAD_MESSAGE) : rows_restore(c, m->rows.rows);
		if (failed(s))
			core_fail(c, s);
		return;
	}
	case MSG_LOADED: core_loaded(c, &m->loaded); return;
	case MSG_APPENDED: journal_appended(c, &m->appended); return;
	case MSG_EVENTS: ask_answered(c, m->events.req, from, m); return;
	case MSG_VERIFIED: ask_answered(c, m->verified.req, from, m); return;
	case MSG_TOKEN: ask_answered(c, m->token.req, from, m); return;
	case MSG_HEAD: ask_answered(c, m->head.req, from, m); return;
	case MSG_SIGNED_LEAF: ask_answered(c, m->signed_leaf.req, from, m); return;
	case MSG_CHILD: ask_answered(c, m->child.req, from, m); return;
	case MSG_KEYS: on_keys(c, &m->keys); return;
	case MSG_VAULT:
		memcpy(c->vault, m->vault.key, sizeof c->vault);
		c->vault_known = true;
		return;
	case MSG_SEALED: ask_answered(c, m->sealed.req, from, m); return;
	case MSG_WANT_SECRET: on_want_secret(c, &m->want_secret); return;
	case MSG_LEASE_STATE: lease_state(c, &m->lease_state); return;
	case MSG_ENGINE_TOLD: ask_answered(c, m->engine_told.req, from, m); return;
	case MSG_LEAF_REQUEST: on_leaf_request(c, from, index, &m->leaf_request); return;
	case MSG_STATS:
		if (from == ROLE_TOOLS)
			on_stats(c, m->stats.json);
		return;
	default: return; /* what the permit table keeps away */
	}
}

void
core_step(struct core *c, enum role from, unsigned index, const struct msg *m, instant now)
{
	if (c->failed || index >= EDGES_MAX)
		return;
	set_clock(c, now);
	dispatch(c, from, index, m);
	end_step(c);
}

/* ---- links ---- */

void
core_announce(struct core *c)
{
	list_for(it, &c->servers) {
		struct server *s = container_of(it, struct server, all);
		server_announce(c, s);
		s->discovering = false;
		IGNORE(server_discover(c, s, NULL)); /* its error is kept with the server */
	}
	revocations_tools_back(c);
}

static void
link_up(struct core *c, enum role r, unsigned index)
{
	if (r == ROLE_STORE && !c->load_asked) {
		struct msg m = msg_make(MSG_LOAD);
		c->load_asked = true;
		send_now(c, ROLE_STORE, 0, &m);
	}
	if (!c->loaded)
		return;
	if (r == ROLE_TOOLS)
		core_announce(c);
	if (r == ROLE_ENGINE)
		upstreams_announce(c);
	if (r == ROLE_AGENTS || r == ROLE_LOCAL)
		send_keys(c, r, index);
	if (r == ROLE_ATTEST)
		list_for(it, &c->task_list)
			task_root(c, container_of(it, struct task, all));
}

static void
link_down(struct core *c, enum role r, unsigned index)
{
	switch (r) {
	case ROLE_STORE:
		/* What was in flight is durable or not; only the store knows, and only a fresh start asks it. */
		core_fail(c, FAIL(E_AUDIT_UNAVAILABLE));
		return;
	case ROLE_AGENTS: case ROLE_LOCAL: case ROLE_PEOPLE:
		held_void_edge(c, r, index);
		asks_edge_gone(c, r, index);
		parked_edge_gone(c, r, index);
		waits_edge_gone(c, r, index);
		late_edge_gone(c, r, index);
		if (c->loaded)
			calls_edge_gone(c, r, index);
		leases_edge_gone(c, r, index);
		peers_edge_gone(c, r, index);
		return;
	case ROLE_TOOLS:
		if (c->loaded)
			calls_tools_gone(c);
		asks_role_gone(c, r);
		list_for(it, &c->servers)
			container_of(it, struct server, all)->sessions = 0;
		return;
	case ROLE_ENGINE:
		asks_role_gone(c, r);
		leases_engine_gone(c);
		upstreams_engine_gone(c);
		return;
	case ROLE_SIGNER: case ROLE_ATTEST:
		asks_role_gone(c, r);
		return;
	case ROLE_SUPERVISOR: case ROLE_CORE: case ROLE_COUNT: return;
	}
}

void
core_link(struct core *c, enum role peer, unsigned index, bool up, instant now)
{
	if (c->failed || peer >= ROLE_COUNT || index >= EDGES_MAX || c->up[peer][index] == up)
		return;
	set_clock(c, now);
	c->up[peer][index] = up;
	if (up) {
		link_up(c, peer, index);
	} else {
		c->restarts[peer]++;
		link_down(c, peer, index);
	}
	end_step(c);
}

void
core_tick(struct core *c, instant now)
{
	if (c->failed)
		return;
	set_clock(c, now);
	end_step(c);
}

void
core_flush(struct core *c, instant now)
{
	if (c->failed)
		return;
	set_clock(c, now);
	journal_flush(c);
	journal_tick(c);
}

const char *
core_check(const struct core *c)
{
	if (!c->loaded)
		return NULL;
	if (c->journal.durable > c->journal.sent || c->journal.sent > c->journal.chain.seq)
		return "durable <= sent <= decided";
	list_for(it, &c->task_list) {
		const struct task *t = container_of(it, struct task, all);
		uint32_t below = 0, flying = 0;
		if (task_fault(c, t))
			return task_fault(c, t);
		list_for(k, &t->children) {
			const struct task *child = container_of(k, struct task, siblings);
			below += child->descendants + !task_state_over((enum task_state)child->state);
			if (child->used > t->used)
				return "a task has used less than its child";
			if (child->sensitivity > t->sensitivity)
				return "a parent's mark is below its child's";
		}
		list_for(k, &c->call_list)
			flying += container_of(k, struct call, all)->task == t;
		if (flying != t->in_flight)
			return "calls in flight are miscounted";
		if (!task_state_over((enum task_state)t->state) && below != t->descendants)
			return "descendants are miscounted";
	}
	list_for(it, &c->lease_list)
		if (lease_fault(c, container_of(it, struct lease, all)))
			return lease_fault(c, container_of(it, struct lease, all));
	list_for(it, &c->approval_list) {
		const struct approval *a = container_of(it, struct approval, all);
		if (a->state == APPR_GRANTED && !a->grant_n)
			return "granted by nobody";
	}
	return NULL;
}

int64_t core_deadline(const struct core *c) { return c->failed || !c->loaded ? INT64_MAX : timers_next(&c->timers); }
