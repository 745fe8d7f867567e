#include "net/http1.h"
#include "net/http_priv.h"
#include "base/buf.h"

enum { MAX_BLANK = 2, MAX_CHUNK_DIGITS = 16, MAX_LENGTH_DIGITS = 19 };

/* What a head may hold besides line ends: HTAB, SP to '~', and the obs-text bytes above. */
static const bool head_char[256] = { ['\t'] = 1, [0x20 ... 0x7e] = 1, [0x80 ... 0xff] = 1 };

enum http1_scan
http1_scan(struct http1_scanner *s, span in, size_t max_head, size_t *ret_len, uint16_t *ret_err)
{
	size_t pos = s->pos;
	size_t end = in.n < max_head ? in.n : max_head;
	*ret_err = E_BAD_REQUEST;
	for (;;) {
		while (pos < end && head_char[in.p[pos]])
			pos++;
		s->pos = pos;
		if (pos + 1 >= end) {
			if (pos < end && in.p[pos] != '\r')
				return HTTP1_BAD;
			if (in.n >= max_head) {
				*ret_err = E_HEADERS_TOO_LARGE;
				return HTTP1_BAD;
			}
			return HTTP1_MORE;
		}
		if (in.p[pos] != '\r' || in.p[pos + 1] != '\n')
			return HTTP1_BAD;
		bool empty = pos == s->line;
		bool before_start_line = s->line == 2 * (size_t)s->blank;
		pos += 2;
		s->line = pos;
		if (!empty)
			continue;
		if (!before_start_line) {
			s->pos = pos;
			*ret_len = pos;
			return HTTP1_HEAD;
		}
		if (++s->blank > MAX_BLANK)
			return HTTP1_BAD;
	}
}

/* Field lines, shared by requests and responses. */

struct lines {
	const uint8_t *p, *end;
};

/* True and consumes if the next bytes are CRLF. */
static bool
take_crlf(struct lines *l)
{
	if (l->end - l->p < 2 || l->p[0] != '\r' || l->p[1] != '\n')
		return false;
	l->p += 2;
	return true;
}

/* One "name: value CRLF". A line that begins with a blank (obs-fold) has no name and fails here. */
static bool
take_field(struct lines *l, struct http_field *ret)
{
	const uint8_t *p = l->p, *end = l->end;
	while (p < end && http_token_char[*p])
		p++;
	if (p == l->p || p == end || *p != ':')
		return false;
	ret->name = span_make(l->p, (size_t)(p - l->p));
	p++;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	const uint8_t *v = p;
	while (p < end && head_char[*p])
		p++;
	const uint8_t *v_end = p;
	while (v_end > v && (v_end[-1] == ' ' || v_end[-1] == '\t'))
		v_end--;
	ret->value = span_make(v, (size_t)(v_end - v));
	l->p = p;
	return take_crlf(l);
}

/* What the fields say about framing and the connection. */
struct framing {
	uint64_t length;
	unsigned hosts, lengths, codings, types, authorizations, expects;
	bool bad_length, unknown_coding, close, unknown_expect;
	span host, type, authorization;
};

/* 1*DIGIT (RFC 9110 §8.6): zeros in front are allowed there, and mean nothing. */
static bool
length_value(span v, uint64_t *ret)
{
	size_t zeros = 0;
	while (zeros + 1 < v.n && v.p[zeros] == '0')
		zeros++;
	return v.n <= MAX_LENGTH_DIGITS && span_to_u64(span_sub(v, zeros, v.n), ret);
}

static void
note_connection(struct framing *fr, span value)
{
	struct http_field f = { SPAN("connection"), value };
	fr->close |= http_field_has((struct http_fields){ &f, 1 }, "connection", "close");
}

static void
note_field(struct framing *fr, const struct http_field *f)
{
	span v = f->value;
	switch (f->name.n) {
	case 4:
		if (span_eq_nocase(f->name, SPAN("host")))
			fr->host = v, fr->hosts++;
		break;
	case 6:
		if (span_eq_nocase(f->name, SPAN("expect")))
			fr->unknown_expect |= !span_eq_nocase(v, SPAN("100-continue")), fr->expects++;
		break;
	case 10:
		if (span_eq_nocase(f->name, SPAN("connection")))
			note_connection(fr, v);
		break;
	case 12:
		if (span_eq_nocase(f->name, SPAN("content-type")))
			fr->type = v, fr->types++;
		break;
	case 13:
		if (span_eq_nocase(f->name, SPAN("authorization")))
			fr->authorization = v, fr->authorizations++;
		break;
	case 14:
		if (span_eq_nocase(f->name, SPAN("content-length")))
			fr->bad_length |= !length_value(v, &fr->length), fr->lengths++;
		break;
	case 17:
		if (span_eq_nocase(f->name, SPAN("transfer-encoding")))
			fr->unknown_coding |= !span_eq_nocase(v, SPAN("chunked")), fr->codings++;
		break;
	}
}

/* Two framing fields of any kind are refused even where they agree (RFC 9112 §6.3 lets a server choose). */
static bool
framing_ambiguous(const struct framing *fr)
{
	return fr->bad_length || fr->lengths + fr->codings > 1;
}

static uint16_t
take_fields(struct lines *l, struct http_field *fields, size_t *ret_n, struct framing *fr)
{
	size_t n = 0;
	while (!take_crlf(l)) {
		if (n == HTTP_MAX_FIELDS)
			return E_HEADERS_TOO_LARGE;
		if (!take_field(l, &fields[n]))
			return E_BAD_REQUEST;
		note_field(fr, &fields[n++]);
	}
	*ret_n = n;
	return l->p == l->end ? E_OK : E_BAD_REQUEST;
}

/* Requests */

/* RFC 3986 §3.3, §3.4: pchar, '/', '?'. '%' is checked apart. */
static const bool target_char[256] = {
	['!'] = 1, ['$'] = 1, ['&'] = 1, ['\''] = 1, ['('] = 1, [')'] = 1, ['*'] = 1, ['+'] = 1, [','] = 1, ['-'] = 1,
	['.'] = 1, ['/'] = 1, [':'] = 1, [';'] = 1, ['='] = 1, ['?'] = 1, ['@'] = 1, ['_'] = 1, ['~'] = 1,
	['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

static bool
target_ok(span t)
{
	for (size_t i = 0; i < t.n; i++) {
		if (target_char[t.p[i]])
			continue;
		if (t.p[i] != '%' || t.n - i < 3 || http_hex(t.p[i + 1]) < 0 || http_hex(t.p[i + 2]) < 0)
			return false;
		i += 2;
	}
	return t.n > 0 && t.p[0] == '/';
}

/* uri-host [":" port], RFC 9110 §7.2: no userinfo, no path, nothing that another reader might split on. */
static bool
host_ok(span h)
{
	bool bracket = h.n && h.p[0] == '[';
	size_t i = bracket;
	size_t start = i;
	for (; i < h.n; i++) {
		uint8_t c = h.p[i];
		if (bracket ? c == ']' : c == ':')
			break;
		bool ok = bracket ? http_hex(c) >= 0 || c == ':' || c == '.'
		                  : http_token_char[c] && c != '#' && c != '^' && c != '`' && c != '|' && c != '%';
		if (!ok)
			return false;
	}
	if (i == start || (bracket && i++ == h.n))
		return false;
	if (i == h.n)
		return true;
	uint64_t port;
	return h.p[i] == ':' && span_to_u64(span_sub(h, i + 1, h.n), &port) && port <= 65535;
}

/* "HTTP/1.0" or "HTTP/1.1" and the line's end. */
static uint16_t
take_version(struct lines *l, uint8_t *ret_minor)
{
	if (l->end - l->p < 8 || memcmp(l->p, "HTTP/", 5) != 0 || l->p[6] != '.')
		return E_BAD_REQUEST;
	uint8_t major = l->p[5], minor = l->p[7];
	if (major < '0' || major > '9' || minor < '0' || minor > '9')
		return E_BAD_REQUEST;
	if (major != '1' || minor > '1')
		return E_NOT_IMPLEMENTED;
	l->p += 8;
	*ret_minor = (uint8_t)(minor - '0');
	return E_OK;
}

static bool
take_word(struct lines *l, span *ret)
{
	const uint8_t *p = l->p;
	while (p < l->end && *p > ' ' && *p != 0x7f)
		p++;
	if (p == l->p || p == l->end || *p != ' ')
		return false;
	*ret = span_make(l->p, (size_t)(p - l->p));
	l->p = p + 1;
	return true;
}

static uint16_t
take_request_line(struct lines *l, struct http1_request *q)
{
	struct http_request *r = &q->r;
	for (int blank = 0; blank < MAX_BLANK && take_crlf(l); blank++)
		;
	if (!take_word(l, &r->method_name) || !http_name_ok(r->method_name))
		return E_BAD_REQUEST;
	if (!take_word(l, &r->target))
		return E_BAD_REQUEST;
	uint16_t e = take_version(l, &q->minor);
	if (e)
		return e;
	if (!take_crlf(l))
		return E_BAD_REQUEST;
	r->method = http_method_of(r->method_name);
	if (r->method == HTTP_OTHER)
		return E_NOT_IMPLEMENTED;
	if (!target_ok(r->target) && !(r->method == HTTP_OPTIONS && span_is(r->target, "*")))
		return E_BAD_REQUEST;
	size_t mark = span_find(r->target, '?');
	r->path = span_sub(r->target, 0, mark);
	r->query = span_sub(r->target, mark + 1, r->target.n);
	return E_OK;
}

static uint16_t
judge_request(const struct framing *fr, struct http1_request *q)
{
	if (framing_ambiguous(fr))
		return E_BAD_REQUEST;
	if (fr->hosts > 1 || fr->types > 1 || fr->authorizations > 1 || fr->expects > 1)
		return E_BAD_REQUEST;
	if (fr->hosts ? !host_ok(fr->host) : q->minor >= 1)
		return E_BAD_REQUEST;
	if (fr->codings && q->minor == 0)
		return E_BAD_REQUEST;   /* RFC 9112 §6.1: faulty framing */
	if (fr->unknown_coding || fr->unknown_expect)
		return E_NOT_IMPLEMENTED;
	return E_OK;
}

status
http1_parse_request(span head, struct http1_request *q)
{
	struct lines l = { head.p, head.p + head.n };
	struct framing fr = { 0 };
	q->r = (struct http_request){ 0 };
	uint16_t e = take_request_line(&l, q);
	ENSURE(!e, e);
	size_t n = 0;
	e = take_fields(&l, q->fields, &n, &fr);
	ENSURE(!e, e);
	e = judge_request(&fr, q);
	ENSURE(!e, e);
	q->r.fields = (struct http_fields){ q->fields, n };
	q->r.host = fr.host;
	q->r.content_type = fr.type;
	q->r.authorization = fr.authorization;
	q->content_length = fr.length;
	q->body = fr.codings ? HTTP1_CHUNKED : fr.length ? HTTP1_LENGTH : HTTP1_NONE;
	q->keep_alive = q->minor >= 1 && !fr.close;
	q->expect_continue = fr.expects > 0 && q->minor >= 1;
	return OK;
}

/* Responses */

static bool
take_status_line(struct lines *l, struct http1_response *r)
{
	if (take_version(l, &r->minor) != E_OK)
		return false;
	if (l->end - l->p < 4 || l->p[0] != ' ')
		return false;
	r->status = 0;
	for (int i = 1; i <= 3; i++) {
		if (l->p[i] < '0' || l->p[i] > '9')
			return false;
		r->status = r->status * 10 + (unsigned)(l->p[i] - '0');
	}
	l->p += 4;
	if (r->status < 100 || r->status > 599)
		return false;
	if (l->p < l->end && *l->p == ' ')
		l->p++;
	else if (l->p == l->end || *l->p != '\r')
		return false;
	const uint8_t *reason = l->p;
	while (l->p < l->end && head_char[*l->p])
		l->p++;
	r->reason = span_make(reason, (size_t)(l->p - reason));
	return take_crlf(l);
}

/* RFC 9112 §6.3. */
static bool
judge_response(const struct framing *fr, enum http_method method, struct http1_response *r)
{
	if (framing_ambiguous(fr) || fr->unknown_coding || fr->types > 1 || (fr->codings && r->minor == 0))
		return false;
	r->content_length = fr->length;
	r->keep_alive = r->minor >= 1 && !fr->close;
	if (r->status < 200 || r->status == 204) {
		r->body = HTTP1_NONE;
		return !fr->codings && fr->length == 0 && r->status != 101;
	}
	if (method == HTTP_HEAD || r->status == 304)
		r->body = HTTP1_NONE;
	else if (fr->codings)
		r->body = HTTP1_CHUNKED;
	else if (fr->lengths)
		r->body = fr->length ? HTTP1_LENGTH : HTTP1_NONE;
	else
		r->body = HTTP1_UNTIL_CLOSE, r->keep_alive = false;
	return true;
}

status
http1_parse_response(span head, enum http_method method, struct http1_response *r)
{
	struct lines l = { head.p, head.p + head.n };
	struct framing fr = { 0 };
	size_t n = 0;
	ENSURE(take_status_line(&l, r), E_UPSTREAM);
	ENSURE(take_fields(&l, r->fields, &n, &fr) == E_OK, E_UPSTREAM);
	ENSURE(judge_response(&fr, method, r), E_UPSTREAM);
	r->f = (struct http_fields){ r->fields, n };
	r->content_type = fr.type;
	return OK;
}

/* Chunked bodies */

enum chunk_state { C_SIZE, C_SIZE_LF, C_DATA, C_DATA_CR, C_DATA_LF, C_LAST_CR, C_LAST_LF, C_DONE, C_BAD };

void
http1_chunked_init(struct http1_chunked *c, uint64_t max)
{
	*c = (struct http1_chunked){ .max = max, .state = C_SIZE };
}

static uint16_t
chunk_size_byte(struct http1_chunked *c, uint8_t b)
{
	if (b == '\r' && c->digits) {
		c->state = C_SIZE_LF;
		return E_OK;
	}
	int v = http_hex(b);
	if (v < 0 || c->digits == MAX_CHUNK_DIGITS)
		return E_BAD_REQUEST;
	c->digits++;
	c->left = c->left << 4 | (uint64_t)v;
	return c->left > c->max - c->total ? E_LIMIT : E_OK;
}

static uint16_t
chunk_byte(struct http1_chunked *c, uint8_t b)
{
	switch ((enum chunk_state)c->state) {
	case C_SIZE:
		return chunk_size_byte(c, b);
	case C_SIZE_LF:
		c->state = c->left ? C_DATA : C_LAST_CR;
		return b == '\n' ? E_OK : E_BAD_REQUEST;
	case C_DATA_CR:
		c->state = C_DATA_LF;
		return b == '\r' ? E_OK : E_BAD_REQUEST;
	case C_DATA_LF:
		c->state = C_SIZE;
		c->digits = 0;
		return b == '\n' ? E_OK : E_BAD_REQUEST;
	case C_LAST_CR:
		c->state = C_LAST_LF;
		return b == '\r' ? E_OK : E_BAD_REQUEST;
	case C_LAST_LF:
		c->state = C_DONE;
		return b == '\n' ? E_OK : E_BAD_REQUEST;
	case C_DATA:
	case C_DONE:
	case C_BAD:
		break;
	}
	return E_BAD_REQUEST;
}

enum http1_chunk
http1_chunked_next(struct http1_chunked *c, span *in, span *ret_data, uint16_t *ret_err)
{
	*ret_err = E_BAD_REQUEST;
	while (c->state != C_DONE && in->n) {
		if (c->state == C_DATA) {
			size_t n = c->left < in->n ? (size_t)c->left : in->n;
			*ret_data = span_sub(*in, 0, n);
			*in = span_sub(*in, n, in->n);
			c->left -= n;
			c->total += n;
			if (c->left == 0)
				c->state = C_DATA_CR;
			return HTTP1_CHUNK_DATA;
		}
		*ret_err = chunk_byte(c, in->p[0]);
		if (*ret_err) {
			c->state = C_BAD;
			return HTTP1_CHUNK_BAD;
		}
		*in = span_sub(*in, 1, in->n);
	}
	return c->state == C_DONE ? HTTP1_CHUNK_END : HTTP1_CHUNK_MORE;
}

/* Writers */

static bool
is_framing(span name)
{
	return span_eq_nocase(name, SPAN("content-length")) || span_eq_nocase(name, SPAN("transfer-encoding")) ||
	       span_eq_nocase(name, SPAN("connection"));
}

status
http1_put_fields(struct buf *b, struct http_fields f)
{
	for (size_t i = 0; i < f.n; i++) {
		ENSURE(http_name_ok(f.p[i].name) && http_value_ok(f.p[i].value) && !is_framing(f.p[i].name), E_INTERNAL);
		buf_put(b, f.p[i].name);
		buf_put(b, SPAN(": "));
		buf_put(b, f.p[i].value);
		buf_put(b, SPAN("\r\n"));
	}
	return OK;
}

void
http1_put_chunk(struct buf *b, span data)
{
	if (data.n == 0)
		return;
	buf_printf(b, "%zx\r\n", data.n);
	buf_put(b, data);
	buf_put(b, SPAN("\r\n"));
}

void
http1_put_last_chunk(struct buf *b)
{
	buf_put(b, SPAN("0\r\n\r\n"));
}
