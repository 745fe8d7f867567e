/* task: the unit of authority.
 *
 *   requested ──▶ pending ──▶ active ──▶ ending ──▶ completed
 *       │            │          │          ├──────▶ expired
 *       │            │          └──────────┴──────▶ revoked
 *       └────────────┴────────────────────────────▶ rejected | expired | revoked
 *
 * requested: its event is on the way. pending: it waits for a human. active: it may act. ending: completed by its agent, new
 * calls are refused, calls in flight have five seconds. Ended states are for good.
 *
 * A task also ends with its parent, its agent, and with anything that was stopped after it was born: that is seen by walking
 * up (task_alive), so that ending a subtree of any size is one write. */
#ifndef AMBIT_CORE_TASK_H
#define AMBIT_CORE_TASK_H

#include "core/clock.h"
#include "core/envelope.h"
#include "core/row.h"
#include "core/timer.h"

struct core;

/* ORDER task_rules */
enum task_state {
	TASK_REQUESTED, TASK_PENDING, TASK_ACTIVE, TASK_ENDING, TASK_COMPLETED, TASK_EXPIRED, TASK_REVOKED, TASK_REJECTED,
	TASK_STATE_COUNT
};

/* Why a task ended; ORDER cause_names. */
enum cause {
	CAUSE_NONE, CAUSE_COMPLETED, CAUSE_CANCELLED, CAUSE_EXPIRED, CAUSE_KILLED, CAUSE_PARENT, CAUSE_AGENT, CAUSE_OWNER, CAUSE_TIER,
	CAUSE_WORLD, CAUSE_HOLDER, CAUSE_COUNT
};

enum { TASK_DEPTH_MAX = 32, TASK_PURPOSE_MAX = 512, TASK_LABELS_MAX = 32, TASK_OPEN_APPROVALS_MAX = 8 };
#define TASK_DRAIN (5 * NS_PER_S)
#define TASK_GRACE (10 * NS_PER_S)
/* How long an ended task stays in memory and in the projection; its events stay. */
#define TASK_KEEP (3600 * NS_PER_S)

struct agent;
struct peer;
struct wait;

struct task {
	struct map_node node;
	uint64_t id;
	struct list all;                 /* core.task_list, newest first */
	struct list siblings, children;
	struct list leases;              /* of its own, until they are revoked */
	struct list sessions;            /* in core.session_tasks while the tools role may have a session of it */
	struct row row;
	struct agent *agent;
	struct task *parent;
	struct envelope *envelope;
	struct envelope *cap;            /* what bounds it from outside (workflow, session), or NULL */
	struct str *user, *purpose, *workflow, *environment;
	struct str *opened_by;           /* actor of the opening */
	struct term term;
	int64_t created, ended, ttl;     /* wall, wall, ns */
	uint64_t born;                   /* seq of its first event */
	struct timer timer;              /* expiry; while ending, the drain; when ended, reaping */
	struct timer grace;              /* the holder's edge died */
	int64_t rate_at;                 /* boot: when the rate's bucket is full again */
	uint64_t *spent;                 /* amounts, as envelope->amounts; NULL: none */
	struct str **labels;
	struct peer *holder;
	struct wait *wait;               /* the holder's question that waits for the end, or NULL */
	uint64_t root_start, opener_start;
	uint32_t root_pid, opener_pid;   /* root of its process tree; who holds it and may hold it again */
	uint32_t calls, denied;          /* of its own */
	uint32_t used;                   /* calls of it and everything below it: what limits.calls bounds */
	uint32_t descendants;            /* that have not ended by themselves */
	uint32_t leases_n;
	uint16_t in_flight, open_approvals;
	uint8_t state, cause;            /* own state; task_state() for the one that counts */
	uint8_t depth;                   /* 0: no parent */
	uint8_t sensitivity;             /* high-water of its own and of everything below it */
	uint8_t label_n;
	bool user_proven, hold, stopped_sessions;
	bool old_boot;                   /* its row is of an earlier boot of the host: that clock's deadline means nothing now */
	uint32_t sessions_stopped, sessions_unconfirmed;
	struct revocation *revocation;   /* that waits for its sessions */
};

const char *task_state_name(enum task_state s);
const char *cause_name(enum cause c);
bool task_may_become(enum task_state from, enum task_state to);
static inline bool task_state_over(enum task_state s) { return s >= TASK_COMPLETED; }
/* INVARIANT of every task at every moment: NULL, or what does not hold. */
const char *task_fault(const struct core *c, const struct task *t);

struct task *task_find(const struct core *c, uint64_t id);
/* The state that counts, ancestors and stops considered, and why. */
enum task_state task_state(const struct core *c, const struct task *t, enum cause *ret_cause);
/* May it act? E_OK, or E_TASK_ENDED, E_TASK_EXPIRED, E_TASK_NOT_ACTIVE, E_REVOKED, E_AGENT_INACTIVE, E_WORLD_STOPPED.
 * *ret_by: the ancestor that stands in the way, else t. */
uint16_t task_alive(const struct core *c, const struct task *t, const struct task **ret_by);
static inline bool
task_is_below(const struct task *t, const struct task *ancestor)
{
	for (; t; t = t->parent)
		if (t == ancestor)
			return true;
	return false;
}
/* The high-water mark that counts for decisions: of the task and of all its ancestors. */
uint8_t task_high_water(const struct task *t);
bool task_has_label(const struct task *t, const struct str *label);

/* ---- changes ---- */

struct task_new {
	struct agent *agent;
	struct task *parent;
	struct envelope *envelope, *cap;   /* references are taken */
	span user, purpose, workflow, environment, actor, surface;
	bool user_proven, hold;
	int64_t ttl;
	uint32_t pid, uid;               /* the opener */
	uint64_t start;
	uint32_t root_pid;
	uint64_t root_start;
	struct peer *holder;             /* set with `hold` */
};
/* Writes task.requested/delegated and task.activated. Bounds the term by the tier and the parent. E_LIMIT, E_NO_MEMORY,
 * E_BAD_UTF8: nothing changed. */
status task_create(struct core *c, const struct task_new *n, struct task **ret);
/* Tells attest which process tree is the task's. */
void task_root(struct core *c, const struct task *t);
/* Completed by its agent: ending, then completed when its calls are done or the drain is over. */
void task_complete(struct core *c, struct task *t, span actor, span reason);
/* Ends it at once: calls are cut, sessions ended. One event. */
void task_end(struct core *c, struct task *t, enum task_state to, enum cause cause, span actor, span reason);
/* After a call of an ending task is over. */
void task_drained(struct core *c, struct task *t);
/* Timers. */
void task_timer(struct core *c, struct task *t);
void task_grace_over(struct core *c, struct task *t);
/* All whose wall-clock end has come, after a step of the clock. */
void tasks_expire(struct core *c);
/* Raises the mark of the task and its ancestors; `label` may be empty. E_LIMIT: too many labels. */
status task_raise(struct core *c, struct task *t, uint8_t sensitivity, span label, uint64_t call);
/* Cuts every call, token, park and session of everything below a dead point. `all`: every task is looked at. */
void tasks_sweep(struct core *c, uint16_t code, const char *cause);
/* A zeroed one in no map; NULL on no memory. */
struct task *task_alloc(uint64_t id);
void task_free(struct core *c, struct task *t);
void task_encode(const struct core *c, const struct task *t, struct buf *b);
status task_restore(struct core *c, uint64_t id, span value);
/* After all rows are in: parents, counters, timers. */
status tasks_link(struct core *c);

struct json_writer;
/* The member `warnings`, when there is something to say to whoever makes the task. */
void task_warnings(const struct core *c, const struct task *t, struct json_writer *w);
/* The object of docs/model.md §2. */
void task_write(const struct core *c, const struct task *t, struct json_writer *w);

#endif
