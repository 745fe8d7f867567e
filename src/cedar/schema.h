/* schema: what entity types, actions and common types exist; immutable, refcounted.
 *
 * Comes from the Cedar syntax, from JSON, or from a builder (toolschema). Everything reached from a schema is borrowed
 * from it. Names are full names in normal form ("A::B::T", no blanks). Limits: CEDAR_SCHEMA_MAX bytes of text, types
 * CEDAR_SCHEMA_DEPTH deep. Grammar and rules: Cedar language 4.5. */
#ifndef AMBIT_CEDAR_SCHEMA_H
#define AMBIT_CEDAR_SCHEMA_H

#include "cedar/diag.h"
#include "cedar/types.h"

#define CEDAR_SCHEMA_MAX   ((size_t)4 << 20)
#define CEDAR_SCHEMA_DEPTH 200

struct cedar_schema;

struct cedar_entity_type {
	span name;
	uint32_t index;                    /* position in cedar_schema_entity_types() */
	bool is_enum;
	bool is_action;                    /* "Action" or "N::Action": made by declaring actions */
	uint32_t n_attrs, n_ids, n_ancestors;
	const struct cedar_attr *attrs;    /* sorted by name */
	const struct cedar_type *tags;     /* NULL: none */
	const span *ids;                   /* of an enumerated type, sorted */
	const struct cedar_entity_type *const *ancestors; /* transitive, without itself unless cyclic; sorted by index */
	const struct cedar_type *type;     /* the type of its entities */
};

struct cedar_action {
	const struct cedar_entity_type *type;
	span id;
	uint32_t index;                    /* position in cedar_schema_actions() */
	bool applies;                      /* has an appliesTo; else a group */
	uint32_t n_principals, n_resources, n_parents, n_ancestors;
	const struct cedar_entity_type *const *principals, *const *resources; /* sorted by index, no duplicates */
	const struct cedar_type *context;  /* a record; empty when not given */
	const struct cedar_action *const *parents;
	const struct cedar_action *const *ancestors;      /* transitive; sorted by index */
};

/* Parse and resolve. on E_BAD_SCHEMA *diag says where and why; it may be NULL. E_LIMIT past the
 * limits, E_NO_MEMORY. The schema copies what it needs from the text. */
status cedar_schema_parse(span text, struct cedar_diag *diag, struct cedar_schema **ret);
status cedar_schema_parse_json(span json, struct cedar_diag *diag, struct cedar_schema **ret);

struct cedar_schema *cedar_schema_ref(struct cedar_schema *s);
/* Takes NULL; returns NULL. The count is atomic. */
struct cedar_schema *cedar_schema_unref(struct cedar_schema *s);
void cedar_schema_unrefp(struct cedar_schema **s);   /* for CLEANUP */

/* NULL when not declared. */
const struct cedar_entity_type *cedar_schema_entity_type(const struct cedar_schema *s, span name);
const struct cedar_action *cedar_schema_action(const struct cedar_schema *s, span type, span id);
/* All of them, sorted by name (actions: by type, then id). */
const struct cedar_entity_type *const *cedar_schema_entity_types(const struct cedar_schema *s, size_t *ret_n);
const struct cedar_action *const *cedar_schema_actions(const struct cedar_schema *s, size_t *ret_n);

/* An entity of type t may be `in` one of type anc: same type, or declared so, transitively. */
bool cedar_entity_type_in(const struct cedar_entity_type *t, const struct cedar_entity_type *anc);
/* Same action or a group above it. */
bool cedar_action_in(const struct cedar_action *a, const struct cedar_action *anc);
/* The id is in an enumerated type's list; always true for other types. */
bool cedar_entity_type_has_id(const struct cedar_entity_type *t, span id);

/* The declared name nearest to a misspelled one, or the empty span: for "did you mean". */
span cedar_schema_nearest_type(const struct cedar_schema *s, span name);
const struct cedar_action *cedar_schema_nearest_action(const struct cedar_schema *s, span id);

/* Writers: the declarations as they were written (common types and annotations kept), in canonical layout; parsing the
 * output gives an equal schema. Errors are the buffer's. The Cedar syntax can not say everything that JSON can: a shape that
 * names a common type is written out; an entity type hidden behind a common type of its name is E_NOT_IMPLEMENTED. */
void cedar_schema_to_json(const struct cedar_schema *s, struct buf *b);
status cedar_schema_to_cedar(const struct cedar_schema *s, struct buf *b);

#endif
