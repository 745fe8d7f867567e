#include "store/sqlite_disk.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES = 8, SECTOR = 512, SHM_REGION = 32768, SHM_REGIONS = 64 };

/* A write, or a truncation (n == 0, at = the new size). */
struct pending {
	uint64_t at;
	size_t n;
	uint8_t *bytes;
};

struct content {
	uint8_t *p;
	uint64_t n, cap;
};

struct disk_file {
	char name[128];
	struct content now, synced;
	struct pending *pending;
	size_t n_pending, cap_pending;
	bool exists, sealed;             /* sealed: its existence was synced */
	uint8_t *shm[SHM_REGIONS];
};

static struct {
	struct disk_file file[FILES];
	unsigned count[DISK_OPS + 1];
	struct { unsigned at; enum disk_fault fault; bool once; } fail[DISK_OPS];
	unsigned cut;
	bool is_cut;
} disk;

/* Not malloc: a disk does not run out of memory when a test makes the program do so. */
static void *
disk_alloc(size_t n, void *own_old, size_t old)
{
	void *p = NULL;
	must(posix_memalign(&p, 16, n) == 0);
	if (old)
		memcpy(p, own_old, old);
	memset((uint8_t *)p + old, 0, n - old);
	free(own_old);
	return p;
}

static void
grow(struct content *c, uint64_t n)
{
	if (n > c->cap) {
		c->cap = n < 65536 ? 65536 : 2 * n;
		c->p = disk_alloc(c->cap, c->p, c->n);
	}
	if (n > c->n) {
		memset(c->p + c->n, 0, n - c->n);
		c->n = n;
	}
}

static void
apply(struct content *c, const struct pending *w)
{
	if (w->n == 0) {
		grow(c, w->at);
		c->n = w->at;
		return;
	}
	grow(c, w->at + w->n);
	memcpy(c->p + w->at, w->bytes, w->n);
}

static void
drop_pending(struct disk_file *f)
{
	for (size_t i = 0; i < f->n_pending; i++)
		free(f->pending[i].bytes);
	f->n_pending = 0;
}

static void
record(struct disk_file *f, uint64_t at, const void *bytes, size_t n)
{
	if (f->n_pending == f->cap_pending) {
		f->cap_pending = f->cap_pending ? 2 * f->cap_pending : 16;
		f->pending = disk_alloc(f->cap_pending * sizeof *f->pending, f->pending, f->n_pending * sizeof *f->pending);
	}
	struct pending *w = &f->pending[f->n_pending++];
	*w = (struct pending){ .at = at, .n = n, .bytes = n ? disk_alloc(n, NULL, 0) : NULL };
	if (n)
		memcpy(w->bytes, bytes, n);
	apply(&f->now, w);
}

static struct disk_file *
find(const char *name, bool create)
{
	struct disk_file *free_slot = NULL;
	for (size_t i = 0; i < FILES; i++) {
		if (disk.file[i].exists && strcmp(disk.file[i].name, name) == 0)
			return &disk.file[i];
		if (!disk.file[i].exists && !free_slot)
			free_slot = &disk.file[i];
	}
	if (!create)
		return NULL;
	must(free_slot);
	snprintf(free_slot->name, sizeof free_slot->name, "%s", name);
	free_slot->exists = true;
	free_slot->sealed = false;
	return free_slot;
}

static void
forget(struct disk_file *f)
{
	drop_pending(f);
	free(f->pending);
	free(f->now.p);
	free(f->synced.p);
	for (size_t i = 0; i < SHM_REGIONS; i++)
		free(f->shm[i]);
	*f = (struct disk_file){ 0 };
}

/* What this operation shall answer; SQLITE_OK: go on. */
static int
judge(enum disk_op op, int io_error)
{
	disk.count[op]++;
	disk.count[DISK_OPS]++;
	if (disk.cut && disk.count[DISK_OPS] >= disk.cut)
		disk.is_cut = true;
	if (disk.is_cut)
		return io_error;
	unsigned at = disk.fail[op].at;
	if (at == 0 || (disk.fail[op].once ? disk.count[op] != at : disk.count[op] < at))
		return SQLITE_OK;
	return disk.fail[op].fault == DISK_IS_FULL ? SQLITE_FULL : io_error;
}

/* ---- SQLite's side ---- */

struct handle {
	sqlite3_file base;
	struct disk_file *f;
};

static struct disk_file *of(sqlite3_file *h) { return ((struct handle *)(void *)h)->f; }

static int x_close(sqlite3_file *) { return SQLITE_OK; }

static int
x_read(sqlite3_file *h, void *to, int n, sqlite3_int64 at)
{
	struct disk_file *f = of(h);
	uint64_t have = (uint64_t)at < f->now.n ? f->now.n - (uint64_t)at : 0;
	size_t k = have < (uint64_t)n ? (size_t)have : (size_t)n;
	if (k)
		memcpy(to, f->now.p + at, k);
	memset((uint8_t *)to + k, 0, (size_t)n - k);
	return k == (size_t)n ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int
x_write(sqlite3_file *h, const void *from, int n, sqlite3_int64 at)
{
	int rc = judge(DISK_WRITE, SQLITE_IOERR_WRITE);
	if (rc == SQLITE_OK)
		record(of(h), (uint64_t)at, from, (size_t)n);
	return rc;
}

static int
x_truncate(sqlite3_file *h, sqlite3_int64 n)
{
	int rc = judge(DISK_TRUNCATE, SQLITE_IOERR_TRUNCATE);
	if (rc == SQLITE_OK)
		record(of(h), (uint64_t)n, NULL, 0);
	return rc;
}

static int
x_sync(sqlite3_file *h, int)
{
	struct disk_file *f = of(h);
	int rc = judge(DISK_SYNC, SQLITE_IOERR_FSYNC);
	if (rc != SQLITE_OK)
		return rc;
	for (size_t i = 0; i < f->n_pending; i++)
		apply(&f->synced, &f->pending[i]);
	drop_pending(f);
	f->sealed = true;
	return SQLITE_OK;
}

static int
x_size(sqlite3_file *h, sqlite3_int64 *ret)
{
	*ret = (sqlite3_int64)of(h)->now.n;
	return SQLITE_OK;
}

static int x_lock(sqlite3_file *, int) { return SQLITE_OK; }
static int x_reserved(sqlite3_file *, int *ret) { *ret = 0; return SQLITE_OK; }
static int x_control(sqlite3_file *, int, void *) { return SQLITE_NOTFOUND; }
static int x_sector(sqlite3_file *) { return SECTOR; }
/* As SQLite's own unix VFS: a write harms no byte outside its range. */
static int x_traits(sqlite3_file *) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

static int
x_shm_map(sqlite3_file *h, int region, int size, int extend, void volatile **ret)
{
	struct disk_file *f = of(h);
	must(region < SHM_REGIONS && size == SHM_REGION);
	if (!f->shm[region] && extend)
		f->shm[region] = disk_alloc(SHM_REGION, NULL, 0);
	*ret = f->shm[region];
	return SQLITE_OK;
}

static int x_shm_lock(sqlite3_file *, int, int, int) { return SQLITE_OK; }
static void x_shm_barrier(sqlite3_file *) { }

static int
x_shm_unmap(sqlite3_file *h, int)
{
	for (size_t i = 0; i < SHM_REGIONS; i++) {
		free(of(h)->shm[i]);
		of(h)->shm[i] = NULL;
	}
	return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
	.iVersion = 2, .xClose = x_close, .xRead = x_read, .xWrite = x_write, .xTruncate = x_truncate, .xSync = x_sync,
	.xFileSize = x_size, .xLock = x_lock, .xUnlock = x_lock, .xCheckReservedLock = x_reserved, .xFileControl = x_control,
	.xSectorSize = x_sector, .xDeviceCharacteristics = x_traits, .xShmMap = x_shm_map, .xShmLock = x_shm_lock,
	.xShmBarrier = x_shm_barrier, .xShmUnmap = x_shm_unmap,
};

static int
x_open(sqlite3_vfs *, const char *name, sqlite3_file *h, int flags, int *ret_flags)
{
	struct disk_file *f = find(name ? name : "temp", flags & SQLITE_OPEN_CREATE);
	if (!f)
		return SQLITE_CANTOPEN;
	*(struct handle *)(void *)h = (struct handle){ { &methods }, f };
	if (ret_flags)
		*ret_flags = flags;
	return SQLITE_OK;
}

static int
x_delete(sqlite3_vfs *, const char *name, int)
{
	struct disk_file *f = find(name, false);
	if (disk.is_cut)
		return SQLITE_IOERR_DELETE;
	if (f)
		forget(f);
	return SQLITE_OK;
}

static int
x_access(sqlite3_vfs *, const char *name, int, int *ret)
{
	const struct disk_file *f = find(name, false);
	*ret = f && f->now.n > 0;
	return SQLITE_OK;
}

static int
x_full_name(sqlite3_vfs *, const char *name, int n, char *to)
{
	sqlite3_snprintf(n, to, "%s", name);
	return SQLITE_OK;
}

static int x_random(sqlite3_vfs *, int n, char *to) { memset(to, 7, (size_t)n); return n; }
static int x_sleep(sqlite3_vfs *, int us) { return us; }
static int x_time(sqlite3_vfs *, double *ret) { *ret = 2460000.5; return SQLITE_OK; }
static int x_error(sqlite3_vfs *, int, char *) { return 0; }

static sqlite3_vfs vfs = {
	.iVersion = 1, .szOsFile = sizeof(struct handle), .mxPathname = 120, .zName = "crash", .xOpen = x_open, .xDelete = x_delete,
	.xAccess = x_access, .xFullPathname = x_full_name, .xRandomness = x_random, .xSleep = x_sleep, .xCurrentTime = x_time,
	.xGetLastError = x_error,
};

/* ---- the test's side ---- */

void
disk_init(void)
{
	disk_fini();
	sqlite3_vfs_register(&vfs, 0);
}

void
disk_fini(void)
{
	for (size_t i = 0; i < FILES; i++)
		forget(&disk.file[i]);
	memset(&disk, 0, sizeof disk);
}

void
disk_fail(enum disk_op op, unsigned n, enum disk_fault fault, bool once)
{
	disk.fail[op].at = n ? disk.count[op] + n : 0;
	disk.fail[op].fault = fault;
	disk.fail[op].once = once;
}

void disk_cut(unsigned n) { disk.cut = n ? disk.count[DISK_OPS] + n : 0; }
bool disk_is_cut(void) { return disk.is_cut; }
unsigned disk_count(enum disk_op op) { return disk.count[op]; }

static void
survive(struct content *c, const struct pending *w, struct drbg *g)
{
	if (w->n == 0) {
		if (drbg_below(g, 2))
			apply(c, w);
		return;
	}
	for (size_t at = 0; at < w->n;) {
		size_t n = SECTOR - (size_t)((w->at + at) % SECTOR);
		if (n > w->n - at)
			n = w->n - at;
		size_t keep = drbg_below(g, 4) == 0 ? (size_t)drbg_below(g, n + 1) : drbg_below(g, 2) ? n : 0;
		struct pending part = { .at = w->at + at, .n = keep, .bytes = w->bytes + at };
		if (keep)
			apply(c, &part);
		at += n;
	}
}

void
disk_power_loss(struct drbg *g)
{
	for (size_t i = 0; i < FILES; i++) {
		struct disk_file *f = &disk.file[i];
		if (!f->exists)
			continue;
		if (!f->sealed && drbg_below(g, 2)) {
			forget(f);
			continue;
		}
		for (size_t k = 0; k < f->n_pending; k++)
			survive(&f->synced, &f->pending[k], g);
		drop_pending(f);
		f->now.n = 0;
		grow(&f->now, f->synced.n);
		if (f->synced.n)
			memcpy(f->now.p, f->synced.p, f->synced.n);
	}
	memset(disk.fail, 0, sizeof disk.fail);
	disk.cut = 0;
	disk.is_cut = false;
}

void
disk_flip(const char *name, uint64_t bit)
{
	struct disk_file *f = find(name, false);
	must(f && bit / 8 < f->now.n);
	f->now.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	if (bit / 8 < f->synced.n)
		f->synced.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

uint64_t
disk_size(const char *name)
{
	struct disk_file *f = find(name, false);
	return f ? f->now.n : 0;
}
