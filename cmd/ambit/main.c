/* ambit: the command line. */
#include "cli.h"
#include "help.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool
truthy(const char *name)
{
	const char *v = getenv(name);
	return v && *v && strcmp(v, "0") != 0;
}

static bool
pick_output(struct cli *c)
{
	const char *o = args_str(&c->args, "output");
	if (!o)
		o = getenv("AMBIT_OUTPUT");
	static const char *const names[] = { "table", "wide", "json", "jsonl", "name" };
	bool ok = !o || !*o;
	for (unsigned i = 0; o && i < ARRAY_LEN(names); i++)
		if (strcmp(o, names[i]) == 0) {
			c->output = (enum output)i;
			ok = true;
		}
	/* A command's own -o names its own forms; the parser has held the word against them. */
	const struct arg *own = args_get(&c->args, "output");
	if (own && !ok && own->flag != global_flags) {
		c->form = o;
		ok = true;
	}
	if (args_has(&c->args, "json"))
		c->output = OUT_JSON;
	if (args_has(&c->args, "quiet"))
		c->output = OUT_NAME;
	return ok;
}

static bool
settle(struct cli *c)
{
	c->tty_in = isatty(STDIN_FILENO);
	c->tty_out = isatty(STDOUT_FILENO);
	c->tty_err = isatty(STDERR_FILENO);
	c->quiet = args_has(&c->args, "quiet");
	c->yes = args_has(&c->args, "yes");
	c->no_input = args_has(&c->args, "no-input") || truthy("AMBIT_NO_INPUT");
	c->field = args_str(&c->args, "field");
	c->as = args_str(&c->args, "as");
	if (!c->as && truthy("AMBIT_AS"))
		c->as = getenv("AMBIT_AS");
	c->timeout = args_int(&c->args, "timeout", 30);
	const char *term = getenv("TERM");
	c->colour = c->tty_out && !args_has(&c->args, "no-color") && !truthy("NO_COLOR") && !truthy("AMBIT_NO_COLOR") &&
	            term && strcmp(term, "dumb") != 0;
	context_load(c);
	return pick_output(c);
}

/* Global flags may stand before the command: they are moved behind it. */
static int
leading_flags(int argc, char **argv)
{
	int i = 1;
	while (i < argc && argv[i][0] == '-' && argv[i][1]) {
		bool value = false;
		for (const struct flag *f = global_flags; f->name; f++) {
			bool is = argv[i][1] == '-' ? strcmp(argv[i] + 2, f->name) == 0 : argv[i][1] == f->letter && argv[i][2] == 0;
			value |= is && f->kind != FLAG_BOOL;
		}
		i += value ? 2 : 1;
	}
	return i < argc ? i : argc;
}

static int
dispatch(struct cli *c, int argc, char **argv)
{
	int lead = leading_flags(argc, argv), at = lead;
	const char *problem;
	char **words = arena_array(&c->arena, (size_t)argc + 1, sizeof *words);
	if (!words)
		return 1;
	if (at >= argc) {
		if (argc == 2 && strcmp(argv[1], "--version") == 0) {
			static struct command version;
			c->cmd = &version;
			return version_run(c);
		}
		status s = args_parse(NULL, argc - 1, argv + 1, &c->arena, &c->args, &problem);
		pick_output(c);
		return failed(s) ? cli_fail(c, E_BAD_REQUEST, NULL, "ambit help", "%s", problem) : help_overview(c);
	}
	c->cmd = command_find(argc, argv, &at);
	if (!c->cmd) {
		const char *near = suggest_command(argv[lead]);
		char next[96];
		snprintf(next, sizeof next, near ? "did you mean: ambit %s" : "ambit help", near);
		return cli_fail(c, E_BAD_REQUEST, NULL, next, "there is no command \"%s%s%s\"", argv[lead],
		    lead + 1 < argc && argv[lead + 1][0] != '-' ? " " : "", lead + 1 < argc && argv[lead + 1][0] != '-' ? argv[lead + 1] : "");
	}
	int n = 0;
	for (int i = 1; i < lead; i++)
		words[n++] = argv[i];
	for (int i = at; i < argc; i++)
		words[n++] = argv[i];
	status s = args_parse(c->cmd, n, words, &c->arena, &c->args, &problem);
	bool output_ok = settle(c);
	if (c->args.help)
		return help_command(c, c->cmd);
	char next[96];
	snprintf(next, sizeof next, "ambit %s%s%s --help", c->cmd->noun, c->cmd->verb ? " " : "", c->cmd->verb ? c->cmd->verb : "");
	if (failed(s))
		return cli_fail(c, E_BAD_REQUEST, NULL, next, "%s", problem);
	if (!output_ok)
		return cli_fail(c, E_BAD_REQUEST, NULL, "table, wide, json, jsonl or name", "AMBIT_OUTPUT names no form of output");
	return c->cmd->run ? c->cmd->run(c) : op_run(c);
}

int
main(int argc, char **argv)
{
	static struct cli c;
	signal(SIGPIPE, SIG_IGN);
	arena_init(&c.arena, (size_t)1 << 30);
	c.self = argv[0];
	c.tty_out = isatty(STDOUT_FILENO);
	int code = dispatch(&c, argc, argv);
	arena_fini(&c.arena);
	return code;
}
