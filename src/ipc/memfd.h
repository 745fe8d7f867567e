/* memfd: bytes handed to another process that neither side can change any more. */
#ifndef AMBIT_IPC_MEMFD_H
#define AMBIT_IPC_MEMFD_H

#include "base/span.h"

/* A close-on-exec memfd holding `data` (not empty), sealed against growing, shrinking, writing and further seals.
 * E_NO_MEMORY, E_IO. */
status memfd_sealed(span data, int *ret_fd);
/* Maps a received descriptor read-only. E_BAD_MESSAGE unless it is a memfd with all four seals and exactly `size` bytes:
 * without them the sender could change what was checked, or cut it short under the reader (SIGBUS). E_NO_MEMORY. The
 * descriptor stays the caller's and may be closed while mapped. */
status memfd_map_sealed(int fd, size_t size, span *ret);
void memfd_unmap(span mapped);

#endif
