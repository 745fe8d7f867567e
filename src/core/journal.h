/* journal: events and rows on their way to the store, and the effects that wait for them.
 *
 *   decide -> event (numbered, chained) -> batch -> APPEND -> APPENDED -> effects leave
 *
 * INVARIANT: chain.seq >= sent >= durable; an effect that names seq s leaves only when durable >= s. */
#ifndef AMBIT_CORE_JOURNAL_H
#define AMBIT_CORE_JOURNAL_H

#include "core/row.h"
#include "core/timer.h"
#include "log/chain.h"
#include "log/event.h"
#include "msg/msg.h"

struct core;

enum { JOURNAL_FLIGHT = 4 };
/* A batch is closed when it holds this much; one step never adds more than JOURNAL_ROOM. */
#define JOURNAL_FULL ((size_t)1 << 20)
#define JOURNAL_ROOM ((size_t)4 << 20)
/* Allows are refused while an append is this late. */
#define JOURNAL_LATE (900 * INT64_C(1000000))
/* People's operations wait longer than calls: for them a slow disk is no refusal yet. */
#define OP_LATE (8 * INT64_C(1000000000))
/* How long buffered records may wait. */
#define JOURNAL_LINGER (20 * INT64_C(1000000))

struct held;

/* A batch whose fate is not known. It keeps its bytes: after a full disk it is sent again. */
struct flight {
	uint64_t batch, first, last;     /* seqs; first - 1 is what it expects */
	digest head;
	struct buf events, rows;
	int64_t sent_at;                 /* boot; 0: not sent */
	bool priority;
};

struct journal {
	struct chain chain;      /* of everything decided */
	uint64_t sent, durable, epoch;
	struct buf events, rows;
	uint32_t pending;        /* events in `events` */
	bool priority;           /* the pending batch holds a revocation */
	bool urgent;             /* something waits for the pending batch */
	int64_t lingering;       /* boot time of the oldest pending event */
	struct list marked;
	struct flight flight[JOURNAL_FLIGHT];
	unsigned flights;
	struct buf spare[2 * JOURNAL_FLIGHT];
	unsigned spares;
	uint64_t next_batch;
	struct list held;        /* in order of seq */
	size_t held_bytes;
	struct event_writer w;
	bool down;               /* the last append failed for want of room: nothing is allowed until one succeeds */
	int64_t retry_at;
	struct timer timer;
};

void journal_init(struct journal *j);
void journal_fini(struct journal *j);

/* Writing an event: event_…(w, …) between begin and end; at most JOURNAL events at a time is one. */
struct event_writer *event_open(struct core *c, enum event_type type);
/* On failure nothing is written and the object must not change: E_NO_MEMORY, E_LIMIT, E_BAD_UTF8. `lazy`: may wait
 * JOURNAL_LINGER for company. */
status event_close(struct core *c, bool lazy);
/* For events whose change has already happened: failure makes core fail. */
void event_close_must(struct core *c);

/* May something be allowed, i.e. is the log being written? */
bool journal_ok(const struct core *c);

/* An effect that needs no event. */
void send_now(struct core *c, enum role to, unsigned index, const struct msg *m);
/* An effect that waits for everything decided so far. `call`: when not 0, the effect is void once that call is no longer
 * decided. `ask`: see held_late. E_NO_MEMORY: the effect will not happen. */
status send_held(struct core *c, enum role to, unsigned index, const struct msg *m, uint64_t call);
/* Voids the held effects of a call; true if its PERMIT was among them. */
bool held_void(struct core *c, uint64_t call);
/* Voids what waits for an edge that is gone, but for what calls wait for: those are cut. */
void held_void_edge(struct core *c, enum role to, unsigned index);
void held_drop_all(struct core *c);
/* Answers what has waited that long with E_AUDIT_UNAVAILABLE, and cuts the calls among it. */
void held_refuse(struct core *c, int64_t older_than);
size_t held_count(const struct core *c);

void journal_flush(struct core *c);
void held_release(struct core *c);
void journal_appended(struct core *c, const struct msg_appended *m);
/* Row forms (row.c). */
void rows_encode(struct core *c, struct buf *rows);
/* One ROWS message while loading. E_CHAIN_BROKEN: a row that core did not write. */
status rows_restore(struct core *c, span rows);
/* The boot this run belongs to. */
void row_boot(struct core *c);
/* Lateness and retries. */
void journal_tick(struct core *c);

#endif
