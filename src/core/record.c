/* The event of a decision. */
#include "core/core_priv.h"
#include "core/decision.h"

static void
texts(struct event_writer *w, enum event_field f, const struct rule *const *rules, uint8_t n)
{
	span ids[DECISION_RULES];
	for (uint8_t i = 0; i < n; i++)
		ids[i] = rules[i]->id;
	if (n)
		event_texts(w, f, ids, n);
}

/* What the task and those above it had touched, each once; as view.c has it. */
static void
labels(struct event_writer *w, const struct task *t)
{
	span list[TASK_LABELS_MAX];
	uint32_t n = 0;
	for (; t; t = t->parent)
		for (uint8_t i = 0; i < t->label_n; i++) {
			bool seen = false;
			for (uint32_t k = 0; k < n; k++)
				seen |= span_eq(list[k], str_span(t->labels[i]));
			if (!seen && n < TASK_LABELS_MAX)
				list[n++] = str_span(t->labels[i]);
		}
	if (n)
		event_texts(w, F_LABELS, list, n);
}

static uint64_t
calls_left(const struct task *t)
{
	uint64_t left = UINT32_MAX;
	for (; t; t = t->parent) {
		uint32_t max = t->envelope->max_calls >= 0 ? (uint32_t)t->envelope->max_calls : (uint32_t)t->agent->tier->max_calls;
		uint64_t mine = max > t->used ? max - t->used : 0;
		left = mine < left ? mine : left;
	}
	return left;
}

static void
nearest_text(struct event_writer *w, const struct decision *d)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 2048);
	buf_printf(&b, "nearest permit %.*s:%u %.*s ", SPAN_ARG(d->nearest->file), d->nearest->line, SPAN_ARG(d->nearest->id));
	buf_put(&b, d->lacked);
	if (!b.err)
		event_text(w, F_DENIAL_DETAIL, buf_span(&b));
}

status
decision_record(struct core *c, struct decision *d, uint64_t call, bool lazy)
{
	bool deny = d->verdict == VERDICT_DENY;
	struct event_writer *w = event_open(c, d->verdict == VERDICT_ALLOW ? EV_DECISION_ALLOWED
	                                       : deny ? EV_DECISION_DENIED : EV_DECISION_PENDING);
	const struct task *t = d->task;
	event_id(w, F_TASK, t ? t->id : 0);
	event_id(w, F_AGENT, d->agent ? d->agent->id : 0);
	event_text(w, F_TOOL, d->tool ? str_span(d->tool->name) : span_sub(d->tool_name, 0, TOOL_NAME_MAX));
	event_id(w, F_CALL, call);
	if (d->approval)
		event_id(w, F_APPROVAL, d->approval->id);
	event_id(w, F_TOKEN, d->token);
	if (t)
		event_text_opt(w, F_USER, str_span(t->user));
	if (d->agent) {
		event_text_opt(w, F_TIER, d->agent->tier_name);
		event_text(w, F_AGENT_NAME, str_span(d->agent->name));
	}
	if (deny)
		event_text(w, F_CODE, span_str(error_name(d->code)));
	texts(w, F_RULES, d->rules, d->rule_n);
	texts(w, F_POLICY_ERRORS, d->failed, d->failed_n);
	texts(w, F_OBSERVED, d->observed, d->observed_n);
	event_uint(w, F_POLICY_VERSION, c->policy->version);
	if (d->verdict == VERDICT_PENDING)
		event_digest(w, F_RULES_DIGEST, &d->rules_digest);
	event_text_opt(w, F_RESOURCE, d->resource);
	if (d->tool) {
		event_text(w, F_EFFECT, span_str(effect_name((enum effect)d->tool->effect)));
		event_text(w, F_SENSITIVITY, span_str(sensitivity_name((enum sensitivity)d->sensitivity)));
	}
	event_text(w, F_HIGH_WATER, span_str(sensitivity_name((enum sensitivity)d->high_water)));
	event_text_opt(w, F_ENVIRONMENT, d->environment);
	event_digest(w, F_ARGUMENTS, &d->args_digest);
	if (d->tool)
		event_digest(w, F_DEFINITION, &d->tool->current);
	if (d->channel)
		event_text(w, F_CHANNEL, span_str(d->channel));
	if (d->verdict == VERDICT_PENDING && d->approval) {
		span q[APPROVAL_QUORUMS];
		for (uint8_t i = 0; i < d->approval->quorum_n; i++)
			q[i] = str_span(d->approval->quorums[i]);
		event_texts(w, F_QUORUMS, q, d->approval->quorum_n);
	}
	event_text_opt(w, F_CORRELATION, d->client_ref);
	if (deny && d->detail[0])
		event_text(w, F_DENIAL_DETAIL, span_str(d->detail));
	else if (deny && d->nearest)
		nearest_text(w, d);
	else if (deny && d->misfit.what)
		event_text(w, F_DENIAL_DETAIL, span_str(d->misfit.what));
	if (t && d->verdict != VERDICT_PENDING)
		event_uint(w, F_CALLS_LEFT, calls_left(t));
	if (t)
		labels(w, t);
	event_text_opt(w, F_SURFACE, d->surface);
	/* With the labels and the task's own events, all that policy saw of the task: what a replay needs. */
	if (t)
		event_uint(w, F_COUNT, t->used);
	TRY(event_close(c, lazy));
	d->event = c->journal.chain.seq;
	return OK;
}
