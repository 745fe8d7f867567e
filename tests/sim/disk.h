/* disk: the durable model under a simulated core. */
#ifndef AMBIT_TESTS_SIM_DISK_H
#define AMBIT_TESTS_SIM_DISK_H

#include "tests/sim/node.h"

/* All of the batch or nothing: E_OK, E_AUDIT_UNAVAILABLE (full), E_CONFLICT, E_CHAIN_BROKEN. */
uint16_t disk_append(struct disk *d, const struct msg_append *m);
/* Appends matching events; the seq to go on from, or 0. */
uint64_t disk_read(const struct disk *d, const struct msg_read *q, struct buf *out);
void disk_fini(struct disk *d);

#endif
