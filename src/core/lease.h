/* lease: one credential at one upstream, issued for one task, and gone with it.
 *
 *   intended ──▶ active ──▶ revoking ──▶ revoked
 *       │                      ▲            ▲
 *       ├──────────────────────┘            │   (its create may have reached the upstream)
 *       └───────────────────────────────────┘   (its create never left)
 *
 * intended: the account's name, its task and its end are on the way to the log; only once they are durable does the order to
 * create leave (THREATS R3). active: the upstream has it, and the log says so; only then is it delivered, once. revoking: its
 * absence is asked for until it has been read back; nothing ends this but that (R5). revoked: gone from memory and projection, its
 * events stay.
 *
 * A lease whose task may not act any more, or whose own end has come, is revoking: at once, or, where thousands end together,
 * in the `doomed` queue, from which every moment takes some. Whatever is not delivered when a role dies is revoked.
 *
 * INVARIANT of each: lease_fault(). The lease is in exactly one of: doomed queue, upstream's waiting queue, asked, its own back-off. */
#ifndef AMBIT_CORE_LEASE_H
#define AMBIT_CORE_LEASE_H

#include "base/map.h"
#include "core/clock.h"
#include "core/request.h"
#include "core/row.h"
#include "core/timer.h"
#include "core/upstream.h"

struct core;
struct decision;
struct json_writer;
struct revocation;
struct task;

/* ORDER lease_rules */
enum lease_state { LEASE_INTENDED, LEASE_ACTIVE, LEASE_REVOKING, LEASE_REVOKED, LEASE_STATE_COUNT };

/* An upstream that has not created it by then is taken for lost; the account is revoked. */
#define LEASE_CREATE_TIMEOUT (20 * NS_PER_S)
/* Without an answer by then, a revocation is asked again. */
#define LEASE_REVOKE_TIMEOUT (45 * NS_PER_S)
#define LEASE_RETRY_FIRST (NS_PER_S / 2)
#define LEASE_RETRY_MAX (20 * NS_PER_S)
/* How many leave in one step; more than this waits in the doomed queue. */
enum { LEASE_ENDS_A_STEP = 128 };

struct lease {
	struct map_node node;            /* core.leases, by id */
	struct list all;                 /* core.lease_list */
	struct list of_task;             /* task.leases */
	struct list queue;               /* core.doomed, or upstream.waiting, or alone */
	struct row row;
	struct timer timer;              /* intended: create time-out; active: its end; revoking: answer time-out or back-off */
	uint64_t id;
	struct task *task;               /* NULL: an orphan found at the upstream */
	struct upstream *upstream;
	struct str *template;
	struct term term;
	int64_t created;                 /* wall */
	int64_t since;                   /* wall: revoking since */
	uint64_t revocation;             /* that counts it among its targets, or 0 */
	uint64_t req;                    /* of who waits for it; with edge and index */
	uint64_t renew_req;              /* of who waits for a renewal, 0: nobody */
	struct term renew_term;
	uint32_t attempts;
	uint16_t error;                  /* of the last attempt */
	uint8_t state, cause;            /* enum lease_state; enum lease_cause */
	uint8_t edge, index, renew_edge, renew_index;
	bool waits;                      /* the asker has no answer yet */
	bool delivered;                  /* the order to deliver has left or waits for the log */
	bool native_end;
	bool asked;                      /* a revocation is with the engine role */
	bool doomed;                     /* will be revoking as soon as there is room; it can do nothing any more */
	bool old_boot;                   /* as task.old_boot */
	bool sent;                       /* the order to create has left, or may have */
};

/* ORDER lease_causes */
enum lease_cause {
	LEASE_BY_NOTHING, LEASE_BY_TASK, LEASE_BY_END, LEASE_BY_HAND, LEASE_BY_STOP, LEASE_BY_FAILURE, LEASE_BY_RESTART, LEASE_BY_LOSS,
	LEASE_BY_ORPHAN, LEASE_CAUSE_COUNT
};

const char *lease_state_name(enum lease_state s);
const char *lease_cause_name(enum lease_cause c);
bool lease_may_become(enum lease_state from, enum lease_state to);
/* NULL, or what does not hold. */
const char *lease_fault(const struct core *c, const struct lease *l);
struct lease *lease_find(const struct core *c, uint64_t id);
/* "ambit_" and the id's digits, as the engine makes it. */
void lease_account(const struct lease *l, char out[static LEASE_ACCOUNT + 1]);

/* Carries out an allowed decision: intent, then the order to create. E_AUDIT_UNAVAILABLE, E_UNAVAILABLE, E_NO_MEMORY: nothing changed. The
 * answer to `who` comes with the credential, or as an error. */
status lease_create(struct core *c, const struct asker *who, struct decision *d, int64_t ttl, struct lease **ret);
/* The native end is moved, then ours; the answer to `who` follows. */
status lease_renew(struct core *c, const struct asker *who, struct lease *l, int64_t ttl);
/* Takes it back; `code` for whoever still waits for it. `r` (may be NULL) tracks it. No-op while it is being taken back. */
void lease_end(struct core *c, struct lease *l, enum lease_cause cause, uint16_t code, struct revocation *r);
/* All of a task that ended. */
void leases_task_ended(struct core *c, struct task *t, struct revocation *r);
/* All that are dead by a stop, or by their template's. */
void leases_sweep(struct core *c, struct revocation *r);
void lease_state(struct core *c, const struct msg_lease_state *m);
void lease_timer(struct core *c, struct lease *l);
void doomed_timer(struct core *c);
/* All whose wall-clock end has come, after a step of the clock. */
void leases_expire(struct core *c);
/* An account with our prefix that the ledger does not know: a lease that begins as revoking. */
status lease_orphan(struct core *c, struct upstream *u, uint64_t id);
/* The engine role is gone: what it was creating is to be revoked, what it was asked will be asked again. */
void leases_engine_gone(struct core *c);
/* Whoever waited for one at that edge is gone: it was not delivered. */
void leases_edge_gone(struct core *c, enum role edge, unsigned index);
/* The client that waits for one has gone; true if it was one. */
bool lease_cancel(struct core *c, enum role edge, unsigned index, uint64_t req);
/* Sends as many revocations as may be open at once. */
void upstream_pump(struct core *c, struct upstream *u);
void lease_free(struct core *c, struct lease *l);
/* One that was read and not linked yet. */
void lease_unlinked_free(struct core *c, struct lease *l);
void lease_encode(const struct core *c, const struct lease *l, struct buf *b);
status lease_restore(struct core *c, uint64_t id, span value);
/* After all rows are in. What was not delivered, or whose task is dead, is to be revoked. */
status leases_link(struct core *c);
/* What ended while nobody looked; called when the run has begun. */
void leases_begin(struct core *c);
/* The object of docs/model.md §6. */
void lease_write(const struct core *c, const struct lease *l, struct json_writer *w);

#endif
