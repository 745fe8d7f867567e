/* The tests of the upstream format: policies, entities, schema, requests with their answers. */
#include "tests/cedar_pack.h"

#include "cedar/conform.h"
#include "cedar/validate.h"

#include <limits.h>
#include <stdio.h>

/* What one test is made of. */
struct parts {
	struct pack_test t;
	const struct json *json;
	struct cedar_ast *ast;
	struct cedar_schema *schema;
	struct cedar_entities *entities;
	const struct cedar_policies *policies;
};

/* Paths in a test are relative to the pack's root or, in one folder, to the parent of the test's folder. */
static bool
find_file(struct parts *c, const char *test_path, const char *member, char out[PATH_MAX])
{
	const struct json *v = json_gets(c->json, member);
	if (!json_is_str(v)) {
		pack_fail(&c->t, "no \"%s\"", member);
		return false;
	}
	snprintf(out, PATH_MAX, "%s/%.*s", c->t.pack->root, SPAN_ARG(v->str));
	if (pack_exists(out))
		return true;
	const char *slash = strrchr(test_path, '/');
	snprintf(out, PATH_MAX, "%.*s/../%.*s", (int)(slash - test_path), test_path, SPAN_ARG(v->str));
	if (pack_exists(out))
		return true;
	snprintf(out, PATH_MAX, "%.*s/%.*s", (int)(slash - test_path), test_path, SPAN_ARG(v->str));
	return true;
}

static bool
is_json(const struct json *test, const char *member)
{
	const struct json *v = json_gets(test, member);
	return json_is_str(v) && span_is(v->str, "json");
}

static bool
load_policies(struct parts *c, const char *path, bool json)
{
	span text = { 0 };
	struct cedar_diag d;
	if (!pack_read(&c->t, path, &text))
		return false;
	status s = json ? cedar_parse_policies_json(text, span_str(path), NULL, &c->ast, &d) :
	                  cedar_parse_policies(text, span_str(path), 0, NULL, &c->ast, &d);
	if (failed(s)) {
		pack_fail(&c->t, "policies:%u:%u: %s", d.line, d.col, d.what);
		return false;
	}
	s = cedar_policies_new(&c->ast, 1, &c->policies, &d);
	if (failed(s))
		pack_fail(&c->t, "compile: %s", d.what);
	return !failed(s);
}

static bool
load_schema(struct parts *c, const char *path, bool json)
{
	span text = { 0 };
	struct cedar_diag d;
	if (!pack_read(&c->t, path, &text))
		return false;
	status s = json ? cedar_schema_parse_json(text, &d, &c->schema) : cedar_schema_parse(text, &d, &c->schema);
	if (failed(s))
		pack_fail(&c->t, "schema:%u:%u: %s", d.line, d.col, d.what);
	return !failed(s);
}

static bool
load_entities(struct parts *c, const char *path)
{
	span text = { 0 };
	struct cedar_diag d = { 0 };
	if (!pack_read(&c->t, path, &text))
		return false;
	c->entities = cedar_entities_new(1);
	status s = c->entities ? cedar_entities_parse(c->entities, text, c->schema, &d) : FAIL(E_NO_MEMORY);
	if (failed(s))
		pack_fail(&c->t, "entities:%u:%u: %s", d.line, d.col, d.what);
	return !failed(s);
}

/* The files, or those given in their place. */
static bool
load(struct parts *c, const char *path, const char *est, const char *json_schema)
{
	char file[PATH_MAX];
	if (!pack_read_json(&c->t, path, &c->json))
		return false;
	if (json_schema ? !load_schema(c, json_schema, true) :
	    !find_file(c, path, "schema", file) || !load_schema(c, file, is_json(c->json, "schemaFormat")))
		return false;
	if (est ? !load_policies(c, est, true) :
	    !find_file(c, path, "policies", file) || !load_policies(c, file, is_json(c->json, "policyFormat")))
		return false;
	return find_file(c, path, "entities", file) && load_entities(c, file);
}

static void
parts_fini(struct parts *c)
{
	cedar_policies_unref(c->policies);
	cedar_entities_free(c->entities);
	cedar_ast_unref(c->ast);
	cedar_schema_unref(c->schema);
	pack_test_fini(&c->t);
}

static bool
has_text(const struct json *list, span text)
{
	json_for_items(v, list)
		if (json_is_str(v) && span_eq(v->str, text))
			return true;
	return false;
}

static void
check_answer(struct parts *c, const struct json *r, const struct cedar_response *got, span name)
{
	const struct json *decision = json_gets(r, "decision"), *reason = json_gets(r, "reason"), *errors = json_gets(r, "errors");
	bool same = json_is_arr(reason) && reason->arr.n == got->reason_n && json_is_arr(errors) && errors->arr.n == got->error_n;
	for (uint32_t i = 0; i < got->reason_n; i++)
		same = same && has_text(reason, got->reasons[i]->id);
	for (uint32_t i = 0; i < got->error_n; i++)
		same = same && has_text(errors, got->errors[i].policy->id);
	if (!json_is_str(decision) || span_is(decision->str, "allow") != got->allow)
		pack_fail(&c->t, "%.*s: %s instead of %.*s", SPAN_ARG(name), got->allow ? "allow" : "deny", SPAN_ARG(decision->str));
	else if (!same)
		pack_fail(&c->t, "%.*s: reasons or errors differ (%u, %u)", SPAN_ARG(name), got->reason_n, got->error_n);
}

static span
description(const struct json *r)
{
	const struct json *v = json_gets(r, "description");
	return json_is_str(v) ? v->str : SPAN("request");
}

static bool
wants_validation(const struct json *r)
{
	const struct json *v = json_gets(r, "validateRequest");
	return !json_is_bool(v) || v->truth;
}

static void
check_request(struct parts *c, const struct json *r)
{
	struct cedar_request req;
	struct cedar_response got;
	struct cedar_diag d;
	struct arena a;
	bool allow;
	arena_init(&a, 64u << 20);
	status s = cedar_request_from_json(r, c->schema, &c->t.arena, &req, &d);
	if (failed(s))
		pack_fail(&c->t, "%.*s: %s", SPAN_ARG(description(r)), d.what);
	else if (wants_validation(r) && failed(cedar_request_conforms(c->schema, &req, &d)))
		pack_fail(&c->t, "%.*s: refused: %s", SPAN_ARG(description(r)), d.what);
	else if (failed(cedar_is_authorized(c->policies, c->entities, &req, &a, &got)))
		pack_fail(&c->t, "%.*s: no answer", SPAN_ARG(description(r)));
	else
		check_answer(c, r, &got, description(r));
	if (!failed(s) && (failed(cedar_decide(c->policies, c->entities, &req, &a, &allow)) || allow != got.allow))
		pack_fail(&c->t, "%.*s: the quick decision differs", SPAN_ARG(description(r)));
	arena_fini(&a);
}

static void
check_validation(struct parts *c)
{
	const struct json *want = json_gets(c->json, "shouldValidate");
	struct cedar_report r;
	cedar_report_init(&r, 0);
	status s = cedar_validate(c->schema, c->ast, NULL, &r);
	if (failed(s))
		pack_fail(&c->t, "validation: %s", error_text(s.code));
	else if (json_is_bool(want) && want->truth != (r.errors == 0))
		pack_fail(&c->t, "validation: %s, should %s: %s", r.errors ? "errors" : "none", want->truth ? "pass" : "fail",
		          r.n ? r.items[0].diag.what : "");
	cedar_report_fini(&r);
}

static void
run(struct pack *p, const char *path, const char *shown, const char *est, const char *json_schema)
{
	CLEANUP(parts_fini) struct parts c = { 0 };
	pack_test_init(&c.t, p, shown);
	if (!load(&c, path, est, json_schema))
		return;
	check_validation(&c);
	json_for_items(r, json_gets(c.json, "requests"))
		check_request(&c, r);
}

static bool
ends(const char *s, const char *tail)
{
	return span_ends(span_str(s), span_str(tail));
}

void
pack_case(struct pack *p, const char *path)
{
	if (!ends(path, ".entities.json") && !ends(path, ".cedar.json") && !ends(path, ".cedarschema.json"))
		run(p, path, path, NULL, NULL);
}

/* The test in corpus-tests that a derived file belongs to. */
static void
base_test(struct pack *p, const char *path, const char *suffix, char out[PATH_MAX])
{
	const char *name = strrchr(path, '/') + 1;
	snprintf(out, PATH_MAX, "%s/corpus-tests/%.*s.json", p->root, (int)(strlen(name) - strlen(suffix)), name);
}

void
pack_case_json_schema(struct pack *p, const char *path)
{
	char base[PATH_MAX];
	base_test(p, path, ".cedarschema.json", base);
	run(p, base, path, NULL, path);
}

void
pack_case_est(struct pack *p, const char *path)
{
	char base[PATH_MAX];
	base_test(p, path, ".est.json", base);
	run(p, base, path, path, NULL);
}

/* ---- validation in detail ---- */

static void
check_policies(struct parts *c, const struct json *want, bool permissive)
{
	struct cedar_report r;
	const char *mode = permissive ? "permissive" : "strict";
	const struct json *all = json_gets(want, mode);
	cedar_report_init(&r, 0);
	status s = cedar_validate(c->schema, c->ast, &(struct cedar_validate_opts){ .permissive = permissive }, &r);
	if (failed(s))
		pack_fail(&c->t, "%s: %s", mode, error_text(s.code));
	else if (json_is_bool(all) && all->truth != (r.errors == 0))
		pack_fail(&c->t, "%s: should %s: %s", mode, all->truth ? "pass" : "fail", r.n ? r.items[0].diag.what : "");
	json_for_members(m, json_gets(want, "perPolicy")) {
		const struct cedar_policy *pol = cedar_ast_find(c->ast, m->key);
		const struct json *one = json_gets(&m->value, mode);
		if (!pol || (json_is_bool(one) && one->truth != (cedar_report_errors_of(&r, pol) == 0)))
			pack_fail(&c->t, "%s: %.*s should %s", mode, SPAN_ARG(m->key), one && one->truth ? "pass" : "fail");
	}
	cedar_report_fini(&r);
}

/* "Type::id", as the reference names entities here. */
static const struct json *
entity_errors(const struct json *want, const struct cedar_uid *uid)
{
	char name[4096];
	int n = snprintf(name, sizeof name, "%.*s::", SPAN_ARG(uid->type.text));
	if (n < 0 || (size_t)n + uid->id.n > sizeof name)
		return NULL;
	if (uid->id.n)
		memcpy(name + n, uid->id.p, uid->id.n);
	return json_get(json_gets(want, "perEntity"), span_make(name, (size_t)n + uid->id.n));
}

/* Each entity alone is refused exactly when errors are listed for it. An action is judged by the hierarchy, so together. */
static void
check_entities(struct parts *c, const char *path, const struct json *want)
{
	const struct json *list;
	if (!pack_read_json(&c->t, path, &list))
		return;
	json_for_items(v, list) {
		struct cedar_entity e;
		const struct cedar_uid *uid;
		struct cedar_diag d = { 0 };
		if (failed(cedar_uid_from_json(json_gets(v, "uid"), &c->t.arena, &uid, &d)))
			continue;
		const struct json *one = entity_errors(want, uid), *errors = json_gets(one, "errors");
		bool action = span_is(uid->type.text, "Action") || span_ends(uid->type.text, SPAN("::Action"));
		struct cedar_entities *alone = cedar_entities_new(1);
		bool ok = alone && (action ? !failed(cedar_entities_from_json(alone, list, c->schema, &c->t.arena, &d))
		                           : !failed(cedar_entity_from_json(v, c->schema, &c->t.arena, &e, &d)));
		cedar_entities_free(alone);
		bool listed = json_is_arr(errors) && errors->arr.n;
		/* the fault of another entity is not this action's */
		if (one && ok == listed && !(action && !listed))
			pack_fail(&c->t, "entity %.*s::%.*s: %s", SPAN_ARG(uid->type.text), SPAN_ARG(uid->id), ok ? "accepted" : d.what);
	}
}

static void
check_requests(struct parts *c, const struct json *want)
{
	size_t i = 0;
	json_for_items(r, json_gets(c->json, "requests")) {
		struct cedar_request req;
		struct cedar_diag d = { 0 };
		const struct json *strict = json_gets(json_item(want, i++), "strict");
		bool ok = !failed(cedar_request_from_json(r, c->schema, &c->t.arena, &req, &d)) &&
		          !failed(cedar_request_conforms(c->schema, &req, &d));
		if (json_is_bool(strict) && strict->truth != ok)
			pack_fail(&c->t, "%.*s: should %s: %s", SPAN_ARG(description(r)), strict->truth ? "pass" : "fail", d.what);
	}
}

void
pack_case_validation(struct pack *p, const char *path)
{
	CLEANUP(parts_fini) struct parts c = { 0 };
	char base[PATH_MAX], file[PATH_MAX];
	const struct json *want;
	pack_test_init(&c.t, p, path);
	base_test(p, path, ".validation.json", base);
	if (!pack_exists(base))
		snprintf(base, sizeof base, "%.*s.json", (int)(strlen(path) - strlen(".validation.json")), path);
	if (!pack_read_json(&c.t, path, &want) || !pack_read_json(&c.t, base, &c.json))
		return;
	if (!find_file(&c, base, "schema", file) || !load_schema(&c, file, is_json(c.json, "schemaFormat")) ||
	    !find_file(&c, base, "policies", file) || !load_policies(&c, file, is_json(c.json, "policyFormat")))
		return;
	check_policies(&c, json_gets(want, "policyValidation"), false);
	check_policies(&c, json_gets(want, "policyValidation"), true);
	if (find_file(&c, base, "entities", file))
		check_entities(&c, file, json_gets(want, "entityValidation"));
	check_requests(&c, json_gets(want, "requestValidation"));
}

/* ---- entity parsing ---- */

void
pack_entity_parsing(struct pack *p, const char *path)
{
	CLEANUP(parts_fini) struct parts c = { 0 };
	char base[PATH_MAX], file[PATH_MAX];
	const struct json *want, *list;
	struct cedar_diag d = { 0 };
	pack_test_init(&c.t, p, path);
	snprintf(base, sizeof base, "%.*s.json", (int)(strlen(path) - strlen(".parsing.json")), path);
	if (!pack_read_json(&c.t, path, &want) || !pack_read_json(&c.t, base, &c.json) || !find_file(&c, base, "schema", file) ||
	    !load_schema(&c, file, false) || !find_file(&c, base, "entities", file) || !pack_read_json(&c.t, file, &list))
		return;
	c.entities = cedar_entities_new(1);
	bool ok = c.entities && !failed(cedar_entities_from_json(c.entities, list, c.schema, &c.t.arena, &d));
	if (ok != json_gets(json_gets(want, "allEntities"), "success")->truth)
		pack_fail(&c.t, "all entities: %s (%s)", ok ? "accepted" : "refused", d.what);
	json_for_items(v, list) {
		struct cedar_entity e;
		char name[300];
		const struct json *uid = json_gets(v, "uid");
		snprintf(name, sizeof name, "%.*s::%.*s", SPAN_ARG(json_gets(uid, "type")->str), SPAN_ARG(json_gets(uid, "id")->str));
		const struct json *one = json_gets(json_gets(json_gets(want, "perEntity"), name), "success");
		ok = !failed(cedar_entity_from_json(v, c.schema, &c.t.arena, &e, &d));
		if (json_is_bool(one) && one->truth != ok)
			pack_fail(&c.t, "%s: %s", name, ok ? "accepted" : d.what);
	}
}
