/* The inside of policytest: results and coverage. */
#ifndef AMBIT_CMD_POLICYTEST_PRIV_H
#define AMBIT_CMD_POLICYTEST_PRIV_H

#include "policyset.h"
#include "testfile.h"
#include "cedar/coverage.h"

struct result {
	const struct testfile *file;
	const struct policy_case *k;
	bool ok;
	const char *got, *why;           /* what was decided; what is wrong with it */
	const char *nearest;             /* of a call that no rule permits: what came closest, or NULL */
};

struct running {
	struct cli *c;
	const struct policyset *set;
	struct testfile *files;
	size_t file_n;
	struct result *results;
	size_t n, ok;
	/* Of all files together, by place in the set. */
	struct cedar_covered *covered;
	size_t covered_n, parts, parts_covered, rules_covered;
	struct cedar_coverage *coverage; /* of the file under way */
	struct cedar_coverage **kept;    /* of all files: what `covered` points into */
	bool oom;
	char *problem;                   /* why nothing could be run */
	uint16_t problem_code;
};

unsigned policytest_percent(size_t part, size_t of);
/* Prints everything in the form asked for; the exit code of the printing. */
int policytest_tell(struct running *r);

#endif
