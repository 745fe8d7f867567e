#include "engine/http_inject.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* First byte: where the rest is cut in two. However it is cut, the answer is the same and the secret is not in it. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char key[] = "canary/\"k~y";
	CLEANUP(secret_freep) struct secret *s = NULL, *token = NULL;
	CLEANUP(redactor_freep) struct redactor *one = NULL, *two = NULL;
	CLEANUP(buf_fini) struct buf a, b;
	int64_t seconds;
	if (n == 0 || n > 65536)
		return 0;
	buf_init(&a, 1 << 20);
	buf_init(&b, 1 << 20);
	span in = span_make(p + 1, n - 1);
	size_t cut = p[0] % (in.n + 1);
	must(!failed(secret_new(sizeof key - 1, &s)));
	memcpy(secret_writable(s), key, sizeof key - 1);
	must(!failed(redactor_new(s, SPAN("user"), &one)) && !failed(redactor_new(s, SPAN("user"), &two)));
	must(!failed(redactor_feed(one, in, true, &a)));
	must(!failed(redactor_feed(two, span_sub(in, 0, cut), false, &b)) && !failed(redactor_feed(two, span_sub(in, cut, in.n), true, &b)));
	must(span_eq(buf_span(&a), buf_span(&b)) && redactor_found(one) == redactor_found(two));
	must(!a.n || !memmem(a.p, a.n, key, sizeof key - 1));
	IGNORE(oauth_client_answer(in, &token, &seconds));   /* only that it ends well */
	return 0;
}
