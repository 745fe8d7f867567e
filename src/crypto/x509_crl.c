#include "crypto/sign_priv.h"
#include "crypto/x509.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

CLEANER(X509, X509_free)
CLEANER(X509_CRL, X509_CRL_free)
CLEANER(X509_REVOKED, X509_REVOKED_free)
CLEANER(X509_EXTENSION, X509_EXTENSION_free)
CLEANER(ASN1_TIME, ASN1_TIME_free)
CLEANER(ASN1_INTEGER, ASN1_INTEGER_free)
CLEANER(BIGNUM, BN_free)

static bool
add_entry(X509_CRL *crl, const struct x509_revoked *r)
{
	CLEANUP(openssl_freep_X509_REVOKED) X509_REVOKED *e = X509_REVOKED_new();
	CLEANUP(openssl_freep_BIGNUM) BIGNUM *bn = BN_bin2bn(r->serial, sizeof r->serial, NULL);
	CLEANUP(openssl_freep_ASN1_INTEGER) ASN1_INTEGER *serial = bn ? BN_to_ASN1_INTEGER(bn, NULL) : NULL;
	CLEANUP(openssl_freep_ASN1_TIME) ASN1_TIME *when = ASN1_TIME_set(NULL, r->when);
	if (!e || !serial || !when || !X509_REVOKED_set_serialNumber(e, serial) || !X509_REVOKED_set_revocationDate(e, when))
		return false;
	return X509_CRL_add0_revoked(crl, e) == 1 ? (TAKE(e), true) : false;
}

/* RFC 5280 §5.2: the authority's key id, and a number that only grows. */
static bool
add_extensions(X509_CRL *crl, X509 *ca, uint64_t number)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, ca, NULL, NULL, crl, 0);
	CLEANUP(openssl_freep_X509_EXTENSION) X509_EXTENSION *key_id = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
	CLEANUP(openssl_freep_ASN1_INTEGER) ASN1_INTEGER *n = ASN1_INTEGER_new();
	return key_id && n && X509_CRL_add_ext(crl, key_id, -1) == 1 && ASN1_INTEGER_set_uint64(n, number) == 1 &&
	       X509_CRL_add1_ext_i2d(crl, NID_crl_number, n, 0, X509V3_ADD_DEFAULT) == 1;
}

status
x509_crl(const struct sign_key *ca_key, span ca_der, const struct x509_revoked *list, size_t n, uint64_t number, int64_t now, int64_t next,
         struct buf *der)
{
	CLEANUP(openssl_freep_X509) X509 *ca = NULL;
	CLEANUP(openssl_freep_X509_CRL) X509_CRL *crl = X509_CRL_new();
	CLEANUP(openssl_freep_ASN1_TIME) ASN1_TIME *from = ASN1_TIME_set(NULL, now), *to = ASN1_TIME_set(NULL, next);
	const uint8_t *p = ca_der.p;
	ENSURE(crl && from && to, E_NO_MEMORY);
	ENSURE(ca_key->alg == ALG_ES256 && now < next, E_BAD_REQUEST);
	ERR_clear_error();
	ca = ca_der.n && ca_der.n <= 65536 ? d2i_X509(NULL, &p, (long)ca_der.n) : NULL;
	ENSURE(ca && p == ca_der.p + ca_der.n && X509_check_private_key(ca, ca_key->pkey) == 1 && X509_check_ca(ca) == 1, E_CRYPTO);
	ENSURE(X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 && X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca)) == 1 &&
	       X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, to) == 1 && add_extensions(crl, ca, number), E_CRYPTO);
	for (size_t i = 0; i < n; i++)
		ENSURE(add_entry(crl, &list[i]), E_CRYPTO);
	ENSURE(X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, ca_key->pkey, EVP_sha256()) > 0, E_CRYPTO);
	int size = i2d_X509_CRL(crl, NULL);
	ENSURE(size > 0, E_CRYPTO);
	uint8_t *out = buf_extend(der, (size_t)size);
	ENSURE(out, der->err);
	ENSURE(i2d_X509_CRL(crl, &out) == size, E_CRYPTO);
	return OK;
}
