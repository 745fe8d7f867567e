/* ast: Cedar policies as they were written.
 *
 * A tree keeps the surface form (`unless`, `>`, `!=`, `has a.b`, `is … in`), so that it can be printed, turned into JSON and
 * validated; desugaring is the compiler's business. Parentheses and comments are not kept: the formatter takes comments
 * from the lexer. All nodes live in the arena of their `struct cedar_ast` and are immutable once it is given out. */
#ifndef AMBIT_CEDAR_AST_H
#define AMBIT_CEDAR_AST_H

#include "cedar/diag.h"
#include "cedar/extension.h"
#include "cedar/value.h"

enum cedar_effect { CEDAR_FORBID = 0, CEDAR_PERMIT };

/* Also the index of a request's variables. */
enum cedar_var { CEDAR_PRINCIPAL = 0, CEDAR_ACTION, CEDAR_RESOURCE, CEDAR_CONTEXT };

enum cedar_expr_kind {
	CEDAR_X_BOOL,            /* b */
	CEDAR_X_LONG,            /* i; "-5" written as one literal is a LONG of -5 */
	CEDAR_X_STRING,          /* s */
	CEDAR_X_ENTITY,          /* uid */
	CEDAR_X_VAR,             /* sub = enum cedar_var */
	CEDAR_X_NOT,             /* a */
	CEDAR_X_NEG,             /* a */
	CEDAR_X_AND,             /* items[n], n >= 2: left associative chain */
	CEDAR_X_OR,              /* items[n], n >= 2 */
	CEDAR_X_IF,              /* a ? b : c */
	CEDAR_X_EQ, CEDAR_X_NE, CEDAR_X_LT, CEDAR_X_LE, CEDAR_X_GT, CEDAR_X_GE, CEDAR_X_IN,     /* a, b */
	CEDAR_X_ADD, CEDAR_X_SUB, CEDAR_X_MUL,                                                  /* a, b */
	CEDAR_X_CONTAINS, CEDAR_X_CONTAINS_ALL, CEDAR_X_CONTAINS_ANY, CEDAR_X_HAS_TAG, CEDAR_X_GET_TAG,  /* a.f(b) */
	CEDAR_X_IS_EMPTY,        /* a.isEmpty() */
	CEDAR_X_HAS,             /* target has path[0].path[1]…, n >= 1 */
	CEDAR_X_GET,             /* target.attr or target["attr"] */
	CEDAR_X_IS,              /* target is type [in container] */
	CEDAR_X_LIKE,            /* target like pattern[n] */
	CEDAR_X_SET,             /* items[n] */
	CEDAR_X_RECORD,          /* keys[n], items[n], in written order, keys distinct */
	CEDAR_X_CALL,            /* sub = enum cedar_fn; items[n] = arguments, the receiver first */
	CEDAR_X_COUNT
};

/* An element of a pattern: a Unicode scalar or this. */
#define CEDAR_WILDCARD UINT32_MAX

struct cedar_expr {
	uint8_t kind;                    /* enum cedar_expr_kind */
	uint8_t sub;
	uint16_t depth;                  /* 1 + the deepest child's; <= CEDAR_MAX_DEPTH, so that recursion is bounded */
	uint32_t n;
	struct cedar_pos pos;            /* first byte; of binary operators the left operand's */
	uint32_t end;                    /* offset after the last byte */
	union {
		bool b;
		int64_t i;
		span s;
		const struct cedar_uid *uid;
		struct { struct cedar_expr *a, *b, *c; } x;                   /* operands */
		struct { struct cedar_expr **items; const span *keys; } list;   /* AND OR SET RECORD CALL */
		struct { struct cedar_expr *target; span attr; } get;
		struct { struct cedar_expr *target; const span *path; } has;
		struct { struct cedar_expr *target; const struct cedar_name *type; struct cedar_expr *container; } is;
		struct { struct cedar_expr *target; const uint32_t *pattern; } like;
	};
};

#define CEDAR_MAX_DEPTH 1000

enum cedar_scope_op { CEDAR_SCOPE_ANY, CEDAR_SCOPE_EQ, CEDAR_SCOPE_IN, CEDAR_SCOPE_IS, CEDAR_SCOPE_IS_IN };
enum cedar_slot { CEDAR_SLOT_NONE, CEDAR_SLOT_PRINCIPAL, CEDAR_SLOT_RESOURCE };

struct cedar_scope {
	uint8_t op;                      /* enum cedar_scope_op */
	uint8_t slot;                    /* enum cedar_slot: stands in place of uids[0] in EQ, IN and IS_IN of a template */
	bool list;                       /* action in [ … ]: n may be anything; else n is 1 for EQ, IN, IS_IN without slot */
	uint32_t n;
	const struct cedar_uid **uids;
	const struct cedar_uid *one;     /* where uids usually points */
	const struct cedar_name *type;   /* IS, IS_IN */
	struct cedar_pos pos;
	uint32_t end;
};

struct cedar_annotation {
	span key, value;
	bool has_value;                  /* @a against @a("") */
	struct cedar_pos pos;
	uint32_t end;
};

struct cedar_condition {
	bool unless;
	struct cedar_expr *body;
	struct cedar_pos pos;
	uint32_t end;
};

/* What a template was linked with: NULL where it has no such slot. */
struct cedar_link {
	const struct cedar_policy *template;
	const struct cedar_uid *principal, *resource;
};

/* A static policy, a template (slots != 0) or a link (link != NULL: scopes are filled in, conditions and annotations are
 * the template's own). */
struct cedar_policy {
	span id;                         /* "policy0", or as the JSON policy set says */
	uint8_t effect;                  /* enum cedar_effect */
	uint8_t slots;                   /* bit (1 << enum cedar_slot) for each slot in the scope */
	uint32_t annotation_n, condition_n;
	const struct cedar_annotation *annotations;
	const struct cedar_condition *conditions;
	struct cedar_scope scope[3];     /* by enum cedar_var: principal, action, resource */
	const struct cedar_link *link;
	const struct cedar_ast *ast;     /* which owns it */
	struct cedar_pos pos;            /* of the first annotation or the effect */
	uint32_t end;
};

/* A set of policies from one text (or JSON document). */
struct cedar_ast {
	struct arena arena;
	uint32_t refs;
	span file;                       /* name for messages; may be empty */
	span text;                       /* own copy of the source; empty when it came from JSON */
	uint32_t policy_n, policy_cap;   /* static policies, templates and links in order */
	struct cedar_policy **policies;
	struct cedar_ast *templates;     /* another tree, whose templates are linked here; or NULL. Holds a reference */
};

/* An empty set with its own arena of at most `max` bytes; NULL on no memory. */
struct cedar_ast *cedar_ast_new(span file, size_t max);
struct cedar_ast *cedar_ast_ref(const struct cedar_ast *ast);
/* NULL is accepted. Frees everything at the last reference. */
void cedar_ast_unref(const struct cedar_ast *ast);
#define CEDAR_AST_CLEANUP CLEANUP(cedar_ast_unref_p)
static inline void cedar_ast_unref_p(struct cedar_ast **p) { cedar_ast_unref(*p); }

/* The value of an annotation ("" for one without value), or false. */
bool cedar_policy_annotation(const struct cedar_policy *p, span key, span *ret);
const struct cedar_policy *cedar_ast_find(const struct cedar_ast *ast, span id);
static inline bool cedar_policy_is_template(const struct cedar_policy *p) { return p->slots != 0; }

/* A link of template `t`, added to `ast` (not yet given out): exactly t's slots must be given (else NULL), `id` must be new (E_EXISTS). `ast`
 * owns t or keeps a reference to the tree that does, of which there may be one. Fails with E_BAD_POLICY and a text in *d. */
status cedar_ast_link(struct cedar_ast *ast, const struct cedar_policy *t, span id, const struct cedar_uid *principal,
                      const struct cedar_uid *resource, const struct cedar_policy **ret, struct cedar_diag *d);

/* Structural equality of expressions: positions are ignored. */
bool cedar_expr_eq(const struct cedar_expr *a, const struct cedar_expr *b);
/* Calls fn on each direct child, in order; stops at the first that gives false. */
bool cedar_expr_children(const struct cedar_expr *x, bool (*fn)(const struct cedar_expr *, void *), void *arg);

#endif
