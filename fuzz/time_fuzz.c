/* A point that is read prints as the same point; so does a duration. */
#include "text/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	int64_t t, back;
	char s[TIME_TEXT + 1];
	if (time_parse(span_make(p, n), &t) || time_parse_date(span_make(p, n), &t)) {
		size_t len = time_text(t, s);
		must(time_parse(span_make(s, len), &back) && back == t);
	}
	if (duration_parse(span_make(p, n), &t)) {
		struct buf b;
		buf_init(&b, 100);
		duration_put(t, &b);
		must(t >= 0 && duration_parse(buf_span(&b), &back) && back == t);
		buf_fini(&b);
	}
	if (n == 8) {
		memcpy(&t, p, 8);
		time_text(t, s);
	}
	return 0;
}
