/* request: questions about calls, and who asks them. */
#ifndef AMBIT_CORE_REQUEST_H
#define AMBIT_CORE_REQUEST_H

#include "crypto/hash.h"
#include "msg/msg.h"

struct agent;
struct core;
struct peer;
struct task;
struct tool;

/* Where the answer goes, and how the asker wants it. */
struct asker {
	enum role edge;
	unsigned index;
	uint64_t req;
	uint32_t conn, hold_ms;
	bool progress;
	bool dispatch;                   /* an allow is carried out by the tools role */
	span client_ref, surface;
	digest token;
};

void on_call(struct core *c, enum role from, unsigned index, const struct msg_call *m);
void on_await(struct core *c, enum role from, unsigned index, const struct msg_await *m);
void on_evaluate(struct core *c, enum role from, unsigned index, const struct msg_evaluate *m);
void on_list(struct core *c, enum role from, unsigned index, const struct msg_list *m);

/* Decides one call and does what follows from it: answers, permits, asks people, parks. */
void request_call(struct core *c, const struct asker *who, const struct peer *p, struct task *t, uint64_t token, struct tool *tool,
                  span wire, span args, span claim);
/* May an enforcement point of that agent ask about calls of this tool? */
bool request_may_evaluate(const struct agent *a, const struct tool *tool);
/* Would a list show it to the task? If not, why. */
bool tool_visible(struct core *c, const struct task *t, const struct tool *tool, uint16_t *ret_code);

#endif
