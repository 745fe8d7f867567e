/* AuthZEN bodies. First byte: evaluation, evaluations, or one of the searches. What is accepted is canonical and accepted again. */
#include "api/authzen.h"
#include "msg/enums.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct authzen_batch b;
	struct json_error e;
	span q, again;
	if (!size)
		return 0;
	span body = span_make(data + 1, size - 1);
	uint8_t which = data[0] % 5;
	arena_init(&a, 8 << 20);
	if (which == 1 && !failed(authzen_read_batch(&a, body, &b, &e))) {
		must(b.n <= AUTHZEN_ITEMS);
		for (uint32_t i = 0; i < b.n; i++) {
			must((b.items[i].question.n > 0) != (b.items[i].fault.n > 0));
			if (b.items[i].question.n)
				must(!failed(authzen_read(&a, b.items[i].question, &again, &e)) && span_eq(b.items[i].question, again));
		}
	} else if (which == 0 && !failed(authzen_read(&a, body, &q, &e))) {
		must(!failed(authzen_read(&a, q, &again, &e)) && span_eq(q, again));
	} else if (which > 1 && !failed(authzen_read_search(&a, which - 1, body, &q, &e))) {
		must(!failed(authzen_read_search(&a, which - 1, q, &again, &e)) && span_eq(q, again));
	}
	arena_fini(&a);
	return 0;
}
