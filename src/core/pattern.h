/* pattern: the wildcards of envelopes and labels. `*` is any run of characters but `/`; `**` is any run. Nothing else is
 * special; the whole text must match. Time is bounded by the product of the lengths. */
#ifndef AMBIT_CORE_PATTERN_H
#define AMBIT_CORE_PATTERN_H

#include "base/span.h"

enum { PATTERN_MAX = 1024 };

bool pattern_match(span pattern, span text);
/* Every text that `inner` matches is matched by `outer`. May say false where it is true, never the reverse. */
bool pattern_covers(span outer, span inner);

/* text starts with prefix; when prefix ends in '/', text must be a clean path below it: no "..", no ".", no empty segment,
 * no NUL. Without the slash: byte prefix, but a text with a ".." segment, "//" or NUL never matches. */
bool pattern_prefix(span prefix, span text);

#endif
