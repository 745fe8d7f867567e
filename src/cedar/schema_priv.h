/* schema_priv: the inside of a schema, for cedar/schema*.c. */
#ifndef AMBIT_CEDAR_SCHEMA_PRIV_H
#define AMBIT_CEDAR_SCHEMA_PRIV_H

#include "cedar/schema_raw.h"

struct cedar_schema {
	uint32_t refs;
	struct arena arena;
	struct raw_schema raw;              /* the declarations, for the writers */
	const struct cedar_entity_type **types;   /* sorted by name */
	const struct cedar_action **actions;      /* sorted by type, id */
	const span *commons;                      /* full names of common types, sorted */
	size_t n_types, n_actions, n_commons;
};

#endif
