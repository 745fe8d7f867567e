/* form: application/x-www-form-urlencoded bodies and queries (WHATWG URL §5), read strictly.
 *
 * Accepted: name=value pairs joined by '&', every byte visible ASCII, '+' a blank, '%' and two hex digits a byte, the decoded text
 * UTF-8 without NUL. What two readers could take differently is refused, not repaired: a pair without '=', an empty pair or name,
 * a broken escape. Names may come twice: what that means is the caller's business. */
#ifndef AMBIT_TEXT_FORM_H
#define AMBIT_TEXT_FORM_H

#include "base/arena.h"
#include "base/buf.h"

enum { FORM_FIELDS_MAX = 64 };

struct form_field {
	span name, value;            /* decoded, in the arena */
};

struct form {
	struct form_field *fields;
	size_t n;
};

/* E_BAD_REQUEST, E_BAD_UTF8, E_LIMIT (more than FORM_FIELDS_MAX), E_NO_MEMORY. The empty text is the empty form. */
status form_parse(span text, struct arena *a, struct form *ret);
/* The only value of that name, or the empty span; *ret_count (may be NULL): how many there were. */
span form_get(const struct form *f, const char *name, size_t *ret_count);
/* Appends `s` percent-encoded so that it may stand in a query's name or value: all but unreserved characters (RFC 3986 §2.3). */
void form_escape(span s, struct buf *out);

#endif
