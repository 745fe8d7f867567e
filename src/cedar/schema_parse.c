/* The Cedar syntax of schemas: text to declarations (language 4.5, grammar in the manual's "human-readable schema"). */
#include "cedar/lex.h"
#include "cedar/schema_raw.h"

#include <stdlib.h>

#define NAMESPACES_MAX 4096

struct schema_parser {
	struct cedar_lexer lex;
	struct cedar_token t;          /* the token looked at */
	struct raw_schema *raw;
	struct arena *arena;
	struct cedar_diag *diag;
	uint32_t seen_namespaces;
};

static status
S_next(struct schema_parser *p)
{
	status st = cedar_lex_next(&p->lex, &p->t, p->diag);
	/* the lexer also serves policies, and says so */
	if (st.code == E_BAD_POLICY)
		st.code = E_BAD_SCHEMA;
	return st;
}

static status
S_unexpected(struct schema_parser *p, const char *wanted)
{
	char got[80];
	return cedar_diag_set(p->diag, E_BAD_SCHEMA, p->t.pos, NULL, "expected %s, found %s", wanted,
	                      cedar_token_text(&p->t, got, sizeof got));
}

static bool
S_is(const struct schema_parser *p, enum cedar_token_kind k)
{
	return p->t.kind == k;
}

static bool
S_is_word(const struct schema_parser *p, const char *word)
{
	return p->t.kind == CEDAR_T_IDENT && span_is(p->t.text, word);
}

static status
S_expect(struct schema_parser *p, enum cedar_token_kind k, const char *what)
{
	if (!S_is(p, k))
		return S_unexpected(p, what);
	return S_next(p);
}

/* Takes the token when it is there. */
static status
S_maybe(struct schema_parser *p, enum cedar_token_kind k, bool *ret)
{
	*ret = S_is(p, k);
	return *ret ? S_next(p) : OK;
}

static status
S_ident(struct schema_parser *p, const char *what, span *ret, uint32_t *ret_at)
{
	if (!S_is(p, CEDAR_T_IDENT))
		return S_unexpected(p, what);
	/* `__cedar` is no keyword: as an attribute it is fine, as a declared name S_declarable refuses it */
	if (cedar_word_reserved(p->t.text) && !span_is(p->t.text, "__cedar"))
		return cedar_diag_set(p->diag, E_BAD_SCHEMA, p->t.pos, "write it in quotes where a string may stand",
		                      "`%.*s` is reserved and may not be %s", SPAN_ARG(p->t.text), what);
	*ret = p->t.text;
	if (ret_at)
		*ret_at = p->t.pos.offset;
	return S_next(p);
}

static status
S_string(struct schema_parser *p, span *ret, uint32_t *ret_at)
{
	if (!S_is(p, CEDAR_T_STRING))
		return S_unexpected(p, "a string");
	status st = cedar_lex_string(&p->t, p->arena, ret, p->diag);
	if (st.code == E_BAD_POLICY)
		st.code = E_BAD_SCHEMA;
	TRY(st);
	if (ret_at)
		*ret_at = p->t.pos.offset;
	return S_next(p);
}

/* Names that begin or are `__cedar` belong to the language. */
static status
S_declarable(struct schema_parser *p, span name, uint32_t at)
{
	for (size_t i = 0; i + 7 <= name.n; i++) {
		bool begins = i == 0 || name.p[i - 1] == ':', ends = i + 7 == name.n || name.p[i + 7] == ':';
		if (begins && ends && memcmp(name.p + i, "__cedar", 7) == 0)
			return raw_fail(p->raw, at, NULL, "`%.*s` is reserved and may not be declared", SPAN_ARG(name));
	}
	return OK;
}

/* ID or STR. */
static status
S_name(struct schema_parser *p, const char *what, span *ret, uint32_t *ret_at)
{
	return S_is(p, CEDAR_T_STRING) ? S_string(p, ret, ret_at) : S_ident(p, what, ret, ret_at);
}

/* ID {'::' ID}, normalised. With ret_id, a string may end it: then *ret_id is that and *ret_is_uid true. */
static status
S_path(struct schema_parser *p, const char *what, span *ret, uint32_t *ret_at, span *ret_id, bool *ret_is_uid)
{
	span first, part;
	TRY(S_ident(p, what, &first, ret_at));
	if (ret_is_uid)
		*ret_is_uid = false;
	size_t n = first.n, cap = first.n;
	uint8_t *joined = NULL;
	bool more;
	for (;;) {
		TRY(S_maybe(p, CEDAR_T_COLONS, &more));
		if (!more)
			break;
		if (ret_id && S_is(p, CEDAR_T_STRING)) {
			*ret_is_uid = true;
			TRY(S_string(p, ret_id, NULL));
			break;
		}
		TRY(S_ident(p, "a name", &part, NULL));
		if (!joined || n + 2 + part.n > cap) {
			cap = (n + 2 + part.n) * 2;
			uint8_t *bigger = arena_alloc(p->arena, cap);
			if (!bigger)
				return raw_oom(p->raw);
			memcpy(bigger, joined ? joined : first.p, n);
			joined = bigger;
		}
		memcpy(joined + n, "::", 2);
		memcpy(joined + n + 2, part.p, part.n);
		n += 2 + part.n;
	}
	*ret = joined ? span_make(joined, n) : first;
	return OK;
}

static status
S_annotations(struct schema_parser *p, struct raw_annotation **ret)
{
	struct raw_annotation **end = ret;
	*ret = NULL;
	while (S_is(p, CEDAR_T_AT)) {
		TRY(S_next(p));
		if (!S_is(p, CEDAR_T_IDENT))
			return S_unexpected(p, "an annotation's name");
		struct raw_annotation *a = ARENA_NEW(p->arena, struct raw_annotation);
		if (!a)
			return raw_oom(p->raw);
		a->key = p->t.text;
		unsigned count = 0;
		for (struct raw_annotation *o = *ret; o; o = o->next, count++)
			if (span_eq(o->key, a->key))
				return cedar_diag_set(p->diag, E_BAD_SCHEMA, p->t.pos, NULL, "annotation `@%.*s` is given twice",
				                      SPAN_ARG(a->key));
		if (count >= 256)
			return cedar_diag_set(p->diag, E_BAD_SCHEMA, p->t.pos, NULL, "more than 256 annotations on one thing");
		TRY(S_next(p));
		TRY(S_maybe(p, CEDAR_T_LPAREN, &a->has_value));
		if (a->has_value) {
			TRY(S_string(p, &a->value, NULL));
			TRY(S_expect(p, CEDAR_T_RPAREN, "`)`"));
		}
		*end = a;
		end = &a->next;
	}
	return OK;
}

/* ---- types ---- */

static status S_type(struct schema_parser *, unsigned depth, struct raw_type **);

struct numbered_attr {
	struct raw_attr *attr;
	uint32_t number;
};

static int
S_cmp_attrs(const void *a, const void *b)
{
	const struct numbered_attr *x = a, *y = b;
	int c = span_cmp(x->attr->name, y->attr->name);
	return c ? c : (x->number > y->number) - (x->number < y->number);
}

/* Of attributes with one name the last counts, and the others are as if they had not been written: what their types name
 * need not even exist. */
static status
S_last_wins(struct schema_parser *p, struct raw_attr **list, uint32_t n)
{
	if (n < 2)
		return OK;
	struct numbered_attr *all = arena_array(p->arena, n, sizeof *all);
	if (!all)
		return raw_oom(p->raw);
	uint32_t i = 0;
	bool twice = false;
	for (struct raw_attr *a = *list; a; a = a->next, i++)
		all[i] = (struct numbered_attr){ a, i };
	qsort(all, n, sizeof *all, S_cmp_attrs);
	for (i = 0; i + 1 < n; i++)
		if (span_eq(all[i].attr->name, all[i + 1].attr->name)) {
			all[i].attr->type = NULL;
			twice = true;
		}
	while (twice && *list) {
		if ((*list)->type)
			list = &(*list)->next;
		else
			*list = (*list)->next;
	}
	return OK;
}

/* After '{', through '}'. */
static status
S_attrs(struct schema_parser *p, unsigned depth, struct raw_attr **ret)
{
	struct raw_attr **end = ret;
	*ret = NULL;
	bool comma = true, optional;
	uint32_t n = 0;
	while (!S_is(p, CEDAR_T_RBRACE)) {
		if (!comma)
			return S_unexpected(p, "`,` or `}`");
		struct raw_attr *a = ARENA_NEW(p->arena, struct raw_attr);
		if (!a)
			return raw_oom(p->raw);
		TRY(S_annotations(p, &a->annotations));
		TRY(S_name(p, "an attribute's name", &a->name, NULL));
		TRY(S_maybe(p, CEDAR_T_QUESTION, &optional));
		a->required = !optional;
		TRY(S_expect(p, CEDAR_T_COLON, "`:`"));
		TRY(S_type(p, depth, &a->type));
		TRY(S_maybe(p, CEDAR_T_COMMA, &comma));
		*end = a;
		end = &a->next;
		n++;
	}
	TRY(S_last_wins(p, ret, n));
	return S_next(p);
}

static status
S_record(struct schema_parser *p, unsigned depth, struct raw_type **ret)
{
	struct raw_type *t = ARENA_NEW(p->arena, struct raw_type);
	if (!t)
		return raw_oom(p->raw);
	t->kind = RAW_RECORD;
	t->at = p->t.pos.offset;
	TRY(S_expect(p, CEDAR_T_LBRACE, "`{`"));
	TRY(S_attrs(p, depth, &t->attrs));
	*ret = t;
	return OK;
}

static status
S_set(struct schema_parser *p, unsigned depth, struct raw_type *t)
{
	TRY(S_expect(p, CEDAR_T_LT, "`<`"));
	t->kind = RAW_SET;
	TRY(S_type(p, depth, &t->elem));
	return S_expect(p, CEDAR_T_GT, "`>`");
}

static status
S_type(struct schema_parser *p, unsigned depth, struct raw_type **ret)
{
	if (depth > CEDAR_SCHEMA_DEPTH)
		return cedar_diag_set(p->diag, E_BAD_SCHEMA, p->t.pos, NULL, "a type is more than %d deep", CEDAR_SCHEMA_DEPTH);
	if (S_is(p, CEDAR_T_LBRACE))
		return S_record(p, depth + 1, ret);
	struct raw_type *t = ARENA_NEW(p->arena, struct raw_type);
	if (!t)
		return raw_oom(p->raw);
	t->kind = RAW_NAME;
	bool set = S_is_word(p, "Set");
	TRY(S_path(p, "a type", &t->name, &t->at, NULL, NULL));
	/* `Set` alone may name an entity type */
	if (set && S_is(p, CEDAR_T_LT) && t->name.n == 3)
		TRY(S_set(p, depth + 1, t));
	*ret = t;
	return OK;
}

/* Path or '[' [Path {',' Path}] ']': no trailing comma. */
static status
S_types(struct schema_parser *p, struct raw_ref **ret)
{
	struct raw_ref **end = ret;
	*ret = NULL;
	bool list, more;
	TRY(S_maybe(p, CEDAR_T_LBRACK, &list));
	if (list && S_is(p, CEDAR_T_RBRACK))
		return S_next(p);
	do {
		struct raw_ref *f = ARENA_NEW(p->arena, struct raw_ref);
		if (!f)
			return raw_oom(p->raw);
		TRY(S_path(p, "an entity type", &f->type, &f->at, NULL, NULL));
		*end = f;
		end = &f->next;
		if (!list)
			return OK;
		TRY(S_maybe(p, CEDAR_T_COMMA, &more));
	} while (more);
	return S_expect(p, CEDAR_T_RBRACK, "`,` or `]`");
}

/* ---- declarations ---- */

/* IDs or names, each appended as `id`. */
static status
S_names(struct schema_parser *p, bool strings, const char *what, struct raw_ref **ret)
{
	struct raw_ref **end = ret;
	bool more;
	do {
		struct raw_ref *f = ARENA_NEW(p->arena, struct raw_ref);
		if (!f)
			return raw_oom(p->raw);
		TRY(strings ? S_name(p, what, &f->id, &f->at) : S_ident(p, what, &f->id, &f->at));
		*end = f;
		end = &f->next;
		TRY(S_maybe(p, CEDAR_T_COMMA, &more));
	} while (more);
	return OK;
}

static status
S_enum_ids(struct schema_parser *p, struct raw_ref **ret)
{
	struct raw_ref **end = ret;
	bool more;
	TRY(S_expect(p, CEDAR_T_LBRACK, "`[`"));
	do {
		struct raw_ref *f = ARENA_NEW(p->arena, struct raw_ref);
		if (!f)
			return raw_oom(p->raw);
		TRY(S_string(p, &f->id, &f->at));
		*end = f;
		end = &f->next;
		TRY(S_maybe(p, CEDAR_T_COMMA, &more));
	} while (more);
	return S_expect(p, CEDAR_T_RBRACK, "`,` or `]`");
}

static status
S_entity(struct schema_parser *p, struct raw_namespace *ns, struct raw_annotation *annotations)
{
	struct raw_ref *names = NULL;
	struct raw_entity e = { .annotations = annotations };
	TRY(S_next(p));
	TRY(S_names(p, false, "an entity type's name", &names));
	if (S_is_word(p, "enum")) {
		e.is_enum = true;
		TRY(S_next(p));
		TRY(S_enum_ids(p, &e.ids));
	} else {
		if (S_is_word(p, "in")) {
			TRY(S_next(p));
			TRY(S_types(p, &e.parents));
		}
		bool assign;
		TRY(S_maybe(p, CEDAR_T_ASSIGN, &assign));
		if (assign || S_is(p, CEDAR_T_LBRACE))
			TRY(S_record(p, 1, &e.shape));
		if (S_is_word(p, "tags")) {
			TRY(S_next(p));
			TRY(S_type(p, 1, &e.tags));
		}
	}
	TRY(S_expect(p, CEDAR_T_SEMI, "`;`"));
	for (struct raw_ref *f = names; f; f = f->next) {
		TRY(S_declarable(p, f->id, f->at));
		struct raw_entity *one = ARENA_NEW(p->arena, struct raw_entity);
		if (!one)
			return raw_oom(p->raw);
		*one = e;
		one->name = f->id;
		one->at = f->at;
		*ns->entities_end = one;
		ns->entities_end = &one->next;
	}
	return OK;
}

/* Path '::' STR | ID | STR, alone or in brackets. */
static status
S_action_parents(struct schema_parser *p, struct raw_ref **ret)
{
	struct raw_ref **end = ret;
	bool list, more;
	TRY(S_maybe(p, CEDAR_T_LBRACK, &list));
	do {
		struct raw_ref *f = ARENA_NEW(p->arena, struct raw_ref);
		if (!f)
			return raw_oom(p->raw);
		if (S_is(p, CEDAR_T_STRING)) {
			TRY(S_string(p, &f->id, &f->at));
		} else {
			bool uid;
			TRY(S_path(p, "an action", &f->type, &f->at, &f->id, &uid));
			if (!uid) {
				for (size_t i = 0; i < f->type.n; i++)
					if (f->type.p[i] == ':')
						return S_unexpected(p, "`::` and the action's id in quotes");
				f->id = f->type;
				f->type = (span){ 0 };
			}
		}
		*end = f;
		end = &f->next;
		if (!list)
			return OK;
		TRY(S_maybe(p, CEDAR_T_COMMA, &more));
	} while (more);
	return S_expect(p, CEDAR_T_RBRACK, "`,` or `]`");
}

static status
S_applies_types(struct schema_parser *p, const char *what, bool *seen, struct raw_ref **ret)
{
	struct cedar_pos pos = p->t.pos;
	if (*seen)
		return cedar_diag_set(p->diag, E_BAD_SCHEMA, pos, NULL, "`%s` is given twice", what);
	*seen = true;
	TRY(S_next(p));
	TRY(S_expect(p, CEDAR_T_COLON, "`:`"));
	TRY(S_types(p, ret));
	if (!*ret)
		return cedar_diag_set(p->diag, E_BAD_SCHEMA, pos, "leave `appliesTo` out for a group of actions",
		                      "`%s` needs at least one entity type", what);
	return OK;
}

static status
S_applies(struct schema_parser *p, struct raw_action *a)
{
	bool principal = false, resource = false, context = false, comma = true;
	struct cedar_pos pos = p->t.pos;
	TRY(S_next(p));
	TRY(S_expect(p, CEDAR_T_LBRACE, "`{`"));
	do {
		if (!comma)
			return S_unexpected(p, "`,` or `}`");
		if (S_is_word(p, "principal")) {
			TRY(S_applies_types(p, "principal", &principal, &a->principals));
		} else if (S_is_word(p, "resource")) {
			TRY(S_applies_types(p, "resource", &resource, &a->resources));
		} else if (S_is_word(p, "context")) {
			if (context)
				return cedar_diag_set(p->diag, E_BAD_SCHEMA, p->t.pos, NULL, "`context` is given twice");
			context = true;
			TRY(S_next(p));
			TRY(S_expect(p, CEDAR_T_COLON, "`:`"));
			if (!S_is(p, CEDAR_T_LBRACE) && !S_is(p, CEDAR_T_IDENT))
				return S_unexpected(p, "a record type");
			TRY(S_type(p, 1, &a->context));
			if (a->context->kind == RAW_SET)
				return raw_fail(p->raw, a->context->at, NULL, "a context must be a record");
			/* a name here is a common type's; an entity type of that name does not stand in its way */
			if (a->context->kind == RAW_NAME)
				a->context->kind = RAW_COMMON;
		} else {
			return S_unexpected(p, "`principal`, `resource` or `context`");
		}
		TRY(S_maybe(p, CEDAR_T_COMMA, &comma));
	} while (!S_is(p, CEDAR_T_RBRACE));
	if (!principal || !resource)
		return cedar_diag_set(p->diag, E_BAD_SCHEMA, pos, NULL, "`appliesTo` lacks `%s`",
		                      principal ? "resource" : "principal");
	a->applies = true;
	return S_next(p);
}

static status
S_action(struct schema_parser *p, struct raw_namespace *ns, struct raw_annotation *annotations)
{
	struct raw_ref *names = NULL;
	struct raw_action a = { .annotations = annotations };
	TRY(S_next(p));
	TRY(S_names(p, true, "an action's name", &names));
	if (S_is_word(p, "in")) {
		TRY(S_next(p));
		TRY(S_action_parents(p, &a.parents));
	}
	if (S_is_word(p, "appliesTo"))
		TRY(S_applies(p, &a));
	if (S_is_word(p, "attributes")) {
		TRY(S_next(p));
		TRY(S_expect(p, CEDAR_T_LBRACE, "`{`"));
		TRY(S_expect(p, CEDAR_T_RBRACE, "`}`: actions have no attributes"));
	}
	TRY(S_expect(p, CEDAR_T_SEMI, "`;`"));
	for (struct raw_ref *f = names; f; f = f->next) {
		struct raw_action *one = ARENA_NEW(p->arena, struct raw_action);
		if (!one)
			return raw_oom(p->raw);
		*one = a;
		one->id = f->id;
		one->at = f->at;
		*ns->actions_end = one;
		ns->actions_end = &one->next;
	}
	return OK;
}

static status
S_common(struct schema_parser *p, struct raw_namespace *ns, struct raw_annotation *annotations)
{
	struct raw_common *c = ARENA_NEW(p->arena, struct raw_common);
	if (!c)
		return raw_oom(p->raw);
	c->annotations = annotations;
	TRY(S_next(p));
	struct cedar_pos pos = p->t.pos;
	TRY(S_ident(p, "a type's name", &c->name, &c->at));
	TRY(S_declarable(p, c->name, c->at));
	if (raw_common_reserved(c->name))
		return cedar_diag_set(p->diag, E_BAD_SCHEMA, pos, NULL, "`%.*s` is reserved and may not be declared",
		                      SPAN_ARG(c->name));
	TRY(S_expect(p, CEDAR_T_ASSIGN, "`=`"));
	TRY(S_type(p, 1, &c->type));
	*ns->commons_end = c;
	ns->commons_end = &c->next;
	return S_expect(p, CEDAR_T_SEMI, "`;`");
}

static status
S_declaration(struct schema_parser *p, struct raw_namespace *ns, struct raw_annotation *annotations)
{
	if (S_is_word(p, "entity"))
		return S_entity(p, ns, annotations);
	if (S_is_word(p, "action"))
		return S_action(p, ns, annotations);
	if (S_is_word(p, "type"))
		return S_common(p, ns, annotations);
	return S_unexpected(p, span_empty(ns->name) ? "`entity`, `action`, `type` or `namespace`"
	                                            : "`entity`, `action`, `type` or `}`");
}

static status
S_namespace(struct schema_parser *p, struct raw_annotation *annotations)
{
	span name;
	uint32_t at;
	bool fresh;
	struct cedar_pos pos = p->t.pos;
	TRY(S_next(p));
	TRY(S_path(p, "a namespace's name", &name, &at, NULL, NULL));
	TRY(S_declarable(p, name, at));
	if (p->seen_namespaces++ >= NAMESPACES_MAX)
		return cedar_diag_set(p->diag, E_BAD_SCHEMA, pos, NULL, "more than %d namespaces", NAMESPACES_MAX);
	struct raw_namespace *ns = raw_namespace_get(p->raw, name, at, &fresh);
	if (!ns)
		return raw_oom(p->raw);
	if (!fresh)
		return cedar_diag_set(p->diag, E_BAD_SCHEMA, pos, "put all its declarations into one block",
		                      "namespace `%.*s` is declared twice", SPAN_ARG(name));
	ns->annotations = annotations;
	TRY(S_expect(p, CEDAR_T_LBRACE, "`{`"));
	while (!S_is(p, CEDAR_T_RBRACE)) {
		TRY(S_annotations(p, &annotations));
		TRY(S_declaration(p, ns, annotations));
	}
	return S_next(p);
}

status
raw_parse_cedar(struct raw_schema *r, span text)
{
	struct schema_parser p = { .raw = r, .arena = r->arena, .diag = r->diag };
	span own = arena_copy(r->arena, text);     /* names point into it, for as long as the schema lives */
	if (!arena_ok(r->arena))
		return raw_oom(r);
	status st = cedar_lex_init(&p.lex, own, CEDAR_SCHEMA_MAX, r->diag);
	if (st.code == E_BAD_POLICY)
		st.code = E_BAD_SCHEMA;
	TRY(st);
	TRY(S_next(&p));
	while (!S_is(&p, CEDAR_T_END)) {
		struct raw_annotation *annotations;
		TRY(S_annotations(&p, &annotations));
		if (S_is_word(&p, "namespace")) {
			TRY(S_namespace(&p, annotations));
			continue;
		}
		struct raw_namespace *ns = raw_namespace_get(r, (span){ 0 }, 0, NULL);
		if (!ns)
			return raw_oom(r);
		TRY(S_declaration(&p, ns, annotations));
	}
	return OK;
}
