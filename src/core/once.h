/* once: what may come once and has come: the ids of client assertions and DPoP proofs (RFC 7523 §3, RFC 9449 §11.1).
 *
 * An assertion opens a task, which is durable anyway, so its id is a row too. A proof comes with every request: its id is only in
 * memory, and after a restart every proof that can have been seen before it is refused as too old. */
#ifndef AMBIT_CORE_ONCE_H
#define AMBIT_CORE_ONCE_H

#include "base/map.h"
#include "core/clock.h"
#include "core/row.h"
#include "core/timer.h"
#include "crypto/hash.h"

struct core;

enum { ONCE_MAX = 1 << 20 };

struct once {
	struct map_node node;
	struct row row;
	struct timer timer;
	digest id;
	struct term term;
};

/* Uses it up for `ttl`. E_CONFLICT: it came before; E_LIMIT, E_NO_MEMORY: it can not be remembered, so it does not count. */
status once_use(struct core *c, const digest *id, int64_t ttl, bool durable);
/* The first coming of a proof made at that second? */
bool once_proof(struct core *c, const digest *id, int64_t issued);
void once_over(struct core *c, struct once *x);
void once_encode(const struct once *x, struct buf *b);
status once_restore(struct core *c, span key, span value);
/* After a restart: terms, timers, and from when on proofs are believed. `fresh`: the log was empty. */
status once_link(struct core *c, bool fresh);

#endif
