/* A recorded decision under other policies. Arguments are not recorded, only their digest; so the question is evaluated with what is known
 * (type-aware partial evaluation), and the outcome is given only where nothing unknown can change it. */
#include "core/trial_priv.h"

#include "cedar/partial.h"
#include "core/core_priv.h"

static bool
observes(const struct cedar_policy *p, void *)
{
	span v;
	return cedar_policy_annotation(p, SPAN("mode"), &v) && span_is(v, "observe");
}

/* `policy->partial` has the rules that no human can lift; this has those too. */
static status
prepare(struct trial *t)
{
	const struct policy_set *p = t->core->policy;
	if (t->all && t->all_of == p)
		return OK;
	cedar_partial_free(TAKE(t->all));
	TRY(cedar_partial_new(p->compiled, NULL, observes, NULL, &t->all));
	t->all_of = p;
	return OK;
}

/* The context as policy saw it, without what the record does not tell. */
static const struct cedar_record *
known_part(struct arena *a, const struct cedar_record *whole, const struct trial_record *r)
{
	struct cedar_record_builder b = cedar_record_begin(a);
	for (uint32_t i = 0; i < whole->n; i++) {
		span key = { whole->members[i].key, whole->members[i].key_n };
		if ((span_is(key, "input") && !r->args_known) || (span_is(key, "task") && !r->task_known) || (span_is(key, "channel") && !r->channel_known))
			continue;
		cedar_record_put(&b, key, whole->members[i].value);
	}
	return cedar_record_finish(&b);
}

static const struct rule *
rule_of(const struct policy_set *p, const struct cedar_policy *h)
{
	for (size_t i = 0; i < p->rule_n; i++)
		if (p->rules[i].policy == h)
			return &p->rules[i];
	return NULL;
}

static void
keep(const struct policy_set *p, struct trial_outcome *o, const struct cedar_partial *list, uint32_t n, enum cedar_partial_state state)
{
	for (uint32_t i = 0; i < n && o->rule_n < TRIAL_RULES; i++)
		if (list[i].state == state)
			o->rules[o->rule_n++] = rule_of(p, list[i].policy);
}

static bool
any(const struct cedar_partial *list, uint32_t n, enum cedar_partial_state state)
{
	for (uint32_t i = 0; i < n; i++)
		if (list[i].state == state)
			return true;
	return false;
}

/* `hard`: without the rules a human can lift; `all`: with them. An error in a forbid denies, so a forbid that may turn out to be one leaves it open. */
static void
combine(const struct policy_set *p, const struct cedar_partial_answer *hard, const struct cedar_partial_answer *all, struct trial_outcome *o)
{
	bool unsure = any(all->forbids, all->forbid_n, CEDAR_PARTIAL_UNKNOWN);
	if (any(hard->forbids, hard->forbid_n, CEDAR_PARTIAL_TRUE)) {
		o->kind = TRIAL_DENY;
		keep(p, o, hard->forbids, hard->forbid_n, CEDAR_PARTIAL_TRUE);
	} else if (any(all->forbids, all->forbid_n, CEDAR_PARTIAL_ERROR)) {
		o->kind = TRIAL_DENY;
		keep(p, o, all->forbids, all->forbid_n, CEDAR_PARTIAL_ERROR);
	} else if (hard->decision == CEDAR_PARTIAL_DENY) {
		o->kind = TRIAL_DENY;
	} else if (!unsure && hard->decision == CEDAR_PARTIAL_ALLOW && any(all->forbids, all->forbid_n, CEDAR_PARTIAL_TRUE)) {
		o->kind = TRIAL_PENDING;
		keep(p, o, all->forbids, all->forbid_n, CEDAR_PARTIAL_TRUE);
	} else if (!unsure && all->decision == CEDAR_PARTIAL_ALLOW) {
		o->kind = TRIAL_ALLOW;
		keep(p, o, all->permits, all->permit_n, CEDAR_PARTIAL_TRUE);
	} else {
		o->kind = TRIAL_OPEN;
		keep(p, o, all->forbids, all->forbid_n, CEDAR_PARTIAL_UNKNOWN);
		keep(p, o, all->permits, all->permit_n, CEDAR_PARTIAL_UNKNOWN);
	}
}

status
trial_replay(struct trial *t, const struct trial_record *r, struct trial_outcome *ret)
{
	static const struct json none = { .kind = JSON_OBJ };
	struct core *c = t->core;
	const struct trial_question *q = &r->q;
	const struct cedar_entity *extra[1];
	struct cedar_request whole;
	struct cedar_partial_answer hard, all;
	struct trial_fault f;
	*ret = (struct trial_outcome){ 0 };
	trial_forget(t);
	c->clock.now.wall = q->at ? q->at : t->now.wall;
	struct agent *agent = agent_named(c, q->agent);
	struct tool *tool = tool_find(c, q->tool);
	ENSURE(agent, E_AGENT_UNKNOWN);
	ENSURE(tool && tool->state != TOOL_GONE, E_TOOL_UNKNOWN);
	/* A call of a tool with a mapping has a resource; without it the record is of something else. */
	ENSURE(!tool->mapping || span_eq(q->resource_type, tool->mapping->type), E_BAD_ARGUMENTS);
	TRY(prepare(t));
	if (q->task)
		TRY(trial_make_task(t, q, agent, &f));
	struct decision d = {
		.dry = true, .channel = q->channel ? q->channel : "local", .attested = !q->unattested, .agent = agent, .task = t->task, .tool = tool, .input = q->args ? q->args : &none,
		.environment = q->environment, .resource_type = q->resource_type, .resource_id = q->resource_id, .high_water = t->task ? t->task->sensitivity : 0,
		.sensitivity = tool->sensitivity,
	};
	arena_reset(&c->eval);
	if (d.resource_type.n) {
		CLEANUP(buf_fini) struct buf name;
		span label;
		buf_init(&name, 1 << 20);
		buf_printf(&name, "%.*s::%.*s", SPAN_ARG(d.resource_type), SPAN_ARG(d.resource_id));
		d.sensitivity = label_of(c, buf_span(&name), tool->sensitivity, &label);
	}
	TRY(view_question(c, &d, NULL, extra, &whole));
	struct cedar_partial_request p = {
		.action = whole.action, .principal = whole.principal, .resource = whole.resource, .context = known_part(&c->eval, whole.context, r),
		.context_whole = r->args_known && r->task_known && r->channel_known, .entities_whole = true, .extra = whole.extra, .extra_n = whole.extra_n,
	};
	ENSURE(p.context, E_NO_MEMORY);
	TRY(cedar_partial_evaluate(c->policy->partial, c->entities, &p, &c->eval, &hard));
	TRY(cedar_partial_evaluate(t->all, c->entities, &p, &c->eval, &all));
	combine(c->policy, &hard, &all, ret);
	return OK;
}
