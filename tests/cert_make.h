/* Certificates of any shape for tests: DER written by hand, signed with ES256. Nothing here is checked on purpose. */
#ifndef AMBIT_TESTS_CERT_MAKE_H
#define AMBIT_TESTS_CERT_MAKE_H

#include "base/buf.h"
#include "crypto/cert.h"
#include "crypto/sign.h"
#include "tests/test.h"

#include <time.h>

struct cert_make {
	const char *subject, *issuer;        /* common names; "" : an empty name */
	struct sign_key *key, *signer;       /* its own, and who signs */
	span ski, aki;                       /* empty: none */
	int ca;                              /* 0: no basic constraints, 1: CA, -1: "not a CA" */
	int path_len;                        /* < 0: none; needs ca 1 */
	bool basic_uncritical, usage_uncritical;
	int usage;                           /* CERT_KU_ bits, 0: none */
	unsigned eku;                        /* CERT_EKU_SERVER, _CLIENT, _ANY; 0: none */
	const char *uri, *uri2, *dns;
	const char *permit_uri, *exclude_dns;/* name constraints */
	span extra;                          /* one more whole extension */
	int64_t from, until;                 /* 0: 2020 to 2045 */
	int serial;
};

static inline void
der_put(struct buf *b, uint8_t tag, span v)
{
	buf_put_u8(b, tag);
	if (v.n < 0x80) {
		buf_put_u8(b, (uint8_t)v.n);
	} else if (v.n < 0x100) {
		buf_put_u8(b, 0x81);
		buf_put_u8(b, (uint8_t)v.n);
	} else {
		buf_put_u8(b, 0x82);
		buf_put_u16(b, (uint16_t)v.n);
	}
	buf_put(b, v);
}

static inline void
der_wrap(struct buf *b, uint8_t tag)
{
	CLEANUP(buf_fini) struct buf c = { 0 };
	buf_init(&c, 1 << 20);
	buf_put(&c, buf_span(b));
	buf_reset(b);
	der_put(b, tag, buf_span(&c));
}

static inline void
der_put_name(struct buf *out, const char *cn)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	buf_init(&b, 4096);
	if (*cn) {
		buf_put(&b, SPAN("\x06\x03\x55\x04\x03"));
		der_put(&b, 0x0c, span_str(cn));
		der_wrap(&b, 0x30);
		der_wrap(&b, 0x31);
	}
	der_put(out, 0x30, buf_span(&b));
}

static inline void
der_put_time(struct buf *out, int64_t t)
{
	struct tm tm;
	char text[32];
	time_t at = (time_t)t;
	gmtime_r(&at, &tm);
	size_t n = strftime(text, sizeof text, tm.tm_year >= 150 ? "%Y%m%d%H%M%SZ" : "%y%m%d%H%M%SZ", &tm);
	der_put(out, tm.tm_year >= 150 ? 0x18 : 0x17, span_make(text, n));
}

/* The value is what goes into the OCTET STRING. */
static inline void
der_put_extension(struct buf *out, span oid, bool critical, span value)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	buf_init(&b, 65536);
	der_put(&b, 0x06, oid);
	if (critical)
		der_put(&b, 0x01, SPAN("\xff"));
	der_put(&b, 0x04, value);
	der_put(out, 0x30, buf_span(&b));
}

static inline void
cert_make_extensions(const struct cert_make *m, struct buf *out)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	buf_init(&b, 65536);
	if (m->ca) {
		if (m->ca > 0)
			der_put(&b, 0x01, SPAN("\xff"));
		if (m->ca > 0 && m->path_len >= 0)
			der_put(&b, 0x02, span_make(&(uint8_t){ (uint8_t)m->path_len }, 1));
		der_wrap(&b, 0x30);
		der_put_extension(out, SPAN("\x55\x1d\x13"), !m->basic_uncritical, buf_span(&b));
		buf_reset(&b);
	}
	if (m->usage) {
		uint8_t hi = (uint8_t)(m->usage >> 8), unused = (uint8_t)__builtin_ctz(hi);
		der_put(&b, 0x03, span_make((uint8_t[]){ unused, hi }, 2));
		der_put_extension(out, SPAN("\x55\x1d\x0f"), !m->usage_uncritical, buf_span(&b));
		buf_reset(&b);
	}
	if (m->eku) {
		if (m->eku & CERT_EKU_SERVER)
			der_put(&b, 0x06, SPAN("\x2b\x06\x01\x05\x05\x07\x03\x01"));
		if (m->eku & CERT_EKU_CLIENT)
			der_put(&b, 0x06, SPAN("\x2b\x06\x01\x05\x05\x07\x03\x02"));
		der_wrap(&b, 0x30);
		der_put_extension(out, SPAN("\x55\x1d\x25"), false, buf_span(&b));
		buf_reset(&b);
	}
	if (m->uri)
		der_put(&b, 0x86, span_str(m->uri));
	if (m->uri2)
		der_put(&b, 0x86, span_str(m->uri2));
	if (m->dns)
		der_put(&b, 0x82, span_str(m->dns));
	if (b.n) {
		der_wrap(&b, 0x30);
		der_put_extension(out, SPAN("\x55\x1d\x11"), !*m->subject, buf_span(&b));
		buf_reset(&b);
	}
	if (m->permit_uri || m->exclude_dns) {
		CLEANUP(buf_fini) struct buf x = { 0 };
		buf_init(&x, 4096);
		if (m->permit_uri) {
			der_put(&x, 0x86, span_str(m->permit_uri));
			der_wrap(&x, 0x30);
			der_put(&b, 0xa0, buf_span(&x));
			buf_reset(&x);
		}
		if (m->exclude_dns) {
			der_put(&x, 0x82, span_str(m->exclude_dns));
			der_wrap(&x, 0x30);
			der_put(&b, 0xa1, buf_span(&x));
		}
		der_wrap(&b, 0x30);
		der_put_extension(out, SPAN("\x55\x1d\x1e"), true, buf_span(&b));
		buf_reset(&b);
	}
	if (m->ski.n) {
		der_put(&b, 0x04, m->ski);
		der_put_extension(out, SPAN("\x55\x1d\x0e"), false, buf_span(&b));
		buf_reset(&b);
	}
	if (m->aki.n) {
		der_put(&b, 0x80, m->aki);
		der_wrap(&b, 0x30);
		der_put_extension(out, SPAN("\x55\x1d\x23"), false, buf_span(&b));
	}
	buf_put(out, m->extra);
}

static inline void
der_put_ecdsa(struct buf *out, const uint8_t raw[static 64])
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	buf_init(&b, 256);
	for (int part = 0; part < 2; part++) {
		uint8_t v[33] = { 0 };
		memcpy(v + 1, raw + 32 * part, 32);
		size_t skip = 0;
		while (skip < 32 && v[skip] == 0 && v[skip + 1] < 0x80)
			skip++;
		der_put(&b, 0x02, span_make(v + skip, 33 - skip));
	}
	der_put(out, 0x30, buf_span(&b));
}

/* Appends the certificate's DER. */
static inline void
cert_make(const struct cert_make *m, struct buf *der)
{
	static const span ecdsa_sha256 = { (const uint8_t *)"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02", 12 };
	CLEANUP(buf_fini) struct buf tbs = { 0 }, b = { 0 }, all = { 0 };
	CLEANUP(verify_key_freep) struct verify_key *public = NULL;
	uint8_t raw[64];
	buf_init(&tbs, 65536);
	buf_init(&b, 65536);
	buf_init(&all, 65536);
	buf_put(&tbs, SPAN("\xa0\x03\x02\x01\x02"));
	der_put(&tbs, 0x02, span_make(&(uint8_t){ (uint8_t)(m->serial ? m->serial : 7) }, 1));
	buf_put(&tbs, ecdsa_sha256);
	der_put_name(&tbs, m->issuer);
	der_put_time(&b, m->from ? m->from : 1577836800);
	der_put_time(&b, m->until ? m->until : 2366841600);
	der_put(&tbs, 0x30, buf_span(&b));
	buf_reset(&b);
	der_put_name(&tbs, m->subject);
	assert_ok(sign_key_public(m->key, &public));
	assert_ok(verify_key_to_spki(public, &tbs));
	cert_make_extensions(m, &b);
	if (b.n) {
		der_wrap(&b, 0x30);
		der_put(&tbs, 0xa3, buf_span(&b));
		buf_reset(&b);
	}
	der_wrap(&tbs, 0x30);
	assert_ok(sign_make(m->signer, buf_span(&tbs), raw));
	buf_put(&all, buf_span(&tbs));
	buf_put(&all, ecdsa_sha256);
	der_put_ecdsa(&b, raw);
	CLEANUP(buf_fini) struct buf bits = { 0 };
	buf_init(&bits, 256);
	buf_put_u8(&bits, 0);
	buf_put(&bits, buf_span(&b));
	der_put(&all, 0x03, buf_span(&bits));
	der_put(der, 0x30, buf_span(&all));
	assert_ok(buf_finish(der));
}

#endif
