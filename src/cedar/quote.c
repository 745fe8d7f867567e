#include "cedar/quote.h"

#include "cedar/lex.h"
#include "text/utf8.h"

/* Characters a person can not see, or that turn the direction of what follows: shown by number. */
static bool
S_hidden(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0xad || (cp >= 0x200b && cp <= 0x200f) ||
	       (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff || (cp >= 0xe0000 && cp <= 0xe0fff);
}

void
cedar_put_quoted(struct buf *b, span s)
{
	buf_put_u8(b, '"');
	for (size_t at = 0; at < s.n;) {
		size_t from = at;
		uint32_t cp;
		if (!utf8_next(s, &at, &cp)) {
			at++;
			cp = 0xfffd;
		}
		switch (cp) {
		case '"': buf_put_str(b, "\\\""); break;
		case '\\': buf_put_str(b, "\\\\"); break;
		case '\n': buf_put_str(b, "\\n"); break;
		case '\r': buf_put_str(b, "\\r"); break;
		case '\t': buf_put_str(b, "\\t"); break;
		case '\0': buf_put_str(b, "\\0"); break;
		default:
			if (S_hidden(cp))
				buf_printf(b, "\\u{%x}", (unsigned)cp);
			else
				buf_put(b, span_sub(s, from, at - from));
		}
	}
	buf_put_u8(b, '"');
}

void
cedar_put_key(struct buf *b, span s)
{
	if (cedar_word_ok(s) && !cedar_word_reserved(s))
		buf_put(b, s);
	else
		cedar_put_quoted(b, s);
}
