/* entities: the store of entities that policies look into: attributes, tags and the hierarchy.
 *
 * The store owns what it holds. For every entity it keeps the set of all ancestors ready, so that `in` is one search. A
 * change of attributes touches one entity; a change of parents repairs the entity and its descendants. Not for several
 * threads at once. Answers given by an evaluation may point into the store: use them before the next change. */
#ifndef AMBIT_CEDAR_ENTITIES_H
#define AMBIT_CEDAR_ENTITIES_H

#include "cedar/diag.h"
#include "cedar/value.h"

struct cedar_ancestor {
	uint64_t hash;                           /* of uid */
	const struct cedar_uid *uid;
};

/* INVARIANT: ancestors ascend strictly by cedar_uid_cmp; they are the transitive closure of `parents`. */
struct cedar_entity {
	const struct cedar_uid *uid;
	const struct cedar_record *attrs, *tags; /* never NULL */
	const struct cedar_uid *const *parents;
	const struct cedar_ancestor *ancestors;
	uint32_t parent_n, ancestor_n;
};

#define CEDAR_MAX_PARENTS 4096

struct cedar_entities;

/* `seed`: anything unpredictable, against crafted hash collisions. NULL on no memory. */
struct cedar_entities *cedar_entities_new(uint64_t seed);
void cedar_entities_free(struct cedar_entities *s);
static inline void cedar_entities_free_p(struct cedar_entities **s) { cedar_entities_free(*s); }

/* Adds the entity or replaces the one with this name; everything is copied (`ancestors` is ignored, NULL attrs and tags are
 * empty). E_BAD_ENTITY: the parents would make a cycle; E_LIMIT: too many parents; E_NO_MEMORY. Nothing changed then. */
status cedar_entities_put(struct cedar_entities *s, const struct cedar_entity *e, struct cedar_diag *d);
/* Removes it; what has it as a parent keeps it as an ancestor, but no longer its parents. False when absent. E_NO_MEMORY
 * leaves it in place. */
status cedar_entities_remove(struct cedar_entities *s, const struct cedar_uid *uid, bool *ret_found);

/* Between begin and commit the hierarchy may be in any state and costs nothing to change; commit computes it once. For
 * loading many. E_BAD_ENTITY at commit: there is a cycle; the store is then good for nothing but free. */
void cedar_entities_begin(struct cedar_entities *s);
status cedar_entities_commit(struct cedar_entities *s, struct cedar_diag *d);

/* NULL when absent. */
const struct cedar_entity *cedar_entities_find(const struct cedar_entities *s, const struct cedar_uid *uid);
size_t cedar_entities_count(const struct cedar_entities *s);
/* Iterates in no useful order; start with *pos = 0; NULL ends. The store must not change meanwhile. */
const struct cedar_entity *cedar_entities_next(const struct cedar_entities *s, size_t *pos);

/* Reflexive: a == b, or b is an ancestor of the entity `ea` of a (NULL: absent). */
bool cedar_entity_has_ancestor(const struct cedar_entity *e, const struct cedar_uid *uid);

/* An entity for one request, in the arena and not in the store: what the arguments point to is borrowed; ancestors are
 * computed with the parents' from `s`. NULL when the arena overflowed. */
const struct cedar_entity *cedar_entity_make(struct arena *a, const struct cedar_entities *s, const struct cedar_uid *uid,
                                             const struct cedar_record *attrs, const struct cedar_record *tags,
                                             const struct cedar_uid *const *parents, uint32_t parent_n);

#endif
