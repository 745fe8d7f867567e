/* x509: the local certificate authority, and facts about certificates. Issues from templates only: no extension, name or usage
 * comes from a request but the subject alternative names the caller lists. */
#ifndef AMBIT_CRYPTO_X509_H
#define AMBIT_CRYPTO_X509_H

#include "crypto/sign.h"

/* What a leaf is for. */
enum x509_usage { X509_SERVER = 1, X509_CLIENT = 2 };

struct x509_leaf {
	span spki;               /* the subject's public key: P-256 or Ed25519 */
	span common_name;        /* may be empty; at most 64 bytes of UTF-8 */
	const span *dns, *ip, *uri;  /* ip: text, "127.0.0.1" or "::1" */
	size_t n_dns, n_ip, n_uri;   /* in all at least one */
	unsigned usage;          /* bits of enum x509_usage */
	int64_t not_before, not_after;  /* seconds since 1970 */
	uint8_t serial[16];      /* random; the top bit is cleared here */
};

/* Appends the DER of a self-signed CA certificate (path length 0) for `key`, an ES256 key. */
status x509_ca(const struct sign_key *key, span common_name, int64_t not_before, int64_t not_after,
               const uint8_t serial[static 16], struct buf *der);
/* Appends the DER of a leaf. E_BAD_REQUEST: no name, a name that is not one, a key of another kind, an end before its
 * start or after the CA's. E_CRYPTO. */
status x509_issue(const struct sign_key *ca_key, span ca_der, const struct x509_leaf *leaf, struct buf *der);

struct x509_revoked {
	uint8_t serial[16];      /* as in the leaf */
	int64_t when;
};
/* Appends the DER of a revocation list of that CA (RFC 5280 §5), good from `now` to `next`; `number` grows with each. E_BAD_REQUEST, E_CRYPTO. */
status x509_crl(const struct sign_key *ca_key, span ca_der, const struct x509_revoked *list, size_t n, uint64_t number, int64_t now, int64_t next,
                struct buf *der);

/* SHA-256 of the DER: x5t#S256. */
digest x509_thumbprint(span der);

/* What a certificate says; the spans are copied into `names` as (u16 length, bytes)* and may be walked with rd_vec16. */
struct x509_facts {
	int64_t not_before, not_after;  /* seconds since 1970 */
	bool is_ca;
	struct buf uris, dns;           /* subject alternative names; x509_facts_fini */
};
/* One whole certificate; E_CRYPTO when it does not parse or has bytes behind it, or a name with a NUL. */
status x509_read(span der, struct x509_facts *ret);
void x509_facts_fini(struct x509_facts *f);
/* True when `der` carries a valid signature of the CA certificate's key. No other checks. */
bool x509_signed_by(span der, span ca_der);


#endif
