#include "engine/resp.h"

struct parser {
	span in;
	size_t at, need;
	struct arena *a;
	size_t items;
};

enum { LINE_MAX_ = 64 * 1024 };

/* A line up to CR LF; false when there is no end of one yet. A bare CR or LF is no end. */
static status
take_line(struct parser *p, span *ret, bool *ret_found)
{
	span rest = span_sub(p->in, p->at, p->in.n);
	size_t n = span_find(rest, '\r');
	ENSURE(n <= LINE_MAX_ && span_find(span_sub(rest, 0, n), '\n') == n, E_BAD_MESSAGE);
	*ret_found = n + 1 < rest.n;
	if (!*ret_found) {
		p->need = p->in.n + 1;
		return OK;
	}
	ENSURE(rest.p[n + 1] == '\n', E_BAD_MESSAGE);
	*ret = span_sub(rest, 0, n);
	p->at += n + 2;
	return OK;
}

static status
take_bulk(struct parser *p, int64_t size, struct resp *ret, bool *ret_found)
{
	ENSURE(size <= RESP_BYTES, E_LIMIT);
	size_t n = (size_t)size;
	*ret_found = p->in.n - p->at >= n + 2;
	if (!*ret_found) {
		p->need = p->at + n + 2;
		return OK;
	}
	ENSURE(p->in.p[p->at + n] == '\r' && p->in.p[p->at + n + 1] == '\n', E_BAD_MESSAGE);
	*ret = (struct resp){ .kind = RESP_BULK, .s = span_sub(p->in, p->at, n) };
	p->at += n + 2;
	return OK;
}

static status take(struct parser *p, unsigned depth, struct resp *ret, bool *ret_found);

static status
take_array(struct parser *p, int64_t count, unsigned depth, struct resp *ret, bool *ret_found)
{
	ENSURE(depth < RESP_DEPTH && count <= RESP_ITEMS, E_LIMIT);
	p->items += (size_t)count;
	ENSURE(p->items <= RESP_ITEMS, E_LIMIT);
	/* an item takes three bytes at least, "+\r\n": no memory for a promise that the input can not keep yet */
	*ret_found = (p->in.n - p->at) / 3 >= (size_t)count;
	if (!*ret_found) {
		p->need = p->at + 3 * (size_t)count;
		return OK;
	}
	struct resp *items = arena_array(p->a, count ? (size_t)count : 1, sizeof *items);
	ENSURE(items, E_NO_MEMORY);
	for (int64_t i = 0; i < count && *ret_found; i++)
		TRY(take(p, depth + 1, &items[i], ret_found));
	*ret = (struct resp){ .kind = RESP_ARRAY, .items = items, .n = (size_t)count };
	return OK;
}

static status
take(struct parser *p, unsigned depth, struct resp *ret, bool *ret_found)
{
	span line = { 0 };
	int64_t n = 0;
	*ret_found = p->at < p->in.n;
	if (!*ret_found) {
		p->need = p->in.n + 1;
		return OK;
	}
	uint8_t type = p->in.p[p->at];
	ENSURE(memchr("+-:$*", type, 5), E_BAD_MESSAGE);
	TRY(take_line(p, &line, ret_found));
	if (!*ret_found)
		return OK;
	span body = span_sub(line, 1, line.n);
	if (type == '+' || type == '-') {
		*ret = (struct resp){ .kind = type == '+' ? RESP_STATUS : RESP_ERROR, .s = body };
		return OK;
	}
	ENSURE(span_to_i64(body, &n), E_BAD_MESSAGE);
	if (type == ':') {
		*ret = (struct resp){ .kind = RESP_INT, .i = n };
		return OK;
	}
	ENSURE(n >= -1, E_BAD_MESSAGE);
	if (n == -1) {
		*ret = (struct resp){ .kind = RESP_NIL };
		return OK;
	}
	return type == '$' ? take_bulk(p, n, ret, ret_found) : take_array(p, n, depth, ret, ret_found);
}

status
resp_parse(span in, struct arena *a, struct resp *ret, size_t *ret_used, size_t *ret_need)
{
	struct parser p = { .in = in, .a = a };
	struct resp r = { 0 };
	bool found;
	*ret_used = 0;
	TRY(take(&p, 0, &r, &found));
	*ret_need = p.need;
	if (!found)
		return OK;
	*ret = r;
	*ret_used = p.at;
	return OK;
}

void
resp_command(struct buf *out, size_t n, const span *args)
{
	buf_printf(out, "*%zu\r\n", n);
	for (size_t i = 0; i < n; i++) {
		buf_printf(out, "$%zu\r\n", args[i].n);
		buf_put(out, args[i]);
		buf_put_str(out, "\r\n");
	}
}
