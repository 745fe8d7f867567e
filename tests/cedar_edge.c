/* The one-line vectors. */
#include "tests/cedar_pack.h"

#include "cedar/validate.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

struct edge {
	struct pack_test t;              /* of the line underway */
	char dir[PATH_MAX];
	const struct json *v;
	struct arena arena;              /* of the fixture */
	struct cedar_entities *entities;
	struct cedar_request req;
	struct cedar_schema *schema;     /* validate.cedarschema */
};

static span
text_of(const struct json *v)
{
	return json_is_str(v) ? v->str : (span){ 0 };
}

static bool
expects(const struct edge *e, const char *what)
{
	return span_is(text_of(json_gets(e->v, "expect")), what);
}

static const char *
evaluate(struct edge *e, span expr, struct cedar_diag *d)
{
	struct buf b;
	struct cedar_ast *ast;
	const struct cedar_policies *set;
	struct cedar_response r = { 0 };
	buf_init(&b, 1u << 20);
	buf_put_str(&b, "permit(principal,action,resource) when { ");
	buf_put(&b, expr);
	buf_put_str(&b, " };");
	status s = cedar_parse_policies(buf_span(&b), (span){ 0 }, 0, NULL, &ast, d);
	buf_fini(&b);
	if (failed(s))
		return "parse-error";
	s = cedar_policies_new(&ast, 1, &set, d);
	cedar_ast_unref(ast);
	if (failed(s))
		return "not compiled";
	s = cedar_is_authorized(set, e->entities, &e->req, &e->t.arena, &r);
	cedar_policies_unref(set);
	return failed(s) ? "no answer" : r.error_n ? "error" : r.allow ? "true" : "false";
}

static void
edge_eval(struct edge *e)
{
	struct cedar_diag d = { 0 };
	const char *got = evaluate(e, text_of(json_gets(e->v, "expr")), &d);
	if (!expects(e, got))
		pack_fail(&e->t, "%.*s: %s (%s)", SPAN_ARG(text_of(json_gets(e->v, "expr"))), got, d.what);
}

static void
edge_parse_policies(struct edge *e)
{
	struct cedar_ast *ast = NULL;
	struct cedar_diag d = { 0 };
	span text = text_of(json_gets(e->v, "text"));
	bool template = false;
	status s = cedar_parse_policies(text, (span){ 0 }, 0, NULL, &ast, &d);
	for (uint32_t i = 0; ast && i < ast->policy_n; i++)
		template |= cedar_policy_is_template(ast->policies[i]);
	const char *got = failed(s) ? "error" : template ? "ok-template" : "ok";
	if (!expects(e, got))
		pack_fail(&e->t, "%.*s: %s (%s)", SPAN_ARG(text), got, d.what);
	cedar_ast_unref(ast);
}

static void
edge_schema(struct edge *e, bool json)
{
	struct cedar_schema *schema = NULL;
	struct cedar_diag d = { 0 };
	struct buf b;
	buf_init(&b, 1u << 20);
	if (json) {
		struct json_writer w = json_w(&b);
		json_w_value(&w, json_gets(e->v, "json"));
	} else {
		buf_put(&b, text_of(json_gets(e->v, "text")));
	}
	status s = json ? cedar_schema_parse_json(buf_span(&b), &d, &schema) : cedar_schema_parse(buf_span(&b), &d, &schema);
	if (!expects(e, failed(s) ? "error" : "ok"))
		pack_fail(&e->t, "%.*s: %s", SPAN_ARG(buf_span(&b)), failed(s) ? d.what : "accepted");
	cedar_schema_unref(schema);
	buf_fini(&b);
}

static void
edge_parse_est(struct edge *e)
{
	struct cedar_ast *ast = cedar_ast_new((span){ 0 }, 1u << 24);
	struct cedar_diag d = { 0 };
	status s = ast ? cedar_policy_from_json(json_gets(e->v, "json"), SPAN("policy0"), ast, &d) : FAIL(E_NO_MEMORY);
	if (!expects(e, failed(s) ? "error" : "ok"))
		pack_fail(&e->t, "%s", failed(s) ? d.what : "accepted");
	cedar_ast_unref(ast);
}

/* Both directions: the text gives the expected JSON, and that JSON read and written again is the same. */
static void
edge_policy_to_est(struct edge *e)
{
	struct cedar_ast *ast = NULL;
	struct cedar_diag d = { 0 };
	const struct json *want = json_gets(e->v, "expect"), *got;
	span text = text_of(json_gets(e->v, "text"));
	struct buf b;
	buf_init(&b, 1u << 20);
	status s = cedar_parse_policies(text, (span){ 0 }, 0, NULL, &ast, &d);
	if (failed(s) || ast->policy_n != 1) {
		pack_fail(&e->t, "%.*s: %s", SPAN_ARG(text), d.what);
	} else {
		struct json_writer w = json_w(&b);
		cedar_policy_to_json(ast->policies[0], &w);
		if (failed(cedar_json_parse(buf_span(&b), 0, &e->t.arena, &got, &d)) || !json_equal(want, got))
			pack_fail(&e->t, "%.*s: %.*s", SPAN_ARG(text), SPAN_ARG(buf_span(&b)));
	}
	cedar_ast_unref(ast);
	ast = cedar_ast_new((span){ 0 }, 1u << 24);
	buf_reset(&b);
	s = cedar_policy_from_json(want, SPAN("policy0"), ast, &d);
	if (!failed(s)) {
		struct json_writer w = json_w(&b);
		cedar_policy_to_json(ast->policies[0], &w);
		s = cedar_json_parse(buf_span(&b), 0, &e->t.arena, &got, &d);
	}
	if (failed(s) || !json_equal(want, got))
		pack_fail(&e->t, "%.*s: does not survive reading: %s", SPAN_ARG(text), d.what);
	cedar_ast_unref(ast);
	buf_fini(&b);
}

static void
edge_validate(struct edge *e)
{
	struct cedar_ast *ast = NULL;
	struct cedar_diag d = { 0 };
	struct cedar_report r;
	bool impossible = false, inapplicable = false;
	const struct json *want = json_gets(e->v, "expect");
	span text = text_of(json_gets(e->v, "policy"));
	cedar_report_init(&r, 0);
	status s = cedar_parse_policies(text, (span){ 0 }, 0, NULL, &ast, &d);
	if (!failed(s))
		s = cedar_validate(e->schema, ast, &(struct cedar_validate_opts){ .inapplicable_warns = true }, &r);
	for (uint32_t i = 0; i < r.n; i++) {
		impossible |= r.items[i].kind == CEDAR_FIND_IMPOSSIBLE;
		inapplicable |= r.items[i].kind == CEDAR_FIND_INAPPLICABLE;
	}
	if (failed(s) || json_gets(want, "valid")->truth != (r.errors == 0) || json_gets(want, "impossible")->truth != impossible ||
	    json_gets(want, "inapplicable")->truth != inapplicable)
		pack_fail(&e->t, "%.*s: %u errors%s%s: %s", SPAN_ARG(text), r.errors, impossible ? ", impossible" : "",
		          inapplicable ? ", inapplicable" : "", failed(s) ? d.what : r.n ? r.items[0].diag.what : "");
	cedar_report_fini(&r);
	cedar_ast_unref(ast);
}

static void
edge_parse_entities(struct edge *e)
{
	struct cedar_schema *schema = NULL;
	struct cedar_diag d = { 0 };
	const struct json *name = json_gets(e->v, "schema");
	if (name) {
		char path[PATH_MAX + 64];
		span text;
		snprintf(path, sizeof path, "%s/%.*s.cedarschema", e->dir, SPAN_ARG(text_of(name)));
		if (!pack_read(&e->t, path, &text) || failed(cedar_schema_parse(text, &d, &schema))) {
			pack_fail(&e->t, "schema: %s", d.what);
			return;
		}
	}
	struct cedar_entities *s = cedar_entities_new(3);
	status st = s ? cedar_entities_from_json(s, json_gets(e->v, "entities"), schema, &e->t.arena, &d) : FAIL(E_NO_MEMORY);
	if (!expects(e, failed(st) ? "error" : "ok"))
		pack_fail(&e->t, "%s", failed(st) ? d.what : "accepted");
	cedar_entities_free(s);
	cedar_schema_unref(schema);
}

static bool
load_fixture(struct edge *e)
{
	char path[PATH_MAX + 64];
	const struct json *v;
	struct cedar_diag d = { 0 };
	span text = { 0 };
	arena_init(&e->arena, 1u << 24);
	e->entities = cedar_entities_new(3);
	snprintf(path, sizeof path, "%s/fixture.json", e->dir);
	if (!pack_read(&e->t, path, &text))
		return false;
	text = arena_copy(&e->arena, text);
	status s = cedar_json_parse(text, 0, &e->arena, &v, &d);
	if (!failed(s))
		s = cedar_request_from_json(json_gets(v, "request"), NULL, &e->arena, &e->req, &d);
	if (!failed(s))
		s = cedar_entities_from_json(e->entities, json_gets(v, "entities"), NULL, &e->arena, &d);
	snprintf(path, sizeof path, "%s/validate.cedarschema", e->dir);
	if (!failed(s) && pack_read(&e->t, path, &text))
		s = cedar_schema_parse(text, &d, &e->schema);
	if (failed(s))
		pack_fail(&e->t, "fixture: %s", d.what);
	return !failed(s);
}

static void
edge_line(struct edge *e, span line)
{
	struct cedar_diag d = { 0 };
	if (failed(cedar_json_parse(line, 0, &e->t.arena, &e->v, &d))) {
		pack_fail(&e->t, "%s", d.what);
		return;
	}
	span kind = text_of(json_gets(e->v, "kind"));
	if (span_is(kind, "eval"))
		edge_eval(e);
	else if (span_is(kind, "parse-policies"))
		edge_parse_policies(e);
	else if (span_is(kind, "parse-schema") || span_is(kind, "parse-schema-json"))
		edge_schema(e, span_is(kind, "parse-schema-json"));
	else if (span_is(kind, "parse-est"))
		edge_parse_est(e);
	else if (span_is(kind, "policy-to-est"))
		edge_policy_to_est(e);
	else if (span_is(kind, "validate"))
		edge_validate(e);
	else if (span_is(kind, "parse-entities"))
		edge_parse_entities(e);
	else
		pack_fail(&e->t, "unknown kind %.*s", SPAN_ARG(kind));
}

void
pack_edge(struct pack *p, const char *path)
{
	struct edge *e = calloc(1, sizeof *e);
	struct pack_test whole;
	span text = { 0 };
	pack_test_init(&whole, p, path);
	snprintf(e->dir, sizeof e->dir, "%.*s", (int)(strrchr(path, '/') - path), path);
	pack_test_init(&e->t, p, path);
	bool ok = pack_read(&whole, path, &text) && load_fixture(e);
	arena_fini(&e->t.arena);
	for (unsigned number = 1; ok && text.n; number++) {
		size_t n = span_find(text, '\n');
		char name[PATH_MAX + 20];
		snprintf(name, sizeof name, "%s:%u", path, number);
		pack_test_init(&e->t, p, name);
		edge_line(e, span_sub(text, 0, n));
		pack_test_fini(&e->t);
		text = span_sub(text, n + 1, SIZE_MAX);
	}
	if (whole.failed || !ok)
		p->failed++;
	arena_fini(&whole.arena);
	cedar_entities_free(e->entities);
	cedar_schema_unref(e->schema);
	arena_fini(&e->arena);
	free(e);
}
