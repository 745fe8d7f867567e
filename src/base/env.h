/* env: the one door to clocks, random numbers and files.
 *
 * Roles hold a `struct env *` and reach the outside through it, so that tests can fail the n-th call, move the clock and
 * lose unsynced writes. core/ does not even have an env: time and random bytes are in its messages. Sockets are reached
 * through net/loop, processes through ipc/spawn; both take the env they live in. */
#ifndef AMBIT_BASE_ENV_H
#define AMBIT_BASE_ENV_H

#include "base/span.h"

#include <sys/types.h>

/* Both clocks of one moment, in nanoseconds. `wall`: CLOCK_REALTIME; may step. `boot`: CLOCK_BOOTTIME; never goes back
 * and runs during suspend. */
typedef struct instant {
	int64_t wall, boot;
} instant;

struct env;
struct env_ops {
	instant (*now)(struct env *);
	/* Fills p with n unpredictable bytes or fails. */
	status (*random)(struct env *, void *p, size_t n);
	/* As the system call; a descriptor or -errno. Always adds O_CLOEXEC. */
	int (*open)(struct env *, const char *path, int flags, unsigned mode);
	ssize_t (*read)(struct env *, int fd, void *p, size_t n);
	ssize_t (*write)(struct env *, int fd, const void *p, size_t n);
	int (*fsync)(struct env *, int fd);
	int (*rename)(struct env *, const char *from, const char *to);
	int (*unlink)(struct env *, const char *path);
	int (*mkdir)(struct env *, const char *path, unsigned mode);
};

struct env {
	const struct env_ops *ops;
};

/* The real thing; static, shared. */
struct env *env_posix(void);

static inline instant env_now(struct env *e) { return e->ops->now(e); }
static inline status env_random(struct env *e, void *p, size_t n) { return e->ops->random(e, p, n); }

struct buf;
/* Appends the whole file to `b`. E_NOT_FOUND when absent, E_LIMIT when larger than b->max, else E_IO. */
status env_read_file(struct env *e, const char *path, struct buf *b);
/* Replaces `path` atomically and durably: temporary file beside it, write, fsync, rename, fsync of the folder.
 * On any failure the old file is untouched and the temporary one removed. */
status env_write_file(struct env *e, const char *path, unsigned mode, span data);
/* mkdir -p; each new folder gets `mode`. An existing folder is fine. */
status env_mkdirs(struct env *e, const char *path, unsigned mode);

#endif
