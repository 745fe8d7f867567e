#include "crypto/x509.h"
#include "crypto/sign_priv.h"
#include "text/utf8.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

CLEANER(X509, X509_free)
CLEANER(X509_EXTENSION, X509_EXTENSION_free)
CLEANER(GENERAL_NAMES, GENERAL_NAMES_free)
CLEANER(GENERAL_NAME, GENERAL_NAME_free)
CLEANER(ASN1_TIME, ASN1_TIME_free)
CLEANER(BIGNUM, BN_free)

static status
parse(span der, X509 **ret)
{
	const uint8_t *p = der.p;
	ENSURE(der.n > 0 && der.n <= 65536, E_CRYPTO);
	ERR_clear_error();
	X509 *x = d2i_X509(NULL, &p, (long)der.n);
	if (x && p != der.p + der.n) {
		X509_free(x);
		x = NULL;
	}
	ENSURE(x, E_CRYPTO);
	*ret = x;
	return OK;
}

static bool
set_name(X509_NAME *name, span common_name)
{
	return span_empty(common_name) ||
	       X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, common_name.p, (int)common_name.n, -1, 0) == 1;
}

static bool
set_serial(X509 *x, const uint8_t serial[static 16])
{
	uint8_t s[16];
	memcpy(s, serial, sizeof s);
	s[0] &= 0x7f;
	CLEANUP(openssl_freep_BIGNUM) BIGNUM *bn = BN_bin2bn(s, sizeof s, NULL);
	return bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x));
}

static bool
add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	CLEANUP(openssl_freep_X509_EXTENSION) X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	return e && X509_add_ext(x, e, -1) == 1;
}

/* What every certificate of ours has; x is empty. */
static bool
set_common(X509 *x, const uint8_t serial[static 16], int64_t not_before, int64_t not_after, EVP_PKEY *subject_key)
{
	return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x, serial) &&
	       ASN1_TIME_set(X509_getm_notBefore(x), not_before) && ASN1_TIME_set(X509_getm_notAfter(x), not_after) &&
	       X509_set_pubkey(x, subject_key) == 1;
}

static status
sign_and_put(X509 *x, const struct sign_key *key, struct buf *der)
{
	ENSURE(X509_sign(x, key->pkey, EVP_sha256()) > 0, E_CRYPTO);
	int n = i2d_X509(x, NULL);
	ENSURE(n > 0, E_CRYPTO);
	uint8_t *p = buf_extend(der, (size_t)n);
	ENSURE(p, der->err);
	ENSURE(i2d_X509(x, &p) == n, E_CRYPTO);
	return OK;
}

static bool
name_ok(span common_name)
{
	return common_name.n <= 64 && utf8_ok(common_name) && (common_name.n == 0 || !memchr(common_name.p, 0, common_name.n));
}

status
x509_ca(const struct sign_key *key, span common_name, int64_t not_before, int64_t not_after, const uint8_t serial[static 16],
        struct buf *der)
{
	ENSURE(key->alg == ALG_ES256 && name_ok(common_name) && common_name.n && not_before < not_after, E_BAD_REQUEST);
	CLEANUP(openssl_freep_X509) X509 *x = X509_new();
	ENSURE(x, E_NO_MEMORY);
	ENSURE(set_common(x, serial, not_before, not_after, key->pkey) && set_name(X509_get_subject_name(x), common_name) &&
	       set_name(X509_get_issuer_name(x), common_name) &&
	       add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	       add_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	       add_extension(x, x, NID_subject_key_identifier, "hash"), E_CRYPTO);
	return sign_and_put(x, key, der);
}

/* Printable ASCII without blanks: a name that reads the same everywhere. */
static bool
plain(span s, size_t max)
{
	if (s.n == 0 || s.n > max)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
			return false;
	return true;
}

static bool
dns_ok(span s)
{
	if (!plain(s, 253))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'))
			return false;
	}
	return s.p[0] != '.' && s.p[s.n - 1] != '.' && !memmem(s.p, s.n, "..", 2);
}

static bool
push_name(GENERAL_NAMES *names, int type, span bytes)
{
	CLEANUP(openssl_freep_GENERAL_NAME) GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_STRING *s = ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
	if (!g || !s || !ASN1_STRING_set(s, bytes.p, (int)bytes.n)) {
		ASN1_STRING_free(s);
		return false;
	}
	GENERAL_NAME_set0_value(g, type, s);
	return sk_GENERAL_NAME_push(names, g) > 0 ? (TAKE(g), true) : false;
}

static status
add_names(X509 *x, const struct x509_leaf *leaf)
{
	CLEANUP(openssl_freep_GENERAL_NAMES) GENERAL_NAMES *names = GENERAL_NAMES_new();
	ENSURE(names, E_NO_MEMORY);
	ENSURE(leaf->n_dns + leaf->n_ip + leaf->n_uri > 0, E_BAD_REQUEST);
	for (size_t i = 0; i < leaf->n_dns; i++) {
		ENSURE(dns_ok(leaf->dns[i]), E_BAD_REQUEST);
		ENSURE(push_name(names, GEN_DNS, leaf->dns[i]), E_CRYPTO);
	}
	for (size_t i = 0; i < leaf->n_ip; i++) {
		char text[64];
		uint8_t raw[16];
		ENSURE(plain(leaf->ip[i], sizeof text - 1), E_BAD_REQUEST);
		memcpy(text, leaf->ip[i].p, leaf->ip[i].n);
		text[leaf->ip[i].n] = '\0';
		size_t n = inet_pton(AF_INET, text, raw) == 1 ? 4 : inet_pton(AF_INET6, text, raw) == 1 ? 16 : 0;
		ENSURE(n, E_BAD_REQUEST);
		ENSURE(push_name(names, GEN_IPADD, span_make(raw, n)), E_CRYPTO);
	}
	for (size_t i = 0; i < leaf->n_uri; i++) {
		ENSURE(plain(leaf->uri[i], 2048) && memmem(leaf->uri[i].p, leaf->uri[i].n, "://", 3), E_BAD_REQUEST);
		ENSURE(push_name(names, GEN_URI, leaf->uri[i]), E_CRYPTO);
	}
	/* RFC 5280 §4.2.1.6: critical when the subject is empty. */
	ENSURE(X509_add1_ext_i2d(x, NID_subject_alt_name, names, span_empty(leaf->common_name), X509V3_ADD_DEFAULT) == 1, E_CRYPTO);
	return OK;
}

static const char *
usage_text(unsigned usage)
{
	return usage == (X509_SERVER | X509_CLIENT) ? "serverAuth,clientAuth" : usage == X509_SERVER ? "serverAuth" : "clientAuth";
}

static bool
to_seconds(const ASN1_TIME *t, int64_t *ret)
{
	int days, seconds;
	CLEANUP(openssl_freep_ASN1_TIME) ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	bool ok = epoch && ASN1_TIME_diff(&days, &seconds, epoch, t) == 1;
	if (ok)
		*ret = (int64_t)days * 86400 + seconds;
	return ok;
}

status
x509_issue(const struct sign_key *ca_key, span ca_der, const struct x509_leaf *leaf, struct buf *der)
{
	CLEANUP(openssl_freep_X509) X509 *ca = NULL, *x = NULL;
	CLEANUP(verify_key_freep) struct verify_key *subject = NULL;
	int64_t ca_end;
	ENSURE(ca_key->alg == ALG_ES256 && name_ok(leaf->common_name), E_BAD_REQUEST);
	ENSURE(leaf->usage && !(leaf->usage & ~(unsigned)(X509_SERVER | X509_CLIENT)), E_BAD_REQUEST);
	TRY(parse(ca_der, &ca));
	ENSURE(X509_check_private_key(ca, ca_key->pkey) == 1 && X509_check_ca(ca) == 1 && to_seconds(X509_get0_notAfter(ca), &ca_end),
	       E_CRYPTO);
	ENSURE(leaf->not_before < leaf->not_after && leaf->not_after <= ca_end, E_BAD_REQUEST);
	status spki = verify_key_spki(leaf->spki, &subject);
	ENSURE(!failed(spki) || spki.code == E_NO_MEMORY, E_BAD_REQUEST);
	TRY(spki);
	x = X509_new();
	ENSURE(x, E_NO_MEMORY);
	ENSURE(set_common(x, leaf->serial, leaf->not_before, leaf->not_after, subject->pkey) &&
	       set_name(X509_get_subject_name(x), leaf->common_name) &&
	       X509_set_issuer_name(x, X509_get_subject_name(ca)) == 1 &&
	       add_extension(x, ca, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(x, ca, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(x, ca, NID_ext_key_usage, usage_text(leaf->usage)) &&
	       add_extension(x, ca, NID_subject_key_identifier, "hash") &&
	       add_extension(x, ca, NID_authority_key_identifier, "keyid:always"), E_CRYPTO);
	TRY(add_names(x, leaf));
	return sign_and_put(x, ca_key, der);
}

digest
x509_thumbprint(span der)
{
	return sha256(der);
}

void
x509_facts_fini(struct x509_facts *f)
{
	buf_fini(&f->uris);
	buf_fini(&f->dns);
}

static status
read_names(const X509 *x, struct x509_facts *f)
{
	int critical;
	CLEANUP(openssl_freep_GENERAL_NAMES) GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, &critical, NULL);
	/* -1: no such extension; anything else without a value: twice, or malformed. */
	ENSURE(names || critical == -1, E_CRYPTO);
	for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
		int type;
		ASN1_STRING *s = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
		if (type != GEN_URI && type != GEN_DNS)
			continue;
		span v = span_make(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
		ENSURE(v.n == 0 || !memchr(v.p, 0, v.n), E_CRYPTO);
		buf_put_vec16(type == GEN_URI ? &f->uris : &f->dns, v);
	}
	TRY(buf_finish(&f->uris));
	return buf_finish(&f->dns);
}

status
x509_read(span der, struct x509_facts *ret)
{
	CLEANUP(openssl_freep_X509) X509 *x = NULL;
	CLEANUP(x509_facts_fini) struct x509_facts f = { 0 };
	buf_init(&f.uris, 65536);
	buf_init(&f.dns, 65536);
	TRY(parse(der, &x));
	ENSURE(to_seconds(X509_get0_notBefore(x), &f.not_before) && to_seconds(X509_get0_notAfter(x), &f.not_after), E_CRYPTO);
	f.is_ca = X509_check_ca(x) != 0;
	TRY(read_names(x, &f));
	*ret = f;
	f = (struct x509_facts){ 0 };
	return OK;
}

bool
x509_signed_by(span der, span ca_der)
{
	CLEANUP(openssl_freep_X509) X509 *x = NULL, *ca = NULL;
	if (failed(parse(der, &x)) || failed(parse(ca_der, &ca)))
		return false;
	EVP_PKEY *key = X509_get0_pubkey(ca);
	bool ok = key && X509_verify(x, key) == 1;
	ERR_clear_error();
	return ok;
}
