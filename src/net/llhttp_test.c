/* Parity with llhttp in its strict mode, on its own vectors: what it refuses we refuse; what it accepts and we refuse has a
 * reason in the table below. Third-party data, read where it lies. Also replays the h2o HTTP/1 seeds. */
#include "tests/shared.h"
#include "tests/test.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/env.h"
#include "net/http1.h"
#include "text/json.h"

#include <ctype.h>
#include <dirent.h>

enum verdict { ACCEPTED, REFUSED };

/* Stricter on purpose. `part` is looked for in the bytes, without case. */
static const struct {
	const char *part, *why;
} deviations[] = {
	{ "#", "a fragment is never sent (RFC 9112 §3.2)" },
	{ ";", "chunk extensions" },
	{ "http://", "absolute-form: we are no proxy" },
	{ "pri * ", "the HTTP/2 preface" },
	{ "upgrade: ", "we never upgrade: what follows is read as HTTP" },
	{ "101 switching", "101 answers a question we never ask" },
	{ "deflate", "transfer codings other than chunked" },
	{ "gzip", "transfer codings other than chunked" },
	{ "identity", "transfer codings other than chunked" },
	{ "connect ", "CONNECT: we are no proxy" },
	{ "source ", "unknown method" },
	{ "rtsp/", "another protocol" },
	{ "ice/", "another protocol" },
	{ "trailer", "trailers" },
	{ "vary: *", "trailers" },
	{ "0.0.0.0=5000", "'=' in Host" },
	{ "continue\r\n\r\n\r\nhttp", "an empty line between responses" },
};

static const char *
deviation(span in)
{
	for (size_t d = 0; d < ARRAY_LEN(deviations); d++) {
		size_t n = strlen(deviations[d].part);
		for (size_t i = 0; i + n <= in.n; i++)
			if (span_eq_nocase(span_sub(in, i, n), span_str(deviations[d].part)))
				return deviations[d].why;
	}
	return in.n && in.p[0] == '\r' ? "an empty line before a response" : NULL;
}

/* The vectors leave Host out, which we do not let pass; give them one, so that the rest is compared. */
static void
with_host(span in, struct buf *out)
{
	size_t line = span_find(in, '\n');
	bool has = false;
	for (size_t i = 0; i + 7 < in.n && !span_starts(span_sub(in, i, 4), SPAN("\r\n\r\n")); i++)
		has |= span_eq_nocase(span_sub(in, i, 6), SPAN("\nhost:"));
	if (line == 1)   /* a leading empty line */
		line = 2 + span_find(span_sub(in, 2, in.n), '\n');
	bool http11 = line < in.n && line > 9 && span_starts(span_sub(in, line - 9, 8), SPAN("HTTP/1.1"));
	buf_put(out, span_sub(in, 0, line < in.n ? line + 1 : in.n));
	if (!has && http11)
		buf_put(out, SPAN("Host: a\r\n"));
	buf_put(out, span_sub(in, line + 1, in.n));
}

/* -1: needs more; else bytes of the body, or -2 when refused. */
static long
body_length(enum http1_body kind, uint64_t length, span in)
{
	if (kind == HTTP1_NONE)
		return 0;
	if (kind == HTTP1_UNTIL_CLOSE)
		return (long)in.n;
	if (kind == HTTP1_LENGTH)
		return in.n >= length ? (long)length : -1;
	struct http1_chunked c;
	span rest = in, data;
	uint16_t err;
	http1_chunked_init(&c, 1 << 20);
	for (;;) {
		switch (http1_chunked_next(&c, &rest, &data, &err)) {
		case HTTP1_CHUNK_DATA:
			continue;
		case HTTP1_CHUNK_MORE:
			return -1;
		case HTTP1_CHUNK_BAD:
			return -2;
		case HTTP1_CHUNK_END:
			return (long)(in.n - rest.n);
		}
	}
}

/* A whole connection: message after message. `finish`: an unfinished head is judged as if it ended. */
static enum verdict
ours(span in, bool request, bool finish)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	while (in.n) {
		struct http1_scanner s = { 0 };
		size_t len;
		uint16_t err;
		buf_fini(&b);
		buf_init(&b, 1 << 20);
		if (request)
			with_host(in, &b);
		else
			buf_put(&b, in);
		enum http1_scan r = http1_scan(&s, buf_span(&b), 16384, &len, &err);
		if (r == HTTP1_MORE && finish) {   /* llhttp judges field by field, we by the head: end it here */
			if (!span_ends(buf_span(&b), SPAN("\r\n")))
				buf_put(&b, SPAN("\r\n"));
			buf_put(&b, SPAN("\r\n"));
			r = http1_scan(&s, buf_span(&b), 16384, &len, &err);
		}
		if (r != HTTP1_HEAD)
			return r == HTTP1_BAD ? REFUSED : ACCEPTED;
		struct http1_request q;
		struct http1_response a;
		span head = span_sub(buf_span(&b), 0, len), rest = span_sub(buf_span(&b), len, b.n);
		if (failed(request ? http1_parse_request(head, &q) : http1_parse_response(head, HTTP_GET, &a)))
			return REFUSED;
		long n = body_length(request ? q.body : a.body, request ? q.content_length : a.content_length, rest);
		if (n < 0)
			return n == -2 ? REFUSED : ACCEPTED;
		if (!(request ? q.keep_alive : a.keep_alive || a.body == HTTP1_UNTIL_CLOSE))
			return rest.n > (size_t)n && !span_is(span_sub(rest, (size_t)n, rest.n), "\r\n") ? REFUSED : ACCEPTED;
		in = span_sub(in, in.n - (rest.n - (size_t)n), in.n);
	}
	return ACCEPTED;
}

static enum verdict
theirs(const struct json *log)
{
	json_for_items(line, log)
		for (size_t i = 0; i + 11 < line->str.n; i++)
			if (span_starts(span_sub(line->str, i, 20), SPAN("error code=")) && !span_starts(span_sub(line->str, i, 14), SPAN("error code=22")) &&
			    !span_starts(span_sub(line->str, i, 14), SPAN("error code=23")))
				return REFUSED;
	return ACCEPTED;
}

static size_t
unbase64(span s, uint8_t *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t acc = 0, bits = 0;
	size_t n = 0;
	for (size_t i = 0; i < s.n && s.p[i] != '='; i++) {
		acc = acc << 6 | (uint32_t)(strchr(digits, s.p[i]) - digits);
		bits += 6;
		if (bits >= 8)
			out[n++] = (uint8_t)(acc >> (bits -= 8));
	}
	return n;
}

static void
llhttp_parity(void **)
{
	CLEANUP(buf_fini) struct buf file;
	static uint8_t bytes[1 << 16];
	unsigned same = 0, stricter = 0, wrong = 0;
	buf_init(&file, 16 << 20);
	if (failed(env_read_file(env_posix(), shared_path("testdata/llhttp/cases.jsonl"), &file)))
		skip();
	struct arena a;
	arena_init(&a, 16 << 20);
	for (span rest = buf_span(&file); rest.n; ) {
		size_t n = span_find(rest, '\n');
		const struct json *c;
		span type = { 0 }, id = { 0 }, in64 = { 0 }, kind = { 0 };
		assert_ok(json_parse(span_sub(rest, 0, n), &(struct json_opts){ .allow_nul = true }, &a, &c, NULL));
		rest = span_sub(rest, n + 1, rest.n);
		assert_ok(json_get_str(c, "kind", &kind, NULL));
		IGNORE(json_opt_str(json_gets(c, "meta"), "type", &type, NULL));   /* absent for the URL cases */
		assert_ok(json_get_str(c, "id", &id, NULL));
		assert_ok(json_get_str(c, "input_b64", &in64, NULL));
		bool request = span_is(type, "request") || span_is(type, "request-finish");
		if (!span_is(kind, "http") || !(request || span_is(type, "response") || span_is(type, "response-finish")))
			continue;
		span in = span_make(bytes, unbase64(in64, bytes));
		enum verdict they = theirs(json_gets(c, "expected_log")), we = ours(in, request, they == REFUSED);
		if (they == we)
			same++;
		else if (they == ACCEPTED && deviation(in))
			stricter++;
		else
			wrong++, print_message("# %.*s: llhttp %s, we %s\n", SPAN_ARG(id), they ? "refused" : "accepted", we ? "refused" : "accepted");
	}
	arena_fini(&a);
	print_message("# llhttp: %u alike, %u stricter on purpose\n", same, stricter);
	assert_int_equal(wrong, 0);
	assert_true(same > 50);
}

static void
h2o_seeds(void **)
{
	char folder[4096];
	snprintf(folder, sizeof folder, "%s", shared_path("testdata/h2o-fuzz-corpus/http1-corpus"));
	DIR *d = opendir(folder);
	if (!d)
		skip();
	unsigned n = 0;
	for (struct dirent *e; (e = readdir(d)); ) {
		CLEANUP(buf_fini) struct buf b;
		char path[4400];
		buf_init(&b, 1 << 20);
		snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
		if (e->d_name[0] == '.' || failed(env_read_file(env_posix(), path, &b)))
			continue;
		enum verdict whole = ours(buf_span(&b), true, false);
		(void)ours(buf_span(&b), false, false);
		/* a prefix of what is accepted is never refused */
		for (size_t k = 0; whole == ACCEPTED && k < b.n && k < 512; k++) {
			struct http1_scanner s = { 0 };
			size_t len;
			uint16_t err;
			assert_int_not_equal(http1_scan(&s, span_sub(buf_span(&b), 0, k), 16384, &len, &err), HTTP1_BAD);
		}
		n++;
	}
	closedir(d);
	print_message("# h2o: %u seeds\n", n);
	assert_true(n > 100);
}

TEST_MAIN(T(llhttp_parity), T(h2o_seeds))
