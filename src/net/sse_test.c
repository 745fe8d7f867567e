#include "tests/test.h"

#include "net/sse.h"

struct seen {
	struct buf b;
	int stop_after;
};

static bool
see(void *ctx, const struct sse_event *e)
{
	struct seen *s = ctx;
	buf_printf(&s->b, "[%.*s|%.*s|%.*s]", SPAN_ARG(e->type), SPAN_ARG(e->data), SPAN_ARG(e->id));
	return s->stop_after == 0 || --s->stop_after > 0;
}

static const struct {
	const char *name;
	span in;
	const char *want;
} cases[] = {
	{ "one", SPAN("data: a\n\n"), "[message|a|]" },
	{ "no blank", SPAN("data:a\n\n"), "[message|a|]" },
	{ "two blanks", SPAN("data:  a\n\n"), "[message| a|]" },
	{ "CRLF", SPAN("data: a\r\n\r\ndata: b\r\n\r\n"), "[message|a|][message|b|]" },
	{ "CR", SPAN("data: a\r\rdata: b\r\r"), "[message|a|][message|b|]" },
	{ "mixed", SPAN("data: a\r\ndata: b\rdata: c\n\r\n"), "[message|a\nb\nc|]" },
	{ "lines", SPAN("data: a\ndata\ndata: b\n\n"), "[message|a\n\nb|]" },
	{ "empty data", SPAN("data\n\n"), "[message||]" },
	{ "no data", SPAN("event: x\n\ndata: a\n\n"), "[message|a|]" },
	{ "type", SPAN("event: x\ndata: a\n\ndata: b\n\n"), "[x|a|][message|b|]" },
	{ "id stays", SPAN("id: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"), "[message|a|7][message|b|7][message|c|]" },
	{ "id with NUL", SPAN("id: a\0b\ndata: a\n\n"), "[message|a|]" },
	{ "comment", SPAN(": hello\n:\ndata: a\n\n"), "[message|a|]" },
	{ "unknown", SPAN("datas: x\nData: y\ndata: a\n\n"), "[message|a|]" },
	{ "BOM", SPAN("\xef\xbb\xbf" "data: a\n\n"), "[message|a|]" },
	{ "second BOM is not one", SPAN("data: a\n\n\xef\xbb\xbf" "data: b\n\n"), "[message|a|]" },
	{ "unfinished", SPAN("data: a\n\ndata: b\n"), "[message|a|]" },
	{ "value with colon", SPAN("data: {\"a\": 1}\n\n"), "[message|{\"a\": 1}|]" },
};

static void
parses_in_any_pieces(void **)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t step = 1; step <= 64; step *= 4) {
			struct sse_parser p;
			struct seen s = { 0 };
			buf_init(&s.b, 4096);
			sse_init(&p, 1024);
			for (size_t at = 0; at < cases[i].in.n; at += step)
				assert_ok(sse_feed(&p, span_sub(cases[i].in, at, step), see, &s));
			if (!span_is(buf_span(&s.b), cases[i].want))
				fail_msg("%s by %zu: %.*s", cases[i].name, step, (int)s.b.n, s.b.p);
			sse_fini(&p);
			buf_fini(&s.b);
		}
}

static void
limits(void **)
{
	struct { span in; uint16_t want; } t[] = {
		{ SPAN("data: 0123456789\n\n"), E_OK },
		{ SPAN("data: 0123456789012345678901234567890123456789\n\n"), E_LIMIT },
		{ SPAN("data: 0123456789\ndata: 0123456789\n\n"), E_LIMIT },
		{ SPAN("event: 0123456789\nid: 0123456789\n"), E_LIMIT },
		{ SPAN("data: 0123456789\n\ndata: 0123456789\n\n"), E_OK },
		{ SPAN("data: \xff\n\n"), E_BAD_UTF8 },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct sse_parser p;
		struct seen s = { 0 };
		buf_init(&s.b, 4096);
		sse_init(&p, 24);
		assert_fails(sse_feed(&p, t[i].in, see, &s), t[i].want);
		sse_fini(&p);
		buf_fini(&s.b);
	}
}

static void
comments_never_reach_the_limit(void **)
{
	struct sse_parser p;
	struct seen s = { 0 };
	sse_init(&p, 16);
	for (int i = 0; i < 1000; i++)
		assert_ok(sse_feed(&p, SPAN(": ping\n"), see, &s));
	sse_fini(&p);
}

static void
retry_and_stop(void **)
{
	struct sse_parser p;
	struct seen s = { .stop_after = 1 };
	buf_init(&s.b, 4096);
	sse_init(&p, 1024);
	assert_ok(sse_feed(&p, SPAN("retry: 50\nretry: -1\nretry: 99999999999\ndata: a\n\ndata: b\n\n"), see, &s));
	assert_int_equal(p.retry_ms, 50);
	assert_span(buf_span(&s.b), "[message|a|]");
	sse_fini(&p);
	buf_fini(&s.b);
}

static void
writer_reads_back(void **)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4096);
	assert_ok(sse_put(&b, SPAN(""), SPAN(""), SPAN("{}")));
	assert_ok(sse_put(&b, SPAN("x"), SPAN("1"), SPAN("a\n\nb\n")));
	sse_put_ping(&b);
	assert_ok(sse_put(&b, SPAN(""), SPAN(""), SPAN("")));
	static const span bad[] = { SPAN("a\nb"), SPAN("a\rb"), SPAN("a\0b") };
	size_t n = b.n;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_fails(sse_put(&b, bad[i], SPAN(""), SPAN("")), E_BAD_REQUEST);
		assert_fails(sse_put(&b, SPAN(""), bad[i], SPAN("")), E_BAD_REQUEST);
	}
	assert_fails(sse_put(&b, SPAN(""), SPAN(""), SPAN("a\rdata: b")), E_BAD_REQUEST);
	assert_int_equal(b.n, n);
	struct sse_parser p;
	struct seen s = { 0 };
	buf_init(&s.b, 4096);
	sse_init(&p, 1024);
	assert_ok(sse_feed(&p, buf_span(&b), see, &s));
	assert_span(buf_span(&s.b), "[message|{}|][x|a\n\nb\n|1][message||1]");
	sse_fini(&p);
	buf_fini(&s.b);
}

TEST_MAIN(T(parses_in_any_pieces), T(limits), T(comments_never_reach_the_limit), T(retry_and_stop), T(writer_reads_back))
