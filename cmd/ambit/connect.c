/* connect: writes a client's configuration so that it starts `ambit mcp`, and shows that it works. One client at a time, each file
 * by itself: difference, question, backup, atomic write; --undo takes out what was put in and nothing else. */
#include "cli.h"
#include "base/env.h"
#include "diff.h"
#include "jsonedit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum format { JSON_FILE, TEXT_FILE };

struct client {
	const char *name;
	enum format format;             /* TEXT_FILE: printed, never edited */
	const char *project;            /* below the working directory, or NULL */
	const char *user;               /* below the home directory */
	const char *path[4];            /* where the servers' object is */
	const char *type;               /* value of "type" some clients want, or NULL */
	bool hook;
};

static const struct client clients[] = {
	{ "claude-code", JSON_FILE, ".mcp.json", ".claude.json", { "mcpServers", "ambit" }, NULL, true },
	{ "claude-desktop", JSON_FILE, NULL, ".config/Claude/claude_desktop_config.json", { "mcpServers", "ambit" } },
	{ "cursor", JSON_FILE, ".cursor/mcp.json", ".cursor/mcp.json", { "mcpServers", "ambit" } },
	{ "vscode", JSON_FILE, ".vscode/mcp.json", ".config/Code/User/mcp.json", { "servers", "ambit" }, "stdio" },
	{ "gemini", JSON_FILE, ".gemini/settings.json", ".gemini/settings.json", { "mcpServers", "ambit" } },
	{ "zed", JSON_FILE, ".zed/settings.json", ".config/zed/settings.json", { "context_servers", "ambit" } },
	{ "opencode", TEXT_FILE, "opencode.json", ".config/opencode/opencode.json", { "mcp", "ambit" } },
	{ "codex", TEXT_FILE, NULL, ".codex/config.toml", { NULL } },
};

struct edit {
	const char *path;
	struct buf old, new;
	bool existed, changed;
};

struct connect {
	struct cli *c;
	const struct client *client;
	const char *command;            /* how the client starts us */
	struct edit edits[2];
	size_t n;
};

static const char *
join(struct cli *c, const char *dir, const char *name)
{
	size_t n = strlen(dir) + strlen(name) + 2;
	char *p = arena_alloc(&c->arena, n);
	if (p)
		snprintf(p, n, "%s/%s", dir, name);
	return p ? p : "";
}

/* "ambit" where the shell would find this very program under that name, else its full path. */
static const char *
own_command(struct cli *c)
{
	char self[PATH_MAX], found[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n <= 0)
		return "ambit";
	self[n] = 0;
	const char *path = getenv("PATH");
	for (const char *s = path; s && *s;) {
		size_t k = strcspn(s, ":");
		char try[PATH_MAX];
		if (k && snprintf(try, sizeof try, "%.*s/ambit", (int)k, s) < (int)sizeof try && realpath(try, found))
			return strcmp(found, self) == 0 ? "ambit" : arena_cstr(&c->arena, span_str(self));
		s += k + (s[k] == ':');
	}
	return arena_cstr(&c->arena, span_str(self));
}

static void
put_server(struct connect *k, struct buf *b)
{
	struct json_writer w = json_w_pretty(b);
	const char *agent = args_str(&k->c->args, "agent");
	bool opencode = strcmp(k->client->name, "opencode") == 0;
	json_w_obj(&w);
	if (k->client->type)
		json_w_kcstr(&w, "type", k->client->type);
	if (opencode) {
		json_w_kcstr(&w, "type", "local");
		json_w_karr(&w, "command");
		json_w_str(&w, span_str(k->command));
	} else {
		json_w_kcstr(&w, "command", k->command);
		json_w_karr(&w, "args");
	}
	json_w_str(&w, SPAN("mcp"));
	if (agent) {
		json_w_str(&w, SPAN("--agent"));
		json_w_str(&w, span_str(agent));
	}
	json_w_arr_end(&w);
	json_w_obj_end(&w);
}

static void
put_hook(struct connect *k, struct buf *b)
{
	char command[PATH_MAX + 32];
	snprintf(command, sizeof command, "%s hook claude-code", k->command);
	struct json_writer w = json_w_pretty(b);
	json_w_obj(&w);
	json_w_kcstr(&w, "matcher", ".*");
	json_w_karr(&w, "hooks");
	json_w_obj(&w);
	json_w_kcstr(&w, "type", "command");
	json_w_kcstr(&w, "command", command);
	json_w_kint(&w, "timeout", 10);
	json_w_obj_end(&w);
	json_w_arr_end(&w);
	json_w_obj_end(&w);
}

static bool
load(struct edit *e, const char *path)
{
	e->path = path;
	buf_init(&e->old, 16 << 20);
	buf_init(&e->new, 32 << 20);
	status s = env_read_file(env_posix(), path, &e->old);
	e->existed = !failed(s);
	return e->existed || s.code == E_NOT_FOUND;
}

static int
prepare(struct connect *k)
{
	struct cli *c = k->c;
	bool undo = args_has(&c->args, "undo"), found = false;
	const char *home = getenv("HOME");
	char cwd[PATH_MAX];
	bool user = args_has(&c->args, "user") || !k->client->project;
	if (!getcwd(cwd, sizeof cwd) || !home)
		return cli_fail(c, E_IO, NULL, NULL, "neither HOME nor the working directory is known");
	struct edit *e = &k->edits[k->n++];
	struct buf value;
	size_t count = 0;
	buf_init(&value, 65536);
	if (!load(e, join(c, user ? home : cwd, user ? k->client->user : k->client->project)))
		return cli_fail(c, E_IO, NULL, NULL, "%s cannot be read", e->path);
	put_server(k, &value);
	status s = undo ? jsonedit_remove(buf_span(&e->old), k->client->path, &e->new, &found) : jsonedit_set(buf_span(&e->old), k->client->path, buf_span(&value), &e->new);
	if (!failed(s) && k->client->hook && !args_has(&c->args, "no-hook")) {
		static const char *const hooks[] = { "hooks", "PreToolUse", NULL };
		e = &k->edits[k->n++];
		buf_reset(&value);
		put_hook(k, &value);
		if (load(e, join(c, user ? home : cwd, ".claude/settings.json")))
			s = jsonedit_item(buf_span(&e->old), hooks, buf_span(&value), SPAN("hook claude-code"), undo, &e->new, &count);
		else
			s = FAIL(E_IO);
	}
	buf_fini(&value);
	if (failed(s))
		return cli_fail(c, E_BAD_JSON, "it is not JSON, or holds something else where the servers should be", "repair it, or use --print", "%s is left as it is", e->path);
	for (size_t i = 0; i < k->n; i++)
		k->edits[i].changed = !span_eq(buf_span(&k->edits[i].old), buf_span(&k->edits[i].new));
	return 0;
}

static unsigned
show(struct connect *k, struct buf *b)
{
	unsigned n = 0;
	for (size_t i = 0; i < k->n; i++) {
		struct edit *e = &k->edits[i];
		if (!e->changed)
			continue;
		n++;
		buf_printf(b, "%s%s\n", e->path, e->existed ? "" : "   (new)");
		diff_lines(buf_span(&e->old), buf_span(&e->new), 1, k->c->colour, b);
	}
	return n;
}

static int
write_one(struct cli *c, const struct edit *e)
{
	char real[PATH_MAX], backup[PATH_MAX + 16];
	struct stat st;
	unsigned mode = 0600;
	/* A link is somebody's arrangement (dotfiles): what it points to is written. */
	const char *path = e->existed && realpath(e->path, real) ? real : e->path;
	if (e->existed && stat(path, &st) == 0)
		mode = st.st_mode & 07777;
	snprintf(backup, sizeof backup, "%s.ambit-bak", path);
	status s = e->existed ? env_write_file(env_posix(), backup, mode, buf_span(&e->old)) : OK;
	if (!failed(s) && !e->existed) {
		char *dir = arena_cstr(&c->arena, span_make(path, (size_t)(strrchr(path, '/') - path)));
		s = dir ? env_mkdirs(env_posix(), dir, 0755) : FAIL(E_NO_MEMORY);
	}
	if (!failed(s))
		s = env_write_file(env_posix(), path, e->existed ? mode : 0644, buf_span(&e->new));
	return failed(s) ? cli_fail(c, E_IO, error_text(s.code), NULL, "%s could not be written and is as it was", path) : 0;
}

/* ---- does it work ---- */

static const char hello[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},"
                            "\"clientInfo\":{\"name\":\"ambit-connect\",\"version\":\"" AMBIT_VERSION "\"}}}\n"
                            "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n"
                            "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\"}\n";

/* What the configured command answers to initialize and tools/list, within 10 s. */
static bool
try_out(struct connect *k, struct buf *answers)
{
	int in[2], out[2];
	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		return false;
	pid_t pid = fork();
	if (pid == 0) {
		const char *agent = args_str(&k->c->args, "agent");
		const char *argv[] = { k->command, "mcp", agent ? "--agent" : NULL, agent, NULL };
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	(void)!write(in[1], hello, sizeof hello - 1);
	close(in[1]);
	bool open = pid > 0;
	while (open) {
		struct pollfd p = { out[0], POLLIN, 0 };
		uint8_t room[16384];
		if (poll(&p, 1, 10000) <= 0)
			break;
		ssize_t n = read(out[0], room, sizeof room);
		open = n > 0;
		if (open)
			buf_put(answers, span_make(room, (size_t)n));
	}
	close(out[0]);
	if (pid > 0) {
		kill(pid, SIGTERM);
		waitpid(pid, NULL, 0);
	}
	return !open && answers->n;
}

static int
verify(struct connect *k)
{
	struct cli *c = k->c;
	struct buf b;
	const char *name = NULL, *version = NULL, *why = "no answer";
	size_t tools = 0;
	bool listed = false;
	buf_init(&b, 32 << 20);
	try_out(k, &b);
	for (span rest = buf_span(&b); rest.n;) {
		size_t n = span_find(rest, '\n');
		const struct json *v = NULL;
		IGNORE(json_parse(span_sub(rest, 0, n), &(struct json_opts){ .copy = true, .max_bytes = 32 << 20 }, &c->arena, &v, NULL));
		rest = span_sub(rest, n + (n < rest.n), rest.n);
		if (json_path(v, "result.serverInfo")) {
			name = text_at(c, v, "result.serverInfo.name");
			version = text_at(c, v, "result.protocolVersion");
		}
		if (json_is_arr(json_path(v, "result.tools"))) {
			listed = true;
			tools = json_path(v, "result.tools")->arr.n;
		}
		if (json_path(v, "error.message"))
			why = text_at(c, v, "error.message");
	}
	buf_fini(&b);
	if (!name || !listed) {
		cli_fail(c, E_FINDINGS, why, "ambit doctor", "the configuration is written, but `%s mcp` does not work yet", k->command);
		return 10;
	}
	if (!cli_json(c))
		dprintf(STDOUT_FILENO, "works: %s speaks MCP %s and offers %zu tools. Undo: ambit connect --undo %s\n", name, version, tools, k->client->name);
	return 0;
}

static int
print_only(struct connect *k)
{
	struct buf b, server;
	buf_init(&b, 65536);
	buf_init(&server, 65536);
	put_server(k, &server);
	const struct client *l = k->client;
	if (strcmp(l->name, "codex") == 0) {
		buf_printf(&b, "# ~/%s\n[mcp_servers.ambit]\ncommand = \"%s\"\nargs = [\"mcp\"]\n", l->user, k->command);
	} else {
		struct buf whole;
		buf_init(&whole, 65536);
		IGNORE(jsonedit_set((span){ 0 }, l->path, buf_span(&server), &whole));
		buf_printf(&b, "// %s%s or ~/%s\n", l->project ? l->project : "", l->project ? "" : "(user)", l->user);
		buf_put(&b, buf_span(&whole));
		buf_fini(&whole);
	}
	int code = out_text(k->c, buf_span(&b));
	buf_fini(&server);
	buf_fini(&b);
	return code;
}

static int
report(struct connect *k, bool undo)
{
	struct cli *c = k->c;
	struct buf b;
	const struct json *v = NULL;
	int code = 0;
	buf_init(&b, 65536);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_kcstr(&w, "client", k->client->name);
	json_w_kbool(&w, "undone", undo);
	json_w_karr(&w, "files");
	for (size_t i = 0; i < k->n; i++)
		if (k->edits[i].changed)
			json_w_str(&w, span_str(k->edits[i].path));
	json_w_arr_end(&w);
	json_w_obj_end(&w);
	IGNORE(json_parse(buf_span(&b), &(struct json_opts){ .copy = true }, &c->arena, &v, NULL));
	if (v)
		out_machine(c, v, &code);
	buf_fini(&b);
	return code;
}

static int
change(struct connect *k)
{
	struct cli *c = k->c;
	bool undo = args_has(&c->args, "undo");
	struct buf b;
	const char *q;
	int code = prepare(k);
	if (code)
		return code;
	buf_init(&b, 64 << 20);
	unsigned n = show(k, &b);
	if (n == 0) {
		dprintf(STDERR_FILENO, undo ? "nothing to take out\n" : "already connected\n");
	} else {
		if (c->yes)
			(void)!write(STDERR_FILENO, b.p, b.n);
		buf_printf(&b, "Write %s? type yes : ", n == 1 ? "this file" : "these 2 files");
		bool ok = !failed(buf_finish_str(&b, &q)) && cli_confirm(c, q, "yes", false, &code);
		for (size_t i = 0; ok && i < k->n && code == 0; i++)
			if (k->edits[i].changed)
				code = write_one(c, &k->edits[i]);
		if (ok && code == 0 && !cli_json(c))
			dprintf(STDERR_FILENO, "written; the old version is beside each file as .ambit-bak\n");
	}
	buf_fini(&b);
	if (code == 0)
		code = report(k, undo);
	return code == 0 && !undo && !args_has(&c->args, "no-verify") ? verify(k) : code;
}

int
connect_run(struct cli *c)
{
	struct connect k = { .c = c, .command = own_command(c) };
	for (size_t i = 0; i < ARRAY_LEN(clients); i++)
		if (strcmp(clients[i].name, c->args.pos[0]) == 0)
			k.client = &clients[i];
	if (!k.client)
		return cli_fail(c, E_BAD_REQUEST, NULL, "ambit connect --help", "there is no client \"%s\"", c->args.pos[0]);
	int code;
	if (args_has(&c->args, "print"))
		code = print_only(&k);
	else if (k.client->format != JSON_FILE)
		code = cli_fail(c, E_NOT_IMPLEMENTED, "its file is not one Ambit edits", "add --print and put it there yourself", "%s is not edited", k.client->name);
	else
		code = change(&k);
	for (size_t i = 0; i < k.n; i++) {
		buf_fini(&k.edits[i].old);
		buf_fini(&k.edits[i].new);
	}
	return code;
}
