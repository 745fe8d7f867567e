#include "core/upstream.h"

#include "core/ask.h"
#include "core/core_priv.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- reading the spec ---- */

static status
refuse(struct object_fault *f, const char *member, const char *reason)
{
	f->member = member;
	f->reason = reason;
	return FAIL(E_BAD_REQUEST);
}

/* Part of Cedar names and of `lease/upstream.template`: no separator of ours. */
static bool
template_name_ok(span s)
{
	if (!s.n || s.n > 40)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t ch = s.p[i];
		if (!((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || (i && (ch == '-' || ch == '_'))))
			return false;
	}
	return true;
}

static status
check_template(const struct json *v, struct object_fault *f, struct json_error *err)
{
	static const char *const names[] = {
		"name", "title", "grant", "effect", "sensitivity", "ttl_seconds", "max_ttl_seconds", "workflows", NULL,
	};
	span s;
	enum effect e;
	enum sensitivity y;
	int64_t ttl = 0, max = 0;
	const struct json *list = NULL, *grant;
	TRY(json_only(v, names, err));
	TRY(json_get_str(v, "name", &s, err));
	if (!template_name_ok(s))
		return refuse(f, "templates", "a template's name is [a-z0-9][a-z0-9_-]*, at most 40");
	TRY(json_get_obj(v, "grant", &grant, err));
	s = (span){ 0 };
	TRY(json_opt_str(v, "title", &s, err));
	s = (span){ 0 };
	TRY(json_opt_str(v, "effect", &s, err));
	if (s.n && !effect_from(s, &e))
		return refuse(f, "effect", "must be read, write, destructive or egress");
	s = (span){ 0 };
	TRY(json_opt_str(v, "sensitivity", &s, err));
	if (s.n && !sensitivity_from(s, &y))
		return refuse(f, "sensitivity", "must be public, internal, confidential or restricted");
	TRY(json_opt_int(v, "ttl_seconds", 1, 30 * 86400, &ttl, err));
	TRY(json_opt_int(v, "max_ttl_seconds", 1, 30 * 86400, &max, err));
	if (ttl && max && ttl > max)
		return refuse(f, "ttl_seconds", "is more than max_ttl_seconds");
	TRY(json_opt_arr(v, "workflows", &list, err));
	json_for_items(it, list)
		if (!json_is_str(it) || !it->str.n)
			return refuse(f, "workflows", "must be a list of names");
	return OK;
}

static status
check_root(const struct json *spec, struct object_fault *f, struct json_error *err)
{
	static const char *const names[] = { "file", "credential", "secret", NULL };
	const struct json *root = NULL;
	span s;
	unsigned n = 0;
	TRY(json_opt_obj(spec, "root", &root, err));
	if (!root)
		return OK;
	TRY(json_only(root, names, err));
	for (const char *const *k = names; *k; k++) {
		if (!json_gets(root, *k))
			continue;
		TRY(json_get_str(root, *k, &s, err));
		n++;
		if (!s.n || s.n > 200 || span_find(s, 0) != s.n)
			return refuse(f, *k, "names where the root credential is kept, never the credential itself");
		if (strcmp(*k, "file") == 0 && s.p[0] != '/')
			return refuse(f, *k, "must be an absolute path");
		if (strcmp(*k, "credential") == 0 && span_find(s, '/') != s.n)
			return refuse(f, *k, "is a name in the folder of credentials");
	}
	return n == 1 ? OK : refuse(f, "root", "names one of file, credential and secret");
}

/* What the engine calls its accounts; part of its own options. */
static status
read_prefix(const struct json *options, struct upstream *u, struct object_fault *f, struct json_error *err)
{
	span p = SPAN("ambit_");
	TRY(json_opt_str(options, "prefix", &p, err));
	bool ok = p.n >= 2 && p.n <= LEASE_PREFIX && p.p[p.n - 1] == '_';
	for (size_t i = 0; ok && i < p.n; i++)
		ok = (p.p[i] >= 'a' && p.p[i] <= 'z') || (i && (p.p[i] == '_' || (p.p[i] >= '0' && p.p[i] <= '9')));
	if (!ok)
		return refuse(f, "prefix", "must be [a-z][a-z0-9_]*_, at most 17");
	snprintf(u->prefix, sizeof u->prefix, "%.*s", SPAN_ARG(p));
	return OK;
}

static status
check(const struct json *spec, struct upstream *u, struct object_fault *f, struct json_error *err)
{
	const struct json *templates, *options = NULL;
	span engine;
	TRY(json_get_str(spec, "engine", &engine, err));
	if (!engine.n || engine.n > 32)
		return refuse(f, "engine", "is the name of a credential engine");
	TRY(json_get_obj(spec, "options", &options, err));
	TRY(read_prefix(options, u, f, err));
	TRY(check_root(spec, f, err));
	TRY(json_get_arr(spec, "templates", &templates, err));
	if (!templates->arr.n || templates->arr.n > UPSTREAM_TEMPLATES)
		return refuse(f, "templates", "must list 1 to 64 templates");
	json_for_items(it, templates) {
		TRY(check_template(it, f, err));
		json_for_items(other, templates)
			if (other != it && json_equal(json_gets(other, "name"), json_gets(it, "name")))
				return refuse(f, "templates", "two templates have the same name");
	}
	return OK;
}

/* What decisions see of the templates, in the form in which they see the tools of a server. */
static status
face_specs(struct object *o, struct upstream *u)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1 << 20);
	struct json_writer w = json_w(&b);
	json_w_arr(&w);
	json_for_items(it, json_gets(o->spec, "templates")) {
		CLEANUP(buf_fini) struct buf t;
		const struct json *v;
		buf_init(&t, 1024);
		json_w_obj(&w);
		buf_printf(&t, "%.*s.%.*s", SPAN_ARG(o->name), SPAN_ARG(json_gets(it, "name")->str));
		json_w_kstr(&w, "name", buf_span(&t));
		json_w_kstr(&w, "effect", (v = json_gets(it, "effect")) ? v->str : SPAN("write"));
		if ((v = json_gets(it, "sensitivity")))
			json_w_kstr(&w, "sensitivity", v->str);
		buf_reset(&t);
		buf_printf(&t, "Upstream::\"%.*s\"", SPAN_ARG(o->name));
		json_w_kstr(&w, "resource", buf_span(&t));
		json_w_obj_end(&w);
	}
	json_w_arr_end(&w);
	TRY(buf_finish(&b));
	span text = arena_copy(&o->arena, buf_span(&b));
	ENSURE(arena_ok(&o->arena), E_NO_MEMORY);
	return json_parse(text, NULL, &o->arena, &u->face.tool_specs, NULL);
}

status
upstream_parse(struct core *c, struct object *o, struct object_fault *f)
{
	struct json_error err = { 0 };
	struct upstream *u = calloc(1, sizeof *u);
	ENSURE(u, E_NO_MEMORY);
	o->parsed = u;
	list_init(&u->all);
	list_init(&u->waiting);
	list_init(&u->face.all);
	list_init(&u->face.tools);
	u->timer.kind = TIMER_UPSTREAM;
	u->look.kind = TIMER_LOOK;
	u->face.upstream = u;
	status s = check(o->spec, u, f, &err);
	if (failed(s) && err.reason) {
		f->member = err.key;
		f->reason = err.reason;
	}
	TRY(s);
	TRY(str_get(&c->strs, o->name, &u->name));
	TRY(str_get(&c->strs, json_gets(o->spec, "engine")->str, &u->engine));
	TRY(str_get(&c->strs, SPAN("lease"), &u->face.name));
	TRY(stop_get(c, STOP_SERVER, SPAN("lease"), &u->face.stop));
	return face_specs(o, u);
}

void
upstream_parsed_free(struct core *c, struct upstream *u)
{
	if (!u)
		return;
	timer_del(&c->timers, &u->timer);
	timer_del(&c->timers, &u->look);
	str_unref(&c->strs, u->name);
	str_unref(&c->strs, u->engine);
	str_unref(&c->strs, u->why);
	str_unref(&c->strs, u->face.name);
	free(u);
}

/* ---- the templates as decisions see them ---- */

const struct json *
template_spec(const struct upstream *u, span name)
{
	json_for_items(it, json_gets(u->object->spec, "templates"))
		if (span_eq(json_gets(it, "name")->str, name))
			return it;
	return NULL;
}

struct tool *
template_tool(const struct core *c, const struct upstream *u, span name)
{
	char full[160];
	int n = snprintf(full, sizeof full, "lease/%.*s.%.*s", SPAN_ARG(str_span(u->name)), SPAN_ARG(name));
	struct tool *t = n > 0 && (size_t)n < sizeof full ? tool_find(c, span_make(full, (size_t)n)) : NULL;
	return t && t->server == &u->face && t->state == TOOL_ACTIVE ? t : NULL;
}

void
template_ttl(const struct json *spec, int64_t *ret_standard, int64_t *ret_max)
{
	const struct json *v = json_gets(spec, "max_ttl_seconds");
	int64_t max = v ? v->i : 3600;
	v = json_gets(spec, "ttl_seconds");
	int64_t standard = v ? v->i : 900;
	if (!json_gets(spec, "max_ttl_seconds") && standard > max)
		max = standard;
	*ret_max = max * NS_PER_S;
	*ret_standard = (standard < max ? standard : max) * NS_PER_S;
}

bool
template_for_workflow(const struct json *spec, span workflow)
{
	const struct json *list = json_gets(spec, "workflows");
	if (!list)
		return true;
	json_for_items(it, list)
		if (span_eq(it->str, workflow))
			return true;
	return false;
}

/* The definition that approvals are bound to: the whole resource, so that a yes to one set of grants at one address is none to another. */
static status
definition(const struct upstream *u, const struct json *spec, struct buf *b)
{
	struct json_writer w = json_w(b);
	int64_t standard, max;
	const struct json *title = json_gets(spec, "title");
	template_ttl(spec, &standard, &max);
	json_w_obj(&w);
	json_w_kobj(&w, "_meta");
	json_w_kstr(&w, "engine", str_span(u->engine));
	json_w_key(&w, SPAN("grant"));
	json_w_value(&w, json_gets(spec, "grant"));
	json_w_obj_end(&w);
	json_w_kobj(&w, "inputSchema");
	json_w_kbool(&w, "additionalProperties", false);
	json_w_kobj(&w, "properties");
	json_w_kobj(&w, "ttl_seconds");
	json_w_kint(&w, "maximum", max / NS_PER_S);
	json_w_kint(&w, "minimum", 1);
	json_w_kcstr(&w, "type", "integer");
	json_w_obj_end(&w);
	json_w_obj_end(&w);
	json_w_karr(&w, "required");
	json_w_str(&w, SPAN("ttl_seconds"));
	json_w_arr_end(&w);
	json_w_kcstr(&w, "type", "object");
	json_w_obj_end(&w);
	if (title)
		json_w_kstr(&w, "title", title->str);
	json_w_obj_end(&w);
	return buf_finish(b);
}

static status
template_install(struct core *c, struct upstream *u, const struct json *spec)
{
	CLEANUP(buf_fini) struct buf name;
	CLEANUP(buf_fini) struct buf def;
	struct str *text;
	buf_init(&name, 256);
	buf_init(&def, 65536);
	buf_printf(&name, "lease/%.*s.%.*s", SPAN_ARG(str_span(u->name)), SPAN_ARG(json_gets(spec, "name")->str));
	struct tool *t = tool_find(c, buf_span(&name));
	if (!t)
		TRY(tool_new(c, &u->face, span_sub(buf_span(&name), 6, name.n), &t));
	TRY(definition(u, spec, &def));
	TRY(str_get(&c->strs, buf_span(&def), &text));
	str_unref(&c->strs, t->definition);
	str_unref(&c->strs, t->reviewed_definition);
	t->definition = text;
	t->reviewed_definition = str_ref(text);
	/* Whoever applied the resource has reviewed it. */
	t->current = t->reviewed = t->first = sha256(u->object->text);
	t->ever_reviewed = true;
	t->state = TOOL_ACTIVE;
	return tool_refresh(c, t);
}

static status
templates_install(struct core *c, struct upstream *u)
{
	/* One that is not listed any more can not be asked for; its leases live on until they end. */
	list_for(it, &u->face.tools)
		container_of(it, struct tool, of_server)->state = TOOL_GONE;
	json_for_items(it, json_gets(u->object->spec, "templates"))
		TRY(template_install(c, u, it));
	return OK;
}

/* ---- living ---- */

struct upstream *
upstream_find(const struct core *c, span name)
{
	list_for(it, &c->upstreams) {
		struct upstream *u = container_of(it, struct upstream, all);
		if (span_eq(str_span(u->name), name))
			return u;
	}
	return NULL;
}

void
upstream_announce(struct core *c, struct upstream *u)
{
	struct msg m = msg_make(MSG_UPSTREAM);
	m.upstream.upstream = str_span(u->name);
	m.upstream.spec = u->object->text;
	send_now(c, ROLE_ENGINE, 0, &m);
	u->backoff = u->down_until = 0;
	upstream_doubt(c, u);
	upstream_pump(c, u);
}

void
upstreams_announce(struct core *c)
{
	list_for(it, &c->upstreams)
		upstream_announce(c, container_of(it, struct upstream, all));
}

status
upstream_install(struct core *c, struct object *o, struct upstream *p)
{
	struct upstream *u = upstream_find(c, o->name);
	if (!u) {
		u = p;
		list_add_tail(&c->upstreams, &u->all);
	} else {
		struct str *engine = u->engine;
		u->engine = p->engine;
		p->engine = engine;
		memcpy(u->prefix, p->prefix, sizeof u->prefix);
		u->face.tool_specs = p->face.tool_specs;
		upstream_parsed_free(c, p);
	}
	u->object = o;
	TRY(templates_install(c, u));
	if (c->loaded && core_up(c, ROLE_ENGINE))
		upstream_announce(c, u);
	return OK;
}

void
upstream_free(struct core *c, struct upstream *u)
{
	list_for_safe(it, &u->face.tools)
		tool_free(c, container_of(it, struct tool, of_server));
	list_del(&u->all);
	upstream_parsed_free(c, u);
}

void
upstream_removed(struct core *c, struct object *o)
{
	struct upstream *u = upstream_find(c, o->name);
	must(u && !u->leases);
	struct msg m = msg_make(MSG_UPSTREAM_GONE);
	m.upstream_gone.upstream = o->name;
	send_now(c, ROLE_ENGINE, 0, &m);
	upstream_free(c, u);
}

bool
upstream_outcome(struct core *c, struct upstream *u, uint16_t error, span why)
{
	bool down = error == E_UNAVAILABLE || error == E_TIMEOUT || error == E_IO;
	struct str *text = NULL;
	if (!failed(str_get(&c->strs, span_sub(why, 0, 400), &text))) {
		str_unref(&c->strs, u->why);
		u->why = error == E_OK ? NULL : text;
		if (error == E_OK)
			str_unref(&c->strs, text);
	}
	u->error = error;
	if (!down) {
		u->backoff = u->down_until = 0;
		timer_del(&c->timers, &u->timer);
		return false;
	}
	u->backoff = u->backoff ? 2 * u->backoff : UPSTREAM_BACKOFF_FIRST;
	if (u->backoff > UPSTREAM_BACKOFF_MAX)
		u->backoff = UPSTREAM_BACKOFF_MAX;
	u->down_until = boot_now(c) + u->backoff;
	timer_del(&c->timers, &u->timer);
	upstream_doubt(c, u);
	return true;
}

void upstream_timer(struct core *c, struct upstream *u) { upstream_pump(c, u); }

/* ---- orphans ---- */

static void
look_at(struct core *c, struct upstream *u, int64_t in)
{
	if (!u->look.pos || u->look.at > boot_now(c) + in)
		if (failed(timer_set(&c->timers, &u->look, boot_now(c) + in)))
			core_fail(c, FAIL(E_NO_MEMORY));
}

void
upstream_doubt(struct core *c, struct upstream *u)
{
	u->looks = 2;
	look_at(c, u, UPSTREAM_LOOK_SOON);
}

/* {"accounts":[{"account":"ambit_…","lease":"lse_…"|null}],…} */
static void
looked(struct core *c, struct upstream *u, span body)
{
	CLEANUP(arena_fini) struct arena a;
	const struct json_opts opts = { .max_bytes = 8 << 20 };
	const struct json *v, *list = NULL;
	arena_init(&a, 64 << 20);
	if (failed(json_parse(body, &opts, &a, &v, NULL)) || failed(json_get_arr(v, "accounts", &list, NULL)))
		return;
	u->checked = wall_now(c);
	u->foreign = 0;
	uint32_t found = 0;
	json_for_items(it, list) {
		const struct json *id = json_gets(it, "lease");
		uint64_t lease;
		if (!json_is_str(id) || !id_parse_kind(id->str, ID_LEASE, &lease)) {
			u->foreign++;
			continue;
		}
		/* So many in one step; the next look finds the rest. */
		if (lease_find(c, lease) || found == LEASE_ENDS_A_STEP)
			continue;
		found++;
		u->orphans++;
		status s = lease_orphan(c, u, lease);
		if (failed(s)) {
			core_fail(c, s);
			return;
		}
	}
	if (found)
		upstream_doubt(c, u);
	upstream_pump(c, u);
}

static void
on_accounts(struct core *c, struct ask *a, const struct msg *m, uint16_t error)
{
	struct upstream *u = upstream_find(c, str_span(a->text));
	if (!u)
		return;
	u->looking = false;
	if (m)
		error = m->engine_told.error;
	if (error == E_OK) {
		looked(c, u, m->engine_told.body);
	} else if (error != E_NOT_IMPLEMENTED) {
		u->looks = 2;
	}
	if (u->looks)
		u->looks--;
	look_at(c, u, u->looks ? UPSTREAM_LOOK_AGAIN : UPSTREAM_LOOK);
}

void
upstream_look(struct core *c, struct upstream *u)
{
	struct ask *a;
	if (u->looking || !core_up(c, ROLE_ENGINE)) {
		look_at(c, u, UPSTREAM_LOOK_AGAIN);
		return;
	}
	status s = ask_new(c, ROLE_ENGINE, on_accounts, NULL, &a);
	if (failed(s)) {
		look_at(c, u, UPSTREAM_LOOK_AGAIN);
		return;
	}
	a->text = str_ref(u->name);
	u->looking = true;
	struct msg m = msg_make(MSG_ENGINE_ASK);
	m.engine_ask.req = a->id;
	m.engine_ask.upstream = str_span(u->name);
	m.engine_ask.what = ENGINE_ASK_LIST;
	m.engine_ask.params = SPAN("{}");
	send_now(c, ROLE_ENGINE, 0, &m);
}

void
upstreams_engine_gone(struct core *c)
{
	list_for(it, &c->upstreams) {
		struct upstream *u = container_of(it, struct upstream, all);
		must(!u->asked);
		timer_del(&c->timers, &u->timer);
	}
}

void
upstream_write(const struct core *c, const struct upstream *u, struct json_writer *w)
{
	uint32_t revoking = 0, unconfirmed = 0;
	int64_t oldest = 0;
	list_for(it, &c->lease_list) {
		const struct lease *l = container_of(it, struct lease, all);
		if (l->upstream != u || l->state != LEASE_REVOKING)
			continue;
		revoking++;
		unconfirmed += l->error != 0;
		if (!oldest || l->since < oldest)
			oldest = l->since;
	}
	json_w_obj(w);
	json_w_kstr(w, "name", str_span(u->name));
	json_w_kstr(w, "engine", str_span(u->engine));
	json_w_kcstr(w, "prefix", u->prefix);
	json_w_karr(w, "templates");
	json_for_items(it, json_gets(u->object->spec, "templates"))
		json_w_str(w, json_gets(it, "name")->str);
	json_w_arr_end(w);
	json_w_kcstr(w, "state", !core_up(c, ROLE_ENGINE) || u->backoff ? "down" : u->error ? "failing" : "ready");
	if (u->error)
		json_w_kcstr(w, "error", error_name(u->error));
	if (u->why)
		json_w_kstr(w, "why", str_span(u->why));
	json_w_kint(w, "leases", u->leases);
	json_w_kint(w, "revoking", revoking);
	json_w_kint(w, "unconfirmed", unconfirmed);
	if (oldest)
		json_w_kint(w, "oldest_seconds", (wall_now(c) - oldest) / NS_PER_S);
	json_w_kint(w, "orphans_removed", u->orphans);
	json_w_kint(w, "foreign_accounts", (int64_t)u->foreign);
	if (u->checked) {
		json_w_key(w, SPAN("checked"));
		write_time(w, u->checked);
	}
	json_w_obj_end(w);
}
