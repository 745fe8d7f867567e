/* pattern: the right side of `like`, as byte segments between wildcards.
 *
 * UTF-8 is self-synchronising, so runs of scalars can be matched as runs of bytes. */
#ifndef AMBIT_CEDAR_PATTERN_H
#define AMBIT_CEDAR_PATTERN_H

#include "cedar/value.h"

struct cedar_pattern {
	bool open_start, open_end;       /* starts, ends with a wildcard */
	uint32_t n;                      /* segments; none may be empty */
	span segments[];
};

/* NULL when the arena overflowed. */
const struct cedar_pattern *cedar_pattern_new(struct arena *a, const uint32_t *elements, uint32_t n);
bool cedar_pattern_match(const struct cedar_pattern *p, span s);

#endif
