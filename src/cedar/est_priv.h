/* The state of reading a JSON policy, shared by est_read.c and est_expr.c. */
#ifndef AMBIT_CEDAR_EST_PRIV_H
#define AMBIT_CEDAR_EST_PRIV_H

#include "cedar/build.h"
#include "cedar/est.h"
#include "cedar/lex.h"

struct cedar_est {
	struct cedar_ast *ast;
	struct cedar_diag *d;
	struct cedar_stack stack;
};

static inline void cedar_est_fini(struct cedar_est *r) { cedar_stack_fini(&r->stack); }
static inline struct cedar_pos cedar_est_at(const struct json *v) { return (struct cedar_pos){ .offset = v->at }; }

/* An object with no other members than these (NULL-terminated). */
status cedar_est_members(struct cedar_est *r, const struct json *v, const char *const *names);
status cedar_est_member(struct cedar_est *r, const struct json *v, const char *name, const struct json **ret);
status cedar_est_type(struct cedar_est *r, const struct json *v, const char *name, const struct cedar_name **ret);
status cedar_est_uid(struct cedar_est *r, const struct json *v, const struct cedar_uid **ret);
status cedar_est_expr(struct cedar_est *r, const struct json *v, struct cedar_expr **ret);

#endif
