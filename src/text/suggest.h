/* suggest: "did you mean". */
#ifndef AMBIT_TEXT_SUGGEST_H
#define AMBIT_TEXT_SUGGEST_H

#include "base/span.h"

/* Insertions, deletions, substitutions and swaps of neighbours that make a into b, case ignored; texts over 64 bytes are infinitely
 * far (SIZE_MAX). */
size_t suggest_distance(span a, span b);

/* Keeps the better of two candidates: begin with { .given = word }, offer every name, then read `best`: NULL when nothing
 * is near (a third of the letters may differ, one at least). */
struct suggest {
	span given;
	span best;
	size_t distance;
};

void suggest_offer(struct suggest *s, span name);

#endif
