/* store_priv: what a backend fills in. Everything that is the same for all of them (the chain, conflicts, filters, the
 * reserve, poisoning) is in store.c; a backend only moves rows in transactions. */
#ifndef AMBIT_STORE_STORE_PRIV_H
#define AMBIT_STORE_STORE_PRIV_H

#include "base/env.h"
#include "store/reserve.h"
#include "store/store.h"

/* One event with what is derived from it. */
struct store_event {
	span bytes;
	uint64_t seq;
	int64_t time;
	uint16_t type;
	uint64_t task, agent;    /* 0: none */
	span tool;               /* empty: none */
};

/* Index columns of canonical bytes. E_BAD_MESSAGE. */
status store_event_of(span bytes, struct store_event *ret);

/* False stops the scan. */
typedef bool store_scan_fn(void *arg, const struct store_event *e);

/* Writes answer with an outcome: DONE, FULL (nothing of this transaction will be kept; it can be tried again), CONFLICT (begin
 * only: another writer holds it), FAILED (nothing is known: the handle is finished). */
struct store_ops {
	const char *name;
	/* Allocates the backend's struct, which begins with struct store; store_open fills the rest. */
	status (*open)(const struct store_config *c, struct store **ret);
	void (*close)(struct store *s);
	/* Outside a transaction, or inside one: as that transaction sees it. */
	status (*state)(struct store *s, struct store_state *ret);
	enum store_outcome (*begin)(struct store *s);
	enum store_outcome (*put_event)(struct store *s, const struct store_event *e);
	enum store_outcome (*put_row)(struct store *s, span key, span value);
	enum store_outcome (*delete_row)(struct store *s, span key);
	/* Durable with `st` as the new state when DONE. */
	enum store_outcome (*commit)(struct store *s, const struct store_state *st);
	/* Also after a put that said FULL or FAILED. FAILED when even that could not be done. */
	enum store_outcome (*rollback)(struct store *s);
	status (*load)(struct store *s, store_row_fn *fn, void *arg);
	/* In order of seq, or backwards, from `from` on; those that match the first of the filter's task, agent and type
	 * that is given, and perhaps others: the caller looks again. */
	status (*scan)(struct store *s, uint64_t from, const struct store_filter *f, store_scan_fn *fn, void *arg);
	/* The first event of seqs from..to that a look-up by its task, agent or type would miss; 0: none. NULL: there is no index. */
	status (*check_index)(struct store *s, uint64_t from, uint64_t to, uint64_t *ret_bad);
	/* The backend's own integrity: writes what is wrong into note, or leaves it alone. */
	status (*check)(struct store *s, char note[static 256]);
};

struct store {
	const struct store_ops *ops;
	struct reserve reserve;
	bool read_only, poisoned;
};

#define X(name) extern const struct store_ops store_ops_##name;
#include "store/backends.def"
#undef X

#endif
