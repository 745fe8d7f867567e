/* der: reading DER (X.690), the strict form: definite minimal lengths, single-byte tags, canonical BOOLEAN and INTEGER.
 *
 * A cursor is a span that shrinks. Every call gives false on anything but what it was asked for and then leaves the cursor
 * as it was. Nothing is copied and nothing is allocated. */
#ifndef AMBIT_CRYPTO_DER_H
#define AMBIT_CRYPTO_DER_H

#include "base/span.h"

enum {
	DER_BOOLEAN = 0x01, DER_INTEGER = 0x02, DER_BIT_STRING = 0x03, DER_OCTET_STRING = 0x04, DER_NULL = 0x05, DER_OID = 0x06,
	DER_ENUMERATED = 0x0a, DER_UTF8 = 0x0c, DER_PRINTABLE = 0x13, DER_T61 = 0x14, DER_IA5 = 0x16, DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18, DER_VISIBLE = 0x1a, DER_UNIVERSAL = 0x1c, DER_BMP = 0x1e, DER_SEQUENCE = 0x30, DER_SET = 0x31,
};
/* Context-specific tags, primitive and constructed. */
#define DER_CONTEXT(n)      (0x80 | (n))
#define DER_CONTEXT_CONS(n) (0xa0 | (n))

/* The next element, whatever it is: its tag, contents, and all of its bytes (each may be NULL). */
bool der_any(span *in, uint8_t *tag, span *content, span *whole);
/* The next element, if it has this tag. */
bool der_get(span *in, uint8_t tag, span *content);
/* True when the next element has this tag; takes nothing. */
bool der_is(span in, uint8_t tag);
/* BOOLEAN, which DER writes as 00 or ff. */
bool der_bool(span *in, bool *ret);
/* INTEGER: the contents, minimal, at most 4096 bytes. */
bool der_integer(span *in, span *content);
/* INTEGER of 0 to 2^31-1. */
bool der_small(span *in, int32_t *ret);
/* BIT STRING without unused bits: its bytes. */
bool der_bits_whole(span *in, span *bytes);
/* BIT STRING of named bits, at most 16, the trailing zeros left out as DER has it. Bit 0 is 0x8000. */
bool der_bits_named(span *in, uint16_t *ret);
/* UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 has them: seconds, Z, UTCTime until 2049 and the other from 2050. */
bool der_time(span *in, int64_t *ret);

#endif
