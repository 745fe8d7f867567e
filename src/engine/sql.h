/* sql: putting names and texts into SQL. Nothing is ever cut to fit: what the server would shorten, fold or misread is refused, so two
 * different names can not become one. */
#ifndef AMBIT_ENGINE_SQL_H
#define AMBIT_ENGINE_SQL_H

#include "base/buf.h"

enum sql_dialect {
	SQL_POSTGRES,    /* names up to 63 bytes; literals as with standard_conforming_strings, E'' where a back slash is in them */
	SQL_MARIADB,     /* names up to 64 characters, none ending in a blank; literals for a session without NO_BACKSLASH_ESCAPES */
};

/* Appends the name in the dialect's quotes. E_BAD_REQUEST: empty, too long, not UTF-8, with a NUL. */
status sql_ident(struct buf *b, enum sql_dialect d, span name);
/* Appends the text as a literal. E_BAD_REQUEST: not UTF-8, with a NUL. */
status sql_literal(struct buf *b, enum sql_dialect d, span text);
/* Appends the allowed word that `word` is, ignoring the case of letters; E_BAD_REQUEST when it is none of the NULL-terminated list. */
status sql_word(struct buf *b, const char *const *allowed, span word);
/* Appends `sql` with each "{role}" replaced by `role`, which is quoted already. E_BAD_REQUEST: no "{role}" in it, a NUL, not UTF-8. */
status sql_template(struct buf *b, span sql, span role);

#endif
