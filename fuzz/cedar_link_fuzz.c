/* Templates and links: policy text, NUL, then the values for the slots, one name a line (`Type::"id"`). A link is its template with the slots
 * filled in: it means the same as that text, also from another tree, and after a way through JSON. */
#include "cedar/cedar.h"
#include "cedar/est.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const struct cedar_uid *
name_of(span text, struct cedar_ast **ret_ast)
{
	const struct cedar_expr *x;
	struct cedar_diag d;
	if (failed(cedar_parse_expr(text, ret_ast, &x, &d)))
		return NULL;
	if (x->kind == CEDAR_X_ENTITY)
		return x->uid;
	cedar_ast_unref(*ret_ast);
	*ret_ast = NULL;
	return NULL;
}

static bool
allowed(struct cedar_ast *ast, const struct cedar_uid *who, const struct cedar_uid *what)
{
	static struct cedar_entities *s;
	const struct cedar_policies *set;
	struct cedar_diag d;
	struct cedar_uid action;
	struct arena a;
	bool allow = false;
	if (!s)
		s = cedar_entities_new(1);
	cedar_uid_init(&action, SPAN("Action"), SPAN("a"));
	arena_init(&a, 16u << 20);
	must(!failed(cedar_policies_new(&ast, 1, &set, &d)));
	IGNORE(cedar_decide(set, s, &(struct cedar_request){ .principal = who, .action = &action, .resource = what }, &a, &allow));
	cedar_policies_unref(set);
	arena_fini(&a);
	return allow;
}

static void
write(const struct cedar_policy *p, struct buf *b)
{
	struct json_writer w = json_w(b);
	buf_init(b, 64u << 20);
	cedar_policy_to_json(p, &w);
}

static void
link_one(struct cedar_ast *ast, const struct cedar_policy *t, const struct cedar_uid *who, const struct cedar_uid *what)
{
	struct cedar_ast *apart = cedar_ast_new((span){ 0 }, 1u << 20);
	const struct cedar_policy *here, *there;
	struct cedar_diag d = { 0 };
	struct buf one, two;
	const struct cedar_uid *principal = t->slots & 1u << CEDAR_SLOT_PRINCIPAL ? who : NULL, *resource = t->slots & 1u << CEDAR_SLOT_RESOURCE ? what : NULL;
	status s = cedar_ast_link(ast, t, SPAN("here"), principal, resource, &here, &d), s2 = cedar_ast_link(apart, t, SPAN("here"), principal, resource, &there, &d);
	must(failed(s) == failed(s2) && (!failed(s) || d.what[0]));
	if (!failed(s)) {
		write(here, &one);
		write(there, &two);
		must(span_eq(buf_span(&one), buf_span(&two)));
		buf_fini(&two);
		if (!failed(buf_finish(&one))) {
			struct cedar_ast *back;
			if (!failed(cedar_parse_policies_json(buf_span(&one), (span){ 0 }, &(struct cedar_limits){ .text = 64u << 20 }, &back, &d))) {
				must(allowed(back, who, what) == allowed(apart, who, what));
				cedar_ast_unref(back);
			}
		}
		buf_fini(&one);
	}
	cedar_ast_unref(apart);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct cedar_ast *ast, *a1 = NULL, *a2 = NULL;
	struct cedar_diag d;
	span all = span_make(p, n), rest;
	size_t cut = span_find(all, 0);
	if (cut == n || failed(cedar_parse_policies(span_sub(all, 0, cut), SPAN("f"), 0, NULL, &ast, &d)))
		return 0;
	rest = span_sub(all, cut + 1, n);
	size_t line = span_find(rest, '\n');
	const struct cedar_uid *who = name_of(span_sub(rest, 0, line), &a1), *what = name_of(span_sub(rest, line + 1, n), &a2);
	if (who && what && ast->policy_n)
		link_one(ast, ast->policies[0], who, what);
	cedar_ast_unref(a1);
	cedar_ast_unref(a2);
	cedar_ast_unref(ast);
	return 0;
}
