#include "role/role.h"

#include "base/log.h"
#include "crypto/sign.h"
#include "ipc/jail.h"
#include "ipc/spawn.h"
#include "net/tls.h"
#include "role/engine_priv.h"
#include "role/profile.h"
#include "text/json.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { CONFIG_MAX = 262144 };

const struct role_ops *
role_ops_of(enum role id)
{
	switch (id) {
	case ROLE_AGENTS: return agents_role();
	case ROLE_LOCAL: return local_role();
	case ROLE_PEOPLE: return people_role();
	case ROLE_ATTEST: return attest_role();
	case ROLE_CORE: return core_role();
	case ROLE_STORE: return store_role();
	case ROLE_SIGNER: return signer_role();
	case ROLE_TOOLS: return tools_role();
	case ROLE_ENGINE: return engine_role();
	case ROLE_SUPERVISOR:
	case ROLE_COUNT: break;
	}
	return NULL;
}

struct channel *
role_link(const struct worker *w, enum role peer, unsigned index)
{
	return peer < ROLE_COUNT && index < ROLE_PEERS_MAX ? w->links[peer][index] : NULL;
}

status
role_send(struct worker *w, enum role peer, unsigned index, const struct msg *m)
{
	struct channel *c = role_link(w, peer, index);

	if (!c) {
		if (m->fd >= 0)
			close(m->fd);
		return FAIL(E_UNAVAILABLE);
	}
	return channel_send(c, m);
}

void
role_fail(struct worker *w, status why, const char *what)
{
	log_error(what, KV("status", why));
	w->failed = true;
	loop_stop(w->loop);
}

void
role_stopped(struct worker *w)
{
	loop_stop(w->loop);
}

/* ---- links ---------------------------------------------------------------------------------------------------------- */

/* A link's place is its channel's tag: peer role and index. */
static uint64_t link_tag(enum role peer, unsigned index) { return (uint64_t)peer << 8 | index; }
static enum role tag_peer(uint64_t tag) { return (enum role)(tag >> 8); }
static unsigned tag_index(uint64_t tag) { return tag & 0xff; }

static void
link_down(struct worker *w, enum role peer, unsigned index)
{
	w->links[peer][index] = NULL;
	if (w->ops->link_down)
		w->ops->link_down(w, peer, index);
}

static void
on_link_message(void *ctx, struct channel *c, struct msg *m)
{
	struct worker *w = ctx;
	uint64_t tag = channel_tag(c);

	if (w->failed)
		return;
	status s = w->ops->message(w, tag_peer(tag), tag_index(tag), m);
	if (failed(s))
		role_fail(w, s, "a message could not be handled");
}

static void
on_link_drained(void *ctx, struct channel *c)
{
	struct worker *w = ctx;
	uint64_t tag = channel_tag(c);

	if (w->ops->drained)
		w->ops->drained(w, tag_peer(tag), tag_index(tag));
}

static void
blame(struct worker *w, enum role peer, unsigned index, enum channel_end why, uint16_t type)
{
	struct msg m = msg_make(MSG_BLAME);

	m.blame.peer = (uint8_t)peer;
	m.blame.index = (uint8_t)index;
	m.blame.violated = why == CHANNEL_VIOLATED;
	m.blame.type = type;
	IGNORE(channel_send(w->supervisor, &m));   /* if it is gone, so are we */
}

static void
on_link_ended(void *ctx, struct channel *c, enum channel_end why, uint16_t type)
{
	struct worker *w = ctx;
	uint64_t tag = channel_tag(c);
	enum role peer = tag_peer(tag);
	unsigned index = tag_index(tag);

	if (why != CHANNEL_EOF)
		log_warn("link ended", KV("peer", role_name(peer)), KV("index", index), KV("why", channel_end_name(why)),
		         KV("message", msg_name(type)));
	if (why == CHANNEL_VIOLATED || why == CHANNEL_OVERFLOW)
		blame(w, peer, index, why, type);
	if (w->links[peer][index] == c)
		link_down(w, peer, index);
}

static status
link_add(struct worker *w, enum role peer, unsigned index, int own_fd)
{
	static const struct channel_ops ops = { on_link_message, on_link_drained, on_link_ended };
	struct channel *c;

	if (peer >= ROLE_COUNT || index >= ROLE_PEERS_MAX) {
		close(own_fd);
		return FAIL(E_BAD_MESSAGE);
	}
	/* The old link's end may still wait to be read; the new one says that the old peer is gone. */
	if (w->links[peer][index]) {
		channel_close(w->links[peer][index]);
		link_down(w, peer, index);
	}
	TRY(channel_new(w->loop, own_fd, w->id, peer, &ops, w, &c));
	channel_set_tag(c, link_tag(peer, index));
	w->links[peer][index] = c;
	if (w->ops->link_up)
		w->ops->link_up(w, peer, index);
	return OK;
}

/* ---- the supervisor ------------------------------------------------------------------------------------------------- */

static enum log_level
level_of(const struct json *config)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	const struct json *v = json_gets(config, "log");

	for (size_t i = 0; json_is_str(v) && i < ARRAY_LEN(names); i++)
		if (span_is(v->str, names[i]))
			return (enum log_level)i;
	return LOG_INFO;
}

static status
close_sandbox(struct worker *w)
{
	struct profile p;
	struct sandbox_report report;

	profile_make(w->id, w->dir, &p);
	TRY(sandbox_enter(&p.sandbox, &report));
	if (report.sanitizer)
		log_warn("sanitizer build: its system calls are added to the sandbox", KV("calls", report.calls));
	if (report.landlock_abi == 0 && !p.sandbox.no_landlock)
		log_warn("this kernel has no Landlock: paths are not restricted");
	log_debug("sandbox closed", KV("calls", report.calls), KV("landlock", report.landlock_abi));
	return OK;
}

/* OpenSSL reads its configuration when it is first used, which must not be after the sandbox closed. */
static status
warm_crypto(enum role id)
{
	CLEANUP(sign_key_freep) struct sign_key *key = NULL;
	CLEANUP(verify_key_freep) struct verify_key *public = NULL;
	struct tls_client *client = NULL;
	uint8_t sig[64];

	if (id == ROLE_STORE || id == ROLE_ATTEST || id == ROLE_ENGINE)
		return OK;   /* they only hash */
	TRY(sign_key_generate(ALG_ES256, &key));
	TRY(sign_make(key, SPAN("x"), sig));
	TRY(sign_key_public(key, &public));
	ENSURE(verify_ok(public, SPAN("x"), SPAN_OF(sig)), E_CRYPTO);
	if (id == ROLE_TOOLS) {
		const struct tls_client_options o = { 0 };
		TRY(tls_client_new(&o, &client));
		tls_client_free(client);
	}
	return OK;
}

static status
configure(struct worker *w, span json)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	const struct json *config;

	arena_init(&a, 4 * CONFIG_MAX);
	TRY(json_parse(json, NULL, &a, &config, NULL));
	log_init(role_name(w->id), level_of(config));
	/* "dir": where the role may write. After a chroot that directory is the root, and the supervisor says so. */
	const struct json *dir = json_gets(config, "dir");
	w->dir = json_is_str(dir) ? span_dup(dir->str) : NULL;
	ENSURE(w->dir || !json_is_str(dir), E_NO_MEMORY);
	TRY(warm_crypto(w->id));
	TRY(w->ops->configure(w, json));
	TRY(close_sandbox(w));
	w->configured = true;
	struct msg ready = msg_make(MSG_READY);
	return channel_send(w->supervisor, &ready);
}

static int
take_fd(struct msg *m)
{
	int fd = m->fd;

	m->fd = -1;
	return fd;
}

static void
stop(struct worker *w)
{
	if (w->ops->stop)
		w->ops->stop(w);
	if (!w->ops->stops_later)
		loop_stop(w->loop);
}

static status
handle(struct worker *w, struct msg *m)
{
	if (m->type == MSG_CONFIG)
		return configure(w, m->config.json);
	if (m->type == MSG_STOP) {
		stop(w);
		return OK;
	}
	/* Everything else presupposes the configuration, and the supervisor knows that. */
	ENSURE(w->configured, E_BAD_MESSAGE);
	if (m->type == MSG_LINK)
		return link_add(w, (enum role)m->link.peer, m->link.index, take_fd(m));
	if (m->type == MSG_LISTEN && w->ops->listen)
		return w->ops->listen(w, (enum listen_kind)m->listen.kind, take_fd(m));
	return FAIL(E_BAD_MESSAGE);
}

static void
on_supervisor_message(void *ctx, struct channel *c, struct msg *m)
{
	struct worker *w = ctx;

	if (w->failed)
		return;
	status s = handle(w, m);
	if (failed(s))
		role_fail(w, s, m->type == MSG_CONFIG ? "the role could not start" : "the supervisor's message could not be followed");
}

/* Whatever the reason: a role does not outlive its supervisor. */
static void
on_supervisor_ended(void *ctx, struct channel *c, enum channel_end why, uint16_t type)
{
	struct worker *w = ctx;

	w->supervisor = NULL;
	loop_stop(w->loop);
}

/* ---- the process ---------------------------------------------------------------------------------------------------- */

static bool
parse_id(const char *text, uint64_t max, uint32_t *ret)
{
	uint64_t v;

	if (strcmp(text, "-") == 0) {
		*ret = (uint32_t)-1;
		return true;
	}
	if (!span_to_u64(span_str(text), &v) || v > max)
		return false;
	*ret = (uint32_t)v;
	return true;
}

bool
role_start_parse(int argc, char **argv, struct role_start *ret)
{
	struct role_start s = { 0 };

	if (argc != 7)
		return false;
	s.id = role_from_name(span_str(argv[0]));
	if (s.id == ROLE_COUNT || s.id == ROLE_SUPERVISOR || strcmp(argv[1], "-") == 0 ||
	    !parse_id(argv[1], ROLE_PEERS_MAX - 1, &s.index) || !parse_id(argv[2], UINT32_MAX - 1, &s.uid) ||
	    !parse_id(argv[3], UINT32_MAX - 1, &s.gid) || !parse_id(argv[6], UINT32_MAX - 1, &s.servers))
		return false;
	s.root = strcmp(argv[4], "-") == 0 ? NULL : argv[4];
	s.key_file = strcmp(argv[5], "-") == 0 ? NULL : argv[5];
	*ret = s;
	return true;
}

/* Root, groups and capabilities first, before a single byte is read. */
static status
become(struct worker *w, const struct role_start *start)
{
	if (start->key_file && w->id == ROLE_SIGNER) {
		w->key_fd = open(start->key_file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		ENSURE(w->key_fd >= 0, E_IO);
	}
	if (w->id == ROLE_ENGINE)
		TRY(engine_keeper_fork(start->uid, start->gid, start->key_file, &w->keeper_fd));
	if (w->id == ROLE_TOOLS)
		TRY(jailer_fork(start->uid, start->gid, start->servers, (gid_t)start->servers, &w->jailer_fd));
	TRY(spawn_become(start->uid, start->gid, start->root, profile_capabilities(w->id)));
	/* A change of identity clears this; descriptor 3 tells the same if the parent died meanwhile. */
	ENSURE(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, E_IO);
	return OK;
}

static status
run(struct worker *w, const struct role_start *start)
{
	static const struct channel_ops ops = { on_supervisor_message, NULL, on_supervisor_ended };

	TRY(become(w, start));
	TRY(loop_new(w->env, &w->loop));
	ENSURE(fcntl(SPAWN_CHANNEL_FD, F_SETFD, FD_CLOEXEC) == 0, E_IO);
	TRY(channel_new(w->loop, SPAWN_CHANNEL_FD, w->id, ROLE_SUPERVISOR, &ops, w, &w->supervisor));
	return loop_run(w->loop);
}

int
role_main(const struct role_start *start)
{
	struct worker w = { .id = start->id, .index = start->index, .env = env_posix(), .jailer_fd = -1, .keeper_fd = -1, .key_fd = -1 };

	signal(SIGPIPE, SIG_IGN);
	tzset();   /* gmtime_r() would open /etc/localtime the first time, which the sandbox takes for an attack */
	log_init(role_name(w.id), LOG_INFO);
	w.ops = role_ops_of(w.id);
	must(w.ops && w.ops->id == w.id);
	status s = run(&w, start);
	if (failed(s) && !w.failed)
		log_error("the role ends", KV("status", s));
	return failed(s) || w.failed ? 1 : 0;
}
