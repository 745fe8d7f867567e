/* revocation: taking back, and the proof of it.
 *
 * A stop is a mark on an agent, owner, tool, server, tier or the world: while it is on, everything below is refused; and every
 * task born before the mark is dead for good, also after the stop is lifted. So one write ends any number of tasks.
 *
 * A revocation tracks the targets of one ending: sessions at the tools role are asked to end and confirm, or are listed as
 * unconfirmed. It never counts as done what was not confirmed. */
#ifndef AMBIT_CORE_REVOCATION_H
#define AMBIT_CORE_REVOCATION_H

#include "base/map.h"
#include "core/row.h"
#include "core/timer.h"
#include "core/task.h"
#include "msg/msg.h"

struct core;

/* ORDER stop_names */
enum stop_kind { STOP_AGENT, STOP_OWNER, STOP_TOOL, STOP_SERVER, STOP_TIER, STOP_WORLD, STOP_KIND_COUNT };
const char *stop_kind_name(enum stop_kind k);

struct stop {
	struct map_node node;            /* by "kind/name" */
	struct row row;
	uint8_t kind;
	bool on;
	uint64_t seq;                    /* tasks born at or before this are dead */
	struct str *name;
	uint32_t refs;
};

/* The stop of that thing; made when it is not there. */
status stop_get(struct core *c, enum stop_kind k, span name, struct stop **ret);
struct stop *stop_find(const struct core *c, enum stop_kind k, span name);

enum target_state { TARGET_ASKED, TARGET_CONFIRMED, TARGET_UNCONFIRMED };

enum { REVOCATION_TARGETS = 4096 };

struct target {
	uint64_t task;                   /* or the lease */
	uint8_t state;
	uint32_t unconfirmed;            /* sessions */
	int64_t took;                    /* ns */
};

struct revocation {
	struct map_node node;
	struct list all;
	struct row row;
	uint64_t id;
	struct str *kind, *name, *cause, *actor, *reason;
	int64_t created, created_boot;
	uint32_t tasks, calls_cut, open;
	uint32_t target_n, target_cap;
	struct target *targets;
	bool dropped_targets;            /* more than fit: counted, not listed */
};

struct revocation *revocation_find(const struct core *c, uint64_t id);

struct blast { uint32_t agents, tasks, children, calls, approvals, sessions; };

struct kill {
	span kind, name, reason, actor;
	bool dry_run;
};
/* An empty one. */
status revocation_new(struct core *c, const struct kill *k, const char *cause, struct revocation **ret);
/* "asked", "confirmed", "unconfirmed" */
const char *revocation_state(const struct revocation *r);
/* Forgets old ones that are confirmed whole. */
void revocations_trim(struct core *c);
/* E_NOT_FOUND, E_BAD_REQUEST. On a dry run *ret_blast is filled and *ret is NULL. */
status kill_run(struct core *c, const struct kill *k, struct revocation **ret, struct blast *ret_blast);
status resume_run(struct core *c, span kind, span name, span reason, span actor);
/* Everything that is dead now is cut; what has sessions becomes a target. */
void revoke_dead(struct core *c, struct revocation *r, uint16_t code, const char *cause);
void revocation_clean(struct core *c, const struct msg_task_clean *m);
struct lease;
/* The lease becomes a target of r, and knows it. */
void revocation_track(struct core *c, struct revocation *r, struct lease *l);
/* Its absence was read back, or could not be. No-op for one without a revocation. */
void revocation_lease(struct core *c, const struct lease *l, bool confirmed);
/* The tools role is back: what was not confirmed is asked again. */
void revocations_tools_back(struct core *c);
void revocation_write(const struct core *c, const struct revocation *r, struct json_writer *w);
void revocation_free(struct core *c, struct revocation *r);
void revocation_encode(const struct revocation *r, struct buf *b);
status revocation_restore(struct core *c, uint64_t id, span value);
void stop_encode(const struct stop *s, struct buf *b);
status stop_restore(struct core *c, span key, span value);

#endif
