/* hold: a task that lives as long as this connection. `ambit run` and `ambit mcp` open their task with it.
 *
 *   hold_open ── task/open ──▶ task/wait waits on the same connection ──▶ hold_step ──▶ over, with its reason
 *
 * The connection carries task/open and then the one question that is answered when the task is over. When it breaks, or core dies under
 * it, the holder re-attaches to the same task within the grace the server gives (docs/model.md §2). What else there is to ask
 * goes over connections of their own. */
#ifndef AMBIT_CMD_HOLD_H
#define AMBIT_CMD_HOLD_H

#include "cli.h"
#include "exchange.h"

#include <sys/types.h>

struct hold {
	struct cli *c;
	struct exchange x;              /* x.fd: poll it for exchange_wants(); on anything, hold_step */
	struct buf body;                /* of the question's answer, as it comes */
	char task[32];
	const char *agent, *expires;
	char *token;                    /* the task's token, or NULL */
	int64_t token_expires;          /* seconds since 1970 */
	pid_t root_pid;                 /* 0: none */
	const struct json *opened;      /* the task as first answered */
	const struct json *warnings;    /* what was said beside it, or NULL */
	int64_t asked;                  /* when a fresh token was last asked for */
	/* Once it is over: */
	uint16_t why;                   /* E_REVOKED, E_TASK_EXPIRED, E_TASK_ENDED, E_WORLD_STOPPED; E_UNAVAILABLE: nobody answers any more */
	char end_reason[32];            /* "killed", "expired", "agent", …; "" if it could not be learnt */
	char *actor, *reason;           /* who ended it and what was said, or NULL */
};

/* Opens the task and asks for its end. `params`: the members of task/open but for hold and root_pid, without the outer braces. On failure
 * prints the error, sets *ret_code and returns false. */
bool hold_open(struct cli *c, span params, pid_t root_pid, struct hold *ret, int *ret_code);
/* Goes on after poll. False: the task is over, and h->why says how. May take ten seconds while the server is away. */
bool hold_step(struct hold *h);
/* A fresh token, if it is time for one and one is to be had. */
void hold_renew(struct hold *h);
/* Milliseconds until hold_renew has something to do. */
int hold_renew_in(const struct hold *h);
/* Ends the task in order (calls in flight get their 5 s). Errors end with the connection, which ends the task anyway. */
void hold_complete(struct hold *h);
void hold_close(struct hold *h);

#endif
