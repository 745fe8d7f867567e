/* policycmp: two policies, or two sets of them, compared by what they say; layout and comments do not count. */
#ifndef AMBIT_CMD_POLICYCMP_H
#define AMBIT_CMD_POLICYCMP_H

#include "policyset.h"

enum policy_change { POLICY_SAME, POLICY_ADDED, POLICY_REMOVED, POLICY_CHANGED };

struct policy_pair {
	enum policy_change change;
	const struct cedar_policy *old, *new;    /* NULL where there is none */
	bool effect, scope, conditions;          /* POLICY_CHANGED: what differs */
	const char *annotations;                 /* "@approval @reason", or "" */
};

bool policy_same(const struct cedar_policy *a, const struct cedar_policy *b);
/* Pairs every policy of both sets: equal ones first, then those with one @id, the rest added and removed. In c->arena; NULL on no memory. */
struct policy_pair *policy_pairs(struct cli *c, const struct policyset *old, const struct policyset *new, size_t *ret_n);

#endif
