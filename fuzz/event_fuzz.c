/* Event bytes: whatever decodes is walked whole, means the same when written again, and never crosses its end. */
#include "log/chain.h"
#include "log/event.h"

static void
put(struct event_writer *w, const struct event_value *v)
{
	enum event_field f = (enum event_field)v->tag;
	span list[64], t, rest = v->s;
	size_t n = 0;
	switch (v->kind) {
	case EVENT_BOOL: event_bool(w, f, v->b); return;
	case EVENT_UINT: event_uint(w, f, v->u); return;
	case EVENT_INT: event_int(w, f, v->i); return;
	case EVENT_TIME: event_time(w, f, v->i); return;
	case EVENT_TEXT: event_text(w, f, v->s); return;
	case EVENT_JSON: event_json(w, f, v->s); return;
	case EVENT_BYTES: event_bytes(w, f, v->s); return;
	case EVENT_DIGEST: event_digest(w, f, &v->d); return;
	case EVENT_ID: event_id(w, f, v->u); return;
	case EVENT_TEXTS:
		while (n < ARRAY_LEN(list) && event_texts_next(&rest, &t))
			list[n++] = t;
		event_texts(w, f, list, n);
		return;
	}
	must(v->kind == EVENT_BOOL);   /* decode lets no other kind through */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t room[EVENT_MAX];
	struct event e;
	struct event_value v, again;
	struct chain c = { 0 };
	if (failed(event_decode(span_make(data, size), &e)))
		return 0;
	c.seq = e.head.seq - 1;
	must(!failed(chain_verify(&c, e.bytes, NULL)));
	bool known = !failed(event_check(&e));
	struct event_writer w;
	event_begin(&w, room, sizeof room, &e.head);
	size_t lists = 0;
	for (size_t pos = 0; event_next(&e, &pos, &v);) {
		must(event_get(&e, (enum event_field)v.tag, &again) && span_eq(again.raw, v.raw));
		span rest = v.s, t;
		size_t n = 0;
		while (v.kind == EVENT_TEXTS && event_texts_next(&rest, &t))
			n++;
		lists = n > lists ? n : lists;
		if (known)
			put(&w, &v);
	}
	span bytes;
	if (known && lists <= 64)
		must(!failed(event_finish(&w, &bytes)) && span_eq(bytes, e.bytes));
	return 0;
}
