/* The people's edge towards browsers: pages for signing in and for answering what programs ask. A page is drawn from what core says; the
 * session is a cookie that only this origin gets, and a form counts only when it comes from one of our own pages. */
#include "role/edge_priv.h"

#include "api/pages.h"
#include "text/form.h"

#define COOKIE "__Host-ambit="

static const struct { const char *path; enum http_method method; enum op op; } web_doors[] = {
	{ "/oauth/authorize", HTTP_GET, OP_WEB_AUTHORIZE }, { "/oauth/login", HTTP_POST, OP_WEB_LOGIN },
	{ "/oauth/consent", HTTP_POST, OP_WEB_CONSENT }, { "/oauth/device", HTTP_GET, OP_WEB_DEVICE },
	{ "/oauth/device", HTTP_POST, OP_WEB_DEVICE },
};

static void
reply(struct http_exchange *x, unsigned code, const char *type, const struct buf *body, span location, span cookie)
{
	/* No form-action: it would also bind where the browser goes after the answer, which is the program's redirect. */
	struct http_field f[8] = {
		{ SPAN("Cache-Control"), SPAN("no-store") },
		{ SPAN("Content-Security-Policy"), SPAN("default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'") },
		{ SPAN("X-Frame-Options"), SPAN("DENY") }, { SPAN("X-Content-Type-Options"), SPAN("nosniff") },
		{ SPAN("Referrer-Policy"), SPAN("no-referrer") }, { SPAN("Cross-Origin-Opener-Policy"), SPAN("same-origin") },
	};
	struct http_answer r = { .status = code, .content_type = span_str(type), .fields = { f, 6 }, .body = buf_span(body) };

	if (location.n)
		f[r.fields.n++] = (struct http_field){ SPAN("Location"), location };
	if (cookie.n)
		f[r.fields.n++] = (struct http_field){ SPAN("Set-Cookie"), cookie };
	if (failed(buf_finish(body)))
		http_reply_error(x, body->err, (span){ 0 });
	else
		http_reply(x, &r);
}

static void
reply_page(struct http_exchange *x, unsigned code, const struct buf *body)
{
	reply(x, code, "text/html; charset=utf-8", body, (span){ 0 }, (span){ 0 });
}

static void
reply_error(struct http_exchange *x, unsigned code, uint16_t error, span detail)
{
	CLEANUP(buf_fini) struct buf b = { 0 };

	buf_init(&b, 65536);
	pages_error(&b, error, detail);
	reply_page(x, code, &b);
}

/* RFC 6265 §4.2.1; a cookie given twice is nobody's. */
static span
session_cookie(const struct http_request *r)
{
	size_t n = 0, found = 0;
	span rest = http_field(r->fields, "cookie", &n), value = { 0 };

	while (n == 1 && rest.n) {
		size_t end = span_find(rest, ';');
		span pair = span_sub(rest, 0, end);
		while (pair.n && pair.p[0] == ' ')
			pair = span_sub(pair, 1, pair.n);
		if (span_starts(pair, SPAN(COOKIE))) {
			value = span_sub(pair, sizeof COOKIE - 1, pair.n);
			found++;
		}
		rest = span_sub(rest, end + 1, rest.n);
	}
	return found == 1 && value.n <= 64 ? value : (span){ 0 };
}

/* Core's parameters: the query or the form, and the session. */
static status
read_params(struct ask *a, const struct http_request *r, span text)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	const struct json *v;
	span form;

	buf_init(&b, EDGE_BODY_MAX);
	TRY(oauth_read_form(&a->arena, text, &form));
	TRY(json_parse(form, NULL, &a->arena, &v, NULL));
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_for_members(it, v) {
		if (span_is(it->key, "session") || span_is(it->key, "as"))
			continue;
		json_w_key(&w, it->key);
		json_w_value(&w, &it->value);
	}
	if (session_cookie(r).n)
		json_w_kstr(&w, "session", session_cookie(r));
	json_w_obj_end(&w);
	TRY(buf_finish(&b));
	a->params = arena_copy(&a->arena, buf_span(&b));
	ENSURE(arena_ok(&a->arena), E_LIMIT);
	return OK;
}

uint16_t
edge_web_check(const struct edge *e, const struct http_request *r)
{
	size_t n = 0;
	span origin = http_field(r->fields, "origin", &n);
	bool ours = false;

	for (size_t i = 0; i < e->n_hosts; i++)
		ours |= span_eq_nocase(r->host, e->hosts[i]);
	if (!ours || n > 1)
		return E_NOT_PERMITTED;
	if (r->method == HTTP_GET)
		return E_OK;
	/* A form of another page carries that page's origin (A74). */
	CLEANUP(buf_fini) struct buf want = { 0 };
	buf_init(&want, 4096);
	buf_put_str(&want, "https://");
	buf_put(&want, r->host);
	return n == 1 && !want.err && span_eq_nocase(origin, buf_span(&want)) ? E_OK : E_NOT_PERMITTED;
}

/* GET /oauth/login?code=…: the link of `ambit login`. */
static bool
link_page(struct edge *e, struct http_exchange *x, const struct http_request *r)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	CLEANUP(buf_fini) struct buf b = { 0 };
	struct form f;

	(void)e;
	if (!span_is(r->path, "/oauth/login") || r->method != HTTP_GET)
		return false;
	arena_init(&a, 131072);
	buf_init(&b, 131072);
	if (failed(form_parse(r->query, &a, &f)) || !form_get(&f, "code", NULL).n) {
		reply_error(x, 400, E_BAD_REQUEST, (span){ 0 });
		return true;
	}
	pages_sign_in(&b, form_get(&f, "code", NULL));
	reply_page(x, 200, &b);
	return true;
}

void
edge_web_request(struct edge *e, struct http_exchange *x, const struct http_request *r)
{
	CLEANUP(buf_fini) struct buf b = { 0 };

	buf_init(&b, 16384);
	if (span_is(r->path, "/oauth/style.css") && r->method == HTTP_GET) {
		buf_put(&b, pages_style());
		reply(x, 200, "text/css", &b, (span){ 0 }, (span){ 0 });
		return;
	}
	if (link_page(e, x, r))
		return;
	for (size_t i = 0; i < ARRAY_LEN(web_doors); i++) {
		if (!span_is(r->path, web_doors[i].path) || r->method != web_doors[i].method)
			continue;
		if (r->method == HTTP_POST && !http_type_is(r->content_type, "application/x-www-form-urlencoded"))
			break;
		struct edge_conn *c = edge_conn_of(e, x);
		struct ask *a = c ? edge_ask_new(e, x, c) : NULL;
		if (!a) {
			http_reply_error(x, E_NO_MEMORY, (span){ 0 });
			return;
		}
		a->door = DOOR_WEB;
		a->op = web_doors[i].op;
		status s = read_params(a, r, r->method == HTTP_GET ? r->query : r->body);
		if (failed(s))
			edge_web_refuse(a, s.code, (span){ 0 });
		else
			edge_ask_send(a);
		return;
	}
	reply_error(x, 404, E_NOT_FOUND, (span){ 0 });
}

/* ---- answers ---- */

void
edge_web_refuse(struct ask *a, uint16_t error, span core_body)
{
	const struct json *v, *detail = NULL;

	if (core_body.n && !failed(json_parse(core_body, NULL, &a->arena, &v, NULL)))
		detail = json_gets(json_gets(v, "error"), "detail");
	reply_error(a->x, (unsigned)(error_http(error) >= 500 ? 503 : 400), error, json_is_str(detail) ? detail->str : (span){ 0 });
	edge_ask_done(a);
}

void
edge_web_answer(struct ask *a, const struct msg_answer *m)
{
	CLEANUP(buf_fini) struct buf body = { 0 }, cookie = { 0 };
	const struct json *v = NULL;

	buf_init(&body, 4 << 20);
	buf_init(&cookie, 512);
	if (m->error != E_OK || failed(json_parse(m->body, NULL, &a->arena, &v, NULL))) {
		edge_web_refuse(a, m->error != E_OK ? m->error : E_INTERNAL, m->body);
		return;
	}
	const struct json *session = json_gets(v, "session"), *to = json_gets(v, "redirect");
	if (json_is_str(session))
		buf_printf(&cookie, COOKIE "%.*s; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=3600", SPAN_ARG(session->str));
	if (json_is_str(to)) {
		reply(a->x, 303, "text/plain", &body, to->str, buf_span(&cookie));
	} else if (failed(pages_render(&body, json_is_str(session) ? json_gets(v, "then") : v))) {
		edge_web_refuse(a, E_INTERNAL, (span){ 0 });
		return;
	} else {
		reply(a->x, 200, "text/html; charset=utf-8", &body, (span){ 0 }, buf_span(&cookie));
	}
	edge_ask_done(a);
}
