/* quote: strings and names as Cedar text. */
#ifndef AMBIT_CEDAR_QUOTE_H
#define AMBIT_CEDAR_QUOTE_H

#include "base/buf.h"

/* "…" with the escapes that read back to the same string: \" \\ \n \r \t \0 and \u{…} for other control characters. */
void cedar_put_quoted(struct buf *b, span s);
/* As an identifier where it is one and not reserved, else quoted. */
void cedar_put_key(struct buf *b, span s);

#endif
