#include "net/sse.h"

#include "text/utf8.h"

void
sse_init(struct sse_parser *p, size_t max_event)
{
	*p = (struct sse_parser){ .max = max_event, .retry_ms = -1 };
	buf_init(&p->line, max_event);
	buf_init(&p->data, max_event + 1);
	buf_init(&p->type, max_event);
	buf_init(&p->id, max_event);
}

void
sse_fini(struct sse_parser *p)
{
	buf_fini(&p->line);
	buf_fini(&p->data);
	buf_fini(&p->type);
	buf_fini(&p->id);
}

static void
set(struct buf *b, span s)
{
	buf_reset(b);
	buf_put(b, s);
}

static void
take_field(struct sse_parser *p, span name, span value)
{
	if (span_is(name, "data")) {
		buf_put(&p->data, value);
		buf_put_u8(&p->data, '\n');
		p->has_data = true;
	} else if (span_is(name, "event")) {
		set(&p->type, value);
	} else if (span_is(name, "id")) {
		if (span_find(value, 0) == value.n)
			set(&p->id, value);
	} else if (span_is(name, "retry")) {
		uint64_t ms;
		if (span_to_u64(value, &ms) && ms <= INT32_MAX)
			p->retry_ms = (int64_t)ms;
	}
}

static status
dispatch(struct sse_parser *p, sse_event_fn *fn, void *ctx)
{
	TRY(buf_finish(&p->data));
	TRY(buf_finish(&p->type));
	TRY(buf_finish(&p->id));
	if (p->has_data) {
		span data = buf_span(&p->data);
		data.n--;   /* the last line's LF */
		span type = p->type.n ? buf_span(&p->type) : SPAN("message");
		p->stopped = !fn(ctx, &(struct sse_event){ type, data, buf_span(&p->id) });
	}
	buf_reset(&p->data);
	buf_reset(&p->type);
	p->has_data = false;
	p->used = 0;
	return OK;
}

static status
take_line(struct sse_parser *p, sse_event_fn *fn, void *ctx)
{
	TRY(buf_finish(&p->line));
	span line = buf_span(&p->line);
	if (!p->started && span_starts(line, SPAN("\xef\xbb\xbf")))
		line = span_sub(line, 3, line.n);
	p->started = true;
	ENSURE(utf8_ok(line), E_BAD_UTF8);
	if (line.n == 0)
		return dispatch(p, fn, ctx);
	size_t colon = span_find(line, ':');
	span value = span_sub(line, colon + 1, line.n);
	if (value.n && value.p[0] == ' ')
		value = span_sub(value, 1, value.n);
	if (colon > 0)
		take_field(p, span_sub(line, 0, colon), value);
	else
		p->used -= p->line.n + 1;   /* a comment holds no memory, and a stream may be kept alive by nothing else */
	return OK;
}

status
sse_feed(struct sse_parser *p, span in, sse_event_fn *fn, void *ctx)
{
	p->stopped = false;
	while (in.n && !p->stopped) {
		if (p->after_cr && in.p[0] == '\n')
			in = span_sub(in, 1, in.n);
		p->after_cr = false;
		size_t n = 0;
		while (n < in.n && in.p[n] != '\n' && in.p[n] != '\r')
			n++;
		p->used += n + (n < in.n);
		ENSURE(p->used <= p->max, E_LIMIT);
		buf_put(&p->line, span_sub(in, 0, n));
		if (n == in.n)
			return buf_finish(&p->line);
		p->after_cr = in.p[n] == '\r';
		in = span_sub(in, n + 1, in.n);
		status s = take_line(p, fn, ctx);
		buf_reset(&p->line);
		TRY(s);
	}
	return OK;
}

static bool
single_line(span s)
{
	return span_find(s, '\n') == s.n && span_find(s, '\r') == s.n && span_find(s, 0) == s.n;
}

static void
put_line(struct buf *b, span name, span value)
{
	buf_put(b, name);
	buf_put(b, SPAN(": "));
	buf_put(b, value);
	buf_put_u8(b, '\n');
}

status
sse_put(struct buf *b, span type, span id, span data)
{
	ENSURE(single_line(type) && single_line(id) && span_find(data, '\r') == data.n, E_BAD_REQUEST);
	if (type.n)
		put_line(b, SPAN("event"), type);
	if (id.n)
		put_line(b, SPAN("id"), id);
	for (;;) {
		size_t n = span_find(data, '\n');
		put_line(b, SPAN("data"), span_sub(data, 0, n));
		if (n == data.n)
			break;
		data = span_sub(data, n + 1, data.n);
	}
	buf_put_u8(b, '\n');
	return OK;
}

void
sse_put_ping(struct buf *b)
{
	buf_put(b, SPAN(":\n\n"));
}
