/* Help for terminals, all from the command table, base/errors.def and help.def. Needs no server. */
#include "cli.h"
#include "exits.h"
#include "finding.h"
#include "help.h"

#include <stdio.h>
#include <stdlib.h>

const struct error_help error_helps[] = {
#define H(name, when, fix) { E_##name, when, fix },
#include "help.def"
#undef H
};
const size_t n_error_helps = ARRAY_LEN(error_helps);

int
help_overview(struct cli *c)
{
	static const char text[] =
	    "ambit: a task of its own for every piece of an AI agent's work: narrow, watched, taken back whole at its end.\n"
	    "\n"
	    "  ambit run --task 'fix the bug' --allow 'files/*' -- claude    run an agent in a task\n"
	    "  ambit approvals                                               what waits for a human\n"
	    "  ambit kill task tsk_…                                         end it all, now\n"
	    "\n"
	    "Work    run  mcp  task  check  token\n"
	    "Decide  approvals  approve  deny  kill  resume  revocations\n"
	    "Look    status  whoami  why  audit  key\n"
	    "Set up  apply  agent  tool  server  policy  resource  connect  doctor  demo  context  completion\n"
	    "\n"
	    "ambit COMMAND --help   ambit help exit-codes   ambit help ERROR_CODE\n";
	return out_text(c, span_str(text));
}

static void
put_wrapped(const char *s, unsigned indent, struct buf *b)
{
	unsigned col = 0;
	while (*s) {
		size_t n = strcspn(s, " \n");
		if (col && col + 1 + n > 96 - indent) {
			buf_printf(b, "\n%*s", (int)indent, "");
			col = 0;
		}
		if (col)
			buf_put_u8(b, ' ');
		buf_put(b, span_make(s, n));
		col += (unsigned)(n + (col > 0));
		s += n;
		if (*s == '\n') {
			buf_printf(b, "\n%*s", s[1] == '\n' ? 0 : (int)indent, "");
			col = 0;
		}
		s += *s != 0;
	}
	buf_put_u8(b, '\n');
}

void
help_usage(const struct command *cmd, struct buf *b)
{
	buf_put_str(b, "ambit ");
	command_name(cmd, b);
	for (size_t i = 0; i < COMMAND_MAX_POS && cmd->pos[i].name; i++) {
		const struct positional *p = &cmd->pos[i];
		buf_printf(b, p->optional ? " [%s%s]" : " %s%s", p->name, p->many ? "…" : "");
	}
	if (cmd->flags[0].name)
		buf_put_str(b, " [flags]");
	if (cmd->rest)
		buf_printf(b, " -- %s", cmd->rest);
}

static void
put_flag(const struct flag *f, struct buf *b)
{
	size_t at = b->n;
	if (f->letter)
		buf_printf(b, "  -%c, --%s", f->letter, f->name);
	else
		buf_printf(b, "      --%s", f->name);
	if (f->arg)
		buf_printf(b, " %s", f->arg);
	size_t n = span_sub(buf_span(b), at, b->n - at).n;
	if (n > 30)
		buf_printf(b, "\n%*s", 32, "");
	else
		buf_printf(b, "%*s", (int)(32 - n), "");
	put_wrapped(f->help, 32, b);
	if (f->complete == COMP_WORDS && f->words && !strstr(f->help, "table, wide")) {
		buf_printf(b, "%*s", 32, "");
		buf_printf(b, "(one of: %s)\n", f->words);
	}
}

static void
put_exits(const char *exits, struct buf *b)
{
	for (const char *s = exits; *s;) {
		char *end;
		int code = (int)strtol(s, &end, 10);
		buf_printf(b, "  %-4d %s\n", code, exit_text(code));
		s = *end ? end + 1 : end;
	}
}

static bool
help_overridden(const struct command *cmd, const struct flag *global)
{
	for (size_t i = 0; i < COMMAND_MAX_FLAGS && cmd->flags[i].name; i++)
		if (strcmp(cmd->flags[i].name, global->name) == 0)
			return true;
	return false;
}

int
help_command(struct cli *c, const struct command *cmd)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	help_usage(cmd, &b);
	buf_put_str(&b, "\n");
	if (cmd->alias)
		buf_printf(&b, "ambit %s                 the same\n", cmd->alias);
	buf_put_str(&b, "\n");
	put_wrapped(cmd->summary, 0, &b);
	if (cmd->detail) {
		buf_put_u8(&b, '\n');
		put_wrapped(cmd->detail, 0, &b);
	}
	if (cmd->pos[0].name) {
		buf_put_str(&b, "\nARGUMENTS\n");
		for (size_t i = 0; i < COMMAND_MAX_POS && cmd->pos[i].name; i++) {
			buf_printf(&b, "  %-29s %s", cmd->pos[i].name, cmd->pos[i].help);
			if (cmd->pos[i].complete == COMP_WORDS)
				buf_printf(&b, ": %s", cmd->pos[i].words);
			buf_put_u8(&b, '\n');
		}
	}
	if (cmd->flags[0].name) {
		buf_put_str(&b, "\nFLAGS\n");
		for (size_t i = 0; i < COMMAND_MAX_FLAGS && cmd->flags[i].name; i++)
			put_flag(&cmd->flags[i], &b);
	}
	buf_put_str(&b, "\nFLAGS OF EVERY COMMAND\n");
	for (const struct flag *f = global_flags; f->name; f++)
		if (!help_overridden(cmd, f))
			put_flag(f, &b);
	buf_put_str(&b, "\nEXAMPLES\n");
	for (size_t i = 0; i < COMMAND_MAX_EXAMPLES && cmd->examples[i]; i++)
		buf_printf(&b, "  %s\n", cmd->examples[i]);
	buf_put_str(&b, "\nEXIT CODES\n");
	put_exits(cmd->exits, &b);
	buf_printf(&b, "\nMan page: ambit-%s(1)\n", cmd->noun);
	int code = failed(buf_finish(&b)) ? 1 : out_text(c, buf_span(&b));
	buf_fini(&b);
	return code;
}

static int
help_noun(struct cli *c, const char *noun)
{
	struct buf b;
	size_t n;
	const struct command *t = commands(&n);
	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(t[i].noun, noun) != 0 || t[i].hidden)
			continue;
		buf_printf(&b, "ambit %s %-10s %s\n", noun, t[i].verb ? t[i].verb : "", t[i].summary);
	}
	int code = out_text(c, buf_span(&b));
	buf_fini(&b);
	return code;
}

static int
help_exits(struct cli *c)
{
	struct buf b;
	buf_init(&b, 1 << 16);
	for (size_t i = 0; i < ARRAY_LEN(exit_meanings); i++)
		buf_printf(&b, "%-4d %s\n", exit_meanings[i].code, exit_meanings[i].text);
	buf_put_str(&b, "\n`ambit run` leaves with the code of the program it ran. `ambit hook` leaves with 0, or 2 to block.\n");
	int code = out_text(c, buf_span(&b));
	buf_fini(&b);
	return code;
}

static int
help_error(struct cli *c, const struct error_help *h)
{
	struct buf b;
	buf_init(&b, 1 << 16);
	buf_printf(&b, "%s: %s\n\n", error_name(h->code), error_text(h->code));
	buf_put_str(&b, "When     ");
	put_wrapped(h->when, 9, &b);
	buf_put_str(&b, "Fix      ");
	put_wrapped(h->fix, 9, &b);
	buf_printf(&b, "Exit     %d, %s\n", error_exit(h->code), exit_text(error_exit(h->code)));
	buf_printf(&b, "HTTP     %d%s%s\n", error_http(h->code), *error_oauth(h->code) ? ", OAuth error " : "", error_oauth(h->code));
	buf_printf(&b, "Example  ambit: %s%s\n", error_exit(h->code) == 3 ? "denied: " : "", error_text(h->code));
	int code = out_text(c, buf_span(&b));
	buf_fini(&b);
	return code;
}

int
help_run(struct cli *c)
{
	char **topic = c->args.pos;
	int at = 0, n = (int)c->args.n_pos;
	if (n == 0)
		return help_overview(c);
	if (n == 1 && strcmp(topic[0], "exit-codes") == 0)
		return help_exits(c);
	if (n == 1) {
		uint16_t code = error_from_name(topic[0], strlen(topic[0]));
		for (size_t i = 0; code && i < n_error_helps; i++)
			if (error_helps[i].code == code)
				return help_error(c, &error_helps[i]);
	}
	if (n == 1 && rule_from(topic[0]) != RULE_COUNT) {
		struct buf b;
		buf_init(&b, 65536);
		rule_page(rule_from(topic[0]), &b);
		int code = out_text(c, buf_span(&b));
		buf_fini(&b);
		return code;
	}
	size_t count, verbs = 0;
	const struct command *t = commands(&count);
	for (size_t i = 0; i < count; i++)
		verbs += t[i].verb && strcmp(t[i].noun, topic[0]) == 0;
	if (n == 1 && verbs > 0)
		return help_noun(c, topic[0]);
	const struct command *cmd = command_find(n, topic, &at);
	if (cmd && at == n)
		return help_command(c, cmd);
	return cli_fail(c, E_NOT_FOUND, NULL, "ambit help", "there is no help for \"%s\"", topic[0]);
}

int
version_run(struct cli *c)
{
	struct json_member m = { SPAN("version"), json_make_str(SPAN(AMBIT_VERSION)) };
	struct json v;
	int code;
	if (!failed(json_make_obj(&c->arena, &m, 1, &v, NULL)) && out_machine(c, &v, &code))
		return code;
	return out_write(SPAN("ambit " AMBIT_VERSION "\n"));
}
