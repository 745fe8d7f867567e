/* id: what names a task, a call, an approval: a kind in the top 4 bits, 60 more bits below. Zero is no id.
 *
 * The 60 bits are random (core refuses a collision), but for events, where they are the sequence number. An id is a name,
 * never a capability: whoever presents one is authorised afresh.
 *
 * Text form: "tsk_" and 12 Crockford base-32 digits, upper case, exactly: every id has one text form and every text one
 * id. Short enough to read aloud, so it is always shown whole. */
#ifndef AMBIT_BASE_ID_H
#define AMBIT_BASE_ID_H

#include "base/span.h"

enum id_kind {
	ID_NONE = 0,
#define X(name, number, prefix, what) ID_##name = number,
#include "base/ids.def"
#undef X
};

enum { ID_TEXT = 16 };

/* The low 60 bits of `bits` under that kind. */
static inline uint64_t
id_make(enum id_kind kind, uint64_t bits)
{
	return (uint64_t)kind << 60 | (bits & ((UINT64_C(1) << 60) - 1));
}

static inline enum id_kind id_kind(uint64_t id) { return (enum id_kind)(id >> 60); }
static inline uint64_t id_bits(uint64_t id) { return id & ((UINT64_C(1) << 60) - 1); }

/* Writes ID_TEXT characters and a NUL. A kind without prefix (only by memory corruption, or id 0) reads "???_…". */
void id_text(uint64_t id, char out[static ID_TEXT + 1]);
/* Exactly the text form: known prefix, 12 upper-case digits. False leaves *ret alone. */
bool id_parse(span s, uint64_t *ret);
/* As id_parse, and of that kind. */
bool id_parse_kind(span s, enum id_kind kind, uint64_t *ret);
/* "tsk" or NULL. */
const char *id_prefix(unsigned kind);

#endif
