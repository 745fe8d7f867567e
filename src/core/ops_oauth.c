/* The OAuth 2 endpoints: tokens (RFC 6749 §3.2), introspection (RFC 7662), revocation (RFC 7009). A grant starts a task, joins one or
 * opens a child of one; the token is proof of that task and nothing else. */
#include "core/client.h"
#include "core/core_priv.h"
#include "core/oauth.h"
#include "text/base64url.h"

#define GRANT_EXCHANGE "urn:ietf:params:oauth:grant-type:token-exchange"
#define TYPE_ACCESS_TOKEN "urn:ietf:params:oauth:token-type:access_token"
#define TYPE_JWT "urn:ietf:params:oauth:token-type:jwt"

/* ---- what is asked for ---- */

status
oauth_target(struct core *c, struct op_call *o, struct issue *how, bool *ret_given)
{
	static const char *const names[] = { "resource", "audience" };
	*ret_given = false;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct json *list = NULL;
		TRY(json_opt_arr(o->params, names[i], &list, NULL));
		json_for_items(it, list) {
			enum audience a;
			ENSURE(json_is_str(it), E_TARGET_INVALID);
			ENSURE(it->str.n && audience_from(c, it->str, &a), E_TARGET_INVALID);
			ENSURE(!*ret_given || a == how->audience, E_TARGET_INVALID);
			how->audience = a;
			*ret_given = true;
		}
	}
	return OK;
}

status
oauth_details(struct core *c, struct op_call *o, span text, const struct json **ret)
{
	const struct json *list;
	*ret = NULL;
	if (!text.n)
		return OK;
	status s = json_parse(text, NULL, &c->arena, &list, NULL);
	ENSURE(s.code != E_NO_MEMORY, E_NO_MEMORY);
	if (failed(s) || !json_is_arr(list) || list->arr.n != 1 || !json_is_obj(&list->arr.items[0]))
		return op_fail(o, E_DETAILS_INVALID, "it must be a list of one object");
	const struct json *given = &list->arr.items[0], *type = json_gets(given, "type");
	if (!json_is_str(type) || !span_is(type->str, "ambit_task"))
		return op_fail(o, E_DETAILS_INVALID, "type: must be ambit_task");
	struct json *out = ARENA_NEW(&c->arena, struct json);
	struct json_member *m = arena_array(&c->arena, given->obj.n, sizeof *m);
	size_t n = 0;
	ENSURE(out && m, E_NO_MEMORY);
	json_for_members(it, given)
		if (!span_is(it->key, "type"))
			m[n++] = *it;
	TRY(json_make_obj(&c->arena, m, n, out, NULL));
	*ret = out;
	return OK;
}

status
oauth_own_details(struct core *c, struct op_call *o, const struct json **ret)
{
	span text = { 0 };
	TRY(op_opt_str(o, "authorization_details", &text));
	return oauth_details(c, o, text, ret);
}

status
oauth_open(struct core *c, struct op_call *o, const struct json *details, struct task *parent, struct task **ret)
{
	static const struct json none = { .kind = JSON_OBJ };
	const struct json *form = o->params;
	o->params = details ? details : &none;
	status s = parent ? op_delegate(c, o, parent, ret) : op_open_for_client(c, o, ret);
	o->params = form;
	return s.code == E_BAD_REQUEST && details ? FAIL(E_DETAILS_INVALID) : s;
}

status
oauth_no_scope(struct op_call *o)
{
	span scope = { 0 };
	TRY(op_opt_str(o, "scope", &scope));
	ENSURE(!scope.n, E_SCOPE_INVALID);
	return OK;
}

status
oauth_bind(struct op_call *o, const struct agent *a, struct issue *how)
{
	if (o->peer->proven_req == o->who.req && !o->peer->has_key)
		return op_fail(o, E_DPOP, "it was used before, or made before this server's last start");
	if (issue_channel(o->peer, o->who.req, how))
		return OK;
	if (!o->peer->tls || !a->bearer)
		return op_fail(o, E_CLIENT_UNAUTHORIZED, "a token must be bound: send a DPoP proof or a client certificate");
	how->binding = BINDING_NONE;
	return OK;
}

status
oauth_finish(struct core *c, struct op_call *o, struct task *t, struct issue *how)
{
	how->what = ISSUE_OAUTH;
	TRY(issue(c, &o->who, t, how));
	o->later = true;
	return OK;
}

/* ---- the grants ---- */

/* Only "task" and its id: another token for what goes on already. */
static status
join(struct core *c, struct op_call *o, const struct json *details, struct task **ret)
{
	const struct json *id = json_gets(details, "task");
	uint64_t n;
	const struct task *by;
	if (details->obj.n != 1 || !json_is_str(id) || !id_parse_kind(id->str, ID_TASK, &n))
		return op_fail(o, E_DETAILS_INVALID, "task: must be a task's id, and stand alone");
	struct task *t = task_find(c, n);
	/* Whose it is comes first: a stranger learns nothing of it. */
	ENSURE(t && t->agent == o->client, E_TASK_UNKNOWN);
	uint16_t code = task_alive(c, t, &by);
	ENSURE(code == E_OK, code);
	*ret = t;
	return OK;
}

static status
client_credentials(struct core *c, struct op_call *o)
{
	struct issue how = { 0 };
	const struct json *details;
	struct task *t;
	bool given;
	TRY(client_authenticate(c, o));
	TRY(oauth_no_scope(o));
	TRY(oauth_target(c, o, &how, &given));
	TRY(oauth_own_details(c, o, &details));
	TRY(oauth_bind(o, o->client, &how));
	/* Not a task without its token: the next try would open another. */
	ENSURE(core_up(c, ROLE_SIGNER), E_UNAVAILABLE);
	TRY(details && json_gets(details, "task") ? join(c, o, details, &t) : oauth_open(c, o, details, NULL, &t));
	return oauth_finish(c, o, t, &how);
}

static bool
is_token_type(span s)
{
	return span_is(s, TYPE_ACCESS_TOKEN) || span_is(s, TYPE_JWT);
}

/* A live token of ours named by `key`; the same answer for every way in which it is none. */
static status
own_token(struct core *c, struct op_call *o, const char *key, const char *type_key, struct token **ret, struct task **ret_task)
{
	span text, type = { 0 };
	const struct task *by;
	TRY(op_str(o, key, &text));
	TRY(op_opt_str(o, type_key, &type));
	digest hash = sha256(text);
	struct token *k = is_token_type(type) ? token_find(c, &hash) : NULL;
	struct task *t = k && !term_over(&c->clock, k->term) ? task_find(c, k->task_id) : NULL;
	if (!t || task_alive(c, t, &by) != E_OK)
		return op_fail(o, E_BAD_REQUEST, "%s: is not a live token of this server, or its type is not named so", key);
	*ret = k;
	*ret_task = t;
	return OK;
}

/* RFC 8693. The same agent without details gets another token of its task, for another channel or the gateway alone; with details, or as
 * another agent, a child of the task: who acts is added, and nothing is ever wider. */
static status
token_exchange(struct core *c, struct op_call *o)
{
	struct issue how = { .exchanged = true };
	const struct json *details;
	struct token *subject, *actor;
	struct task *t, *acting;
	span type = { 0 };
	bool given;
	TRY(client_authenticate(c, o));
	TRY(oauth_no_scope(o));
	TRY(op_opt_str(o, "requested_token_type", &type));
	if (type.n && !is_token_type(type))
		return op_fail(o, E_BAD_REQUEST, "requested_token_type: only access tokens are issued");
	TRY(own_token(c, o, "subject_token", "subject_token_type", &subject, &t));
	if (json_gets(o->params, "actor_token") || json_gets(o->params, "actor_token_type")) {
		TRY(own_token(c, o, "actor_token", "actor_token_type", &actor, &acting));
		if (acting->agent != o->client)
			return op_fail(o, E_BAD_REQUEST, "actor_token: is not this client's");
	}
	TRY(oauth_target(c, o, &how, &given));
	if (!given)
		how.audience = (enum audience)subject->audience;
	ENSURE(subject->audience == AUD_ALL || subject->audience == how.audience, E_TARGET_INVALID);
	TRY(oauth_own_details(c, o, &details));
	TRY(oauth_bind(o, o->client, &how));
	ENSURE(core_up(c, ROLE_SIGNER), E_UNAVAILABLE);
	if (details || t->agent != o->client)
		TRY(oauth_open(c, o, details, t, &t));
	return oauth_finish(c, o, t, &how);
}

status
op_OAUTH_TOKEN(struct core *c, struct op_call *o, struct json_writer *)
{
	static const struct { const char *name; status (*fn)(struct core *c, struct op_call *o); } grants[] = {
		{ "client_credentials", client_credentials }, { GRANT_EXCHANGE, token_exchange }, { "authorization_code", grant_code },
		{ "refresh_token", grant_refresh }, { "urn:ietf:params:oauth:grant-type:device_code", grant_device },
	};
	span grant;
	TRY(op_str(o, "grant_type", &grant));
	for (size_t i = 0; i < ARRAY_LEN(grants); i++)
		if (span_is(grant, grants[i].name))
			return grants[i].fn(c, o);
	return FAIL(E_GRANT_UNSUPPORTED);
}

/* ---- introspection ---- */

/* RFC 7662 §2.2: whoever may not know it learns no more than that it is not active for it. */
static struct task *
seen_by(struct core *c, const struct agent *client, const struct token *k)
{
	const struct task *by;
	struct task *t = k && !term_over(&c->clock, k->term) ? task_find(c, k->task_id) : NULL;
	if (!t || (!client->enforcement_point && t->agent != client))
		return NULL;
	if (task_alive(c, t, &by) != E_OK || (k->binding == BINDING_NONE && !t->agent->bearer))
		return NULL;
	return t;
}

static void
write_confirm(const struct token *k, struct json_writer *w)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	if (k->binding != BINDING_CERT && k->binding != BINDING_KEY)
		return;
	buf_init(&b, 64);
	base64url_encode(digest_span(&k->confirm), &b);
	json_w_kobj(w, "cnf");
	json_w_kstr(w, k->binding == BINDING_CERT ? "x5t#S256" : "jkt", buf_span(&b));
	json_w_obj_end(w);
}

static void
write_act(const struct task *t, bool user, struct json_writer *w)
{
	unsigned n = 0;
	for (; t && (user || t->parent); t = t->parent, n++) {
		json_w_kobj(w, "act");
		json_w_kstr(w, "sub", str_span(t->agent->name));
	}
	while (n--)
		json_w_obj_end(w);
}

static void
write_active(struct core *c, const struct token *k, const struct task *t, struct json_writer *w)
{
	CLEANUP(buf_fini) struct buf aud = { 0 };
	bool user;
	span sub = issue_subject(t, &user);
	buf_init(&aud, 4096);
	audience_put(c, (enum audience)k->audience, &aud);
	json_w_kstr(w, "iss", c->config.audience);
	json_w_kstr(w, "aud", buf_span(&aud));
	json_w_kstr(w, "sub", sub);
	json_w_kstr(w, "client_id", str_span(t->agent->name));
	if (user)
		json_w_kstr(w, "username", sub);
	json_w_kcstr(w, "token_type", k->binding == BINDING_KEY ? "DPoP" : "Bearer");
	json_w_kint(w, "exp", k->term.expires / NS_PER_S);
	if (k->issued)
		json_w_kint(w, "iat", k->issued / NS_PER_S);
	write_id(w, "dev.ambit/task", t->id);
	write_id(w, "dev.ambit/token", k->id);
	write_confirm(k, w);
	write_act(t, user, w);
	issue_details(t, w);
}

status
op_OAUTH_INTROSPECT(struct core *c, struct op_call *o, struct json_writer *w)
{
	span text;
	TRY(client_authenticate(c, o));
	TRY(op_str(o, "token", &text));
	digest hash = sha256(text);
	const struct token *k = token_find(c, &hash);
	const struct task *t = seen_by(c, o->client, k);
	json_w_obj(w);
	json_w_kbool(w, "active", t != NULL);
	if (t)
		write_active(c, k, t, w);
	json_w_obj_end(w);
	return OK;
}

/* ---- revocation ---- */

/* RFC 7009 §2: an unknown token, or another client's, is answered like one that was revoked. */
status
op_OAUTH_REVOKE(struct core *c, struct op_call *o, struct json_writer *w)
{
	span text;
	/* A public client proves nothing; that it holds the token is what it has (RFC 7009 §2.1). */
	TRY(client_login(c, o));
	TRY(op_str(o, "token", &text));
	digest hash = sha256(text);
	struct token *k = token_find(c, &hash);
	struct task *t = k ? task_find(c, k->task_id) : NULL;
	bool current;
	struct refresh *f = k ? NULL : refresh_find(c, text, &current);
	if (t && t->agent == o->client)
		token_revoke(c, k, SPAN("revoked by its client"), o->actor);
	/* A refresh token is the whole login (RFC 7009 §2.1); its task ends with everything below. */
	t = f ? task_find(c, f->task_id) : NULL;
	if (t && t->agent == o->client && current) {
		refresh_over(c, f);
		task_end(c, t, TASK_REVOKED, CAUSE_CANCELLED, o->actor, SPAN("its refresh token was revoked"));
	}
	json_w_obj(w);
	json_w_obj_end(w);
	return OK;
}
