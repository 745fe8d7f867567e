/* partial_priv: what the partial evaluator shares with the sets and queries built on it. Private to partial*.c. */
#ifndef AMBIT_CEDAR_PARTIAL_PRIV_H
#define AMBIT_CEDAR_PARTIAL_PRIV_H

#include "cedar/partial.h"
#include "cedar/program.h"

/* A value, an error, or what is left of a condition. */
struct part {
	enum { PART_VALUE, PART_ERROR, PART_UNKNOWN } state;
	bool never;                      /* UNKNOWN and of type Bool: can not come out true */
	struct cedar_value value;
	const struct cedar_op *rest;     /* ERROR: a node that fails; UNKNOWN: what is left */
};

struct partial {
	const struct cedar_schema *schema;
	const struct cedar_entities *entities;
	const struct cedar_partial_request *req;
	struct arena *arena;
	struct cedar_request full;
	struct cedar_eval eval;          /* for what is wholly known; an unknown variable is NULL there and never asked for */
};

void partial_begin(struct partial *p, const struct cedar_schema *schema, const struct cedar_entities *entities,
                   const struct cedar_partial_request *r, struct arena *a);
struct part part_eval(struct partial *p, const struct cedar_op *op);
/* Scope and conditions as one && chain. NULL when the arena overflowed. */
const struct cedar_op *partial_compile(struct arena *a, const struct cedar_policy *p);

#endif
