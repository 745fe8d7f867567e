/* diag: where and why a text or a value was refused, for a person. Fixed size, so that reporting needs no memory. */
#ifndef AMBIT_CEDAR_DIAG_H
#define AMBIT_CEDAR_DIAG_H

#include "base/span.h"

/* A place in a source text. `offset` and `end` are bytes from 0; `line` and `col` count from 1, `col` in characters.
 * All zero: no place (the fault is in a value that has no text). */
struct cedar_pos {
	uint32_t offset, line, col;
};

struct cedar_diag {
	char what[240];          /* one sentence, no newline, printable */
	char hint[160];          /* what to do about it, or "" */
	uint32_t line, col, offset, end;
};

/* Fills *d (NULL is accepted and ignored) and gives FAIL(code). The texts are cut where they do not fit; bytes that do not
 * print (control characters, broken UTF-8) are replaced by '?'. */
status cedar_diag_set(struct cedar_diag *d, uint16_t code, struct cedar_pos at, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

#endif
