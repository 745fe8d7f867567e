/* A complete program with libcedar: one schema, three policies, one template, a few questions.
 *
 *   cc authorize.c $(pkg-config --cflags --libs libcedar) -o authorize && ./authorize */
#include <cedar/libcedar.h>

#include <stdio.h>
#include <stdlib.h>

static const char schema_text[] =
	"entity Team;\n"
	"entity User in [Team] { clearance: Long };\n"
	"entity Document { owner: User, public: Bool };\n"
	"action read, edit appliesTo { principal: User, resource: Document, context: { mfa: Bool } };\n";

static const char policy_text[] =
	"@id(\"owners\")\n"
	"permit (principal, action, resource) when { resource.owner == principal };\n"
	"@id(\"public\")\n"
	"permit (principal, action == Action::\"read\", resource) when { resource.public };\n"
	"@id(\"edits-need-mfa\")\n"
	"forbid (principal, action == Action::\"edit\", resource) unless { context.mfa };\n"
	"@id(\"team-may-read\")\n"
	"permit (principal in ?principal, action == Action::\"read\", resource == ?resource);\n";

static const char entities_json[] =
	"[{\"uid\":{\"type\":\"User\",\"id\":\"alice\"},\"attrs\":{\"clearance\":3},\"parents\":[{\"type\":\"Team\",\"id\":\"ops\"}]},\n"
	" {\"uid\":{\"type\":\"User\",\"id\":\"bob\"},\"attrs\":{\"clearance\":1},\"parents\":[]},\n"
	" {\"uid\":{\"type\":\"Document\",\"id\":\"plan\"},\"attrs\":{\"owner\":{\"type\":\"User\",\"id\":\"bob\"},\"public\":false},\"parents\":[]},\n"
	" {\"uid\":{\"type\":\"Document\",\"id\":\"news\"},\"attrs\":{\"owner\":{\"type\":\"User\",\"id\":\"alice\"},\"public\":true},\"parents\":[]}]\n";

static struct cedar_schema *schema;
static struct cedar_policyset *policies;
static struct cedar_store *store;
static struct cedar_session *session;

/* Ends the program when a call failed. */
static void
check(enum cedar_code code, const struct cedar_error *e)
{
	if (code == CEDAR_OK)
		return;
	fprintf(stderr, "%s: line %u, column %u: %s\n", cedar_code_name(code), e->line, e->column, e->message);
	exit(1);
}

static void
load(void)
{
	struct cedar_error e;
	struct cedar_problems *problems;
	struct cedar_draft *draft = cedar_draft_new();
	struct cedar_name_of team = cedar_entity_name("Team", "ops"), plan = cedar_entity_name("Document", "plan");
	if (!draft || !(store = cedar_store_new()) || !(session = cedar_session_new(0)))
		exit(1);
	check(cedar_schema_from_text(cedar_str(schema_text), &schema, &e), &e);
	check(cedar_draft_add_text(draft, cedar_str(policy_text), cedar_str("example.cedar"), CEDAR_ID_FROM_ANNOTATION, &e), &e);
	check(cedar_draft_link(draft, NULL, cedar_str("team-may-read"), cedar_str("ops-read-plan"), &team, &plan, &e), &e);
	check(cedar_policyset_new(draft, &policies, &e), &e);
	cedar_draft_free(draft);
	check(cedar_policyset_check(policies, schema, NULL, &problems, &e), &e);
	for (size_t i = 0; i < cedar_problems_count(problems); i++) {
		struct cedar_problem p = cedar_problems_at(problems, i);
		printf("%s in %.*s: %s\n", p.warning ? "warning" : "error", (int)p.policy.size, p.policy.data, p.where.message);
	}
	printf("%zu policies, %zu errors\n", cedar_policyset_count(policies), cedar_problems_errors(problems));
	cedar_problems_free(problems);
	check(cedar_store_load_json(store, cedar_str(entities_json), schema, &e), &e);
}

static void
ask(const char *who, const char *what, const char *which, bool mfa)
{
	struct cedar_error e;
	struct cedar_query *q;
	struct cedar_authorization a;
	struct cedar_text why;
	check(cedar_query_new(cedar_entity_name("User", who), cedar_entity_name("Action", what), cedar_entity_name("Document", which),
	                      cedar_str(mfa ? "{\"mfa\":true}" : "{\"mfa\":false}"), schema, &q, &e), &e);
	check(cedar_session_authorize(session, policies, store, q, &a, &e), &e);
	printf("%s %s %s: %s", who, what, which, a.allow ? "allow" : "deny");
	for (uint32_t i = 0; i < a.reason_n; i++)
		printf(" %.*s", (int)a.reasons[i].size, a.reasons[i].data);
	printf("\n");
	if (!a.allow && a.reason_n == 0) {
		check(cedar_session_explain(session, policies, store, q, 1, &why, &e), &e);
		printf("  %.*s\n", (int)why.size, why.data);
	}
	cedar_query_free(q);
}

/* Replaces one policy. Whoever still asks the old set may go on doing so. */
static void
tighten(void)
{
	static const char text[] = "@id(\"public\") permit (principal, action == Action::\"read\", resource) when { resource.public && context.mfa };";
	struct cedar_error e;
	struct cedar_text drop = cedar_str("public");
	struct cedar_policyset *next;
	struct cedar_draft *draft = cedar_draft_new();
	if (!draft)
		exit(1);
	check(cedar_draft_add_text(draft, cedar_str(text), cedar_str("new.cedar"), CEDAR_ID_FROM_ANNOTATION, &e), &e);
	check(cedar_policyset_edit(policies, &drop, 1, draft, &next, &e), &e);
	cedar_draft_free(draft);
	cedar_policyset_unref(policies);
	policies = next;
}

int
main(void)
{
	printf("libcedar %s, Cedar %s\n", cedar_library_version(), cedar_language_version());
	load();
	ask("bob", "edit", "plan", true);
	ask("bob", "edit", "plan", false);
	ask("alice", "read", "plan", false);
	ask("alice", "edit", "plan", true);
	ask("bob", "read", "news", false);
	tighten();
	ask("bob", "read", "news", false);
	cedar_session_free(session);
	cedar_store_free(store);
	cedar_policyset_unref(policies);
	cedar_schema_release(schema);
	return 0;
}
