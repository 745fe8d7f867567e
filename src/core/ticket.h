/* ticket: short-lived things that a text names: login codes, browser sessions, authorization requests, codes, device codes. Core keeps
 * the hash of the text. In memory only: a restart of core ends them all, which is always safe, and none comes back used or unused.
 *
 *   LOGIN ──used──▶ SESSION                        a person at a browser
 *   REQUEST ──consent of that session──▶ CODE ──redeemed──▶ task
 *   DEVICE (and its USER_CODE) ──REQUEST, consent──▶ DEVICE approved ──redeemed──▶ task */
#ifndef AMBIT_CORE_TICKET_H
#define AMBIT_CORE_TICKET_H

#include "base/map.h"
#include "core/clock.h"
#include "core/intern.h"
#include "core/timer.h"
#include "crypto/hash.h"

struct agent;
struct core;

enum ticket_kind { TICKET_LOGIN, TICKET_SESSION, TICKET_REQUEST, TICKET_CODE, TICKET_DEVICE, TICKET_USER_CODE };
enum device_state { DEVICE_PENDING, DEVICE_APPROVED, DEVICE_DENIED };

enum { TICKETS_MAX = 65536, TICKET_TEXT = 43 };

struct ticket {
	struct map_node node;            /* core.tickets, by hash */
	struct timer timer;
	struct term term;
	digest hash;
	uint8_t kind;                    /* enum ticket_kind */
	uint8_t audience;                /* enum audience */
	uint8_t device;                  /* enum device_state */
	uint64_t agent;
	digest session;                  /* REQUEST: whose consent counts; zero: nobody has signed in yet */
	digest challenge;                /* REQUEST, CODE: SHA-256 of the verifier (RFC 7636 §4.2) */
	digest about;                    /* USER_CODE, REQUEST: the DEVICE it is for; zero: a redirect */
	struct str *user, *client, *redirect, *state, *details;
	int64_t poll_at, interval;       /* DEVICE: boot, ns */
};

/* A new one under a fresh random text, or under `given` when it is not empty. E_LIMIT, E_NO_MEMORY. */
status ticket_new(struct core *c, enum ticket_kind kind, int64_t ttl, span given, char ret_text[static TICKET_TEXT + 1], struct ticket **ret);
/* NULL: there is none of that kind by that text. */
struct ticket *ticket_find(const struct core *c, enum ticket_kind kind, span text);
struct ticket *ticket_by_hash(const struct core *c, enum ticket_kind kind, const digest *hash);
/* Removes it. */
void ticket_over(struct core *c, struct ticket *k);

#endif
