#include "text/base64url.h"

static const char url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char std_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Value of a digit, or -1. c62 and c63 are the two that differ. */
static int
digit(uint8_t c, char c62, char c63)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == (uint8_t)c62 ? 62 : c == (uint8_t)c63 ? 63 : -1;
}

/* text has no padding; out has room for text.n * 3 / 4 bytes. */
static bool
decode(span text, char c62, char c63, uint8_t *out)
{
	uint32_t bits = 0;
	unsigned have = 0;
	if (text.n % 4 == 1)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		int d = digit(text.p[i], c62, c63);
		if (d < 0)
			return false;
		bits = bits << 6 | (uint32_t)d;
		have += 6;
		if (have >= 8) {
			have -= 8;
			*out++ = (uint8_t)(bits >> have);
			bits &= (1u << have) - 1;
		}
	}
	/* RFC 4648 §3.5: leftover bits must be zero, or one value would have several texts. */
	return bits == 0;
}

static status
decode_onto(span text, char c62, char c63, struct buf *out)
{
	size_t before = out->n;
	uint8_t *p = buf_extend(out, text.n / 4 * 3 + text.n % 4 * 3 / 4);
	TRY(buf_finish(out));
	if (!decode(text, c62, c63, p)) {
		buf_truncate(out, before);
		return FAIL(E_BAD_REQUEST);
	}
	return OK;
}

status
base64url_decode(span text, struct buf *out)
{
	return decode_onto(text, '-', '_', out);
}

status
base64url_decode_exact(span text, void *out, size_t n)
{
	ENSURE(text.n == BASE64URL_LEN(n), E_BAD_REQUEST);
	ENSURE(decode(text, '-', '_', out), E_BAD_REQUEST);
	return OK;
}

status
base64_decode(span text, struct buf *out)
{
	ENSURE(text.n % 4 == 0, E_BAD_REQUEST);
	for (int pad = 0; pad < 2 && text.n && text.p[text.n - 1] == '='; pad++)
		text.n--;
	return decode_onto(text, '+', '/', out);
}

static void
encode(span s, const char *alphabet, bool pad, struct buf *out)
{
	for (size_t i = 0; i < s.n; i += 3) {
		size_t left = s.n - i;
		uint32_t v = (uint32_t)s.p[i] << 16 | (left > 1 ? (uint32_t)s.p[i + 1] << 8 : 0) | (left > 2 ? s.p[i + 2] : 0);
		char t[4] = { alphabet[v >> 18], alphabet[v >> 12 & 63], alphabet[v >> 6 & 63], alphabet[v & 63] };
		size_t n = left > 2 ? 4 : left + 1;
		if (pad)
			for (; n < 4; n++)
				t[n] = '=';
		buf_put(out, span_make(t, n));
	}
}

void base64url_encode(span bytes, struct buf *out) { encode(bytes, url_alphabet, false, out); }
void base64_encode(span bytes, struct buf *out) { encode(bytes, std_alphabet, true, out); }
