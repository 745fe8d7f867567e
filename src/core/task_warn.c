/* What is said when a task is made: not wrong, but not what anybody wants. */
#include "core/core_priv.h"

enum { WARN_TOOLS = 8 };

static bool
limited(const struct task *t)
{
	for (; t; t = t->parent)
		if (t->envelope->has_resources || (t->cap && t->cap->has_resources))
			return true;
	return false;
}

void
task_warnings(const struct core *c, const struct task *t, struct json_writer *w)
{
	unsigned n = 0;
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4096);
	if (!limited(t))
		return;
	list_for(it, &c->tools_list) {
		const struct tool *tool = container_of(it, struct tool, all);
		if (tool->mapping || tool->state == TOOL_GONE || !envelope_has_tool(t->envelope, str_span(tool->name), (enum effect)tool->effect))
			continue;
		if (n++ < WARN_TOOLS) {
			buf_put_str(&b, n > 1 ? ", " : "");
			buf_put(&b, str_span(tool->name));
		}
	}
	if (!n)
		return;
	if (n > WARN_TOOLS)
		buf_printf(&b, " and %u more", n - WARN_TOOLS);
	buf_put_str(&b, ": limited to resources, the task can not call a tool that has no resource mapping");
	json_w_karr(w, "warnings");
	json_w_str(w, b.err ? (span){ 0 } : buf_span(&b));
	json_w_arr_end(w);
}
