/* Body reading shared by the http1 targets: pieces must decode to what the whole decodes to. */
#ifndef AMBIT_FUZZ_HTTP1_FUZZ_BODY_H
#define AMBIT_FUZZ_HTTP1_FUZZ_BODY_H

#include "base/buf.h"
#include "net/http1.h"

struct decoded {
	struct buf b;
	uint16_t err;
	bool end;
	size_t used;
};

static inline void
decode(span in, size_t step, struct decoded *d)
{
	struct http1_chunked c;
	buf_init(&d->b, 1 << 16);
	http1_chunked_init(&c, 1 << 12);
	d->err = 0;
	d->end = false;
	d->used = in.n;
	for (size_t at = 0; at < in.n && !d->end; at += step) {
		span part = span_sub(in, at, step), data;
		for (bool more = true; more; ) {
			switch (http1_chunked_next(&c, &part, &data, &d->err)) {
			case HTTP1_CHUNK_DATA:
				must(data.n > 0);
				buf_put(&d->b, data);
				continue;
			case HTTP1_CHUNK_MORE:
				must(part.n == 0);
				d->err = 0;
				more = false;
				break;
			case HTTP1_CHUNK_BAD:
				must(d->err == E_BAD_REQUEST || d->err == E_LIMIT);
				return;
			case HTTP1_CHUNK_END:
				d->err = 0;
				d->end = true;
				d->used = at + span_sub(in, at, step).n - part.n;
				more = false;
				break;
			}
		}
	}
	must(d->b.n <= 1 << 12 && d->b.err == 0);
}

#endif
