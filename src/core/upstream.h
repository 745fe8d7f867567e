/* upstream: a database, or another system, at which Ambit makes accounts; a resource of docs/model.md §1.
 *
 * Each of its templates is one thing that can be asked for, and is to decisions what a tool is: Action::"lease/pg/staging.read" in
 * Action::"server:lease", with resource Upstream::"pg/staging", an effect, a sensitivity, a definition that approvals are bound to. It
 * is no tool of tools/list and can not be called.
 *
 *   ready ──failure──▶ down ──back-off over: one probe──▶ ready
 *
 * Revocations of one upstream wait in its own queue, so many at a time are asked; a dead upstream delays no other. */
#ifndef AMBIT_CORE_UPSTREAM_H
#define AMBIT_CORE_UPSTREAM_H

#include "core/object.h"
#include "core/timer.h"
#include "core/tool.h"

struct core;
struct json_writer;

enum { UPSTREAM_WINDOW = 8, UPSTREAM_TEMPLATES = 64, LEASE_PREFIX = 17, LEASE_ACCOUNT = LEASE_PREFIX + 12 };
#define UPSTREAM_BACKOFF_FIRST (NS_PER_S / 4)
#define UPSTREAM_BACKOFF_MAX (10 * NS_PER_S)
/* Between looks for orphans; sooner after anything whose outcome is unknown. */
#define UPSTREAM_LOOK (300 * NS_PER_S)
#define UPSTREAM_LOOK_SOON (3 * NS_PER_S)
#define UPSTREAM_LOOK_AGAIN (12 * NS_PER_S)

struct upstream {
	struct list all;                 /* core.upstreams */
	const struct object *object;
	struct str *name, *engine;
	char prefix[LEASE_PREFIX + 1];
	struct server face;              /* what decisions see: the server "lease" */
	struct list waiting;             /* leases whose revocation is not asked */
	uint32_t asked, leases, orphans;
	int64_t backoff, down_until;     /* boot */
	struct timer timer;              /* the next probe */
	struct timer look;               /* the next look for orphans */
	uint8_t looks;                   /* quick ones still to come */
	bool looking;
	uint16_t error;                  /* of the last operation */
	struct str *why;
	int64_t checked;                 /* wall: last look that worked */
	uint64_t foreign;                /* accounts with our prefix that no lease can have */
};

struct upstream *upstream_find(const struct core *c, span name);
status upstream_parse(struct core *c, struct object *o, struct object_fault *f);
void upstream_parsed_free(struct core *c, struct upstream *u);
status upstream_install(struct core *c, struct object *o, struct upstream *parsed);
void upstream_removed(struct core *c, struct object *o);
void upstream_free(struct core *c, struct upstream *u);
/* The template's body in the spec; NULL when it is gone. */
const struct json *template_spec(const struct upstream *u, span name);
/* The tool that stands for it, or NULL. */
struct tool *template_tool(const struct core *c, const struct upstream *u, span name);
/* Limits of it, ns. */
void template_ttl(const struct json *spec, int64_t *ret_standard, int64_t *ret_max);
/* May a task of that workflow ask for it? */
bool template_for_workflow(const struct json *spec, span workflow);
void upstreams_announce(struct core *c);
void upstream_announce(struct core *c, struct upstream *u);
/* Something went wrong whose outcome is unknown: look soon, and once more after. */
void upstream_doubt(struct core *c, struct upstream *u);
void upstream_timer(struct core *c, struct upstream *u);
void upstream_look(struct core *c, struct upstream *u);
void upstreams_engine_gone(struct core *c);
/* What the engine role said about the last operation; true when the upstream itself is out of reach. */
bool upstream_outcome(struct core *c, struct upstream *u, uint16_t error, span why);
void upstream_write(const struct core *c, const struct upstream *u, struct json_writer *w);

#endif
