/* observer: what the world around core has seen with its own eyes, and what must hold of it (THREATS R1 R4 R7 R8 R9 R11 R16).
 *
 * It knows nothing of core's state: it reads the questions that went in, the messages that came out, and the durable log, and
 * keeps true time, which no clock step moves. A breach prints the rule and the seed. */
#ifndef AMBIT_TESTS_SIM_OBSERVER_H
#define AMBIT_TESTS_SIM_OBSERVER_H

#include "tests/sim/client.h"

enum { SEEN_TASKS = 512, SEEN_QUESTIONS = 65536, SEEN_APPROVALS = 2048, SEEN_CALLS = 16384 };

enum seen_op { SEEN_NONE, SEEN_OPEN, SEEN_DELEGATE, SEEN_CALL, SEEN_KILL, SEEN_COMPLETE, SEEN_APPROVE, SEEN_TOKEN, SEEN_ENROL, SEEN_OTHER };

/* Tools as bits; arguments as small numbers. */
enum { TOOL_READ = 1, TOOL_WRITE = 2, TOOL_DELETE = 4, TOOL_FETCH = 8, TOOL_ALL = 15 };

struct seen_task {
	uint64_t id;
	int parent;                  /* index, or -1 */
	int64_t opened;              /* true time at which core was asked, at the latest */
	int64_t ttl, slack;          /* slack: what reboots of the host may hide from any clock */
	unsigned tools;
	bool over;                   /* its end was acknowledged */
	bool tainted;
	size_t last_allow;           /* step */
	char token[80];
	int64_t token_at;
	bool completed, stopped;
};

struct seen_question {
	uint8_t op;
	bool answered;
	int task;                    /* index */
	unsigned tool;
	int arg;
	int64_t ttl;
	unsigned tools;
	size_t asked, delivered;     /* steps */
	int64_t asked_at;
	uint64_t subject;
	bool dead_when_asked;
};

struct seen_approval {
	uint64_t id;
	int task;
	unsigned tool;
	int arg;
	bool granted, used;
};

struct seen_call {
	uint64_t id;
	int task;
	uint8_t state;               /* 0 permitted, 1 dispatched, 2 over */
};

struct observer {
	struct client *c;
	uint64_t seed;
	int64_t true_now;
	int64_t last_append;         /* true time */
	struct seen_task tasks[SEEN_TASKS];
	int task_n;
	struct seen_question *questions;    /* by req */
	struct seen_approval approvals[SEEN_APPROVALS];
	int approval_n;
	struct seen_call *calls;
	int call_n;
	uint64_t *allowed, *issued;         /* durable: calls allowed; first 8 bytes of token digests */
	size_t allowed_n, issued_n;
	uint64_t allows, denies, pendings, enrolled, codes[E_COUNT];
	/* Leases (R1 R3 R5): durable intents, activations and ends, by id. */
	uint64_t *intended, *active, *revoked;
	size_t intended_n, active_n, revoked_n;
	uint64_t first_req;
};

void observer_init(struct observer *o, struct client *c, uint64_t seed);
void observer_fini(struct observer *o);
struct seen_question *observer_ask(struct observer *o, uint64_t req, enum seen_op op, int task);
/* By true time and acknowledged ends, may the task still act? */
bool observer_alive(const struct observer *o, int task);
/* The host was rebooted: no clock can tell how long it was gone, if the wall clock was moved meanwhile. */
void observer_rebooted(struct observer *o, int64_t gone);
_Noreturn void observer_breach(const struct observer *o, const char *rule, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

void observer_sent(struct node *n, enum role to, unsigned index, const struct msg *m);
void observer_delivering(struct node *n, enum role from, unsigned index, const struct msg *m);
/* An account came to be at an upstream. */
void observer_created(struct node *n, const struct account *a, const struct msg_lease_create *m);
/* R4 R5: what the ledger calls revoked is not there; at rest, what is there belongs to a task that may act. */
void observer_accounts(const struct observer *o, bool at_rest);
void observer_appended(struct node *n, enum role, unsigned, const struct msg *m);

#endif
