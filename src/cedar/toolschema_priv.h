/* toolschema_priv: how one JSON Schema maps to a Cedar type. Private to toolschema*.c. */
#ifndef AMBIT_CEDAR_TOOLSCHEMA_PRIV_H
#define AMBIT_CEDAR_TOOLSCHEMA_PRIV_H

#include "cedar/schema_raw.h"
#include "cedar/toolschema.h"

enum input_kind { INPUT_LONG, INPUT_STRING, INPUT_BOOL, INPUT_SET, INPUT_RECORD, INPUT_OPAQUE };

struct input_attr;

/* What an argument becomes. */
struct input_type {
	enum input_kind kind;
	uint32_t n;
	union {
		const struct input_type *elem;
		const struct input_attr *attrs;   /* in the order of the schema */
	};
};

struct input_attr {
	span name;
	bool required;
	const struct input_type *type;
};

struct gap_list {
	struct cedar_tool_gap *items;
	size_t n, cap;
};

struct input_reader {
	struct arena *arena;
	struct gap_list *gaps;
	const struct json *root;
	bool untyped;                /* make opaque rather than leave out */
	span server, name;
	struct buf pointer;          /* of where we are */
	size_t left;                 /* subschemas still allowed */
	bool oom;
};

/* The record type of a whole input schema; what can not be typed goes to the gaps. NULL on no memory. */
const struct input_type *input_type_read(struct input_reader *r);
/* The same as a declaration. NULL on no memory. */
struct raw_type *input_type_raw(struct arena *a, const struct input_type *t);

#endif
