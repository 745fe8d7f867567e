/* store: where events become durable, and what core restarts from.
 *
 * A store holds one stream: events 1, 2, 3 … each in canonical bytes (log/event.h), chained (log/chain.h), and beside them
 * projection rows, key to value, that core writes in the same transaction and reads back whole when it starts. What
 * events are found by (type, task, agent) is derived from their bytes by the store itself, never given.
 *
 *         open ──▶ ready ──append──▶ ready        done: durable
 *                    │  ▲                          conflict, full: nothing written, try again later
 *                    │  └─ full ─┘
 *                    └──▶ poisoned                 any other failure of a write; only close is left
 *
 * INVARIANT: what append called done is there after any crash; what it did not is there whole or not at all.
 * INVARIANT: a failed commit or fsync is never retried. The handle answers E_AUDIT_UNAVAILABLE from then on, and its role
 * restarts and refolds from what is durable.
 *
 * One thread. Backends: backends.def. Each passes the contract suite, contract_test.c. */
#ifndef AMBIT_STORE_STORE_H
#define AMBIT_STORE_STORE_H

#include "base/buf.h"
#include "crypto/hash.h"
#include "log/chain.h"

struct store;
struct env;

struct store_config {
	const char *backend;     /* name in backends.def */
	const char *path;        /* sqlite: the database file; its folder must exist */
	struct env *env;         /* files of our own (the reserve) and the clock; NULL is the real one */
	/* Bytes kept allocated so that priority batches still commit on a full disk; 0: none. */
	uint64_t reserve;
	bool read_only;          /* another process reads beside the writer; append and fence are refused */
	const char *vfs;         /* sqlite: name of a registered VFS, for tests; NULL is the default */
};

enum { STORE_RESERVE = 4 << 20, STORE_KEY_MAX = 1024, STORE_VALUE_MAX = 1 << 20 };

/* E_IO: not there, not ours, damaged. E_CONFLICT: written by a newer Ambit (unknown schema version), or another process
 * has it open for writing. E_BAD_CONFIG: no such backend. */
status store_open(const struct store_config *c, struct store **ret);
/* Takes NULL; returns NULL. */
struct store *store_close(struct store *s);
void store_closep(struct store **s);   /* for CLEANUP */

/* Where the stream stands. */
struct store_state {
	struct chain chain;      /* last durable seq (0: empty) and the head after it */
	int64_t time;            /* highest time of a durable event; 0: none */
	uint64_t epoch;          /* highest epoch any writer claimed; 0: none yet */
};
status store_state(struct store *s, struct store_state *ret);

/* Claims the store: a new epoch, one above any before, durable. From then on appends with another one conflict. May use the
 * reserve. E_CONFLICT: another writer is at it; E_UNAVAILABLE: no room; E_AUDIT_UNAVAILABLE: as append. */
status store_fence(struct store *s, uint64_t *ret_epoch);

/* Projection rows in order of key (memcmp). A status from the callback stops and is passed on. The spans live for the
 * call only. E_CHAIN_BROKEN: a row is not what was written. */
typedef status store_row_fn(void *arg, span key, span value);
status store_load(struct store *s, store_row_fn *fn, void *arg);

/* One message of core; the byte forms are those of APPEND in msg/messages.def. */
struct store_batch {
	uint64_t epoch;
	uint64_t expected_seq;   /* the last seq before this batch */
	bool priority;           /* denies and revocations: may use the reserve */
	span events;             /* (u32 length, canonical event bytes)* */
	span rows;               /* (u16 key length, key, u8 put, u32 value length, value)*; put 0: delete, value empty */
	digest head;             /* chain head after the last event */
};

enum store_outcome {
	STORE_FAILED = 0,        /* never returned with OK: zeroed memory promises nothing */
	STORE_DONE,              /* durable */
	STORE_CONFLICT,          /* seq or epoch moved on: nothing written */
	STORE_FULL,              /* no room: nothing written; appends work again by themselves when there is room */
};

/* Makes n batches durable in one transaction, all or nothing, in order: group commit. Each batch's expected_seq continues
 * the one before. A batch may be without events (rows only); then head must equal the current one.
 *
 * With the disk full, the reserve is released if any batch of the group is a priority one, and only for such a group; while
 * it is gone, other groups get STORE_FULL until it could be taken again.
 *
 * The store recomputes the chain: E_CHAIN_BROKEN when seq, order or head are not what they should be or time goes back (equal
 * is fine), E_BAD_MESSAGE when the bytes do not decode, E_LIMIT when a key or value is too long; these write nothing and leave the store usable.
 * E_AUDIT_UNAVAILABLE: the write failed, the handle is poisoned. E_NOT_PERMITTED: opened read-only. */
status store_append(struct store *s, const struct store_batch *batches, size_t n, enum store_outcome *ret);

struct store_filter {
	uint64_t from;           /* first seq looked at, inclusive; 0: the end that `newest_first` names */
	uint32_t limit;          /* events at most; 0 or more than STORE_READ_MAX: STORE_READ_MAX */
	bool newest_first;
	uint64_t task, agent;    /* 0: any */
	uint16_t type;           /* 0: any */
	span tool;               /* empty: any */
	int64_t since, until;    /* ns, inclusive; 0: open */
};
/* STORE_SCAN_MAX: events one call looks at, so that it takes a bounded time even when nothing matches. */
enum { STORE_READ_MAX = 1000, STORE_SCAN_MAX = 20000 };

/* Appends (u32 length, event bytes)* to out and gives the seq to go on from, or 0 when there is no more. It stops early,
 * with a next, at STORE_SCAN_MAX or when the next event does not fit out's maximum; E_LIMIT if not even the first fits. */
status store_read(struct store *s, const struct store_filter *f, struct buf *out, uint64_t *ret_next);

struct store_fsck {
	uint64_t count;          /* events that verify */
	uint64_t bad_seq;        /* first that does not; 0: all do */
	digest head;
	char note[256];          /* what is wrong, for people; "" when all is well */
};
/* Re-reads and re-hashes every event, checks that the index finds it, the head and the backend's own integrity. A finding is
 * data: OK with bad_seq or note set. E_IO when it cannot be read at all.
 * By steps of STORE_SCAN_MAX events, so that a role can go on serving between them: `at` starts zeroed; call until *done. */
struct store_fsck_at {
	struct chain chain;
	int64_t time;
};
status store_fsck_step(struct store *s, struct store_fsck_at *at, struct store_fsck *ret, bool *ret_done);
status store_fsck(struct store *s, struct store_fsck *ret);

/* True while the reserve is held (or none is configured). */
bool store_has_reserve(const struct store *s);
/* True once a write has failed. */
bool store_is_poisoned(const struct store *s);

#endif
