/* types: the static types of Cedar, and what holds between them.
 *
 * A type is immutable and lives in an arena: of a schema (those are hash-consed and carry `shared`, so that two
 * different shared types are known to differ without a look inside) or of one run of the typechecker. */
#ifndef AMBIT_CEDAR_TYPES_H
#define AMBIT_CEDAR_TYPES_H

#include "base/arena.h"
#include "base/buf.h"

struct cedar_entity_type;

enum cedar_type_kind {
	CEDAR_TYPE_NEVER,      /* no value: the element type of an empty set in permissive mode */
	CEDAR_TYPE_TRUE,
	CEDAR_TYPE_FALSE,
	CEDAR_TYPE_BOOL,
	CEDAR_TYPE_LONG,
	CEDAR_TYPE_STRING,
	CEDAR_TYPE_ENTITY,     /* one of `ents`; n_ents == 0: any entity (permissive mode only) */
	CEDAR_TYPE_SET,
	CEDAR_TYPE_RECORD,
	CEDAR_TYPE_DECIMAL,    /* ORDER cedar_type_names in types.c */
	CEDAR_TYPE_IPADDR,
	CEDAR_TYPE_DATETIME,
	CEDAR_TYPE_DURATION,
};

struct cedar_attr {
	span name;
	const struct cedar_type *type;
	bool required;
};

struct cedar_type {
	enum cedar_type_kind kind;
	bool shared;           /* hash-consed in a schema */
	bool open;             /* a record with unknown further attributes (permissive mode only) */
	uint16_t depth;        /* of a shared type: 1 + the deepest part; <= CEDAR_SCHEMA_DEPTH */
	uint32_t n;            /* attributes or entity types */
	union {
		const struct cedar_type *elem;
		const struct cedar_attr *attrs;                   /* sorted by name */
		const struct cedar_entity_type *const *ents;      /* sorted by index; strict mode has one */
	};
};

/* The types without parts; static, shared. `kind` is none of ENTITY, SET, RECORD. */
const struct cedar_type *cedar_type_basic(enum cedar_type_kind kind);

static inline bool
cedar_type_is_bool(const struct cedar_type *t)
{
	return t->kind == CEDAR_TYPE_TRUE || t->kind == CEDAR_TYPE_FALSE || t->kind == CEDAR_TYPE_BOOL;
}

static inline bool
cedar_type_is_ext(const struct cedar_type *t)
{
	return t->kind >= CEDAR_TYPE_DECIMAL;
}

/* The attribute of that name in a record type's sorted list, or NULL. */
const struct cedar_attr *cedar_attr_find(const struct cedar_attr *attrs, uint32_t n, span name);

/* Joining walks both types; `fuel` counts the steps left, so that types built to be expensive stop the walk. At 0 the answer
 * is NULL and stays so: check `fuel` before believing it. */
struct cedar_type_ctx {
	struct arena *arena;   /* for new types */
	bool strict;
	uint32_t fuel;
};

/* Least upper bound, or NULL when there is none (or no memory: see arena_ok). Strict: booleans meet in Bool, sets by
 * element, records with the same keys and optionality, entities only when equal. Permissive: records keep the common
 * attributes and open, entities join. language.md 3.3. */
const struct cedar_type *cedar_type_lub(struct cedar_type_ctx *c, const struct cedar_type *a,
                                        const struct cedar_type *b);
/* No entity can be of both types. */
bool cedar_type_entities_disjoint(const struct cedar_type *a, const struct cedar_type *b);

/* As a schema or a message would show it: "Long", "Set<User>", "{a: Long, b?: String}"; cut short past 400 bytes. */
void cedar_type_print(struct buf *b, const struct cedar_type *t);

/* "decimal", "ipaddr", "datetime", "duration" -> kind; false for anything else. */
bool cedar_type_ext_from_name(span name, enum cedar_type_kind *ret);
/* The name of a type without parts. */
const char *cedar_type_name(enum cedar_type_kind kind);

#endif
