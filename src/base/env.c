#include "base/env.h"
#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static instant
posix_now(struct env *)
{
	struct timespec w, b;
	clock_gettime(CLOCK_REALTIME, &w);
	clock_gettime(CLOCK_BOOTTIME, &b);
	return (instant){ w.tv_sec * 1000000000LL + w.tv_nsec, b.tv_sec * 1000000000LL + b.tv_nsec };
}

static status
posix_random(struct env *, void *p, size_t n)
{
	uint8_t *q = p;
	while (n) {
		ssize_t r = getrandom(q, n, 0);
		if (r < 0 && errno == EINTR)
			continue;
		ENSURE(r > 0, E_CRYPTO);
		q += r;
		n -= (size_t)r;
	}
	return OK;
}

static int
posix_open(struct env *, const char *path, int flags, unsigned mode)
{
	int fd = open(path, flags | O_CLOEXEC, mode);
	return fd < 0 ? -errno : fd;
}

static ssize_t
posix_read(struct env *, int fd, void *p, size_t n)
{
	ssize_t r = read(fd, p, n);
	return r < 0 ? -errno : r;
}

static ssize_t
posix_write(struct env *, int fd, const void *p, size_t n)
{
	ssize_t r = write(fd, p, n);
	return r < 0 ? -errno : r;
}

static int posix_fsync(struct env *, int fd) { return fsync(fd) < 0 ? -errno : 0; }
static int posix_rename(struct env *, const char *a, const char *b) { return rename(a, b) < 0 ? -errno : 0; }
static int posix_unlink(struct env *, const char *p) { return unlink(p) < 0 ? -errno : 0; }
static int posix_mkdir(struct env *, const char *p, unsigned mode) { return mkdir(p, mode) < 0 ? -errno : 0; }

static const struct env_ops posix_ops = {
	.now = posix_now, .random = posix_random, .open = posix_open, .read = posix_read, .write = posix_write,
	.fsync = posix_fsync, .rename = posix_rename, .unlink = posix_unlink, .mkdir = posix_mkdir,
};

struct env *
env_posix(void)
{
	static struct env e = { &posix_ops };
	return &e;
}

status
env_read_file(struct env *e, const char *path, struct buf *b)
{
	int fd = e->ops->open(e, path, O_RDONLY, 0);
	ENSURE(fd != -ENOENT, E_NOT_FOUND);
	ENSURE(fd >= 0, E_IO);
	for (;;) {
		uint8_t chunk[8192];
		ssize_t r = e->ops->read(e, fd, chunk, sizeof chunk);
		if (r == -EINTR)
			continue;
		if (r <= 0) {
			close(fd);
			ENSURE(r == 0, E_IO);
			return buf_finish(b);
		}
		buf_put(b, span_make(chunk, (size_t)r));
	}
}

static int
write_all(struct env *e, int fd, span data)
{
	while (data.n) {
		ssize_t r = e->ops->write(e, fd, data.p, data.n);
		if (r == -EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? (int)r : -EIO;
		data = span_sub(data, (size_t)r, data.n);
	}
	return 0;
}

static int
sync_folder_of(struct env *e, const char *path)
{
	char *copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	int fd = e->ops->open(e, dirname(copy), O_RDONLY | O_DIRECTORY, 0);
	free(copy);
	if (fd < 0)
		return fd;
	int r = e->ops->fsync(e, fd);
	close(fd);
	return r;
}

status
env_write_file(struct env *e, const char *path, unsigned mode, span data)
{
	CLEANUP(buf_fini) struct buf tmp;
	buf_init(&tmp, 4096);
	buf_printf(&tmp, "%s.tmp.%ld", path, (long)getpid());
	const char *tmp_path;
	TRY(buf_finish_str(&tmp, &tmp_path));
	int fd = e->ops->open(e, tmp_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
	ENSURE(fd >= 0, E_IO);
	int r = write_all(e, fd, data);
	if (r == 0)
		r = e->ops->fsync(e, fd);
	close(fd);
	if (r == 0)
		r = e->ops->rename(e, tmp_path, path);
	if (r == 0)
		r = sync_folder_of(e, path);
	else
		e->ops->unlink(e, tmp_path);
	ENSURE(r == 0, E_IO);
	return OK;
}

status
env_mkdirs(struct env *e, const char *path, unsigned mode)
{
	char *copy = strdup(path);
	ENSURE(copy, E_NO_MEMORY);
	int r = 0;
	for (char *p = copy + 1; r == 0; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		char keep = *p;
		*p = '\0';
		r = e->ops->mkdir(e, copy, mode);
		if (r == -EEXIST)
			r = 0;
		*p = keep;
		if (keep == '\0')
			break;
	}
	free(copy);
	ENSURE(r == 0, E_IO);
	return OK;
}
