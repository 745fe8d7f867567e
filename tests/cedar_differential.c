/* cedar-differential < CASES: holds the library against what the reference implementation said of generated cases, one JSON
 * object a line (tests/node/cedar/generate.mjs). Also, of every case that validates: a schema written and read again changes
 * nothing, formatted policies mean the same, and partial evaluation agrees with the whole. */
#include "base/buf.h"
#include "cedar/conform.h"
#include "cedar/entities_json.h"
#include "cedar/est.h"
#include "cedar/format.h"
#include "cedar/partial.h"
#include "cedar/validate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct run {
	unsigned cases, differences, shown;
	unsigned valid, answered, residuals;      /* so that an empty comparison does not pass for a good one */
};

struct one {
	struct run *run;
	const struct json *v, *want;
	struct arena arena;
	bool differs;
	struct cedar_schema *schema;
	struct cedar_ast *ast;
	struct cedar_entities *entities;
	const struct cedar_policies *set;
};

static void __attribute__((format(printf, 2, 3)))
differ(struct one *o, const char *fmt, ...)
{
	va_list ap;
	o->differs = true;
	if (o->run->shown++ >= 40)
		return;
	const struct json *name = json_gets(o->v, "case");
	printf("DIFFERS %.*s: ", SPAN_ARG(json_is_str(name) ? name->str : SPAN("?")));
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static span
text(const struct one *o, const char *name)
{
	const struct json *v = json_gets(o->v, name);
	return json_is_str(v) ? v->str : (span){ 0 };
}

static bool
wants(const struct one *o, const char *name)
{
	const struct json *v = json_gets(o->want, name);
	return json_is_bool(v) && v->truth;
}

static bool
listed(const struct one *o, const char *name, span id)
{
	json_for_items(v, json_gets(o->want, name))
		if (json_is_str(v) && span_eq(v->str, id))
			return true;
	return false;
}

static size_t
list_length(const struct one *o, const char *name)
{
	const struct json *v = json_gets(o->want, name);
	return json_is_arr(v) ? v->arr.n : 0;
}

/* ---- validation ---- */

struct verdict {
	bool invalid, impossible, inapplicable;
};

static struct verdict
verdict_of(const struct cedar_report *r, const struct cedar_policy *p)
{
	struct verdict v = { 0 };
	for (uint32_t i = 0; i < r->n; i++) {
		if (r->items[i].policy != p)
			continue;
		v.invalid |= !r->items[i].warning;
		v.impossible |= r->items[i].kind == CEDAR_FIND_IMPOSSIBLE;
		v.inapplicable |= r->items[i].kind == CEDAR_FIND_INAPPLICABLE;
	}
	return v;
}

/* The reference says nothing certain about impossible policies that are invalid too: it stops at different places. */
static void
check_validation(struct one *o, const struct cedar_schema *schema, const char *how)
{
	struct cedar_report r;
	cedar_report_init(&r, 0);
	status s = cedar_validate(schema, o->ast, &(struct cedar_validate_opts){ .inapplicable_warns = true }, &r);
	if (failed(s))
		differ(o, "%s: validation: %s", how, error_name(s.code));
	for (uint32_t i = 0; i < o->ast->policy_n && !failed(s); i++) {
		const struct cedar_policy *p = o->ast->policies[i];
		struct verdict got = verdict_of(&r, p);
		struct verdict want = { listed(o, "invalid", p->id), listed(o, "impossible", p->id), listed(o, "inapplicable", p->id) };
		if (got.invalid != want.invalid || got.inapplicable != want.inapplicable ||
		    (!got.invalid && got.impossible != want.impossible))
			differ(o, "%s: %.*s: invalid %d (want %d), impossible %d (%d), inapplicable %d (%d): %s\n%.*s", how, SPAN_ARG(p->id),
			       got.invalid, want.invalid, got.impossible, want.impossible, got.inapplicable, want.inapplicable,
			       r.n ? r.items[0].diag.what : "", SPAN_ARG(p->ast->text));
	}
	cedar_report_fini(&r);
}

/* ---- names ---- */

static void
same_text(struct one *o, const char *what, span name, const struct buf *got, const struct json *want)
{
	/* long types are cut when shown */
	if (json_is_str(want) && want->str.n < 390 && !span_eq(buf_span(got), want->str))
		differ(o, "%s of %.*s: %.*s, want %.*s", what, SPAN_ARG(name), SPAN_ARG(buf_span(got)), SPAN_ARG(want->str));
}

static void
put_types(struct buf *b, const struct cedar_entity_type *const *list, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		buf_put_str(b, i ? " " : "");
		buf_put(b, list[i]->name);
	}
}

static void
check_types(struct one *o, const struct json *types, struct buf *b)
{
	size_t n, plain = 0;
	const struct cedar_entity_type *const *all = cedar_schema_entity_types(o->schema, &n);
	for (size_t i = 0; i < n; i++) {
		const struct json *want = json_get(types, all[i]->name);
		struct cedar_type shape = { .kind = CEDAR_TYPE_RECORD, .n = all[i]->n_attrs, .attrs = all[i]->attrs };
		plain += !all[i]->is_action;
		if (all[i]->is_action)
			continue;
		buf_reset(b);
		cedar_type_print(b, &shape);
		same_text(o, "shape", all[i]->name, b, json_gets(want, "shape"));
		buf_reset(b);
		if (all[i]->tags)
			cedar_type_print(b, all[i]->tags);
		same_text(o, "tags", all[i]->name, b, json_gets(want, "tags"));
		if (!want)
			differ(o, "entity type %.*s is not there", SPAN_ARG(all[i]->name));
	}
	if (json_is_obj(types) && types->obj.n != plain)
		differ(o, "%zu entity types, want %zu", plain, types->obj.n);
}

static void
check_actions(struct one *o, const struct json *actions, struct buf *b)
{
	size_t n;
	const struct cedar_action *const *all = cedar_schema_actions(o->schema, &n);
	for (size_t i = 0; i < n; i++) {
		buf_reset(b);
		buf_put(b, all[i]->type->name);
		buf_put_str(b, "::");
		buf_put(b, all[i]->id);
		const struct json *want = json_get(actions, buf_span(b));
		if (!want)
			differ(o, "action %.*s is not there", SPAN_ARG(all[i]->id));
		buf_reset(b);
		cedar_type_print(b, all[i]->context);
		same_text(o, "context", all[i]->id, b, json_gets(want, "context"));
		buf_reset(b);
		put_types(b, all[i]->principals, all[i]->n_principals);
		same_text(o, "principals", all[i]->id, b, json_gets(want, "principals"));
		buf_reset(b);
		put_types(b, all[i]->resources, all[i]->n_resources);
		same_text(o, "resources", all[i]->id, b, json_gets(want, "resources"));
	}
	if (json_is_obj(actions) && actions->obj.n != n)
		differ(o, "%zu actions, want %zu", n, actions->obj.n);
}

static void
check_names(struct one *o)
{
	const struct json *want = json_gets(o->want, "resolved");
	struct buf b;
	if (!want)
		return;
	buf_init(&b, 1u << 20);
	check_types(o, json_gets(want, "types"), &b);
	check_actions(o, json_gets(want, "actions"), &b);
	buf_fini(&b);
}

static void
check_rewritten_schema(struct one *o)
{
	struct buf b;
	struct cedar_schema *again = NULL;
	struct cedar_diag d = { 0 };
	buf_init(&b, 4u << 20);
	cedar_schema_to_json(o->schema, &b);
	if (failed(cedar_schema_parse_json(buf_span(&b), &d, &again)))
		differ(o, "schema as JSON: %s", d.what);
	else
		check_validation(o, again, "through JSON");
	again = cedar_schema_unref(again);
	buf_reset(&b);
	if (failed(cedar_schema_to_cedar(o->schema, &b)) || failed(cedar_schema_parse(buf_span(&b), &d, &again)))
		differ(o, "schema as text: %s", d.what);
	else
		check_validation(o, again, "through text");
	cedar_schema_unref(again);
	buf_fini(&b);
}

static void
check_format(struct one *o)
{
	struct buf b;
	struct cedar_ast *again = NULL;
	struct cedar_diag d = { 0 };
	buf_init(&b, 4u << 20);
	if (failed(cedar_format(o->ast->text, &b, &d)) || failed(cedar_parse_policies(buf_span(&b), (span){ 0 }, 0, NULL, &again, &d))) {
		differ(o, "formatting: %s", d.what);
	} else {
		bool same = again->policy_n == o->ast->policy_n;
		for (uint32_t i = 0; same && i < again->policy_n; i++)
			for (uint32_t c = 0; same && c < again->policies[i]->condition_n; c++)
				same = cedar_expr_eq(again->policies[i]->conditions[c].body, o->ast->policies[i]->conditions[c].body);
		if (!same)
			differ(o, "formatting changed the meaning");
	}
	cedar_ast_unref(again);
	buf_fini(&b);
}

/* What the reference makes of the same texts in JSON: its schema means the same to us, its policies are ours. */
static void
check_json_forms(struct one *o)
{
	struct buf b;
	struct cedar_schema *theirs = NULL;
	struct cedar_diag d = { 0 };
	const struct json *got, *schema = json_gets(o->want, "schemaJson");
	buf_init(&b, 4u << 20);
	if (schema) {
		struct json_writer w = json_w(&b);
		json_w_value(&w, schema);
		if (failed(cedar_schema_parse_json(buf_span(&b), &d, &theirs)))
			differ(o, "the reference's JSON schema is refused: %s", d.what);
		else
			check_validation(o, theirs, "by the reference's JSON schema");
		cedar_schema_unref(theirs);
	}
	for (uint32_t i = 0; i < o->ast->policy_n; i++) {
		const struct json *want = json_item(json_gets(o->want, "est"), i);
		buf_reset(&b);
		struct json_writer w = json_w(&b);
		cedar_policy_to_json(o->ast->policies[i], &w);
		if (want && (failed(cedar_json_parse(buf_span(&b), 0, &o->arena, &got, &d)) || !json_equal(want, got)))
			differ(o, "policy %u in JSON: %.*s", i, SPAN_ARG(buf_span(&b)));
	}
	buf_fini(&b);
}

/* ---- requests ---- */

static void
check_response(struct one *o, const struct cedar_request *req)
{
	struct cedar_response r;
	if (failed(cedar_is_authorized(o->set, o->entities, req, &o->arena, &r))) {
		differ(o, "no answer");
		return;
	}
	const struct json *decision = json_gets(o->want, "decision");
	bool same = json_is_str(decision) && span_is(decision->str, "allow") == r.allow && list_length(o, "reason") == r.reason_n &&
	            list_length(o, "errors") == r.error_n;
	for (uint32_t i = 0; i < r.reason_n; i++)
		same = same && listed(o, "reason", r.reasons[i]->id);
	for (uint32_t i = 0; i < r.error_n; i++)
		same = same && listed(o, "errors", r.errors[i].policy->id);
	if (!same)
		differ(o, "answers %s with %u reasons, %u errors", r.allow ? "allow" : "deny", r.reason_n, r.error_n);
	o->run->answered++;
}

static enum cedar_partial_state
whole_state(const struct cedar_answer *a, const struct cedar_policy *p)
{
	for (uint32_t i = 0; i < a->failure_n; i++)
		if (a->failures[i].policy == p)
			return CEDAR_PARTIAL_ERROR;
	for (uint32_t i = 0; i < a->permit_n; i++)
		if (a->permits[i] == p)
			return CEDAR_PARTIAL_TRUE;
	for (uint32_t i = 0; i < a->forbid_n; i++)
		if (a->forbids[i] == p)
			return CEDAR_PARTIAL_TRUE;
	return CEDAR_PARTIAL_FALSE;
}

static void
check_residuals(struct one *o, const struct cedar_request *req, const struct cedar_partial_answer *a, const char *how)
{
	struct cedar_answer whole;
	if (failed(cedar_evaluate(o->set, o->entities, req, &o->arena, &whole)))
		return;
	for (size_t i = 0; i < cedar_policies_count(o->set); i++) {
		const struct cedar_policy *p = cedar_policies_at(o->set, i);
		enum cedar_partial_state want = whole_state(&whole, p), got = CEDAR_PARTIAL_FALSE;
		const struct cedar_partial *part = NULL;
		for (uint32_t k = 0; k < a->permit_n; k++)
			part = a->permits[k].policy == p ? &a->permits[k] : part;
		for (uint32_t k = 0; k < a->forbid_n; k++)
			part = a->forbids[k].policy == p ? &a->forbids[k] : part;
		if (part)
			got = part->state;
		if (got == CEDAR_PARTIAL_UNKNOWN) {
			o->run->residuals++;
			if (failed(cedar_partial_finish(part->residual, o->entities, req, &o->arena, &got)))
				continue;
			if (part->never && got == CEDAR_PARTIAL_TRUE)
				differ(o, "%s: %.*s was said never to hold", how, SPAN_ARG(p->id));
		}
		if (got != want)
			differ(o, "%s: %.*s partially %d, wholly %d", how, SPAN_ARG(p->id), got, want);
	}
	if ((a->decision == CEDAR_PARTIAL_ALLOW) > (whole.allow) || (a->decision == CEDAR_PARTIAL_DENY && whole.allow))
		differ(o, "%s: partially %d, wholly %d", how, a->decision, whole.allow);
}

/* Each of principal, resource, context and the other entities known or not. */
static void
check_partial(struct one *o, const struct cedar_request *req)
{
	struct cedar_partial_set *ps = NULL;
	if (failed(cedar_partial_new(o->set, o->schema, NULL, NULL, &ps))) {
		differ(o, "no partial set");
		return;
	}
	for (unsigned known = 0; known < 16; known++) {
		char how[40];
		struct cedar_partial_answer a;
		struct cedar_partial_request r = {
			.action = req->action, .principal = known & 1 ? req->principal : NULL, .resource = known & 2 ? req->resource : NULL,
			.principal_type = req->principal->type.text, .resource_type = req->resource->type.text,
			.context = known & 4 ? req->context : NULL, .context_whole = known & 4, .entities_whole = known & 8,
		};
		snprintf(how, sizeof how, "knowing %u", known);
		if (failed(cedar_partial_evaluate(ps, o->entities, &r, &o->arena, &a)))
			differ(o, "%s: no answer", how);
		else
			check_residuals(o, req, &a, how);
	}
	cedar_partial_free(ps);
}

static void
check_request(struct one *o)
{
	struct cedar_request req;
	struct cedar_diag d = { 0 };
	status s = cedar_request_from_json(json_gets(o->v, "request"), o->schema, &o->arena, &req, &d);
	if (!failed(s))
		s = cedar_request_conforms(o->schema, &req, &d);
	if (failed(s) == wants(o, "request")) {
		differ(o, "request %s: %s", failed(s) ? "refused" : "accepted", d.what);
		return;
	}
	if (failed(s))
		return;
	check_response(o, &req);
	/* only valid policies keep what partial evaluation rests on */
	if (list_length(o, "invalid") == 0)
		check_partial(o, &req);
}

/* ---- damaged JSON ---- */

static void
check_spoiled(struct one *o, const char *what, const struct json *pair, status (*read)(struct one *, const struct json *, struct cedar_diag *), size_t which)
{
	struct cedar_diag d = { 0 };
	struct buf b;
	const struct json *want = json_item(pair, which);
	bool ok = !failed(read(o, json_item(pair, 0), &d));
	if (ok == want->truth)
		return;
	buf_init(&b, 1u << 20);
	struct json_writer w = json_w(&b);
	json_w_value(&w, json_item(pair, 0));
	differ(o, "%s %s: %s: %.*s", what, ok ? "accepted" : "refused", d.what, SPAN_ARG(buf_span(&b)));
	buf_fini(&b);
}

static status
read_schema(struct one *, const struct json *v, struct cedar_diag *d)
{
	struct cedar_schema *s = NULL;
	struct buf b;
	buf_init(&b, 1u << 22);
	struct json_writer w = json_w(&b);
	json_w_value(&w, v);
	status st = cedar_schema_parse_json(buf_span(&b), d, &s);
	cedar_schema_unref(s);
	buf_fini(&b);
	return st;
}

static status
read_entities(struct one *o, const struct json *v, const struct cedar_schema *schema, struct cedar_diag *d)
{
	struct cedar_entities *e = cedar_entities_new(1);
	ENSURE(e, E_NO_MEMORY);
	status st = cedar_entities_from_json(e, v, schema, &o->arena, d);
	cedar_entities_free(e);
	return st;
}

static status
read_typed(struct one *o, const struct json *v, struct cedar_diag *d)
{
	return read_entities(o, v, o->schema, d);
}

static status
read_untyped(struct one *o, const struct json *v, struct cedar_diag *d)
{
	return read_entities(o, v, NULL, d);
}

static status
read_policy(struct one *, const struct json *v, struct cedar_diag *d)
{
	struct cedar_ast *ast = cedar_ast_new((span){ 0 }, 1u << 24);
	ENSURE(ast, E_NO_MEMORY);
	status st = cedar_policy_from_json(v, SPAN("policy0"), ast, d);
	/* the reference was asked for a policy, not a template */
	if (!failed(st) && ast->policy_n && cedar_policy_is_template(ast->policies[0]))
		st = FAIL(E_BAD_POLICY);
	cedar_ast_unref(ast);
	return st;
}

static void
check_all_spoiled(struct one *o)
{
	const struct json *all = json_gets(o->want, "spoiled");
	json_for_items(s, json_gets(all, "schemas"))
		check_spoiled(o, "damaged schema", s, read_schema, 1);
	json_for_items(e, json_gets(all, "entities")) {
		check_spoiled(o, "damaged entities with a schema", e, read_typed, 1);
		check_spoiled(o, "damaged entities", e, read_untyped, 2);
	}
	json_for_items(p, json_gets(all, "policies"))
		check_spoiled(o, "damaged policy", p, read_policy, 1);
}

/* ---- a case ---- */

static const struct cedar_uid *
link_value(struct one *o, const struct json *link, const char *slot)
{
	const struct cedar_uid *u = NULL;
	const struct json *v = json_gets(json_gets(link, "values"), slot);
	if (v && failed(cedar_uid_from_json(v, &o->arena, &u, NULL)))
		differ(o, "the value of %s is refused", slot);
	return u;
}

static bool
add_links(struct one *o)
{
	json_for_items(link, json_gets(o->v, "links")) {
		const struct cedar_policy *made;
		struct cedar_diag d = { 0 };
		span id = json_gets(link, "newId")->str;
		if (failed(cedar_ast_link(o->ast, o->ast->policies[0], id, link_value(o, link, "?principal"), link_value(o, link, "?resource"), &made, &d)))
			differ(o, "link: %s", d.what);
	}
	return !o->differs;
}

static void
check_entities(struct one *o)
{
	struct cedar_diag d = { 0 };
	o->entities = cedar_entities_new(1);
	status s = o->entities ? cedar_entities_from_json(o->entities, json_gets(o->v, "entities"), o->schema, &o->arena, &d) : FAIL(E_NO_MEMORY);
	if (failed(s) == wants(o, "entities"))
		differ(o, "entities %s: %s", failed(s) ? "refused" : "accepted", d.what);
	if (failed(s) || !wants(o, "policies") || o->differs || !add_links(o))
		return;
	if (failed(cedar_policies_new(&o->ast, 1, &o->set, &d)))
		differ(o, "compile: %s", d.what);
	else
		check_request(o);
}

static void
check(struct one *o)
{
	struct cedar_diag d = { 0 };
	status s = cedar_schema_parse(text(o, "schema"), &d, &o->schema);
	if (failed(s) == wants(o, "schema"))
		differ(o, "schema %s: %s", failed(s) ? "refused" : "accepted", d.what);
	if (failed(s))
		return;
	check_names(o);
	check_all_spoiled(o);
	s = cedar_parse_policies(text(o, "policies"), (span){ 0 }, 0, NULL, &o->ast, &d);
	if (failed(s) == wants(o, "policies"))
		differ(o, "policies %s: %s", failed(s) ? "refused" : "accepted", d.what);
	if (failed(s))
		return;
	check_validation(o, o->schema, "as it is");
	check_rewritten_schema(o);
	check_format(o);
	check_json_forms(o);
	o->run->valid += list_length(o, "invalid") == 0;
	check_entities(o);
}

static void
check_line(struct run *run, span line)
{
	struct one o = { .run = run };
	struct cedar_diag d;
	arena_init(&o.arena, (size_t)256 << 20);
	if (failed(cedar_json_parse(line, 16u << 20, &o.arena, &o.v, &d))) {
		printf("a line is not JSON: %s\n", d.what);
		run->differences++;
	} else {
		o.want = json_gets(o.v, "expect");
		run->cases++;
		check(&o);
		run->differences += o.differs;
	}
	cedar_policies_unref(o.set);
	cedar_entities_free(o.entities);
	cedar_ast_unref(o.ast);
	cedar_schema_unref(o.schema);
	arena_fini(&o.arena);
}

int
main(void)
{
	struct run run = { 0 };
	char *line = NULL;
	size_t cap = 0;
	for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;)
		check_line(&run, span_make(line, (size_t)n - (line[n - 1] == '\n')));
	free(line);
	printf("%u cases, %u with valid policies only, %u requests answered, %u residuals finished: %u differ\n", run.cases, run.valid,
	       run.answered, run.residuals, run.differences);
	return run.differences || !run.cases ? 1 : 0;
}
