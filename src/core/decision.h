/* decision: the one function that says yes or no. The gateway, the AuthZEN endpoint, `ambit check` and approvals at their use
 * all ask it; nothing else decides. Its order is that of docs/ARCHITECTURE.md: alive, envelope, tool, policy, approval,
 * budget. Everything a later explanation needs is in the struct, so that no second copy of the rules ever explains. */
#ifndef AMBIT_CORE_DECISION_H
#define AMBIT_CORE_DECISION_H

#include "core/approval.h"
#include "core/envelope.h"
#include "core/policy.h"
#include "msg/enums.h"

struct core;

enum { DECISION_RULES = 16, DECISION_FAILURES = 8 };

struct decision {
	/* The question. */
	struct task *task;
	struct agent *agent;
	struct tool *tool;
	span tool_name;                  /* as asked */
	span args;                       /* canonical JSON object */
	const struct json *input;        /* the same, parsed */
	span resource_given;             /* AuthZEN: a resource for a tool without mapping; Type::"id" parts */
	span resource_given_type;
	span environment;
	span client_ref, surface;
	const char *channel;
	bool attested;
	uint64_t token;
	bool dry;                        /* nothing is consumed or recorded */

	/* The answer. */
	uint8_t verdict;                 /* enum verdict */
	uint16_t code;
	const struct task *by;           /* which task stood in the way */
	struct misfit misfit;
	bool misfit_cap;                 /* by what bounds the task from outside */
	char detail[256];                /* what exactly did not fit; may be empty */
	digest args_digest;
	span resource_type, resource_id;
	span resource;                   /* Type::id, as patterns see it */
	uint8_t sensitivity, high_water; /* of this call; before it */
	span label;
	const struct rule *rules[DECISION_RULES];
	const struct rule *observed[DECISION_RULES];
	const struct rule *failed[DECISION_FAILURES];
	const struct rule *nearest;
	span lacked;                     /* what `nearest` lacked, in words */
	uint8_t rule_n, observed_n, failed_n;
	digest rules_digest;
	struct approval *approval;       /* open, granted or rejected one for this very call */
	struct approval *stale;          /* one that is about something else by now: withdraw it */
	bool lifted;                     /* `approval` is what allows it: use it */
	int64_t *amounts;                /* what it spends, in c->eval; budget_reserve */
	uint32_t amount_n;
	uint64_t event;                  /* seq once recorded */
};

/* Fills the answer. Never fails: what goes wrong denies. Memory comes from c->eval, which the caller resets. */
void decide(struct core *c, struct decision *d);

/* ---- budgets ---- */

/* Would the call fit every limit of the task, its ancestors and the tier? Fills d->amounts. */
uint16_t budget_check(struct core *c, struct decision *d);
/* Takes it, after budget_check said yes in this very step. */
void budget_reserve(struct core *c, struct decision *d);
/* Gives back what was reserved for a call that was never dispatched. */
void budget_refund(struct core *c, struct task *t, const int64_t *amounts, uint32_t n);

/* ---- recording ---- */

/* Writes decision.allowed, decision.denied or decision.pending. `call` may be 0. */
status decision_record(struct core *c, struct decision *d, uint64_t call, bool lazy);

/* ---- explaining ---- */

/* The object of docs/model.md §3. */
void verdict_write(struct core *c, const struct decision *d, struct json_writer *w);
/* What an allow needs: nobody is told why he may not. */
void verdict_brief(const struct decision *d, struct buf *b);
/* One without an evaluation: why a question was refused before or after it. */
void verdict_plain(const struct core *c, const struct task *t, span tool, uint16_t code, struct buf *b);
/* Sends it. */
void verdict_refuse(struct core *c, enum role edge, unsigned index, uint64_t req, uint16_t code);

#endif
