/* The inside of core: one struct, private to this folder. */
#ifndef AMBIT_CORE_CORE_PRIV_H
#define AMBIT_CORE_CORE_PRIV_H

#include "core/agent.h"
#include "core/answer.h"
#include "core/approval.h"
#include "core/call.h"
#include "core/clock.h"
#include "core/core.h"
#include "core/decision.h"
#include "core/enrol.h"
#include "core/envelope.h"
#include "core/journal.h"
#include "core/late.h"
#include "core/lease.h"
#include "core/object.h"
#include "core/once.h"
#include "core/peer.h"
#include "core/policy.h"
#include "core/refresh.h"
#include "core/revocation.h"
#include "core/sealed.h"
#include "core/task.h"
#include "core/ticket.h"
#include "core/timer.h"
#include "core/token.h"
#include "core/tool.h"
#include "core/wait.h"
#include "crypto/random.h"

enum { EDGES_MAX = 16 };

struct core {
	struct core_config config;
	struct arena config_arena;
	core_send_fn *send;
	void *send_ctx;
	struct drbg rng;
	struct clock clock;
	struct timers timers;
	struct journal journal;
	struct arena arena;              /* of one step */
	struct arena eval;               /* of one decision */

	struct interns strs;
	struct envelopes envelopes;

	struct map objects;              /* by "kind/name" */
	struct list kinds[OBJECT_KIND_COUNT];
	struct map agents_by_id, agents_by_name;
	struct map tickets, refreshes;
	struct map once;                 /* what may come once, and came */
	int64_t proofs_from;             /* seconds: DPoP proofs made before are refused */
	struct map certs;                /* enrolled certificates by x5t */
	struct map secrets;              /* by name */
	struct map enrolments, enrolment_tokens;
	struct map servers_by_id;
	struct map tools, tools_by_wire;
	struct map tasks;
	struct map tokens;
	struct map calls;
	struct map calls_by_req;
	struct map approvals, approvals_by_key;
	struct map peers;
	struct map stops;
	struct map revocations;
	struct map asks;
	struct map leases;
	struct list agents, servers, tools_list, task_list, call_list, approval_list, revocation_list, ask_list, parked_list, wait_list, late_list;
	struct list secret_list;
	struct list session_tasks;       /* tasks with open sessions at the tools role */
	struct list upstreams, lease_list, leases_restoring;
	struct list doomed;              /* leases that end as soon as there is room */
	struct timer doomed_timer;
	uint32_t lease_ends, leases_waiting;   /* ended in this step; not answered yet */
	struct stop *world;
	struct policy_set *policy;
	struct policy_notes notes;       /* about it */
	/* A trial looks at every evaluation; NULL elsewhere. */
	void (*watch)(void *ctx, const struct policy_set *p, const struct cedar_entities *entities, const struct cedar_request *r, const struct cedar_answer *a, struct arena *arena);
	void *watch_ctx;
	struct view_shapes shapes;
	struct cedar_entities *entities; /* agents, tools and their groups, as Cedar sees them */
	struct buf scratch, out, words;  /* kept, so that a decision allocates nothing: arguments, verdict, sentences */
	struct list restoring;           /* objects whose rows were read, until all are in */
	struct list tool_rows;           /* rows of tools, likewise */

	uint64_t next_ask;
	bool lists_changed;              /* agents may see other tools than before this step */
	size_t late_bytes;
	unsigned late_n;
	bool loaded, load_asked;
	bool same_boot;
	uint8_t stored_boot_id[16];
	bool stored_boot;
	bool up[ROLE_COUNT][EDGES_MAX];
	uint32_t restarts[ROLE_COUNT];
	int64_t started;
	bool failed;
	status why;
	struct timer checkpoint_timer;
	uint64_t checkpoint_seq;
	struct str *checkpoint_note, *log_key;
	struct str *jwks;
	uint8_t vault[32];               /* the signer's public key for secrets */
	bool vault_known;
	uint64_t active_tasks;
};

/* Memory and log may differ: stop. The first reason stays. */
void core_fail(struct core *c, status why);
/* Which boot a row's deadlines belong to. A row is not written again just because the host was. */
static inline uint32_t
boot_tag(const struct core *c)
{
	const uint8_t *b = c->config.boot_id;
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}
static inline int64_t boot_now(const struct core *c) { return c->clock.now.boot; }
static inline int64_t wall_now(const struct core *c) { return c->clock.now.wall; }
/* A fresh id of that kind that no map of core knows. */
uint64_t core_id(struct core *c, enum id_kind kind);
/* LOADED: everything is linked, the past is closed (calls unknown, holds in grace), and the run begins. */
void core_loaded(struct core *c, const struct msg_loaded *m);
void core_load_drop(struct core *c);
/* Everything the tools role must know: servers, and what is to be ended. */
void core_announce(struct core *c);
void send_keys(struct core *c, enum role edge, unsigned index);
void checkpoint_timer(struct core *c);
static inline bool core_up(const struct core *c, enum role r) { return c->up[r][0]; }

#endif
