/* Entities and requests, each with the reference implementation's verdict under the schema below. */
#include "cedar/conform.h"
#include "cedar/entities_json.h"
#include "tests/test.h"

static const char S_schema[] =
	"entity G; entity H in [G]; entity User in [H] { n: Long, o?: Set<E>, act?: Action, r?: {a: ipaddr, b?: E} } tags E;"
	"entity E enum [\"x\",\"y\"]; entity Loop in [Loop];"
	"action v in [grp] appliesTo {principal: User, resource: [User,E], context: {u?: User, e?: E, act?: Action}};"
	"action grp; action g2 in [grp]; action deep in [g2];";

static const struct { bool ok; const char *text; } entities[] = {
	{ true, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1},\"parents\":[{\"type\":\"G\",\"id\":\"g\"}]}]" },
	{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1},\"parents\":[{\"type\":\"User\",\"id\":\"g\"}]}]" },
	{ true, "[{\"uid\":{\"type\":\"Loop\",\"id\":\"a\"},\"attrs\":{},\"parents\":[{\"type\":\"Loop\",\"id\":\"g\"}]}]" },
	{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1},\"parents\":[{\"type\":\"Nope\",\"id\":\"g\"}]}]" },
	{ true, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"o\":[{\"type\":\"E\",\"id\":\"x\"}]},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"o\":[{\"type\":\"E\",\"id\":\"z\"}]},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"r\":{\"a\":\"1.1.1.1\",\"b\":{\"type\":\"E\",\"id\":\"q\"}}},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1},\"tags\":{\"k\":{\"type\":\"E\",\"id\":\"q\"}},\"parents\":[]}]" },
	{ true, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1},\"tags\":{\"k\":{\"type\":\"E\",\"id\":\"y\"}},\"parents\":[]}]" },
	{ true, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"act\":{\"type\":\"Action\",\"id\":\"v\"}},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"act\":{\"type\":\"Action\",\"id\":\"nope\"}},\"parents\":[]}]" },
	{ true, "[{\"uid\":{\"type\":\"E\",\"id\":\"x\"},\"attrs\":{},\"parents\":[]}]" },
	{ true, "[{\"uid\":{\"type\":\"E\",\"id\":\"x\"},\"attrs\":{},\"tags\":{},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"E\",\"id\":\"x\"},\"attrs\":{},\"tags\":{\"a\":1},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"E\",\"id\":\"x\"},\"attrs\":{\"a\":1},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"E\",\"id\":\"x\"},\"attrs\":{},\"parents\":[{\"type\":\"G\",\"id\":\"g\"}]}]" },
	{ false, "[{\"uid\":{\"type\":\"G\",\"id\":\"x\"},\"attrs\":{},\"parents\":[{\"type\":\"E\",\"id\":\"x\"}]}]" },
	{ true, "[{\"uid\":{\"type\":\"Action\",\"id\":\"v\"},\"attrs\":{},\"parents\":[{\"type\":\"Action\",\"id\":\"grp\"}]}]" },
	{ false, "[{\"uid\":{\"type\":\"Action\",\"id\":\"v\"},\"attrs\":{},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"Action\",\"id\":\"v\"},\"attrs\":{},\"parents\":[{\"type\":\"Action\",\"id\":\"g2\"}]}]" },
	{ true, "[{\"uid\":{\"type\":\"Action\",\"id\":\"v\"},\"attrs\":{},\"parents\":[{\"type\":\"Action\",\"id\":\"grp\"},{\"type\":\"Action\",\"id\":\"grp\"}]}]" },
	{ false, "[{\"uid\":{\"type\":\"Action\",\"id\":\"zz\"},\"attrs\":{},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"X::Action\",\"id\":\"zz\"},\"attrs\":{},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"Action\",\"id\":\"v\"},\"attrs\":{\"a\":1},\"parents\":[{\"type\":\"Action\",\"id\":\"grp\"}]}]" },
	{ false, "[{\"uid\":{\"type\":\"Action\",\"id\":\"v\"},\"attrs\":{},\"tags\":{\"k\":1},\"parents\":[{\"type\":\"Action\",\"id\":\"grp\"}]}]" },
	{ true, "[{\"uid\":{\"type\":\"Action\",\"id\":\"v\"},\"attrs\":{},\"tags\":{},\"parents\":[{\"type\":\"Action\",\"id\":\"grp\"}]}]" },
	{ true, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":\"1\"},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"o\":{\"__entity\":{\"type\":\"E\",\"id\":\"x\"}}},\"parents\":[]}]" },
	{ true, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"o\":[{\"__entity\":{\"type\":\"E\",\"id\":\"x\"}}]},\"parents\":[]}]" },
	{ true, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"o\":[{\"type\":\"E\",\"id\":\"x\",\"z\":1}]},\"parents\":[]}]" },
	{ true, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"o\":[{\"__entity\":{\"type\":\"E\",\"id\":\"x\"},\"z\":1}]},\"parents\":[]}]" },
	{ true, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"r\":{\"a\":{\"fn\":\"ip\",\"arg\":\"1.1.1.1\"}}},\"parents\":[]}]" },
	{ true, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"r\":{\"a\":{\"fn\":\"ip\",\"arg\":\"1.1.1.1\",\"z\":1}}},\"parents\":[]}]" },
	{ true, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"r\":{\"a\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"1.1.1.1\"}}}},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"r\":{\"a\":{\"__extn\":{\"fn\":\"decimal\",\"arg\":\"1.1\"}}}},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"r\":{\"a\":{\"__extn\":\"1.1.1.1\"}}},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"r\":{\"a\":{\"__expr\":\"ip(\\\"1.1.1.1\\\")\"}}},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"r\":{\"a\":\"zz\"}},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"r\":null},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"r\":[]},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"r\":{\"__entity\":{\"type\":\"E\",\"id\":\"x\"}}},\"parents\":[]}]" },
	{ true, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"o\":[]},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"o\":[1]},\"parents\":[]}]" },
	{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"o\":[{\"type\":\"G\",\"id\":\"x\"}]},\"parents\":[]}]" },
	{ true, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":{\"__extn\":{\"fn\":\"toMilliseconds\",\"args\":[{\"__extn\":{\"fn\":\"duration\",\"arg\":\"1s\"}}]}}},\"parents\":[]}]" },
	{ true, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1},\"parents\":[{\"type\":\"H\",\"id\":\"h\"}]},{\"uid\":{\"type\":\"H\",\"id\":\"h\"},\"attrs\":{},\"parents\":[{\"type\":\"G\",\"id\":\"g\"}]}]" },
	{ false, "[{\"uid\":{\"type\":\"Action\",\"id\":\"deep\"},\"attrs\":{},\"parents\":[{\"type\":\"Action\",\"id\":\"g2\"}]}]" },
	{ true, "[{\"uid\":{\"type\":\"Action\",\"id\":\"deep\"},\"attrs\":{},\"parents\":[{\"type\":\"Action\",\"id\":\"g2\"},{\"type\":\"Action\",\"id\":\"grp\"}]}]" },
	{ true, "[{\"uid\":{\"type\":\"Action\",\"id\":\"deep\"},\"attrs\":{},\"parents\":[{\"type\":\"Action\",\"id\":\"g2\"}]},{\"uid\":{\"type\":\"Action\",\"id\":\"g2\"},\"attrs\":{},\"parents\":[{\"type\":\"Action\",\"id\":\"grp\"}]}]" },
	{ false, "[{\"uid\":{\"type\":\"Action\",\"id\":\"deep\"},\"attrs\":{},\"parents\":[{\"type\":\"Action\",\"id\":\"grp\"}]},{\"uid\":{\"type\":\"Action\",\"id\":\"g2\"},\"attrs\":{},\"parents\":[{\"type\":\"Action\",\"id\":\"grp\"}]}]" },
};

static const struct { bool ok; const char *text; } requests[] = {
	{ true, "{\"principal\":{\"type\":\"User\",\"id\":\"a\"},\"action\":{\"type\":\"Action\",\"id\":\"v\"},\"resource\":{\"type\":\"User\",\"id\":\"b\"},\"context\":{}}" },
	{ true, "{\"principal\":{\"type\":\"User\",\"id\":\"a\"},\"action\":{\"type\":\"Action\",\"id\":\"v\"},\"resource\":{\"type\":\"E\",\"id\":\"x\"},\"context\":{}}" },
	{ false, "{\"principal\":{\"type\":\"User\",\"id\":\"a\"},\"action\":{\"type\":\"Action\",\"id\":\"v\"},\"resource\":{\"type\":\"E\",\"id\":\"q\"},\"context\":{}}" },
	{ false, "{\"principal\":{\"type\":\"G\",\"id\":\"a\"},\"action\":{\"type\":\"Action\",\"id\":\"v\"},\"resource\":{\"type\":\"User\",\"id\":\"b\"},\"context\":{}}" },
	{ false, "{\"principal\":{\"type\":\"User\",\"id\":\"a\"},\"action\":{\"type\":\"Action\",\"id\":\"v\"},\"resource\":{\"type\":\"G\",\"id\":\"b\"},\"context\":{}}" },
	{ false, "{\"principal\":{\"type\":\"Nope\",\"id\":\"a\"},\"action\":{\"type\":\"Action\",\"id\":\"v\"},\"resource\":{\"type\":\"User\",\"id\":\"b\"},\"context\":{}}" },
	{ false, "{\"principal\":{\"type\":\"User\",\"id\":\"a\"},\"action\":{\"type\":\"Action\",\"id\":\"nope\"},\"resource\":{\"type\":\"User\",\"id\":\"b\"},\"context\":{}}" },
	{ false, "{\"principal\":{\"type\":\"User\",\"id\":\"a\"},\"action\":{\"type\":\"Action\",\"id\":\"grp\"},\"resource\":{\"type\":\"User\",\"id\":\"b\"},\"context\":{}}" },
	{ false, "{\"principal\":{\"type\":\"User\",\"id\":\"a\"},\"action\":{\"type\":\"User\",\"id\":\"v\"},\"resource\":{\"type\":\"User\",\"id\":\"b\"},\"context\":{}}" },
	{ true, "{\"principal\":{\"type\":\"User\",\"id\":\"a\"},\"action\":{\"type\":\"Action\",\"id\":\"v\"},\"resource\":{\"type\":\"User\",\"id\":\"b\"},\"context\":{\"u\":{\"__entity\":{\"type\":\"User\",\"id\":\"z\"}}}}" },
	{ true, "{\"principal\":{\"type\":\"User\",\"id\":\"a\"},\"action\":{\"type\":\"Action\",\"id\":\"v\"},\"resource\":{\"type\":\"User\",\"id\":\"b\"},\"context\":{\"u\":{\"type\":\"User\",\"id\":\"z\"}}}" },
	{ false, "{\"principal\":{\"type\":\"User\",\"id\":\"a\"},\"action\":{\"type\":\"Action\",\"id\":\"v\"},\"resource\":{\"type\":\"User\",\"id\":\"b\"},\"context\":{\"u\":{\"type\":\"G\",\"id\":\"z\"}}}" },
	{ true, "{\"principal\":{\"type\":\"User\",\"id\":\"a\"},\"action\":{\"type\":\"Action\",\"id\":\"v\"},\"resource\":{\"type\":\"User\",\"id\":\"b\"},\"context\":{\"e\":{\"type\":\"E\",\"id\":\"x\"}}}" },
	{ false, "{\"principal\":{\"type\":\"User\",\"id\":\"a\"},\"action\":{\"type\":\"Action\",\"id\":\"v\"},\"resource\":{\"type\":\"User\",\"id\":\"b\"},\"context\":{\"e\":{\"type\":\"E\",\"id\":\"z\"}}}" },
	{ true, "{\"principal\":{\"type\":\"User\",\"id\":\"a\"},\"action\":{\"type\":\"Action\",\"id\":\"v\"},\"resource\":{\"type\":\"User\",\"id\":\"b\"},\"context\":{\"act\":{\"type\":\"Action\",\"id\":\"v\"}}}" },
	{ false, "{\"principal\":{\"type\":\"User\",\"id\":\"a\"},\"action\":{\"type\":\"Action\",\"id\":\"v\"},\"resource\":{\"type\":\"User\",\"id\":\"b\"},\"context\":{\"act\":{\"type\":\"Action\",\"id\":\"zz\"}}}" },
	{ false, "{\"principal\":{\"type\":\"User\",\"id\":\"a\"},\"action\":{\"type\":\"Action\",\"id\":\"v\"},\"resource\":{\"type\":\"User\",\"id\":\"b\"},\"context\":{\"zz\":1}}" },
};

static struct cedar_schema *
S_make(void)
{
	struct cedar_schema *s = NULL;
	assert_ok(cedar_schema_parse(span_str(S_schema), NULL, &s));
	return s;
}

static void
entities_agree(void **)
{
	CLEANUP(cedar_schema_unrefp) struct cedar_schema *s = S_make();
	for (size_t i = 0; i < ARRAY_LEN(entities); i++) {
		struct cedar_entities *e = cedar_entities_new(1);
		struct cedar_diag d = { 0 };
		status st = cedar_entities_parse(e, span_str(entities[i].text), s, &d);
		if (failed(st) == entities[i].ok)
			fail_msg("%s: %s %s", entities[i].text, error_name(st.code), d.what);
		if (!failed(st)) {
			assert_ok(cedar_entities_conform(s, e, NULL));
		}
		cedar_entities_free(e);
	}
}

/* Read without a schema and then held against it: what needs no coercion must come out the same. */
static void
built_entities_agree(void **)
{
	CLEANUP(cedar_schema_unrefp) struct cedar_schema *s = S_make();
	static const struct { bool ok; const char *text; } rows[] = {
		{ true, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"o\":[{\"__entity\":{\"type\":\"E\",\"id\":\"x\"}}]},\"parents\":[],\"tags\":{\"t\":{\"__entity\":{\"type\":\"E\",\"id\":\"y\"}}}}]" },
		{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"o\":[{\"__entity\":{\"type\":\"E\",\"id\":\"z\"}}]},\"parents\":[]}]" },
		{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":true},\"parents\":[]}]" },
		{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{},\"parents\":[]}]" },
		{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"m\":1},\"parents\":[]}]" },
		{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1},\"parents\":[{\"type\":\"User\",\"id\":\"b\"}]}]" },
		{ false, "[{\"uid\":{\"type\":\"G\",\"id\":\"a\"},\"attrs\":{},\"parents\":[],\"tags\":{\"t\":1}}]" },
		{ false, "[{\"uid\":{\"type\":\"Nope\",\"id\":\"a\"},\"attrs\":{},\"parents\":[]}]" },
		{ false, "[{\"uid\":{\"type\":\"E\",\"id\":\"a\"},\"attrs\":{},\"parents\":[]}]" },
		{ false, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"r\":{\"a\":{\"__extn\":{\"fn\":\"decimal\",\"arg\":\"1.0\"}}}},\"parents\":[]}]" },
		{ false, "[{\"uid\":{\"type\":\"Action\",\"id\":\"v\"},\"attrs\":{},\"parents\":[]}]" },
		{ true, "[{\"uid\":{\"type\":\"Action\",\"id\":\"v\"},\"attrs\":{},\"parents\":[{\"type\":\"Action\",\"id\":\"grp\"}]}]" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cedar_entities *e = cedar_entities_new(1);
		struct cedar_diag d = { 0 };
		assert_ok(cedar_entities_parse(e, span_str(rows[i].text), NULL, NULL));
		status st = cedar_entities_conform(s, e, &d);
		if (failed(st) == rows[i].ok)
			fail_msg("%s: %s", rows[i].text, d.what);
		cedar_entities_free(e);
	}
}

static void
requests_agree(void **)
{
	CLEANUP(cedar_schema_unrefp) struct cedar_schema *s = S_make();
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		struct arena a;
		const struct json *v;
		struct cedar_request r;
		struct cedar_diag d = { 0 };
		arena_init(&a, 1 << 20);
		assert_ok(cedar_json_parse(span_str(requests[i].text), 0, &a, &v, NULL));
		status st = cedar_request_from_json(v, s, &a, &r, &d);
		if (!failed(st))
			st = cedar_request_conforms(s, &r, &d);
		if (failed(st) == requests[i].ok)
			fail_msg("%s: %s %s", requests[i].text, error_name(st.code), d.what);
		/* without the schema's help in reading, only whole forms conform */
		assert_ok(cedar_request_from_json(v, NULL, &a, &r, NULL));
		if (!requests[i].ok)
			assert_fails(cedar_request_conforms(s, &r, &d), E_BAD_ENTITY);
		arena_fini(&a);
	}
}

TEST_MAIN(T(entities_agree), T(built_entities_agree), T(requests_agree))
