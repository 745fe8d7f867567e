/* What the parts of cedar-conformance share: a pack's files, one test's parts, counting. */
#ifndef AMBIT_TESTS_CEDAR_PACK_H
#define AMBIT_TESTS_CEDAR_PACK_H

#include "base/buf.h"
#include "cedar/cedar.h"
#include "cedar/entities_json.h"
#include "cedar/est.h"
#include "cedar/schema.h"

struct pack {
	const char *root;
	bool verbose;
	unsigned passed, failed;         /* of the folder underway */
};

/* One test underway; everything in it is dropped by pack_test_fini. */
struct pack_test {
	struct pack *pack;
	const char *name;
	bool failed;
	struct arena arena;
};

/* Notes a failure of the test and says why. */
void pack_fail(struct pack_test *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void pack_test_init(struct pack_test *t, struct pack *p, const char *name);
/* Counts the test. */
void pack_test_fini(struct pack_test *t);

/* The file's bytes in the test's arena. A missing file fails the test and gives false. */
bool pack_read(struct pack_test *t, const char *path, span *ret);
bool pack_exists(const char *path);
/* Parses it as JSON. */
bool pack_read_json(struct pack_test *t, const char *path, const struct json **ret);
/* Calls fn with each path in the folder (and below) that ends so, in order of name. False when there is no such folder. */
bool pack_each(struct pack *p, const char *folder, const char *suffix, void (*fn)(struct pack *, const char *path));

void pack_case(struct pack *p, const char *path);                /* corpus-tests, tests, multi-policy, template-links */
void pack_case_json_schema(struct pack *p, const char *path);    /* corpus-tests-json-schemas */
void pack_case_est(struct pack *p, const char *path);            /* corpus-tests-est */
void pack_case_validation(struct pack *p, const char *path);     /* corpus-tests-validation, cedar-go-validate */
void pack_entity_parsing(struct pack *p, const char *path);      /* cedar-go-entity-parsing */
void pack_edge(struct pack *p, const char *path);                /* edge-vectors */

#endif
