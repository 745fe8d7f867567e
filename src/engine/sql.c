#include "engine/sql.h"
#include "text/utf8.h"

static bool
text_ok(span s)
{
	return (s.n == 0 || !memchr(s.p, 0, s.n)) && utf8_ok(s);
}

static void
put_doubled(struct buf *b, span s, uint8_t quote, bool slashes)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == quote || (slashes && s.p[i] == '\\'))
			buf_put_u8(b, s.p[i]);
		buf_put_u8(b, s.p[i]);
	}
}

status
sql_ident(struct buf *b, enum sql_dialect d, span name)
{
	ENSURE(name.n > 0 && text_ok(name), E_BAD_REQUEST);
	if (d == SQL_POSTGRES) {
		/* NAMEDATALEN - 1: the server would cut the rest off, with no more than a notice */
		ENSURE(name.n <= 63, E_BAD_REQUEST);
	} else {
		ENSURE(utf8_count(name) <= 64 && name.p[name.n - 1] != ' ', E_BAD_REQUEST);
	}
	uint8_t quote = d == SQL_POSTGRES ? '"' : '`';
	buf_put_u8(b, quote);
	put_doubled(b, name, quote, false);
	buf_put_u8(b, quote);
	return OK;
}

status
sql_literal(struct buf *b, enum sql_dialect d, span text)
{
	ENSURE(text_ok(text), E_BAD_REQUEST);
	bool slashes = d == SQL_MARIADB || span_find(text, '\\') < text.n;
	if (d == SQL_POSTGRES && slashes)
		buf_put_str(b, " E");
	buf_put_u8(b, '\'');
	put_doubled(b, text, '\'', slashes);
	buf_put_u8(b, '\'');
	return OK;
}

status
sql_word(struct buf *b, const char *const *allowed, span word)
{
	for (; *allowed; allowed++)
		if (span_eq_nocase(word, span_str(*allowed))) {
			buf_put_str(b, *allowed);
			return OK;
		}
	return FAIL(E_BAD_REQUEST);
}

status
sql_template(struct buf *b, span sql, span role)
{
	static const char mark[] = "{role}";
	bool found = false;
	ENSURE(text_ok(sql), E_BAD_REQUEST);
	for (size_t i = 0; i < sql.n;) {
		if (span_starts(span_sub(sql, i, sql.n), span_str(mark))) {
			buf_put(b, role);
			i += sizeof mark - 1;
			found = true;
		} else {
			buf_put_u8(b, sql.p[i++]);
		}
	}
	ENSURE(found, E_BAD_REQUEST);
	return OK;
}
