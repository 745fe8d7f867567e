/* sse: server-sent events (WHATWG HTML §9.2), sans-IO parser and writer. */
#ifndef AMBIT_NET_SSE_H
#define AMBIT_NET_SSE_H

#include "base/buf.h"

/* Spans are valid during the callback. */
struct sse_event {
	span type;      /* "message" when none was given */
	span data;      /* lines joined by LF */
	span id;        /* last event id seen so far, this event's included */
};

/* False stops the feed. */
typedef bool sse_event_fn(void *ctx, const struct sse_event *e);

struct sse_parser {
	struct buf line;        /* the unfinished line */
	struct buf data;        /* this event's data so far */
	struct buf type, id;
	size_t max;             /* bytes of one event, all its fields together */
	size_t used;
	bool after_cr, has_data, started, stopped;
	int64_t retry_ms;       /* last retry: seen, -1 when none */
};

void sse_init(struct sse_parser *p, size_t max_event);
void sse_fini(struct sse_parser *p);
/* Feeds bytes as they come. E_LIMIT: an event or line larger than max_event; E_BAD_UTF8; E_NO_MEMORY. An unfinished event at the end of
 * the stream is dropped, as the standard says. */
status sse_feed(struct sse_parser *p, span in, sse_event_fn *fn, void *ctx);

/* Appends one event. Data may hold LF (becomes several data lines); a CR in data, or CR, LF or NUL in type or id, is
 * E_BAD_REQUEST and appends nothing. Empty type or id: no such line. */
status sse_put(struct buf *b, span type, span id, span data);
/* A comment line, for keep-alive. */
void sse_put_ping(struct buf *b);

#endif
