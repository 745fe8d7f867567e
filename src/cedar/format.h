/* format: policies in one canonical layout, comments kept.
 *
 * Lines of at most 80 columns where the text allows, two blanks a level, operators at the ends of lines, one empty line between
 * policies. Formatting twice changes nothing more. */
#ifndef AMBIT_CEDAR_FORMAT_H
#define AMBIT_CEDAR_FORMAT_H

#include "cedar/diag.h"
#include "base/buf.h"

/* Appends the formatted text. The text must parse: else as cedar_parse_policies, with *d. What is written has the same tokens
 * and the same comments in the same order; that is checked before it is given (E_INTERNAL otherwise, never seen). Errors of
 * the buffer. */
status cedar_format(span text, struct buf *b, struct cedar_diag *d);

#endif
