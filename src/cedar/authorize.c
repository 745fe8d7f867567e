#include "cedar/policies.h"

#include "base/buf.h"
#include "cedar/sort.h"

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
	const struct cedar_policies *set;
	bool small;                      /* of the shelf being searched */
	enum cedar_effect effect;        /* of the index being searched */
	struct hits hits[2];             /* by effect */
	struct failures failures;
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

/* False when the policy is no longer in the set; else its place there. */
static inline bool
place_of(const struct cedar_policies *p, bool small, uint32_t ordinal, uint32_t *ret)
{
	if (small)
		*ret = ordinal + p->large->unit_n - p->dropped_n;
	else
		*ret = p->dropped_n ? cedar_policies_place(p, ordinal) : ordinal;
	return *ret != UINT32_MAX;
}

static bool
evaluate_hit(void *arg, const struct cedar_unit *u, uint32_t ordinal)
{
	struct asking *q = arg;
	uint32_t place;
	if (!place_of(q->set, q->small, ordinal, &place))
		return true;
	int t = cedar_eval_unit(&q->e, u);
	if (t > 0)
		add_hit(q->e.arena, &q->hits[q->effect], u->policy, place);
	else if (t < 0)
		add_failure(q->e.arena, &q->failures, u->policy, &q->e.failure, place);
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

/* Looks through both shelves for policies of one effect; false when a hit ended the search. */
static bool
search(const struct cedar_policies *p, enum cedar_effect effect, struct cedar_eval *e, cedar_index_hit_fn *hit, void *arg, bool *small)
{
	*small = false;
	if (p->large->index[effect].entry_n && !cedar_index_search(&p->large->index[effect], e, hit, arg))
		return false;
	*small = true;
	return !p->small || !p->small->index[effect].entry_n || cedar_index_search(&p->small->index[effect], e, hit, arg);
}

/* The answer to the request that q->e was made ready for. */
static void
ask(struct asking *q, struct cedar_answer *ret)
{
	struct arena *a = q->e.arena;
	q->hits[CEDAR_FORBID] = q->hits[CEDAR_PERMIT] = (struct hits){ 0 };
	q->failures = (struct failures){ 0 };
	for (unsigned e = CEDAR_FORBID; e <= CEDAR_PERMIT; e++) {
		q->effect = (enum cedar_effect)e;
		search(q->set, q->effect, &q->e, evaluate_hit, q, &q->small);
	}
	if (q->failures.n > 1)
		cedar_sort(q->failures.list, q->failures.n, sizeof *q->failures.list, failure_cmp);
	*ret = (struct cedar_answer){
		.allow = q->hits[CEDAR_PERMIT].n && !q->hits[CEDAR_FORBID].n,
		.failure_n = q->failures.n, .failures = q->failures.list,
	};
	ret->permit_n = hit_lists(a, &q->hits[CEDAR_PERMIT], &ret->permits, &ret->permit_at);
	ret->forbid_n = hit_lists(a, &q->hits[CEDAR_FORBID], &ret->forbids, &ret->forbid_at);
}

status
cedar_evaluate(const struct cedar_policies *p, const struct cedar_entities *entities, const struct cedar_request *r, struct arena *a,
               struct cedar_answer *ret)
{
	/* Large, and every field is set before it is read: the compiler's zeroing would cost more than some evaluations. */
	__attribute__((uninitialized)) struct asking q;
	struct cedar_answer out;
	q.set = p;
	cedar_eval_init(&q.e, entities, r, a);
	ask(&q, &out);
	/* A condition that ran out of memory looks like a failed one; no answer may be built on that. */
	*ret = arena_ok(a) ? out : (struct cedar_answer){ 0 };
	return arena_ok(a) ? OK : FAIL(E_NO_MEMORY);
}

status
cedar_evaluate_many(const struct cedar_policies *p, const struct cedar_entities *entities, const struct cedar_request *r, size_t n,
                    struct arena *a, struct cedar_answer *ret)
{
	__attribute__((uninitialized)) struct asking q;
	q.set = p;
	for (size_t i = 0; i < n; i++) {
		if (i == 0)
			cedar_eval_init(&q.e, entities, &r[0], a);
		else
			cedar_eval_next(&q.e, &r[i]);
		ask(&q, &ret[i]);
	}
	if (arena_ok(a))
		return OK;
	memset(ret, 0, n * sizeof *ret);
	return FAIL(E_NO_MEMORY);
}

struct deciding {
	struct cedar_eval e;
	const struct cedar_policies *set;
	bool small, found;
};

static bool
decide_hit(void *arg, const struct cedar_unit *u, uint32_t ordinal)
{
	struct deciding *q = arg;
	uint32_t place;
	q->found = place_of(q->set, q->small, ordinal, &place) && cedar_eval_unit(&q->e, u) > 0;
	return !q->found;
}

/* A forbid that ran out of memory has not said no: then nothing is allowed. */
static bool
decide(struct deciding *q)
{
	q->found = false;
	if (!search(q->set, CEDAR_FORBID, &q->e, decide_hit, q, &q->small))
		return false;
	search(q->set, CEDAR_PERMIT, &q->e, decide_hit, q, &q->small);
	return q->found && arena_ok(q->e.arena);
}

status
cedar_decide(const struct cedar_policies *p, const struct cedar_entities *entities, const struct cedar_request *r, struct arena *a,
             bool *ret)
{
	__attribute__((uninitialized)) struct deciding q;
	q.set = p;
	cedar_eval_init(&q.e, entities, r, a);
	*ret = decide(&q);
	return arena_ok(a) ? OK : FAIL(E_NO_MEMORY);
}

status
cedar_decide_each(const struct cedar_policies *p, const struct cedar_entities *entities, const struct cedar_request *r,
                  const struct cedar_uid *const *resources, size_t n, struct arena *a, bool *ret)
{
	__attribute__((uninitialized)) struct deciding q;
	struct cedar_request one = *r;
	struct arena_mark start = arena_mark(a);
	q.set = p;
	for (size_t i = 0; i < n; i++) {
		one.resource = resources[i];
		if (i == 0)
			cedar_eval_init(&q.e, entities, &one, a);
		else
			cedar_eval_next(&q.e, &one);
		ret[i] = decide(&q);
		if (!arena_ok(a)) {
			memset(ret, 0, n * sizeof *ret);
			return FAIL(E_NO_MEMORY);
		}
		arena_back(a, start);
	}
	return OK;
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
