/* scope: does one policy say all that another says? By their texts; "no" may also mean "not to be seen from the text". */
#ifndef AMBIT_CMD_SCOPE_H
#define AMBIT_CMD_SCOPE_H

#include "cedar/ast.h"

/* Principal, action and resource are all anything; Action::"all" is every tool. */
bool scope_is_open(const struct cedar_policy *p);
/* Whenever b applies, a applies too, effects aside: a's scope is at least as wide, and every part of a's conditions stands in b's
 * too. Groups are those of generated schemas: Action::"all", and Action::"server:S" over Action::"S/tool". */
bool policy_covers(const struct cedar_policy *a, const struct cedar_policy *b);

#endif
