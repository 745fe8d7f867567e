/* serverset: what a server has in force, in the forms that the policy tools work with. */
#ifndef AMBIT_CMD_SERVERSET_H
#define AMBIT_CMD_SERVERSET_H

#include "policyset.h"

/* The policies in force. Prints why not and gives false with the exit code. */
bool serverset_policies(struct cli *c, struct policyset *ret, int *ret_exit);
/* Every resource but servers and policies, as a JSON array. */
bool serverset_resources(struct cli *c, const struct json **ret, int *ret_exit);
/* All pages of a list operation; `params` are the members before limit and cursor ("\"kind\":\"tier\"," or ""). Items are appended to `out`. */
bool serverset_list(struct cli *c, const char *op, const char *params, struct json_writer *out, int *ret_exit);

#endif
