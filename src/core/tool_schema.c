/* A tool's input schema, compiled from its current definition. */
#include "core/tool.h"

#include "text/jsonschema.h"

status
tool_compile_schema(struct tool *t)
{
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a, 16 << 20);
	const struct json *def, *schema;
	t->schema = jsonschema_free(t->schema);
	t->schema_ok = t->mirrors = false;
	if (!t->definition)
		return OK;
	span text = str_span(t->definition);
	t->mirrors = memmem(text.p, text.n, "\"x-mcp-header\"", 14) != NULL;
	TRY(json_parse(str_span(t->definition), NULL, &a, &def, NULL));
	schema = json_gets(def, "inputSchema");
	if (!schema) {
		t->schema_ok = true;
		return OK;
	}
	status s = jsonschema_compile(schema, &t->schema, NULL);
	/* A schema that cannot be held against arguments leaves the tool closed; running out of memory is another matter. */
	if (s.code == E_NO_MEMORY)
		return s;
	t->schema_ok = !failed(s);
	return OK;
}
