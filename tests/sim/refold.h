/* refold: the state as the events alone tell it, against the state that a restarted core read from its rows. */
#ifndef AMBIT_TESTS_SIM_REFOLD_H
#define AMBIT_TESTS_SIM_REFOLD_H

#include "tests/sim/observer.h"

/* Core has just been restarted and settled; `conn` is an administrator on the people's edge. A difference is a breach. */
void refold_check(struct observer *o, uint32_t conn);

#endif
