/* verdict: a verdict of docs/model.md, laid out for people. */
#ifndef AMBIT_CMD_VERDICT_H
#define AMBIT_CMD_VERDICT_H

#include "cli.h"

/* The reasons, a line each, below the first. `rules` (may be NULL): those that determined it, with their texts. */
void verdict_put(struct cli *c, const struct json *v, const struct json *rules, struct buf *b);
/* 0 allow, 3 deny, 5 pending */
int verdict_exit(const struct json *v);
/* NAME=TEXT or NAME:=JSON as a member of the open object. E_BAD_REQUEST, E_BAD_JSON. */
status verdict_argument(struct cli *c, const char *s, struct json_writer *w);

#endif
