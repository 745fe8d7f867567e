/* check: the typechecker: the type of one expression in one request environment. language.md 3.3; Lean model
 * Cedar/Validation/Typechecker. Used by validation, level checks and partial evaluation; private to cedar/. */
#ifndef AMBIT_CEDAR_CHECK_H
#define AMBIT_CEDAR_CHECK_H

#include "cedar/caps.h"
#include "cedar/report.h"

/* What the variables are: one action with one of its principal and resource types. */
struct cedar_env {
	const struct cedar_action *action;
	const struct cedar_entity_type *principal, *resource;
};

struct checker {
	const struct cedar_schema *schema;
	const struct cedar_policy *policy;       /* for findings */
	struct cedar_report *report;             /* NULL: nobody wants to know */
	struct cedar_env env;
	struct arena *arena;                     /* of this environment: types, capabilities */
	struct cedar_type_ctx types;
	struct caps caps;
	uint64_t steps;                          /* left; 0 stops the check */
	uint32_t errors;                         /* raised in this environment */
	bool oom;                                /* a message could not be made: the findings are not to be believed */
	struct cedar_uid action_uid;
	struct typemap *seen;                    /* NULL, or where to keep the type of each expression looked at */
};

/* A failed check has type NULL. */
struct checked {
	const struct cedar_type *type;
	struct capset caps;
};

/* Points ck at an environment; `arena` is empty and becomes the checker's. */
void check_begin(struct checker *ck, const struct cedar_env *env, struct arena *arena);
struct checked check_expr(struct checker *ck, const struct cedar_expr *x);
/* The conditions of the policy as one && chain; True when there are none. */
struct checked check_conditions(struct checker *ck);
/* The step limit, the type walks and the arena all held: results may be believed. */
status check_limits(const struct checker *ck);

/* for check_*.c */
void check_find(struct checker *ck, enum cedar_finding_kind kind, const struct cedar_expr *at, const char *hint,
                const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* The buffer's text in the arena. */
const char *check_text(struct checker *ck, const struct buf *b);
const char *check_type_text(struct checker *ck, const struct cedar_type *t);
struct checked check_eq(struct checker *ck, const struct cedar_expr *x);
struct checked check_in(struct checker *ck, const struct cedar_expr *left, struct checked l,
                        const struct cedar_expr *right);
struct checked check_has(struct checker *ck, const struct cedar_expr *x);
struct checked check_get(struct checker *ck, const struct cedar_expr *x);
struct checked check_tag(struct checker *ck, const struct cedar_expr *x);
struct checked check_contains(struct checker *ck, const struct cedar_expr *x);
struct checked check_set(struct checker *ck, const struct cedar_expr *x);
struct checked check_record(struct checker *ck, const struct cedar_expr *x);
struct checked check_call(struct checker *ck, const struct cedar_expr *x);
/* Checks x and reports unless it has that basic type (True and False count as Bool). */
struct checked check_basic(struct checker *ck, const struct cedar_expr *x, enum cedar_type_kind want);
/* Checks x and reports unless it is an entity. */
struct checked check_entity(struct checker *ck, const struct cedar_expr *x);

static inline struct checked
check_ok(const struct cedar_type *t)
{
	return (struct checked){ .type = t };
}

static inline struct checked
check_bool(enum cedar_type_kind k)
{
	return (struct checked){ .type = cedar_type_basic(k) };
}

static inline struct checked
check_failed(void)
{
	return (struct checked){ 0 };
}

/* Types by expression, for those who walk the tree after the check. */
struct typemap {
	struct arena *arena;
	struct typemap_slot { const struct cedar_expr *x; const struct cedar_type *t; } *slots;
	size_t n, mask;
};

void typemap_put(struct typemap *m, const struct cedar_expr *x, const struct cedar_type *t);
/* NULL: never looked at, or failed. */
const struct cedar_type *typemap_get(const struct typemap *m, const struct cedar_expr *x);

#endif
