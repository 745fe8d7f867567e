/* What evaluations and searches about applications share. */
#ifndef AMBIT_CORE_APPLICATION_PRIV_H
#define AMBIT_CORE_APPLICATION_PRIV_H

#include "core/application.h"
#include "core/core_priv.h"
#include "core/decision.h"

struct question {
	const struct application *app;
	span name;                       /* of the application */
	const struct json *subject, *action, *resource, *context;
	struct cedar_request r;
	const struct cedar_entity *extra[2];

	bool allow;
	uint16_t code;
	const struct rule *rules[DECISION_RULES], *failed[DECISION_FAILURES], *observed[DECISION_RULES];
	uint8_t rule_n, failed_n, observed_n;
	char detail[256];
};

/* Reads the members of the question; everything lives in c->eval. */
status question_read(struct core *c, span text, struct question *q);
/* The entity `v` names. What the question says of it (its properties) is put over what the application's store has. */
status question_entity(struct core *c, struct question *q, const struct json *v, const struct cedar_uid **ret);
/* context.action: the action's properties; context.request: the question's context; context.now. */
status question_context(struct core *c, struct question *q);
/* Default deny, forbid wins, an error in a forbid denies: as for tasks (core/decision.c), but nobody can be asked. */
status question_evaluate(struct core *c, struct question *q);
/* The application, if this peer is one of its enforcement points; else why not. */
uint16_t application_of(const struct core *c, const struct peer *p, span name, const struct application **ret, struct agent **ret_by);

#endif
