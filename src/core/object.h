/* object: a named resource as an administrator applied it (docs/model.md §1): its canonical JSON, its version, and the parsed
 * form that decisions use. An object is replaced whole; readers hold the struct, whose address stays while the name lives. */
#ifndef AMBIT_CORE_OBJECT_H
#define AMBIT_CORE_OBJECT_H

#include "base/arena.h"
#include "base/map.h"
#include "core/row.h"
#include "text/json.h"

struct core;

/* ORDER object_kinds; applied in this order, removed in reverse, so that what is named is there. */
enum object_kind { OBJ_USER, OBJ_TIER, OBJ_AGENT, OBJ_SERVER, OBJ_LABEL, OBJ_WORKFLOW, OBJ_POLICY, OBJ_APPLICATION, OBJ_UPSTREAM, OBJECT_KIND_COUNT };

enum { OBJECT_NAME_MAX = 63, OBJECT_SPEC_MAX = 60000 };

struct object {
	struct map_node node;            /* core.objects, by "kind/name" */
	struct list of_kind;             /* core.kinds[kind], in order of name */
	struct row row;
	uint8_t kind;                    /* enum object_kind */
	uint64_t version;                /* 1 at first */
	int64_t changed;                 /* wall */
	struct arena arena;              /* owns all below and the parsed form's parts */
	span name, by;
	span text;                       /* canonical JSON of the resource */
	const struct json *spec;
	void *parsed;                    /* struct user, tier, agent, server, label, workflow, application, upstream; policy: NULL. In the
	                                    arena, but for agent, server and upstream, which outlive their specs */
};

const char *object_kind_name(enum object_kind k);
bool object_kind_from(span s, enum object_kind *ret);
/* [a-z0-9][a-z0-9._/@-]{0,62}; servers [a-z0-9-]{1,20} and neither "ambit" nor "lease". */
bool object_name_ok(enum object_kind k, span name);
/* NULL when absent. */
struct object *object_find(const struct core *c, enum object_kind k, span name);

/* Why a resource is refused, for a person. */
struct object_fault {
	const char *kind;
	span name;
	const char *member, *reason, *suggestion;
	char unknown[OBJECT_NAME_MAX + 1];   /* what `member` points to when the member's name came from outside */
};

/* A checked object in no map yet. `spec` has the members kind and name. E_BAD_REQUEST with *f; E_LIMIT; E_NO_MEMORY. */
status object_new(struct core *c, const struct json *spec, span by, struct object **ret, struct object_fault *f);
void object_free(struct core *c, struct object *o);
/* Puts it in its place; an older one of that name is replaced and freed. Can not fail once object_room() has been OK. */
void object_install(struct core *c, struct object *o);
status object_room(struct core *c, size_t objects);
/* Takes it out and frees it; what it stands for (agent, server) ends. */
void object_remove(struct core *c, struct object *o);

/* ---- the plain kinds ---- */

enum role_bit { ROLE_BIT_ADMIN = 1, ROLE_BIT_APPROVER = 2, ROLE_BIT_AUDITOR = 4 };

struct user {
	const int64_t *uids;
	const span *groups;
	uint32_t uid_n, group_n;
	uint8_t roles;
};

struct tier {
	int64_t max_ttl, approval_ttl;   /* ns */
	int32_t max_depth, max_calls, calls_per_minute, revalidate_seconds;
	bool buffered, trust_first;
};

struct label {
	span resource;                   /* pattern over Type::"id" written Type::id */
	uint8_t sensitivity;
};

struct envelope;
struct workflow {
	struct envelope *envelope;
	const span *agents;
	uint32_t agent_n;
	span purpose;
};

static inline const struct user *object_user(const struct object *o) { return o ? o->parsed : NULL; }
bool user_in_group(const struct user *u, span group);
/* A user named so, or a member of a group named so. */
bool user_answers_to(span user_name, const struct user *u, span user_or_group);
/* The user with that uid; `as` chooses among several (empty: the first by name). NULL when there is none. */
const struct object *user_of_uid(const struct core *c, uint32_t uid, span as);
/* The tier of that name, or the built-in defaults. */
const struct tier *tier_find(const struct core *c, span name);
/* The strongest label whose pattern matches, or `floor`. *ret_label: its name or empty. */
uint8_t label_of(const struct core *c, span resource, uint8_t floor, span *ret_label);

#endif
