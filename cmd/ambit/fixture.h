/* fixture: a trial (core/trial.h) made of what lies beside policies: resources, tools and the policies themselves. */
#ifndef AMBIT_CMD_FIXTURE_H
#define AMBIT_CMD_FIXTURE_H

#include "catalogue.h"
#include "core/trial.h"

struct fixture_extra {
	const char *where;               /* names it in messages */
	const struct json *resources;    /* lists that hide those of the folder, or NULL */
	const struct json *tools;
	const span *agents;              /* asked about; those that no resource describes are made up, in a tier of their own */
	size_t agent_n;
	bool server;                     /* take resources and tools from the server */
	const struct json *server_resources;
	const struct catalogue *server_tools;
};

/* A trial that holds the policies of `set`. `extra` may be NULL. On a failure *why says so (in c->arena) with E_BAD_POLICY, E_BAD_CONFIG or what else it was. */
status fixture_new(struct cli *c, const struct policyset *set, const struct fixture_extra *extra, struct trial **ret, const char **why);

/* "allow", "deny by no-egress", "deny: no_permit", "approval required by ask (on-call:1)" */
void fixture_outcome(const struct trial_answer *a, struct buf *b);

#endif
