/* level: how deeply a policy may dereference entities, so that a caller knows how much data a decision needs. Private to
 * cedar/; asked for through validate.h. */
#ifndef AMBIT_CEDAR_LEVEL_H
#define AMBIT_CEDAR_LEVEL_H

#include "cedar/check.h"

/* After check_conditions with ck->seen set: reports every dereference more than `level` deep. Roots are the variables; an
 * entity literal may not be dereferenced at all, except the environment's own action. Lean Cedar/Validation/Levels. The scope is
 * the caller's business. */
void level_check(struct checker *ck, uint32_t level);

#endif
