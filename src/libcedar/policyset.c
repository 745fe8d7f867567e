/* Compiled sets of the public library: the engine's set, and the trees that hold templates. */
#include "libcedar/api.h"

#include "cedar/est.h"
#include "cedar/validate.h"

#include <stdlib.h>

/* ---- templates ---- */

static bool
is_forgotten(const struct cedar_policyset *s, const struct cedar_policy *t)
{
	for (size_t i = 0; i < s->forgotten_n; i++)
		if (s->forgotten[i] == t)
			return true;
	return false;
}

const struct cedar_policy *
api_next_template(const struct cedar_policyset *s, size_t *pos)
{
	/* `pos` counts all policies of the trees */
	size_t at = *pos;
	for (size_t i = 0; i < s->tree_n; i++) {
		for (; at < s->trees[i]->policy_n; at++) {
			const struct cedar_policy *p = s->trees[i]->policies[at];
			++*pos;
			if (cedar_policy_is_template(p) && !is_forgotten(s, p))
				return p;
		}
		at -= s->trees[i]->policy_n;
	}
	return NULL;
}

const struct cedar_policy *
api_template(const struct cedar_policyset *s, span id)
{
	size_t pos = 0;
	for (const struct cedar_policy *p; (p = api_next_template(s, &pos));)
		if (span_eq(p->id, id))
			return p;
	return NULL;
}

/* Keeps the trees of `d` in which there are templates. */
static status
keep_trees(struct cedar_policyset *s, struct cedar_ast *const *trees, size_t n)
{
	struct cedar_ast **wide = reallocarray(s->trees, s->tree_n + n + 1, sizeof *wide);
	ENSURE(wide, E_NO_MEMORY);
	s->trees = wide;
	for (size_t i = 0; i < n; i++) {
		bool any = false;
		for (uint32_t k = 0; k < trees[i]->policy_n; k++)
			any |= cedar_policy_is_template(trees[i]->policies[k]);
		if (any)
			s->trees[s->tree_n++] = cedar_ast_ref(trees[i]);
	}
	return OK;
}

/* ---- sets ---- */

static struct cedar_policyset *
set_alloc(void)
{
	struct cedar_policyset *s = calloc(1, sizeof *s);
	if (s)
		s->refs = 1;
	return s;
}

struct cedar_policyset *
cedar_policyset_ref(struct cedar_policyset *s)
{
	__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

void
cedar_policyset_unref(struct cedar_policyset *s)
{
	if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	cedar_policies_unref(s->policies);
	for (size_t i = 0; i < s->tree_n; i++)
		cedar_ast_unref(s->trees[i]);
	free(s->trees);
	free(s->forgotten);
	free(s);
}

static void set_unref_p(struct cedar_policyset **s) { cedar_policyset_unref(*s); }

static status
set_new(const struct cedar_draft *d, struct cedar_policyset **ret, struct cedar_diag *diag)
{
	CLEANUP(set_unref_p) struct cedar_policyset *s = set_alloc();
	ENSURE(s, E_NO_MEMORY);
	TRY(cedar_policies_new(d->asts, d->ast_n, &s->policies, diag));
	TRY(keep_trees(s, d->asts, d->ast_n));
	*ret = TAKE(s);
	return OK;
}

enum cedar_code
cedar_policyset_new(const struct cedar_draft *d, struct cedar_policyset **ret, struct cedar_error *e)
{
	struct cedar_diag diag = { 0 };
	return api_result(set_new(d, ret, &diag), &diag, e);
}

/* ---- edits ---- */

static const struct cedar_policy *
set_find(const struct cedar_policies *p, span id)
{
	for (size_t i = 0, n = cedar_policies_count(p); i < n; i++)
		if (span_eq(cedar_policies_at(p, i)->id, id))
			return cedar_policies_at(p, i);
	return NULL;
}

/* Sorts what is to go into policies (into `drop`) and templates (forgotten by the new set). */
static status
find_dropped(const struct cedar_policyset *old, const struct cedar_text *ids, size_t n, struct cedar_policyset *new,
             const struct cedar_policy **drop, size_t *ret_n, struct cedar_diag *d)
{
	new->forgotten = calloc(old->forgotten_n + n + 1, sizeof *new->forgotten);
	ENSURE(new->forgotten, E_NO_MEMORY);
	for (size_t i = 0; i < old->forgotten_n; i++)
		new->forgotten[new->forgotten_n++] = old->forgotten[i];
	for (size_t i = 0; i < n; i++) {
		const struct cedar_policy *p = set_find(old->policies, text_span(ids[i])), *t = p ? NULL : api_template(new, text_span(ids[i]));
		if (!p && !t)
			return cedar_diag_set(d, E_NOT_FOUND, (struct cedar_pos){ 0 }, NULL, "there is no policy \"%.*s\"",
			                      SPAN_ARG(span_sub(text_span(ids[i]), 0, 100)));
		if (p)
			drop[(*ret_n)++] = p;
		else
			new->forgotten[new->forgotten_n++] = t;
	}
	return OK;
}

/* The engine tells policies apart by id and file; here an id is an id. */
static status
refuse_taken(const struct cedar_policy *p, const struct cedar_draft *add, struct cedar_diag *d)
{
	const struct cedar_policy *other = api_draft_find(add, p->id);
	if (!other)
		return OK;
	return cedar_diag_set(d, E_EXISTS, other->pos, NULL, "there is already a policy \"%.*s\"", SPAN_ARG(span_sub(p->id, 0, 100)));
}

static status
add_trees(struct cedar_policyset *s, const struct cedar_draft *add, struct cedar_diag *d)
{
	const struct cedar_policies *next;
	size_t pos = 0;
	for (size_t i = 0, n = cedar_policies_count(s->policies); i < n; i++)
		TRY(refuse_taken(cedar_policies_at(s->policies, i), add, d));
	for (const struct cedar_policy *t; (t = api_next_template(s, &pos));)
		TRY(refuse_taken(t, add, d));
	TRY(cedar_policies_edit_all(s->policies, NULL, 0, add->asts, add->ast_n, &next, d));
	cedar_policies_unref(s->policies);
	s->policies = next;
	return keep_trees(s, add->asts, add->ast_n);
}

static status
edit(const struct cedar_policyset *old, const struct cedar_text *ids, size_t n, const struct cedar_draft *add, const struct cedar_policy **drop,
     struct cedar_policyset **ret, struct cedar_diag *d)
{
	CLEANUP(set_unref_p) struct cedar_policyset *s = set_alloc();
	size_t drop_n = 0;
	ENSURE(s, E_NO_MEMORY);
	TRY(keep_trees(s, old->trees, old->tree_n));
	TRY(find_dropped(old, ids, n, s, drop, &drop_n, d));
	TRY(cedar_policies_edit(old->policies, drop, drop_n, NULL, &s->policies, d));
	if (add)
		TRY(add_trees(s, add, d));
	*ret = TAKE(s);
	return OK;
}

enum cedar_code
cedar_policyset_edit(const struct cedar_policyset *old, const struct cedar_text *drop, size_t drop_n, const struct cedar_draft *add,
                     struct cedar_policyset **ret, struct cedar_error *e)
{
	struct cedar_diag d = { 0 };
	const struct cedar_policy **list = calloc(drop_n + 1, sizeof *list);
	status s = list ? edit(old, drop, drop_n, add, list, ret, &d) : FAIL(E_NO_MEMORY);
	free(list);
	return api_result(s, &d, e);
}

/* ---- what a set says of itself ---- */

size_t
cedar_policyset_count(const struct cedar_policyset *s)
{
	return cedar_policies_count(s->policies);
}

size_t
cedar_policyset_memory(const struct cedar_policyset *s)
{
	return sizeof *s + cedar_policies_memory(s->policies);
}

struct cedar_policy_info
cedar_policyset_at(const struct cedar_policyset *s, size_t i)
{
	const struct cedar_policy *p = cedar_policies_at(s->policies, i);
	return (struct cedar_policy_info){ .id = span_text(p->id), .file = span_text(p->ast->file), .permit = p->effect == CEDAR_PERMIT, .line = p->pos.line };
}

bool
cedar_policyset_annotation(const struct cedar_policyset *s, size_t i, struct cedar_text key, struct cedar_text *ret)
{
	span value;
	if (!cedar_policy_annotation(cedar_policies_at(s->policies, i), text_span(key), &value))
		return false;
	*ret = span_text(value);
	return true;
}

enum cedar_code
cedar_policyset_write_json(const struct cedar_policyset *s, size_t i, char **ret, struct cedar_error *e)
{
	struct buf b;
	buf_init(&b, (size_t)64 << 20);
	struct json_writer w = json_w(&b);
	cedar_policy_to_json(cedar_policies_at(s->policies, i), &w);
	return api_text(OK, NULL, &b, ret, e);
}

/* ---- validation ---- */

struct cedar_problems {
	struct cedar_report report;
};

static status
check(const struct cedar_policyset *s, const struct cedar_schema *schema, const struct cedar_validate_opts *o, struct cedar_report *r)
{
	size_t pos = 0;
	for (size_t i = 0, n = cedar_policies_count(s->policies); i < n; i++)
		TRY(cedar_validate_policy(schema, cedar_policies_at(s->policies, i), o, r));
	for (const struct cedar_policy *t; (t = api_next_template(s, &pos));)
		TRY(cedar_validate_policy(schema, t, o, r));
	return r->oom ? FAIL(E_NO_MEMORY) : OK;
}

enum cedar_code
cedar_policyset_check(const struct cedar_policyset *s, const struct cedar_schema *schema, const struct cedar_validation *options,
                      struct cedar_problems **ret, struct cedar_error *e)
{
	struct cedar_validate_opts o = { 0 };
	struct cedar_problems *p = calloc(1, sizeof *p);
	if (!p)
		return api_result(FAIL(E_NO_MEMORY), NULL, e);
	if (options)
		o = (struct cedar_validate_opts){ .permissive = options->permissive, .inapplicable_warns = options->inapplicable_warns,
		                                  .check_level = options->check_level, .level = options->level, .max_steps = options->max_steps };
	cedar_report_init(&p->report, 0);
	status st = check(s, schema, &o, &p->report);
	if (failed(st))
		cedar_problems_free(p);
	else
		*ret = p;
	return api_result(st, NULL, e);
}

void
cedar_problems_free(struct cedar_problems *p)
{
	if (p)
		cedar_report_fini(&p->report);
	free(p);
}

size_t
cedar_problems_errors(const struct cedar_problems *p)
{
	return p->report.errors;
}

size_t
cedar_problems_warnings(const struct cedar_problems *p)
{
	return p->report.warnings;
}

size_t
cedar_problems_count(const struct cedar_problems *p)
{
	return p->report.n;
}

struct cedar_problem
cedar_problems_at(const struct cedar_problems *p, size_t i)
{
	const struct cedar_finding *f = &p->report.items[i];
	struct cedar_problem out = { .policy = span_text(f->policy->id), .kind = cedar_finding_name(f->kind), .warning = f->warning };
	api_error(CEDAR_BAD_POLICY, &f->diag, &out.where);
	return out;
}
