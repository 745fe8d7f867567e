/* cert_path: from a leaf to a trust anchor (RFC 5280 §6), with a bound on the work whatever the certificates are.
 *
 * Stricter than the RFC where it leaves a choice: anchors are certificates with all the duties of a CA's certificate, validity and
 * constraints included; an authority key identifier that does not fit is not an issuer's; a revocation list of the issuer that
 * can not be believed refuses. Branches are tried in turn, so one good path suffices. */
#ifndef AMBIT_CRYPTO_CERT_PATH_H
#define AMBIT_CRYPTO_CERT_PATH_H

#include "crypto/cert.h"

enum {
	CERT_PATH_MAX = 16,          /* certificates in a path */
	CERT_PATH_SIGNATURES = 100,  /* signatures looked at, in all */
	CERT_PATH_NAMES = 1 << 16,   /* comparisons of a name with a constraint, in all */
};

struct cert_path_rules {
	int64_t now;                 /* seconds since 1970 */
	unsigned usage;              /* one CERT_EKU_ bit that leaf and CAs must allow if they restrict it; 0: not looked at */
	int max_intermediates;       /* not counting self-issued ones; -1: any */
	bool allow_ca_leaf;          /* RFC 5280 has nothing against it; TLS and SPIFFE do */
	bool public_ca;              /* the rules of public web CAs on top: names, extended key usage, roots */
	bool common_name;            /* the leaf's common name, if any, is one of its alternative names, letter for letter */
	const span *crls;            /* DER; those of an issuer in the path must be good and not list its certificates */
	size_t n_crls;
};

struct cert_path {
	const struct cert *certs[CERT_PATH_MAX];  /* leaf first, anchor last */
	size_t n;
	int64_t not_after;           /* the first end in it */
};

/* E_CRYPTO, with *ret_why a static text: the reason found nearest to success. */
status cert_path_find(const struct cert *leaf, const struct cert *between, size_t n_between, const struct cert *anchors,
                      size_t n_anchors, const struct cert_path_rules *rules, struct cert_path *ret, const char **ret_why);

#endif
