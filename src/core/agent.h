/* agent: a registered workload identity. It owns nothing by itself: rights are in its tasks.
 *
 *   active <-> suspended
 *      \         /
 *       retired          (for good)
 */
#ifndef AMBIT_CORE_AGENT_H
#define AMBIT_CORE_AGENT_H

#include "core/object.h"
#include "crypto/hash.h"
#include "identity/jwk.h"

struct core;

enum agent_state { AGENT_ACTIVE, AGENT_SUSPENDED, AGENT_RETIRED, AGENT_STATE_COUNT };

/* One way of being recognised: all members that are given must hold. */
struct selector {
	int64_t uid;                     /* -1: any */
	span exe, cgroup;
	digest exe_sha256, x5t;
	bool has_exe, has_cgroup, has_sha256, has_x5t;
	bool fallback;                   /* counts only where no other agent's identity does */
};

struct agent {
	struct map_node by_id, by_name;
	struct list all;                 /* core.agents */
	struct row row;
	uint64_t id;
	uint8_t state;                   /* enum agent_state */
	uint32_t tasks;                  /* alive */
	uint32_t open_approvals;
	int64_t last_seen;
	const struct object *object;     /* NULL once removed: the agent is retired then */
	struct str *name;
	/* Parsed, in the object's arena. */
	span owner, team, tier_name, purpose, review_by;
	const struct selector *selectors;
	const span *launch, *servers, *applications;
	uint32_t selector_n, launch_n, server_n, application_n;
	struct envelope *session;
	bool enforcement_point;
	bool bearer;                     /* its tokens may be bound to nothing but TLS */
	const span *clients, *redirects; /* how people's programs log in as it: client ids besides its name; exact redirect URIs */
	uint32_t client_n, redirect_n;
	struct jwk_set *keys;            /* what it signs client assertions with, or NULL */
	struct stop *stop, *stop_owner, *stop_tier;
	const struct tier *tier;
	struct str **used;               /* tools it has called, in order of the first call */
	uint32_t used_n;
};

const char *agent_state_name(enum agent_state s);
bool agent_may_become(enum agent_state from, enum agent_state to);
/* Must be a legal transition. */
void agent_become(struct core *c, struct agent *a, enum agent_state to);

struct agent *agent_find(const struct core *c, span name);
struct agent *agent_by_id(const struct core *c, uint64_t id);
/* Name or id text. */
struct agent *agent_named(const struct core *c, span name_or_id);

struct object_fault;
/* Reads an agent's spec into o->parsed, which agent_install takes or moves into the living agent. */
status agent_parse(struct core *c, struct object *o, struct object_fault *f);
void agent_parsed_free(struct core *c, struct agent *a);
/* Makes or updates the living agent; can not fail (room was made). */
void agent_install(struct core *c, struct object *o, struct agent *parsed);
/* Its object is being removed: it retires. */
void agent_removed(struct core *c, struct object *o);
void agent_free(struct core *c, struct agent *a);
void agent_encode(const struct agent *a, struct buf *b);
status agent_restore(struct core *c, uint64_t id, span value);

/* Tiers and owners may have changed: looks them up again. */
void agents_relink(struct core *c);
bool agent_has_used(const struct agent *a, span tool);
/* Remembers the first use. Forgetting one for want of memory costs a hint to approvers, nothing else. */
void agent_use(struct core *c, struct agent *a, struct str *tool);
/* The object of docs/model.md §6. */
void agent_write(const struct core *c, const struct agent *a, struct json_writer *w);

struct peer;
/* The agent whose identity the peer proves. Two agents matching equally well is no proof: NULL. *ret_specific: the entry says
 * more than a uid. */
struct agent *agent_match(const struct core *c, const struct peer *p, bool *ret_specific);

#endif
