#include "core/issue.h"

#include "core/ask.h"
#include "core/core_priv.h"

#include <assert.h>
#include <stdlib.h>

static const char *const audience_path[] = { [AUD_ALL] = "", [AUD_MCP] = "/mcp" };
static_assert(ARRAY_LEN(audience_path) == AUD_COUNT);

bool
audience_from(const struct core *c, span resource, enum audience *ret)
{
	span base = c->config.audience;
	*ret = AUD_ALL;
	if (!resource.n)
		return true;
	if (!span_starts(resource, base))
		return false;
	span rest = span_sub(resource, base.n, resource.n);
	if (span_is(rest, "/"))
		return true;
	for (unsigned i = 0; i < AUD_COUNT; i++)
		if (span_is(rest, audience_path[i])) {
			*ret = (enum audience)i;
			return true;
		}
	return false;
}

void
audience_put(const struct core *c, enum audience a, struct buf *b)
{
	buf_put(b, c->config.audience);
	buf_put_str(b, audience_path[a]);
}

bool
issue_channel(const struct peer *p, uint64_t req, struct issue *how)
{
	if (p->tls && p->has_key && p->proven_req == req) {
		how->binding = BINDING_KEY;
		how->confirm = p->key;
		return true;
	}
	return token_channel(p, &how->binding, &how->confirm);
}

struct token_wait {
	struct issue how;
	struct term term;
	int64_t issued;
	size_t refresh_n;
	uint8_t refresh[];
};

/* ---- the answer ---- */

/* RFC 9396 §7: what was granted, as it may be asked for again. */
void
issue_details(const struct task *t, struct json_writer *w)
{
	json_w_karr(w, "authorization_details");
	json_w_obj(w);
	json_w_kcstr(w, "type", "ambit_task");
	write_id(w, "task", t->id);
	json_w_kstr(w, "agent", str_span(t->agent->name));
	json_w_kstr(w, "purpose", str_span(t->purpose));
	json_w_key(w, SPAN("envelope"));
	json_w_raw(w, t->envelope->text);
	json_w_key(w, SPAN("expires"));
	write_time(w, t->term.expires);
	json_w_obj_end(w);
	json_w_arr_end(w);
}

static void
write_oauth(const struct core *c, const struct task *t, const struct token_wait *k, span jwt, struct json_writer *w)
{
	json_w_obj(w);
	json_w_kstr(w, "access_token", jwt);
	json_w_kcstr(w, "token_type", k->how.binding == BINDING_KEY ? "DPoP" : "Bearer");
	json_w_kint(w, "expires_in", (k->term.expires - wall_now(c)) / NS_PER_S);
	if (k->how.exchanged)
		json_w_kcstr(w, "issued_token_type", "urn:ietf:params:oauth:token-type:access_token");
	if (k->refresh_n)
		json_w_kstr(w, "refresh_token", span_make(k->refresh, k->refresh_n));
	issue_details(t, w);
	json_w_obj_end(w);
}

static void
write_answer(struct core *c, const struct task *t, const struct token_wait *k, span jwt, struct buf *b)
{
	struct json_writer w = json_w(b);
	if (k->how.what == ISSUE_OAUTH) {
		write_oauth(c, t, k, jwt, &w);
		return;
	}
	json_w_obj(&w);
	if (k->how.what == ISSUE_TASK) {
		json_w_key(&w, SPAN("task"));
		task_write(c, t, &w);
		task_warnings(c, t, &w);
	}
	json_w_key(&w, SPAN("token"));
	if (jwt.n)
		json_w_str(&w, jwt);
	else
		json_w_null(&w);
	if (jwt.n) {
		json_w_key(&w, k->how.what == ISSUE_TASK ? SPAN("token_expires") : SPAN("expires"));
		write_time(&w, k->term.expires);
	}
	json_w_obj_end(&w);
}

static void
on_token(struct core *c, struct ask *a, const struct msg *m, uint16_t error)
{
	const struct token_wait *k = a->state;
	struct task *t = task_find(c, a->subject);
	const struct task *by;
	if (m && m->token.error != E_OK)
		error = m->token.error;
	/* A token for a task that ended meanwhile never comes into force. */
	if (!t)
		error = E_TASK_ENDED;
	else if (task_alive(c, t, &by) != E_OK)
		error = task_alive(c, t, &by);
	span jwt = { 0 };
	if (error == E_OK) {
		const struct token_new n = { .id = a->more, .hash = sha256(m->token.jwt), .binding = k->how.binding, .confirm = k->how.confirm,
		                             .term = k->term, .issued = k->issued, .audience = (uint8_t)k->how.audience };
		status s = token_accept(c, t, &n);
		error = s.code;
		jwt = failed(s) ? jwt : m->token.jwt;
	}
	bool waits_without = k->how.what == ISSUE_TASK && (error == E_UNAVAILABLE || error == E_TIMEOUT);
	if (error != E_OK && !waits_without) {
		answer_error(c, a->who.edge, a->who.index, a->who.req, error, (span){ 0 });
		return;
	}
	CLEANUP(buf_fini) struct buf b = { 0 };
	buf_init(&b, 256 * 1024);
	write_answer(c, t, k, jwt, &b);
	answer_held(c, a->who.edge, a->who.index, a->who.req, &b);
}

/* ---- the question ---- */

/* RFC 8693 §4.1: who acts now outermost, then who acted for whom before; the last, whose authority it is, is the subject. */
void
issue_actors(const struct task *t, bool all, struct buf *b)
{
	struct json_writer w = json_w(b);
	json_w_arr(&w);
	for (unsigned n = 0; t && (all || t->parent) && n < TASK_DEPTH_MAX; t = t->parent, n++)
		json_w_str(&w, str_span(t->agent->name));
	json_w_arr_end(&w);
}

span
issue_subject(const struct task *t, bool *ret_user)
{
	*ret_user = t->user_proven && str_span(t->user).n;
	while (t->parent)
		t = t->parent;
	return *ret_user ? str_span(t->user) : str_span(t->agent->name);
}

static struct token_wait *
token_wait_new(struct core *c, const struct task *t, const struct issue *how)
{
	struct token_wait *k = malloc(sizeof *k + how->refresh.n);
	if (!k)
		return NULL;
	*k = (struct token_wait){ .how = *how, .term = term_min(term_make(&c->clock, TOKEN_TTL), t->term), .issued = wall_now(c),
	                          .refresh_n = how->refresh.n };
	if (how->refresh.n)
		memcpy(k->refresh, how->refresh.p, how->refresh.n);
	k->how.refresh = (span){ 0 };
	return k;
}

static void
free_secret(struct ask *a)
{
	struct token_wait *k = a->state;
	explicit_bzero(k->refresh, k->refresh_n);
}

status
issue(struct core *c, const struct asker *who, struct task *t, const struct issue *how)
{
	CLEANUP(buf_fini) struct buf act = { 0 }, aud = { 0 };
	struct ask *a;
	bool user;
	buf_init(&act, 4096);
	buf_init(&aud, 512);
	struct token_wait *k = token_wait_new(c, t, how);
	ENSURE(k, E_NO_MEMORY);
	status s = ask_new(c, ROLE_SIGNER, on_token, who, &a);
	if (failed(s)) {
		free(k);
		return s;
	}
	a->state = k;
	a->fini = free_secret;
	a->subject = t->id;
	a->more = core_id(c, ID_TOKEN);
	struct msg m = msg_make(MSG_SIGN_TOKEN);
	m.sign_token.req = a->id;
	m.sign_token.sub = issue_subject(t, &user);
	issue_actors(t, user, &act);
	audience_put(c, how->audience, &aud);
	m.sign_token.aud = buf_span(&aud);
	m.sign_token.client = str_span(t->agent->name);
	m.sign_token.task = t->id;
	m.sign_token.jti_hi = drbg_u64(&c->rng);
	m.sign_token.jti_lo = a->more;
	m.sign_token.issued = k->issued;
	m.sign_token.expires = k->term.expires;
	m.sign_token.binding = how->binding;
	memcpy(m.sign_token.confirm, how->confirm.b, sizeof m.sign_token.confirm);
	m.sign_token.act = act.err ? SPAN("[]") : buf_span(&act);
	send_now(c, ROLE_SIGNER, 0, &m);
	return OK;
}

void
issue_with_task(struct core *c, const struct asker *who, const struct peer *p, struct task *t)
{
	struct issue how = { .what = ISSUE_TASK };
	status s = p && issue_channel(p, who->req, &how) ? issue(c, who, t, &how) : FAIL(E_TOKEN_UNBOUND);
	if (!failed(s))
		return;
	CLEANUP(buf_fini) struct buf b = { 0 };
	const struct token_wait none = { .how = how };
	buf_init(&b, 65536);
	write_answer(c, t, &none, (span){ 0 }, &b);
	answer_held(c, who->edge, who->index, who->req, &b);
}
