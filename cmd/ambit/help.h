/* help: parts of the help texts that man pages and reference share. */
#ifndef AMBIT_CMD_HELP_H
#define AMBIT_CMD_HELP_H

#include "cli.h"

struct error_help {
	uint16_t code;
	const char *when, *fix;
};
extern const struct error_help error_helps[];
extern const size_t n_error_helps;

/* "ambit task list [flags]" */
void help_usage(const struct command *cmd, struct buf *b);
int help_overview(struct cli *c);
int help_command(struct cli *c, const struct command *cmd);

#endif
