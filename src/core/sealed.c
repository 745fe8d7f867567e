#include "core/sealed.h"

#include "core/ask.h"
#include "core/codec.h"
#include "core/core_priv.h"
#include "core/ops.h"
#include "crypto/vault.h"
#include "text/base64url.h"

#include <stdlib.h>

static bool name_is(const struct map_node *n, const void *key) { return span_eq(str_span(container_of(n, struct sealed, node)->name), *(const span *)key); }

struct sealed *
sealed_find(const struct core *c, span name)
{
	struct map_node *n = map_find(&c->secrets, map_hash_bytes(&c->secrets, name), name_is, &name);
	return n ? container_of(n, struct sealed, node) : NULL;
}

void
sealed_free(struct core *c, struct sealed *s)
{
	row_drop(c, &s->row);
	map_del(&c->secrets, &s->node);
	list_del(&s->all);
	str_unref(&c->strs, s->name);
	str_unref(&c->strs, s->by);
	free(s->form);
	free(s);
}

/* In its place, with nothing in it yet. */
static status
sealed_new(struct core *c, span name, struct sealed **ret)
{
	struct sealed *s = calloc(1, sizeof *s);
	ENSURE(s, E_NO_MEMORY);
	row_init(&s->row, ROW_SECRET);
	list_init(&s->all);
	status st = str_get(&c->strs, name, &s->name);
	if (!failed(st))
		st = map_add(&c->secrets, map_hash_bytes(&c->secrets, name), &s->node);
	if (failed(st)) {
		str_unref(&c->strs, s->name);
		free(s);
		return st;
	}
	struct list *at = c->secret_list.next;
	for (; at != &c->secret_list; at = at->next)
		if (span_cmp(str_span(container_of(at, struct sealed, all)->name), name) > 0)
			break;
	list_add_tail(at, &s->all);
	*ret = s;
	return OK;
}

void
sealed_encode(const struct sealed *s, struct buf *b)
{
	buf_put_u8(b, 1);
	buf_put_u64(b, s->version);
	buf_put_u64(b, (uint64_t)s->changed);
	buf_put_u64(b, (uint64_t)s->used);
	buf_put_u64(b, s->releases);
	put_str(b, s->by);
	buf_put_vec32(b, span_make(s->form, s->form_n));
}

static status
set_form(struct sealed *s, span form)
{
	uint8_t *p = malloc(form.n);
	ENSURE(p, E_NO_MEMORY);
	memcpy(p, form.p, form.n);
	free(s->form);
	s->form = p;
	s->form_n = (uint32_t)form.n;
	return OK;
}

status
sealed_restore(struct core *c, span name, span value)
{
	struct reader r = rd_make(value);
	struct sealed *s;
	status err = OK;
	ENSURE(!sealed_find(c, name), E_CHAIN_BROKEN);
	TRY(sealed_new(c, name, &s));
	uint8_t version = rd_u8(&r);
	s->version = rd_u64(&r);
	s->changed = rd_i64(&r);
	s->used = rd_i64(&r);
	s->releases = rd_u64(&r);
	s->by = rd_str(&r, &c->strs, &err);
	span form = rd_vec32(&r);
	TRY(rd_end(&r));
	TRY(err);
	ENSURE(version == 1 && form.n > 0 && form.n <= VAULT_SEALED_MAX, E_CHAIN_BROKEN);
	s->row.stored = true;
	return set_form(s, form);
}

/* ---- what a server's spec says ---- */

static status
refuse(struct object_fault *f, const char *reason)
{
	f->member = "secrets";
	f->reason = reason;
	return FAIL(E_BAD_REQUEST);
}

static bool
is_env_name(span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!(s.p[i] == '_' || (s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= 'a' && s.p[i] <= 'z') ||
		      (i && s.p[i] >= '0' && s.p[i] <= '9')))
			return false;
	/* What would change how programs are loaded is not for secrets. */
	return s.n > 0 && s.n <= 64 && !span_starts(s, SPAN("LD_")) && !span_is(s, "PATH");
}

static bool
is_header_name(span s)
{
	static const char *const own[] = { "host", "content-length", "transfer-encoding", "connection", "content-type", "accept", "upgrade", "te" };
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (span_eq_nocase(s, span_str(own[i])))
			return false;
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-'))
			return false;
	return s.n > 0 && s.n <= 64 && !(s.n >= 4 && span_eq_nocase(span_sub(s, 0, 4), SPAN("mcp-")));
}

status
sealed_check(const struct json *spec, bool http, struct object_fault *f, struct json_error *err)
{
	static const char *const names[] = { "name", "env", "header", "prefix", "discovery", NULL };
	const struct json *list = NULL;
	TRY(json_opt_arr(spec, "secrets", &list, err));
	if (list && list->arr.n > SEALED_PER_SERVER)
		return refuse(f, "has more than 16 entries");
	json_for_items(it, list) {
		span name, env = { 0 }, header = { 0 }, prefix = { 0 };
		bool discovery;
		TRY(json_only(it, names, err));
		TRY(json_get_str(it, "name", &name, err));
		TRY(json_opt_str(it, "env", &env, err));
		TRY(json_opt_str(it, "header", &header, err));
		TRY(json_opt_str(it, "prefix", &prefix, err));
		TRY(json_opt_bool(it, "discovery", &discovery, err));
		if (!object_name_ok(OBJ_POLICY, name))
			return refuse(f, "an entry's name is not a valid name");
		if (http ? env.n > 0 || !is_header_name(header) : header.n > 0 || prefix.n > 0 || !is_env_name(env))
			return refuse(f, http ? "an entry needs the name of a header that is the server's to read" : "an entry needs the name of an environment variable");
		for (size_t i = 0; i < prefix.n; i++)
			if (prefix.p[i] < ' ' || prefix.p[i] > '~')
				return refuse(f, "a prefix is printable ASCII");
	}
	return OK;
}

/* ---- giving one out ---- */

static void
no_secret(struct core *c, const struct msg_want_secret *m, uint16_t error)
{
	struct msg out = msg_make(MSG_NO_SECRET);
	out.no_secret.ref = m->ref;
	out.no_secret.ordinal = m->ordinal;
	out.no_secret.error = error;
	send_now(c, ROLE_TOOLS, 0, &out);
}

static status
write_release(struct core *c, const struct sealed *s, const struct server *server, const struct task *t)
{
	struct event_writer *w = event_open(c, EV_SECRET_RELEASED);
	if (t) {
		event_id(w, F_TASK, t->id);
		event_id(w, F_AGENT, t->agent->id);
	}
	event_text(w, F_SERVER, str_span(server->name));
	event_uint(w, F_VERSION, s->version);
	event_text(w, F_NAME, str_span(s->name));
	return event_close(c, false);
}

/* The entry of the spec, if this session may have it. */
static status
entry(struct core *c, const struct msg_want_secret *m, struct server **ret_server, struct task **ret_task, struct sealed **ret)
{
	const struct task *by;
	bool discovery = false;
	struct server *s = server_by_id(c, m->server);
	ENSURE(c->loaded && journal_ok(c), E_AUDIT_UNAVAILABLE);
	ENSURE(s && s->object, E_NOT_FOUND);
	ENSURE(!s->stop->on && !c->world->on, E_REVOKED);
	const struct json *it = json_item(json_gets(s->object->spec, "secrets"), m->ordinal);
	ENSURE(it, E_NOT_FOUND);
	TRY(json_opt_bool(it, "discovery", &discovery, NULL));
	if (m->task) {
		*ret_task = task_find(c, m->task);
		ENSURE(*ret_task, E_TASK_UNKNOWN);
		uint16_t code = task_alive(c, *ret_task, &by);
		ENSURE(code == E_OK, code);
	} else {
		ENSURE(discovery, E_NOT_PERMITTED);
	}
	*ret = sealed_find(c, json_gets(it, "name")->str);
	ENSURE(*ret, E_SECRET_UNKNOWN);
	*ret_server = s;
	return OK;
}

void
on_want_secret(struct core *c, const struct msg_want_secret *m)
{
	struct server *server;
	struct task *t = NULL;
	struct sealed *s;
	status st = entry(c, m, &server, &t, &s);
	if (!failed(st))
		st = write_release(c, s, server, t);
	if (failed(st)) {
		no_secret(c, m, st.code);
		return;
	}
	s->releases++;
	s->used = wall_now(c);
	row_mark(c, &s->row);
	struct msg out = msg_make(MSG_UNSEAL);
	out.unseal.ref = m->ref;
	out.unseal.ordinal = m->ordinal;
	out.unseal.name = str_span(s->name);
	out.unseal.version = s->version;
	out.unseal.form = span_make(s->form, s->form_n);
	st = send_held(c, ROLE_SIGNER, 0, &out, 0);
	if (failed(st))
		core_fail(c, st);
}

/* ---- operations ---- */

static void
write_one(const struct sealed *s, struct json_writer *w)
{
	json_w_obj(w);
	json_w_kstr(w, "name", str_span(s->name));
	json_w_kint(w, "version", (int64_t)s->version);
	json_w_key(w, SPAN("changed"));
	write_time(w, s->changed);
	json_w_kstr(w, "by", str_span(s->by));
	json_w_kint(w, "released", (int64_t)s->releases);
	json_w_key(w, SPAN("last_released"));
	if (s->used)
		write_time(w, s->used);
	else
		json_w_null(w);
	json_w_obj_end(w);
}

status
op_SECRET_KEY(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { NULL };
	CLEANUP(buf_fini) struct buf b = { 0 };
	TRY(op_only(o, names));
	ENSURE(c->vault_known, E_UNAVAILABLE);
	buf_init(&b, 64);
	base64url_encode(SPAN_OF(c->vault), &b);
	json_w_obj(w);
	json_w_kcstr(w, "suite", "DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM");
	json_w_kstr(w, "key", buf_span(&b));
	json_w_obj_end(w);
	return OK;
}


static status
install(struct core *c, span name, span actor, uint64_t version, span form, struct sealed **ret)
{
	struct sealed *s = sealed_find(c, name);
	struct str *by = NULL;
	digest d = sha256(form);
	bool fresh = !s;
	ENSURE((s ? s->version : 0) + 1 == version, E_CONFLICT);
	ENSURE(form.n > 0 && form.n <= VAULT_SEALED_MAX, E_LIMIT);
	TRY(str_get(&c->strs, actor, &by));
	status st = fresh ? sealed_new(c, name, &s) : OK;
	if (!failed(st))
		st = set_form(s, form);
	if (!failed(st)) {
		struct event_writer *w = event_open(c, EV_SECRET_SET);
		event_text(w, F_ACTOR, actor);
		event_uint(w, F_VERSION, version);
		event_text(w, F_NAME, name);
		event_digest(w, F_DIGEST, &d);
		st = event_close(c, false);
	}
	if (failed(st)) {
		str_unref(&c->strs, by);
		if (fresh && s)
			sealed_free(c, s);
		else
			core_fail(c, st);   /* the old form is gone: what is durable has it */
		return st;
	}
	str_unref(&c->strs, s->by);
	s->by = by;
	s->version = version;
	s->changed = wall_now(c);
	row_mark(c, &s->row);
	*ret = s;
	return OK;
}

/* `text` of the ask: actor, NUL, name. */
static void
on_sealed(struct core *c, struct ask *a, const struct msg *m, uint16_t error)
{
	span both = str_span(a->text);
	size_t cut = span_find(both, 0);
	struct sealed *s;
	status st = !m ? FAIL(error) : m->sealed.error ? FAIL(m->sealed.error) : OK;
	if (!failed(st))
		st = install(c, span_sub(both, cut + 1, both.n), span_sub(both, 0, cut), a->more, m->sealed.form, &s);
	if (failed(st)) {
		answer_error(c, a->who.edge, a->who.index, a->who.req, st.code,
		             st.code == E_BAD_REQUEST ? SPAN("box: was not made for this name and the key of secret/key") : (span){ 0 });
		return;
	}
	CLEANUP(buf_fini) struct buf b = { 0 };
	buf_init(&b, 4096);
	struct json_writer w = json_w(&b);
	write_one(s, &w);
	answer_held(c, a->who.edge, a->who.index, a->who.req, &b);
}

status
op_SECRET_SET(struct core *c, struct op_call *o, struct json_writer *)
{
	static const char *const names[] = { "name", "box", NULL };
	CLEANUP(buf_fini) struct buf box = { 0 }, both = { 0 };
	span name, text;
	struct ask *a;
	TRY(op_only(o, names));
	TRY(op_str(o, "name", &name));
	TRY(op_str(o, "box", &text));
	if (!object_name_ok(OBJ_POLICY, name))
		return op_fail(o, E_BAD_REQUEST, "name: is not a valid name");
	buf_init(&box, VAULT_BOX_MAX);
	if (failed(base64url_decode(text, &box)) || box.n <= HPKE_OVERHEAD)
		return op_fail(o, E_BAD_REQUEST, "box: must be a box to the key of secret/key, in base64url");
	buf_init(&both, 1024);
	buf_put(&both, o->actor);
	buf_put_u8(&both, 0);
	buf_put(&both, name);
	TRY(buf_finish(&both));
	TRY(ask_new(c, ROLE_SIGNER, on_sealed, &o->who, &a));
	status st = str_get(&c->strs, buf_span(&both), &a->text);
	if (failed(st)) {
		ask_free(c, a);
		return st;
	}
	const struct sealed *old = sealed_find(c, name);
	a->more = old ? old->version + 1 : 1;
	struct msg m = msg_make(MSG_SEAL);
	m.seal.req = a->id;
	m.seal.name = name;
	m.seal.version = a->more;
	m.seal.box = buf_span(&box);
	send_now(c, ROLE_SIGNER, 0, &m);
	o->later = true;
	return OK;
}

status
op_SECRET_LIST(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "limit", "cursor", NULL };
	struct op_page p;
	span last = { 0 };
	TRY(op_only(o, names));
	TRY(op_page_begin(o, &p, w));
	list_for(it, &c->secret_list) {
		const struct sealed *s = container_of(it, struct sealed, all);
		if (!op_page_item(&p, str_span(s->name)))
			continue;
		last = str_span(s->name);
		write_one(s, w);
	}
	op_page_end(&p, last);
	return OK;
}

static status
named(struct core *c, struct op_call *o, struct sealed **ret)
{
	static const char *const names[] = { "secret", NULL };
	span name;
	TRY(op_only(o, names));
	TRY(op_str(o, "secret", &name));
	*ret = sealed_find(c, name);
	ENSURE(*ret, E_SECRET_UNKNOWN);
	return OK;
}

status
op_SECRET_SHOW(struct core *c, struct op_call *o, struct json_writer *w)
{
	struct sealed *s;
	TRY(named(c, o, &s));
	write_one(s, w);
	return OK;
}

/* A server told again is another server to the tools role: what holds the secret ends. */
static void
end_sessions(struct core *c, span name)
{
	list_for(it, &c->servers) {
		struct server *s = container_of(it, struct server, all);
		bool holds = false;
		json_for_items(x, s->object ? json_gets(s->object->spec, "secrets") : NULL)
			holds |= span_eq(json_gets(x, "name")->str, name);
		if (holds && s->announced)
			server_announce(c, s);
	}
}

status
op_SECRET_REMOVE(struct core *c, struct op_call *o, struct json_writer *w)
{
	struct sealed *s;
	TRY(named(c, o, &s));
	struct event_writer *e = event_open(c, EV_SECRET_REMOVED);
	event_text(e, F_ACTOR, o->actor);
	event_uint(e, F_VERSION, s->version);
	event_text(e, F_NAME, str_span(s->name));
	TRY(event_close(c, false));
	write_one(s, w);
	end_sessions(c, str_span(s->name));
	sealed_free(c, s);
	return OK;
}
