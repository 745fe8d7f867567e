/* testfile: what a *_test.yaml says. No crash; what is read is whole; a refusal names its place. */
#include "cmd/ambit/testfile.h"

#include "msg/enums.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a;
	struct buf err;
	struct testfile t;
	arena_init(&a, 64 << 20);
	buf_init(&err, 65536);
	status s = testfile_read(span_make(data, n), "f", &a, &t, &err);
	for (size_t i = 0; !failed(s) && i < t.n; i++) {
		const struct policy_case *k = &t.cases[i];
		must(k->name.n && k->q.agent.n && k->q.tool.n && k->q.task == &k->task && k->line > 0);
		must(k->expect == VERDICT_ALLOW || k->expect == VERDICT_DENY || k->expect == VERDICT_PENDING);
		must(k->rule_n <= CASE_RULES_MAX && k->task.label_n <= CASE_LIST_MAX && (!k->q.args || json_is_obj(k->q.args)));
	}
	must(!failed(s) || s.code == E_NO_MEMORY || (err.n > 2 && err.p[0] == 'f' && err.p[1] == ':') || s.code == E_LIMIT || s.code == E_BAD_UTF8);
	buf_fini(&err);
	arena_fini(&a);
	return 0;
}
