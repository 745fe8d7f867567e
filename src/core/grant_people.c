/* The grants that a person's answer stands behind: authorization code with PKCE (RFC 6749 §4.1, RFC 7636), refresh (§6), device (RFC 8628).
 * Each thing is used up by its first coming, whether that succeeds or not. */
#include "core/client.h"
#include "core/core_priv.h"
#include "core/oauth.h"
#include "text/base64url.h"

#define SLOWER (5 * NS_PER_S)

/* RFC 7636 §4.1: 43 to 128 unreserved characters. */
static bool
verifier_fits(span verifier, const digest *challenge)
{
	if (verifier.n < 43 || verifier.n > 128)
		return false;
	for (size_t i = 0; i < verifier.n; i++) {
		uint8_t ch = verifier.p[i];
		if (!((ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || memchr("-._~", ch, 4)))
			return false;
	}
	digest got = sha256(verifier);
	return digest_eq_consttime(&got, challenge);
}

/* The task a person has agreed to: launched by that person, for this client's agent. */
static status
open_agreed(struct core *c, struct op_call *o, const struct ticket *k, struct task **ret)
{
	const struct json *details;
	o->user = object_find(c, OBJ_USER, str_span(k->user));
	ENSURE(o->user, E_GRANT_INVALID);
	TRY(oauth_details(c, o, str_span(k->details), &details));
	return oauth_open(c, o, details, NULL, ret);
}

/* The first tokens: access and refresh. */
static status
hand_out(struct core *c, struct op_call *o, struct task *t, struct issue *how)
{
	char text[REFRESH_TEXT + 1];
	struct refresh *f;
	TRY(refresh_new(c, t, how, text, &f));
	how->refresh = span_str(text);
	status s = oauth_finish(c, o, t, how);
	explicit_bzero(text, sizeof text);
	if (failed(s))
		refresh_over(c, f);
	return s;
}

/* The target in the token request may only narrow what was agreed to. */
static status
narrow_target(struct core *c, struct op_call *o, uint8_t agreed, struct issue *how)
{
	bool given;
	TRY(oauth_target(c, o, how, &given));
	if (!given)
		how->audience = (enum audience)agreed;
	ENSURE(agreed == AUD_ALL || how->audience == (enum audience)agreed, E_TARGET_INVALID);
	return OK;
}

/* Everything that can be wrong with the request itself comes before the code is touched; then the code is gone. */
status
grant_code(struct core *c, struct op_call *o)
{
	struct issue how = { 0 };
	span code, redirect = { 0 }, verifier = { 0 };
	struct task *t;
	TRY(client_login(c, o));
	TRY(op_str(o, "code", &code));
	TRY(op_opt_str(o, "redirect_uri", &redirect));
	TRY(op_opt_str(o, "code_verifier", &verifier));
	TRY(oauth_bind(o, o->client, &how));
	ENSURE(core_up(c, ROLE_SIGNER), E_UNAVAILABLE);
	struct ticket *k = ticket_find(c, TICKET_CODE, code);
	ENSURE(k, E_GRANT_INVALID);
	bool fits = k->agent == o->client->id && span_eq(redirect, str_span(k->redirect)) && verifier_fits(verifier, &k->challenge);
	status s = fits ? narrow_target(c, o, k->audience, &how) : FAIL(E_GRANT_INVALID);
	if (!failed(s))
		s = open_agreed(c, o, k, &t);
	ticket_over(c, k);
	TRY(s);
	return hand_out(c, o, t, &how);
}

status
grant_refresh(struct core *c, struct op_call *o)
{
	struct issue how = { 0 };
	char text[REFRESH_TEXT + 1];
	const struct task *by;
	bool current;
	span old;
	TRY(client_login(c, o));
	TRY(oauth_no_scope(o));
	TRY(op_str(o, "refresh_token", &old));
	struct refresh *f = refresh_find(c, old, &current);
	struct task *t = f ? task_find(c, f->task_id) : NULL;
	ENSURE(t && t->agent == o->client, E_GRANT_INVALID);
	if (!current) {
		/* RFC 9700 §4.14.2: somebody has a copy. Which of the two is the thief is not known: it ends for both. */
		refresh_over(c, f);
		task_end(c, t, TASK_REVOKED, CAUSE_CANCELLED, SPAN("ambit"), SPAN("a refresh token was used twice"));
		return FAIL(E_GRANT_INVALID);
	}
	ENSURE(task_alive(c, t, &by) == E_OK, E_GRANT_INVALID);
	TRY(oauth_bind(o, o->client, &how));
	ENSURE(how.binding == f->binding && digest_eq(&how.confirm, &f->confirm), E_GRANT_INVALID);
	TRY(narrow_target(c, o, f->audience, &how));
	ENSURE(core_up(c, ROLE_SIGNER), E_UNAVAILABLE);
	TRY(refresh_rotate(c, f, old, text));
	how.refresh = span_str(text);
	status s = oauth_finish(c, o, t, &how);
	explicit_bzero(text, sizeof text);
	return s;
}

/* RFC 8628 §3.5. */
static status
poll(struct core *c, struct ticket *k)
{
	bool early = boot_now(c) < k->poll_at;
	if (early)
		k->interval += SLOWER;
	k->poll_at = boot_now(c) + k->interval;
	return FAIL(early ? E_DEVICE_SLOW_DOWN : E_DEVICE_PENDING);
}

status
grant_device(struct core *c, struct op_call *o)
{
	struct issue how = { 0 };
	struct task *t;
	span code;
	TRY(client_login(c, o));
	TRY(op_str(o, "device_code", &code));
	TRY(oauth_bind(o, o->client, &how));
	ENSURE(core_up(c, ROLE_SIGNER), E_UNAVAILABLE);
	struct ticket *k = ticket_find(c, TICKET_DEVICE, code);
	ENSURE(k, E_DEVICE_EXPIRED);
	ENSURE(k->agent == o->client->id, E_GRANT_INVALID);
	if (k->device == DEVICE_PENDING)
		return poll(c, k);
	status s = k->device == DEVICE_APPROVED ? narrow_target(c, o, k->audience, &how) : FAIL(E_DEVICE_DENIED);
	if (!failed(s))
		s = open_agreed(c, o, k, &t);
	ticket_over(c, k);
	TRY(s);
	return hand_out(c, o, t, &how);
}
