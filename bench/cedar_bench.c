/* Micro benchmark of the Cedar engine: medians per decision, loading, edits, batches, memory, each with its target.
 * cedar_bench [SECONDS_PER_LINE]; exit 1 when a target is missed. */
#include "base/buf.h"
#include "cedar/cedar.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds = 0.4;
static unsigned missed;

/* One line: what, a value, what it should be at most. */
static void
report(const char *what, double value, const char *unit, double target)
{
	bool pass = value <= target;
	missed += !pass;
	printf("%-58s %10.2f %-14s target %8.2f  %s\n", what, value, unit, target, pass ? "pass" : "MISS");
}

/* Of this thread alone: the engine never waits, and others on the machine are not its doing. */
static uint64_t
now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
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

/* Median nanoseconds of a full answer and of the decision alone; gives that of the answer. */
static double
measure(const char *what, const struct cedar_policies *set, struct world *w, double target)
{
	struct arena a;
	struct cedar_answer ans = { 0 };
	double full[401], quick[401];
	char name[100];
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
	snprintf(name, sizeof name, "%s (%u permits, %u forbids)", what, ans.permit_n, ans.forbid_n);
	report(name, full[n / 2], "ns", target);
	snprintf(name, sizeof name, "  decision only (%s)", allow ? "allow" : "deny");
	report(name, quick[n / 2], "ns", full[n / 2]);
	arena_fini(&a);
	return full[n / 2];
}

/* One policy after the other, each replacing one: the median, and the longest stall, in which everything is indexed anew. */
static void
replace_many(const struct cedar_policies *set)
{
	enum { EDITS = 2000 };
	static double ms[EDITS];
	const struct cedar_policies *now = cedar_policies_ref(set);
	for (size_t i = 0; i < EDITS; i++) {
		char text[100];
		struct cedar_ast *ast;
		struct cedar_diag d;
		const struct cedar_policies *next;
		const struct cedar_policy *drop = cedar_policies_at(now, (i * 7919) % cedar_policies_count(now));
		int n = snprintf(text, sizeof text, "permit(principal == Agent::\"x%zu\", action, resource);", i);
		uint64_t t = now_ns();
		check(cedar_parse_policies(span_make(text, (size_t)n), SPAN("new.cedar"), (uint32_t)i, NULL, &ast, &d), &d);
		check(cedar_policies_edit(now, &drop, 1, ast, &next, &d), &d);
		cedar_ast_unref(ast);
		cedar_policies_unref(now);
		now = next;
		ms[i] = (double)(now_ns() - t) / 1e6;
	}
	cedar_policies_unref(now);
	qsort(ms, EDITS, sizeof *ms, by_size);
	report("replace one of 10000 policies, median of 2000", ms[EDITS / 2], "ms", 1);
	report("replace one of 10000 policies, longest of 2000", ms[EDITS - 1], "ms", 5);
}

/* 50 resources asked about at once, against one at a time. */
static void
batches(const struct cedar_policies *set, struct world *w)
{
	enum { MANY = 50 };
	struct arena a;
	struct cedar_uid repos[MANY];
	const struct cedar_uid *list[MANY];
	bool one[MANY], all[MANY];
	double single[201], batch[201];
	size_t n = 0;
	arena_init(&a, 1u << 20);
	for (unsigned i = 0; i < MANY; i++) {
		repos[i] = uid(&w->arena, "Repo", "repo%u", i);
		list[i] = &repos[i];
	}
	for (uint64_t end = now_ns() + (uint64_t)(seconds * 1e9); n < 201 && now_ns() < end; n++) {
		uint64_t t0 = now_ns();
		for (unsigned i = 0; i < MANY; i++) {
			struct cedar_request r = w->req;
			r.resource = list[i];
			arena_reset(&a);
			check(cedar_decide(set, w->entities, &r, &a, &one[i]), NULL);
		}
		uint64_t t1 = now_ns();
		arena_reset(&a);
		check(cedar_decide_each(set, w->entities, &w->req, list, MANY, &a, all), NULL);
		single[n] = (double)(t1 - t0) / MANY;
		batch[n] = (double)(now_ns() - t1) / MANY;
	}
	if (memcmp(one, all, sizeof one) != 0)
		exit(1);
	qsort(single, n, sizeof *single, by_size);
	qsort(batch, n, sizeof *batch, by_size);
	report("  a decision in a batch of 50, against singly", batch[n / 2], "ns", single[n / 2]);
	arena_fini(&a);
}

static double
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
	double took = measure(name, set, &w, n == 10 ? 250 : 400);
	if (n == 10000) {
		report("load and compile 10000 policies", ms, "ms", 150);
		report("memory", (double)cedar_policies_memory(set) / n, "bytes a policy", 2048);
		replace_many(set);
	}
	cedar_policies_unref(set);
	buf_fini(&b);
	world_fini(&w);
	return took;
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
	measure(name, set, &w, 500);
	batches(set, &w);
	cedar_policies_unref(set);
	buf_fini(&b);
	world_fini(&w);
}

int
main(int argc, char **argv)
{
	if (argc > 1)
		seconds = atof(argv[1]);
	double least = 0, most = 0;
	for (unsigned n = 10; n <= 10000; n *= 10) {
		most = one_per_agent(n);
		least = n == 10 ? most : least;
	}
	report("ratio of 10000 policies to 10", most / least, "", 1.5);
	for (unsigned others = 90; others <= 9990; others += 9900) {
		ten_apply(others, true);
		ten_apply(others, false);
	}
	printf("%u missed\n", missed);
	return missed ? 1 : 0;
}
