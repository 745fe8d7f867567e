/* pem: text armour (RFC 7468), strict: whole lines, canonical base64, one label; text between the blocks is passed over. */
#ifndef AMBIT_CRYPTO_PEM_H
#define AMBIT_CRYPTO_PEM_H

#include "base/buf.h"

/* The next block with this label ("CERTIFICATE"): appends its bytes to `out` and moves *at behind it; blocks with another label
 * are passed over. *ret_found false: none follows. E_BAD_REQUEST: a block that does not end or does not decode; buf errors. */
status pem_next(span *at, const char *label, struct buf *out, bool *ret_found);

#endif
