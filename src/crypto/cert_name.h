/* cert_name: names in certificates: which are well-formed, what matches a host, and name constraints (RFC 5280 §4.2.1.10). */
#ifndef AMBIT_CRYPTO_CERT_NAME_H
#define AMBIT_CRYPTO_CERT_NAME_H

#include "crypto/cert.h"

/* A host name: letters, digits, hyphens, at most 253 bytes. `wildcard`: a first label "*" is allowed, if two others follow. */
bool cert_dns_ok(span name, bool wildcard);
/* The contents of a Name: a sequence of sets of attributes. */
bool cert_rdns_ok(span content);
/* One alternative name as it may stand in a certificate we accept. */
bool cert_san_ok(enum cert_name kind, span value);
/* One subtree's base as it may stand in a constraint. */
bool cert_base_ok(enum cert_name kind, span base);
/* Whether the leaf's alternative names hold this host (RFC 9525: never the common name), address (4 or 16 bytes) or mailbox. */
bool cert_has_dns(const struct cert *c, span host);
bool cert_has_ip(const struct cert *c, span address);
bool cert_has_email(const struct cert *c, span mailbox);
/* True when all names of `c` are within the constraints of `by`. Costs names × subtrees, counted down in *budget; false when
 * that is used up. */
bool cert_names_within(const struct cert *c, const struct cert *by, unsigned *budget);
/* Walks the subtrees of `permitted` or `excluded`; false at the end or on a malformed one (then *at is not empty). */
bool cert_subtree_next(span *at, enum cert_name *kind, span *base);

#endif
