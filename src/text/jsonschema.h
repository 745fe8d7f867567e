/* jsonschema: a JSON Schema compiled once, then held against values.
 *
 * Dialect: what tools publish of 2020-12 (and draft-07 where it reads the same). Understood: type, enum, const, minimum,
 * maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength (code points), pattern (text/regex.h),
 * minItems, maxItems, uniqueItems, items, prefixItems, properties, patternProperties, additionalProperties, propertyNames,
 * required, minProperties, maxProperties, dependentRequired, allOf, anyOf, oneOf, not, if/then/else, $ref to "#" and "#/…",
 * $defs, boolean schemas. Every other keyword, format included, is ignored.
 *
 * Both compiling and validating are bounded in depth and work; running out refuses. */
#ifndef AMBIT_TEXT_JSONSCHEMA_H
#define AMBIT_TEXT_JSONSCHEMA_H

#include "text/json.h"

struct jsonschema;

/* Where and why. For compiling, `pointer` is into the schema; for validating, into the value. RFC 6901, cut at its end when
 * too long. */
struct jsonschema_error {
	char pointer[256];
	char reason[160];
};

/* Compiles; the result owns copies of all it needs, is immutable and may be shared. `schema` must be an object or a boolean.
 * E_BAD_SCHEMA (a keyword of the wrong type, a remote or dangling $ref, a pattern outside the subset, more than 10,000
 * subschemas), E_LIMIT (depth, or a number that cannot be copied exactly), E_NO_MEMORY. reterr may be NULL. */
status jsonschema_compile(const struct json *schema, struct jsonschema **ret, struct jsonschema_error *reterr);
struct jsonschema *jsonschema_free(struct jsonschema *s);
void jsonschema_freep(struct jsonschema **s);   /* for CLEANUP */

/* OK, or E_BAD_ARGUMENTS with the first thing that is wrong in reterr (may be NULL); E_LIMIT when more than a million steps
 * or 256 nested schemas were needed; E_NO_MEMORY. */
status jsonschema_validate(const struct jsonschema *s, const struct json *v, struct jsonschema_error *reterr);

#endif
