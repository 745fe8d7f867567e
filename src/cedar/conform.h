/* conform: do values, entities and requests fit a schema? For data that was built in memory; the JSON readers, given a
 * schema, read by type and refuse most of this themselves. language.md 3.3, last paragraph. */
#ifndef AMBIT_CEDAR_CONFORM_H
#define AMBIT_CEDAR_CONFORM_H

#include "cedar/cedar.h"
#include "cedar/schema.h"

/* All fail with E_BAD_ENTITY and a text in *d (may be NULL); d has no place. Nothing is allocated. */

/* v is of type t: closed records, elements of sets, enumerated ids, declared actions. `name` is what messages call it. */
status cedar_value_conforms(const struct cedar_schema *s, const struct cedar_type *t, struct cedar_value v, span name,
                            struct cedar_diag *d);
/* Declared type; attributes and tags as declared; parents of declared parent types (transitively); enumerated types have ids
 * of their list and nothing else; an action is exactly the declared one. Parents need not exist. */
status cedar_entity_conforms(const struct cedar_schema *s, const struct cedar_entity *e, struct cedar_diag *d);
/* Every entity of a store. */
status cedar_entities_conform(const struct cedar_schema *s, const struct cedar_entities *all, struct cedar_diag *d);
/* The action is declared, and applies to these types of principal and resource; the context is of its type. */
status cedar_request_conforms(const struct cedar_schema *s, const struct cedar_request *r, struct cedar_diag *d);

#endif
