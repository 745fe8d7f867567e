/* caps: what the typechecker knows to be present: pairs of an expression and an attribute or a tag.
 *
 * Each distinct pair gets a small number; sets of them are sorted runs of numbers in the checker's arena, and a counter
 * per number says whether it is known at the point being checked. */
#ifndef AMBIT_CEDAR_CAPS_H
#define AMBIT_CEDAR_CAPS_H

#include "cedar/ast.h"

struct cap {
	const struct cedar_expr *target;
	const struct cedar_expr *tag;    /* NULL: an attribute */
	span attr;
	uint64_t hash;
	uint32_t known;                  /* > 0: holds here */
	uint32_t next;                   /* in its bucket, plus one */
};

struct capset {
	uint32_t n;
	const uint32_t *ids;             /* sorted, distinct */
};

struct caps {
	struct arena *arena;
	struct cap *all;
	uint32_t n, cap;
	uint32_t buckets[256];           /* first number of each bucket, plus one */
	uint64_t work;                   /* steps taken, for the caller's limit */
};

void caps_init(struct caps *c, struct arena *a);
/* The number of a pair (exactly one of attr and tag is used: tag NULL means attr); UINT32_MAX on no memory. */
uint32_t caps_number(struct caps *c, const struct cedar_expr *target, span attr, const struct cedar_expr *tag);
static inline bool caps_known(const struct caps *c, uint32_t id) { return c->all[id].known > 0; }
/* Enter and leave a region where s holds. */
void caps_enter(struct caps *c, struct capset s);
void caps_leave(struct caps *c, struct capset s);

/* On no memory the result is empty, which only makes the checker stricter; the arena's overflow tells. */
struct capset capset_one(struct caps *c, uint32_t id);
struct capset capset_union(struct caps *c, struct capset a, struct capset b);
/* Union of many: linear in what they hold, for long && chains. */
struct capset capset_all(struct caps *c, const struct capset *sets, uint32_t n);
struct capset capset_both(struct caps *c, struct capset a, struct capset b);

#endif
