/* Checkpoint notes: verifier key line, newline, note. What opens must be signed by that key: a note made by a key of our own is
 * the only one that can. */
#include "log/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	span in = span_make(data, size);
	size_t line = span_find(in, '\n');
	span verifier = span_sub(in, 0, line), note = span_sub(in, line + 1, size);
	struct checkpoint c;
	if (failed(checkpoint_open(note, verifier, &c)))
		return 0;
	must(c.origin.n > 0 && c.origin.n <= CHECKPOINT_ORIGIN_MAX && c.origin.p >= note.p && c.origin.p + c.origin.n <= note.p + note.n);
	return 0;
}
