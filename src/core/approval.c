#include "core/approval.h"

#include "core/core_priv.h"
#include "core/decision.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define TO(s) (1u << APPR_##s)
/* ORDER approval_state */
static const struct { const char *name; unsigned to; } rules[] = {
	[APPR_OPEN]      = { "open",      TO(GRANTED) | TO(REJECTED) | TO(EXPIRED) | TO(WITHDRAWN) },
	[APPR_GRANTED]   = { "granted",   TO(USED) | TO(EXPIRED) | TO(WITHDRAWN) },
	[APPR_USED]      = { "used",      0 },
	[APPR_REJECTED]  = { "rejected",  0 },
	[APPR_EXPIRED]   = { "expired",   0 },
	[APPR_WITHDRAWN] = { "withdrawn", 0 },
};
static_assert(ARRAY_LEN(rules) == APPR_STATE_COUNT);

const char *approval_state_name(enum approval_state s) { return s < APPR_STATE_COUNT ? rules[s].name : "?"; }

bool
approval_may_become(enum approval_state from, enum approval_state to)
{
	return from < APPR_STATE_COUNT && to < APPR_STATE_COUNT && (rules[from].to >> to & 1);
}

static bool id_is(const struct map_node *n, const void *key) { return container_of(n, struct approval, node)->id == *(const uint64_t *)key; }
static bool key_is(const struct map_node *n, const void *key) { return digest_eq(&container_of(n, struct approval, by_key)->key, key); }

struct approval *
approval_find(const struct core *c, uint64_t id)
{
	struct map_node *n = map_find(&c->approvals, map_hash_u64(&c->approvals, id), id_is, &id);
	return n ? container_of(n, struct approval, node) : NULL;
}

/* What makes a repeated call the same call. */
static digest
call_key(uint64_t task, span tool, const digest *args)
{
	struct sha256 h;
	sha256_init(&h);
	sha256_add_sized(&h, span_make(&task, sizeof task));
	sha256_add_sized(&h, tool);
	sha256_add_sized(&h, digest_span(args));
	return sha256_end(&h);
}

struct approval *
approval_for(const struct core *c, const struct task *t, span tool, const digest *args)
{
	digest key = call_key(t->id, tool, args);
	struct map_node *n = map_find(&c->approvals_by_key, map_hash_bytes(&c->approvals_by_key, digest_span(&key)), key_is, &key);
	return n ? container_of(n, struct approval, by_key) : NULL;
}

static digest
binding_of(uint64_t agent, uint64_t task, span tool, const digest *definition, span args, const digest *rules_hash, int64_t expires)
{
	struct sha256 h;
	sha256_init(&h);
	sha256_add_sized(&h, SPAN("ambit approval v1"));
	sha256_add_sized(&h, span_make(&agent, sizeof agent));
	sha256_add_sized(&h, span_make(&task, sizeof task));
	sha256_add_sized(&h, tool);
	sha256_add_sized(&h, digest_span(definition));
	sha256_add_sized(&h, args);
	sha256_add_sized(&h, digest_span(rules_hash));
	sha256_add_sized(&h, span_make(&expires, sizeof expires));
	return sha256_end(&h);
}

bool
approval_binds(const struct approval *a, const struct decision *d)
{
	digest now = binding_of(d->agent->id, d->task->id, str_span(d->tool->name), &d->tool->current, d->args, &d->rules_digest,
	                        a->term.expires);
	return digest_eq(&now, &a->binding);
}

/* ---- life ---- */

void
approval_free(struct core *c, struct approval *a)
{
	row_drop(c, &a->row);
	timer_del(&c->timers, &a->timer);
	list_del(&a->all);
	map_del(&c->approvals, &a->node);
	map_del(&c->approvals_by_key, &a->by_key);
	struct str *all[] = { a->tool, a->args, a->resource, a->claim, a->environment, a->rule_text, a->reason, a->decided_by, a->tell };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		str_unref(&c->strs, all[i]);
	for (uint8_t i = 0; i < a->quorum_n; i++)
		str_unref(&c->strs, a->quorums[i]);
	for (uint8_t i = 0; i < a->grant_n; i++) {
		str_unref(&c->strs, a->grants[i].user);
		str_unref(&c->strs, a->grants[i].comment);
	}
	free(a);
}

/* Live ones, and the rejected until their end, stand in the way of the same call. */
static bool blocks(const struct approval *a) { return a->state == APPR_OPEN || a->state == APPR_GRANTED || a->state == APPR_REJECTED; }

static void
become(struct core *c, struct approval *a, enum approval_state to)
{
	must(approval_may_become((enum approval_state)a->state, to));
	bool before = blocks(a);
	a->state = (uint8_t)to;
	if (before && !blocks(a)) {
		map_del(&c->approvals_by_key, &a->by_key);
		if (a->task && a->task->open_approvals) {
			a->task->open_approvals--;
			a->task->agent->open_approvals--;
		}
	}
	row_mark(c, &a->row);
}

static status
add_quorums(struct core *c, struct approval *a, const struct decision *d)
{
	for (uint8_t i = 0; i < d->rule_n; i++)
		for (uint8_t k = 0; k < d->rules[i]->quorum_n; k++) {
			char text[OBJECT_NAME_MAX + 16];
			snprintf(text, sizeof text, "%.*s:%u", SPAN_ARG(d->rules[i]->quorums[k].group), d->rules[i]->quorums[k].need);
			bool dup = false;
			for (uint8_t q = 0; q < a->quorum_n; q++)
				dup |= span_is(str_span(a->quorums[q]), text);
			if (dup)
				continue;
			ENSURE(a->quorum_n < APPROVAL_QUORUMS, E_LIMIT);
			TRY(str_get(&c->strs, span_str(text), &a->quorums[a->quorum_n]));
			a->quorum_n++;
		}
	return OK;
}

static status
rules_json(const struct decision *d, struct buf *b)
{
	struct json_writer w = json_w(b);
	json_w_arr(&w);
	for (uint8_t i = 0; i < d->rule_n; i++) {
		json_w_obj(&w);
		json_w_kstr(&w, "policy", d->rules[i]->file);
		json_w_kint(&w, "line", d->rules[i]->line);
		json_w_kstr(&w, "id", d->rules[i]->id);
		json_w_obj_end(&w);
	}
	json_w_arr_end(&w);
	return buf_finish(b);
}

static status
fill(struct core *c, struct approval *a, const struct decision *d, span claim)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 16384);
	a->task = d->task;
	a->args_digest = d->args_digest;
	a->definition = d->tool->current;
	a->rules = d->rules_digest;
	a->effect = d->tool->effect;
	a->sensitivity = d->sensitivity;
	a->first = !agent_has_used(d->agent, str_span(d->tool->name));
	a->created = wall_now(c);
	a->term = term_min(term_make(&c->clock, d->agent->tier->approval_ttl), d->task->term);
	a->key = call_key(d->task->id, str_span(d->tool->name), &d->args_digest);
	a->binding = binding_of(d->agent->id, d->task->id, str_span(d->tool->name), &a->definition, d->args, &a->rules, a->term.expires);
	TRY(rules_json(d, &b));
	TRY(str_get(&c->strs, buf_span(&b), &a->rule_text));
	TRY(str_get(&c->strs, str_span(d->tool->name), &a->tool));
	TRY(str_get(&c->strs, d->args, &a->args));
	TRY(str_get(&c->strs, d->resource, &a->resource));
	TRY(str_get(&c->strs, d->environment, &a->environment));
	TRY(str_get(&c->strs, span_sub(claim, 0, 1000), &a->claim));
	TRY(add_quorums(c, a, d));
	TRY(timer_set(&c->timers, &a->timer, a->term.deadline));
	TRY(map_reserve(&c->approvals, c->approvals.count + 1));
	return map_reserve(&c->approvals_by_key, c->approvals_by_key.count + 1);
}

static status
requested_event(struct core *c, const struct approval *a, const struct decision *d)
{
	span quorums[APPROVAL_QUORUMS], ids[DECISION_RULES];
	for (uint8_t i = 0; i < a->quorum_n; i++)
		quorums[i] = str_span(a->quorums[i]);
	for (uint8_t i = 0; i < d->rule_n; i++)
		ids[i] = d->rules[i]->id;
	struct event_writer *w = event_open(c, EV_APPROVAL_REQUESTED);
	event_id(w, F_TASK, d->task->id);
	event_id(w, F_AGENT, d->agent->id);
	event_text(w, F_TOOL, str_span(a->tool));
	event_id(w, F_APPROVAL, a->id);
	event_text_opt(w, F_USER, str_span(d->task->user));
	event_text(w, F_AGENT_NAME, str_span(d->agent->name));
	event_texts(w, F_RULES, ids, d->rule_n);
	event_uint(w, F_POLICY_VERSION, c->policy->version);
	event_digest(w, F_RULES_DIGEST, &a->rules);
	event_text_opt(w, F_RESOURCE, str_span(a->resource));
	event_text(w, F_EFFECT, span_str(effect_name((enum effect)a->effect)));
	event_digest(w, F_ARGUMENTS, &a->args_digest);
	event_json(w, F_ARGUMENTS_JSON, str_span(a->args));
	event_digest(w, F_DEFINITION, &a->definition);
	event_texts(w, F_QUORUMS, quorums, a->quorum_n);
	event_text_opt(w, F_CLAIM, str_span(a->claim));
	event_text_opt(w, F_CORRELATION, d->client_ref);
	event_digest(w, F_BINDING, &a->binding);
	event_time(w, F_EXPIRES, a->term.expires);
	return event_close(c, false);
}

status
approval_new(struct core *c, const struct decision *d, span claim, struct approval **ret)
{
	/* What a person could not be shown whole is not put before a person. */
	ENSURE(d->args.n <= APPROVAL_ARGS_MAX, E_LIMIT);
	ENSURE(d->task->open_approvals < TASK_OPEN_APPROVALS_MAX && d->agent->open_approvals < 4 * TASK_OPEN_APPROVALS_MAX, E_RATE_LIMITED);
	struct approval *a = calloc(1, sizeof *a);
	ENSURE(a, E_NO_MEMORY);
	a->id = core_id(c, ID_APPROVAL);
	a->timer.kind = TIMER_APPROVAL;
	list_init(&a->all);
	row_init(&a->row, ROW_APPROVAL);
	status s = fill(c, a, d, claim);
	if (!failed(s))
		s = requested_event(c, a, d);
	if (failed(s)) {
		approval_free(c, a);
		return s;
	}
	s = map_add(&c->approvals, map_hash_u64(&c->approvals, a->id), &a->node);
	must(!failed(s));
	s = map_add(&c->approvals_by_key, map_hash_bytes(&c->approvals_by_key, digest_span(&a->key)), &a->by_key);
	must(!failed(s));
	list_add_head(&c->approval_list, &a->all);
	d->task->open_approvals++;
	d->agent->open_approvals++;
	row_mark(c, &a->row);
	*ret = a;
	return OK;
}

/* ---- answers ---- */

bool
approval_may(const struct core *c, const struct approval *a, const struct object *user, const char **ret_why)
{
	const struct user *u = object_user(user);
	bool member = false;
	if (!u || !(u->roles & ROLE_BIT_APPROVER)) {
		*ret_why = "you do not have the role approver";
		return false;
	}
	/* The one the agent works for may not answer for it. */
	if (a->task && span_eq(str_span(a->task->user), user->name)) {
		*ret_why = "the task is on your own behalf";
		return false;
	}
	for (uint8_t i = 0; i < a->quorum_n; i++) {
		struct quorum q;
		if (quorum_parse(str_span(a->quorums[i]), &q))
			member |= user_in_group(u, q.group);
	}
	if (!member) {
		*ret_why = "you are in none of the groups that are asked";
		return false;
	}
	*ret_why = "you are in a group that is asked, and the task is not yours";
	return true;
}

bool
approval_stands(const struct core *c, const struct approval *a)
{
	for (uint8_t i = 0; i < a->quorum_n; i++) {
		struct quorum q;
		uint32_t have = 0;
		if (!quorum_parse(str_span(a->quorums[i]), &q))
			return false;
		for (uint8_t k = 0; k < a->grant_n; k++) {
			const struct object *user = object_find(c, OBJ_USER, str_span(a->grants[k].user));
			const char *why;
			have += user && approval_may(c, a, user, &why) && user_in_group(object_user(user), q.group);
		}
		if (have < q.need)
			return false;
	}
	return a->quorum_n > 0;
}

static struct event_writer *
answer_event(struct core *c, enum event_type type, const struct approval *a, span actor)
{
	struct event_writer *w = event_open(c, type);
	if (a->task) {
		event_id(w, F_TASK, a->task->id);
		event_id(w, F_AGENT, a->task->agent->id);
	}
	event_text(w, F_TOOL, str_span(a->tool));
	event_id(w, F_APPROVAL, a->id);
	if (actor.n)
		event_text(w, F_ACTOR, actor);
	return w;
}

static span
actor_of(struct core *c, span user)
{
	uint8_t *p = arena_alloc(&c->arena, user.n + 5);
	if (!p)
		return user;
	memcpy(p, "user:", 5);
	memcpy(p + 5, user.p, user.n);
	return span_make(p, user.n + 5);
}

status
approval_grant(struct core *c, struct approval *a, const struct object *user, span comment)
{
	const char *why;
	ENSURE(approval_may(c, a, user, &why), E_APPROVAL_NOT_YOURS);
	ENSURE(a->state == APPR_OPEN && a->task && !term_over(&c->clock, a->term), E_CONFLICT);
	ENSURE(a->grant_n < APPROVAL_GRANTS, E_LIMIT);
	for (uint8_t i = 0; i < a->grant_n; i++)
		ENSURE(!span_eq(str_span(a->grants[i].user), user->name), E_EXISTS);
	struct grant g = { .at = wall_now(c) };
	TRY(str_get(&c->strs, user->name, &g.user));
	status s = str_get(&c->strs, span_sub(comment, 0, 1000), &g.comment);
	a->grants[a->grant_n++] = g;
	bool enough = approval_stands(c, a);
	if (!failed(s)) {
		struct event_writer *w = answer_event(c, EV_APPROVAL_GRANTED, a, actor_of(c, user->name));
		event_text_opt(w, F_REASON, span_sub(comment, 0, 1000));
		event_text(w, F_STATE, span_str(enough ? "granted" : "open"));
		event_digest(w, F_BINDING, &a->binding);
		event_time(w, F_EXPIRES, a->term.expires);
		event_uint(w, F_COUNT, a->grant_n);
		s = event_close(c, false);
	}
	if (failed(s)) {
		a->grant_n--;
		str_unref(&c->strs, g.user);
		str_unref(&c->strs, g.comment);
		return s;
	}
	row_mark(c, &a->row);
	if (enough) {
		become(c, a, APPR_GRANTED);
		parked_wake(c, a->id);
	}
	return OK;
}

status
approval_reject(struct core *c, struct approval *a, const struct object *user, span reason, span tell)
{
	const char *why;
	ENSURE(approval_may(c, a, user, &why), E_APPROVAL_NOT_YOURS);
	ENSURE(a->state == APPR_OPEN, E_CONFLICT);
	struct str *r = NULL, *by = NULL, *t = NULL;
	status s = str_get(&c->strs, span_sub(reason, 0, 1000), &r);
	if (!failed(s))
		s = str_get(&c->strs, user->name, &by);
	if (!failed(s))
		s = str_get(&c->strs, span_sub(tell, 0, 500), &t);
	if (!failed(s)) {
		struct event_writer *w = answer_event(c, EV_APPROVAL_REJECTED, a, actor_of(c, user->name));
		event_text_opt(w, F_REASON, span_sub(reason, 0, 1000));
		event_digest(w, F_BINDING, &a->binding);
		s = event_close(c, false);
	}
	if (failed(s)) {
		str_unref(&c->strs, r);
		str_unref(&c->strs, by);
		str_unref(&c->strs, t);
		return s;
	}
	a->reason = r;
	a->decided_by = by;
	a->tell = t;
	become(c, a, APPR_REJECTED);
	parked_wake(c, a->id);
	return OK;
}

status
approval_use(struct core *c, struct approval *a, uint64_t call)
{
	must(a->state == APPR_GRANTED);
	struct event_writer *w = event_open(c, EV_APPROVAL_USED);
	event_id(w, F_TASK, a->task->id);
	event_id(w, F_AGENT, a->task->agent->id);
	event_text(w, F_TOOL, str_span(a->tool));
	event_id(w, F_CALL, call);
	event_id(w, F_APPROVAL, a->id);
	event_digest(w, F_BINDING, &a->binding);
	TRY(event_close(c, false));
	become(c, a, APPR_USED);
	return OK;
}

void
approval_end(struct core *c, struct approval *a, enum approval_state to, const char *cause)
{
	struct event_writer *w = answer_event(c, to == APPR_EXPIRED ? EV_APPROVAL_EXPIRED : EV_APPROVAL_WITHDRAWN, a, (span){ 0 });
	event_text(w, F_CAUSE, span_str(cause));
	event_close_must(c);
	become(c, a, to);
	parked_wake(c, a->id);
}

void
approval_timer(struct core *c, struct approval *a)
{
	if (a->state == APPR_OPEN || a->state == APPR_GRANTED) {
		approval_end(c, a, APPR_EXPIRED, "expired");
	} else if (a->state == APPR_REJECTED) {
		/* The refusal has done its duty; the same call may be asked about anew. */
		map_del(&c->approvals_by_key, &a->by_key);
		if (a->task && a->task->open_approvals) {
			a->task->open_approvals--;
			a->task->agent->open_approvals--;
		}
		a->key = (digest){ 0 };
	}
}

void
approvals_sweep(struct core *c)
{
	list_for_safe(it, &c->approval_list) {
		struct approval *a = container_of(it, struct approval, all);
		const struct task *by;
		if (a->task && (a->state == APPR_OPEN || a->state == APPR_GRANTED) && task_alive(c, a->task, &by) != E_OK)
			approval_end(c, a, APPR_WITHDRAWN, "task");
	}
}

void
approvals_expire(struct core *c)
{
	list_for_safe(it, &c->approval_list) {
		struct approval *a = container_of(it, struct approval, all);
		if ((a->state == APPR_OPEN || a->state == APPR_GRANTED) && term_over(&c->clock, a->term))
			approval_end(c, a, APPR_EXPIRED, "expired");
	}
}

void
approvals_forget(struct core *c, const struct task *t)
{
	list_for_safe(it, &c->approval_list) {
		struct approval *a = container_of(it, struct approval, all);
		if (a->task == t)
			approval_free(c, a);
	}
}
