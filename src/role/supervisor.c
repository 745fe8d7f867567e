#include "role/supervisor.h"

#include "base/log.h"
#include "ipc/spawn.h"
#include "msg/enums.h"
#include "net/socket.h"
#include "role/config_priv.h"
#include "role/dirs.h"
#include "role/settings.h"
#include "role/slot.h"
#include "role/systemd.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { EDGES_MAX = 8, SLOTS = 8 + EDGES_MAX, SERVERS_UID = 15 };

struct supervisor {
	struct loop *loop;
	struct loop_hook begin;
	struct config *config;
	struct supervisor_hooks hooks;
	struct slot slots[SLOTS];
	size_t n;
	int listeners[LISTEN_COUNT];          /* by enum listen_kind; -1 */
	struct settings_ports ports;
	int exe_fd;
	bool was_ready;
	int stage;                 /* of the stop; -1: running */
	int code;
};

/* Who talks to whom. */
static const enum role pairs[][2] = {
	{ ROLE_CORE, ROLE_STORE }, { ROLE_CORE, ROLE_SIGNER }, { ROLE_CORE, ROLE_ATTEST }, { ROLE_CORE, ROLE_TOOLS },
	{ ROLE_CORE, ROLE_AGENTS }, { ROLE_CORE, ROLE_LOCAL }, { ROLE_CORE, ROLE_PEOPLE }, { ROLE_ATTEST, ROLE_LOCAL },
	{ ROLE_ATTEST, ROLE_PEOPLE }, { ROLE_TOOLS, ROLE_AGENTS }, { ROLE_TOOLS, ROLE_LOCAL },
	{ ROLE_SIGNER, ROLE_TOOLS },
	{ ROLE_CORE, ROLE_ENGINE }, { ROLE_ENGINE, ROLE_AGENTS }, { ROLE_ENGINE, ROLE_LOCAL },
};

/* Whose word counts against whom, and when each is stopped. */
static const struct { int trust, stage; } standing[ROLE_COUNT] = {
	[ROLE_AGENTS] = { 1, 0 }, [ROLE_LOCAL] = { 1, 0 }, [ROLE_PEOPLE] = { 2, 0 }, [ROLE_TOOLS] = { 2, 1 },
	[ROLE_ENGINE] = { 3, 1 }, [ROLE_ATTEST] = { 3, 1 }, [ROLE_CORE] = { 4, 1 }, [ROLE_STORE] = { 4, 2 }, [ROLE_SIGNER] = { 4, 2 },
};
enum { STAGES = 3, COMPLAINTS_MAX = 8 };

/* ---- a role's world ------------------------------------------------------------------------------------------------- */

static void
tell(struct slot *s, const struct msg *m)
{
	/* A role that can not be told its world can not be led: its channel ends, and so does it. */
	if (!s->channel) {
		if (m->fd >= 0)
			close(m->fd);
	} else if (failed(channel_send(s->channel, m))) {
		slot_kill(s);
	}
}

static void
tell_config(struct supervisor *v, struct slot *s)
{
	CLEANUP(buf_fini) struct buf json = { 0 };
	struct msg m = msg_make(MSG_CONFIG);

	buf_init(&json, 262144);
	settings_make(v->config, s->id, s->dir[0] ? s->dir : NULL, v->ports, getuid(), &json);
	if (failed(buf_finish(&json))) {
		log_error("the configuration does not fit a message", KV("name", role_name(s->id)));
		slot_kill(s);
		return;
	}
	m.config.json = buf_span(&json);
	tell(s, &m);
}

static void
tell_listener(struct supervisor *v, struct slot *s, enum listen_kind kind)
{
	struct msg m = msg_make(MSG_LISTEN);

	if (v->listeners[kind] < 0)
		return;
	m.listen.kind = (uint8_t)kind;
	m.fd = fcntl(v->listeners[kind], F_DUPFD_CLOEXEC, 3);
	if (m.fd < 0)
		slot_kill(s);
	else
		tell(s, &m);
}

static void
tell_link(struct slot *s, const struct slot *peer, int own_fd)
{
	struct msg m = msg_make(MSG_LINK);

	m.link.peer = (uint8_t)peer->id;
	m.link.index = (uint8_t)peer->index;
	m.fd = own_fd;
	tell(s, &m);
}

static bool
talk(enum role a, enum role b)
{
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		if ((pairs[i][0] == a && pairs[i][1] == b) || (pairs[i][0] == b && pairs[i][1] == a))
			return true;
	return false;
}

static void
link_pair(struct slot *a, struct slot *b)
{
	int fds[2];

	if (!a->channel || !b->channel || a->stopping || b->stopping || !talk(a->id, b->id))
		return;
	if (failed(channel_pair(fds))) {
		log_error("no link", KV("from", role_name(a->id)), KV("to", role_name(b->id)));
		slot_kill(a);
		return;
	}
	tell_link(a, b, fds[0]);
	tell_link(b, a, fds[1]);
}

static void
on_started(struct slot *s)
{
	struct supervisor *v = s->ctx;

	tell_config(v, s);
	if (s->id == ROLE_AGENTS)
		tell_listener(v, s, LISTEN_TLS);
	else if (s->id == ROLE_LOCAL)
		tell_listener(v, s, LISTEN_AGENT_SOCKET);
	else if (s->id == ROLE_PEOPLE) {
		tell_listener(v, s, LISTEN_PEOPLE_SOCKET);
		tell_listener(v, s, LISTEN_PEOPLE_TLS);
	}
	for (size_t i = 0; i < v->n; i++)
		if (&v->slots[i] != s)
			link_pair(s, &v->slots[i]);
}

static struct slot *
find(struct supervisor *v, unsigned role, unsigned index)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->slots[i].id == (enum role)role && v->slots[i].index == index)
			return &v->slots[i];
	return NULL;
}

/* ---- what roles say ------------------------------------------------------------------------------------------------- */

static void
on_blame(struct supervisor *v, struct slot *by, const struct msg_blame *m)
{
	struct slot *peer = find(v, m->peer, m->index);

	if (!peer || !talk(by->id, peer->id))
		return;
	if (standing[by->id].trust < standing[peer->id].trust) {
		/* An owned edge may not kill core by a word; but its link is gone, and it may have a new one. */
		log_warn("a role complains of a more trusted one", KV("name", role_name(by->id)), KV("of", role_name(peer->id)));
		if (++by->complaints > COMPLAINTS_MAX)
			slot_kill(by);
		else
			link_pair(by, peer);
		return;
	}
	log_error(m->violated ? "killed: it sent what it may not" : "killed: it does not read", KV("name", role_name(peer->id)),
	          KV("index", peer->index), KV("seen_by", role_name(by->id)), KV("message", msg_name(m->type)));
	slot_kill(peer);
}

static void
announce_ready(struct supervisor *v)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->slots[i].state != SLOT_UP)
			return;
	if (v->was_ready)
		return;
	v->was_ready = true;
	systemd_notify("READY=1");
	if (v->hooks.ready)
		v->hooks.ready(v->hooks.ready_ctx, v->config, v->ports);
}

static void
on_message(struct slot *s, struct msg *m)
{
	struct supervisor *v = s->ctx;

	if (m->type == MSG_BLAME)
		on_blame(v, s, &m->blame);
	else if (m->type == MSG_READY)
		announce_ready(v);
}

/* ---- ends ----------------------------------------------------------------------------------------------------------- */

static void
stop_stage(struct supervisor *v)
{
	bool waiting = false;

	while (v->stage < STAGES && !waiting) {
		int stage = v->stage;
		for (size_t i = 0; i < v->n && v->stage == stage; i++)
			if (standing[v->slots[i].id].stage == stage)
				slot_stop(&v->slots[i]);
		if (v->stage != stage)
			return;   /* the last of them was down already, and its `gone` went on */
		for (size_t i = 0; i < v->n; i++)
			waiting |= standing[v->slots[i].id].stage == stage && loop_fd_active(&v->slots[i].pidfd);
		if (!waiting)
			v->stage++;
	}
	if (v->stage == STAGES)
		loop_stop(v->loop);
}

static void
on_gone(struct slot *s)
{
	struct supervisor *v = s->ctx;

	/* What core believes durable may not be; it refolds (ARCHITECTURE, store). */
	if (s->id == ROLE_STORE && !s->stopping)
		slot_kill(find(v, ROLE_CORE, 0));
	if (v->stage >= 0 && standing[s->id].stage == v->stage) {
		for (size_t i = 0; i < v->n; i++)
			if (standing[v->slots[i].id].stage == v->stage && loop_fd_active(&v->slots[i].pidfd))
				return;
		v->stage++;
		stop_stage(v);
	}
}

static void
stop(struct supervisor *v, int code)
{
	if (v->stage >= 0)
		return;
	systemd_notify("STOPPING=1");
	v->code = code;
	v->stage = 0;
	stop_stage(v);
}

static void
reload(struct supervisor *v)
{
	struct config_error why = { 0 };
	struct config *c = v->hooks.reload ? calloc(1, sizeof *c) : NULL;

	if (!c)
		return;
	status s = v->hooks.reload(v->hooks.ctx, c, &why);
	if (!failed(s) && (!span_eq(c->data, v->config->data) || !span_eq(c->run, v->config->run) ||
	                   !span_eq(c->api_address, v->config->api_address) || c->api_port != v->config->api_port ||
	                   c->people_port != v->config->people_port || c->uid_base != v->config->uid_base ||
	                   c->api_edges != v->config->api_edges || !span_eq(c->placement, v->config->placement))) {
		config_say(&why, "data, run, api.address, api.port, people.port, api.edges, placement and users.uid_base need a restart");
		s = FAIL(E_BAD_CONFIG);
	}
	if (failed(s)) {
		log_error("the old configuration stays", KV("why", (const char *)why.text));
		config_fini(c);
		free(c);
		return;
	}
	struct config *old = v->config;
	v->config = c;
	config_fini(old);
	free(old);
	log_info("configuration read again; the roles restart");
	for (size_t i = 0; i < v->n; i++)
		slot_kill(&v->slots[i]);
}

static void
on_signal(void *ctx, int signo, int)
{
	struct supervisor *v = ctx;

	if (signo == SIGHUP)
		reload(v);
	else
		stop(v, 0);
}

/* ---- start ---------------------------------------------------------------------------------------------------------- */

static status
open_pages(struct supervisor *v, struct config_error *e)
{
	const struct config *c = v->config;
	char text[4096];

	if (v->listeners[LISTEN_PEOPLE_TLS] < 0) {
		if (c->people_port < 0)
			return OK;
		snprintf(text, sizeof text, "%.*s", SPAN_ARG(c->api_address));
		if (failed(net_listen_tcp(text, (uint16_t)c->people_port, false, &v->listeners[LISTEN_PEOPLE_TLS]))) {
			config_say(e, "%s port %lld can not be listened on: is another server there?", text, (long long)c->people_port);
			return FAIL(E_BAD_CONFIG);
		}
	}
	return net_local_port(v->listeners[LISTEN_PEOPLE_TLS], &v->ports.people);
}

static status
open_listeners(struct supervisor *v, struct config_error *e)
{
	static const char *const sockets[] = { [LISTEN_AGENT_SOCKET] = "agent/agent.sock", [LISTEN_PEOPLE_SOCKET] = "people/people.sock" };
	const struct config *c = v->config;
	char text[4096];

	TRY(systemd_listeners(v->listeners));
	if (v->listeners[LISTEN_TLS] < 0) {
		snprintf(text, sizeof text, "%.*s", SPAN_ARG(c->api_address));
		if (failed(net_listen_tcp(text, (uint16_t)c->api_port, false, &v->listeners[LISTEN_TLS]))) {
			config_say(e, "%s port %lld can not be listened on: is another server there?", text, (long long)c->api_port);
			return FAIL(E_BAD_CONFIG);
		}
	}
	TRY(net_local_port(v->listeners[LISTEN_TLS], &v->ports.api));
	TRY(open_pages(v, e));
	for (int kind = LISTEN_AGENT_SOCKET; kind <= LISTEN_PEOPLE_SOCKET; kind++) {
		int64_t mode = kind == LISTEN_AGENT_SOCKET ? c->agent_socket_mode : c->people_socket_mode;
		if (v->listeners[kind] >= 0)
			continue;
		snprintf(text, sizeof text, "%.*s/%s", SPAN_ARG(c->run), sockets[kind]);
		status s = net_listen_unix(text, (unsigned)mode, &v->listeners[kind]);
		if (failed(s)) {
			config_say(e, "%s: %s", text, s.code == E_EXISTS ? "another ambitd is using it" : error_text(s.code));
			return FAIL(E_BAD_CONFIG);
		}
	}
	return OK;
}

/* Where a role is locked in and what it may write. */
static status
prepare_slot(struct supervisor *v, struct slot *s, struct config_error *e)
{
	CLEANUP(buf_fini) struct buf path = { 0 };
	const struct config *c = v->config;
	const char *own = settings_dir(s->id);
	bool drop = c->uid_base > 0 && geteuid() == 0;

	buf_init(&path, sizeof s->dir - 1);
	s->uid = drop ? (uid_t)(c->uid_base + s->id) : (uid_t)-1;
	if (own)
		TRY(dirs_make_own(c, own, s->uid, (gid_t)s->uid, &path, e));
	if (drop && own) {
		snprintf(s->root, sizeof s->root, "%.*s", SPAN_ARG(buf_span(&path)));
		snprintf(s->dir, sizeof s->dir, "/");
	} else if (own) {
		snprintf(s->dir, sizeof s->dir, "%.*s", SPAN_ARG(buf_span(&path)));
	} else if (drop && s->id != ROLE_ATTEST && s->id != ROLE_TOOLS) {
		/* attest reads /proc, tools resolves names and starts servers; the others need no file at all. */
		snprintf(s->root, sizeof s->root, "%.*s/empty", SPAN_ARG(c->data));
	}
	return OK;
}

/* A developer's servers work on the developer's files; a server's work as somebody who has none. */
static uid_t
servers_uid(const struct config *c)
{
	if (geteuid() != 0)
		return (uid_t)-1;
	if (c->tools_uid >= 0)
		return (uid_t)c->tools_uid;
	return c->dev ? getuid() : (uid_t)(c->uid_base + SERVERS_UID);
}

static unsigned
edges(const struct config *c)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (c->api_edges > 0)
		return (unsigned)c->api_edges;
	/* On few processors one edge beside core and store is enough; more only take turns (DEPENDENCIES §4). */
	return n <= 2 ? 1 : n / 2 < EDGES_MAX ? (unsigned)n / 2 : EDGES_MAX;
}

/* On two processors the roles that a request passes through share one: a wake-up on the same processor costs 4 us, on another 20
 * to 25. The rest of a request, its caller and its tool server, has the other. Several edges are for many processors. */
static int
processor_of(const struct config *c, enum role id)
{
	cpu_set_t set;
	bool hot = id == ROLE_LOCAL || id == ROLE_CORE || id == ROLE_STORE || id == ROLE_TOOLS || (id == ROLE_AGENTS && edges(c) == 1);

	if (!hot || span_is(c->placement, "free") || sched_getaffinity(0, sizeof set, &set) != 0)
		return -1;
	int last = -1;
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET((size_t)i, &set))
			last = i;
	return span_is(c->placement, "together") || CPU_COUNT(&set) == 2 ? last : -1;
}

static status
add_slot(struct supervisor *v, enum role id, unsigned index, struct config_error *e)
{
	static const struct slot_ops ops = { on_started, on_message, on_gone };
	struct slot *s = &v->slots[v->n++];

	s->ops = &ops;
	s->ctx = v;
	s->loop = v->loop;
	s->id = id;
	s->index = index;
	s->servers = (uid_t)-1;
	s->processor = processor_of(v->config, id);
	if (id == ROLE_SIGNER)
		s->key_file = config_key_file(v->config);
	if (id == ROLE_ENGINE)
		s->key_file = config_credentials_dir(v->config);
	if (id == ROLE_TOOLS)
		s->servers = servers_uid(v->config);
	return prepare_slot(v, s, e);
}

static status
add_slots(struct supervisor *v, struct config_error *e)
{
	static const enum role order[] = {
		ROLE_STORE, ROLE_SIGNER, ROLE_ATTEST, ROLE_CORE, ROLE_TOOLS, ROLE_ENGINE, ROLE_LOCAL, ROLE_PEOPLE,
	};

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		TRY(add_slot(v, order[i], 0, e));
	for (unsigned i = 0, n = edges(v->config); i < n; i++)
		TRY(add_slot(v, ROLE_AGENTS, i, e));
	return OK;
}

/* In the loop's first turn: what is sent leaves at the end of a turn. */
static void
begin(struct loop_hook *h)
{
	struct supervisor *v = container_of(h, struct supervisor, begin);

	for (size_t i = 0; i < v->n; i++)
		slot_start(&v->slots[i], v->exe_fd);
}

static status
start(struct supervisor *v, struct config_error *e)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

	signal(SIGPIPE, SIG_IGN);
	ENSURE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, E_IO);
	TRY(dirs_make(v->config, e));
	TRY(spawn_open_self(&v->exe_fd));
	TRY(loop_new(env_posix(), &v->loop));
	TRY(loop_signals(v->loop, signals, ARRAY_LEN(signals), on_signal, v));
	TRY(open_listeners(v, e));
	TRY(add_slots(v, e));
	loop_soon(v->loop, &v->begin, begin);
	return OK;
}

int
supervisor_run(struct config *own_config, const struct supervisor_hooks *hooks)
{
	struct supervisor *v = calloc(1, sizeof *v);
	struct config_error why = { 0 };

	must(v);
	v->config = own_config;
	v->hooks = *hooks;
	v->stage = -1;
	v->exe_fd = -1;
	for (size_t i = 0; i < ARRAY_LEN(v->listeners); i++)
		v->listeners[i] = -1;
	status s = start(v, &why);
	if (!failed(s))
		s = loop_run(v->loop);
	if (failed(s)) {
		log_error("ambitd can not run", KV("status", s), KV("why", (const char *)why.text));
		v->code = error_exit(s.code);
	}
	/* On an early failure the roles already started die with this process. */
	loop_free(v->loop);
	config_fini(v->config);
	free(v->config);
	int code = v->code;
	free(v);
	return code;
}
