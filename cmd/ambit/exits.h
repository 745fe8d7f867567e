/* exits: the command line's exit codes and what they mean. One table for help, man pages and reference. */
#ifndef AMBIT_CMD_EXITS_H
#define AMBIT_CMD_EXITS_H

#include <stddef.h>

static const struct exit_meaning {
	int code;
	const char *text;
} exit_meanings[] = {
	{ 0, "success; allowed; healthy" },
	{ 1, "unexpected failure" },
	{ 2, "usage error, or a question that could not be asked" },
	{ 3, "denied" },
	{ 4, "not known to the server, or credential expired" },
	{ 5, "approval pending" },
	{ 6, "approval rejected, expired or withdrawn" },
	{ 7, "not found" },
	{ 8, "conflict: changed in the meantime" },
	{ 9, "no healthy server, or its store cannot be written" },
	{ 10, "completed with findings: not healthy, event chain broken, check failed" },
	{ 11, "--dry-run: would change something" },
	{ 12, "revocation incomplete: done here, some targets unconfirmed" },
	{ 130, "interrupted, or not confirmed" },
};

static inline const char *
exit_text(int code)
{
	for (size_t i = 0; i < sizeof exit_meanings / sizeof exit_meanings[0]; i++)
		if (exit_meanings[i].code == code)
			return exit_meanings[i].text;
	return "?";
}

#endif
