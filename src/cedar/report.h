/* report: what validation found. A list with a cap; findings beyond it are counted, not kept. */
#ifndef AMBIT_CEDAR_REPORT_H
#define AMBIT_CEDAR_REPORT_H

#include "cedar/ast.h"
#include "cedar/schema.h"

enum cedar_finding_kind {         /* ORDER cedar_finding_names in report.c */
	CEDAR_FIND_UNKNOWN_TYPE,
	CEDAR_FIND_UNKNOWN_ACTION,
	CEDAR_FIND_UNKNOWN_ID,        /* not in an enumerated type's list */
	CEDAR_FIND_INAPPLICABLE,      /* no action can meet the scope */
	CEDAR_FIND_IMPOSSIBLE,        /* false in every environment; always a warning */
	CEDAR_FIND_TYPE,              /* unexpected type */
	CEDAR_FIND_INCOMPATIBLE,      /* two types that must meet do not */
	CEDAR_FIND_UNKNOWN_ATTR,
	CEDAR_FIND_UNSAFE_ATTR,       /* optional, presence not checked */
	CEDAR_FIND_UNSAFE_TAG,
	CEDAR_FIND_EMPTY_SET,
	CEDAR_FIND_CALL,              /* wrong arguments of an extension function */
	CEDAR_FIND_LEVEL,             /* dereferences more deeply than allowed */
	CEDAR_FIND_COUNT
};

struct cedar_finding {
	enum cedar_finding_kind kind;
	bool warning;
	const struct cedar_policy *policy;
	struct cedar_diag diag;
	/* the first environment it was found in; NULL when it holds in all */
	const struct cedar_action *action;
	const struct cedar_entity_type *principal, *resource;
};

struct cedar_report {
	struct cedar_finding *items;
	uint32_t n, cap, max;
	uint32_t errors, warnings;    /* all of them, kept or not */
	bool oom;
};

/* Keeps at most `max` findings (0: 256). Allocates nothing. */
void cedar_report_init(struct cedar_report *r, uint32_t max);
void cedar_report_fini(struct cedar_report *r);
/* Adds unless the same text at the same place of the same policy is there; `f` is copied. */
void cedar_report_add(struct cedar_report *r, const struct cedar_finding *f);
/* Errors (not warnings) found in one policy. */
uint32_t cedar_report_errors_of(const struct cedar_report *r, const struct cedar_policy *p);

/* "unsafe_attr": a stable name for machines. */
const char *cedar_finding_name(enum cedar_finding_kind k);

#endif
