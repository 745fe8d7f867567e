/* application: policies and entities of an application whose own enforcement points ask Ambit through the AuthZEN API
 * (docs/model.md "application"). Its questions are about its own subjects and data, not about tasks: the same engine, the same
 * fail-closed rules and the same log answer them, and nothing of it touches the authority of tasks. */
#ifndef AMBIT_CORE_APPLICATION_H
#define AMBIT_CORE_APPLICATION_H

#include "core/object.h"
#include "core/policy.h"
#include "core/request.h"

struct application {
	struct policy_set *set;
	struct cedar_entities *entities;
	const struct cedar_entity **sorted;   /* by type and id: the order of searches */
	const span *actions;                  /* what an action search tries */
	uint32_t sorted_n, action_n;
};

/* Reads {"policies": text, "entities": […], "actions": […]} into o->parsed. E_BAD_POLICY and E_BAD_REQUEST with *f, the place in
 * o->arena. Refuses what has no meaning outside a task: @approval. */
status application_parse(struct core *c, struct object *o, struct object_fault *f);
void application_free(struct application *a);

/* One question. Sends VERDICT to the asker, an allow only once its event is durable (R1). Only a registered enforcement point of
 * that application may ask; others get E_NOT_PERMITTED, whether it exists or not. */
void application_evaluate(struct core *c, const struct asker *who, const struct peer *p, span app, span question);
/* MSG_SEARCH. With an application: which of its subjects, resources or actions would be allowed. Without one: which tools a task could
 * call (action search), and which tasks could call a tool (subject search). Nothing is recorded or consumed: a result is no permit. */
void on_search(struct core *c, enum role from, unsigned index, const struct msg_search *m);

#endif
