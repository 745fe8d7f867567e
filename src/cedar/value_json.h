/* value_json: values, entity names, requests and entities in Cedar's JSON forms.
 *
 * JSON text is parsed with cedar_json_parse (same limits everywhere). What is read borrows from the JSON tree and lives in the
 * arena. Places in a cedar_diag are filled from the offsets of the tree when `d` is passed to cedar_json_locate. */
#ifndef AMBIT_CEDAR_VALUE_JSON_H
#define AMBIT_CEDAR_VALUE_JSON_H

#include "cedar/cedar.h"
#include "cedar/schema.h"
#include "text/json.h"

#define CEDAR_MAX_JSON_NODES (1u << 22)

/* Strict JSON with Cedar's limits; `max_bytes` 0: CEDAR_MAX_TEXT. E_BAD_JSON, E_BAD_UTF8, E_LIMIT, E_NO_MEMORY with *d. */
status cedar_json_parse(span text, size_t max_bytes, struct arena *a, const struct json **ret, struct cedar_diag *d);
/* Gives d->line and d->col for d->offset, when only that is set. */
void cedar_json_locate(struct cedar_diag *d, span text);

/* Somewhere in v there is a number that is no integer of 64 bits: not even where it would be ignored may one stand. */
bool cedar_json_has_fraction(const struct json *v);

/* {"type":"A::B","id":"x"} or {"__entity":{…}}; further members are ignored. E_BAD_ENTITY. */
status cedar_uid_from_json(const struct json *v, struct arena *a, const struct cedar_uid **ret, struct cedar_diag *d);

/* A value. With a type, the forms that only the type makes clear are read too (a bare {"type","id"}, the text of an extension
 * value), and anything that does not have the type is refused. `s` (for enumerated types) may be NULL when `type` is NULL.
 * E_BAD_ENTITY; E_NO_MEMORY. */
status cedar_value_from_json(const struct json *v, const struct cedar_type *type, struct arena *a, struct cedar_value *ret,
                             struct cedar_diag *d);
/* A record, such as a context. `type` NULL or a record type. */
status cedar_record_from_json(const struct json *v, const struct cedar_type *type, struct arena *a, const struct cedar_record **ret,
                              struct cedar_diag *d);

/* {"principal":uid,"action":uid,"resource":uid,"context":{…}}: uids as objects, or as text `Type::"id"`. With a schema the context
 * is read by the action's type (an undeclared action is E_BAD_ENTITY); validation beyond that is the validator's. Unknown
 * members are ignored. */
status cedar_request_from_json(const struct json *v, const struct cedar_schema *schema, struct arena *a, struct cedar_request *ret,
                               struct cedar_diag *d);

/* Writes what cedar_value_from_json reads without a type. Errors are the buffer's. */
void cedar_value_to_json(struct json_writer *w, struct cedar_value v);
void cedar_uid_to_json(struct json_writer *w, const struct cedar_uid *u);        /* {"type","id"} */

#endif
