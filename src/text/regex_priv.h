/* The program that regex.c makes and regex_run.c runs. */
#ifndef AMBIT_TEXT_REGEX_PRIV_H
#define AMBIT_TEXT_REGEX_PRIV_H

#include "text/regex.h"

struct range {
	uint32_t lo, hi;
	struct range *next;
};

struct set {
	struct range *ranges;
	uint32_t count;
	bool negated;
};

/* JUMP: to x. FORK: to x and y. The edges and SET go on with the next one. */
enum op { OP_SET, OP_BOL, OP_EOL, OP_WORD_EDGE, OP_NO_WORD_EDGE, OP_JUMP, OP_FORK, OP_MATCH };

struct inst {
	enum op op;
	uint32_t x, y;
	const struct set *set;
};

struct regex {
	uint32_t n;
	struct inst *code;
};

#endif
