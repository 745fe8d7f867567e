#include "tests/sim/matrix.h"

/* A fault and a transition met when they were no further apart than this. */
#define NEAR 250

static const char *const fault_names[] = {
	"core dies", "store dies", "tools die", "edge dies", "signer dies", "ack lost", "ack twice", "store slow", "disk full",
	"clock forward", "clock back", "reboot",
};

static const struct { uint16_t type; const char *name; } transitions[] = {
	{ EV_TASK_REQUESTED, "task opened" }, { EV_TASK_DELEGATED, "task delegated" }, { EV_TASK_ENDING, "task ending" },
	{ EV_TASK_ENDED, "task ended" }, { EV_TASK_RAISED, "task raised" }, { EV_TOKEN_ISSUED, "token issued" },
	{ EV_DECISION_ALLOWED, "call decided" }, { EV_CALL_DISPATCHED, "call dispatched" }, { EV_CALL_DONE, "call done" },
	{ EV_CALL_CUT, "call cut" }, { EV_CALL_REFUSED, "call refused" }, { EV_CALL_UNKNOWN, "call unknown" }, { EV_APPROVAL_REQUESTED, "appr. asked" },
	{ EV_APPROVAL_GRANTED, "appr. granted" }, { EV_APPROVAL_REJECTED, "appr. rejected" }, { EV_APPROVAL_USED, "appr. used" },
	{ EV_APPROVAL_EXPIRED, "appr. expired" }, { EV_APPROVAL_WITHDRAWN, "appr. withdrawn" }, { EV_REVOCATION_ASKED, "revoked" },
	{ EV_REVOCATION_CONFIRMED, "confirmed" }, { EV_TOOL_CHANGED, "tool changed" }, { EV_TOOL_REVIEWED, "tool reviewed" },
	{ EV_POLICY_ACTIVATED, "policy set" }, { EV_AGENT_ENROLLED, "enrolled" },
};
enum { TRANSITIONS = sizeof transitions / sizeof *transitions };

static unsigned long cells[FAULT_COUNT][TRANSITIONS];
static size_t now, last_fault[FAULT_COUNT], last_event[TRANSITIONS];

void
matrix_step(size_t step)
{
	/* A new seed starts again at a small number. */
	if (step < now) {
		for (size_t i = 0; i < FAULT_COUNT; i++)
			last_fault[i] = 0;
		for (size_t i = 0; i < TRANSITIONS; i++)
			last_event[i] = 0;
	}
	now = step;
}

void
matrix_event(const struct event *e)
{
	for (size_t t = 0; t < TRANSITIONS; t++) {
		if (transitions[t].type != e->head.type)
			continue;
		last_event[t] = now;
		for (size_t f = 0; f < FAULT_COUNT; f++)
			if (last_fault[f] && now - last_fault[f] <= NEAR)
				cells[f][t]++;
	}
}

void
matrix_fault(enum fault f)
{
	last_fault[f] = now;
	for (size_t t = 0; t < TRANSITIONS; t++)
		if (last_event[t] && now - last_event[t] <= NEAR)
			cells[f][t]++;
}

unsigned
matrix_print(FILE *out)
{
	unsigned empty = 0;
	fprintf(out, "# %-16s", "");
	for (size_t f = 0; f < FAULT_COUNT; f++)
		fprintf(out, " %13s", fault_names[f]);
	for (size_t t = 0; t < TRANSITIONS; t++) {
		fprintf(out, "\n# %-16s", transitions[t].name);
		for (size_t f = 0; f < FAULT_COUNT; f++) {
			fprintf(out, " %13lu", cells[f][t]);
			empty += !cells[f][t];
		}
	}
	fprintf(out, "\n");
	return empty;
}
