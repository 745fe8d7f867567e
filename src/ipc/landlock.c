#include "ipc/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Kernel interface, Documentation/userspace-api/landlock.rst. */
enum {
	FS_EXECUTE = 1 << 0, FS_WRITE_FILE = 1 << 1, FS_READ_FILE = 1 << 2, FS_READ_DIR = 1 << 3, FS_REMOVE_DIR = 1 << 4,
	FS_REMOVE_FILE = 1 << 5, FS_MAKE_CHAR = 1 << 6, FS_MAKE_DIR = 1 << 7, FS_MAKE_REG = 1 << 8, FS_MAKE_SOCK = 1 << 9,
	FS_MAKE_FIFO = 1 << 10, FS_MAKE_BLOCK = 1 << 11, FS_MAKE_SYM = 1 << 12, FS_REFER = 1 << 13, FS_TRUNCATE = 1 << 14,
	FS_IOCTL_DEV = 1 << 15,
	NET_BIND_TCP = 1 << 0, NET_CONNECT_TCP = 1 << 1,
	SCOPE_ABSTRACT_UNIX = 1 << 0, SCOPE_SIGNAL = 1 << 1,
	CREATE_VERSION = 1 << 0,
	RULE_PATH_BENEATH = 1,
};

enum {
	FS_WRITE_ALL = FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SOCK | FS_MAKE_FIFO |
	               FS_MAKE_SYM | FS_REFER | FS_TRUNCATE,
	FS_READ_ALL = FS_READ_FILE | FS_READ_DIR,
	FS_ON_FILES = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV,
};

struct ruleset_attr {
	uint64_t handled_fs, handled_net, scoped;
};

struct path_attr {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

int
landlock_abi(void)
{
	long v = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

	return v > 0 ? (int)v : 0;
}

static uint64_t
known_fs(int abi)
{
	uint64_t all = (1 << 13) - 1;

	return all | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) | (abi >= 5 ? FS_IOCTL_DEV : 0);
}

static uint64_t
wanted_fs(unsigned access)
{
	return (access & LANDLOCK_READ ? FS_READ_ALL : 0) | (access & LANDLOCK_EXEC ? FS_EXECUTE : 0) |
	       (access & LANDLOCK_WRITE ? FS_WRITE_ALL : 0);
}

static status
add_path(int ruleset, const struct landlock_path *p, uint64_t known)
{
	struct stat st;
	int fd = open(p->path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? OK : FAIL(E_IO);
	struct path_attr attr = { .allowed = wanted_fs(p->access) & known, .parent_fd = fd };
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		attr.allowed &= FS_ON_FILES;
	long done = syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &attr, 0);
	close(fd);
	ENSURE(done == 0, E_IO);
	return OK;
}

static status
add_paths(int ruleset, const struct landlock_rules *r, uint64_t known)
{
	for (size_t i = 0; i < r->n; i++)
		TRY(add_path(ruleset, &r->paths[i], known));
	ENSURE(syscall(SYS_landlock_restrict_self, ruleset, 0) == 0, E_IO);
	return OK;
}

status
landlock_enter(const struct landlock_rules *r)
{
	int abi = landlock_abi();
	struct ruleset_attr attr = {
		.handled_fs = known_fs(abi),
		.handled_net = r->tcp ? 0 : NET_BIND_TCP | NET_CONNECT_TCP,
		.scoped = r->outside ? 0 : SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL,
	};
	/* An older kernel takes a shorter struct and refuses bits it does not know. */
	size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;

	ENSURE(abi > 0, E_SANDBOX);
	int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	ENSURE(fd >= 0, E_IO);
	status s = add_paths(fd, r, attr.handled_fs);
	close(fd);
	return s;
}
