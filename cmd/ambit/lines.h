/* lines: bytes into lines, for JSON-RPC over standard input. */
#ifndef AMBIT_CMD_LINES_H
#define AMBIT_CMD_LINES_H

#include "base/buf.h"

/* `line` is without its end; `too_long`: a line above the maximum was thrown away (line is empty). Valid during the call. */
typedef void line_fn(void *user, span line, bool too_long);

struct lines {
	struct buf part;        /* the line so far */
	size_t max;
	bool skipping;          /* inside a line that is too long */
};

void lines_init(struct lines *l, size_t max);
void lines_fini(struct lines *l);
/* A line ends with LF; one CR before it goes too. Empty lines are passed over. A NUL is data like any other. */
void lines_feed(struct lines *l, span in, line_fn *fn, void *user);
/* At the end of input: a last line without an end counts. */
void lines_end(struct lines *l, line_fn *fn, void *user);

#endif
