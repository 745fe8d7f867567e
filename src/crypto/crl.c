#include "crypto/crl.h"

#include "crypto/cert_priv.h"
#include "crypto/der.h"

#define NEED(cond, why)                      \
	do {                                 \
		if (!(cond)) {               \
			*w = (why);          \
			return FAIL(E_CRYPTO); \
		}                            \
	} while (0)

static status
read_number(span value, bool critical, const char **w)
{
	span n;

	NEED(der_integer(&value, &n) && value.n == 0 && n.p[0] < 0x80 && n.n <= 20, "a malformed CRL number");
	NEED(!critical, "a critical CRL number");
	return OK;
}

static status
read_extensions(struct crl *l, span v, const char **w)
{
	span seq, ext, oid, value, inner;
	bool number = false;

	NEED(der_get(&v, DER_SEQUENCE, &seq) && v.n == 0, "malformed extensions");
	while (seq.n) {
		bool critical = false;
		NEED(der_get(&seq, DER_SEQUENCE, &ext) && der_get(&ext, DER_OID, &oid), "a malformed extension");
		NEED(!der_is(ext, DER_BOOLEAN) || (der_bool(&ext, &critical) && critical), "a malformed extension");
		NEED(der_get(&ext, DER_OCTET_STRING, &value) && ext.n == 0, "a malformed extension");
		if (span_eq(oid, SPAN("\x55\x1d\x14"))) {
			NEED(!number, "a CRL number that is there twice");
			TRY(read_number(value, critical, w));
			number = true;
		} else if (span_eq(oid, SPAN("\x55\x1d\x23"))) {
			NEED(!critical && l->aki.n == 0 && der_get(&value, DER_SEQUENCE, &inner) && der_get(&inner, DER_CONTEXT(0), &l->aki) &&
			     l->aki.n, "a malformed authority key identifier");
		} else {
			/* Delta indicators and distribution points are critical, and change what the list means. */
			NEED(!critical, "an extension that is critical and not understood");
		}
	}
	NEED(number, "no CRL number");
	NEED(l->aki.n, "no authority key identifier");
	return OK;
}

static status
read_revoked(span list, const char **w)
{
	span one, serial, ext, seq;
	int64_t when;

	while (list.n) {
		NEED(der_get(&list, DER_SEQUENCE, &one) && der_integer(&one, &serial) && der_time(&one, &when), "a malformed entry");
		if (one.n == 0)
			continue;
		NEED(der_get(&one, DER_SEQUENCE, &seq) && one.n == 0, "a malformed entry");
		while (seq.n) {
			bool critical = false;
			NEED(der_get(&seq, DER_SEQUENCE, &ext) && der_get(&ext, DER_OID, &serial), "a malformed entry");
			NEED(!der_is(ext, DER_BOOLEAN) || (der_bool(&ext, &critical) && !critical), "an entry extension that is not understood");
		}
	}
	return OK;
}

static status
read_tbs(struct crl *l, span v, span *ret_alg, const char **w)
{
	span ext;
	int32_t version;
	uint8_t tag;

	NEED(der_small(&v, &version) && version == 1, "not version 2");
	NEED(der_get(&v, DER_SEQUENCE, ret_alg), "a malformed signature algorithm");
	NEED(der_any(&v, &tag, NULL, &l->issuer) && tag == DER_SEQUENCE, "a malformed issuer");
	NEED(der_time(&v, &l->this_update) && der_time(&v, &l->next_update) && l->this_update <= l->next_update, "malformed times");
	if (der_get(&v, DER_SEQUENCE, &l->revoked))
		TRY(read_revoked(l->revoked, w));
	NEED(der_get(&v, DER_CONTEXT_CONS(0), &ext) && v.n == 0, "no extensions");
	return read_extensions(l, ext, w);
}

static status
read(span der, struct crl *l, const char **w)
{
	span list, tbs, inner, outer;
	uint8_t tag;

	NEED(der.n <= CRL_MAX && der_get(&der, DER_SEQUENCE, &list) && der.n == 0 && der_any(&list, &tag, &tbs, &l->tbs) &&
	     tag == DER_SEQUENCE && der_get(&list, DER_SEQUENCE, &outer) && der_bits_whole(&list, &l->signature) && list.n == 0,
	     "not one whole DER list");
	TRY(read_tbs(l, tbs, &inner, w));
	NEED(span_eq(inner, outer), "two different signature algorithms");
	l->sig_alg = cert_signature_alg(inner);
	NEED(l->sig_alg != CERT_SIG_NONE, "a signature algorithm that is not accepted");
	return OK;
}

status
crl_read(span der, struct crl *ret, const char **ret_why)
{
	struct crl l = { 0 };
	const char *why = NULL;
	status s = read(der, &l, &why);

	if (failed(s)) {
		if (ret_why)
			*ret_why = why;
		return s;
	}
	*ret = l;
	return OK;
}

bool
crl_lists(const struct crl *l, span serial)
{
	span at = l->revoked, one, s;

	while (der_get(&at, DER_SEQUENCE, &one))
		if (der_integer(&one, &s) && span_eq(s, serial))
			return true;
	return false;
}
