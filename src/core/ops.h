/* ops: the operations of msg/ops.def. Each handler reads its parameters, does its work and writes the answer of docs/model.md §6. */
#ifndef AMBIT_CORE_OPS_H
#define AMBIT_CORE_OPS_H

#include "core/ask.h"
#include "core/object.h"
#include "msg/ops.h"
#include "text/json.h"

struct core;
struct op_call {
	struct asker who;
	struct peer *peer;
	enum op op;
	const struct json *params;       /* in core.arena */
	const struct object *user;       /* people's edge; on the local edge whoever has the uid, or NULL */
	struct task *task;               /* RIGHT_OWN_TASK */
	struct agent *client;            /* at the token endpoint: who has proven itself there */
	span actor;                      /* "user:dana", "agent:claude", "uid:1000" */
	bool later;                      /* the handler has answered, or a continuation will */
	bool again;                      /* has waited for the log already */
	bool now;                        /* a changing operation whose answer need not wait after all */
	char detail[400];                /* for the error */
	struct buf *error;               /* a whole error body instead of the plain one, when not empty */
};

typedef status op_fn(struct core *c, struct op_call *o, struct json_writer *w);

void on_op(struct core *c, enum role from, unsigned index, const struct msg_op *m);
/* One that has waited for the log: it waits no more. */
void on_op_again(struct core *c, enum role from, unsigned index, const struct msg_op *m);

/* Parameters. A missing or wrong one is E_BAD_REQUEST with o->detail. */
status op_str(struct op_call *o, const char *key, span *ret);
status op_opt_str(struct op_call *o, const char *key, span *ret);
status op_opt_int(struct op_call *o, const char *key, int64_t min, int64_t max, int64_t *ret);
status op_opt_bool(struct op_call *o, const char *key, bool *ret);
status op_only(struct op_call *o, const char *const *names);
status op_fail(struct op_call *o, uint16_t code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The task named by `key` (an id). */
status op_task(struct core *c, struct op_call *o, const char *key, struct task **ret);

/* Opens the task that o->params describe for o->client: by itself, or launched by o->user. */
status op_open_for_client(struct core *c, struct op_call *o, struct task **ret);
/* Opens the child of `parent` that o->params describe; for o->client if there is one, with the parent's envelope if none is given. */
status op_delegate(struct core *c, struct op_call *o, struct task *parent, struct task **ret);

/* Whether the person who asks may end that task: an administrator, its user, or an owner of its agent. */
bool op_may_end(const struct op_call *o, const struct task *t);

/* Fills o->actor from o->user, o->task or o->peer. */
status op_name_actor(struct core *c, struct op_call *o);

/* Lists: {"items":[…],"next":…}. */
struct op_page {
	struct json_writer *w;
	int64_t limit, n;
	span cursor;
	bool started, full;
};
status op_page_begin(struct op_call *o, struct op_page *p, struct json_writer *w);
/* Shall the item with that key be written? False before the cursor and after the limit. */
bool op_page_item(struct op_page *p, span key);
/* `next`: the key of the last item written when there may be more. */
void op_page_end(struct op_page *p, span last);

#define OP(name, path, classes, right, changes) op_fn op_##name;
#include "msg/ops.def"
#undef OP

#endif
