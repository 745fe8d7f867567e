/* partial: policies against a request that is not wholly known (type-aware partial evaluation, RFC 95).
 *
 * The action is known; principal and resource at least by type; of the context and of the entities whatever is known. What can
 * be said at all is said: true, false, error; else a residual is left that gives, once everything is known, exactly what the
 * policy would have given. The policies must have passed strict validation for the types asked about: `true && r` is taken
 * for `r`, which holds only for a boolean r. */
#ifndef AMBIT_CEDAR_PARTIAL_H
#define AMBIT_CEDAR_PARTIAL_H

#include "cedar/cedar.h"
#include "cedar/schema.h"

struct cedar_op;

struct cedar_partial_request {
	const struct cedar_uid *action;
	const struct cedar_uid *principal, *resource;    /* NULL: any entity of the type below */
	span principal_type, resource_type;              /* used where the uid is NULL */
	const struct cedar_record *context;              /* what is known of it; NULL: nothing */
	bool context_whole;                              /* nothing else is in it */
	bool entities_whole;                             /* what the store does not have does not exist */
	const struct cedar_entity *const *extra;         /* as in struct cedar_request */
	uint32_t extra_n;
};

enum cedar_partial_state { CEDAR_PARTIAL_FALSE, CEDAR_PARTIAL_TRUE, CEDAR_PARTIAL_ERROR, CEDAR_PARTIAL_UNKNOWN };

struct cedar_partial {
	enum cedar_partial_state state;
	bool never;                          /* UNKNOWN, but certainly not true: false or an error */
	const struct cedar_policy *policy;
	const struct cedar_op *residual;     /* UNKNOWN: for cedar_partial_finish */
};

/* Policies made ready for many partial evaluations; holds the set and the schema. Immutable. */
struct cedar_partial_set;
/* `schema` may be NULL: then types know nothing of one another. `skip` (may be NULL) leaves policies out: those that only
 * observe, say. E_NO_MEMORY. */
status cedar_partial_new(const struct cedar_policies *p, struct cedar_schema *schema,
                         bool (*skip)(const struct cedar_policy *, void *), void *arg, struct cedar_partial_set **ret);
void cedar_partial_free(struct cedar_partial_set *s);
void cedar_partial_freep(struct cedar_partial_set **s);      /* for CLEANUP */

enum cedar_partial_decision { CEDAR_PARTIAL_DENY, CEDAR_PARTIAL_ALLOW, CEDAR_PARTIAL_OPEN };

struct cedar_partial_answer {
	enum cedar_partial_decision decision;    /* by the standard; OPEN: it depends on what is not known */
	/* policies that are not plainly false, in the order of the set */
	uint32_t permit_n, forbid_n;
	const struct cedar_partial *permits, *forbids;
};

/* The lists live in the arena. E_NO_MEMORY when it is full: nothing may be concluded then. */
status cedar_partial_evaluate(const struct cedar_partial_set *s, const struct cedar_entities *entities,
                              const struct cedar_partial_request *r, struct arena *a, struct cedar_partial_answer *ret);

/* A residual with everything known: TRUE, FALSE or ERROR. E_NO_MEMORY when the arena is full. */
status cedar_partial_finish(const struct cedar_op *residual, const struct cedar_entities *entities,
                            const struct cedar_request *r, struct arena *a, enum cedar_partial_state *ret);

/* Which actions could this principal ever take: calls `found` for each action of the schema that some resource type, resource
 * and context could make allowed, with ALLOW if no more is needed for at least one of its resource types, else OPEN. What
 * `context` holds is taken as known, for all actions. Stops when `found` gives false. */
status cedar_possible_actions(const struct cedar_partial_set *s, const struct cedar_entities *entities,
                              const struct cedar_uid *principal, const struct cedar_record *context, struct arena *a,
                              bool (*found)(const struct cedar_action *, enum cedar_partial_decision, void *), void *arg);

#endif
