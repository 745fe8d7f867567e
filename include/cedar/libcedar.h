/* libcedar: the Cedar policy language (language 4.5) for C programs.
 *
 *   struct cedar_draft *d = cedar_draft_new();                              collect policies …
 *   cedar_draft_add_text(d, text, cedar_str("prod.cedar"), 0, &e);
 *   cedar_policyset_new(d, &set, &e);                                       … compile them …
 *   cedar_session_authorize(session, set, store, query, &answer, &e);       … and ask.
 *
 * Link with `pkg-config --cflags --libs libcedar`. A complete program: examples/cedar/authorize.c; a guide: docs/howto/libcedar.md.
 *
 * Conventions. A function that can fail returns an enum cedar_code: CEDAR_OK (0) or the reason, of which *e (may be NULL) tells
 * more. `ret` parameters are written on success only. Texts are pointer and length, UTF-8, need no NUL and are copied unless it says
 * otherwise. What a `_new` gives, the `_free` of the same noun takes; `_ref` and `_unref` count references. `_free` and `_unref` take
 * NULL. Nothing is printed, logged, or kept in global variables.
 *
 * Threads. Policy sets and schemas are immutable and their counts atomic: any number of threads may use one. A store may be read
 * by many threads while none changes it. Drafts, queries, sessions and outlooks belong to one thread at a time.
 *
 * Limits. Policy text 1 MiB, policy JSON 4 MiB, schemas 4 MiB, entities 256 MiB, requests 1 MiB, expressions nested 1,000 deep: beyond
 * is CEDAR_LIMIT or a refusal with its place. Memory that a call may take grows with its input and is bounded.
 *
 * Stability. Symbols and structures of this header stay as they are while the library's soname is libcedar.so.1; new functions, new codes and
 * new kinds may come. Zero the members of option structures that you do not set. */
#ifndef LIBCEDAR_H
#define LIBCEDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CEDAR_API __attribute__((visibility("default")))
#define CEDAR_CHECK __attribute__((warn_unused_result))
#else
#define CEDAR_API
#define CEDAR_CHECK
#endif

/* ---- common ---- */

/* Of the library: "1.0.0". Of the language: "4.5". Static. */
CEDAR_API const char *cedar_library_version(void);
CEDAR_API const char *cedar_language_version(void);

/* A borrowed text. */
struct cedar_text {
	const char *data;
	size_t size;
};

static inline struct cedar_text
cedar_text_make(const char *data, size_t size)
{
	struct cedar_text t = { data, size };
	return t;
}

/* Of a C string; NULL is the empty text. */
static inline struct cedar_text
cedar_str(const char *z)
{
	return cedar_text_make(z, z ? strlen(z) : 0);
}

enum cedar_code {
	CEDAR_OK = 0,
	CEDAR_BAD_POLICY,        /* policies do not parse, or a link does not fit its template */
	CEDAR_BAD_SCHEMA,
	CEDAR_BAD_ENTITY,        /* entities, requests and contexts: malformed, or not as the schema says */
	CEDAR_BAD_JSON,
	CEDAR_BAD_UTF8,
	CEDAR_DUPLICATE,         /* an id occurs twice */
	CEDAR_UNKNOWN,           /* an id that does not exist */
	CEDAR_LIMIT,             /* something is larger, deeper or more than it may be */
	CEDAR_NO_MEMORY,
	CEDAR_INTERNAL           /* a fault of the library; please report it */
};

/* "bad_policy": stable, for machines. */
CEDAR_API const char *cedar_code_name(enum cedar_code code);

/* Filled by every function that fails and takes one; untouched otherwise. */
struct cedar_error {
	enum cedar_code code;
	uint32_t line, column;           /* from 1, columns in characters; 0: no place */
	uint32_t offset, end;            /* bytes of the text at fault */
	char message[240];               /* one sentence */
	char hint[160];                  /* what to do about it, or "" */
};

/* The name of an entity: type "Ns::User", id "alice". */
struct cedar_name_of {
	struct cedar_text type, id;
};

static inline struct cedar_name_of
cedar_entity_name(const char *type, const char *id)
{
	struct cedar_name_of n = { { type, strlen(type) }, { id, strlen(id) } };
	return n;
}

/* Frees a text that a function of this library gave as `char **`. */
CEDAR_API void cedar_text_free(char *text);

/* ---- schemas ---- */

struct cedar_schema;

/* From the Cedar syntax, or from JSON. The caller unrefs. CEDAR_BAD_SCHEMA, CEDAR_BAD_JSON, CEDAR_BAD_UTF8, CEDAR_LIMIT, CEDAR_NO_MEMORY. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_schema_from_text(struct cedar_text text, struct cedar_schema **ret, struct cedar_error *e);
CEDAR_API CEDAR_CHECK enum cedar_code cedar_schema_from_json(struct cedar_text json, struct cedar_schema **ret, struct cedar_error *e);
/* One more reference; another thread may have it. */
CEDAR_API struct cedar_schema *cedar_schema_retain(struct cedar_schema *s);
CEDAR_API void cedar_schema_release(struct cedar_schema *s);
/* The declarations in the other syntax, or in canonical layout; NUL-terminated; cedar_text_free. CEDAR_NO_MEMORY; CEDAR_BAD_SCHEMA for the
 * few schemas that the Cedar syntax can not express. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_schema_write_json(const struct cedar_schema *s, char **ret, struct cedar_error *e);
CEDAR_API CEDAR_CHECK enum cedar_code cedar_schema_write_text(const struct cedar_schema *s, char **ret, struct cedar_error *e);

/* ---- policies ---- */

/* Policies being put together. */
struct cedar_draft;

/* NULL on no memory. */
CEDAR_API struct cedar_draft *cedar_draft_new(void);
CEDAR_API void cedar_draft_free(struct cedar_draft *d);

/* A policy with an annotation @id("x") is called x, not policy3. */
#define CEDAR_ID_FROM_ANNOTATION 1u

/* Adds the policies and templates of a text. They are called policy0, policy1, … as counted over all texts added to this draft. `file`
 * is for messages and may be empty. CEDAR_BAD_POLICY, CEDAR_BAD_UTF8, CEDAR_DUPLICATE, CEDAR_LIMIT, CEDAR_NO_MEMORY; nothing is added then. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_draft_add_text(struct cedar_draft *d, struct cedar_text text, struct cedar_text file, unsigned flags,
                                                           struct cedar_error *e);
/* Adds a policy set in JSON ({"staticPolicies","templates","templateLinks"}) or one policy in JSON, which is then called policyN as
 * above. Fails as cedar_draft_add_text, and with CEDAR_BAD_JSON. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_draft_add_json(struct cedar_draft *d, struct cedar_text json, struct cedar_text file,
                                                           struct cedar_error *e);

/* Compiled policies: immutable, counted. */
struct cedar_policyset;

/* Adds a link of a template that is in the draft or, where not NULL, in `from`. Exactly the slots of the template must be given (NULL: not
 * given). CEDAR_UNKNOWN: no such template; CEDAR_BAD_POLICY: the slots do not fit; CEDAR_DUPLICATE; CEDAR_NO_MEMORY. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_draft_link(struct cedar_draft *d, const struct cedar_policyset *from, struct cedar_text template_id,
                                                       struct cedar_text new_id, const struct cedar_name_of *principal,
                                                       const struct cedar_name_of *resource, struct cedar_error *e);

/* Compiles a draft, which stays as it is. CEDAR_NO_MEMORY, CEDAR_LIMIT. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_policyset_new(const struct cedar_draft *d, struct cedar_policyset **ret, struct cedar_error *e);
/* A new set: `old` without the policies, templates and links called `drop`, with those of `add` (may be NULL). Only what is added is
 * compiled; `old` stays as it is. Links of a dropped template stay. CEDAR_UNKNOWN, CEDAR_DUPLICATE, CEDAR_NO_MEMORY, CEDAR_LIMIT. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_policyset_edit(const struct cedar_policyset *old, const struct cedar_text *drop, size_t drop_n,
                                                           const struct cedar_draft *add, struct cedar_policyset **ret,
                                                           struct cedar_error *e);
CEDAR_API struct cedar_policyset *cedar_policyset_ref(struct cedar_policyset *s);
CEDAR_API void cedar_policyset_unref(struct cedar_policyset *s);

/* Policies and links in order; templates, which do nothing by themselves, are not counted. */
CEDAR_API size_t cedar_policyset_count(const struct cedar_policyset *s);
/* Bytes of memory that the set holds. */
CEDAR_API size_t cedar_policyset_memory(const struct cedar_policyset *s);

struct cedar_policy_info {
	struct cedar_text id, file;
	bool permit;                     /* else forbid */
	uint32_t line;                   /* 0 for policies from JSON */
};

/* Policy i < count. The texts live as long as the set. */
CEDAR_API struct cedar_policy_info cedar_policyset_at(const struct cedar_policyset *s, size_t i);
/* The value of an annotation of policy i < count ("" for one without value), or false. */
CEDAR_API bool cedar_policyset_annotation(const struct cedar_policyset *s, size_t i, struct cedar_text key, struct cedar_text *ret);
/* Policy i < count in JSON (a link as the static policy that it stands for); cedar_text_free. CEDAR_NO_MEMORY. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_policyset_write_json(const struct cedar_policyset *s, size_t i, char **ret, struct cedar_error *e);

/* A policy text in canonical layout, comments kept; cedar_text_free. Fails as cedar_draft_add_text. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_format_text(struct cedar_text text, char **ret, struct cedar_error *e);

/* ---- validation ---- */

struct cedar_validation {
	bool permissive;                 /* the weaker rules */
	bool inapplicable_warns;         /* a scope that no action can meet: a warning, as from SDK 4.13; else an error, as up to 4.12 */
	bool check_level;                /* also: entities are dereferenced at most `level` deep */
	uint32_t level;
	uint64_t max_steps;              /* work for one policy; 0: 200 million */
};

struct cedar_problem {
	struct cedar_text policy;        /* id */
	const char *kind;                /* "unsafe_attr": stable, for machines */
	bool warning;                    /* else error */
	struct cedar_error where;        /* code is CEDAR_BAD_POLICY */
};

struct cedar_problems;

/* Holds policies, templates and links of a set against a schema. `options` may be NULL. Findings are no failure: they are in *ret, which keeps
 * 256 of them and counts all. CEDAR_LIMIT when the work runs out, CEDAR_NO_MEMORY: nothing may be concluded then. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_policyset_check(const struct cedar_policyset *s, const struct cedar_schema *schema,
                                                            const struct cedar_validation *options, struct cedar_problems **ret,
                                                            struct cedar_error *e);
CEDAR_API void cedar_problems_free(struct cedar_problems *p);
/* The set is valid if and only if there are no errors. */
CEDAR_API size_t cedar_problems_errors(const struct cedar_problems *p);
CEDAR_API size_t cedar_problems_warnings(const struct cedar_problems *p);
/* How many are kept, and one of them; its texts live as long as `p` and the set. */
CEDAR_API size_t cedar_problems_count(const struct cedar_problems *p);
CEDAR_API struct cedar_problem cedar_problems_at(const struct cedar_problems *p, size_t i);

/* ---- entities ---- */

struct cedar_store;

/* An empty store; NULL on no memory. */
CEDAR_API struct cedar_store *cedar_store_new(void);
CEDAR_API void cedar_store_free(struct cedar_store *s);
/* Adds, or replaces, the entities of a JSON array of {"uid","attrs","parents","tags"?}. With a schema, values are read by their types,
 * everything must fit it, and its action entities are added. Takes time for all that the store holds; for changes there is
 * cedar_store_put_json. CEDAR_BAD_ENTITY, CEDAR_BAD_JSON, CEDAR_LIMIT, CEDAR_NO_MEMORY; the store is unchanged then. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_store_load_json(struct cedar_store *s, struct cedar_text json, const struct cedar_schema *schema,
                                                            struct cedar_error *e);
/* Adds or replaces one entity, from a JSON object as above. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_store_put_json(struct cedar_store *s, struct cedar_text json, const struct cedar_schema *schema,
                                                           struct cedar_error *e);
/* Removes an entity. CEDAR_UNKNOWN: there is none; CEDAR_NO_MEMORY. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_store_remove(struct cedar_store *s, struct cedar_name_of name, struct cedar_error *e);
CEDAR_API size_t cedar_store_count(const struct cedar_store *s);
/* A JSON array of all entities, ordered by type and id; cedar_text_free. CEDAR_NO_MEMORY. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_store_write_json(const struct cedar_store *s, char **ret, struct cedar_error *e);

/* ---- questions ---- */

struct cedar_query;

/* May `principal` do `action` to `resource`? `context_json` is a JSON object or empty. With a schema (may be NULL) the context is read by its
 * types and the request must fit. CEDAR_BAD_ENTITY, CEDAR_BAD_JSON, CEDAR_LIMIT, CEDAR_NO_MEMORY. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_query_new(struct cedar_name_of principal, struct cedar_name_of action, struct cedar_name_of resource,
                                                      struct cedar_text context_json, const struct cedar_schema *schema,
                                                      struct cedar_query **ret, struct cedar_error *e);
/* The same from {"principal","action","resource","context"?}, names as {"type","id"} or as text `User::"alice"`. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_query_from_json(struct cedar_text json, const struct cedar_schema *schema, struct cedar_query **ret,
                                                            struct cedar_error *e);
CEDAR_API void cedar_query_free(struct cedar_query *q);

/* The working memory of one thread. An answer lives until the next call with the same session. */
struct cedar_session;

/* `max_memory`: bytes that one call may take; 0: 64 MiB. NULL on no memory. */
CEDAR_API struct cedar_session *cedar_session_new(size_t max_memory);
CEDAR_API void cedar_session_free(struct cedar_session *s);

struct cedar_policy_failure {
	struct cedar_text policy;        /* id */
	struct cedar_text message;       /* one line, with the place */
};

struct cedar_authorization {
	bool allow;                      /* a permit holds and no forbid does */
	uint32_t reason_n, failure_n;
	const struct cedar_text *reasons;                /* ids of all permits that hold, or of all forbids that hold; in the order of the set */
	const struct cedar_policy_failure *failures;     /* policies that could not be evaluated, and so did not count */
};

/* The whole answer. CEDAR_NO_MEMORY: there is none, and nothing may be allowed. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_session_authorize(struct cedar_session *w, const struct cedar_policyset *set,
                                                              const struct cedar_store *store, const struct cedar_query *q,
                                                              struct cedar_authorization *ret, struct cedar_error *e);
/* The decision alone: faster, as it stops when it is known. *ret is false unless CEDAR_OK is given. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_session_decide(struct cedar_session *w, const struct cedar_policyset *set, const struct cedar_store *store,
                                                           const struct cedar_query *q, bool *ret, struct cedar_error *e);
/* n questions at once: ret[i] is the answer to q[i], as cedar_session_authorize gives it. Work is shared between neighbours that ask
 * about the same principal, action and context. All answers live until the next call. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_session_authorize_many(struct cedar_session *w, const struct cedar_policyset *set,
                                                                   const struct cedar_store *store, const struct cedar_query *const *q, size_t n,
                                                                   struct cedar_authorization *ret, struct cedar_error *e);
/* Which of n resources may the question be answered with allow for, if asked of them instead of its own? ret[i] says it of resources[i]. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_session_filter(struct cedar_session *w, const struct cedar_policyset *set, const struct cedar_store *store,
                                                           const struct cedar_query *q, const struct cedar_name_of *resources, size_t n, bool *ret,
                                                           struct cedar_error *e);
/* Why not: one line for each of the (at most `n`) permits that came nearest, with the first thing that each lacked; "" when there is none.
 * Lives until the next call. CEDAR_NO_MEMORY. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_session_explain(struct cedar_session *w, const struct cedar_policyset *set, const struct cedar_store *store,
                                                            const struct cedar_query *q, unsigned n, struct cedar_text *ret,
                                                            struct cedar_error *e);

/* ---- questions with unknowns ---- */

/* Policies made ready for partial evaluation. They must be valid (strictly) for `schema`. */
struct cedar_outlook;

/* Holds references to both. CEDAR_NO_MEMORY. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_outlook_new(const struct cedar_policyset *set, struct cedar_schema *schema, struct cedar_outlook **ret,
                                                        struct cedar_error *e);
CEDAR_API void cedar_outlook_free(struct cedar_outlook *o);

enum cedar_prospect { CEDAR_DENIED = 0, CEDAR_ALLOWED, CEDAR_DEPENDS };

struct cedar_unknowns {
	struct cedar_name_of action;
	struct cedar_name_of principal, resource;        /* an id with data NULL: any entity of the type */
	struct cedar_text context_json;                  /* what is known of it; empty: nothing. Read by its types only if whole */
	bool context_whole;                              /* nothing else is in it */
	bool entities_whole;                             /* what the store does not have does not exist */
};

/* What can be said already. CEDAR_BAD_ENTITY, CEDAR_BAD_JSON, CEDAR_NO_MEMORY. */
CEDAR_API CEDAR_CHECK enum cedar_code cedar_outlook_ask(const struct cedar_outlook *o, struct cedar_session *w, const struct cedar_store *store,
                                                        const struct cedar_unknowns *u, enum cedar_prospect *ret, struct cedar_error *e);
/* Which actions could this principal ever take? Calls `found` for each action that some resource and context could make allowed, with
 * CEDAR_ALLOWED if no more is needed, else CEDAR_DEPENDS; it ends the search by giving false. It may not use the session. */
typedef bool cedar_found_action(void *arg, struct cedar_name_of action, enum cedar_prospect prospect);
CEDAR_API CEDAR_CHECK enum cedar_code cedar_outlook_actions(const struct cedar_outlook *o, struct cedar_session *w, const struct cedar_store *store,
                                                            struct cedar_name_of principal, cedar_found_action *found, void *arg,
                                                            struct cedar_error *e);

#ifdef __cplusplus
}
#endif

#endif
