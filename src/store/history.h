/* history: makes batches for the store's tests, and remembers what a store that took them must hold. Test code only. */
#ifndef AMBIT_STORE_HISTORY_H
#define AMBIT_STORE_HISTORY_H

#include "crypto/random.h"
#include "store/store.h"

enum { HISTORY_KEYS = 40 };

struct history {
	struct drbg g;
	struct store_state st;           /* after everything staged */
	struct buf events, rows;         /* of the batch being made, in the forms of APPEND */
	struct buf all;                  /* every event so far, (u32 length, bytes)* */
	uint32_t value[HISTORY_KEYS];    /* value number of each key; 0: absent */
};

void history_init(struct history *h, uint64_t seed);
void history_fini(struct history *h);
/* Starts a batch and adds up to `events` random events and `rows` random row changes. The spans live until the next one. */
struct store_batch history_batch(struct history *h, size_t events, size_t rows);
/* One event of that type about (task, agent, tool), 0 and "" for none. Appended to h->events; returns its bytes. */
span history_event(struct history *h, uint16_t type, uint64_t task, uint64_t agent, span tool);
/* The batch made of what history_event put there. */
struct store_batch history_take(struct history *h, uint64_t expected_seq);
/* Fails the test unless the store holds exactly this: state, rows, events. */
void history_matches(const struct history *h, struct store *s);
/* A copy to go back to, as after a crash. */
void history_copy(struct history *to, const struct history *from);

#endif
