/* catalogue: what tools there are, with their schemas: from files beside the policies, or from the server.
 *
 * A tools file (*_tools.yaml, *_tools.json) is {"tools":[{"name":"server/tool","effect","sensitivity","resource","untyped","definition"|"inputSchema"}]};
 * `ambit tool catalogue` writes one. What it does not say about a tool is taken from a `server` resource of that name. */
#ifndef AMBIT_CMD_CATALOGUE_H
#define AMBIT_CMD_CATALOGUE_H

#include "policyset.h"
#include "cedar/toolschema.h"

struct tool_entry {
	span name, server, own;          /* "files/read_file", "files", "read_file" */
	span effect, sensitivity, resource;
	const struct json *definition;   /* as the server gave it, or NULL */
	const struct json *input;        /* its inputSchema, or NULL */
	bool untyped;
};

struct catalogue {
	struct tool_entry *tools;
	size_t n, cap;
	span *servers;                   /* all, those without tools too */
	size_t server_n, server_cap;
	size_t bare;                     /* tools whose input is not known */
};

/* Reads one tools file, or the server resources of a resource file (others are passed over). E_BAD_CONFIG with the place in reterr. */
status catalogue_file(struct cli *c, struct catalogue *k, const char *path, struct buf *reterr);
/* The members of one parsed document, as above. `where` names it in messages. */
status catalogue_tools(struct cli *c, struct catalogue *k, const struct json *tools, const char *where, struct buf *reterr);
status catalogue_server(struct cli *c, struct catalogue *k, const struct json *server);
/* All that the server knows. Prints why not and gives false with the exit code. */
bool catalogue_ask(struct cli *c, struct catalogue *k, int *ret_exit);
/* Tools of `other` that k does not have. */
status catalogue_join(struct cli *c, struct catalogue *k, const struct catalogue *other);
/* Defaults for what nobody said; to be called once everything is read. */
void catalogue_settle(struct catalogue *k);
/* The schema that follows; E_BAD_SCHEMA with *d. */
status catalogue_schema(struct cli *c, const struct catalogue *k, struct cedar_diag *d, struct cedar_toolschema **ret);
void catalogue_write(const struct catalogue *k, struct json_writer *w);
/* The tool of that name, or NULL. */
struct tool_entry *catalogue_find(const struct catalogue *k, span name);

#endif
