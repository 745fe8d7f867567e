/* walk: the files that a path names: itself, or those of a folder and the folders below it, by name. */
#ifndef AMBIT_CMD_WALK_H
#define AMBIT_CMD_WALK_H

#include "cli.h"

/* What a file is, by the end of its name. Files of the two last kinds are for `ambit policy`, not resources. */
enum file_kind {
	FILE_OTHER,
	FILE_CEDAR,              /* *.cedar */
	FILE_RESOURCES,          /* *.yaml, *.yml, *.json */
	FILE_TEST,               /* *_test.yaml, *_test.yml */
	FILE_TOOLS,              /* *_tools.yaml, *_tools.yml, *_tools.json: what tools a server has, with their schemas */
};
enum file_kind file_kind(const char *path);

/* `direct`: named on the command line, not found in a folder. The path lives in the arena. */
typedef status walk_fn(void *user, const char *path, enum file_kind kind, bool direct);

/* Calls fn for every file; in folders only for those of a known kind, and not for hidden ones. A path that does not exist is given
 * to fn, whose reading says so. Stops at the first failure. E_LIMIT: folders 16 deep, or 4096 entries in one; E_IO, E_NO_MEMORY. */
status walk(struct arena *a, const char *path, walk_fn *fn, void *user);

/* Reads a whole file (or standard input for "-") into the arena; E_LIMIT above `max`. As env_read_file else. */
status walk_read(struct arena *a, const char *path, size_t max, span *ret);

#endif
