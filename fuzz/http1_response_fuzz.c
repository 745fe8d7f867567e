/* The first byte picks the method that is answered. */
#include "net/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n < 1)
		return 0;
	span in = span_make(p + 1, n - 1);
	enum http_method method = p[0] % 2 ? HTTP_HEAD : HTTP_GET;
	struct http1_scanner s = { 0 };
	struct http1_response r;
	size_t len;
	uint16_t err;
	if (http1_scan(&s, in, 2048, &len, &err) == HTTP1_HEAD && !failed(http1_parse_response(span_sub(in, 0, len), method, &r))) {
		size_t lengths, codings;
		http_field(r.f, "content-length", &lengths);
		http_field(r.f, "transfer-encoding", &codings);
		must(r.status >= 100 && r.status < 600 && r.status != 101 && lengths + codings <= 1);
		must((r.status >= 200 && r.status != 204 && r.status != 304 && method != HTTP_HEAD) || r.body == HTTP1_NONE);
		must(r.body != HTTP1_UNTIL_CLOSE || !r.keep_alive);
		for (size_t i = 0; i < r.f.n; i++)
			must(http_name_ok(r.f.p[i].name) && http_value_ok(r.f.p[i].value));
	}
	(void)!failed(http1_parse_response(in, method, &r));
	return 0;
}
