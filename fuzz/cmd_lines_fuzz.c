/* Lines of a client, and the messages in them. The same bytes in two framings give the same lines. */
#include "bridge.h"
#include "lines.h"

#include <stdlib.h>

struct seen {
	uint64_t hash;
	size_t n;
	bool read;
};

static void
on_line(void *user, span line, bool too_long)
{
	struct seen *s = user;
	s->n++;
	s->hash = s->hash * 31 + line.n + too_long;
	for (size_t i = 0; i < line.n; i++)
		s->hash = s->hash * 31 + line.p[i];
	if (memchr(line.p ? line.p : (const uint8_t *)"", '\n', line.n))
		abort();
	if (!s->read || too_long)
		return;
	struct arena a;
	struct bridge_message m;
	arena_init(&a, 4 << 20);
	if (!failed(bridge_read(&a, line, &m)) && m.kind == BRIDGE_BAD) {
		struct buf b;
		buf_init(&b, 1 << 16);
		bridge_error(&b, m.id, m.error, m.why ? m.why : "");
		if (!b.err && (b.n == 0 || span_find(buf_span(&b), '\n') != b.n - 1))
			abort();                /* an answer is one line */
		buf_fini(&b);
	}
	arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct lines whole, pieces;
	struct seen a = { .read = true }, b = { 0 };
	span in = span_make(data, n);
	lines_init(&whole, 1024);
	lines_init(&pieces, 1024);
	lines_feed(&whole, in, on_line, &a);
	lines_end(&whole, on_line, &a);
	for (size_t at = 0, k = 1; at < n; at += k, k = k % 7 + 1)
		lines_feed(&pieces, span_sub(in, at, k), on_line, &b);
	lines_end(&pieces, on_line, &b);
	if (a.n != b.n || a.hash != b.hash)
		abort();
	lines_fini(&whole);
	lines_fini(&pieces);
	return 0;
}
