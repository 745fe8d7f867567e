#include "cedar/entities_json.h"
#include "cedar/nearest.h"
#include "tests/test.h"

static const char S_policies[] =
	"@id(\"other-action\") permit(principal, action == Action::\"write\", resource);\n"
	"@id(\"other-principal\") permit(principal == User::\"bob\", action == Action::\"read\", resource);\n"
	"@id(\"two\") permit(principal, action == Action::\"read\", resource) when { context.n > 5 && context.env == \"prod\" && principal.age > 1 };\n"
	"@id(\"one\") permit(principal in Team::\"t\", action == Action::\"read\", resource)\nwhen { principal.age > 1 &&\n   context.n   > 5 };\n"
	"@id(\"exception\") permit(principal, action == Action::\"read\", resource) unless { context.env == \"dev\" || context.n > 5 || context.n == 99 };\n"
	"@id(\"error\") permit(principal, action == Action::\"read\", resource) when { context.nope == 1 && context.nope == 2 };\n"
	"@id(\"watched\") @mode(\"observe\") permit(principal, action, resource) when { false };\n"
	"forbid(principal, action, resource) when { false };\n";

static bool
S_observed(const struct cedar_policy *p, void *)
{
	span v;
	return cedar_policy_annotation(p, SPAN("mode"), &v);
}

struct fixture {
	struct arena arena;
	struct cedar_entities *entities;
	const struct cedar_policies *set;
	struct cedar_request req;
};

static void
S_setup(struct fixture *f, const char *text)
{
	struct cedar_ast *ast;
	const struct json *v;
	arena_init(&f->arena, 1 << 22);
	f->entities = cedar_entities_new(1);
	assert_ok(cedar_entities_parse(f->entities, SPAN("[{\"uid\":{\"type\":\"User\",\"id\":\"al\"},\"attrs\":{\"age\":3},"
		"\"parents\":[{\"type\":\"Team\",\"id\":\"t\"}]}]"), NULL, NULL));
	assert_ok(cedar_parse_policies(span_str(text), SPAN("p.cedar"), 0, NULL, &ast, NULL));
	assert_ok(cedar_policies_new(&ast, 1, &f->set, NULL));
	cedar_ast_unref(ast);
	assert_ok(cedar_json_parse(SPAN("{\"principal\":{\"type\":\"User\",\"id\":\"al\"},\"action\":{\"type\":\"Action\",\"id\":\"read\"},"
		"\"resource\":{\"type\":\"Doc\",\"id\":\"d\"},\"context\":{\"n\":1,\"env\":\"dev\"}}"), 0, &f->arena, &v, NULL));
	assert_ok(cedar_request_from_json(v, NULL, &f->arena, &f->req, NULL));
}

static void
S_teardown(struct fixture *f)
{
	cedar_policies_unref(f->set);
	cedar_entities_free(f->entities);
	arena_fini(&f->arena);
}

static void
ranks_and_explains(void **)
{
	static const char *const want[] = {
		"permit \"one\" (p.cedar:4) lacks: context.n > 5",
		"permit \"exception\" (p.cedar:7) makes an exception: context.env == \"dev\"",
		"permit \"error\" (p.cedar:8) could not be evaluated: context.nope == 1",
		"permit \"two\" (p.cedar:3) lacks: context.n > 5",
		"permit \"other-principal\" (p.cedar:2) is for another principal",
		"permit \"other-action\" (p.cedar:1) is for another action",
	};
	struct fixture f;
	struct cedar_near near[8];
	uint32_t n;
	S_setup(&f, S_policies);
	assert_ok(cedar_nearest_permits(f.set, f.entities, &f.req, S_observed, NULL, &f.arena, near, ARRAY_LEN(near), &n));
	assert_int_equal(n, ARRAY_LEN(want));
	for (uint32_t i = 0; i < n; i++) {
		struct buf b;
		buf_init(&b, 1000);
		cedar_near_print(&near[i], &b);
		assert_span(buf_span(&b), want[i]);
		buf_fini(&b);
	}
	assert_int_equal(near[3].lacks, 2);
	assert_int_equal(near[2].failure.kind, CEDAR_FAILED_ATTRIBUTE);
	/* a short list holds the nearest */
	for (uint32_t room = 0; room < 4; room++) {
		struct cedar_near few[4];
		assert_ok(cedar_nearest_permits(f.set, f.entities, &f.req, S_observed, NULL, &f.arena, few, room, &n));
		assert_int_equal(n, room);
		for (uint32_t i = 0; i < n; i++)
			assert_ptr_equal(few[i].policy, near[i].policy);
	}
	S_teardown(&f);
}

static void
leaves_out_what_holds(void **)
{
	struct fixture f;
	struct cedar_near near[2];
	uint32_t n;
	S_setup(&f, "permit(principal, action, resource); forbid(principal, action, resource);");
	assert_ok(cedar_nearest_permits(f.set, f.entities, &f.req, NULL, NULL, &f.arena, near, 2, &n));
	assert_int_equal(n, 0);
	S_teardown(&f);
}

TEST_MAIN(T(ranks_and_explains), T(leaves_out_what_holds))
