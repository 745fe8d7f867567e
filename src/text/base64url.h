/* base64url and base64 (RFC 4648 §5 and §4), strict both ways: every byte string has exactly one accepted text. */
#ifndef AMBIT_TEXT_BASE64URL_H
#define AMBIT_TEXT_BASE64URL_H

#include "base/buf.h"

/* Without padding. */
#define BASE64URL_LEN(n) ((n) / 3 * 4 + ((n) % 3 * 4 + 2) / 3)

/* Decodes unpadded base64url onto out. Padding, white space, characters of the other alphabet, a length of 1 mod 4, and
 * trailing bits that are not zero are E_BAD_REQUEST with nothing appended; else buf errors. */
status base64url_decode(span text, struct buf *out);
/* As above into a fixed array; the decoded size must be exactly n, else E_BAD_REQUEST. */
status base64url_decode_exact(span text, void *out, size_t n);
void base64url_encode(span bytes, struct buf *out);

/* The alphabet with + and /, padding required. Otherwise as above. */
status base64_decode(span text, struct buf *out);
void base64_encode(span bytes, struct buf *out);

#endif
