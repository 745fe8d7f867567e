/* pem_put: base64 with padding (RFC 4648 §4), and PEM blocks to be written (reading them: crypto/pem.h). What is secret is put into buffers that were reserved
 * before, so that growing leaves no copy behind, and wiped by pem_wipe. */
#ifndef AMBIT_ENGINE_PEM_PUT_H
#define AMBIT_ENGINE_PEM_PUT_H

#include "base/buf.h"

/* `width` letters a line (0: one line, without an end). */
void base64_put(struct buf *b, span s, size_t width);
/* Letters, with line ends between them, as OpenSSH's own format has them. E_BAD_CONFIG. */
status base64_read(span text, struct buf *out);

void pem_put(struct buf *b, const char *label, span der);

/* Wipes and frees; for CLEANUP. */
void pem_wipe(struct buf *b);

#endif
