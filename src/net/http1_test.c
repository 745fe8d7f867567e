#include "tests/test.h"

#include "base/buf.h"
#include "net/http1.h"

/* A connection's worth of bytes, read the way the server reads it: scan, parse, body, next. Returns what became of the
 * first message: E_OK, the error, or WAITS. */
enum { WAITS = 0xffff };

struct outcome {
	uint16_t err;
	size_t used;            /* bytes of the first message */
	struct http1_request q;
	char body[256];
	size_t body_n;
};

static uint16_t
read_body(struct outcome *o, span in)
{
	uint16_t err;
	if (o->q.body == HTTP1_NONE)
		return E_OK;
	if (o->q.body == HTTP1_LENGTH) {
		if (in.n < o->q.content_length)
			return WAITS;
		memcpy(o->body, in.p, o->q.content_length);
		o->body_n = o->q.content_length;
		o->used += o->body_n;
		return E_OK;
	}
	struct http1_chunked c;
	http1_chunked_init(&c, sizeof o->body);
	span rest = in, data = { 0 };
	for (;;) {
		switch (http1_chunked_next(&c, &rest, &data, &err)) {
		case HTTP1_CHUNK_MORE:
			return WAITS;
		case HTTP1_CHUNK_BAD:
			return err;
		case HTTP1_CHUNK_DATA:
			memcpy(o->body + o->body_n, data.p, data.n);
			o->body_n += data.n;
			continue;
		case HTTP1_CHUNK_END:
			o->used += in.n - rest.n;
			return E_OK;
		}
	}
}

static struct outcome
read_request(span in, size_t step)
{
	struct outcome o = { 0 };
	struct http1_scanner s = { 0 };
	for (size_t n = step < in.n ? step : in.n;; n = n + step < in.n ? n + step : in.n) {
		size_t len;
		enum http1_scan r = http1_scan(&s, span_sub(in, 0, n), 1024, &len, &o.err);
		if (r == HTTP1_BAD)
			return o;
		if (r == HTTP1_MORE) {
			o.err = WAITS;
			if (n == in.n)
				return o;
			continue;
		}
		o.used = len;
		o.err = http1_parse_request(span_sub(in, 0, len), &o.q).code;
		if (o.err == E_OK)
			o.err = read_body(&o, span_sub(in, len, in.n));
		return o;
	}
}

#define GET(fields)  SPAN("GET / HTTP/1.1\r\nHost: a\r\n" fields "\r\n")
#define POST(fields) SPAN("POST / HTTP/1.1\r\nHost: a\r\n" fields)

/* The table of request smuggling: each row is something that one of two packaged servers answered with 200. */
static const struct {
	const char *name;
	span in;
	uint16_t want;
} smuggling[] = {
	{ "two different Content-Length", POST("Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), E_BAD_REQUEST },
	{ "two equal Content-Length", POST("Content-Length: 2\r\nContent-Length: 2\r\n\r\nab"), E_BAD_REQUEST },
	{ "Content-Length list", POST("Content-Length: 2, 2\r\n\r\nab"), E_BAD_REQUEST },
	{ "CL and TE", POST("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "TE and CL", POST("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "TE and CL 0", POST("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "two TE", POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "TE chunked twice", POST("Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"), E_NOT_IMPLEMENTED },
	{ "TE gzip, chunked", POST("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), E_NOT_IMPLEMENTED },
	{ "TE identity", POST("Transfer-Encoding: identity\r\n\r\n"), E_NOT_IMPLEMENTED },
	{ "TE xchunked", POST("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), E_NOT_IMPLEMENTED },
	{ "TE empty", POST("Transfer-Encoding:\r\n\r\n"), E_NOT_IMPLEMENTED },
	{ "TE vertical tab", POST("Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "TE quoted", POST("Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"), E_NOT_IMPLEMENTED },
	{ "TE in HTTP/1.0", SPAN("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "blank before colon", POST("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "tab before colon", POST("Content-Length\t: 2\r\n\r\nab"), E_BAD_REQUEST },
	{ "blank before name", POST(" Content-Length: 2\r\n\r\nab"), E_BAD_REQUEST },
	{ "blank in name", POST("Content Length: 2\r\n\r\nab"), E_BAD_REQUEST },
	{ "empty name", POST(": 2\r\n\r\n"), E_BAD_REQUEST },
	{ "no colon", POST("Content-Length\r\n\r\n"), E_BAD_REQUEST },
	{ "CL +2", POST("Content-Length: +2\r\n\r\nab"), E_BAD_REQUEST },
	{ "CL -2", POST("Content-Length: -2\r\n\r\nab"), E_BAD_REQUEST },
	{ "CL 0x2", POST("Content-Length: 0x2\r\n\r\nab"), E_BAD_REQUEST },
	{ "CL 2 2", POST("Content-Length: 2 2\r\n\r\nab"), E_BAD_REQUEST },
	{ "CL of 20 digits", POST("Content-Length: 00000000000000000002\r\n\r\nab"), E_BAD_REQUEST },
	{ "CL empty", POST("Content-Length:\r\n\r\n"), E_BAD_REQUEST },
	{ "CL 2 to the 64", POST("Content-Length: 18446744073709551616\r\n\r\nab"), E_BAD_REQUEST },
	{ "bare LF line ends", SPAN("GET / HTTP/1.1\nHost: a\n\n"), E_BAD_REQUEST },
	{ "bare LF after one field", GET("X: y\nContent-Length: 5\r\n"), E_BAD_REQUEST },
	{ "bare LF ends the head", SPAN("GET / HTTP/1.1\r\nHost: a\r\n\n"), E_BAD_REQUEST },
	{ "bare CR in value", GET("X: y\rContent-Length: 5\r\n"), E_BAD_REQUEST },
	{ "CR CR LF", GET("X: y\r\r\n"), E_BAD_REQUEST },
	{ "obs-fold with space", GET("X: y\r\n z\r\n"), E_BAD_REQUEST },
	{ "obs-fold with tab", GET("X: y\r\n\tz\r\n"), E_BAD_REQUEST },
	{ "obs-fold of TE", POST("Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "NUL in value", GET("X: y\0z\r\n"), E_BAD_REQUEST },
	{ "NUL in name", GET("X\0: y\r\n"), E_BAD_REQUEST },
	{ "NUL in target", SPAN("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"), E_BAD_REQUEST },
	{ "DEL in value", GET("X: \x7f\r\n"), E_BAD_REQUEST },
	{ "escape in value", GET("X: \x1b[2J\r\n"), E_BAD_REQUEST },
	{ "8-bit name", GET("X\xc3\xa9: y\r\n"), E_BAD_REQUEST },
	{ "two Hosts", GET("Host: a\r\n"), E_BAD_REQUEST },
	{ "two Hosts by case", GET("hOST: b\r\n"), E_BAD_REQUEST },
	{ "no Host", SPAN("GET / HTTP/1.1\r\n\r\n"), E_BAD_REQUEST },
	{ "empty Host", SPAN("GET / HTTP/1.1\r\nHost:\r\n\r\n"), E_BAD_REQUEST },
	{ "Host with userinfo", SPAN("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), E_BAD_REQUEST },
	{ "Host with path", SPAN("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), E_BAD_REQUEST },
	{ "Host list", SPAN("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), E_BAD_REQUEST },
	{ "Host with bad port", SPAN("GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n"), E_BAD_REQUEST },
	{ "Host with open bracket", SPAN("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), E_BAD_REQUEST },
	{ "two Authorization", GET("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), E_BAD_REQUEST },
	{ "two Content-Type", GET("Content-Type: a/b\r\nContent-Type: a/b\r\n"), E_BAD_REQUEST },
	{ "absolute-form", SPAN("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n"), E_BAD_REQUEST },
	{ "authority-form", SPAN("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"), E_NOT_IMPLEMENTED },
	{ "asterisk-form of GET", SPAN("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), E_BAD_REQUEST },
	{ "fragment", SPAN("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n"), E_BAD_REQUEST },
	{ "backslash", SPAN("GET /\\a HTTP/1.1\r\nHost: a\r\n\r\n"), E_BAD_REQUEST },
	{ "half an escape", SPAN("GET /%2 HTTP/1.1\r\nHost: a\r\n\r\n"), E_BAD_REQUEST },
	{ "no target", SPAN("GET  HTTP/1.1\r\nHost: a\r\n\r\n"), E_BAD_REQUEST },
	{ "two blanks", SPAN("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), E_BAD_REQUEST },
	{ "tab for blank", SPAN("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"), E_BAD_REQUEST },
	{ "blank at the end of line", SPAN("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"), E_BAD_REQUEST },
	{ "blank at the start of line", SPAN(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"), E_BAD_REQUEST },
	{ "no version", SPAN("GET /\r\nHost: a\r\n\r\n"), E_BAD_REQUEST },
	{ "lower-case version", SPAN("GET / http/1.1\r\nHost: a\r\n\r\n"), E_BAD_REQUEST },
	{ "version 1.2", SPAN("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), E_NOT_IMPLEMENTED },
	{ "version 2.0", SPAN("PRI / HTTP/2.0\r\n\r\n"), E_NOT_IMPLEMENTED },
	{ "version 1.10", SPAN("GET / HTTP/1.10\r\nHost: a\r\n\r\n"), E_BAD_REQUEST },
	{ "unknown method", SPAN("BREW / HTTP/1.1\r\nHost: a\r\n\r\n"), E_NOT_IMPLEMENTED },
	{ "lower-case method", SPAN("get / HTTP/1.1\r\nHost: a\r\n\r\n"), E_NOT_IMPLEMENTED },
	{ "unknown expectation", GET("Expect: 200-ok\r\n"), E_NOT_IMPLEMENTED },
	{ "three empty lines first", SPAN("\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), E_BAD_REQUEST },
	{ "bare LF first", SPAN("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), E_BAD_REQUEST },
	{ "TLS to a plaintext port", SPAN("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), E_BAD_REQUEST },
};

static void
smuggling_is_refused(void **)
{
	for (size_t i = 0; i < ARRAY_LEN(smuggling); i++)
		for (size_t step = 1; step <= 4096; step *= 8) {
			struct outcome o = read_request(smuggling[i].in, step);
			if (o.err != smuggling[i].want)
				fail_msg("%s by %zu: got %u, want %u", smuggling[i].name, step, o.err, smuggling[i].want);
		}
}

static void
bad_bytes_are_refused_before_the_head_ends(void **)
{
	static const span t[] = {
		SPAN("GET / HTTP/1.1\nH"), SPAN("GET / HTTP/1.1\rH"), SPAN("GET /\0"), SPAN("GET / HTTP/1.1\r\nX: \x01"), SPAN("GET / HTTP/1.1\r\n\n"), SPAN("\n"),
		SPAN("GET / HTTP/1.1\r\nX: y\r\r"),
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct http1_scanner s = { 0 };
		size_t len;
		uint16_t err;
		if (http1_scan(&s, t[i], 1024, &len, &err) != HTTP1_BAD)
			fail_msg("row %zu", i);
	}
}

#define CHUNKED(body) SPAN("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" body)
static const struct {
	const char *name;
	span in;
	uint16_t want;
} chunks[] = {
	{ "0x", CHUNKED("0x2\r\nab\r\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "blank before", CHUNKED(" 2\r\nab\r\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "blank after", CHUNKED("2 \r\nab\r\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "plus", CHUNKED("+2\r\nab\r\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "minus", CHUNKED("-2\r\nab\r\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "extension", CHUNKED("2;a=b\r\nab\r\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "bare semicolon", CHUNKED("2;\r\nab\r\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "LF after the size", CHUNKED("2\nab\r\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "CR without LF after the size", CHUNKED("2\rab\r\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "no size", CHUNKED("\r\nab\r\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "LF after the data", CHUNKED("2\r\nab\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "longer than said", CHUNKED("2\r\nabc\r\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "trailer", CHUNKED("2\r\nab\r\n0\r\nX: y\r\n\r\n"), E_BAD_REQUEST },
	{ "smuggled trailer", CHUNKED("0\r\nContent-Length: 5\r\n\r\n"), E_BAD_REQUEST },
	{ "LF at the end", CHUNKED("0\r\n\n"), E_BAD_REQUEST },
	{ "17 digits", CHUNKED("00000000000000002\r\nab\r\n0\r\n\r\n"), E_BAD_REQUEST },
	{ "2 to the 64", CHUNKED("10000000000000000\r\nab\r\n0\r\n\r\n"), E_LIMIT },
	{ "wraps", CHUNKED("2\r\nab\r\nfffffffffffffffe\r\nab"), E_LIMIT },
	{ "over the maximum", CHUNKED("101\r\n"), E_LIMIT },
	{ "over the maximum together", CHUNKED("2\r\nab\r\nff\r\n"), E_LIMIT },
	{ "unfinished size", CHUNKED("2"), WAITS },
	{ "unfinished data", CHUNKED("2\r\na"), WAITS },
	{ "unfinished end", CHUNKED("2\r\nab\r\n0\r\n\r"), WAITS },
};

static void
bad_chunks_are_refused(void **)
{
	for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
		struct outcome o = read_request(chunks[i].in, 4096);
		if (o.err != chunks[i].want)
			fail_msg("%s: got %u, want %u", chunks[i].name, o.err, chunks[i].want);
	}
}

static void
good_requests_are_read(void **)
{
	span in = SPAN("POST /access/v1/evaluation?dry=1&x=%20 HTTP/1.1\r\nhost: [::1]:8470\r\nX-Empty:\r\nContent-Type: application/json; charset=utf-8\r\n"
	               "Authorization:Bearer a.b\t \r\nContent-Length: 2\r\nAccept: application/json, text/event-stream;q=0.5\r\n\r\n{}GET");
	struct outcome o = read_request(in, 1);
	assert_int_equal(o.err, E_OK);
	assert_int_equal(o.q.r.method, HTTP_POST);
	assert_span(o.q.r.path, "/access/v1/evaluation");
	assert_span(o.q.r.query, "dry=1&x=%20");
	assert_span(o.q.r.host, "[::1]:8470");
	assert_span(o.q.r.authorization, "Bearer a.b");
	assert_true(http_type_is(o.q.r.content_type, "application/json"));
	assert_int_equal(o.used, in.n - 3);
	assert_span(span_make(o.body, o.body_n), "{}");
	assert_true(o.q.keep_alive);
	assert_int_equal(o.q.r.fields.n, 6);
	assert_true(http_field_has(o.q.r.fields, "accept", "text/event-stream"));
	assert_false(http_field_has(o.q.r.fields, "accept", "text/event"));
	size_t count;
	assert_true(span_empty(http_field(o.q.r.fields, "x-empty", &count)));
	assert_int_equal(count, 1);

	o = read_request(CHUNKED("2\r\nab\r\n00A\r\n0123456789\r\n0\r\n\r\nX"), 3);
	assert_int_equal(o.err, E_OK);
	assert_span(span_make(o.body, o.body_n), "ab0123456789");

	o = read_request(SPAN("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nX"), 1);
	assert_int_equal(o.err, E_OK);
	assert_int_equal(o.used, sizeof "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" - 1);
	o = read_request(POST("Content-Length: 002\r\n\r\nabc"), 1);
	assert_int_equal(o.err, E_OK);
	assert_span(span_make(o.body, o.body_n), "ab");
	o = read_request(SPAN("GET / HTTP/1.0\r\n\r\n"), 1);
	assert_int_equal(o.err, E_OK);
	assert_false(o.q.keep_alive);
	o = read_request(GET("Connection: foo, Close\r\n"), 1);
	assert_false(o.q.keep_alive);
	o = read_request(SPAN("OPTIONS * HTTP/1.1\r\nHost: a:80\r\n\r\n"), 1);
	assert_int_equal(o.err, E_OK);
	o = read_request(POST("Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nab"), 1);
	assert_int_equal(o.err, E_OK);
	assert_true(o.q.expect_continue);
	assert_span(span_make(o.body, o.body_n), "ab");
}

static void
every_prefix_waits(void **)
{
	span in = SPAN("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n");
	for (size_t n = 0; n < in.n; n++)
		assert_int_equal(read_request(span_sub(in, 0, n), 7).err, WAITS);
	assert_int_equal(read_request(in, 7).err, E_OK);
}

static void
heads_have_limits(void **)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 65536);
	buf_put_str(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (int i = 1; i < HTTP_MAX_FIELDS; i++)
		buf_put_str(&b, "a:b\r\n");
	size_t n = b.n;
	buf_put_str(&b, "\r\n");
	assert_int_equal(read_request(buf_span(&b), 4096).err, E_OK);
	buf_truncate(&b, n);
	buf_put_str(&b, "a:b\r\n\r\n");
	assert_int_equal(read_request(buf_span(&b), 4096).err, E_HEADERS_TOO_LARGE);

	for (size_t fill = 900; fill < 1100; fill++) {
		buf_reset(&b);
		buf_put_str(&b, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
		for (size_t i = 0; i < fill; i++)
			buf_put_u8(&b, 'x');
		buf_put_str(&b, "\r\n\r\n");
		for (size_t step = 1; step < 2000; step += 400)
			assert_int_equal(read_request(buf_span(&b), step).err, b.n <= 1024 ? E_OK : E_HEADERS_TOO_LARGE);
	}
}

static void
responses(void **)
{
	static const struct {
		const char *name;
		span in;
		enum http_method method;
		uint16_t want;
		enum http1_body body;
		bool keep_alive;
	} t[] = {
		{ "length", SPAN("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"), HTTP_GET, E_OK, HTTP1_LENGTH, true },
		{ "no reason, no blank", SPAN("HTTP/1.1 200\r\nContent-Length: 3\r\n\r\n"), HTTP_GET, E_OK, HTTP1_LENGTH, true },
		{ "no reason", SPAN("HTTP/1.1 200 \r\nContent-Length: 3\r\n\r\n"), HTTP_GET, E_OK, HTTP1_LENGTH, true },
		{ "length 0", SPAN("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"), HTTP_POST, E_OK, HTTP1_NONE, true },
		{ "chunked", SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"), HTTP_GET, E_OK, HTTP1_CHUNKED, true },
		{ "until close", SPAN("HTTP/1.1 200 OK\r\n\r\n"), HTTP_GET, E_OK, HTTP1_UNTIL_CLOSE, false },
		{ "close", SPAN("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"), HTTP_GET, E_OK, HTTP1_LENGTH, false },
		{ "1.0", SPAN("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n"), HTTP_GET, E_OK, HTTP1_LENGTH, false },
		{ "HEAD", SPAN("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"), HTTP_HEAD, E_OK, HTTP1_NONE, true },
		{ "204", SPAN("HTTP/1.1 204 No Content\r\n\r\n"), HTTP_GET, E_OK, HTTP1_NONE, true },
		{ "304 with length", SPAN("HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n"), HTTP_GET, E_OK, HTTP1_NONE, true },
		{ "100", SPAN("HTTP/1.1 100 Continue\r\n\r\n"), HTTP_POST, E_OK, HTTP1_NONE, true },
		{ "101", SPAN("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), HTTP_GET, E_UPSTREAM },
		{ "204 with length", SPAN("HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n"), HTTP_GET, E_UPSTREAM },
		{ "204 chunked", SPAN("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"), HTTP_GET, E_UPSTREAM },
		{ "CL and TE", SPAN("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"), HTTP_GET, E_UPSTREAM },
		{ "two CL", SPAN("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n"), HTTP_GET, E_UPSTREAM },
		{ "TE gzip", SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"), HTTP_GET, E_UPSTREAM },
		{ "TE in 1.0", SPAN("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), HTTP_GET, E_UPSTREAM },
		{ "two types", SPAN("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n\r\n"), HTTP_GET, E_UPSTREAM },
		{ "obs-fold", SPAN("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"), HTTP_GET, E_UPSTREAM },
		{ "blank before colon", SPAN("HTTP/1.1 200 OK\r\nX : a\r\n\r\n"), HTTP_GET, E_UPSTREAM },
		{ "status 99", SPAN("HTTP/1.1 099 OK\r\n\r\n"), HTTP_GET, E_UPSTREAM },
		{ "status 600", SPAN("HTTP/1.1 600 OK\r\n\r\n"), HTTP_GET, E_UPSTREAM },
		{ "status 2000", SPAN("HTTP/1.1 2000 OK\r\n\r\n"), HTTP_GET, E_UPSTREAM },
		{ "status 20", SPAN("HTTP/1.1 20 OK\r\n\r\n"), HTTP_GET, E_UPSTREAM },
		{ "two blanks", SPAN("HTTP/1.1  200 OK\r\n\r\n"), HTTP_GET, E_UPSTREAM },
		{ "HTTP/2", SPAN("HTTP/2.0 200 OK\r\n\r\n"), HTTP_GET, E_UPSTREAM },
		{ "empty line first", SPAN("\r\nHTTP/1.1 200 OK\r\n\r\n"), HTTP_GET, E_UPSTREAM },
		{ "ICY", SPAN("ICY 200 OK\r\n\r\n"), HTTP_GET, E_UPSTREAM },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct http1_response r;
		struct http1_scanner s = { 0 };
		size_t len = 0;
		uint16_t err;
		assert_int_equal(http1_scan(&s, t[i].in, 1024, &len, &err), HTTP1_HEAD);
		assert_int_equal(len, t[i].in.n);
		status st = http1_parse_response(t[i].in, t[i].method, &r);
		if (st.code != t[i].want)
			fail_msg("%s: got %s", t[i].name, error_name(st.code));
		if (st.code != E_OK)
			continue;
		if (r.body != t[i].body || r.keep_alive != t[i].keep_alive)
			fail_msg("%s: body %d, keep-alive %d", t[i].name, (int)r.body, r.keep_alive);
	}
}

static void
writers_refuse_injection(void **)
{
	static const struct { struct http_field f; uint16_t want; } t[] = {
		{ { SPAN("X"), SPAN("a b\tc") }, E_OK },
		{ { SPAN("X"), SPAN("") }, E_OK },
		{ { SPAN("X"), SPAN("a\r\nY: b") }, E_INTERNAL },
		{ { SPAN("X"), SPAN("a\nb") }, E_INTERNAL },
		{ { SPAN("X"), SPAN("a\0b") }, E_INTERNAL },
		{ { SPAN("X"), SPAN(" a") }, E_INTERNAL },
		{ { SPAN("X Y"), SPAN("a") }, E_INTERNAL },
		{ { SPAN("X:"), SPAN("a") }, E_INTERNAL },
		{ { SPAN(""), SPAN("a") }, E_INTERNAL },
		{ { SPAN("content-Length"), SPAN("1") }, E_INTERNAL },
		{ { SPAN("Transfer-encoding"), SPAN("chunked") }, E_INTERNAL },
		{ { SPAN("connection"), SPAN("close") }, E_INTERNAL },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 1024);
		if (http1_put_fields(&b, (struct http_fields){ &t[i].f, 1 }).code != t[i].want)
			fail_msg("row %zu", i);
	}
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1024);
	http1_put_chunk(&b, SPAN(""));
	http1_put_chunk(&b, SPAN("0123456789abcdefg"));
	http1_put_last_chunk(&b);
	assert_span(buf_span(&b), "11\r\n0123456789abcdefg\r\n0\r\n\r\n");
}

static void
plain_paths(void **)
{
	static const struct { const char *path; bool want; } t[] = {
		{ "/", true }, { "/a/b", true }, { "/a/", true }, { "/a.b/..c", true }, { "/a%20b", true }, { "/%C3%A9", true },
		{ "", false }, { "a", false }, { "//a", false }, { "/a//b", false }, { "/a//", false }, { "/.", false }, { "/a/./b", false }, { "/a/..", false },
		{ "/../a", false }, { "/%2e%2e/a", false }, { "/a%2Fb", false }, { "/a%5cb", false }, { "/a\\b", false }, { "/a;b", false },
		{ "/a%00", false }, { "/a%0d%0a", false }, { "/%252e", false }, { "/a%2", false }, { "/a%7f", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (http_path_is_plain(span_str(t[i].path)) != t[i].want)
			fail_msg("%s", t[i].path);
}

TEST_MAIN(T(smuggling_is_refused), T(bad_bytes_are_refused_before_the_head_ends), T(bad_chunks_are_refused), T(good_requests_are_read), T(every_prefix_waits), T(heads_have_limits),
    T(responses), T(writers_refuse_injection), T(plain_paths))
