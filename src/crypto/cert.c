#include "crypto/cert.h"

#include "crypto/cert_name.h"
#include "crypto/cert_priv.h"
#include "crypto/der.h"

enum { EXTENSIONS_MAX = 64, SERIAL_MAX = 20, RSA_MIN = 2048, RSA_MAX = 8192 };

#define BAD(why)                     \
	do {                         \
		*w = (why);          \
		return FAIL(E_CRYPTO); \
	} while (0)
#define NEED(cond, why)              \
	do {                         \
		if (!(cond))         \
			BAD(why);    \
	} while (0)

/* ---- algorithms: the whole AlgorithmIdentifier, byte for byte, so that no parameter is open to reading ---------------------- */

#define OID_RSA "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01"
#define OID_ECDSA "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03"
#define SHA2(last) "\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02" last "\x05\x00"
#define PSS(last, salt)                                                                                                     \
	OID_RSA "\x0a\x30\x34\xa0\x0f" SHA2(last) "\xa1\x1c\x30\x1a" OID_RSA "\x08" SHA2(last) "\xa2\x03\x02\x01" salt

static const struct { enum cert_sig_alg alg; span id; } signature_algs[] = {
	{ CERT_SIG_ECDSA_SHA256, SPAN(OID_ECDSA "\x02") },
	{ CERT_SIG_ECDSA_SHA384, SPAN(OID_ECDSA "\x03") },
	{ CERT_SIG_ECDSA_SHA512, SPAN(OID_ECDSA "\x04") },
	{ CERT_SIG_RSA_SHA256, SPAN(OID_RSA "\x0b\x05\x00") },
	{ CERT_SIG_RSA_SHA384, SPAN(OID_RSA "\x0c\x05\x00") },
	{ CERT_SIG_RSA_SHA512, SPAN(OID_RSA "\x0d\x05\x00") },
	{ CERT_SIG_PSS_SHA256, SPAN(PSS("\x01", "\x20")) },
	{ CERT_SIG_PSS_SHA384, SPAN(PSS("\x02", "\x30")) },
	{ CERT_SIG_PSS_SHA512, SPAN(PSS("\x03", "\x40")) },
	{ CERT_SIG_ED25519, SPAN("\x06\x03\x2b\x65\x70") },
};

#define OID_EC "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"

static const struct { enum cert_key_kind kind; unsigned bits; span id; } key_kinds[] = {
	{ CERT_KEY_RSA, 0, SPAN(OID_RSA "\x01\x05\x00") },
	{ CERT_KEY_P256, 256, SPAN(OID_EC "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07") },
	{ CERT_KEY_P384, 384, SPAN(OID_EC "\x06\x05\x2b\x81\x04\x00\x22") },
	{ CERT_KEY_P521, 521, SPAN(OID_EC "\x06\x05\x2b\x81\x04\x00\x23") },
	{ CERT_KEY_ED25519, 256, SPAN("\x06\x03\x2b\x65\x70") },
};

enum cert_sig_alg
cert_signature_alg(span id)
{
	for (size_t i = 0; i < ARRAY_LEN(signature_algs); i++)
		if (span_eq(signature_algs[i].id, id))
			return signature_algs[i].alg;
	return CERT_SIG_NONE;
}

static unsigned
rsa_bits(span key)
{
	span seq, n, e;

	if (!der_get(&key, DER_SEQUENCE, &seq) || key.n || !der_integer(&seq, &n) || !der_integer(&seq, &e) || seq.n)
		return 0;
	if (n.p[0] >= 0x80 || e.p[0] >= 0x80 || e.n > 8 || (e.n == 1 && e.p[0] < 3) || !(e.p[e.n - 1] & 1) || !(n.p[n.n - 1] & 1))
		return 0;
	if (n.p[0] == 0)
		n = span_sub(n, 1, n.n - 1);
	return n.n ? (unsigned)n.n * 8 - (unsigned)(__builtin_clz(n.p[0]) - 24) : 0;
}

static status
read_key(struct cert *c, span spki, const char **w)
{
	span id, key;

	NEED(der_get(&spki, DER_SEQUENCE, &id) && der_bits_whole(&spki, &key) && spki.n == 0, "malformed public key");
	for (size_t i = 0; i < ARRAY_LEN(key_kinds); i++)
		if (span_eq(key_kinds[i].id, id)) {
			c->key_kind = key_kinds[i].kind;
			c->key_bits = key_kinds[i].bits;
		}
	NEED(c->key_kind, "a kind of public key that is not accepted");
	if (c->key_kind != CERT_KEY_RSA)
		return OK;
	c->key_bits = rsa_bits(key);
	NEED(c->key_bits >= RSA_MIN && c->key_bits <= RSA_MAX && c->key_bits % 8 == 0, "an RSA key of a size that is not accepted");
	return OK;
}

/* ---- names ---------------------------------------------------------------------------------------------------------- */

static bool
take_name(span *in, span *ret)
{
	span content;
	uint8_t tag;

	return der_any(in, &tag, &content, ret) && tag == DER_SEQUENCE && cert_rdns_ok(content);
}

bool
cert_san_next(span *at, enum cert_name *kind, span *value)
{
	uint8_t tag;
	span v;

	if (!der_any(at, &tag, &v, NULL))
		return false;
	*kind = (enum cert_name)(tag & 0x1f);
	*value = v;
	return true;
}

bool
cert_only_uri(const struct cert *c, span *ret)
{
	span at = c->san, value, uri = { 0 };
	enum cert_name kind;
	size_t n = 0;

	while (cert_san_next(&at, &kind, &value))
		if (kind == CERT_NAME_URI) {
			uri = value;
			n++;
		}
	if (n != 1)
		return false;
	*ret = uri;
	return true;
}

span
cert_common_name(const struct cert *c)
{
	span all = c->subject, name, set, pair, oid, value, found = { 0 };
	uint8_t tag;

	if (!der_get(&all, DER_SEQUENCE, &name))
		return found;
	while (der_get(&name, DER_SET, &set))
		while (der_get(&set, DER_SEQUENCE, &pair))
			if (der_get(&pair, DER_OID, &oid) && span_eq(oid, SPAN("\x55\x04\x03")) && der_any(&pair, &tag, &value, NULL) &&
			    (tag == DER_UTF8 || tag == DER_PRINTABLE || tag == DER_IA5))
				found = value;
	return found;
}

/* The alternative names, and those of an access description, are GeneralNames: tag and form must fit each other. */
static bool
general_name(span *in, enum cert_name *kind, span *value)
{
	uint8_t tag;
	span v;

	if (!der_any(in, &tag, &v, NULL) || (tag & 0xc0) != 0x80 || (tag & 0x1f) > CERT_NAME_REGISTERED)
		return false;
	*kind = (enum cert_name)(tag & 0x1f);
	bool constructed = *kind == CERT_NAME_OTHER || *kind == CERT_NAME_X400 || *kind == CERT_NAME_DIRECTORY || *kind == CERT_NAME_EDI;
	if (constructed != ((tag & 0x20) != 0))
		return false;
	*value = v;
	return true;
}

static bool
names_ok(span names)
{
	enum cert_name kind;
	span value;
	size_t n = 0;

	if (names.n == 0)
		return false;
	while (names.n)
		if (++n > CERT_NAMES_MAX || !general_name(&names, &kind, &value) || !cert_san_ok(kind, value))
			return false;
	return true;
}

/* ---- extensions ----------------------------------------------------------------------------------------------------- */

static status
ext_basic(struct cert *c, span v, bool critical, const char **w)
{
	span seq;

	NEED(der_get(&v, DER_SEQUENCE, &seq) && v.n == 0, "malformed basic constraints");
	c->has_basic = true;
	c->basic_critical = critical;
	if (der_is(seq, DER_BOOLEAN))
		/* DER leaves the default, false, out. */
		NEED(der_bool(&seq, &c->is_ca) && c->is_ca, "malformed basic constraints");
	if (seq.n) {
		NEED(der_small(&seq, &c->path_len) && seq.n == 0, "malformed path length");
		NEED(c->is_ca, "a path length in a certificate that is not a CA's");
	}
	return OK;
}

static status
ext_usage(struct cert *c, span v, bool critical, const char **w)
{
	NEED(der_bits_named(&v, &c->key_usage) && v.n == 0 && c->key_usage, "malformed key usage");
	c->has_usage = true;
	c->usage_critical = critical;
	return OK;
}

static status
ext_eku(struct cert *c, span v, bool critical, const char **w)
{
	span seq, oid;

	NEED(der_get(&v, DER_SEQUENCE, &seq) && v.n == 0 && seq.n, "malformed extended key usage");
	c->has_eku = true;
	c->eku_critical = critical;
	while (seq.n) {
		NEED(der_get(&seq, DER_OID, &oid) && oid.n, "malformed extended key usage");
		c->eku |= span_eq(oid, SPAN("\x2b\x06\x01\x05\x05\x07\x03\x01")) ? CERT_EKU_SERVER
		        : span_eq(oid, SPAN("\x2b\x06\x01\x05\x05\x07\x03\x02")) ? CERT_EKU_CLIENT
		        : span_eq(oid, SPAN("\x55\x1d\x25\x00")) ? CERT_EKU_ANY : CERT_EKU_OTHER;
	}
	return OK;
}

static status
ext_san(struct cert *c, span v, bool critical, const char **w)
{
	NEED(der_get(&v, DER_SEQUENCE, &c->san) && v.n == 0 && names_ok(c->san), "a malformed alternative name");
	c->has_san = true;
	c->san_critical = critical;
	return OK;
}

static status
subtrees(span *in, uint8_t tag, span *ret, const char **w)
{
	span at, base;
	enum cert_name kind;

	if (!der_is(*in, tag))
		return OK;
	NEED(der_get(in, tag, ret) && ret->n, "malformed name constraints");
	for (at = *ret; cert_subtree_next(&at, &kind, &base); )
		NEED(cert_base_ok(kind, base), "a malformed name constraint");
	NEED(at.n == 0, "malformed name constraints");
	return OK;
}

static status
ext_constraints(struct cert *c, span v, bool critical, const char **w)
{
	span seq;

	NEED(der_get(&v, DER_SEQUENCE, &seq) && v.n == 0 && seq.n, "malformed name constraints");
	TRY(subtrees(&seq, DER_CONTEXT_CONS(0), &c->permitted, w));
	TRY(subtrees(&seq, DER_CONTEXT_CONS(1), &c->excluded, w));
	NEED(seq.n == 0, "malformed name constraints");
	NEED(critical, "name constraints that are not critical");
	c->has_constraints = true;
	c->constraints_critical = critical;
	return OK;
}

static status
ext_ski(struct cert *c, span v, bool critical, const char **w)
{
	NEED(der_get(&v, DER_OCTET_STRING, &c->ski) && v.n == 0 && c->ski.n, "malformed subject key identifier");
	NEED(!critical, "a critical subject key identifier");
	return OK;
}

static status
ext_aki(struct cert *c, span v, bool critical, const char **w)
{
	span seq, part;

	NEED(der_get(&v, DER_SEQUENCE, &seq) && v.n == 0, "malformed authority key identifier");
	c->has_aki = true;
	if (der_is(seq, DER_CONTEXT(0)))
		NEED(der_get(&seq, DER_CONTEXT(0), &c->aki) && c->aki.n, "malformed authority key identifier");
	for (uint8_t n = 1; n <= 2; n++) {
		uint8_t tag = n == 1 ? DER_CONTEXT_CONS(1) : DER_CONTEXT(2);
		if (der_is(seq, tag)) {
			NEED(der_get(&seq, tag, &part) && part.n, "malformed authority key identifier");
			c->aki_names_issuer = true;
		}
	}
	NEED(seq.n == 0, "malformed authority key identifier");
	NEED(!critical, "a critical authority key identifier");
	return OK;
}

static status
ext_access(struct cert *, span v, bool critical, const char **w)
{
	span seq, one, oid, value;
	enum cert_name kind;

	NEED(der_get(&v, DER_SEQUENCE, &seq) && v.n == 0 && seq.n, "malformed authority information access");
	while (seq.n)
		NEED(der_get(&seq, DER_SEQUENCE, &one) && der_get(&one, DER_OID, &oid) && oid.n && general_name(&one, &kind, &value) &&
		     one.n == 0, "malformed authority information access");
	NEED(!critical, "a critical authority information access");
	return OK;
}

static status
ext_policies(struct cert *, span v, bool, const char **w)
{
	span seq, one, oid;

	/* Any policy is as good as another to us; so there is nothing to process, critical or not. */
	NEED(der_get(&v, DER_SEQUENCE, &seq) && v.n == 0 && seq.n, "malformed certificate policies");
	while (seq.n)
		NEED(der_get(&seq, DER_SEQUENCE, &one) && der_get(&one, DER_OID, &oid) && oid.n, "malformed certificate policies");
	return OK;
}

static status
ext_policy_constraints(struct cert *c, span v, bool critical, const char **w)
{
	span seq;

	NEED(der_get(&v, DER_SEQUENCE, &seq) && v.n == 0 && seq.n, "malformed policy constraints");
	NEED(critical, "policy constraints that are not critical");
	c->unknown_critical = true;   /* understood, but not processed here */
	return OK;
}

static const struct {
	span oid;
	status (*read)(struct cert *c, span v, bool critical, const char **w);
} extensions[] = {
	{ SPAN("\x55\x1d\x13"), ext_basic }, { SPAN("\x55\x1d\x0f"), ext_usage }, { SPAN("\x55\x1d\x25"), ext_eku },
	{ SPAN("\x55\x1d\x11"), ext_san }, { SPAN("\x55\x1d\x1e"), ext_constraints }, { SPAN("\x55\x1d\x0e"), ext_ski },
	{ SPAN("\x55\x1d\x23"), ext_aki }, { SPAN("\x2b\x06\x01\x05\x05\x07\x01\x01"), ext_access },
	{ SPAN("\x55\x1d\x20"), ext_policies }, { SPAN("\x55\x1d\x24"), ext_policy_constraints },
};

static status
read_extension(struct cert *c, span ext, span *ret_oid, const char **w)
{
	span value;
	bool critical = false;

	NEED(der_get(&ext, DER_OID, ret_oid) && ret_oid->n, "a malformed extension");
	if (der_is(ext, DER_BOOLEAN))
		NEED(der_bool(&ext, &critical) && critical, "a malformed extension");
	NEED(der_get(&ext, DER_OCTET_STRING, &value) && ext.n == 0, "a malformed extension");
	for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
		if (span_eq(extensions[i].oid, *ret_oid))
			return extensions[i].read(c, value, critical, w);
	c->unknown_critical |= critical;
	return OK;
}

static status
read_extensions(struct cert *c, span v, const char **w)
{
	span seq, ext, seen[EXTENSIONS_MAX];
	size_t n = 0;

	NEED(der_get(&v, DER_SEQUENCE, &seq) && v.n == 0 && seq.n, "malformed extensions");
	while (seq.n) {
		NEED(n < EXTENSIONS_MAX && der_get(&seq, DER_SEQUENCE, &ext), "malformed extensions");
		TRY(read_extension(c, ext, &seen[n], w));
		for (size_t i = 0; i < n; i++)
			NEED(!span_eq(seen[i], seen[n]), "an extension that is there twice");
		n++;
	}
	return OK;
}

/* ---- the certificate ------------------------------------------------------------------------------------------------ */

static status
read_tbs(struct cert *c, span v, span *ret_alg, const char **w)
{
	span version, number, validity, extensions_field;
	int32_t n = 0;

	NEED(der_get(&v, DER_CONTEXT_CONS(0), &version) && der_small(&version, &n) && version.n == 0 && n == 2, "not version 3");
	NEED(der_integer(&v, &number), "a malformed serial number");
	NEED(number.n <= SERIAL_MAX && number.p[0] < 0x80 && !(number.n == 1 && number.p[0] == 0), "a serial number that is not 1 to 20 positive bytes");
	c->serial = number;
	NEED(der_get(&v, DER_SEQUENCE, ret_alg), "a malformed signature algorithm");
	NEED(take_name(&v, &c->issuer), "a malformed issuer");
	NEED(der_get(&v, DER_SEQUENCE, &validity) && der_time(&validity, &c->not_before) && der_time(&validity, &c->not_after) &&
	     validity.n == 0 && c->not_before <= c->not_after, "a malformed validity");
	NEED(take_name(&v, &c->subject), "a malformed subject");
	span spki;
	uint8_t tag;
	NEED(der_any(&v, &tag, &spki, &c->spki) && tag == DER_SEQUENCE, "malformed public key");
	TRY(read_key(c, spki, w));
	/* Unique identifiers (RFC 5280 §4.1.2.8: must not be there) fail here too. */
	if (v.n) {
		NEED(der_get(&v, DER_CONTEXT_CONS(3), &extensions_field) && v.n == 0, "fields that do not belong there");
		TRY(read_extensions(c, extensions_field, w));
	}
	return OK;
}

static status
read(struct cert *c, const char **w)
{
	span all = c->der, cert, tbs, inner_alg, outer_alg;
	uint8_t tag;

	NEED(c->der.n <= CERT_MAX && der_get(&all, DER_SEQUENCE, &cert) && all.n == 0, "not one whole DER certificate");
	NEED(der_any(&cert, &tag, &tbs, &c->tbs) && tag == DER_SEQUENCE, "not one whole DER certificate");
	NEED(der_get(&cert, DER_SEQUENCE, &outer_alg) && der_bits_whole(&cert, &c->signature) && cert.n == 0,
	     "not one whole DER certificate");
	TRY(read_tbs(c, tbs, &inner_alg, w));
	NEED(span_eq(inner_alg, outer_alg), "two different signature algorithms");
	c->sig_alg = cert_signature_alg(inner_alg);
	NEED(c->sig_alg != CERT_SIG_NONE, "a signature algorithm that is not accepted");
	NEED(c->is_ca || !(c->key_usage & CERT_KU_CERT_SIGN), "may sign certificates, but is no CA");
	NEED(!c->has_constraints || c->is_ca, "name constraints in a certificate that is not a CA's");
	/* RFC 5280 §4.2.1.6 */
	NEED(c->subject.n > 2 || (c->has_san && c->san_critical), "neither a subject nor critical alternative names");
	return OK;
}

status
cert_read(span der, struct cert *ret, const char **ret_why)
{
	struct cert c = { .der = der, .path_len = -1 };
	const char *why = NULL;
	status s = read(&c, &why);

	if (failed(s)) {
		if (ret_why)
			*ret_why = why;
		return s;
	}
	*ret = c;
	return OK;
}
