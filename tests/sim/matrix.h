/* matrix: how often each fault met each state transition, over all seeds. An empty cell is a case that was never tried. */
#ifndef AMBIT_TESTS_SIM_MATRIX_H
#define AMBIT_TESTS_SIM_MATRIX_H

#include "log/event.h"

#include <stdio.h>

enum fault {
	FAULT_CORE, FAULT_STORE, FAULT_TOOLS, FAULT_EDGE, FAULT_SIGNER, FAULT_ACK_LOST, FAULT_ACK_TWICE, FAULT_STORE_SLOW, FAULT_DISK_FULL,
	FAULT_CLOCK_FORWARD, FAULT_CLOCK_BACK, FAULT_REBOOT, FAULT_COUNT
};

/* A transition became durable. */
void matrix_event(const struct event *e);
/* A fault happened; steps count the distance. */
void matrix_fault(enum fault f);
void matrix_step(size_t step);
/* Prints; the number of empty cells. */
unsigned matrix_print(FILE *f);

#endif
