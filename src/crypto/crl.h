/* crl: certificate revocation lists (RFC 5280 §5), read as strictly as certificates. Only whole lists of the certificates'
 * own issuer: no deltas, no indirect ones, no distribution point subsets. Spans point into the DER. */
#ifndef AMBIT_CRYPTO_CRL_H
#define AMBIT_CRYPTO_CRL_H

#include "crypto/cert.h"

enum { CRL_MAX = 1 << 20 };

struct crl {
	span tbs, issuer, signature, revoked, aki;
	enum cert_sig_alg sig_alg;
	int64_t this_update, next_update;
};

/* One whole list. E_CRYPTO, with *ret_why (may be NULL) a static text. */
status crl_read(span der, struct crl *ret, const char **ret_why);
/* Whether the serial number (INTEGER contents) is on it. */
bool crl_lists(const struct crl *l, span serial);

#endif
