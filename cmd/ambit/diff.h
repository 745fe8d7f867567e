/* diff: what changed between two texts, line by line, for people. */
#ifndef AMBIT_CMD_DIFF_H
#define AMBIT_CMD_DIFF_H

#include "base/buf.h"

/* Appends lines "  same", "- old", "+ new" with `context` equal lines around each change and "  …" between; nothing when the
 * texts are equal. Every line is escaped. Returns whether they differ. Texts of more than 20,000 lines each are shown as
 * wholly replaced. */
bool diff_lines(span old, span new, unsigned context, bool colour, struct buf *b);

#endif
