/* What Cedar sees of agents, tools and one call (docs/model.md §5). */
#include "cedar/nearest.h"
#include "core/core_priv.h"

static const struct cedar_uid *
uid_of(struct arena *a, const char *type, const char *prefix, span id)
{
	uint8_t *p = arena_alloc(a, strlen(prefix) + id.n + 1);
	if (!p)
		return NULL;
	size_t n = strlen(prefix);
	memcpy(p, prefix, n);
	if (id.n)
		memcpy(p + n, id.p, id.n);
	return cedar_uid_new(a, span_str(type), span_make(p, n + id.n));
}

static status
put(struct core *c, const struct cedar_uid *uid, const struct cedar_record *attrs, const struct cedar_uid *const *parents, uint32_t n)
{
	struct cedar_entity e = { .uid = uid, .attrs = attrs, .parents = parents, .parent_n = n };
	return cedar_entities_put(c->entities, &e, NULL);
}

/* Macros, so that the keys' lengths are known. */
#define put_text(b, key, v) cedar_record_put(b, SPAN(key), cedar_string(v))
#define put_long(b, key, v) cedar_record_put(b, SPAN(key), cedar_long(v))

status
view_agent(struct core *c, struct agent *a)
{
	CLEANUP(arena_fini) struct arena m;
	arena_init(&m, 1 << 20);
	const struct cedar_uid *uid = cedar_uid_new(&m, SPAN("Agent"), str_span(a->name)), *parents[2];
	uint32_t n = 0;
	if (a->team.n)
		parents[n++] = cedar_uid_new(&m, SPAN("Team"), a->team);
	if (a->tier_name.n)
		parents[n++] = cedar_uid_new(&m, SPAN("Tier"), a->tier_name);
	struct cedar_record_builder b = cedar_record_begin(&m);
	put_text(&b, "owner", a->owner);
	put_text(&b, "tier", a->tier_name);
	put_text(&b, "team", a->team);
	put_text(&b, "purpose", a->purpose);
	const struct cedar_record *attrs = cedar_record_finish(&b);
	ENSURE(arena_ok(&m) && attrs, E_NO_MEMORY);
	for (uint32_t i = 0; i < n; i++)
		if (!cedar_entities_find(c->entities, parents[i]))
			TRY(put(c, parents[i], NULL, NULL, 0));
	return put(c, uid, attrs, parents, n);
}

status
view_tool(struct core *c, struct tool *t)
{
	span server = str_span(t->server->name), name = str_span(t->name);
	const char *effect = effect_name((enum effect)t->effect);
	const struct cedar_uid *groups[3] = {
		uid_of(&t->arena, "Action", "server:", server),
		uid_of(&t->arena, "Action", "effect:", span_str(effect)),
		uid_of(&t->arena, "Action", "all", (span){ 0 }),
	};
	const struct cedar_uid *parent = cedar_uid_new(&t->arena, SPAN("Server"), server);
	t->action_uid = cedar_uid_new(&t->arena, SPAN("Action"), name);
	t->tool_uid = cedar_uid_new(&t->arena, SPAN("Tool"), name);
	struct cedar_record_builder b = cedar_record_begin(&t->arena);
	put_text(&b, "effect", span_str(effect));
	put_long(&b, "sensitivity", t->sensitivity);
	put_text(&b, "server", server);
	const struct cedar_record *attrs = cedar_record_finish(&b);
	ENSURE(arena_ok(&t->arena) && attrs, E_NO_MEMORY);
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		if (!cedar_entities_find(c->entities, groups[i]))
			TRY(put(c, groups[i], NULL, NULL, 0));
	if (!cedar_entities_find(c->entities, parent))
		TRY(put(c, parent, NULL, NULL, 0));
	TRY(put(c, t->action_uid, NULL, groups, ARRAY_LEN(groups)));
	return put(c, t->tool_uid, attrs, &parent, 1);
}

/* ---- one call ---- */

status
view_input(struct arena *a, const struct json *v, bool untyped, struct cedar_value *ret, bool *ret_absent)
{
	*ret_absent = false;
	ENSURE(untyped || (v->kind != JSON_NULL && v->kind != JSON_NUM), E_BAD_ARGUMENTS);
	switch ((enum json_kind)v->kind) {
	case JSON_BOOL: *ret = cedar_bool(v->truth); return OK;
	case JSON_INT: *ret = cedar_long(v->i); return OK;
	case JSON_STR: *ret = cedar_string(v->str); return OK;
	case JSON_NULL:
		*ret_absent = true;
		return OK;
	case JSON_NUM:
		*ret = cedar_string(span_make(v->num.text, v->num.len));
		return OK;
	case JSON_ARR: {
		struct cedar_value *items = arena_array(a, v->arr.n + 1, sizeof *items);
		uint32_t n = 0;
		ENSURE(items, E_NO_MEMORY);
		json_for_items(it, v) {
			bool absent;
			TRY(view_input(a, it, untyped, &items[n], &absent));
			n += !absent;
		}
		const struct cedar_set *s = cedar_set_new(a, items, n);
		ENSURE(s, E_NO_MEMORY);
		*ret = cedar_set_value(s);
		return OK;
	}
	case JSON_OBJ: {
		struct cedar_record_builder b = cedar_record_begin(a);
		json_for_members(it, v) {
			struct cedar_value x;
			bool absent;
			TRY(view_input(a, &it->value, untyped, &x, &absent));
			if (!absent)
				cedar_record_put(&b, it->key, x);
		}
		const struct cedar_record *r = cedar_record_finish(&b);
		ENSURE(r, E_NO_MEMORY);
		*ret = cedar_record_value(r);
		return OK;
	}
	}
	return FAIL(E_BAD_ARGUMENTS);
}

static struct cedar_value
strings(struct arena *a, const span *s, uint32_t n)
{
	struct cedar_value *items = arena_array(a, n + 1u, sizeof *items);
	for (uint32_t i = 0; items && i < n; i++)
		items[i] = cedar_string(s[i]);
	const struct cedar_set *set = items ? cedar_set_new(a, items, n) : NULL;
	return set ? cedar_set_value(set) : (struct cedar_value){ 0 };
}

/* The keys of what every decision is told, by place. */
enum { T_ID, T_PURPOSE, T_WORKFLOW, T_ENVIRONMENT, T_DEPTH, T_CALLS, T_AGE, T_SENSITIVITY, T_LABELS, T_USER, T_PROVEN, T_COUNT };
enum { A_GRANTED, A_BY, A_COUNT };
enum { H_KIND, H_ATTESTED, H_COUNT };
enum { C_INPUT, C_TASK, C_APPROVAL, C_ENVIRONMENT, C_CHANNEL, C_NOW, C_RISK, C_COUNT };

static const char *const task_keys[] = {
	[T_ID] = "id", [T_PURPOSE] = "purpose", [T_WORKFLOW] = "workflow", [T_ENVIRONMENT] = "environment", [T_DEPTH] = "depth",
	[T_CALLS] = "calls", [T_AGE] = "age_seconds", [T_SENSITIVITY] = "sensitivity", [T_LABELS] = "labels", [T_USER] = "user",
	[T_PROVEN] = "user_proven",
};
static const char *const approval_keys[] = { [A_GRANTED] = "granted", [A_BY] = "by" };
static const char *const channel_keys[] = { [H_KIND] = "kind", [H_ATTESTED] = "attested" };
static const char *const context_keys[] = {
	[C_INPUT] = "input", [C_TASK] = "task", [C_APPROVAL] = "approval", [C_ENVIRONMENT] = "environment", [C_CHANNEL] = "channel",
	[C_NOW] = "now", [C_RISK] = "risk",
};

static const struct cedar_shape *
shape(struct arena *a, const char *const *names, uint32_t n)
{
	span keys[CEDAR_SHAPE_MAX];
	for (uint32_t i = 0; i < n; i++)
		keys[i] = span_str(names[i]);
	return cedar_shape_new(a, keys, n);
}

status
view_init(struct core *c)
{
	struct view_shapes *s = &c->shapes;
	s->task = shape(&c->config_arena, task_keys, T_COUNT);
	s->approval = shape(&c->config_arena, approval_keys, A_COUNT);
	s->channel = shape(&c->config_arena, channel_keys, H_COUNT);
	s->context = shape(&c->config_arena, context_keys, C_COUNT);
	ENSURE(s->task && s->approval && s->channel && s->context, E_NO_MEMORY);
	return OK;
}

/* Nothing in an arena that has overflowed: who asked looks there. */
static struct cedar_value
record(struct core *c, const struct cedar_shape *s, const struct cedar_value *values)
{
	const struct cedar_record *r = cedar_record_shaped(&c->eval, s, values);
	return r ? cedar_record_value(r) : (struct cedar_value){ 0 };
}

/* What the task has touched: its own labels, its ancestors', each once. */
static uint32_t
labels_of(const struct task *t, span labels[static TASK_LABELS_MAX])
{
	uint32_t n = 0;
	for (const struct task *p = t; p; p = p->parent)
		for (uint8_t i = 0; i < p->label_n; i++) {
			bool seen = false;
			for (uint32_t k = 0; k < n; k++)
				seen |= span_eq(labels[k], str_span(p->labels[i]));
			if (!seen && n < TASK_LABELS_MAX)
				labels[n++] = str_span(p->labels[i]);
		}
	return n;
}

static struct cedar_value
task_record(struct core *c, const struct decision *d)
{
	const struct task *t = d->task;
	span labels[TASK_LABELS_MAX] = { 0 };
	uint32_t n = labels_of(t, labels);
	char *id = arena_alloc(&c->eval, ID_TEXT + 1);
	if (!id)
		return (struct cedar_value){ 0 };
	id_text(t ? t->id : 0, id);
	struct cedar_value v[T_COUNT] = {
		[T_ID] = cedar_string(t ? span_make(id, ID_TEXT) : (span){ 0 }),
		[T_PURPOSE] = cedar_string(t ? str_span(t->purpose) : (span){ 0 }),
		[T_WORKFLOW] = cedar_string(t ? str_span(t->workflow) : (span){ 0 }),
		[T_ENVIRONMENT] = cedar_string(d->environment),
		[T_DEPTH] = cedar_long(t ? t->depth : 0),
		[T_CALLS] = cedar_long(t ? t->used : 0),
		[T_AGE] = cedar_long(t ? (wall_now(c) - t->created) / NS_PER_S : 0),
		[T_SENSITIVITY] = cedar_long(d->high_water),
		[T_LABELS] = strings(&c->eval, labels, n),
		[T_USER] = cedar_string(t ? str_span(t->user) : (span){ 0 }),
		[T_PROVEN] = cedar_bool(t && t->user_proven),
	};
	return record(c, c->shapes.task, v);
}

static struct cedar_value
approval_record(struct core *c, const struct approval *g)
{
	span by[APPROVAL_GRANTS];
	uint32_t n = g ? g->grant_n : 0;
	for (uint32_t i = 0; i < n; i++)
		by[i] = str_span(g->grants[i].user);
	struct cedar_value v[A_COUNT] = { [A_GRANTED] = cedar_bool(g != NULL), [A_BY] = strings(&c->eval, by, n) };
	return record(c, c->shapes.approval, v);
}

static status
context(struct core *c, const struct decision *d, const struct approval *granted, const struct cedar_record **ret)
{
	struct cedar_value channel[H_COUNT] = { [H_KIND] = cedar_string(span_str(d->channel)), [H_ATTESTED] = cedar_bool(d->attested) };
	struct cedar_value v[C_COUNT];
	bool absent;
	TRY(view_input(&c->eval, d->input, d->tool->untyped, &v[C_INPUT], &absent));
	v[C_TASK] = task_record(c, d);
	v[C_APPROVAL] = approval_record(c, granted);
	v[C_ENVIRONMENT] = cedar_string(d->environment);
	v[C_CHANNEL] = record(c, c->shapes.channel, channel);
	v[C_NOW] = (struct cedar_value){ .kind = CEDAR_DATETIME, .i = wall_now(c) / NS_PER_MS };
	v[C_RISK] = cedar_long((int64_t)d->sensitivity + (d->tool->effect == EFFECT_DESTRUCTIVE || d->tool->effect == EFFECT_EGRESS));
	*ret = cedar_record_shaped(&c->eval, c->shapes.context, v);
	ENSURE(*ret && arena_ok(&c->eval), E_NO_MEMORY);
	return OK;
}

status
view_question(struct core *c, struct decision *d, const struct approval *granted, const struct cedar_entity *extra[1], struct cedar_request *ret)
{
	struct arena *a = &c->eval;
	struct cedar_request r = { .action = d->tool->action_uid, .resource = d->tool->tool_uid };
	r.principal = cedar_uid_new(a, SPAN("Agent"), str_span(d->agent->name));
	if (d->resource_type.n) {
		struct cedar_record_builder b = cedar_record_begin(a);
		put_long(&b, "sensitivity", d->sensitivity);
		const struct cedar_record *attrs = cedar_record_finish(&b);
		r.resource = cedar_uid_new(a, d->resource_type, d->resource_id);
		ENSURE(attrs && r.resource, E_NO_MEMORY);
		extra[0] = cedar_entity_make(a, c->entities, r.resource, attrs, NULL, NULL, 0);
		ENSURE(extra[0], E_NO_MEMORY);
		r.extra = extra;
		r.extra_n = 1;
	}
	ENSURE(r.principal, E_NO_MEMORY);
	TRY(context(c, d, granted, &r.context));
	*ret = r;
	return OK;
}

status
view_evaluate(struct core *c, struct decision *d, const struct approval *granted, struct cedar_answer *ret)
{
	const struct cedar_entity *extra[1];
	struct cedar_request r;
	TRY(view_question(c, d, granted, extra, &r));
	TRY(cedar_evaluate(c->policy->compiled, c->entities, &r, &c->eval, ret));
	if (c->watch)
		c->watch(c->watch_ctx, c->policy, c->entities, &r, ret, &c->eval);
	return OK;
}

/* A person who asks waits gladly; a call is denied in the time of a call. */
enum { NEAREST_RULES = 128, NEAREST_RULES_DRY = 2000 };

/* Both sets are in one order, so the search goes on where it stood. */
struct near_search { const struct policy_set *set; size_t at; };

static const struct rule *
rule_of(struct near_search *s, const struct cedar_policy *policy)
{
	while (s->at < s->set->rule_n && s->set->rules[s->at].policy != policy)
		s->at++;
	return s->at < s->set->rule_n ? &s->set->rules[s->at] : NULL;
}

static bool
only_observes(const struct cedar_policy *policy, void *arg)
{
	const struct rule *r = rule_of(arg, policy);
	return !r || r->observe;
}

void
view_nearest(struct core *c, struct decision *d)
{
	const struct cedar_entity *extra[1];
	struct cedar_request r;
	struct cedar_near near;
	struct near_search search = { c->policy, 0 }, found = { c->policy, 0 };
	uint32_t n = 0;
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4096);
	if (c->policy->rule_n > (d->dry ? NEAREST_RULES_DRY : NEAREST_RULES) || failed(view_question(c, d, NULL, extra, &r)) ||
	    failed(cedar_nearest_permits(c->policy->compiled, c->entities, &r, only_observes, &search, &c->eval, &near, 1, &n)))
		return;
	if (!n || near.lack == CEDAR_LACK_ACTION)
		return;
	cedar_near_lack(&near, &b);
	d->lacked = arena_copy(&c->eval, buf_span(&b));
	d->nearest = d->lacked.n ? rule_of(&found, near.policy) : NULL;
}

enum { LIST_WORK = 50000 };   /* rules times tools a list may ask about: under 5 ms */

bool
view_may_allow(struct core *c, const struct agent *a, const struct tool *t)
{
	struct policy_set *p = c->policy;
	if (!p || p->rule_n * (c->tools.count + 1) > LIST_WORK)
		return true;
	struct arena_mark mark = arena_mark(&c->eval);
	struct cedar_partial_answer answer;
	struct cedar_partial_request r = {
		.action = t->action_uid, .principal = cedar_uid_new(&c->eval, SPAN("Agent"), str_span(a->name)), .principal_type = SPAN("Agent"), .resource = t->mapping ? NULL : t->tool_uid,
		.resource_type = t->mapping ? t->mapping->type : SPAN("Tool"),
	};
	bool may = !r.principal || failed(cedar_partial_evaluate(p->partial, c->entities, &r, &c->eval, &answer)) ||
	           answer.decision != CEDAR_PARTIAL_DENY;
	arena_back(&c->eval, mark);
	return may;
}
