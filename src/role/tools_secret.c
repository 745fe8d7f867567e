/* The secrets of a session: asked for when it starts, held while it lives, wiped with it, and taken out of what a server echoes. */
#include "role/tools_priv.h"

#include "base/log.h"
#include "ipc/memfd.h"

#include <stdlib.h>
#include <unistd.h>

enum { ECHO_MIN = 6 };   /* a shorter one would be found everywhere */

status
tools_secrets_read(struct tool_server *s, const struct json *spec)
{
	const struct json *list = NULL;
	TRY(json_opt_arr(spec, "secrets", &list, NULL));
	json_for_items(it, list) {
		ENSURE(s->secret_n < TOOLS_SECRETS, E_BAD_CONFIG);
		struct server_secret *x = &s->secrets[s->secret_n++];
		TRY(json_get_str(it, "name", &x->name, NULL));
		TRY(json_opt_str(it, s->http ? "header" : "env", &x->where, NULL));
		TRY(json_opt_str(it, "prefix", &x->prefix, NULL));
		TRY(json_opt_bool(it, "discovery", &x->discovery, NULL));
	}
	return OK;
}

static bool
wanted(const struct session *s, uint32_t i)
{
	return s->task != 0 || s->server->secrets[i].discovery;
}

status
session_secrets_ask(struct session *s)
{
	for (uint32_t i = 0; i < s->server->secret_n; i++) {
		if (!wanted(s, i))
			continue;
		struct msg m = msg_make(MSG_WANT_SECRET);
		m.want_secret.ref = s->ref;
		m.want_secret.ordinal = i;
		m.want_secret.server = s->server->id;
		m.want_secret.task = s->task;
		TRY(role_send(s->tools->w, ROLE_CORE, 0, &m));
		s->secrets_due++;
	}
	return OK;
}

static struct session *
waiting(struct tools *t, uint64_t ref, uint32_t ordinal)
{
	list_for(it, &t->sessions) {
		struct session *s = container_of(it, struct session, link);
		if (s->ref == ref)
			return s->state == SESSION_STARTING && ordinal < s->server->secret_n && !s->secrets[ordinal] && s->secrets_due ? s : NULL;
	}
	return NULL;
}

/* Prefix and value in one, as it will be used: "NAME=value" or "Bearer value". */
static status
compose(const struct server_secret *x, bool http, span value, struct secret **ret)
{
	CLEANUP(secret_freep) struct secret *s = NULL;
	span first = http ? x->prefix : x->where;
	TRY(secret_new(first.n + !http + value.n, &s));
	uint8_t *p = secret_writable(s);
	if (first.n)
		memcpy(p, first.p, first.n);
	if (!http)
		p[first.n] = '=';
	memcpy(p + first.n + !http, value.p, value.n);
	*ret = TAKE(s);
	return OK;
}

/* A header line or an environment entry cannot hold everything a secret can. */
static bool
fits(bool http, span value)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] == 0 || (http && (value.p[i] < ' ' || value.p[i] > '~')))
			return false;
	return value.n > 0;
}

void
tools_secret(struct tools *t, struct msg *m)
{
	struct session *s = waiting(t, m->secret.ref, m->secret.ordinal);
	span value;
	status st = s ? memfd_map_sealed(m->fd, m->secret.size, &value) : OK;
	if (s && !failed(st)) {
		const struct server_secret *x = &s->server->secrets[m->secret.ordinal];
		st = fits(s->server->http, value) ? compose(x, s->server->http, value, &s->secrets[m->secret.ordinal]) : FAIL(E_BAD_REQUEST);
		memfd_unmap(value);
	}
	close(m->fd);
	m->fd = -1;
	if (!s)
		return;
	if (!failed(st) && --s->secrets_due == 0)
		st = s->transport->start(s);
	if (failed(st)) {
		log_warn("a secret can not be given to a tool server", KV("server", s->server->name),
		         KV("secret", s->server->secrets[m->secret.ordinal].name), KV("status", st));
		session_end(s, st.code);
	}
}

void
tools_no_secret(struct tools *t, const struct msg_no_secret *m)
{
	struct session *s = waiting(t, m->ref, m->ordinal);
	if (!s)
		return;
	log_warn("a tool server's secret is not to be had", KV("server", s->server->name), KV("secret", s->server->secrets[m->ordinal].name),
	         KV("error", error_name(m->error)));
	session_end(s, m->error);
}

void
session_secrets_free(struct session *s)
{
	for (uint32_t i = 0; i < s->server->secret_n; i++)
		s->secrets[i] = secret_free(s->secrets[i]);
}

/* ---- echoes ---- */

static span
value_of(const struct session *s, uint32_t i)
{
	span all = secret_reveal(s->secrets[i]);
	const struct server_secret *x = &s->server->secrets[i];
	return span_sub(all, s->server->http ? x->prefix.n : x->where.n + 1, all.n);
}

/* Puts `in` into `out` without any `what`; false: there was none, and out is as it was. */
static bool
cut_out(span in, span what, struct buf *out)
{
	const uint8_t *at = in.p, *end = in.p + in.n, *hit;
	if (what.n < ECHO_MIN || !memmem(in.p, in.n, what.p, what.n))
		return false;
	while ((hit = memmem(at, (size_t)(end - at), what.p, what.n))) {
		buf_put(out, span_make(at, (size_t)(hit - at)));
		buf_put_str(out, "[secret removed by Ambit]");
		at = hit + what.n;
	}
	buf_put(out, span_make(at, (size_t)(end - at)));
	return true;
}

/* The value as it stands within a JSON string, without the quotes. */
static void
escaped(span value, struct buf *b)
{
	struct json_writer w = json_w(b);
	json_w_str(&w, value);
}

span
session_redact(struct session *s, span text, struct buf *tmp)
{
	for (uint32_t i = 0; i < s->server->secret_n; i++) {
		if (!s->secrets[i])
			continue;
		CLEANUP(buf_fini) struct buf json = { 0 }, out = { 0 };
		span value = value_of(s, i);
		buf_init(&json, 6 * value.n + 64);
		buf_init(&out, text.n * 8 + 64);
		escaped(value, &json);
		span quoted = json.err || json.n < 2 ? value : span_sub(buf_span(&json), 1, json.n - 2);
		if (cut_out(text, quoted, &out) || (!span_eq(quoted, value) && cut_out(text, value, &out))) {
			log_warn("a tool server echoed a secret", KV("server", s->server->name), KV("secret", s->server->secrets[i].name));
			struct buf old = *tmp;
			*tmp = out;
			out = old;
			text = tmp->err ? SPAN("{}") : buf_span(tmp);
		}
		if (json.p)
			secret_wipe(json.p, json.cap);
	}
	return text;
}
