/* secret: bytes that must not reach logs, core files, swap or another role.
 *
 * Opaque, on its own locked pages with MADV_DONTDUMP and MADV_DONTFORK, wiped on free, compared in constant time.
 * There is no conversion to span except secret_reveal(), so every reveal can be found with grep. */
#ifndef AMBIT_BASE_SECRET_H
#define AMBIT_BASE_SECRET_H

#include "base/span.h"

struct secret;

/* Wipes and releases; takes NULL; returns NULL. */
struct secret *secret_free(struct secret *s);
void secret_freep(struct secret **s);   /* for CLEANUP */
/* n zero bytes to be filled through secret_writable(). n <= 64 KiB, else E_LIMIT. E_NO_MEMORY when pages can not be had
 * or locked (RLIMIT_MEMLOCK). */
status secret_new(size_t n, struct secret **ret);
/* Copies `from` in and wipes the source. */
status secret_take(void *own_from, size_t n, struct secret **ret);
size_t secret_size(const struct secret *s);
uint8_t *secret_writable(struct secret *s);
/* Borrowed until secret_free. */
span secret_reveal(const struct secret *s);
bool secret_eq(const struct secret *a, const struct secret *b);
/* explicit_bzero. */
void secret_wipe(void *p, size_t n);

#endif
