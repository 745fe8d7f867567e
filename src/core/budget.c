/* Budgets: calls, rates and amounts of a task count for every task above it as well. */
#include "core/core_priv.h"
#include "core/decision.h"
#include "core/pattern.h"

#include <stdio.h>

/* A bucket that holds one minute's worth: `rate_at` is when it will be full again (GCRA). */
static bool
rate_ok(const struct core *c, const struct task *t, int32_t per_minute)
{
	if (per_minute < 0)
		return true;
	if (per_minute == 0)
		return false;
	int64_t each = 60 * NS_PER_S / per_minute;
	int64_t from = t->rate_at > boot_now(c) ? t->rate_at : boot_now(c);
	return from - boot_now(c) + each <= 60 * NS_PER_S;
}

static int32_t
rate_of(const struct task *t)
{
	int32_t own = t->envelope->calls_per_minute, tier = t->agent->tier->calls_per_minute;
	return own >= 0 && own < tier ? own : tier;
}

static int32_t
calls_of(const struct task *t)
{
	int32_t own = t->envelope->max_calls, tier = t->agent->tier->max_calls;
	return own >= 0 && own < tier ? own : tier;
}

static bool
amounts_ok(struct decision *d, const struct task *t, int64_t *out)
{
	for (uint16_t i = 0; i < t->envelope->amount_n; i++) {
		const struct amount *a = &t->envelope->amounts[i];
		int64_t v = 0;
		if (pattern_match(a->tool, str_span(d->tool->name))) {
			/* An amount that is no whole number, or negative, would make the sum mean nothing. */
			if (!amount_of(a, d->input, &v) || v > a->max || (uint64_t)v + t->spent[i] > (uint64_t)a->max) {
				snprintf(d->detail, sizeof d->detail, "%.*s: at most %lld in all, %llu used", SPAN_ARG(a->path),
				         (long long)a->max, (unsigned long long)t->spent[i]);
				return false;
			}
		}
		out[i] = v;
	}
	return true;
}

uint16_t
budget_check(struct core *c, struct decision *d)
{
	uint32_t n = 0, at = 0;
	for (const struct task *t = d->task; t; t = t->parent)
		n += t->envelope->amount_n;
	if (n && !(d->amounts = arena_array(&c->eval, n, sizeof *d->amounts)))
		return E_NO_MEMORY;
	d->amount_n = n;
	for (const struct task *t = d->task; t; t = t->parent) {
		d->by = t;
		if (t->used >= (uint32_t)calls_of(t)) {
			snprintf(d->detail, sizeof d->detail, "%d calls at most", calls_of(t));
			return E_BUDGET_EXHAUSTED;
		}
		if (!rate_ok(c, t, rate_of(t))) {
			snprintf(d->detail, sizeof d->detail, "%d calls a minute at most", rate_of(t));
			return E_RATE_LIMITED;
		}
		if (t->envelope->amount_n && !amounts_ok(d, t, d->amounts + at))
			return E_BUDGET_EXHAUSTED;
		at += t->envelope->amount_n;
	}
	d->by = d->task;
	return E_OK;
}

void
budget_reserve(struct core *c, struct decision *d)
{
	uint32_t at = 0;
	for (struct task *t = d->task; t; t = t->parent) {
		t->used++;
		int64_t from = t->rate_at > boot_now(c) ? t->rate_at : boot_now(c);
		t->rate_at = from + 60 * NS_PER_S / rate_of(t);
		for (uint16_t i = 0; i < t->envelope->amount_n; i++)
			t->spent[i] += (uint64_t)d->amounts[at++];
		row_mark(c, &t->row);
	}
	d->task->calls++;
}

void
budget_refund(struct core *c, struct task *t, const int64_t *amounts, uint32_t n)
{
	uint32_t at = 0;
	if (t->calls)
		t->calls--;
	for (; t; t = t->parent) {
		if (t->used)
			t->used--;
		for (uint16_t i = 0; i < t->envelope->amount_n; i++, at++)
			if (at < n)
				t->spent[i] -= (uint64_t)amounts[at];
		row_mark(c, &t->row);
	}
}
