/* The file system of a jail: an empty tmpfs, and in it what was granted, bound from outside at the same place. What is not bound does
 * not exist inside: no socket of ours, no home directory, no other server's files. */
#include "ipc/jail_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MOUNT_ATTR_RDONLY
#error "linux/mount.h of 5.12 or newer is needed"
#endif

enum { PATH = 4096 };

/* Programs and libraries, and of /etc only what programs need to find them, names and time. */
static const char *const system_paths[] = {
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf",
	"/etc/ld.so.conf.d", "/etc/ssl", "/etc/ca-certificates", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/hosts",
	"/etc/localtime", "/etc/timezone", "/etc/mime.types", "/etc/protocols", "/etc/services",
};
static const char *const network_paths[] = { "/etc/resolv.conf", "/etc/gai.conf", "/etc/host.conf" };
static const char *const devices[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom" };

struct root {
	char *why;
	bool failed;
};

static void
trouble(struct root *r, const char *what, const char *path)
{
	if (!r->failed)
		snprintf(r->why, JAIL_WHY_MAX, "%s %s: %s", what, path, strerror(errno));
	r->failed = true;
}

/* The folders above `path`, and itself as a folder or an empty file. Existing ones are fine. */
static bool
make_place(const char *path, bool folder)
{
	char part[PATH];

	if ((size_t)snprintf(part, sizeof part, "%s", path) >= sizeof part)
		return false;
	for (char *p = part + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		if (mkdir(part, 0755) != 0 && errno != EEXIST)
			return false;
		*p = '/';
	}
	if (folder)
		return mkdir(part, 0755) == 0 || errno == EEXIST;
	int fd = open(part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd >= 0)
		close(fd);
	return fd >= 0 || errno == EEXIST;
}

/* Binds /old<path> at /new<path> with everything mounted below. */
static void
bind(struct root *r, const char *path, bool writable, bool optional)
{
	char from[PATH], to[PATH];
	struct stat st;
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (writable ? 0 : MOUNT_ATTR_RDONLY) };

	if (r->failed)
		return;
	snprintf(from, sizeof from, "/old%s", path);
	snprintf(to, sizeof to, "/new%s", path);
	if (stat(from, &st) != 0) {
		if (!optional || (errno != ENOENT && errno != EACCES))
			trouble(r, "no such path", path);
		return;
	}
	if (!make_place(to, S_ISDIR(st.st_mode)) || mount(from, to, NULL, MS_BIND | MS_REC, NULL) != 0 ||
	    syscall(SYS_mount_setattr, AT_FDCWD, to, AT_RECURSIVE, &attr, sizeof attr) != 0)
		trouble(r, "can not show", path);
}

static void
bind_device(struct root *r, const char *path)
{
	char from[PATH], to[PATH];

	if (r->failed)
		return;
	snprintf(from, sizeof from, "/old%s", path);
	snprintf(to, sizeof to, "/new%s", path);
	if (!make_place(to, false) || mount(from, to, NULL, MS_BIND, NULL) != 0)
		trouble(r, "can not show", path);
}

/* /bin -> usr/bin and its like are links inside as well. */
static void
system_path(struct root *r, const char *path)
{
	char from[PATH], to[PATH], target[PATH];

	snprintf(from, sizeof from, "/old%s", path);
	snprintf(to, sizeof to, "/new%s", path);
	ssize_t n = readlink(from, target, sizeof target - 1);
	if (n > 0 && strchr(path + 1, '/') == NULL) {
		target[n] = 0;
		if (symlink(target, to) != 0)
			trouble(r, "can not link", path);
		return;
	}
	bind(r, path, false, true);
}

static void
mount_new(struct root *r, const char *type, const char *at, unsigned long flags, const char *options)
{
	char to[PATH];

	if (r->failed)
		return;
	snprintf(to, sizeof to, "/new%s", at);
	if (!make_place(to, true) || mount(type, to, type, flags, options) != 0)
		trouble(r, "can not mount", at);
}

static void
devices_and_kernel(struct root *r)
{
	static const char *const links[][2] = {
		{ "/proc/self/fd", "/new/dev/fd" }, { "/proc/self/fd/0", "/new/dev/stdin" },
		{ "/proc/self/fd/1", "/new/dev/stdout" }, { "/proc/self/fd/2", "/new/dev/stderr" },
	};

	mount_new(r, "proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_new(r, "tmpfs", "/dev", MS_NOSUID, "mode=0755,size=64k");
	for (size_t i = 0; i < ARRAY_LEN(devices); i++)
		bind_device(r, devices[i]);
	for (size_t i = 0; i < ARRAY_LEN(links) && !r->failed; i++)
		if (symlink(links[i][0], links[i][1]) != 0)
			trouble(r, "can not link", links[i][1]);
	mount_new(r, "tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777,size=64m");
	mount_new(r, "tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777,size=256m");
}

/* An empty root with the outer one at /old. /tmp is there on every system; it is only covered for the length of two calls. */
static void
fresh_root(struct root *r)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") != 0 || mkdir("/tmp/new", 0755) != 0 ||
	    mkdir("/tmp/old", 0755) != 0 || mount("/tmp/new", "/tmp/new", NULL, MS_BIND, NULL) != 0 ||
	    syscall(SYS_pivot_root, "/tmp", "/tmp/old") != 0 || chdir("/") != 0)
		trouble(r, "can not make", "a root");
}

/* The outer root goes away for good, and the frame of the new one can not be written. */
static void
enter_root(struct root *r)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV };

	if (r->failed)
		return;
	if (chdir("/new") != 0 || syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 || chdir("/") != 0 ||
	    syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &attr, sizeof attr) != 0)
		trouble(r, "can not enter", "the root");
}

status
jail_build_root(const struct jail_plan *p, char why[static JAIL_WHY_MAX])
{
	struct root r = { .why = why };

	fresh_root(&r);
	for (size_t i = 0; i < ARRAY_LEN(system_paths) && !r.failed; i++)
		system_path(&r, system_paths[i]);
	for (size_t i = 0; i < ARRAY_LEN(network_paths) && p->network; i++)
		bind(&r, network_paths[i], false, true);
	devices_and_kernel(&r);
	bool made = !r.failed;
	/* After our own, so that what was granted below /tmp is seen. Those to be read first: one to be written may lie within. */
	for (size_t i = 0; i < p->reads; i++)
		bind(&r, p->read[i], false, false);
	for (size_t i = 0; i < p->writes; i++)
		bind(&r, p->write[i], true, false);
	bool granted = !r.failed;
	enter_root(&r);
	ENSURE(made, E_SANDBOX);
	ENSURE(granted, E_NOT_FOUND);
	ENSURE(!r.failed, E_SANDBOX);
	return OK;
}
