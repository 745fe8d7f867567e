/* event: the one canonical byte form of an event, frozen: what is hashed, stored, exported and, later, a Merkle leaf.
 *
 *   u8  version = 1
 *   u16 type             events.def
 *   u64 seq              place in its stream, from 1, without gaps
 *   i64 time             wall clock, nanoseconds since 1970
 *   u32 stream           0 = the authority log; others are activity logs of a node
 *   u8  n, n bytes       node name, 1..32 of [a-z0-9.-]
 *   fields, in strictly ascending order of tag, to the end:
 *     u8 tag  u8 kind  u16 length  bytes       fields.def
 *
 * Integers are big-endian; there is no padding and no second way to write the same event. At most EVENT_MAX bytes, so
 * that an event fits an entry of a tiled log.
 *
 * kind     bytes
 * BOOL     one byte, 0 or 1
 * UINT     u64            INT  i64 (two's complement)       TIME  i64, nanoseconds since 1970
 * TEXT     UTF-8          JSON  UTF-8 holding one JSON value in canonical form
 * BYTES    anything       DIGEST  32 bytes                  ID  u64 (base/id.h)
 * TEXTS    repeated: u16 length, UTF-8
 */
#ifndef AMBIT_LOG_EVENT_H
#define AMBIT_LOG_EVENT_H

#include "base/buf.h"
#include "base/id.h"
#include "crypto/hash.h"

enum { EVENT_VERSION = 1, EVENT_MAX = 65535, EVENT_NODE_MAX = 32 };

enum event_kind {
	EVENT_BOOL = 1, EVENT_UINT, EVENT_INT, EVENT_TIME, EVENT_TEXT, EVENT_JSON, EVENT_BYTES, EVENT_DIGEST, EVENT_ID, EVENT_TEXTS,
};

enum event_type {
#define EVENT(number, name, text, fields) EV_##name = number,
#include "log/events.def"
#undef EVENT
};

enum event_field {
#define X(tag, name, kind, json, what) F_##name = tag,
#include "log/fields.def"
#undef X
};

struct event_head {
	uint16_t type;
	uint64_t seq;
	int64_t time;
	uint32_t stream;
	span node;
};

/* Writing.
 *
 *   struct event_writer w;
 *   event_begin(&w, room, sizeof room, &head);
 *   event_id(&w, F_TASK, task->id);              ascending tags, as in fields.def
 *   event_text(&w, F_TOOL, tool);
 *   TRY(event_finish(&w, &bytes));
 *
 * Allocates nothing; errors are sticky and event_finish is the one check. Fields of another kind than fields.def gives
 * them, out of order, or unknown to the type fail there with E_INTERNAL: they are errors of the program. */
struct event_writer {
	uint8_t *start, *p, *end;
	uint16_t err, type;
	uint8_t last;                    /* tag written last */
	unsigned __int128 present;       /* bit per tag */
};

/* Room for the largest event: EVENT_MAX bytes; less is fine where the caller knows the size. */
void event_begin(struct event_writer *w, void *room, size_t n, const struct event_head *h);
void event_bool(struct event_writer *w, enum event_field f, bool v);
void event_uint(struct event_writer *w, enum event_field f, uint64_t v);
void event_int(struct event_writer *w, enum event_field f, int64_t v);
void event_time(struct event_writer *w, enum event_field f, int64_t ns);
/* Not UTF-8: E_BAD_UTF8. */
void event_text(struct event_writer *w, enum event_field f, span v);
/* `canonical`: what json_canonical wrote; checked only for UTF-8. */
void event_json(struct event_writer *w, enum event_field f, span canonical);
void event_bytes(struct event_writer *w, enum event_field f, span v);
void event_digest(struct event_writer *w, enum event_field f, const digest *v);
/* 0 is no id: the field is left out. */
void event_id(struct event_writer *w, enum event_field f, uint64_t v);
void event_texts(struct event_writer *w, enum event_field f, const span *v, size_t n);
/* A TEXT field only if v is not empty. */
void event_text_opt(struct event_writer *w, enum event_field f, span v);
/* *ret borrows the room. E_LIMIT: did not fit the room or EVENT_MAX; E_BAD_UTF8; E_INTERNAL: required field missing, wrong
 * kind or order, unknown type. */
status event_finish(const struct event_writer *w, span *ret);

/* Reading. A decoded event borrows the bytes. */
struct event {
	struct event_head head;
	span bytes;              /* the whole event */
	span fields;             /* the encoded fields */
};

struct event_value {
	uint8_t tag, kind;
	span raw;                /* the encoded value */
	union {
		bool b;
		uint64_t u;      /* UINT, ID */
		int64_t i;       /* INT, TIME */
		span s;          /* TEXT, JSON, BYTES; TEXTS: walk with event_texts_next */
		digest d;
	};
};

/* Checks everything the form above says, of every field, unknown tags and types included (a newer Ambit's log still
 * verifies). E_BAD_MESSAGE. */
status event_decode(span bytes, struct event *ret);
/* Beyond decode: type and tags are known, kinds are as in fields.def, required fields are there and no others. */
status event_check(const struct event *e);
/* Iterates; start with a zeroed `*pos`. False at the end. */
bool event_next(const struct event *e, size_t *pos, struct event_value *ret);
/* The field with that tag, or false. */
bool event_get(const struct event *e, enum event_field f, struct event_value *ret);
/* Pops the first text of a TEXTS value. */
bool event_texts_next(span *list, span *ret);

/* Names from the tables; NULL when unknown. */
const char *event_type_name(uint16_t type);
const char *event_field_name(uint8_t tag);
/* 0 when unknown. */
uint16_t event_type_from_name(span name);

#endif
