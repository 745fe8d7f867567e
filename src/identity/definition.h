/* definition: what a tool is, as one digest, so that a changed tool is another tool (A51, MCP "Tools" security).
 *
 * SHA-256 over, for each of name, title, description, inputSchema, outputSchema, annotations, icons, execution, _meta in
 * this order: u32 length (big-endian) and the member's canonical JSON; an absent member is the length 0xffffffff alone.
 * Lengths make the boundaries unambiguous. Other members are not in the digest, and therefore never shown to anybody: what
 * goes on is definition_put(). */
#ifndef AMBIT_IDENTITY_DEFINITION_H
#define AMBIT_IDENTITY_DEFINITION_H

#include "crypto/hash.h"
#include "text/json.h"

enum { DEFINITION_MAX = 256 * 1024 };

/* `tool`: one member of a tools/list result. E_BAD_REQUEST: not an object, no usable name; E_LIMIT: larger than DEFINITION_MAX
 * or a number that has no exact form. */
status definition_digest(const struct json *tool, digest *ret);

/* Appends the definition as canonical JSON, with the digest's members only. Errors as above. */
status definition_put(const struct json *tool, struct buf *b);

#endif
