/* late: changing operations that came while an append was late. They wait for it, and are refused only when it does not come. */
#ifndef AMBIT_CORE_LATE_H
#define AMBIT_CORE_LATE_H

#include "base/list.h"
#include "core/timer.h"
#include "msg/msg.h"

struct core;

enum { LATE_OPS = 256 };
#define LATE_BYTES ((size_t)16 << 20)

struct late_op {
	struct list all;                 /* core.late_list */
	struct timer timer;
	int64_t until;                   /* boot; then it is answered as things stand */
	uint8_t edge, index;
	uint32_t n;
	uint8_t body[];                  /* the encoded message */
};

/* Is the log merely late, so that waiting for it makes sense? */
bool late_is(const struct core *c);
/* Keeps the operation; on_op sees it again. E_LIMIT: too many wait. E_NO_MEMORY. */
status late_keep(struct core *c, enum role edge, unsigned index, const struct msg_op *m);
void late_timer(struct core *c, struct late_op *l);
bool late_cancel(struct core *c, enum role edge, unsigned index, uint64_t req);
void late_edge_gone(struct core *c, enum role edge, unsigned index);
void late_free(struct core *c, struct late_op *l);

#endif
