/* svid_x509: X.509-SVIDs (X509-SVID §2 to §5): a chain is believed only by the bundle of the trust domain that its leaf names. */
#ifndef AMBIT_IDENTITY_SVID_X509_H
#define AMBIT_IDENTITY_SVID_X509_H

#include "identity/bundle.h"
#include "identity/spiffe_id.h"

enum { SVID_X509_CHAIN = 8 };

struct svid_x509 {
	struct spiffe_id id;         /* points into the leaf */
	int64_t not_after;           /* the first end of the whole path; inclusive, seconds since 1970 */
};

/* The rules for the leaf alone: exactly one URI, an id with a path, no CA, key usage critical with digitalSignature and without
 * certificate or list signing, both uses where extended key usage is there. E_CRYPTO, with *ret_why a static text. */
status svid_x509_leaf(const struct cert *leaf, struct spiffe_id *ret, const char **ret_why);
/* The rules for one of the certificates between: a CA with certSign, and if it has a SPIFFE ID then that of the leaf's domain. */
status svid_x509_between(const struct cert *c, const struct spiffe_id *leaf, const char **ret_why);
/* The whole: `chain` is DER, leaf first, 1 to SVID_X509_CHAIN; `b` the bundle of exactly the domain `domain`. Nothing in the
 * chain is trusted by itself. E_CRYPTO, with *ret_why a static text. */
status svid_x509_verify(const span *chain, size_t n, span domain, const struct bundle *b, int64_t now, struct svid_x509 *ret,
                        const char **ret_why);

#endif
