/* nearest: why not? For a denied request, the permits that came closest and the first thing each lacked. */
#ifndef AMBIT_CEDAR_NEAREST_H
#define AMBIT_CEDAR_NEAREST_H

#include "cedar/cedar.h"

enum cedar_lack {
	CEDAR_LACK_PRINCIPAL,        /* the scope names another */
	CEDAR_LACK_ACTION,
	CEDAR_LACK_RESOURCE,
	CEDAR_LACK_CONDITION,        /* `at` is false */
	CEDAR_LACK_ERROR,            /* `at` could not be evaluated: see `failure` */
	CEDAR_LACK_EXCEPTION,        /* `at` is true, in an `unless` */
};

struct cedar_near {
	const struct cedar_policy *policy;
	enum cedar_lack lack;                /* the first, in the order of the text */
	const struct cedar_expr *at;         /* the part of a condition: its place shows the text; NULL for the scope */
	uint32_t lacks;                      /* how many parts of it do not hold */
	struct cedar_failure failure;        /* CEDAR_LACK_ERROR */
};

/* Fills ret[0..n) with the nearest permits, nearest first: those that name the action before those that do not, then by the
 * scope, then by the number of `&&` parts that do not hold. Satisfied permits and templates are not among them. *ret_n <= n.
 * `skip` (may be NULL) leaves policies out. Everything borrowed from p or the arena. E_NO_MEMORY when the arena is full. */
status cedar_nearest_permits(const struct cedar_policies *p, const struct cedar_entities *entities,
                             const struct cedar_request *r, bool (*skip)(const struct cedar_policy *, void *), void *arg,
                             struct arena *a, struct cedar_near *ret, uint32_t n, uint32_t *ret_n);

/* What it lacks, in words: `lacks: context.task.environment == "dev"`. Appends to b. */
void cedar_near_lack(const struct cedar_near *near, struct buf *b);

/* One line: `permit "id" (prod.cedar:12) lacks: context.task.environment == "dev"`. Appends to b. */
void cedar_near_print(const struct cedar_near *near, struct buf *b);

#endif
