/* ambitd: the server's commands. `-x` is how the supervisor starts its roles. */
#include "base/log.h"
#include "role/config_priv.h"
#include "role/dev.h"
#include "role/role.h"
#include "role/supervisor.h"

#include <getopt.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

/* Sanitizer builds only: the search for leaks at exit forks and traces, which the sandbox of a role takes for an attack. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}

struct options {
	const char *config, *data, *port;
	const char *set[64];
	size_t n_set;
	bool reset, effective, origin, help;
};

static const char usage[] =
	"ambitd: authority for AI agents, one task at a time\n"
	"\n"
	"  ambitd dev [--data DIR] [--port N] [--reset] [--set KEY=VALUE]   a whole Ambit on loopback, for one user\n"
	"  ambitd serve --config FILE [--set KEY=VALUE]                     the server (default /etc/ambit/ambitd.yaml)\n"
	"  ambitd check-config [--config FILE]                              reads the configuration and says what is wrong\n"
	"  ambitd show-config [--config FILE] [--effective] [--origin]      prints it, with where each value came from\n"
	"  ambitd --version\n"
	"\n"
	"Exit codes: 0 well, 1 failure, 2 wrong usage or configuration, 9 input or output failed.\n";

static int
complain(const char *what, const char *why)
{
	fprintf(stderr, "ambitd: %s%s%s\n", what, why[0] ? ": " : "", why);
	return EXIT_USAGE;
}

static bool
parse_options(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "config", required_argument, NULL, 'c' }, { "data", required_argument, NULL, 'd' },
		{ "port", required_argument, NULL, 'p' }, { "set", required_argument, NULL, 's' },
		{ "reset", no_argument, NULL, 'r' }, { "effective", no_argument, NULL, 'e' },
		{ "origin", no_argument, NULL, 'o' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", table, NULL)) >= 0) {
		switch (c) {
		case 'c': o->config = optarg; break;
		case 'd': o->data = optarg; break;
		case 'p': o->port = optarg; break;
		case 'r': o->reset = true; break;
		case 'e': o->effective = true; break;
		case 'o': o->origin = true; break;
		case 'h': o->help = true; break;
		case 's':
			if (o->n_set == ARRAY_LEN(o->set))
				return false;
			o->set[o->n_set++] = optarg;
			break;
		default: return false;
		}
	}
	return optind == argc;
}

static const char *
home(void)
{
	const char *h = getenv("HOME");
	const struct passwd *p = h && h[0] == '/' ? NULL : getpwuid(getuid());

	return h && h[0] == '/' ? h : p ? p->pw_dir : "/";
}

/* ---- configuration -------------------------------------------------------------------------------------------------- */

static status
set_data(struct config *c, const char *dir, struct config_error *e)
{
	char path[4096], *real;
	status s;

	/* It need not be there yet: relative to where we are. */
	if (dir[0] == '/') {
		snprintf(path, sizeof path, "%s", dir);
	} else {
		real = getcwd(NULL, 0);
		snprintf(path, sizeof path, "%s/%s", real ? real : "", dir);
		free(real);
	}
	for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
		path[n - 1] = 0;
	s = config_set(c, SPAN("data"), span_str(path), "--data", e);
	if (failed(s))
		return s;
	strncat(path, "/run", sizeof path - strlen(path) - 1);
	return config_set(c, SPAN("run"), span_str(path), "--data", e);
}

static status
apply_set(struct config *c, const char *pair, struct config_error *e)
{
	span s = span_str(pair);
	size_t n = span_find(s, '=');

	return config_set(c, span_sub(s, 0, n), span_sub(s, n + 1, s.n), "--set", e);
}

/* As root the roles need users of their own: numbers nobody has. */
static status
dev_users(struct config *c)
{
	enum { BASE = 61400, TRIES = 10, STEP = 20 };

	for (unsigned base = BASE, i = 0; geteuid() == 0 && c->uid_base == 0 && i < TRIES; i++, base += STEP) {
		bool taken = false;
		char text[12];
		for (uid_t uid = base; uid < base + STEP; uid++)
			taken |= getpwuid(uid) != NULL;
		if (taken)
			continue;
		snprintf(text, sizeof text, "%u", base);
		return config_set(c, SPAN("users.uid_base"), span_str(text), "default", NULL);
	}
	return OK;
}

struct source {
	bool dev;
	const struct options *o;
};

/* The pages take the next port; any free one where the API does. */
static status
set_port(struct config *c, const char *port, struct config_error *e)
{
	char next[24];

	TRY(config_set(c, SPAN("api.port"), span_str(port), "--port", e));
	if (!c->dev)
		return OK;
	snprintf(next, sizeof next, "%lld", (long long)(c->api_port && c->api_port < 65535 ? c->api_port + 1 : 0));
	return config_set(c, SPAN("people.port"), span_str(next), "--port", e);
}

static status
read_all(void *ctx, struct config *c, struct config_error *e)
{
	const struct source *s = ctx;

	TRY(config_init(c, s->dev, home()));
	if (!s->dev)
		TRY(config_load(c, s->o->config ? s->o->config : "/etc/ambit/ambitd.yaml", e));
	else if (s->o->config)
		TRY(config_load(c, s->o->config, e));
	TRY(config_env(c, e));
	if (s->o->data)
		TRY(set_data(c, s->o->data, e));
	if (s->o->port)
		TRY(set_port(c, s->o->port, e));
	for (size_t i = 0; i < s->o->n_set; i++)
		TRY(apply_set(c, s->o->set[i], e));
	if (s->dev)
		TRY(dev_users(c));
	return config_check(c, e);
}

static int
read_or_complain(struct source *s, struct config **ret)
{
	struct config *c = calloc(1, sizeof *c);
	struct config_error e = { 0 };

	must(c);
	status st = read_all(s, c, &e);
	if (failed(st)) {
		complain("configuration", e.text[0] ? e.text : error_text(st.code));
		config_fini(c);
		free(c);
		return st.code == E_BAD_CONFIG ? EXIT_USAGE : error_exit(st.code);
	}
	*ret = c;
	return 0;
}

/* ---- commands ------------------------------------------------------------------------------------------------------- */

static int
run_server(bool dev, const struct options *o)
{
	struct source source = { dev, o };
	struct dev d = { .home = home() };
	struct supervisor_hooks hooks = { .reload = read_all, .ctx = &source };
	struct config *c;
	struct config_error e = { 0 };

	clock_gettime(CLOCK_BOOTTIME, &d.started);
	int code = read_or_complain(&source, &c);
	if (code)
		return code;
	log_init("ambitd", config_log_level(c));
	if (dev && o->reset && failed(dev_reset(c, &e))) {
		config_fini(c);
		free(c);
		return complain("reset", e.text);
	}
	if (dev) {
		hooks.ready = dev_ready;
		hooks.ready_ctx = &d;
	}
	return supervisor_run(c, &hooks);
}

static int
check_config(const struct options *o, bool show)
{
	CLEANUP(buf_fini) struct buf out = { 0 };
	struct source source = { false, o };
	struct config *c;
	int code = read_or_complain(&source, &c);

	if (code)
		return code;
	buf_init(&out, 1 << 20);
	if (show)
		config_show(c, o->origin, &out);
	else
		buf_put_str(&out, "configuration is valid\n");
	fwrite(out.p, 1, out.n, stdout);
	config_fini(c);
	free(c);
	return 0;
}

static int
run_role(int argc, char **argv)
{
	struct role_start start;

	if (!role_start_parse(argc, argv, &start))
		return complain("-x is for ambitd itself", "");
	return role_main(&start);
}

int
main(int argc, char **argv)
{
	struct options o = { 0 };
	const char *command = argc > 1 ? argv[1] : "--help";

	if (strcmp(command, "-x") == 0)
		return run_role(argc - 2, argv + 2);
	if (strcmp(command, "--version") == 0) {
		puts("ambitd " AMBIT_VERSION);
		return 0;
	}
	if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0) {
		fputs(usage, stdout);
		return 0;
	}
	if (!parse_options(argc - 1, argv + 1, &o))
		return complain("see `ambitd --help`", "");
	if (o.help) {
		fputs(usage, stdout);
		return 0;
	}
	if (strcmp(command, "dev") == 0)
		return run_server(true, &o);
	if (strcmp(command, "serve") == 0)
		return run_server(false, &o);
	if (strcmp(command, "check-config") == 0)
		return check_config(&o, false);
	if (strcmp(command, "show-config") == 0)
		return check_config(&o, true);
	return complain("no such command; see `ambitd --help`", command);
}
