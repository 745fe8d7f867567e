/* index: from a request to the few policies whose head may match it. Private to this folder.
 *
 * Policies are filed first by action (the uid of `==` or `in`, or any), then by one of the two other constraints: principal or
 * resource, equal, in, or of a type; whichever shares its key with fewer policies. A request looks up its action and the
 * action's ancestors, and under each its principal, resource, their ancestors and types. What is found matches in that
 * respect; the rest of the head is checked. */
#ifndef AMBIT_CEDAR_INDEX_H
#define AMBIT_CEDAR_INDEX_H

#include "cedar/program.h"

struct cedar_index {
	struct cedar_index_action *actions;      /* open addressing by uid */
	struct cedar_index_bucket *buckets;      /* [0] is for any action */
	struct cedar_index_group *groups;        /* ordered by bucket and kind */
	struct cedar_index_entry *entries;       /* of a group side by side */
	uint32_t *slots;                         /* open addressing: 1 + group, 0 free */
	uint32_t action_mask, bucket_n, group_n, entry_n, slot_mask;
};

/* Files the units of one effect; they must outlive the index. E_NO_MEMORY leaves *ix empty, as it is when there are none (entry_n 0), and then it
 * may not be searched. */
status cedar_index_build(struct cedar_index *ix, struct cedar_unit *const *units, uint32_t n, enum cedar_effect effect);
void cedar_index_fini(struct cedar_index *ix);
size_t cedar_index_memory(const struct cedar_index *ix);

/* Calls `hit` once for each unit whose head matches, in no useful order, until it gives false; gives false then.
 * `ordinal` is the unit's place in the array that was filed. */
typedef bool cedar_index_hit_fn(void *arg, const struct cedar_unit *u, uint32_t ordinal);
bool cedar_index_search(const struct cedar_index *ix, struct cedar_eval *e, cedar_index_hit_fn *hit, void *arg);

/* Does one scope of a policy's head match the request's entity? Never fails. */
bool cedar_scope_match(struct cedar_eval *e, const struct cedar_scope *s, enum cedar_var var);

#endif
