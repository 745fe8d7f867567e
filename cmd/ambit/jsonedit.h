/* jsonedit: sets or removes one member of a JSON file that belongs to somebody else: everything else keeps its bytes,
 * order, indentation and comments. Reads JSON with // and block comments and trailing commas (what editors call JSONC). */
#ifndef AMBIT_CMD_JSONEDIT_H
#define AMBIT_CMD_JSONEDIT_H

#include "base/buf.h"

/* Writes `text` with the member at `path` (names from the root object on; NULL-terminated) set to `value`, JSON text, into `out`. Objects
 * on the way are made. Empty text counts as {}. An existing value is replaced. E_BAD_JSON: the text cannot be read, or
 * something on the way is not an object. */
status jsonedit_set(span text, const char *const *path, span value, struct buf *out);
/* Without the member. *ret_found says whether it was there; objects left empty on the way stay. */
status jsonedit_remove(span text, const char *const *path, struct buf *out, bool *ret_found);
/* Appends an item to the array at `path` (made when absent), or with `remove` takes out every item that contains the bytes
 * `needle`. *ret_count: how many items contained it before. */
status jsonedit_item(span text, const char *const *path, span item, span needle, bool remove, struct buf *out, size_t *ret_count);

#endif
