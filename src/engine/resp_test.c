#include "engine/resp.h"

#include "tests/test.h"

static status
parse(span in, struct arena *a, struct resp *r, size_t *used)
{
	size_t need = 0;
	status s = resp_parse(in, a, r, used, &need);
	if (!failed(s) && !*used)
		assert_true(need > in.n);
	return s;
}

static void
replies(void **)
{
	static const struct { const char *in; enum resp_kind kind; const char *s; int64_t i; size_t n; } rows[] = {
		{ "+OK\r\n", RESP_STATUS, "OK", 0, 0 },
		{ "+\r\n", RESP_STATUS, "", 0, 0 },
		{ "-ERR no\r\n", RESP_ERROR, "ERR no", 0, 0 },
		{ ":-12\r\n", RESP_INT, "", -12, 0 },
		{ "$3\r\na\rb\r\n", RESP_BULK, "a\rb", 0, 0 },
		{ "$0\r\n\r\n", RESP_BULK, "", 0, 0 },
		{ "$-1\r\n", RESP_NIL, "", 0, 0 },
		{ "*-1\r\n", RESP_NIL, "", 0, 0 },
		{ "*0\r\n", RESP_ARRAY, "", 0, 0 },
		{ "*2\r\n*1\r\n:1\r\n$1\r\nx\r\n", RESP_ARRAY, "", 0, 2 },
	};
	for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
		CLEANUP(arena_fini) struct arena a;
		struct resp r = { 0 };
		size_t used;
		arena_init(&a, 1 << 16);
		span in = span_str(rows[k].in);
		assert_ok(parse(in, &a, &r, &used));
		assert_int_equal(used, in.n);
		assert_int_equal(r.kind, rows[k].kind);
		assert_span(r.s, rows[k].s);
		assert_int_equal(r.i, rows[k].i);
		assert_int_equal(r.n, rows[k].n);
		/* each shorter start asks for more and gives nothing */
		for (size_t n = 0; n < in.n; n++) {
			assert_ok(parse(span_sub(in, 0, n), &a, &r, &used));
			assert_int_equal(used, 0);
		}
	}
}

static void
nonsense(void **)
{
	static const struct { const char *in; uint16_t code; } rows[] = {
		{ "HTTP/1.1 200 OK\r\n", E_BAD_MESSAGE },
		{ "%1\r\n+a\r\n+b\r\n", E_BAD_MESSAGE },     /* RESP3 */
		{ "+O\nK\r\n", E_BAD_MESSAGE },
		{ "+OK\r+", E_BAD_MESSAGE },
		{ ":1a\r\n", E_BAD_MESSAGE },
		{ ":+1\r\n", E_BAD_MESSAGE },
		{ ":\r\n", E_BAD_MESSAGE },
		{ "$-2\r\n", E_BAD_MESSAGE },
		{ "$1\r\nabc", E_BAD_MESSAGE },
		{ "$99999999999\r\n", E_LIMIT },
		{ "*99999999\r\n", E_LIMIT },
		{ "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", E_LIMIT },
		{ "*-5\r\n", E_BAD_MESSAGE },
	};
	for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
		CLEANUP(arena_fini) struct arena a;
		struct resp r = { 0 };
		size_t used;
		arena_init(&a, 1 << 16);
		assert_fails(parse(span_str(rows[k].in), &a, &r, &used), rows[k].code);
	}
}

static void
memory_follows_what_came(void **)
{
	CLEANUP(arena_fini) struct arena a;
	struct resp r = { 0 };
	size_t used;
	arena_init(&a, 1 << 10);
	assert_ok(parse(SPAN("*65536\r\n"), &a, &r, &used));
	assert_int_equal(used, 0);
	assert_int_equal(a.used, 0);
}

static void
commands(void **)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 100);
	resp_command(&b, 2, (const span[]){ SPAN("GET"), SPAN("a\r\nFLUSHALL\r\n") });
	assert_span(buf_span(&b), "*2\r\n$3\r\nGET\r\n$13\r\na\r\nFLUSHALL\r\n\r\n");
}

TEST_MAIN(T(replies), T(nonsense), T(memory_follows_what_came), T(commands))
