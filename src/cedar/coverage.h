/* coverage: which policies of a set, and which parts of their conditions, have been seen at work.
 *
 * A part is an operand of `&&` (or of `||` under `unless`), as a person writes one restriction a line. It is covered when it was seen
 * both ways: holding, and keeping its policy from applying. */
#ifndef AMBIT_CEDAR_COVERAGE_H
#define AMBIT_CEDAR_COVERAGE_H

#include "cedar/cedar.h"

struct cedar_covered_part {
	const struct cedar_expr *at;
	bool want;                       /* what it must be for the policy to apply: false in an `unless` or under `!` */
	uint32_t held, missed, failed;   /* requests in the policy's scope for which it did, did not, could not be evaluated */
};

struct cedar_covered {
	const struct cedar_policy *policy;
	uint32_t applied;                /* requests it was satisfied for */
	uint32_t considered;             /* requests in its scope */
	uint32_t outside[3];             /* by enum cedar_var: requests that this part of the scope kept out, the first of them */
	uint32_t part_n;
	struct cedar_covered_part *parts;
};

struct cedar_coverage;

/* Nothing seen yet. Holds the set. E_NO_MEMORY. */
status cedar_coverage_new(const struct cedar_policies *p, struct cedar_coverage **ret);
void cedar_coverage_free(struct cedar_coverage *c);
static inline void cedar_coverage_freep(struct cedar_coverage **c) { cedar_coverage_free(*c); }
/* One request. Memory of the arena is given back. E_NO_MEMORY when it is full: the request does not count then. */
status cedar_coverage_add(struct cedar_coverage *c, const struct cedar_entities *entities, const struct cedar_request *r, struct arena *a);
/* In the order of the set. */
const struct cedar_covered *cedar_coverage_list(const struct cedar_coverage *c, size_t *ret_n);

#endif
