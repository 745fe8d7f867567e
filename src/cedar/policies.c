#include "cedar/policies.h"

#include <stdlib.h>

/* ---- shelves ---- */

static void
shelf_unref(struct cedar_shelf *s)
{
	if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	cedar_index_fini(&s->index[CEDAR_FORBID]);
	cedar_index_fini(&s->index[CEDAR_PERMIT]);
	for (uint32_t i = 0; i < s->run_n; i++)
		cedar_program_unref(s->runs[i]);
	free(s->runs);
	free(s->units);
	free(s->names);
	free(s);
}

static struct cedar_shelf *
shelf_ref(struct cedar_shelf *s)
{
	if (s)
		__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

static struct cedar_shelf *
shelf_alloc(size_t units)
{
	struct cedar_shelf *s = calloc(1, sizeof *s);
	size_t slots = 4;
	while (slots < units * 2)
		slots *= 2;
	if (!s)
		return NULL;
	s->refs = 1;
	s->units = calloc(units + 1, sizeof *s->units);
	s->runs = calloc(units + 1, sizeof(struct cedar_program *));
	s->names = calloc(slots, sizeof *s->names);
	s->name_mask = (uint32_t)slots - 1;
	if (!s->units || !s->runs || !s->names) {
		shelf_unref(s);
		return NULL;
	}
	return s;
}

static void
shelf_add(struct cedar_shelf *s, struct cedar_unit *u)
{
	if (s->run_n == 0 || s->runs[s->run_n - 1] != u->program) {
		__atomic_add_fetch(&u->program->refs, 1, __ATOMIC_RELAXED);
		s->runs[s->run_n++] = u->program;
	}
	s->units[s->unit_n++] = u;
}

static void
shelf_add_program(struct cedar_shelf *s, struct cedar_program *prog)
{
	for (uint32_t k = 0; k < prog->unit_n; k++)
		shelf_add(s, &prog->units[k]);
}

static bool
same_name(const struct cedar_policy *a, const struct cedar_policy *b)
{
	return span_eq(a->id, b->id) && (a->ast == b->ast || span_eq(a->ast->file, b->ast->file));
}

/* The slot of the unit with this name, or a free one. */
static struct cedar_shelf_name *
name_slot(const struct cedar_shelf *s, const struct cedar_policy *p, uint32_t hash)
{
	uint32_t i = hash & s->name_mask;
	while (s->names[i].unit && (s->names[i].hash != hash || !same_name(s->units[s->names[i].unit - 1]->policy, p)))
		i = (i + 1) & s->name_mask;
	return &s->names[i];
}

/* The number of the unit with the name of `p`, or UINT32_MAX. */
static uint32_t
shelf_find(const struct cedar_shelf *s, const struct cedar_policy *p)
{
	uint32_t unit = s ? name_slot(s, p, cedar_key_hash(p->id))->unit : 0;
	return unit ? unit - 1 : UINT32_MAX;
}

static status
duplicate(const struct cedar_policy *p, struct cedar_diag *d)
{
	return cedar_diag_set(d, E_EXISTS, p->pos, NULL, "there are two policies with the id \"%.*s\"", SPAN_ARG(span_sub(p->id, 0, 100)));
}

/* Names and index of a shelf whose units are in place. */
static status
shelf_seal(struct cedar_shelf *s, struct cedar_diag *d)
{
	for (uint32_t i = 0; i < s->unit_n; i++) {
		const struct cedar_policy *p = s->units[i]->policy;
		uint32_t hash = cedar_key_hash(p->id);
		struct cedar_shelf_name *slot = name_slot(s, p, hash);
		if (slot->unit)
			return duplicate(p, d);
		*slot = (struct cedar_shelf_name){ hash, i + 1 };
	}
	for (unsigned e = CEDAR_FORBID; e <= CEDAR_PERMIT; e++)
		TRY(cedar_index_build(&s->index[e], s->units, s->unit_n, (enum cedar_effect)e));
	return OK;
}

static size_t
shelf_memory(const struct cedar_shelf *s)
{
	size_t n = sizeof *s + s->unit_n * sizeof *s->units + s->run_n * sizeof(struct cedar_program *) + ((size_t)s->name_mask + 1) * sizeof *s->names +
	           cedar_index_memory(&s->index[0]) + cedar_index_memory(&s->index[1]);
	const struct cedar_program *last = NULL;
	for (uint32_t i = 0; i < s->unit_n; i++) {
		const struct cedar_program *prog = s->units[i]->program;
		if (prog != last)
			n += sizeof *prog + prog->arena.used + sizeof *prog->ast + prog->ast->arena.used;
		last = prog;
	}
	return n;
}

/* ---- sets ---- */

const struct cedar_policies *
cedar_policies_ref(const struct cedar_policies *p)
{
	__atomic_add_fetch(&((struct cedar_policies *)p)->refs, 1, __ATOMIC_RELAXED);
	return p;
}

void
cedar_policies_unref(const struct cedar_policies *p)
{
	struct cedar_policies *own = (struct cedar_policies *)p;
	if (!own || __atomic_sub_fetch(&own->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	shelf_unref(own->large);
	shelf_unref(own->small);
	free(own->dropped);
	free(own);
}

static struct cedar_policies *
policies_alloc(void)
{
	struct cedar_policies *p = calloc(1, sizeof *p);
	if (p)
		p->refs = 1;
	return p;
}

static uint32_t
large_count(const struct cedar_policies *p)
{
	return p->large->unit_n - p->dropped_n;
}

size_t
cedar_policies_count(const struct cedar_policies *p)
{
	return (size_t)large_count(p) + (p->small ? p->small->unit_n : 0);
}

/* Unit i of the large shelf, as counted without those that were dropped. */
static struct cedar_unit *
large_at(const struct cedar_policies *p, uint32_t i)
{
	uint32_t low = 0, high = p->dropped_n;
	while (low < high) {
		uint32_t mid = (low + high) / 2;
		if (p->dropped[mid] - mid <= i)
			low = mid + 1;
		else
			high = mid;
	}
	return p->large->units[i + low];
}

const struct cedar_policy *
cedar_policies_at(const struct cedar_policies *p, size_t i)
{
	uint32_t n = large_count(p);
	return i < n ? large_at(p, (uint32_t)i)->policy : p->small->units[i - n]->policy;
}

size_t
cedar_policies_memory(const struct cedar_policies *p)
{
	return sizeof *p + p->dropped_n * sizeof *p->dropped + shelf_memory(p->large) + (p->small ? shelf_memory(p->small) : 0);
}

status
cedar_policies_new(struct cedar_ast *const *asts, size_t n, const struct cedar_policies **ret, struct cedar_diag *d)
{
	size_t total = 0;
	for (size_t i = 0; i < n; i++)
		total += asts[i]->policy_n;
	ENSURE(total < 1u << 28, E_LIMIT);
	CLEANUP(cedar_policies_unref_p) const struct cedar_policies *made = NULL;
	struct cedar_policies *p = policies_alloc();
	made = p;
	ENSURE(p && (p->large = shelf_alloc(total)), E_NO_MEMORY);
	for (size_t i = 0; i < n; i++) {
		struct cedar_program *prog;
		TRY(cedar_program_new(asts[i], &prog));
		shelf_add_program(p->large, prog);
		cedar_program_unref(prog);
	}
	TRY(shelf_seal(p->large, d));
	*ret = TAKE(made);
	return OK;
}

/* ---- edits ---- */

struct edit {
	const struct cedar_policies *old;
	struct cedar_policies *new;
	bool *gone;                      /* of each unit of the old small shelf */
	uint32_t gone_n;
	struct cedar_program **added;
	size_t added_n, added_units;
};

static int
number_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static status
drop_one(struct edit *e, const struct cedar_policy *p)
{
	uint32_t at = shelf_find(e->old->large, p);
	if (at != UINT32_MAX && e->old->large->units[at]->policy == p && cedar_policies_place(e->old, at) != UINT32_MAX) {
		e->new->dropped[e->new->dropped_n++] = at;
		return OK;
	}
	at = shelf_find(e->old->small, p);
	ENSURE(at != UINT32_MAX && e->old->small->units[at]->policy == p && !e->gone[at], E_NOT_FOUND);
	e->gone[at] = true;
	e->gone_n++;
	return OK;
}

static status
drop_all(struct edit *e, const struct cedar_policy *const *drop, size_t drop_n)
{
	uint32_t before = e->old->dropped_n;
	ENSURE(drop_n <= cedar_policies_count(e->old), E_NOT_FOUND);
	e->new->dropped = calloc(before + drop_n + 1, sizeof *e->new->dropped);
	e->gone = calloc((e->old->small ? e->old->small->unit_n : 0) + (size_t)1, sizeof *e->gone);
	ENSURE(e->new->dropped && e->gone, E_NO_MEMORY);
	if (before)
		memcpy(e->new->dropped, e->old->dropped, before * sizeof *e->new->dropped);
	e->new->dropped_n = before;
	for (size_t i = 0; i < drop_n; i++)
		TRY(drop_one(e, drop[i]));
	qsort(e->new->dropped, e->new->dropped_n, sizeof *e->new->dropped, number_cmp);
	for (uint32_t i = 1; i < e->new->dropped_n; i++)
		ENSURE(e->new->dropped[i - 1] != e->new->dropped[i], E_NOT_FOUND);
	return OK;
}

static void
add_rest(const struct edit *e, struct cedar_shelf *s)
{
	for (uint32_t i = 0; e->old->small && i < e->old->small->unit_n; i++)
		if (!e->gone[i])
			shelf_add(s, e->old->small->units[i]);
	for (size_t i = 0; i < e->added_n; i++)
		shelf_add_program(s, e->added[i]);
}

/* The small shelf must not grow large, nor the list of what was dropped: an edit would take ever longer. */
static bool
is_due(const struct cedar_policies *p, size_t small)
{
	return small + p->dropped_n > 64 + p->large->unit_n / 16;
}

static status
put_together(struct edit *e, size_t small, struct cedar_diag *d)
{
	struct cedar_policies *p = e->new;
	struct cedar_shelf *all = shelf_alloc(large_count(p) + small);
	ENSURE(all, E_NO_MEMORY);
	for (uint32_t i = 0, gone = 0; i < p->large->unit_n; i++) {
		if (gone < p->dropped_n && p->dropped[gone] == i)
			gone++;
		else
			shelf_add(all, p->large->units[i]);
	}
	add_rest(e, all);
	shelf_unref(p->large);
	p->large = all;
	p->dropped_n = 0;
	return shelf_seal(all, d);
}

static status
refuse_taken(const struct cedar_policies *p, const struct cedar_program *prog, struct cedar_diag *d)
{
	for (uint32_t k = 0; k < prog->unit_n; k++) {
		uint32_t at = shelf_find(p->large, prog->units[k].policy);
		if (at != UINT32_MAX && cedar_policies_place(p, at) != UINT32_MAX)
			return duplicate(prog->units[k].policy, d);
	}
	return OK;
}

static status
keep_apart(struct edit *e, size_t small, struct cedar_diag *d)
{
	struct cedar_policies *p = e->new;
	if (small == 0)
		return OK;
	ENSURE(p->small = shelf_alloc(small), E_NO_MEMORY);
	add_rest(e, p->small);
	for (size_t i = 0; i < e->added_n; i++)
		TRY(refuse_taken(p, e->added[i], d));
	return shelf_seal(p->small, d);
}

static status
compile_all(struct edit *e, struct cedar_ast *const *add, size_t n)
{
	ENSURE(e->added = calloc(n + 1, sizeof(struct cedar_program *)), E_NO_MEMORY);
	for (; e->added_n < n; e->added_n++) {
		TRY(cedar_program_new(add[e->added_n], &e->added[e->added_n]));
		e->added_units += e->added[e->added_n]->unit_n;
	}
	return OK;
}

static status
edit(struct edit *e, const struct cedar_policy *const *drop, size_t drop_n, struct cedar_ast *const *add, size_t add_n, struct cedar_diag *d)
{
	TRY(compile_all(e, add, add_n));
	TRY(drop_all(e, drop, drop_n));
	size_t small = (e->old->small ? e->old->small->unit_n - e->gone_n : 0) + e->added_units;
	ENSURE(large_count(e->new) + small < 1u << 28, E_LIMIT);
	return is_due(e->new, small) ? put_together(e, small, d) : keep_apart(e, small, d);
}

status
cedar_policies_edit_all(const struct cedar_policies *old, const struct cedar_policy *const *drop, size_t drop_n, struct cedar_ast *const *add,
                        size_t add_n, const struct cedar_policies **ret, struct cedar_diag *d)
{
	struct edit e = { .old = old, .new = policies_alloc() };
	ENSURE(e.new, E_NO_MEMORY);
	e.new->large = shelf_ref(old->large);
	status st = edit(&e, drop, drop_n, add, add_n, d);
	for (size_t i = 0; i < e.added_n; i++)
		cedar_program_unref(e.added[i]);
	free(e.added);
	free(e.gone);
	if (failed(st)) {
		cedar_policies_unref(e.new);
		return st;
	}
	*ret = e.new;
	return OK;
}

status
cedar_policies_edit(const struct cedar_policies *old, const struct cedar_policy *const *drop, size_t drop_n, struct cedar_ast *add,
                    const struct cedar_policies **ret, struct cedar_diag *d)
{
	return cedar_policies_edit_all(old, drop, drop_n, &add, add ? 1 : 0, ret, d);
}
