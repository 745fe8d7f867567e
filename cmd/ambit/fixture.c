#include "fixture.h"

#include "msg/enums.h"
#include "text/yaml.h"

#include <stdio.h>
#include <time.h>

struct making {
	struct cli *c;
	const struct policyset *set;
	const struct fixture_extra *extra;
	struct catalogue tools;
	struct yaml *yamls;              /* of the folder's resource files */
	const char **paths;
	size_t yaml_n;
	struct json *list;               /* resources, the nearest to the question first */
	size_t n, cap;
	struct json *policies;
	size_t policy_n, policy_cap;
	struct buf err;
};

static status
push(struct making *m, struct json **list, size_t *n, size_t *cap, const struct json *v)
{
	if (*n == *cap) {
		size_t more = *cap ? 2 * *cap : 64;
		struct json *bigger = arena_array(&m->c->arena, more, sizeof *bigger);
		ENSURE(bigger, E_NO_MEMORY);
		if (*n)
			memcpy(bigger, *list, *n * sizeof *bigger);
		*list = bigger;
		*cap = more;
	}
	(*list)[(*n)++] = *v;
	return OK;
}

static bool
is(const struct json *v, const char *kind, span name)
{
	const struct json *k = json_gets(v, "kind"), *n = json_gets(v, "name");
	return json_is_str(k) && json_is_str(n) && span_is(k->str, kind) && (!name.n || span_eq(n->str, name));
}

static bool
there(const struct making *m, const struct json *v)
{
	const struct json *k = json_gets(v, "kind"), *n = json_gets(v, "name");
	for (size_t i = 0; json_is_str(k) && json_is_str(n) && i < m->n; i++) {
		char kind[32];
		snprintf(kind, sizeof kind, "%.*s", SPAN_ARG(span_sub(k->str, 0, 31)));
		if (is(&m->list[i], kind, n->str))
			return true;
	}
	return false;
}

/* Servers are made anew from the catalogue; policies come last, once the tools are known. */
static status
add_resource(struct making *m, const struct json *v)
{
	if (v->kind == JSON_ARR) {
		json_for_items(it, v)
			TRY(add_resource(m, it));
		return OK;
	}
	if (!json_gets(v, "kind"))
		return OK;                       /* a tools file by another name, or something that apply will refuse */
	if (is(v, "server", (span){ 0 }))
		return catalogue_server(m->c, &m->tools, v);
	if (is(v, "policy", (span){ 0 }))
		return push(m, &m->policies, &m->policy_n, &m->policy_cap, v);
	return there(m, v) ? OK : push(m, &m->list, &m->n, &m->cap, v);
}

static status
read_folder(struct making *m)
{
	struct cli *c = m->c;
	const struct policyset *set = m->set;
	const char *path;
	for (size_t i = 0; (path = args_next(&c->args, "tools", &i));)
		TRY(catalogue_file(c, &m->tools, path, &m->err));
	for (size_t i = 0; i < set->other_n; i++)
		if (set->others[i].kind == FILE_TOOLS)
			TRY(catalogue_file(c, &m->tools, set->others[i].path, &m->err));
	for (size_t i = 0; i < set->other_n; i++) {
		span text;
		struct yaml y;
		if (set->others[i].kind != FILE_RESOURCES)
			continue;
		status s = walk_read(&c->arena, set->others[i].path, 4 << 20, &text);
		if (failed(s)) {
			buf_printf(&m->err, "%s: %s", set->others[i].path, error_text(s.code));
			return s;
		}
		TRY(yaml_parse(text, set->others[i].path, &c->arena, &y, &m->err));
		for (size_t k = 0; k < y.n; k++)
			TRY(add_resource(m, &y.docs[k]));
	}
	return OK;
}

static status
obj(struct making *m, struct json *ret, const struct json_member *members, size_t n)
{
	struct json_member *copy = arena_array(&m->c->arena, n, sizeof *copy);
	ENSURE(copy, E_NO_MEMORY);
	memcpy(copy, members, n * sizeof *copy);
	return json_make_obj(&m->c->arena, copy, n, ret, NULL);
}

static struct json str(const char *s) { return json_make_str(span_str(s)); }

/* Agents that a test names and no resource describes. */
static status
make_agents(struct making *m)
{
	bool tier = false;
	struct json v;
	for (size_t i = 0; m->extra && i < m->extra->agent_n; i++) {
		span name = m->extra->agents[i];
		bool known = false;
		for (size_t k = 0; k < m->n; k++)
			known |= is(&m->list[k], "agent", name);
		if (known)
			continue;
		struct json_member a[] = { { SPAN("kind"), str("agent") }, { SPAN("name"), json_make_str(name) }, { SPAN("owner"), str("trial/owner") }, { SPAN("tier"), str("trial/tier") } };
		TRY(obj(m, &v, a, ARRAY_LEN(a)));
		TRY(push(m, &m->list, &m->n, &m->cap, &v));
		if (!tier) {
			struct json_member t[] = { { SPAN("kind"), str("tier") }, { SPAN("name"), str("trial/tier") } };
			TRY(obj(m, &v, t, ARRAY_LEN(t)));
			TRY(push(m, &m->list, &m->n, &m->cap, &v));
			tier = true;
		}
	}
	return OK;
}

static status
make_server(struct making *m, span server)
{
	struct json *tools = arena_array(&m->c->arena, m->tools.n + 1, sizeof *tools), v;
	static struct json command[] = { { .kind = JSON_STR, .str = { (const uint8_t *)"true", 4 } } };
	size_t n = 0;
	ENSURE(tools, E_NO_MEMORY);
	for (size_t i = 0; i < m->tools.n; i++) {
		const struct tool_entry *t = &m->tools.tools[i];
		if (!span_eq(t->server, server))
			continue;
		struct json_member a[5] = { { SPAN("name"), json_make_str(t->own) }, { SPAN("effect"), json_make_str(t->effect) }, { SPAN("sensitivity"), json_make_str(t->sensitivity) },
		                            { SPAN("untyped"), json_make_bool(t->untyped) }, { SPAN("resource"), json_make_str(t->resource) } };
		TRY(obj(m, &tools[n++], a, t->resource.n ? 5 : 4));
	}
	struct json_member s[] = { { SPAN("kind"), str("server") }, { SPAN("name"), json_make_str(server) }, { SPAN("transport"), str("stdio") },
	                           { SPAN("command"), json_make_arr(command, 1) }, { SPAN("tools"), json_make_arr(tools, n) } };
	TRY(obj(m, &v, s, ARRAY_LEN(s)));
	return push(m, &m->list, &m->n, &m->cap, &v);
}

static status
definitions(struct making *m, span server, struct json *ret)
{
	static const struct json anything = { .kind = JSON_OBJ };
	struct json *list = arena_array(&m->c->arena, m->tools.n + 1, sizeof *list);
	size_t n = 0;
	ENSURE(list, E_NO_MEMORY);
	for (size_t i = 0; i < m->tools.n; i++) {
		const struct tool_entry *t = &m->tools.tools[i];
		if (!span_eq(t->server, server))
			continue;
		if (t->definition) {
			list[n++] = *t->definition;
			continue;
		}
		struct json_member a[] = { { SPAN("name"), json_make_str(t->own) }, { SPAN("inputSchema"), t->input ? *t->input : anything } };
		TRY(obj(m, &list[n++], a, ARRAY_LEN(a)));
	}
	*ret = json_make_arr(list, n);
	return OK;
}

static status
collect(struct making *m)
{
	const struct fixture_extra *e = m->extra;
	if (e && e->tools)
		TRY(catalogue_tools(m->c, &m->tools, e->tools, e->where, &m->err));
	if (e && e->resources)
		TRY(add_resource(m, e->resources));
	TRY(read_folder(m));
	if (e && e->server_tools)
		TRY(catalogue_join(m->c, &m->tools, e->server_tools));
	if (e && e->server_resources)
		json_for_items(it, e->server_resources)
			if (!is(it, "policy", (span){ 0 }) && !is(it, "server", (span){ 0 }))
				TRY(add_resource(m, it));
	TRY(make_agents(m));
	catalogue_settle(&m->tools);
	for (size_t i = 0; i < m->tools.server_n; i++)
		TRY(make_server(m, m->tools.servers[i]));
	for (size_t i = 0; i < m->set->n; i++) {
		const struct policy_text *t = m->set->texts[i];
		struct json v;
		struct json_member a[] = { { SPAN("kind"), str("policy") }, { SPAN("name"), json_make_str(t->name) }, { SPAN("text"), json_make_str(t->source.text) } };
		TRY(obj(m, &v, a, ARRAY_LEN(a)));
		TRY(push(m, &m->policies, &m->policy_n, &m->policy_cap, &v));
	}
	return OK;
}

static status
fill(struct making *m, struct trial *t, struct trial_fault *f)
{
	struct json all = json_make_arr(m->list, m->n), policies = json_make_arr(m->policies, m->policy_n);
	TRY(trial_apply(t, &all, false, NULL, f));
	for (size_t i = 0; i < m->tools.server_n; i++) {
		struct json defs;
		TRY(definitions(m, m->tools.servers[i], &defs));
		TRY(trial_tools(t, m->tools.servers[i], &defs, f));
	}
	status s = trial_apply(t, &policies, false, NULL, f);
	return failed(s) && s.code != E_NO_MEMORY && s.code != E_LIMIT ? FAIL(E_BAD_POLICY) : s;
}

status
fixture_new(struct cli *c, const struct policyset *set, const struct fixture_extra *extra, struct trial **ret, const char **why)
{
	struct making m = { .c = c, .set = set, .extra = extra };
	struct trial_fault f = { .what = "" };
	CLEANUP(trial_freep) struct trial *t = NULL;
	struct timespec now;
	const char *text = "";
	buf_init(&m.err, 65536);
	clock_gettime(CLOCK_REALTIME, &now);
	status s = collect(&m);
	if (!failed(s))
		s = trial_new((int64_t)now.tv_sec * 1000000000 + now.tv_nsec, &t);
	if (!failed(s))
		s = fill(&m, t, &f);
	if (failed(s)) {
		IGNORE(buf_finish_str(&m.err, &text));
		const char *said = text[0] ? text : f.what[0] ? f.what : error_text(s.code);
		*why = arena_cstr(&c->arena, span_make(said, strcspn(said, "\n")));
		if (!*why)
			*why = "out of memory";
	} else {
		*ret = TAKE(t);
	}
	buf_fini(&m.err);
	return s;
}

void
fixture_outcome(const struct trial_answer *a, struct buf *b)
{
	buf_put_str(b, a->verdict == VERDICT_ALLOW ? "allow" : a->verdict == VERDICT_PENDING ? "approval required" : "deny");
	for (uint8_t i = 0; i < a->rule_n; i++)
		buf_printf(b, "%s%.*s (%.*s:%u)", i ? ", " : " by ", SPAN_ARG(a->rules[i]->id), SPAN_ARG(a->rules[i]->file), a->rules[i]->line);
	if (a->verdict == VERDICT_DENY && (!a->rule_n || a->code != E_POLICY_DENIED))
		buf_printf(b, ": %s", error_name(a->code));
	if (a->detail && a->detail[0])
		buf_printf(b, ": %s", a->detail);
	if (a->refused.n)
		buf_printf(b, "; the yes of %.*s does not count: %s", SPAN_ARG(a->refused), error_text(a->refused_code));
}
