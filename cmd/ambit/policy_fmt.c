/* policy fmt: policies in the one layout, comments kept. */
#include "cli.h"
#include "diff.h"
#include "escape.h"
#include "policyset.h"
#include "base/env.h"
#include "cedar/format.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct tidying {
	struct cli *c;
	struct findings found;
	struct buf out;                  /* names of changed files, differences, or the formatted text of standard input */
	size_t changed, files;
	bool check, diff;
};

/* The file that a link leads to is replaced, not the link; its mode stays. */
static status
replace(const char *path, span text)
{
	char real[PATH_MAX];
	struct stat st;
	ENSURE(realpath(path, real) && stat(real, &st) == 0, E_IO);
	return env_write_file(env_posix(), real, st.st_mode & 07777, text);
}

static status
tidy(struct tidying *t, const struct policy_text *p)
{
	CLEANUP(buf_fini) struct buf b;
	struct cedar_diag d;
	bool input = strcmp(p->source.path, "-") == 0;
	buf_init(&b, 16 << 20);
	TRY(cedar_format(p->source.text, &b, &d));
	TRY(buf_finish(&b));
	bool same = span_eq(buf_span(&b), p->source.text);
	t->changed += !same;
	if (input && !t->check && !t->diff) {
		buf_put(&t->out, buf_span(&b));
		return OK;
	}
	if (same)
		return OK;
	if (t->diff) {
		const char *name = input ? "standard input" : p->source.path;
		buf_put_str(&t->out, "--- ");
		escape_text(span_str(name), false, &t->out);
		buf_put_str(&t->out, "\n+++ ");
		escape_text(span_str(name), false, &t->out);
		buf_put_str(&t->out, " (formatted)\n");
		diff_lines(p->source.text, buf_span(&b), 3, t->c->colour, &t->out);
		return OK;
	}
	if (!t->check)
		TRY(replace(p->source.path, buf_span(&b)));
	escape_text(span_str(input ? "standard input" : p->source.path), false, &t->out);
	buf_put_u8(&t->out, '\n');
	return OK;
}

int
policy_fmt_run(struct cli *c)
{
	struct tidying t = { .c = c, .check = args_has(&c->args, "check"), .diff = args_has(&c->args, "diff") };
	struct policyset set;
	int code;
	buf_init(&t.out, 64 << 20);
	if (!policyset_read(c, c->args.pos, c->args.n_pos, &set, &t.found, &code)) {
		findings_fini(&t.found);
		return code;
	}
	status s = OK;
	const char *at = NULL;
	/* What does not parse leaves everything as it is: half a folder formatted helps nobody. */
	for (size_t i = 0; i < set.n && !t.found.n && !failed(s); i++) {
		at = set.texts[i]->source.path;
		s = tidy(&t, set.texts[i]);
	}
	if (!failed(s))
		s = buf_finish(&t.out);
	if (t.found.n)
		code = findings_tell(c, &t.found);
	else if (failed(s))
		code = cli_fail(c, s.code, error_text(s.code), NULL, "%s cannot be formatted", at ? at : "the text");
	else
		code = out_text(c, buf_span(&t.out));
	if (!code && !t.found.n && t.changed)
		code = t.check ? error_exit(E_FINDINGS) : t.diff ? 11 : 0;
	buf_fini(&t.out);
	findings_fini(&t.found);
	policyset_fini(&set);
	return code;
}
