/* issue: asking the signer for a task's token, and what is answered with it. */
#ifndef AMBIT_CORE_ISSUE_H
#define AMBIT_CORE_ISSUE_H

#include "core/request.h"
#include "crypto/hash.h"

struct core;
struct peer;
struct task;

/* What a token is for: all of Ambit's doors, or the gateway alone (RFC 8707). ORDER audience_path */
enum audience { AUD_ALL, AUD_MCP, AUD_COUNT };
/* The audience of that resource, or false. An empty one means all. */
bool audience_from(const struct core *c, span resource, enum audience *ret);
/* Its URI into `b`. */
void audience_put(const struct core *c, enum audience a, struct buf *b);

enum issue_for {
	ISSUE_TOKEN,             /* {"token","expires"} */
	ISSUE_TASK,              /* {"task","token","token_expires"}; without a token if the signer is away */
	ISSUE_OAUTH,             /* RFC 6749 §5.1 with RFC 9396 §7 */
};

struct issue {
	enum issue_for what;
	uint8_t binding;         /* enum binding */
	digest confirm;
	enum audience audience;
	bool exchanged;          /* RFC 8693: say what type it is */
	span refresh;            /* a refresh token to hand out with it; copied */
};

/* Whose authority a task's tokens carry (RFC 8693 §4.1): the proven person, else the agent of the first task. *ret_user: it is a person. */
span issue_subject(const struct task *t, bool *ret_user);
/* Who acts for the subject, the current one first: a JSON array of agents. */
void issue_actors(const struct task *t, bool all, struct buf *b);
struct json_writer;
/* "authorization_details":[…] (RFC 9396 §7): what was granted. */
void issue_details(const struct task *t, struct json_writer *w);
/* What the token of that peer is bound to: the key its proof has shown with question `req`, else its certificate or process. False: it
 * has proven no channel. */
bool issue_channel(const struct peer *p, uint64_t req, struct issue *how);
/* Asks the signer; the answer to `who` follows. */
status issue(struct core *c, const struct asker *who, struct task *t, const struct issue *how);
/* The task, with a token if the signer is there; without one it is as good, and token/issue gives one later. */
void issue_with_task(struct core *c, const struct asker *who, const struct peer *p, struct task *t);

#endif
