/* validate: do policies fit a schema? Names first (everywhere, dead branches too), then the scope, then types in every
 * request environment: each action with each pair of its principal and resource types. language.md 3.3. */
#ifndef AMBIT_CEDAR_VALIDATE_H
#define AMBIT_CEDAR_VALIDATE_H

#include "cedar/report.h"

struct cedar_validate_opts {
	bool permissive;              /* the weaker rules: lubs of records and entities, no literal-only constructors */
	bool inapplicable_warns;      /* a scope that no action can meet: warning as from 4.13, else error as up to 4.12 */
	bool check_level;             /* also: no dereference deeper than `level` */
	uint32_t level;
	uint64_t max_steps;           /* work in all; 0: 200 million */
	size_t max_memory;            /* per environment; 0: 64 MiB */
};

/* Checks one policy, template or link, adding to *r. OK with findings is still OK: look at r->errors. `opts` may be NULL.
 * E_LIMIT when the work runs out, E_NO_MEMORY; then nothing may be concluded. Deterministic. */
status cedar_validate_policy(const struct cedar_schema *s, const struct cedar_policy *p,
                             const struct cedar_validate_opts *opts, struct cedar_report *r);
/* All of them, in order. */
status cedar_validate(const struct cedar_schema *s, const struct cedar_ast *ast,
                      const struct cedar_validate_opts *opts, struct cedar_report *r);

/* The policy's scope admits this environment, by types alone. */
bool cedar_scope_admits(const struct cedar_schema *s, const struct cedar_policy *p, const struct cedar_action *action,
                        const struct cedar_entity_type *principal, const struct cedar_entity_type *resource);

#endif
