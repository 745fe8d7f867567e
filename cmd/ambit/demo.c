/* ambit demo: starts the tour of demo/. The tour is a program of its own, made of the official MCP SDK and this very command line. */
#include "cli.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *
find_tour(struct cli *c, const char *self)
{
	const char *given = args_str(&c->args, "dir"), *env = getenv("AMBIT_DEMO_DIR");
	char near[PATH_MAX + 16] = "";
	const char *slash = strrchr(self, '/');
	/* build/cmd/ambit/ambit beside the sources */
	if (slash)
		snprintf(near, sizeof near, "%.*s/../../../demo", (int)(slash - self), self);
	const char *tries[] = { given, env, near, "/usr/share/ambit/demo" };
	for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
		char path[PATH_MAX + 32], real[PATH_MAX];
		if (!tries[i] || !*tries[i] || snprintf(path, sizeof path, "%s/tour.mjs", tries[i]) >= (int)sizeof path)
			continue;
		if (realpath(path, real) && access(real, R_OK) == 0)
			return arena_cstr(&c->arena, span_str(real));
		if (i == 0)
			return NULL;
	}
	return NULL;
}

int
demo_run(struct cli *c)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	self[n > 0 ? n : 0] = 0;
	const char *tour = find_tour(c, self);
	if (!tour)
		return cli_fail(c, E_NOT_FOUND, "neither beside this program nor in /usr/share/ambit/demo", "ambit demo --dir FOLDER", "the tour's files are not here");
	setenv("AMBIT_BIN", self, 1);
	setenv("AMBIT_DEMO_COLOUR", c->colour ? "1" : "0", 1);
	setenv("AMBIT_SOCKET", c->ctx.agent_socket, 1);
	setenv("AMBIT_PEOPLE_SOCKET", c->ctx.people_socket, 1);
	unsetenv("AMBIT_OUTPUT");
	const char *argv[] = { "node", tour, cli_json(c) ? "--json" : NULL, NULL };
	execvp(argv[0], (char *const *)argv);
	return cli_fail(c, E_NOT_FOUND, strerror(errno), "apt install nodejs, then tools/setup", "the tour needs node");
}
