#include "tests/test.h"

#include "api/authzen.h"

static void
shape_is_checked(void **)
{
	static const struct { const char *in; bool ok; } t[] = {
		{ "{\"subject\":{\"type\":\"user\",\"id\":\"a\"},\"action\":{\"name\":\"read\"},\"resource\":{\"type\":\"r\",\"id\":\"1\"}}", true },
		{ "{\"subject\":{\"type\":\"user\",\"id\":\"a\"},\"action\":{\"name\":\"read\"},\"resource\":{\"type\":\"r\",\"id\":\"1\"},\"context\":{},\"extra\":1}", true },
		{ "{\"subject\":{\"id\":\"a\"},\"action\":{\"name\":\"read\"},\"resource\":{\"type\":\"r\",\"id\":\"1\"}}", false },
		{ "{\"subject\":\"a\",\"action\":{\"name\":\"read\"},\"resource\":{\"type\":\"r\",\"id\":\"1\"}}", false },
		{ "{\"subject\":{\"type\":\"user\",\"id\":\"a\"},\"action\":{\"name\":1},\"resource\":{\"type\":\"r\",\"id\":\"1\"}}", false },
		{ "{\"subject\":{\"type\":\"user\",\"id\":\"a\"},\"action\":{\"name\":\"read\"},\"resource\":{\"type\":\"r\"}}", false },
		{ "{\"subject\":{\"type\":\"user\",\"id\":\"a\"},\"resource\":{\"type\":\"r\",\"id\":\"1\"}}", false },
		{ "{\"subject\":{\"type\":\"user\",\"id\":\"a\"},\"action\":{\"name\":\"read\"},\"action\":{\"name\":\"x\"},\"resource\":{\"type\":\"r\",\"id\":\"1\"}}", false },
		{ "", false }, { "[]", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		CLEANUP(arena_fini) struct arena a;
		arena_init(&a, 1 << 20);
		span q;
		struct json_error e;
		if (failed(authzen_read(&a, span_str(t[i].in), &q, &e)) == t[i].ok)
			fail_msg("%s", t[i].in);
	}
}

static void
decision_stands_before_its_context(void **)
{
	for (int allow = 0; allow < 2; allow++) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 1000);
		assert_ok(authzen_render(&b, allow, SPAN("{\"code\":\"x\"}")));
		assert_span(buf_span(&b), allow ? "{\"decision\":true,\"context\":{\"code\":\"x\"}}" : "{\"decision\":false,\"context\":{\"code\":\"x\"}}");
	}
}

TEST_MAIN(T(shape_is_checked), T(decision_stands_before_its_context))
