/* id: what names a task, a call, an approval: a kind and 120 random bits.
 *
 * Text form: "tsk_" and 24 Crockford base-32 digits, upper case, exactly; 8 of the digits are enough to show a person.
 * 120 bits are 24 digits without a padding bit, so every id has one text form and every text form one id. */
#ifndef AMBIT_BASE_ID_H
#define AMBIT_BASE_ID_H

#include "base/span.h"

#include <assert.h>

enum id_kind {
	ID_NONE = 0,
#define X(name, number, prefix, what) ID_##name = number,
#include "base/ids.def"
#undef X
};

enum { ID_RANDOM = 15, ID_TEXT = 28 };

/* All zero = no id. 16 bytes without padding, so it may be compared, hashed and stored as bytes. */
typedef struct id {
	uint8_t kind;
	uint8_t b[ID_RANDOM];
} id;

static_assert(sizeof(id) == 16, "id is stored as 16 bytes");

static inline bool id_eq(id a, id b) { return memcmp(&a, &b, sizeof a) == 0; }
static inline bool id_is_none(id a) { return a.kind == ID_NONE; }
/* Borrows *a. */
static inline span id_span(const id *a) { return span_make(a, sizeof *a); }

/* `random`: 15 bytes nobody can guess. */
id id_make(enum id_kind kind, const uint8_t random[static ID_RANDOM]);
/* Exactly 16 bytes with a known kind; false leaves *ret alone. */
bool id_from_bytes(span s, id *ret);
/* Writes ID_TEXT characters, no NUL. An unknown kind (only by memory corruption) reads "???_…". */
void id_text(id a, char out[static ID_TEXT]);
/* Exactly the text form: known prefix, 24 upper-case digits. False leaves *ret alone. */
bool id_parse(span s, id *ret);
/* "tsk" or NULL. */
const char *id_prefix(uint8_t kind);

#endif
