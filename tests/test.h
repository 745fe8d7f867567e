/* Thin layer over cmocka, so that a cmocka API change touches one file.
 *
 *   static void reads_u32(void **) { ... assert_int_equal(...); }
 *   TEST_MAIN(T(reads_u32), T(refuses_trailing))
 */
#ifndef AMBIT_TESTS_TEST_H
#define AMBIT_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/span.h"

#define T(fn) cmocka_unit_test(fn)
#define TEST_MAIN(...)                                                        \
	int main(void)                                                        \
	{                                                                     \
		const struct CMUnitTest tests_[] = { __VA_ARGS__ };           \
		cmocka_set_message_output(CM_OUTPUT_TAP);                     \
		return cmocka_run_group_tests(tests_, NULL, NULL);            \
	}

#define assert_ok(expr)                                                       \
	do {                                                                  \
		status as_ = (expr);                                          \
		if (as_.code != E_OK)                                         \
			fail_msg("%s: %s at %s:%d", #expr, error_name(as_.code), as_.file, as_.line); \
	} while (0)
#define assert_fails(expr, want)                                              \
	do {                                                                  \
		status as_ = (expr);                                          \
		if (as_.code != (want))                                       \
			fail_msg("%s: got %s, want %s", #expr, error_name(as_.code), error_name(want)); \
	} while (0)
#define assert_span(got, want_str)                                            \
	do {                                                                  \
		span as_ = (got);                                             \
		if (!span_is(as_, (want_str)))                                \
			fail_msg("%s: got \"%.*s\", want \"%s\"", #got, SPAN_ARG(as_), (want_str)); \
	} while (0)

#endif
