/* target: what was to be reached, what was measured, and whether it is. One line each, for people and for scripts. */
#ifndef AMBIT_BENCH_TARGET_H
#define AMBIT_BENCH_TARGET_H

#include <stdio.h>

/* `value` shall be under `limit`. */
static inline void
target(const char *what, double value, const char *unit, double limit)
{
	printf("%s  %s: %.2f %s (target: under %g)\n", value < limit ? "PASS" : "MISS", what, value, unit, limit);
	fflush(stdout);
}

#endif
