/* Schema, NUL, policies: strict and permissive validation with levels. A policy that validates strictly does so permissively. */
#include "cedar/parse.h"
#include "cedar/validate.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	span all = span_make(p, n);
	size_t cut = span_find(all, 0);
	struct cedar_schema *s = NULL;
	struct cedar_ast *ast = NULL;
	struct cedar_report strict, permissive;
	struct cedar_validate_opts o = { .max_steps = 2000000, .max_memory = (size_t)16 << 20 };
	if (cut == n || failed(cedar_schema_parse(span_sub(all, 0, cut), NULL, &s)))
		return 0;
	if (failed(cedar_parse_policies(span_sub(all, cut + 1, n), (span){ 0 }, 0, NULL, &ast, NULL))) {
		cedar_schema_unref(s);
		return 0;
	}
	cedar_report_init(&strict, 64);
	cedar_report_init(&permissive, 64);
	status st = cedar_validate(s, ast, &o, &strict);
	o.permissive = true;
	status weak = cedar_validate(s, ast, &o, &permissive);
	if (!failed(st) && !failed(weak) && strict.errors == 0 && permissive.errors != 0)
		abort();
	o = (struct cedar_validate_opts){ .check_level = true, .level = (uint32_t)(n % 3), .max_steps = 2000000, .max_memory = (size_t)16 << 20 };
	IGNORE(cedar_validate(s, ast, &o, &strict)); /* only that it ends */
	cedar_report_fini(&strict);
	cedar_report_fini(&permissive);
	cedar_ast_unref(ast);
	cedar_schema_unref(s);
	return 0;
}
