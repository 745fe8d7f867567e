/* api: what the files of the public library share. Private to this folder; the contract is include/cedar/libcedar.h. */
#ifndef AMBIT_LIBCEDAR_API_H
#define AMBIT_LIBCEDAR_API_H

#include <cedar/libcedar.h>

#include "base/buf.h"
#include "cedar/cedar.h"
#include "cedar/partial.h"

struct cedar_store {
	struct cedar_entities *entities;
};

struct cedar_query {
	struct arena arena;
	struct cedar_request request;
};

struct cedar_session {
	struct arena arena;
};

struct cedar_policyset {
	uint32_t refs;
	const struct cedar_policies *policies;
	struct cedar_ast **trees;                /* that hold templates */
	size_t tree_n;
	const struct cedar_policy **forgotten;   /* templates in them that were dropped */
	size_t forgotten_n;
};

struct cedar_draft {
	struct cedar_ast **asts;
	size_t ast_n, ast_cap;
	const struct cedar_policy **ids;         /* open addressing by id: all policies of the trees */
	size_t id_n, id_mask;
	uint32_t next;                           /* number of the next policy from text */
};

static inline span text_span(struct cedar_text t) { return span_make(t.data, t.size); }
static inline struct cedar_text span_text(span s) { return cedar_text_make((const char *)s.p, s.n); }

/* Ends a call: gives the public code and, of a failure, fills *e (may be NULL) from *d. */
enum cedar_code api_result(status s, const struct cedar_diag *d, struct cedar_error *e);
/* The place and text of a finding. */
void api_error(enum cedar_code code, const struct cedar_diag *d, struct cedar_error *e);
/* Ends a call that wrote a text to `own_b`: the memory goes to the caller. */
enum cedar_code api_text(status s, const struct cedar_diag *d, struct buf *own_b, char **ret, struct cedar_error *e);

/* A template of the set, NULL when there is none (any more). */
const struct cedar_policy *api_template(const struct cedar_policyset *s, span id);
/* The policy of a draft with this id, or NULL. */
const struct cedar_policy *api_draft_find(const struct cedar_draft *d, span id);
/* The next of all templates; start with *pos = 0. */
const struct cedar_policy *api_next_template(const struct cedar_policyset *s, size_t *pos);

/* A name given by the caller, in the arena. E_BAD_ENTITY. */
status api_uid(struct arena *a, struct cedar_name_of name, const char *what, const struct cedar_uid **ret, struct cedar_diag *d);
/* A context given as JSON, in the arena, read by the action's type; an empty text leaves *ret alone. */
status api_context(struct arena *a, struct cedar_text json, const struct cedar_schema *schema, const struct cedar_uid *action,
                   const struct cedar_record **ret, struct cedar_diag *d);

#endif
