/* The public library through its header alone. */
#include "tests/oom.h"

#include <cedar/libcedar.h>

static const char schema_text[] =
	"entity Team; entity User in [Team] { level: Long, boss?: User }; entity Doc { owner: User } tags String;"
	"action read, write appliesTo { principal: User, resource: Doc, context: { ip?: ipaddr } };"
	"action never;";
static const char entities_text[] =
	"[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"level\":3},\"parents\":[{\"type\":\"Team\",\"id\":\"t\"}]},"
	"{\"uid\":{\"type\":\"Doc\",\"id\":\"d\"},\"attrs\":{\"owner\":{\"type\":\"User\",\"id\":\"a\"}},\"parents\":[]}]";
static const char policies_text[] =
	"permit(principal, action, resource) when { principal.level > 2 };"
	"@id(\"no-write\") forbid(principal, action == Action::\"write\", resource) unless { context has ip && context.ip.isLoopback() };"
	"@id(\"in-team\") @note(\"x\") permit(principal in ?principal, action, resource == ?resource);"
	"permit(principal, action, resource) when { principal.boss.level > 2 };";

#define assert_code(expr, want) assert_string_equal(cedar_code_name(expr), cedar_code_name(want))

static void
assert_text(struct cedar_text got, const char *want)
{
	assert_true(span_is(span_make(got.data, got.size), want) || !printf("# got %.*s\n", (int)got.size, got.data));
}

struct world {
	struct cedar_schema *schema;
	struct cedar_policyset *set;
	struct cedar_store *store;
	struct cedar_session *session;
};

static void
world_init(struct world *w)
{
	struct cedar_error e;
	struct cedar_draft *d = cedar_draft_new();
	struct cedar_name_of team = cedar_entity_name("Team", "t"), doc = cedar_entity_name("Doc", "d");
	assert_code(cedar_schema_from_text(cedar_str(schema_text), &w->schema, &e), CEDAR_OK);
	assert_code(cedar_draft_add_text(d, cedar_str(policies_text), cedar_str("p.cedar"), CEDAR_ID_FROM_ANNOTATION, &e), CEDAR_OK);
	assert_code(cedar_draft_link(d, NULL, cedar_str("in-team"), cedar_str("link"), &team, &doc, &e), CEDAR_OK);
	assert_code(cedar_policyset_new(d, &w->set, &e), CEDAR_OK);
	cedar_draft_free(d);
	w->store = cedar_store_new();
	w->session = cedar_session_new(0);
	assert_code(cedar_store_load_json(w->store, cedar_str(entities_text), w->schema, &e), CEDAR_OK);
}

static void
world_fini(struct world *w)
{
	cedar_session_free(w->session);
	cedar_store_free(w->store);
	cedar_policyset_unref(w->set);
	cedar_schema_release(w->schema);
}

static struct cedar_query *
query(const struct world *w, const char *who, const char *what, const char *which, const char *context)
{
	struct cedar_query *q;
	struct cedar_error e;
	assert_code(cedar_query_new(cedar_entity_name("User", who), cedar_entity_name("Action", what), cedar_entity_name("Doc", which), cedar_str(context),
	                            w->schema, &q, &e), CEDAR_OK);
	return q;
}

static void
answers(void **)
{
	struct world w;
	struct cedar_authorization a;
	struct cedar_error e;
	bool allow;
	world_init(&w);
	struct cedar_query *q = query(&w, "a", "read", "d", "");
	assert_code(cedar_session_authorize(w.session, w.set, w.store, q, &a, &e), CEDAR_OK);
	assert_true(a.allow);
	assert_int_equal(a.reason_n, 2);
	assert_text(a.reasons[0], "policy0");
	assert_text(a.reasons[1], "link");
	assert_int_equal(a.failure_n, 1);
	assert_text(a.failures[0].policy, "policy3");
	assert_text(a.failures[0].message, "p.cedar: line 1, column 322: User::\"a\" has no attribute \"boss\"");
	assert_code(cedar_session_decide(w.session, w.set, w.store, q, &allow, NULL), CEDAR_OK);
	assert_true(allow);
	cedar_query_free(q);
	q = query(&w, "a", "write", "d", "{}");
	assert_code(cedar_session_authorize(w.session, w.set, w.store, q, &a, &e), CEDAR_OK);
	assert_false(a.allow);
	assert_int_equal(a.reason_n, 1);
	assert_text(a.reasons[0], "no-write");
	cedar_query_free(q);
	q = query(&w, "a", "write", "d", "{\"ip\":\"127.0.0.1\"}");
	assert_code(cedar_session_decide(w.session, w.set, w.store, q, &allow, &e), CEDAR_OK);
	assert_true(allow);
	cedar_query_free(q);
	assert_code(cedar_query_from_json(cedar_str("{\"principal\":\"User::\\\"z\\\"\",\"action\":{\"type\":\"Action\",\"id\":\"read\"},\"resource\":\"Doc::\\\"d\\\"\"}"),
	                                  w.schema, &q, &e), CEDAR_OK);
	struct cedar_text why;
	assert_code(cedar_session_explain(w.session, w.set, w.store, q, 1, &why, &e), CEDAR_OK);
	assert_non_null(memmem(why.data, why.size, "policy0", 7));
	cedar_query_free(q);
	world_fini(&w);
}

static void
many_answers_are_as_single_ones(void **)
{
	struct world w;
	struct cedar_query *q[6];
	struct cedar_authorization all[6], one;
	struct cedar_name_of docs[] = { cedar_entity_name("Doc", "d"), cedar_entity_name("Doc", "x"), cedar_entity_name("Doc", "d") };
	bool ok[3];
	world_init(&w);
	for (int i = 0; i < 6; i++)
		q[i] = query(&w, i < 4 ? "a" : "z", i & 1 ? "write" : "read", i & 2 ? "x" : "d", i == 3 ? "{\"ip\":\"127.0.0.1\"}" : "{\"ip\":\"10.0.0.1\"}");
	struct cedar_session *other = cedar_session_new(0);
	assert_code(cedar_session_authorize_many(w.session, w.set, w.store, (const struct cedar_query *const *)q, 6, all, NULL), CEDAR_OK);
	for (int i = 0; i < 6; i++) {
		assert_code(cedar_session_authorize(other, w.set, w.store, q[i], &one, NULL), CEDAR_OK);
		assert_int_equal(one.allow, all[i].allow);
		assert_int_equal(one.reason_n, all[i].reason_n);
		assert_int_equal(one.failure_n, all[i].failure_n);
		for (uint32_t k = 0; k < one.reason_n; k++)
			assert_ptr_equal(one.reasons[k].data, all[i].reasons[k].data);
	}
	assert_code(cedar_session_filter(w.session, w.set, w.store, q[4], docs, 3, ok, NULL), CEDAR_OK);
	assert_true(!ok[0] && !ok[1] && !ok[2]);
	assert_code(cedar_session_filter(w.session, w.set, w.store, q[0], docs, 3, ok, NULL), CEDAR_OK);
	assert_true(ok[0] && ok[1] && ok[2]);
	docs[1] = cedar_entity_name("no type", "x");
	assert_code(cedar_session_filter(w.session, w.set, w.store, q[0], docs, 3, ok, NULL), CEDAR_BAD_ENTITY);
	assert_true(!ok[0] && !ok[1] && !ok[2]);
	for (int i = 0; i < 6; i++)
		cedar_query_free(q[i]);
	cedar_session_free(other);
	world_fini(&w);
}

static size_t
count_of(const struct cedar_policyset *s, const char *id)
{
	size_t n = 0;
	for (size_t i = 0; i < cedar_policyset_count(s); i++) {
		struct cedar_policy_info info = cedar_policyset_at(s, i);
		n += span_is(span_make(info.id.data, info.id.size), id);
	}
	return n;
}

static void
sets_are_edited(void **)
{
	struct world w;
	struct cedar_error e;
	struct cedar_policyset *next, *last;
	struct cedar_text drop[] = { cedar_str("policy0"), cedar_str("in-team") }, value;
	struct cedar_name_of who = cedar_entity_name("User", "a"), doc = cedar_entity_name("Doc", "d");
	world_init(&w);
	struct cedar_draft *d = cedar_draft_new();
	/* a link of a template that only the set has */
	assert_code(cedar_draft_link(d, w.set, cedar_str("in-team"), cedar_str("second"), &who, &doc, &e), CEDAR_OK);
	assert_code(cedar_draft_link(d, w.set, cedar_str("in-team"), cedar_str("second"), &who, &doc, &e), CEDAR_DUPLICATE);
	assert_code(cedar_draft_link(d, w.set, cedar_str("in-team"), cedar_str("third"), &who, NULL, &e), CEDAR_BAD_POLICY);
	assert_code(cedar_draft_link(d, w.set, cedar_str("nope"), cedar_str("third"), &who, NULL, &e), CEDAR_UNKNOWN);
	assert_code(cedar_draft_add_text(d, cedar_str("permit(principal, action, resource);"), cedar_str(""), 0, &e), CEDAR_OK);
	assert_code(cedar_policyset_edit(w.set, drop, 0, d, &next, &e), CEDAR_DUPLICATE);
	assert_string_equal(e.message, "there is already a policy \"policy0\"");
	assert_code(cedar_policyset_edit(w.set, drop, 2, d, &next, &e), CEDAR_OK);
	cedar_draft_free(d);
	assert_int_equal(cedar_policyset_count(w.set), 4);
	assert_int_equal(cedar_policyset_count(next), 5);
	assert_int_equal(count_of(next, "policy0"), 1);
	assert_int_equal(count_of(next, "second"), 1);
	assert_int_equal(count_of(next, "link"), 1);
	/* the template went, its links stayed, annotations and all */
	d = cedar_draft_new();
	assert_code(cedar_draft_link(d, next, cedar_str("in-team"), cedar_str("fourth"), &who, &doc, &e), CEDAR_UNKNOWN);
	for (size_t i = 0; i < cedar_policyset_count(next); i++)
		if (span_is(span_make(cedar_policyset_at(next, i).id.data, cedar_policyset_at(next, i).id.size), "second")) {
			assert_true(cedar_policyset_annotation(next, i, cedar_str("note"), &value));
			assert_text(value, "x");
			assert_false(cedar_policyset_annotation(next, i, cedar_str("nope"), &value));
		}
	assert_code(cedar_policyset_edit(next, drop, 2, NULL, &last, &e), CEDAR_UNKNOWN);
	assert_code(cedar_policyset_edit(next, drop, 1, NULL, &last, &e), CEDAR_OK);
	cedar_policyset_unref(next);
	assert_int_equal(count_of(last, "policy0"), 0);
	assert_true(cedar_policyset_memory(last) > 1000);
	cedar_policyset_unref(cedar_policyset_ref(last));
	cedar_policyset_unref(last);
	cedar_draft_free(d);
	world_fini(&w);
}

static void
drafts_refuse_what_is_wrong(void **)
{
	struct cedar_error e = { 0 };
	struct cedar_draft *d = cedar_draft_new();
	struct cedar_policyset *s;
	assert_code(cedar_draft_add_text(d, cedar_str("permit(principal, action,\n resource) whenn { true };"), cedar_str(""), 0, &e), CEDAR_BAD_POLICY);
	assert_int_equal(e.line, 2);
	assert_int_equal(e.column, 12);
	assert_true(e.message[0] && e.code == CEDAR_BAD_POLICY);
	assert_code(cedar_draft_add_text(d, cedar_str("\xff"), cedar_str(""), 0, &e), CEDAR_BAD_UTF8);
	assert_code(cedar_draft_add_json(d, cedar_str("{"), cedar_str(""), &e), CEDAR_BAD_JSON);
	/* the same annotation twice: nothing of the text is kept */
	assert_code(cedar_draft_add_text(d, cedar_str("@id(\"a\") permit(principal,action,resource); @id(\"b\") permit(principal,action,resource); @id(\"a\") permit(principal,action,resource);"),
	                                 cedar_str(""), CEDAR_ID_FROM_ANNOTATION, &e), CEDAR_DUPLICATE);
	assert_code(cedar_draft_add_text(d, cedar_str("@id(\"a\") permit(principal,action,resource);"), cedar_str(""), CEDAR_ID_FROM_ANNOTATION, &e), CEDAR_OK);
	/* numbers go on over texts and single policies */
	assert_code(cedar_draft_add_json(d, cedar_str("{\"effect\":\"permit\",\"principal\":{\"op\":\"All\"},\"action\":{\"op\":\"All\"},\"resource\":{\"op\":\"All\"},\"conditions\":[]}"),
	                                 cedar_str("x.json"), &e), CEDAR_OK);
	assert_code(cedar_draft_add_text(d, cedar_str("forbid(principal,action,resource);"), cedar_str(""), 0, &e), CEDAR_OK);
	assert_code(cedar_policyset_new(d, &s, &e), CEDAR_OK);
	assert_text(cedar_policyset_at(s, 0).id, "a");
	assert_text(cedar_policyset_at(s, 1).id, "policy1");
	assert_text(cedar_policyset_at(s, 1).file, "x.json");
	assert_text(cedar_policyset_at(s, 2).id, "policy2");
	assert_true(!cedar_policyset_at(s, 2).permit && cedar_policyset_at(s, 2).line == 1);
	cedar_policyset_unref(s);
	cedar_draft_free(d);
	cedar_draft_free(NULL);
	assert_string_equal(cedar_code_name((enum cedar_code)99), "unknown_code");
}

static void
validates(void **)
{
	struct world w;
	struct cedar_problems *p;
	struct cedar_policyset *bad;
	struct cedar_draft *d = cedar_draft_new();
	world_init(&w);
	assert_code(cedar_policyset_check(w.set, w.schema, NULL, &p, NULL), CEDAR_OK);
	/* principal.boss is optional */
	assert_int_equal(cedar_problems_errors(p), 1);
	struct cedar_problem one = cedar_problems_at(p, 0);
	assert_text(one.policy, "policy3");
	assert_string_equal(one.kind, "unsafe_attr");
	assert_true(!one.warning && one.where.line == 1 && one.where.message[0]);
	cedar_problems_free(p);
	/* templates too, and as deep as said */
	assert_code(cedar_draft_add_text(d, cedar_str("permit(principal == ?principal, action, resource) when { resource.nope };"
	                                              "permit(principal, action, resource) when { resource.owner.level > 1 };"
	                                              "permit(principal, action == Action::\"never\", resource);"), cedar_str(""), 0, NULL), CEDAR_OK);
	assert_code(cedar_policyset_new(d, &bad, NULL), CEDAR_OK);
	assert_code(cedar_policyset_check(bad, w.schema, &(struct cedar_validation){ .check_level = true, .level = 1, .inapplicable_warns = true }, &p, NULL), CEDAR_OK);
	assert_int_equal(cedar_problems_count(p), cedar_problems_errors(p) + cedar_problems_warnings(p));
	assert_int_equal(cedar_problems_errors(p), 2);
	/* no action fits, so it is false everywhere too */
	assert_int_equal(cedar_problems_warnings(p), 2);
	cedar_problems_free(p);
	assert_code(cedar_policyset_check(bad, w.schema, &(struct cedar_validation){ .max_steps = 1 }, &p, NULL), CEDAR_LIMIT);
	cedar_problems_free(NULL);
	cedar_policyset_unref(bad);
	cedar_draft_free(d);
	world_fini(&w);
}

static void
stores_change_whole_or_not_at_all(void **)
{
	struct world w;
	struct cedar_error e;
	char *text, *again;
	world_init(&w);
	size_t n = cedar_store_count(w.store);
	assert_code(cedar_store_write_json(w.store, &text, NULL), CEDAR_OK);
	assert_code(cedar_store_load_json(w.store, cedar_str("[{\"uid\":{\"type\":\"User\",\"id\":\"b\"},\"attrs\":{\"level\":1},\"parents\":[]},{\"uid\":{\"type\":\"User\",\"id\":\"c\"},\"attrs\":{},\"parents\":[]}]"),
	                                  w.schema, &e), CEDAR_BAD_ENTITY);
	assert_code(cedar_store_put_json(w.store, cedar_str("{\"uid\":{\"type\":\"Team\",\"id\":\"t\"},\"attrs\":{\"x\":1},\"parents\":[]}"), w.schema, &e), CEDAR_BAD_ENTITY);
	/* without a schema anything may be in anything, but not in a ring */
	assert_code(cedar_store_load_json(w.store, cedar_str("[{\"uid\":{\"type\":\"Team\",\"id\":\"t\"},\"attrs\":{},\"parents\":[{\"type\":\"User\",\"id\":\"a\"}]}]"), NULL, &e),
	            CEDAR_BAD_ENTITY);
	assert_code(cedar_store_write_json(w.store, &again, NULL), CEDAR_OK);
	assert_string_equal(text, again);
	cedar_text_free(again);
	/* what is loaded later replaces or adds, and the hierarchy follows */
	assert_code(cedar_store_load_json(w.store, cedar_str("[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"level\":1},\"parents\":[]},{\"uid\":{\"type\":\"User\",\"id\":\"b\"},\"attrs\":{\"level\":1},\"parents\":[]}]"),
	                                  w.schema, &e), CEDAR_OK);
	assert_int_equal(cedar_store_count(w.store), n + 1);
	bool allow;
	struct cedar_query *q = query(&w, "a", "read", "d", "");
	assert_code(cedar_session_decide(w.session, w.set, w.store, q, &allow, NULL), CEDAR_OK);
	assert_false(allow);
	assert_code(cedar_store_put_json(w.store, cedar_str("{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"level\":3},\"parents\":[]}"), w.schema, &e), CEDAR_OK);
	assert_code(cedar_session_decide(w.session, w.set, w.store, q, &allow, NULL), CEDAR_OK);
	assert_true(allow);
	cedar_query_free(q);
	assert_code(cedar_store_remove(w.store, cedar_entity_name("User", "b"), &e), CEDAR_OK);
	assert_code(cedar_store_remove(w.store, cedar_entity_name("User", "b"), &e), CEDAR_UNKNOWN);
	cedar_text_free(text);
	world_fini(&w);
}

static void
requests_must_fit(void **)
{
	static const struct { const char *who, *what, *context; enum cedar_code want; } cases[] = {
		{ "User", "read", "{}", CEDAR_OK },
		{ "User", "read", "{\"ip\":1}", CEDAR_BAD_ENTITY },
		{ "User", "read", "{\"other\":1}", CEDAR_BAD_ENTITY },
		{ "User", "read", "{\"ip\"", CEDAR_BAD_JSON },
		{ "Team", "read", "", CEDAR_BAD_ENTITY },
		{ "User", "fly", "", CEDAR_BAD_ENTITY },
		{ "User", "never", "", CEDAR_BAD_ENTITY },
		{ "a b", "read", "", CEDAR_BAD_ENTITY },
	};
	struct world w;
	struct cedar_error e;
	world_init(&w);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cedar_query *q = NULL;
		assert_code(cedar_query_new(cedar_entity_name(cases[i].who, "a"), cedar_entity_name("Action", cases[i].what), cedar_entity_name("Doc", "d"),
		                            cedar_str(cases[i].context), w.schema, &q, &e), cases[i].want);
		assert_true((q != NULL) == (cases[i].want == CEDAR_OK));
		cedar_query_free(q);
	}
	world_fini(&w);
}

static void
texts_go_round(void **)
{
	struct world w;
	char *text, *json;
	struct cedar_schema *again;
	struct cedar_error e;
	world_init(&w);
	assert_code(cedar_schema_write_text(w.schema, &text, NULL), CEDAR_OK);
	assert_code(cedar_schema_from_text(cedar_str(text), &again, NULL), CEDAR_OK);
	cedar_schema_release(cedar_schema_retain(again));
	cedar_schema_release(again);
	cedar_text_free(text);
	assert_code(cedar_schema_write_json(w.schema, &json, NULL), CEDAR_OK);
	assert_code(cedar_schema_from_json(cedar_str(json), &again, NULL), CEDAR_OK);
	cedar_schema_release(again);
	cedar_text_free(json);
	assert_code(cedar_schema_from_text(cedar_str("entity X in [Y];"), &again, &e), CEDAR_BAD_SCHEMA);
	assert_code(cedar_policyset_write_json(w.set, 1, &json, NULL), CEDAR_OK);
	assert_non_null(strstr(json, "isLoopback"));
	cedar_text_free(json);
	assert_code(cedar_format_text(cedar_str("permit(principal,action,resource)when{true}; // yes\n"), &text, &e), CEDAR_OK);
	assert_non_null(strstr(text, "// yes"));
	cedar_text_free(text);
	assert_code(cedar_format_text(cedar_str("permit("), &text, &e), CEDAR_BAD_POLICY);
	world_fini(&w);
}

struct names {
	char text[200];
	int stop;
};

static bool
found(void *arg, struct cedar_name_of action, enum cedar_prospect prospect)
{
	struct names *n = arg;
	size_t at = strlen(n->text);
	snprintf(n->text + at, sizeof n->text - at, "%.*s::%.*s=%d ", (int)action.type.size, action.type.data, (int)action.id.size, action.id.data, prospect);
	return !n->stop;
}

static void
looks_ahead(void **)
{
	struct world w;
	struct cedar_outlook *o;
	struct cedar_policyset *valid;
	struct cedar_error e;
	struct names n = { 0 };
	enum cedar_prospect p;
	struct cedar_text drop = cedar_str("policy3");
	world_init(&w);
	assert_code(cedar_policyset_edit(w.set, &drop, 1, NULL, &valid, &e), CEDAR_OK);
	assert_code(cedar_outlook_new(valid, w.schema, &o, &e), CEDAR_OK);
	cedar_policyset_unref(valid);
	assert_code(cedar_outlook_actions(o, w.session, w.store, cedar_entity_name("User", "a"), found, &n, &e), CEDAR_OK);
	assert_string_equal(n.text, "Action::read=1 Action::write=2 ");
	n = (struct names){ .stop = 1 };
	assert_code(cedar_outlook_actions(o, w.session, w.store, cedar_entity_name("User", "a"), found, &n, &e), CEDAR_OK);
	assert_string_equal(n.text, "Action::read=1 ");
	struct cedar_unknowns u = { .action = cedar_entity_name("Action", "read"), .principal = cedar_entity_name("User", "a"),
	                            .resource = { .type = cedar_str("Doc") } };
	assert_code(cedar_outlook_ask(o, w.session, w.store, &u, &p, &e), CEDAR_OK);
	assert_int_equal(p, CEDAR_ALLOWED);
	u.action = cedar_entity_name("Action", "write");
	assert_code(cedar_outlook_ask(o, w.session, w.store, &u, &p, &e), CEDAR_OK);
	assert_int_equal(p, CEDAR_DEPENDS);
	u.context_json = cedar_str("{\"ip\":\"10.0.0.1\"}");
	u.context_whole = true;
	assert_code(cedar_outlook_ask(o, w.session, w.store, &u, &p, &e), CEDAR_OK);
	assert_int_equal(p, CEDAR_DENIED);
	u.resource.type = cedar_str("no type");
	assert_code(cedar_outlook_ask(o, w.session, w.store, &u, &p, &e), CEDAR_BAD_ENTITY);
	cedar_outlook_free(o);
	cedar_outlook_free(NULL);
	world_fini(&w);
}

static void
no_memory_no_answer(void **)
{
	struct world w;
	struct cedar_authorization a[2];
	bool allow = true;
	world_init(&w);
	struct cedar_session *tiny = cedar_session_new(16);
	struct cedar_query *q = query(&w, "a", "read", "d", "");
	const struct cedar_query *two[] = { q, q };
	a[0].allow = true;
	assert_code(cedar_session_authorize(tiny, w.set, w.store, q, a, NULL), CEDAR_NO_MEMORY);
	assert_false(a[0].allow);
	a[0].allow = a[1].allow = true;
	assert_code(cedar_session_authorize_many(tiny, w.set, w.store, two, 2, a, NULL), CEDAR_NO_MEMORY);
	assert_true(!a[0].allow && !a[1].allow);
	assert_code(cedar_session_filter(tiny, w.set, w.store, q, &(struct cedar_name_of){ cedar_str("Doc"), cedar_str("d") }, 1, &allow, NULL), CEDAR_NO_MEMORY);
	assert_false(allow);
	cedar_query_free(q);
	cedar_session_free(tiny);
	world_fini(&w);
}

/* ---- every allocation may fail ---- */

static status
no_memory(enum cedar_code c)
{
	return c == CEDAR_OK ? OK : c == CEDAR_NO_MEMORY ? FAIL(E_NO_MEMORY) : FAIL(E_INTERNAL);
}

static status
everything(void *)
{
	struct cedar_schema *schema = NULL;
	struct cedar_policyset *set = NULL, *next = NULL;
	struct cedar_problems *problems = NULL;
	struct cedar_query *q = NULL;
	struct cedar_outlook *o = NULL;
	struct cedar_authorization a;
	struct cedar_text text, drop = cedar_str("policy3");
	struct cedar_name_of team = cedar_entity_name("Team", "t"), doc = cedar_entity_name("Doc", "d");
	struct names n = { 0 };
	struct cedar_draft *d = cedar_draft_new();
	struct cedar_store *store = cedar_store_new();
	struct cedar_session *w = cedar_session_new(0);
	char *out = NULL;
	enum cedar_code c = d && store && w ? CEDAR_OK : CEDAR_NO_MEMORY;
#define STEP(call) c = c == CEDAR_OK ? (call) : c
	STEP(cedar_schema_from_text(cedar_str(schema_text), &schema, NULL));
	STEP(cedar_draft_add_text(d, cedar_str(policies_text), cedar_str("p"), CEDAR_ID_FROM_ANNOTATION, NULL));
	STEP(cedar_draft_link(d, NULL, cedar_str("in-team"), cedar_str("link"), &team, &doc, NULL));
	STEP(cedar_policyset_new(d, &set, NULL));
	STEP(cedar_policyset_edit(set, &drop, 1, NULL, &next, NULL));
	STEP(cedar_policyset_check(next, schema, NULL, &problems, NULL));
	STEP(cedar_store_load_json(store, cedar_str(entities_text), schema, NULL));
	STEP(cedar_query_new(cedar_entity_name("User", "a"), cedar_entity_name("Action", "read"), doc, cedar_str("{}"), schema, &q, NULL));
	STEP(cedar_session_authorize(w, set, store, q, &a, NULL));
	if (c == CEDAR_OK)
		assert_true(a.allow && a.failure_n == 1);
	STEP(cedar_session_explain(w, set, store, q, 3, &text, NULL));
	STEP(cedar_outlook_new(next, schema, &o, NULL));
	STEP(cedar_outlook_actions(o, w, store, cedar_entity_name("User", "a"), found, &n, NULL));
	STEP(cedar_schema_write_text(schema, &out, NULL));
	cedar_text_free(out);
	cedar_outlook_free(o);
	cedar_query_free(q);
	cedar_problems_free(problems);
	cedar_policyset_unref(next);
	cedar_policyset_unref(set);
	cedar_draft_free(d);
	cedar_store_free(store);
	cedar_session_free(w);
	if (schema)
		cedar_schema_release(schema);
	return no_memory(c);
}

static void
survives_no_memory(void **)
{
	oom_sweep("everything", everything, NULL);
}

TEST_MAIN(T(answers), T(many_answers_are_as_single_ones), T(sets_are_edited), T(drafts_refuse_what_is_wrong), T(validates),
          T(stores_change_whole_or_not_at_all), T(requests_must_fit), T(texts_go_round), T(looks_ahead), T(no_memory_no_answer),
          T(survives_no_memory))
