/* Edits of a foreign JSON file: what was set is found again, and setting twice changes nothing more. */
#include "jsonedit.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const path[] = { "mcpServers", "ambit", NULL }, *const hooks[] = { "hooks", "PreToolUse", NULL };
	struct buf once, twice, gone, item;
	bool found = false;
	size_t count;
	buf_init(&once, 8 << 20);
	buf_init(&twice, 8 << 20);
	buf_init(&gone, 8 << 20);
	buf_init(&item, 8 << 20);
	span in = span_make(data, n), value = SPAN("{\n  \"command\": \"ambit\"\n}");
	status s = jsonedit_set(in, path, value, &once);
	if (!failed(s)) {
		/* Its own result can be read again, has the member, and can lose it. */
		if (failed(jsonedit_set(buf_span(&once), path, value, &twice)) || !span_eq(buf_span(&once), buf_span(&twice)))
			abort();
		if (failed(jsonedit_remove(buf_span(&once), path, &gone, &found)) || !found)
			abort();
		buf_reset(&twice);
		if (failed(jsonedit_remove(buf_span(&gone), path, &twice, &found)))
			abort();
	} else if (s.code == E_BAD_JSON && once.n) {
		abort();
	}
	if (!failed(jsonedit_item(in, hooks, value, SPAN("\"ambit\""), false, &item, &count))) {
		buf_reset(&gone);
		if (failed(jsonedit_item(buf_span(&item), hooks, value, SPAN("\"ambit\""), true, &gone, &count)) || count == 0)
			abort();
	}
	buf_fini(&once);
	buf_fini(&twice);
	buf_fini(&gone);
	buf_fini(&item);
	return 0;
}
