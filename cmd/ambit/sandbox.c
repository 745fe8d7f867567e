/* Two ways to hide a folder. With CAP_SYS_ADMIN: an empty read-only file system over it in a mount namespace of its own, which
 * Landlock then forbids to undo. Without: a Landlock rule for every neighbour of the path, which leaves no room for new files
 * beside it and is therefore used only where the folder is not below the home of the user or the working directory: programs
 * write there by renaming. A user namespace would do better but makes files of root look like nobody's, which ssh refuses. */
#include "sandbox.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of Linux 6.12; the header here may be older. */
struct ruleset {
	uint64_t handled_access_fs, handled_access_net, scoped;
};
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

static int
create(const struct ruleset *r, size_t size, unsigned flags)
{
	return (int)syscall(SYS_landlock_create_ruleset, r, size, flags);
}

/* Everything this ABI knows to handle (kernel documentation, userspace-api/landlock). */
static uint64_t
all_rights(int abi)
{
	return abi >= 5 ? (UINT64_C(1) << 16) - 1 : abi >= 3 ? (UINT64_C(1) << 15) - 1 : abi >= 2 ? (UINT64_C(1) << 14) - 1 : (UINT64_C(1) << 13) - 1;
}

static bool
below(const char *path, const char *folder)
{
	size_t n = folder ? strlen(folder) : 0;
	while (n > 1 && folder[n - 1] == '/')
		n--;
	return n && strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == 0 || n == 1);
}

/* Puts the kept folder, opened before, back at its place in the empty one. */
static bool
put_back(const char *hidden, const char *keep, int fd)
{
	char path[4096], from[64];
	size_t at = strlen(hidden);
	if (strlen(keep) >= sizeof path)
		return false;
	strcpy(path, keep);
	for (char *s = path + at + 1; (s = strchr(s, '/')); s++) {
		*s = 0;
		mkdir(path, 0555);
		*s = '/';
	}
	mkdir(path, 0555);
	snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
	return mount(from, path, NULL, MS_BIND, NULL) == 0;
}

static bool
hide_by_mount(const char *const *hide, size_t n, const char *keep)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return false;
	int fd = keep ? open(keep, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	bool ok = true;
	for (size_t i = 0; i < n && ok; i++) {
		struct stat st;
		if (stat(hide[i], &st) != 0)
			continue;
		ok = mount("tmpfs", hide[i], "tmpfs", flags, "size=64k,mode=0555") == 0;
		if (ok && fd >= 0 && below(keep, hide[i]))
			ok = put_back(hide[i], keep, fd);
		ok = ok && mount(NULL, hide[i], NULL, MS_REMOUNT | MS_RDONLY | flags, NULL) == 0;
	}
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool
allow(int rules, const char *path, uint64_t rights)
{
	struct stat st;
	int fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rights &= LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | UINT64_C(1) << 14 | UINT64_C(1) << 15;
	struct landlock_path_beneath_attr a = { .allowed_access = rights, .parent_fd = fd };
	bool ok = S_ISLNK(st.st_mode) || syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &a, 0) == 0;
	close(fd);
	return ok;
}

/* Everything in `dir` but what leads to a hidden folder; that is descended into. */
static void
allow_neighbours(int rules, const char *dir, const char *const *hide, size_t n, uint64_t rights, int depth)
{
	DIR *d = depth < 32 ? opendir(dir) : NULL;
	for (struct dirent *e; d && (e = readdir(d));) {
		char path[4096];
		bool leads = false, hidden = false;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		int len = snprintf(path, sizeof path, "%s%s%s", dir, strcmp(dir, "/") == 0 ? "" : "/", e->d_name);
		if (len < 0 || (size_t)len >= sizeof path)
			continue;
		for (size_t i = 0; i < n; i++) {
			leads |= below(hide[i], path);
			hidden |= below(path, hide[i]);
		}
		if (hidden)
			continue;
		if (leads)
			allow_neighbours(rules, path, hide, n, rights, depth + 1);
		else
			allow(rules, path, rights);
	}
	if (d)
		closedir(d);
}

static bool
near_work(const char *const *hide, size_t n)
{
	char cwd[4096];
	const char *home = getenv("HOME");
	for (size_t i = 0; i < n; i++)
		if ((home && below(hide[i], home)) || (getcwd(cwd, sizeof cwd) && below(hide[i], cwd)))
			return true;
	return false;
}

int
sandbox_landlock_abi(void)
{
	int abi = create(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	return abi < 0 ? 0 : abi;
}

int
sandbox_enter(const char *const *hide, size_t n, const char *keep)
{
	int done = 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	if (n && hide_by_mount(hide, n, keep))
		done |= SANDBOX_HIDDEN;
	int abi = sandbox_landlock_abi();
	if (abi < 1)
		return done;
	bool by_rules = !(done & SANDBOX_HIDDEN) && n && !near_work(hide, n);
	uint64_t rights = by_rules ? all_rights(abi) : LANDLOCK_ACCESS_FS_MAKE_BLOCK;
	struct ruleset r = { .handled_access_fs = rights, .scoped = abi >= 6 ? SCOPE_SIGNAL : 0 };
	int rules = create(&r, abi >= 6 ? sizeof r : abi >= 4 ? 16 : 8, 0);
	if (rules < 0)
		return done;
	if (by_rules) {
		allow_neighbours(rules, "/", hide, n, rights, 0);
		if (keep)
			allow(rules, keep, rights);
	}
	if (syscall(SYS_landlock_restrict_self, rules, 0) == 0)
		done |= SANDBOX_LANDLOCK | (by_rules ? SANDBOX_HIDDEN : 0);
	close(rules);
	return done;
}
