/* apply: a list of resources becomes the configuration, whole or not at all. */
#ifndef AMBIT_CORE_APPLY_H
#define AMBIT_CORE_APPLY_H

#include "core/object.h"

struct core;

/* Checks everything together, then activates it in one batch of events, or nothing. `dry`: only says what would change.
 * `w` (may be NULL) gets the changes. On a bad resource *f says which and why, with `where` as room for its text. */
status apply_run(struct core *c, const struct json *list, bool dry, bool prune, span by, struct json_writer *w, struct object_fault *f,
                 char where[static 512]);
/* After objects came or went: tiers of agents, Cedar's view, servers not yet announced. */
void apply_refresh(struct core *c);

#endif
