/* approval: one human answer to one exact question.
 *
 *   open ──▶ granted ──▶ used
 *    │          ├──▶ expired
 *    │          └──▶ withdrawn     (what was approved is not what would run any more)
 *    └──▶ rejected | expired | withdrawn
 *
 * It is bound to a digest of agent, task, tool definition, full canonical arguments, determining policies and its end. Using
 * it evaluates everything anew; it lifts exactly the forbids that asked for it, once. */
#ifndef AMBIT_CORE_APPROVAL_H
#define AMBIT_CORE_APPROVAL_H

#include "base/map.h"
#include "core/clock.h"
#include "core/row.h"
#include "core/timer.h"
#include "crypto/hash.h"
#include "msg/msg.h"

enum approval_state { APPR_OPEN, APPR_GRANTED, APPR_USED, APPR_REJECTED, APPR_EXPIRED, APPR_WITHDRAWN, APPR_STATE_COUNT };

enum { APPROVAL_QUORUMS = 8, APPROVAL_GRANTS = 16, APPROVAL_ARGS_MAX = 32768 };

struct core;
struct task;
struct tool;
struct decision;
struct object;

struct quorum {
	span group;
	uint32_t need;
};

struct grant {
	struct str *user, *comment;
	int64_t at;
};

struct approval {
	struct map_node node, by_key;
	struct list all;
	struct row row;
	uint64_t id;
	struct task *task;               /* NULL only while rows are read */
	uint64_t task_id;                /* while rows are read */
	struct str *tool;
	struct str *args;                /* canonical JSON */
	digest args_digest, definition, rules, key, binding;
	struct str *resource, *claim, *environment;
	struct str *rule_text;           /* JSON array of {policy,line,id} */
	struct str *quorums[APPROVAL_QUORUMS];   /* "group:n" */
	struct grant grants[APPROVAL_GRANTS];
	struct term term;
	struct timer timer;
	int64_t created;
	struct str *reason, *decided_by, *tell;
	uint8_t state, quorum_n, grant_n, effect, sensitivity;
	bool first;
};

const char *approval_state_name(enum approval_state s);
bool approval_may_become(enum approval_state from, enum approval_state to);

struct approval *approval_find(const struct core *c, uint64_t id);
/* The live or rejected one for that very call, or NULL. */
struct approval *approval_for(const struct core *c, const struct task *t, span tool, const digest *args);
/* "group:n" */
bool quorum_parse(span s, struct quorum *ret);
/* Asks. The key must be free. E_RATE_LIMITED: too many open ones; E_LIMIT: the arguments are too long to be shown whole. */
status approval_new(struct core *c, const struct decision *d, span claim, struct approval **ret);
/* May this person decide it, and if not why? */
bool approval_may(const struct core *c, const struct approval *a, const struct object *user, const char **ret_why);
/* E_APPROVAL_NOT_YOURS, E_CONFLICT (not open), E_EXISTS (said so before). */
status approval_grant(struct core *c, struct approval *a, const struct object *user, span comment);
status approval_reject(struct core *c, struct approval *a, const struct object *user, span reason, span tell);
/* Are the answers still good: every approver still may, every quorum is still met? */
bool approval_stands(const struct core *c, const struct approval *a);
/* Is it about exactly this: same definition and determining rules, not over? */
bool approval_binds(const struct approval *a, const struct decision *d);
/* Consumes a granted one. */
status approval_use(struct core *c, struct approval *a, uint64_t call);
void approval_end(struct core *c, struct approval *a, enum approval_state to, const char *cause);
void approval_timer(struct core *c, struct approval *a);
/* Those of tasks that are dead now are withdrawn. */
void approvals_sweep(struct core *c);
/* All whose wall-clock end has come, after a step of the clock. */
void approvals_expire(struct core *c);
/* The task goes from memory, and with it what was asked in its name. */
void approvals_forget(struct core *c, const struct task *t);
status approvals_link(struct core *c);
void approval_free(struct core *c, struct approval *a);
void approval_encode(const struct approval *a, struct buf *b);
status approval_restore(struct core *c, uint64_t id, span value);

struct json_writer;
void approval_write(const struct core *c, const struct approval *a, const struct object *viewer, struct json_writer *w);

/* ---- calls that wait for one ---- */

struct parked {
	struct list all;
	struct timer timer;
	uint8_t edge, index;
	uint64_t req;
	uint32_t conn;
	uint64_t approval;
	bool progress, dispatch;
	struct str *client_ref, *surface;
	digest token;
};

struct asker;
/* The caller waits up to its hold_ms. */
status park(struct core *c, const struct asker *who, uint64_t approval);
/* The approval changed: everybody who waits for it is served. */
void parked_wake(struct core *c, uint64_t approval);
void parked_timer(struct core *c, struct parked *p);
bool parked_cancel(struct core *c, enum role edge, unsigned index, uint64_t req);
void parked_edge_gone(struct core *c, enum role edge, unsigned index);
void parked_free(struct core *c, struct parked *p);

#endif
