#include "base/secret.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The header lives on the same locked pages as the bytes. */
struct secret {
	size_t n, mapped;
	uint8_t bytes[];
};

enum { SECRET_MAX = 64 * 1024 };

void
secret_wipe(void *p, size_t n)
{
	explicit_bzero(p, n);
}

status
secret_new(size_t n, struct secret **ret)
{
	ENSURE(n <= SECRET_MAX, E_LIMIT);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t mapped = (sizeof(struct secret) + n + page - 1) & ~(page - 1);
	void *m = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ENSURE(m != MAP_FAILED, E_NO_MEMORY);
	if (mlock(m, mapped) != 0 || madvise(m, mapped, MADV_DONTDUMP) != 0) {
		munmap(m, mapped);
		return FAIL(E_NO_MEMORY);
	}
	/* A child gets no copy. Kernels without DONTFORK would only fail this hardening step. */
	(void)madvise(m, mapped, MADV_DONTFORK);
	struct secret *s = m;
	s->n = n;
	s->mapped = mapped;
	*ret = s;
	return OK;
}

status
secret_take(void *own_from, size_t n, struct secret **ret)
{
	status s = secret_new(n, ret);
	if (!failed(s) && n)
		memcpy((*ret)->bytes, own_from, n);
	secret_wipe(own_from, n);
	return s;
}

struct secret *
secret_free(struct secret *s)
{
	if (s) {
		size_t mapped = s->mapped;
		secret_wipe(s, mapped);
		munmap(s, mapped);
	}
	return NULL;
}

void
secret_freep(struct secret **s)
{
	*s = secret_free(*s);
}

size_t secret_size(const struct secret *s) { return s->n; }
uint8_t *secret_writable(struct secret *s) { return s->bytes; }
span secret_reveal(const struct secret *s) { return (span){ s->bytes, s->n }; }

bool
secret_eq(const struct secret *a, const struct secret *b)
{
	return span_eq_consttime(secret_reveal(a), secret_reveal(b));
}
