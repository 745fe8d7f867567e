#include "cedar/nearest.h"

#include "cedar/program.h"
#include "base/buf.h"

struct search {
	struct cedar_eval *eval;
	struct arena *arena;
	struct cedar_near *near;
	uint32_t total;              /* weight of everything that does not hold */
	bool oom;
};

/* A wrong action makes a permit a stranger; a wrong principal or resource is nearer than a wrong action. */
enum { WEIGHT_ACTION = 10000, WEIGHT_PRINCIPAL = 100, WEIGHT_RESOURCE = 50, WEIGHT_CONDITION = 1 };

static void
S_lack(struct search *s, enum cedar_lack lack, const struct cedar_expr *at, uint32_t weight)
{
	if (s->near->lacks++ == 0) {
		s->near->lack = lack;
		s->near->at = at;
		if (lack == CEDAR_LACK_ERROR)
			s->near->failure = s->eval->failure;
	}
	s->total += weight;
}

/* ---- conditions ---- */

/* Counts the parts of x that keep it from being `want`: of && the operands, of || under `unless` likewise. */
static void
S_parts(struct search *s, const struct cedar_expr *x, bool want)
{
	if ((x->kind == CEDAR_X_AND && want) || (x->kind == CEDAR_X_OR && !want)) {
		for (uint32_t i = 0; i < x->n; i++) {
			uint32_t before = s->near->lacks;
			S_parts(s, x->list.items[i], want);
			/* what stands behind a part that fails may fail only because of it */
			if (s->near->lacks > before && s->near->lack == CEDAR_LACK_ERROR)
				return;
		}
		return;
	}
	if (x->kind == CEDAR_X_NOT) {
		S_parts(s, x->x.a, !want);
		return;
	}
	const struct cedar_op *op = cedar_compile_expr(s->arena, x);
	if (!op) {
		s->oom = true;
		return;
	}
	int got = cedar_eval_test(s->eval, op);
	if (got == want)
		return;
	S_lack(s, got < 0 ? CEDAR_LACK_ERROR : want ? CEDAR_LACK_CONDITION : CEDAR_LACK_EXCEPTION, x, WEIGHT_CONDITION);
}

static void
S_policy(struct search *s, const struct cedar_policy *p)
{
	static const struct { enum cedar_lack lack; uint32_t weight; } scope[] = {
		[CEDAR_PRINCIPAL] = { CEDAR_LACK_PRINCIPAL, WEIGHT_PRINCIPAL }, [CEDAR_ACTION] = { CEDAR_LACK_ACTION, WEIGHT_ACTION },
		[CEDAR_RESOURCE] = { CEDAR_LACK_RESOURCE, WEIGHT_RESOURCE },
	};
	for (unsigned v = CEDAR_PRINCIPAL; v <= CEDAR_RESOURCE; v++)
		if (!cedar_eval_in_scope(s->eval, v, &p->scope[v]))
			S_lack(s, scope[v].lack, NULL, scope[v].weight);
	/* under a scope that does not fit, conditions are about something else */
	for (uint32_t i = 0; i < p->condition_n && s->total == s->near->lacks; i++)
		S_parts(s, p->conditions[i].body, !p->conditions[i].unless);
}

status
cedar_nearest_permits(const struct cedar_policies *p, const struct cedar_entities *entities, const struct cedar_request *r,
                      bool (*skip)(const struct cedar_policy *, void *), void *arg, struct arena *a, struct cedar_near *ret,
                      uint32_t n, uint32_t *ret_n)
{
	struct cedar_eval e;
	uint32_t *weights = arena_array(a, n + 1, sizeof *weights), found = 0;
	ENSURE(weights, E_NO_MEMORY);
	cedar_eval_init(&e, entities, r, a);
	for (size_t i = 0, all = cedar_policies_count(p); i < all; i++) {
		const struct cedar_policy *policy = cedar_policies_at(p, i);
		struct cedar_near near = { .policy = policy };
		struct search s = { &e, a, &near, 0, false };
		if (policy->effect != CEDAR_PERMIT || (skip && skip(policy, arg)))
			continue;
		struct arena_mark mark = arena_mark(a);
		S_policy(&s, policy);
		ENSURE(!s.oom && arena_ok(a), E_NO_MEMORY);
		/* of the arena only the failure's parts may be wanted, and those come from the policies and the store */
		arena_back(a, mark);
		if (near.lacks == 0)
			continue;
		uint32_t at = found < n ? found++ : n;
		for (; at > 0 && weights[at - 1] > s.total; at--) {
			if (at < n) {
				weights[at] = weights[at - 1];
				ret[at] = ret[at - 1];
			}
		}
		if (at < n) {
			weights[at] = s.total;
			ret[at] = near;
		}
	}
	*ret_n = found;
	return OK;
}

/* ---- printing ---- */

/* The text of the expression on one line, cut where it gets long; nothing when the policy came from JSON. */
static void
S_source(const struct cedar_near *near, struct buf *b)
{
	span text = near->policy->ast->text;
	if (!near->at || near->at->end > text.n || near->at->pos.offset >= near->at->end)
		return;
	text = span_sub(text, near->at->pos.offset, near->at->end - near->at->pos.offset);
	bool blank = false;
	for (size_t i = 0; i < text.n; i++) {
		if (i >= 160 && (text.p[i] & 0xC0) != 0x80) {
			buf_put_str(b, "…");
			return;
		}
		bool space = text.p[i] < 0x20 || text.p[i] == ' ' || text.p[i] == 0x7f;
		if (!space)
			buf_put_u8(b, text.p[i]);
		else if (!blank)
			buf_put_u8(b, ' ');
		blank = space;
	}
}

void
cedar_near_lack(const struct cedar_near *near, struct buf *b)
{
	static const char *const words[] = {
		[CEDAR_LACK_PRINCIPAL] = "is for another principal", [CEDAR_LACK_ACTION] = "is for another action",
		[CEDAR_LACK_RESOURCE] = "is for another resource", [CEDAR_LACK_CONDITION] = "lacks: ",
		[CEDAR_LACK_ERROR] = "could not be evaluated: ", [CEDAR_LACK_EXCEPTION] = "makes an exception: ",
	};
	buf_put_str(b, words[near->lack]);
	S_source(near, b);
}

void
cedar_near_print(const struct cedar_near *near, struct buf *b)
{
	span id = near->policy->id;
	cedar_policy_annotation(near->policy, SPAN("id"), &id);
	buf_put_str(b, "permit \"");
	buf_put(b, id);
	buf_put_str(b, "\"");
	if (near->policy->pos.line) {
		span file = cedar_policy_file(near->policy);
		buf_put_str(b, " (");
		buf_put(b, file);
		buf_printf(b, "%s%u)", file.n ? ":" : "line ", near->policy->pos.line);
	}
	buf_put_u8(b, ' ');
	cedar_near_lack(near, b);
}
