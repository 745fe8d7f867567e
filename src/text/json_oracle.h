/* A second JSON reader, for tests only. In a file of its own: its names collide with ours. */
#ifndef AMBIT_TEXT_JSON_ORACLE_H
#define AMBIT_TEXT_JSON_ORACLE_H

#include <stddef.h>

/* The document as jansson read and rewrote it (caller frees), or NULL and why. */
char *oracle_read(const void *p, size_t n, const char **ret_why);

#endif
