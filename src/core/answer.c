#include "core/answer.h"

#include "core/core_priv.h"
#include "text/time.h"

void
write_id(struct json_writer *w, const char *key, uint64_t id)
{
	char text[ID_TEXT + 1];
	id_text(id, text);
	json_w_kcstr(w, key, text);
}

void
write_time(struct json_writer *w, int64_t ns)
{
	char text[TIME_TEXT + 1];
	/* Whole seconds: what people compare. */
	json_w_str(w, span_make(text, time_text(ns - ns % NS_PER_S, text)));
}

void
write_digest(struct json_writer *w, const char *key, const digest *d)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 128);
	buf_put_str(&b, "sha256:");
	buf_put_hex(&b, digest_span(d));
	json_w_kstr(w, key, buf_span(&b));
}

bool
digest_parse(span s, digest *ret)
{
	if (span_starts(s, SPAN("sha256:")))
		s = span_sub(s, 7, s.n);
	if (s.n != 2 * DIGEST_SIZE)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t ch = s.p[i];
		int v = ch >= '0' && ch <= '9' ? ch - '0' : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
		if (v < 0)
			return false;
		ret->b[i / 2] = (uint8_t)(i % 2 ? ret->b[i / 2] | v : v << 4);
	}
	return true;
}

void
error_body(uint16_t code, span detail, struct buf *b)
{
	struct json_writer w = json_w(b);
	CLEANUP(buf_fini) struct buf docs;
	buf_init(&docs, 128);
	buf_printf(&docs, "ambit help %s", error_name(code));
	json_w_obj(&w);
	json_w_kobj(&w, "error");
	json_w_kcstr(&w, "code", error_name(code));
	json_w_kint(&w, "exit", error_exit(code));
	json_w_kcstr(&w, "message", error_text(code));
	if (detail.n)
		json_w_kstr(&w, "detail", detail);
	json_w_kbool(&w, "retryable", error_http(code) == 503 || code == E_CONFLICT || code == E_RATE_LIMITED);
	json_w_kstr(&w, "docs", buf_span(&docs));
	json_w_obj_end(&w);
	json_w_obj_end(&w);
}

static struct msg
make(uint64_t req, uint16_t error, span body)
{
	struct msg m = msg_make(MSG_ANSWER);
	m.answer.req = req;
	m.answer.error = error;
	m.answer.body = body;
	return m;
}

void
answer(struct core *c, enum role to, unsigned index, uint64_t req, uint16_t error, const struct buf *body)
{
	if (body->err) {
		answer_error(c, to, index, req, body->err, (span){ 0 });
		return;
	}
	struct msg m = make(req, error, buf_span(body));
	send_now(c, to, index, &m);
}

void
answer_held(struct core *c, enum role to, unsigned index, uint64_t req, const struct buf *body)
{
	if (body->err) {
		answer_error(c, to, index, req, body->err, (span){ 0 });
		return;
	}
	struct msg m = make(req, E_OK, buf_span(body));
	status s = send_held(c, to, index, &m, 0);
	if (failed(s))
		answer_error(c, to, index, req, s.code, (span){ 0 });
}

void
answer_error(struct core *c, enum role to, unsigned index, uint64_t req, uint16_t code, span detail)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 8192);
	error_body(code, detail, &b);
	struct msg m = make(req, code, b.err ? SPAN("{}") : buf_span(&b));
	send_now(c, to, index, &m);
}
