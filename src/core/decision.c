#include "core/decision.h"

#include "core/core_priv.h"
#include "text/jsonschema.h"

#include <stdio.h>

static bool
deny(struct decision *d, uint16_t code)
{
	d->verdict = VERDICT_DENY;
	d->code = code;
	return false;
}

/* 2. Task, parents, agent, owner, tier, tool, server, world. */
static bool
alive(struct core *c, struct decision *d)
{
	if (d->task) {
		uint16_t code = task_alive(c, d->task, &d->by);
		if (code != E_OK)
			return deny(d, code);
	} else if (d->agent->state != AGENT_ACTIVE) {
		return deny(d, E_AGENT_INACTIVE);
	} else if (c->world->on) {
		return deny(d, E_WORLD_STOPPED);
	} else if (d->agent->stop->on || d->agent->stop_owner->on || d->agent->stop_tier->on) {
		return deny(d, E_REVOKED);
	}
	if (!d->tool || d->tool->state == TOOL_GONE)
		return deny(d, E_TOOL_UNKNOWN);
	if (d->tool->stop->on || d->tool->server->stop->on) {
		snprintf(d->detail, sizeof d->detail, "%s is stopped by an operator", d->tool->stop->on ? "the tool" : "its server");
		return deny(d, E_REVOKED);
	}
	return true;
}

static bool
resource(struct core *c, struct decision *d)
{
	if (d->tool->mapping) {
		d->resource_type = d->tool->mapping->type;
		status s = mapping_apply(d->tool->mapping, d->input, &c->eval, &d->resource_id);
		if (failed(s)) {
			snprintf(d->detail, sizeof d->detail, "an argument that names the resource is missing or not in plain form");
			return deny(d, s.code);
		}
	} else if (d->resource_given_type.n) {
		d->resource_type = d->resource_given_type;
		d->resource_id = d->resource_given;
	}
	if (!d->resource_type.n) {
		d->sensitivity = d->tool->sensitivity;
		return true;
	}
	size_t n = d->resource_type.n + 2 + d->resource_id.n;
	uint8_t *p = arena_alloc(&c->eval, n + 1);
	if (!p)
		return deny(d, E_NO_MEMORY);
	memcpy(p, d->resource_type.p, d->resource_type.n);
	memcpy(p + d->resource_type.n, "::", 2);
	if (d->resource_id.n)
		memcpy(p + d->resource_type.n + 2, d->resource_id.p, d->resource_id.n);
	d->resource = span_make(p, n);
	d->sensitivity = label_of(c, d->resource, d->tool->sensitivity, &d->label);
	return true;
}

/* The one misfit that no other argument cures. */
static void
no_resource(struct decision *d, const struct task *t)
{
	char id[ID_TEXT + 1];
	id_text(t->id, id);
	if (!d->resource.n && span_is(span_str(d->misfit.what), "resources"))
		snprintf(d->detail, sizeof d->detail, "%s is limited to resources, and this tool has no resource mapping, so no call of it can be inside", id);
}

static struct misfit
fits(const struct decision *d, const struct envelope *e, span name)
{
	enum effect effect = (enum effect)d->tool->effect;
	if (d->tool->server->upstream)
		return envelope_check_credential(e, d->tool->own_name, name, effect, d->environment, d->input);
	return envelope_check(e, name, effect, d->resource, d->environment, d->input);
}

/* A template may be for tasks of some workflows only. */
static bool
for_workflow(struct decision *d)
{
	const struct upstream *u = d->tool->server->upstream;
	if (!u || !d->task)
		return true;
	const struct json *spec = template_spec(u, span_sub(d->tool->own_name, u->name->n + 1, d->tool->own_name.n));
	if (spec && template_for_workflow(spec, str_span(d->task->workflow)))
		return true;
	snprintf(d->detail, sizeof d->detail, "this credential is for tasks of certain workflows");
	return deny(d, E_OUTSIDE_ENVELOPE);
}

/* 3. The envelope of the task and of every ancestor, and what bounds each from outside. */
static bool
inside(struct decision *d)
{
	span name = str_span(d->tool->name);
	for (const struct task *t = d->task; t; t = t->parent) {
		d->misfit = fits(d, t->envelope, name);
		if (!d->misfit.code && t->cap) {
			d->misfit = fits(d, t->cap, name);
			d->misfit_cap = d->misfit.code != E_OK;
		}
		if (d->misfit.code) {
			d->by = t;
			no_resource(d, t);
			return deny(d, d->misfit.code);
		}
	}
	return true;
}

/* 4. The definition that a person reviewed, and arguments that fit it. */
static bool
tool_as_approved(struct decision *d)
{
	uint16_t code = tool_callable(d->tool, d->agent->tier);
	if (code != E_OK)
		return deny(d, code);
	if (!d->tool->schema_ok) {
		snprintf(d->detail, sizeof d->detail, "its input schema cannot be checked");
		return deny(d, E_TOOL_QUARANTINED);
	}
	if (d->tool->schema) {
		struct jsonschema_error err = { 0 };
		status s = jsonschema_validate(d->tool->schema, d->input, &err);
		if (failed(s)) {
			snprintf(d->detail, sizeof d->detail, "%.80s %.150s", err.pointer[0] ? err.pointer : "arguments", err.reason);
			return deny(d, s.code);
		}
	}
	return true;
}

static void
keep(const struct rule **list, uint8_t *n, size_t max, const struct rule *r)
{
	if (*n < max)
		list[(*n)++] = r;
}

static void
rules_digest(struct decision *d, const struct rule *const *rules, size_t n)
{
	struct sha256 h;
	sha256_init(&h);
	for (size_t i = 0; i < n; i++) {
		sha256_add_sized(&h, rules[i]->file);
		sha256_add_sized(&h, digest_span(&rules[i]->hash));
	}
	d->rules_digest = sha256_end(&h);
}

struct sorted {
	const struct rule *permits[DECISION_RULES], *hard[DECISION_RULES], *soft[DECISION_RULES], *observed[DECISION_RULES];
	uint8_t permit_n, hard_n, soft_n, observed_n;
	bool more_soft;          /* more than fit: nobody could be asked about all of them */
};

static void
sort_answer(struct core *c, const struct cedar_answer *a, struct sorted *s)
{
	for (uint32_t i = 0; i < a->permit_n; i++) {
		const struct rule *r = &c->policy->rules[a->permit_at[i]];
		if (r->observe)
			keep(s->observed, &s->observed_n, DECISION_RULES, r);
		else
			keep(s->permits, &s->permit_n, DECISION_RULES, r);
	}
	for (uint32_t i = 0; i < a->forbid_n; i++) {
		const struct rule *r = &c->policy->rules[a->forbid_at[i]];
		if (r->observe) {
			keep(s->observed, &s->observed_n, DECISION_RULES, r);
		} else if (!r->quorum_n) {
			keep(s->hard, &s->hard_n, DECISION_RULES, r);
		} else {
			s->more_soft |= s->soft_n == DECISION_RULES;
			keep(s->soft, &s->soft_n, DECISION_RULES, r);
		}
	}
}

static void
determine(struct decision *d, const struct rule *const *rules, uint8_t n)
{
	memcpy(d->rules, rules, n * sizeof *rules);
	d->rule_n = n;
}

/* Observe-mode rules that would have changed the verdict. */
static void
observe(struct decision *d, const struct sorted *s)
{
	for (uint8_t i = 0; i < s->observed_n; i++)
		if (s->observed[i]->forbid ? d->verdict != VERDICT_DENY : d->code == E_NO_PERMIT)
			keep(d->observed, &d->observed_n, DECISION_RULES, s->observed[i]);
}

/* 5. Cedar: default deny, forbid wins, an error in a forbid denies. True: allowed but for what needs a human. */
static bool
policy(struct core *c, struct decision *d, const struct approval *granted, struct sorted *s)
{
	struct cedar_answer a;
	status st = view_evaluate(c, d, granted, &a);
	if (failed(st)) {
		if (st.code == E_BAD_ARGUMENTS)
			snprintf(d->detail, sizeof d->detail, "an argument is a fraction or null, which policy cannot see; a reviewer may accept it");
		return deny(d, st.code);
	}
	sort_answer(c, &a, s);
	bool forbid_failed = false;
	for (uint32_t i = 0; i < a.failure_n; i++) {
		const struct rule *r = &c->policy->rules[a.failures[i].ordinal];
		if (r->observe)
			continue;
		keep(d->failed, &d->failed_n, DECISION_FAILURES, r);
		if (!r->forbid)
			continue;
		if (!forbid_failed) {
			CLEANUP(buf_fini) struct buf b;
			buf_init(&b, sizeof d->detail - 1);
			cedar_failure_print(&a.failures[i], &b);
			snprintf(d->detail, sizeof d->detail, "%.*s", SPAN_ARG(buf_span(&b)));
		}
		forbid_failed = true;
	}
	if (s->hard_n) {
		determine(d, s->hard, s->hard_n);
		return deny(d, E_POLICY_DENIED);
	}
	if (forbid_failed || s->more_soft) {
		determine(d, d->failed, d->failed_n);
		return deny(d, E_POLICY_ERROR);
	}
	if (!s->permit_n)
		return deny(d, E_NO_PERMIT);
	return true;
}

/* 6. Every satisfied forbid asks for a human: has one said yes to exactly this? */
static bool
human(struct core *c, struct decision *d, const struct sorted *s, const struct approval *granted)
{
	const struct rule *all[2 * DECISION_RULES];
	size_t n = 0;
	if (!s->soft_n) {
		determine(d, s->permits, s->permit_n);
		return true;
	}
	for (uint8_t i = 0; i < s->soft_n; i++)
		all[n++] = s->soft[i];
	for (uint8_t i = 0; i < s->permit_n; i++)
		all[n++] = s->permits[i];
	rules_digest(d, all, n);
	determine(d, s->soft, s->soft_n);
	struct approval *a = d->approval;
	if (a && a->state == APPR_REJECTED)
		return deny(d, E_APPROVAL_REJECTED);
	if (a && !approval_binds(a, d)) {
		/* Asked or answered about something else: the definition, the rules or the end have changed. */
		d->approval = NULL;
		d->stale = a;
		a = NULL;
	}
	if (a && granted == a) {
		d->lifted = true;
		return true;
	}
	d->verdict = VERDICT_PENDING;
	d->code = E_APPROVAL_PENDING;
	return false;
}

static const struct approval *
granted_one(const struct core *c, const struct decision *d)
{
	const struct approval *a = d->approval;
	return a && a->state == APPR_GRANTED && !term_over(&c->clock, a->term) && approval_stands(c, a) ? a : NULL;
}

/* People said yes to the question without their answer in it; policy sees the answer too (context.approval), and may still say no. */
static bool
still_so(struct core *c, struct decision *d, const struct approval *granted, const struct sorted *asked)
{
	struct sorted now = { 0 };
	d->failed_n = 0;
	if (!policy(c, d, granted, &now)) {
		d->lifted = false;
		return false;
	}
	for (uint8_t i = 0; i < now.soft_n; i++) {
		bool known = false;
		for (uint8_t k = 0; k < asked->soft_n; k++)
			known |= now.soft[i] == asked->soft[k];
		if (!known) {
			/* A rule that asks only once somebody has answered: nobody was asked about it. */
			d->lifted = false;
			determine(d, now.soft, now.soft_n);
			return deny(d, E_POLICY_DENIED);
		}
	}
	return true;
}

void
decide(struct core *c, struct decision *d)
{
	struct sorted s = { 0 };
	d->verdict = VERDICT_DENY;
	d->by = d->task;
	d->args_digest = sha256(d->args);
	if (!d->environment.n && d->task)
		d->environment = str_span(d->task->environment);
	d->high_water = d->task ? task_high_water(d->task) : 0;
	if (!alive(c, d) || !resource(c, d) || !inside(d) || !for_workflow(d) || !tool_as_approved(d))
		return;
	if (d->task && d->task->open_approvals)
		d->approval = approval_for(c, d->task, str_span(d->tool->name), &d->args_digest);
	const struct approval *granted = granted_one(c, d);
	/* First as it was asked: a rule that ends by `unless { context.approval.granted }` would else be gone, and the grant never used up. */
	if (policy(c, d, NULL, &s) && human(c, d, &s, granted) && (!d->lifted || still_so(c, d, granted, &s))) {
		/* 7. */
		uint16_t code = d->task ? budget_check(c, d) : E_OK;
		if (code != E_OK) {
			d->lifted = false;
			deny(d, code);
		} else {
			d->verdict = VERDICT_ALLOW;
			d->code = E_OK;
		}
	}
	observe(d, &s);
	if (d->code == E_NO_PERMIT)
		view_nearest(c, d);
	if (!arena_ok(&c->eval)) {
		d->lifted = false;
		deny(d, E_NO_MEMORY);
	}
}
