/* program: compiled policies. Private to this folder.
 *
 * Conditions become trees of 32-byte nodes: children of a node lie side by side, names carry their hash, literals are values,
 * constant parts are folded where no error can be lost. One program comes from one tree (struct cedar_ast) and keeps it. */
#ifndef AMBIT_CEDAR_PROGRAM_H
#define AMBIT_CEDAR_PROGRAM_H

#include "cedar/cedar.h"
#include "cedar/pattern.h"

/* Kinds of nodes: enum cedar_expr_kind as far as it goes, and these. */
enum {
	CEDAR_OP_CONST = CEDAR_X_COUNT,
	CEDAR_OP_IS_IN,
	CEDAR_OP_GET_VAR,        /* GET from a variable (sub), without operand */
};

#define CEDAR_MEMOS 256          /* numbers of tests in a program, from 1 */
#define CEDAR_KEPT 64            /* numbers of attributes in a program, from 1 */

struct cedar_key {
	span text;
	uint32_t hash;
};

struct cedar_op {
	uint8_t op;
	uint8_t sub;                             /* VAR: enum cedar_var; CALL: enum cedar_fn */
	uint8_t memo;                            /* of a test that occurs more than once: its number, else 0 */
	uint8_t kept;                            /* of a GET_VAR that occurs more than once: its number, else 0 */
	uint32_t n;                              /* operands of AND OR SET RECORD CALL; names of GET, HAS */
	union {
		struct cedar_value value;        /* CONST */
		struct {
			const struct cedar_op *a;        /* operands, side by side */
			union {
				const struct cedar_key *keys;            /* GET, GET_VAR, HAS, RECORD: n. x.a.b is one GET with two */
				const struct cedar_name *type;           /* IS, IS_IN */
				const struct cedar_pattern *pattern;     /* LIKE */
			};
		};
	};
	const struct cedar_expr *at;             /* GET: the outermost of the chain */
};

struct cedar_program;

struct cedar_unit {
	const struct cedar_policy *policy;
	struct cedar_program *program;
	const struct cedar_op *condition;        /* NULL: always true */
};

struct cedar_program {
	uint32_t refs;
	uint32_t unit_n;
	uint32_t memo_n, kept_n;                 /* numbers in use are 1 … n */
	/* Which variables they depend on, as bits (1 << enum cedar_var). */
	uint8_t memo_vars[CEDAR_MEMOS], kept_vars[CEDAR_KEPT];
	struct arena arena;
	struct cedar_ast *ast;
	struct cedar_unit *units;
};

/* Compiles all but the templates. E_NO_MEMORY. */
status cedar_program_new(struct cedar_ast *ast, struct cedar_program **ret);
void cedar_program_unref(struct cedar_program *p);
/* Compiles one expression into the arena. NULL on overflow. */
const struct cedar_op *cedar_compile_expr(struct arena *a, const struct cedar_expr *x);

/* The state of one evaluation. */
struct cedar_eval {
	const struct cedar_request *req;
	const struct cedar_entities *entities;
	struct arena *arena;
	const struct cedar_uid *var_uid[3];
	const struct cedar_entity *var_entity[3];        /* NULL: absent */
	const struct cedar_record *var_record[4];        /* attributes of the variables; NULL: the entity is absent */
	/* Outcomes of the numbered tests of one program: 0 unknown, else 1 + outcome. */
	const struct cedar_program *memo_of;
	uint8_t memo[CEDAR_MEMOS];
	const struct cedar_value *kept[CEDAR_KEPT];      /* NULL: not looked up yet. [0] always is */
	struct cedar_failure failure;                    /* of the latest that failed; `policy` is not set */
};

void cedar_eval_init(struct cedar_eval *e, const struct cedar_entities *s, const struct cedar_request *r, struct arena *a);
/* Turns to another request, keeping what is known of the variables that are the very same. */
void cedar_eval_next(struct cedar_eval *e, const struct cedar_request *r);
/* 1 true, 0 false, -1 failed (see e->failure). The numbered tests in `op` must be those of e->memo_of. */
int cedar_eval_test(struct cedar_eval *e, const struct cedar_op *op);
/* The condition of a unit. */
int cedar_eval_unit(struct cedar_eval *e, const struct cedar_unit *u);
/* CEDAR_NONE when failed. */
struct cedar_value cedar_eval_value(struct cedar_eval *e, const struct cedar_op *op);
/* The variable v (principal, action or resource) is in that part of a scope. */
bool cedar_eval_in_scope(struct cedar_eval *e, enum cedar_var v, const struct cedar_scope *sc);
/* a in b. */
bool cedar_eval_in(struct cedar_eval *e, const struct cedar_uid *a, const struct cedar_uid *b);

#endif
