/* embedded: files that are part of the program (tools/embed). */
#ifndef AMBIT_CMD_EMBEDDED_H
#define AMBIT_CMD_EMBEDDED_H

#include <stddef.h>

struct embedded {
	const char *name;        /* NULL ends the table */
	size_t n;
	const char *text;
};

extern const struct embedded starter_policies[];

#endif
