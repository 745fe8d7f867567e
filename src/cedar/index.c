#include "cedar/index.h"

#include <stdlib.h>

/* The second key. ORDER kind: by how little they usually leave. */
enum kind { P_EQ, R_EQ, P_IN, R_IN, P_IS, R_IS, ANY, KINDS };

struct cedar_index_action {
	const struct cedar_uid *uid;     /* NULL: free */
	uint32_t eq, in;                 /* buckets; 0: none */
};

struct cedar_index_bucket {
	uint32_t first[KINDS + 1];       /* groups of kind k: first[k] … first[k + 1] - 1 */
};

struct cedar_index_group {
	uint64_t hash;
	const void *key;                 /* struct cedar_uid (EQ, IN), struct cedar_name (IS), NULL (ANY) */
	uint32_t bucket, first, n;
	uint8_t kind;
};

struct cedar_index_entry {
	const struct cedar_unit *unit;
	uint32_t ordinal;
	uint32_t place : 29;             /* in the list of `action in [ … ]` */
	uint32_t check_principal : 1, check_resource : 1, check_action : 1;
};

static inline uint64_t
key_hash(uint32_t bucket, enum kind kind, const void *key)
{
	uint64_t h = 0;
	if (kind <= R_IN)
		h = ((const struct cedar_uid *)key)->hash;
	else if (kind != ANY)
		h = ((const struct cedar_name *)key)->hash;
	h = (h ^ ((uint64_t)bucket * KINDS + kind)) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

static inline bool
key_eq(enum kind kind, const void *a, const void *b)
{
	if (kind <= R_IN)
		return cedar_uid_eq(a, b);
	return kind == ANY || cedar_name_eq(a, b);
}

static inline struct cedar_index_group *
group_find(const struct cedar_index *ix, uint32_t bucket, enum kind kind, const void *key)
{
	uint64_t h = key_hash(bucket, kind, key);
	for (uint32_t i = (uint32_t)h & ix->slot_mask; ix->slots[i]; i = (i + 1) & ix->slot_mask) {
		struct cedar_index_group *g = &ix->groups[ix->slots[i] - 1];
		if (g->hash == h && g->bucket == bucket && g->kind == kind && key_eq(kind, g->key, key))
			return g;
	}
	return NULL;
}

static inline struct cedar_index_action *
action_slot(const struct cedar_index *ix, const struct cedar_uid *uid)
{
	uint32_t i = (uint32_t)((uid->hash * 0x9e3779b97f4a7c15u) >> 32) & ix->action_mask;
	while (ix->actions[i].uid && !cedar_uid_eq(ix->actions[i].uid, uid))
		i = (i + 1) & ix->action_mask;
	return &ix->actions[i];
}

/* ---- building ---- */

struct option {
	enum kind kind;
	const void *key;
};

static struct option
option_of(const struct cedar_scope *s, bool resource)
{
	switch ((enum cedar_scope_op)s->op) {
	case CEDAR_SCOPE_EQ:
		return (struct option){ resource ? R_EQ : P_EQ, s->uids[0] };
	case CEDAR_SCOPE_IN:
	case CEDAR_SCOPE_IS_IN:
		return (struct option){ resource ? R_IN : P_IN, s->uids[0] };
	case CEDAR_SCOPE_IS:
		return (struct option){ resource ? R_IS : P_IS, s->type };
	case CEDAR_SCOPE_ANY:
		break;
	}
	return (struct option){ ANY, NULL };
}

/* The bucket under which the policy is filed for the i-th of its actions. */
static uint32_t
bucket_of(const struct cedar_index *ix, const struct cedar_scope *action, uint32_t i)
{
	if (action->op == CEDAR_SCOPE_ANY)
		return 0;
	const struct cedar_index_action *a = action_slot(ix, action->uids[i]);
	return action->op == CEDAR_SCOPE_EQ ? a->eq : a->in;
}

static uint32_t
filings(const struct cedar_scope *action)
{
	return action->op == CEDAR_SCOPE_ANY ? 1 : action->n;
}

static uint32_t
power_of_two(uint64_t at_least)
{
	uint32_t n = 4;
	while (n < at_least)
		n *= 2;
	return n;
}

static status
build_actions(struct cedar_index *ix, struct cedar_unit *const *units, uint32_t n, enum cedar_effect effect)
{
	uint64_t total = 0;
	for (uint32_t i = 0; i < n; i++)
		if (units[i]->policy->effect == effect)
			total += filings(&units[i]->policy->scope[CEDAR_ACTION]);
	ENSURE(total < 1u << 28, E_LIMIT);
	ix->entry_n = (uint32_t)total;
	if (total == 0)
		return OK;
	/* Distinct actions are far fewer as a rule; count them in a table that is wide enough, then keep that. */
	uint32_t size = power_of_two(total * 2);
	ix->actions = calloc(size, sizeof *ix->actions);
	ENSURE(ix->actions, E_NO_MEMORY);
	ix->action_mask = size - 1;
	ix->bucket_n = 1;
	uint32_t used = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct cedar_scope *s = &units[i]->policy->scope[CEDAR_ACTION];
		if (units[i]->policy->effect != effect || s->op == CEDAR_SCOPE_ANY)
			continue;
		for (uint32_t k = 0; k < s->n; k++) {
			struct cedar_index_action *a = action_slot(ix, s->uids[k]);
			uint32_t *bucket = s->op == CEDAR_SCOPE_EQ ? &a->eq : &a->in;
			used += !a->uid;
			a->uid = s->uids[k];
			if (!*bucket)
				*bucket = ix->bucket_n++;
		}
	}
	struct cedar_index_action *wide = ix->actions;
	uint32_t small = power_of_two((uint64_t)used * 2 + 1);
	struct cedar_index_action *narrow = small < size ? calloc(small, sizeof *narrow) : NULL;
	if (narrow) {
		ix->actions = narrow;
		ix->action_mask = small - 1;
		for (uint32_t i = 0; i < size; i++)
			if (wide[i].uid)
				*action_slot(ix, wide[i].uid) = wide[i];
		free(wide);
	}
	return OK;
}

/* A policy under one of its actions, and what it could be filed under there. */
struct filing {
	uint32_t ordinal, place;
	uint32_t group, other;           /* `other` is NO_GROUP when there is no choice */
};

#define NO_GROUP UINT32_MAX

/* What building needs for a while. The groups of `ix` are all that anybody could be filed under, in no order, until those that nobody was
 * are left out. */
struct builder {
	struct cedar_index *ix;
	struct cedar_unit *const *units;
	struct filing *filings;
	uint32_t *runs;                  /* where the groups of a bucket and kind begin, and one more at the end */
	uint32_t *moved;                 /* of each group, its place at the end */
	struct cedar_index_group *sorted;
};

static void
builder_fini(struct builder *b)
{
	free(b->filings);
	free(b->runs);
	free(b->moved);
	free(b->sorted);
}

/* The number of the group for a key; makes it if it is new. The arrays are wide enough. Counts the policy in. */
static uint32_t
group_count(struct cedar_index *ix, uint32_t bucket, struct option o)
{
	uint64_t h = key_hash(bucket, o.kind, o.key);
	uint32_t i = (uint32_t)h & ix->slot_mask;
	for (; ix->slots[i]; i = (i + 1) & ix->slot_mask) {
		struct cedar_index_group *g = &ix->groups[ix->slots[i] - 1];
		if (g->hash == h && g->bucket == bucket && g->kind == o.kind && key_eq(o.kind, g->key, o.key)) {
			g->n++;
			return ix->slots[i] - 1;
		}
	}
	ix->groups[ix->group_n] = (struct cedar_index_group){ .hash = h, .key = o.key, .bucket = bucket, .kind = (uint8_t)o.kind, .n = 1 };
	ix->slots[i] = ix->group_n + 1;
	return ix->group_n++;
}

static void
collect(struct builder *b, uint32_t n, enum cedar_effect effect)
{
	struct filing *f = b->filings;
	for (uint32_t i = 0; i < n; i++) {
		const struct cedar_policy *p = b->units[i]->policy;
		if (p->effect != effect)
			continue;
		struct option one = option_of(&p->scope[CEDAR_PRINCIPAL], false), two = option_of(&p->scope[CEDAR_RESOURCE], true);
		for (uint32_t k = 0; k < filings(&p->scope[CEDAR_ACTION]); k++, f++) {
			uint32_t bucket = bucket_of(b->ix, &p->scope[CEDAR_ACTION], k);
			*f = (struct filing){ i, k, NO_GROUP, NO_GROUP };
			f->group = group_count(b->ix, bucket, one.kind == ANY ? two : one);
			if (one.kind != ANY && two.kind != ANY)
				f->other = group_count(b->ix, bucket, two);
		}
	}
}

/* Each policy is filed under what fewer others share. Then `first` of a group counts those that are filed under it. */
static void
choose(struct builder *b)
{
	struct cedar_index_group *groups = b->ix->groups;
	for (uint32_t i = 0; i < b->ix->entry_n; i++) {
		struct filing *f = &b->filings[i];
		if (f->other != NO_GROUP) {
			const struct cedar_index_group *x = &groups[f->group], *y = &groups[f->other];
			if (y->n < x->n || (y->n == x->n && y->kind < x->kind))
				f->group = f->other;
		}
		groups[f->group].first++;
	}
}

static uint32_t
run_of(const struct cedar_index_group *g)
{
	return g->bucket * KINDS + g->kind;
}

/* Leaves out empty groups, orders the others by bucket and kind, and gives each its run of entries. */
static status
lay_out(struct builder *b)
{
	struct cedar_index *ix = b->ix;
	uint32_t runs = ix->bucket_n * KINDS, kept = 0, first = 0;
	b->runs = calloc((size_t)runs + 1, sizeof *b->runs);
	b->moved = calloc((size_t)ix->group_n + 1, sizeof *b->moved);
	ix->buckets = calloc(ix->bucket_n, sizeof *ix->buckets);
	ENSURE(b->runs && b->moved && ix->buckets, E_NO_MEMORY);
	for (uint32_t g = 0; g < ix->group_n; g++)
		if (ix->groups[g].first) {
			b->runs[run_of(&ix->groups[g]) + 1]++;
			kept++;
		}
	ENSURE(b->sorted = calloc((size_t)kept + 1, sizeof *b->sorted), E_NO_MEMORY);
	for (uint32_t r = 0; r < runs; r++)
		b->runs[r + 1] += b->runs[r];
	for (uint32_t k = 0; k < ix->bucket_n; k++)
		memcpy(ix->buckets[k].first, &b->runs[k * KINDS], sizeof ix->buckets[k].first);
	for (uint32_t g = 0; g < ix->group_n; g++)
		if (ix->groups[g].first) {
			b->moved[g] = b->runs[run_of(&ix->groups[g])]++;
			b->sorted[b->moved[g]] = ix->groups[g];
		}
	for (uint32_t g = 0; g < kept; g++) {
		uint32_t n = b->sorted[g].first;
		b->sorted[g].first = first;
		b->sorted[g].n = 0;
		first += n;
	}
	free(ix->groups);
	ix->groups = b->sorted;
	b->sorted = NULL;
	ix->group_n = kept;
	return OK;
}

static status
fill_slots(struct cedar_index *ix)
{
	uint32_t size = power_of_two((uint64_t)ix->group_n * 2 + 1);
	free(ix->slots);
	ix->slot_mask = size - 1;
	ENSURE(ix->slots = calloc(size, sizeof *ix->slots), E_NO_MEMORY);
	for (uint32_t g = 0; g < ix->group_n; g++) {
		uint32_t i = (uint32_t)ix->groups[g].hash & ix->slot_mask;
		while (ix->slots[i])
			i = (i + 1) & ix->slot_mask;
		ix->slots[i] = g + 1;
	}
	return OK;
}

static bool
scope_open(const struct cedar_scope *s)
{
	return s->op == CEDAR_SCOPE_ANY;
}

static void
file(struct builder *b, const struct filing *f)
{
	const struct cedar_unit *u = b->units[f->ordinal];
	const struct cedar_policy *p = u->policy;
	struct cedar_index_group *g = &b->ix->groups[b->moved[f->group]];
	bool by_principal = g->kind == P_EQ || g->kind == P_IN || g->kind == P_IS;
	bool by_resource = g->kind == R_EQ || g->kind == R_IN || g->kind == R_IS;
	b->ix->entries[g->first + g->n++] = (struct cedar_index_entry){
		.unit = u, .ordinal = f->ordinal, .place = f->place & 0x1fffffff,
		.check_principal = !scope_open(&p->scope[0]) && !(by_principal && p->scope[0].op != CEDAR_SCOPE_IS_IN),
		.check_resource = !scope_open(&p->scope[2]) && !(by_resource && p->scope[2].op != CEDAR_SCOPE_IS_IN),
		.check_action = f->place > 0,
	};
}

static status
build(struct builder *b, uint32_t n, enum cedar_effect effect)
{
	struct cedar_index *ix = b->ix;
	TRY(build_actions(ix, b->units, n, effect));
	if (ix->entry_n == 0)
		return OK;
	uint32_t size = power_of_two((uint64_t)ix->entry_n * 4 + 1);
	ix->slot_mask = size - 1;
	ix->slots = calloc(size, sizeof *ix->slots);
	ix->groups = calloc((size_t)ix->entry_n * 2 + 1, sizeof *ix->groups);
	ix->entries = calloc((size_t)ix->entry_n + 1, sizeof *ix->entries);
	b->filings = calloc((size_t)ix->entry_n + 1, sizeof *b->filings);
	ENSURE(ix->slots && ix->groups && ix->entries && b->filings, E_NO_MEMORY);
	collect(b, n, effect);
	choose(b);
	TRY(lay_out(b));
	TRY(fill_slots(ix));
	for (uint32_t i = 0; i < ix->entry_n; i++)
		file(b, &b->filings[i]);
	return OK;
}

status
cedar_index_build(struct cedar_index *ix, struct cedar_unit *const *units, uint32_t n, enum cedar_effect effect)
{
	CLEANUP(builder_fini) struct builder b = { .ix = ix, .units = units };
	*ix = (struct cedar_index){ 0 };
	status st = build(&b, n, effect);
	if (failed(st))
		cedar_index_fini(ix);
	return st;
}

void
cedar_index_fini(struct cedar_index *ix)
{
	free(ix->actions);
	free(ix->buckets);
	free(ix->groups);
	free(ix->entries);
	free(ix->slots);
	*ix = (struct cedar_index){ 0 };
}

size_t
cedar_index_memory(const struct cedar_index *ix)
{
	if (ix->entry_n == 0)
		return 0;
	return ((size_t)ix->action_mask + 1) * sizeof *ix->actions + ix->bucket_n * sizeof *ix->buckets +
	       ((size_t)ix->entry_n + 1) * sizeof *ix->entries + ((size_t)ix->group_n + 1) * sizeof *ix->groups + ((size_t)ix->slot_mask + 1) * sizeof *ix->slots;
}

/* ---- searching ---- */

bool
cedar_scope_match(struct cedar_eval *e, const struct cedar_scope *s, enum cedar_var var)
{
	const struct cedar_uid *uid = e->var_uid[var];
	if ((s->op == CEDAR_SCOPE_IS || s->op == CEDAR_SCOPE_IS_IN) && !cedar_name_eq(&uid->type, s->type))
		return false;
	if (s->op == CEDAR_SCOPE_EQ)
		return cedar_uid_eq(uid, s->uids[0]);
	if (s->op == CEDAR_SCOPE_ANY || s->op == CEDAR_SCOPE_IS)
		return true;
	for (uint32_t i = 0; i < s->n; i++)
		if (cedar_eval_in(e, uid, s->uids[i]))
			return true;
	return false;
}

struct search {
	const struct cedar_index *ix;
	struct cedar_eval *e;
	cedar_index_hit_fn *hit;
	void *arg;
};

/* A policy with a list of actions is filed under each; it counts under the first of them that matches. */
static bool
matched_earlier(struct cedar_eval *e, const struct cedar_scope *action, uint32_t place)
{
	for (uint32_t i = 0; i < place; i++)
		if (cedar_eval_in(e, e->var_uid[CEDAR_ACTION], action->uids[i]))
			return true;
	return false;
}

static bool
search_group(const struct search *s, const struct cedar_index_group *g)
{
	for (uint32_t i = 0; i < g->n; i++) {
		const struct cedar_index_entry *en = &s->ix->entries[g->first + i];
		const struct cedar_policy *p = en->unit->policy;
		if (en->check_principal && !cedar_scope_match(s->e, &p->scope[CEDAR_PRINCIPAL], CEDAR_PRINCIPAL))
			continue;
		if (en->check_resource && !cedar_scope_match(s->e, &p->scope[CEDAR_RESOURCE], CEDAR_RESOURCE))
			continue;
		if (en->check_action && matched_earlier(s->e, &p->scope[CEDAR_ACTION], en->place))
			continue;
		if (!s->hit(s->arg, en->unit, en->ordinal))
			return false;
	}
	return true;
}

static bool
search_key(const struct search *s, uint32_t bucket, enum kind kind, const void *key)
{
	const struct cedar_index_group *g = group_find(s->ix, bucket, kind, key);
	return !g || search_group(s, g);
}

/* Ancestors are looked up one by one, or the groups are tried one by one: whichever are fewer. */
static bool
search_in(const struct search *s, uint32_t bucket, enum kind kind, enum cedar_var var)
{
	const struct cedar_index_bucket *b = &s->ix->buckets[bucket];
	const struct cedar_entity *ent = s->e->var_entity[var];
	const struct cedar_uid *uid = s->e->var_uid[var];
	uint32_t groups = b->first[kind + 1] - b->first[kind], up = ent ? ent->ancestor_n : 0;
	if (groups <= up) {
		for (uint32_t g = b->first[kind]; g < b->first[kind + 1]; g++)
			if (cedar_eval_in(s->e, uid, s->ix->groups[g].key) && !search_group(s, &s->ix->groups[g]))
				return false;
		return true;
	}
	if (!search_key(s, bucket, kind, uid))
		return false;
	for (uint32_t i = 0; i < up; i++)
		if (!search_key(s, bucket, kind, ent->ancestors[i].uid))
			return false;
	return true;
}

static bool
search_bucket(const struct search *s, uint32_t bucket)
{
	const uint32_t *first = s->ix->buckets[bucket].first;
	const struct cedar_uid *principal = s->e->var_uid[CEDAR_PRINCIPAL], *resource = s->e->var_uid[CEDAR_RESOURCE];
	for (unsigned k = 0; k < KINDS; k++) {
		bool go_on = true;
		if (first[k] == first[k + 1])
			continue;
		switch ((enum kind)k) {
		case P_EQ: go_on = search_key(s, bucket, P_EQ, principal); break;
		case R_EQ: go_on = search_key(s, bucket, R_EQ, resource); break;
		case P_IN: go_on = search_in(s, bucket, P_IN, CEDAR_PRINCIPAL); break;
		case R_IN: go_on = search_in(s, bucket, R_IN, CEDAR_RESOURCE); break;
		case P_IS: go_on = search_key(s, bucket, P_IS, &principal->type); break;
		case R_IS: go_on = search_key(s, bucket, R_IS, &resource->type); break;
		case ANY:  go_on = search_group(s, &s->ix->groups[first[ANY]]); break;
		case KINDS: break;
		}
		if (!go_on)
			return false;
	}
	return true;
}

bool
cedar_index_search(const struct cedar_index *ix, struct cedar_eval *e, cedar_index_hit_fn *hit, void *arg)
{
	struct search s = { ix, e, hit, arg };
	const struct cedar_entity *action = e->var_entity[CEDAR_ACTION];
	if (!search_bucket(&s, 0))
		return false;
	const struct cedar_index_action *a = action_slot(ix, e->var_uid[CEDAR_ACTION]);
	if ((a->eq && !search_bucket(&s, a->eq)) || (a->in && !search_bucket(&s, a->in)))
		return false;
	for (uint32_t i = 0; action && i < action->ancestor_n; i++) {
		a = action_slot(ix, action->ancestors[i].uid);
		if (a->in && !search_bucket(&s, a->in))
			return false;
	}
	return true;
}
