/* escape: text that agents and tool servers wrote, made harmless for a terminal.
 *
 * Control characters, invisible characters and those that reorder what is shown are written as \n, \t or \u{202E}, so a
 * person sees them instead of being deceived by them. */
#ifndef AMBIT_CMD_ESCAPE_H
#define AMBIT_CMD_ESCAPE_H

#include "base/buf.h"

/* True for code points that must not reach a terminal as they are. */
bool escape_hidden(uint32_t cp);
/* Appends s; newlines and tabs stay only with `lines`. Bytes that are not UTF-8 become \x{ff}. A backslash that would read like
 * one of these escapes is doubled, so that what is shown is never ambiguous. */
void escape_text(span s, bool lines, struct buf *b);
/* Appends s, which is JSON text: hidden code points become \uXXXX. They can only stand inside strings, so the value stays
 * the same. */
void escape_json(span s, struct buf *b);
/* How many hidden code points s holds, newline and tab not counted. */
size_t escape_count(span s);
/* Columns s takes, after escaping: code points, wide ones counted twice. */
size_t escape_width(span s);

#endif
