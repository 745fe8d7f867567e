/* policy: the active set of Cedar policies, as a snapshot, and what its annotations mean here. */
#ifndef AMBIT_CORE_POLICY_H
#define AMBIT_CORE_POLICY_H

#include "cedar/cedar.h"
#include "cedar/partial.h"
#include "core/approval.h"
#include "crypto/hash.h"

struct core;
struct json;

struct rule {
	const struct cedar_policy *policy;
	span file, id;                   /* of the object and of @id (or the place) */
	uint32_t line;
	bool forbid, observe;
	uint8_t quorum_n;
	struct quorum quorums[4];
	span reason, advice;
	span json;                       /* {"policy","line","id","effect"} */
	digest hash;                     /* of the policy's text */
};

struct policy_set {
	uint32_t refs;
	uint64_t version;
	digest hash;
	const struct cedar_policies *compiled;
	struct cedar_partial_set *partial; /* without rules that only observe and those a human can lift; for lists */
	struct rule *rules;              /* in the order of the compiled set */
	size_t rule_n;
	struct arena arena;
};

/* Checks and compiles all policy objects given (texts). E_BAD_POLICY with a diagnosis. */
struct policy_source { span name, text; };
status policy_set_new(const struct policy_source *src, size_t n, uint64_t version, struct policy_set **ret, struct cedar_diag *d,
                      span *ret_name);
void policy_set_unref(struct policy_set *p);
/* Holds the set against the tools known now (strict validation). What could never be evaluated is E_BAD_POLICY with its place;
 * what is merely unknown is added to `warnings`, an open JSON array. */
/* `soon`: servers are about to show their tools, so names that nobody knows are not worth a word yet. */
struct json_writer;
status policy_validate(const struct core *c, const struct policy_set *p, bool soon, struct json_writer *warnings, struct cedar_diag *d,
                       span *ret_name);

/* What the active set is worth against the tools known now. Tools come, change and are reviewed after the policies were activated. */
struct policy_note {
	span policy, text;               /* the object's name; "line 4: …" */
	bool invalid;                    /* can never be evaluated as written; else a name that nobody knows */
};
struct policy_notes {
	struct arena arena;
	struct policy_note *items;
	uint32_t n, invalid;
	bool stale;                      /* tools or policies have changed since */
};
/* Brings c->notes up to date, if they are not. Keeps what it had when there is no memory. */
void policy_recheck(struct core *c);
/* The annotations that mean something here, by number; NULL past the last. Any other refuses activation. */
const char *rule_annotation(size_t i);
/* The text of a rule. */
span rule_text(const struct rule *r);

/* ---- what Cedar sees ---- */

struct agent;
struct tool;
struct decision;

/* Could any call of this tool by this agent be allowed, whatever its arguments, data and moment? For lists and explanations only:
 * true also when the question would take too long. */
bool view_may_allow(struct core *c, const struct agent *a, const struct tool *t);

/* The records that every decision makes: their keys, prepared once. E_NO_MEMORY. */
struct view_shapes { const struct cedar_shape *task, *approval, *channel, *context; };
status view_init(struct core *c);
/* Agents and tools as entities. E_NO_MEMORY. */
status view_agent(struct core *c, struct agent *a);
status view_tool(struct core *c, struct tool *t);
/* A JSON value as Cedar sees it, in `a`. Floats and nulls have no Cedar type: with `untyped` a float arrives as text and a null not at
 * all (*ret_absent), else they are E_BAD_ARGUMENTS. */
status view_input(struct arena *a, const struct json *v, bool untyped, struct cedar_value *ret, bool *ret_absent);
/* What is asked about d (its task, tool, input and resource are known), in c->eval; `extra` must live as long as the request. As view_evaluate. */
status view_question(struct core *c, struct decision *d, const struct approval *granted, const struct cedar_entity *extra[1], struct cedar_request *ret);
/* Asks the active set about d (its task, tool, input and resource are known); everything lives in c->eval. E_BAD_ARGUMENTS: an
 * argument cannot be shown to policy; E_NO_MEMORY. */
status view_evaluate(struct core *c, struct decision *d, const struct approval *granted, struct cedar_answer *ret);
/* After a denial by default: fills d->nearest and d->lacked with the permit that came closest, from the same question. Leaves them empty
 * where no permit is for this action, or where there are too many to look at in the time of a call. */
void view_nearest(struct core *c, struct decision *d);

#endif
