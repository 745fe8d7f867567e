/* policy init: the starter policies into a folder of one's own. */
#include "cli.h"
#include "embedded.h"
#include "base/env.h"

#include <stdio.h>
#include <sys/stat.h>

static const char *
path_of(struct cli *c, const char *folder, const char *name)
{
	size_t n = strlen(folder) + strlen(name) + 2;
	char *p = arena_alloc(&c->arena, n);
	if (p)
		snprintf(p, n, "%s%s%s", folder, span_ends(span_str(folder), SPAN("/")) ? "" : "/", name);
	return p;
}

int
policy_init_run(struct cli *c)
{
	const char *folder = c->args.pos[0];
	struct buf b;
	struct stat st;
	/* All or none: somebody's edited copy is never written over. */
	for (const struct embedded *e = starter_policies; e->name; e++) {
		const char *path = path_of(c, folder, e->name);
		if (!path || lstat(path, &st) == 0)
			return cli_fail(c, path ? E_EXISTS : E_NO_MEMORY, NULL, "choose another folder", "%s is there already; nothing was written", path ? path : folder);
	}
	status s = env_mkdirs(env_posix(), folder, 0777);
	buf_init(&b, 65536);
	for (const struct embedded *e = starter_policies; e->name && !failed(s); e++) {
		const char *path = path_of(c, folder, e->name);
		s = path ? env_write_file(env_posix(), path, 0644, span_make(e->text, e->n)) : FAIL(E_NO_MEMORY);
		buf_printf(&b, "%s\n", path ? path : "");
	}
	if (!failed(s))
		s = buf_finish(&b);
	int code = failed(s) ? cli_fail(c, s.code, error_text(s.code), NULL, "%s cannot be written", folder) : out_text(c, buf_span(&b));
	buf_fini(&b);
	return code;
}
