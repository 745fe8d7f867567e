#include "lines.h"

void
lines_init(struct lines *l, size_t max)
{
	*l = (struct lines){ .max = max };
	buf_init(&l->part, max + 1);    /* one more for a CR that will be dropped */
}

void
lines_fini(struct lines *l)
{
	buf_fini(&l->part);
}

static void
emit(span line, size_t max, line_fn *fn, void *user)
{
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	if (line.n > max)
		fn(user, (span){ 0 }, true);
	else if (line.n)
		fn(user, line, false);
}

void
lines_feed(struct lines *l, span in, line_fn *fn, void *user)
{
	while (in.n) {
		size_t n = span_find(in, '\n');
		bool whole = n < in.n;
		span piece = span_sub(in, 0, n);
		in = span_sub(in, n + whole, in.n);
		if (l->skipping) {
			if (whole) {
				l->skipping = false;
				fn(user, (span){ 0 }, true);
			}
			continue;
		}
		if (whole && l->part.n == 0) {
			emit(piece, l->max, fn, user);
			continue;
		}
		buf_put(&l->part, piece);
		if (l->part.err) {
			buf_reset(&l->part);
			l->skipping = !whole;
			if (whole)
				fn(user, (span){ 0 }, true);
		} else if (whole) {
			emit(buf_span(&l->part), l->max, fn, user);
			buf_reset(&l->part);
		}
	}
}

void
lines_end(struct lines *l, line_fn *fn, void *user)
{
	if (l->skipping)
		fn(user, (span){ 0 }, true);
	else if (l->part.n)
		emit(buf_span(&l->part), l->max, fn, user);
	l->skipping = false;
	buf_reset(&l->part);
}
