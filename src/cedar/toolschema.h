/* toolschema: the Cedar schema that follows from a catalogue of tools, and tool arguments as Cedar records.
 *
 * One action a tool, Action::"server/tool", in the groups "server:NAME", "effect:EFFECT" and "all"; context.input typed from
 * the tool's JSON Schema. Entity types: Agent (in Team, Tier), User (in Group), Tool (in Server), and one for each kind that a
 * resource mapping names, with its sensitivity. docs/model.md §5. */
#ifndef AMBIT_CEDAR_TOOLSCHEMA_H
#define AMBIT_CEDAR_TOOLSCHEMA_H

#include "cedar/schema.h"
#include "cedar/value.h"
#include "text/json.h"

struct cedar_tool {
	span server, name;
	span effect;                 /* read, write, destructive or egress */
	const struct json *input;    /* its JSON Schema; NULL: no arguments */
	bool untyped;                /* a reviewer accepts that what Cedar can not type arrives as a String of canonical JSON */
	const span *kinds;           /* entity types that its resource mapping makes ("Path"); none: the Tool itself */
	size_t n_kinds;
};

/* Something of an input schema that policies can not see, or (opaque) see as text only. */
struct cedar_tool_gap {
	span server, name;           /* of the tool */
	span pointer;                /* of the argument: "/options/ratio"; "" is the input itself */
	const char *reason;          /* static: "a number with fractions" */
	bool opaque;
};

struct cedar_toolschema;

/* `servers` are those with no tool too, so that policies may name their groups; `kinds` likewise for resource types. Copies
 * what it needs. E_BAD_SCHEMA with *d: a tool twice, an unknown effect, a kind that is no identifier or one of the names
 * above. E_LIMIT, E_NO_MEMORY. Immutable and refcounted (atomically). */
status cedar_toolschema_new(const struct cedar_tool *tools, size_t n_tools, const span *servers, size_t n_servers,
                            const span *kinds, size_t n_kinds, struct cedar_diag *d, struct cedar_toolschema **ret);
struct cedar_toolschema *cedar_toolschema_ref(struct cedar_toolschema *t);
/* Takes NULL; returns NULL. */
struct cedar_toolschema *cedar_toolschema_unref(struct cedar_toolschema *t);
void cedar_toolschema_unrefp(struct cedar_toolschema **t);   /* for CLEANUP */

/* Borrowed. */
struct cedar_schema *cedar_toolschema_schema(const struct cedar_toolschema *t);
const struct cedar_tool_gap *cedar_toolschema_gaps(const struct cedar_toolschema *t, size_t *ret_n);

/* A call's arguments (an object; NULL: none) as the record context.input. Arguments that Cedar can not type are left out, or
 * are text; so are members the schema does not name. E_TOOL_UNKNOWN; E_BAD_ARGUMENTS: a value is not of its declared type, a
 * required one is missing, or an integer is beyond 64 bits; *d says which. E_NO_MEMORY when the arena is full. Strings of the
 * result point into `args` or the arena. */
status cedar_toolschema_input(const struct cedar_toolschema *t, span server, span name, const struct json *args,
                              struct arena *a, const struct cedar_record **ret, struct cedar_diag *d);

#endif
