/* Where the third-party test data lies: $AMBIT_SHARED, else `shared` beside the source tree. Tests that need it skip,
 * saying so, where it is absent. */
#ifndef AMBIT_TESTS_SHARED_H
#define AMBIT_TESTS_SHARED_H

#include <stdio.h>
#include <stdlib.h>

/* "<shared>/<rest>" in a static buffer, overwritten by the next call. */
static inline const char *
shared_path(const char *rest)
{
	static char path[4096];
	const char *given = getenv("AMBIT_SHARED"), *root = getenv("AMBIT_SOURCE_ROOT");
	if (given)
		snprintf(path, sizeof path, "%s/%s", given, rest);
	else
		snprintf(path, sizeof path, "%s/../shared/%s", root ? root : ".", rest);
	return path;
}

#endif
