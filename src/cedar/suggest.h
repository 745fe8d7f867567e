/* suggest: the nearest of some names, for "did you mean". */
#ifndef AMBIT_CEDAR_SUGGEST_H
#define AMBIT_CEDAR_SUGGEST_H

#include "base/span.h"

/* Offers candidates one after the other and keeps the best; a candidate must be closer than a third of its length (at
 * least 1, at most 4 edits). Names over 64 bytes are never alike. */
struct cedar_suggest {
	span want, best;
	unsigned distance;       /* of best; the next must be smaller */
};

static inline struct cedar_suggest
cedar_suggest_make(span want)
{
	return (struct cedar_suggest){ want, { 0 }, 5 };
}

void cedar_suggest_offer(struct cedar_suggest *s, span candidate);

/* "did you mean `X`?" into out (always terminated), or "" when nothing was alike. */
const char *cedar_suggest_hint(const struct cedar_suggest *s, char *out, size_t n);

#endif
