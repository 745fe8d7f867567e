/* build: making tree nodes, for the readers of text and of JSON. Private to this folder. */
#ifndef AMBIT_CEDAR_BUILD_H
#define AMBIT_CEDAR_BUILD_H

#include "cedar/ast.h"

/* A growing stack of pointers for lists whose length is not known yet. Zeroed is empty. */
struct cedar_stack {
	void **p;
	size_t n, cap;
};

status cedar_stack_push(struct cedar_stack *s, void *item);
void cedar_stack_fini(struct cedar_stack *s);
/* Copies items [from, n) into the arena and pops them. */
status cedar_stack_take(struct cedar_stack *s, size_t from, struct arena *a, void ***ret, uint32_t *ret_n);

/* A zeroed node, or NULL on no memory. */
struct cedar_expr *cedar_expr_new(struct cedar_ast *ast, enum cedar_expr_kind kind, struct cedar_pos pos);
/* Computes the depth of a node whose children are in place and sealed. E_LIMIT (with *d) beyond CEDAR_MAX_DEPTH. */
status cedar_expr_seal(struct cedar_expr *x, struct cedar_diag *d);

/* Methods that are not extension functions: the node kind for a name, and the number of arguments. */
bool cedar_method_find(span name, enum cedar_expr_kind *ret, unsigned *ret_args);
const char *cedar_method_name(enum cedar_expr_kind k);

/* Moves a stack of struct cedar_policy * into the set, which has none yet. */
status cedar_ast_set_policies(struct cedar_ast *ast, struct cedar_stack *policies);
/* Adds one more at the end. E_NO_MEMORY, also when the arena has overflowed before. */
status cedar_ast_append(struct cedar_ast *ast, struct cedar_policy *p);

#endif
