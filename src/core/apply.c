/* apply: a list of resources becomes the configuration, whole or not at all. */
#include "core/apply.h"

#include "core/core_priv.h"
#include "core/ops.h"

#include <stdio.h>
#include <stdlib.h>

enum { APPLY_MAX = 2000 };
#define APPLY_BYTES ((size_t)1 << 20)

enum change { CHANGE_ADD, CHANGE_CHANGE, CHANGE_SAME, CHANGE_REMOVE };
static const char *const change_names[] = { "add", "change", "same", "remove" };

struct item {
	struct object *fresh;            /* NULL: remove */
	struct object *old;
	enum change change;
};

struct plan {
	struct item *items;
	size_t n, cap, bytes;
	struct policy_set *policy;       /* NULL: as it is */
	struct buf warnings;             /* JSON array */
	bool prune;
};

static void
plan_fini(struct core *c, struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		object_free(c, p->items[i].fresh);
	free(p->items);
	policy_set_unref(p->policy);
	buf_fini(&p->warnings);
}

static status
add(struct plan *p, struct item it)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 32;
		struct item *items = realloc(p->items, cap * sizeof *items);
		ENSURE(items, E_NO_MEMORY);
		p->items = items;
		p->cap = cap;
	}
	p->items[p->n++] = it;
	return OK;
}

static status
read_one(struct core *c, struct plan *p, const struct json *v, span by, struct object_fault *f)
{
	struct object *o;
	TRY(object_new(c, v, by, &o, f));
	p->bytes += o->text.n;
	struct item it = { .fresh = o, .old = object_find(c, (enum object_kind)o->kind, o->name) };
	it.change = !it.old ? CHANGE_ADD : span_eq(it.old->text, o->text) ? CHANGE_SAME : CHANGE_CHANGE;
	bool twice = false;
	for (size_t i = 0; i < p->n; i++)
		twice |= p->items[i].fresh->kind == o->kind && span_eq(p->items[i].fresh->name, o->name);
	if (twice)
		*f = (struct object_fault){ .kind = object_kind_name((enum object_kind)o->kind), .name = json_gets(v, "name")->str,
		                            .member = "name", .reason = "is there twice" };
	status s = twice ? FAIL(E_BAD_REQUEST) : add(p, it);
	if (failed(s))
		object_free(c, o);
	return s;
}

static bool
planned(const struct plan *p, enum object_kind k, span name)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->items[i].fresh && p->items[i].fresh->kind == k && span_eq(p->items[i].fresh->name, name))
			return true;
	return false;
}

static status
plan_prune(struct core *c, struct plan *p)
{
	size_t listed = p->n;
	for (unsigned k = 0; p->prune && k < OBJECT_KIND_COUNT; k++)
		list_for(it, &c->kinds[k]) {
			struct object *o = container_of(it, struct object, of_kind);
			struct plan first = { .items = p->items, .n = listed };
			if (!planned(&first, (enum object_kind)k, o->name))
				TRY(add(p, (struct item){ .old = o, .change = CHANGE_REMOVE }));
		}
	return OK;
}

/* What a resource names must be there afterwards. */
static status
check_names(struct core *c, const struct plan *p, struct object_fault *f)
{
	/* An upstream stays known while there is anything of ours to be taken back from it. */
	for (size_t i = 0; i < p->n; i++) {
		const struct item *x = &p->items[i];
		const struct upstream *u = x->change == CHANGE_REMOVE && x->old->kind == OBJ_UPSTREAM ? upstream_find(c, x->old->name) : NULL;
		if (!u && x->fresh && x->fresh->kind == OBJ_UPSTREAM && (u = upstream_find(c, x->fresh->name)) != NULL &&
		    strcmp(u->prefix, ((const struct upstream *)x->fresh->parsed)->prefix) == 0 &&
		    span_eq(str_span(u->engine), str_span(((const struct upstream *)x->fresh->parsed)->engine)))
			u = NULL;
		if (!u || !u->leases)
			continue;
		*f = (struct object_fault){ .kind = "upstream", .name = str_span(u->name), .member = x->fresh ? "engine" : NULL,
		                            .reason = "has leases that are not revoked yet" };
		return FAIL(E_CONFLICT);
	}
	for (size_t i = 0; i < p->n; i++) {
		const struct object *o = p->items[i].fresh;
		if (!o || o->kind != OBJ_AGENT)
			continue;
		const struct agent *a = o->parsed;
		bool there = planned(p, OBJ_TIER, a->tier_name) || (!p->prune && object_find(c, OBJ_TIER, a->tier_name));
		if (there)
			continue;
		*f = (struct object_fault){ .kind = "agent", .name = o->name, .member = "tier", .reason = "there is no tier of that name" };
		return FAIL(E_BAD_REQUEST);
	}
	return OK;
}

/* The policy objects as they would stand, in order of name. */
static status
policies_after(struct core *c, const struct plan *p, struct policy_source **ret, size_t *ret_n, bool *ret_changed)
{
	size_t max = p->n, n = 0;
	list_for(it, &c->kinds[OBJ_POLICY])
		max++;
	struct policy_source *src = calloc(max + 1, sizeof *src);
	ENSURE(src, E_NO_MEMORY);
	*ret_changed = false;
	for (size_t i = 0; i < p->n; i++) {
		const struct item *x = &p->items[i];
		const struct object *o = x->fresh ? x->fresh : x->old;
		if (o->kind != OBJ_POLICY)
			continue;
		*ret_changed |= x->change != CHANGE_SAME;
		if (x->fresh)
			src[n++] = (struct policy_source){ o->name, json_gets(o->spec, "text")->str };
	}
	list_for(it, &c->kinds[OBJ_POLICY]) {
		const struct object *o = container_of(it, struct object, of_kind);
		if (!p->prune && !planned(p, OBJ_POLICY, o->name))
			src[n++] = (struct policy_source){ o->name, json_gets(o->spec, "text")->str };
	}
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && span_cmp(src[k - 1].name, src[k].name) > 0; k--) {
			struct policy_source t = src[k];
			src[k] = src[k - 1];
			src[k - 1] = t;
		}
	*ret = src;
	*ret_n = n;
	return OK;
}

static bool
servers_come(const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->items[i].fresh && p->items[i].fresh->kind == OBJ_SERVER && p->items[i].change != CHANGE_SAME)
			return true;
	return false;
}

static status
plan_policy(struct core *c, struct plan *p, struct object_fault *f, char *where, size_t where_n)
{
	struct policy_source *src;
	struct cedar_diag d = { 0 };
	size_t n;
	bool changed;
	span name = { 0 };
	TRY(policies_after(c, p, &src, &n, &changed));
	struct json_writer w = json_w(&p->warnings);
	json_w_arr(&w);
	status s = changed ? policy_set_new(src, n, c->policy->version + 1, &p->policy, &d, &name) : OK;
	if (changed && !failed(s))
		s = policy_validate(c, p->policy, servers_come(p), &w, &d, &name);
	json_w_arr_end(&w);
	free(src);
	if (!failed(s))
		s = buf_finish(&p->warnings);
	if (failed(s) && s.code != E_NO_MEMORY) {
		snprintf(where, where_n, "line %u, column %u: %s%s%s", d.line, d.col, d.what, d.hint[0] ? "; " : "", d.hint);
		*f = (struct object_fault){ .kind = "policy", .name = name, .member = "text", .reason = where };
	}
	return s;
}

/* ---- telling ---- */

static void
write_side(struct json_writer *w, const char *key, const struct json *v)
{
	json_w_key(w, span_str(key));
	if (v)
		json_w_value(w, v);
	else
		json_w_null(w);
}

static void
write_diff(struct json_writer *w, const struct item *x)
{
	const struct json *old = x->old->spec, *new = x->fresh->spec;
	json_w_karr(w, "diff");
	for (int side = 0; side < 2; side++)
		json_for_members(it, side ? new : old) {
			const struct json *a = json_get(old, it->key), *b = json_get(new, it->key);
			/* Members of both are told once. */
			if ((a && b && json_equal(a, b)) || (side && a))
				continue;
			json_w_obj(w);
			CLEANUP(buf_fini) struct buf path;
			buf_init(&path, 1024);
			buf_put_u8(&path, '/');
			buf_put(&path, it->key);
			json_w_kstr(w, "path", buf_span(&path));
			write_side(w, "old", a);
			write_side(w, "new", b);
			json_w_obj_end(w);
		}
	json_w_arr_end(w);
}

static void
write_plan(struct core *c, const struct plan *p, bool dry, struct json_writer *w)
{
	json_w_obj(w);
	json_w_karr(w, "changes");
	for (size_t i = 0; i < p->n; i++) {
		const struct item *x = &p->items[i];
		const struct object *o = x->fresh ? x->fresh : x->old;
		json_w_obj(w);
		json_w_kcstr(w, "op", change_names[x->change]);
		json_w_kcstr(w, "kind", object_kind_name((enum object_kind)o->kind));
		json_w_kstr(w, "name", o->name);
		if (x->change == CHANGE_CHANGE)
			write_diff(w, x);
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
	json_w_kbool(w, "dry_run", dry);
	json_w_kint(w, "policy_version", (int64_t)(p->policy ? p->policy->version : c->policy->version));
	json_w_key(w, SPAN("warnings"));
	json_w_raw(w, buf_span(&p->warnings));
	json_w_obj_end(w);
}

/* ---- doing ---- */

static void
agent_event(struct core *c, const struct object *o, span actor, enum change change)
{
	const struct agent *a = agent_find(c, o->name);
	struct event_writer *w = event_open(c, change == CHANGE_ADD ? EV_AGENT_REGISTERED : EV_AGENT_UPDATED);
	event_id(w, F_AGENT, a->id);
	event_text(w, F_ACTOR, actor);
	event_text(w, F_TIER, a->tier_name);
	event_text(w, F_AGENT_NAME, o->name);
	event_text_opt(w, F_PURPOSE, a->purpose);
	event_uint(w, F_VERSION, o->version);
	event_text(w, F_OWNER, a->owner);
	event_text_opt(w, F_TEAM, a->team);
	event_json(w, F_OBJECT, o->text);
	event_close_must(c);
}

static void
set_event(struct core *c, const struct object *o, span actor, enum change change)
{
	struct event_writer *w;
	bool named = false;
	char full[OBJECT_NAME_MAX + 16];
	snprintf(full, sizeof full, "%s/%.*s", object_kind_name((enum object_kind)o->kind), SPAN_ARG(o->name));
	switch ((enum object_kind)o->kind) {
	case OBJ_AGENT: agent_event(c, o, actor, change); return;
	case OBJ_TIER:
		w = event_open(c, EV_TIER_SET);
		event_text(w, F_ACTOR, actor);
		event_text(w, F_TIER, o->name);
		break;
	case OBJ_USER:
		w = event_open(c, EV_USER_SET);
		event_text(w, F_USER, o->name);
		event_text(w, F_ACTOR, actor);
		break;
	case OBJ_SERVER:
		w = event_open(c, EV_SERVER_REGISTERED);
		event_text(w, F_SERVER, o->name);
		event_text(w, F_ACTOR, actor);
		break;
	default:
		w = event_open(c, EV_OBJECT_SET);
		event_text(w, F_ACTOR, actor);
		named = true;
	}
	event_uint(w, F_VERSION, o->version);
	if (named)
		event_text(w, F_NAME, span_str(full));
	event_json(w, F_OBJECT, o->text);
	event_close_must(c);
}

static void
removed_event(struct core *c, const struct object *o, span actor)
{
	struct event_writer *w;
	char full[OBJECT_NAME_MAX + 16];
	snprintf(full, sizeof full, "%s/%.*s", object_kind_name((enum object_kind)o->kind), SPAN_ARG(o->name));
	w = event_open(c, EV_OBJECT_REMOVED);
	event_text(w, F_ACTOR, actor);
	event_uint(w, F_VERSION, o->version);
	event_text(w, F_NAME, span_str(full));
	event_close_must(c);
}

static void
policy_event(struct core *c, const struct policy_set *old, span actor)
{
	struct event_writer *w = event_open(c, EV_POLICY_ACTIVATED);
	event_text(w, F_ACTOR, actor);
	event_uint(w, F_POLICY_VERSION, c->policy->version);
	event_uint(w, F_COUNT, c->policy->rule_n);
	event_digest(w, F_OLD_DIGEST, &old->hash);
	event_digest(w, F_DIGEST, &c->policy->hash);
	event_close_must(c);
}

static void
carry_out(struct core *c, struct plan *p, span actor)
{
	for (unsigned k = 0; k < OBJECT_KIND_COUNT; k++)
		for (size_t i = 0; i < p->n; i++) {
			struct item *x = &p->items[i];
			if (!x->fresh || x->fresh->kind != k || x->change == CHANGE_SAME)
				continue;
			struct object *o = TAKE(x->fresh);
			object_install(c, o);
			set_event(c, o, actor, x->change);
		}
	for (unsigned k = OBJECT_KIND_COUNT; k-- > 0;)
		for (size_t i = 0; i < p->n; i++) {
			struct item *x = &p->items[i];
			if (x->change != CHANGE_REMOVE || x->old->kind != k)
				continue;
			removed_event(c, x->old, actor);
			object_remove(c, x->old);
		}
	if (p->policy) {
		struct policy_set *old = c->policy;
		c->policy = TAKE(p->policy);
		policy_event(c, old, actor);
		policy_set_unref(old);
	}
	c->notes.stale = c->lists_changed = true;
	apply_refresh(c);
	/* What a change has put outside is cut like anything else that is dead. */
	revoke_dead(c, NULL, E_REVOKED, "configuration");
	leases_sweep(c, NULL);
}

void
apply_refresh(struct core *c)
{
	status s = OK;
	agents_relink(c);
	list_for(it, &c->agents) {
		struct agent *a = container_of(it, struct agent, all);
		if (!failed(s))
			s = view_agent(c, a);
	}
	if (failed(s))
		core_fail(c, s);
	list_for(it, &c->servers) {
		struct server *v = container_of(it, struct server, all);
		if (!v->announced && core_up(c, ROLE_TOOLS)) {
			server_announce(c, v);
			IGNORE(server_discover(c, v, NULL)); /* asked again by hand, or when the tools role is back */
		}
	}
}

static status
make_plan(struct core *c, struct plan *p, const struct json *list, span by, struct object_fault *f, char *where, size_t where_n)
{
	ENSURE(list->arr.n <= APPLY_MAX, E_LIMIT);
	json_for_items(it, list)
		TRY(read_one(c, p, it, by, f));
	ENSURE(p->bytes <= APPLY_BYTES, E_LIMIT);
	TRY(plan_prune(c, p));
	TRY(check_names(c, p, f));
	TRY(plan_policy(c, p, f, where, where_n));
	return object_room(c, p->n);
}

status
apply_run(struct core *c, const struct json *list, bool dry, bool prune, span by, struct json_writer *w, struct object_fault *f,
          char where[static 512])
{
	struct plan p = { .prune = prune };
	buf_init(&p.warnings, 1 << 20);
	*f = (struct object_fault){ 0 };
	status s = make_plan(c, &p, list, by, f, where, 512);
	if (!failed(s)) {
		if (w)
			write_plan(c, &p, dry, w);
		if (!dry)
			carry_out(c, &p, by);
	}
	/* *f may point into what goes now. */
	if (failed(s) && f->name.n)
		f->name = arena_copy(&c->arena, f->name);
	plan_fini(c, &p);
	return s;
}

static void
fault_body(const struct object_fault *f, uint16_t code, struct buf *b)
{
	struct json_writer w = json_w(b);
	CLEANUP(buf_fini) struct buf t;
	buf_init(&t, 2048);
	json_w_obj(&w);
	json_w_kobj(&w, "error");
	json_w_kcstr(&w, "code", error_name(code));
	json_w_kint(&w, "exit", error_exit(code));
	buf_printf(&t, "%s/%.*s: %s%s%s", f->kind, SPAN_ARG(f->name), f->member ? f->member : "", f->member ? ": " : "", f->reason);
	json_w_kstr(&w, "message", buf_span(&t));
	buf_reset(&t);
	buf_printf(&t, "%s/%.*s", f->kind, SPAN_ARG(f->name));
	json_w_kstr(&w, "resource", buf_span(&t));
	if (f->member)
		json_w_kcstr(&w, "member", f->member);
	if (f->suggestion)
		json_w_kcstr(&w, "suggestion", f->suggestion);
	json_w_kbool(&w, "retryable", false);
	json_w_obj_end(&w);
	json_w_obj_end(&w);
}

status
op_APPLY(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "resources", "dry_run", "prune", NULL };
	struct object_fault f;
	char where[512];
	bool prune = false, dry = false;
	const struct json *list = json_gets(o->params, "resources");
	TRY(op_only(o, names));
	TRY(op_opt_bool(o, "prune", &prune));
	TRY(op_opt_bool(o, "dry_run", &dry));
	if (!json_is_arr(list))
		return op_fail(o, E_BAD_REQUEST, "resources: must be a list");
	status s = apply_run(c, list, dry, prune, o->actor, w, &f, where);
	if (failed(s) && f.reason)
		fault_body(&f, s.code, o->error);
	o->now = dry;
	return s;
}
