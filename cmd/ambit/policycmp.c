#include "policycmp.h"

static span
id_of(const struct cedar_policy *p)
{
	span id = { 0 };
	cedar_policy_annotation(p, SPAN("id"), &id);
	return id;
}

static bool
same_uids(const struct cedar_scope *a, const struct cedar_scope *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++) {
		bool found = false;
		for (uint32_t k = 0; k < b->n && !found; k++)
			found = cedar_uid_eq(a->uids[i], b->uids[k]);
		if (!found)
			return false;
	}
	return true;
}

static bool
same_scope(const struct cedar_policy *a, const struct cedar_policy *b)
{
	for (unsigned v = CEDAR_PRINCIPAL; v <= CEDAR_RESOURCE; v++) {
		const struct cedar_scope *x = &a->scope[v], *y = &b->scope[v];
		if (x->op != y->op || x->slot != y->slot || !same_uids(x, y))
			return false;
		if ((x->op == CEDAR_SCOPE_IS || x->op == CEDAR_SCOPE_IS_IN) && !cedar_name_eq(x->type, y->type))
			return false;
	}
	return true;
}

static bool
same_conditions(const struct cedar_policy *a, const struct cedar_policy *b)
{
	if (a->condition_n != b->condition_n)
		return false;
	for (uint32_t i = 0; i < a->condition_n; i++)
		if (a->conditions[i].unless != b->conditions[i].unless || !cedar_expr_eq(a->conditions[i].body, b->conditions[i].body))
			return false;
	return true;
}

/* The annotations of a that b has not, or has otherwise. */
static void
annotations_missing(const struct cedar_policy *a, const struct cedar_policy *b, bool values, struct buf *out)
{
	for (uint32_t i = 0; i < a->annotation_n; i++) {
		span v;
		bool has = cedar_policy_annotation(b, a->annotations[i].key, &v);
		if (has && (!values || span_eq(v, a->annotations[i].value)))
			continue;
		buf_printf(out, "%s@%.*s", out->n ? " " : "", SPAN_ARG(a->annotations[i].key));
	}
}

static void
annotations(const struct cedar_policy *a, const struct cedar_policy *b, struct buf *out)
{
	annotations_missing(a, b, true, out);
	annotations_missing(b, a, false, out);
}

bool
policy_same(const struct cedar_policy *a, const struct cedar_policy *b)
{
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 1 << 20);
	annotations(a, b, &out);
	return !out.n && !out.err && a->effect == b->effect && same_scope(a, b) && same_conditions(a, b);
}

static size_t
list(const struct policyset *s, const struct cedar_policy **out)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		for (uint32_t k = 0; s->texts[i]->ast && k < s->texts[i]->ast->policy_n; k++) {
			if (out)
				out[n] = s->texts[i]->ast->policies[k];
			n++;
		}
	return n;
}

static void
what_changed(struct cli *c, struct policy_pair *p)
{
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 1 << 20);
	annotations(p->old, p->new, &out);
	p->effect = p->old->effect != p->new->effect;
	p->scope = !same_scope(p->old, p->new);
	p->conditions = !same_conditions(p->old, p->new);
	p->annotations = arena_cstr(&c->arena, buf_span(&out));
}

struct policy_pair *
policy_pairs(struct cli *c, const struct policyset *old, const struct policyset *new, size_t *ret_n)
{
	size_t old_n = list(old, NULL), new_n = list(new, NULL), n = 0;
	const struct cedar_policy **a = arena_array(&c->arena, old_n + 1, sizeof *a), **b = arena_array(&c->arena, new_n + 1, sizeof *b);
	struct policy_pair *out = arena_array(&c->arena, old_n + new_n + 1, sizeof *out);
	if (!a || !b || !out)
		return NULL;
	list(old, a);
	list(new, b);
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < new_n; i++)
			for (size_t k = 0; b[i] && k < old_n; k++) {
				if (!a[k] || (pass ? !id_of(b[i]).n || !span_eq(id_of(a[k]), id_of(b[i])) : !policy_same(a[k], b[i])))
					continue;
				out[n] = (struct policy_pair){ .change = pass ? POLICY_CHANGED : POLICY_SAME, .old = a[k], .new = b[i], .annotations = "" };
				if (pass)
					what_changed(c, &out[n]);
				n++;
				a[k] = b[i] = NULL;
			}
	for (size_t i = 0; i < old_n; i++)
		if (a[i])
			out[n++] = (struct policy_pair){ .change = POLICY_REMOVED, .old = a[i], .annotations = "" };
	for (size_t i = 0; i < new_n; i++)
		if (b[i])
			out[n++] = (struct policy_pair){ .change = POLICY_ADDED, .new = b[i], .annotations = "" };
	*ret_n = n;
	return out;
}
