/* Shared by the json_*.c files only. */
#ifndef AMBIT_TEXT_JSON_PRIV_H
#define AMBIT_TEXT_JSON_PRIV_H

#include "text/json.h"

/* Up to this many members an object is searched from front to back and has no `sorted`. */
#define JSON_SMALL_OBJ 16

/* The nearest double to a number in JSON's grammar. False when it is too large, too small but not zero, or (with *ret_oom)
 * there was no memory for a long text. */
bool json_read_double(span text, double *ret, bool *ret_oom);

/* Why an arena allocation of n bytes just failed: its cap (E_LIMIT) or the heap (E_NO_MEMORY). */
uint16_t json_arena_error(const struct arena *a, size_t n);

#endif
