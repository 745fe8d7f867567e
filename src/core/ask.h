/* ask: a question of core to another role, on behalf of an operation that waits for the answer. */
#ifndef AMBIT_CORE_ASK_H
#define AMBIT_CORE_ASK_H

#include "base/map.h"
#include "base/list.h"
#include "core/timer.h"
#include "core/request.h"

struct core;

struct ask;
struct op_call;

/* Called once: with the answer, or with m == NULL and an error (timeout, link down). */
typedef void ask_fn(struct core *c, struct ask *a, const struct msg *m, uint16_t error);

struct ask {
	struct map_node node;
	struct list all;
	struct timer timer;
	uint64_t id;
	uint8_t role;                    /* who was asked */
	ask_fn *fn;
	/* Whom the answer is for; edge == ROLE_COUNT: nobody. */
	struct asker who;
	uint16_t op;
	uint64_t subject, more;          /* the continuation's own */
	struct str *text;                /* likewise; released with the ask */
	void *state;                     /* likewise; freed with the ask */
	void (*fini)(struct ask *a);     /* before `state` is freed; may be NULL */
};

/* How long that role may take: signer and attest answer at once or are hung (F13); a store may scan, a tool server must start. */
static inline int64_t
ask_timeout(unsigned role)
{
	return (role == ROLE_TOOLS ? 20 : role == ROLE_ENGINE ? 40 : role == ROLE_STORE ? 5 : 2) * INT64_C(1000000000);
}

/* Registers; the caller sends its message with ret->id. E_UNAVAILABLE: that role is down. */
status ask_new(struct core *c, enum role to, ask_fn *fn, const struct asker *who, struct ask **ret);
/* Sends READ under a's id, after everything decided so far. */
void ask_read(struct core *c, struct ask *a, const struct msg_read *q);
/* The answer came; unknown ids are ignored (it was too late). */
void ask_answered(struct core *c, uint64_t id, enum role from, const struct msg *m);
void ask_timer(struct core *c, struct ask *a);
void asks_role_gone(struct core *c, enum role r);
/* An edge died: its questions need no answer. */
void asks_edge_gone(struct core *c, enum role edge, unsigned index);
void ask_free(struct core *c, struct ask *a);

#endif
