#include "role/dirs.h"

#include "role/config_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whoever may write a folder may replace what is in it. */
static bool
others_may_write(const struct stat *st)
{
	return (st->st_mode & (S_IWGRP | S_IWOTH)) && !(st->st_mode & S_ISVTX);
}

/* `path` and every folder above it. */
static status
check_chain(const char *path, struct config_error *e)
{
	char part[4096];
	size_t n = strlen(path);

	ENSURE(n < sizeof part, E_BAD_CONFIG);
	memcpy(part, path, n + 1);
	for (;;) {
		struct stat st;
		if (stat(part[0] ? part : "/", &st) != 0 || !S_ISDIR(st.st_mode)) {
			config_say(e, "%s: not a folder", part);
			return FAIL(E_BAD_CONFIG);
		}
		if (others_may_write(&st) || (st.st_uid != 0 && st.st_uid != geteuid())) {
			config_say(e, "%s: may be changed by other users; give it to this user and take away the right to write (chmod go-w)",
			           part[0] ? part : "/");
			return FAIL(E_BAD_CONFIG);
		}
		char *slash = strrchr(part, '/');
		if (!slash || part[0] == 0)
			return OK;
		*slash = 0;
	}
}

static status
make(const char *path, unsigned mode, struct config_error *e)
{
	status s = env_mkdirs(env_posix(), path, mode);

	if (failed(s)) {
		config_say(e, "%s: can not be made: %s", path, strerror(errno));
		return FAIL(E_BAD_CONFIG);
	}
	return OK;
}

static status
make_below(span base, const char *name, unsigned mode, struct config_error *e)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	const char *path;

	buf_init(&b, 4096);
	buf_printf(&b, "%.*s%s", SPAN_ARG(base), name);
	TRY(buf_finish_str(&b, &path));
	TRY(make(path, mode, e));
	TRY(check_chain(path, e));
	/* An existing folder keeps what its owner gave it, but for what must be. */
	if (chmod(path, mode) != 0) {
		config_say(e, "%s: %s", path, strerror(errno));
		return FAIL(E_BAD_CONFIG);
	}
	return OK;
}

status
dirs_make(const struct config *c, struct config_error *e)
{
	unsigned door = c->dev ? 0700 : 0755;

	TRY(make_below(c->data, "", c->dev ? 0700 : 0711, e));
	TRY(make_below(c->data, "/empty", 0755, e));
	TRY(make_below(c->run, "", door, e));
	TRY(make_below(c->run, "/agent", door, e));
	return make_below(c->run, "/people", door, e);
}

/* The files of a folder, one level: their owner changes when uid_base does. Symbolic links are not followed. */
static status
give_files(int dir, uid_t uid, gid_t gid)
{
	int copy = dup(dir);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *ent;
	bool ok = d != NULL;

	if (!d && copy >= 0)
		close(copy);
	while (ok && (ent = readdir(d)))
		if (strcmp(ent->d_name, ".") != 0 && strcmp(ent->d_name, "..") != 0)
			ok = fchownat(dir, ent->d_name, uid, gid, AT_SYMLINK_NOFOLLOW) == 0;
	if (d)
		closedir(d);
	return ok ? OK : FAIL(E_IO);
}

status
dirs_make_own(const struct config *c, const char *name, uid_t uid, gid_t gid, struct buf *path, struct config_error *e)
{
	const char *p;

	buf_printf(path, "%.*s/%s", SPAN_ARG(c->data), name);
	TRY(buf_finish_str(path, &p));
	TRY(make(p, 0700, e));
	int fd = open(p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, 0700) != 0 || (uid != (uid_t)-1 && fchown(fd, uid, gid) != 0) ||
	    (uid != (uid_t)-1 && failed(give_files(fd, uid, gid)))) {
		config_say(e, "%s: %s", p, strerror(errno));
		if (fd >= 0)
			close(fd);
		return FAIL(E_BAD_CONFIG);
	}
	close(fd);
	return OK;
}
