/* Man pages (mdoc) and docs/reference/cli.md, from the same tables as the help. */
#include "cli.h"
#include "base/env.h"
#include "exits.h"
#include "help.h"

#include <stdio.h>
#include <stdlib.h>

/* Text for mdoc: backslashes, leading dots and quotes would be taken for requests. */
static void
put_roff(const char *s, struct buf *b)
{
	bool start = true;
	for (; *s; s++) {
		if (start && (*s == '.' || *s == '\''))
			buf_put_str(b, "\\&");
		start = *s == '\n';
		if (*s == '\\')
			buf_put_str(b, "\\e");
		else if (*s == '-')
			buf_put_str(b, "\\-");
		else if (*s == '"')
			buf_put_str(b, "\\(dq");
		else if ((unsigned char)s[0] == 0xe2 && (unsigned char)s[1] == 0x80 && (unsigned char)s[2] == 0xa6) {
			buf_put_str(b, "...");
			s += 2;
		} else
			buf_put_u8(b, (uint8_t)*s);
	}
}

/* One sentence a line, as mdoc wants it; an empty line becomes a paragraph. */
static void
put_prose(const char *s, struct buf *b)
{
	struct buf plain;
	buf_init(&plain, 1 << 16);
	for (; *s; s++) {
		if (s[0] == '\n' && s[1] == '\n') {
			buf_put_str(&plain, "\n.Pp\n");
			s++;
		} else if ((s[0] == '.' || s[0] == ':') && s[1] == ' ' && s[0] == '.') {
			buf_put_str(&plain, ".\n");
			s++;
		} else {
			buf_put_u8(&plain, (uint8_t)*s);
		}
	}
	const char *text;
	if (!failed(buf_finish_str(&plain, &text)))
		for (const char *line = text; *line;) {
			size_t n = strcspn(line, "\n");
			if (n == 3 && memcmp(line, ".Pp", 3) == 0) {
				buf_put_str(b, ".Pp\n");
			} else if (n) {
				char *one = strndup(line, n);
				if (one)
					put_roff(one, b);
				free(one);
				buf_put_u8(b, '\n');
			}
			line += n + (line[n] == '\n');
		}
	buf_fini(&plain);
}

static void
man_flags(const struct flag *f, size_t max, struct buf *b)
{
	buf_put_str(b, ".Bl -tag -width Ds\n");
	for (size_t i = 0; i < max && f[i].name; i++) {
		buf_put_str(b, ".It ");
		if (f[i].letter)
			buf_printf(b, "Fl %c , ", f[i].letter);
		buf_put_str(b, "Fl \\-");
		put_roff(f[i].name, b);
		if (f[i].arg) {
			buf_put_str(b, " Ar ");
			put_roff(f[i].arg, b);
		}
		buf_put_u8(b, '\n');
		put_prose(f[i].help, b);
		if (f[i].complete == COMP_WORDS && f[i].words && strcmp(f[i].name, "output") != 0)
			buf_printf(b, "One of: %s.\n", f[i].words);
	}
	buf_put_str(b, ".El\n");
}

static void
man_head(const char *page, const char *section, const char *what, struct buf *b)
{
	buf_put_str(b, ".Dd November 24, 2026\n.Dt ");
	for (const char *s = page; *s; s++)
		buf_put_u8(b, (uint8_t)(*s >= 'a' && *s <= 'z' ? *s - 32 : *s));
	buf_printf(b, " %s\n.Os\n.Sh NAME\n.Nm %s\n.Nd ", section, page);
	put_roff(what, b);
	buf_put_u8(b, '\n');
}

static void
man_usage(const struct command *cmd, struct buf *b)
{
	buf_put_str(b, ".Nm ambit\n.Cm ");
	struct buf name;
	buf_init(&name, 256);
	command_name(cmd, &name);
	buf_put(b, buf_span(&name));
	buf_fini(&name);
	buf_put_u8(b, '\n');
	for (size_t i = 0; i < COMMAND_MAX_POS && cmd->pos[i].name; i++)
		buf_printf(b, cmd->pos[i].optional ? ".Op Ar %s\n" : ".Ar %s\n", cmd->pos[i].name);
	if (cmd->flags[0].name)
		buf_put_str(b, ".Op Ar flags\n");
	if (cmd->rest)
		buf_put_str(b, ".Fl \\-\n.Ar words ...\n");
}

static void
man_exits(const char *exits, struct buf *b)
{
	buf_put_str(b, ".Bl -tag -width 130n -compact\n");
	for (const char *s = exits; *s;) {
		char *end;
		int code = (int)strtol(s, &end, 10);
		buf_printf(b, ".It %d\n%s\n", code, exit_text(code));
		s = *end ? end + 1 : end;
	}
	buf_put_str(b, ".El\n");
}

static void
man_noun(const char *noun, struct buf *b)
{
	size_t n, verbs = 0;
	const struct command *t = commands(&n), *first = NULL;
	char page[64], what[128];
	for (size_t i = 0; i < n; i++)
		if (strcmp(t[i].noun, noun) == 0) {
			verbs++;
			first = first ? first : &t[i];
		}
	snprintf(page, sizeof page, "ambit-%s", noun);
	snprintf(what, sizeof what, "%s", verbs > 1 ? "commands about one noun of Ambit" : first->summary);
	man_head(page, "1", what, b);
	buf_put_str(b, ".Sh SYNOPSIS\n");
	for (size_t i = 0; i < n; i++)
		if (strcmp(t[i].noun, noun) == 0)
			man_usage(&t[i], b);
	buf_put_str(b, ".Sh DESCRIPTION\n");
	for (size_t i = 0; i < n; i++) {
		const struct command *k = &t[i];
		if (strcmp(k->noun, noun) != 0)
			continue;
		buf_put_str(b, ".Ss ambit ");
		struct buf name;
		buf_init(&name, 256);
		command_name(k, &name);
		buf_put(b, buf_span(&name));
		buf_fini(&name);
		buf_put_u8(b, '\n');
		put_prose(k->summary, b);
		if (k->alias)
			buf_printf(b, ".Pp\nAlso:\n.Cm ambit %s\n", k->alias);
		if (k->detail) {
			buf_put_str(b, ".Pp\n");
			put_prose(k->detail, b);
		}
		if (k->flags[0].name)
			man_flags(k->flags, COMMAND_MAX_FLAGS, b);
		buf_put_str(b, ".Pp\nExamples:\n.Bd -literal -offset indent\n");
		for (size_t e = 0; e < COMMAND_MAX_EXAMPLES && k->examples[e]; e++) {
			put_roff(k->examples[e], b);
			buf_put_u8(b, '\n');
		}
		buf_put_str(b, ".Ed\n.Pp\nExit codes:\n.Pp\n");
		man_exits(k->exits, b);
	}
	buf_put_str(b, ".Sh SEE ALSO\n.Xr ambit 1 ,\n.Xr ambit-exit-codes 7\n");
}

static void
man_ambit(struct buf *b)
{
	size_t n;
	const struct command *t = commands(&n);
	man_head("ambit", "1", "identity and privileged access for AI agents", b);
	buf_put_str(b, ".Sh SYNOPSIS\n.Nm\n.Ar command\n.Op Ar flags\n.Sh DESCRIPTION\n"
	    "Ambit gives every task of an AI agent its own authority: narrow, short-lived, decided afresh at every\n"
	    "action, and taken back whole the moment the task ends.\n.Nm\nis its command line.\n.Bl -tag -width Ds\n");
	for (size_t i = 0; i < n; i++)
		if (!t[i].hidden) {
			buf_put_str(b, ".It Cm ");
			command_name(&t[i], b);
			buf_put_u8(b, '\n');
			put_prose(t[i].summary, b);
		}
	buf_put_str(b, ".El\n.Pp\nFlags of every command:\n");
	man_flags(global_flags, 64, b);
	buf_put_str(b, ".Sh ENVIRONMENT\n.Bl -tag -width Ds\n"
	    ".It Ev AMBIT_CONTEXT\nname of the context to use\n.It Ev AMBIT_SOCKET , Ev AMBIT_PEOPLE_SOCKET\npaths of the two sockets\n"
	    ".It Ev AMBIT_OUTPUT\nform of output\n.It Ev AMBIT_AS\nuser to act as\n.It Ev AMBIT_NO_INPUT , Ev AMBIT_NO_COLOR , Ev NO_COLOR\nnever ask; no colour\n"
	    ".It Ev AMBIT_TASK\nset for programs under\n.Nm Cm run\n.El\n.Sh FILES\n.Bl -tag -width Ds\n.It Pa ~/.config/ambit/config\ncontexts\n.El\n"
	    ".Sh SEE ALSO\n.Xr ambit-exit-codes 7\n");
}

static void
man_exit_codes(struct buf *b)
{
	man_head("ambit-exit-codes", "7", "exit codes and error codes of ambit", b);
	buf_put_str(b, ".Sh DESCRIPTION\n.Bl -tag -width 130n -compact\n");
	for (size_t i = 0; i < ARRAY_LEN(exit_meanings); i++)
		buf_printf(b, ".It %d\n%s\n", exit_meanings[i].code, exit_meanings[i].text);
	buf_put_str(b, ".El\n.Ss Error codes\n.Bl -tag -width Ds\n");
	for (size_t i = 0; i < n_error_helps; i++) {
		buf_printf(b, ".It %s , exit %d\n", error_name(error_helps[i].code), error_exit(error_helps[i].code));
		put_prose(error_helps[i].when, b);
		put_prose(error_helps[i].fix, b);
	}
	buf_put_str(b, ".El\n.Sh SEE ALSO\n.Xr ambit 1\n");
}

static status
save(struct cli *c, const char *page, const struct buf *b)
{
	char path[4096];
	TRY(buf_finish(b));
	int n = snprintf(path, sizeof path, "%s/%s", c->args.pos[0], page);
	ENSURE(n > 0 && (size_t)n < sizeof path, E_LIMIT);
	return env_write_file(env_posix(), path, 0644, buf_span(b));
}

int
man_run(struct cli *c)
{
	struct buf b;
	char page[80];
	size_t n;
	const struct command *t = commands(&n);
	buf_init(&b, 1 << 20);
	status s = env_mkdirs(env_posix(), c->args.pos[0], 0755);
	if (!failed(s)) {
		man_ambit(&b);
		s = save(c, "ambit.1", &b);
	}
	buf_reset(&b);
	if (!failed(s)) {
		man_exit_codes(&b);
		s = save(c, "ambit-exit-codes.7", &b);
	}
	for (size_t i = 0; i < n && !failed(s); i++) {
		bool first = true;
		for (size_t k = 0; k < i; k++)
			first &= strcmp(t[k].noun, t[i].noun) != 0;
		if (!first || t[i].hidden)
			continue;
		buf_reset(&b);
		man_noun(t[i].noun, &b);
		snprintf(page, sizeof page, "ambit-%s.1", t[i].noun);
		s = save(c, page, &b);
	}
	buf_fini(&b);
	return failed(s) ? cli_fail(c, E_INTERNAL, error_text(s.code), NULL, "cannot write man pages into %s", c->args.pos[0]) : 0;
}

/* ---- docs/reference/cli.md ---- */

static void
md_flags(const struct flag *f, size_t max, struct buf *b)
{
	buf_put_str(b, "\n| flag | value | |\n|---|---|---|\n");
	for (size_t i = 0; i < max && f[i].name; i++) {
		buf_put_str(b, "| ");
		if (f[i].letter)
			buf_printf(b, "`-%c` ", f[i].letter);
		buf_printf(b, "`--%s` | ", f[i].name);
		for (const char *s = f[i].arg ? f[i].arg : ""; *s; s++)
			buf_printf(b, *s == '|' ? "\\|" : "%c", *s);
		buf_printf(b, " | %s", f[i].help);
		if (f[i].complete == COMP_WORDS && f[i].words && strcmp(f[i].name, "output") != 0)
			buf_printf(b, " (%s)", f[i].words);
		buf_put_str(b, " |\n");
	}
}

static void
md_command(const struct command *k, struct buf *b)
{
	buf_put_str(b, "\n### ambit ");
	command_name(k, b);
	buf_put_str(b, "\n\n`");
	help_usage(k, b);
	buf_put_str(b, "`");
	if (k->alias)
		buf_printf(b, " · also `ambit %s`", k->alias);
	buf_printf(b, "\n\n%s.\n", k->summary);
	if (k->detail)
		buf_printf(b, "\n%s\n", k->detail);
	if (k->flags[0].name)
		md_flags(k->flags, COMMAND_MAX_FLAGS, b);
	buf_put_str(b, "\n```\n");
	for (size_t e = 0; e < COMMAND_MAX_EXAMPLES && k->examples[e]; e++)
		buf_printf(b, "%s\n", k->examples[e]);
	buf_printf(b, "```\nExit codes: %s", k->exits);
	if (k->op)
		buf_printf(b, " · operation `%s`", k->op);
	buf_put_u8(b, '\n');
}

int
reference_run(struct cli *c)
{
	struct buf b;
	size_t n;
	const struct command *t = commands(&n);
	buf_init(&b, 1 << 22);
	buf_put_str(&b, "# The command line\n\nMade by `ambit __reference` from the command table; do not edit.\n\n"
	    "Every command prints a table on a terminal, the same columns separated by tabs and uncut into a pipe, and `-o json` everywhere. Text of agents and tools\n"
	    "is escaped: control, invisible and direction-changing characters show as `\\u{…}`.\n\n## Flags of every command\n");
	md_flags(global_flags, 64, &b);
	buf_put_str(&b, "\n## Exit codes\n\n| code | meaning |\n|---|---|\n");
	for (size_t i = 0; i < ARRAY_LEN(exit_meanings); i++)
		buf_printf(&b, "| %d | %s |\n", exit_meanings[i].code, exit_meanings[i].text);
	static const char *const groups[] = { "Work", "Decide", "Look", "Set up" };
	for (size_t g = 0; g < ARRAY_LEN(groups); g++) {
		buf_printf(&b, "\n## %s\n", groups[g]);
		for (size_t i = 0; i < n; i++)
			if (!t[i].hidden && strcmp(t[i].group, groups[g]) == 0)
				md_command(&t[i], &b);
	}
	buf_put_str(&b, "\n## Error codes\n\n| code | exit | when | fix |\n|---|---|---|---|\n");
	for (size_t i = 0; i < n_error_helps; i++)
		buf_printf(&b, "| `%s` | %d | %s | %s |\n", error_name(error_helps[i].code), error_exit(error_helps[i].code), error_helps[i].when, error_helps[i].fix);
	int code = failed(buf_finish(&b)) ? 1 : out_text(c, buf_span(&b));
	buf_fini(&b);
	return code;
}
