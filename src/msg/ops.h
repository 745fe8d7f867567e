/* ops: the closed list of operations people and agents may ask core for (msg/ops.def). */
#ifndef AMBIT_MSG_OPS_H
#define AMBIT_MSG_OPS_H

#include "base/span.h"

enum op {
	OP_NONE,
#define OP(name, path, classes, right, changes) OP_##name,
#include "msg/ops.def"
#undef OP
	OP_COUNT
};

/* OP_CLASS_HIDDEN: not a /v1 path; an edge makes it of another door's request. */
enum op_class { OP_CLASS_A = 1, OP_CLASS_L = 2, OP_CLASS_P = 4, OP_CLASS_HIDDEN = 8 };
enum op_right { RIGHT_NONE, RIGHT_OWN_TASK, RIGHT_USER, RIGHT_APPROVER, RIGHT_ADMIN, RIGHT_AUDITOR };

struct op_info {
	const char *path;   /* "task/open" */
	uint8_t classes;    /* bits of enum op_class */
	enum op_right right;
	bool changes;
};

/* NULL for a number outside the table. */
const struct op_info *op_info(uint16_t op);
/* The op with that "noun/verb" path, or OP_NONE. */
enum op op_from_path(span path);

#endif
