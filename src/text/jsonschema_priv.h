/* Shared by jsonschema.c (compiles) and jsonschema_check.c (validates). */
#ifndef AMBIT_TEXT_JSONSCHEMA_PRIV_H
#define AMBIT_TEXT_JSONSCHEMA_PRIV_H

#include "text/jsonschema.h"
#include "text/regex.h"

/* Bits of node.types. An integer is a number too. */
enum { TYPE_NULL = 1, TYPE_BOOL = 2, TYPE_INTEGER = 4, TYPE_NUMBER = 8, TYPE_STRING = 16, TYPE_ARRAY = 32, TYPE_OBJECT = 64 };

/* node.low and node.high: sizes of strings, arrays, objects. */
enum size_of { SIZE_STRING, SIZE_ARRAY, SIZE_OBJECT, SIZE_COUNT };
/* ORDER number_words in jsonschema_check.c */
enum number_bound { MINIMUM, MAXIMUM, EXCLUSIVE_MINIMUM, EXCLUSIVE_MAXIMUM, MULTIPLE_OF, NUMBER_BOUNDS };

struct node;

struct node_list {
	const struct node **nodes;
	size_t n;
};

struct pattern_property {
	const struct regex *pattern;
	const struct node *node;
};

/* One subschema. NULL, 0 and -1 mean that the keyword is absent. */
struct node {
	bool never;                             /* the schema `false` */
	bool unique;
	uint8_t types;
	int64_t low[SIZE_COUNT], high[SIZE_COUNT];      /* -1: none */
	const struct json *bound[NUMBER_BOUNDS];
	const struct json *enums, *constant;
	const struct regex *pattern;
	const struct json *properties;          /* the keyword's object; property[i] belongs to its member i */
	const struct node **property;
	const struct pattern_property *patterns;
	size_t n_patterns;
	const struct node *additional, *names, *items, *not, *cond, *then, *otherwise, *ref;
	struct node_list prefix, all, any, one;
	const struct json *required, *dependent;
};

struct jsonschema {
	struct arena arena;                     /* everything below it, and the copy of the schema */
	const struct node *root;
};

/* A way into a tree, from its leaf up. */
struct step {
	const struct step *up;
	span key;
	size_t i;
	bool item;                              /* an array's item i, else member `key` */
};

/* Fills e->pointer; cut when too long. */
void jsonschema_put_pointer(const struct step *s, struct jsonschema_error *e);

#endif
