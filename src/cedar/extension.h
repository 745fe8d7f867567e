/* extension: decimal, ipaddr, datetime and duration: their texts and their functions. */
#ifndef AMBIT_CEDAR_EXTENSION_H
#define AMBIT_CEDAR_EXTENSION_H

#include "cedar/value.h"

enum cedar_fn {
#define X(name, text, style, ret, arity, a0, a1) CEDAR_FN_##name,
#include "cedar/extension.def"
#undef X
	CEDAR_FN_COUNT
};

struct cedar_fn_info {
	const char *name;
	bool method;             /* x.f(y); else f(x) */
	uint8_t ret;             /* enum cedar_kind */
	uint8_t arity;           /* with the receiver */
	uint8_t args[2];
};

/* Any enum cedar_fn. */
const struct cedar_fn_info *cedar_fn_info(enum cedar_fn fn);
/* False when there is no such function. */
bool cedar_fn_find(span name, enum cedar_fn *ret);

/* Readers of the texts that the constructors take; false when malformed or out of range. */
bool cedar_decimal_parse(span text, int64_t *ret);
bool cedar_ip_parse(span text, struct cedar_ip *ret);
bool cedar_datetime_parse(span text, int64_t *ret);
bool cedar_duration_parse(span text, int64_t *ret);

/* Applies fn. A wrong count or kind of arguments, a malformed text and overflow give a value of kind CEDAR_NONE and, in
 * *ret_why, a static text. The arena is used by ip() alone; its overflow is an error too (*ret_why is then "out of memory"). */
struct cedar_value cedar_fn_call(enum cedar_fn fn, const struct cedar_value *args, uint32_t n, struct arena *a,
                                 const char **ret_why);

/* Canonical text, which the constructor reads back to the same value ("10.0.0.0/8", "1.5", "2024-01-01T00:00:00.000Z" is
 * only possible for years 0000-9999: a datetime outside is written as "" and false returned). `out` holds 64 bytes. */
bool cedar_extension_text(struct cedar_value v, char out[64]);

#endif
