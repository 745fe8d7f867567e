/* The JSON syntax of schemas: a document to declarations. Unknown members are refused everywhere, as the reference does. */
#include "cedar/lex.h"
#include "cedar/schema_raw.h"
#include "text/json.h"

#include <stdio.h>

#define NAMESPACES_MAX 4096

struct json_schema {
	struct raw_schema *raw;
	struct arena *arena;           /* the schema's: what stays */
};

static status
S_only(struct json_schema *j, const struct json *v, const char *what, const char *const *names)
{
	if (!json_is_obj(v))
		return raw_fail(j->raw, v->at, NULL, "%s must be an object", what);
	struct json_error e;
	if (!failed(json_only(v, names, &e)))
		return OK;
	char hint[160];
	size_t n = 0;
	hint[0] = '\0';
	for (size_t i = 0; names[i] && n < sizeof hint; i++)
		n += (size_t)snprintf(hint + n, sizeof hint - n, "%s%s", i ? ", " : "known: ", names[i]);
	return raw_fail(j->raw, (uint32_t)e.at, hint, "unknown member in %s", what);
}

static status
S_need(struct json_schema *j, const struct json *v, const char *key, const char *what, const struct json **ret)
{
	*ret = json_gets(v, key);
	if (!*ret)
		return raw_fail(j->raw, v->at, NULL, "%s lacks `%s`", what, key);
	return OK;
}

static status
S_copy(struct json_schema *j, span s, span *ret)
{
	*ret = arena_copy(j->arena, s);
	return arena_ok(j->arena) ? OK : raw_oom(j->raw);
}

static status
S_str(struct json_schema *j, const struct json *v, const char *what, span *ret)
{
	if (!json_is_str(v))
		return raw_fail(j->raw, v->at, NULL, "%s must be a string", what);
	return S_copy(j, v->str, ret);
}

/* A single identifier that may be declared. */
static status
S_id(struct json_schema *j, span key, uint32_t at, const char *what, span *ret)
{
	if (!cedar_word_ok(key) || cedar_word_reserved(key))
		return raw_fail(j->raw, at, NULL, "`%.*s` is not a name that %s may have", SPAN_ARG(key), what);
	return S_copy(j, key, ret);
}

/* A::B, normalised. `__cedar` may lead a reference to a builtin. */
static status
S_path(struct json_schema *j, const struct json *v, const char *what, bool builtin, span *ret)
{
	TRY(S_str(j, v, what, ret));
	span rest = *ret;
	if (builtin && span_starts(rest, SPAN("__cedar::")))
		rest = span_sub(rest, 9, rest.n);
	if (!cedar_name_ok(rest))
		return raw_fail(j->raw, v->at, "names are identifiers joined by `::`, without blanks", "`%.*s` is not a name",
		                SPAN_ARG(*ret));
	return OK;
}

static status
S_annotations(struct json_schema *j, const struct json *v, struct raw_annotation **ret)
{
	struct raw_annotation **end = ret;
	*ret = NULL;
	if (!v)
		return OK;
	if (!json_is_obj(v))
		return raw_fail(j->raw, v->at, NULL, "`annotations` must be an object");
	json_for_members(m, v) {
		struct raw_annotation *a = ARENA_NEW(j->arena, struct raw_annotation);
		if (!a)
			return raw_oom(j->raw);
		if (!cedar_word_ok(m->key))
			return raw_fail(j->raw, m->value.at, NULL, "`%.*s` is not a name that an annotation may have", SPAN_ARG(m->key));
		TRY(S_copy(j, m->key, &a->key));
		a->has_value = !json_is_null(&m->value);
		if (a->has_value)
			TRY(S_str(j, &m->value, "an annotation's value", &a->value));
		*end = a;
		end = &a->next;
	}
	return OK;
}

/* ---- types ---- */

static status S_type(struct json_schema *, const struct json *, bool attribute, struct raw_type **);

/* The members that may stand beside `type`; an attribute's type carries two more. */
static status
S_type_members(struct json_schema *j, const struct json *v, bool attribute, const char *a, const char *b)
{
	const char *names[6] = { "type" };
	size_t n = 1;
	if (a)
		names[n++] = a;
	if (b)
		names[n++] = b;
	if (attribute) {
		names[n++] = "required";
		names[n++] = "annotations";
	}
	return S_only(j, v, "a type", names);
}

static status
S_record(struct json_schema *j, const struct json *v, struct raw_type *t)
{
	const struct json *attrs, *open = json_gets(v, "additionalAttributes");
	TRY(S_need(j, v, "attributes", "a record type", &attrs));
	if (!json_is_obj(attrs))
		return raw_fail(j->raw, attrs->at, NULL, "`attributes` must be an object");
	if (open && (!json_is_bool(open) || open->truth))
		return raw_fail(j->raw, open->at, NULL, "`additionalAttributes` may only be false");
	t->kind = RAW_RECORD;
	struct raw_attr **end = &t->attrs;
	json_for_members(m, attrs) {
		struct raw_attr *a = ARENA_NEW(j->arena, struct raw_attr);
		if (!a)
			return raw_oom(j->raw);
		TRY(S_copy(j, m->key, &a->name));
		TRY(S_type(j, &m->value, true, &a->type));
		a->required = true;
		const struct json *required = json_gets(&m->value, "required");
		if (required && !json_is_bool(required))
			return raw_fail(j->raw, required->at, NULL, "`required` must be true or false");
		if (required)
			a->required = required->truth;
		TRY(S_annotations(j, json_gets(&m->value, "annotations"), &a->annotations));
		*end = a;
		end = &a->next;
	}
	return OK;
}

static status
S_extension(struct json_schema *j, const struct json *v, struct raw_type *t)
{
	const struct json *name;
	enum cedar_type_kind k;
	TRY(S_need(j, v, "name", "an extension type", &name));
	if (!json_is_str(name) || !cedar_type_ext_from_name(name->str, &k))
		return raw_fail(j->raw, name->at, "decimal, ipaddr, datetime and duration exist", "unknown extension type");
	t->kind = RAW_BASIC;
	t->basic = cedar_type_basic(k);
	return OK;
}

static status
S_type(struct json_schema *j, const struct json *v, bool attribute, struct raw_type **ret)
{
	const struct json *type, *name;
	struct raw_type *t = ARENA_NEW(j->arena, struct raw_type);
	if (!t)
		return raw_oom(j->raw);
	if (!json_is_obj(v))
		return raw_fail(j->raw, v->at, NULL, "a type must be an object");
	t->at = v->at;
	TRY(S_need(j, v, "type", "a type", &type));
	if (!json_is_str(type))
		return raw_fail(j->raw, type->at, NULL, "`type` must be a string");
	if (span_is(type->str, "Set")) {
		TRY(S_type_members(j, v, attribute, "element", NULL));
		TRY(S_need(j, v, "element", "a set type", &name));
		t->kind = RAW_SET;
		TRY(S_type(j, name, false, &t->elem));
	} else if (span_is(type->str, "Record")) {
		TRY(S_type_members(j, v, attribute, "attributes", "additionalAttributes"));
		TRY(S_record(j, v, t));
	} else if (span_is(type->str, "Entity") || span_is(type->str, "EntityOrCommon")) {
		t->kind = span_is(type->str, "Entity") ? RAW_ENTITY : RAW_NAME;
		TRY(S_type_members(j, v, attribute, "name", NULL));
		TRY(S_need(j, v, "name", "a type reference", &name));
		TRY(S_path(j, name, "`name`", true, &t->name));
	} else if (span_is(type->str, "Extension")) {
		TRY(S_type_members(j, v, attribute, "name", NULL));
		TRY(S_extension(j, v, t));
	} else if (span_is(type->str, "Long") || span_is(type->str, "String") || span_is(type->str, "Boolean")) {
		TRY(S_type_members(j, v, attribute, NULL, NULL));
		t->kind = RAW_BASIC;
		t->basic = cedar_type_basic(span_is(type->str, "Long") ? CEDAR_TYPE_LONG : span_is(type->str, "String")
		                            ? CEDAR_TYPE_STRING : CEDAR_TYPE_BOOL);
	} else {
		TRY(S_type_members(j, v, attribute, NULL, NULL));
		t->kind = RAW_COMMON;
		TRY(S_path(j, type, "`type`", true, &t->name));
	}
	*ret = t;
	return OK;
}

/* ---- declarations ---- */

static status
S_type_names(struct json_schema *j, const struct json *v, const char *what, struct raw_ref **ret)
{
	struct raw_ref **end = ret;
	if (!json_is_arr(v))
		return raw_fail(j->raw, v->at, NULL, "%s must be an array", what);
	json_for_items(it, v) {
		struct raw_ref *f = ARENA_NEW(j->arena, struct raw_ref);
		if (!f)
			return raw_oom(j->raw);
		f->at = it->at;
		TRY(S_path(j, it, "an entity type", false, &f->type));
		*end = f;
		end = &f->next;
	}
	return OK;
}

static status
S_enum(struct json_schema *j, const struct json *v, struct raw_entity *e)
{
	static const char *const names[] = { "enum", "annotations", NULL };
	const struct json *ids = json_gets(v, "enum");
	TRY(S_only(j, v, "an enumerated entity type", names));
	if (!json_is_arr(ids) || ids->arr.n == 0)
		return raw_fail(j->raw, ids->at, NULL, "`enum` must be a non-empty array of ids");
	e->is_enum = true;
	struct raw_ref **end = &e->ids;
	json_for_items(it, ids) {
		struct raw_ref *f = ARENA_NEW(j->arena, struct raw_ref);
		if (!f)
			return raw_oom(j->raw);
		f->at = it->at;
		TRY(S_str(j, it, "an id", &f->id));
		*end = f;
		end = &f->next;
	}
	return OK;
}

static status
S_entity(struct json_schema *j, const struct json_member *m, struct raw_namespace *ns)
{
	static const char *const names[] = { "memberOfTypes", "shape", "tags", "enum", "annotations", NULL };
	const struct json *v = &m->value, *part;
	struct raw_entity *e = ARENA_NEW(j->arena, struct raw_entity);
	if (!e)
		return raw_oom(j->raw);
	e->at = v->at;
	TRY(S_id(j, m->key, v->at, "an entity type", &e->name));
	TRY(S_only(j, v, "an entity type", names));
	TRY(S_annotations(j, json_gets(v, "annotations"), &e->annotations));
	if (json_gets(v, "enum"))
		TRY(S_enum(j, v, e));
	if ((part = json_gets(v, "memberOfTypes")))
		TRY(S_type_names(j, part, "`memberOfTypes`", &e->parents));
	if ((part = json_gets(v, "shape")))
		TRY(S_type(j, part, false, &e->shape));
	if ((part = json_gets(v, "tags")))
		TRY(S_type(j, part, false, &e->tags));
	*ns->entities_end = e;
	ns->entities_end = &e->next;
	return OK;
}

static status
S_member_of(struct json_schema *j, const struct json *v, struct raw_action *a)
{
	static const char *const names[] = { "id", "type", NULL };
	struct raw_ref **end = &a->parents;
	if (!v || json_is_null(v))
		return OK;
	if (!json_is_arr(v))
		return raw_fail(j->raw, v->at, NULL, "`memberOf` must be an array");
	json_for_items(it, v) {
		struct raw_ref *f = ARENA_NEW(j->arena, struct raw_ref);
		const struct json *id, *type = json_gets(it, "type");
		if (!f)
			return raw_oom(j->raw);
		f->at = it->at;
		TRY(S_only(j, it, "a parent action", names));
		TRY(S_need(j, it, "id", "a parent action", &id));
		TRY(S_str(j, id, "`id`", &f->id));
		if (type && !json_is_null(type))
			TRY(S_path(j, type, "`type`", false, &f->type));
		*end = f;
		end = &f->next;
	}
	return OK;
}

static status
S_applies(struct json_schema *j, const struct json *v, struct raw_action *a)
{
	static const char *const names[] = { "principalTypes", "resourceTypes", "context", NULL };
	const struct json *part;
	if (!v || json_is_null(v))
		return OK;
	TRY(S_only(j, v, "`appliesTo`", names));
	TRY(S_need(j, v, "principalTypes", "`appliesTo`", &part));
	TRY(S_type_names(j, part, "`principalTypes`", &a->principals));
	TRY(S_need(j, v, "resourceTypes", "`appliesTo`", &part));
	TRY(S_type_names(j, part, "`resourceTypes`", &a->resources));
	a->applies = true;
	if ((part = json_gets(v, "context")))
		TRY(S_type(j, part, false, &a->context));
	return OK;
}

static status
S_action(struct json_schema *j, const struct json_member *m, struct raw_namespace *ns)
{
	static const char *const names[] = { "attributes", "memberOf", "appliesTo", "annotations", NULL };
	const struct json *v = &m->value, *attributes = json_gets(v, "attributes");
	struct raw_action *a = ARENA_NEW(j->arena, struct raw_action);
	if (!a)
		return raw_oom(j->raw);
	a->at = v->at;
	TRY(S_only(j, v, "an action", names));
	if (attributes && !json_is_null(attributes))
		return raw_fail(j->raw, attributes->at, NULL, "actions have no attributes");
	TRY(S_copy(j, m->key, &a->id));
	TRY(S_annotations(j, json_gets(v, "annotations"), &a->annotations));
	TRY(S_member_of(j, json_gets(v, "memberOf"), a));
	TRY(S_applies(j, json_gets(v, "appliesTo"), a));
	*ns->actions_end = a;
	ns->actions_end = &a->next;
	return OK;
}

static status
S_common(struct json_schema *j, const struct json_member *m, struct raw_namespace *ns)
{
	struct raw_common *c = ARENA_NEW(j->arena, struct raw_common);
	if (!c)
		return raw_oom(j->raw);
	c->at = m->value.at;
	TRY(S_id(j, m->key, c->at, "a common type", &c->name));
	if (raw_common_reserved(c->name))
		return raw_fail(j->raw, c->at, NULL, "`%.*s` is reserved and may not be declared", SPAN_ARG(c->name));
	/* `annotations` belongs to the declaration here, and stands beside the type */
	TRY(S_annotations(j, json_gets(&m->value, "annotations"), &c->annotations));
	if (json_gets(&m->value, "required"))
		return raw_fail(j->raw, c->at, NULL, "unknown member `required` in a common type");
	TRY(S_type(j, &m->value, true, &c->type));
	*ns->commons_end = c;
	ns->commons_end = &c->next;
	return OK;
}

static status
S_each(struct json_schema *j, const struct json *v, const char *what, struct raw_namespace *ns,
       status (*one)(struct json_schema *, const struct json_member *, struct raw_namespace *))
{
	if (!json_is_obj(v))
		return raw_fail(j->raw, v->at, NULL, "`%s` must be an object", what);
	json_for_members(m, v)
		TRY(one(j, m, ns));
	return OK;
}

static status
S_namespace(struct json_schema *j, const struct json_member *m)
{
	static const char *const names[] = { "commonTypes", "entityTypes", "actions", "annotations", NULL };
	const struct json *v = &m->value, *part;
	span name = { 0 };
	if (!span_empty(m->key)) {
		if (!cedar_name_ok(m->key))
			return raw_fail(j->raw, v->at, NULL, "`%.*s` is not a namespace's name", SPAN_ARG(m->key));
		TRY(S_copy(j, m->key, &name));
	}
	struct raw_namespace *ns = raw_namespace_get(j->raw, name, v->at, NULL);
	if (!ns)
		return raw_oom(j->raw);
	TRY(S_only(j, v, "a namespace", names));
	part = json_gets(v, "annotations");
	if (part && json_is_obj(part) && part->obj.n > 0 && span_empty(name))
		return raw_fail(j->raw, part->at, NULL, "the empty namespace takes no annotations");
	TRY(S_annotations(j, part, &ns->annotations));
	TRY(S_need(j, v, "entityTypes", "a namespace", &part));
	TRY(S_each(j, part, "entityTypes", ns, S_entity));
	TRY(S_need(j, v, "actions", "a namespace", &part));
	TRY(S_each(j, part, "actions", ns, S_action));
	if ((part = json_gets(v, "commonTypes")))
		TRY(S_each(j, part, "commonTypes", ns, S_common));
	return OK;
}

static status
S_document(struct raw_schema *r, span text, struct arena *scratch)
{
	struct json_schema j = { .raw = r, .arena = r->arena };
	struct json_opts opts = { .max_bytes = CEDAR_SCHEMA_MAX, .max_depth = 3 * CEDAR_SCHEMA_DEPTH, .max_nodes = 1u << 20,
	                          .allow_nul = true };
	struct json_error e = { 0 };
	const struct json *doc;
	status st = json_parse(text, &opts, scratch, &doc, &e);
	if (st.code == E_BAD_JSON || st.code == E_BAD_UTF8)
		return raw_fail(r, (uint32_t)e.at, NULL, "not JSON: %s", e.reason ? e.reason : "malformed");
	TRY(st);
	if (!json_is_obj(doc))
		return raw_fail(r, doc->at, NULL, "a schema must be an object of namespaces");
	if (doc->obj.n > NAMESPACES_MAX)
		return raw_fail(r, doc->at, NULL, "more than %d namespaces", NAMESPACES_MAX);
	json_for_members(m, doc)
		TRY(S_namespace(&j, m));
	return OK;
}

status
raw_parse_json(struct raw_schema *r, span text)
{
	CLEANUP(arena_fini) struct arena scratch;
	arena_init(&scratch, text.n * 64 + ((size_t)16 << 20));
	return S_document(r, text, &scratch);
}
