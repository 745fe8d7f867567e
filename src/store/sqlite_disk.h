/* sqlite_disk: a disk in memory for SQLite, which fails where it is told to and loses power. Test code only.
 *
 * Every write since a file's last sync is kept as it came. A power loss leaves what was synced and, of the rest, whatever the
 * seed chooses: each write, sector by sector, kept, lost, or torn in the middle, in any combination. */
#ifndef AMBIT_STORE_SQLITE_DISK_H
#define AMBIT_STORE_SQLITE_DISK_H

#include "crypto/random.h"

enum disk_op { DISK_WRITE, DISK_SYNC, DISK_TRUNCATE, DISK_OPS };
enum disk_fault { DISK_NO_FAULT, DISK_IO_ERROR, DISK_IS_FULL };

/* Registers the VFS "crash" and empties the disk. */
void disk_init(void);
void disk_fini(void);
/* From the n-th (1..) operation of that kind on, answer with the fault; n 0: never. `once`: only that one. */
void disk_fail(enum disk_op op, unsigned n, enum disk_fault fault, bool once);
/* Nothing reaches the disk after n more operations of any kind; all fail. 0: never. */
void disk_cut(unsigned n);
bool disk_is_cut(void);
/* Operations of a kind since disk_init; DISK_OPS: all. */
unsigned disk_count(enum disk_op op);
/* Power returns: unsynced writes are kept, lost or torn as g says. No file may be open. */
void disk_power_loss(struct drbg *g);
/* Flips one bit of the file. */
void disk_flip(const char *name, uint64_t bit);
uint64_t disk_size(const char *name);

#endif
