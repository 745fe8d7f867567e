/* node: one core with everything around it as a model: store, signer, attest, tools and edges, joined by queues.
 *
 * The very messages of msg/messages.def go both ways, encoded and decoded. Nothing moves by itself: the driver delivers one
 * message at a time, so a test can order, lose, repeat and cut as it likes. */
#ifndef AMBIT_TESTS_SIM_NODE_H
#define AMBIT_TESTS_SIM_NODE_H

#include "base/list.h"
#include "core/core.h"
#include "crypto/random.h"
#include "log/chain.h"
#include "tests/sim/bank.h"
#include "text/json.h"

enum { NODE_EDGES = 2 };

struct frame {
	struct list list;
	enum role role;
	unsigned index;
	uint16_t type;
	size_t n;
	uint8_t body[];
};

/* The durable part: outlives every crash. */
struct disk_event { uint8_t *p; uint32_t n; };
struct disk_row { char *key; size_t key_n; uint8_t *value; size_t value_n; };
struct disk {
	struct disk_event *events;
	size_t event_n, event_cap;
	struct disk_row *rows;       /* in order of key */
	size_t row_n, row_cap;
	struct chain chain;
	int64_t time;
	uint64_t epoch;
	bool full;
};

struct node;

/* A real store in place of `disk`, for benches: answers an APPEND (with the last durable seq), and sends ROWS and LOADED. */
struct node_store {
	uint16_t (*append)(struct node *n, const struct msg_append *m, uint64_t *ret_seq);
	void (*load)(struct node *n);
};
extern const struct node_store *node_store;   /* NULL: the model */

/* Called for each message core sends to an edge, and for PERMIT and CUT_CALL. */
typedef void node_hook(struct node *n, enum role to, unsigned index, const struct msg *m);

struct node {
	struct core *core;
	struct disk disk;
	struct drbg rng;             /* the model's own */
	instant now;
	uint8_t boot_id[16];
	span bootstrap;
	bool up[ROLE_COUNT][NODE_EDGES];
	struct list to_core, from_core;
	struct bank *bank;           /* the engine role's world, outlives every crash */
	bool store_paused;           /* takes nothing from its queue */
	bool lose_ack, repeat_ack;   /* the next one */
	bool signer_mute, tools_mute;
	bool discard;                /* what goes to edges is only shown to `sent` */
	node_hook *hook;
	node_hook *sent;             /* every message, at the moment core lets go of it */
	node_hook *delivering;       /* every message, just before core gets it */
	node_hook *appended;         /* every APPEND that became durable */
	void *hook_arg;
	uint64_t tokens_signed, unsealed;
	size_t steps;
	unsigned long *failing;      /* a counter of failing allocations, stopped while the models work; or NULL */
};

void node_init(struct node *n, uint64_t seed);
void node_fini(struct node *n);
/* Starts core afresh; links of all roles come up. */
void node_start(struct node *n);
/* Core dies: everything on the way is gone. */
void node_crash(struct node *n);
/* A role goes and comes. Its queues are lost. */
void node_link(struct node *n, enum role r, unsigned index, bool up);

/* A message to core, in the queue of its link. */
void node_send(struct node *n, enum role from, unsigned index, const struct msg *m);
/* Hands core the next message of that link; false when there is none. */
bool node_deliver(struct node *n, enum role from, unsigned index);
/* Lets the model role take one message from core. */
bool node_serve(struct node *n, enum role to, unsigned index);
/* One turn of core's loop ends. */
void node_flush(struct node *n);
/* Until nothing moves. */
void node_settle(struct node *n);
/* Moves both clocks and ticks. */
void node_advance(struct node *n, int64_t ns);

/* What the modelled servers offer, by server name: a JSON array; NULL: nothing. Set by the driver. */
extern const char *(*node_definitions)(span server);

#endif
