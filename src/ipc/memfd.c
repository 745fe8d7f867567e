#include "ipc/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL };

static bool
write_all(int fd, span s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s = span_sub(s, (size_t)n, s.n);
	}
	return true;
}

status
memfd_sealed(span data, int *ret_fd)
{
	int fd = memfd_create("ambit", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ENSURE(fd >= 0, errno == ENOMEM ? E_NO_MEMORY : E_IO);
	if (!write_all(fd, data) || fcntl(fd, F_ADD_SEALS, SEALS) != 0) {
		close(fd);
		return FAIL(E_NO_MEMORY);
	}
	*ret_fd = fd;
	return OK;
}

status
memfd_map_sealed(int fd, size_t size, span *ret)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	ENSURE(seals >= 0 && (seals & SEALS) == SEALS, E_BAD_MESSAGE);
	ENSURE(fstat(fd, &st) == 0 && size > 0 && st.st_size == (off_t)size, E_BAD_MESSAGE);
	void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	ENSURE(p != MAP_FAILED, E_NO_MEMORY);
	*ret = span_make(p, size);
	return OK;
}

void
memfd_unmap(span mapped)
{
	munmap((void *)(uintptr_t)mapped.p, mapped.n);
}
