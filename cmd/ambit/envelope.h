/* envelope: --allow, --resource, --arg, --limit, --env and --ttl as the members of task/open (docs/model.md §2). */
#ifndef AMBIT_CMD_ENVELOPE_H
#define AMBIT_CMD_ENVELOPE_H

#include "cli.h"

/* Writes "purpose", "envelope" or "workflow", "ttl_seconds", "environment" into the object w is in. With neither --allow nor
 * --workflow no envelope is written: the server then takes the agent's session envelope. On E_BAD_REQUEST *ret_problem says what. */
status envelope_put(struct cli *c, struct json_writer *w, const char **ret_problem);

#endif
