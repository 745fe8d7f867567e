#include "cedar/index.h"

#include "base/buf.h"
#include "cedar/sort.h"

#include <stdlib.h>

struct cedar_policies {
	uint32_t refs;
	uint32_t unit_n;
	struct cedar_unit **units;       /* in order; each holds a reference to its program */
	struct cedar_index index[2];     /* by enum cedar_effect */
};

/* ---- sets ---- */

static void
policies_free(struct cedar_policies *p)
{
	if (!p)
		return;
	cedar_index_fini(&p->index[CEDAR_FORBID]);
	cedar_index_fini(&p->index[CEDAR_PERMIT]);
	for (uint32_t i = 0; i < p->unit_n; i++)
		cedar_program_unref(p->units[i]->program);
	free(p->units);
	free(p);
}

static struct cedar_policies *
policies_alloc(size_t units)
{
	struct cedar_policies *p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	p->refs = 1;
	p->units = calloc(units + 1, sizeof(*p->units));
	if (!p->units) {
		free(p);
		return NULL;
	}
	return p;
}

static void
add_unit(struct cedar_policies *p, struct cedar_unit *u)
{
	u->program->refs++;
	p->units[p->unit_n++] = u;
}

static int
name_cmp(const void *a, const void *b)
{
	const struct cedar_policy *x = *(const struct cedar_policy *const *)a, *y = *(const struct cedar_policy *const *)b;
	int c = span_cmp(x->id, y->id);
	return c ? c : span_cmp(x->ast->file, y->ast->file);
}

static status
refuse_duplicates(const struct cedar_policies *p, struct cedar_diag *d)
{
	const struct cedar_policy **list = calloc((size_t)p->unit_n + 1, sizeof *list);
	status st = OK;
	ENSURE(list, E_NO_MEMORY);
	for (uint32_t i = 0; i < p->unit_n; i++)
		list[i] = p->units[i]->policy;
	qsort(list, p->unit_n, sizeof *list, name_cmp);
	for (uint32_t i = 1; i < p->unit_n && !failed(st); i++)
		if (name_cmp(&list[i - 1], &list[i]) == 0)
			st = cedar_diag_set(d, E_EXISTS, list[i]->pos, NULL, "there are two policies with the id \"%.*s\"",
			                    SPAN_ARG(span_sub(list[i]->id, 0, 100)));
	free(list);
	return st;
}

/* Finishes a set whose units are in place; frees it on failure. */
static status
policies_seal(struct cedar_policies *own_p, const struct cedar_policies **ret, struct cedar_diag *d)
{
	status st = refuse_duplicates(own_p, d);
	for (unsigned e = CEDAR_FORBID; e <= CEDAR_PERMIT && !failed(st); e++)
		st = cedar_index_build(&own_p->index[e], own_p->units, own_p->unit_n, (enum cedar_effect)e);
	if (failed(st)) {
		policies_free(own_p);
		return st;
	}
	*ret = own_p;
	return OK;
}

status
cedar_policies_new(struct cedar_ast *const *asts, size_t n, const struct cedar_policies **ret, struct cedar_diag *d)
{
	size_t total = 0;
	for (size_t i = 0; i < n; i++)
		total += asts[i]->policy_n;
	ENSURE(total < UINT32_MAX, E_LIMIT);
	struct cedar_policies *p = policies_alloc(total);
	ENSURE(p, E_NO_MEMORY);
	for (size_t i = 0; i < n; i++) {
		struct cedar_program *prog;
		status st = cedar_program_new(asts[i], &prog);
		if (failed(st)) {
			policies_free(p);
			return st;
		}
		for (uint32_t k = 0; k < prog->unit_n; k++)
			add_unit(p, &prog->units[k]);
		cedar_program_unref(prog);
	}
	return policies_seal(p, ret, d);
}

static bool
is_among(const struct cedar_policy *p, const struct cedar_policy *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == p)
			return true;
	return false;
}

status
cedar_policies_edit(const struct cedar_policies *old, const struct cedar_policy *const *drop, size_t drop_n, struct cedar_ast *add,
                    const struct cedar_policies **ret, struct cedar_diag *d)
{
	struct cedar_policies *p = policies_alloc((size_t)old->unit_n + (add ? add->policy_n : 0));
	struct cedar_program *prog = NULL;
	ENSURE(p, E_NO_MEMORY);
	for (uint32_t i = 0; i < old->unit_n; i++)
		if (!is_among(old->units[i]->policy, drop, drop_n))
			add_unit(p, old->units[i]);
	status st = p->unit_n + drop_n == old->unit_n ? OK : FAIL(E_NOT_FOUND);
	if (!failed(st) && add)
		st = cedar_program_new(add, &prog);
	if (failed(st)) {
		policies_free(p);
		return st;
	}
	for (uint32_t k = 0; prog && k < prog->unit_n; k++)
		add_unit(p, &prog->units[k]);
	cedar_program_unref(prog);
	return policies_seal(p, ret, d);
}

const struct cedar_policies *
cedar_policies_ref(const struct cedar_policies *p)
{
	((struct cedar_policies *)p)->refs++;
	return p;
}

void
cedar_policies_unref(const struct cedar_policies *p)
{
	struct cedar_policies *own = (struct cedar_policies *)p;
	if (own && --own->refs == 0)
		policies_free(own);
}

size_t
cedar_policies_count(const struct cedar_policies *p)
{
	return p->unit_n;
}

const struct cedar_policy *
cedar_policies_at(const struct cedar_policies *p, size_t i)
{
	return p->units[i]->policy;
}

size_t
cedar_policies_memory(const struct cedar_policies *p)
{
	size_t n = sizeof *p + p->unit_n * sizeof *p->units + cedar_index_memory(&p->index[0]) + cedar_index_memory(&p->index[1]);
	const struct cedar_program *last = NULL;
	for (uint32_t i = 0; i < p->unit_n; i++) {
		const struct cedar_program *prog = p->units[i]->program;
		if (prog != last)
			n += sizeof *prog + prog->arena.used + sizeof *prog->ast + prog->ast->arena.used;
		last = prog;
	}
	return n;
}

/* ---- requests ---- */

void
cedar_record_put(struct cedar_record_builder *b, span key, struct cedar_value v)
{
	if (b->n == b->cap) {
		uint32_t cap = b->cap ? b->cap * 2 : 8;
		struct cedar_member *m = arena_alloc(b->arena, cap * sizeof *m);
		if (!m)
			return;
		if (b->n)
			memcpy(m, b->members, b->n * sizeof *m);
		b->members = m;
		b->cap = cap;
	}
	b->members[b->n++] = (struct cedar_member){ .key = key.p, .key_n = (uint32_t)key.n, .value = v };
}

const struct cedar_record *
cedar_record_finish(struct cedar_record_builder *b)
{
	uint32_t dup;
	return arena_ok(b->arena) ? cedar_record_new(b->arena, b->members, b->n, &dup) : NULL;
}

/* ---- asking ---- */

/* Growing lists in the arena, sorted by the policies' order at the end. */
struct hits {
	struct hit {
		const struct cedar_policy *policy;
		uint32_t ordinal;
	} *list;
	uint32_t n, cap;
	bool unsorted;
};

struct failures {
	struct cedar_failure *list;
	uint32_t n, cap;
};

struct asking {
	struct cedar_eval e;
	struct hits hits[2];             /* by effect */
	struct failures failures;
	enum cedar_effect effect;        /* of the index being searched */
};

static void
add_hit(struct arena *a, struct hits *h, const struct cedar_policy *p, uint32_t ordinal)
{
	if (h->n == h->cap) {
		uint32_t cap = h->cap ? h->cap * 4 : 16;
		struct hit *list = arena_alloc(a, cap * sizeof *list);
		if (!list)
			return;
		if (h->n)
			memcpy(list, h->list, h->n * sizeof *list);
		h->list = list;
		h->cap = cap;
	}
	/* A few are kept in order as they come; many are sorted once, at the end. */
	uint32_t i = h->n++;
	if (i > 64)
		h->unsorted |= h->list[i - 1].ordinal > ordinal;
	else
		for (; i > 0 && h->list[i - 1].ordinal > ordinal; i--)
			h->list[i] = h->list[i - 1];
	h->list[i] = (struct hit){ p, ordinal };
}

static void
add_failure(struct arena *a, struct failures *f, const struct cedar_policy *p, const struct cedar_failure *failure, uint32_t ordinal)
{
	if (f->n == f->cap) {
		uint32_t cap = f->cap ? f->cap * 2 : 4;
		struct cedar_failure *list = arena_alloc(a, cap * sizeof *list);
		if (!list)
			return;
		if (f->n)
			memcpy(list, f->list, f->n * sizeof *list);
		f->list = list;
		f->cap = cap;
	}
	f->list[f->n] = *failure;
	f->list[f->n].policy = p;
	f->list[f->n++].ordinal = ordinal;
}

static int
hit_cmp(const void *a, const void *b)
{
	uint32_t x = ((const struct hit *)a)->ordinal, y = ((const struct hit *)b)->ordinal;
	return (x > y) - (x < y);
}

static int
failure_cmp(const void *a, const void *b)
{
	uint32_t x = ((const struct cedar_failure *)a)->ordinal, y = ((const struct cedar_failure *)b)->ordinal;
	return (x > y) - (x < y);
}

static bool
evaluate_hit(void *arg, const struct cedar_unit *u, uint32_t ordinal)
{
	struct asking *q = arg;
	int t = cedar_eval_unit(&q->e, u);
	if (t > 0)
		add_hit(q->e.arena, &q->hits[q->effect], u->policy, ordinal);
	else if (t < 0)
		add_failure(q->e.arena, &q->failures, u->policy, &q->e.failure, ordinal);
	return true;
}

static uint32_t
hit_lists(struct arena *a, struct hits *h, const struct cedar_policy *const **ret_list, const uint32_t **ret_at)
{
	if (h->n == 0)
		return 0;
	const struct cedar_policy **list = arena_alloc(a, h->n * (sizeof *list + sizeof(uint32_t)));
	if (!list)
		return 0;
	uint32_t *at = (uint32_t *)(list + h->n);
	if (h->unsorted)
		cedar_sort(h->list, h->n, sizeof *h->list, hit_cmp);
	for (uint32_t i = 0; i < h->n; i++) {
		list[i] = h->list[i].policy;
		at[i] = h->list[i].ordinal;
	}
	*ret_list = list;
	*ret_at = at;
	return h->n;
}

status
cedar_evaluate(const struct cedar_policies *p, const struct cedar_entities *entities, const struct cedar_request *r, struct arena *a,
               struct cedar_answer *ret)
{
	/* Large, and every field is set below: the compiler's zeroing would cost more than some evaluations. */
	__attribute__((uninitialized)) struct asking q;
	*ret = (struct cedar_answer){ 0 };
	q.hits[CEDAR_FORBID] = q.hits[CEDAR_PERMIT] = (struct hits){ 0 };
	q.failures = (struct failures){ 0 };
	cedar_eval_init(&q.e, entities, r, a);
	for (unsigned e = CEDAR_FORBID; e <= CEDAR_PERMIT; e++) {
		q.effect = (enum cedar_effect)e;
		if (p->index[e].entry_n)
			cedar_index_search(&p->index[e], &q.e, evaluate_hit, &q);
	}
	if (q.failures.n > 1)
		cedar_sort(q.failures.list, q.failures.n, sizeof *q.failures.list, failure_cmp);
	struct cedar_answer out = {
		.allow = q.hits[CEDAR_PERMIT].n && !q.hits[CEDAR_FORBID].n,
		.failure_n = q.failures.n, .failures = q.failures.list,
	};
	out.permit_n = hit_lists(a, &q.hits[CEDAR_PERMIT], &out.permits, &out.permit_at);
	out.forbid_n = hit_lists(a, &q.hits[CEDAR_FORBID], &out.forbids, &out.forbid_at);
	/* A condition that ran out of memory looks like a failed one; no answer may be built on that. */
	if (!arena_ok(a))
		return FAIL(E_NO_MEMORY);
	*ret = out;
	return OK;
}

struct deciding {
	struct cedar_eval e;
	bool found;
};

static bool
decide_hit(void *arg, const struct cedar_unit *u, uint32_t ordinal)
{
	struct deciding *q = arg;
	q->found = cedar_eval_unit(&q->e, u) > 0;
	return !q->found;
}

status
cedar_decide(const struct cedar_policies *p, const struct cedar_entities *entities, const struct cedar_request *r, struct arena *a,
             bool *ret)
{
	__attribute__((uninitialized)) struct deciding q;
	*ret = false;
	q.found = false;
	cedar_eval_init(&q.e, entities, r, a);
	if (p->index[CEDAR_FORBID].entry_n)
		cedar_index_search(&p->index[CEDAR_FORBID], &q.e, decide_hit, &q);
	if (!q.found && p->index[CEDAR_PERMIT].entry_n) {
		cedar_index_search(&p->index[CEDAR_PERMIT], &q.e, decide_hit, &q);
		/* A forbid that ran out of memory has not said no. */
		*ret = q.found && arena_ok(a);
	}
	return arena_ok(a) ? OK : FAIL(E_NO_MEMORY);
}

status
cedar_is_authorized(const struct cedar_policies *p, const struct cedar_entities *entities, const struct cedar_request *r,
                    struct arena *a, struct cedar_response *ret)
{
	struct cedar_answer ans;
	*ret = (struct cedar_response){ 0 };
	TRY(cedar_evaluate(p, entities, r, a, &ans));
	*ret = (struct cedar_response){
		.allow = ans.allow,
		.reason_n = ans.allow ? ans.permit_n : ans.forbid_n, .reasons = ans.allow ? ans.permits : ans.forbids,
		.error_n = ans.failure_n, .errors = ans.failures,
	};
	return OK;
}

static void
print_uid(struct buf *b, const struct cedar_uid *u)
{
	buf_printf(b, "%.*s::\"%.*s\"", SPAN_ARG(u->type.text), SPAN_ARG(u->id));
}

void
cedar_failure_print(const struct cedar_failure *f, struct buf *b)
{
	if (f->policy && f->policy->ast->file.n) {
		buf_put(b, f->policy->ast->file);
		buf_put_str(b, ": ");
	}
	if (f->at && f->at->pos.line)
		buf_printf(b, "line %u, column %u: ", f->at->pos.line, f->at->pos.col);
	switch ((enum cedar_failure_kind)f->kind) {
	case CEDAR_FAILED_TYPE:
		buf_printf(b, "expected %s, got %s", f->text, cedar_kind_name(f->got));
		break;
	case CEDAR_FAILED_ATTRIBUTE:
		if (f->uid)
			print_uid(b, f->uid);
		else
			buf_put_str(b, "the record");
		buf_printf(b, " has no attribute \"%.*s\"", SPAN_ARG(f->name));
		break;
	case CEDAR_FAILED_TAG:
		print_uid(b, f->uid);
		buf_printf(b, " has no tag \"%.*s\"", SPAN_ARG(f->name));
		break;
	case CEDAR_FAILED_ENTITY:
		buf_put_str(b, "there is no entity ");
		print_uid(b, f->uid);
		break;
	case CEDAR_FAILED_OVERFLOW:
		buf_put_str(b, "the result does not fit a 64-bit Long");
		break;
	case CEDAR_FAILED_EXTENSION:
		buf_put_str(b, f->text);
		if (f->at && f->at->kind == CEDAR_X_CALL)
			buf_printf(b, " (in %s)", cedar_fn_info(f->at->sub)->name);
		break;
	}
}
