/* Micro benchmark of the Cedar engine: medians per decision, loading, memory. cedar_bench [SECONDS_PER_LINE] */
#include "base/buf.h"
#include "cedar/cedar.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds = 0.4;

static uint64_t
now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
check(status s, const struct cedar_diag *d)
{
	if (!failed(s))
		return;
	fprintf(stderr, "%s: %s\n", error_text(s.code), d ? d->what : "");
	exit(1);
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static struct cedar_uid
uid(struct arena *a, const char *type, const char *fmt, unsigned n)
{
	char id[64];
	struct cedar_uid u;
	int len = snprintf(id, sizeof id, fmt, n);
	cedar_uid_init(&u, span_str(type), arena_copy(a, span_make(id, (size_t)len)));
	return u;
}

static void
put(struct cedar_entities *s, struct cedar_uid u, const struct cedar_record *attrs, const struct cedar_uid *parent)
{
	const struct cedar_uid *parents[] = { parent };
	check(cedar_entities_put(s, &(struct cedar_entity){ &u, attrs, NULL, parents, NULL, parent ? 1 : 0, 0 }, NULL), NULL);
}

struct world {
	struct arena arena;
	struct cedar_entities *entities;
	struct cedar_uid agent, action, resource;
	struct cedar_request req;
};

/* Agents in teams, tools in groups by server, repositories in organisations. */
static void
world_init(struct world *w, unsigned agents)
{
	arena_init(&w->arena, (size_t)1 << 30);
	w->entities = cedar_entities_new(now_ns());
	struct cedar_record_builder b = cedar_record_begin(&w->arena);
	cedar_record_put(&b, SPAN("level"), cedar_long(3));
	cedar_record_put(&b, SPAN("status"), cedar_string(SPAN("active")));
	cedar_record_put(&b, SPAN("owner"), cedar_string(SPAN("somebody@example.org")));
	const struct cedar_record *attrs = cedar_record_finish(&b);
	for (unsigned i = 0; i < agents; i++) {
		struct cedar_uid team = uid(&w->arena, "Team", "team%u", i % 20);
		put(w->entities, uid(&w->arena, "Agent", "agent%u", i), attrs, &team);
	}
	for (unsigned i = 0; i < 50; i++) {
		struct cedar_uid group = uid(&w->arena, "Action", "server%u", i % 10);
		put(w->entities, uid(&w->arena, "Action", "tool%u", i), NULL, &group);
		struct cedar_uid org = uid(&w->arena, "Org", "org%u", i % 7);
		put(w->entities, uid(&w->arena, "Repo", "repo%u", i), attrs, &org);
	}
	struct cedar_record_builder input = cedar_record_begin(&w->arena);
	cedar_record_put(&input, SPAN("amount"), cedar_long(10));
	cedar_record_put(&input, SPAN("title"), cedar_string(SPAN("a new issue")));
	b = cedar_record_begin(&w->arena);
	cedar_record_put(&b, SPAN("environment"), cedar_string(SPAN("prod")));
	cedar_record_put(&b, SPAN("input"), cedar_record_value(cedar_record_finish(&input)));
	cedar_record_put(&b, SPAN("depth"), cedar_long(1));
	w->agent = uid(&w->arena, "Agent", "agent%u", 7 % agents);
	w->action = uid(&w->arena, "Action", "tool%u", 7);
	w->resource = uid(&w->arena, "Repo", "repo%u", 0);
	w->req = (struct cedar_request){ .principal = &w->agent, .action = &w->action, .resource = &w->resource,
	                                 .context = cedar_record_finish(&b) };
}

static void
world_fini(struct world *w)
{
	cedar_entities_free(w->entities);
	arena_fini(&w->arena);
}

static const struct cedar_policies *
load(span text, double *ret_ms)
{
	struct cedar_ast *ast;
	const struct cedar_policies *set;
	struct cedar_diag d = { 0 };
	uint64_t t = now_ns();
	check(cedar_parse_policies(text, SPAN("bench.cedar"), 0, &(struct cedar_limits){ .text = 64u << 20 }, &ast, &d), &d);
	check(cedar_policies_new(&ast, 1, &set, &d), &d);
	*ret_ms = (double)(now_ns() - t) / 1e6;
	cedar_ast_unref(ast);
	return set;
}

/* Median nanoseconds of a full answer and of the decision alone. */
static void
measure(const char *what, const struct cedar_policies *set, struct world *w)
{
	struct arena a;
	struct cedar_answer ans = { 0 };
	double full[401], quick[401];
	size_t n = 0;
	bool allow = false;
	arena_init(&a, 1u << 20);
	for (uint64_t end = now_ns() + (uint64_t)(seconds * 1e9); n < 401 && now_ns() < end; n++) {
		uint64_t t0 = now_ns();
		for (unsigned i = 0; i < 1000; i++) {
			arena_reset(&a);
			check(cedar_evaluate(set, w->entities, &w->req, &a, &ans), NULL);
		}
		uint64_t t1 = now_ns();
		for (unsigned i = 0; i < 1000; i++) {
			arena_reset(&a);
			check(cedar_decide(set, w->entities, &w->req, &a, &allow), NULL);
		}
		full[n] = (double)(t1 - t0) / 1000;
		quick[n] = (double)(now_ns() - t1) / 1000;
	}
	qsort(full, n, sizeof *full, by_size);
	qsort(quick, n, sizeof *quick, by_size);
	printf("%-44s %7.1f ns full, %7.1f ns decision only   (%s, %u permits, %u forbids, %u failures)\n", what, full[n / 2], quick[n / 2],
	       ans.allow ? "allow" : "deny", ans.permit_n, ans.forbid_n, ans.failure_n);
	arena_fini(&a);
}

static void
replace_one(const struct cedar_policies *set)
{
	double ms[21];
	const struct cedar_policy *drop = cedar_policies_at(set, cedar_policies_count(set) / 2);
	for (size_t i = 0; i < ARRAY_LEN(ms); i++) {
		struct cedar_ast *ast;
		struct cedar_diag d;
		const struct cedar_policies *next;
		uint64_t t = now_ns();
		check(cedar_parse_policies(SPAN("permit(principal == Agent::\"x\", action, resource);"), SPAN("new.cedar"), 0, NULL, &ast, &d), &d);
		check(cedar_policies_edit(set, &drop, 1, ast, &next, &d), &d);
		ms[i] = (double)(now_ns() - t) / 1e6;
		cedar_ast_unref(ast);
		cedar_policies_unref(next);
	}
	qsort(ms, ARRAY_LEN(ms), sizeof *ms, by_size);
	printf("replace one of %zu policies: %.2f ms\n", cedar_policies_count(set), ms[ARRAY_LEN(ms) / 2]);
}

static void
one_per_agent(unsigned n)
{
	struct world w;
	struct buf b;
	char name[60];
	double ms;
	world_init(&w, n);
	buf_init(&b, 64u << 20);
	for (unsigned i = 0; i < n; i++)
		buf_printf(&b, "@id(\"p%u\")\npermit(principal == Agent::\"agent%u\", action == Action::\"tool%u\", resource)\n"
		               "when { resource in [Org::\"org0\", Org::\"org1\"] && context.input.amount < 100 && context.environment == \"prod\" };\n",
		           i, i, i % 50);
	const struct cedar_policies *set = load(buf_span(&b), &ms);
	snprintf(name, sizeof name, "%u policies, one applies", n);
	measure(name, set, &w);
	if (n == 10000) {
		printf("load and compile %u policies: %.1f ms; %.0f bytes a policy (source %.0f)\n", n, ms, (double)cedar_policies_memory(set) / n,
		       (double)b.n / n);
		replace_one(set);
	}
	cedar_policies_unref(set);
	buf_fini(&b);
	world_fini(&w);
}

static void
ten_apply(unsigned others, bool alike)
{
	static const char *const heads[] = {
		"permit(principal in Team::\"team7\", action in Action::\"server7\", resource)",
		"permit(principal is Agent, action == Action::\"tool7\", resource in Org::\"org0\")",
		"forbid(principal, action, resource) unless { principal.status == \"active\" }",
		"permit(principal, action in [Action::\"tool7\", Action::\"tool8\"], resource is Repo)",
		"permit(principal == Agent::\"agent7\", action, resource)",
		"permit(principal, action, resource == Repo::\"repo0\")",
		"permit(principal in Team::\"team7\", action, resource in Org::\"org0\")",
		"forbid(principal, action == Action::\"tool7\", resource)",
		"permit(principal == Agent::\"agent7\", action == Action::\"tool7\", resource)",
		"permit(principal is Agent in Team::\"team7\", action, resource)",
	};
	struct world w;
	struct buf b;
	char name[60];
	double ms;
	world_init(&w, 1000);
	buf_init(&b, 64u << 20);
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		buf_printf(&b, alike ? "%s when { context.input.amount %s 100 && context.environment == \"prod\" && principal.level >= 2 };\n" :
		           "%s when { context.input.amount %s 10%zu && [\"prod\", \"env%zu\"].contains(context.environment) && principal.level >= -%zu };\n",
		           heads[i], heads[i][0] == 'f' ? ">" : "<", i, i, i);
	for (unsigned i = 0; i < others; i++)
		buf_printf(&b, "permit(principal == Agent::\"other%u\", action == Action::\"tool%u\", resource);\n", i, i % 50);
	const struct cedar_policies *set = load(buf_span(&b), &ms);
	snprintf(name, sizeof name, "%u policies, ten apply, %s", others + 10, alike ? "alike" : "all different");
	measure(name, set, &w);
	cedar_policies_unref(set);
	buf_fini(&b);
	world_fini(&w);
}

int
main(int argc, char **argv)
{
	if (argc > 1)
		seconds = atof(argv[1]);
	for (unsigned n = 10; n <= 10000; n *= 10)
		one_per_agent(n);
	for (unsigned others = 90; others <= 9990; others += 9900) {
		ten_apply(others, true);
		ten_apply(others, false);
	}
	return 0;
}
