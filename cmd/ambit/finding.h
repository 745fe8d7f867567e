/* finding: what a look at policies found, and the forms it is told in: for people with an excerpt and a caret, as JSON, and as
 * SARIF 2.1.0 for code hosts. */
#ifndef AMBIT_CMD_FINDING_H
#define AMBIT_CMD_FINDING_H

#include "cli.h"
#include "cedar/ast.h"

/* The closed list of rules; ORDER of rules.def. */
enum rule_id {
#define R(name, text, level, title, why, bad, good) RULE_##name,
#include "rules.def"
#undef R
	RULE_COUNT
};

enum level { LEVEL_NOTE, LEVEL_WARNING, LEVEL_ERROR };

struct rule_help {
	const char *id;                  /* "overbroad-permit" */
	enum level level;
	const char *title, *why, *bad, *good;
};
extern const struct rule_help rule_helps[RULE_COUNT];
const char *level_name(enum level l);
/* RULE_COUNT when there is none of that name. */
enum rule_id rule_from(const char *id);
/* The page of one rule, for terminals. */
void rule_page(enum rule_id r, struct buf *b);

/* A text that findings are about. */
struct source_text {
	const char *path;                /* as given; "-" is standard input */
	span text;
	size_t order;                    /* findings are told in this order */
};

struct finding {
	enum rule_id rule;
	enum level level;
	const struct source_text *source;
	struct cedar_diag at;            /* what, hint, place; `end` > offset marks the whole span */
	const struct cedar_policy *policy;
};

struct findings {
	struct finding *items;
	size_t n, cap;
	size_t files, policies;          /* looked at */
	bool oom;
};

void findings_fini(struct findings *f);
/* At a place of a source; the level is the rule's. */
void findings_add(struct findings *f, enum rule_id r, const struct source_text *src, const struct cedar_policy *p, const struct cedar_diag *d);
/* The same with its own words. */
void finding_at(struct findings *f, enum rule_id r, const struct source_text *src, const struct cedar_policy *p, struct cedar_pos pos, uint32_t end,
                const char *hint, const char *fmt, ...) __attribute__((format(printf, 8, 9)));
/* Prints them all in the form asked for (c->form, c->output) and gives the exit code: 0, or 10 when there is more than notes. */
int findings_tell(struct cli *c, struct findings *f);

#endif
