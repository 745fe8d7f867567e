#include "crypto/pem.h"

#include "text/base64url.h"

/* A line without its end (LF or CRLF); moves *at behind it. */
static bool
line(span *at, span *ret)
{
	if (at->n == 0)
		return false;
	size_t n = span_find(*at, '\n');
	span l = span_sub(*at, 0, n);
	*at = span_sub(*at, n + 1, at->n);
	while (l.n && (l.p[l.n - 1] == '\r' || l.p[l.n - 1] == ' ' || l.p[l.n - 1] == '\t'))
		l.n--;
	*ret = l;
	return true;
}

static bool
boundary(span l, const char *word, span *ret_label)
{
	span head = span_str(word), tail = SPAN("-----");

	if (!span_starts(l, head) || l.n < head.n + tail.n || !span_ends(l, tail))
		return false;
	*ret_label = span_sub(l, head.n, l.n - head.n - tail.n);
	return true;
}

static status
body(span *at, span label, struct buf *text)
{
	span l, end;

	for (;;) {
		ENSURE(line(at, &l), E_BAD_REQUEST);
		if (boundary(l, "-----END ", &end))
			break;
		buf_put(text, l);
	}
	ENSURE(span_eq(end, label), E_BAD_REQUEST);
	return buf_finish(text);
}

status
pem_next(span *at, const char *label, struct buf *out, bool *ret_found)
{
	CLEANUP(buf_fini) struct buf text = { 0 };
	span l, have;

	buf_init(&text, 1 << 22);
	*ret_found = false;
	while (line(at, &l)) {
		if (!boundary(l, "-----BEGIN ", &have))
			continue;
		buf_reset(&text);
		TRY(body(at, have, &text));
		if (!span_is(have, label))
			continue;
		TRY(base64_decode(buf_span(&text), out));
		*ret_found = true;
		return OK;
	}
	return OK;
}
