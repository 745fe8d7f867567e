#include "cedar/report.h"

#include <stdlib.h>

static const char *const cedar_finding_names[] = { /* ORDER enum cedar_finding_kind */
	"unknown_type", "unknown_action", "unknown_id", "inapplicable", "impossible", "type", "incompatible_types",
	"unknown_attr", "unsafe_attr", "unsafe_tag", "empty_set", "call", "level",
};
_Static_assert(ARRAY_LEN(cedar_finding_names) == CEDAR_FIND_COUNT, "one name a kind");

const char *
cedar_finding_name(enum cedar_finding_kind k)
{
	return cedar_finding_names[k];
}

void
cedar_report_init(struct cedar_report *r, uint32_t max)
{
	*r = (struct cedar_report){ .max = max ? max : 256 };
}

void
cedar_report_fini(struct cedar_report *r)
{
	free(r->items);
	*r = (struct cedar_report){ 0 };
}

static bool
S_same(const struct cedar_finding *a, const struct cedar_finding *b)
{
	return a->kind == b->kind && a->policy == b->policy && a->diag.offset == b->diag.offset &&
	       strcmp(a->diag.what, b->diag.what) == 0;
}

void
cedar_report_add(struct cedar_report *r, const struct cedar_finding *f)
{
	for (uint32_t i = r->n; i-- > 0 && r->items[i].policy == f->policy;)
		if (S_same(&r->items[i], f))
			return;
	if (f->warning)
		r->warnings++;
	else
		r->errors++;
	if (r->n >= r->max)
		return;
	if (r->n == r->cap) {
		uint32_t cap = r->cap ? r->cap * 2 : 8;
		struct cedar_finding *bigger = realloc(r->items, cap * sizeof *bigger);
		if (!bigger) {
			r->oom = true;
			return;
		}
		r->items = bigger;
		r->cap = cap;
	}
	r->items[r->n++] = *f;
}

uint32_t
cedar_report_errors_of(const struct cedar_report *r, const struct cedar_policy *p)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < r->n; i++)
		n += r->items[i].policy == p && !r->items[i].warning;
	return n;
}
