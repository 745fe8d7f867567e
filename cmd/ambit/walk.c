#include "walk.h"

#include "base/env.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WALK_DEPTH = 16, WALK_ENTRIES = 4096 };

enum file_kind
file_kind(const char *path)
{
	static const struct { const char *end; enum file_kind kind; } ends[] = {
		{ ".cedar", FILE_CEDAR },
		{ "_test.yaml", FILE_TEST }, { "_test.yml", FILE_TEST },
		{ "_tools.yaml", FILE_TOOLS }, { "_tools.yml", FILE_TOOLS }, { "_tools.json", FILE_TOOLS },
		{ ".yaml", FILE_RESOURCES }, { ".yml", FILE_RESOURCES }, { ".json", FILE_RESOURCES },
	};
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (span_ends(span_str(path), span_str(ends[i].end)))
			return ends[i].kind;
	return FILE_OTHER;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool
is_folder(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static status
entries(struct arena *a, const char *path, DIR *d, char **names, size_t *n)
{
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		size_t len = strlen(path) + strlen(e->d_name) + 2;
		char *p = arena_alloc(a, len);
		ENSURE(p, E_NO_MEMORY);
		snprintf(p, len, "%s%s%s", path, span_ends(span_str(path), SPAN("/")) ? "" : "/", e->d_name);
		if (file_kind(p) == FILE_OTHER && !is_folder(p))
			continue;
		ENSURE(*n < WALK_ENTRIES, E_LIMIT);
		names[(*n)++] = p;
	}
	return OK;
}

static status
step(struct arena *a, const char *path, unsigned depth, walk_fn *fn, void *user)
{
	if (!is_folder(path))
		return fn(user, path, file_kind(path), depth == 0);
	ENSURE(depth < WALK_DEPTH, E_LIMIT);
	char **names = arena_array(a, WALK_ENTRIES, sizeof *names);
	ENSURE(names, E_NO_MEMORY);
	DIR *d = opendir(path);
	ENSURE(d, E_IO);
	size_t n = 0;
	status s = entries(a, path, d, names, &n);
	closedir(d);
	TRY(s);
	qsort(names, n, sizeof *names, by_name);
	for (size_t i = 0; i < n; i++)
		TRY(step(a, names[i], depth + 1, fn, user));
	return OK;
}

status walk(struct arena *a, const char *path, walk_fn *fn, void *user) { return step(a, path, 0, fn, user); }

static status
read_stdin(struct buf *b)
{
	ssize_t n = 0;
	uint8_t *p;
	while ((p = buf_extend(b, 65536)) && (n = read(STDIN_FILENO, p, 65536)) > 0)
		buf_truncate(b, b->n - 65536 + (size_t)n);
	if (p)
		buf_truncate(b, b->n - 65536);
	TRY(buf_finish(b));
	ENSURE(n == 0, E_IO);
	return OK;
}

status
walk_read(struct arena *a, const char *path, size_t max, span *ret)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, max + 65536);
	if (strcmp(path, "-") == 0)
		TRY(read_stdin(&b));
	else
		TRY(env_read_file(env_posix(), path, &b));
	ENSURE(b.n <= max, E_LIMIT);
	*ret = arena_copy(a, buf_span(&b));
	ENSURE(arena_ok(a), E_NO_MEMORY);
	return OK;
}
