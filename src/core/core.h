/* core: all state and every decision of Ambit, as a pure machine.
 *
 *   messages, link changes and time go in; messages come out through one callback. Nothing else: no file, socket, clock or
 *   random number of its own. The same inputs give the same outputs, so a simulator can run years in seconds.
 *
 * Durability: an effect that needs its event to be durable is held inside until the store has acknowledged the event; the
 * caller sees only what may leave now. Denials, cuts and revocations leave at once.
 *
 * The role calls core_step for each message, core_link for each link change, core_tick when core_deadline has come, and
 * core_flush once at the end of each turn of its loop. When core_failed says so, the process must end and be started again:
 * memory and log may differ, and the log is the truth. */
#ifndef AMBIT_CORE_CORE_H
#define AMBIT_CORE_CORE_H

#include "base/env.h"
#include "msg/msg.h"

struct core;

struct core_config {
	span node;               /* name in events, 1..32 of [a-z0-9.-] */
	span audience;           /* `aud` of task tokens */
	span people_url;         /* origin of the pages where people log in; empty: there is none */
	span origin;             /* name of the event log */
	span store_kind;         /* "sqlite", "memory": shown by status */
	span bootstrap;          /* JSON array of resources (docs/model.md) that an empty log starts with; may be empty */
	uint8_t boot_id[16];     /* of this host's boot; the same value means that the boot clock went on */
	bool dev;                /* shown by status */
};

/* `m` and everything it points to is valid during the call only. */
typedef void core_send_fn(void *ctx, enum role to, unsigned index, const struct msg *m);

/* Copies the configuration. `seed`: 32 unpredictable bytes. Starts by asking the store to LOAD once its link is up; until
 * LOADED every question is refused. E_NO_MEMORY, E_BAD_CONFIG. */
status core_new(const struct core_config *config, const uint8_t seed[static 32], core_send_fn *send, void *ctx, instant now,
                struct core **ret);
void core_free(struct core *c);

/* One permitted, well-formed message (msg_permitted, msg_decode). */
void core_step(struct core *c, enum role from, unsigned index, const struct msg *m, instant now);
/* A link came up or went down. */
void core_link(struct core *c, enum role peer, unsigned index, bool up, instant now);
/* Does what time has brought: expiries, ends, timeouts, retries. */
void core_tick(struct core *c, instant now);
/* Ends the turn: sends what was decided in it to the store as one batch. */
void core_flush(struct core *c, instant now);
/* Boot time at which core_tick is due, or INT64_MAX. */
int64_t core_deadline(const struct core *c);
/* True once memory and log may differ, with the reason. */
bool core_failed(const struct core *c, status *ret_why);
/* Walks all state; NULL, or what does not hold. For tests and simulation: takes time in proportion to the state. */
const char *core_check(const struct core *c);

#endif
