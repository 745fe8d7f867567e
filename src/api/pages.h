/* pages: what people see in a browser. Every text is escaped; no script, no foreign source, no frame (A74, A75). */
#ifndef AMBIT_API_PAGES_H
#define AMBIT_API_PAGES_H

#include "base/buf.h"
#include "text/json.h"

/* The page core names in `v` ("page": login, consent, device, done, refused, signed_in) with its members. E_BAD_MESSAGE: none of them. */
status pages_render(struct buf *b, const struct json *v);
/* A page that says what went wrong. */
void pages_error(struct buf *b, uint16_t code, span detail);
/* Asks whether the person wants to sign in with the code of a link: a link alone signs nobody in (A22). */
void pages_sign_in(struct buf *b, span code);
/* The style sheet of all of them. */
span pages_style(void);
/* Appends `s` so that it is text and nothing else in HTML, also within a quoted attribute. */
void pages_escape(struct buf *b, span s);

#endif
