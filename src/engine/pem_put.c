#include "engine/pem_put.h"
#include "base/secret.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_put(struct buf *b, span s, size_t width)
{
	size_t column = 0;
	for (size_t i = 0; i < s.n; i += 3) {
		uint32_t v = (uint32_t)s.p[i] << 16 | (i + 1 < s.n ? (uint32_t)s.p[i + 1] << 8 : 0) | (i + 2 < s.n ? s.p[i + 2] : 0u);
		for (size_t k = 0; k < 4; k++) {
			bool pad = i + k > s.n;
			buf_put_u8(b, (uint8_t)(pad ? '=' : letters[v >> (18 - 6 * k) & 63]));
			if (width && ++column % width == 0)
				buf_put_u8(b, '\n');
		}
	}
	if (width && column % width)
		buf_put_u8(b, '\n');
}

status
base64_read(span text, struct buf *out)
{
	uint32_t v = 0;
	unsigned bits = 0;
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		if (c == '\n' || c == '\r' || c == '=')
			continue;
		const char *at = c ? strchr(letters, c) : NULL;
		ENSURE(at, E_BAD_CONFIG);
		v = v << 6 | (uint32_t)(at - letters);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_put_u8(out, (uint8_t)(v >> bits));
		}
	}
	return buf_finish(out);
}

void
pem_put(struct buf *b, const char *label, span der)
{
	buf_printf(b, "-----BEGIN %s-----\n", label);
	base64_put(b, der, 64);
	buf_printf(b, "-----END %s-----\n", label);
}

void
pem_wipe(struct buf *b)
{
	if (b->p)
		secret_wipe(b->p, b->cap);
	buf_fini(b);
}
