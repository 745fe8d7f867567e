#include "store/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

status
reserve_open(struct reserve *r, struct env *env, const char *path, uint64_t size)
{
	*r = (struct reserve){ .fd = -1, .size = size };
	if (size == 0) {
		r->held = true;
		return OK;
	}
	int fd = env->ops->open(env, path, O_RDWR | O_CREAT, 0600);
	/* No inode left: as full as a disk can be; the store itself will say so if it matters. */
	if (fd == -ENOSPC || fd == -EDQUOT)
		return OK;
	ENSURE(fd >= 0, E_IO);
	r->fd = fd;
	reserve_take(r);
	return OK;
}

void
reserve_close(struct reserve *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	r->held = false;
}

bool
reserve_take(struct reserve *r)
{
	if (r->held || r->fd < 0)
		return r->held;
	r->held = posix_fallocate(r->fd, 0, (off_t)r->size) == 0;
	/* What could be had of it is given back: an ordinary append must not find it gone. */
	if (!r->held && ftruncate(r->fd, 0) != 0)
		return false;
	return r->held;
}

void
reserve_release(struct reserve *r)
{
	if (r->fd < 0 || !r->held)
		return;
	r->held = false;
	/* If it fails the space stays allocated; the write then reports the full disk. */
	(void)!ftruncate(r->fd, 0);
}
