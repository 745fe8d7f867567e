/* doctor: what is wrong, and what goes around Ambit. Every finding names its fix. */
#include "cli.h"
#include "sandbox.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct doctor {
	struct cli *c;
	struct json_writer w;
	unsigned findings;
};

/* state: "ok", "note" or "FIX"; the last makes the exit code 10. */
static void
tell(struct doctor *d, const char *state, const char *check, const char *next, const char *fmt, ...)
{
	struct buf b;
	va_list ap;
	buf_init(&b, 8192);
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	json_w_obj(&d->w);
	json_w_kcstr(&d->w, "state", state);
	json_w_kcstr(&d->w, "check", check);
	json_w_kstr(&d->w, "text", buf_span(&b));
	if (next)
		json_w_kcstr(&d->w, "next", next);
	json_w_obj_end(&d->w);
	d->findings += strcmp(state, "FIX") == 0;
	buf_fini(&b);
}

static void
check_socket(struct doctor *d, enum peer peer)
{
	struct cli *c = d->c;
	const char *path = peer == PEER_PEOPLE ? c->ctx.people_socket : c->ctx.agent_socket, *name = peer == PEER_PEOPLE ? "people socket" : "agent socket";
	struct answer a;
	status s = cli_ask(c, peer, "whoami/show", SPAN("{}"), &a);
	if (failed(s)) {
		tell(d, "FIX", name, s.code == E_NOT_PERMITTED ? "run as a user who may open it" : "ambitd dev, or ambit context use NAME", "%s: %s", path, error_text(s.code));
		return;
	}
	if (a.error)
		tell(d, peer == PEER_PEOPLE ? "FIX" : "note", name, "ambit help agent_unproven", "%s: %s", path, text_at(c, a.error, "message"));
	else
		tell(d, "ok", name, NULL, "%s: you are %s%s%s", path, text_at(c, a.json, "user"), *text_at(c, a.json, "agent") ? " agent " : "", text_at(c, a.json, "agent"));
}

static void
check_server(struct doctor *d)
{
	struct cli *c = d->c;
	struct answer a;
	if (failed(cli_ask(c, PEER_PEOPLE, "status/show", SPAN("{}"), &a)) || a.error)
		return;
	const char *version = text_at(c, a.json, "version");
	if (*version && strcmp(version, AMBIT_VERSION) != 0)
		tell(d, "FIX", "version", "install the same version of both", "server %s, command line " AMBIT_VERSION, version);
	else
		tell(d, "ok", "version", NULL, "server and command line " AMBIT_VERSION);
	tell(d, true_at(a.json, "healthy") ? "ok" : "FIX", "server", true_at(a.json, "healthy") ? NULL : "ambit status", true_at(a.json, "healthy") ? "healthy" : "not healthy");
	json_for_items(f, json_gets(a.json, "findings"))
		tell(d, "FIX", "server", text_at(c, f, "next"), "%s", text_at(c, f, "text"));
}

static void
check_files(struct doctor *d)
{
	struct stat st;
	if (stat(d->c->ctx.file, &st) == 0 && (st.st_mode & 022))
		tell(d, "FIX", "configuration", "chmod 600 the file", "%s can be written by others", d->c->ctx.file);
	if (time(NULL) < 1700000000)
		tell(d, "FIX", "clock", "set the clock", "the clock is years behind");
}

/* Credentials in the environment or home: what an agent can reach without asking Ambit. */
static void
check_bypass(struct doctor *d)
{
	static const char *const names[] = { "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GITHUB_TOKEN", "GH_TOKEN", "GITLAB_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS",
	                                     "AZURE_CLIENT_SECRET", "NPM_TOKEN", "PYPI_TOKEN", "DATABASE_URL", "PGPASSWORD", "MYSQL_PWD", "REDIS_URL", "SLACK_TOKEN",
	                                     "SLACK_BOT_TOKEN", "STRIPE_API_KEY", "VAULT_TOKEN", "KUBECONFIG", "DOCKER_AUTH_CONFIG", "SSH_AUTH_SOCK", "HF_TOKEN" };
	static const char *const files[] = { ".pgpass", ".aws/credentials", ".netrc", ".git-credentials", ".docker/config.json", ".kube/config", ".npmrc", ".pypirc",
	                                     ".config/gh/hosts.yml", ".ssh/id_rsa", ".ssh/id_ed25519", ".vault-token", ".azure/accessTokens.json" };
	const char *home = getenv("HOME");
	unsigned n = 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (getenv(names[i]) && *getenv(names[i])) {
			tell(d, "FIX", "bypass", "unset it where agents run; give a tool server the credential instead", "%s is set: an agent started here can use it without Ambit", names[i]);
			n++;
		}
	for (size_t i = 0; home && i < ARRAY_LEN(files); i++) {
		char path[4096];
		if (snprintf(path, sizeof path, "%s/%s", home, files[i]) < (int)sizeof path && access(path, R_OK) == 0) {
			tell(d, "FIX", "bypass", "run agents as another user, or move the credential behind a tool server", "~/%s is readable: an agent started here can use it without Ambit", files[i]);
			n++;
		}
	}
	if (n == 0)
		tell(d, "ok", "bypass", NULL, "no credentials in the environment or the usual files");
}

static void
check_kernel(struct doctor *d)
{
	int abi = sandbox_landlock_abi();
	if (abi >= 1)
		tell(d, "ok", "kernel", NULL, "Landlock ABI %d", abi);
	else
		tell(d, "note", "kernel", "a kernel with CONFIG_SECURITY_LANDLOCK", "no Landlock: tool servers and `ambit run` are less confined");
	if (access("/proc/self/ns/user", F_OK) != 0)
		tell(d, "note", "kernel", "enable user namespaces", "no user namespaces: stdio tool servers with network: none are refused");
}

int
doctor_run(struct cli *c)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	struct doctor d = { c, json_w(&b), 0 };
	json_w_obj(&d.w);
	json_w_karr(&d.w, "items");
	c->timeout = args_int(&c->args, "timeout", 5);
	check_socket(&d, PEER_PEOPLE);
	check_socket(&d, PEER_AGENT);
	check_server(&d);
	check_files(&d);
	check_kernel(&d);
	check_bypass(&d);
	json_w_arr_end(&d.w);
	json_w_obj_end(&d.w);
	const struct json *v = NULL;
	IGNORE(json_parse(buf_span(&b), &(struct json_opts){ .copy = true }, &c->arena, &v, NULL));
	int code = v ? out_value(c, v) : 1;
	buf_fini(&b);
	return code ? code : d.findings ? 10 : 0;
}
