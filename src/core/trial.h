/* trial: a core of its own, in memory, to try policies in.
 *
 * It is the same code that decides real calls, filled with resources and tool definitions and asked one question at a time: policy
 * tests, `ambit policy why`, `diff` and `replay` are made of it. It has no store, no sessions and no peers; nothing leaves it. */
#ifndef AMBIT_CORE_TRIAL_H
#define AMBIT_CORE_TRIAL_H

#include "core/decision.h"

struct trial;

enum { TRIAL_DEPTH_MAX = 32, TRIAL_LABELS_MAX = 32 };

struct trial_fault {
	char what[512];                  /* "policy/base: text: line 3, column 1: …" */
};

/* `wall`: the moment that questions without one of their own are asked at, ns. E_NO_MEMORY. */
status trial_new(int64_t wall, struct trial **ret);
void trial_free(struct trial *t);
void trial_freep(struct trial **t);   /* for CLEANUP */

/* A JSON array of resources (docs/model.md §1), all or none, as apply/run takes it. `prune` removes what it does not name. `warnings` (may be
 * NULL) gets its answer. On a resource that is refused *f says which and why. */
status trial_apply(struct trial *t, const struct json *resources, bool prune, struct json_writer *warnings, struct trial_fault *f);
/* What that server serves (a JSON array of definitions), found and reviewed. E_NOT_FOUND: no such server. */
status trial_tools(struct trial *t, span server, const struct json *definitions, struct trial_fault *f);

/* The task that asks. Absent texts are empty. */
struct trial_task {
	span id;                         /* "tsk_…"; empty: one is made up */
	span purpose, workflow, user;
	bool user_proven;
	const struct json *envelope;     /* NULL: everything */
	int64_t depth, calls, age_seconds;
	uint8_t sensitivity;             /* highest touched */
	const span *labels;
	size_t label_n;
};

struct trial_question {
	span agent, tool;
	const struct json *args;         /* an object; NULL: {} */
	span resource_type, resource_id; /* of a tool without a mapping */
	span environment;
	const char *channel;             /* NULL: "local" */
	bool unattested;
	int64_t at;                      /* wall ns; 0: the trial's moment */
	const struct trial_task *task;   /* NULL: no task, as `ambit check --agent` */
	bool approved;                   /* whoever is asked says yes */
	const span *approvers;           /* these users say yes, in this order */
	size_t approver_n;
};

struct trial_answer {
	uint8_t verdict;                 /* enum verdict */
	uint16_t code;
	const struct rule *const *rules; /* that determined it */
	const struct rule *const *failed;
	const struct rule *const *observed;
	uint8_t rule_n, failed_n, observed_n;
	const char *detail;
	const struct rule *nearest;      /* of a call that no rule permits: the permit that came closest, and what it lacked */
	span lacked;
	span refused;                    /* an approver whose yes does not count, or empty */
	uint16_t refused_code;
};

/* Every evaluation of a question: the request as Cedar sees it. */
typedef void trial_watch_fn(void *ctx, const struct policy_set *p, const struct cedar_entities *entities, const struct cedar_request *r,
                            const struct cedar_answer *a, struct arena *arena);
void trial_watch(struct trial *t, trial_watch_fn *fn, void *ctx);

/* Answers; *ret is valid until the next call. E_AGENT_UNKNOWN, E_BAD_REQUEST (arguments or envelope) with *f, E_NO_MEMORY. A tool that nobody knows
 * is a verdict, not a failure. */
status trial_ask(struct trial *t, const struct trial_question *q, struct trial_answer *ret, struct trial_fault *f);
/* The verdict of the last question in full (docs/model.md §3). */
void trial_verdict(struct trial *t, struct json_writer *w);
/* ---- over again ---- */

enum { TRIAL_RULES = 16 };
enum trial_kind { TRIAL_ALLOW, TRIAL_DENY, TRIAL_PENDING, TRIAL_OPEN };

/* What a recorded decision tells of its question. */
struct trial_record {
	struct trial_question q;         /* with the resource as it was recorded; args only with args_known */
	bool args_known, task_known, channel_known;
};

struct trial_outcome {
	uint8_t kind;                    /* enum trial_kind; OPEN: it depends on what is not known */
	uint8_t rule_n;
	const struct rule *rules[TRIAL_RULES];   /* that decide it; OPEN: those that cannot be told */
};

/* What the policies say to it, envelopes and budgets aside. E_AGENT_UNKNOWN, E_TOOL_UNKNOWN, E_BAD_ARGUMENTS (a resource that the tool's mapping does not
 * make), E_NO_MEMORY. */
status trial_replay(struct trial *t, const struct trial_record *r, struct trial_outcome *ret);

const struct policy_set *trial_policies(const struct trial *t);
/* NULL when there is none of that name (server/tool). */
const struct tool *trial_tool(const struct trial *t, span name);

#endif
