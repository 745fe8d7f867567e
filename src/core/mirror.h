/* mirror: arguments that a client repeats in headers (`x-mcp-header` in the input schema), so that what stands between can decide without the
 * body. Whoever believes a header must not have been lied to: here they are held against the arguments (THREATS A47). */
#ifndef AMBIT_CORE_MIRROR_H
#define AMBIT_CORE_MIRROR_H

#include "text/json.h"

/* `schema`: the tool's inputSchema. `headers`: object of the Mcp-Param-* headers, lower-case names without the prefix, values decoded. `strict`: an
 * argument whose header is missing is refused too (the client speaks HTTP itself). False: one does not match. */
bool mirror_holds(const struct json *schema, const struct json *args, const struct json *headers, bool strict);

#endif
