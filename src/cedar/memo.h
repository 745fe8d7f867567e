/* memo: which tests and attributes of a program occur more than once. Private to this folder.
 *
 * Policies repeat themselves: the same environment, the same status, in one condition after the other. Such a test gets a number, and
 * an evaluation keeps its outcome under that number; likewise where an attribute was found. Used while compiling only. */
#ifndef AMBIT_CEDAR_MEMO_H
#define AMBIT_CEDAR_MEMO_H

#include "cedar/program.h"

struct cedar_memo {
	struct cedar_memo_entry *entries;        /* open addressing */
	uint32_t n, mask;
	uint32_t tests, values;                  /* numbers given out; 0 is never one */
	uint8_t test_vars[CEDAR_MEMOS], value_vars[CEDAR_KEPT];  /* what each depends on */
};

void cedar_memo_fini(struct cedar_memo *m);
/* Notes that `x` was compiled to `op`; the second time the same test (or attribute: a GET_VAR) comes, both get a number, and an attribute
 * takes the names of the first. No memory or no numbers left: nothing
 * happens, which is right too. */
void cedar_memo_note(struct cedar_memo *m, const struct cedar_expr *x, struct cedar_op *op);

#endif
