/* Policies being put together: each text, document and link is a tree of its own. */
#include "libcedar/api.h"

#include "cedar/est.h"
#include "cedar/format.h"
#include "cedar/lex.h"
#include "text/utf8.h"

#include <stdio.h>
#include <stdlib.h>

struct cedar_draft *
cedar_draft_new(void)
{
	return calloc(1, sizeof(struct cedar_draft));
}

void
cedar_draft_free(struct cedar_draft *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->ast_n; i++)
		cedar_ast_unref(d->asts[i]);
	free(d->asts);
	free(d->ids);
	free(d);
}

/* ---- ids ---- */

/* The slot of the policy with this id, or a free one. */
static const struct cedar_policy **
id_slot(const struct cedar_draft *d, span id)
{
	size_t i = cedar_key_hash(id) & d->id_mask;
	while (d->ids[i] && !span_eq(d->ids[i]->id, id))
		i = (i + 1) & d->id_mask;
	return &d->ids[i];
}

const struct cedar_policy *
api_draft_find(const struct cedar_draft *d, span id)
{
	return d->ids ? *id_slot(d, id) : NULL;
}

/* Enters the ids of all trees anew, into a table with room for `more` besides. */
static status
ids_rebuild(struct cedar_draft *d, size_t more)
{
	size_t size = 16;
	while (size < (d->id_n + more) * 2)
		size *= 2;
	const struct cedar_policy **wide = calloc(size, sizeof *wide);
	ENSURE(wide, E_NO_MEMORY);
	free(d->ids);
	d->ids = wide;
	d->id_mask = size - 1;
	for (size_t i = 0; i < d->ast_n; i++)
		for (uint32_t k = 0; k < d->asts[i]->policy_n; k++)
			*id_slot(d, d->asts[i]->policies[k]->id) = d->asts[i]->policies[k];
	return OK;
}

static status
reserve(struct cedar_draft *d, size_t policies)
{
	if (d->ast_n == d->ast_cap) {
		size_t cap = d->ast_cap ? d->ast_cap * 2 : 4;
		struct cedar_ast **wide = reallocarray(d->asts, cap, sizeof *wide);
		ENSURE(wide, E_NO_MEMORY);
		d->asts = wide;
		d->ast_cap = cap;
	}
	return !d->ids || (d->id_n + policies) * 2 > d->id_mask ? ids_rebuild(d, policies) : OK;
}

/* Removes the ids of a tree's first n policies again: open addressing needs the runs behind them to close up. */
static void
ids_remove(struct cedar_draft *d, const struct cedar_ast *ast, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++) {
		size_t hole = (size_t)(id_slot(d, ast->policies[k]->id) - d->ids);
		d->ids[hole] = NULL;
		for (size_t i = (hole + 1) & d->id_mask; d->ids[i]; i = (i + 1) & d->id_mask) {
			const struct cedar_policy *p = d->ids[i];
			d->ids[i] = NULL;
			*id_slot(d, p->id) = p;
		}
	}
}

/* Takes the tree, or frees it on failure. */
static status
draft_take(struct cedar_draft *d, struct cedar_ast *own_ast, struct cedar_diag *diag)
{
	status st = reserve(d, own_ast->policy_n);
	for (uint32_t i = 0; i < own_ast->policy_n && !failed(st); i++) {
		const struct cedar_policy *p = own_ast->policies[i], **slot = id_slot(d, p->id);
		if (*slot) {
			st = cedar_diag_set(diag, E_EXISTS, p->pos, NULL, "there is already a policy \"%.*s\"", SPAN_ARG(span_sub(p->id, 0, 100)));
			ids_remove(d, own_ast, i);
		} else {
			*slot = p;
		}
	}
	if (failed(st)) {
		cedar_ast_unref(own_ast);
		return st;
	}
	d->asts[d->ast_n++] = own_ast;
	d->id_n += own_ast->policy_n;
	return OK;
}

/* ---- adding ---- */

static status
add_text(struct cedar_draft *d, struct cedar_text text, struct cedar_text file, unsigned flags, struct cedar_diag *diag)
{
	struct cedar_ast *ast;
	TRY(cedar_parse_policies(text_span(text), text_span(file), d->next, NULL, &ast, diag));
	uint32_t n = ast->policy_n;
	/* Not given out yet, so that names may still change. */
	for (uint32_t i = 0; i < n && (flags & CEDAR_ID_FROM_ANNOTATION); i++)
		(void)cedar_policy_annotation(ast->policies[i], SPAN("id"), &ast->policies[i]->id);
	TRY(draft_take(d, ast, diag));
	d->next += n;
	return OK;
}

enum cedar_code
cedar_draft_add_text(struct cedar_draft *d, struct cedar_text text, struct cedar_text file, unsigned flags, struct cedar_error *e)
{
	struct cedar_diag diag = { 0 };
	return api_result(add_text(d, text, file, flags, &diag), &diag, e);
}

/* A policy on its own is called as the next one from text would be. */
static status
read_json(struct cedar_draft *d, const struct json *v, span file, struct cedar_ast **ret, struct cedar_diag *diag)
{
	char name[32];
	if (!json_gets(v, "effect"))
		return cedar_policies_from_json(v, file, ret, diag);
	CLEANUP(cedar_ast_unref_p) struct cedar_ast *ast = cedar_ast_new(file, (size_t)1 << 30);
	ENSURE(ast, E_NO_MEMORY);
	snprintf(name, sizeof name, "policy%u", d->next);
	TRY(cedar_policy_from_json(v, span_str(name), ast, diag));
	*ret = TAKE(ast);
	return OK;
}

static status
add_json(struct cedar_draft *d, struct cedar_text json, struct cedar_text file, struct cedar_diag *diag)
{
	CLEANUP(arena_fini) struct arena a;
	const struct json *v;
	struct cedar_ast *ast;
	arena_init(&a, (size_t)1 << 30);
	TRY(cedar_json_parse(text_span(json), 4 * (size_t)CEDAR_MAX_TEXT, &a, &v, diag));
	TRY(read_json(d, v, text_span(file), &ast, diag));
	bool single = json_gets(v, "effect");
	TRY(draft_take(d, ast, diag));
	d->next += single;
	return OK;
}

enum cedar_code
cedar_draft_add_json(struct cedar_draft *d, struct cedar_text json, struct cedar_text file, struct cedar_error *e)
{
	struct cedar_diag diag = { 0 };
	status s = add_json(d, json, file, &diag);
	if (failed(s))
		cedar_json_locate(&diag, text_span(json));
	return api_result(s, &diag, e);
}

static status
link_policy(struct cedar_draft *d, const struct cedar_policy *t, span id, const struct cedar_name_of *principal,
            const struct cedar_name_of *resource, struct cedar_diag *diag)
{
	struct cedar_uid p, r;
	const struct cedar_policy *made;
	struct cedar_ast *ast = cedar_ast_new((span){ 0 }, (size_t)1 << 20);
	ENSURE(ast, E_NO_MEMORY);
	if (principal)
		cedar_uid_init(&p, text_span(principal->type), text_span(principal->id));
	if (resource)
		cedar_uid_init(&r, text_span(resource->type), text_span(resource->id));
	status st = cedar_ast_link(ast, t, id, principal ? &p : NULL, resource ? &r : NULL, &made, diag);
	if (!failed(st))
		return draft_take(d, ast, diag);
	cedar_ast_unref(ast);
	return st;
}

static status
name_ok(const char *what, const struct cedar_name_of *n, struct cedar_diag *d)
{
	if (n && (!cedar_name_ok(text_span(n->type)) || !utf8_ok(text_span(n->id))))
		return cedar_diag_set(d, E_BAD_POLICY, (struct cedar_pos){ 0 }, NULL, "the %s of the link is not the name of an entity", what);
	return OK;
}

static status
draft_link(struct cedar_draft *d, const struct cedar_policyset *from, span template, span id, const struct cedar_name_of *principal,
           const struct cedar_name_of *resource, struct cedar_diag *diag)
{
	const struct cedar_policy *t = api_draft_find(d, template);
	TRY(name_ok("principal", principal, diag));
	TRY(name_ok("resource", resource, diag));
	ENSURE(utf8_ok(id), E_BAD_UTF8);
	if (!t && from)
		t = api_template(from, template);
	if (!t)
		return cedar_diag_set(diag, E_NOT_FOUND, (struct cedar_pos){ 0 }, NULL, "there is no template \"%.*s\"", SPAN_ARG(span_sub(template, 0, 100)));
	return link_policy(d, t, id, principal, resource, diag);
}

enum cedar_code
cedar_draft_link(struct cedar_draft *d, const struct cedar_policyset *from, struct cedar_text template_id, struct cedar_text new_id,
                 const struct cedar_name_of *principal, const struct cedar_name_of *resource, struct cedar_error *e)
{
	struct cedar_diag diag = { 0 };
	return api_result(draft_link(d, from, text_span(template_id), text_span(new_id), principal, resource, &diag), &diag, e);
}

enum cedar_code
cedar_format_text(struct cedar_text text, char **ret, struct cedar_error *e)
{
	struct buf b;
	struct cedar_diag d = { 0 };
	buf_init(&b, (size_t)64 << 20);
	return api_text(cedar_format(text_span(text), &b, &d), &d, &b, ret, e);
}
