#include "role/dev.h"

#include "base/env.h"
#include "base/log.h"
#include "role/config_priv.h"
#include "role/settings.h"
#include "text/json.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONTEXT_MAX = 1024 * 1024, TEXT_MAX = 65536, WALK_FDS = 16 };

static status
path_of(struct buf *b, const char **ret, span base, const char *rest)
{
	buf_init(b, 4096);
	buf_put(b, base);
	buf_put_str(b, rest);
	return buf_finish_str(b, ret);
}

/* The signer wrote it into its own directory, which the user may not enter where roles have users of their own. */
static status
copy_ca(const struct config *c)
{
	CLEANUP(buf_fini) struct buf from = { 0 }, to = { 0 }, pem = { 0 };
	const char *src, *dst;

	TRY(path_of(&from, &src, c->data, "/signer/ca.pem"));
	TRY(path_of(&to, &dst, c->data, "/ca.pem"));
	buf_init(&pem, TEXT_MAX);
	TRY(env_read_file(env_posix(), src, &pem));
	return env_write_file(env_posix(), dst, 0644, buf_span(&pem));
}

/* ---- the client's context (docs/model.md §7) ------------------------------------------------------------------------ */

static void
put_path(struct json_writer *w, const char *key, span base, const char *rest)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	const char *text;

	if (!failed(path_of(&b, &text, base, rest)))
		json_w_kcstr(w, key, text);
}

static void
put_context(struct json_writer *w, const struct config *c, struct settings_ports ports)
{
	CLEANUP(buf_fini) struct buf url = { 0 }, people = { 0 };

	buf_init(&url, 4096);
	buf_init(&people, 4096);
	settings_url(c, ports.api, &url);
	settings_people_url(c, ports.people, &people);
	json_w_obj(w);
	put_path(w, "agent_socket", c->run, "/agent/agent.sock");
	put_path(w, "people_socket", c->run, "/people/people.sock");
	json_w_kcstr(w, "user", "admin@dev");
	json_w_kstr(w, "data", c->data);
	json_w_kstr(w, "api", buf_span(&url));
	if (people.n)
		json_w_kstr(w, "people_url", buf_span(&people));
	put_path(w, "ca_file", c->data, "/ca.pem");
	json_w_obj_end(w);
}

/* The file as it was, with context `dev` replaced and made current. */
static void
merge(const struct json *old, const struct config *c, struct settings_ports ports, struct buf *out)
{
	struct json_writer w = json_w_pretty(out);

	json_w_obj(&w);
	json_w_kcstr(&w, "current", "dev");
	json_w_kobj(&w, "contexts");
	json_w_key(&w, SPAN("dev"));
	put_context(&w, c, ports);
	json_for_members(m, json_gets(old, "contexts")) {
		if (span_is(m->key, "dev"))
			continue;
		json_w_key(&w, m->key);
		json_w_value(&w, &m->value);
	}
	json_w_obj_end(&w);
	json_for_members(m, old) {
		if (span_is(m->key, "current") || span_is(m->key, "contexts"))
			continue;
		json_w_key(&w, m->key);
		json_w_value(&w, &m->value);
	}
	json_w_obj_end(&w);
	buf_put_str(out, "\n");
}

static status
context_path(const struct dev *d, struct buf *b, const char **ret)
{
	const char *xdg = getenv("XDG_CONFIG_HOME");
	bool own = xdg && xdg[0] == '/';

	TRY(path_of(b, ret, span_str(own ? xdg : d->home), own ? "/ambit" : "/.config/ambit"));
	TRY(env_mkdirs(env_posix(), *ret, 0700));
	buf_put_str(b, "/config");
	return buf_finish_str(b, ret);
}

static status
save_context(const struct dev *d, const struct config *c, struct settings_ports ports)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	CLEANUP(buf_fini) struct buf path = { 0 }, old = { 0 }, out = { 0 };
	const struct json *tree = NULL;
	const char *name;

	arena_init(&a, 32 * CONTEXT_MAX);
	buf_init(&old, CONTEXT_MAX);
	buf_init(&out, 2 * CONTEXT_MAX);
	TRY(context_path(d, &path, &name));
	status s = env_read_file(env_posix(), name, &old);
	if (!failed(s) && old.n > 0)
		s = json_parse(buf_span(&old), NULL, &a, &tree, NULL);
	/* A file we do not understand is somebody's work: it stays. */
	if (failed(s) && s.code != E_NOT_FOUND)
		return s;
	merge(tree, c, ports, &out);
	TRY(buf_finish(&out));
	return env_write_file(env_posix(), name, 0600, buf_span(&out));
}

/* ---- the banner ----------------------------------------------------------------------------------------------------- */

static double
seconds_since(struct timespec t)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (double)(now.tv_sec - t.tv_sec) + (double)(now.tv_nsec - t.tv_nsec) / 1e9;
}

static void
print_banner(const struct dev *d, const struct config *c, struct settings_ports ports, bool context)
{
	CLEANUP(buf_fini) struct buf url = { 0 };
	const char *u = "";

	buf_init(&url, 4096);
	settings_url(c, ports.api, &url);
	if (failed(buf_finish_str(&url, &u)))
		return;
	printf("Ambit " AMBIT_VERSION "  dev mode: one node, loopback only, not for production\n"
	       "  data      %.*s   (kept; `ambitd dev --reset` to start over)\n"
	       "  store     %s\n"
	       "  API       %s     CA: %.*s/ca.pem\n"
	       "  MCP       %s/mcp and %.*s/agent/agent.sock\n"
	       "  people    %.*s/people/people.sock\n"
	       "  you are   admin@dev and approver@dev   %s\n"
	       "Next\n"
	       "  ambit status                  what runs\n"
	       "  ambit connect claude-code     wire Claude Code (shows the diff first)\n"
	       "  ambit demo                    2-minute tour: allow, deny, approve, kill\n"
	       "ready in %.1f s. Ctrl-C stops; data stays.\n",
	       SPAN_ARG(c->data), span_is(c->store_backend, "sqlite") ? "SQLite (embedded)" : "memory (forgets when it stops)", u,
	       SPAN_ARG(c->data), u, SPAN_ARG(c->run), SPAN_ARG(c->run),
	       context ? "context `dev` saved; `ambit` works now in any shell" : "the context could not be saved",
	       seconds_since(d->started));
	fflush(stdout);
}

void
dev_ready(void *ctx, const struct config *c, struct settings_ports ports)
{
	const struct dev *d = ctx;
	status s = copy_ca(c);

	if (failed(s))
		log_warn("the CA certificate could not be copied", KV("status", s));
	s = save_context(d, c, ports);
	if (failed(s))
		log_warn("the context could not be saved", KV("status", s));
	print_banner(d, c, ports, !failed(s));
}

/* ---- reset ---------------------------------------------------------------------------------------------------------- */

static int
remove_one(const char *path, const struct stat *, int, struct FTW *)
{
	return remove(path);
}

status
dev_reset(const struct config *c, struct config_error *e)
{
	CLEANUP(buf_fini) struct buf mark = { 0 }, dir = { 0 };
	const char *file, *path;

	TRY(path_of(&dir, &path, c->data, ""));
	if (access(path, F_OK) != 0)
		return OK;
	TRY(path_of(&mark, &file, c->data, "/signer/keys"));
	/* Only what a server of ours made is ever removed, whatever --data says. */
	if (access(file, F_OK) != 0) {
		config_say(e, "%s: not a data directory of Ambit; not removed", path);
		return FAIL(E_BAD_CONFIG);
	}
	if (nftw(path, remove_one, WALK_FDS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0) {
		config_say(e, "%s: %s", path, strerror(errno));
		return FAIL(E_IO);
	}
	return OK;
}
