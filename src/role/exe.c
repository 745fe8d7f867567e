#include "role/exe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024, NS_TEXT = 64 };

/* What changes when the file does. */
struct identity {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec modified, changed;
};

struct entry {
	bool used;
	struct identity id;
	digest sha256;
};

struct exe_cache {
	struct env *env;
	char mount_ns[NS_TEXT];
	struct entry entries[EXE_CACHE];
	unsigned next;               /* the oldest gives way */
	uint8_t chunk[CHUNK];
};

static bool
link_text(const char *path, char *out, size_t size)
{
	ssize_t n = readlink(path, out, size - 1);

	if (n < 0 || (size_t)n == size - 1)
		return false;
	out[n] = 0;
	return true;
}

status
exe_cache_new(struct env *env, struct exe_cache **ret)
{
	struct exe_cache *c = calloc(1, sizeof *c);

	ENSURE(c, E_NO_MEMORY);
	c->env = env;
	if (!link_text("/proc/self/ns/mnt", c->mount_ns, sizeof c->mount_ns)) {
		free(c);
		return FAIL(E_IO);
	}
	*ret = c;
	return OK;
}

static bool
same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool
same_file(const struct identity *a, const struct identity *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && same_time(a->modified, b->modified) &&
	       same_time(a->changed, b->changed);
}

static struct identity
identity_of(const struct stat *st)
{
	return (struct identity){ st->st_dev, st->st_ino, st->st_size, st->st_mtim, st->st_ctim };
}

static status
hash_file(struct exe_cache *c, int fd, digest *ret)
{
	struct sha256 h;
	off_t at = 0;
	ssize_t n;

	sha256_init(&h);
	while ((n = pread(fd, c->chunk, sizeof c->chunk, at)) > 0) {
		sha256_add(&h, span_make(c->chunk, (size_t)n));
		at += n;
	}
	ENSURE(n == 0, E_IO);
	*ret = sha256_end(&h);
	return OK;
}

static status
hash_cached(struct exe_cache *c, int fd, struct stat *ret_st, digest *ret)
{
	ENSURE(fstat(fd, ret_st) == 0 && S_ISREG(ret_st->st_mode), E_IO);
	struct identity id = identity_of(ret_st);
	for (size_t i = 0; i < EXE_CACHE; i++)
		if (c->entries[i].used && same_file(&c->entries[i].id, &id)) {
			*ret = c->entries[i].sha256;
			return OK;
		}
	TRY(hash_file(c, fd, ret));
	/* A running program can not be written to; a file that changed all the same is not remembered. */
	struct stat after;
	ENSURE(fstat(fd, &after) == 0, E_IO);
	struct identity now = identity_of(&after);
	if (same_file(&id, &now)) {
		c->entries[c->next] = (struct entry){ true, id, *ret };
		c->next = (c->next + 1) % EXE_CACHE;
	}
	return OK;
}

/* In a mount namespace of its own, which anybody may make, a process can show any file under any name. */
static bool
name_is_true(struct exe_cache *c, uint32_t pid, const char *path, const struct stat *st)
{
	char link[64], ns[NS_TEXT];
	struct stat here;

	snprintf(link, sizeof link, "/proc/%u/ns/mnt", pid);
	if (link_text(link, ns, sizeof ns) && strcmp(ns, c->mount_ns) == 0)
		return true;
	return st && fstatat(AT_FDCWD, path, &here, 0) == 0 && here.st_dev == st->st_dev && here.st_ino == st->st_ino;
}

status
exe_of(struct exe_cache *c, uint32_t pid, struct exe *ret)
{
	char link[64];
	struct stat st;

	memset(ret, 0, sizeof *ret);
	snprintf(link, sizeof link, "/proc/%u/exe", pid);
	if (!link_text(link, ret->path, sizeof ret->path))
		return FAIL(errno == ENOENT || errno == ESRCH ? E_NOT_FOUND : E_IO);
	int fd = open(link, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	bool hashed = fd >= 0 && !failed(hash_cached(c, fd, &st, &ret->sha256));
	if (fd >= 0)
		close(fd);
	/* An executable that may be run but not read has no hash, and so matches no rule that wants one. */
	if (!hashed)
		memset(&ret->sha256, 0, sizeof ret->sha256);
	if (!name_is_true(c, pid, ret->path, hashed ? &st : NULL))
		ret->path[0] = 0;
	return OK;
}
