/* testfile: tests of policies, as a *_test.yaml says them (docs/reference/policy-tests.md). */
#ifndef AMBIT_CMD_TESTFILE_H
#define AMBIT_CMD_TESTFILE_H

#include "core/trial.h"
#include "text/yaml.h"

enum { CASES_MAX = 20000, CASE_RULES_MAX = 16, CASE_LIST_MAX = 32 };

struct policy_case {
	span name;
	uint32_t line, column;
	struct trial_question q;
	struct trial_task task;
	uint8_t expect;                  /* enum verdict */
	const span *rules;               /* the ids that must have determined it; NULL: any */
	size_t rule_n;
	span code;                       /* the reason of a denial, or empty: any */
};

struct testfile {
	const char *file;
	struct yaml yaml;
	const struct json *resources;    /* lists, or NULL */
	const struct json *tools;
	struct policy_case *cases;
	size_t n;
};

/* Reads one; everything lives in `a`. E_BAD_CONFIG, E_LIMIT with "file:line:col: why" in reterr; E_NO_MEMORY. */
status testfile_read(span text, const char *file, struct arena *a, struct testfile *ret, struct buf *reterr);
/* "allow", "deny", "approval required" */
const char *expect_name(uint8_t verdict);

#endif
