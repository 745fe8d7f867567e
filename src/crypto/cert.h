/* cert: an X.509 certificate as a read-only view of its DER, read strictly (RFC 5280), without OpenSSL.
 *
 * What we do not understand refuses: unknown critical extensions, other key and signature algorithms than the listed, odd
 * encodings, extensions twice, a malformed extension even where it would not be used. Spans point into the DER, which must
 * outlive the view. Whether a certificate may be believed is cert_path's business. */
#ifndef AMBIT_CRYPTO_CERT_H
#define AMBIT_CRYPTO_CERT_H

#include "crypto/hash.h"

enum { CERT_MAX = 65536, CERT_NAMES_MAX = 256 };

/* ORDER cert.c signature_algs */
enum cert_sig_alg {
	CERT_SIG_NONE, CERT_SIG_ECDSA_SHA256, CERT_SIG_ECDSA_SHA384, CERT_SIG_ECDSA_SHA512, CERT_SIG_RSA_SHA256, CERT_SIG_RSA_SHA384,
	CERT_SIG_RSA_SHA512, CERT_SIG_PSS_SHA256, CERT_SIG_PSS_SHA384, CERT_SIG_PSS_SHA512, CERT_SIG_ED25519,
};
enum cert_key_kind { CERT_KEY_RSA = 1, CERT_KEY_P256, CERT_KEY_P384, CERT_KEY_P521, CERT_KEY_ED25519 };

/* Bits of key_usage: RFC 5280 §4.2.1.3, bit 0 is 0x8000. */
enum {
	CERT_KU_DIGITAL_SIGNATURE = 0x8000, CERT_KU_KEY_ENCIPHERMENT = 0x2000, CERT_KU_KEY_AGREEMENT = 0x0800,
	CERT_KU_CERT_SIGN = 0x0400, CERT_KU_CRL_SIGN = 0x0200,
};
enum { CERT_EKU_SERVER = 1, CERT_EKU_CLIENT = 2, CERT_EKU_ANY = 4, CERT_EKU_OTHER = 8 };

/* GeneralName kinds by their tag (RFC 5280 §4.2.1.6). */
enum cert_name {
	CERT_NAME_OTHER = 0, CERT_NAME_EMAIL = 1, CERT_NAME_DNS = 2, CERT_NAME_X400 = 3, CERT_NAME_DIRECTORY = 4, CERT_NAME_EDI = 5,
	CERT_NAME_URI = 6, CERT_NAME_IP = 7, CERT_NAME_REGISTERED = 8,
};

struct cert {
	span der, tbs, issuer, subject;   /* issuer, subject: the whole Name */
	span serial, spki, signature;
	int64_t not_before, not_after;    /* seconds since 1970, both inclusive */
	enum cert_sig_alg sig_alg;
	enum cert_key_kind key_kind;
	unsigned key_bits;
	bool has_basic, basic_critical, is_ca, has_usage, usage_critical, has_eku, eku_critical, has_san, san_critical, has_constraints,
	     constraints_critical, has_aki, aki_names_issuer, unknown_critical;
	int32_t path_len;                 /* -1: none */
	uint16_t key_usage;
	unsigned eku;
	span san, permitted, excluded;    /* contents of the SEQUENCEs; empty: none */
	span ski, aki;                    /* key identifiers; empty: none */
};

/* One whole certificate, at most CERT_MAX bytes. E_CRYPTO, with *ret_why (may be NULL) a static text. */
status cert_read(span der, struct cert *ret, const char **ret_why);

/* True when issuer and subject are the same bytes. */
static inline bool cert_self_issued(const struct cert *c) { return span_eq(c->issuer, c->subject); }

/* Walks c->san: `at` starts as c->san and shrinks. The value is a name's contents (for a directory name the whole Name). */
bool cert_san_next(span *at, enum cert_name *kind, span *value);
/* The only URI among the alternative names; false when there is none or more than one. */
bool cert_only_uri(const struct cert *c, span *ret);
/* The last common name of the subject, if it is a printable kind of string; empty: none. */
span cert_common_name(const struct cert *c);

#endif
