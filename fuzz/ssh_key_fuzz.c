#include "engine/ssh_cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	CLEANUP(secret_freep) struct secret *text = NULL, *seed = NULL;
	if (n > 8192 || failed(secret_new(n, &text)))
		return 0;
	if (n)
		memcpy(secret_writable(text), p, n);
	if (!failed(ssh_private_read(text, &seed)))
		must(secret_size(seed) == SSH_KEY);
	return 0;
}
