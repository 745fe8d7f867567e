/* policyset: the policies that a command was given, as files and as trees. */
#ifndef AMBIT_CMD_POLICYSET_H
#define AMBIT_CMD_POLICYSET_H

#include "finding.h"
#include "walk.h"

struct policy_text {
	struct source_text source;
	span name;                       /* of the policy object: the file's name without .cedar */
	struct cedar_ast *ast;           /* NULL when it does not parse */
};

struct other_file {
	const char *path;
	enum file_kind kind;
};

struct policyset {
	struct policy_text **texts;      /* in the order of the paths */
	struct other_file *others;       /* tests, tools and resources found with them */
	size_t n, cap, other_n, other_cap;
	const char *bad;                 /* the file that could not be read */
};

enum { POLICY_FILE_MAX = 1 << 20 };

/* Reads and parses every .cedar file of the paths ("-" and no path at all: standard input); a text that does not parse is a
 * finding, not a failure. Everything lives in c->arena. On a failure prints why and gives false with the exit code. */
bool policyset_read(struct cli *c, char **paths, size_t n, struct policyset *ret, struct findings *f, int *ret_exit);
void policyset_fini(struct policyset *s);
/* The file that a policy came from. */
const struct source_text *policyset_source(const struct policyset *s, const struct cedar_policy *p);
/* What `ambit policy lint` looks for, added to f. */
void policy_lint(struct cli *c, const struct policyset *set, struct findings *f);

#endif
