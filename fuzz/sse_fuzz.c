/* The first byte picks the size of the pieces. Events do not depend on it, and read the same when written again. */
#include "net/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static bool had_id, lost_id;

static bool
write_event(void *ctx, const struct sse_event *e)
{
	struct buf *b = ctx;
	lost_id |= had_id && e->id.n == 0;   /* our writer never takes an id back */
	had_id = e->id.n > 0;
	must(span_find(e->data, '\r') == e->data.n && span_find(e->type, '\n') == e->type.n && span_find(e->id, '\n') == e->id.n);
	must(!failed(sse_put(b, e->type, e->id, e->data)));
	return true;
}

static bool
feed(span in, size_t step, struct buf *out)
{
	struct sse_parser p;
	bool ok = true;
	had_id = lost_id = false;
	sse_init(&p, 512);
	buf_init(out, 1 << 20);
	for (size_t at = 0; at < in.n && ok; at += step)
		ok = !failed(sse_feed(&p, span_sub(in, at, step), write_event, out));
	sse_fini(&p);
	return ok;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n < 1 || n > 65536)
		return 0;
	/* A NUL is legal in data and type for a reader; our writer refuses it, so it is left out of the round trip. */
	if (memchr(p, 0, n))
		return 0;
	struct buf whole, parts, again;
	span in = span_make(p + 1, n - 1);
	bool ok = feed(in, in.n + 1, &whole), ok2 = feed(in, 1 + p[0] % 32u, &parts);
	must(ok == ok2 && span_eq(buf_span(&whole), buf_span(&parts)));
	/* Written events carry every field, so they may be a little over the limit they were read under. */
	bool comparable = !lost_id;
	if (feed(buf_span(&whole), whole.n + 1, &again) && comparable)
		must(span_eq(buf_span(&again), buf_span(&whole)));
	buf_fini(&whole);
	buf_fini(&parts);
	buf_fini(&again);
	return 0;
}
