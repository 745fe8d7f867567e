#include "core/application.h"
#include "core/core_priv.h"
#include "core/pattern.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const object_kinds[] = { "user", "tier", "agent", "server", "label", "workflow", "policy", "application", "upstream" };
static_assert(ARRAY_LEN(object_kinds) == OBJECT_KIND_COUNT);

const char *object_kind_name(enum object_kind k) { return k < OBJECT_KIND_COUNT ? object_kinds[k] : "?"; }

bool
object_kind_from(span s, enum object_kind *ret)
{
	for (unsigned i = 0; i < OBJECT_KIND_COUNT; i++)
		if (span_is(s, object_kinds[i])) {
			*ret = (enum object_kind)i;
			return true;
		}
	return false;
}

bool
object_name_ok(enum object_kind k, span name)
{
	size_t max = k == OBJ_SERVER ? 20 : OBJECT_NAME_MAX;
	/* Actions of leases are Action::"lease/…". */
	if (!name.n || name.n > max || span_is(name, "ambit") || (k == OBJ_SERVER && span_is(name, "lease")))
		return false;
	for (size_t i = 0; i < name.n; i++) {
		uint8_t ch = name.p[i];
		bool plain = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9');
		bool mark = k == OBJ_SERVER ? ch == '-' : ch == '.' || ch == '_' || ch == '/' || ch == '-' || ch == '@';
		if (!plain && !(mark && (i > 0 || k == OBJ_SERVER)))
			return false;
	}
	return true;
}

struct object_key { enum object_kind kind; span name; };

static bool
object_is(const struct map_node *n, const void *key)
{
	const struct object *o = container_of(n, struct object, node);
	const struct object_key *k = key;
	return o->kind == k->kind && span_eq(o->name, k->name);
}

static uint64_t
object_hash(const struct core *c, enum object_kind k, span name)
{
	return map_hash_bytes(&c->objects, name) ^ (uint64_t)k * 0x9e3779b97f4a7c15;
}

struct object *
object_find(const struct core *c, enum object_kind k, span name)
{
	struct object_key key = { k, name };
	struct map_node *n = map_find(&c->objects, object_hash(c, k, name), object_is, &key);
	return n ? container_of(n, struct object, node) : NULL;
}

/* ---- reading specs ---- */

static const char *const user_members[] = { "kind", "name", "uids", "groups", "roles", NULL };
static const char *const tier_members[] = {
	"kind", "name", "max_ttl_seconds", "max_depth", "max_calls", "calls_per_minute", "revalidate_seconds", "audit", "discovery",
	"approval_ttl_seconds", NULL,
};
static const char *const label_members[] = { "kind", "name", "resource", "sensitivity", NULL };
static const char *const workflow_members[] = { "kind", "name", "envelope", "agents", "purpose", NULL };
static const char *const policy_members[] = { "kind", "name", "text", NULL };
static const char *const application_members[] = { "kind", "name", "policies", "entities", "actions", NULL };
static const char *const agent_members[] = {
	"kind", "name", "owner", "tier", "team", "purpose", "review_by", "identity", "launch", "session", "enforcement_point",
	"servers", "applications", "keys", "clients", "redirect_uris", "bearer", NULL,
};
static const char *const server_members[] = {
	"kind", "name", "transport", "command", "env", "cwd", "read", "write", "network", "idle_seconds", "memory_mb", "url",
	"ca_file", "tools", "secrets", NULL,
};
static const char *const upstream_members[] = { "kind", "name", "engine", "options", "root", "templates", NULL };
static const char *const *const members_of[] = {
	user_members, tier_members, agent_members, server_members, label_members, workflow_members, policy_members, application_members,
	upstream_members,
};
static_assert(ARRAY_LEN(members_of) == OBJECT_KIND_COUNT);

/* Number of single edits, counted to 3. */
static unsigned
distance(span a, span b)
{
	unsigned row[64], i, k;
	if (a.n > 40 || b.n > 40)
		return 9;
	for (k = 0; k <= b.n; k++)
		row[k] = k;
	for (i = 1; i <= a.n; i++) {
		unsigned diagonal = row[0];
		row[0] = i;
		for (k = 1; k <= b.n; k++) {
			unsigned up = row[k], best = diagonal + (a.p[i - 1] != b.p[k - 1]);
			if (up + 1 < best)
				best = up + 1;
			if (row[k - 1] + 1 < best)
				best = row[k - 1] + 1;
			diagonal = up;
			row[k] = best;
		}
	}
	return row[b.n];
}

static const char *
nearest(const char *const *names, span key)
{
	const char *best = NULL;
	unsigned least = 4;
	for (; *names; names++) {
		unsigned n = distance(key, span_str(*names));
		if (span_starts(span_str(*names), key) && n > 2)
			n = 3;
		if (n < least) {
			least = n;
			best = *names;
		}
	}
	return best;
}

static status
only_members(struct object *o, struct object_fault *f)
{
	json_for_members(it, o->spec) {
		bool known = false;
		for (const char *const *n = members_of[o->kind]; *n; n++)
			known |= span_is(it->key, *n);
		if (known)
			continue;
		snprintf(f->unknown, sizeof f->unknown, "%.*s", SPAN_ARG(span_sub(it->key, 0, OBJECT_NAME_MAX)));
		f->member = f->unknown;
		f->reason = "unknown member";
		f->suggestion = nearest(members_of[o->kind], it->key);
		return FAIL(E_BAD_REQUEST);
	}
	return OK;
}

static status
fault(struct object_fault *f, const struct json_error *err, status s)
{
	if (failed(s) && err->reason) {
		f->member = err->key;
		f->reason = err->reason;
	}
	return s;
}

static status
names(struct object *o, const char *key, bool required, const span **ret, uint32_t *ret_n, struct json_error *err)
{
	const struct json *list = NULL;
	TRY(required ? json_get_arr(o->spec, key, &list, err) : json_opt_arr(o->spec, key, &list, err));
	size_t n = list ? list->arr.n : 0;
	ENSURE(n <= 1000, E_LIMIT);
	span *out = arena_array(&o->arena, n + 1, sizeof *out);
	ENSURE(out, E_NO_MEMORY);
	uint32_t k = 0;
	json_for_items(it, list) {
		if (!json_is_str(it) || !it->str.n || it->str.n > 255) {
			*err = (struct json_error){ it->at, key, "must be a list of names" };
			return FAIL(E_BAD_REQUEST);
		}
		out[k++] = it->str;
	}
	*ret = out;
	*ret_n = k;
	return OK;
}

static status
user_parse(struct object *o, struct json_error *err)
{
	struct user *u = ARENA_NEW(&o->arena, struct user);
	ENSURE(u, E_NO_MEMORY);
	const struct json *list;
	const span *roles;
	uint32_t role_n;
	TRY(json_get_arr(o->spec, "uids", &list, err));
	ENSURE(list->arr.n <= 1000, E_LIMIT);
	int64_t *uids = arena_array(&o->arena, list->arr.n + 1, sizeof *uids);
	ENSURE(uids, E_NO_MEMORY);
	json_for_items(it, list) {
		if (!json_is_int(it) || it->i < 0 || it->i > UINT32_MAX - 1) {
			*err = (struct json_error){ it->at, "uids", "must be a list of user ids" };
			return FAIL(E_BAD_REQUEST);
		}
		uids[u->uid_n++] = it->i;
	}
	u->uids = uids;
	TRY(names(o, "groups", false, &u->groups, &u->group_n, err));
	TRY(names(o, "roles", false, &roles, &role_n, err));
	for (uint32_t i = 0; i < role_n; i++) {
		uint8_t bit = span_is(roles[i], "admin") ? ROLE_BIT_ADMIN : span_is(roles[i], "approver") ? ROLE_BIT_APPROVER
		              : span_is(roles[i], "auditor") ? ROLE_BIT_AUDITOR : 0;
		if (!bit) {
			*err = (struct json_error){ 0, "roles", "must be admin, approver or auditor" };
			return FAIL(E_BAD_REQUEST);
		}
		u->roles = (uint8_t)(u->roles | bit);
	}
	o->parsed = u;
	return OK;
}

static const struct tier tier_defaults = {
	.max_ttl = 7200 * NS_PER_S, .approval_ttl = 600 * NS_PER_S, .max_depth = 3, .max_calls = 10000, .calls_per_minute = 600,
	.revalidate_seconds = 300,
};

static status
choice(const struct json *spec, const char *key, const char *no, const char *yes, bool *ret, struct json_error *err)
{
	span s = span_str(no);
	TRY(json_opt_str(spec, key, &s, err));
	if (!span_is(s, no) && !span_is(s, yes)) {
		*err = (struct json_error){ 0, key, "is none of the known words" };
		return FAIL(E_BAD_REQUEST);
	}
	*ret = span_is(s, yes);
	return OK;
}

static status
tier_parse(struct object *o, struct json_error *err)
{
	struct tier *t = ARENA_NEW(&o->arena, struct tier);
	ENSURE(t, E_NO_MEMORY);
	*t = tier_defaults;
	int64_t ttl = 7200, depth = 3, calls = 10000, rate = 600, revalidate = 300, approval = 600;
	TRY(json_opt_int(o->spec, "max_ttl_seconds", 1, 30 * 86400, &ttl, err));
	TRY(json_opt_int(o->spec, "max_depth", 0, TASK_DEPTH_MAX - 1, &depth, err));
	TRY(json_opt_int(o->spec, "max_calls", 0, 1000000000, &calls, err));
	TRY(json_opt_int(o->spec, "calls_per_minute", 0, 1000000, &rate, err));
	TRY(json_opt_int(o->spec, "revalidate_seconds", 1, 86400, &revalidate, err));
	TRY(json_opt_int(o->spec, "approval_ttl_seconds", 1, 86400, &approval, err));
	TRY(choice(o->spec, "audit", "durable", "buffered", &t->buffered, err));
	TRY(choice(o->spec, "discovery", "quarantine", "trust_first", &t->trust_first, err));
	t->max_ttl = ttl * NS_PER_S;
	t->approval_ttl = approval * NS_PER_S;
	t->max_depth = (int32_t)depth;
	t->max_calls = (int32_t)calls;
	t->calls_per_minute = (int32_t)rate;
	t->revalidate_seconds = (int32_t)revalidate;
	o->parsed = t;
	return OK;
}

static status
label_parse(struct object *o, struct json_error *err)
{
	struct label *l = ARENA_NEW(&o->arena, struct label);
	ENSURE(l, E_NO_MEMORY);
	span s;
	enum sensitivity v;
	TRY(json_get_str(o->spec, "resource", &l->resource, err));
	TRY(json_get_str(o->spec, "sensitivity", &s, err));
	if (!sensitivity_from(s, &v)) {
		*err = (struct json_error){ 0, "sensitivity", "must be public, internal, confidential or restricted" };
		return FAIL(E_BAD_REQUEST);
	}
	/* Written Path::"/x" in files, as in Cedar; kept Path::/x, as patterns are matched. */
	uint8_t *p = arena_alloc(&o->arena, l->resource.n + 1);
	ENSURE(p, E_NO_MEMORY);
	size_t n = 0;
	for (size_t i = 0; i < l->resource.n; i++)
		if (l->resource.p[i] != '"')
			p[n++] = l->resource.p[i];
	l->resource = span_make(p, n);
	l->sensitivity = (uint8_t)v;
	o->parsed = l;
	return OK;
}

static status
workflow_parse(struct core *c, struct object *o, struct json_error *err)
{
	struct workflow *w = ARENA_NEW(&o->arena, struct workflow);
	ENSURE(w, E_NO_MEMORY);
	const struct json *e;
	TRY(json_get_obj(o->spec, "envelope", &e, err));
	TRY(names(o, "agents", false, &w->agents, &w->agent_n, err));
	TRY(json_opt_str(o->spec, "purpose", &w->purpose, err));
	TRY(envelope_get(&c->envelopes, e, &w->envelope, err));
	o->parsed = w;
	return OK;
}

static status
parse(struct core *c, struct object *o, struct object_fault *f)
{
	struct json_error err = { 0 };
	span text;
	switch ((enum object_kind)o->kind) {
	case OBJ_USER: return fault(f, &err, user_parse(o, &err));
	case OBJ_TIER: return fault(f, &err, tier_parse(o, &err));
	case OBJ_LABEL: return fault(f, &err, label_parse(o, &err));
	case OBJ_WORKFLOW: return fault(f, &err, workflow_parse(c, o, &err));
	case OBJ_POLICY: return fault(f, &err, json_get_str(o->spec, "text", &text, &err));
	case OBJ_AGENT: return agent_parse(c, o, f);
	case OBJ_SERVER: return server_parse(c, o, f);
	case OBJ_APPLICATION: return application_parse(c, o, f);
	case OBJ_UPSTREAM: return upstream_parse(c, o, f);
	case OBJECT_KIND_COUNT: break;
	}
	return FAIL(E_INTERNAL);
}

static status
build(struct core *c, struct object *o, const struct json *spec, span by, struct object_fault *f)
{
	const struct json_opts opts = { .max_bytes = OBJECT_SPEC_MAX, .copy = false };
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, OBJECT_SPEC_MAX);
	TRY(json_canonical(spec, &b));
	TRY(buf_finish(&b));
	o->text = arena_copy(&o->arena, buf_span(&b));
	o->by = arena_copy(&o->arena, by);
	o->name = arena_copy(&o->arena, json_gets(spec, "name")->str);
	ENSURE(arena_ok(&o->arena), E_NO_MEMORY);
	TRY(json_parse(o->text, &opts, &o->arena, &o->spec, NULL));
	TRY(only_members(o, f));
	return parse(c, o, f);
}

status
object_new(struct core *c, const struct json *spec, span by, struct object **ret, struct object_fault *f)
{
	struct json_error err = { 0 };
	span kind, name;
	enum object_kind k;
	*f = (struct object_fault){ .kind = "resource", .reason = "is malformed" };
	TRY(fault(f, &err, json_get_str(spec, "kind", &kind, &err)));
	TRY(fault(f, &err, json_get_str(spec, "name", &name, &err)));
	f->name = name;
	if (!object_kind_from(kind, &k)) {
		f->member = "kind";
		f->reason = "unknown kind of resource";
		f->suggestion = nearest((const char *const[]){ "user", "tier", "agent", "server", "label", "workflow", "policy", "application",
		                                                 "upstream", NULL }, kind);
		return FAIL(E_BAD_REQUEST);
	}
	f->kind = object_kind_name(k);
	if (!object_name_ok(k, name)) {
		f->member = "name";
		f->reason = "is not a valid name";
		return FAIL(E_BAD_REQUEST);
	}
	struct object *o = calloc(1, sizeof *o);
	ENSURE(o, E_NO_MEMORY);
	arena_init(&o->arena, 2 << 20);
	row_init(&o->row, ROW_OBJECT);
	list_init(&o->of_kind);
	o->kind = (uint8_t)k;
	o->changed = wall_now(c);
	o->version = 1;
	status s = build(c, o, spec, by, f);
	if (failed(s)) {
		object_free(c, o);
		return s;
	}
	*ret = o;
	return OK;
}

void
object_free(struct core *c, struct object *o)
{
	if (!o)
		return;
	list_del(&o->of_kind);
	if (o->parsed && o->kind == OBJ_WORKFLOW)
		envelope_unref(&c->envelopes, ((struct workflow *)o->parsed)->envelope);
	if (o->parsed && o->kind == OBJ_AGENT)
		agent_parsed_free(c, o->parsed);
	if (o->parsed && o->kind == OBJ_SERVER)
		server_parsed_free(c, o->parsed);
	if (o->parsed && o->kind == OBJ_APPLICATION)
		application_free(o->parsed);
	if (o->parsed && o->kind == OBJ_UPSTREAM)
		upstream_parsed_free(c, o->parsed);
	arena_fini(&o->arena);
	free(o);
}

status
object_room(struct core *c, size_t objects)
{
	TRY(map_reserve(&c->objects, c->objects.count + objects));
	TRY(map_reserve(&c->agents_by_id, c->agents_by_id.count + objects));
	TRY(map_reserve(&c->agents_by_name, c->agents_by_name.count + objects));
	return map_reserve(&c->servers_by_id, c->servers_by_id.count + objects);
}

void
object_install(struct core *c, struct object *o)
{
	struct object *old = object_find(c, (enum object_kind)o->kind, o->name);
	void *parsed = o->parsed;
	if (old) {
		o->version = old->version + 1;
		o->row.stored = old->row.stored;
		list_del(&old->row.mark);
		map_del(&c->objects, &old->node);
		list_del(&old->of_kind);
	}
	struct list *at = &c->kinds[o->kind];
	for (at = at->next; at != &c->kinds[o->kind]; at = at->next)
		if (span_cmp(container_of(at, struct object, of_kind)->name, o->name) > 0)
			break;
	list_add_tail(at, &o->of_kind);
	status s = map_add(&c->objects, object_hash(c, (enum object_kind)o->kind, o->name), &o->node);
	must(!failed(s));
	if (o->kind == OBJ_AGENT || o->kind == OBJ_SERVER || o->kind == OBJ_UPSTREAM)
		o->parsed = NULL;
	if (o->kind == OBJ_AGENT)
		agent_install(c, o, parsed);
	if (o->kind == OBJ_SERVER)
		server_install(c, o, parsed);
	if (o->kind == OBJ_UPSTREAM && failed(upstream_install(c, o, parsed)))
		core_fail(c, FAIL(E_NO_MEMORY));
	row_mark(c, &o->row);
	object_free(c, old);
}

void
object_remove(struct core *c, struct object *o)
{
	if (o->kind == OBJ_AGENT)
		agent_removed(c, o);
	if (o->kind == OBJ_SERVER)
		server_removed(c, o);
	if (o->kind == OBJ_UPSTREAM)
		upstream_removed(c, o);
	row_drop(c, &o->row);
	map_del(&c->objects, &o->node);
	object_free(c, o);
}

/* ---- looking ---- */

bool
user_in_group(const struct user *u, span group)
{
	for (uint32_t i = 0; u && i < u->group_n; i++)
		if (span_eq(u->groups[i], group))
			return true;
	return false;
}

bool
user_answers_to(span user_name, const struct user *u, span user_or_group)
{
	return span_eq(user_name, user_or_group) || user_in_group(u, user_or_group);
}

const struct object *
user_of_uid(const struct core *c, uint32_t uid, span as)
{
	list_for(it, &c->kinds[OBJ_USER]) {
		const struct object *o = container_of(it, struct object, of_kind);
		const struct user *u = object_user(o);
		if (as.n && !span_eq(o->name, as))
			continue;
		for (uint32_t i = 0; i < u->uid_n; i++)
			if (u->uids[i] == uid)
				return o;
	}
	return NULL;
}

const struct tier *
tier_find(const struct core *c, span name)
{
	const struct object *o = object_find(c, OBJ_TIER, name);
	return o ? o->parsed : &tier_defaults;
}

uint8_t
label_of(const struct core *c, span resource, uint8_t floor, span *ret_label)
{
	*ret_label = (span){ 0 };
	list_for(it, &c->kinds[OBJ_LABEL]) {
		const struct object *o = container_of(it, struct object, of_kind);
		const struct label *l = o->parsed;
		if (!pattern_match(l->resource, resource))
			continue;
		if (l->sensitivity > floor || !ret_label->n)
			*ret_label = o->name;
		if (l->sensitivity > floor)
			floor = l->sensitivity;
	}
	return floor;
}
