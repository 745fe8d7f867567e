#include "cedar/coverage.h"
#include "cedar/entities_json.h"
#include "tests/test.h"

static const char S_policies[] =
	"permit(principal == User::\"al\", action, resource) when { context.n > 5 && context.env == \"prod\" };\n"
	"forbid(principal, action == Action::\"write\", resource) unless { context.n > 5 || context.env == \"dev\" };\n"
	"permit(principal, action == Action::\"read\", resource) when { context has x && context.x > 1 };\n";

static void
S_ask(struct cedar_coverage *c, const struct cedar_entities *entities, const char *action, const char *context)
{
	struct arena a;
	struct cedar_request r;
	const struct json *v;
	char text[512];
	arena_init(&a, 1 << 20);
	snprintf(text, sizeof text, "{\"principal\":{\"type\":\"User\",\"id\":\"al\"},\"action\":{\"type\":\"Action\",\"id\":\"%s\"},"
		"\"resource\":{\"type\":\"Doc\",\"id\":\"d\"},\"context\":%s}", action, context);
	assert_ok(cedar_json_parse(span_str(text), 0, &a, &v, NULL));
	assert_ok(cedar_request_from_json(v, NULL, &a, &r, NULL));
	size_t used = a.used;
	assert_ok(cedar_coverage_add(c, entities, &r, &a));
	assert_int_equal(a.used, used);
	arena_fini(&a);
}

static void
counts_policies_and_parts(void **)
{
	struct cedar_ast *ast;
	const struct cedar_policies *set;
	struct cedar_coverage *c;
	struct cedar_entities *entities = cedar_entities_new(1);
	size_t n;
	assert_ok(cedar_parse_policies(span_str(S_policies), SPAN("p"), 0, NULL, &ast, NULL));
	assert_ok(cedar_policies_new(&ast, 1, &set, NULL));
	cedar_ast_unref(ast);
	assert_ok(cedar_coverage_new(set, &c));
	cedar_policies_unref(set);
	S_ask(c, entities, "read", "{\"n\":9,\"env\":\"prod\"}");
	S_ask(c, entities, "write", "{\"n\":1,\"env\":\"prod\"}");
	S_ask(c, entities, "write", "{\"n\":9,\"env\":\"qa\"}");
	const struct cedar_covered *l = cedar_coverage_list(c, &n);
	assert_int_equal(n, 3);
	assert_int_equal(l[0].considered, 3);
	assert_int_equal(l[0].applied, 1);
	assert_int_equal(l[0].part_n, 2);
	assert_int_equal(l[0].parts[0].held, 2);
	assert_int_equal(l[0].parts[0].missed, 1);
	assert_int_equal(l[0].parts[1].held, 2);
	assert_int_equal(l[0].parts[1].missed, 1);
	assert_int_equal(l[1].considered, 2);
	assert_int_equal(l[1].outside[CEDAR_ACTION], 1);
	assert_int_equal(l[1].applied, 1);
	assert_false(l[1].parts[0].want);
	assert_int_equal(l[1].parts[0].missed, 1);      /* the exception was made */
	assert_int_equal(l[1].parts[1].held, 2);
	/* An attribute behind the `has` that is false does not count as a failure. */
	assert_int_equal(l[2].considered, 1);
	assert_int_equal(l[2].parts[0].missed, 1);
	assert_int_equal(l[2].parts[1].failed, 0);
	S_ask(c, entities, "read", "{\"n\":9,\"env\":\"prod\",\"x\":\"text\"}");
	assert_int_equal(l[2].parts[1].failed, 1);
	assert_int_equal(l[2].applied, 0);
	cedar_coverage_free(c);
	cedar_entities_free(entities);
}

TEST_MAIN(T(counts_policies_and_parts))
