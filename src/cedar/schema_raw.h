/* schema_raw: declarations of a schema as they were written, before names are resolved. Private to cedar/schema_*.c and
 * cedar/toolschema.c. Everything lives in the arena of the schema being made; both syntaxes fill the same lists. */
#ifndef AMBIT_CEDAR_SCHEMA_RAW_H
#define AMBIT_CEDAR_SCHEMA_RAW_H

#include "cedar/schema.h"

enum raw_type_kind {
	RAW_NAME,        /* common type, entity type or builtin: the Cedar syntax and "EntityOrCommon" */
	RAW_COMMON,      /* {"type": "T"}: common type or builtin */
	RAW_ENTITY,      /* {"type": "Entity", "name"} */
	RAW_BASIC,       /* {"type": "Long"}, "Extension": already known */
	RAW_SET,
	RAW_RECORD,
};

struct raw_annotation {
	struct raw_annotation *next;
	span key, value;
	bool has_value;
};

struct raw_type {
	enum raw_type_kind kind;
	uint32_t at;
	union {
		span name;
		const struct cedar_type *basic;
		struct raw_type *elem;
		struct raw_attr *attrs;
	};
};

struct raw_attr {
	struct raw_attr *next;
	struct raw_annotation *annotations;
	span name;
	struct raw_type *type;
	bool required;
};

/* A list of names or of uids (type empty: not given). */
struct raw_ref {
	struct raw_ref *next;
	span type, id;
	uint32_t at;
};

struct raw_entity {
	struct raw_entity *next;
	struct raw_annotation *annotations;
	span name;
	uint32_t at;
	bool is_enum;
	struct raw_ref *ids;        /* enum: .id */
	struct raw_ref *parents;    /* .type */
	struct raw_type *shape;     /* NULL: no attributes */
	struct raw_type *tags;
};

struct raw_common {
	struct raw_common *next;
	struct raw_annotation *annotations;
	span name;
	uint32_t at;
	struct raw_type *type;
};

struct raw_action {
	struct raw_action *next;
	struct raw_annotation *annotations;
	span id;
	uint32_t at;
	bool applies;
	struct raw_ref *parents;    /* type and id */
	struct raw_ref *principals, *resources;  /* .type */
	struct raw_type *context;
};

struct raw_namespace {
	struct raw_namespace *next;
	struct raw_annotation *annotations;
	span name;                  /* "" for the empty one */
	uint32_t at;
	struct raw_entity *entities, **entities_end;
	struct raw_common *commons, **commons_end;
	struct raw_action *actions, **actions_end;
};

struct raw_schema {
	struct arena *arena;
	span text;                  /* for places */
	struct cedar_diag *diag;
	struct raw_namespace *namespaces, **namespaces_end;
};

/* The namespace of that name, or a new one at the end; NULL on no memory. *ret_new may be NULL. */
struct raw_namespace *raw_namespace_get(struct raw_schema *r, span name, uint32_t at, bool *ret_new);

/* Fails with E_BAD_SCHEMA at byte `at`; hint may be NULL. */
status raw_fail(struct raw_schema *r, uint32_t at, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* What a failed allocation from r's arena means: E_LIMIT when the arena's cap is the reason, else E_NO_MEMORY. */
status raw_oom(const struct raw_schema *r);

/* Names that a common type may not have. */
bool raw_common_reserved(span name);

/* The two readers: fill r. */
status raw_parse_cedar(struct raw_schema *r, span text);
status raw_parse_json(struct raw_schema *r, span json);

/* An empty schema with its arena; NULL on no memory. `cedar_schema_raw` gives what the readers fill. */
struct cedar_schema *cedar_schema_new(size_t arena_max);
struct raw_schema *cedar_schema_raw(struct cedar_schema *s);
const struct raw_schema *cedar_schema_raw_const(const struct cedar_schema *s);
/* Resolves what was read. On failure the caller unrefs s. */
status cedar_schema_resolve(struct cedar_schema *s);

#endif
