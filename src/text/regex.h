/* regex: searching in time linear in the text, for patterns that strangers wrote.
 *
 * ECMA-262 syntax, "u" semantics (code points), less what needs backtracking: literals, '.', classes, \d \D \w \W \s \S \b \B,
 * \t \n \r \f \v \0 \xHH \uHHHH \u{H…} \cX, ^ and $ (of the whole text), groups (also (?:…) and named), |, * + ? {n} {n,} {n,m}, also
 * lazy. Refused, by name: back references, look-ahead and look-behind, \p, flags. */
#ifndef AMBIT_TEXT_REGEX_H
#define AMBIT_TEXT_REGEX_H

#include "base/arena.h"

struct regex;

/* Compiles into the arena. E_BAD_SCHEMA with a static reason in *reterr (may be NULL); E_LIMIT when the expanded pattern
 * needs more than 4,000 instructions or nests deeper than 100; E_NO_MEMORY. `pattern` must be UTF-8. */
status regex_compile(span pattern, struct arena *a, const struct regex **ret, const char **reterr);

/* True in *ret when the pattern matches somewhere in `text` (valid UTF-8). Takes one from *work for every instruction looked
 * at; E_LIMIT when it is used up. E_NO_MEMORY. */
status regex_search(const struct regex *r, span text, uint64_t *work, bool *ret);

#endif
