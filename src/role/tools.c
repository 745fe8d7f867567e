#include "role/tools_priv.h"

#include "base/log.h"

#include <stdlib.h>

static void
discover(struct tools *t, const struct msg_discover *m)
{
	struct tool_server *server = tools_server_find(t, m->server);
	struct session *s = NULL;
	status st = server ? session_open(t, server, 0, &s) : FAIL(E_NOT_FOUND);
	if (!failed(st)) {
		s->discover_req = m->req;
		return;
	}
	struct msg f = msg_make(MSG_FOUND);
	f.found.req = m->req;
	f.found.server = m->server;
	f.found.error = st.code;
	f.found.definitions = SPAN("[]");
	IGNORE(role_send(t->w, ROLE_CORE, 0, &f)); /* a new core discovers anew */
}

static void
set_server(struct tools *t, const struct msg_server *m)
{
	status st = tools_server_set(t, m);
	if (failed(st)) {
		/* Core validated the resource; what is left is the world: a name that does not resolve, memory. */
		log_warn("tool server can not be used", KV("server", m->name), KV("status", st));
		tools_server_gone(t, m->server);
	}
}

static status
tools_message(struct worker *w, enum role, unsigned, struct msg *m)
{
	struct tools *t = w->state;
	switch (m->type) {
	case MSG_SERVER: set_server(t, &m->server); return OK;
	case MSG_SERVER_GONE: tools_server_gone(t, m->server_gone.server); return OK;
	case MSG_DISCOVER: discover(t, &m->discover); return OK;
	case MSG_PERMIT: return tools_permit(t, &m->permit);
	case MSG_CUT_CALL: tools_cut(t, m->cut_call.call, m->cut_call.error); return OK;
	case MSG_TASK_GONE: tools_task_gone(t, m->task_gone.task); return OK;
	case MSG_SECRET: tools_secret(t, m); return OK;
	case MSG_NO_SECRET: tools_no_secret(t, &m->no_secret); return OK;
	case MSG_RESULT_CREDIT: tools_credit(t, &m->result_credit); return OK;
	default: return FAIL(E_BAD_MESSAGE); /* the permit table lets nothing else through */
	}
}

/* Without core nobody answers for what runs here: every call is cut and every session ends (docs/model.md, "Restart"). */
static void
tools_link_down(struct worker *w, enum role peer, unsigned)
{
	struct tools *t = w->state;
	if (peer != ROLE_CORE)
		return;
	list_for(it, &t->sessions)
		session_end(container_of(it, struct session, link), E_UNAVAILABLE);
	map_for(it, &t->servers)
		tools_server_gone(t, container_of(it, struct tool_server, node)->id);
}

static void
jailer_lost(void *ctx)
{
	struct worker *w = ctx;
	role_fail(w, FAIL(E_UNAVAILABLE), "the jailer died");
}

static status
tools_configure(struct worker *w, span)
{
	struct tools *t = calloc(1, sizeof *t);
	uint64_t k[4];
	ENSURE(t, E_NO_MEMORY);
	w->state = t;
	t->w = w;
	list_init(&t->sessions);
	list_init(&t->leaving);
	TRY(env_random(w->env, k, sizeof k));
	map_init(&t->servers, k[0], k[1]);
	map_init(&t->calls, k[2], k[3]);
	return w->jailer_fd >= 0 ? jailer_new(w->loop, w->jailer_fd, jailer_lost, w, &t->jailer) : OK;
}

static void
tools_stop(struct worker *w)
{
	struct tools *t = w->state;
	jailer_close(t->jailer); /* every jail dies with it */
	t->jailer = NULL;
}

const struct role_ops *
tools_role(void)
{
	static const struct role_ops ops = {
		.id = ROLE_TOOLS, .configure = tools_configure, .link_down = tools_link_down, .message = tools_message, .stop = tools_stop,
	};
	return &ops;
}
