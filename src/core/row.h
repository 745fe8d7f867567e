/* row: the projection of one object, which the store keeps beside the events, so that a restart need not read the log.
 *
 * A changed object is marked; at the end of the turn each marked object is written once. Keys: one letter for the kind, '/',
 * the name or the id's bytes. */
#ifndef AMBIT_CORE_ROW_H
#define AMBIT_CORE_ROW_H

#include "base/buf.h"
#include "base/list.h"

enum row_kind {
	ROW_OBJECT = 1, ROW_AGENT, ROW_TASK, ROW_CALL, ROW_APPROVAL, ROW_TOKEN, ROW_ENROLMENT, ROW_TOOL, ROW_STOP, ROW_REVOCATION,
	ROW_CERT, ROW_ONCE, ROW_REFRESH, ROW_SECRET, ROW_LEASE, ROW_KIND_COUNT
};

struct row {
	struct list mark;        /* in journal.marked, or alone */
	uint8_t kind;            /* enum row_kind */
	bool stored;             /* the store has, or will have after this batch, a row of it */
};

struct core;

static inline void
row_init(struct row *r, enum row_kind k)
{
	list_init(&r->mark);
	r->kind = (uint8_t)k;
	r->stored = false;
}

/* The object changed. */
void row_mark(struct core *c, struct row *r);
/* The object goes: its row is deleted, if there is one. Call before freeing. */
void row_drop(struct core *c, struct row *r);

#endif
