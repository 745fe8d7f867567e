#include "engine/http_inject.h"
#include "engine/pem_put.h"
#include "net/http.h"
#include "text/json.h"

#include <stdlib.h>

/* Into a secret; the buffer was reserved to its maximum, so no copy was left by growing. */
static status
seal(struct buf *b, struct secret **ret)
{
	TRY(buf_finish(b));
	TRY(secret_new(b->n, ret));
	if (b->n)
		memcpy(secret_writable(*ret), b->p, b->n);
	return OK;
}

static status
room(struct buf *b, size_t n)
{
	buf_init(b, n);
	return buf_reserve(b, n) ? OK : FAIL(E_NO_MEMORY);
}

static const char std_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Only whole groups that depend on nothing but `s`: `skip` bytes of something else stand before it. */
static void
put_base64_core(struct buf *b, span s, size_t skip, const char *letters)
{
	size_t first = skip ? (8 * skip + 5) / 6 : 0, bits = 8 * (skip + s.n), last = bits / 6;
	for (size_t i = first; i < last; i++) {
		unsigned v = 0;
		for (size_t bit = 6 * i; bit < 6 * i + 6; bit++)
			v = v << 1 | (s.p[bit / 8 - skip] >> (7 - bit % 8) & 1u);
		buf_put_u8(b, (uint8_t)letters[v]);
	}
}

static bool
text_ok(span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return true;
}

static status
secret_ok(const struct secret *s)
{
	span v = secret_reveal(s);
	ENSURE(v.n >= HTTP_SECRET_MIN && v.n <= HTTP_SECRET_MAX && text_ok(v) && v.p[0] != ' ' && v.p[v.n - 1] != ' ', E_BAD_CONFIG);
	return OK;
}

/* Fields that say where a message ends, who is asked, or what the connection does, are not for injection. */
static bool
frames(span name)
{
	static const char *const never[] = { "host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect", "keep-alive",
		"proxy-connection", "content-type", "accept-encoding" };
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		if (span_eq_nocase(name, span_str(never[i])))
			return true;
	return false;
}

status
http_inject_check(const struct http_inject *h, struct buf *reterr)
{
	const char *why = NULL;
	if (h->kind == HTTP_INJECT_HEADER && (!http_name_ok(h->name) || h->name.n > 64 || frames(h->name)))
		why = "name: the name of a header field, none that frames the message";
	else if (h->kind == HTTP_INJECT_HEADER && (h->prefix.n > 64 || !text_ok(h->prefix)))
		why = "prefix: at most 64 printable characters";
	else if (h->kind == HTTP_INJECT_BASIC && (h->user.n > 256 || !text_ok(h->user) || span_find(h->user, ':') < h->user.n))
		why = "user: at most 256 printable characters without ':'";
	if (!why)
		return OK;
	if (reterr)
		buf_printf(reterr, "%s\n", why);
	return FAIL(E_BAD_CONFIG);
}

static status
put_basic(struct buf *b, span user, span secret)
{
	CLEANUP(pem_wipe) struct buf both;
	TRY(room(&both, user.n + 1 + secret.n));
	buf_put(&both, user);
	buf_put_u8(&both, ':');
	buf_put(&both, secret);
	TRY(buf_finish(&both));
	buf_put_str(b, "Basic ");
	base64_put(b, buf_span(&both), 0);
	return OK;
}

status
http_inject_field(const struct http_inject *h, const struct secret *secret, span *ret_name, struct secret **ret_value)
{
	CLEANUP(pem_wipe) struct buf b = { 0 };
	span v = secret_reveal(secret);
	TRY(http_inject_check(h, NULL));
	TRY(secret_ok(secret));
	TRY(room(&b, 64 + 2 * (v.n + h->user.n) + h->prefix.n));
	switch (h->kind) {
	case HTTP_INJECT_BEARER:
		buf_put_str(&b, "Bearer ");
		buf_put(&b, v);
		break;
	case HTTP_INJECT_HEADER:
		buf_put(&b, h->prefix);
		buf_put(&b, v);
		break;
	case HTTP_INJECT_BASIC:
		TRY(put_basic(&b, h->user, v));
		break;
	}
	ENSURE(http_value_ok(buf_span(&b)), E_BAD_CONFIG);
	TRY(seal(&b, ret_value));
	*ret_name = h->kind == HTTP_INJECT_HEADER ? h->name : SPAN("Authorization");
	return OK;
}

/* ---- redaction ---- */

enum { FORMS = 24 };

struct redactor {
	struct secret *forms[FORMS];    /* what to find, longest first */
	size_t n, longest, found;
	bool first[256];                /* some form begins with that byte */
	struct buf kept;                /* at most longest - 1 bytes between two calls */
};

static status
add_form(struct redactor *r, struct buf *b)
{
	struct secret *s = NULL;
	TRY(seal(b, &s));
	buf_truncate(b, 0);
	for (size_t i = 0; i < r->n; i++)
		if (secret_eq(r->forms[i], s) || r->n == FORMS) {
			secret_free(s);
			return OK;
		}
	size_t at = r->n++;
	while (at > 0 && secret_size(r->forms[at - 1]) < secret_size(s)) {
		r->forms[at] = r->forms[at - 1];
		at--;
	}
	r->forms[at] = s;
	r->first[secret_reveal(s).p[0]] = true;
	r->longest = secret_size(r->forms[0]);
	return OK;
}

static void
put_percent(struct buf *b, span s, const char *hex, bool plus)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
		if (plain)
			buf_put_u8(b, c);
		else if (plus && c == ' ')
			buf_put_u8(b, '+');
		else {
			buf_put_u8(b, '%');
			buf_put_u8(b, (uint8_t)hex[c >> 4]);
			buf_put_u8(b, (uint8_t)hex[c & 15]);
		}
	}
}

static void
put_json(struct buf *b, span s, bool slash)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\' || (slash && s.p[i] == '/'))
			buf_put_u8(b, '\\');
		buf_put_u8(b, s.p[i]);
	}
}

static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";

static void
put_hex(struct buf *b, span s, const char *hex)
{
	for (size_t i = 0; i < s.n; i++) {
		buf_put_u8(b, (uint8_t)hex[s.p[i] >> 4]);
		buf_put_u8(b, (uint8_t)hex[s.p[i] & 15]);
	}
}

static status
add_forms(struct redactor *r, span s, struct buf *b)
{
	buf_put(b, s);
	TRY(add_form(r, b));
	for (int k = 0; k < 2; k++) {
		put_percent(b, s, k ? upper : lower, false);
		TRY(add_form(r, b));
		put_json(b, s, k);
		TRY(add_form(r, b));
		put_hex(b, s, k ? upper : lower);
		TRY(add_form(r, b));
		for (size_t skip = 0; skip < 3; skip++) {
			put_base64_core(b, s, skip, k ? url_letters : std_letters);
			TRY(add_form(r, b));
		}
	}
	return OK;
}

status
redactor_new(const struct secret *secret, span user, struct redactor **ret)
{
	CLEANUP(redactor_freep) struct redactor *r = NULL;
	CLEANUP(pem_wipe) struct buf b = { 0 }, both = { 0 };
	TRY(secret_ok(secret));
	ENSURE(user.n <= 256, E_BAD_CONFIG);
	span s = secret_reveal(secret);
	r = calloc(1, sizeof *r);
	ENSURE(r, E_NO_MEMORY);
	TRY(room(&b, 4 * (s.n + user.n) + 64));
	TRY(add_forms(r, s, &b));
	if (user.n) {
		TRY(room(&both, user.n + 1 + s.n));
		buf_put(&both, user);
		buf_put_u8(&both, ':');
		buf_put(&both, s);
		TRY(buf_finish(&both));
		put_base64_core(&b, buf_span(&both), 0, std_letters);
		TRY(add_form(r, &b));
	}
	buf_init(&r->kept, SIZE_MAX);
	*ret = TAKE(r);
	return OK;
}

struct redactor *
redactor_free(struct redactor *r)
{
	if (!r)
		return NULL;
	for (size_t i = 0; i < r->n; i++)
		secret_free(r->forms[i]);
	pem_wipe(&r->kept);
	free(r);
	return NULL;
}

void
redactor_freep(struct redactor **r)
{
	*r = redactor_free(*r);
}

size_t
redactor_found(const struct redactor *r)
{
	return r->found;
}

/* The length of the form that begins at s.p, or 0. */
static size_t
match(const struct redactor *r, span s)
{
	if (!r->first[s.p[0]])
		return 0;
	for (size_t i = 0; i < r->n; i++)
		if (span_starts(s, secret_reveal(r->forms[i])))
			return secret_size(r->forms[i]);
	return 0;
}

status
redactor_feed(struct redactor *r, span in, bool last, struct buf *out)
{
	size_t at = 0, plain = 0;
	buf_put(&r->kept, in);
	TRY(buf_finish(&r->kept));
	span all = buf_span(&r->kept);
	/* a place is judged once the longest form could stand there in full */
	while (at < all.n && (last || all.n - at >= r->longest)) {
		size_t n = match(r, span_sub(all, at, all.n));
		if (!n) {
			at++;
			continue;
		}
		buf_put(out, span_sub(all, plain, at - plain));
		buf_put_str(out, "[redacted]");
		r->found++;
		at += n;
		plain = at;
	}
	buf_put(out, span_sub(all, plain, at - plain));
	buf_consume(&r->kept, at);
	return buf_finish(out);
}

/* ---- OAuth 2.0 client credentials ---- */

static void
put_pair(struct buf *b, const char *key, span value)
{
	if (!value.n)
		return;
	buf_printf(b, "%s%s=", b->n ? "&" : "", key);
	put_percent(b, value, upper, true);
}

/* §2.3.1: id and secret are form-encoded before they become user and password. */
static status
client_basic(const struct oauth_client *c, span secret, struct secret **ret)
{
	CLEANUP(pem_wipe) struct buf id = { 0 }, word = { 0 }, b = { 0 };
	TRY(room(&id, 3 * c->id.n + 1));
	TRY(room(&word, 3 * secret.n + 1));
	TRY(room(&b, 4 * (c->id.n + secret.n) + 64));
	put_percent(&id, c->id, upper, true);
	put_percent(&word, secret, upper, true);
	TRY(put_basic(&b, buf_span(&id), buf_span(&word)));
	return seal(&b, ret);
}

status
oauth_client_request(const struct oauth_client *c, const struct secret *secret, struct secret **ret_body, struct secret **ret_auth)
{
	CLEANUP(pem_wipe) struct buf b = { 0 };
	CLEANUP(secret_freep) struct secret *body = NULL, *auth = NULL;
	TRY(secret_ok(secret));
	ENSURE(c->id.n > 0 && c->id.n <= 1024 && text_ok(c->id) && c->scope.n <= 4096 && c->audience.n <= 4096, E_BAD_CONFIG);
	span s = secret_reveal(secret);
	TRY(room(&b, 3 * (c->id.n + c->scope.n + c->audience.n + s.n) + 256));
	put_pair(&b, "grant_type", SPAN("client_credentials"));
	put_pair(&b, "scope", c->scope);
	put_pair(&b, "resource", c->audience);
	if (c->in_body) {
		put_pair(&b, "client_id", c->id);
		put_pair(&b, "client_secret", s);
	} else {
		TRY(client_basic(c, s, &auth));
	}
	TRY(seal(&b, &body));
	*ret_body = TAKE(body);
	*ret_auth = TAKE(auth);
	return OK;
}

static bool
is_b64token(span s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && (!c || !strchr("-._~+/=", c)))
			return false;
	}
	return s.n >= HTTP_SECRET_MIN && s.n <= HTTP_SECRET_MAX;
}

status
oauth_client_answer(span body, struct secret **ret_token, int64_t *ret_seconds)
{
	CLEANUP(arena_fini) struct arena a;
	const struct json *v = NULL;
	span token = { 0 }, type = { 0 };
	int64_t seconds = 0;
	arena_init(&a, 256 * 1024);
	status s = json_parse(body, &(struct json_opts){ .max_bytes = 65536 }, &a, &v, NULL);
	ENSURE(s.code != E_NO_MEMORY, E_NO_MEMORY);
	ENSURE(!failed(s) && !failed(json_get_str(v, "access_token", &token, NULL)) && !failed(json_get_str(v, "token_type", &type, NULL)) &&
	       !failed(json_opt_int(v, "expires_in", 0, 366 * 86400, &seconds, NULL)), E_UPSTREAM);
	ENSURE(span_eq_nocase(type, SPAN("Bearer")) && is_b64token(token), E_UPSTREAM);
	TRY(secret_new(token.n, ret_token));
	memcpy(secret_writable(*ret_token), token.p, token.n);
	*ret_seconds = seconds;
	return OK;
}
