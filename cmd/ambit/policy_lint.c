/* policy lint: what is suspicious in policies, by their text alone. The rules and their pages are in rules.def. */
#include "policyset.h"
#include "scope.h"
#include "cedar/cedar.h"
#include "cedar/suggest.h"
#include "core/policy.h"

#include <stdio.h>
#include <stdlib.h>

enum { PARTS_MAX = 64 };

/* A part of a condition with what it must be for the policy to apply: `a && b` wants both true, `unless { a || b }` both false. */
struct part {
	const struct cedar_expr *x;
	bool want;
};

struct look {
	struct cli *c;
	struct findings *f;
	const struct policyset *set;
	const struct source_text *source;
	const struct cedar_policy *p;
	struct part parts[PARTS_MAX];
	size_t part_n;
	bool dead;                       /* said to never apply; more would only repeat it */
};

static span
annotation(const struct cedar_policy *p, const char *key)
{
	span v = { 0 };
	cedar_policy_annotation(p, span_str(key), &v);
	return v;
}

static bool observes(const struct cedar_policy *p) { return span_is(annotation(p, "mode"), "observe"); }

static bool
asks(const struct cedar_policy *p)
{
	span v;
	return cedar_policy_annotation(p, SPAN("approval"), &v);
}

/* The effect's word, or the annotation in front of it. */
static void
say(struct look *l, enum rule_id r, struct cedar_pos at, uint32_t end, const char *hint, const char *what)
{
	finding_at(l->f, r, l->source, l->p, at, end, hint, "%s", what);
}

/* The end of the scope: the caret line under a whole policy says nothing. */
static uint32_t
head_end(const struct look *l)
{
	uint32_t at = l->p->scope[CEDAR_RESOURCE].end;
	return at > l->p->pos.offset ? at : l->p->end;
}

/* ---- annotations ---- */

static void
look_annotation(struct look *l, const struct cedar_annotation *a)
{
	struct cedar_suggest s = cedar_suggest_make(a->key);
	for (size_t i = 0; rule_annotation(i); i++) {
		if (span_is(a->key, rule_annotation(i)))
			return;
		cedar_suggest_offer(&s, span_str(rule_annotation(i)));
	}
	char hint[160];
	if (s.best.n)
		snprintf(hint, sizeof hint, "did you mean `@%.*s`?", SPAN_ARG(s.best));
	else
		snprintf(hint, sizeof hint, "known are @id, @approval, @mode, @reason and @advice");
	finding_at(l->f, RULE_UNKNOWN_ANNOTATION, l->source, l->p, a->pos, a->end, hint, "unknown annotation `@%.*s`", SPAN_ARG(a->key));
}

static bool
quorums_ok(span s)
{
	size_t n = 0;
	struct quorum q;
	while (s.n) {
		size_t comma = span_find(s, ',');
		if (++n > 4 || !quorum_parse(span_sub(s, 0, comma), &q))
			return false;
		s = span_sub(s, comma + 1, s.n);
	}
	return n > 0;
}

static void
look_annotations(struct look *l)
{
	for (uint32_t i = 0; i < l->p->annotation_n; i++) {
		const struct cedar_annotation *a = &l->p->annotations[i];
		look_annotation(l, a);
		bool permit = l->p->effect == CEDAR_PERMIT;
		if (span_is(a->key, "approval") && permit)
			say(l, RULE_APPROVAL_ON_PERMIT, a->pos, a->end, "put it on a `forbid`: forbidden unless a human says yes", "`@approval` on a permit has no meaning");
		else if (span_is(a->key, "approval") && !quorums_ok(a->value))
			say(l, RULE_BAD_APPROVAL, a->pos, a->end, "write @approval(\"group:count\")", "`@approval` does not name groups and counts");
		else if (span_is(a->key, "approval") && observes(l->p))
			say(l, RULE_USELESS_ANNOTATION, a->pos, a->end, "", "a rule in observe mode asks nobody");
		else if (span_is(a->key, "mode") && !span_is(a->value, "observe") && !span_is(a->value, "enforce"))
			say(l, RULE_BAD_MODE, a->pos, a->end, "write @mode(\"observe\") or leave it out", "`@mode` is \"observe\" or \"enforce\"");
		else if ((span_is(a->key, "reason") || span_is(a->key, "advice")) && permit)
			say(l, RULE_USELESS_ANNOTATION, a->pos, a->end, "it is shown when a `forbid` denies or asks", "nobody is ever told the words of a permit");
	}
}

/* ---- conditions ---- */

static bool
has_unknown(const struct cedar_expr *x, void *)
{
	return x->kind != CEDAR_X_VAR && x->kind != CEDAR_X_ENTITY && cedar_expr_children(x, has_unknown, NULL);
}

/* Does not depend on the request or on entities. */
static bool is_constant(const struct cedar_expr *x) { return has_unknown(x, NULL); }

enum truth { TRUTH_UNKNOWN, TRUTH_FALSE, TRUTH_TRUE, TRUTH_ERROR };

/* What a constant is, from the evaluator itself. */
static enum truth
value_of(struct look *l, const struct cedar_expr *x)
{
	CLEANUP(buf_fini) struct buf b;
	CLEANUP(arena_fini) struct arena a;
	CEDAR_AST_CLEANUP struct cedar_ast *ast = NULL;
	CLEANUP(cedar_policies_unref_p) const struct cedar_policies *set = NULL;
	CLEANUP(cedar_entities_free_p) struct cedar_entities *entities = cedar_entities_new(0);
	buf_init(&b, POLICY_FILE_MAX + 64);
	arena_init(&a, 8 << 20);
	buf_put_str(&b, "permit(principal,action,resource) when {");
	buf_put(&b, span_sub(l->source->text, x->pos.offset, x->end - x->pos.offset));
	buf_put_str(&b, "};");
	const struct cedar_uid *u = cedar_uid_new(&a, SPAN("T"), (span){ 0 });
	struct cedar_request r = { .principal = u, .action = u, .resource = u };
	struct cedar_answer got;
	if (!u || !entities || failed(buf_finish(&b)) || failed(cedar_parse_policies(buf_span(&b), (span){ 0 }, 0, NULL, &ast, NULL)) ||
	    failed(cedar_policies_new(&ast, 1, &set, NULL)) || failed(cedar_evaluate(set, entities, &r, &a, &got)))
		return TRUTH_UNKNOWN;
	return got.failure_n ? TRUTH_ERROR : got.permit_n ? TRUTH_TRUE : TRUTH_FALSE;
}

static void
never(struct look *l, const struct cedar_expr *x, const char *what)
{
	if (!l->dead)
		say(l, RULE_NEVER_APPLIES, x->pos, x->end, "take the rule out, or correct the condition", what);
	l->dead = true;
}

static bool
matches_anything(const struct cedar_expr *x)
{
	if (x->kind != CEDAR_X_LIKE || x->n == 0)
		return false;
	for (uint32_t i = 0; i < x->n; i++)
		if (x->like.pattern[i] != CEDAR_WILDCARD)
			return false;
	return true;
}

static bool
look_likes(const struct cedar_expr *x, void *user)
{
	struct look *l = user;
	if (matches_anything(x))
		say(l, RULE_LIKE_ANYTHING, x->pos, x->end, "leave it out, or write what must be there", "`like \"*\"` matches every text");
	return cedar_expr_children(x, look_likes, user);
}

/* An operand of `||` that is always true makes all of it true. */
static const struct cedar_expr *
always_true_branch(struct look *l, const struct part *p)
{
	bool split = p->x->kind == (p->want ? CEDAR_X_OR : CEDAR_X_AND);
	for (uint32_t i = 0; split && i < p->x->n; i++)
		if (is_constant(p->x->list.items[i]) && value_of(l, p->x->list.items[i]) == (p->want ? TRUTH_TRUE : TRUTH_FALSE))
			return p->x->list.items[i];
	return NULL;
}

static void
look_part(struct look *l, const struct part *p)
{
	const struct cedar_expr *branch;
	if (!is_constant(p->x)) {
		if ((branch = always_true_branch(l, p)))
			say(l, RULE_CONSTANT_CONDITION, branch->pos, branch->end, "leave it out", "this makes the whole alternative always hold");
		return;
	}
	switch (value_of(l, p->x)) {
	case TRUTH_UNKNOWN: return;
	case TRUTH_ERROR: never(l, p->x, "this always fails to evaluate"); return;
	case TRUTH_TRUE: case TRUTH_FALSE: break;
	}
	if ((value_of(l, p->x) == TRUTH_TRUE) == p->want)
		say(l, RULE_CONSTANT_CONDITION, p->x->pos, p->x->end, "leave it out", p->want ? "this is always true" : "this is always false, so the exception is never made");
	else
		never(l, p->x, p->want ? "this is always false, so the rule can never apply" : "this exception always holds, so the rule can never apply");
}

static bool
is_literal(const struct cedar_expr *x)
{
	return x->kind == CEDAR_X_BOOL || x->kind == CEDAR_X_LONG || x->kind == CEDAR_X_STRING || x->kind == CEDAR_X_ENTITY;
}

/* `x == 1` and `x == 2`, or something and its opposite. */
static bool
contradict(const struct part *a, const struct part *b)
{
	if (a->want != b->want)
		return cedar_expr_eq(a->x, b->x);
	if (!a->want || a->x->kind != CEDAR_X_EQ || b->x->kind != CEDAR_X_EQ)
		return false;
	const struct cedar_expr *av = a->x->x.b, *bv = b->x->x.b;
	return cedar_expr_eq(a->x->x.a, b->x->x.a) && is_literal(av) && is_literal(bv) && !cedar_expr_eq(av, bv);
}

static void
split(struct look *l, const struct cedar_expr *x, bool want)
{
	if (x->kind == (want ? CEDAR_X_AND : CEDAR_X_OR)) {
		for (uint32_t i = 0; i < x->n; i++)
			split(l, x->list.items[i], want);
	} else if (x->kind == CEDAR_X_NOT) {
		split(l, x->x.a, !want);
	} else if (l->part_n < PARTS_MAX) {
		l->parts[l->part_n++] = (struct part){ x, want };
	}
}

static void
look_conditions(struct look *l)
{
	l->part_n = 0;
	for (uint32_t i = 0; i < l->p->condition_n; i++) {
		split(l, l->p->conditions[i].body, !l->p->conditions[i].unless);
		look_likes(l->p->conditions[i].body, l);
	}
	for (size_t i = 0; i < l->part_n; i++)
		look_part(l, &l->parts[i]);
	for (size_t i = 1; i < l->part_n; i++)
		for (size_t k = 0; k < i; k++)
			if (contradict(&l->parts[k], &l->parts[i]))
				never(l, l->parts[i].x, "this contradicts an earlier part, so the rule can never apply");
}

/* ---- one policy ---- */

static void
look_scope(struct look *l)
{
	const struct cedar_policy *p = l->p;
	for (unsigned v = CEDAR_PRINCIPAL; v <= CEDAR_RESOURCE; v++)
		if (p->scope[v].op == CEDAR_SCOPE_IN && p->scope[v].list && p->scope[v].n == 0) {
			say(l, RULE_NEVER_APPLIES, p->scope[v].pos, p->scope[v].end, "name the actions, or write `action`", "an empty list: the rule can never apply");
			l->dead = true;
		}
	bool open = scope_is_open(p);
	if (p->effect == CEDAR_PERMIT && open && p->condition_n == 0 && !observes(p))
		say(l, RULE_OVERBROAD_PERMIT, p->pos, head_end(l), "name the agents, an effect (`action in Action::\"effect:read\"`) or a condition",
		    "this permits every agent every tool on everything");
}

static void
look_policy(struct look *l)
{
	const struct cedar_policy *p = l->p;
	l->dead = false;
	if (cedar_policy_is_template(p))
		say(l, RULE_TEMPLATE, p->pos, head_end(l), "write the principal and resource themselves", "a template is not linked to anything");
	look_annotations(l);
	if (p->effect == CEDAR_FORBID && !annotation(p, "id").n)
		say(l, RULE_FORBID_WITHOUT_ID, p->pos, head_end(l), "add @id(\"…\") in front: agents and people are told it", "a forbid without @id");
	look_scope(l);
	look_conditions(l);
}

/* ---- policies among themselves ---- */

static void
pair(struct look *l, const struct cedar_policy *a, const struct cedar_policy *b, bool later)
{
	char what[200];
	/* The scopes first: they tell nearly all pairs apart, and a set of thousands has millions. */
	if ((a->effect == CEDAR_PERMIT && b->effect == CEDAR_FORBID) || !policy_covers(a, b) || observes(a) != observes(b))
		return;
	const struct source_text *where = policyset_source(l->set, a);
	span id = annotation(a, "id");
	bool overrules = a->effect == CEDAR_FORBID && b->effect == CEDAR_PERMIT && !asks(a);
	bool same = a->effect == b->effect && (a->effect == CEDAR_PERMIT || !asks(a) || span_eq(annotation(a, "approval"), annotation(b, "approval")));
	if (same && policy_covers(b, a) && asks(a) == asks(b) && !later)
		return;                          /* each covers the other: the later is the needless one */
	if (!overrules && !same)
		return;
	snprintf(what, sizeof what, "%s %s:%u%s%.*s", overrules ? "always overruled by" : "does nothing that is not done by", where ? where->path : "?", a->pos.line, id.n ? " @id " : "", SPAN_ARG(id));
	say(l, overrules ? RULE_UNREACHABLE_PERMIT : RULE_SHADOWED, b->pos, head_end(l), overrules ? "take it out, or make an exception in the forbid" : "take one of them out", what);
	l->dead = true;
}

static void
look_pairs(struct look *l, const struct cedar_policy **all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		l->p = all[i];
		l->source = policyset_source(l->set, l->p);
		l->dead = false;
		for (size_t k = 0; k < n && !l->dead; k++)
			if (k != i)
				pair(l, all[k], all[i], k < i);
	}
}

struct named {
	span id;
	const struct cedar_policy *p;
	size_t at;
};

static int
by_id(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int c = span_cmp(x->id, y->id);
	return c ? c : x->at < y->at ? -1 : 1;
}

static void
look_ids(struct look *l, const struct cedar_policy **all, size_t n)
{
	struct named *ids = arena_array(&l->c->arena, n + 1, sizeof *ids);
	size_t m = 0;
	for (size_t i = 0; ids && i < n; i++)
		if (annotation(all[i], "id").n)
			ids[m++] = (struct named){ annotation(all[i], "id"), all[i], i };
	if (m)
		qsort(ids, m, sizeof *ids, by_id);
	for (size_t i = 1; i < m; i++) {
		if (!span_eq(ids[i].id, ids[i - 1].id))
			continue;
		const struct source_text *first = policyset_source(l->set, ids[i - 1].p);
		l->p = ids[i].p;
		l->source = policyset_source(l->set, l->p);
		finding_at(l->f, RULE_DUPLICATE_ID, l->source, l->p, l->p->pos, head_end(l), "give it a name of its own", "@id \"%.*s\" is taken by %s:%u", SPAN_ARG(ids[i].id),
		           first ? first->path : "?", ids[i - 1].p->pos.line);
	}
	if (!ids)
		l->f->oom = true;
}

void
policy_lint(struct cli *c, const struct policyset *set, struct findings *f)
{
	struct look l = { .c = c, .f = f, .set = set };
	const struct cedar_policy **all = arena_array(&c->arena, f->policies + 1, sizeof *all);
	size_t n = 0;
	if (!all) {
		f->oom = true;
		return;
	}
	for (size_t i = 0; i < set->n; i++)
		for (uint32_t k = 0; set->texts[i]->ast && k < set->texts[i]->ast->policy_n; k++) {
			l.source = &set->texts[i]->source;
			l.p = set->texts[i]->ast->policies[k];
			look_policy(&l);
			if (!cedar_policy_is_template(l.p))
				all[n++] = l.p;
		}
	look_ids(&l, all, n);
	look_pairs(&l, all, n);
}

int
policy_lint_run(struct cli *c)
{
	struct findings f = { 0 };
	struct policyset set;
	int code;
	if (policyset_read(c, c->args.pos, c->args.n_pos, &set, &f, &code)) {
		policy_lint(c, &set, &f);
		code = findings_tell(c, &f);
		policyset_fini(&set);
	}
	findings_fini(&f);
	return code;
}
