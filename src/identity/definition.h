/* definition: what a tool is, as one digest, so that a changed tool is another tool (A51, MCP "Tools" security).
 *
 * SHA-256 over, for each of name, title, description, inputSchema, outputSchema, annotations, icons, _meta in this order:
 * u32 length (big-endian) and the member's canonical JSON; an absent member is the length 0xffffffff alone. Lengths make the
 * boundaries unambiguous. Any other member refuses the definition: what is not in the digest must not reach a model. */
#ifndef AMBIT_IDENTITY_DEFINITION_H
#define AMBIT_IDENTITY_DEFINITION_H

#include "crypto/hash.h"
#include "text/json.h"

enum { DEFINITION_MAX = 256 * 1024 };

/* `tool`: one member of a tools/list result. E_BAD_REQUEST: not an object, an unknown member, no usable name; E_LIMIT: larger than
 * DEFINITION_MAX or a number that has no exact form. */
status definition_digest(const struct json *tool, digest *ret);

#endif
