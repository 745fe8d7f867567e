/* What the tools role may send to the jailer. A request that decodes has a program, and all its strings end. */
#include "ipc/jail_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static size_t
lengths(char *const *list, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += strlen(list[i]) + 1;
	must(n <= JAIL_ARGS_MAX);
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jail_plan p;

	if (failed(jail_decode(span_make(data, size), &p)))
		return 0;
	size_t sum = lengths(p.argv, p.argc) + lengths(p.env, p.envc) + lengths(p.read, p.reads) + lengths(p.write, p.writes) +
	             strlen(p.cwd) + 1;
	must(p.argc > 0 && sum <= size && !p.argv[p.argc] && (p.envc == JAIL_ARGS_MAX || !p.env[p.envc]));
	jail_plan_fini(&p);
	return 0;
}
