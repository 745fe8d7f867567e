/* The first byte picks the size of the pieces. What is accepted is clean, has one reading, and reads the same when
 * written again. */
#include "fuzz/http1_fuzz_body.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static enum http1_scan
scan(span in, size_t step, size_t *ret_len, uint16_t *ret_err)
{
	struct http1_scanner s = { 0 };
	enum http1_scan r = HTTP1_MORE;
	for (size_t at = 0; at < in.n && r == HTTP1_MORE; at += step)
		r = http1_scan(&s, span_sub(in, 0, at + step), 2048, ret_len, ret_err);
	return r;
}

static void
inside(span s, span in)
{
	must(s.n == 0 || (s.p >= in.p && s.p + s.n <= in.p + in.n));
	for (size_t i = 0; i < s.n; i++)
		must((s.p[i] >= ' ' || s.p[i] == '\t') && s.p[i] != 0x7f);
}

static void
check(const struct http1_request *q, span head)
{
	const struct http_request *r = &q->r;
	size_t hosts, lengths, codings;
	inside(r->target, head);
	inside(r->path, head);
	inside(r->query, head);
	inside(r->host, head);
	must(r->method != HTTP_OTHER && (r->path.p[0] == '/' || span_is(r->target, "*")));
	must(r->fields.n <= HTTP_MAX_FIELDS);
	for (size_t i = 0; i < r->fields.n; i++) {
		inside(r->fields.p[i].name, head);
		inside(r->fields.p[i].value, head);
		must(http_name_ok(r->fields.p[i].name) && http_value_ok(r->fields.p[i].value));
	}
	http_field(r->fields, "host", &hosts);
	http_field(r->fields, "content-length", &lengths);
	http_field(r->fields, "transfer-encoding", &codings);
	must(hosts <= 1 && lengths + codings <= 1 && (q->minor == 0 || hosts == 1));
	must((q->body == HTTP1_CHUNKED) == (codings == 1) && (q->body == HTTP1_LENGTH) == (q->content_length > 0));
	must(q->body == HTTP1_NONE || q->minor == 1 || lengths == 1);
}

static void
write_again(const struct http1_request *q)
{
	const struct http_request *r = &q->r;
	struct http1_request again;
	struct buf b;
	buf_init(&b, 1 << 16);
	buf_put(&b, r->method_name);
	buf_put(&b, SPAN(" "));
	buf_put(&b, r->target);
	buf_printf(&b, " HTTP/1.%u\r\n", q->minor);
	for (size_t i = 0; i < r->fields.n; i++) {
		buf_put(&b, r->fields.p[i].name);
		buf_put(&b, SPAN(":"));
		buf_put(&b, r->fields.p[i].value);
		buf_put(&b, SPAN("\r\n"));
	}
	buf_put(&b, SPAN("\r\n"));
	must(!failed(http1_parse_request(buf_span(&b), &again)));
	must(again.body == q->body && again.content_length == q->content_length && again.keep_alive == q->keep_alive &&
	     again.r.fields.n == r->fields.n && span_eq(again.r.host, r->host) && span_eq(again.r.path, r->path) && span_eq(again.r.query, r->query));
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n < 1)
		return 0;
	span in = span_make(p + 1, n - 1);
	size_t len = 0, len2 = 0;
	uint16_t err = 0, err2 = 0;
	struct http1_request q;
	enum http1_scan r = scan(in, in.n + 1, &len, &err), r2 = scan(in, 1 + p[0] % 32u, &len2, &err2);
	must(r == r2 && (r != HTTP1_HEAD || len == len2) && (r != HTTP1_BAD || err == err2));
	if (r == HTTP1_HEAD && !failed(http1_parse_request(span_sub(in, 0, len), &q))) {
		check(&q, span_sub(in, 0, len));
		write_again(&q);
	}
	(void)!failed(http1_parse_request(in, &q));   /* unmeasured bytes are refused or read, never overrun */
	return 0;
}
