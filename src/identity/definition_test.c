#include "tests/test.h"

#include "identity/definition.h"

static status
digest_of(const char *text, digest *ret)
{
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a, 1 << 20);
	const struct json *v;
	TRY(json_parse(span_str(text), NULL, &a, &v, NULL));
	return definition_digest(v, ret);
}

/* A51: every member a model could be misled by is in the digest, and so are the boundaries between members. */
static void
any_change_is_another_tool(void **)
{
	static const char base[] = "{\"name\":\"t\",\"description\":\"d\",\"inputSchema\":{\"type\":\"object\"}}";
	static const char *const others[] = {
		"{\"name\":\"u\",\"description\":\"d\",\"inputSchema\":{\"type\":\"object\"}}",
		"{\"name\":\"t\",\"description\":\"e\",\"inputSchema\":{\"type\":\"object\"}}",
		"{\"name\":\"t\",\"title\":\"d\",\"inputSchema\":{\"type\":\"object\"}}",
		"{\"name\":\"t\",\"description\":\"d\",\"inputSchema\":{\"type\":\"object\",\"x\":1}}",
		"{\"name\":\"t\",\"description\":\"d\",\"inputSchema\":{\"type\":\"object\"},\"outputSchema\":{}}",
		"{\"name\":\"t\",\"description\":\"d\",\"inputSchema\":{\"type\":\"object\"},\"annotations\":{}}",
		"{\"name\":\"t\",\"description\":\"d\",\"inputSchema\":{\"type\":\"object\"},\"annotations\":{\"readOnlyHint\":true}}",
		"{\"name\":\"t\",\"description\":\"d\",\"inputSchema\":{\"type\":\"object\"},\"icons\":[]}",
		"{\"name\":\"t\",\"description\":\"d\",\"inputSchema\":{\"type\":\"object\"},\"_meta\":{}}",
		"{\"name\":\"t\",\"description\":\"d\",\"inputSchema\":{\"type\":\"object\"},\"execution\":{}}",
		"{\"name\":\"t\",\"inputSchema\":{\"type\":\"object\"}}",
	};
	digest a, b;
	assert_ok(digest_of(base, &a));
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		assert_ok(digest_of(others[i], &b));
		assert_false(digest_eq(&a, &b));
	}
	assert_ok(digest_of(" {\"inputSchema\":{\"type\":\"object\"}, \"description\":\"\\u0064\",\"name\":\"t\"}", &b));
	assert_true(digest_eq(&a, &b));
}

static void
what_is_not_covered_is_not_shown(void **)
{
	digest a, b;
	CLEANUP(arena_fini) struct arena arena;
	CLEANUP(buf_fini) struct buf out;
	arena_init(&arena, 1 << 20);
	buf_init(&out, 1000);
	assert_ok(digest_of("{\"name\":\"t\",\"Description\":\"x\"}", &a));
	assert_ok(digest_of("{\"name\":\"t\"}", &b));
	assert_true(digest_eq(&a, &b));
	const struct json *v;
	assert_ok(json_parse(SPAN("{\"name\":\"t\",\"Description\":\"x\",\"annotations\":{\"b\":1,\"a\":2}}"), NULL, &arena, &v, NULL));
	assert_ok(definition_put(v, &out));
	assert_span(buf_span(&out), "{\"annotations\":{\"a\":2,\"b\":1},\"name\":\"t\"}");
	assert_fails(digest_of("{\"description\":\"x\"}", &a), E_BAD_REQUEST);
	assert_fails(digest_of("{\"name\":\"\"}", &a), E_BAD_REQUEST);
	assert_fails(digest_of("{\"name\":5}", &a), E_BAD_REQUEST);
	assert_fails(digest_of("[]", &a), E_BAD_REQUEST);
}

TEST_MAIN(T(any_change_is_another_tool), T(what_is_not_covered_is_not_shown))
