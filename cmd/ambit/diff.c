#include "diff.h"

#include "escape.h"

#include <stdlib.h>

struct lines {
	span *p;
	size_t n;
};

static bool
split(span s, struct lines *ret)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n' || i + 1 == s.n;
	*ret = (struct lines){ n ? calloc(n, sizeof(span)) : NULL, 0 };
	if (n && !ret->p)
		return false;
	while (s.n) {
		size_t k = span_find(s, '\n');
		ret->p[ret->n++] = span_sub(s, 0, k);
		s = span_sub(s, k + (k < s.n), s.n);
	}
	return true;
}

static void
put_line(char sign, span s, bool colour, struct buf *b)
{
	if (colour && sign != ' ')
		buf_put_str(b, sign == '-' ? "\033[31m" : "\033[32m");
	buf_put_u8(b, (uint8_t)sign);
	buf_put_u8(b, ' ');
	escape_text(s, false, b);
	if (colour && sign != ' ')
		buf_put_str(b, "\033[0m");
	buf_put_u8(b, '\n');
}

/* Equal lines that begin at `i` of the old text: all of them, or only those near a change. */
static void
put_same(const struct lines *old, size_t from, size_t to, bool first, bool last, unsigned context, struct buf *b)
{
	size_t head = first ? 0 : context, tail = last ? 0 : context;
	if (to - from <= head + tail + 1) {
		for (size_t i = from; i < to; i++)
			put_line(' ', old->p[i], false, b);
		return;
	}
	for (size_t i = from; i < from + head; i++)
		put_line(' ', old->p[i], false, b);
	buf_put_str(b, "  …\n");
	for (size_t i = to - tail; i < to; i++)
		put_line(' ', old->p[i], false, b);
}

/* Longest common subsequence by table; the ends that are equal anyway were cut off before. */
static bool
walk(const struct lines *o, const struct lines *n, size_t head, size_t tail, unsigned context, bool colour, struct buf *b)
{
	size_t on = o->n - head - tail, nn = n->n - head - tail, w = nn + 1;
	uint32_t *t = NULL;
	if (on < 20000 && nn < 20000 && (on + 1) * w <= 16u << 20)
		t = calloc((on + 1) * w, sizeof *t);
	put_same(o, 0, head, true, on == 0 && nn == 0, context, b);
	if (!t) {
		for (size_t i = 0; i < on; i++)
			put_line('-', o->p[head + i], colour, b);
		for (size_t j = 0; j < nn; j++)
			put_line('+', n->p[head + j], colour, b);
	} else {
		for (size_t i = on; i-- > 0;)
			for (size_t j = nn; j-- > 0;)
				t[i * w + j] = span_eq(o->p[head + i], n->p[head + j]) ? t[(i + 1) * w + j + 1] + 1 :
				               t[(i + 1) * w + j] >= t[i * w + j + 1] ? t[(i + 1) * w + j] : t[i * w + j + 1];
		size_t i = 0, j = 0;
		while (i < on || j < nn) {
			if (i < on && j < nn && span_eq(o->p[head + i], n->p[head + j])) {
				size_t from = i;
				while (i < on && j < nn && span_eq(o->p[head + i], n->p[head + j]))
					i++, j++;
				put_same(o, head + from, head + i, false, false, context, b);
			} else if (j >= nn || (i < on && t[(i + 1) * w + j] >= t[i * w + j + 1])) {
				put_line('-', o->p[head + i++], colour, b);
			} else {
				put_line('+', n->p[head + j++], colour, b);
			}
		}
	}
	put_same(o, o->n - tail, o->n, false, true, context, b);
	free(t);
	return true;
}

bool
diff_lines(span old, span new, unsigned context, bool colour, struct buf *b)
{
	if (span_eq(old, new))
		return false;
	struct lines o = { 0 }, n = { 0 };
	if (split(old, &o) && split(new, &n)) {
		size_t head = 0, tail = 0, least = o.n < n.n ? o.n : n.n;
		while (head < least && span_eq(o.p[head], n.p[head]))
			head++;
		while (tail < least - head && span_eq(o.p[o.n - 1 - tail], n.p[n.n - 1 - tail]))
			tail++;
		walk(&o, &n, head, tail, context, colour, b);
	} else {
		b->err = b->err ? b->err : E_NO_MEMORY;
	}
	free(o.p);
	free(n.p);
	return true;
}
