/* cedar: the Cedar policy language. The one header a user of the library needs.
 *
 *   struct cedar_ast *ast;                        parse text (or JSON) to a tree …
 *   TRY(cedar_parse_policies(text, SPAN("prod.cedar"), 0, NULL, &ast, &diag));
 *   const struct cedar_policies *set;             … compile trees to an immutable set …
 *   TRY(cedar_policies_new(&ast, 1, &set, &diag));
 *   struct cedar_answer a;                        … and ask it, against a store of entities.
 *   TRY(cedar_evaluate(set, entities, &request, &arena, &a));
 *
 * A compiled set is a snapshot: const, reference-counted, shared by any number of evaluations. An evaluation allocates from the
 * given arena and nowhere else. Reference counts are atomic and an evaluation writes to nothing shared, so threads may share sets and
 * stores that do not change. */
#ifndef AMBIT_CEDAR_CEDAR_H
#define AMBIT_CEDAR_CEDAR_H

#include "cedar/ast.h"
#include "cedar/entities.h"
#include "cedar/parse.h"
#include "cedar/value.h"

struct cedar_policies;

/* ---- policy sets ---- */

/* Compiles all static policies and links of the trees (templates wait for links) into one set, which keeps references to
 * the trees. E_EXISTS: two policies with the same id from the same file; E_NO_MEMORY. *d may say more. */
status cedar_policies_new(struct cedar_ast *const *asts, size_t n, const struct cedar_policies **ret, struct cedar_diag *d);
/* A new set: `old` without the `drop_n` policies in `drop` (handles of `old`), plus those of `add` (may be NULL). Only `add` is
 * compiled, and as a rule only `add` is indexed. `old` stays valid. Fails as cedar_policies_new, and E_NOT_FOUND for a handle that is not in `old`. */
status cedar_policies_edit(const struct cedar_policies *old, const struct cedar_policy *const *drop, size_t drop_n,
                           struct cedar_ast *add, const struct cedar_policies **ret, struct cedar_diag *d);
/* The same with any number of trees. */
status cedar_policies_edit_all(const struct cedar_policies *old, const struct cedar_policy *const *drop, size_t drop_n,
                               struct cedar_ast *const *add, size_t add_n, const struct cedar_policies **ret, struct cedar_diag *d);
const struct cedar_policies *cedar_policies_ref(const struct cedar_policies *p);
/* NULL is accepted. */
void cedar_policies_unref(const struct cedar_policies *p);
static inline void cedar_policies_unref_p(const struct cedar_policies **p) { cedar_policies_unref(*p); }
size_t cedar_policies_count(const struct cedar_policies *p);
/* Policy i < count, in the order of the trees. A handle is valid as long as the set. */
const struct cedar_policy *cedar_policies_at(const struct cedar_policies *p, size_t i);
/* Bytes of memory that the set holds, trees included. */
size_t cedar_policies_memory(const struct cedar_policies *p);

/* What a handle says: its members id, effect, pos.line; its annotations by cedar_policy_annotation (ast.h). */
static inline span cedar_policy_file(const struct cedar_policy *p) { return p->ast->file; }

/* ---- requests ---- */

struct cedar_request {
	const struct cedar_uid *principal, *action, *resource;
	const struct cedar_record *context;              /* NULL: empty */
	/* Entities that only this request knows; they hide those of the store with the same name. */
	const struct cedar_entity *const *extra;
	uint32_t extra_n;
};

/* Builds a record in an arena, one attribute after the other. A duplicate key makes finish fail. */
struct cedar_record_builder {
	struct arena *arena;
	struct cedar_member *members;
	uint32_t n, cap;
};
static inline struct cedar_record_builder
cedar_record_begin(struct arena *a)
{
	return (struct cedar_record_builder){ .arena = a };
}
/* `key` and what `v` points to are borrowed. Arena overflow is sticky in the arena. */
void cedar_record_put(struct cedar_record_builder *b, span key, struct cedar_value v);
/* NULL on arena overflow or a duplicate key. */
const struct cedar_record *cedar_record_finish(struct cedar_record_builder *b);

/* ---- asking ---- */

enum cedar_failure_kind {
	CEDAR_FAILED_TYPE,       /* an operand had the wrong kind */
	CEDAR_FAILED_ATTRIBUTE,  /* no such attribute */
	CEDAR_FAILED_TAG,
	CEDAR_FAILED_ENTITY,     /* no such entity */
	CEDAR_FAILED_OVERFLOW,
	CEDAR_FAILED_EXTENSION,  /* an extension function refused */
};

/* Why a policy could not be evaluated. */
struct cedar_failure {
	const struct cedar_policy *policy;
	uint8_t kind;                            /* enum cedar_failure_kind */
	uint8_t got;                             /* TYPE: enum cedar_kind */
	uint32_t ordinal;                        /* place of the policy in the set */
	const char *text;                        /* static: what was expected, or what the extension says */
	span name;                               /* ATTRIBUTE, TAG */
	const struct cedar_uid *uid;             /* ATTRIBUTE, TAG, ENTITY: of which entity, or NULL */
	const struct cedar_expr *at;             /* the expression, for its place */
};

struct cedar_answer {
	bool allow;                              /* by the standard: a satisfied permit and no satisfied forbid */
	uint32_t permit_n, forbid_n, failure_n;
	const struct cedar_policy *const *permits;       /* satisfied, in the order of the set */
	const struct cedar_policy *const *forbids;
	const uint32_t *permit_at, *forbid_at;           /* their places in the set, as cedar_policies_at counts */
	const struct cedar_failure *failures;
};

/* Evaluates every policy that may apply and reports them all; the caller may combine them in its own way. The lists live in
 * the arena. E_NO_MEMORY when the arena is full: there is no answer then, and nothing may be allowed. */
status cedar_evaluate(const struct cedar_policies *p, const struct cedar_entities *entities, const struct cedar_request *r,
                      struct arena *a, struct cedar_answer *ret);

/* n requests, one answer each; all live in the arena. What neighbours have in common (the very same principal, action, context and
 * extra entities, by pointer) is looked up and tested once. E_NO_MEMORY: there are no answers. */
status cedar_evaluate_many(const struct cedar_policies *p, const struct cedar_entities *entities, const struct cedar_request *r, size_t n,
                           struct arena *a, struct cedar_answer *ret);

/* The decision alone, stopping as soon as it is known. *ret is false unless OK is given. */
status cedar_decide(const struct cedar_policies *p, const struct cedar_entities *entities, const struct cedar_request *r,
                    struct arena *a, bool *ret);

/* The decision for each of n resources in place of r's own; takes no more of the arena than one. E_NO_MEMORY: all are false. */
status cedar_decide_each(const struct cedar_policies *p, const struct cedar_entities *entities, const struct cedar_request *r,
                         const struct cedar_uid *const *resources, size_t n, struct arena *a, bool *ret);

/* Cedar's own answer: the decision, the policies that determined it, and the policies that failed. */
struct cedar_response {
	bool allow;
	uint32_t reason_n, error_n;
	const struct cedar_policy *const *reasons;
	const struct cedar_failure *errors;
};
status cedar_is_authorized(const struct cedar_policies *p, const struct cedar_entities *entities, const struct cedar_request *r,
                           struct arena *a, struct cedar_response *ret);

/* Appends one line without newline: "line 3, column 9: `+` overflowed" with the file in front when there is one. */
struct buf;
void cedar_failure_print(const struct cedar_failure *f, struct buf *b);

#endif
