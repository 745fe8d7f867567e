/* Policies held against the tools there are: what can never be evaluated as written is refused before it is active. */
#include "cedar/report.h"
#include "cedar/toolschema.h"
#include "cedar/validate.h"
#include "core/core_priv.h"

static status
describe(struct arena *a, const struct tool *t, struct cedar_tool *ret)
{
	const struct json *def = NULL;
	if (t->definition)
		TRY(json_parse(str_span(t->definition), NULL, a, &def, NULL));
	*ret = (struct cedar_tool){ .server = str_span(t->server->name), .name = t->own_name, .effect = span_str(effect_name((enum effect)t->effect)),
	                            .input = json_gets(def, "inputSchema"), .untyped = t->untyped };
	if (t->mapping) {
		ret->kinds = &t->mapping->type;
		ret->n_kinds = 1;
	}
	return OK;
}

static status
catalogue(const struct core *c, struct arena *a, struct cedar_toolschema **ret)
{
	size_t n = 0, servers = 0;
	list_for(it, &c->servers)
		servers++;
	struct cedar_tool *tools = arena_array(a, c->tools.count + 1, sizeof *tools);
	span *names = arena_array(a, servers + 1, sizeof *names);
	ENSURE(tools && names, E_NO_MEMORY);
	list_for(it, &c->tools_list) {
		const struct tool *t = container_of(it, struct tool, all);
		if (t->state != TOOL_GONE)
			TRY(describe(a, t, &tools[n++]));
	}
	servers = 0;
	list_for(it, &c->servers)
		names[servers++] = str_span(container_of(it, struct server, all)->name);
	return cedar_toolschema_new(tools, n, names, servers, NULL, 0, NULL, ret);
}

/* A name that nobody knows may be one that comes tomorrow (a server not discovered yet): that is told, not refused. */
static bool
refuses(const struct cedar_finding *f)
{
	switch (f->kind) {
	case CEDAR_FIND_UNKNOWN_TYPE: case CEDAR_FIND_UNKNOWN_ACTION: case CEDAR_FIND_UNKNOWN_ID: case CEDAR_FIND_INAPPLICABLE:
	case CEDAR_FIND_IMPOSSIBLE: case CEDAR_FIND_LEVEL: case CEDAR_FIND_COUNT:
		return false;
	case CEDAR_FIND_TYPE: case CEDAR_FIND_INCOMPATIBLE: case CEDAR_FIND_UNKNOWN_ATTR: case CEDAR_FIND_UNSAFE_ATTR:
	case CEDAR_FIND_UNSAFE_TAG: case CEDAR_FIND_EMPTY_SET: case CEDAR_FIND_CALL:
		return !f->warning;
	}
	return false;
}

static status
judge(const struct policy_set *p, const struct cedar_schema *schema, struct cedar_report *r)
{
	static const struct cedar_validate_opts opts = { .inapplicable_warns = true, .max_steps = 2000000 };
	for (size_t i = 0; i < p->rule_n; i++) {
		status s = cedar_validate_policy(schema, p->rules[i].policy, &opts, r);
		if (failed(s))
			return s;
	}
	return r->oom ? FAIL(E_NO_MEMORY) : OK;
}

/* Names that may be known tomorrow. */
static bool
about_names(const struct cedar_finding *f)
{
	return f->kind == CEDAR_FIND_UNKNOWN_TYPE || f->kind == CEDAR_FIND_UNKNOWN_ACTION || f->kind == CEDAR_FIND_UNKNOWN_ID ||
	       f->kind == CEDAR_FIND_INAPPLICABLE || f->kind == CEDAR_FIND_IMPOSSIBLE;
}

static bool
no_tools(const struct core *c)
{
	list_for(it, &c->tools_list)
		if (container_of(it, struct tool, all)->state != TOOL_GONE)
			return false;
	return true;
}

static status
tell(const struct cedar_report *r, bool soon, struct json_writer *warnings, struct cedar_diag *d, span *ret_name)
{
	for (uint32_t i = 0; i < r->n; i++) {
		const struct cedar_finding *f = &r->items[i];
		if (refuses(f)) {
			*d = f->diag;
			*ret_name = cedar_policy_file(f->policy);
			return FAIL(E_BAD_POLICY);
		}
		if (soon && about_names(f))
			continue;
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 1024);
		buf_printf(&b, "policy/%.*s line %u: %s", SPAN_ARG(cedar_policy_file(f->policy)), f->diag.line, f->diag.what);
		if (!b.err)
			json_w_str(warnings, buf_span(&b));
	}
	return OK;
}

static status
validate(const struct core *c, const struct policy_set *p, struct cedar_report *r)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(cedar_toolschema_unrefp) struct cedar_toolschema *tools = NULL;
	arena_init(&a, 256 << 20);
	TRY(catalogue(c, &a, &tools));
	return judge(p, cedar_toolschema_schema(tools), r);
}

status
policy_validate(const struct core *c, const struct policy_set *p, bool soon, struct json_writer *warnings, struct cedar_diag *d, span *ret_name)
{
	CLEANUP(cedar_report_fini) struct cedar_report r;
	cedar_report_init(&r, 64);
	status s = validate(c, p, &r);
	if (s.code == E_NO_MEMORY)
		return s;
	if (failed(s)) {
		json_w_str(warnings, SPAN("the policies could not be held against the tools' schemas"));
		return OK;
	}
	return tell(&r, soon || no_tools(c), warnings, d, ret_name);
}

/* ---- again, when the tools have changed ---- */

static status
note(struct policy_notes *to, const struct cedar_finding *f)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 2048);
	buf_printf(&b, "line %u: %s%s%s", f->diag.line, f->diag.what, f->diag.hint[0] ? "; " : "", f->diag.hint);
	TRY(buf_finish(&b));
	to->items[to->n] = (struct policy_note){ arena_copy(&to->arena, cedar_policy_file(f->policy)), arena_copy(&to->arena, buf_span(&b)), refuses(f) };
	to->invalid += to->items[to->n++].invalid;
	return arena_ok(&to->arena) ? OK : FAIL(E_NO_MEMORY);
}

static status
take_notes(const struct core *c, const struct cedar_report *r, struct policy_notes *to)
{
	bool none = no_tools(c);
	to->items = arena_array(&to->arena, r->n + 1, sizeof *to->items);
	ENSURE(to->items, E_NO_MEMORY);
	for (uint32_t i = 0; i < r->n; i++)
		if (refuses(&r->items[i]) || !(none && about_names(&r->items[i])))
			TRY(note(to, &r->items[i]));
	return OK;
}

void
policy_recheck(struct core *c)
{
	CLEANUP(cedar_report_fini) struct cedar_report r = { 0 };
	struct policy_notes fresh = { 0 };
	if (!c->notes.stale || !c->policy)
		return;
	arena_init(&fresh.arena, 1 << 20);
	cedar_report_init(&r, 64);
	status s = validate(c, c->policy, &r);
	if (!failed(s))
		s = take_notes(c, &r, &fresh);
	if (failed(s)) {
		arena_fini(&fresh.arena);
		return;
	}
	arena_fini(&c->notes.arena);
	c->notes = fresh;
}
