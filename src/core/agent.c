#include "core/codec.h"
#include "core/core_priv.h"
#include "core/pattern.h"
#include "text/time.h"
#include "text/url.h"

#include <assert.h>
#include <stdlib.h>

static const struct { const char *name; uint8_t to; } rules[] = {
	[AGENT_ACTIVE]    = { "active",    1 << AGENT_SUSPENDED | 1 << AGENT_RETIRED },
	[AGENT_SUSPENDED] = { "suspended", 1 << AGENT_ACTIVE | 1 << AGENT_RETIRED },
	[AGENT_RETIRED]   = { "retired",   0 },
};
static_assert(ARRAY_LEN(rules) == AGENT_STATE_COUNT);

const char *agent_state_name(enum agent_state s) { return s < AGENT_STATE_COUNT ? rules[s].name : "?"; }

bool
agent_may_become(enum agent_state from, enum agent_state to)
{
	return from < AGENT_STATE_COUNT && to < AGENT_STATE_COUNT && (rules[from].to >> to & 1);
}

void
agent_become(struct core *c, struct agent *a, enum agent_state to)
{
	must(agent_may_become((enum agent_state)a->state, to));
	a->state = (uint8_t)to;
	row_mark(c, &a->row);
}

static bool id_is(const struct map_node *n, const void *key) { return container_of(n, struct agent, by_id)->id == *(const uint64_t *)key; }

static bool
name_is(const struct map_node *n, const void *key)
{
	return span_eq(str_span(container_of(n, struct agent, by_name)->name), *(const span *)key);
}

struct agent *
agent_find(const struct core *c, span name)
{
	struct map_node *n = map_find(&c->agents_by_name, map_hash_bytes(&c->agents_by_name, name), name_is, &name);
	return n ? container_of(n, struct agent, by_name) : NULL;
}

struct agent *
agent_by_id(const struct core *c, uint64_t id)
{
	struct map_node *n = map_find(&c->agents_by_id, map_hash_u64(&c->agents_by_id, id), id_is, &id);
	return n ? container_of(n, struct agent, by_id) : NULL;
}

struct agent *
agent_named(const struct core *c, span name_or_id)
{
	uint64_t id;
	return id_parse_kind(name_or_id, ID_AGENT, &id) ? agent_by_id(c, id) : agent_find(c, name_or_id);
}

/* ---- the spec ---- */

static bool
hex_digest(span s, digest *ret)
{
	if (span_starts(s, SPAN("sha256:")))
		s = span_sub(s, 7, s.n);
	if (s.n != 64)
		return false;
	for (size_t i = 0; i < 64; i++) {
		uint8_t ch = s.p[i];
		int v = ch >= '0' && ch <= '9' ? ch - '0' : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
		if (v < 0)
			return false;
		ret->b[i / 2] = (uint8_t)(i % 2 ? ret->b[i / 2] | v : v << 4);
	}
	return true;
}

static status
selector_parse(const struct json *v, struct selector *s, struct json_error *err)
{
	static const char *const names[] = { "uid", "exe", "exe_sha256", "cgroup", "x5t", "fallback", NULL };
	span sha = { 0 }, x5t = { 0 };
	s->uid = -1;
	TRY(json_only(v, names, err));
	TRY(json_opt_int(v, "uid", 0, UINT32_MAX - 1, &s->uid, err));
	TRY(json_opt_str(v, "exe", &s->exe, err));
	TRY(json_opt_str(v, "cgroup", &s->cgroup, err));
	TRY(json_opt_str(v, "exe_sha256", &sha, err));
	TRY(json_opt_str(v, "x5t", &x5t, err));
	TRY(json_opt_bool(v, "fallback", &s->fallback, err));
	s->has_exe = s->exe.n > 0;
	s->has_cgroup = s->cgroup.n > 0;
	s->has_sha256 = sha.n > 0;
	s->has_x5t = x5t.n > 0;
	/* An entry that asks for nothing would be met by everybody. */
	if ((s->has_sha256 && !hex_digest(sha, &s->exe_sha256)) || (s->has_x5t && !hex_digest(x5t, &s->x5t)) ||
	    (s->uid < 0 && !s->has_exe && !s->has_cgroup && !s->has_sha256 && !s->has_x5t)) {
		*err = (struct json_error){ v->at, "identity", "an entry needs uid, exe, exe_sha256 (64 hex digits), cgroup or x5t" };
		return FAIL(E_BAD_REQUEST);
	}
	return OK;
}

static status
list_of_names(struct arena *arena, const struct json *spec, const char *key, const span **ret, uint32_t *ret_n,
              struct json_error *err)
{
	const struct json *list = NULL;
	TRY(json_opt_arr(spec, key, &list, err));
	size_t n = list ? list->arr.n : 0;
	ENSURE(n <= 1000, E_LIMIT);
	span *out = arena_array(arena, n + 1, sizeof *out);
	ENSURE(out, E_NO_MEMORY);
	json_for_items(it, list) {
		if (!json_is_str(it) || !it->str.n || it->str.n > 255) {
			*err = (struct json_error){ it->at, key, "must be a list of names" };
			return FAIL(E_BAD_REQUEST);
		}
		out[(*ret_n)++] = it->str;
	}
	*ret = out;
	return OK;
}

/* JWKs, public, with an algorithm each; never a shared secret. */
static status
keys(struct object *o, struct agent *a, struct json_error *err)
{
	const struct json *list = NULL;
	TRY(json_opt_arr(o->spec, "keys", &list, err));
	if (!list)
		return OK;
	struct json_member m = { SPAN("keys"), *list };
	struct json set;
	TRY(json_make_obj(&o->arena, &m, 1, &set, NULL));
	a->keys = calloc(1, sizeof *a->keys);
	ENSURE(a->keys, E_NO_MEMORY);
	status s = jwk_set_read(&set, &o->arena, a->keys);
	bool good = !failed(s) && a->keys->n == list->arr.n;
	for (size_t i = 0; i < a->keys->n; i++)
		good &= a->keys->keys[i].key != NULL;
	if (good || s.code == E_NO_MEMORY)
		return s;
	*err = (struct json_error){ list->at, "keys", "must be public JWKs for signatures, each with a kid of its own" };
	return FAIL(E_BAD_REQUEST);
}

static status
redirects(struct object *o, struct agent *a, struct json_error *err)
{
	struct url u;
	TRY(list_of_names(&o->arena, o->spec, "redirect_uris", &a->redirects, &a->redirect_n, err));
	for (uint32_t i = 0; i < a->redirect_n; i++)
		/* Plain http only where it never leaves the host (RFC 8252 §7.3). */
		if (failed(url_parse(a->redirects[i], &o->arena, &u, NULL)) || (!u.https && !url_is_loopback(&u))) {
			*err = (struct json_error){ 0, "redirect_uris", "must be https URLs, or http ones of a loopback address" };
			return FAIL(E_BAD_REQUEST);
		}
	return OK;
}

static void
keys_free(struct agent *a)
{
	if (a->keys)
		jwk_set_fini(a->keys);
	free(a->keys);
	a->keys = NULL;
}

static status
read_spec(struct core *c, struct object *o, struct agent *a, struct json_error *err)
{
	const struct json *list = NULL, *session = NULL;
	int64_t day;
	TRY(json_get_str(o->spec, "owner", &a->owner, err));
	TRY(json_get_str(o->spec, "tier", &a->tier_name, err));
	TRY(json_opt_str(o->spec, "team", &a->team, err));
	TRY(json_opt_str(o->spec, "purpose", &a->purpose, err));
	TRY(json_opt_str(o->spec, "review_by", &a->review_by, err));
	if (a->review_by.n && !time_parse_date(a->review_by, &day)) {
		*err = (struct json_error){ 0, "review_by", "must be a date such as 2027-01-31" };
		return FAIL(E_BAD_REQUEST);
	}
	TRY(json_opt_bool(o->spec, "enforcement_point", &a->enforcement_point, err));
	TRY(list_of_names(&o->arena, o->spec, "launch", &a->launch, &a->launch_n, err));
	TRY(list_of_names(&o->arena, o->spec, "servers", &a->servers, &a->server_n, err));
	TRY(list_of_names(&o->arena, o->spec, "applications", &a->applications, &a->application_n, err));
	TRY(json_opt_bool(o->spec, "bearer", &a->bearer, err));
	TRY(list_of_names(&o->arena, o->spec, "clients", &a->clients, &a->client_n, err));
	TRY(redirects(o, a, err));
	TRY(keys(o, a, err));
	TRY(json_opt_obj(o->spec, "session", &session, err));
	TRY(json_opt_arr(o->spec, "identity", &list, err));
	size_t n = list ? list->arr.n : 0;
	ENSURE(n <= 64, E_LIMIT);
	struct selector *out = arena_array(&o->arena, n + 1, sizeof *out);
	ENSURE(out, E_NO_MEMORY);
	json_for_items(it, list)
		TRY(selector_parse(it, &out[a->selector_n++], err));
	a->selectors = out;
	if (session)
		TRY(envelope_get(&c->envelopes, session, &a->session, err));
	return OK;
}

status
agent_parse(struct core *c, struct object *o, struct object_fault *f)
{
	struct json_error err = { 0 };
	struct agent *a = calloc(1, sizeof *a);
	ENSURE(a, E_NO_MEMORY);
	o->parsed = a;
	list_init(&a->all);
	row_init(&a->row, ROW_AGENT);
	TRY(str_get(&c->strs, o->name, &a->name));
	status s = read_spec(c, o, a, &err);
	if (failed(s) && err.reason) {
		f->member = err.key;
		f->reason = err.reason;
	}
	TRY(s);
	TRY(stop_get(c, STOP_AGENT, o->name, &a->stop));
	TRY(stop_get(c, STOP_OWNER, a->owner, &a->stop_owner));
	TRY(stop_get(c, STOP_TIER, a->tier_name, &a->stop_tier));
	return OK;
}

void
agent_parsed_free(struct core *c, struct agent *a)
{
	if (!a)
		return;
	envelope_unref(&c->envelopes, a->session);
	keys_free(a);
	str_unref(&c->strs, a->name);
	for (uint32_t i = 0; i < a->used_n; i++)
		str_unref(&c->strs, a->used[i]);
	free(a->used);
	free(a);
}

static void
link_agent(struct core *c, struct agent *a)
{
	status s = map_add(&c->agents_by_id, map_hash_u64(&c->agents_by_id, a->id), &a->by_id);
	must(!failed(s));
	s = map_add(&c->agents_by_name, map_hash_bytes(&c->agents_by_name, str_span(a->name)), &a->by_name);
	must(!failed(s));
	list_add_tail(&c->agents, &a->all);
}

void
agent_install(struct core *c, struct object *o, struct agent *p)
{
	struct agent *a = agent_find(c, o->name);
	if (!a) {
		a = p;
		a->id = core_id(c, ID_AGENT);
		link_agent(c, a);
	} else {
		envelope_unref(&c->envelopes, a->session);
		a->owner = p->owner;
		a->team = p->team;
		a->tier_name = p->tier_name;
		a->purpose = p->purpose;
		a->review_by = p->review_by;
		a->selectors = p->selectors;
		a->selector_n = p->selector_n;
		a->launch = p->launch;
		a->launch_n = p->launch_n;
		a->servers = p->servers;
		a->server_n = p->server_n;
		a->applications = p->applications;
		a->application_n = p->application_n;
		a->enforcement_point = p->enforcement_point;
		a->bearer = p->bearer;
		a->clients = p->clients;
		a->client_n = p->client_n;
		a->redirects = p->redirects;
		a->redirect_n = p->redirect_n;
		keys_free(a);
		a->keys = TAKE(p->keys);
		a->session = TAKE(p->session);
		a->stop = p->stop;
		a->stop_owner = p->stop_owner;
		a->stop_tier = p->stop_tier;
		agent_parsed_free(c, p);
	}
	a->object = o;
	row_mark(c, &a->row);
}

void
agent_removed(struct core *c, struct object *o)
{
	struct agent *a = agent_find(c, o->name);
	must(a);
	/* What the spec held goes with it; the agent stays as a name for its tasks and events. */
	a->object = NULL;
	a->owner = a->team = a->tier_name = a->purpose = a->review_by = (span){ 0 };
	a->selector_n = a->launch_n = a->server_n = a->application_n = a->client_n = a->redirect_n = 0;
	a->bearer = false;
	keys_free(a);
	envelope_unref(&c->envelopes, TAKE(a->session));
	if (a->state != AGENT_RETIRED)
		agent_become(c, a, AGENT_RETIRED);
}

void
agents_relink(struct core *c)
{
	list_for(it, &c->agents) {
		struct agent *a = container_of(it, struct agent, all);
		a->tier = tier_find(c, a->tier_name);
	}
}

void
agent_free(struct core *c, struct agent *a)
{
	list_del(&a->all);
	list_del(&a->row.mark);
	map_del(&c->agents_by_id, &a->by_id);
	map_del(&c->agents_by_name, &a->by_name);
	agent_parsed_free(c, a);
}

bool
agent_has_used(const struct agent *a, span tool)
{
	for (uint32_t i = 0; i < a->used_n; i++)
		if (span_eq(str_span(a->used[i]), tool))
			return true;
	return false;
}

void
agent_use(struct core *c, struct agent *a, struct str *tool)
{
	for (uint32_t i = 0; i < a->used_n; i++)
		if (a->used[i] == tool)
			return;
	if (a->used_n >= 1024)
		return;
	struct str **p = realloc(a->used, (a->used_n + 1) * sizeof *p);
	if (!p)
		return;
	a->used = p;
	a->used[a->used_n++] = str_ref(tool);
	row_mark(c, &a->row);
}

/* ---- recognising ---- */

/* How many things the entry proves, or 0 when it does not hold. */
static unsigned
holds(const struct selector *s, const struct peer *p)
{
	unsigned n = 0;
	if (s->uid >= 0) {
		if (p->tls || p->uid != s->uid)
			return 0;
		n++;
	}
	if (s->has_exe) {
		if (p->tls || !span_eq(s->exe, str_span(p->exe)))
			return 0;
		n++;
	}
	if (s->has_sha256) {
		if (p->tls || !digest_eq(&s->exe_sha256, &p->exe_sha256))
			return 0;
		n++;
	}
	if (s->has_cgroup) {
		if (p->tls || !pattern_match(s->cgroup, str_span(p->cgroup)))
			return 0;
		n++;
	}
	if (s->has_x5t) {
		if (!p->tls || !p->has_cert || !digest_eq(&s->x5t, &p->x5t))
			return 0;
		n += 4;
	}
	return n ? 2 * n - s->fallback : 0;
}

struct agent *
agent_match(const struct core *c, const struct peer *p, bool *ret_specific)
{
	struct agent *best = NULL;
	unsigned most = 0;
	bool tie = false;
	*ret_specific = false;
	list_for(it, &c->agents) {
		struct agent *a = container_of(it, struct agent, all);
		if (a->state == AGENT_RETIRED)
			continue;
		for (uint32_t i = 0; i < a->selector_n; i++) {
			const struct selector *s = &a->selectors[i];
			unsigned n = holds(s, p);
			if (n > most) {
				most = n;
				best = a;
				tie = false;
				*ret_specific = s->has_exe || s->has_sha256 || s->has_cgroup || s->has_x5t;
			} else if (n && n == most && best != a) {
				tie = true;
			}
		}
	}
	return tie ? NULL : best;
}

/* ---- rows and answers ---- */

void
agent_encode(const struct agent *a, struct buf *b)
{
	buf_put_u8(b, 1);
	buf_put_u8(b, a->state);
	put_str(b, a->name);
	buf_put_u64(b, (uint64_t)a->last_seen);
	buf_put_u32(b, a->used_n);
	for (uint32_t i = 0; i < a->used_n; i++)
		put_str(b, a->used[i]);
}

status
agent_restore(struct core *c, uint64_t id, span value)
{
	struct reader r = rd_make(value);
	status err = OK;
	uint8_t version = rd_u8(&r), state = rd_u8(&r);
	span name = rd_vec32(&r);
	int64_t seen = rd_i64(&r);
	uint32_t n = rd_u32(&r);
	ENSURE(r.ok && version == 1 && state < AGENT_STATE_COUNT && name.n && n <= 1024, E_CHAIN_BROKEN);
	struct agent *a = calloc(1, sizeof *a);
	ENSURE(a, E_NO_MEMORY);
	list_init(&a->all);
	row_init(&a->row, ROW_AGENT);
	a->row.stored = true;
	a->id = id;
	a->state = state;
	a->last_seen = seen;
	a->used = n ? calloc(n, sizeof *a->used) : NULL;
	if (n && !a->used)
		err = FAIL(E_NO_MEMORY);
	if (!failed(err))
		err = str_get(&c->strs, name, &a->name);
	for (uint32_t i = 0; i < n && !failed(err); i++)
		a->used[a->used_n++] = rd_str(&r, &c->strs, &err);
	if (!failed(err))
		err = rd_end(&r);
	if (!failed(err))
		err = stop_get(c, STOP_AGENT, name, &a->stop);
	if (!failed(err))
		err = stop_get(c, STOP_OWNER, (span){ 0 }, &a->stop_owner);
	if (!failed(err))
		err = stop_get(c, STOP_TIER, (span){ 0 }, &a->stop_tier);
	if (!failed(err))
		err = map_reserve(&c->agents_by_id, c->agents_by_id.count + 1);
	if (!failed(err))
		err = map_reserve(&c->agents_by_name, c->agents_by_name.count + 1);
	if (failed(err)) {
		agent_parsed_free(c, a);
		return err;
	}
	link_agent(c, a);
	return OK;
}

void
agent_write(const struct core *c, const struct agent *a, struct json_writer *w)
{
	char id[ID_TEXT + 1];
	id_text(a->id, id);
	json_w_obj(w);
	json_w_kcstr(w, "id", id);
	json_w_kstr(w, "name", str_span(a->name));
	json_w_kstr(w, "owner", a->owner);
	json_w_kstr(w, "team", a->team);
	json_w_kstr(w, "tier", a->tier_name);
	json_w_kstr(w, "purpose", a->purpose);
	json_w_kcstr(w, "state", a->stop->on && a->state == AGENT_ACTIVE ? "suspended" : agent_state_name((enum agent_state)a->state));
	if (a->review_by.n)
		json_w_kstr(w, "review_by", a->review_by);
	if (a->object) {
		static const char *const lists[] = { "identity", "launch" };
		for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
			const struct json *v = json_gets(a->object->spec, lists[i]);
			json_w_key(w, span_str(lists[i]));
			if (v)
				json_w_value(w, v);
			else
				json_w_raw(w, SPAN("[]"));
		}
	}
	json_w_kint(w, "tasks", a->tasks);
	if (a->last_seen) {
		json_w_key(w, SPAN("last_seen"));
		write_time(w, a->last_seen);
	}
	json_w_obj_end(w);
}
