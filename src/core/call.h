/* call: one permitted action on its way. At most once.
 *
 *   decided ──▶ dispatched ──▶ done | cut | unknown
 *      └──▶ cut | refused
 *
 * decided: the permit waits for its event, or is on the way to the tools role. Once it may have been dispatched and its end is
 * not known (a crash), it is unknown: it is never tried again. */
#ifndef AMBIT_CORE_CALL_H
#define AMBIT_CORE_CALL_H

#include "base/map.h"
#include "core/clock.h"
#include "core/row.h"
#include "core/timer.h"
#include "msg/enums.h"
#include "msg/msg.h"

struct core;

/* A call that has not ended by then is cut. */
#define CALL_TIMEOUT (600 * NS_PER_S)

struct task;
struct tool;

struct call {
	struct map_node node, by_req;
	struct list all;
	struct row row;
	uint64_t id, req;
	struct task *task;
	struct str *tool;
	struct timer timer;
	int64_t started;                 /* boot */
	uint8_t edge, index;
	uint8_t state;                   /* enum call_state */
	bool permitted;                  /* the PERMIT has left or will, with nothing more from us */
	uint64_t approval;
	/* What a refund gives back while nothing was dispatched: per task upwards, per amount of its envelope. */
	int64_t *amounts;
	uint32_t amount_n;
};

const char *call_state_name(enum call_state s);
bool call_may_become(enum call_state from, enum call_state to);

struct call *call_find(const struct core *c, uint64_t id);
struct call *call_of_req(const struct core *c, unsigned edge, unsigned index, uint64_t req);
status call_new(struct core *c, struct task *t, struct tool *tool, enum role edge, unsigned index, uint64_t req, struct call **ret);
/* Ends it from our side: the caller is told, the tools role cuts what it has. Revocations do not wait. */
void call_cut(struct core *c, struct call *call, uint16_t code, const char *cause);
void call_state(struct core *c, const struct msg_call_state *m);
void call_timer(struct core *c, struct call *call);
/* The caller has gone. */
void call_cancel(struct core *c, enum role edge, unsigned index, uint64_t req);
/* The tools role died: what it had is unknown, what it had not is cut. */
void calls_tools_gone(struct core *c);
void calls_edge_gone(struct core *c, enum role edge, unsigned index);
void call_free(struct core *c, struct call *call);
void call_encode(const struct call *call, struct buf *b);
/* After all rows are in: every call found is unknown now. */
status calls_link(struct core *c);
/* A call of it or of a task below is in flight. */
bool subtree_busy(const struct core *c, const struct task *top);
status call_restore(struct core *c, uint64_t id, span value);

#endif
