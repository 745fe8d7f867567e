/* envelope: what a task may do at most. Parsed once, interned by its canonical text, shared by all tasks that have it. */
#ifndef AMBIT_CORE_ENVELOPE_H
#define AMBIT_CORE_ENVELOPE_H

#include "core/intern.h"
#include "text/json.h"

/* ORDER effect_names; bit (1 << effect) in envelopes. */
enum effect { EFFECT_READ, EFFECT_WRITE, EFFECT_DESTRUCTIVE, EFFECT_EGRESS, EFFECT_COUNT };
const char *effect_name(enum effect e);
bool effect_from(span s, enum effect *ret);

/* ORDER sensitivity_names; Long 0..3 in Cedar. */
enum sensitivity { SENS_PUBLIC, SENS_INTERNAL, SENS_CONFIDENTIAL, SENS_RESTRICTED, SENS_COUNT };
const char *sensitivity_name(enum sensitivity s);
bool sensitivity_from(span s, enum sensitivity *ret);

/* ORDER constraint_ops */
enum constraint_op {
	CON_EQ, CON_NE, CON_IN, CON_NOT_IN, CON_LT, CON_LE, CON_GT, CON_GE, CON_PREFIX, CON_GLOB, CON_MAX_LENGTH, CON_ABSENT,
	CON_PRESENT, CON_COUNT
};
const char *constraint_op_name(enum constraint_op op);

struct constraint {
	span tool;               /* pattern; "**" when not given */
	span path;               /* RFC 6901, with `*` steps */
	uint8_t op;              /* enum constraint_op */
	const struct json *value;
};

struct amount {
	span tool, path;
	int64_t max;
};

enum { ENVELOPE_MAX = 16384, ENVELOPE_ITEMS = 256 };

struct envelope {
	struct map_node node;
	uint32_t refs;
	struct arena arena;      /* owns all below */
	span text;               /* canonical JSON */
	const span *tools, *resources;
	const span *credentials;         /* "upstream.template"; none when not given */
	const struct constraint *constraints;
	const struct amount *amounts;
	uint16_t tool_n, resource_n, constraint_n, amount_n, credential_n;
	uint8_t effects;         /* bits; all when not given */
	bool has_resources;      /* given, so an empty list allows none */
	int32_t max_calls;       /* -1: no limit */
	int32_t calls_per_minute;
	int16_t depth;           /* -1: no limit of its own */
	span environment;        /* empty: any */
};

struct envelopes {
	struct map map;
};

void envelopes_init(struct envelopes *es, uint64_t k0, uint64_t k1);
void envelopes_fini(struct envelopes *es);
/* What docs/model.md §2 says. E_BAD_REQUEST with *err (key and reason), E_LIMIT, E_NO_MEMORY. The caller unrefs. */
status envelope_get(struct envelopes *es, const struct json *v, struct envelope **ret, struct json_error *err);
/* From stored canonical text. */
status envelope_from_text(struct envelopes *es, span text, struct envelope **ret);
static inline struct envelope *envelope_ref(struct envelope *e) { if (e) e->refs++; return e; }
void envelope_unref(struct envelopes *es, struct envelope *e);

/* Why a call does not fit. */
struct misfit {
	uint16_t code;           /* E_OK: it fits; E_OUTSIDE_ENVELOPE or E_ARGUMENT_REFUSED */
	const char *what;        /* "tools", "effects", "resources", "environment", "arguments" */
	const struct constraint *constraint;
};

/* Cheap part, for lists: name ("server/tool") and effect. */
bool envelope_has_tool(const struct envelope *e, span tool, enum effect effect);
/* Resource: `Type::"id"` in the short form Type::id that patterns use, or empty when the call has none. */
struct misfit envelope_check(const struct envelope *e, span tool, enum effect effect, span resource, span environment,
                             const struct json *args);
/* The same for a credential, by its name "upstream.template": `credentials` says which, not `tools` and `resources`. */
struct misfit envelope_check_credential(const struct envelope *e, span name, span tool, enum effect effect, span environment,
                                        const struct json *args);
/* Does `c` hold for these arguments? (Its tool pattern is the caller's business.) */
bool constraint_holds(const struct constraint *c, const struct json *args);
/* The amount a call spends under `a`: the integer at its path, 0 where there is none; negative or no integer: false. */
bool amount_of(const struct amount *a, const struct json *args, int64_t *ret);

/* The plain cases of child ⊆ parent; what cannot be seen here is seen at each call, where every ancestor is asked. *ret_what:
 * the member that is wider. */
bool envelope_narrower(const struct envelope *child, const struct envelope *parent, const char **ret_what);

#endif
