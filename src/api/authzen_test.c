#include "tests/test.h"

#include "api/authzen.h"
#include "msg/enums.h"

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

static void
batch_takes_defaults_whole(void **)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	arena_init(&a, 1 << 20);
	struct authzen_batch b;
	struct json_error e;
	assert_ok(authzen_read_batch(&a, SPAN("{\"subject\":{\"type\":\"user\",\"id\":\"a\",\"properties\":{\"x\":1}},\"action\":{\"name\":\"read\"},"
	          "\"options\":{\"evaluations_semantic\":\"deny_on_first_deny\",\"other\":1},\"evaluations\":[{\"resource\":{\"type\":\"r\",\"id\":\"1\"}},"
	          "{\"subject\":{\"type\":\"user\",\"id\":\"b\"},\"resource\":{\"type\":\"r\",\"id\":\"2\"}},{},3]}"), &b, &e));
	assert_int_equal(b.n, 4);
	assert_int_equal(b.semantic, AUTHZEN_DENY_ON_FIRST_DENY);
	assert_span(b.items[0].question, "{\"action\":{\"name\":\"read\"},\"resource\":{\"id\":\"1\",\"type\":\"r\"},"
	            "\"subject\":{\"id\":\"a\",\"properties\":{\"x\":1},\"type\":\"user\"}}");
	assert_span(b.items[1].question, "{\"action\":{\"name\":\"read\"},\"resource\":{\"id\":\"2\",\"type\":\"r\"},\"subject\":{\"id\":\"b\",\"type\":\"user\"}}");
	assert_true(!b.items[2].question.n && b.items[2].fault.n);
	assert_true(!b.items[3].question.n && b.items[3].fault.n);
}

static void
batch_is_bounded(void **)
{
	static const struct { const char *in; uint16_t code; uint32_t n; } t[] = {
		{ "{\"subject\":{\"type\":\"user\",\"id\":\"a\"}}", E_OK, 0 }, { "{\"evaluations\":[]}", E_OK, 0 },
		{ "{\"evaluations\":{}}", E_BAD_REQUEST, 0 }, { "[]", E_BAD_REQUEST, 0 }, { "", E_BAD_JSON, 0 },
		{ "{\"evaluations\":[{}],\"options\":[]}", E_BAD_REQUEST, 0 },
		{ "{\"evaluations\":[{}],\"options\":{\"evaluations_semantic\":\"all\"}}", E_BAD_REQUEST, 0 },
		{ "{\"evaluations\":[{}],\"options\":{}}", E_OK, 1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		CLEANUP(arena_fini) struct arena a = { 0 };
		arena_init(&a, 8 << 20);
		struct authzen_batch b;
		struct json_error e;
		assert_int_equal(authzen_read_batch(&a, span_str(t[i].in), &b, &e).code, t[i].code);
		assert_int_equal(t[i].code ? 0 : b.n, t[i].n);
	}
	CLEANUP(buf_fini) struct buf body = { 0 };
	buf_init(&body, 1 << 20);
	buf_put_str(&body, "{\"evaluations\":[{}");
	for (int i = 0; i < AUTHZEN_ITEMS; i++)
		buf_put_str(&body, ",{}");
	buf_put_str(&body, "]}");
	CLEANUP(arena_fini) struct arena a = { 0 };
	arena_init(&a, 8 << 20);
	struct authzen_batch b;
	struct json_error e;
	assert_int_equal(authzen_read_batch(&a, buf_span(&body), &b, &e).code, E_LIMIT);
	/* Defaults multiply: 200 items of 30 kB each are more than a batch may come to. */
	buf_reset(&body);
	buf_put_str(&body, "{\"subject\":{\"type\":\"u\",\"id\":\"a\"},\"action\":{\"name\":\"r\"},\"resource\":{\"type\":\"r\",\"id\":\"1\"},\"context\":{\"x\":\"");
	for (int i = 0; i < 30000; i++)
		buf_put_u8(&body, 'x');
	buf_put_str(&body, "\"},\"evaluations\":[{}");
	for (int i = 1; i < 200; i++)
		buf_put_str(&body, ",{}");
	buf_put_str(&body, "]}");
	assert_int_equal(authzen_read_batch(&a, buf_span(&body), &b, &e).code, E_LIMIT);
}

static void
searches_need_what_they_do_not_look_for(void **)
{
	static const struct { uint8_t kind; const char *in; bool ok; } t[] = {
		{ SEARCH_SUBJECT, "{\"subject\":{\"type\":\"u\"},\"action\":{\"name\":\"r\"},\"resource\":{\"type\":\"r\",\"id\":\"1\"}}", true },
		{ SEARCH_SUBJECT, "{\"subject\":{\"type\":\"u\"},\"action\":{\"name\":\"r\"},\"resource\":{\"type\":\"r\"}}", false },
		{ SEARCH_RESOURCE, "{\"subject\":{\"type\":\"u\",\"id\":\"a\"},\"action\":{\"name\":\"r\"},\"resource\":{\"type\":\"r\"}}", true },
		{ SEARCH_RESOURCE, "{\"subject\":{\"type\":\"u\",\"id\":\"a\"},\"resource\":{\"type\":\"r\"}}", false },
		{ SEARCH_ACTION, "{\"subject\":{\"type\":\"u\",\"id\":\"a\"},\"resource\":{\"type\":\"r\",\"id\":\"1\"},\"page\":{\"limit\":3,\"token\":\"\"}}", true },
		{ SEARCH_ACTION, "{\"subject\":{\"type\":\"u\"},\"resource\":{\"type\":\"r\",\"id\":\"1\"}}", false },
		{ SEARCH_ACTION, "{\"subject\":{\"type\":\"u\",\"id\":\"a\"},\"resource\":{\"type\":\"r\",\"id\":\"1\"},\"page\":{\"limit\":-1}}", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		CLEANUP(arena_fini) struct arena a = { 0 };
		arena_init(&a, 1 << 20);
		span q;
		struct json_error e;
		if (failed(authzen_read_search(&a, t[i].kind, span_str(t[i].in), &q, &e)) == t[i].ok)
			fail_msg("%s", t[i].in);
	}
}

TEST_MAIN(T(shape_is_checked), T(decision_stands_before_its_context), T(batch_takes_defaults_whole), T(batch_is_bounded),
          T(searches_need_what_they_do_not_look_for))
