/* Shell completion: three thin scripts that ask `ambit __complete`, which answers from the table and, for names, from the server
 * within 150 ms or not at all. */
#include "cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

static const char bash_script[] =
    "_ambit() {\n"
    "  local IFS=$'\\n'\n"
    "  local words=(\"${COMP_WORDS[@]:1:COMP_CWORD}\")\n"
    "  COMPREPLY=($(ambit __complete -- \"${words[@]}\" 2>/dev/null))\n"
    "  if [ \"${COMPREPLY[0]}\" = ':files' ]; then COMPREPLY=($(compgen -f -- \"${COMP_WORDS[COMP_CWORD]}\")); fi\n"
    "}\n"
    "complete -o nosort -F _ambit ambit 2>/dev/null || complete -F _ambit ambit\n";
static const char zsh_script[] =
    "#compdef ambit\n"
    "_ambit() {\n"
    "  local -a found\n"
    "  found=(\"${(@f)$(ambit __complete -- \"${(@)words[2,$CURRENT]}\" 2>/dev/null)}\")\n"
    "  if [[ \"$found[1]\" = ':files' ]]; then _files; elif [[ -n \"$found[1]\" ]]; then compadd -V ambit -- $found; fi\n"
    "}\n"
    "if [ \"$funcstack[1]\" = \"_ambit\" ]; then _ambit \"$@\"; else compdef _ambit ambit; fi\n";
static const char fish_script[] =
    "function __ambit_complete\n"
    "  set -l words (commandline -opc) (commandline -ct)\n"
    "  set -l found (ambit __complete -- $words[2..-1] 2>/dev/null)\n"
    "  if test \"$found[1]\" = ':files'; __fish_complete_path (commandline -ct); else; string join \\n -- $found; end\n"
    "end\n"
    "complete -c ambit -f -a '(__ambit_complete)'\n";

int
completion_run(struct cli *c)
{
	const char *shell = c->args.pos[0];
	return out_text(c, span_str(strcmp(shell, "bash") == 0 ? bash_script : strcmp(shell, "zsh") == 0 ? zsh_script : fish_script));
}

struct candidates {
	struct cli *c;
	const char *prefix;
	struct buf out;
};

static void
offer(struct candidates *k, const char *prefix, span s)
{
	size_t n = strlen(k->prefix), p = strlen(prefix);
	struct buf whole;
	buf_init(&whole, 4096);
	buf_put_str(&whole, prefix);
	buf_put(&whole, s);
	if (whole.n >= n && memcmp(whole.p ? (const char *)whole.p : "", k->prefix, n) == 0 && memchr(s.p, '\n', s.n) == NULL && s.n + p > 0) {
		buf_put(&k->out, buf_span(&whole));
		buf_put_u8(&k->out, '\n');
	}
	buf_fini(&whole);
}

static void
offer_words(struct candidates *k, const char *words)
{
	for (const char *w = words; w && *w;) {
		size_t n = strcspn(w, " ");
		offer(k, "", span_make(w, n));
		w += n + (w[n] == ' ');
	}
}

/* Names from the server: silent on every failure. The alarm bounds the whole, even a server that accepts and says nothing. */
static void
offer_names(struct candidates *k, const char *op, const char *member)
{
	struct answer a;
	static const struct itimerval budget = { .it_value = { 0, 150000 } };
	(void)!out_write((span){ 0 });
	setitimer(ITIMER_REAL, &budget, NULL);
	k->c->timeout = 1;
	if (failed(cli_ask(k->c, PEER_PEOPLE, op, SPAN("{}"), &a)) || a.error)
		return;
	json_for_items(it, json_gets(a.json, "items")) {
		const struct json *name = json_gets(it, member);
		if (json_is_str(name) && name->str.n < 200)
			offer(k, "", name->str);
	}
}

static void
offer_kind(struct candidates *k, enum complete kind, const char *words)
{
	switch (kind) {
	case COMP_NONE:
		break;
	case COMP_WORDS:
		offer_words(k, words);
		break;
	case COMP_FILE:
		buf_put_str(&k->out, ":files\n");
		break;
	case COMP_TASK:
		offer_names(k, "task/list", "id");
		break;
	case COMP_AGENT:
		offer_names(k, "agent/list", "name");
		break;
	case COMP_TOOL:
		offer_names(k, "tool/list", "name");
		break;
	case COMP_SERVER:
		offer_names(k, "server/list", "name");
		break;
	case COMP_POLICY:
		offer_names(k, "policy/list", "name");
		break;
	case COMP_APPROVAL:
		offer_names(k, "approval/list", "id");
		break;
	case COMP_COMMAND: {
		size_t n;
		const struct command *t = commands(&n);
		for (size_t i = 0; i < n; i++)
			if (!t[i].hidden && (i == 0 || strcmp(t[i].noun, t[i - 1].noun) != 0))
				offer(k, "", span_str(t[i].noun));
		break;
	}
	}
}

static void
offer_verbs(struct candidates *k, const char *noun)
{
	size_t n;
	const struct command *t = commands(&n);
	for (size_t i = 0; i < n; i++) {
		if (t[i].hidden)
			continue;
		if (noun) {
			if (t[i].verb && strcmp(t[i].noun, noun) == 0)
				offer(k, "", span_str(t[i].verb));
			continue;
		}
		bool first = true;
		for (size_t j = 0; j < i; j++)
			first &= strcmp(t[j].noun, t[i].noun) != 0;
		if (first)
			offer(k, "", span_str(t[i].noun));
		if (t[i].alias)
			offer(k, "", span_str(t[i].alias));
	}
}

static const struct flag *
flag_of(const struct command *cmd, const char *word)
{
	for (int pass = 0; pass < 2; pass++) {
		const struct flag *f = pass ? global_flags : cmd ? cmd->flags : NULL;
		for (size_t i = 0; f && i < 64 && (pass || i < COMMAND_MAX_FLAGS) && f[i].name; i++)
			if ((word[1] == '-' && strcmp(word + 2, f[i].name) == 0) || (word[1] == f[i].letter && f[i].letter && !word[2]))
				return &f[i];
	}
	return NULL;
}

static void
offer_flags(struct candidates *k, const struct command *cmd)
{
	for (size_t i = 0; cmd && i < COMMAND_MAX_FLAGS && cmd->flags[i].name; i++)
		offer(k, "--", span_str(cmd->flags[i].name));
	for (const struct flag *f = global_flags; f->name; f++)
		offer(k, "--", span_str(f->name));
}

int
complete_run(struct cli *c)
{
	char **w = c->args.rest;
	int n = 0;
	while (w && w[n])
		n++;
	if (n == 0)
		return 0;
	struct candidates k = { .c = c, .prefix = w[n - 1] };
	buf_init(&k.out, 1 << 20);
	int at = 0, before = n - 1;
	const struct command *cmd = command_find(before, w, &at);
	const struct flag *f = before > 0 && w[before - 1][0] == '-' ? flag_of(cmd, w[before - 1]) : NULL;
	for (int i = 0; i < before; i++)
		if (strcmp(w[i], "--") == 0)
			buf_put_str(&k.out, ":files\n");
	size_t verbs = 0, count;
	const struct command *t = commands(&count);
	for (size_t i = 0; before == 1 && i < count; i++)
		verbs += t[i].verb && strcmp(t[i].noun, w[0]) == 0;
	if (k.out.n) {
		/* words of the program to run */
	} else if (f && f->kind != FLAG_BOOL) {
		offer_kind(&k, f->complete, f->words);
	} else if (k.prefix[0] == '-') {
		offer_flags(&k, cmd);
	} else if (before == 0) {
		offer_verbs(&k, NULL);
	} else if (verbs) {
		offer_verbs(&k, w[0]);
	} else if (cmd) {
		size_t pos = 0;
		for (int i = at; i < before; i++) {
			const struct flag *g = w[i][0] == '-' ? flag_of(cmd, w[i]) : NULL;
			if (g && g->kind != FLAG_BOOL)
				i++;
			else if (w[i][0] != '-')
				pos++;
		}
		if (pos < COMMAND_MAX_POS && cmd->pos[pos].name)
			offer_kind(&k, cmd->pos[pos].complete, cmd->pos[pos].words);
	}
	int code = out_write(buf_span(&k.out));
	buf_fini(&k.out);
	return code;
}
