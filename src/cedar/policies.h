/* policies: what a compiled set is made of. Private to this folder.
 *
 * A shelf is a run of policies with its index, immutable and shared between sets. A set is one large shelf, a small one for what was added
 * since, and the list of what was dropped; an edit makes a new small shelf and a new list, and only once they have grown are they
 * put together into a large shelf again. */
#ifndef AMBIT_CEDAR_POLICIES_H
#define AMBIT_CEDAR_POLICIES_H

#include "cedar/index.h"

struct cedar_shelf {
	uint32_t refs;
	uint32_t unit_n;
	struct cedar_unit **units;       /* in order */
	struct cedar_program **runs;     /* of neighbours' programs; holds a reference for each run */
	uint32_t run_n;
	struct cedar_shelf_name {
		uint32_t hash, unit;     /* of the id; 1 + number of the unit, 0 free */
	} *names;                        /* open addressing by id */
	uint32_t name_mask;
	struct cedar_index index[2];     /* by enum cedar_effect */
};

struct cedar_policies {
	uint32_t refs;
	struct cedar_shelf *large, *small;       /* small may be NULL */
	uint32_t *dropped;                       /* numbers of units of `large`, ascending */
	uint32_t dropped_n;
};

/* The place in the set of unit `ordinal` of the large shelf, or UINT32_MAX when it was dropped. */
static inline uint32_t
cedar_policies_place(const struct cedar_policies *p, uint32_t ordinal)
{
	uint32_t low = 0, high = p->dropped_n;
	while (low < high) {
		uint32_t mid = (low + high) / 2;
		if (p->dropped[mid] < ordinal)
			low = mid + 1;
		else
			high = mid;
	}
	return low < p->dropped_n && p->dropped[low] == ordinal ? UINT32_MAX : ordinal - low;
}

#endif
