/* hold: a task that lives as long as this connection. `ambit run` and `ambit mcp` open their task with it.
 *
 * The connection carries task/open and then nothing but renewals; when it breaks because the edge died, the holder re-attaches to the
 * same task within the grace the server gives (docs/model.md §2). */
#ifndef AMBIT_CMD_HOLD_H
#define AMBIT_CMD_HOLD_H

#include "cli.h"
#include "exchange.h"

#include <sys/types.h>

struct hold {
	struct cli *c;
	struct exchange x;              /* x.fd: poll it for POLLIN; readable means it broke */
	char task[32];
	const char *agent, *expires;
	char *token;                    /* the task's token, or NULL */
	int64_t token_expires;          /* seconds since 1970 */
	pid_t root_pid;                 /* 0: none */
	const struct json *opened;      /* the task as first answered */
	int64_t asked;                  /* when the server last said that the task lives */
	bool ended;                     /* the server says that it is over, and not because its time ran out */
};

/* Opens the task. `params`: the members of task/open but for hold and root_pid, without the outer braces. On failure
 * prints the error, sets *ret_code and returns false. */
bool hold_open(struct cli *c, span params, pid_t root_pid, struct hold *ret, int *ret_code);
/* After the connection broke: connects again and re-attaches, for at most `seconds`. False: the task is lost. */
bool hold_again(struct hold *h, int64_t seconds);
/* A fresh token, over the holding connection. False: none to be had (the old one is kept). */
bool hold_renew(struct hold *h);
/* Asks whether the task still lives, at most once a second, and renews the token in time; for the holder's loop. Also keeps the connection
 * from being closed as idle. False: the task is over, or the connection broke and could not be had again. */
bool hold_alive(struct hold *h);
/* Ends the task in order (calls in flight get their 5 s). Errors end with the connection, which ends the task anyway. */
void hold_complete(struct hold *h);
void hold_close(struct hold *h);

#endif
