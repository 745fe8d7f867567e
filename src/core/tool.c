#include "core/codec.h"
#include "core/core_priv.h"

#include "identity/definition.h"
#include "text/jsonschema.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const struct { const char *name; uint8_t to; } rules[] = {
	[TOOL_QUARANTINED] = { "quarantined", 1 << TOOL_ACTIVE | 1 << TOOL_GONE },
	[TOOL_ACTIVE]      = { "active",      1 << TOOL_QUARANTINED | 1 << TOOL_GONE },
	[TOOL_GONE]        = { "gone",        1 << TOOL_QUARANTINED | 1 << TOOL_ACTIVE },
};
static_assert(ARRAY_LEN(rules) == TOOL_STATE_COUNT);

const char *tool_state_name(enum tool_state s) { return s < TOOL_STATE_COUNT ? rules[s].name : "?"; }

bool
tool_may_become(enum tool_state from, enum tool_state to)
{
	return from < TOOL_STATE_COUNT && to < TOOL_STATE_COUNT && (rules[from].to >> to & 1);
}

static void
become(struct core *c, struct tool *t, enum tool_state to)
{
	if (t->state != to) {
		must(tool_may_become((enum tool_state)t->state, to));
		c->notes.stale = c->lists_changed = true;
		t->state = (uint8_t)to;
	}
	row_mark(c, &t->row);
}

static bool
name_is(const struct map_node *n, const void *key)
{
	return span_eq(str_span(container_of(n, struct tool, by_name)->name), *(const span *)key);
}

static bool
wire_is(const struct map_node *n, const void *key)
{
	return span_eq(span_str(container_of(n, struct tool, by_wire)->wire), *(const span *)key);
}

struct tool *
tool_find(const struct core *c, span name)
{
	struct map_node *n = map_find(&c->tools, map_hash_bytes(&c->tools, name), name_is, &name);
	return n ? container_of(n, struct tool, by_name) : NULL;
}

struct tool *
tool_by_wire(const struct core *c, span wire)
{
	struct map_node *n = map_find(&c->tools_by_wire, map_hash_bytes(&c->tools_by_wire, wire), wire_is, &wire);
	return n ? container_of(n, struct tool, by_wire) : NULL;
}

struct tool *
tool_named(const struct core *c, span name)
{
	struct tool *t = tool_find(c, name);
	return t ? t : tool_by_wire(c, name);
}

void
tool_wire_name(span server, span name, char out[static TOOL_WIRE_MAX + 1])
{
	bool plain = server.n + 2 + name.n <= TOOL_WIRE_MAX;
	for (size_t i = 0; i < name.n; i++) {
		uint8_t ch = name.p[i];
		plain &= (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-';
	}
	if (plain) {
		snprintf(out, TOOL_WIRE_MAX + 1, "%.*s__%.*s", SPAN_ARG(server), SPAN_ARG(name));
		return;
	}
	/* A name that clients would not take keeps its readable characters and is told apart by a digest of all of it. */
	digest d = sha256(name);
	size_t n = (size_t)snprintf(out, TOOL_WIRE_MAX + 1, "%.*s__", SPAN_ARG(server));
	for (size_t i = 0; i < name.n && n < TOOL_WIRE_MAX - 17; i++) {
		uint8_t ch = name.p[i];
		bool ok = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-';
		out[n++] = ok ? (char)ch : '_';
	}
	out[n++] = '_';
	for (size_t i = 0; i < 8; i++, n += 2)
		snprintf(out + n, 3, "%02x", d.b[i]);
}

uint16_t
tool_callable(const struct tool *t, const struct tier *tier)
{
	if (t->state == TOOL_GONE)
		return E_TOOL_UNKNOWN;
	if (t->state == TOOL_ACTIVE && digest_eq(&t->current, &t->reviewed))
		return E_OK;
	if (tier && tier->trust_first && !t->ever_reviewed && digest_eq(&t->current, &t->first))
		return E_OK;
	return E_TOOL_QUARANTINED;
}

/* ---- what the server's spec and a reviewer say about it ---- */

static const struct json *
spec_of(const struct tool *t)
{
	json_for_items(it, t->server->tool_specs) {
		const struct json *name = json_gets(it, "name");
		if (json_is_str(name) && span_eq(name->str, t->own_name))
			return it;
	}
	return NULL;
}

/* A server's own annotations may make a tool stricter, never milder: without a word from us it is destructive already, which
 * is the strictest but for egress. */
static enum effect
default_effect(const struct tool *t)
{
	enum effect e = EFFECT_DESTRUCTIVE;
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a, 4 << 20);
	const struct json *def;
	if (!t->definition || failed(json_parse(str_span(t->definition), NULL, &a, &def, NULL)))
		return e;
	const struct json *open = json_gets(json_gets(def, "annotations"), "openWorldHint");
	return json_is_bool(open) && open->truth ? EFFECT_EGRESS : e;
}

status
tool_refresh(struct core *c, struct tool *t)
{
	const struct json *spec = spec_of(t), *v;
	enum effect e = default_effect(t);
	enum sensitivity s = SENS_PUBLIC;
	c->notes.stale = c->lists_changed = true;
	arena_reset(&t->arena);
	t->mapping = NULL;
	if ((v = json_gets(spec, "effect")))
		effect_from(v->str, &e);
	if ((v = json_gets(spec, "sensitivity")))
		sensitivity_from(v->str, &s);
	if ((v = json_gets(spec, "resource")))
		TRY(mapping_parse(v->str, &t->arena, &t->mapping));
	t->untyped = t->untyped_set || ((v = json_gets(spec, "untyped")) && v->truth);
	t->effect = (uint8_t)(t->effect_set >= 0 ? t->effect_set : (int8_t)e);
	t->sensitivity = (uint8_t)(t->sensitivity_set >= 0 ? t->sensitivity_set : (int8_t)s);
	TRY(tool_compile_schema(t));
	return view_tool(c, t);
}

status
tool_new(struct core *c, struct server *s, span name, struct tool **ret)
{
	struct tool *t = calloc(1, sizeof *t);
	ENSURE(t, E_NO_MEMORY);
	list_init(&t->all);
	list_init(&t->of_server);
	row_init(&t->row, ROW_TOOL);
	arena_init(&t->arena, 4 << 20);
	t->server = s;
	t->effect_set = t->sensitivity_set = -1;
	CLEANUP(buf_fini) struct buf full;
	buf_init(&full, 512);
	buf_printf(&full, "%.*s/%.*s", SPAN_ARG(str_span(s->name)), SPAN_ARG(name));
	status st = buf_finish(&full);
	if (!failed(st))
		st = str_get(&c->strs, buf_span(&full), &t->name);
	if (!failed(st))
		st = stop_get(c, STOP_TOOL, buf_span(&full), &t->stop);
	tool_wire_name(str_span(s->name), name, t->wire);
	if (!failed(st) && tool_by_wire(c, span_str(t->wire)))
		st = FAIL(E_EXISTS);
	if (!failed(st))
		st = map_reserve(&c->tools_by_wire, c->tools_by_wire.count + 1);
	if (!failed(st))
		st = map_add(&c->tools, map_hash_bytes(&c->tools, str_span(t->name)), &t->by_name);
	if (failed(st)) {
		str_unref(&c->strs, t->name);
		free(t);
		return st;
	}
	st = map_add(&c->tools_by_wire, map_hash_bytes(&c->tools_by_wire, span_str(t->wire)), &t->by_wire);
	must(!failed(st));
	t->own_name = span_sub(str_span(t->name), s->name->n + 1, t->name->n);
	list_add_tail(&s->tools, &t->of_server);
	list_add_tail(&c->tools_list, &t->all);
	s->tool_n++;
	*ret = t;
	return OK;
}

void
tool_free(struct core *c, struct tool *t)
{
	list_del(&t->row.mark);
	list_del(&t->of_server);
	list_del(&t->all);
	map_del(&c->tools, &t->by_name);
	map_del(&c->tools_by_wire, &t->by_wire);
	t->server->tool_n--;
	str_unref(&c->strs, t->name);
	str_unref(&c->strs, t->definition);
	str_unref(&c->strs, t->reviewed_definition);
	str_unref(&c->strs, t->reviewed_by);
	str_unref(&c->strs, t->title);
	str_unref(&c->strs, t->why);
	jsonschema_free(t->schema);
	arena_fini(&t->arena);
	free(t);
}

/* ---- discovery ---- */

static status
set_str(struct core *c, struct str **at, span s)
{
	struct str *n;
	TRY(str_get(&c->strs, s, &n));
	str_unref(&c->strs, *at);
	*at = n;
	return OK;
}

static span
title_of(const struct json *def)
{
	const struct json *v = json_gets(def, "title");
	if (!json_is_str(v))
		v = json_gets(json_gets(def, "annotations"), "title");
	return json_is_str(v) ? span_sub(v->str, 0, 200) : (span){ 0 };
}

static void
tool_event(struct core *c, const struct tool *t, enum event_type type, const digest *old)
{
	struct event_writer *w = event_open(c, type);
	event_text(w, F_TOOL, str_span(t->name));
	event_text(w, F_SERVER, str_span(t->server->name));
	if (type == EV_TOOL_FOUND) {
		event_text(w, F_EFFECT, span_str(effect_name((enum effect)t->effect)));
		event_text(w, F_SENSITIVITY, span_str(sensitivity_name((enum sensitivity)t->sensitivity)));
	}
	event_digest(w, F_DEFINITION, &t->current);
	if (type != EV_TOOL_GONE)
		event_text(w, F_STATE, span_str(tool_state_name((enum tool_state)t->state)));
	if (old)
		event_digest(w, F_OLD_DIGEST, old);
	event_close_must(c);
}

enum change { SAME, NEW, CHANGED };

static status
take_definition(struct core *c, struct server *s, const struct json *def, struct tool **ret, enum change *ret_change)
{
	const struct json *name = json_gets(def, "name");
	ENSURE(json_is_str(name) && name->str.n && name->str.n <= TOOL_NAME_MAX && span_find(name->str, '/') == name->str.n, E_BAD_REQUEST);
	CLEANUP(buf_fini) struct buf text;
	CLEANUP(buf_fini) struct buf full;
	digest d;
	buf_init(&full, 512);
	buf_printf(&full, "%.*s/%.*s", SPAN_ARG(str_span(s->name)), SPAN_ARG(name->str));
	buf_init(&text, TOOL_DEFINITION_MAX);
	/* What the digest does not cover is not kept, and so never shown to anybody. */
	TRY(definition_put(def, &text));
	TRY(definition_digest(def, &d));
	struct tool *t = tool_find(c, buf_span(&full));
	*ret_change = SAME;
	if (!t) {
		TRY(tool_new(c, s, name->str, &t));
		t->first = d;
		*ret_change = NEW;
	} else if (!digest_eq(&t->current, &d) || t->state == TOOL_GONE) {
		*ret_change = t->state == TOOL_GONE && digest_eq(&t->current, &d) ? SAME : CHANGED;
	}
	*ret = t;
	digest old = t->current;
	TRY(set_str(c, &t->definition, buf_span(&text)));
	TRY(set_str(c, &t->title, title_of(def)));
	t->current = d;
	enum tool_state to = t->ever_reviewed && digest_eq(&d, &t->reviewed) ? TOOL_ACTIVE : TOOL_QUARANTINED;
	if (*ret_change != SAME || t->state != to) {
		become(c, t, to);
		TRY(tool_refresh(c, t));
		TRY(set_str(c, &t->why, to == TOOL_ACTIVE ? (span){ 0 } : t->ever_reviewed ? SPAN("its definition changed after review")
		                                                                         : SPAN("nobody has reviewed it yet")));
		tool_event(c, t, *ret_change == NEW ? EV_TOOL_FOUND : EV_TOOL_CHANGED, *ret_change == NEW ? NULL : &old);
	}
	return OK;
}

static void
list_names(struct json_writer *w, const char *key, struct tool *const *tools, size_t n)
{
	json_w_karr(w, key);
	for (size_t i = 0; i < n; i++)
		json_w_str(w, str_span(tools[i]->name));
	json_w_arr_end(w);
}

static bool
listed(struct tool *const *tools, size_t n, const struct tool *t)
{
	for (size_t i = 0; i < n; i++)
		if (tools[i] == t)
			return true;
	return false;
}

status
tools_found(struct core *c, struct server *s, span definitions, bool partial, struct json_writer *report)
{
	const struct json_opts opts = { .max_bytes = 4 << 20 };
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a, 64 << 20);
	const struct json *list;
	TRY(json_parse(definitions, &opts, &a, &list, NULL));
	ENSURE(json_is_arr(list) && list->arr.n <= 4096, E_BAD_REQUEST);
	struct tool **all = arena_array(&a, list->arr.n + 1, sizeof(void *)), **fresh = arena_array(&a, list->arr.n + 1, sizeof(void *)),
	            **changed = arena_array(&a, list->arr.n + 1, sizeof(void *)), **gone = arena_array(&a, s->tool_n + 1, sizeof(void *));
	ENSURE(arena_ok(&a), E_NO_MEMORY);
	size_t n = 0, fresh_n = 0, changed_n = 0, gone_n = 0, bad = 0;
	json_for_items(it, list) {
		struct tool *t;
		enum change ch;
		status st = take_definition(c, s, it, &t, &ch);
		if (st.code == E_NO_MEMORY)
			return st;
		if (failed(st)) {
			bad++;
			continue;
		}
		all[n++] = t;
		if (ch == NEW)
			fresh[fresh_n++] = t;
		if (ch == CHANGED)
			changed[changed_n++] = t;
	}
	list_for(it, &s->tools) {
		struct tool *t = container_of(it, struct tool, of_server);
		if (partial || t->state == TOOL_GONE || listed(all, n, t) || gone_n > s->tool_n)
			continue;
		become(c, t, TOOL_GONE);
		tool_event(c, t, EV_TOOL_GONE, NULL);
		gone[gone_n++] = t;
	}
	if (report) {
		json_w_kint(report, "found", (int64_t)n);
		if (bad)
			json_w_kint(report, "malformed", (int64_t)bad);
		list_names(report, "new", fresh, fresh_n);
		list_names(report, "changed", changed, changed_n);
		list_names(report, "gone", gone, gone_n);
	}
	return OK;
}

void
tool_quarantine(struct core *c, struct tool *t, const char *cause)
{
	if (t->state != TOOL_ACTIVE)
		return;
	struct event_writer *w = event_open(c, EV_TOOL_QUARANTINED);
	event_text(w, F_TOOL, str_span(t->name));
	event_text(w, F_SERVER, str_span(t->server->name));
	event_digest(w, F_DEFINITION, &t->current);
	event_text(w, F_CAUSE, span_str(cause));
	event_close_must(c);
	become(c, t, TOOL_QUARANTINED);
	status s = set_str(c, &t->why, SPAN("a running server showed another definition"));
	if (failed(s))
		core_fail(c, s);
}

/* ---- review ---- */

status
tool_review(struct core *c, struct tool *t, const digest *seen, span by, span reason)
{
	ENSURE(t->state != TOOL_GONE && !t->server->upstream, E_TOOL_UNKNOWN);
	must(digest_eq(seen, &t->current));
	struct str *who;
	TRY(str_get(&c->strs, by, &who));
	struct event_writer *w = event_open(c, EV_TOOL_REVIEWED);
	event_text(w, F_TOOL, str_span(t->name));
	event_text(w, F_SERVER, str_span(t->server->name));
	event_text(w, F_ACTOR, by);
	event_text_opt(w, F_REASON, reason);
	event_text(w, F_EFFECT, span_str(effect_name((enum effect)t->effect)));
	event_text(w, F_SENSITIVITY, span_str(sensitivity_name((enum sensitivity)t->sensitivity)));
	event_digest(w, F_DEFINITION, &t->current);
	event_text(w, F_STATE, SPAN("active"));
	status s = event_close(c, false);
	if (failed(s)) {
		str_unref(&c->strs, who);
		return s;
	}
	str_unref(&c->strs, t->reviewed_by);
	str_unref(&c->strs, t->reviewed_definition);
	str_unref(&c->strs, TAKE(t->why));
	t->reviewed_by = who;
	t->reviewed_definition = str_ref(t->definition);
	t->reviewed = t->current;
	t->ever_reviewed = true;
	t->reviewed_at = wall_now(c);
	become(c, t, TOOL_ACTIVE);
	return OK;
}

/* ---- rows and answers ---- */

void
tool_encode(const struct tool *t, struct buf *b)
{
	buf_put_u8(b, 1);
	buf_put_u8(b, t->state);
	buf_put_u8(b, t->ever_reviewed);
	buf_put_u8(b, t->untyped_set);
	buf_put_u8(b, (uint8_t)t->effect_set);
	buf_put_u8(b, (uint8_t)t->sensitivity_set);
	put_digest(b, &t->current);
	put_digest(b, &t->reviewed);
	put_digest(b, &t->first);
	buf_put_u64(b, (uint64_t)t->reviewed_at);
	buf_put_u64(b, t->calls);
	put_str(b, t->definition);
	put_str(b, t->reviewed_definition);
	put_str(b, t->reviewed_by);
	put_str(b, t->title);
	put_str(b, t->why);
}

/* key: server/name */
status
tool_restore(struct core *c, span key, span value)
{
	size_t slash = span_find(key, '/');
	struct server *s = server_find(c, span_sub(key, 0, slash));
	ENSURE(s && slash + 1 < key.n, E_CHAIN_BROKEN);
	struct tool *t;
	TRY(tool_new(c, s, span_sub(key, slash + 1, key.n), &t));
	t->row.stored = true;
	struct reader r = rd_make(value);
	status err = OK;
	uint8_t version = rd_u8(&r);
	t->state = rd_u8(&r);
	t->ever_reviewed = rd_u8(&r);
	t->untyped_set = rd_u8(&r);
	t->effect_set = (int8_t)rd_u8(&r);
	t->sensitivity_set = (int8_t)rd_u8(&r);
	t->current = rd_digest(&r);
	t->reviewed = rd_digest(&r);
	t->first = rd_digest(&r);
	t->reviewed_at = rd_i64(&r);
	t->calls = rd_u64(&r);
	t->definition = rd_str(&r, &c->strs, &err);
	t->reviewed_definition = rd_str(&r, &c->strs, &err);
	t->reviewed_by = rd_str(&r, &c->strs, &err);
	t->title = rd_str(&r, &c->strs, &err);
	t->why = rd_str(&r, &c->strs, &err);
	TRY(err);
	TRY(rd_end(&r));
	ENSURE(version == 1 && t->state < TOOL_STATE_COUNT && t->effect_set < EFFECT_COUNT && t->sensitivity_set < SENS_COUNT, E_CHAIN_BROKEN);
	return tool_refresh(c, t);
}

static void
write_definition(struct json_writer *w, const char *key, const struct str *s)
{
	json_w_key(w, span_str(key));
	if (s)
		json_w_raw(w, str_span(s));
	else
		json_w_null(w);
}

void
tool_write(const struct core *c, const struct tool *t, bool full, struct json_writer *w)
{
	json_w_obj(w);
	json_w_kstr(w, "name", str_span(t->name));
	json_w_kcstr(w, "wire", t->wire);
	json_w_kstr(w, "server", str_span(t->server->name));
	json_w_kcstr(w, "effect", effect_name((enum effect)t->effect));
	json_w_kcstr(w, "sensitivity", sensitivity_name((enum sensitivity)t->sensitivity));
	json_w_kcstr(w, "state", tool_state_name((enum tool_state)t->state));
	if (t->stop->on || t->server->stop->on)
		json_w_kcstr(w, "reason", "stopped by an operator");
	else if (t->why)
		json_w_kstr(w, "reason", str_span(t->why));
	write_digest(w, "definition", &t->current);
	if (t->reviewed_by) {
		json_w_kstr(w, "reviewed_by", str_span(t->reviewed_by));
		json_w_key(w, SPAN("reviewed"));
		write_time(w, t->reviewed_at);
	}
	if (t->title)
		json_w_kstr(w, "title", str_span(t->title));
	const struct json *v = json_gets(spec_of(t), "resource");
	if (v)
		json_w_kstr(w, "resource", v->str);
	if (full) {
		json_w_kbool(w, "untyped", t->untyped);
		write_definition(w, "current", t->definition);
		write_definition(w, "reviewed_definition", t->reviewed_definition);
		json_w_kint(w, "calls", (int64_t)t->calls);
	}
	json_w_obj_end(w);
}
