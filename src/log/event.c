#include "log/event.h"
#include "text/utf8.h"

#define BIT(tag) ((unsigned __int128)1 << (tag))

struct type_row {
	uint16_t number;
	const char *name;
	unsigned __int128 required;
};

struct field_row {
	uint8_t kind;
	const char *name;
};

/* events.def twice: once for what must be there, once for what may. */
static const struct type_row types[] = {
#define R(f) | BIT(F_##f)
#define O(f)
#define EVENT(number, name, text, fields) { number, text, 0 fields },
#include "log/events.def"
#undef EVENT
#undef R
#undef O
};

static const unsigned __int128 optional[] = {
#define R(f)
#define O(f) | BIT(F_##f)
#define EVENT(number, name, text, fields) 0 fields,
#include "log/events.def"
#undef EVENT
#undef R
#undef O
};

static const struct field_row fields[128] = {
#define X(tag, name, kind, json, what) [tag] = { EVENT_##kind, json },
#include "log/fields.def"
#undef X
};

/* Place of a type in the tables, or -1. */
static int
type_index(uint16_t type)
{
	enum {
#define EVENT(number, name, text, fields) I_##name,
#include "log/events.def"
#undef EVENT
	};
	switch (type) {
#define EVENT(number, name, text, fields) case number: return I_##name;
#include "log/events.def"
#undef EVENT
	}
	return -1;
}

static uint8_t *
put_be(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = n; i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
	return p + n;
}

static bool
node_ok(span node)
{
	if (node.n == 0 || node.n > EVENT_NODE_MAX)
		return false;
	for (size_t i = 0; i < node.n; i++) {
		uint8_t c = node.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-'))
			return false;
	}
	return true;
}

enum { FIXED_HEAD = 1 + 2 + 8 + 8 + 4 + 1 };

void
event_begin(struct event_writer *w, void *room, size_t n, const struct event_head *h)
{
	if (n > EVENT_MAX)
		n = EVENT_MAX;
	*w = (struct event_writer){ .start = room, .p = room, .end = (uint8_t *)room + n, .type = h->type };
	if (!node_ok(h->node)) {
		w->err = E_INTERNAL;
		return;
	}
	if (n < FIXED_HEAD + h->node.n) {
		w->err = E_LIMIT;
		return;
	}
	uint8_t *p = put_be(w->p, EVENT_VERSION, 1);
	p = put_be(p, h->type, 2);
	p = put_be(p, h->seq, 8);
	p = put_be(p, (uint64_t)h->time, 8);
	p = put_be(p, h->stream, 4);
	p = put_be(p, h->node.n, 1);
	memcpy(p, h->node.p, h->node.n);
	w->p = p + h->node.n;
}

/* Room for one field's value, its header written; NULL once anything went wrong. */
static uint8_t *
open_field(struct event_writer *w, enum event_field f, uint8_t kind, size_t n)
{
	if (w->err)
		return NULL;
	if (f <= w->last || f >= 128 || fields[f].kind != kind) {
		w->err = E_INTERNAL;
		return NULL;
	}
	if (n > UINT16_MAX || (size_t)(w->end - w->p) < 4 + n) {
		w->err = E_LIMIT;
		return NULL;
	}
	w->last = (uint8_t)f;
	w->present |= BIT(f);
	uint8_t *p = w->p;
	p[0] = (uint8_t)f;
	p[1] = kind;
	p[2] = (uint8_t)(n >> 8);
	p[3] = (uint8_t)n;
	w->p = p + 4 + n;
	return p + 4;
}

static void
put_number(struct event_writer *w, enum event_field f, uint8_t kind, uint64_t v)
{
	uint8_t *p = open_field(w, f, kind, 8);
	v = htobe64(v);
	if (p)
		memcpy(p, &v, sizeof v);
}

static void
put_bytes(struct event_writer *w, enum event_field f, uint8_t kind, span v)
{
	uint8_t *p = open_field(w, f, kind, v.n);
	if (p && v.n)
		memcpy(p, v.p, v.n);
}

static void
put_text(struct event_writer *w, enum event_field f, uint8_t kind, span v)
{
	if (!w->err && !utf8_ok(v))
		w->err = E_BAD_UTF8;
	put_bytes(w, f, kind, v);
}

void
event_bool(struct event_writer *w, enum event_field f, bool v)
{
	uint8_t *p = open_field(w, f, EVENT_BOOL, 1);
	if (p)
		*p = v;
}

void event_uint(struct event_writer *w, enum event_field f, uint64_t v) { put_number(w, f, EVENT_UINT, v); }
void event_int(struct event_writer *w, enum event_field f, int64_t v) { put_number(w, f, EVENT_INT, (uint64_t)v); }
void event_time(struct event_writer *w, enum event_field f, int64_t ns) { put_number(w, f, EVENT_TIME, (uint64_t)ns); }
void event_text(struct event_writer *w, enum event_field f, span v) { put_text(w, f, EVENT_TEXT, v); }
void event_json(struct event_writer *w, enum event_field f, span canonical) { put_text(w, f, EVENT_JSON, canonical); }
void event_bytes(struct event_writer *w, enum event_field f, span v) { put_bytes(w, f, EVENT_BYTES, v); }

void
event_digest(struct event_writer *w, enum event_field f, const digest *v)
{
	put_bytes(w, f, EVENT_DIGEST, digest_span(v));
}

void
event_id(struct event_writer *w, enum event_field f, uint64_t v)
{
	if (v)
		put_number(w, f, EVENT_ID, v);
}

void
event_text_opt(struct event_writer *w, enum event_field f, span v)
{
	if (v.n)
		event_text(w, f, v);
}

void
event_texts(struct event_writer *w, enum event_field f, const span *v, size_t n)
{
	size_t total = 0;
	for (size_t i = 0; i < n; i++) {
		if (v[i].n > UINT16_MAX) {
			if (!w->err)
				w->err = E_LIMIT;
			return;
		}
		if (!w->err && !utf8_ok(v[i]))
			w->err = E_BAD_UTF8;
		total += 2 + v[i].n;
	}
	uint8_t *p = open_field(w, f, EVENT_TEXTS, total);
	for (size_t i = 0; p && i < n; i++) {
		p = put_be(p, v[i].n, 2);
		if (v[i].n)
			memcpy(p, v[i].p, v[i].n);
		p += v[i].n;
	}
}

/* The fields present are those the type asks for and allows. */
static bool
fields_fit(uint16_t type, unsigned __int128 present)
{
	int i = type_index(type);
	return i >= 0 && (types[i].required & ~present) == 0 && (present & ~(types[i].required | optional[i])) == 0;
}

status
event_finish(const struct event_writer *w, span *ret)
{
	ENSURE(!w->err, w->err);
	ENSURE(fields_fit(w->type, w->present), E_INTERNAL);
	*ret = span_make(w->start, (size_t)(w->p - w->start));
	return OK;
}

static bool
texts_ok(span list)
{
	struct reader r = rd_make(list);
	while (rd_left(&r)) {
		span t = rd_vec16(&r);
		if (!r.ok || !utf8_ok(t))
			return false;
	}
	return true;
}

static bool
value_ok(uint8_t kind, span raw)
{
	switch (kind) {
	case EVENT_BOOL:
		return raw.n == 1 && raw.p[0] <= 1;
	case EVENT_UINT:
	case EVENT_INT:
	case EVENT_TIME:
		return raw.n == 8;
	case EVENT_ID:
		/* Id 0 is "none" and is written as no field. */
		return raw.n == 8 && memcmp(raw.p, "\0\0\0\0\0\0\0", 8) != 0;
	case EVENT_DIGEST:
		return raw.n == DIGEST_SIZE;
	case EVENT_TEXT:
	case EVENT_JSON:
		return utf8_ok(raw);
	case EVENT_BYTES:
		return true;
	case EVENT_TEXTS:
		return texts_ok(raw);
	}
	return false;
}

status
event_decode(span bytes, struct event *ret)
{
	ENSURE(bytes.n <= EVENT_MAX, E_BAD_MESSAGE);
	struct reader r = rd_make(bytes);
	struct event e = { .bytes = bytes };
	uint8_t version = rd_u8(&r);
	e.head.type = rd_u16(&r);
	e.head.seq = rd_u64(&r);
	e.head.time = (int64_t)rd_u64(&r);
	e.head.stream = rd_u32(&r);
	size_t n = rd_u8(&r);
	e.head.node = rd_take(&r, n);
	ENSURE(r.ok && version == EVENT_VERSION && node_ok(e.head.node), E_BAD_MESSAGE);
	e.fields = span_make(r.p, rd_left(&r));
	uint8_t last = 0;
	while (rd_left(&r)) {
		uint8_t tag = rd_u8(&r), kind = rd_u8(&r);
		span raw = rd_vec16(&r);
		ENSURE(r.ok && tag > last && value_ok(kind, raw), E_BAD_MESSAGE);
		last = tag;
	}
	TRY(rd_end(&r));
	*ret = e;
	return OK;
}

status
event_check(const struct event *e)
{
	unsigned __int128 present = 0;
	struct event_value v;
	for (size_t pos = 0; event_next(e, &pos, &v);) {
		ENSURE(v.tag < 128 && fields[v.tag].kind == v.kind, E_BAD_MESSAGE);
		present |= BIT(v.tag);
	}
	ENSURE(fields_fit(e->head.type, present), E_BAD_MESSAGE);
	return OK;
}

static void
read_value(struct event_value *v)
{
	struct reader r = rd_make(v->raw);
	switch (v->kind) {
	case EVENT_BOOL:
		v->b = rd_u8(&r);
		break;
	case EVENT_UINT:
	case EVENT_INT:
	case EVENT_TIME:
	case EVENT_ID:
		v->u = rd_u64(&r);
		break;
	case EVENT_DIGEST:
		memcpy(v->d.b, v->raw.p, sizeof v->d.b);
		break;
	default:
		v->s = v->raw;
	}
}

bool
event_next(const struct event *e, size_t *pos, struct event_value *ret)
{
	struct reader r = rd_make(span_sub(e->fields, *pos, e->fields.n));
	if (!rd_left(&r))
		return false;
	*ret = (struct event_value){ 0 };
	ret->tag = rd_u8(&r);
	ret->kind = rd_u8(&r);
	ret->raw = rd_vec16(&r);
	if (!r.ok)
		return false;   /* not what event_decode let through */
	*pos += 4 + ret->raw.n;
	read_value(ret);
	return true;
}

bool
event_get(const struct event *e, enum event_field f, struct event_value *ret)
{
	for (size_t pos = 0; event_next(e, &pos, ret) && ret->tag <= f;)
		if (ret->tag == f)
			return true;
	return false;
}

bool
event_texts_next(span *list, span *ret)
{
	struct reader r = rd_make(*list);
	if (!rd_left(&r))
		return false;
	*ret = rd_vec16(&r);
	*list = span_make(r.p, rd_left(&r));
	return r.ok;
}

const char *
event_type_name(uint16_t type)
{
	int i = type_index(type);
	return i < 0 ? NULL : types[i].name;
}

const char *
event_field_name(uint8_t tag)
{
	return tag < 128 ? fields[tag].name : NULL;
}

uint16_t
event_type_from_name(span name)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (span_is(name, types[i].name))
			return types[i].number;
	return 0;
}
