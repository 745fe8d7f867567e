#include "escape.h"

#include "text/utf8.h"

bool
escape_hidden(uint32_t cp)
{
	static const struct { uint32_t from, to; } hidden[] = {
		{ 0x00, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x34f, 0x34f }, { 0x61c, 0x61c }, { 0x115f, 0x1160 },
		{ 0x17b4, 0x17b5 }, { 0x180b, 0x180f }, { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
		{ 0x3164, 0x3164 }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 }, { 0xfff0, 0xffff },
		{ 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff }, { 0xf0000, 0x10ffff }, { 0xe000, 0xf8ff },
	};
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
		if (cp >= hidden[i].from && cp <= hidden[i].to)
			return true;
	return false;
}

static void
put_escape(uint32_t cp, struct buf *b)
{
	if (cp == '\n')
		buf_put_str(b, "\\n");
	else if (cp == '\t')
		buf_put_str(b, "\\t");
	else if (cp == '\r')
		buf_put_str(b, "\\r");
	else
		buf_printf(b, "\\u{%X}", cp);
}

/* A literal backslash is doubled only where it would read as one of our escapes: paths and regular expressions stay
 * readable. */
static bool
looks_escaped(span s, size_t at)
{
	if (at >= s.n)
		return false;
	uint8_t c = s.p[at];
	return c == 'n' || c == 't' || c == 'r' || ((c == 'u' || c == 'x') && at + 1 < s.n && s.p[at + 1] == '{') || c == '\\';
}

void
escape_text(span s, bool lines, struct buf *b)
{
	size_t from = 0, at = 0;
	while (at < s.n) {
		size_t start = at;
		uint32_t cp;
		if (!utf8_next(s, &at, &cp)) {
			buf_put(b, span_sub(s, from, start - from));
			buf_printf(b, "\\x{%02x}", s.p[at++]);
			from = at;
		} else if (escape_hidden(cp) && !(lines && (cp == '\n' || cp == '\t'))) {
			buf_put(b, span_sub(s, from, start - from));
			put_escape(cp, b);
			from = at;
		} else if (cp == '\\' && looks_escaped(s, at)) {
			buf_put(b, span_sub(s, from, at - from));
			buf_put_u8(b, '\\');
			from = at;
		}
	}
	buf_put(b, span_sub(s, from, s.n - from));
}

void
escape_json(span s, struct buf *b)
{
	size_t from = 0, at = 0;
	while (at < s.n) {
		size_t start = at;
		uint32_t cp;
		if (!utf8_next(s, &at, &cp)) {
			at++;                        /* the JSON writer never emits this; leave it to the reader to refuse */
			continue;
		}
		if (cp < 0x7f || !escape_hidden(cp))
			continue;
		buf_put(b, span_sub(s, from, start - from));
		if (cp >= 0x10000)
			buf_printf(b, "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10), 0xdc00 + ((cp - 0x10000) & 0x3ff));
		else
			buf_printf(b, "\\u%04x", cp);
		from = at;
	}
	buf_put(b, span_sub(s, from, s.n - from));
}

size_t
escape_count(span s)
{
	size_t n = 0, at = 0;
	while (at < s.n) {
		uint32_t cp;
		if (!utf8_next(s, &at, &cp)) {
			at++;
			n++;
		} else if (escape_hidden(cp) && cp != '\n' && cp != '\t') {
			n++;
		}
	}
	return n;
}

size_t
escape_width(span s)
{
	size_t n = 0, at = 0;
	while (at < s.n) {
		uint32_t cp;
		if (!utf8_next(s, &at, &cp)) {
			at++;
			continue;
		}
		bool wide = (cp >= 0x1100 && cp <= 0x115e) || (cp >= 0x2e80 && cp <= 0xa4cf) || (cp >= 0xac00 && cp <= 0xd7a3) ||
		            (cp >= 0xf900 && cp <= 0xfaff) || (cp >= 0xfe30 && cp <= 0xfe6f) || (cp >= 0xff00 && cp <= 0xff60) ||
		            (cp >= 0x1f300 && cp <= 0x1faff) || (cp >= 0x20000 && cp <= 0x3fffd);
		bool mark = (cp >= 0x300 && cp <= 0x36f) || (cp >= 0x20d0 && cp <= 0x20ff);
		n += wide ? 2 : mark ? 0 : 1;
	}
	return n;
}
