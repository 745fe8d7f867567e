/* entities_json: entity files in and out. */
#ifndef AMBIT_CEDAR_ENTITIES_JSON_H
#define AMBIT_CEDAR_ENTITIES_JSON_H

#include "cedar/value_json.h"

/* Adds the entities of a JSON array to a store in which nothing is underway. With a schema, values are read by their types and
 * the schema's action entities are added; without, types are taken as written. Two records for one entity must be equal.
 * E_BAD_ENTITY with *d (d->offset is the place in the text); E_NO_MEMORY. After a failure the store is good for nothing but
 * free. `scratch` holds what is read on the way. */
status cedar_entities_from_json(struct cedar_entities *s, const struct json *v, const struct cedar_schema *schema,
                                struct arena *scratch, struct cedar_diag *d);
/* The same from text. */
status cedar_entities_parse(struct cedar_entities *s, span text, const struct cedar_schema *schema, struct cedar_diag *d);

/* One record of the array, not put anywhere. */
status cedar_entity_from_json(const struct json *v, const struct cedar_schema *schema, struct arena *a, struct cedar_entity *ret,
                              struct cedar_diag *d);

/* An array of all entities, ordered by type and id. E_NO_MEMORY; other errors are the buffer's. */
status cedar_entities_to_json(const struct cedar_entities *s, struct json_writer *w);

#endif
