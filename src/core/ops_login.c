/* People at a browser: signing in, and answering what a program asks for (RFC 6749 §4.1, RFC 8628). Core says which page is to be shown and
 * with what; the people's edge draws it. */
#include "core/client.h"
#include "core/core_priv.h"
#include "core/oauth.h"
#include "text/base64url.h"
#include "text/form.h"
#include "text/url.h"

#define LOGIN_LIFE (300 * NS_PER_S)
#define SESSION_LIFE (3600 * NS_PER_S)
#define REQUEST_LIFE (600 * NS_PER_S)
#define CODE_LIFE (60 * NS_PER_S)
#define DEVICE_LIFE (600 * NS_PER_S)
#define DEVICE_INTERVAL (5 * NS_PER_S)

enum { STATE_MAX = 2048, USER_CODE = 8 };

/* ---- answers ---- */

static void
page(struct json_writer *w, const char *name)
{
	json_w_obj(w);
	json_w_kcstr(w, "page", name);
}

/* RFC 6749 §4.1.2, RFC 9207 §2. */
static void
write_redirect(const struct core *c, const struct ticket *k, const char *key, span value, struct json_writer *w)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	span to = str_span(k->redirect);
	buf_init(&b, 32768);
	buf_put(&b, to);
	buf_put_u8(&b, span_find(to, '?') < to.n ? '&' : '?');
	buf_put_str(&b, key);
	buf_put_u8(&b, '=');
	form_escape(value, &b);
	if (k->state) {
		buf_put_str(&b, "&state=");
		form_escape(str_span(k->state), &b);
	}
	buf_put_str(&b, "&iss=");
	form_escape(c->config.audience, &b);
	json_w_obj(w);
	json_w_kstr(w, "redirect", buf_span(&b));
	json_w_obj_end(w);
}

static struct ticket *
session_of(const struct core *c, struct op_call *o, const struct object **ret_user)
{
	span text = { 0 };
	*ret_user = NULL;
	if (failed(op_opt_str(o, "session", &text)) || !text.n)
		return NULL;
	struct ticket *k = ticket_find(c, TICKET_SESSION, text);
	*ret_user = k ? object_find(c, OBJ_USER, str_span(k->user)) : NULL;
	return *ret_user ? k : NULL;
}

static bool
may_launch(const struct object *user, const struct agent *a)
{
	for (uint32_t i = 0; i < a->launch_n; i++)
		if (user_answers_to(user->name, object_user(user), a->launch[i]))
			return true;
	return false;
}

static span
host_of(struct core *c, span uri)
{
	struct url u;
	return uri.n && !failed(url_parse(uri, &c->arena, &u, NULL)) ? u.origin : (span){ 0 };
}

/* What the person must see before saying yes: who asks, what for, how much, and where the answer goes. */
static status
write_consent(struct core *c, struct op_call *o, const struct ticket *k, span request, const struct object *user, struct json_writer *w)
{
	const struct json *details;
	const struct agent *a = agent_by_id(c, k->agent);
	ENSURE(a && a->object, E_CLIENT_INVALID);
	if (!may_launch(user, a))
		return op_fail(o, E_NOT_PERMITTED, "%.*s may not launch %.*s", SPAN_ARG(user->name), SPAN_ARG(str_span(a->name)));
	TRY(oauth_details(c, o, str_span(k->details), &details));
	page(w, "consent");
	json_w_kstr(w, "request", request);
	json_w_kstr(w, "user", user->name);
	json_w_kstr(w, "client", str_span(k->client));
	json_w_kstr(w, "agent", str_span(a->name));
	json_w_kstr(w, "owner", a->owner);
	json_w_kstr(w, "purpose", a->purpose);
	json_w_kstr(w, "to", host_of(c, str_span(k->redirect)));
	json_w_key(w, SPAN("details"));
	if (details)
		json_w_value(w, details);
	else if (a->session)
		json_w_raw(w, a->session->text);
	else
		json_w_null(w);
	json_w_obj_end(w);
	return OK;
}

/* ---- authorization requests ---- */

/* Exactly one of the agent's; a loopback one with any port (RFC 8252 §7.3). What does not parse as a plain URL is nobody's. */
static bool
redirect_ok(struct core *c, const struct agent *a, span uri)
{
	struct url u, v;
	if (failed(url_parse(uri, &c->arena, &u, NULL)) || (!u.https && !url_is_loopback(&u)))
		return false;
	for (uint32_t i = 0; i < a->redirect_n; i++) {
		if (span_eq(a->redirects[i], uri))
			return true;
		if (failed(url_parse(a->redirects[i], &c->arena, &v, NULL)) || v.https || u.https || !url_is_loopback(&v))
			continue;
		if (span_eq(u.host, v.host) && span_eq(u.path, v.path) && span_eq(u.query, v.query))
			return true;
	}
	return false;
}

/* Before the redirect is known to be the client's, a mistake is shown, never sent anywhere (RFC 6749 §4.1.2.1, A20). */
static status
find_client(struct core *c, struct op_call *o, struct agent **ret, span *ret_redirect)
{
	span id, redirect;
	TRY(op_str(o, "client_id", &id));
	TRY(op_str(o, "redirect_uri", &redirect));
	struct agent *a = client_find(c, id);
	if (!a || !a->object || a->state != AGENT_ACTIVE)
		return op_fail(o, E_CLIENT_INVALID, "client_id: there is no such client");
	if (!redirect_ok(c, a, redirect))
		return op_fail(o, E_CLIENT_INVALID, "redirect_uri: is not one of this client's");
	*ret = a;
	*ret_redirect = redirect;
	return OK;
}

static status
keep(struct core *c, struct ticket *k, const struct agent *a, span client, span redirect, span state, span details, span user)
{
	k->agent = a->id;
	TRY(str_get(&c->strs, client, &k->client));
	TRY(str_get(&c->strs, redirect, &k->redirect));
	TRY(str_get(&c->strs, details, &k->details));
	TRY(str_get(&c->strs, user, &k->user));
	return state.n ? str_get(&c->strs, state, &k->state) : OK;
}

/* What the client may have wrong: told to it, by way of the redirect. */
static status
check_request(struct core *c, struct op_call *o, struct ticket *k, const char **ret_error)
{
	span type = { 0 }, method = { 0 }, challenge = { 0 };
	const struct json *details;
	struct issue how = { 0 };
	bool given;
	TRY(op_opt_str(o, "response_type", &type));
	TRY(op_opt_str(o, "code_challenge_method", &method));
	TRY(op_opt_str(o, "code_challenge", &challenge));
	*ret_error = "unsupported_response_type";
	ENSURE(span_is(type, "code"), E_BAD_REQUEST);
	*ret_error = "invalid_request";
	/* PKCE always, and never `plain` (RFC 9700 §2.1.1). */
	ENSURE(span_is(method, "S256") && !failed(base64url_decode_exact(challenge, k->challenge.b, sizeof k->challenge.b)), E_BAD_REQUEST);
	*ret_error = "invalid_scope";
	TRY(oauth_no_scope(o));
	*ret_error = "invalid_target";
	TRY(oauth_target(c, o, &how, &given));
	k->audience = (uint8_t)how.audience;
	*ret_error = "invalid_authorization_details";
	return oauth_own_details(c, o, &details);
}

static status
new_request(struct core *c, struct op_call *o, char text[static TICKET_TEXT + 1], struct ticket **ret, const char **ret_error)
{
	span redirect, client, state = { 0 }, details = { 0 };
	struct agent *a;
	TRY(find_client(c, o, &a, &redirect));
	TRY(op_str(o, "client_id", &client));
	TRY(op_opt_str(o, "state", &state));
	TRY(op_opt_str(o, "authorization_details", &details));
	ENSURE(state.n <= STATE_MAX && details.n <= 2 * ENVELOPE_MAX && redirect.n <= STATE_MAX && client.n <= STATE_MAX, E_LIMIT);
	TRY(ticket_new(c, TICKET_REQUEST, REQUEST_LIFE, (span){ 0 }, text, ret));
	status s = keep(c, *ret, a, client, redirect, state, details, (span){ 0 });
	if (failed(s)) {
		ticket_over(c, *ret);
		return s;
	}
	*ret_error = NULL;
	s = check_request(c, o, *ret, ret_error);
	if (failed(s) && s.code != E_NO_MEMORY)
		return OK;
	*ret_error = NULL;
	if (failed(s))
		ticket_over(c, *ret);
	return s;
}

status
op_WEB_AUTHORIZE(struct core *c, struct op_call *o, struct json_writer *w)
{
	char text[TICKET_TEXT + 1];
	const struct object *user;
	const char *error;
	struct ticket *k;
	TRY(new_request(c, o, text, &k, &error));
	if (error) {
		write_redirect(c, k, "error", span_str(error), w);
		ticket_over(c, k);
		return OK;
	}
	const struct ticket *session = session_of(c, o, &user);
	if (session) {
		k->session = session->hash;
		return write_consent(c, o, k, span_str(text), user, w);
	}
	page(w, "login");
	json_w_kcstr(w, "request", text);
	json_w_obj_end(w);
	return OK;
}

/* ---- signing in ---- */

status
op_LOGIN_LINK(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { NULL };
	CLEANUP(buf_fini) struct buf url = { 0 };
	char text[TICKET_TEXT + 1];
	struct ticket *k;
	TRY(op_only(o, names));
	if (!c->config.people_url.n)
		return op_fail(o, E_NOT_IMPLEMENTED, "this server has no pages for people: set people.port");
	TRY(ticket_new(c, TICKET_LOGIN, LOGIN_LIFE, (span){ 0 }, text, &k));
	status s = str_get(&c->strs, o->user->name, &k->user);
	if (failed(s)) {
		ticket_over(c, k);
		return s;
	}
	buf_init(&url, 8192);
	buf_put(&url, c->config.people_url);
	buf_put_str(&url, "/oauth/login?code=");
	buf_put_str(&url, text);
	json_w_obj(w);
	json_w_kstr(w, "user", o->user->name);
	json_w_kcstr(w, "code", text);
	json_w_kstr(w, "url", buf_span(&url));
	json_w_key(w, SPAN("expires"));
	write_time(w, k->term.expires);
	json_w_obj_end(w);
	return OK;
}

static status
sign_in(struct core *c, struct op_call *o, struct ticket *login, char text[static TICKET_TEXT + 1], struct ticket **ret)
{
	struct ticket *k;
	TRY(ticket_new(c, TICKET_SESSION, SESSION_LIFE, (span){ 0 }, text, &k));
	k->user = str_ref(login->user);
	struct event_writer *e = event_open(c, EV_LOGIN_USED);
	event_text(e, F_USER, str_span(k->user));
	event_time(e, F_EXPIRES, k->term.expires);
	status s = event_close(c, false);
	if (failed(s)) {
		ticket_over(c, k);
		return s;
	}
	ticket_over(c, login);
	(void)o;
	*ret = k;
	return OK;
}

/* {"session", …the page that follows}: the session leaves core once, here. */
status
op_WEB_LOGIN(struct core *c, struct op_call *o, struct json_writer *w)
{
	char text[TICKET_TEXT + 1];
	span code, request = { 0 };
	struct ticket *session;
	TRY(op_str(o, "code", &code));
	TRY(op_opt_str(o, "request", &request));
	struct ticket *login = ticket_find(c, TICKET_LOGIN, code);
	const struct object *user = login ? object_find(c, OBJ_USER, str_span(login->user)) : NULL;
	if (!user)
		return op_fail(o, E_GRANT_INVALID, "the sign-in code is not valid, expired, or already used: `ambit login` gives another");
	struct ticket *k = request.n ? ticket_find(c, TICKET_REQUEST, request) : NULL;
	TRY(sign_in(c, o, login, text, &session));
	json_w_obj(w);
	json_w_kcstr(w, "session", text);
	json_w_key(w, SPAN("then"));
	static const digest nobody = { 0 };
	/* A request that somebody else has signed in for stays that one's. */
	if (k && digest_eq(&k->session, &nobody)) {
		k->session = session->hash;
		TRY(write_consent(c, o, k, request, user, w));
	} else {
		page(w, "signed_in");
		json_w_kstr(w, "user", user->name);
		json_w_obj_end(w);
	}
	json_w_obj_end(w);
	return OK;
}

/* ---- the answer ---- */

static status
record_answer(struct core *c, const struct ticket *k, const struct object *user, bool yes)
{
	const struct agent *a = agent_by_id(c, k->agent);
	struct event_writer *e = event_open(c, EV_GRANT_ANSWERED);
	event_id(e, F_AGENT, k->agent);
	event_text(e, F_USER, user->name);
	event_text(e, F_AGENT_NAME, a ? str_span(a->name) : (span){ 0 });
	event_text(e, F_CLAIM, span_sub(str_span(k->client), 0, 1000));
	event_text(e, F_STATE, yes ? SPAN("allowed") : SPAN("refused"));
	return event_close(c, false);
}

static status
give_code(struct core *c, const struct ticket *k, const struct object *user, struct json_writer *w)
{
	char text[TICKET_TEXT + 1];
	const struct agent *a = agent_by_id(c, k->agent);
	struct ticket *code;
	TRY(ticket_new(c, TICKET_CODE, CODE_LIFE, (span){ 0 }, text, &code));
	status s = keep(c, code, a, str_span(k->client), str_span(k->redirect), (span){ 0 }, str_span(k->details), user->name);
	if (failed(s)) {
		ticket_over(c, code);
		return s;
	}
	code->challenge = k->challenge;
	code->audience = k->audience;
	write_redirect(c, k, "code", span_str(text), w);
	return OK;
}

static status
answer_device(struct core *c, const struct ticket *k, const struct object *user, bool yes, struct json_writer *w)
{
	struct ticket *device = ticket_by_hash(c, TICKET_DEVICE, &k->about);
	ENSURE(device && device->device == DEVICE_PENDING, E_DEVICE_EXPIRED);
	struct str *name;
	TRY(str_get(&c->strs, user->name, &name));
	str_unref(&c->strs, device->user);
	device->user = name;
	device->device = yes ? DEVICE_APPROVED : DEVICE_DENIED;
	page(w, yes ? "done" : "refused");
	json_w_obj_end(w);
	return OK;
}

status
op_WEB_CONSENT(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const digest none = { 0 };
	const struct object *user;
	span request, answer;
	TRY(op_str(o, "request", &request));
	TRY(op_str(o, "answer", &answer));
	const struct ticket *session = session_of(c, o, &user);
	struct ticket *k = ticket_find(c, TICKET_REQUEST, request);
	/* Only the session that was shown the page may answer it (A22, A74). */
	if (!session || !k || !digest_eq(&k->session, &session->hash))
		return op_fail(o, E_GRANT_INVALID, "this question is not yours, or no longer open; start again in the program");
	bool yes = span_is(answer, "allow"), device = !digest_eq(&k->about, &none);
	const struct agent *a = agent_by_id(c, k->agent);
	ENSURE(!yes || (a && a->object && may_launch(user, a)), E_NOT_PERMITTED);
	status s = record_answer(c, k, user, yes);
	if (!failed(s) && device)
		s = answer_device(c, k, user, yes, w);
	else if (!failed(s) && yes)
		s = give_code(c, k, user, w);
	else if (!failed(s))
		write_redirect(c, k, "error", SPAN("access_denied"), w);
	ticket_over(c, k);
	return s;
}

/* ---- devices ---- */

/* Eight consonants (RFC 8628 §6.1), as typed: case and dashes do not matter. */
static span
user_code(struct core *c, span typed)
{
	uint8_t *p = arena_alloc(&c->arena, USER_CODE);
	size_t n = 0;
	for (size_t i = 0; p && i < typed.n; i++) {
		uint8_t ch = typed.p[i];
		if (ch == '-' || ch == ' ')
			continue;
		if (n == USER_CODE)
			return (span){ 0 };
		p[n++] = ch >= 'a' && ch <= 'z' ? ch & 0xdf : ch;
	}
	return n == USER_CODE ? span_make(p, n) : (span){ 0 };
}

static status
new_user_code(struct core *c, const digest *device, char ret[static TICKET_TEXT + 1])
{
	static const char letters[] = "BCDFGHJKLMNPQRSTVWXZ";
	uint8_t text[USER_CODE];
	struct ticket *k;
	for (size_t i = 0; i < USER_CODE; i++)
		text[i] = (uint8_t)letters[drbg_u64(&c->rng) % (sizeof letters - 1)];
	TRY(ticket_new(c, TICKET_USER_CODE, DEVICE_LIFE, SPAN_OF(text), ret, &k));
	k->about = *device;
	return OK;
}

static void
write_device(const struct core *c, const char *device, const char *code, struct json_writer *w)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	char shown[USER_CODE + 2];
	buf_init(&b, 8192);
	memcpy(shown, code, 4);
	shown[4] = '-';
	memcpy(shown + 5, code + 4, 5);
	json_w_obj(w);
	json_w_kcstr(w, "device_code", device);
	json_w_kcstr(w, "user_code", shown);
	buf_put(&b, c->config.people_url);
	buf_put_str(&b, "/oauth/device");
	json_w_kstr(w, "verification_uri", buf_span(&b));
	buf_put_str(&b, "?user_code=");
	buf_put_str(&b, shown);
	json_w_kstr(w, "verification_uri_complete", buf_span(&b));
	json_w_kint(w, "expires_in", DEVICE_LIFE / NS_PER_S);
	json_w_kint(w, "interval", DEVICE_INTERVAL / NS_PER_S);
	json_w_obj_end(w);
}

status
op_OAUTH_DEVICE(struct core *c, struct op_call *o, struct json_writer *w)
{
	char device[TICKET_TEXT + 1], code[TICKET_TEXT + 1];
	const struct json *details;
	struct issue how = { 0 };
	span text = { 0 };
	struct ticket *k;
	bool given;
	TRY(client_login(c, o));
	ENSURE(c->config.people_url.n, E_CLIENT_UNAUTHORIZED);
	TRY(oauth_no_scope(o));
	TRY(oauth_target(c, o, &how, &given));
	TRY(oauth_own_details(c, o, &details));
	TRY(op_opt_str(o, "authorization_details", &text));
	TRY(ticket_new(c, TICKET_DEVICE, DEVICE_LIFE, (span){ 0 }, device, &k));
	status s = keep(c, k, o->client, str_span(o->client->name), (span){ 0 }, (span){ 0 }, text, (span){ 0 });
	if (!failed(s))
		s = new_user_code(c, &k->hash, code);
	if (failed(s)) {
		ticket_over(c, k);
		return s;
	}
	k->audience = (uint8_t)how.audience;
	k->interval = DEVICE_INTERVAL;
	write_device(c, device, code, w);
	return OK;
}

status
op_WEB_DEVICE(struct core *c, struct op_call *o, struct json_writer *w)
{
	char text[TICKET_TEXT + 1];
	const struct object *user;
	span typed = { 0 };
	TRY(op_opt_str(o, "user_code", &typed));
	const struct ticket *session = session_of(c, o, &user);
	if (!session || !typed.n) {
		page(w, session ? "device" : "login");
		json_w_obj_end(w);
		return OK;
	}
	const struct ticket *code = ticket_find(c, TICKET_USER_CODE, user_code(c, typed));
	const struct ticket *device = code ? ticket_by_hash(c, TICKET_DEVICE, &code->about) : NULL;
	if (!device || device->device != DEVICE_PENDING)
		return op_fail(o, E_GRANT_INVALID, "no device waits with that code");
	struct ticket *k;
	TRY(ticket_new(c, TICKET_REQUEST, REQUEST_LIFE, (span){ 0 }, text, &k));
	k->session = session->hash;
	k->about = device->hash;
	status s = keep(c, k, agent_by_id(c, device->agent), str_span(device->client), (span){ 0 }, (span){ 0 }, str_span(device->details), (span){ 0 });
	if (!failed(s))
		s = write_consent(c, o, k, span_str(text), user, w);
	if (failed(s))
		ticket_over(c, k);
	return s;
}
