/* oauth: what the grants share. */
#ifndef AMBIT_CORE_OAUTH_H
#define AMBIT_CORE_OAUTH_H

#include "core/issue.h"
#include "core/ops.h"

/* `resource` (RFC 8707 §2) and `audience` (RFC 8693 §2.1) of o->params into how->audience: at most one target, and one of ours. */
status oauth_target(struct core *c, struct op_call *o, struct issue *how, bool *ret_given);
/* authorization_details: one object of type ambit_task (RFC 9396 §2). *ret: its members without `type`; NULL for an empty text. */
status oauth_details(struct core *c, struct op_call *o, span text, const struct json **ret);
/* The same of o->params. */
status oauth_own_details(struct core *c, struct op_call *o, const struct json **ret);
/* Opens a task, or a child of `parent`, with the details for parameters. */
status oauth_open(struct core *c, struct op_call *o, const struct json *details, struct task *parent, struct task **ret);
/* E_SCOPE_INVALID when a scope is asked for. */
status oauth_no_scope(struct op_call *o);
/* What the token will be bound to: the key of this request's proof, else certificate or process; nothing only where the agent may. */
status oauth_bind(struct op_call *o, const struct agent *a, struct issue *how);
/* Asks for the token; its answer is the op's. */
status oauth_finish(struct core *c, struct op_call *o, struct task *t, struct issue *how);

/* The grants that a person's answer stands behind (grant_people.c). */
status grant_code(struct core *c, struct op_call *o);
status grant_refresh(struct core *c, struct op_call *o);
status grant_device(struct core *c, struct op_call *o);

#endif
