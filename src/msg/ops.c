#include "msg/ops.h"

static const struct op_info infos[] = {
#define A OP_CLASS_A
#define L OP_CLASS_L
#define P OP_CLASS_P
#define H OP_CLASS_HIDDEN
#define OP(name, path, classes, right, changes) [OP_##name] = { path, classes, RIGHT_##right, changes },
#include "msg/ops.def"
#undef OP
#undef A
#undef L
#undef P
#undef H
};

const struct op_info *
op_info(uint16_t op)
{
	return op > OP_NONE && op < OP_COUNT ? &infos[op] : NULL;
}

enum op
op_from_path(span path)
{
	for (uint16_t i = OP_NONE + 1; i < OP_COUNT; i++)
		if (span_is(path, infos[i].path))
			return (enum op)i;
	return OP_NONE;
}
