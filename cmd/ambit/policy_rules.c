/* The rules' pages: docs/reference/policy-rules.md and `ambit help RULE`. */
#include "finding.h"

static void
put_code(const char *label, const char *text, struct buf *b)
{
	buf_printf(b, "\n%s:\n\n```cedar\n%s\n```\n", label, text);
}

int
policy_rules_run(struct cli *c)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	buf_put_str(&b, "# Rules of `ambit policy lint` and `ambit policy validate`\n\nMade from the table that the program uses. `ambit help RULE` prints a rule's page without a network. "
	    "Errors and warnings end with exit code 10; notes do not.\n\n| rule | level | finds |\n|---|---|---|\n");
	for (unsigned i = 0; i < RULE_COUNT; i++)
		buf_printf(&b, "| [`%s`](#%s) | %s | %s |\n", rule_helps[i].id, rule_helps[i].id, level_name(rule_helps[i].level), rule_helps[i].title);
	for (unsigned i = 0; i < RULE_COUNT; i++) {
		const struct rule_help *h = &rule_helps[i];
		buf_printf(&b, "\n## %s\n\n*%s*: %s. %s\n", h->id, level_name(h->level), h->title, h->why);
		put_code("Found", h->bad, &b);
		put_code("Meant", h->good, &b);
	}
	int code = failed(buf_finish(&b)) ? 1 : out_write(buf_span(&b));
	buf_fini(&b);
	return code;
}
