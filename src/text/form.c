#include "text/form.h"

#include "text/utf8.h"

static int
hex(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static status
decode(span s, struct arena *a, span *ret)
{
	uint8_t *out = arena_alloc(a, s.n + 1);
	size_t n = 0;

	ENSURE(out, E_NO_MEMORY);
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		ENSURE(c > ' ' && c < 0x7f, E_BAD_REQUEST);
		if (c == '%') {
			ENSURE(i + 2 < s.n, E_BAD_REQUEST);
			int high = hex(s.p[i + 1]), low = hex(s.p[i + 2]);
			ENSURE(high >= 0 && low >= 0, E_BAD_REQUEST);
			c = (uint8_t)(high << 4 | low);
			i += 2;
		} else if (c == '+') {
			c = ' ';
		}
		ENSURE(c != 0, E_BAD_REQUEST);
		out[n++] = c;
	}
	*ret = span_make(out, n);
	ENSURE(utf8_ok(*ret), E_BAD_UTF8);
	return OK;
}

status
form_parse(span text, struct arena *a, struct form *ret)
{
	*ret = (struct form){ 0 };
	if (span_empty(text))
		return OK;
	ret->fields = arena_array(a, FORM_FIELDS_MAX, sizeof *ret->fields);
	ENSURE(ret->fields, E_NO_MEMORY);
	for (;;) {
		size_t end = span_find(text, '&');
		span pair = span_sub(text, 0, end);
		size_t eq = span_find(pair, '=');
		ENSURE(eq > 0 && eq < pair.n, E_BAD_REQUEST);
		ENSURE(ret->n < FORM_FIELDS_MAX, E_LIMIT);
		struct form_field *f = &ret->fields[ret->n++];
		TRY(decode(span_sub(pair, 0, eq), a, &f->name));
		TRY(decode(span_sub(pair, eq + 1, pair.n), a, &f->value));
		ENSURE(f->name.n, E_BAD_REQUEST);
		if (end == text.n)
			return OK;
		text = span_sub(text, end + 1, text.n);
	}
}

span
form_get(const struct form *f, const char *name, size_t *ret_count)
{
	span found = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		if (span_is(f->fields[i].name, name)) {
			found = f->fields[i].value;
			n++;
		}
	if (ret_count)
		*ret_count = n;
	return n == 1 ? found : (span){ 0 };
}

void
form_escape(span s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || memchr("-._~", c, 4);
		if (plain)
			buf_put_u8(out, c);
		else
			buf_printf(out, "%%%02X", c);
	}
}
