/* bank: a model of the engine role and of the upstreams behind it, as far as core can tell: accounts by lease id. */
#ifndef AMBIT_TESTS_SIM_BANK_H
#define AMBIT_TESTS_SIM_BANK_H

#include "msg/msg.h"

struct node;

enum { BANK_UPSTREAMS = 2, BANK_ACCOUNTS = 8192 };

struct account {
	uint64_t lease;
	unsigned upstream;           /* place in bank.names */
	int64_t expires;             /* wall */
	bool there, delivered;
};

struct bank {
	char names[BANK_UPSTREAMS][64];
	struct account accounts[BANK_ACCOUNTS];
	size_t n;
	bool down[BANK_UPSTREAMS];   /* nothing reaches it, nothing is done */
	bool refuses;                /* the next revocation is refused for a reason of its own */
	bool lose, repeat;           /* the next word of the engine role: done, but core does not hear it; or hears it twice */
	bool mute;                   /* does not answer at all, does nothing */
	uint64_t late;               /* a creation that takes effect only after its worker is dead: bank_late() */
	bool was_late;               /* a late creation happened since the last rest */
	bool delay;                  /* the next creation becomes `late`, and fails towards core */
	uint64_t creates, delivers, revokes, renews, lists;
	/* For observers; may be NULL. */
	void (*created)(struct node *n, const struct account *a, const struct msg_lease_create *m);
};

/* One message from core; answers go into the queue of the engine role. */
void bank_serve(struct node *n, struct bank *b, const struct msg *m);
/* What was delayed happens now. */
void bank_late(struct node *n, struct bank *b);
struct account *bank_find(struct bank *b, uint64_t lease);
/* Accounts that are there. */
size_t bank_count(const struct bank *b);

#endif
