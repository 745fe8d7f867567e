/* spiffe_id: names of workloads, spiffe://trust-domain/path (SPIFFE-ID), read strictly: exactly as the standard writes them, in lower case
 * where it says lower case, with nothing to normalise. Two texts are the same workload only if they are the same bytes. */
#ifndef AMBIT_IDENTITY_SPIFFE_ID_H
#define AMBIT_IDENTITY_SPIFFE_ID_H

#include "base/span.h"

enum { SPIFFE_ID_MAX = 2048, SPIFFE_DOMAIN_MAX = 255 };

struct spiffe_id {
	span text;               /* the whole; borrowed, as the others */
	span domain;
	span path;               /* with its leading '/'; empty: the trust domain itself */
};

/* E_BAD_REQUEST, with *ret_why (may be NULL) a static text. */
status spiffe_id_parse(span text, struct spiffe_id *ret, const char **ret_why);
/* "example.org", or "spiffe://example.org". E_BAD_REQUEST. */
status spiffe_domain_parse(span text, span *ret);
/* What stands in a rule: an id with a path, or one whose last segment is "*" and then stands for one or more whole segments. */
bool spiffe_pattern_ok(span pattern);
/* `pattern` as above (anything else matches nothing). The trust domain is always compared. */
bool spiffe_pattern_matches(span pattern, const struct spiffe_id *id);

#endif
