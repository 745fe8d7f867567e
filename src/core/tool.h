/* tool: one callable of one server, with the definition that a person has reviewed.
 *
 *   found ──review──▶ active ──definition changed──▶ quarantined ──review──▶ active
 *     └─ (quarantined, too, until reviewed)              any ──not listed any more──▶ gone
 *
 * INVARIANT: callable only while `current` equals `reviewed` (or the tier trusts the first definition and `current` is it). */
#ifndef AMBIT_CORE_TOOL_H
#define AMBIT_CORE_TOOL_H

#include "core/envelope.h"
#include "core/mapping.h"
#include "core/object.h"
#include "crypto/hash.h"

enum tool_state { TOOL_QUARANTINED, TOOL_ACTIVE, TOOL_GONE, TOOL_STATE_COUNT };
const char *tool_state_name(enum tool_state s);
bool tool_may_become(enum tool_state from, enum tool_state to);

enum { TOOL_WIRE_MAX = 64, TOOL_NAME_MAX = 128, TOOL_DEFINITION_MAX = 60000 };

struct server {
	struct map_node by_id;
	struct list all;
	uint64_t id;
	const struct object *object;
	struct str *name;
	struct stop *stop;
	struct list tools;
	uint32_t tool_n;
	bool discovering, announced;
	uint32_t sessions;               /* as the tools role last said */
	struct str *last_error;
	const struct json *tool_specs;   /* the `tools` member, or NULL */
	struct upstream *upstream;       /* whose templates its tools are, or NULL: a tool server */
};

struct tool {
	struct map_node by_name, by_wire;
	struct list all, of_server;
	struct row row;
	struct server *server;
	struct str *name;                /* server/name */
	span own_name;                   /* the server's: inside `name` */
	char wire[TOOL_WIRE_MAX + 1];
	uint8_t state;                   /* enum tool_state */
	bool ever_reviewed, untyped, untyped_set;
	bool mirrors;                    /* its schema has clients repeat arguments in headers */
	digest current, reviewed, first;
	struct str *definition;          /* canonical JSON now served */
	struct str *reviewed_definition;
	struct str *reviewed_by, *title, *why;
	int64_t reviewed_at;
	uint8_t effect, sensitivity;     /* in force */
	int8_t effect_set, sensitivity_set;  /* by a reviewer; -1: as the server's spec says */
	struct mapping *mapping;         /* in the server's arena; NULL: the tool itself is the resource */
	struct arena arena;              /* of the schema and its entities */
	struct jsonschema *schema;       /* NULL: the definition has none */
	bool schema_ok;
	struct stop *stop;
	uint64_t calls;
	const struct cedar_uid *action_uid, *tool_uid;   /* in `arena` */
};

struct server *server_find(const struct core *c, span name);
struct server *server_by_id(const struct core *c, uint64_t id);
struct tool *tool_find(const struct core *c, span name);       /* server/name */
struct tool *tool_by_wire(const struct core *c, span wire);
struct tool *tool_named(const struct core *c, span name_or_wire);

struct object_fault;
struct core;
/* As agent_parse. */
status server_parse(struct core *c, struct object *o, struct object_fault *f);
void server_parsed_free(struct core *c, struct server *s);
void server_install(struct core *c, struct object *o, struct server *parsed);
void server_removed(struct core *c, struct object *o);
void server_free(struct core *c, struct server *s);
void server_announce(struct core *c, struct server *s);

void tool_wire_name(span server, span name, char out[static TOOL_WIRE_MAX + 1]);
/* In quarantine and without a definition. E_EXISTS: its wire name is taken. */
status tool_new(struct core *c, struct server *s, span name, struct tool **ret);
void tool_free(struct core *c, struct tool *t);

/* What a server now serves (a canonical JSON array). Unless `partial`, what it does not list is gone. A malformed definition is
 * skipped and counted. `report` gets the members found, new, changed, gone. */
struct json_writer;
status tools_found(struct core *c, struct server *s, span definitions, bool partial, struct json_writer *report);
/* Its running session showed another definition than the reviewed one. */
void tool_quarantine(struct core *c, struct tool *t, const char *cause);
/* Callable under this tier? E_OK, E_TOOL_QUARANTINED, E_TOOL_UNKNOWN. */
uint16_t tool_callable(const struct tool *t, const struct tier *tier);
/* A person accepts the definition with this digest, which the caller has held against the current one. */
status tool_review(struct core *c, struct tool *t, const digest *seen, span by, span reason);
/* Recomputes effect, sensitivity, mapping and Cedar names. */
status tool_refresh(struct core *c, struct tool *t);
/* The objects of docs/model.md §6; `full`: with the definitions. */
void tool_write(const struct core *c, const struct tool *t, bool full, struct json_writer *w);
void server_write(const struct core *c, const struct server *s, struct json_writer *w);
status tool_restore(struct core *c, span key, span value);
/* Keeps the row until the servers are in (core_load.c). */
status tool_restore_later(struct core *c, span key, span value);
/* Compiles t->schema. A schema that cannot be used closes the tool (schema_ok). */
status tool_compile_schema(struct tool *t);
struct asker;
/* Asks the tools role what the server offers; the answer goes to `who` (NULL: nobody). E_CONFLICT: asked already. */
status server_discover(struct core *c, struct server *s, const struct asker *who);
void tool_encode(const struct tool *t, struct buf *b);

#endif
