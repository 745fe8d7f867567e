/* Where the server is: docs/model.md §7. Every setting remembers where it came from, so that `ambit status` can say. */
#include "cli.h"
#include "base/env.h"

#include <stdio.h>
#include <stdlib.h>

static const char *
set_env(const char *name)
{
	const char *v = getenv(name);
	return v && *v ? v : NULL;
}

const char *
context_path(struct arena *a)
{
	const char *xdg = set_env("XDG_CONFIG_HOME"), *home = set_env("HOME");
	size_t n = strlen(xdg ? xdg : home ? home : "") + 40;
	char *p = arena_alloc(a, n);
	if (!p)
		return "/dev/null";
	if (xdg)
		snprintf(p, n, "%s/ambit/config", xdg);
	else
		snprintf(p, n, "%s/.config/ambit/config", home ? home : "");
	return p;
}

static const char *
member(struct arena *a, const struct json *v, const char *key)
{
	const struct json *m = json_gets(v, key);
	return json_is_str(m) && m->str.n ? arena_cstr(a, m->str) : NULL;
}

void
context_load(struct cli *c)
{
	struct context *x = &c->ctx;
	*x = (struct context){ .name = "", .file = context_path(&c->arena), .why = "built in" };
	x->agent_socket = "/run/ambit/agent/agent.sock";
	x->people_socket = "/run/ambit/people/people.sock";
	x->agent_from = x->people_from = "built in";
	struct buf b;
	buf_init(&b, 1 << 20);
	const struct json *root = NULL;
	if (!failed(env_read_file(env_posix(), x->file, &b)))
		IGNORE(json_parse(buf_span(&b), &(struct json_opts){ .copy = true }, &c->arena, &root, NULL));
	buf_fini(&b);
	const char *flag = args_str(&c->args, "context"), *env = set_env("AMBIT_CONTEXT");
	const char *name = flag ? flag : env ? env : member(&c->arena, root, "current");
	const struct json *t = name ? json_gets(json_gets(root, "contexts"), name) : NULL;
	if (name) {
		x->name = name;
		x->why = flag ? "--context" : env ? "AMBIT_CONTEXT" : x->file;
	}
	const char *agent = member(&c->arena, t, "agent_socket"), *people = member(&c->arena, t, "people_socket");
	if (agent) {
		x->agent_socket = agent;
		x->agent_from = x->file;
	}
	if (people) {
		x->people_socket = people;
		x->people_from = x->file;
	}
	x->user = member(&c->arena, t, "user");
	x->data = member(&c->arena, t, "data");
	x->api = member(&c->arena, t, "api");
	x->ca_file = member(&c->arena, t, "ca_file");
	if (set_env("AMBIT_SOCKET")) {
		x->agent_socket = set_env("AMBIT_SOCKET");
		x->agent_from = "AMBIT_SOCKET";
	}
	if (set_env("AMBIT_PEOPLE_SOCKET")) {
		x->people_socket = set_env("AMBIT_PEOPLE_SOCKET");
		x->people_from = "AMBIT_PEOPLE_SOCKET";
	}
}
